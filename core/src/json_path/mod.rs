//! JSONPath as API Gateway runs it: the language of Jayway's library (spec sheet §5), compiled once, evaluated on values.
//!
//! `$.name`, `['name']`, `['a','b']`, `[0]`, `[0,2]`, `[1:3]`, `[-2:]`, `[:2]`, `[(@.length-1)]`, `[*]`, `.*`, `..name`, `..*` and
//! filters `[?(@.price < 10 && @.name =~ /a.*/i)]`. A path of names and single indices is *definite*: it gives one value or none. Any other
//! one gives an array of what it finds, which may be empty.

mod compile;
mod evaluate;
mod filter;

use std::fmt;

use crate::json::Value;

/// A compiled JSONPath expression.
#[derive(Debug)]
pub struct JsonPath {
    steps: Vec<Step>,
    /// Whether every step is definite.
    definite: bool,
    /// Whether the path begins with `@`: inside of filters only.
    relative: bool,
}

/// One step of a path.
#[derive(Debug)]
enum Step {
    /// `.name`
    Property(Box<str>),
    /// `['a','b']`: a map of those that exist.
    Properties(Vec<Box<str>>),
    /// `[1]`. A negative index finds nothing.
    Index(i32),
    /// `[(@.length - 1)]`: so many from the end, negative.
    FromEnd(i32),
    /// `[1,2]`
    Indices(Vec<i32>),
    /// `[1:]`, `[:2]`, `[1:2]`
    Slice(Option<i32>, Option<i32>),
    /// `*`
    Wildcard,
    /// `..`: the next step is taken from everything below.
    Scan,
    /// `[?(…)]`
    Filter(filter::Filter),
}

impl Step {
    fn is_definite(&self) -> bool {
        matches!(self, Step::Property(_) | Step::Properties(_) | Step::Index(_) | Step::FromEnd(_))
    }
}

/// Why a path could not be compiled or evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathError(pub(crate) String);

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PathError {}

impl JsonPath {
    /// Compiles `text`. Without a leading `$`, `$.` is put before it, as Jayway does.
    ///
    /// # Errors
    /// Says what is malformed.
    pub fn compile(text: &str) -> Result<JsonPath, PathError> {
        compile::compile(text, 0)
    }

    /// Whether it gives one value instead of an array of values.
    pub fn is_definite(&self) -> bool {
        self.definite
    }

    /// Whether it has a `..` or a filter, which parameter mappings of HTTP APIs do not allow.
    pub fn scans_or_filters(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Scan | Step::Filter(_)))
    }

    /// What the path finds in `root`: `None` if it is definite and there is nothing.
    ///
    /// # Errors
    /// If a step cannot be applied to what it meets, or if it visits more than
    /// [`crate::limits::JSON_PATH_VISITS_MAX`] values.
    pub fn evaluate<'r>(&self, root: &Value<'r>) -> Result<Option<Value<'r>>, PathError> {
        evaluate::evaluate(self, root)
    }
}

#[cfg(test)]
mod tests;
