//! The grammar of a head as a resumable byte machine.
//!
//! A head that arrives whole and is right never comes here: one pass of httparse reads it. This machine vets heads that arrive
//! in pieces, so that a bad or oversize one is refused at its first wrong byte and a slow one is never read twice, and it names
//! the error of every head that is wrong. Its verdict depends on the bytes alone, not on how they were split.

use super::error::{ProtocolError, ResponseError};
use super::field::Field;
use super::head::HeadLimits;
use super::token::{is_target, is_tchar, is_text};
use crate::limits::METHOD_BYTES_MAX;

/// How far a head that is still incomplete has been vetted. One per connection and direction; starts anew with each message.
#[derive(Debug, Clone, Default)]
pub struct Scan {
    at: usize,
    phase: Phase,
    line_bytes: usize,
    header_bytes: usize,
    headers: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Fresh,
    EmptyLf,
    FirstByte,
    Method,
    TargetStart,
    Target,
    Version {
        at: u8,
        major: u8,
    },
    Status {
        at: u8,
    },
    Reason,
    LineLf,
    Fields(Field),
}

impl Scan {
    /// Forgets everything: the next bytes begin a new head.
    pub fn reset(&mut self) {
        *self = Scan::default();
    }

    /// Whether nothing has been vetted yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.at == 0
    }

    /// Vets what is new in `bytes`, which begin where the head begins; returns the length of the head once it is complete.
    pub(super) fn request(
        &mut self,
        bytes: &[u8],
        limits: &HeadLimits,
    ) -> Result<Option<usize>, ProtocolError> {
        while !matches!(self.phase, Phase::Fields(_)) {
            let Some(&byte) = bytes.get(self.at) else { return Ok(None) };
            self.phase = self.request_line(byte, limits)?;
            self.at += 1;
        }
        self.fields(bytes, limits)
    }

    /// As [`Scan::request`], for a response.
    pub(super) fn response(
        &mut self,
        bytes: &[u8],
        limits: &HeadLimits,
    ) -> Result<Option<usize>, ResponseError> {
        if self.phase == Phase::Fresh {
            self.phase = Phase::Status { at: 0 };
        }
        while !matches!(self.phase, Phase::Fields(_)) {
            let Some(&byte) = bytes.get(self.at) else { return Ok(None) };
            self.phase = self.status_line(byte, limits)?;
            self.at += 1;
        }
        Ok(self.fields(bytes, limits)?)
    }

    fn request_line(&mut self, byte: u8, limits: &HeadLimits) -> Result<Phase, ProtocolError> {
        let next = match (self.phase, byte) {
            (Phase::Fresh, b'\r') => return Ok(Phase::EmptyLf),
            (Phase::EmptyLf, b'\n') => return Ok(Phase::FirstByte),
            (Phase::FirstByte, b'\r' | b'\n') => return Err(ProtocolError::EmptyLines),
            (Phase::Version { at: 8, .. }, b'\r') => return Ok(Phase::LineLf),
            (Phase::LineLf, b'\n') => return Ok(Phase::Fields(Field::Start)),
            (Phase::EmptyLf | Phase::LineLf, _) | (_, b'\n') => return Err(ProtocolError::LineEnd),
            (Phase::Fresh | Phase::FirstByte | Phase::Method, _) => self.method(byte)?,
            (Phase::Target, b' ') => Phase::Version { at: 0, major: 0 },
            (Phase::TargetStart | Phase::Target, _) if is_target(byte) => Phase::Target,
            (Phase::Version { at, major }, _) => version(at, major, byte)?,
            (Phase::Target, b'\r') => return Err(ProtocolError::Version), // HTTP/0.9
            _ => return Err(ProtocolError::Target),
        };
        self.line_bytes += 1;
        if self.line_bytes > limits.request_line_bytes_max {
            return Err(ProtocolError::RequestLineTooLong);
        }
        Ok(next)
    }

    fn method(&self, byte: u8) -> Result<Phase, ProtocolError> {
        match byte {
            b' ' if self.line_bytes > 0 => Ok(Phase::TargetStart),
            _ if !is_tchar(byte) => Err(ProtocolError::Method),
            _ if self.line_bytes >= METHOD_BYTES_MAX => Err(ProtocolError::MethodTooLong),
            _ => Ok(Phase::Method),
        }
    }

    fn status_line(&mut self, byte: u8, limits: &HeadLimits) -> Result<Phase, ResponseError> {
        let next = match (self.phase, byte) {
            (Phase::Reason | Phase::Status { at: 12 }, b'\r') => return Ok(Phase::LineLf),
            (Phase::LineLf, b'\n') => return Ok(Phase::Fields(Field::Start)),
            (Phase::LineLf, _) | (Phase::Reason | Phase::Status { at: 12 }, b'\n') => {
                return Err(ProtocolError::LineEnd.into());
            }
            (Phase::Status { at: 12 }, b' ') => Phase::Reason,
            (Phase::Reason, _) if is_text(byte) => Phase::Reason,
            (Phase::Status { at }, _) if status_byte_is_right(at, byte) => Phase::Status { at: at + 1 },
            _ => return Err(ResponseError::StatusLine),
        };
        self.line_bytes += 1;
        if self.line_bytes > limits.status_line_bytes_max {
            return Err(ResponseError::StatusLineTooLong);
        }
        Ok(next)
    }

    fn fields(&mut self, bytes: &[u8], limits: &HeadLimits) -> Result<Option<usize>, ProtocolError> {
        let Phase::Fields(mut field) = self.phase else { return Ok(None) };
        while field != Field::End {
            let Some(&byte) = bytes.get(self.at) else {
                self.phase = Phase::Fields(field);
                return Ok(None);
            };
            let next = field.step(byte)?;
            if field == Field::Start && next == Field::Name {
                self.headers += 1;
                if self.headers > limits.headers_max() {
                    return Err(ProtocolError::TooManyHeaders);
                }
            }
            if next.in_lines() {
                self.header_bytes += 1;
                if self.header_bytes > limits.header_bytes_max {
                    return Err(ProtocolError::HeadersTooLarge);
                }
            }
            field = next;
            self.at += 1;
        }
        self.phase = Phase::Fields(field);
        Ok(Some(self.at))
    }
}

/// `HTTP/` DIGIT `.` DIGIT (RFC 9112 §2.3): well-formed but unknown versions have an error of their own.
fn version(at: u8, major: u8, byte: u8) -> Result<Phase, ProtocolError> {
    let right = match at {
        0..5 => b"HTTP/"[usize::from(at)] == byte,
        5 | 7 => byte.is_ascii_digit(),
        6 => byte == b'.',
        _ => false,
    };
    match at {
        _ if !right => Err(ProtocolError::Version),
        5 => Ok(Phase::Version { at: 6, major: byte }),
        7 if major != b'1' || byte > b'1' => Err(ProtocolError::VersionUnsupported),
        _ => Ok(Phase::Version { at: at + 1, major }),
    }
}

/// `HTTP/1.` (`0` or `1`) SP and a status of 100 to 599.
fn status_byte_is_right(at: u8, byte: u8) -> bool {
    match at {
        0..7 => b"HTTP/1."[usize::from(at)] == byte,
        7 => matches!(byte, b'0' | b'1'),
        8 => byte == b' ',
        9 => (b'1'..=b'5').contains(&byte),
        10 | 11 => byte.is_ascii_digit(),
        _ => false,
    }
}
