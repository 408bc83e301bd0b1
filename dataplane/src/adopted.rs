//! The snapshot a core serves, with what the core holds for it.

use std::rc::Rc;
use std::sync::Arc;

use ahash::AHashMap;
use ringway_core::snapshot::Snapshot;
use ringway_core::telemetry::counters::CoreCounters;
use ringway_ring::net::Runtime;

use crate::upstream::Pool;

/// A snapshot and the upstream pools of its endpoints. An exchange holds the one it began with.
pub(crate) struct Adopted<R: Runtime> {
    pub(crate) snapshot: Arc<Snapshot>,
    /// By the endpoint index of the plans.
    pub(crate) pools: Vec<Rc<Pool<R>>>,
}

impl<R: Runtime> Adopted<R> {
    /// Adopts `snapshot`. Pools of endpoints that `before` has too go on with their connections.
    pub(crate) fn new(
        snapshot: Arc<Snapshot>,
        before: Option<&Adopted<R>>,
        counters: &Arc<CoreCounters>,
    ) -> Self {
        let known: AHashMap<usize, &Rc<Pool<R>>> = before
            .iter()
            .flat_map(|before| before.snapshot.endpoints.iter().zip(&before.pools))
            .map(|(endpoint, pool)| (Arc::as_ptr(endpoint).addr(), pool))
            .collect();
        let pools = snapshot
            .endpoints
            .iter()
            .map(|endpoint| match known.get(&Arc::as_ptr(endpoint).addr()) {
                Some(pool) => (*pool).clone(),
                None => Rc::new(Pool::new(endpoint.clone(), counters.clone())),
            })
            .collect();
        Adopted { snapshot, pools }
    }
}
