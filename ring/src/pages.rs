//! Huge pages: good for the memory that a few hundred busy connections share, bad for what thousands of idle ones leave behind.
//!
//! In huge pages the proxy does about 5 % more requests per CPU-second at 256 connections. But where thousands of connections came
//! and went idle, the memory of their burst is given back in small pieces, and the kernel (khugepaged) fills the holes again, because
//! one page in use is enough for it to make two megabytes of it: 10,000 idle connections held 1.2 KiB each in small pages and 2 to
//! 3.5 KiB in huge ones.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Cores that have many connections.
static CROWDED_CORES: AtomicUsize = AtomicUsize::new(0);

/// Tells that a core has many connections now (`true`), or no longer has. While any has, memory that the process touches for the first
/// time comes in small pages; what is in huge ones already stays there. Call it once per change.
pub(crate) fn set_crowded(crowded: bool) {
    let change = match crowded {
        true => CROWDED_CORES.fetch_add(1, Ordering::AcqRel) == 0,
        false => CROWDED_CORES.fetch_sub(1, Ordering::AcqRel) == 1,
    };
    if change {
        // SAFETY: a plain call on this process with constant arguments; a kernel that does not know it says so, and nothing is lost.
        unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, libc::c_ulong::from(crowded), 0, 0, 0) };
    }
}
