//! When to send: the intended times of an open loop. Pure: no clock, and the same plan and seed give the same times.
//!
//! The rate of a profile is integrated exactly: λ(t) is piecewise linear, Λ(t) = ∫λ is piecewise quadratic, and the arrival with
//! number s is due where Λ(t) = s. Uniform arrivals have s = 0, 1, 2 …; those of a Poisson process have steps in s that are
//! exponentially distributed with mean 1 (time change of a unit process). Each of n threads takes its own arrivals: every
//! n-th of a uniform schedule, or a process of 1/n of the rate, whose union is a Poisson process of the whole rate.

use std::sync::Arc;
use std::time::Duration;

use crate::plan::{Arrivals, Load, Plan, Requests, Segment};
use crate::random::SmallRandom;
use crate::record::Nanos;

/// Keeps the arrivals apart from what else is drawn from the seed.
const ARRIVALS_STREAM: u64 = 0x6172_7269_7661_6c73;

/// Which of the generator's threads takes its arrivals from a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Its number, from 0.
    pub index: usize,
    /// How many there are.
    pub of: usize,
}

impl Shard {
    /// The share of a total that this thread takes; the shares of all threads sum up to it.
    pub fn share(self, total: u64) -> u64 {
        let (index, of) = (self.index as u64, self.of as u64);
        total / of + u64::from(index < total % of)
    }
}

/// The intended times of one thread, in nanoseconds since the run began, warm-up included.
#[derive(Debug, Clone)]
pub struct Schedule {
    times: Times,
    next: Option<Nanos>,
    /// How many may still come after `next`.
    left: u64,
    /// Nothing is due from here on.
    end: Nanos,
}

#[derive(Debug, Clone)]
enum Times {
    Profile(Profile),
    Replay { times: Arc<[Nanos]>, at: usize, step: usize },
}

impl Schedule {
    /// The schedule of a thread; `None` for a closed loop.
    pub fn new(plan: &Plan, replay: &Arc<[Nanos]>, shard: Shard) -> Option<Self> {
        let times = match &plan.load {
            Load::Closed => return None,
            Load::Open { profile, arrivals } => {
                Times::Profile(Profile::new(profile, plan.warmup, *arrivals, shard, plan.seed))
            }
            Load::Replay { .. } => Times::Replay { times: replay.clone(), at: shard.index, step: shard.of },
        };
        let left = plan.requests_max.map_or(u64::MAX, |total| shard.share(total));
        let end = plan.duration.map_or(Nanos::MAX, |duration| nanos(plan.warmup.saturating_add(duration)));
        let mut schedule = Schedule { times, next: None, left, end };
        schedule.advance();
        Some(schedule)
    }

    /// When the next request is due; `None` when there are no more.
    #[inline]
    pub fn peek(&self) -> Option<Nanos> {
        self.next
    }

    /// How many are due before `end`, each of which is taken.
    pub fn take_before(&mut self, end: Nanos) -> u64 {
        let mut count = 0;
        while self.next.is_some_and(|at| at < end) {
            self.advance();
            count += 1;
        }
        count
    }

    /// Goes on to the next request.
    #[inline]
    pub fn advance(&mut self) {
        let next = match &mut self.times {
            Times::Profile(profile) => profile.next(),
            Times::Replay { times, at, step } => {
                let next = times.get(*at).copied();
                *at += *step;
                next
            }
        };
        self.next = next.filter(|at| *at < self.end && self.left > 0);
        self.left = self.left.saturating_sub(1);
    }
}

/// The times of a replay after its speed-up, for all threads. A warm-up is its beginning, which counts for nothing but failures.
pub fn replay_times(plan: &Plan) -> Arc<[Nanos]> {
    match (&plan.load, &plan.requests) {
        (Load::Replay { speed }, Requests::Replay(entries)) => {
            entries.iter().map(|(at, _)| (at.as_nanos() as f64 / speed) as Nanos).collect()
        }
        _ => Arc::default(),
    }
}

/// Requests of a profile within `limit` of its beginning, as its integral.
pub fn integral(profile: &[Segment], limit: Option<Duration>) -> f64 {
    let mut left = limit.map_or(f64::INFINITY, |limit| limit.as_secs_f64());
    let mut count = 0.0;
    for segment in profile {
        let whole = segment.duration.as_secs_f64();
        let part = whole.min(left);
        if part > 0.0 {
            let end = segment.from + (segment.to - segment.from) * (part / whole);
            count += (segment.from + end) / 2.0 * part;
        }
        left -= part;
    }
    count
}

/// Arrivals along a rate profile.
#[derive(Debug, Clone)]
struct Profile {
    pieces: Vec<Piece>,
    /// The piece of the last arrival.
    piece: usize,
    /// The number s of the next arrival.
    number: f64,
    /// Expected steps in s: how many threads there are.
    step: f64,
    random: Option<SmallRandom>,
}

/// A segment with what came before it.
#[derive(Debug, Clone)]
struct Piece {
    /// Seconds.
    start: f64,
    /// Λ at its start and at its end.
    before: f64,
    after: f64,
    /// Requests per second at its start, and the change of that per second.
    from: f64,
    slope: f64,
}

impl Profile {
    /// The warm-up goes before the profile, at the rate of its beginning.
    fn new(profile: &[Segment], warmup: Duration, arrivals: Arrivals, shard: Shard, seed: u64) -> Self {
        let first = profile.first().map_or(0.0, |segment| segment.from);
        let warmup = Segment { duration: warmup, from: first, to: first };
        let (mut start, mut before) = (0.0, 0.0);
        let mut pieces = Vec::with_capacity(profile.len() + 1);
        for segment in std::iter::once(&warmup).chain(profile) {
            let seconds = segment.duration.as_secs_f64();
            if seconds <= 0.0 {
                continue;
            }
            let slope = (segment.to - segment.from) / seconds;
            let after = before + (segment.from + segment.to) / 2.0 * seconds;
            pieces.push(Piece { start, before, after, from: segment.from, slope });
            start += seconds;
            before = after;
        }
        let step = shard.of as f64;
        let mut random = (arrivals == Arrivals::Poisson)
            .then(|| SmallRandom::stream(seed ^ ARRIVALS_STREAM, shard.index as u64));
        let number = match &mut random {
            None => shard.index as f64,
            Some(random) => step * exponential(random),
        };
        Profile { pieces, piece: 0, number, step, random }
    }

    #[inline]
    fn next(&mut self) -> Option<Nanos> {
        let number = self.number;
        // Where a piece ends, the next one begins; one in which nothing is due has no width in s.
        while number >= self.pieces.get(self.piece)?.after {
            self.piece += 1;
        }
        let Piece { start, before, from, slope, .. } = self.pieces[self.piece];
        let within = number - before;
        // The root of slope/2·t² + from·t = within, in the form that is exact for small slopes as well.
        let denominator = from + (from * from + 2.0 * slope * within).max(0.0).sqrt();
        let seconds = if denominator > 0.0 { 2.0 * within / denominator } else { 0.0 };
        self.number += match &mut self.random {
            None => self.step,
            Some(random) => self.step * exponential(random),
        };
        // Rounded to the nearest: cut off, equal steps would not be equal.
        Some(((start + seconds) * 1e9).round() as Nanos)
    }
}

/// Exponentially distributed with mean 1.
#[inline]
fn exponential(random: &mut SmallRandom) -> f64 {
    -(1.0 - random.unit()).ln()
}

/// A duration in nanoseconds, as many as fit.
pub(crate) fn nanos(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
