//! What a seed decides about its world before anything runs.

use ringway_dataplane::CoreSettings;
use ringway_ring::sim::{Faults, Rng};

use crate::request::Route;

/// Nanoseconds.
pub(crate) const MS: u64 = 1_000_000;
/// Nanoseconds.
pub(crate) const SECOND: u64 = 1000 * MS;

/// How badly things may go, and so how much of the outcome is certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Temper {
    /// Backends and clients behave, and the network is only slow: every request gets the answer of its script.
    Kind,
    /// Backends and clients misbehave on a network that works: every outcome follows from the script.
    Rough,
    /// The network fails too: much is possible, and some things are never.
    Chaos,
}

/// When the drain begins.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Drain {
    /// When the clients have finished.
    AtTheEnd,
    /// After this time.
    After(u64),
    /// Soon after clients have begun so many requests: in the thick of it.
    AfterRequests(usize),
}

/// The facts of one world.
#[derive(Debug)]
pub(crate) struct Conditions {
    pub(crate) temper: Temper,
    pub(crate) faults: Faults,
    pub(crate) settings: CoreSettings,
    pub(crate) cores: usize,
    pub(crate) clients: usize,
    pub(crate) backends: usize,
    /// How many configurations follow the first.
    pub(crate) swaps: u64,
    /// Integration timeout of the route `/fast`, and of the others, in nanoseconds.
    pub(crate) timeout_fast: u64,
    pub(crate) timeout: u64,
    /// Whether backends close kept connections without a word, or send bytes that nobody asked for.
    pub(crate) stale: bool,
    pub(crate) garbage: bool,
    pub(crate) drain: Drain,
    pub(crate) drain_millis: u64,
    /// Whether exchanges may have to wait for an upstream connection.
    pub(crate) scarce: bool,
    /// Of the usage plan, for all requests of the world.
    pub(crate) quota: u64,
}

/// One of `choices`.
pub(crate) fn pick<T: Copy>(rng: &Rng, choices: &[T]) -> T {
    choices[rng.below(choices.len() as u64) as usize]
}

impl Conditions {
    pub(crate) fn new(rng: &Rng) -> Self {
        let temper = pick(rng, &[Temper::Kind, Temper::Rough, Temper::Chaos]);
        let chaos = temper == Temper::Chaos;
        let scarce = temper != Temper::Rough && rng.chance(0.3);
        let mut settings = CoreSettings {
            idle_timeout_nanos: 3 * SECOND,
            head_timeout_nanos: SECOND,
            body_bytes_max: 100_000,
            upstream_idle_timeout_nanos: 2 * SECOND,
            connect_timeout_nanos: 300 * MS,
            ..CoreSettings::default()
        };
        if scarce {
            settings.upstream_connections_max = rng.between(1, 2) as usize;
        }
        if scarce && chaos {
            settings.upstream_wait_queue_max = rng.between(1, 3) as usize;
        }
        if chaos && rng.chance(0.1) {
            settings.connections_max = 2;
        }
        Conditions {
            temper,
            faults: faults(rng, temper),
            settings,
            cores: rng.between(1, 3) as usize,
            clients: rng.between(2, 8) as usize,
            backends: rng.between(1, 2) as usize,
            swaps: if rng.chance(0.5) { rng.between(1, 8) } else { 0 },
            timeout_fast: if temper == Temper::Kind { SECOND } else { rng.between(60, 400) * MS },
            timeout: rng.between(2_000, 4_000) * MS,
            stale: temper != Temper::Kind && rng.chance(0.5),
            garbage: temper != Temper::Kind && rng.chance(0.3),
            drain: match rng.below(5) {
                0 => Drain::After(rng.magnitude(MS, 4 * SECOND)),
                1 => Drain::AfterRequests(rng.between(1, 30) as usize),
                _ => Drain::AtTheEnd,
            },
            drain_millis: rng.between(50, 10_000),
            scarce,
            quota: rng.between(2, 12),
        }
    }

    /// Whether the network only delays, so that outcomes follow from what clients and backends do.
    pub(crate) fn calm(&self) -> bool {
        self.temper != Temper::Chaos
    }

    /// The integration timeout of a route.
    pub(crate) fn timeout_of(&self, route: Route) -> u64 {
        if route == Route::Fast { self.timeout_fast } else { self.timeout }
    }

    /// Most of what the network may add to the way of `bytes` through the gateway and back.
    pub(crate) fn travel(&self, bytes: usize) -> u64 {
        let rounds = 8 + 4 * bytes / self.faults.send_buffer;
        rounds as u64 * 2 * self.faults.latency_max
    }
}

fn faults(rng: &Rng, temper: Temper) -> Faults {
    let mut faults = Faults {
        latency_max: pick(rng, &[50_000, 200_000, 2 * MS]),
        send_buffer: pick(rng, &[64 * 1024, 64 * 1024, 8 * 1024, 2 * 1024]),
        short_read: pick(rng, &[0.0, 0.0, 0.3]),
        short_write: pick(rng, &[0.0, 0.0, 0.3]),
        late_closed: pick(rng, &[0.0, 0.3]),
        ..Faults::default()
    };
    if temper == Temper::Chaos {
        let chaos = Faults::chaos();
        let strength = pick(rng, &[0.2, 1.0, 1.0, 3.0]);
        faults.reset = chaos.reset * strength;
        faults.reset_discards = chaos.reset_discards;
        faults.half_close = chaos.half_close * strength;
        faults.stall = chaos.stall * strength;
        faults.stall_max = pick(rng, &[SECOND, 60 * SECOND]);
        faults.refuse = chaos.refuse * strength;
        faults.stall_connect = chaos.stall_connect * strength;
        faults.accept_fails = chaos.accept_fails * strength;
    }
    faults
}
