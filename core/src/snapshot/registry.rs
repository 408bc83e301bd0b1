//! What outlives a snapshot: metric slots and endpoints keep their identity across reloads.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::limits::{METRIC_CHUNK_SLOTS, METRIC_CHUNKS_MAX};

/// Slot that counts what the registry has no slot left for.
pub(super) const OVERFLOW_SLOT: u32 = 0;

/// The control thread's memory of slots and endpoints. One for the life of a process.
#[derive(Debug)]
pub struct Registry {
    routes: Slots<RouteLabels>,
    stages: Slots<StageLabels>,
    endpoints: HashMap<(String, u16), Arc<EndpointAddresses>>,
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
    labels: Vec<L>,
}

impl<L: Clone + Eq + std::hash::Hash> Slots<L> {
    fn new(overflow: L) -> Self {
        Slots { by_label: HashMap::from([(overflow.clone(), OVERFLOW_SLOT)]), labels: vec![overflow] }
    }

    fn slot(&mut self, label: L) -> u32 {
        if let Some(slot) = self.by_label.get(&label) {
            return *slot;
        }
        if self.labels.len() >= METRIC_CHUNK_SLOTS * METRIC_CHUNKS_MAX {
            return OVERFLOW_SLOT;
        }
        let slot = self.labels.len() as u32;
        self.labels.push(label.clone());
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
        }
    }

    /// Labels of every route slot given out; the index is the slot, and slot 0 counts the overflow.
    pub fn route_labels(&self) -> &[RouteLabels] {
        &self.routes.labels
    }

    /// Labels of every stage slot given out; the index is the slot.
    pub fn stage_labels(&self) -> &[StageLabels] {
        &self.stages.labels
    }

    /// All endpoints that a snapshot still uses or that were made for one.
    pub fn endpoints(&self) -> Vec<Arc<EndpointAddresses>> {
        self.endpoints.values().cloned().collect()
    }

    /// Forgets endpoints that no snapshot uses any more.
    pub fn retire_endpoints(&mut self) {
        self.endpoints.retain(|_, endpoint| Arc::strong_count(endpoint) > 1);
    }

    pub(super) fn route_slot(&mut self, labels: RouteLabels) -> u32 {
        self.routes.slot(labels)
    }

    pub(super) fn stage_slot(&mut self, labels: StageLabels) -> u32 {
        self.stages.slot(labels)
    }

    pub(super) fn endpoint(&mut self, host: &str, port: u16) -> Arc<EndpointAddresses> {
        let key = (host.to_ascii_lowercase(), port);
        self.endpoints.entry(key).or_insert_with(|| Arc::new(EndpointAddresses::new(host, port))).clone()
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
        let kept = registry.endpoint("a.example", 80);
        drop(registry.endpoint("b.example", 80));
        registry.retire_endpoints();
        assert_eq!(registry.endpoints().len(), 1);
        assert!(Arc::ptr_eq(&kept, &registry.endpoint("A.example", 80)));
    }
}
