//! JSON (RFC 8259) with the place of every value.

use super::{Budget, DEPTH_MAX, Entry, LineIndex, Node, SyntaxError, Value, too_deep};

/// Parses strict JSON.
pub(super) fn parse(text: &str) -> Result<Node, SyntaxError> {
    Parser::new(text).document()
}

struct Parser<'t> {
    text: &'t str,
    offset: usize,
    lines: LineIndex<'t>,
    budget: Budget,
}

type Parsed<T> = Result<T, SyntaxError>;

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, offset: 0, lines: LineIndex::new(text), budget: Budget::default() }
    }

    fn document(mut self) -> Parsed<Node> {
        let node = self.value(0)?;
        match self.peek() {
            None => Ok(node),
            Some(_) => Err(self.error("unexpected text after the end of the JSON value")),
        }
    }

    fn error(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError { position: self.lines.position(self.offset), message: message.into() }
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.offset..];
        let blank = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count();
        self.offset += blank;
        rest.get(blank).copied()
    }

    fn take(&mut self, expected: u8) -> bool {
        let found = self.peek() == Some(expected);
        self.offset += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Parsed<Node> {
        if depth > DEPTH_MAX {
            return Err(self.error(too_deep()));
        }
        let first = self.peek();
        let start = self.offset;
        let position = self.lines.position(start);
        let value = match first {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Value::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b'a'..=b'z') => self.keyword()?,
            Some(_) => return Err(self.error("expected a JSON value")),
            None => return Err(self.error("the text ends where a JSON value is expected")),
        };
        let text_bytes = if matches!(value, Value::String(_)) { self.offset - start } else { 0 };
        self.budget.spend(1, text_bytes).map_err(|message| self.error(message))?;
        Ok(Node { position, value })
    }

    fn object(&mut self, depth: usize) -> Parsed<Value> {
        self.offset += 1;
        let mut entries = Vec::new();
        if self.take(b'}') {
            return Ok(Value::Mapping(entries));
        }
        loop {
            let first = self.peek();
            let position = self.lines.position(self.offset);
            let key = match first {
                Some(b'"') => self.string()?,
                _ => return Err(self.error("expected a member name in double quotes")),
            };
            if !self.take(b':') {
                return Err(self.error("expected `:` after a member name"));
            }
            let value = self.value(depth + 1)?;
            entries.push(Entry { key, position, value });
            if self.take(b'}') {
                return Ok(Value::Mapping(entries));
            }
            if !self.take(b',') {
                return Err(self.error("expected `,` or `}` after a member"));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Parsed<Value> {
        self.offset += 1;
        let mut items = Vec::new();
        if self.take(b']') {
            return Ok(Value::Sequence(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.take(b']') {
                return Ok(Value::Sequence(items));
            }
            if !self.take(b',') {
                return Err(self.error("expected `,` or `]` after an item"));
            }
        }
    }

    fn while_bytes(&mut self, belongs: impl Fn(u8) -> bool) -> &'t str {
        let rest = &self.text[self.offset..];
        let length = rest.bytes().take_while(|&byte| belongs(byte)).count();
        self.offset += length;
        // Only ever called with ASCII predicates, so this is a character boundary.
        rest.get(..length).unwrap_or_default()
    }

    fn keyword(&mut self) -> Parsed<Value> {
        let start = self.offset;
        match self.while_bytes(|byte| byte.is_ascii_alphanumeric()) {
            "true" => Ok(Value::Boolean(true)),
            "false" => Ok(Value::Boolean(false)),
            "null" => Ok(Value::Null),
            _ => {
                self.offset = start;
                Err(self.error("expected a JSON value"))
            }
        }
    }

    fn number(&mut self) -> Parsed<Value> {
        let start = self.offset;
        let text = self.while_bytes(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
        if is_json_number(text) {
            return Ok(Value::Number(text.to_owned()));
        }
        self.offset = start;
        Err(self.error("malformed number"))
    }

    fn string(&mut self) -> Parsed<String> {
        self.offset += 1;
        let mut result = String::new();
        loop {
            result.push_str(self.plain_run());
            match self.text.as_bytes().get(self.offset) {
                Some(b'"') => {
                    self.offset += 1;
                    return Ok(result);
                }
                Some(b'\\') => result.push(self.escape()?),
                Some(_) => return Err(self.error("control character in a string; write it as `\\uXXXX`")),
                None => return Err(self.error("the text ends inside a string")),
            }
        }
    }

    /// The characters up to a quote, a backslash or a control character; all of those are ASCII.
    fn plain_run(&mut self) -> &'t str {
        let rest = &self.text[self.offset..];
        let length =
            rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)).unwrap_or(rest.len());
        self.offset += length;
        &rest[..length]
    }

    fn escape(&mut self) -> Parsed<char> {
        let kind = self.text.as_bytes().get(self.offset + 1).copied();
        let character = match kind {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.error("unknown escape in a string")),
        };
        self.offset += 2;
        Ok(character)
    }

    fn unicode_escape(&mut self) -> Parsed<char> {
        let high = self.hex4(self.offset).ok_or_else(|| self.error("expected `\\uXXXX`"))?;
        let low = self.hex4(self.offset + 6).filter(|low| (0xdc00..0xe000).contains(low));
        let (code, length) = match (high, low) {
            (0xd800..0xdc00, Some(low)) => (0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00), 12),
            _ => (high, 6),
        };
        let character = char::from_u32(code).ok_or_else(|| self.error("unpaired surrogate in a string"))?;
        self.offset += length;
        Ok(character)
    }

    /// The code unit of the `\uXXXX` at `offset`.
    fn hex4(&self, offset: usize) -> Option<u32> {
        let digits = self.text.get(offset..offset + 6)?.strip_prefix("\\u")?;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
    }
}

fn is_json_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (integer, fraction) = match mantissa.split_once('.') {
        Some((integer, fraction)) => (integer, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(integer)
        && (integer.len() == 1 || !integer.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}

#[cfg(test)]
mod tests {
    use super::super::Position;
    use super::*;

    #[test]
    fn agrees_with_serde_json() {
        let cases = [
            r#"{"a": [1, -2.5e3, true, null, "x\u00e9\ud83d\ude00\/\n"], "b": {}}"#,
            "[]",
            "\t[1,\r\n2]",
            "0",
            "-0",
            "01",
            "1.",
            ".5",
            "1e",
            "1e+5",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "\"\\x\"",
            "\"a\nb\"",
            "{a: 1}",
            "{\"a\" 1}",
            "[1 2]",
            "[1,]",
            "{\"a\":1,}",
            "tru",
            "truex",
            "",
            "  ",
            "{} {}",
            "\"é\"",
            "\"\\u00\"",
            "{\"a\":",
            "[",
            "-",
            "nullx",
            "\u{1}",
            "\"\\u+123\"",
        ];
        for text in cases {
            let ours = parse(text);
            let theirs = serde_json::from_str::<serde_json::Value>(text);
            assert_eq!(ours.is_ok(), theirs.is_ok(), "{text:?}: {ours:?}");
            if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
                assert_eq!(plain(&ours).to_string(), theirs.to_string(), "{text:?}");
            }
        }
    }

    fn plain(node: &Node) -> serde_json::Value {
        match &node.value {
            Value::Null | Value::Unsupported(_) => serde_json::Value::Null,
            Value::Boolean(value) => (*value).into(),
            Value::Number(text) => serde_json::from_str(text).unwrap(),
            Value::String(text) => text.clone().into(),
            Value::Sequence(items) => items.iter().map(plain).collect(),
            Value::Mapping(entries) => {
                entries.iter().map(|entry| (entry.key.clone(), plain(&entry.value))).collect()
            }
        }
    }

    #[test]
    fn remembers_places() {
        let root = parse("{\n  \"é\": 1,\n\t\"b\": [\n 2]}").unwrap();
        let Value::Mapping(entries) = root.value else { panic!("no mapping") };
        assert_eq!(entries[0].position, Position { line: 2, column: 3 });
        assert_eq!(entries[0].value.position, Position { line: 2, column: 8 });
        let Value::Sequence(items) = &entries[1].value.value else { panic!("no sequence") };
        assert_eq!(items[0].position, Position { line: 4, column: 2 });
    }

    #[test]
    fn bounded() {
        assert!(parse(&"[".repeat(100_000)).unwrap_err().message.contains("deeper"));
        let many = format!("[{}0]", "0,".repeat(600_000));
        assert!(parse(&many).unwrap_err().message.contains("nodes"));
    }
}
