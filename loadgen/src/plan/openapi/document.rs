//! A JSON or YAML document, and places in it. References within the document are followed.

use std::collections::HashMap;
use std::path::Path;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Map, Value};

use super::super::issue::{Place, PlanIssue, quoted};

/// Deepest nesting; serde_json has the same limit.
const DEPTH_MAX: usize = 127;
/// Most nodes of a YAML document, with every alias counted as what it stands for.
const NODES_MAX: usize = 5_000_000;
/// Most references that lead to one another.
const REFERENCES_MAX: usize = 32;

/// Parses JSON, or YAML where the text does not begin as JSON does.
pub(super) fn parse(bytes: &[u8], place: &Place) -> Result<Value, PlanIssue> {
    let text = std::str::from_utf8(bytes).map_err(|_| place.issue("the document is not UTF-8"))?;
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with(['{', '[']) {
        return serde_json::from_str(text)
            .map_err(|error| place.at_line(error.line().max(1)).issue(format!("not valid JSON: {error}")));
    }
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            place.at_line(error.marker().line().max(1)).issue(format!("not valid YAML: {}", error.info()))
        })?;
        let line = span.start.line().max(1);
        builder.event(event).map_err(|message| place.at_line(line).issue(message))?;
    }
    builder.root.ok_or_else(|| place.issue("the file holds no document"))
}

/// Builds the value from events, without recursion.
#[derive(Default)]
struct Builder {
    stack: Vec<Frame>,
    anchors: HashMap<usize, (Value, usize)>,
    nodes: usize,
    documents: usize,
    root: Option<Value>,
}

/// A list or mapping that is not complete yet.
struct Frame {
    value: Value,
    /// The key that waits for its value.
    key: Option<String>,
    anchor: usize,
    /// Nodes before it.
    nodes: usize,
}

impl Builder {
    fn event(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::Scalar(text, style, anchor, tag) => self.scalar(&text, style, anchor, tag.as_deref()),
            Event::SequenceStart(anchor, tag) => self.open(Value::Array(Vec::new()), anchor, tag.as_deref()),
            Event::MappingStart(anchor, tag) => self.open(Value::Object(Map::new()), anchor, tag.as_deref()),
            Event::SequenceEnd | Event::MappingEnd => {
                let frame = self.stack.pop().ok_or("unbalanced YAML")?;
                let nodes = self.nodes - frame.nodes;
                self.complete(frame.value, frame.anchor, nodes)
            }
            Event::Alias(anchor) => {
                if self.awaits_key() {
                    return Err("an alias cannot be a key".to_owned());
                }
                let (value, nodes) = self.anchors.get(&anchor).ok_or("an alias inside of what it names")?;
                if self.stack.len() + depth(value) > DEPTH_MAX {
                    return Err(format!("nested deeper than {DEPTH_MAX}"));
                }
                let nodes = *nodes;
                // Counted before it is copied: nine lines of aliases of aliases stand for a billion nodes.
                count(&mut self.nodes, nodes)?;
                let value = value.clone();
                self.complete(value, 0, nodes)
            }
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 { Err("a second YAML document in the file".to_owned()) } else { Ok(()) }
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn awaits_key(&self) -> bool {
        self.stack.last().is_some_and(|frame| frame.value.is_object() && frame.key.is_none())
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
    ) -> Result<(), String> {
        count(&mut self.nodes, 1)?;
        check_tag(tag)?;
        if !self.awaits_key() {
            let is_text = style != ScalarStyle::Plain
                || tag.is_some_and(|tag| tag.suffix == "str" || is_plain_mark(tag));
            return self.complete(if is_text { text.into() } else { plain(text) }, anchor, 1);
        }
        if text == "<<" && style == ScalarStyle::Plain {
            return Err("the YAML merge key `<<` is not read; write the members out".to_owned());
        }
        match self.stack.last_mut() {
            Some(frame) => frame.key = Some(text.to_owned()),
            None => return Err("unbalanced YAML".to_owned()),
        }
        Ok(())
    }

    fn open(&mut self, value: Value, anchor: usize, tag: Option<&Tag>) -> Result<(), String> {
        check_tag(tag)?;
        if self.awaits_key() {
            return Err("a list or mapping cannot be a key".to_owned());
        }
        if self.stack.len() >= DEPTH_MAX {
            return Err(format!("nested deeper than {DEPTH_MAX}"));
        }
        let nodes = self.nodes;
        count(&mut self.nodes, 1)?;
        self.stack.push(Frame { value, key: None, anchor, nodes });
        Ok(())
    }

    fn complete(&mut self, value: Value, anchor: usize, nodes: usize) -> Result<(), String> {
        if anchor != 0 {
            // The kept copy costs memory as well.
            count(&mut self.nodes, nodes)?;
            self.anchors.insert(anchor, (value.clone(), nodes));
        }
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(value);
            return Ok(());
        };
        match &mut frame.value {
            Value::Array(items) => items.push(value),
            Value::Object(members) => {
                let key = frame.key.take().ok_or("a value without a key")?;
                if members.contains_key(&key) {
                    return Err(format!("the key {} is there twice", quoted(&key)));
                }
                members.insert(key, value);
            }
            _ => return Err("unbalanced YAML".to_owned()),
        }
        Ok(())
    }
}

/// A tag of the core schema, or the lone `!` that makes a scalar a text (YAML 1.2 §6.9.1). Others stand for what something else computes.
fn check_tag(tag: Option<&Tag>) -> Result<(), String> {
    match tag.filter(|tag| !tag.is_yaml_core_schema() && !is_plain_mark(tag)) {
        None => Ok(()),
        Some(tag) => Err(format!(
            "the YAML tag {} is not read; write its value out",
            quoted(&format!("{}{}", tag.handle, tag.suffix))
        )),
    }
}

fn is_plain_mark(tag: &Tag) -> bool {
    tag.handle.is_empty() && tag.suffix == "!"
}

fn count(nodes: &mut usize, more: usize) -> Result<(), String> {
    *nodes = nodes.saturating_add(more);
    if *nodes > NODES_MAX { Err(format!("more than {NODES_MAX} nodes")) } else { Ok(()) }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// The core schema of YAML 1.2 (§10.3.2).
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return true.into(),
        "false" | "False" | "FALSE" => return false.into(),
        _ => {}
    }
    let looks_like_number =
        text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+' | '.'));
    if !looks_like_number {
        return text.into();
    }
    let integer = match text.get(..2) {
        Some("0x") => i64::from_str_radix(&text[2..], 16).ok(),
        Some("0o") => i64::from_str_radix(&text[2..], 8).ok(),
        _ => text.parse().ok(),
    };
    let is_float =
        text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E'));
    let float = || is_float.then(|| text.parse().ok().and_then(serde_json::Number::from_f64)).flatten();
    match (integer, float()) {
        (Some(integer), _) => integer.into(),
        (None, Some(float)) => Value::Number(float),
        (None, None) => text.into(),
    }
}

/// A value of the document, with its place.
#[derive(Clone)]
pub(super) struct At<'d> {
    root: &'d Value,
    pub(super) value: &'d Value,
    pub(super) place: Place,
}

impl<'d> At<'d> {
    pub(super) fn root(root: &'d Value, file: &Path) -> Self {
        At { root, value: root, place: Place::file(file) }
    }

    /// The member `key`, with references followed.
    pub(super) fn get(&self, key: &str) -> Result<Option<At<'d>>, PlanIssue> {
        self.member(key).map(|member| member.resolve()).transpose()
    }

    /// The member `key` as it stands.
    pub(super) fn member(&self, key: &str) -> Option<At<'d>> {
        let value = self.value.get(key)?;
        Some(At { root: self.root, value, place: self.place.member(key) })
    }

    /// The text of the member `key`.
    pub(super) fn text(&self, key: &str) -> Option<&'d str> {
        self.value.get(key)?.as_str()
    }

    pub(super) fn is_true(&self, key: &str) -> bool {
        self.value.get(key) == Some(&Value::Bool(true))
    }

    /// Members of an object, in the order of their names.
    pub(super) fn members(&self) -> Vec<(&'d str, At<'d>)> {
        let members = self.value.as_object().into_iter().flatten();
        let at = |(key, value): (&'d String, &'d Value)| {
            (key.as_str(), At { root: self.root, value, place: self.place.member(key) })
        };
        members.map(at).collect()
    }

    pub(super) fn items(&self) -> Vec<At<'d>> {
        let items = self.value.as_array().into_iter().flatten().enumerate();
        items
            .map(|(i, value)| At { root: self.root, value, place: self.place.member(&i.to_string()) })
            .collect()
    }

    /// Follows `$ref` (RFC 6901 within the document) as far as it leads.
    pub(super) fn resolve(&self) -> Result<At<'d>, PlanIssue> {
        let mut at = self.clone();
        for _ in 0..REFERENCES_MAX {
            let Some(reference) = at.text("$ref") else { return Ok(at) };
            at = at.follow(reference)?;
        }
        Err(self.place.issue(format!("more than {REFERENCES_MAX} references lead to one another")))
    }

    fn follow(&self, reference: &str) -> Result<At<'d>, PlanIssue> {
        let Some(pointer) = reference.strip_prefix('#').filter(|pointer| pointer.starts_with('/')) else {
            let message = format!("the reference {} leads out of the document", quoted(reference));
            return Err(self.place.issue(message).help("bundle the document into one file"));
        };
        let pointer = decoded(pointer);
        match self.root.pointer(&pointer) {
            Some(value) => Ok(At { root: self.root, value, place: self.place.moved(&pointer) }),
            None => Err(self.place.issue(format!("the reference {} leads nowhere", quoted(reference)))),
        }
    }
}

/// A pointer in a URI fragment is percent-encoded (RFC 6901 §6).
fn decoded(pointer: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = pointer.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match hex.filter(|_| first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Value, String> {
        parse(text.as_bytes(), &Place::file(Path::new("a"))).map_err(|issue| issue.to_string())
    }

    #[test]
    fn yaml_and_json_are_the_same() {
        let json =
            r#"{"a":[1,-2.5,true,null,"x","1"],"b":{"200":"y"},"c":"2026-01-31","d":[16,"on"],"e":[1]}"#;
        let yaml = "a: [1, -2.5, true, ~, x, '1']\nb: {200: y}\nc: 2026-01-31\nd: [0x10, on]\ne: [!!int 1]\n";
        assert_eq!(read(yaml).unwrap(), read(json).unwrap());
        assert_eq!(
            read("a: &x {k: [v]}\nb: *x").unwrap(),
            read(r#"{"a":{"k":["v"]},"b":{"k":["v"]}}"#).unwrap()
        );
    }

    #[test]
    fn refusals_have_their_line() {
        let message = |text: &str| read(text).unwrap_err();
        assert!(
            message("{\n\"a\": tru}").starts_with("a:2: not valid JSON: "),
            "{}",
            message("{\n\"a\": tru}")
        );
        assert!(message("a: 1\nb: [\n").contains("not valid YAML: "));
        assert_eq!(message("a: 1\na: 2"), "a:2: the key `a` is there twice");
        assert_eq!(message("a: 1\n---\nb: 2"), "a:2: a second YAML document in the file");
        assert_eq!(
            message("a:\n  <<: {b: 1}"),
            "a:2: the YAML merge key `<<` is not read; write the members out"
        );
        assert_eq!(message("a:\n  - !Sub x"), "a:2: the YAML tag `!Sub` is not read; write its value out");
        assert_eq!(message("a: !If [x]"), "a:1: the YAML tag `!If` is not read; write its value out");
        assert_eq!(read("a: ! 5").unwrap(), read(r#"{"a":"5"}"#).unwrap());
        assert_eq!(message(""), "a: the file holds no document");
        assert_eq!(message("a: &x [*x]"), "a:1: an alias inside of what it names");
        assert_eq!(message("? [a]\n: b"), "a:1: a list or mapping cannot be a key");
        let mut bomb = String::from("a0: &a0 [l, l, l, l, l, l, l, l, l]\n");
        for level in 1..40 {
            let below = format!("*a{}", level - 1);
            bomb.push_str(&format!("a{level}: &a{level} [{}]\n", [below.as_str(); 9].join(", ")));
        }
        assert!(message(&bomb).contains("more than 5000000 nodes"), "{}", message(&bomb));
        assert!(read(&"[".repeat(100_000)).is_err() && read(&"- ".repeat(100_000)).is_err());
    }

    #[test]
    fn references() {
        let root = read(
            r##"{"a":{"$ref":"#/b/x~1y%20z"},"b":{"x/y z":{"v":1}},"l":{"$ref":"#/l"},"o":{"$ref":"b.yaml#/c"},"n":{"$ref":"#/q"}}"##,
        );
        let root = root.unwrap();
        let at = At::root(&root, Path::new("d.json"));
        let found = at.get("a").unwrap().unwrap();
        assert_eq!(found.value["v"], 1);
        assert_eq!(found.place.issue("x").to_string(), "d.json: /b/x~1y z: x");
        let message = |key| at.get(key).map(|_| ()).unwrap_err().to_string();
        assert_eq!(message("l"), "d.json: /l: more than 32 references lead to one another");
        assert_eq!(
            message("o"),
            "d.json: /o: the reference `b.yaml#/c` leads out of the document\n  help: bundle the document into one file"
        );
        assert_eq!(message("n"), "d.json: /n: the reference `#/q` leads nowhere");
    }
}
