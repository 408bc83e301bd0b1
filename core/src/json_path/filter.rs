//! Filters of paths: `[?(@.price < 10 && @.name =~ /a.*/i || !@.kind)]`.
//!
//! Jayway's version cuts them up at `&&` and `||`, drops the brackets around what is between, and knows the operators
//! `==`, `!=`, `<`, `<=`, `>`, `>=` and `=~`.

use std::cmp::Ordering;
use std::rc::Rc;

use regex::{Regex, RegexBuilder};

use super::compile::{self, fail};
use super::evaluate::{self, Stop};
use super::{JsonPath, PathError};
use crate::json::{Value, write_text};
use crate::limits::VTL_REGEX_BYTES_MAX;

/// A filter: a value passes if it passes all of one group.
#[derive(Debug)]
pub(super) struct Filter {
    groups: Vec<Vec<Criterion>>,
}

#[derive(Debug)]
enum Criterion {
    /// `@.name`, `!@.name`: whether there is something that is not null.
    Exists(JsonPath, bool),
    Compare(Side, Operator, Side),
}

#[derive(Debug)]
enum Side {
    Path(JsonPath),
    /// A text in quotes, or anything else: numbers and the like are texts as well.
    Text(Box<str>),
    Regex(Regex),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
}

/// In the order in which they are looked for.
const OPERATORS: [(&str, Operator); 7] = [
    ("==", Operator::Equal),
    (">=", Operator::GreaterOrEqual),
    ("<=", Operator::LessOrEqual),
    ("!=", Operator::NotEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
    ("=~", Operator::Matches),
];

/// What a side is for the value at hand.
enum Operand<'f, 'r> {
    Value(Value<'r>),
    Text(&'f str),
    Regex(&'f Regex),
}

/// Why there is no result.
enum Miss {
    /// The criterion does not hold.
    False,
    Stop(Stop),
}

impl Filter {
    /// Compiles a filter with its square brackets.
    pub(super) fn compile(text: &str, depth: usize) -> Result<Filter, PathError> {
        let inside = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'))
            .and_then(|text| text.trim().strip_prefix('?'))
            .and_then(|text| text.trim().strip_prefix('('))
            .and_then(|text| text.strip_suffix(')'));
        let Some(inside) = inside else { return fail(format!("a filter looks like [?(…)], not {text}")) };
        let mut groups = Vec::new();
        for group in inside.split("||") {
            let criteria = group.split("&&").map(|criterion| Criterion::compile(criterion, depth));
            groups.push(criteria.collect::<Result<_, _>>()?);
        }
        Ok(Filter { groups })
    }

    /// Whether `value` passes. `root` is what `$` means.
    pub(super) fn accepts<'r>(&self, value: &Value<'r>, root: &Value<'r>) -> Result<bool, Stop> {
        // From the last to the first, as Jayway's stacks have it: an error in a part that is not reached does not count.
        for group in self.groups.iter().rev() {
            let mut all = true;
            for criterion in group.iter().rev() {
                if !criterion.holds(value, root)? {
                    all = false;
                    break;
                }
            }
            if all {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Criterion {
    fn compile(text: &str, depth: usize) -> Result<Criterion, PathError> {
        let text = text.trim_start_matches(['[', '?', '(', ' ']).trim_end_matches([')', ' ']);
        let found = OPERATORS.iter().find_map(|(sign, operator)| Some((text.find(sign)?, *sign, *operator)));
        let Some((at, sign, operator)) = found else {
            let (path, exists) = match text.strip_prefix('!') {
                Some(path) => (path, false),
                None => (text, true),
            };
            if !path.starts_with(['@', '$']) || !exists && path.starts_with('$') {
                return fail(format!("cannot read the filter {text:?}"));
            }
            return Ok(Criterion::Exists(definite(path, depth)?, exists));
        };
        let left = Side::compile(text[..at].trim(), depth)?;
        let right = Side::compile(text[at + sign.len()..].trim(), depth)?;
        if operator == Operator::Matches
            && !matches!((&left, &right), (Side::Regex(_), _) | (_, Side::Regex(_)))
        {
            return fail(format!("=~ needs a regular expression: {text:?}"));
        }
        Ok(Criterion::Compare(left, operator, right))
    }

    fn holds<'r>(&self, value: &Value<'r>, root: &Value<'r>) -> Result<bool, Stop> {
        let result = match self {
            Criterion::Exists(path, exists) => match evaluate::definite(path, value) {
                Ok(found) => Ok(found.is_null() != *exists),
                Err(Stop::Missing) => Ok(!exists),
                Err(error) => Err(Miss::Stop(error)),
            },
            Criterion::Compare(left, operator, right) => compare(left, *operator, right, value, root),
        };
        match result {
            Ok(holds) => Ok(holds),
            Err(Miss::False | Miss::Stop(Stop::Missing)) => Ok(false),
            Err(Miss::Stop(error)) => Err(error),
        }
    }
}

fn definite(path: &str, depth: usize) -> Result<JsonPath, PathError> {
    let compiled = compile::compile(path, depth)?;
    if compiled.definite {
        Ok(compiled)
    } else {
        fail(format!("the path {path} of a filter has to be definite"))
    }
}

impl Side {
    fn compile(text: &str, depth: usize) -> Result<Side, PathError> {
        if text.starts_with(['@', '$']) {
            return definite(text, depth).map(Side::Path);
        }
        if text.starts_with("!@") {
            return fail(format!("a negation only asks whether something exists: {text}"));
        }
        if text.len() > 1 && text.starts_with('\'') && text.ends_with('\'') {
            return Ok(Side::Text(text[1..text.len() - 1].into()));
        }
        if let Some(pattern) = text.strip_prefix('/') {
            let (pattern, ignore_case) = match pattern.strip_suffix("/i") {
                Some(pattern) => (pattern, true),
                None => (pattern.strip_suffix('/').unwrap_or(pattern), false),
            };
            let regex = RegexBuilder::new(&format!(r"\A(?:{pattern})\z"))
                .case_insensitive(ignore_case)
                .size_limit(VTL_REGEX_BYTES_MAX)
                .build();
            return regex.map(Side::Regex).or_else(|error| fail(format!("/{pattern}/: {error}")));
        }
        Ok(Side::Text(text.into()))
    }

    fn operand<'r>(&self, value: &Value<'r>, root: &Value<'r>) -> Result<Operand<'_, 'r>, Stop> {
        Ok(match self {
            Side::Path(path) => {
                Operand::Value(evaluate::definite(path, if path.relative { value } else { root })?)
            }
            Side::Text(text) => Operand::Text(text),
            Side::Regex(regex) => Operand::Regex(regex),
        })
    }
}

impl<'r> Operand<'_, 'r> {
    fn text(&self) -> Option<&str> {
        match self {
            Operand::Text(text) => Some(text),
            Operand::Value(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn number(&self) -> Option<&Value<'r>> {
        match self {
            Operand::Value(value) if value.is_number() => Some(value),
            _ => None,
        }
    }

    fn boolean(&self) -> Option<bool> {
        match self {
            Operand::Value(Value::Boolean(boolean)) => Some(*boolean),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        matches!(self, Operand::Value(Value::Null))
    }

    /// The text `null` counts as null.
    fn is_nullish(&self) -> bool {
        self.is_null() || self.text() == Some("null")
    }
}

fn compare<'r>(
    left: &Side,
    operator: Operator,
    right: &Side,
    value: &Value<'r>,
    root: &Value<'r>,
) -> Result<bool, Miss> {
    let model = left.operand(value, root).map_err(Miss::Stop)?;
    let expected = right.operand(value, root).map_err(Miss::Stop)?;
    if operator == Operator::Matches {
        return Ok(match (&model, &expected) {
            (Operand::Regex(regex), other) | (other, Operand::Regex(regex)) => matches(regex, other),
            _ => false,
        });
    }
    let ordering = matches!(operator, Operator::Equal | Operator::NotEqual);
    if !ordering && expected.is_null() != model.is_null() {
        return Ok(false);
    }
    let order = order(&expected, &model)?;
    Ok(match operator {
        Operator::Equal => order.is_eq(),
        Operator::NotEqual => order.is_ne(),
        Operator::Greater => order.is_lt(),
        Operator::GreaterOrEqual => order.is_le(),
        Operator::Less => order.is_gt(),
        Operator::LessOrEqual => order.is_ge(),
        Operator::Matches => false,
    })
}

fn matches(regex: &Regex, operand: &Operand<'_, '_>) -> bool {
    match operand {
        Operand::Value(Value::Null) => false,
        Operand::Value(value) => {
            let mut text = Vec::new();
            write_text(value, &mut text) && std::str::from_utf8(&text).is_ok_and(|text| regex.is_match(text))
        }
        Operand::Text(text) => regex.is_match(text),
        Operand::Regex(other) => regex.is_match(other.as_str()),
    }
}

/// How the right side compares with the left one.
fn order<'r>(expected: &Operand<'_, 'r>, model: &Operand<'_, 'r>) -> Result<Ordering, Miss> {
    if same(expected, model) {
        return Ok(Ordering::Equal);
    }
    match (expected.is_nullish(), model.is_nullish()) {
        (true, true) => return Ok(Ordering::Equal),
        (true, false) => return Ok(Ordering::Less),
        (false, true) => return Ok(Ordering::Greater),
        (false, false) => {}
    }
    if let (Some(expected), Some(model)) = (expected.text(), model.text()) {
        let expected = expected.replace("\\'", "'");
        return Ok(expected.encode_utf16().cmp(model.encode_utf16()));
    }
    if let (Some(expected), Some(model)) = (expected.number(), model.number()) {
        return numbers(expected, model).ok_or(Miss::False);
    }
    if let (Some(text), Some(model)) = (expected.text(), model.number()) {
        // Java fails to read a number here, and the template with it.
        let is_number =
            text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
        let number = text.parse::<f64>().ok().filter(|_| is_number);
        let error = || Miss::Stop(Stop::Error(PathError(format!("{text:?} is compared with a number"))));
        return numbers(&Value::Double(number.ok_or_else(error)?), model).ok_or(Miss::False);
    }
    if let (Some(text), Some(model)) = (expected.text(), model.boolean()) {
        return Ok(text.eq_ignore_ascii_case("true").cmp(&model));
    }
    match (expected.boolean(), model.boolean()) {
        (Some(expected), Some(model)) => Ok(expected.cmp(&model)),
        _ => Err(Miss::False),
    }
}

fn numbers(a: &Value<'_>, b: &Value<'_>) -> Option<Ordering> {
    match (a, b) {
        (Value::Long(a), Value::Long(b)) => Some(a.cmp(b)),
        (a, b) => a.as_double()?.partial_cmp(&b.as_double()?),
    }
}

/// Whether both are the same list or map.
fn same<'r>(a: &Operand<'_, 'r>, b: &Operand<'_, 'r>) -> bool {
    match (a, b) {
        (Operand::Value(Value::List(a)), Operand::Value(Value::List(b))) => Rc::ptr_eq(a, b),
        (Operand::Value(Value::Map(a)), Operand::Value(Value::Map(b))) => Rc::ptr_eq(a, b),
        _ => false,
    }
}
