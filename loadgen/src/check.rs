//! What a right answer is. A wrong answer is a failure, not throughput.

/// What an answer must be. An empty check accepts any status below 400.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Check {
    /// Accepted statuses; empty: every status below 400.
    pub statuses: Vec<u16>,
    /// Headers that must be there: lower-case name, and the exact value where one is given.
    pub headers: Vec<(String, Option<String>)>,
    /// What the body must be.
    pub body: Option<BodyCheck>,
}

/// What a body must be.
#[derive(Debug, Clone, PartialEq)]
pub enum BodyCheck {
    /// Exactly these bytes.
    Exact(Vec<u8>),
    /// This many bytes.
    Length(u64),
    /// The SHA-256 of the body, 32 bytes.
    Sha256([u8; 32]),
    /// Contains these bytes.
    Contains(Vec<u8>),
    /// JSON whose value at the JSON pointer (RFC 6901) equals this one.
    Json {
        /// RFC 6901.
        pointer: String,
        /// What must be there.
        value: serde_json::Value,
    },
}
