//! What outlives a snapshot: metric slots, endpoints and unchanged stages keep their identity across reloads.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::cache::CacheRegistry;
use super::compile::Compiled;
use super::usage_compile::LimitRegistry;

use crate::limits::{METRIC_CHUNK_SLOTS, METRIC_CHUNKS_MAX};

/// Slot that counts what the registry has no slot left for.
pub(super) const OVERFLOW_SLOT: u32 = 0;

/// The control thread's memory of slots and endpoints. One for the life of a process.
#[derive(Debug)]
pub struct Registry {
    routes: Slots<RouteLabels>,
    stages: Slots<StageLabels>,
    endpoints: HashMap<(String, u16), (u32, Arc<EndpointAddresses>)>,
    /// Endpoint slots below `endpoint_slots` that no endpoint has.
    free_endpoint_slots: BTreeSet<u32>,
    endpoint_slots: u32,
    /// Buckets, and what keys have used.
    pub(super) limits: LimitRegistry,
    /// What stages have cached.
    pub(super) caches: CacheRegistry,
    /// Stands in the slots that no plan of a snapshot holds.
    pub(super) vacant: Arc<EndpointAddresses>,
    /// What the last compilation made.
    pub(super) compiled: Option<Compiled>,
}

/// Whose counters a route slot holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RouteLabels {
    /// API id.
    pub api: String,
    /// Stage name.
    pub stage: String,
    /// `GET /pets/{petId}`
    pub route: String,
}

/// Whose histograms a stage slot holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StageLabels {
    /// API id.
    pub api: String,
    /// Stage name.
    pub stage: String,
}

#[derive(Debug)]
struct Slots<L> {
    by_label: HashMap<L, u32>,
    /// Shared with those who show it, and copied only when a slot is added.
    labels: Arc<Vec<L>>,
}

impl<L: Clone + Eq + std::hash::Hash> Slots<L> {
    fn new(overflow: L) -> Self {
        Slots {
            by_label: HashMap::from([(overflow.clone(), OVERFLOW_SLOT)]),
            labels: Arc::new(vec![overflow]),
        }
    }

    fn slot(&mut self, label: L) -> u32 {
        if let Some(slot) = self.by_label.get(&label) {
            return *slot;
        }
        if self.labels.len() >= METRIC_CHUNK_SLOTS * METRIC_CHUNKS_MAX {
            return OVERFLOW_SLOT;
        }
        let slot = self.labels.len() as u32;
        Arc::make_mut(&mut self.labels).push(label.clone());
        self.by_label.insert(label, slot);
        slot
    }
}

impl Default for Registry {
    fn default() -> Self {
        Registry::new()
    }
}

impl Registry {
    /// An empty registry.
    pub fn new() -> Self {
        let other = || "other".to_owned();
        Registry {
            routes: Slots::new(RouteLabels { api: other(), stage: other(), route: other() }),
            stages: Slots::new(StageLabels { api: other(), stage: other() }),
            endpoints: HashMap::new(),
            free_endpoint_slots: BTreeSet::new(),
            endpoint_slots: 0,
            limits: LimitRegistry::default(),
            caches: CacheRegistry::default(),
            vacant: Arc::new(EndpointAddresses::vacant()),
            compiled: None,
        }
    }

    /// Labels of every route slot given out; the index is the slot, and slot 0 counts the overflow.
    pub fn route_labels(&self) -> &Arc<Vec<RouteLabels>> {
        &self.routes.labels
    }

    /// Labels of every stage slot given out; the index is the slot.
    pub fn stage_labels(&self) -> &Arc<Vec<StageLabels>> {
        &self.stages.labels
    }

    /// All endpoints that a snapshot still uses or that were made for one.
    pub fn endpoints(&self) -> Vec<Arc<EndpointAddresses>> {
        self.endpoints.values().map(|(_, endpoint)| endpoint.clone()).collect()
    }

    /// Forgets endpoints, buckets and caches that no snapshot uses any more.
    pub fn retire(&mut self) {
        self.limits.retire();
        self.caches.retire();
        self.endpoints.retain(|_, (slot, endpoint)| {
            let used = Arc::strong_count(endpoint) > 1;
            if !used {
                self.free_endpoint_slots.insert(*slot);
            }
            used
        });
    }

    pub(super) fn route_slot(&mut self, labels: RouteLabels) -> u32 {
        self.routes.slot(labels)
    }

    pub(super) fn stage_slot(&mut self, labels: StageLabels) -> u32 {
        self.stages.slot(labels)
    }

    /// The endpoint and its slot: the lowest free one, so that snapshots hold no more slots than endpoints were ever in use at a time.
    pub(super) fn endpoint(&mut self, host: &str, port: u16) -> (u32, Arc<EndpointAddresses>) {
        let key = (host.to_ascii_lowercase(), port);
        if let Some((slot, endpoint)) = self.endpoints.get(&key) {
            return (*slot, endpoint.clone());
        }
        let slot = self.free_endpoint_slots.pop_first().unwrap_or_else(|| {
            self.endpoint_slots += 1;
            self.endpoint_slots - 1
        });
        let endpoint = Arc::new(EndpointAddresses::new(host, port));
        self.endpoints.insert(key, (slot, endpoint.clone()));
        (slot, endpoint)
    }
}

/// An upstream host and port with its current addresses: written by the resolver, read by cores when they connect.
#[derive(Debug)]
pub struct EndpointAddresses {
    /// Host name or address, as configured.
    pub host: String,
    /// Port.
    pub port: u16,
    literal: bool,
    addresses: ArcSwap<Vec<SocketAddr>>,
}

impl EndpointAddresses {
    /// An endpoint; a literal address is its own, a name has none until [`EndpointAddresses::set`].
    pub fn new(host: &str, port: u16) -> Self {
        let ip: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
        let addresses = ip.map(|ip| SocketAddr::new(ip, port)).into_iter().collect::<Vec<_>>();
        EndpointAddresses {
            host: host.to_owned(),
            port,
            literal: ip.is_some(),
            addresses: ArcSwap::from_pointee(addresses),
        }
    }

    /// The endpoint of a slot that no plan holds: it has no address and none is looked for.
    fn vacant() -> Self {
        EndpointAddresses { host: String::new(), port: 0, literal: true, addresses: ArcSwap::default() }
    }

    /// Whether the host is an address, so that there is nothing to resolve.
    pub fn is_literal(&self) -> bool {
        self.literal
    }

    /// The current addresses. For connecting, not for the path of each request.
    pub fn get(&self) -> Arc<Vec<SocketAddr>> {
        self.addresses.load_full()
    }

    /// Replaces the addresses, if they changed.
    pub fn set(&self, mut addresses: Vec<SocketAddr>) {
        addresses.sort_unstable();
        addresses.dedup();
        if **self.addresses.load() != addresses {
            self.addresses.store(Arc::new(addresses));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_stable_and_bounded() {
        let mut registry = Registry::new();
        let labels = |i: usize| StageLabels { api: format!("a{i}"), stage: "s".into() };
        assert_eq!(registry.stage_slot(labels(1)), 1);
        assert_eq!(registry.stage_slot(labels(2)), 2);
        assert_eq!(registry.stage_slot(labels(1)), 1);
        for i in 3..METRIC_CHUNK_SLOTS * METRIC_CHUNKS_MAX {
            registry.stage_slot(labels(i));
        }
        assert_eq!(registry.stage_slot(labels(usize::MAX)), OVERFLOW_SLOT);
    }

    #[test]
    fn literal_addresses_need_no_resolver() {
        for (host, literal) in [("127.0.0.1", true), ("[::1]", true), ("example.com", false)] {
            let endpoint = EndpointAddresses::new(host, 80);
            assert_eq!(endpoint.is_literal(), literal, "{host}");
            assert_eq!(endpoint.get().len(), usize::from(literal));
        }
    }

    #[test]
    fn unused_endpoints_are_forgotten() {
        let mut registry = Registry::new();
        drop(registry.endpoint("b.example", 80));
        let kept = registry.endpoint("a.example", 80);
        registry.retire();
        assert_eq!(registry.endpoints().len(), 1);
        let again = registry.endpoint("A.example", 80);
        assert!(kept.0 == again.0 && Arc::ptr_eq(&kept.1, &again.1));
        assert_eq!(registry.endpoint("c.example", 80).0, 0, "the slot of the one that was forgotten");
        assert_eq!(registry.endpoint("d.example", 80).0, 2);
    }
}
