//! The JSON text of a body as a flat list of nodes: what is validated needs no maps, and so it is read without one allocation a value.
//!
//! Stricter than [`crate::json`], which reads what templates see: RFC 8259, no more.

use std::borrow::Cow;

use ahash::AHashMap;

use crate::limits::VALIDATED_DEPTH_MAX;

/// Members of an object from which they are found through an index.
const INDEXED_FROM: u32 = 32;

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    True,
    False,
    Number,
    /// Without escapes.
    Text,
    /// With escapes.
    Escaped,
    Array,
    /// Its members follow: a text and a value each.
    Object,
}

/// A value, or the name of a member.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) kind: Kind,
    /// Where the number or the inside of the text begins; of a container unused.
    at: u32,
    /// Bytes of a number or text; items or members of a container.
    pub(super) length: u32,
    /// The slot that follows this value.
    pub(super) end: u32,
}

/// A JSON text that was read.
pub(super) struct Document<'t> {
    text: &'t str,
    slots: Vec<Slot>,
    /// Members of large objects: by the slot of the object, the slot of the value by name.
    indices: AHashMap<u32, AHashMap<Cow<'t, str>, u32>>,
}

impl<'t> Document<'t> {
    /// Reads `bytes`; `None` where they are not JSON, or nested deeper than [`VALIDATED_DEPTH_MAX`].
    pub(super) fn read(bytes: &'t [u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        // Positions are of 32 bits.
        u32::try_from(text.len()).ok()?;
        // A slot for each five bytes is more than most texts need.
        let slots = Vec::with_capacity(text.len() / 5 + 1);
        let document = Document { text, slots, indices: AHashMap::new() };
        let mut reader = Reader { document, at: 0, depth: 0 };
        reader.value()?;
        reader.skip_white();
        (reader.at == text.len()).then_some(reader.document)
    }

    pub(super) fn slot(&self, index: u32) -> Slot {
        self.slots[index as usize]
    }

    /// The text of a number, or the inside of a text as it is written.
    pub(super) fn raw(&self, slot: Slot) -> &'t str {
        &self.text[slot.at as usize..(slot.at + slot.length) as usize]
    }

    /// A text without its escapes.
    pub(super) fn string(&self, slot: Slot) -> Cow<'t, str> {
        match slot.kind {
            Kind::Escaped => Cow::Owned(unescape(self.text, slot).unwrap_or_default()),
            _ => Cow::Borrowed(self.raw(slot)),
        }
    }

    /// The slot of the value of the member `key`; of two of the same name the later one.
    pub(super) fn member(&self, object: u32, key: &str) -> Option<u32> {
        let slot = self.slot(object);
        if slot.length >= INDEXED_FROM {
            return self.indices.get(&object)?.get(key).copied();
        }
        let mut found = None;
        let mut name = object + 1;
        while name < slot.end {
            let value = name + 1;
            let named = self.slot(name);
            let is_it = match named.kind {
                Kind::Escaped => self.string(named) == key,
                _ => self.raw(named) == key,
            };
            if is_it {
                found = Some(value);
            }
            name = self.slot(value).end;
        }
        found
    }
}

fn unescape(text: &str, slot: Slot) -> Option<String> {
    let quoted = &text[slot.at as usize - 1..(slot.at + slot.length) as usize + 1];
    serde_json::from_str(quoted).ok()
}

struct Reader<'t> {
    document: Document<'t>,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn peek(&self) -> u8 {
        // No JSON text has a zero byte outside of what is refused anyway.
        self.document.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn skip_white(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    fn push(&mut self, kind: Kind, at: usize, length: usize) {
        let end = self.document.slots.len() as u32 + 1;
        self.document.slots.push(Slot { kind, at: at as u32, length: length as u32, end });
    }

    fn value(&mut self) -> Option<()> {
        self.skip_white();
        match self.peek() {
            b'"' => self.text(),
            b'{' => self.container(Kind::Object),
            b'[' => self.container(Kind::Array),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word("true", Kind::True),
            b'f' => self.word("false", Kind::False),
            b'n' => self.word("null", Kind::Null),
            _ => None,
        }
    }

    fn word(&mut self, word: &str, kind: Kind) -> Option<()> {
        let is_it = self.document.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        self.push(kind, self.at, word.len());
        self.at += word.len();
        is_it.then_some(())
    }

    fn container(&mut self, kind: Kind) -> Option<()> {
        let close = if kind == Kind::Object { b'}' } else { b']' };
        self.depth += 1;
        if self.depth > VALIDATED_DEPTH_MAX {
            return None;
        }
        let index = self.document.slots.len();
        self.push(kind, self.at, 0);
        self.at += 1;
        self.skip_white();
        let mut length = 0;
        while self.peek() != close {
            if kind == Kind::Object {
                self.name()?;
            }
            self.value()?;
            length += 1;
            self.skip_white();
            match self.peek() {
                b',' => {
                    self.at += 1;
                    self.skip_white();
                    // A comma promises one more.
                    if self.peek() == close {
                        return None;
                    }
                }
                byte if byte == close => {}
                _ => return None,
            }
        }
        self.at += 1;
        self.depth -= 1;
        let end = self.document.slots.len() as u32;
        let slot = &mut self.document.slots[index];
        (slot.length, slot.end) = (length, end);
        if kind == Kind::Object && length >= INDEXED_FROM {
            self.index(index as u32);
        }
        Some(())
    }

    fn name(&mut self) -> Option<()> {
        if self.peek() != b'"' {
            return None;
        }
        self.text()?;
        self.skip_white();
        let is_colon = self.peek() == b':';
        self.at += 1;
        is_colon.then_some(())
    }

    /// A long object is searched as often as its schema has properties.
    fn index(&mut self, object: u32) {
        let document = &self.document;
        let end = document.slot(object).end;
        let mut index = AHashMap::with_capacity(document.slot(object).length as usize);
        let mut name = object + 1;
        while name < end {
            index.insert(document.string(document.slot(name)), name + 1);
            name = document.slot(name + 1).end;
        }
        self.document.indices.insert(object, index);
    }

    fn text(&mut self) -> Option<()> {
        let bytes = self.document.text.as_bytes();
        let start = self.at + 1;
        let mut end = start;
        let mut kind = Kind::Text;
        loop {
            end += memchr::memchr2(b'"', b'\\', &bytes[end..])?;
            if bytes[end] == b'"' {
                break;
            }
            kind = Kind::Escaped;
            // The escape and what it escapes; whether it is one is seen below.
            end += 2;
            if end > bytes.len() {
                return None;
            }
        }
        if bytes[start..end].iter().any(|byte| *byte < b' ') {
            return None;
        }
        self.push(kind, start, end - start);
        self.at = end + 1;
        match kind {
            Kind::Escaped => unescape(self.document.text, *self.document.slots.last()?).map(drop),
            _ => Some(()),
        }
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn number(&mut self) -> Option<()> {
        let start = self.at;
        if self.peek() == b'-' {
            self.at += 1;
        }
        match self.peek() {
            b'0' => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        self.push(Kind::Number, start, self.at - start);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_serde_json_reads() {
        for text in [
            "null",
            "true",
            "false",
            "0",
            "-0",
            "10.5e+3",
            "1E2",
            "\"\"",
            "\"a\\u00e9\\n\"",
            "[]",
            "{}",
            " [ 1 , 2 ] ",
            "{\"a\":{\"b\":[1,{}]},\"a\":2}",
            "01",
            "1.",
            ".5",
            "-",
            "1e",
            "[1,]",
            "[,1]",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "[1 2]",
            "[1",
            "\"\\x\"",
            "\"\\ud800\"",
            "\"\u{1}\"",
            "nul",
            "truex",
            "[] []",
            "",
            " ",
            "\"a",
            "\"\\",
            "{\"a\":1,}",
            "{,}",
            "'a'",
            "\u{feff}1",
        ] {
            let expected = serde_json::from_str::<serde_json::Value>(text).is_ok();
            assert_eq!(Document::read(text.as_bytes()).is_some(), expected, "{text:?}");
        }
        assert!(Document::read(b"\"\xff\"").is_none());
        assert!(Document::read("[".repeat(100_000).as_bytes()).is_none());
    }

    #[test]
    fn finds_members() {
        let read = |text: &'static str| Document::read(text.as_bytes()).unwrap();
        let document = read(r#"{"a":[1,2,{"b":3}],"c\u0064":4,"a":5}"#);
        let number = |slot: Option<u32>| slot.map(|slot| document.raw(document.slot(slot)));
        assert_eq!(number(document.member(0, "a")), Some("5"), "the last of two");
        assert_eq!(number(document.member(0, "cd")), Some("4"));
        assert_eq!(number(document.member(0, "b")), None);
        let members: Vec<String> = (0..100).map(|n| format!("\"k{n}\":{n}")).collect();
        let text = format!("[{{{}}}]", members.join(",")).leak();
        let document = read(text);
        assert_eq!(document.member(1, "k42").map(|slot| document.raw(document.slot(slot))), Some("42"));
        assert_eq!(document.member(1, "k100"), None);
    }
}
