//! A node together with the way that led to it: what issues need to name their place.

use std::path::Path;
use std::rc::Rc;

use crate::document::{Entry, Node, Position, Value};
use crate::issue::{Issues, Place, quoted};

/// A node of a document with its JSON pointer.
#[derive(Clone)]
pub(crate) struct Cursor<'a> {
    node: &'a Node,
    way: Option<Rc<Step<'a>>>,
    key: Position,
}

/// The last step of the way to a node. Text is made of it only for an issue: a hostile document has long ways to very
/// many nodes.
struct Step<'a> {
    parent: Option<Rc<Step<'a>>>,
    token: Token<'a>,
}

enum Token<'a> {
    Key(&'a str),
    Index(usize),
}

impl<'a> Cursor<'a> {
    pub(crate) fn root(node: &'a Node) -> Self {
        Self { node, way: None, key: node.position }
    }

    pub(crate) fn node(&self) -> &'a Node {
        self.node
    }

    fn child(&self, token: Token<'a>, node: &'a Node, key: Position) -> Self {
        Self { node, way: Some(Rc::new(Step { parent: self.way.clone(), token })), key }
    }

    fn member(&self, entry: &'a Entry) -> Self {
        self.child(Token::Key(&entry.key), &entry.value, entry.position)
    }

    /// The member `key` of a mapping.
    pub(crate) fn get(&self, key: &str) -> Option<Self> {
        let Value::Mapping(entries) = &self.node.value else { return None };
        entries.iter().find(|entry| entry.key == key).map(|entry| self.member(entry))
    }

    /// The members of a mapping; nothing for any other node.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'a str, Self)> {
        let entries = match &self.node.value {
            Value::Mapping(entries) => entries.as_slice(),
            _ => &[],
        };
        entries.iter().map(|entry| (entry.key.as_str(), self.member(entry)))
    }

    /// The items of a sequence; nothing for any other node.
    pub(crate) fn items(&self) -> impl Iterator<Item = Self> {
        let items = match &self.node.value {
            Value::Sequence(items) => items.as_slice(),
            _ => &[],
        };
        items.iter().enumerate().map(|(index, item)| self.child(Token::Index(index), item, item.position))
    }

    /// What stands at a JSON pointer (RFC 6901) below this node.
    pub(crate) fn at_pointer(&self, pointer: &str) -> Option<Self> {
        let mut here = self.clone();
        for token in pointer.split('/').skip(1) {
            let key = token.replace("~1", "/").replace("~0", "~");
            here = match &here.node.value {
                Value::Mapping(_) => here.get(&key)?,
                Value::Sequence(_) => here.items().nth(key.parse().ok()?)?,
                _ => return None,
            };
        }
        Some(here)
    }

    /// Where an issue with the value is shown: a scalar at itself, a collection at its key.
    pub(crate) fn place(&self, file: &Path) -> Place {
        match self.node.value {
            Value::Sequence(_) | Value::Mapping(_) => self.key_place(file),
            _ => self.place_at(file, self.node.position),
        }
    }

    /// Where an issue with the key is shown.
    pub(crate) fn key_place(&self, file: &Path) -> Place {
        self.place_at(file, self.key)
    }

    fn place_at(&self, file: &Path, Position { line, column }: Position) -> Place {
        Place { file: file.into(), line, column, pointer: self.pointer() }
    }

    fn pointer(&self) -> String {
        let mut steps = Vec::new();
        let mut next = self.way.as_deref();
        while let Some(step) = next {
            steps.push(match step.token {
                Token::Key(key) => escaped(key),
                Token::Index(index) => index.to_string(),
            });
            next = step.parent.as_deref();
        }
        steps.iter().rev().fold(String::new(), |pointer, token| pointer + "/" + token)
    }

    /// The text of a string or number, which YAML writes alike (`statusCode: 200`).
    pub(crate) fn scalar_text(&self) -> Option<&'a str> {
        match &self.node.value {
            Value::String(text) | Value::Number(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_empty_collection(&self) -> bool {
        match &self.node.value {
            Value::Sequence(items) => items.is_empty(),
            Value::Mapping(entries) => entries.is_empty(),
            _ => false,
        }
    }
}

/// A reference token of a JSON pointer (RFC 6901 §3).
fn escaped(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

/// Typed reading: each reports what it does not find, and answers `None`.
impl Issues<'_> {
    pub(crate) fn string<'a>(&mut self, cursor: &Cursor<'a>) -> Option<&'a str> {
        match &cursor.node.value {
            Value::String(text) => Some(text),
            _ => self.wrong_type(cursor, "a string"),
        }
    }

    pub(crate) fn boolean(&mut self, cursor: &Cursor<'_>) -> Option<bool> {
        match cursor.node.value {
            Value::Boolean(value) => Some(value),
            _ => self.wrong_type(cursor, "true or false"),
        }
    }

    /// An integer between `least` and `most`.
    pub(crate) fn integer(&mut self, cursor: &Cursor<'_>, least: u64, most: u64) -> Option<u64> {
        let Value::Number(text) = &cursor.node.value else { return self.wrong_type(cursor, "an integer") };
        match text.parse().ok().filter(|value| (least..=most).contains(value)) {
            Some(value) => Some(value),
            None => {
                self.at(cursor, format!("{} is not an integer between {least} and {most}", quoted(text)));
                None
            }
        }
    }

    /// A number between `least` and `most`, neither of them infinite.
    pub(crate) fn number(&mut self, cursor: &Cursor<'_>, least: f64, most: f64) -> Option<f64> {
        let Value::Number(text) = &cursor.node.value else { return self.wrong_type(cursor, "a number") };
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        if number.is_none() {
            let bounds = match most {
                f64::MAX => format!("of at least {least}"),
                _ => format!("between {least} and {most}"),
            };
            self.at(cursor, format!("{} is not a number {bounds}", quoted(text)));
        }
        number
    }

    pub(crate) fn sequence<'a>(&mut self, cursor: &Cursor<'a>) -> Option<Vec<Cursor<'a>>> {
        match cursor.node.value {
            Value::Sequence(_) => Some(cursor.items().collect()),
            _ => self.wrong_type(cursor, "a list"),
        }
    }

    pub(crate) fn mapping<'a>(&mut self, cursor: &Cursor<'a>) -> Option<Vec<(&'a str, Cursor<'a>)>> {
        match cursor.node.value {
            Value::Mapping(_) => Some(cursor.entries().collect()),
            _ => self.wrong_type(cursor, "a mapping"),
        }
    }

    /// A text that `is_valid` takes, which is `expected`.
    pub(crate) fn named(
        &mut self,
        cursor: &Cursor<'_>,
        is_valid: fn(&str) -> bool,
        expected: &str,
    ) -> Option<String> {
        let text = self.string(cursor)?;
        if is_valid(text) {
            return Some(text.to_owned());
        }
        self.at(cursor, format!("{} is not {expected}", quoted(text)));
        None
    }

    /// The member `key`, which has to be there.
    pub(crate) fn required<'a>(&mut self, cursor: &Cursor<'a>, key: &str) -> Option<Cursor<'a>> {
        let member = cursor.get(key);
        if member.is_none() {
            self.at(cursor, format!("`{key}` is missing"));
        }
        member
    }

    /// Reports a key that is not in `known`, with the nearest that is.
    pub(crate) fn unknown_key<'k>(
        &mut self,
        cursor: &Cursor<'_>,
        key: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) {
        if is_intrinsic(key) {
            let message = format!("the CloudFormation function {} cannot stand here", quoted(key));
            return self.at_key(cursor, message, Some(INTRINSIC_HELP.into()));
        }
        let help = nearest(key, known).map(|name| format!("did you mean `{name}`?"));
        self.at_key(cursor, format!("unknown key {}", quoted(key)), help);
    }

    /// Reports a CloudFormation function; whether the node is one.
    pub(crate) fn is_intrinsic(&mut self, cursor: &Cursor<'_>, expected: &str) -> bool {
        let Some(name) = intrinsic(cursor) else { return false };
        let message = format!("expected {expected}, found the CloudFormation function {}", quoted(name));
        self.at_with_help(cursor, message, INTRINSIC_HELP);
        true
    }

    pub(crate) fn wrong_type<T>(&mut self, cursor: &Cursor<'_>, expected: &str) -> Option<T> {
        if self.is_intrinsic(cursor, expected) {
            return None;
        }
        let found = match &cursor.node.value {
            // Reported when the document was parsed.
            Value::Unsupported(_) => return None,
            Value::Null => "nothing".to_owned(),
            Value::Boolean(value) => format!("`{value}`"),
            Value::Number(text) => format!("the number {}", quoted(text)),
            Value::String(text) => format!("the string {}", quoted(text)),
            Value::Sequence(_) => "a list".to_owned(),
            Value::Mapping(_) => "a mapping".to_owned(),
        };
        self.at(cursor, format!("expected {expected}, found {found}"));
        None
    }
}

/// The name of a CloudFormation function that stands for a value: `{"Fn::Sub": …}`, `{"Ref": …}`, `{"!Sub": …}`.
pub(crate) fn intrinsic<'a>(cursor: &Cursor<'a>) -> Option<&'a str> {
    let Value::Mapping(entries) = &cursor.node.value else { return None };
    let [entry] = entries.as_slice() else { return None };
    // `Ref` is also a name that a schema may give to a property; the function has a name for its argument.
    let is_name = matches!(entry.value.value, Value::String(_));
    (is_intrinsic(&entry.key) && (entry.key != "Ref" || is_name)).then_some(entry.key.as_str())
}

/// Whether a key is that of a CloudFormation function.
pub(crate) fn is_intrinsic(key: &str) -> bool {
    key.starts_with("Fn::") || key == "Ref" || key.starts_with('!')
}

const INTRINSIC_HELP: &str = "CloudFormation computes it before AWS sees the document; write its value here";

/// The name of `known` that `key` was probably meant to be.
pub(crate) fn nearest<'k>(key: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    const KEY_MAX: usize = 64;
    if key.len() > KEY_MAX {
        return None;
    }
    let allowed = (key.len() / 3).max(1);
    known
        .into_iter()
        .map(|name| (distance(&key.to_ascii_lowercase(), &name.to_ascii_lowercase()), name))
        // `idleTimeout` is far from `idleTimeoutMillis` in edits, but not in sense.
        .map(|(edits, name)| (if key.len() > 3 && name.starts_with(key) { 1 } else { edits }, name))
        .filter(|&(distance, _)| distance <= allowed)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, name)| name)
}

/// How many single-character edits turn `from` into `to`.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, character) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for column in 0..to.len() {
            let replaced = diagonal + usize::from(character != to[column]);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_the_nearest_name() {
        let known = ["listen", "cores", "idleTimeoutMillis"];
        assert_eq!(nearest("lisen", known), Some("listen"));
        assert_eq!(nearest("idletimeoutmillis", known), Some("idleTimeoutMillis"));
        assert_eq!(nearest("idleTimeout", known), Some("idleTimeoutMillis"));
        assert_eq!(nearest("zzz", known), None);
    }

    #[test]
    fn edit_distance() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
    }

    #[test]
    fn pointers_are_escaped() {
        assert_eq!(escaped("/a~b/{c}"), "~1a~0b~1{c}");
    }
}
