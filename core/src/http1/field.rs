//! The grammar of a header or trailer section, byte by byte (RFC 9112 §5, §7.1.2).

use super::error::ProtocolError;
use super::token::{is_tchar, is_text};

/// Where in a section of field lines the next byte falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    /// The first byte of a line.
    Start,
    /// In a name.
    Name,
    /// In a value, or the white space around it.
    Value,
    /// After the CR of a field line.
    Lf,
    /// After the CR of the blank line.
    EndLf,
    /// After the blank line: there is no next byte.
    End,
}

impl Field {
    /// Takes one byte. An error depends on the bytes up to this one only: that makes the result the same for every split.
    pub(super) fn step(self, byte: u8) -> Result<Field, ProtocolError> {
        match (self, byte) {
            (Field::Start, b'\r') => Ok(Field::EndLf),
            (Field::Start, b' ' | b'\t') => Err(ProtocolError::LeadingSpace),
            (Field::Start | Field::Name | Field::Value, b'\n') => Err(ProtocolError::LineEnd),
            (Field::Name, b':') => Ok(Field::Value),
            (Field::Name, b' ' | b'\t') => Err(ProtocolError::SpaceBeforeColon),
            (Field::Start | Field::Name, _) if is_tchar(byte) => Ok(Field::Name),
            (Field::Start | Field::Name, _) => Err(ProtocolError::HeaderName),
            (Field::Value, b'\r') => Ok(Field::Lf),
            (Field::Value, _) if is_text(byte) => Ok(Field::Value),
            (Field::Value, _) => Err(ProtocolError::HeaderValue),
            (Field::Lf, b'\n') => Ok(Field::Start),
            (Field::EndLf, b'\n') => Ok(Field::End),
            (Field::Lf | Field::EndLf | Field::End, _) => Err(ProtocolError::LineEnd),
        }
    }

    /// Whether the byte that led here belongs to the section's lines, not to its blank line.
    pub(super) fn in_lines(self) -> bool {
        !matches!(self, Field::EndLf | Field::End)
    }
}
