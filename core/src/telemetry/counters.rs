//! Per-core counters. One core writes, so that adding is a plain load and store; the admin thread reads them on scrape.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::limits::{METRIC_CHUNK_SLOTS, METRIC_CHUNKS_MAX};

/// A number that one thread adds to and any thread reads.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`. Only the owning core may call it: concurrent adds would be lost.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Subtracts `n`, for gauges.
    #[inline]
    pub fn sub(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_sub(n), Relaxed);
    }

    /// The current value.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Buckets of a [`Histogram`]: bucket `i` counts durations below `2^(i + 10)` ns (1 µs …  69 s), the last everything else.
pub const HISTOGRAM_BUCKETS: usize = 28;

/// A latency histogram with power-of-two buckets: finding the bucket is one instruction.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [Counter; HISTOGRAM_BUCKETS],
    sum_nanos: Counter,
}

impl Histogram {
    /// Records one duration in nanoseconds.
    #[inline]
    pub fn record(&self, nanos: u64) {
        let bits = 64 - (nanos >> 10).leading_zeros() as usize;
        self.buckets[bits.min(HISTOGRAM_BUCKETS - 1)].add(1);
        self.sum_nanos.add(nanos);
    }

    /// Counts by bucket, not cumulated.
    pub fn counts(&self) -> [u64; HISTOGRAM_BUCKETS] {
        std::array::from_fn(|i| self.buckets[i].get())
    }

    /// Sum of all durations in nanoseconds.
    pub fn sum_nanos(&self) -> u64 {
        self.sum_nanos.get()
    }

    /// Upper bound of bucket `i` in nanoseconds; `None` for the last.
    pub fn bound_nanos(i: usize) -> Option<u64> {
        (i + 1 < HISTOGRAM_BUCKETS).then(|| 1 << (i + 10))
    }
}

/// Requests of one route by status class.
#[derive(Debug, Default)]
pub struct RouteCounters {
    /// Index 0 is 1xx, …, 4 is 5xx.
    pub classes: [Counter; 5],
}

/// Latency of one stage.
#[derive(Debug, Default)]
pub struct StageHistograms {
    /// Time the gateway itself took.
    pub overhead: Histogram,
    /// Time spent waiting for the integration.
    pub integration: Histogram,
}

/// A table by slot that grows in chunks while a core reads it: no lock, no move.
#[derive(Debug)]
struct Chunked<T>(Box<[OnceLock<Box<[T]>>]>);

impl<T: Default> Chunked<T> {
    fn new(chunks: usize) -> Self {
        Chunked((0..chunks).map(|_| OnceLock::new()).collect())
    }

    fn reserve(&self, slots: usize) {
        for chunk in self.0.iter().take(slots.div_ceil(METRIC_CHUNK_SLOTS)) {
            chunk.get_or_init(|| (0..METRIC_CHUNK_SLOTS).map(|_| T::default()).collect());
        }
    }

    #[inline]
    fn get(&self, slot: u32) -> Option<&T> {
        let slot = slot as usize;
        self.0.get(slot / METRIC_CHUNK_SLOTS)?.get()?.get(slot % METRIC_CHUNK_SLOTS)
    }
}

/// Everything one core counts.
#[derive(Debug)]
pub struct CoreCounters {
    routes: Chunked<RouteCounters>,
    stages: Chunked<StageHistograms>,
    /// Connections accepted since the start.
    pub accepted: Counter,
    /// Client connections open now.
    pub connections: Counter,
    /// Client connections waiting for a request.
    pub connections_idle: Counter,
    /// Connections closed because the core holds its maximum.
    pub connections_shed: Counter,
    /// Requests that began (head complete).
    pub requests: Counter,
    /// Messages refused by the codec.
    pub protocol_errors: Counter,
    /// Requests that matched no API, stage, path or method.
    pub unrouted: Counter,
    /// Upstream connections open now.
    pub upstream_connections: Counter,
    /// Upstream connections waiting in a pool.
    pub upstream_idle: Counter,
    /// Upstream connections made since the start.
    pub upstream_connects: Counter,
    /// Failed upstream connects.
    pub upstream_connect_errors: Counter,
    /// Requests sent again because a kept connection was stale.
    pub upstream_retries: Counter,
    /// Exchanges waiting for a free upstream connection.
    pub upstream_waiting: Counter,
    /// Exchanges refused because the wait queue was full.
    pub upstream_queue_full: Counter,
    /// Integrations that did not answer in time.
    pub timeouts: Counter,
    /// Clients that left before their answer was complete.
    pub client_aborts: Counter,
    /// Answers that did not fit the model of their method response, where a stage looks.
    pub invalid_responses: Counter,
    /// Requests without an API key that opens the stage.
    pub invalid_api_keys: Counter,
    /// Requests that a throttle or a limit of requests under way has refused.
    pub throttled: Counter,
    /// Requests beyond the quota of their usage plan.
    pub quota_exceeded: Counter,
    /// Requests refused because their quota could not be made durable.
    pub quota_unavailable: Counter,
    /// Requests that a cache has answered.
    pub cache_hits: Counter,
    /// Requests of cached methods whose answer was not there, or too old.
    pub cache_misses: Counter,
    /// Requests whose callers wanted a new answer, and may.
    pub cache_bypasses: Counter,
    /// Answers that were kept.
    pub cache_stores: Counter,
    /// Requests that waited for what another one asked for.
    pub cache_waits: Counter,
    /// Answers that were too old and answered.
    pub cache_stale: Counter,
    /// Answers that were asked for anew while those that were too old answered.
    pub cache_refreshes: Counter,
    /// Requests refused because they had waited too long for their core.
    pub shed: Counter,
    /// Access-log lines dropped because the writer was behind.
    pub log_dropped: Counter,
    /// Generation of the snapshot this core serves.
    pub generation: Counter,
}

impl Default for CoreCounters {
    fn default() -> Self {
        CoreCounters {
            routes: Chunked::new(METRIC_CHUNKS_MAX),
            stages: Chunked::new(METRIC_CHUNKS_MAX),
            accepted: Counter::default(),
            connections: Counter::default(),
            connections_idle: Counter::default(),
            connections_shed: Counter::default(),
            requests: Counter::default(),
            protocol_errors: Counter::default(),
            unrouted: Counter::default(),
            upstream_connections: Counter::default(),
            upstream_idle: Counter::default(),
            upstream_connects: Counter::default(),
            upstream_connect_errors: Counter::default(),
            upstream_retries: Counter::default(),
            upstream_waiting: Counter::default(),
            upstream_queue_full: Counter::default(),
            timeouts: Counter::default(),
            client_aborts: Counter::default(),
            invalid_responses: Counter::default(),
            invalid_api_keys: Counter::default(),
            throttled: Counter::default(),
            quota_exceeded: Counter::default(),
            quota_unavailable: Counter::default(),
            cache_hits: Counter::default(),
            cache_misses: Counter::default(),
            cache_bypasses: Counter::default(),
            cache_stores: Counter::default(),
            cache_waits: Counter::default(),
            cache_stale: Counter::default(),
            cache_refreshes: Counter::default(),
            shed: Counter::default(),
            log_dropped: Counter::default(),
            generation: Counter::default(),
        }
    }
}

impl CoreCounters {
    /// Makes room for the slots a registry has given out. Called by the control thread before a snapshot is published.
    pub fn reserve(&self, route_slots: usize, stage_slots: usize) {
        self.routes.reserve(route_slots);
        self.stages.reserve(stage_slots);
    }

    /// The counters of a route's slot.
    #[inline]
    pub fn route(&self, slot: u32) -> Option<&RouteCounters> {
        self.routes.get(slot)
    }

    /// The histograms of a stage's slot.
    #[inline]
    pub fn stage(&self, slot: u32) -> Option<&StageHistograms> {
        self.stages.get(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histogram_buckets_hold_what_their_bounds_say() {
        let histogram = Histogram::default();
        for nanos in [0, 1_023, 1_024, 2_047, 2_048, 29_000_000_000, u64::MAX >> 1] {
            histogram.record(nanos);
        }
        let counts = histogram.counts();
        assert_eq!(counts[0], 2, "below 1024 ns");
        assert_eq!(counts[1], 2, "below 2048 ns");
        assert_eq!(counts[2], 1);
        assert_eq!(counts[HISTOGRAM_BUCKETS - 1], 1);
        assert_eq!(Histogram::bound_nanos(0), Some(1_024));
        let bucket_of_29s = counts.iter().enumerate().skip(3).find(|(_, n)| **n == 1).unwrap().0;
        assert!(Histogram::bound_nanos(bucket_of_29s).unwrap() > 29_000_000_000);
        assert!(Histogram::bound_nanos(bucket_of_29s - 1).unwrap() <= 29_000_000_000);
    }

    #[test]
    fn slots_exist_once_reserved() {
        let counters = CoreCounters::default();
        assert!(counters.route(0).is_none());
        counters.reserve(METRIC_CHUNK_SLOTS + 1, 1);
        assert!(counters.route(METRIC_CHUNK_SLOTS as u32).is_some());
        counters.route(3).unwrap().classes[1].add(2);
        assert_eq!(counters.route(3).unwrap().classes[1].get(), 2);
        assert!(counters.route(u32::MAX).is_none());
    }
}
