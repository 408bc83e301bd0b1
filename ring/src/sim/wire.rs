//! What travels, when it arrives, and the record of it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::rc::Rc;

use super::{Faults, Rng};

/// How many of the latest events a report shows.
const RECENT_MAX: usize = 128;
/// How many violations are kept; one is enough to fail a test.
const VIOLATIONS_MAX: usize = 64;

/// Something that arrives at its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// The oldest segment that end `from` of a connection has sent.
    Segment { connection: u64, from: usize },
    /// A connect reaches the listening side.
    Knock { attempt: u64 },
    /// The answer to a connect comes back.
    Answer { attempt: u64 },
}

/// The clock, the dice, and the queue of events.
pub(super) struct Wire {
    pub(super) now: u64,
    pub(super) rng: Rc<Rng>,
    pub(super) faults: Faults,
    /// Ordered by time and then by number, so that equal times keep their order.
    queue: BinaryHeap<Reverse<(u64, u64, Event)>>,
    scheduled: u64,
    hash: u64,
    faults_injected: u64,
    recent: VecDeque<Record>,
    pub(super) violations: Vec<String>,
}

struct Record {
    at: u64,
    what: &'static str,
    subject: u64,
    amount: u64,
}

impl Wire {
    pub(super) fn new(now: u64, rng: Rc<Rng>, faults: Faults) -> Self {
        Wire {
            now,
            rng,
            faults,
            queue: BinaryHeap::new(),
            scheduled: 0,
            hash: 0xcbf2_9ce4_8422_2325,
            faults_injected: 0,
            recent: VecDeque::with_capacity(RECENT_MAX),
            violations: Vec::new(),
        }
    }

    /// The time at which something that is sent now arrives.
    pub(super) fn arrival(&self) -> u64 {
        self.now + self.rng.between(self.faults.latency_min, self.faults.latency_max)
    }

    pub(super) fn schedule(&mut self, at: u64, event: Event) {
        self.scheduled += 1;
        self.queue.push(Reverse((at, self.scheduled, event)));
    }

    /// When the next event is due.
    pub(super) fn next_at(&self) -> Option<u64> {
        self.queue.peek().map(|Reverse((at, ..))| *at)
    }

    /// The next event, if it is due.
    pub(super) fn next_due(&mut self) -> Option<Event> {
        if self.next_at()? > self.now {
            return None;
        }
        self.queue.pop().map(|Reverse((.., event))| event)
    }

    /// Adds to the trace: two runs are the same if and only if their traces are.
    pub(super) fn record(&mut self, what: &'static str, subject: u64, amount: u64) {
        for byte in what.bytes() {
            self.mix(u64::from(byte));
        }
        self.mix(self.now);
        self.mix(subject);
        self.mix(amount);
        self.faults_injected += u64::from(what.starts_with("fault"));
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(Record { at: self.now, what, subject, amount });
    }

    /// Adds to the hash only: how much ran between two events.
    pub(super) fn mix(&mut self, value: u64) {
        self.hash = (self.hash ^ value).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29);
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    pub(super) fn faults_injected(&self) -> u64 {
        self.faults_injected
    }

    pub(super) fn recent(&self) -> impl Iterator<Item = String> + '_ {
        self.recent.iter().map(|record| {
            let Record { at, what, subject, amount } = record;
            format!("{:>14.6} s  {what} #{subject} ({amount})", *at as f64 / 1e9)
        })
    }

    pub(super) fn violation(&mut self, text: String) {
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations.push(format!("at {:.6} s: {text}", self.now as f64 / 1e9));
        }
    }
}
