//! Huge pages: good for the memory that a few hundred busy connections share, bad for what thousands of idle ones leave behind.
//!
//! In huge pages the proxy does about 5 % more requests per CPU-second at 256 connections. But where thousands of connections came
//! and went idle, the memory of their burst is given back in small pieces, and the kernel (khugepaged) fills the holes again, because
//! one page in use is enough for it to make two megabytes of it: 10,000 idle connections held 1.2 KiB each in small pages and 2 to
//! 3.5 KiB in huge ones.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use slab::Slab;

/// Cores that have many connections.
static CROWDED_CORES: AtomicUsize = AtomicUsize::new(0);

/// Tells that a core has many connections now (`true`), or no longer has. While any has, memory that the process touches for the first
/// time comes in small pages; what is in huge ones already stays there. Call it once per change.
fn set_crowded(crowded: bool) {
    let change = match crowded {
        true => CROWDED_CORES.fetch_add(1, Ordering::AcqRel) == 0,
        false => CROWDED_CORES.fetch_sub(1, Ordering::AcqRel) == 1,
    };
    if change {
        // SAFETY: a plain call on this process with constant arguments; a kernel that does not know it says so, and nothing is lost.
        unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, libc::c_ulong::from(crowded), 0, 0, 0) };
    }
}

/// From this many client connections on, a core does without huge pages, until it has fewer than half of them.
const CROWDED_FROM: usize = 1024;
const CROWDED_UNTIL: usize = CROWDED_FROM / 2;
/// Fewer connections leave nothing worth giving back.
const PEAK_MIN: usize = 512;

/// Tables with less room than this keep it.
const ROOM_KEPT: usize = 1024;

/// Gives the unused room behind the last entry of a table back, if most of it is unused.
pub(crate) fn shrink<T>(slab: &mut Slab<T>) {
    if slab.capacity() > ROOM_KEPT.max(slab.len() * 4) {
        slab.shrink_to_fit();
    }
}

/// The connections of a core, counted.
#[derive(Default)]
pub(crate) struct Crowd {
    connections: Cell<usize>,
    /// Most that there were since memory was given back.
    peak: Cell<usize>,
    crowded: Cell<bool>,
}

impl Crowd {
    pub(crate) fn arrived(&self) {
        let connections = self.connections.get() + 1;
        self.connections.set(connections);
        self.peak.set(self.peak.get().max(connections));
        if connections > CROWDED_FROM && !self.crowded.replace(true) {
            set_crowded(true);
        }
    }

    pub(crate) fn left(&self) {
        let connections = self.connections.get() - 1;
        self.connections.set(connections);
        if connections < CROWDED_UNTIL && self.crowded.replace(false) {
            set_crowded(false);
        }
    }

    /// Whether most of a burst of connections is gone: they leave memory that nobody else will need soon.
    pub(crate) fn has_shrunk(&self) -> bool {
        self.peak.get() >= PEAK_MIN && self.connections.get() < self.peak.get() / 2
    }

    /// The memory of the burst was given back.
    pub(crate) fn forget_peak(&self) {
        self.peak.set(self.connections.get());
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        if self.crowded.get() {
            set_crowded(false);
        }
    }
}
