//! JSON values that keep the order of their members: what an export writes, and what a model keeps of a document as text.

mod yaml;

use std::fmt::Write as _;

use crate::document::{self, Node, Value};

/// A JSON value. Members keep their order, so that what is written is the same each time.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean(bool),
    /// As it is written; always valid JSON (RFC 8259 §6).
    Number(String),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object; no name twice.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// An empty object.
    pub fn object() -> Self {
        Self::Object(Vec::new())
    }

    /// Adds a member to an object; nothing for any other value.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<Json>) {
        if let Self::Object(members) = self {
            members.push((name.into(), value.into()));
        }
    }

    /// As [`Json::insert`], unless there is no value.
    pub fn insert_some(&mut self, name: &str, value: Option<impl Into<Json>>) {
        if let Some(value) = value {
            self.insert(name, value);
        }
    }

    /// The member `name` of an object.
    pub fn get(&self, name: &str) -> Option<&Json> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(member, _)| member == name).map(|(_, value)| value)
    }

    /// Whether it is an empty object or array.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Array(items) => items.is_empty(),
            Self::Object(members) => members.is_empty(),
            _ => false,
        }
    }

    /// Without any white space.
    pub fn to_compact(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, None);
        text
    }

    /// With two blanks for each level, and a line end at the end.
    pub fn to_pretty(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, Some(0));
        text.push('\n');
        text
    }

    /// As YAML 1.2 that every reader of YAML understands alike: no tags, no anchors, no plain scalar that could be a number.
    pub fn to_yaml(&self) -> String {
        yaml::write(self)
    }

    /// `indent` is the level for text with lines, `None` for compact text.
    fn write(&self, text: &mut String, indent: Option<usize>) {
        match self {
            Self::Null => text.push_str("null"),
            Self::Boolean(value) => text.push_str(if *value { "true" } else { "false" }),
            Self::Number(number) => text.push_str(number),
            Self::String(string) => write_string(text, string),
            Self::Array(items) => {
                let mut list = List::open(text, '[', ']', indent);
                for item in items {
                    let inner = list.inner;
                    item.write(list.next(), inner);
                }
                list.close();
            }
            Self::Object(members) => {
                let mut list = List::open(text, '{', '}', indent);
                for (name, value) in members {
                    let inner = list.inner;
                    let text = list.next();
                    write_string(text, name);
                    text.push_str(if inner.is_some() { ": " } else { ":" });
                    value.write(text, inner);
                }
                list.close();
            }
        }
    }

    /// A node of a document; what has no place in JSON is `null` (the document's own issues tell of it).
    pub(crate) fn of_node(node: &Node) -> Self {
        match &node.value {
            Value::Null | Value::Unsupported(_) => Self::Null,
            Value::Boolean(value) => Self::Boolean(*value),
            Value::Number(text) => Self::Number(json_number(text)),
            Value::String(text) => Self::String(text.clone()),
            Value::Sequence(items) => Self::Array(items.iter().map(Self::of_node).collect()),
            Value::Mapping(entries) => Self::Object(
                entries.iter().map(|entry| (entry.key.clone(), Self::of_node(&entry.value))).collect(),
            ),
        }
    }

    /// Parses JSON text that a model holds; `None` when it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        document::parse_json(text).map(|node| Self::of_node(&node))
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<u64> for Json {
    fn from(number: u64) -> Self {
        Self::Number(number.to_string())
    }
}

impl From<Vec<Json>> for Json {
    fn from(items: Vec<Json>) -> Self {
        Self::Array(items)
    }
}

/// The brackets, commas and line ends of an array or object.
struct List<'t> {
    text: &'t mut String,
    close: char,
    outer: Option<usize>,
    inner: Option<usize>,
    is_empty: bool,
}

impl<'t> List<'t> {
    fn open(text: &'t mut String, open: char, close: char, indent: Option<usize>) -> Self {
        text.push(open);
        Self { text, close, outer: indent, inner: indent.map(|level| level + 1), is_empty: true }
    }

    /// Ends what is before; the text is then at the place of the next item.
    fn next(&mut self) -> &mut String {
        if !self.is_empty {
            self.text.push(',');
        }
        self.is_empty = false;
        new_line(self.text, self.inner);
        self.text
    }

    fn close(self) {
        if !self.is_empty {
            new_line(self.text, self.outer);
        }
        self.text.push(self.close);
    }
}

fn new_line(text: &mut String, indent: Option<usize>) {
    if let Some(level) = indent {
        text.push('\n');
        text.extend(std::iter::repeat_n("  ", level));
    }
}

/// A string in double quotes. What editors and YAML readers stumble over is escaped too; each escape is also one of YAML's.
fn write_string(text: &mut String, string: &str) {
    text.push('"');
    for character in string.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            character if is_unprintable(character) => {
                // A `String` never fails to be written to; above the first plane nothing is unprintable.
                _ = write!(text, "\\u{:04x}", u32::from(character));
            }
            character => text.push(character),
        }
    }
    text.push('"');
}

/// Characters that YAML does not print (§5.1) or takes for line ends, as far as they are in the first plane.
fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// A number as JSON writes it: YAML also has `0x1f`, `0o17`, `+1`, `.5`, `1.` and leading zeros.
fn json_number(text: &str) -> String {
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            return u64::from_str_radix(digits, radix)
                .map_or_else(|_| "0".into(), |number| number.to_string());
        }
    }
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let end = unsigned.find(['e', 'E']).unwrap_or(unsigned.len());
    let (mantissa, exponent) = unsigned.split_at(end);
    let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let integer = integer.trim_start_matches('0');
    let integer = if integer.is_empty() { "0" } else { integer };
    let dot = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{integer}{dot}{fraction}{exponent}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_and_text() {
        let text = r#"{"b":[1,-2.5e3,true,null],"a":{"é":"x\n\"\\\u0001\u2028"},"e":{},"f":[]}"#;
        let json = Json::parse(text).unwrap();
        assert_eq!(json.to_compact(), text);
        assert_eq!(Json::parse(&json.to_pretty()), Some(json.clone()));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json.to_pretty()).unwrap()["b"][1], -2500.0);
        assert!(json.to_pretty().starts_with("{\n  \"b\": [\n    1,\n"), "{}", json.to_pretty());
        assert_eq!(Json::parse("{"), None);
    }

    #[test]
    fn numbers_of_yaml_become_numbers_of_json() {
        for (yaml, json) in [
            ("0x1f", "31"),
            ("0o17", "15"),
            ("+1", "1"),
            (".5", "0.5"),
            ("-.5", "-0.5"),
            ("1.", "1"),
            ("007", "7"),
            ("0", "0"),
            ("00.50", "0.50"),
            ("1e5", "1e5"),
            ("-1.5E+3", "-1.5E+3"),
        ] {
            assert_eq!(json_number(yaml), json, "{yaml}");
            assert!(serde_json::from_str::<serde_json::Value>(&json_number(yaml)).is_ok(), "{yaml}");
        }
    }
}
