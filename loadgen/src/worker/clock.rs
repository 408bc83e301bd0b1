//! The times of a run on one thread, and the meter of what the thread cost.

use std::time::Duration;

use super::{Usage, WorkerHost};
use crate::record::{Nanos, ThreadCpu};
use crate::schedule::nanos;

/// How long after the end requests are still sent that were due before it, but had to wait for a connection.
const SEND_GRACE: Duration = Duration::from_secs(1);
/// How long after the end answers are waited for, if the request timeout is not shorter.
const ANSWER_GRACE: Duration = Duration::from_secs(30);
/// How long after the order to stop answers are waited for.
const STOP_GRACE: Duration = Duration::from_secs(2);
const SECOND: Nanos = 1_000_000_000;

/// When what ends.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    /// The measured time.
    pub(super) begin: Nanos,
    pub(super) end: Nanos,
    /// When the current second is over.
    pub(super) next_second: Nanos,
    /// Nothing is sent from here on.
    pub(super) stop_sending: Nanos,
    /// What is not answered by then has failed.
    pub(super) give_up: Nanos,
}

impl Clock {
    pub(super) fn new(start: Nanos, host: &WorkerHost) -> Self {
        let begin = start.saturating_add(nanos(host.plan.warmup));
        let end = host.duration.map_or(Nanos::MAX, |duration| begin.saturating_add(nanos(duration)));
        let grace = ANSWER_GRACE.min(host.plan.timeouts.request);
        let mut clock = Clock {
            begin,
            end,
            next_second: 0,
            stop_sending: end.saturating_add(nanos(SEND_GRACE)),
            give_up: end.saturating_add(nanos(grace.max(SEND_GRACE))),
        };
        clock.turn(start);
        clock
    }

    /// Seconds since the measured time began; negative in the warm-up.
    pub(super) fn second_of(&self, now: Nanos) -> i64 {
        (now as i64).wrapping_sub(self.begin as i64).div_euclid(SECOND as i64)
    }

    /// A second is over; returns the one that begins.
    pub(super) fn turn(&mut self, now: Nanos) -> i64 {
        let second = self.second_of(now);
        self.next_second = self.begin.saturating_add_signed((second + 1) * SECOND as i64);
        second
    }

    /// The order to stop has come.
    pub(super) fn stop(&mut self, now: Nanos) {
        self.end = self.end.min(now);
        self.stop_sending = self.stop_sending.min(now);
        self.give_up = self.give_up.min(now.saturating_add(nanos(STOP_GRACE)));
    }

    /// The order to end at once has come.
    pub(super) fn abort(&mut self, now: Nanos) {
        self.stop(now);
        self.give_up = now;
    }

    /// When to look again.
    pub(super) fn next_deadline(&self, now: Nanos) -> Nanos {
        let ends = [self.next_second, self.end, self.stop_sending, self.give_up];
        ends.into_iter().filter(|at| *at > now).min().unwrap_or(now)
    }
}

/// What the thread cost in the measured time.
pub(super) struct Meter {
    usage: fn() -> Usage,
    begin: (Nanos, Usage),
    end: Option<(Nanos, Usage)>,
    last: (Nanos, Usage),
    /// The greatest share of its CPU in a second.
    pub(super) busiest: f64,
}

impl Meter {
    pub(super) fn new(usage: fn() -> Usage, now: Nanos) -> Self {
        let begin = (now, usage());
        Meter { usage, begin, end: None, last: begin, busiest: 0.0 }
    }

    /// A second begins; those before 0 are not measured.
    pub(super) fn second(&mut self, second: i64, now: Nanos) {
        let reading = (now, (self.usage)());
        if second <= 0 {
            self.begin = reading;
        } else if self.end.is_none() {
            self.busiest = self.busiest.max(share(self.last, reading, |usage| usage.cpu));
        }
        self.last = reading;
    }

    /// The measured time is over; only the first call counts.
    pub(super) fn end(&mut self, now: Nanos) {
        self.end.get_or_insert_with(|| (now, (self.usage)()));
    }

    fn measured(&self) -> (Nanos, Usage) {
        self.end.unwrap_or(self.last)
    }

    pub(super) fn cpu(&self) -> ThreadCpu {
        let used = self.measured().1.cpu.saturating_sub(self.begin.1.cpu);
        ThreadCpu {
            cpu_seconds: used as f64 / 1e9,
            share: share(self.begin, self.measured(), |usage| usage.cpu),
        }
    }

    pub(super) fn waited_share(&self) -> f64 {
        share(self.begin, self.measured(), |usage| usage.waited)
    }
}

/// The share of the time between two readings.
fn share(from: (Nanos, Usage), to: (Nanos, Usage), of: impl Fn(Usage) -> Nanos) -> f64 {
    match to.0.saturating_sub(from.0) {
        0 => 0.0,
        time => of(to.1).saturating_sub(of(from.1)) as f64 / time as f64,
    }
}
