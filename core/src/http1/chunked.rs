//! The chunked transfer coding (RFC 9112 §7.1), read strictly: hexadecimal digits, then an extension or CR LF, nothing else.
//!
//! Stricter than the RFC: no white space between size and extension. Extensions and trailers are checked and dropped.

use super::error::{BodyError, ProtocolError};
use super::field::Field;
use super::framing::Piece;
use super::token::is_text;
use crate::limits::{CHUNK_EXTENSION_BYTES_MAX, CHUNK_EXTENSIONS_TOTAL_BYTES_MAX, TRAILER_BYTES_MAX};

/// More digits than a 64-bit size has.
const SIZE_DIGITS_MAX: u8 = 16;

#[derive(Debug, Clone)]
pub(super) struct Chunked {
    state: State,
    /// The size as far as its digits came; then what is left of the chunk's data.
    size: u64,
    digits: u8,
    extension_bytes: usize,
    extensions_total_bytes: usize,
    trailer_bytes: usize,
    /// Payload that may still come.
    allowed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    Trailer(Field),
}

impl Chunked {
    pub(super) fn new(body_bytes_max: u64) -> Self {
        Chunked {
            state: State::Size,
            size: 0,
            digits: 0,
            extension_bytes: 0,
            extensions_total_bytes: 0,
            trailer_bytes: 0,
            allowed: body_bytes_max,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.state == State::Trailer(Field::End)
    }

    /// Takes framing, at most one run of payload, and the framing after it.
    pub(super) fn decode(&mut self, input: &[u8]) -> Result<Piece, BodyError> {
        let mut at = 0;
        let mut data = 0..0;
        while at < input.len() && !self.is_done() {
            if self.state == State::Data {
                if !data.is_empty() {
                    break;
                }
                let taken = (input.len() - at).min(usize::try_from(self.size).unwrap_or(usize::MAX));
                data = at..at + taken;
                at += taken;
                self.size -= taken as u64;
                if self.size == 0 {
                    self.state = State::DataCr;
                }
                continue;
            }
            match self.step(input[at]) {
                Ok(next) => self.state = next,
                // Hand out what came before; the same byte fails again in the next call.
                Err(_) if !data.is_empty() => break,
                Err(error) => return Err(error),
            }
            at += 1;
        }
        Ok(Piece { consumed: at, data })
    }

    /// One byte of framing.
    fn step(&mut self, byte: u8) -> Result<State, BodyError> {
        match (self.state, byte) {
            (State::Size, _) => self.size(byte),
            (State::Extension, b'\r') => Ok(State::SizeLf),
            (State::Extension, b'\n') => Err(BodyError::ChunkLineEnd),
            (State::Extension, _) => self.extension(byte),
            (State::SizeLf, b'\n') if self.size == 0 => Ok(State::Trailer(Field::Start)),
            (State::SizeLf, b'\n') => Ok(State::Data),
            (State::SizeLf, _) => Err(BodyError::ChunkLineEnd),
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => {
                self.digits = 0;
                Ok(State::Size)
            }
            (State::Trailer(field), _) => self.trailer(field, byte),
            (State::Data | State::DataCr | State::DataLf, _) => Err(BodyError::ChunkDataEnd),
        }
    }

    fn size(&mut self, byte: u8) -> Result<State, BodyError> {
        if let Some(digit) = char::from(byte).to_digit(16) {
            if self.digits == SIZE_DIGITS_MAX {
                return Err(BodyError::ChunkSizeTooLong);
            }
            self.digits += 1;
            self.size = self.size << 4 | u64::from(digit);
            return Ok(State::Size);
        }
        if self.digits == 0 {
            return Err(BodyError::ChunkSize);
        }
        let next = match byte {
            b'\r' => State::SizeLf,
            b';' => State::Extension,
            b'\n' => return Err(BodyError::ChunkLineEnd),
            _ => return Err(BodyError::ChunkSize),
        };
        self.allowed = self.allowed.checked_sub(self.size).ok_or(BodyError::TooLarge)?;
        self.extension_bytes = 0;
        Ok(next)
    }

    fn extension(&mut self, byte: u8) -> Result<State, BodyError> {
        if !is_text(byte) {
            return Err(BodyError::ChunkExtension);
        }
        self.extension_bytes += 1;
        self.extensions_total_bytes += 1;
        let too_long = self.extension_bytes > CHUNK_EXTENSION_BYTES_MAX
            || self.extensions_total_bytes > CHUNK_EXTENSIONS_TOTAL_BYTES_MAX;
        if too_long { Err(BodyError::ChunkExtensionsTooLong) } else { Ok(State::Extension) }
    }

    fn trailer(&mut self, field: Field, byte: u8) -> Result<State, BodyError> {
        let next = field.step(byte).map_err(|error| match error {
            ProtocolError::LineEnd => BodyError::ChunkLineEnd,
            other => BodyError::Trailer(other),
        })?;
        if next.in_lines() {
            self.trailer_bytes += 1;
            if self.trailer_bytes > TRAILER_BYTES_MAX {
                return Err(BodyError::TrailersTooLarge);
            }
        }
        Ok(State::Trailer(next))
    }
}
