//! The snapshot a core serves, with what the core holds for it.

use std::rc::Rc;
use std::sync::Arc;

use ringway_core::snapshot::{EndpointAddresses, Snapshot};
use ringway_core::telemetry::counters::CoreCounters;
use ringway_ring::net::Runtime;

use crate::upstream::Pool;

/// A snapshot and the upstream pools of its endpoints. An exchange holds the one it began with.
pub(crate) struct Adopted<R: Runtime> {
    pub(crate) snapshot: Arc<Snapshot>,
    /// By the endpoint slot of the plans; vacant slots have a pool that no plan leads to.
    pub(crate) pools: Vec<Rc<Pool<R>>>,
}

impl<R: Runtime> Adopted<R> {
    /// Adopts `snapshot`. Pools of endpoints that `before` has too go on with their connections. An endpoint keeps its slot for as long as
    /// it is in use, so that comparing slot by slot finds it: `before` keeps its address from being another's.
    pub(crate) fn new(
        snapshot: Arc<Snapshot>,
        before: Option<&Adopted<R>>,
        counters: &Arc<CoreCounters>,
    ) -> Self {
        let known = |slot: usize, endpoint: &Arc<EndpointAddresses>| {
            let before = before?;
            Arc::ptr_eq(before.snapshot.endpoints.get(slot)?, endpoint).then(|| before.pools[slot].clone())
        };
        let pools = snapshot.endpoints.iter().enumerate().map(|(slot, endpoint)| {
            known(slot, endpoint).unwrap_or_else(|| Rc::new(Pool::new(endpoint.clone(), counters.clone())))
        });
        let pools = pools.collect();
        Adopted { snapshot, pools }
    }
}
