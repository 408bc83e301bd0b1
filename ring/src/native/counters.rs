//! What a driver counts; other threads read it.

use std::sync::atomic::{AtomicU64, Ordering};

/// A count that one thread raises and any may read.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, n: u64) {
        // One writer: no read-modify-write is needed.
        self.0.store(self.0.load(Ordering::Relaxed) + n, Ordering::Relaxed);
    }

    /// The count.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// States of a ring that are normal under load and should be seen.
#[derive(Debug, Default)]
pub struct RingCounters {
    /// Receives that found no buffer and waited for one.
    pub buffers_empty: Counter,
    /// Receives that were stopped because their connection's owner was behind.
    pub receives_stopped: Counter,
    /// Operations that found the submission queue full.
    pub submission_full: Counter,
    /// Turns in which the completion queue had been full.
    pub completion_overflow: Counter,
    /// Sends that the kernel ended early.
    pub sends_resumed: Counter,
    /// Completions for connections that were gone.
    pub stale: Counter,
}
