//! The text of a path, read the way Jayway's compiler reads it (version 2.0, the one that agrees with AWS's recordings).
//!
//! It cuts the text into fragments, `.name` and `[…]`, without a thought for quotes, and looks for the first character of a
//! fragment that it knows; what stands before that does not matter.

use super::filter::Filter;
use super::{JsonPath, PathError, Step};
use crate::limits::{JSON_PATH_BYTES_MAX, JSON_PATH_DEPTH_MAX};

pub(super) fn compile(text: &str, depth: usize) -> Result<JsonPath, PathError> {
    let text = text.trim_matches(|c: char| c <= ' ');
    if text.is_empty() {
        return fail("the path is empty");
    }
    if text.len() > JSON_PATH_BYTES_MAX {
        return fail("the path is too long");
    }
    if depth > JSON_PATH_DEPTH_MAX {
        return fail("the filters of the path are nested too deeply");
    }
    if text.ends_with("..") {
        return fail("the path must not end with '..'");
    }
    let rooted;
    let text = if text.starts_with(['$', '@']) {
        text
    } else {
        rooted = format!("$.{text}");
        &rooted
    };
    if !matches!(text.as_bytes().get(1), None | Some(b'.' | b'[')) {
        return fail(format!("expected '.' or '[' after the '$' of {text}"));
    }
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 1, depth };
    let mut steps = Vec::new();
    while reader.at < text.len() {
        reader.step(&mut steps)?;
    }
    let definite = steps.iter().all(Step::is_definite);
    Ok(JsonPath { steps, definite, relative: text.starts_with('@') })
}

pub(super) fn fail<T>(message: impl Into<String>) -> Result<T, PathError> {
    Err(PathError(message.into()))
}

struct Reader<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn step(&mut self, steps: &mut Vec<Step>) -> Result<(), PathError> {
        match self.bytes[self.at] {
            b' ' | b'$' => fail(format!("unexpected {:?} in {}", char::from(self.bytes[self.at]), self.text)),
            b'[' => {
                let fragment = self.bracket();
                steps.push(analyze(fragment, self.depth)?);
                Ok(())
            }
            b'.' => self.dot(steps),
            b'*' => {
                self.at += 1;
                steps.push(Step::Wildcard);
                Ok(())
            }
            _ => {
                let name = self.name();
                steps.push(property(name));
                Ok(())
            }
        }
    }

    fn dot(&mut self, steps: &mut Vec<Step>) -> Result<(), PathError> {
        self.at += 1;
        match self.bytes.get(self.at) {
            None => return fail(format!("the path must not end with '.': {}", self.text)),
            Some(b'.') => {
                self.at += 1;
                steps.push(Step::Scan);
            }
            Some(_) => match self.name() {
                "" => {}
                "*" => steps.push(Step::Wildcard),
                name => steps.push(property(name)),
            },
        }
        Ok(())
    }

    /// Up to a dot, a bracket or a blank.
    fn name(&mut self) -> &'t str {
        let rest = &self.text[self.at..];
        let name = &rest[..rest.find(['.', '[', ' ']).unwrap_or(rest.len())];
        self.at += name.len();
        name
    }

    /// From a bracket to the one that closes it, or to the end.
    fn bracket(&mut self) -> &'t str {
        let start = self.at;
        let mut nested = 0;
        while let Some(&byte) = self.bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'[' => nested += 1,
                b']' => {
                    nested -= 1;
                    if nested == 0 {
                        break;
                    }
                }
                _ => {}
            }
        }
        &self.text[start..self.at]
    }
}

/// A name; one with a closing bracket in it is none at all to Jayway.
fn property(name: &str) -> Step {
    if name.contains(']') { Step::Properties(Vec::new()) } else { Step::Property(name.into()) }
}

fn analyze(fragment: &str, depth: usize) -> Result<Step, PathError> {
    if fragment == "[*]" {
        return Ok(Step::Wildcard);
    }
    let known = |byte: u8| matches!(byte, b'?' | b'\'' | b':' | b'-' | b'@') || byte.is_ascii_digit();
    let step = match fragment.bytes().position(known) {
        Some(at) if fragment.as_bytes()[at] == b'?' => {
            return Filter::compile(filter_bounds(fragment)?, depth + 1).map(Step::Filter);
        }
        Some(at) if fragment.as_bytes()[at] == b'\'' => properties(&fragment[at..]),
        Some(at) => array(&fragment.as_bytes()[at..]),
        None => None,
    };
    step.map_or_else(|| fail(format!("cannot read {fragment}")), Ok)
}

/// `'a', 'b']`
fn properties(text: &str) -> Option<Step> {
    let mut names: Vec<Box<str>> = Vec::new();
    let mut open: Option<usize> = None;
    for (at, byte) in text.bytes().enumerate() {
        match (byte, open) {
            (b']', _) => {
                return Some(match names.len() {
                    1 => Step::Property(names.remove(0)),
                    _ => Step::Properties(names),
                });
            }
            (b'\'', Some(start)) => {
                names.push(text[start..at].into());
                open = None;
            }
            (b'\'', None) => open = Some(at + 1),
            _ => {}
        }
    }
    None
}

/// `1]`, `1,2]`, `1:2]`, `-1:]`, `:2]`, `@.length - 1)]`
fn array(text: &[u8]) -> Option<Step> {
    if text[0] == b'@' {
        return from_end(text);
    }
    let mut numbers: Vec<i32> = Vec::new();
    let mut number = String::new();
    let (mut sequence, mut slice_from, mut slice_to, mut slice_between) = (false, false, false, false);
    let mut at = 0;
    loop {
        match *text.get(at)? {
            b' ' => {}
            b':' => {
                let first = number.is_empty();
                if !first {
                    numbers.push(number.parse().ok()?);
                }
                number.clear();
                at += 1;
                while matches!(text.get(at)?, b'0'..=b'9' | b' ' | b'-') {
                    number.extend((text[at] != b' ').then_some(char::from(text[at])));
                    at += 1;
                }
                match (first, number.is_empty()) {
                    (false, true) => slice_from = true,
                    (first, _) => {
                        numbers.push(number.parse().ok()?);
                        number.clear();
                        slice_to |= first;
                        slice_between |= !first;
                    }
                }
                if text[at] == b']' {
                    break;
                }
            }
            b',' => {
                numbers.push(number.parse().ok()?);
                number.clear();
                sequence = true;
            }
            byte @ (b'0'..=b'9' | b'-') => number.push(char::from(byte)),
            _ => break,
        }
        at += 1;
    }
    if !number.is_empty() {
        numbers.push(number.parse().ok()?);
    }
    let first = *numbers.first()?;
    Some(match numbers.get(1) {
        None if !slice_to && !slice_from => Step::Index(first),
        _ if sequence => Step::Indices(numbers),
        _ if slice_from => Step::Slice(Some(first), None),
        _ if slice_to => Step::Slice(None, Some(first)),
        Some(&second) if slice_between => Step::Slice(Some(first), Some(second)),
        _ => return None,
    })
}

/// `@.length - 1)`, `@.size() - 1)`
fn from_end(text: &[u8]) -> Option<Step> {
    let inside: String = text.get(2..)?.iter().map(|&byte| char::from(byte)).collect();
    let (function, rest) = inside.split_at(inside.find('-')?);
    let function: String = function.chars().filter(|c| !matches!(c, ' ' | '(' | ')')).collect();
    if function != "length" && function != "size" {
        return None;
    }
    let number: String = rest[..rest.find(')')?].chars().filter(|c| *c != ' ').collect();
    number.parse().ok().map(Step::FromEnd)
}

/// The filter in a fragment: quotes are respected here, but not where the fragment was cut.
fn filter_bounds(fragment: &str) -> Result<&str, PathError> {
    let (mut quoted, mut round, mut square) = (false, 0, 0);
    let mut before = b' ';
    for (at, byte) in fragment.bytes().enumerate() {
        match byte {
            b'\'' if before != b'\\' => quoted = !quoted,
            b'(' if !quoted => round += 1,
            b')' if !quoted => round -= 1,
            b'[' if !quoted => square += 1,
            b']' if !quoted => {
                square -= 1;
                if round == 0 {
                    return match square {
                        0 => Ok(&fragment[..=at]),
                        _ => fail(format!("the brackets of {fragment} do not match")),
                    };
                }
            }
            _ => {}
        }
        before = byte;
    }
    fail(format!("the brackets of {fragment} do not match"))
}
