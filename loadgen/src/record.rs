//! What one core measures: written on the core alone, merged when the run or a second of it is over.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use crate::failure::Failure;

/// Durations in nanoseconds.
pub type Nanos = u64;

/// Lowest duration that is told apart, in nanoseconds.
const LOWEST: u64 = 100;
/// Longest duration; longer ones count as this.
pub const LONGEST: Nanos = 3_600_000_000_000;

/// A histogram of durations in nanoseconds with three significant digits (an error of at most 0.1 %). All of a run have these bounds, so
/// that they merge.
pub fn durations() -> Histogram<u64> {
    Histogram::new_with_bounds(LOWEST, LONGEST, 3).expect("the bounds are constant and valid")
}

/// What happened, with its times.
#[derive(Debug, Clone)]
pub struct Measured {
    /// From the intended send to the last byte: the main figure. Right answers only.
    pub latency: Histogram<u64>,
    /// From the actual send to the last byte.
    pub service: Histogram<u64>,
    /// From the actual send to the first byte.
    pub first_byte: Histogram<u64>,
    /// From the first byte to the last.
    pub last_byte: Histogram<u64>,
    /// From the call to connect to the open connection.
    pub connect: Histogram<u64>,
    /// How long after the intended time the generator itself sent, where a connection was free. Its own fault, not that of the target.
    pub lateness: Histogram<u64>,
    /// How the requests ended, over all kinds.
    pub counts: Counts,
    /// How they ended by kind of request, in the order of the plan.
    pub by_request: Vec<RequestCounts>,
    /// The first few failures in words, for the report.
    pub examples: Vec<String>,
}

/// How requests of one kind ended.
#[derive(Debug, Clone)]
pub struct RequestCounts {
    /// Its name in the plan; a replay groups its entries by name.
    pub name: String,
    /// Right answers.
    pub ok: u64,
    /// All failures.
    pub failed: u64,
    /// As [`Measured::latency`].
    pub latency: Histogram<u64>,
}

/// Numbers of requests and connections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Due within the run (open loop), or sent (closed loop).
    pub intended: u64,
    /// Sent.
    pub sent: u64,
    /// Right answers.
    pub ok: u64,
    /// Failures by kind, indexed by `Failure as usize`.
    pub failed: [u64; Failure::ALL.len()],
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Due, but never sent: every connection was busy to the end, or the waiting line was full.
    pub missed: u64,
    /// Sent more than a millisecond after their time though a connection was free.
    pub late: u64,
    /// Connections opened.
    pub connections: u64,
    /// Bytes of requests.
    pub bytes_sent: u64,
    /// Bytes of answers, heads included.
    pub bytes_received: u64,
}

/// What happened in one second of the run on one core; sent to the collector when the second is over.
#[derive(Debug, Clone)]
pub struct Interval {
    /// Seconds since the measurement began; negative in the warm-up.
    pub second: i64,
    /// From the intended send (closed loop: the actual send) to the last byte.
    pub latency: Histogram<u64>,
    /// Requests sent.
    pub sent: u64,
    /// Right answers.
    pub ok: u64,
    /// Failures of all kinds.
    pub failed: u64,
    /// Answers by class of status: 1xx … 5xx.
    pub classes: [u64; 5],
}

/// What one thread of the generator cost over the measured time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ThreadCpu {
    /// User and system CPU time in seconds.
    pub cpu_seconds: f64,
    /// Its share of one CPU over the measured time, 0 to 1.
    pub share: f64,
}

/// Whether the figures of a run may be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// False where the generator was the bottleneck.
    pub valid: bool,
    /// Why not; empty where it is valid.
    pub reasons: Vec<String>,
    /// What a reader should know all the same.
    pub notes: Vec<String>,
}
