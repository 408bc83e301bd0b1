//! What can go wrong with a template.

use std::fmt;

/// Why a template cannot be compiled. AWS refuses such a template when it is deployed, or answers 500.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileError {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for CompileError {}

impl CompileError {
    pub(super) fn at(text: &str, offset: usize, message: String) -> Self {
        let (line, column) = position(text, offset);
        CompileError { line, column, message }
    }

    /// The same error, in a text in quotes that begins at `offset` of `text`.
    pub(super) fn within(self, text: &str, offset: usize) -> Self {
        let (line, column) = position(text, offset);
        let first = self.line == 1;
        CompileError {
            line: line + self.line - 1,
            column: if first { column + self.column } else { self.column },
            message: self.message,
        }
    }
}

/// Line and column of a byte of `text`, from 1.
pub(super) fn position(text: &str, offset: usize) -> (u32, u32) {
    let before = &text.as_bytes()[..offset.min(text.len())];
    let line = memchr::memchr_iter(b'\n', before).count() + 1;
    let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
    // Bytes that do not continue a character.
    let column = before[start..].iter().filter(|&&byte| byte & 0xc0 != 0x80).count() + 1;
    (line as u32, column as u32)
}

/// Why a template could not be rendered. AWS answers 500.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderError {
    /// The line, from 1; 0 if no place is known.
    pub line: u32,
    /// The column in characters, from 1; 0 if no place is known.
    pub column: u32,
    /// Whether a limit of [`crate::limits`] was reached, as opposed to a fault of the template or its input.
    pub limit: bool,
    /// What happened.
    pub message: String,
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            return f.write_str(&self.message);
        }
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for RenderError {}
