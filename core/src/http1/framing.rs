//! The only place that decides message length, persistence and upgrade (RFC 9112 §6, §9.3; RFC 9110 §7.6.1, §7.8).

use std::ops::Range;

use super::chunked::Chunked;
use super::error::{BodyError, ProtocolError};
use super::head::{Header, Version};
use super::name::{HeaderId, Method};
use super::token::{elements, is_token};
use crate::limits::CONNECTION_OPTIONS_MAX;

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyLength {
    /// There is no body.
    None,
    /// So many bytes; a Content-Length of 0 is kept apart from no body, because it is passed on.
    Length(u64),
    /// The chunked coding ends it.
    Chunked,
    /// The end of the connection ends it. Never of a request.
    UntilClose,
}

/// What the fields of one head say about framing, collected in one pass.
#[derive(Debug, Default)]
pub(super) struct Facts {
    content_length: Option<u64>,
    coding: Coding,
    close: bool,
    keep_alive: bool,
    upgrade_option: bool,
    upgrade_field: bool,
    options: usize,
    names_fields: bool,
    expect_continue: bool,
    expect_other: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Coding {
    #[default]
    None,
    Chunked,
    Unknown,
}

/// The verdict on a request.
pub(super) struct RequestFraming {
    pub(super) body: BodyLength,
    pub(super) keep_alive: bool,
    pub(super) expect_continue: bool,
    pub(super) upgrade: bool,
}

impl Facts {
    /// Takes note of one field.
    pub(super) fn note(&mut self, id: HeaderId, value: &[u8]) -> Result<(), ProtocolError> {
        match id {
            HeaderId::ContentLength => self.content_length(value),
            HeaderId::TransferEncoding => self.transfer_encoding(value),
            HeaderId::Connection => self.connection(value),
            HeaderId::Upgrade => {
                self.upgrade_field = true;
                Ok(())
            }
            HeaderId::Expect => {
                let known = value.eq_ignore_ascii_case(b"100-continue");
                self.expect_continue |= known;
                self.expect_other |= !known;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn content_length(&mut self, value: &[u8]) -> Result<(), ProtocolError> {
        let number = decimal(value).ok_or(ProtocolError::ContentLength)?;
        match self.content_length.replace(number) {
            None => Ok(()),
            Some(_) => Err(ProtocolError::ContentLengthTwice),
        }
    }

    /// Several fields are one list. Nothing may follow `chunked`; no element may be empty, because peers differ on such lists.
    fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), ProtocolError> {
        for coding in elements(value) {
            if self.coding == Coding::Chunked || !is_token(coding) {
                return Err(ProtocolError::TransferEncoding);
            }
            let is_chunked = coding.eq_ignore_ascii_case(b"chunked") && self.coding == Coding::None;
            self.coding = if is_chunked { Coding::Chunked } else { Coding::Unknown };
        }
        Ok(())
    }

    fn connection(&mut self, value: &[u8]) -> Result<(), ProtocolError> {
        if matches!(value, b"keep-alive" | b"Keep-Alive") {
            self.keep_alive = true; // what nearly every message says
            self.options += 1;
        } else {
            self.connection_options(value)?;
        }
        if self.options > CONNECTION_OPTIONS_MAX { Err(ProtocolError::Connection) } else { Ok(()) }
    }

    fn connection_options(&mut self, value: &[u8]) -> Result<(), ProtocolError> {
        for option in elements(value).filter(|option| !option.is_empty()) {
            self.options += 1;
            if !is_token(option) {
                return Err(ProtocolError::Connection);
            }
            match option.len() {
                10 if option.eq_ignore_ascii_case(b"keep-alive") => self.keep_alive = true,
                5 if option.eq_ignore_ascii_case(b"close") => self.close = true,
                7 if option.eq_ignore_ascii_case(b"upgrade") => self.upgrade_option = true,
                _ => self.names_fields = true,
            }
        }
        Ok(())
    }

    /// Marks every field that a Connection field names.
    pub(super) fn mark_hop_by_hop(&self, bytes: &[u8], headers: &mut [Header]) {
        if !self.names_fields {
            return;
        }
        for at in 0..headers.len() {
            if headers[at].id != HeaderId::Connection {
                continue;
            }
            for option in elements(headers[at].value.of(bytes)) {
                for header in headers.iter_mut() {
                    header.hop_by_hop |= header.name.of(bytes).eq_ignore_ascii_case(option);
                }
            }
        }
    }

    /// The one decision for requests (RFC 9112 §6.3).
    pub(super) fn request(
        &self,
        version: Version,
        body_bytes_max: u64,
    ) -> Result<RequestFraming, ProtocolError> {
        self.check_length(version)?;
        let body = match (self.coding, self.content_length) {
            (Coding::Chunked, _) => BodyLength::Chunked,
            (_, Some(length)) if length > body_bytes_max => return Err(ProtocolError::BodyTooLarge),
            (_, Some(length)) => BodyLength::Length(length),
            (_, None) => BodyLength::None,
        };
        // HTTP/1.0 has neither expectations nor upgrades: both are ignored (RFC 9110 §10.1.1, §7.8).
        let is_http11 = version == Version::Http11;
        if self.expect_other && is_http11 {
            return Err(ProtocolError::Expectation);
        }
        let has_body = !matches!(body, BodyLength::None | BodyLength::Length(0));
        Ok(RequestFraming {
            body,
            keep_alive: self.persists(version),
            expect_continue: self.expect_continue && is_http11 && has_body,
            upgrade: self.upgrade_option && self.upgrade_field && is_http11,
        })
    }

    /// The one decision for responses (RFC 9112 §6.3): length, and whether the connection may be used again.
    pub(super) fn response(
        &self,
        version: Version,
        status: u16,
        to_method: Method,
    ) -> Result<(BodyLength, bool), ProtocolError> {
        self.check_length(version)?;
        let keep_alive = self.persists(version);
        if status < 200 || status == 204 {
            // Neither may announce a body (RFC 9112 §6.1, RFC 9110 §8.6). One that does may send it, so what follows is not trusted.
            let announced =
                self.coding != Coding::None || self.content_length.is_some_and(|length| length > 0);
            return Ok((BodyLength::None, keep_alive && !announced));
        }
        if status == 304 || to_method == Method::Head {
            return Ok((BodyLength::None, keep_alive));
        }
        Ok(match (self.coding, self.content_length) {
            (Coding::Chunked, _) => (BodyLength::Chunked, keep_alive),
            (_, Some(length)) => (BodyLength::Length(length), keep_alive),
            (_, None) => (BodyLength::UntilClose, false),
        })
    }

    fn check_length(&self, version: Version) -> Result<(), ProtocolError> {
        match self.coding {
            Coding::None => Ok(()),
            _ if self.content_length.is_some() => Err(ProtocolError::LengthAndEncoding),
            _ if version == Version::Http10 => Err(ProtocolError::EncodingInHttp10),
            Coding::Unknown => Err(ProtocolError::TransferCoding),
            Coding::Chunked => Ok(()),
        }
    }

    fn persists(&self, version: Version) -> bool {
        !self.close && (version == Version::Http11 || self.keep_alive)
    }
}

/// A number of decimal digits only.
fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// Reads a body from bytes as they come, and knows where it ends.
#[derive(Debug, Clone)]
pub struct BodyDecoder {
    rest: Rest,
}

#[derive(Debug, Clone)]
enum Rest {
    Length(u64),
    Chunked(Chunked),
    UntilClose { allowed: u64 },
    Closed,
}

/// What [`BodyDecoder::decode`] made of its input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// How many bytes of the input are used up.
    pub consumed: usize,
    /// Which of them are payload; empty if none.
    pub data: Range<usize>,
}

impl BodyDecoder {
    /// A decoder without a limit, for bodies that are passed on as they come.
    pub fn new(length: BodyLength) -> Self {
        BodyDecoder::with_limit(length, u64::MAX)
    }

    /// A decoder that refuses more than `body_bytes_max` bytes of payload where the head does not say how many there are. A
    /// Content-Length was judged with the head.
    pub fn with_limit(length: BodyLength, body_bytes_max: u64) -> Self {
        let rest = match length {
            BodyLength::None => Rest::Length(0),
            BodyLength::Length(length) => Rest::Length(length),
            BodyLength::Chunked => Rest::Chunked(Chunked::new(body_bytes_max)),
            BodyLength::UntilClose => Rest::UntilClose { allowed: body_bytes_max },
        };
        BodyDecoder { rest }
    }

    /// Whether the body has been read to its end.
    pub fn is_done(&self) -> bool {
        match &self.rest {
            Rest::Length(left) => *left == 0,
            Rest::Chunked(chunked) => chunked.is_done(),
            Rest::UntilClose { .. } => false,
            Rest::Closed => true,
        }
    }

    /// Consumes from the front of `input`. Call again while `consumed < input.len()` and the body is not done: bytes after its end
    /// are not consumed. An error comes with no payload: the payload before it was the piece before.
    pub fn decode(&mut self, input: &[u8]) -> Result<Piece, BodyError> {
        let taken = match &mut self.rest {
            Rest::Chunked(chunked) => return chunked.decode(input),
            Rest::Length(left) => {
                let taken = input.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= taken as u64;
                taken
            }
            Rest::UntilClose { allowed } => {
                let taken = input.len().min(usize::try_from(*allowed).unwrap_or(usize::MAX));
                if taken == 0 && !input.is_empty() {
                    return Err(BodyError::TooLarge);
                }
                *allowed -= taken as u64;
                taken
            }
            Rest::Closed => 0,
        };
        Ok(Piece { consumed: taken, data: 0..taken })
    }

    /// The peer closed its side: the end of a body that lasts until then, else too early.
    pub fn end_of_stream(&mut self) -> Result<(), BodyError> {
        match self.rest {
            Rest::UntilClose { .. } => {
                self.rest = Rest::Closed;
                Ok(())
            }
            _ if self.is_done() => Ok(()),
            _ => Err(BodyError::Truncated),
        }
    }
}
