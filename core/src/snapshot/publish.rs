//! Publication of snapshots: one atomic load tells a core whether there is a newer one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

use super::Snapshot;

/// Holds the current snapshot for all cores.
#[derive(Debug)]
pub struct Publisher {
    generation: AtomicU64,
    current: ArcSwap<(u64, Arc<Snapshot>)>,
}

impl Publisher {
    /// Publishes the first snapshot, generation 1.
    pub fn new(first: Snapshot) -> Arc<Self> {
        Arc::new(Publisher {
            generation: AtomicU64::new(1),
            current: ArcSwap::from_pointee((1, Arc::new(first))),
        })
    }

    /// Replaces the snapshot; returns its generation and the one that it replaced, so that the caller frees that one away
    /// from the data cores (they hold it until their last exchange of it ends). Calls come from one thread.
    pub fn publish(&self, snapshot: Snapshot) -> (u64, Arc<Snapshot>) {
        let generation = self.generation.load(Ordering::Relaxed) + 1;
        let old = self.current.swap(Arc::new((generation, Arc::new(snapshot))));
        self.generation.store(generation, Ordering::Release);
        (generation, old.1.clone())
    }

    /// The current generation: the one load a request pays.
    #[inline]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The current snapshot with its generation.
    pub fn current(&self) -> (u64, Arc<Snapshot>) {
        let current = self.current.load();
        (current.0, current.1.clone())
    }
}
