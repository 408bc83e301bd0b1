//! A document as a tree that remembers where each node stands: one shape for YAML, JSON and TOML.

mod json;
mod toml;
mod yaml;

use std::cell::Cell;
use std::collections::HashSet;
use std::path::Path;

use crate::cursor::Cursor;
use crate::issue::{Issues, quoted};

/// Largest file, in bytes: AWS's limit for an import (spec sheet §7).
pub(crate) const FILE_BYTES_MAX: usize = 6 * 1024 * 1024;
/// Largest TOML file, in bytes. Ours: its parser counts no nodes, and the files are written by hand.
const TOML_BYTES_MAX: usize = 1024 * 1024;
/// Deepest nesting.
const DEPTH_MAX: usize = 100;
/// Most nodes, with every alias counted as what it stands for.
pub(crate) const NODES_MAX: usize = 500_000;
/// Most bytes of text, with every alias counted as what it stands for.
const TEXT_BYTES_MAX: usize = 2 * FILE_BYTES_MAX;

/// Most members of a mapping that are compared one by one to find those that are there twice.
const SMALL_MAPPING_MAX: usize = 16;

/// A value and where it begins.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) position: Position,
    pub(crate) value: Value,
}

/// What a node holds.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Null,
    Boolean(bool),
    /// As written: `200` and `2.0` are also a status code and a version.
    Number(String),
    String(String),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
    /// What has no place in a configuration, such as a tag or a date; reported once when the document is parsed.
    Unsupported(String),
}

/// A member of a mapping.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) position: Position,
    pub(crate) value: Node,
}

/// Line and column, both from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl Position {
    pub(crate) const START: Self = Self { line: 1, column: 1 };
}

/// Why a text is no document at all, and where.
#[derive(Debug)]
pub(crate) struct SyntaxError {
    pub(crate) position: Position,
    pub(crate) message: String,
}

/// Parses YAML or JSON. A `.yaml` or `.yml` file is YAML; any other that begins with `{` or `[` is JSON, because
/// YAML parsers refuse some of JSON (tabs, surrogate pairs).
pub(crate) fn parse(text: &str, issues: &mut Issues<'_>) -> Option<Node> {
    let is_yaml = has_extension(issues.file(), &["yaml", "yml"]);
    let looks_like_json = text.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '[']);
    let parse = if !is_yaml && looks_like_json { json::parse } else { yaml::parse };
    finish(text, FILE_BYTES_MAX, issues, |text| parse(text).map_err(|error| vec![error]))
}

/// Parses strict JSON that a model holds; `None` when it is none.
pub(crate) fn parse_json(text: &str) -> Option<Node> {
    json::parse(text).ok()
}

/// Nodes below and including `node`; what a reference to it costs.
pub(crate) fn nodes_of(node: &Node) -> usize {
    match &node.value {
        Value::Sequence(items) => items.iter().map(nodes_of).sum::<usize>() + 1,
        Value::Mapping(entries) => entries.iter().map(|entry| nodes_of(&entry.value) + 1).sum::<usize>() + 1,
        _ => 1,
    }
}

/// Parses TOML.
pub(crate) fn parse_toml(text: &str, issues: &mut Issues<'_>) -> Option<Node> {
    finish(text, TOML_BYTES_MAX, issues, toml::parse)
}

/// Whether `path` ends in one of `extensions`, in any case.
pub(crate) fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    extensions.iter().any(|known| known.eq_ignore_ascii_case(extension))
}

fn finish(
    text: &str,
    bytes_max: usize,
    issues: &mut Issues<'_>,
    parse: impl Fn(&str) -> Result<Node, Vec<SyntaxError>>,
) -> Option<Node> {
    if text.len() > bytes_max {
        let message = format!("the file has {} bytes; {bytes_max} is the most", text.len());
        issues.push(crate::Issue::whole_file(issues.file(), message));
        return None;
    }
    match parse(text.trim_start_matches('\u{feff}')) {
        Ok(root) => {
            report_faults(&Cursor::root(&root), issues);
            Some(root)
        }
        Err(errors) => {
            for SyntaxError { position, message } in errors {
                let issue = crate::Issue::whole_file(issues.file(), message);
                issues.push(crate::Issue { line: position.line, column: position.column, ..issue });
            }
            None
        }
    }
}

/// Duplicate keys and unsupported values, wherever they stand.
fn report_faults(cursor: &Cursor<'_>, issues: &mut Issues<'_>) {
    match &cursor.node().value {
        Value::Unsupported(message) => issues.at(cursor, message.clone()),
        Value::Sequence(_) => cursor.items().for_each(|item| report_faults(&item, issues)),
        Value::Mapping(entries) => {
            // Most mappings are small, and comparing is faster there than hashing.
            let is_small = entries.len() <= SMALL_MAPPING_MAX;
            let mut seen = HashSet::with_capacity(if is_small { 0 } else { entries.len() });
            for (index, (key, child)) in cursor.entries().enumerate() {
                let is_new = match is_small {
                    true => entries[..index].iter().all(|entry| entry.key != key),
                    false => seen.insert(key),
                };
                if !is_new {
                    issues.at_key(&child, format!("duplicate key {}", quoted(key)), None);
                }
                report_faults(&child, issues);
            }
        }
        Value::Null | Value::Boolean(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Finds lines and columns of byte offsets without counting from the start of the text each time: a minified document is
/// a single line of megabytes.
pub(crate) struct LineIndex<'t> {
    text: &'t [u8],
    /// The position at every multiple of [`LineIndex::STRIDE`].
    checkpoints: Vec<Position>,
    /// Where the last position was found: readers ask from front to back.
    last: Cell<(usize, Position)>,
}

impl<'t> LineIndex<'t> {
    const STRIDE: usize = 256;

    pub(crate) fn new(text: &'t str) -> Self {
        let text = text.as_bytes();
        let mut checkpoints = vec![Position::START];
        let mut position = Position::START;
        for chunk in text.chunks(Self::STRIDE) {
            position = advance(position, chunk);
            checkpoints.push(position);
        }
        Self { text, checkpoints, last: Cell::new((0, Position::START)) }
    }

    pub(crate) fn position(&self, offset: usize) -> Position {
        let offset = offset.min(self.text.len());
        let index = offset / Self::STRIDE;
        let checkpoint = (index * Self::STRIDE, self.checkpoints[index]);
        let (from, position) = Some(self.last.get())
            .filter(|(from, _)| (checkpoint.0..=offset).contains(from))
            .unwrap_or(checkpoint);
        let position = advance(position, &self.text[from..offset]);
        self.last.set((offset, position));
        position
    }
}

fn advance(from: Position, bytes: &[u8]) -> Position {
    bytes.iter().fold(from, |Position { line, column }, &byte| match byte {
        b'\n' => Position { line: line + 1, column: 1 },
        // The continuation bytes of a character are no columns of their own.
        0x80..=0xbf => Position { line, column },
        _ => Position { line, column: column + 1 },
    })
}

/// Counts what a document holds, so that no file makes memory unbounded.
#[derive(Default)]
struct Budget {
    nodes: usize,
    text_bytes: usize,
}

impl Budget {
    fn spend(&mut self, nodes: usize, text_bytes: usize) -> Result<(), String> {
        self.nodes = self.nodes.saturating_add(nodes);
        self.text_bytes = self.text_bytes.saturating_add(text_bytes);
        if self.nodes > NODES_MAX {
            return Err(format!("the document has more than {NODES_MAX} nodes, aliases included"));
        }
        if self.text_bytes > TEXT_BYTES_MAX {
            return Err(format!(
                "the document has more than {TEXT_BYTES_MAX} bytes of text, aliases included"
            ));
        }
        Ok(())
    }
}

fn too_deep() -> String {
    format!("nested deeper than {DEPTH_MAX} levels")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_and_lines() {
        let text = format!("é{}\nab\n", "x".repeat(300));
        let index = LineIndex::new(&text);
        assert_eq!(index.position(0), Position { line: 1, column: 1 });
        assert_eq!(index.position(2), Position { line: 1, column: 2 });
        assert_eq!(index.position(302), Position { line: 1, column: 302 });
        assert_eq!(index.position(304), Position { line: 2, column: 2 });
        assert_eq!(index.position(9999), Position { line: 3, column: 1 });
        assert_eq!(index.position(302), Position { line: 1, column: 302 }, "back again");
    }

    #[test]
    fn a_file_beyond_the_limit_is_refused() {
        let file = Path::new("big.yaml");
        let mut issues = Issues::new(file);
        assert!(parse(&"a".repeat(FILE_BYTES_MAX + 1), &mut issues).is_none());
        let issues = issues.into_result::<()>(None).unwrap_err();
        assert!(issues[0].message.contains("6291456"), "{}", issues[0]);
    }
}
