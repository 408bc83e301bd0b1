//! What the command line says about a plan. It wins over the plan file.

use std::path::PathBuf;
use std::time::Duration;

use super::{Arrivals, Segment};

/// What the command line may say. `None` and empty lists leave what the plan file says, or the default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// `--url` beside a plan file: `http://host:port`.
    pub target: Option<String>,
    /// `--duration`
    pub duration: Option<Duration>,
    /// `--warmup`
    pub warmup: Option<Duration>,
    /// `--requests`: end after this many.
    pub requests_max: Option<u64>,
    /// `--rate`; see [`super::quantity::parse_rate`].
    pub rate: Option<Rate>,
    /// `--poisson`
    pub arrivals: Option<Arrivals>,
    /// `--speed`, of a replay.
    pub speed: Option<f64>,
    /// `--connections`
    pub connections: Option<usize>,
    /// `--pipeline`
    pub pipeline: Option<usize>,
    /// `--churn`
    pub requests_per_connection: Option<u64>,
    /// `--threads`
    pub threads: Option<usize>,
    /// `--seed`
    pub seed: Option<u64>,
    /// `--connect-timeout`
    pub connect_timeout: Option<Duration>,
    /// `--timeout`
    pub request_timeout: Option<Duration>,
    /// `--stall`
    pub stall: Option<Duration>,
    /// `--header 'Name: value'`, split at the colon and trimmed. They replace headers of these names in every request.
    pub headers: Vec<(String, String)>,
    /// `--method`; only without a plan file.
    pub method: Option<String>,
    /// `--body` or the content of `--body @file`; only without a plan file.
    pub body: Option<Vec<u8>>,
    /// `--expect-status`; replaces the accepted statuses of every request.
    pub expect_statuses: Vec<u16>,
    /// `--openapi`, `--har` or `--access-log`: where requests come from; only without a plan file.
    pub source: Option<Source>,
}

/// How fast to send, as the command line or a plan file says it.
#[derive(Debug, Clone, PartialEq)]
pub enum Rate {
    /// Requests per second, all the time.
    Constant(f64),
    /// Over time.
    Profile(Vec<Segment>),
}

/// A document from which requests are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// An OpenAPI document: a mix of its operations.
    OpenApi(PathBuf),
    /// A HAR file: a replay.
    Har(PathBuf),
    /// An access log: a replay.
    AccessLog(PathBuf),
}
