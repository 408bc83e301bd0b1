//! Reads JSON, and what json-smart's permissive mode takes for it (spec sheet §5): names and texts without quotes or in single
//! ones, superfluous and missing commas, numbers with leading zeros, and anything at all after the value.

use std::fmt;
use std::rc::Rc;

use super::number::BigNumber;
use super::value::{List, ListKind, Map, Text, Value};
use crate::limits::{JSON_DEPTH_MAX, JSON_NUMBER_BYTES_MAX};

/// Why a text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonError {
    /// The bytes are no UTF-8.
    Encoding,
    /// The text ends in the middle of a value.
    End,
    /// The byte at this position cannot be there.
    Unexpected(usize),
    /// Objects and arrays are nested deeper than [`JSON_DEPTH_MAX`].
    Depth,
    /// A number has more digits than [`JSON_NUMBER_BYTES_MAX`].
    Number,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JsonError::Encoding => f.write_str("the JSON text is not UTF-8"),
            JsonError::End => f.write_str("the JSON text ends too early"),
            JsonError::Unexpected(at) => write!(f, "unexpected character at byte {at} of the JSON text"),
            JsonError::Depth => write!(f, "the JSON text is nested deeper than {JSON_DEPTH_MAX}"),
            JsonError::Number => {
                write!(f, "a number of the JSON text is longer than {JSON_NUMBER_BYTES_MAX}")
            }
        }
    }
}

impl std::error::Error for JsonError {}

/// Reads the value that `bytes` begin with; what follows it is ignored, as AWS does. Empty text is the empty text.
///
/// # Errors
/// See [`JsonError`].
pub fn parse(bytes: &[u8]) -> Result<Value<'_>, JsonError> {
    parse_text(std::str::from_utf8(bytes).map_err(|_| JsonError::Encoding)?)
}

/// As [`parse`], of bytes that are known to be UTF-8.
///
/// # Errors
/// See [`JsonError`].
pub fn parse_text(text: &str) -> Result<Value<'_>, JsonError> {
    let bytes = text.as_bytes();
    let mut parser = Parser { text, bytes, at: 0, depth: 0, items: Vec::new(), entries: Vec::new() };
    parser.value(Stop::End)
}

/// json-smart's mark for the end of a text, which it also takes for one where it occurs.
const END: u8 = 0x1a;

/// Where a text without quotes ends.
#[derive(Clone, Copy)]
enum Stop {
    End,
    Object,
    Array,
    Key,
}

impl Stop {
    fn is_at(self, byte: u8) -> bool {
        byte == END
            || match self {
                Stop::End => false,
                Stop::Object => byte == b',' || byte == b'}',
                Stop::Array => byte == b',' || byte == b']',
                Stop::Key => byte == b':',
            }
    }
}

struct Parser<'r> {
    text: &'r str,
    bytes: &'r [u8],
    at: usize,
    depth: usize,
    /// What the arrays and objects that are being read have so far, the outermost first: each gets a list of the right size in the end.
    items: Vec<Value<'r>>,
    entries: Vec<(Text<'r>, Value<'r>)>,
}

impl<'r> Parser<'r> {
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(END)
    }

    /// At the end of the text or at the mark for it, nothing more is read.
    fn unexpected(&self) -> JsonError {
        if self.peek() == END { JsonError::End } else { JsonError::Unexpected(self.at) }
    }

    fn skip_white(&mut self) {
        while matches!(self.peek(), b' ' | b'\r' | b'\n' | b'\t') {
            self.at += 1;
        }
    }

    /// json-smart takes every control character for a space after a value or a name.
    fn skip_controls(&mut self) {
        while self.peek() <= b' ' && self.peek() != END {
            self.at += 1;
        }
    }

    fn value(&mut self, stop: Stop) -> Result<Value<'r>, JsonError> {
        self.skip_white();
        match self.peek() {
            b'{' => self.object(),
            b'[' => self.array(),
            b'"' | b'\'' => self.string().map(Value::Text),
            b'0'..=b'9' | b'-' => self.number(stop),
            b':' | b'}' | b']' => Err(self.unexpected()),
            END if !matches!(stop, Stop::End) => Err(JsonError::End),
            first => Ok(match (first, self.bare(stop)) {
                (b'n', "null") => Value::Null,
                (b't', "true") => Value::Boolean(true),
                (b'f', "false") => Value::Boolean(false),
                (b'N', "NaN") => Value::Double(f64::NAN),
                (_, text) => Value::text(text),
            }),
        }
    }

    fn enter(&mut self) -> Result<(), JsonError> {
        self.at += 1;
        self.depth += 1;
        if self.depth > JSON_DEPTH_MAX { Err(JsonError::Depth) } else { Ok(()) }
    }

    fn leave(&mut self) {
        self.at += 1;
        self.depth -= 1;
    }

    fn array(&mut self) -> Result<Value<'r>, JsonError> {
        self.enter()?;
        let first = self.items.len();
        loop {
            match self.peek() {
                b' ' | b'\r' | b'\n' | b'\t' | b',' => self.at += 1,
                b']' => {
                    self.leave();
                    let items = self.items.drain(first..).collect();
                    return Ok(Value::List(List::new(ListKind::JsonArray, items)));
                }
                END => return Err(JsonError::End),
                _ => {
                    let value = self.value(Stop::Array)?;
                    self.items.push(value);
                }
            }
        }
    }

    fn object(&mut self) -> Result<Value<'r>, JsonError> {
        self.enter()?;
        let first = self.entries.len();
        loop {
            match self.peek() {
                b' ' | b'\r' | b'\n' | b'\t' | b',' => {
                    self.at += 1;
                    continue;
                }
                b'}' => break,
                b':' | b']' | b'[' | b'{' => return Err(self.unexpected()),
                _ => {}
            }
            let key = match self.peek() {
                b'"' | b'\'' => self.string()?,
                _ => Text::Borrowed(self.bare(Stop::Key)),
            };
            self.skip_controls();
            if self.peek() != b':' {
                return Err(self.unexpected());
            }
            self.at += 1;
            let value = self.value(Stop::Object)?;
            self.entries.push((key, value));
            self.skip_controls();
            match self.peek() {
                b'}' => break,
                b',' => self.at += 1,
                _ => return Err(self.unexpected()),
            }
        }
        self.leave();
        Ok(Value::Map(Map::of_texts(&mut self.entries, first)))
    }

    /// A text without quotes, up to where `stop` says, without the white space around it.
    fn bare(&mut self, stop: Stop) -> &'r str {
        let start = self.at;
        self.skip_to(stop);
        trim(&self.text[start..self.at])
    }

    fn skip_to(&mut self, stop: Stop) {
        while self.at < self.bytes.len() && !stop.is_at(self.bytes[self.at]) {
            self.at += 1;
        }
    }

    fn skip_digits(&mut self) {
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
    }

    /// A number, or a text that only begins like one.
    fn number(&mut self, stop: Stop) -> Result<Value<'r>, JsonError> {
        let start = self.at;
        self.at += 1;
        self.skip_digits();
        let mut float = false;
        if self.peek() == b'.' {
            float = true;
            self.at += 1;
            self.skip_digits();
        }
        if matches!(self.peek(), b'e' | b'E') {
            float = true;
            self.at += 1;
            if !matches!(self.peek(), b'+' | b'-' | b'0'..=b'9') {
                return Ok(self.not_a_number(start, stop));
            }
            self.at += 1;
            self.skip_digits();
        }
        self.skip_controls();
        // A character beyond ASCII ends a number: json-smart looks for stops among the first 126 only.
        if self.at < self.bytes.len() && !stop.is_at(self.peek()) && self.peek() < 126 {
            return Ok(self.not_a_number(start, stop));
        }
        let text = trim(&self.text[start..self.at]);
        if text.len() > JSON_NUMBER_BYTES_MAX {
            return Err(JsonError::Number);
        }
        if float { float_value(text).ok_or(JsonError::Unexpected(start)) } else { Ok(integer_value(text)) }
    }

    fn not_a_number(&mut self, start: usize, stop: Stop) -> Value<'r> {
        self.skip_to(stop);
        Value::text(trim(&self.text[start..self.at]))
    }

    #[inline]
    fn string(&mut self) -> Result<Text<'r>, JsonError> {
        let quote = self.peek();
        let start = self.at + 1;
        let end = end_of_string(&self.bytes[start..], quote).ok_or(JsonError::End)?;
        if self.bytes[start + end] == quote {
            self.at = start + end + 1;
            return Ok(Text::Borrowed(&self.text[start..start + end]));
        }
        self.at = start;
        self.string_with_escapes(quote).map(Text::from)
    }

    /// json-smart drops control characters from texts that have a backslash, and only from those.
    #[inline(never)]
    fn string_with_escapes(&mut self, quote: u8) -> Result<String, JsonError> {
        let mut text = String::new();
        loop {
            let start = self.at;
            while self.peek() != quote && self.peek() != b'\\' && !is_control(self.peek()) {
                self.at += 1;
            }
            text.push_str(&self.text[start..self.at]);
            match self.peek() {
                END => return Err(JsonError::End),
                b'\\' => {
                    self.at += 1;
                    self.escape(&mut text)?;
                }
                byte if byte == quote => {
                    self.at += 1;
                    return Ok(text);
                }
                _ => self.at += 1,
            }
        }
    }

    /// What follows a backslash. An escape that does not exist stands for nothing.
    fn escape(&mut self, text: &mut String) -> Result<(), JsonError> {
        let byte = self.peek();
        if byte == END {
            return Err(JsonError::End);
        }
        // The character after the backslash may have several bytes.
        let length = self.text[self.at..].chars().next().map_or(1, char::len_utf8);
        self.at += length;
        match byte {
            b't' => text.push('\t'),
            b'n' => text.push('\n'),
            b'r' => text.push('\r'),
            b'f' => text.push('\u{c}'),
            b'b' => text.push('\u{8}'),
            b'\\' | b'/' | b'\'' | b'"' => text.push(char::from(byte)),
            b'u' => self.unicode(text)?,
            b'x' => {
                let unit = self.hex(2)?;
                text.push(char::from_u32(unit).unwrap_or('?'));
            }
            _ => {}
        }
        Ok(())
    }

    /// A UTF-16 unit, or two of them for one character. Half a pair prints as `?`, as Java encodes it.
    fn unicode(&mut self, text: &mut String) -> Result<(), JsonError> {
        let unit = self.hex(4)?;
        if (0xd800..0xdc00).contains(&unit) && self.bytes[self.at..].starts_with(b"\\u") {
            let second_at = self.at;
            self.at += 2;
            let second = self.hex(4)?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x10000 + ((unit - 0xd800) << 10) + (second - 0xdc00);
                text.push(char::from_u32(code).unwrap_or('?'));
                return Ok(());
            }
            self.at = second_at;
        }
        text.push(char::from_u32(unit).unwrap_or('?'));
        Ok(())
    }

    fn hex(&mut self, digits: usize) -> Result<u32, JsonError> {
        let mut value = 0;
        for _ in 0..digits {
            let digit = char::from(self.peek()).to_digit(16).ok_or_else(|| self.unexpected())?;
            value = value * 16 + digit;
            self.at += 1;
        }
        Ok(value)
    }
}

/// Bytes of a text that are looked through eight at a time: most texts are shorter, and calling memchr takes longer than that.
const SHORT: usize = 32;

/// Where the first quote or backslash is.
#[inline]
fn end_of_string(bytes: &[u8], quote: u8) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = ONES << 7;
    let quotes = ONES * u64::from(quote);
    let backslashes = ONES * u64::from(b'\\');
    // The lowest bit that is set belongs to the first byte that is zero.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let mut at = 0;
    while at < SHORT
        && let Some(eight) = bytes[at..].first_chunk()
    {
        let word = u64::from_le_bytes(*eight);
        let found = zeros(word ^ quotes) | zeros(word ^ backslashes);
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    memchr::memchr2(quote, b'\\', &bytes[at..]).map(|found| at + found)
}

fn is_control(byte: u8) -> bool {
    byte < b' ' || byte == 127
}

/// Java's `trim`: everything up to the space goes.
fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c <= ' ')
}

/// The smallest of `Integer`, `Long` and `BigInteger` that holds the digits. A lone minus is 0.
fn integer_value<'r>(text: &str) -> Value<'r> {
    if text == "-" {
        return Value::Integer(0);
    }
    match text.parse::<i64>() {
        Ok(number) => i32::try_from(number).map_or(Value::Long(number), Value::Integer),
        Err(_) => Value::Big(Rc::new(BigNumber::integer(text))),
    }
}

/// A `Double`, or a `BigDecimal` from 19 characters on, where a `double` may lose digits.
fn float_value<'r>(text: &str) -> Option<Value<'r>> {
    if text.len() > 18 {
        return BigNumber::decimal(text).map(|number| Value::Big(Rc::new(number)));
    }
    text.parse().ok().map(Value::Double)
}
