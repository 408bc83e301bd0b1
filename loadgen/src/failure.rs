//! The ways in which a request can fail. They are different things in the report.

use serde::{Deserialize, Serialize};

/// Why a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The connection was refused, or could not be opened for another reason.
    Connect,
    /// The connection was not open before the connect timeout.
    ConnectTimeout,
    /// The whole answer was not there before the request timeout.
    Timeout,
    /// No byte came for as long as the stall limit, though the request was sent.
    Stall,
    /// The connection was reset.
    Reset,
    /// The server closed the connection before the first byte of the answer.
    Closed,
    /// The server closed the connection in the middle of the answer.
    ShortBody,
    /// The answer is not HTTP/1.1 that can be read in one way.
    Protocol,
    /// The status is not one that is expected.
    Status,
    /// A header is missing or has another value.
    Header,
    /// The body is not what is expected.
    Body,
    /// The run ended before the answer came.
    Unfinished,
}

impl Failure {
    /// Every kind, in the order of the report.
    pub const ALL: [Failure; 12] = [
        Failure::Connect,
        Failure::ConnectTimeout,
        Failure::Timeout,
        Failure::Stall,
        Failure::Reset,
        Failure::Closed,
        Failure::ShortBody,
        Failure::Protocol,
        Failure::Status,
        Failure::Header,
        Failure::Body,
        Failure::Unfinished,
    ];

    /// The name in reports (JSON and text).
    pub fn name(self) -> &'static str {
        match self {
            Failure::Connect => "connect",
            Failure::ConnectTimeout => "connect_timeout",
            Failure::Timeout => "timeout",
            Failure::Stall => "stall",
            Failure::Reset => "reset",
            Failure::Closed => "closed",
            Failure::ShortBody => "short_body",
            Failure::Protocol => "protocol",
            Failure::Status => "status",
            Failure::Header => "header",
            Failure::Body => "body",
            Failure::Unfinished => "unfinished",
        }
    }
}
