//! HTTP/1.1, sans-io: bytes in, meaning out, and back. One strict reading of every message (RFC 9110, RFC 9112).
//!
//! What can be read in two ways is refused: the peers of a gateway do not agree on it, and that is how requests are smuggled.
//! Nothing here keeps more than what [`crate::limits`] states, and the result for a message never depends on how its bytes were
//! split.
//!
//! - [`parse_request`], [`parse_response`]: heads, as ranges into the caller's bytes.
//! - [`BodyLength`], [`BodyDecoder`]: how long a body is, and where it ends.
//! - [`encode`], [`DateCache`]: what we write.

mod chunked;
mod date;
pub mod encode;
mod error;
mod field;
mod framing;
mod head;
mod name;
mod scan;
mod target;
mod token;

#[cfg(test)]
mod corpus;

pub use date::DateCache;
pub use error::{BodyError, ProtocolError, ResponseError};
pub use framing::{BodyDecoder, BodyLength, Piece};
pub use head::{
    HeadLimits, Header, Parsed, RequestHead, ResponseHead, Span, Version, parse_request, parse_response,
};
pub use name::{HeaderId, Method};
pub use scan::Scan;
pub(crate) use token::is_token;
