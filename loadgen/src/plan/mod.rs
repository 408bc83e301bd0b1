//! What a run sends: where to, how fast, on how many connections, which requests, and what answers are right.

use std::time::Duration;

use crate::check::Check;

mod access_log;
pub mod file;
mod har;
pub mod issue;
mod message;
mod openapi;
pub mod overrides;
pub mod quantity;
mod reader;
mod replay;
mod request;
mod settings;
mod source;
mod template;
mod timestamp;
mod url;

pub use file::{PlanFile, from_command_line, load};
pub use issue::{IssueKind, PlanIssue};
pub use overrides::{Overrides, Rate, Source};

/// A run, complete and validated.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where to send.
    pub target: Target,
    /// How fast.
    pub load: Load,
    /// How long to measure. None for a replay or a request count that ends by itself.
    pub duration: Option<Duration>,
    /// Time before the measurement whose answers count for nothing but failures.
    pub warmup: Duration,
    /// End after this many requests.
    pub requests_max: Option<u64>,
    /// Connections over all threads.
    pub connections: usize,
    /// Requests sent on a connection before the first of their answers is awaited; 1 is no pipelining.
    pub pipeline: usize,
    /// Requests after which a connection is closed and opened anew (churn); None keeps it for ever.
    pub requests_per_connection: Option<u64>,
    /// What is sent.
    pub requests: Requests,
    /// Limits on waiting.
    pub timeouts: Timeouts,
    /// Generator threads, each pinned to a CPU.
    pub threads: usize,
    /// Seed of everything random: arrivals, mix, template fields.
    pub seed: u64,
    /// What a reader of the report must know about what is sent, such as how many entries of a recording were left out.
    pub notes: Vec<String>,
}

/// Where to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// As given, for the report: `http://host:port`.
    pub url: String,
    /// Host name or address, to be resolved.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Value of the `Host` header.
    pub authority: String,
}

/// How fast to send.
#[derive(Debug, Clone, PartialEq)]
pub enum Load {
    /// Closed loop: each connection sends as soon as it has its answer. Says what a target can do at most;
    /// its latencies are service times only.
    Closed,
    /// Open loop: requests are due at times that do not depend on the answers.
    Open {
        /// The rate over time.
        profile: Vec<Segment>,
        /// How arrivals lie around the rate.
        arrivals: Arrivals,
    },
    /// Open loop at the recorded times of a replay, divided by this factor (2 is twice as fast).
    Replay {
        /// Speed-up.
        speed: f64,
    },
}

/// A piece of a rate profile. A step is two segments with constant rates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    /// How long it lasts.
    pub duration: Duration,
    /// Requests per second at its beginning.
    pub from: f64,
    /// Requests per second at its end; linear in between.
    pub to: f64,
}

/// How arrivals lie around the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrivals {
    /// Evenly spaced.
    Uniform,
    /// A Poisson process, as many independent clients make it.
    Poisson,
}

/// What is sent.
#[derive(Debug, Clone)]
pub enum Requests {
    /// Drawn at random by weight.
    Mix(Vec<Request>),
    /// In recorded order, each with its time since the first.
    Replay(Vec<(Duration, Request)>),
}

/// One kind of request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its name in reports; method and path where none was given.
    pub name: String,
    /// Share of the mix, relative to the others.
    pub weight: f64,
    /// The message.
    pub message: Template,
    /// Whether the method is HEAD: its answer has no body.
    pub is_head: bool,
    /// What its answer must be.
    pub check: Check,
}

/// A whole request message (request line, headers, empty line, body) with places to fill in.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// In order.
    pub parts: Vec<Part>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Bytes that are the same in each request.
    Fixed(Vec<u8>),
    /// A field that is made anew for each request. All have a fixed width, so that Content-Length stays true.
    Field(Field),
}

/// A field that is made anew for each request.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    /// `{{uuid}}`: a random version 4 UUID, 36 bytes.
    Uuid,
    /// `{{seq}}`: a number that no other request of this run has, 16 decimal digits with leading zeros.
    Sequence,
    /// `{{int:A..B}}`: a random number, A ≤ n < B, with leading zeros to the width of B - 1.
    Integer {
        /// Least.
        from: u64,
        /// One more than the greatest.
        to: u64,
    },
    /// `{{hex:N}}`: N random hexadecimal digits.
    Hex(usize),
    /// `{{text:N}}`: N random letters and digits.
    Text(usize),
    /// `{{choice:a|b|c}}`: one of these; they must have the same length where they are in a body.
    Choice(Vec<String>),
}

/// Limits on waiting. What runs into one is a failure of its own kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection to be open.
    pub connect: Duration,
    /// From the actual send to the last byte of the answer.
    pub request: Duration,
    /// Without a byte while an answer is awaited; None: no stall check.
    pub stall: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts { connect: Duration::from_secs(5), request: Duration::from_secs(60), stall: None }
    }
}
