//! Heads of requests and responses, as ranges into the bytes they were read from (RFC 9112 §2 to §5).
//!
//! httparse splits a head that is there as a whole; what it is too kind about (LF alone as a line end, any byte in a target) is
//! checked here, and what the fields mean is decided in [`super::framing`]. Heads in pieces go through [`super::scan`] first.

use std::mem::MaybeUninit;

use super::error::{ProtocolError, ResponseError};
use super::framing::{BodyLength, Facts};
use super::name::{HeaderId, Method};
use super::scan::Scan;
use super::target::{Target, is_host};
use super::token::is_tchar;
use crate::limits;

/// A range of the bytes a head was read from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// Its first byte.
    pub start: u32,
    /// The byte after its last.
    pub end: u32,
}

impl Span {
    /// The bytes it stands for. `bytes` is what the head was read from: shorter ones panic.
    pub fn of<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.start as usize..self.end as usize]
    }

    /// How many bytes.
    pub fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Where `part` lies in the bytes that begin at address `base`.
    fn within(base: usize, part: &[u8]) -> Span {
        let start = (part.as_ptr().addr() - base) as u32;
        Span { start, end: start + part.len() as u32 }
    }
}

/// The protocol version of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

impl Version {
    fn of(minor: Option<u8>) -> Version {
        if minor == Some(0) { Version::Http10 } else { Version::Http11 }
    }
}

/// A header line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The name, in the case it came in.
    pub name: Span,
    /// The value without the white space around it; may be empty, may have obs-text.
    pub value: Span,
    /// The name, recognised.
    pub id: HeaderId,
    /// Whether it ends here: a connection field, or one that a Connection field names (RFC 9110 §7.6.1).
    pub hop_by_hop: bool,
}

/// A request head. Reuse one for many requests: its headers keep their space. Only valid after [`Parsed::Complete`].
#[derive(Debug, Clone)]
pub struct RequestHead {
    /// The method, recognised.
    pub method: Method,
    /// The method as it came.
    pub method_name: Span,
    /// The whole request target.
    pub target: Span,
    /// The path without the query, never empty; `*` of `OPTIONS *`. Not decoded.
    pub path: Span,
    /// The query without its `?`.
    pub query: Option<Span>,
    /// The version.
    pub version: Version,
    /// The Host field, or the authority of an absolute target where HTTP/1.0 has no Host. Host names and ports are well-formed.
    pub host: Option<Span>,
    /// The header lines in their order, at most [`limits::HEADERS_MAX`].
    pub headers: Vec<Header>,
    /// How the end of the body is known; never [`BodyLength::UntilClose`].
    pub body: BodyLength,
    /// Whether the client wants to use the connection again.
    pub keep_alive: bool,
    /// Whether the client waits for [`super::encode::CONTINUE`] before it sends the body.
    pub expect_continue: bool,
    /// Whether the client wants to upgrade: `Connection: upgrade` and an Upgrade field.
    pub upgrade: bool,
    /// Bytes of the head with its blank line, and with the empty line before it, if any.
    pub len: usize,
}

impl Default for RequestHead {
    fn default() -> Self {
        RequestHead {
            method: Method::Other,
            method_name: Span::default(),
            target: Span::default(),
            path: Span::default(),
            query: None,
            version: Version::Http11,
            host: None,
            headers: Vec::new(),
            body: BodyLength::None,
            keep_alive: false,
            expect_continue: false,
            upgrade: false,
            len: 0,
        }
    }
}

/// A response head. Reuse one for many responses: its headers keep their space. Only valid after [`Parsed::Complete`].
#[derive(Debug, Clone)]
pub struct ResponseHead {
    /// The version.
    pub version: Version,
    /// The status code, 100 to 599. 1xx are interim: another head follows. After 101 there is no HTTP.
    pub status: u16,
    /// The reason phrase, often empty.
    pub reason: Span,
    /// The header lines in their order, at most [`limits::HEADERS_MAX`].
    pub headers: Vec<Header>,
    /// How the end of the body is known.
    pub body: BodyLength,
    /// Whether the connection can be used again once the body was read.
    pub keep_alive: bool,
    /// Bytes of the head with its blank line.
    pub len: usize,
}

impl Default for ResponseHead {
    fn default() -> Self {
        ResponseHead {
            version: Version::Http11,
            status: 0,
            reason: Span::default(),
            headers: Vec::new(),
            body: BodyLength::None,
            keep_alive: false,
            len: 0,
        }
    }
}

/// Whether a head is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// The head is filled in.
    Complete,
    /// More bytes are needed; what is there is right so far.
    Partial,
}

/// What a head may have. The meanings are those of [`crate::limits`].
#[derive(Debug, Clone)]
pub struct HeadLimits {
    /// Bytes of a request line.
    pub request_line_bytes_max: usize,
    /// Bytes of a status line.
    pub status_line_bytes_max: usize,
    /// Bytes of all header lines.
    pub header_bytes_max: usize,
    /// Header lines; above [`limits::HEADERS_MAX`] it has no effect.
    pub headers_max: usize,
    /// Bytes of a request body that its Content-Length may announce. No effect on responses.
    pub body_bytes_max: u64,
}

impl Default for HeadLimits {
    fn default() -> Self {
        HeadLimits {
            request_line_bytes_max: limits::REQUEST_LINE_BYTES_MAX,
            status_line_bytes_max: limits::STATUS_LINE_BYTES_MAX,
            header_bytes_max: limits::HEADER_BYTES_MAX,
            headers_max: limits::HEADERS_MAX,
            body_bytes_max: limits::BODY_BYTES_MAX,
        }
    }
}

impl HeadLimits {
    pub(super) fn headers_max(&self) -> usize {
        self.headers_max.min(limits::HEADERS_MAX)
    }
}

/// Reads a request head from `bytes`, which begin where the last message ended and grow from call to call while the result is
/// [`Parsed::Partial`]. `scan` remembers how far they were read; it is ready for the next head after [`Parsed::Complete`].
///
/// After an error the connection gets [`ProtocolError::status`] and is closed.
pub fn parse_request(
    bytes: &[u8],
    scan: &mut Scan,
    limits: &HeadLimits,
    head: &mut RequestHead,
) -> Result<Parsed, ProtocolError> {
    if scan.is_fresh() && matches!(read_request(bytes, limits, head), Ok(Parsed::Complete)) {
        return Ok(Parsed::Complete);
    }
    parse_request_in_pieces(bytes, scan, limits, head)
}

#[cold]
fn parse_request_in_pieces(
    bytes: &[u8],
    scan: &mut Scan,
    limits: &HeadLimits,
    head: &mut RequestHead,
) -> Result<Parsed, ProtocolError> {
    let Some(len) = scan.request(bytes, limits)? else { return Ok(Parsed::Partial) };
    let parsed = read_request(&bytes[..len], limits, head)?;
    scan.reset();
    Ok(parsed)
}

/// As [`parse_request`], for the response to a request of method `to_method`.
///
/// After an error the client gets 502 and the connection is closed.
pub fn parse_response(
    bytes: &[u8],
    scan: &mut Scan,
    limits: &HeadLimits,
    to_method: Method,
    head: &mut ResponseHead,
) -> Result<Parsed, ResponseError> {
    if scan.is_fresh() && matches!(read_response(bytes, limits, to_method, head), Ok(Parsed::Complete)) {
        return Ok(Parsed::Complete);
    }
    parse_response_in_pieces(bytes, scan, limits, to_method, head)
}

#[cold]
fn parse_response_in_pieces(
    bytes: &[u8],
    scan: &mut Scan,
    limits: &HeadLimits,
    to_method: Method,
    head: &mut ResponseHead,
) -> Result<Parsed, ResponseError> {
    let Some(len) = scan.response(bytes, limits)? else { return Ok(Parsed::Partial) };
    let parsed = read_response(&bytes[..len], limits, to_method, head)?;
    scan.reset();
    Ok(parsed)
}

/// Space for what httparse finds, on the stack.
const NO_HEADERS: [MaybeUninit<httparse::Header<'static>>; limits::HEADERS_MAX] =
    [const { MaybeUninit::uninit() }; limits::HEADERS_MAX];

/// Reads a whole head. Accepts only what [`Scan::request`] accepts; its syntax errors are coarse, because the scan names them.
fn read_request(bytes: &[u8], limits: &HeadLimits, head: &mut RequestHead) -> Result<Parsed, ProtocolError> {
    let skipped = if bytes.starts_with(b"\r\n") { 2 } else { 0 };
    match bytes.get(skipped) {
        Some(&byte) if is_tchar(byte) => {}
        Some(_) => return Err(ProtocolError::Method),
        None => return Ok(Parsed::Partial),
    }
    let mut space = NO_HEADERS;
    let mut request = httparse::Request::new(&mut []);
    let parsed = request.parse_with_uninit_headers(&bytes[skipped..], &mut space[..limits.headers_max()]);
    let len = match parsed {
        Ok(httparse::Status::Complete(len)) => skipped + len,
        Ok(httparse::Status::Partial) => return Ok(Parsed::Partial),
        Err(error) => return Err(coarse(error)),
    };
    let base = bytes.as_ptr().addr();
    let (Some(method), Some(target)) = (request.method, request.path) else {
        return Err(ProtocolError::Method);
    };
    if method.len() > limits::METHOD_BYTES_MAX {
        return Err(ProtocolError::MethodTooLong);
    }
    let facts = read_fields(&bytes[..len], request.headers, limits, &mut head.headers)?;
    if facts.first_line_end - skipped > limits.request_line_bytes_max {
        return Err(ProtocolError::RequestLineTooLong);
    }
    head.len = len;
    head.version = Version::of(request.version);
    head.method = Method::of(method.as_bytes());
    head.method_name = Span::within(base, method.as_bytes());
    head.target = Span::within(base, target.as_bytes());
    if head.method == Method::Other && method == "CONNECT" {
        return Err(ProtocolError::Tunnel);
    }
    let target = Target::parse(bytes, head.target, head.method == Method::Options)?;
    head.path = target.path;
    head.query = target.query;
    head.host = host(bytes, head.version, &facts, target.authority)?;
    let framing = facts.framing.request(head.version, limits.body_bytes_max)?;
    head.body = framing.body;
    head.keep_alive = framing.keep_alive;
    head.expect_continue = framing.expect_continue;
    head.upgrade = framing.upgrade;
    Ok(Parsed::Complete)
}

/// As [`read_request`].
fn read_response(
    bytes: &[u8],
    limits: &HeadLimits,
    to_method: Method,
    head: &mut ResponseHead,
) -> Result<Parsed, ResponseError> {
    if bytes.first().is_some_and(|&byte| byte != b'H') {
        return Err(ResponseError::StatusLine);
    }
    let mut space = NO_HEADERS;
    let mut response = httparse::Response::new(&mut []);
    let space = &mut space[..limits.headers_max()];
    let parsed =
        httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut response, bytes, space);
    let len = match parsed {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) => return Ok(Parsed::Partial),
        Err(error) => return Err(coarse(error).into()),
    };
    let facts = read_fields(&bytes[..len], response.headers, limits, &mut head.headers)?;
    if facts.first_line_end > limits.status_line_bytes_max {
        return Err(ResponseError::StatusLineTooLong);
    }
    head.len = len;
    head.version = Version::of(response.version);
    head.status =
        response.code.filter(|status| (100..=599).contains(status)).ok_or(ResponseError::StatusLine)?;
    // "HTTP/1.1 200" has 12 bytes; the reason comes after one more, if at all.
    let line_end = facts.first_line_end as u32;
    head.reason = Span { start: line_end.min(13), end: line_end };
    (head.body, head.keep_alive) = facts.framing.response(head.version, head.status, to_method)?;
    Ok(Parsed::Complete)
}

/// What the header lines of a head say.
#[derive(Default)]
struct Fields {
    framing: Facts,
    host: Option<Span>,
    hosts: usize,
    /// Where the first line ends, without its line end.
    first_line_end: usize,
}

/// Collects the header lines, once, in order. `bytes` are the whole head.
fn read_fields(
    bytes: &[u8],
    found: &[httparse::Header<'_>],
    limits: &HeadLimits,
    headers: &mut Vec<Header>,
) -> Result<Fields, ProtocolError> {
    let base = bytes.as_ptr().addr();
    let lines_end = bytes.len().saturating_sub(2);
    let mut fields = Fields::default();
    // A line starts after every line end, so the two bytes before each name and before the blank line show them all.
    let crlf_before = |at: usize| matches!(bytes.get(..at), Some([.., b'\r', b'\n']));
    let mut all_crlf = crlf_before(lines_end) & crlf_before(bytes.len());
    headers.clear();
    for line in found {
        let name = Span::within(base, line.name.as_bytes());
        let value = Span::within(base, line.value);
        let id = HeaderId::of(line.name.as_bytes());
        all_crlf &= crlf_before(name.start as usize);
        headers.push(Header { name, value, id, hop_by_hop: id.is_hop_by_hop() });
        if id == HeaderId::Host {
            fields.host = Some(value);
            fields.hosts += 1;
        } else if id != HeaderId::Other {
            fields.framing.note(id, line.value)?;
        }
    }
    if !all_crlf {
        return Err(ProtocolError::LineEnd);
    }
    let lines_start = headers.first().map_or(lines_end, |header| header.name.start as usize);
    if lines_end - lines_start > limits.header_bytes_max {
        return Err(ProtocolError::HeadersTooLarge);
    }
    fields.first_line_end = lines_start - 2;
    fields.framing.mark_hop_by_hop(bytes, headers);
    Ok(fields)
}

/// The one decision on which host a request is for (RFC 9112 §3.2).
fn host(
    bytes: &[u8],
    version: Version,
    fields: &Fields,
    authority: Option<Span>,
) -> Result<Option<Span>, ProtocolError> {
    let Some(host) = fields.host else {
        return if version == Version::Http11 { Err(ProtocolError::HostMissing) } else { Ok(authority) };
    };
    if fields.hosts > 1 {
        return Err(ProtocolError::HostTwice);
    }
    if !is_host(host.of(bytes)) {
        return Err(ProtocolError::Host);
    }
    if authority.is_some_and(|authority| !authority.of(bytes).eq_ignore_ascii_case(host.of(bytes))) {
        return Err(ProtocolError::HostMismatch);
    }
    Ok(Some(host))
}

/// An error of the right kind for what httparse refuses; the scan refuses it too, and more exactly.
fn coarse(error: httparse::Error) -> ProtocolError {
    match error {
        httparse::Error::HeaderName => ProtocolError::HeaderName,
        httparse::Error::HeaderValue => ProtocolError::HeaderValue,
        httparse::Error::NewLine | httparse::Error::Status => ProtocolError::LineEnd,
        httparse::Error::Token => ProtocolError::Target,
        httparse::Error::TooManyHeaders => ProtocolError::TooManyHeaders,
        httparse::Error::Version => ProtocolError::Version,
    }
}
