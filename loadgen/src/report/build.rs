//! From what the cores measured to a report: totals, distributions and the seconds of the run.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::{
    Counts, Distribution, Generator, Latencies, Report, RequestReport, Run, SCHEMA, SCHEMA_VERSION, Second,
};
use crate::failure::Failure;
use crate::record::{self, Interval, Measured, ThreadCpu, Verdict, durations};

/// Failures in words that a report keeps.
const EXAMPLES_MAX: usize = 10;
/// Seconds for which some thread has not delivered its part yet. When there are more, the oldest is closed with what is there.
const PENDING_MAX: usize = 8;
/// Seconds that a report keeps, more than a day. Later ones count in the totals, and a note says that they are not in the series.
const SERIES_MAX: usize = 100_000;

/// The report of a run. `measured` and `cpu` have one entry per thread.
pub fn build(
    run: Run,
    measured: &[Measured],
    cpu: &[ThreadCpu],
    series: Vec<Second>,
    verdict: Verdict,
) -> Report {
    let counts = total(measured);
    let cpu_seconds: f64 = cpu.iter().map(|thread| thread.cpu_seconds).sum();
    let answers: u64 = counts.statuses.values().sum();
    let all = |of: fn(&Measured) -> &Histogram<u64>| Distribution::of(&sum(measured.iter().map(of)));
    Report {
        schema: SCHEMA.to_string(),
        version: SCHEMA_VERSION,
        ok_per_second: per(counts.ok, run.seconds),
        run,
        valid: verdict.valid,
        invalid_reasons: verdict.reasons,
        notes: verdict.notes,
        counts,
        generator: Generator {
            cpu_seconds,
            busiest_thread: cpu.iter().map(|thread| thread.share).fold(0.0, f64::max),
            requests_per_cpu_second: per(answers, cpu_seconds),
            lateness: all(|m| &m.lateness),
        },
        latency: Latencies {
            intended: all(|m| &m.latency),
            service: all(|m| &m.service),
            connect: all(|m| &m.connect),
            tls: Distribution::default(),
            first_byte: all(|m| &m.first_byte),
            last_byte: all(|m| &m.last_byte),
        },
        requests: requests(measured),
        series,
        failure_examples: measured.iter().flat_map(|m| &m.examples).take(EXAMPLES_MAX).cloned().collect(),
    }
}

/// `count` per unit; 0 where there was no time to count in.
pub(crate) fn per(count: u64, units: f64) -> f64 {
    if units > 0.0 { count as f64 / units } else { 0.0 }
}

/// Kinds of request by name, in the order of the plan. In a replay a thread has only the kinds that it sent.
fn requests(measured: &[Measured]) -> Vec<RequestReport> {
    let mut kinds: Vec<(RequestReport, Histogram<u64>)> = Vec::new();
    for part in measured.iter().flat_map(|of_thread| &of_thread.by_request) {
        let index = kinds.iter().position(|(kind, _)| kind.name == part.name).unwrap_or_else(|| {
            let kind =
                RequestReport { name: part.name.clone(), ok: 0, failed: 0, latency: Distribution::default() };
            kinds.push((kind, durations()));
            kinds.len() - 1
        });
        let (kind, latency) = &mut kinds[index];
        kind.ok += part.ok;
        kind.failed += part.failed;
        latency.add(&part.latency).expect("all histograms of a run have the same bounds");
    }
    kinds
        .into_iter()
        .map(|(kind, latency)| RequestReport { latency: Distribution::of(&latency), ..kind })
        .collect()
}

/// One histogram of several; exact, because all have the bounds of [`durations`].
pub(crate) fn sum<'a>(histograms: impl Iterator<Item = &'a Histogram<u64>>) -> Histogram<u64> {
    let mut total = durations();
    for histogram in histograms {
        total.add(histogram).expect("all histograms of a run have the same bounds");
    }
    total
}

fn total(measured: &[Measured]) -> Counts {
    let mut total = Counts::default();
    for of_thread in measured {
        total.add(&of_thread.counts.clone().into());
    }
    total
}

impl From<record::Counts> for Counts {
    fn from(counts: record::Counts) -> Self {
        let by_kind = Failure::ALL.iter().zip(counts.failed);
        Counts {
            intended: counts.intended,
            sent: counts.sent,
            ok: counts.ok,
            failed: counts.failed.iter().sum(),
            failures: by_kind
                .filter(|(_, count)| *count > 0)
                .map(|(kind, count)| (kind.name().to_string(), count))
                .collect(),
            statuses: counts.statuses,
            missed: counts.missed,
            late: counts.late,
            connections: counts.connections,
            bytes_sent: counts.bytes_sent,
            bytes_received: counts.bytes_received,
        }
    }
}

impl Counts {
    /// Adds the numbers of another part of the same run. Sums stay at their maximum instead of overflowing: a report comes from a file.
    pub fn add(&mut self, other: &Counts) {
        let sums = [
            (&mut self.intended, other.intended),
            (&mut self.sent, other.sent),
            (&mut self.ok, other.ok),
            (&mut self.failed, other.failed),
            (&mut self.missed, other.missed),
            (&mut self.late, other.late),
            (&mut self.connections, other.connections),
            (&mut self.bytes_sent, other.bytes_sent),
            (&mut self.bytes_received, other.bytes_received),
        ];
        for (sum, part) in sums {
            *sum = sum.saturating_add(part);
        }
        for (kind, count) in &other.failures {
            let sum = self.failures.entry(kind.clone()).or_default();
            *sum = sum.saturating_add(*count);
        }
        for (status, count) in &other.statuses {
            let sum = self.statuses.entry(*status).or_default();
            *sum = sum.saturating_add(*count);
        }
    }

    /// Failures as a share of all requests that ended or were never sent: an answer that a client did not get is a failure of the service.
    /// 0 where there were none.
    pub fn failure_share(&self) -> f64 {
        let bad = self.failed.saturating_add(self.missed);
        per(bad, bad.saturating_add(self.ok) as f64)
    }
}

impl Distribution {
    /// The figures and the exact buckets of a histogram of nanoseconds.
    pub fn of(histogram: &Histogram<u64>) -> Distribution {
        if histogram.is_empty() {
            return Distribution::default();
        }
        let at = |quantile| micros(histogram.value_at_quantile(quantile));
        Distribution {
            count: histogram.len(),
            min: micros(histogram.min()),
            mean: histogram.mean() / 1000.0,
            stdev: histogram.stdev() / 1000.0,
            p50: at(0.5),
            p75: at(0.75),
            p90: at(0.9),
            p95: at(0.95),
            p99: at(0.99),
            p999: at(0.999),
            p9999: at(0.9999),
            max: at(1.0), // not max(), which is 0 for the lowest bucket though the percentiles are at its upper end
            buckets: histogram
                .iter_recorded()
                .map(|at| (at.value_iterated_to(), at.count_at_value()))
                .collect(),
        }
    }

    /// The histogram again, bucket for bucket. Values beyond [`record::LONGEST`] count as that.
    pub fn histogram(&self) -> Histogram<u64> {
        let mut histogram = durations();
        for (value, count) in &self.buckets {
            histogram.saturating_record_n(*value, *count);
        }
        histogram
    }
}

fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1000.0
}

/// Puts the intervals of all threads together, second by second.
#[derive(Debug)]
pub struct SeriesBuilder {
    threads: usize,
    pending: BTreeMap<i64, Pending>,
    done: Vec<Second>,
    /// Seconds beyond [`SERIES_MAX`].
    dropped: u64,
}

#[derive(Debug)]
struct Pending {
    /// Threads that have delivered.
    parts: usize,
    sum: Interval,
}

impl SeriesBuilder {
    /// For a run on this many threads.
    pub fn new(threads: usize) -> Self {
        SeriesBuilder { threads, pending: BTreeMap::new(), done: Vec::new(), dropped: 0 }
    }

    /// Takes one thread's part of a second, and returns the seconds that are complete by it, for the live view. Each thread delivers its
    /// seconds in order, so a complete second completes those before it.
    pub fn add(&mut self, interval: Interval) -> Vec<Second> {
        let second = interval.second;
        if let Some(closed) = self.done.iter_mut().rev().find(|done| done.second <= second)
            && closed.second == second
        {
            add_late(closed, &interval);
            return Vec::new();
        }
        let parts = match self.pending.get_mut(&second) {
            Some(pending) => {
                pending.add(&interval);
                pending.parts
            }
            None => {
                self.pending.insert(second, Pending { parts: 1, sum: interval });
                1
            }
        };
        let mut completed = Vec::new();
        while let Some((&oldest, _)) = self.pending.first_key_value()
            && (self.pending.len() > PENDING_MAX || (parts == self.threads && oldest <= second))
        {
            completed.extend(self.close_oldest());
        }
        completed
    }

    /// All seconds, and notes for the report.
    pub fn finish(mut self) -> (Vec<Second>, Vec<String>) {
        while self.close_oldest().is_some() {}
        self.done.sort_by_key(|second| second.second);
        let note =
            format!("the last {} seconds are not in the series, which keeps {SERIES_MAX}", self.dropped);
        (self.done, if self.dropped > 0 { vec![note] } else { Vec::new() })
    }

    fn close_oldest(&mut self) -> Option<Second> {
        let (_, pending) = self.pending.pop_first()?;
        let second = summarize(&pending.sum);
        if self.done.len() < SERIES_MAX {
            self.done.push(second.clone());
        } else {
            self.dropped += 1;
        }
        Some(second)
    }
}

impl Pending {
    fn add(&mut self, interval: &Interval) {
        self.parts += 1;
        self.sum.latency.add(&interval.latency).expect("all histograms of a run have the same bounds");
        self.sum.sent += interval.sent;
        self.sum.ok += interval.ok;
        self.sum.failed += interval.failed;
        for (class, part) in self.sum.classes.iter_mut().zip(interval.classes) {
            *class += part;
        }
    }
}

fn summarize(interval: &Interval) -> Second {
    let latency = Distribution::of(&interval.latency);
    Second {
        second: interval.second,
        sent: interval.sent,
        ok: interval.ok,
        failed: interval.failed,
        classes: interval.classes,
        p50: latency.p50,
        p90: latency.p90,
        p99: latency.p99,
        p999: latency.p999,
        max: latency.max,
    }
}

/// A thread was [`PENDING_MAX`] seconds behind: its numbers count, its latencies only in the maximum (and in the totals of the run).
fn add_late(closed: &mut Second, interval: &Interval) {
    closed.sent += interval.sent;
    closed.ok += interval.ok;
    closed.failed += interval.failed;
    for (class, part) in closed.classes.iter_mut().zip(interval.classes) {
        *class += part;
    }
    closed.max = closed.max.max(summarize(interval).max);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(second: i64, latencies: &[u64]) -> Interval {
        let mut latency = durations();
        for value in latencies {
            latency.record(*value).unwrap();
        }
        let ok = latencies.len() as u64;
        Interval { second, latency, sent: ok, ok, failed: 1, classes: [0, ok, 0, 0, 1] }
    }

    #[test]
    fn a_distribution_has_its_histogram_back() {
        let mut histogram = durations();
        let mut value = 90;
        while value < record::LONGEST {
            histogram.record_n(value, value % 7 + 1).unwrap();
            value = value * 21 / 20 + 1;
        }
        let there = Distribution::of(&histogram);
        assert_eq!(there.histogram(), histogram);
        assert_eq!(Distribution::of(&there.histogram()), there);
        assert_eq!(there.buckets.iter().map(|(_, count)| count).sum::<u64>(), there.count);
    }

    #[test]
    fn figures_of_a_distribution_are_microseconds() {
        let mut histogram = durations();
        for value in 1..=10_000 {
            histogram.record(value * 1000).unwrap();
        }
        let of = Distribution::of(&histogram);
        for (figure, truth) in [
            (of.p50, 5000.0),
            (of.p90, 9000.0),
            (of.p99, 9900.0),
            (of.p999, 9990.0),
            (of.max, 10_000.0),
            (of.mean, 5000.5),
        ] {
            assert!((figure / truth - 1.0).abs() < 0.001, "{figure} is not {truth}");
        }
    }

    #[test]
    fn the_lowest_bucket_is_no_exception() {
        let mut histogram = durations();
        histogram.record_n(0, 5).unwrap();
        let of = Distribution::of(&histogram);
        assert_eq!((of.p50, of.max), (0.063, 0.063));
        assert_eq!(Distribution::of(&of.histogram()), of);
    }

    #[test]
    fn a_second_is_complete_when_every_thread_has_delivered_it() {
        let mut builder = SeriesBuilder::new(2);
        assert!(builder.add(interval(0, &[1_000_000])).is_empty());
        assert!(builder.add(interval(1, &[5_000_000])).is_empty());
        let completed = builder.add(interval(0, &[3_000_000, 3_000_000]));
        assert_eq!(completed.len(), 1);
        assert_eq!((completed[0].second, completed[0].ok, completed[0].failed), (0, 3, 2));
        assert!((completed[0].p50 / 3000.0 - 1.0).abs() < 0.001);
        let (all, notes) = builder.finish();
        assert_eq!(all.iter().map(|second| second.second).collect::<Vec<_>>(), [0, 1]);
        assert!(notes.is_empty());
    }

    #[test]
    fn a_thread_far_behind_makes_no_unbounded_memory_and_loses_no_number() {
        let mut builder = SeriesBuilder::new(2);
        for second in 0..100 {
            builder.add(interval(second, &[1_000_000]));
            assert!(builder.pending.len() <= PENDING_MAX);
        }
        for second in 0..100 {
            builder.add(interval(second, &[2_000_000]));
        }
        let (all, _) = builder.finish();
        assert_eq!(all.len(), 100);
        assert!(all.iter().all(|second| second.ok == 2 && second.max > 1999.0));
    }

    #[test]
    fn totals_are_sums_over_threads() {
        let of_thread = |ok: u64, nanos: u64| {
            let mut latency = durations();
            latency.record_n(nanos, ok).unwrap();
            let mut counts =
                record::Counts { intended: ok + 2, sent: ok + 1, ok, ..record::Counts::default() };
            counts.failed[Failure::Stall as usize] = 1;
            counts.statuses.insert(200, ok);
            Measured {
                latency: latency.clone(),
                service: latency.clone(),
                first_byte: durations(),
                last_byte: durations(),
                connect: durations(),
                lateness: durations(),
                counts,
                by_request: vec![record::RequestCounts { name: "GET /".into(), ok, failed: 1, latency }],
                examples: vec![format!("stall of {ok}")],
            }
        };
        let cpu = [ThreadCpu { cpu_seconds: 1.0, share: 0.5 }, ThreadCpu { cpu_seconds: 1.5, share: 0.75 }];
        let verdict = Verdict { valid: true, reasons: Vec::new(), notes: Vec::new() };
        let run = Run { seconds: 2.0, ..super::super::sample::report().run };
        let measured = [of_thread(300, 1_000_000), of_thread(100, 9_000_000)];
        let report = build(run, &measured, &cpu, Vec::new(), verdict);
        assert_eq!((report.counts.ok, report.counts.failed, report.counts.intended), (400, 2, 404));
        assert_eq!(report.counts.failures, BTreeMap::from([("stall".to_string(), 2)]));
        assert_eq!(report.ok_per_second, 200.0);
        assert_eq!((report.generator.cpu_seconds, report.generator.busiest_thread), (2.5, 0.75));
        assert_eq!(report.generator.requests_per_cpu_second, 160.0);
        assert_eq!(report.latency.intended.count, 400);
        assert!((report.latency.intended.p50 / 1000.0 - 1.0).abs() < 0.001);
        assert!((report.latency.intended.p90 / 9000.0 - 1.0).abs() < 0.001);
        assert_eq!((report.requests[0].ok, report.requests[0].failed), (400, 2));
        assert_eq!(report.failure_examples, ["stall of 300", "stall of 100"]);
    }
}
