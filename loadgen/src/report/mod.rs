//! The report of a run: one schema, shown as text, JSON or HTML, merged across hosts, and compared.
//!
//! The JSON is documented in `docs/ringload-report.md`. Fields are added without a new version; a changed or removed
//! field raises [`SCHEMA_VERSION`].

pub mod build;
pub mod html;
pub mod json;
pub mod live;
pub mod merge;
#[cfg(test)]
pub(crate) mod sample;
pub mod text;
pub(crate) mod words;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The value of `schema` in each report.
pub const SCHEMA: &str = "ringload-report";
/// The version of the schema that this build writes and reads.
pub const SCHEMA_VERSION: u32 = 1;

/// A run, measured. Durations are microseconds with fractions unless a name says otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: String,
    /// [`SCHEMA_VERSION`].
    pub version: u32,
    /// What was run, where and when.
    pub run: Run,
    /// Whether the figures may be trusted. False where the generator was the bottleneck.
    pub valid: bool,
    /// Why not.
    pub invalid_reasons: Vec<String>,
    /// What a reader should know, though the run is valid: failures at the start, an early end by Ctrl-C.
    pub notes: Vec<String>,
    /// Requests and connections.
    pub counts: Counts,
    /// Right answers per second of the measured time.
    pub ok_per_second: f64,
    /// What the generator itself cost.
    pub generator: Generator,
    /// Latencies of right answers.
    pub latency: Latencies,
    /// One entry per kind of request, in the order of the plan.
    pub requests: Vec<RequestReport>,
    /// One entry per second.
    pub series: Vec<Second>,
    /// The first few failures in words.
    pub failure_examples: Vec<String>,
}

/// What was run, where and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Version of ringload.
    pub ringload: String,
    /// A name given by `--label`, for comparisons; empty where none was.
    pub label: String,
    /// Start in milliseconds since 1970-01-01 UTC.
    pub started_unix_ms: u64,
    /// Seconds that were measured, warm-up not counted.
    pub seconds: f64,
    /// `http://host:port`.
    pub target: String,
    /// The load in words: `closed loop, 64 connections`, `open loop, 5000/s uniform, 64 connections`.
    pub load: String,
    /// `closed`, `open` or `replay`.
    pub mode: String,
    /// Requests per second that were asked for, averaged over the run; None in a closed loop.
    pub intended_per_second: Option<f64>,
    /// Connections.
    pub connections: usize,
    /// Requests in flight on one connection.
    pub pipeline: usize,
    /// Generator threads.
    pub threads: usize,
    /// Seed of the run.
    pub seed: u64,
    /// The driver: `native io_uring`, `io_uring through monoio (flags)` or `epoll`.
    pub driver: String,
    /// Host name, CPU model and kernel of the generator's machine; several joined by `; ` after a merge.
    pub host: String,
    /// How many reports were merged into this one (1: none).
    pub merged: u32,
}

/// Requests and connections.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// Due within the run (open loop), or sent (closed loop).
    pub intended: u64,
    /// Sent.
    pub sent: u64,
    /// Right answers.
    pub ok: u64,
    /// All failures.
    pub failed: u64,
    /// Failures by kind ([`crate::failure::Failure::name`]); kinds that did not happen are left out.
    pub failures: BTreeMap<String, u64>,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Due, but never sent.
    pub missed: u64,
    /// Sent more than a millisecond late by the generator's own fault.
    pub late: u64,
    /// Connections opened.
    pub connections: u64,
    /// Bytes of requests.
    pub bytes_sent: u64,
    /// Bytes of answers, heads included.
    pub bytes_received: u64,
}

/// What the generator itself cost.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Generator {
    /// User and system CPU time of the generator's threads over the measured time, in seconds.
    pub cpu_seconds: f64,
    /// The busiest thread's share of one CPU, 0 to 1.
    pub busiest_thread: f64,
    /// Answers per CPU-second of the generator.
    pub requests_per_cpu_second: f64,
    /// How late it sent where a connection was free.
    pub lateness: Distribution,
}

/// Latencies of right answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Latencies {
    /// From the intended send to the last byte: what a client sees. The main figure.
    pub intended: Distribution,
    /// From the actual send to the last byte.
    pub service: Distribution,
    /// From the call to connect to the open connection.
    pub connect: Distribution,
    /// The TLS handshake; empty until ringload speaks TLS.
    pub tls: Distribution,
    /// From the actual send to the first byte.
    pub first_byte: Distribution,
    /// From the first byte to the last.
    pub last_byte: Distribution,
}

/// A distribution of durations, in microseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// How many.
    pub count: u64,
    /// Least.
    pub min: f64,
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub stdev: f64,
    /// Percentiles.
    pub p50: f64,
    /// 75 %.
    pub p75: f64,
    /// 90 %.
    pub p90: f64,
    /// 95 %.
    pub p95: f64,
    /// 99 %.
    pub p99: f64,
    /// 99.9 %.
    pub p999: f64,
    /// 99.99 %.
    pub p9999: f64,
    /// Greatest.
    pub max: f64,
    /// The whole histogram: `[nanoseconds, count]`, ascending, so that reports can be merged exactly.
    pub buckets: Vec<(u64, u64)>,
}

/// One kind of request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestReport {
    /// Its name in the plan.
    pub name: String,
    /// Right answers.
    pub ok: u64,
    /// Failures.
    pub failed: u64,
    /// From the intended send to the last byte.
    pub latency: Distribution,
}

/// One second of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Second {
    /// Seconds since the measurement began; negative in the warm-up.
    pub second: i64,
    /// Requests sent.
    pub sent: u64,
    /// Right answers.
    pub ok: u64,
    /// Failures.
    pub failed: u64,
    /// Answers by class of status: 1xx … 5xx.
    pub classes: [u64; 5],
    /// Median latency from the intended send, in microseconds; 0 where nothing was answered.
    pub p50: f64,
    /// 90 %.
    pub p90: f64,
    /// 99 %.
    pub p99: f64,
    /// 99.9 %.
    pub p999: f64,
    /// Greatest.
    pub max: f64,
}
