//! What a thread writes down of each request: a few histogram slots and counters, no allocation.

use hdrhistogram::Histogram;

use super::kinds::Groups;
use crate::failure::Failure;
use crate::record::{Counts, Interval, Measured, Nanos, RequestCounts, durations};

/// Failures in words that a thread keeps, and of one kind.
const EXAMPLES_MAX: usize = 10;
const EXAMPLES_OF_KIND_MAX: usize = 3;
/// Sent later than this after its time, by the generator's own fault, a request is late.
pub(super) const LATE_NANOS: Nanos = 1_000_000;
/// One more than the greatest status.
const STATUSES: usize = 600;

/// When the parts of an answered request happened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) intended: Nanos,
    pub(super) sent: Nanos,
    pub(super) first: Nanos,
    pub(super) last: Nanos,
}

/// The record of one thread.
///
/// What follows from other parts is not written down twice: the sum over the groups is the latency of all, in a closed loop the
/// service time is the latency, and an answer in one piece has its first byte when it has its last.
pub(super) struct Tally {
    closed: bool,
    /// Requests that are intended from here on are measured.
    begin: Nanos,
    groups: Vec<Group>,
    service: Histogram<u64>,
    /// Of answers that came in several pieces.
    pieces: Pieces,
    connect: Histogram<u64>,
    lateness: Histogram<u64>,
    /// `statuses` and `intended` are filled in at the end.
    counts: Counts,
    statuses: Box<[u64; STATUSES]>,
    interval: Interval,
    examples: Vec<String>,
    examples_of: [usize; Failure::ALL.len()],
}

struct Group {
    ok: u64,
    failed: u64,
    /// Those that a finished run has given up may still end.
    in_flight: u64,
    latency: Histogram<u64>,
}

struct Pieces {
    service: Histogram<u64>,
    first_byte: Histogram<u64>,
    last_byte: Histogram<u64>,
}

fn interval(second: i64) -> Interval {
    Interval { second, latency: durations(), sent: 0, ok: 0, failed: 0, classes: [0; 5] }
}

impl Tally {
    pub(super) fn new(closed: bool, groups: &Groups) -> Self {
        let group = |_| Group { ok: 0, failed: 0, in_flight: 0, latency: durations() };
        Tally {
            closed,
            begin: Nanos::MAX,
            groups: groups.names.iter().map(group).collect(),
            service: durations(),
            pieces: Pieces { service: durations(), first_byte: durations(), last_byte: durations() },
            connect: durations(),
            lateness: durations(),
            counts: Counts::default(),
            statuses: Box::new([0; STATUSES]),
            interval: interval(0),
            examples: Vec::new(),
            examples_of: [0; Failure::ALL.len()],
        }
    }

    /// The run begins: requests that are intended from `begin` on are measured, and the current second is this one.
    pub(super) fn start(&mut self, begin: Nanos, second: i64) {
        self.begin = begin;
        self.interval = interval(second);
    }

    /// The second that ends; the next one is `second`.
    pub(super) fn next_second(&mut self, second: i64) -> Interval {
        std::mem::replace(&mut self.interval, interval(second))
    }

    /// A connection was opened.
    pub(super) fn connected(&mut self, nanos: Nanos) {
        self.counts.connections += 1;
        self.connect.saturating_record(nanos);
    }

    /// A request goes out at `now` for which a connection was waiting at its time.
    #[inline]
    pub(super) fn free(&mut self, intended: Nanos, now: Nanos) {
        if intended >= self.begin {
            let late = now.saturating_sub(intended);
            self.lateness.saturating_record(late);
            self.counts.late += u64::from(late > LATE_NANOS);
        }
    }

    /// A request goes out.
    #[inline]
    pub(super) fn sent(&mut self, group: usize, intended: Nanos, bytes: usize) {
        self.groups[group].in_flight += 1;
        self.interval.sent += 1;
        if intended >= self.begin {
            self.counts.sent += 1;
            self.counts.bytes_sent += bytes as u64;
        }
    }

    /// A right answer is there.
    #[inline]
    pub(super) fn right(&mut self, group: usize, times: Times, status: u16, bytes: usize) {
        let latency = times.last.saturating_sub(times.intended);
        self.interval.ok += 1;
        self.interval.latency.saturating_record(latency);
        self.interval.classes[class(status)] += 1;
        let group = &mut self.groups[group];
        group.in_flight = group.in_flight.saturating_sub(1);
        if times.intended < self.begin {
            return;
        }
        group.ok += 1;
        group.latency.saturating_record(latency);
        self.statuses[status as usize % STATUSES] += 1;
        self.counts.bytes_received += bytes as u64;
        let service = times.last.saturating_sub(times.sent);
        if !self.closed {
            self.service.saturating_record(service);
        }
        if times.first != times.last {
            self.pieces.service.saturating_record(service);
            self.pieces.first_byte.saturating_record(times.first.saturating_sub(times.sent));
            self.pieces.last_byte.saturating_record(times.last - times.first);
        }
    }

    /// An answer is there and wrong.
    pub(super) fn wrong(&mut self, intended: Nanos, status: u16, bytes: usize) {
        self.interval.classes[class(status)] += 1;
        if intended >= self.begin {
            self.statuses[status as usize % STATUSES] += 1;
            self.counts.bytes_received += bytes as u64;
        }
    }

    /// A request that was sent has failed.
    #[cold]
    pub(super) fn failed(&mut self, group: usize, failure: Failure, words: impl FnOnce() -> String) {
        let of = &mut self.groups[group];
        of.in_flight = of.in_flight.saturating_sub(1);
        of.failed += 1;
        self.count_failure(failure, 1, words);
    }

    /// Requests that were sent and have not ended.
    pub(super) fn in_flight(&self) -> u64 {
        self.groups.iter().map(|group| group.in_flight).sum()
    }

    /// A failure of a connection that has no request: it could not be opened, or something came that nobody asked for.
    #[cold]
    pub(super) fn without_request(&mut self, failure: Failure, words: impl FnOnce() -> String) {
        self.count_failure(failure, 1, words);
    }

    fn count_failure(&mut self, failure: Failure, count: u64, words: impl FnOnce() -> String) {
        self.interval.failed += count;
        self.counts.failed[failure as usize] += count;
        let of_kind = &mut self.examples_of[failure as usize];
        if *of_kind < EXAMPLES_OF_KIND_MAX && self.examples.len() < EXAMPLES_MAX {
            *of_kind += 1;
            self.examples.push(format!("{}: {}", failure.name(), words()));
        }
    }

    /// Ends the record: what is in flight has not come in time, and `missed` were never sent.
    pub(super) fn finish(mut self, groups: &Groups, missed: u64) -> (Measured, Interval) {
        for index in 0..self.groups.len() {
            let left = std::mem::take(&mut self.groups[index].in_flight);
            self.groups[index].failed += left;
            if left > 0 {
                let name = &groups.names[index];
                self.count_failure(Failure::Unfinished, left, || {
                    format!("{left} × {name}: no answer before the run ended")
                });
            }
        }
        let mut latency = durations();
        for group in &self.groups {
            add(&mut latency, &group.latency);
        }
        let service = if self.closed { latency.clone() } else { self.service };
        let in_one_piece = latency.len() - self.pieces.service.len();
        let mut first_byte = service.clone();
        first_byte.subtract(&self.pieces.service).expect("a part of the same requests");
        add(&mut first_byte, &self.pieces.first_byte);
        let mut last_byte = self.pieces.last_byte;
        last_byte.saturating_record_n(0, in_one_piece);
        let counted = (0u16..).zip(self.statuses.iter()).filter(|(_, count)| **count > 0);
        self.counts.statuses = counted.map(|(status, count)| (status, *count)).collect();
        self.counts.ok = self.groups.iter().map(|group| group.ok).sum();
        self.counts.missed = missed;
        self.counts.intended = self.counts.sent + missed;
        let of_group = |(name, group): (&String, Group)| RequestCounts {
            name: name.clone(),
            ok: group.ok,
            failed: group.failed,
            latency: group.latency,
        };
        let measured = Measured {
            latency,
            service,
            first_byte,
            last_byte,
            connect: self.connect,
            lateness: self.lateness,
            counts: self.counts,
            by_request: groups.names.iter().zip(self.groups).map(of_group).collect(),
            examples: self.examples,
        };
        (measured, self.interval)
    }
}

fn add(to: &mut Histogram<u64>, other: &Histogram<u64>) {
    to.add(other).expect("all histograms of a run have the same bounds");
}

/// 1xx to 5xx as 0 to 4.
#[inline]
fn class(status: u16) -> usize {
    usize::from(status / 100).clamp(1, 5) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Requests;
    use crate::worker::tests::request;

    fn groups() -> Groups {
        Groups::new(&Requests::Mix(vec![request("a"), request("b")]))
    }

    fn times(intended: u64, sent: u64, first: u64, last: u64) -> Times {
        let ms = 1_000_000;
        Times { intended: intended * ms, sent: sent * ms, first: first * ms, last: last * ms }
    }

    fn near(value: u64, ms: u64) -> bool {
        (value as f64 / 1e6 - ms as f64).abs() <= ms as f64 * 0.001
    }

    #[test]
    fn phases_are_told_apart_and_the_warmup_counts_for_failures_only() {
        let groups = groups();
        let mut tally = Tally::new(false, &groups);
        tally.start(10_000_000, -1);
        // In the warm-up: one right, one reset.
        tally.free(1_000_000, 1_000_000);
        tally.sent(0, 1_000_000, 50);
        tally.right(0, times(1, 1, 2, 2), 200, 70);
        tally.sent(1, 2_000_000, 50);
        tally.failed(1, Failure::Reset, || "gone".into());
        let second = tally.next_second(0);
        assert_eq!((second.second, second.sent, second.ok, second.failed), (-1, 2, 1, 1));
        // Measured: intended at 20, sent at 25 because no connection was free, answered at 35 in one piece.
        tally.sent(0, 20_000_000, 50);
        tally.right(0, times(20, 25, 35, 35), 200, 70);
        // Two milliseconds late, answered in two pieces.
        tally.free(40_000_000, 42_000_000);
        tally.sent(1, 40_000_000, 50);
        tally.right(1, times(40, 42, 50, 90), 201, 700);
        // Never answered.
        tally.free(41_000_000, 41_000_000);
        tally.sent(1, 41_000_000, 50);
        let (measured, second) = tally.finish(&groups, 3);
        assert_eq!((second.second, second.sent, second.ok, second.failed), (0, 3, 2, 1));
        assert_eq!(second.classes, [0, 2, 0, 0, 0]);
        let counts = &measured.counts;
        assert_eq!((counts.sent, counts.ok, counts.intended, counts.missed, counts.late), (3, 2, 6, 3, 1));
        assert_eq!(counts.failed[Failure::Reset as usize], 1);
        assert_eq!(counts.failed[Failure::Unfinished as usize], 1);
        assert_eq!(counts.statuses.iter().map(|(s, n)| (*s, *n)).collect::<Vec<_>>(), [(200, 1), (201, 1)]);
        assert_eq!((counts.bytes_sent, counts.bytes_received), (150, 770));
        assert!(near(measured.latency.min(), 15) && near(measured.latency.max(), 50));
        assert!(near(measured.service.min(), 10) && near(measured.service.max(), 48));
        assert!(near(measured.first_byte.min(), 8) && near(measured.first_byte.max(), 10));
        assert_eq!(measured.last_byte.min(), 0);
        assert!(near(measured.last_byte.max(), 40));
        assert!(near(measured.lateness.max(), 2));
        for histogram in [&measured.latency, &measured.service, &measured.first_byte, &measured.last_byte] {
            assert_eq!(histogram.len(), 2);
        }
        let by: Vec<_> = measured.by_request.iter().map(|r| (r.name.as_str(), r.ok, r.failed)).collect();
        assert_eq!(by, [("a", 1, 0), ("b", 1, 2)]);
        assert_eq!(measured.examples.len(), 2);
    }

    #[test]
    fn in_a_closed_loop_latency_is_service_time() {
        let groups = groups();
        let mut tally = Tally::new(true, &groups);
        tally.start(0, 0);
        tally.sent(0, 1_000_000, 1);
        tally.right(0, times(1, 1, 4, 4), 200, 1);
        let (measured, _) = tally.finish(&groups, 0);
        assert_eq!(measured.latency, measured.service);
        assert_eq!(measured.latency, measured.first_byte);
        assert_eq!(measured.lateness.len(), 0);
    }

    #[test]
    fn examples_are_few_and_of_each_kind() {
        let groups = groups();
        let mut tally = Tally::new(true, &groups);
        tally.start(0, 0);
        for failure in Failure::ALL {
            (0..100).for_each(|_| tally.without_request(failure, || "x".into()));
        }
        let (measured, _) = tally.finish(&groups, 0);
        assert_eq!(measured.examples.len(), EXAMPLES_MAX);
        assert_eq!(measured.examples.iter().filter(|text| text.starts_with("connect:")).count(), 3);
    }
}
