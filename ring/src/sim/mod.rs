//! The simulation: several cores on one thread, an in-memory network, virtual time, and one seed that decides
//! everything that chance decides elsewhere.
//!
//! A test builds a [`World`], takes a [`SimRuntime`] for each core, client and backend, starts tasks on them, and lets the
//! world run. The clock stands still while a task is ready and then jumps to the next event, so 29 seconds pass in
//! microseconds. The same seed gives the same run, event for event ([`World::trace_hash`]).
//!
//! Beyond running, it judges: a use of the traits that their documentation forbids is kept in [`World::violations`].

mod alarm;
mod connection;
mod faults;
mod network;
mod rng;
mod runtime;
mod wire;

use std::cell::RefCell;
use std::fmt::Write as _;
use std::rc::Rc;

pub use alarm::SimAlarm;
pub use faults::Faults;
pub use rng::Rng;
pub use runtime::{SimListener, SimRuntime, SimStream};

use crate::executor::Executor;
use crate::wheel::Wheel;
use alarm::Alarms;
use network::Network;
use runtime::Shared;
use wire::Wire;

/// The virtual time of a new world: not 0, so that a forgotten time does not look like a real one.
const START_NS: u64 = 1_000_000_000;
/// The wall clock of a new world: 2026-01-01T00:00:00Z.
const UNIX_MILLIS: u64 = 1_767_225_600_000;
/// Polls without the clock moving that count as a live-lock.
const POLLS_PER_INSTANT: usize = 1_000_000;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a deadlock and a live-lock are failures"]
pub enum Outcome {
    /// The condition came true, or the time that was asked for has passed.
    Done,
    /// The condition was still false at the limit of virtual time.
    TimeLimit,
    /// Nothing is ready, under way or timed, and the condition is false.
    Deadlock,
    /// Tasks keep waking each other and time stands still.
    Livelock,
}

/// A simulated network and the cores on it. Dropping it drops their tasks.
pub struct World {
    // Dropped first: its tasks hold streams of `shared`.
    executor: Executor,
    shared: Rc<Shared>,
    seed: u64,
    cores: u16,
}

impl World {
    /// A world where `seed` decides latencies, faults, the order of ready tasks and the listener that gets a connection.
    pub fn new(seed: u64, faults: Faults) -> Self {
        let rng = Rc::new(Rng::new(seed));
        let mut executor = Executor::new();
        let order = rng.clone();
        executor.set_order(move |ready| order.below(ready as u64) as usize);
        let shared = Rc::new(Shared {
            network: RefCell::new(Network::new(Wire::new(START_NS, rng, faults))),
            wheel: Wheel::new(START_NS),
            alarms: Alarms::default(),
            spawner: executor.spawner(),
        });
        World { executor, shared, seed, cores: 0 }
    }

    /// A new core, with an address of its own. Cores that listen on one address share its connections.
    pub fn core(&mut self) -> SimRuntime {
        self.cores += 1;
        SimRuntime::new(self.shared.clone(), self.cores)
    }

    /// Changes what goes wrong from now on. Stalls that have begun take their time.
    pub fn set_faults(&self, faults: Faults) {
        self.shared.network.borrow_mut().wire.faults = faults;
    }

    /// Runs until `done`, which is asked whenever no task is ready and so is the place for a test's invariants too,
    /// or until `limit` nanoseconds of virtual time have passed.
    pub fn run_until(&mut self, mut done: impl FnMut() -> bool, limit: u64) -> Outcome {
        let end = self.now().saturating_add(limit);
        let mut instant = self.now();
        let mut budget = POLLS_PER_INSTANT;
        loop {
            let polls = self.executor.run_ready(budget);
            budget -= polls;
            if budget == 0 {
                return Outcome::Livelock;
            }
            self.shared.network.borrow_mut().wire.mix(polls as u64);
            if done() {
                return Outcome::Done;
            }
            match self.next_at() {
                None => return Outcome::Deadlock,
                Some(next) if next > end => {
                    self.move_clock(end);
                    return Outcome::TimeLimit;
                }
                Some(next) => self.move_clock(next),
            }
            if self.now() > instant {
                instant = self.now();
                budget = POLLS_PER_INSTANT;
            }
        }
    }

    /// Runs for `nanoseconds` of virtual time, busy or not.
    pub fn run_for(&mut self, nanoseconds: u64) -> Outcome {
        let end = self.now().saturating_add(nanoseconds);
        match self.run_until(|| false, nanoseconds) {
            Outcome::Livelock => Outcome::Livelock,
            _ => {
                self.move_clock(end);
                Outcome::Done
            }
        }
    }

    fn next_at(&self) -> Option<u64> {
        let event = self.shared.network.borrow().wire.next_at();
        let timer = self.shared.wheel.next_deadline();
        let alarm = self.shared.alarms.next_at();
        event.into_iter().chain(timer).chain(alarm).min()
    }

    fn move_clock(&mut self, to: u64) {
        let now = {
            let mut network = self.shared.network.borrow_mut();
            network.wire.now = network.wire.now.max(to);
            network.deliver_due();
            network.wire.now
        };
        self.shared.wheel.advance(now);
        self.shared.alarms.fire(now);
    }

    /// Virtual time in nanoseconds.
    pub fn now(&self) -> u64 {
        self.shared.network.borrow().wire.now
    }

    /// How many tasks of all cores have not ended.
    pub fn live_tasks(&self) -> usize {
        self.executor.live_tasks()
    }

    /// How many connections have an end that is held or waits to be accepted.
    pub fn open_connections(&self) -> usize {
        self.shared.network.borrow().connections.len()
    }

    /// Uses of the traits that their documentation forbids, each with its time, connection and addresses.
    pub fn violations(&self) -> Vec<String> {
        self.shared.network.borrow().wire.violations.clone()
    }

    /// A hash of all events so far: equal for equal runs.
    pub fn trace_hash(&self) -> u64 {
        self.shared.network.borrow().wire.hash()
    }

    /// How often the network has failed so far, by its [`Faults`]: resets, false ends, stalls, connects without an answer, failed accepts.
    pub fn faults_injected(&self) -> u64 {
        self.shared.network.borrow().wire.faults_injected()
    }

    /// For the message of a failed assertion: the seed, what is open, the violations and the latest events.
    pub fn report(&self) -> String {
        let network = self.shared.network.borrow();
        let mut report = format!(
            "seed {}: at {:.6} s, {} tasks live, {} connections open, {} timers\n",
            self.seed,
            network.wire.now as f64 / 1e9,
            self.live_tasks(),
            network.connections.len(),
            self.shared.wheel.timers(),
        );
        for violation in &network.wire.violations {
            let _ = writeln!(report, "violation {violation}");
        }
        for event in network.wire.recent() {
            let _ = writeln!(report, "{event}");
        }
        report
    }
}

#[cfg(test)]
mod tests;
