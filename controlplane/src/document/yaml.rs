//! YAML 1.2 with the place of every value.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::{Budget, DEPTH_MAX, Entry, Node, Position, SyntaxError, Value, too_deep};

/// Parses one YAML document. Aliases stand for a copy of what they name and count against the document's limits.
pub(super) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let mut builder = Builder::default();
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| SyntaxError {
            position: position(*error.marker()),
            message: format!("not valid YAML: {}", error.info()),
        })?;
        let here = position(span.start);
        if matches!(event, Event::DocumentStart(_)) {
            documents += 1;
        }
        if documents > 1 {
            return Err(SyntaxError { position: here, message: "a second YAML document in the file".into() });
        }
        builder.event(event, here).map_err(|message| SyntaxError { position: here, message })?;
    }
    builder.root.ok_or_else(|| SyntaxError {
        position: Position::START,
        message: "the file holds no document".into(),
    })
}

fn position(marker: Marker) -> Position {
    let clamp = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    Position { line: clamp(marker.line()).max(1), column: clamp(marker.col()).saturating_add(1) }
}

/// Builds the tree from events, without recursion.
#[derive(Default)]
struct Builder {
    stack: Vec<Frame>,
    anchors: HashMap<usize, Node>,
    budget: Budget,
    root: Option<Node>,
}

/// A collection that is not complete yet.
struct Frame {
    node: Node,
    anchor: usize,
    /// The key that waits for its value.
    key: Option<(String, Position)>,
    /// The foreign tag of the collection, for which its content does not count.
    tag: Option<String>,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, here: Position) -> Result<(), String> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.scalar(&text, style, anchor, tag.as_deref(), here)
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(Value::Sequence(Vec::new()), anchor, tag.as_deref(), here)
            }
            Event::MappingStart(anchor, tag) => {
                self.open(Value::Mapping(Vec::new()), anchor, tag.as_deref(), here)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => self.alias(anchor, here),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        here: Position,
    ) -> Result<(), String> {
        self.budget.spend(1, text.len())?;
        if let Some(frame) = self.awaiting_key() {
            if text == "<<" && style == ScalarStyle::Plain {
                return Err("the YAML merge key `<<` is not built yet; write the members out".into());
            }
            frame.key = Some((text.to_owned(), here));
            return Ok(());
        }
        let value = match tag {
            None if style == ScalarStyle::Plain => resolve(text),
            None => Value::String(text.to_owned()),
            Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => Value::String(text.to_owned()),
            Some(tag) if tag.is_yaml_core_schema() => resolve(text),
            Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => Value::String(text.to_owned()),
            Some(tag) => Value::Unsupported(unsupported(tag)),
        };
        self.complete(Node { position: here, value }, anchor)
    }

    fn open(&mut self, value: Value, anchor: usize, tag: Option<&Tag>, here: Position) -> Result<(), String> {
        self.budget.spend(1, 0)?;
        if self.stack.len() >= DEPTH_MAX {
            return Err(too_deep());
        }
        if self.awaiting_key().is_some() {
            return Err("a list or mapping cannot be a key".into());
        }
        let tag = tag.filter(|tag| !tag.is_yaml_core_schema()).map(unsupported);
        self.stack.push(Frame { node: Node { position: here, value }, anchor, key: None, tag });
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        let Some(frame) = self.stack.pop() else { return Err("unbalanced YAML".into()) };
        let Frame { mut node, anchor, tag, .. } = frame;
        if let Some(message) = tag {
            node.value = Value::Unsupported(message);
        }
        self.complete(node, anchor)
    }

    fn alias(&mut self, anchor: usize, here: Position) -> Result<(), String> {
        if self.awaiting_key().is_some() {
            return Err("an alias cannot be a key".into());
        }
        let Some(node) = self.anchors.get(&anchor) else {
            return Err("an alias inside of what it names".into());
        };
        let (nodes, text_bytes) = weight(node);
        self.budget.spend(nodes, text_bytes)?;
        let depth = self.stack.len() + depth(node);
        if depth > DEPTH_MAX {
            return Err(too_deep());
        }
        let node = Node { position: here, ..node.clone() };
        self.complete(node, 0)
    }

    /// The innermost mapping, when it expects a key.
    fn awaiting_key(&mut self) -> Option<&mut Frame> {
        let frame = self.stack.last_mut()?;
        (matches!(frame.node.value, Value::Mapping(_)) && frame.key.is_none()).then_some(frame)
    }

    /// Puts a complete node into its parent.
    fn complete(&mut self, node: Node, anchor: usize) -> Result<(), String> {
        if anchor != 0 {
            // The kept copy costs memory as well.
            let (nodes, text_bytes) = weight(&node);
            self.budget.spend(nodes, text_bytes)?;
            self.anchors.insert(anchor, node.clone());
        }
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut frame.node.value {
            Value::Sequence(items) => items.push(node),
            Value::Mapping(entries) => {
                let (key, position) = frame.key.take().ok_or("a value without a key")?;
                entries.push(Entry { key, position, value: node });
            }
            _ => return Err("unbalanced YAML".into()),
        }
        Ok(())
    }
}

/// Nodes and bytes of text below and including `node`; recursion is bounded by the depth limit.
fn weight(node: &Node) -> (usize, usize) {
    let add = |(nodes, bytes): (usize, usize), (more_nodes, more_bytes): (usize, usize)| {
        (nodes + more_nodes, bytes + more_bytes)
    };
    match &node.value {
        Value::String(text) | Value::Number(text) | Value::Unsupported(text) => (1, text.len()),
        Value::Null | Value::Boolean(_) => (1, 0),
        Value::Sequence(items) => items.iter().map(weight).fold((1, 0), add),
        Value::Mapping(entries) => {
            entries.iter().map(|entry| add(weight(&entry.value), (1, entry.key.len()))).fold((1, 0), add)
        }
    }
}

fn depth(node: &Node) -> usize {
    match &node.value {
        Value::Sequence(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Mapping(entries) => 1 + entries.iter().map(|entry| depth(&entry.value)).max().unwrap_or(0),
        _ => 0,
    }
}

fn unsupported(tag: &Tag) -> String {
    let name = format!("{}{}", tag.handle, tag.suffix);
    format!(
        "the YAML tag {} is not valid here; a value that CloudFormation computes has to be written out",
        crate::issue::quoted(&name)
    )
}

/// The core schema of YAML 1.2 (§10.3.2): the type of a plain scalar.
fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Boolean(true),
        "false" | "False" | "FALSE" => Value::Boolean(false),
        _ if is_number(text) => Value::Number(text.to_owned()),
        _ => Value::String(text.to_owned()),
    }
}

fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if let Some(digits) = text.strip_prefix("0x") {
        return !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return !digits.is_empty() && digits.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    }
    unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && unsigned.bytes().any(|byte| byte.is_ascii_digit())
        && unsigned.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        parse(text).unwrap_err().message
    }

    fn member<'n>(node: &'n Node, key: &str) -> &'n Node {
        let Value::Mapping(entries) = &node.value else { panic!("no mapping: {node:?}") };
        &entries.iter().find(|entry| entry.key == key).unwrap().value
    }

    #[test]
    fn types_and_places() {
        let root = parse("a: 2.0\nb: '2.0'\nc:\n  - true\n  - ~\n  - on\n200: ok\n").unwrap();
        assert!(matches!(&member(&root, "a").value, Value::Number(text) if text == "2.0"));
        assert!(matches!(&member(&root, "b").value, Value::String(text) if text == "2.0"));
        assert_eq!(member(&root, "b").position, Position { line: 2, column: 4 });
        let Value::Sequence(items) = &member(&root, "c").value else { panic!("no sequence") };
        assert!(matches!(items[0].value, Value::Boolean(true)));
        assert!(matches!(items[1].value, Value::Null));
        assert!(matches!(&items[2].value, Value::String(text) if text == "on"));
        assert_eq!(items[2].position, Position { line: 6, column: 5 });
        assert!(matches!(&member(&root, "200").value, Value::String(_)));
    }

    #[test]
    fn aliases_are_copies_and_bombs_are_refused() {
        let root = parse("a: &x {k: v}\nb: *x\n").unwrap();
        assert!(matches!(&member(member(&root, "b"), "k").value, Value::String(text) if text == "v"));

        let mut bomb = String::from("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
        for level in 1..40 {
            let below = format!("*a{}", level - 1);
            bomb.push_str(&format!("a{level}: &a{level} [{}]\n", [below.as_str(); 9].join(", ")));
        }
        assert!(message(&bomb).contains("nodes"), "{}", message(&bomb));

        let mut long = format!("a: &a \"{}\"\nb:\n", "x".repeat(1024 * 1024));
        long.push_str(&"- *a\n".repeat(20));
        assert!(message(&long).contains("bytes of text"), "{}", message(&long));
        assert!(message("a: &a [*a]").contains("alias"), "{}", message("a: &a [*a]"));
    }

    #[test]
    fn tags_are_kept_for_their_place() {
        let root = parse("a: !Sub '${X}'\nb: !If [c, d, e]\nc: !!str 5\n").unwrap();
        assert!(matches!(&member(&root, "a").value, Value::Unsupported(message) if message.contains("!Sub")));
        assert!(matches!(&member(&root, "b").value, Value::Unsupported(message) if message.contains("!If")));
        assert!(matches!(&member(&root, "c").value, Value::String(text) if text == "5"));
    }

    #[test]
    fn refuses_what_is_no_single_document() {
        assert!(message("").contains("no document"));
        assert!(message("a: 1\n---\nb: 2\n").contains("second"));
        assert!(message("a: [1, 2\n").contains("YAML"));
        assert!(message("? [a]\n: b\n").contains("key"));
        assert!(message("a:\n  <<: {b: 1}\n").contains("merge"));
        assert!(message(&format!("{}x", "- ".repeat(200))).contains("deeper"));
        assert!(parse(&"[".repeat(100_000)).is_err());
    }
}
