//! The two ways values print: as JSON text, and as Java's `toString`.

use super::number::write_double;
use super::value::{ListKind, Value};
use crate::limits::JSON_DEPTH_MAX;

/// Which characters of texts are escaped in JSON text (json-smart's `JSONStyle`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// What `$input.json()` gives: JSON's own escapes only (`LT_COMPRESS`).
    Plain,
    /// What an array prints as: `/` is escaped too (`NO_COMPRESS`).
    Web,
}

/// Appends `value` as JSON text. `false` if it is nested deeper than [`JSON_DEPTH_MAX`]: `out` then has a part of it.
#[must_use]
pub fn write_json(value: &Value<'_>, style: Style, out: &mut Vec<u8>) -> bool {
    json_within(value, style, JSON_DEPTH_MAX, out)
}

/// Appends `value` as Java's `toString` does. `false` as for [`write_json`].
#[must_use]
pub fn write_text(value: &Value<'_>, out: &mut Vec<u8>) -> bool {
    text_within(value, JSON_DEPTH_MAX, out)
}

fn json_within(value: &Value<'_>, style: Style, depth: usize, out: &mut Vec<u8>) -> bool {
    let Some(deeper) = depth.checked_sub(1) else { return false };
    match value {
        Value::Text(text) => write_quoted(text, style, out),
        Value::Character(character) => write_quoted(character.encode_utf8(&mut [0; 4]), style, out),
        Value::Double(number) if number.is_infinite() => out.extend_from_slice(b"null"),
        Value::List(list) => {
            return list.with(|items| {
                out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    if !json_within(item, style, deeper, out) {
                        return false;
                    }
                }
                out.push(b']');
                true
            });
        }
        Value::Map(map) => {
            return map.with(|entries| {
                out.push(b'{');
                for (index, (key, value)) in entries.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    if !write_key(key, style, deeper, out) {
                        return false;
                    }
                    out.push(b':');
                    if !json_within(value, style, deeper, out) {
                        return false;
                    }
                }
                out.push(b'}');
                true
            });
        }
        Value::Entry(_) | Value::Handle(_) => {
            let mut text = Vec::new();
            if !text_within(value, deeper, &mut text) {
                return false;
            }
            write_quoted(&String::from_utf8_lossy(&text), style, out);
        }
        scalar => return text_within(scalar, deeper, out),
    }
    true
}

/// A key is always a text; `null` is the one that has no quotes.
fn write_key(key: &Value<'_>, style: Style, depth: usize, out: &mut Vec<u8>) -> bool {
    match key {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Text(text) => write_quoted(text, style, out),
        other => {
            let mut text = Vec::new();
            if !text_within(other, depth, &mut text) {
                return false;
            }
            write_quoted(&String::from_utf8_lossy(&text), style, out);
        }
    }
    true
}

fn text_within(value: &Value<'_>, depth: usize, out: &mut Vec<u8>) -> bool {
    let Some(deeper) = depth.checked_sub(1) else { return false };
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Boolean(true) => out.extend_from_slice(b"true"),
        Value::Boolean(false) => out.extend_from_slice(b"false"),
        Value::Integer(number) => out.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes()),
        Value::Long(number) => out.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes()),
        Value::Double(number) => write_double(*number, out),
        Value::Big(number) => number.write(out),
        Value::Text(text) => out.extend_from_slice(text.as_bytes()),
        Value::Character(character) => {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Value::Handle(_) => {}
        Value::Entry(entry) => {
            if !text_within(&entry.0, deeper, out) {
                return false;
            }
            out.push(b'=');
            return text_within(&entry.1, deeper, out);
        }
        Value::List(list) if list.kind == ListKind::JsonArray => {
            return json_within(value, Style::Web, depth, out);
        }
        Value::List(list) => {
            return list.with(|items| {
                out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.extend_from_slice(b", ");
                    }
                    if !text_within(item, deeper, out) {
                        return false;
                    }
                }
                out.push(b']');
                true
            });
        }
        Value::Map(map) => {
            return map.with(|entries| {
                out.push(b'{');
                for (index, (key, value)) in entries.iter().enumerate() {
                    if index > 0 {
                        out.extend_from_slice(b", ");
                    }
                    if !text_within(key, deeper, out) {
                        return false;
                    }
                    out.push(b'=');
                    if !text_within(value, deeper, out) {
                        return false;
                    }
                }
                out.push(b'}');
                true
            });
        }
    }
    true
}

fn write_quoted(text: &str, style: Style, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut start = 0;
    let mut at = 0;
    while at < bytes.len() {
        let Some((length, escape)) = escaped(bytes, at, style) else {
            at += 1;
            continue;
        };
        out.extend_from_slice(&bytes[start..at]);
        match escape {
            Escape::Character(character) => out.extend_from_slice(&[b'\\', character]),
            Escape::Unicode(code) => write_unicode(code, out),
        }
        at += length;
        start = at;
    }
    out.extend_from_slice(&bytes[start..]);
    out.push(b'"');
}

enum Escape {
    Character(u8),
    Unicode(u16),
}

/// How the character at `at` is escaped, if it is, and how many bytes it has.
fn escaped(bytes: &[u8], at: usize, style: Style) -> Option<(usize, Escape)> {
    let byte = bytes[at];
    // Most bytes are ASCII without a meaning.
    if (b'0'..0x7f).contains(&byte) && byte != b'\\' {
        return None;
    }
    let one = |character| Some((1, Escape::Character(character)));
    match byte {
        b'"' | b'\\' => one(byte),
        b'/' if style == Style::Web => one(byte),
        0x08 => one(b'b'),
        0x0c => one(b'f'),
        b'\n' => one(b'n'),
        b'\r' => one(b'r'),
        b'\t' => one(b't'),
        0..=0x1f | 0x7f => Some((1, Escape::Unicode(byte.into()))),
        // U+0080 to U+009F: control characters of two bytes.
        0xc2 if bytes[at + 1] <= 0x9f => Some((2, Escape::Unicode(bytes[at + 1].into()))),
        // U+2000 to U+20FF, which json-smart escapes too: E2 80 80 to E2 83 BF.
        0xe2 if bytes[at + 1] <= 0x83 => {
            let code = 0x2000 | (u16::from(bytes[at + 1] & 0x3f) << 6) | u16::from(bytes[at + 2] & 0x3f);
            Some((3, Escape::Unicode(code)))
        }
        _ => None,
    }
}

fn write_unicode(code: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\\u");
    for shift in [12, 8, 4, 0] {
        out.push(b"0123456789ABCDEF"[usize::from(code >> shift & 15)]);
    }
}
