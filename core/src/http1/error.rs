//! What can be wrong with bytes. Protocol errors are answered by the codec's own text and always followed by a close.

use std::fmt;

/// A request head that is not served: its status, then close. Also the reasons a response head is refused for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProtocolError {
    /// More than one empty line before a request (RFC 9112 §2.2 lets a server ignore at least one; we ignore exactly one).
    EmptyLines,
    /// The method is empty or has a character that is no token character (RFC 9110 §9.1).
    Method,
    /// The method is longer than any we would route (RFC 9112 §3).
    MethodTooLong,
    /// `CONNECT`: this is a gateway and opens no tunnels (RFC 9110 §9.3.6, §15.6.2).
    Tunnel,
    /// The request target is empty, of no known form, or has a character that must be percent-encoded (RFC 9112 §3.2).
    Target,
    /// The absolute form with a scheme other than `http` and `https` (RFC 9110 §4.2).
    Scheme,
    /// `*` with a method other than `OPTIONS` (RFC 9112 §3.2.4).
    AsteriskForm,
    /// The request line is longer than its limit (RFC 9110 §15.5.15).
    RequestLineTooLong,
    /// The request line does not end in `HTTP/` DIGIT `.` DIGIT (RFC 9112 §2.3).
    Version,
    /// A well-formed version other than 1.0 and 1.1 (RFC 9110 §15.6.6).
    VersionUnsupported,
    /// A CR without LF or an LF without CR (RFC 9112 §2.2 allows the latter; it is how requests are smuggled).
    LineEnd,
    /// A header line that starts with white space: obsolete line folding, or space before the first field (RFC 9112 §2.2, §5.2).
    LeadingSpace,
    /// White space between field name and colon (RFC 9112 §5.1).
    SpaceBeforeColon,
    /// A field name that is empty, has a character that is no token character, or has no colon (RFC 9110 §5.1).
    HeaderName,
    /// NUL or another control character in a field value (RFC 9110 §5.5).
    HeaderValue,
    /// The header section is larger than its limit (RFC 6585 §5).
    HeadersTooLarge,
    /// More header lines than the limit (RFC 6585 §5).
    TooManyHeaders,
    /// Content-Length is not one decimal number that fits 64 bits (RFC 9110 §8.6).
    ContentLength,
    /// Content-Length twice, even if equal (RFC 9110 §8.6 allows to merge them; we refuse).
    ContentLengthTwice,
    /// Content-Length and Transfer-Encoding in one message (RFC 9112 §6.3).
    LengthAndEncoding,
    /// Transfer-Encoding in a message of HTTP/1.0 (RFC 9112 §6.1).
    EncodingInHttp10,
    /// Transfer-Encoding is malformed, or `chunked` is not its last and only `chunked` (RFC 9112 §6.1).
    TransferEncoding,
    /// A transfer coding other than `chunked` (RFC 9112 §6.1).
    TransferCoding,
    /// Connection is no list of tokens, or has more options than the limit (RFC 9110 §7.6.1).
    Connection,
    /// No Host field in HTTP/1.1 (RFC 9112 §3.2).
    HostMissing,
    /// More than one Host field (RFC 9112 §3.2).
    HostTwice,
    /// The Host field, or the authority of an absolute target, is no host name or address with an optional port (RFC 9110 §7.2).
    Host,
    /// The authority of an absolute target differs from the Host field (RFC 9112 §3.2.2 would let the target win; we refuse).
    HostMismatch,
    /// An expectation other than `100-continue` (RFC 9110 §10.1.1).
    Expectation,
    /// Content-Length is above the configured limit (RFC 9110 §15.5.14).
    BodyTooLarge,
}

impl ProtocolError {
    /// The status code to answer with.
    pub fn status(self) -> u16 {
        match self {
            ProtocolError::BodyTooLarge => 413,
            ProtocolError::RequestLineTooLong => 414,
            ProtocolError::Expectation => 417,
            ProtocolError::HeadersTooLarge | ProtocolError::TooManyHeaders => 431,
            ProtocolError::MethodTooLong | ProtocolError::Tunnel | ProtocolError::TransferCoding => 501,
            ProtocolError::VersionUnsupported => 505,
            _ => 400,
        }
    }

    /// One plain sentence without a final stop, safe to send to the peer.
    pub fn message(self) -> &'static str {
        match self {
            ProtocolError::EmptyLines => "more than one empty line before the request",
            ProtocolError::Method => "the method is not a token",
            ProtocolError::MethodTooLong => "the method is too long",
            ProtocolError::Tunnel => "CONNECT is not supported",
            ProtocolError::Target => "the request target is malformed",
            ProtocolError::Scheme => "the scheme of the request target is neither http nor https",
            ProtocolError::AsteriskForm => "the request target * is for OPTIONS only",
            ProtocolError::RequestLineTooLong => "the request line is too long",
            ProtocolError::Version => "the protocol version is malformed",
            ProtocolError::VersionUnsupported => "only HTTP/1.0 and HTTP/1.1 are supported",
            ProtocolError::LineEnd => "a line does not end in CR LF",
            ProtocolError::LeadingSpace => "a header line starts with white space",
            ProtocolError::SpaceBeforeColon => "white space between a header name and its colon",
            ProtocolError::HeaderName => "a header name is malformed",
            ProtocolError::HeaderValue => "a header value has a control character",
            ProtocolError::HeadersTooLarge => "the header section is too large",
            ProtocolError::TooManyHeaders => "too many header lines",
            ProtocolError::ContentLength => "Content-Length is not a decimal number",
            ProtocolError::ContentLengthTwice => "more than one Content-Length",
            ProtocolError::LengthAndEncoding => "both Content-Length and Transfer-Encoding",
            ProtocolError::EncodingInHttp10 => "Transfer-Encoding in HTTP/1.0",
            ProtocolError::TransferEncoding => "Transfer-Encoding is malformed",
            ProtocolError::TransferCoding => "the only supported transfer coding is chunked",
            ProtocolError::Connection => "Connection is malformed",
            ProtocolError::HostMissing => "the Host header is missing",
            ProtocolError::HostTwice => "more than one Host header",
            ProtocolError::Host => "the host is malformed",
            ProtocolError::HostMismatch => "the request target and the Host header name different hosts",
            ProtocolError::Expectation => "the only supported expectation is 100-continue",
            ProtocolError::BodyTooLarge => "the body is too large",
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for ProtocolError {}

/// A response head that is not passed on: the client gets 502 and the backend's connection is never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseError {
    /// The status line is not `HTTP/1.0` or `HTTP/1.1`, a status of 100 to 599 and an optional reason (RFC 9112 §4).
    StatusLine,
    /// The status line is longer than its limit.
    StatusLineTooLong,
    /// The header section or the framing is wrong, as in a request.
    Head(ProtocolError),
}

impl ResponseError {
    /// One plain sentence without a final stop, for logs.
    pub fn message(self) -> &'static str {
        match self {
            ResponseError::StatusLine => "the status line is malformed",
            ResponseError::StatusLineTooLong => "the status line is too long",
            ResponseError::Head(error) => error.message(),
        }
    }
}

impl From<ProtocolError> for ResponseError {
    fn from(error: ProtocolError) -> Self {
        ResponseError::Head(error)
    }
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for ResponseError {}

/// A body that cannot be read to its end. The connection it came on is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// A chunk size that is not made of hexadecimal digits (RFC 9112 §7.1).
    ChunkSize,
    /// A chunk size of more than 16 digits: it need not fit 64 bits (RFC 9112 §7.1).
    ChunkSizeTooLong,
    /// A control character in a chunk extension (RFC 9112 §7.1.1).
    ChunkExtension,
    /// Chunk extensions above their limits (RFC 9112 §7.1.1 asks for one).
    ChunkExtensionsTooLong,
    /// A line of the chunk framing does not end in CR LF.
    ChunkLineEnd,
    /// The data of a chunk is not followed by CR LF (RFC 9112 §7.1).
    ChunkDataEnd,
    /// A malformed trailer line (RFC 9112 §7.1.2).
    Trailer(ProtocolError),
    /// The trailer section is larger than its limit (RFC 6585 §5).
    TrailersTooLarge,
    /// The body is larger than its limit (RFC 9110 §15.5.14).
    TooLarge,
    /// The peer closed before the end of the body (RFC 9112 §8).
    Truncated,
}

impl BodyError {
    /// The status code to answer a request with, if no answer has begun.
    pub fn status(self) -> u16 {
        match self {
            BodyError::TooLarge => 413,
            BodyError::TrailersTooLarge => 431,
            _ => 400,
        }
    }

    /// One plain sentence without a final stop, safe to send to the peer.
    pub fn message(self) -> &'static str {
        match self {
            BodyError::ChunkSize => "a chunk size is malformed",
            BodyError::ChunkSizeTooLong => "a chunk size has too many digits",
            BodyError::ChunkExtension => "a chunk extension is malformed",
            BodyError::ChunkExtensionsTooLong => "the chunk extensions are too long",
            BodyError::ChunkLineEnd => "a chunk line does not end in CR LF",
            BodyError::ChunkDataEnd => "the data of a chunk does not end in CR LF",
            BodyError::Trailer(error) => error.message(),
            BodyError::TrailersTooLarge => "the trailer section is too large",
            BodyError::TooLarge => "the body is too large",
            BodyError::Truncated => "the body is incomplete",
        }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for BodyError {}
