//! Walks over values along a path, as Jayway does, with its ideas of what is missing and what is an error.

use super::{JsonPath, PathError, Step};
use crate::json::{List, ListKind, Map, Value};
use crate::limits::{JSON_DEPTH_MAX, JSON_PATH_VISITS_MAX};

/// Why a walk ended early.
pub(super) enum Stop {
    /// Something that the path needs is not there: the path finds nothing.
    Missing,
    /// The path does not fit what it met.
    Error(PathError),
}

fn error<T>(message: &str) -> Result<T, Stop> {
    Err(Stop::Error(PathError(message.into())))
}

const NO_LEAF: &str = "several names can only be the end of a path";
const NO_ARRAY: &str = "an index can only be applied to an array";

/// A walk and what it found.
struct Walk<'w, 'r> {
    path: &'w JsonPath,
    /// What `$` means in filters.
    root: &'w Value<'r>,
    visits: u32,
    found: Vec<Value<'r>>,
}

pub(super) fn evaluate<'r>(path: &JsonPath, root: &Value<'r>) -> Result<Option<Value<'r>>, PathError> {
    let found = if path.definite {
        definite(path, root)
    } else {
        let mut walk = Walk { path, root, visits: JSON_PATH_VISITS_MAX, found: Vec::new() };
        let walked = walk.steps(0, root);
        walked.map(|()| Value::List(List::new(ListKind::JsonArray, walk.found)))
    };
    match found {
        Ok(value) => Ok(Some(value)),
        Err(Stop::Missing) => Ok(None),
        Err(Stop::Error(error)) => Err(error),
    }
}

/// The one value of a definite path.
pub(super) fn definite<'r>(path: &JsonPath, start: &Value<'r>) -> Result<Value<'r>, Stop> {
    let mut value = start.clone();
    for (at, step) in path.steps.iter().enumerate() {
        let next = match (step, &value) {
            (Step::Properties(_), Value::Map(_)) if at + 1 < path.steps.len() => return error(NO_LEAF),
            (Step::Properties(names), Value::Map(map)) => Some(pick(map, names)),
            (Step::Property(name), Value::Map(map)) => map.get_text(name),
            (Step::Index(index), Value::List(list)) => {
                usize::try_from(*index).ok().and_then(|index| list.get(index))
            }
            (Step::FromEnd(back), Value::List(list)) => {
                list.len().checked_add_signed(*back as isize).and_then(|index| list.get(index))
            }
            (Step::Index(_) | Step::FromEnd(_), Value::Null) => None,
            (Step::Index(_) | Step::FromEnd(_), _) => return error(NO_ARRAY),
            _ => None,
        };
        value = next.ok_or(Stop::Missing)?;
    }
    Ok(value)
}

/// A map of those of `names` that `map` has.
fn pick<'r>(map: &Map<'r>, names: &[Box<str>]) -> Value<'r> {
    let picked = Map::new(Vec::new());
    for name in names {
        if let Some(value) = map.get_text(name) {
            picked.put(Value::text(name.to_string()), value);
        }
    }
    Value::Map(picked)
}

impl<'r> Walk<'_, 'r> {
    fn visit(&mut self) -> Result<(), Stop> {
        match self.visits.checked_sub(1) {
            Some(left) => self.visits = left,
            None => return error("the path visits too many values"),
        }
        Ok(())
    }

    fn is_last(&self, step: usize) -> bool {
        step + 1 == self.path.steps.len()
    }

    /// Takes the steps from `step` on from `value`.
    fn steps(&mut self, step: usize, value: &Value<'r>) -> Result<(), Stop> {
        self.visit()?;
        let path = self.path;
        let Some(this) = path.steps.get(step) else {
            self.found.push(value.clone());
            return Ok(());
        };
        match this {
            Step::Property(name) => match value {
                Value::Map(map) => match map.get_text(name) {
                    Some(value) => self.steps(step + 1, &value),
                    // Only the last step, and one that nothing but names and indices follow, have to find something.
                    None if self.is_last(step) || self.needed(step) => Err(Stop::Missing),
                    None => Ok(()),
                },
                _ => Err(Stop::Missing),
            },
            Step::Properties(names) => self.properties(names, step, value),
            Step::Index(_) | Step::FromEnd(_) | Step::Indices(_) | Step::Slice(..) => {
                self.array(this, step, value)
            }
            Step::Wildcard => self.wildcard(step, value),
            Step::Scan => self.scan(step + 1, value, JSON_DEPTH_MAX),
            Step::Filter(_) => self.filter(this, step, value),
        }
    }

    /// Whether everything from the step before on is definite.
    fn needed(&self, step: usize) -> bool {
        let from = step.saturating_sub(1);
        self.path.steps[from..].iter().all(Step::is_definite)
    }

    fn properties(&mut self, names: &[Box<str>], step: usize, value: &Value<'r>) -> Result<(), Stop> {
        let Value::Map(map) = value else { return Err(Stop::Missing) };
        if !self.is_last(step) {
            return error(NO_LEAF);
        }
        self.found.push(pick(map, names));
        Ok(())
    }

    fn array(&mut self, this: &Step, step: usize, value: &Value<'r>) -> Result<(), Stop> {
        let list = match value {
            Value::List(list) => list,
            Value::Null => return Err(Stop::Missing),
            _ => return error(NO_ARRAY),
        };
        let length = list.len() as i64;
        let from_end = |index: i32| i64::from(index) + if index < 0 { length } else { 0 };
        match this {
            Step::Index(index) => self.index(list, i64::from(*index), step),
            Step::FromEnd(back) => self.index(list, length + i64::from(*back), step),
            Step::Indices(indices) => {
                indices.iter().try_for_each(|&index| self.index(list, i64::from(index), step))
            }
            Step::Slice(from, to) => {
                // Only a slice without its other end counts from the end.
                let (from, to) = match (from, to) {
                    (Some(from), Some(to)) => (i64::from(*from), i64::from(*to).min(length)),
                    (Some(from), None) => (from_end(*from).max(0), length),
                    (None, to) => (0, from_end(to.unwrap_or(0)).min(length)),
                };
                if length == 0 {
                    return Ok(());
                }
                (from..to).try_for_each(|index| self.index(list, index, step))
            }
            _ => Ok(()),
        }
    }

    /// An index that is out of bounds makes the whole path find nothing.
    fn index(&mut self, list: &List<'r>, index: i64, step: usize) -> Result<(), Stop> {
        let item = usize::try_from(index).ok().and_then(|index| list.get(index)).ok_or(Stop::Missing)?;
        self.steps(step + 1, &item)
    }

    fn wildcard(&mut self, step: usize, value: &Value<'r>) -> Result<(), Stop> {
        match value {
            Value::Map(map) => (0..map.len())
                .filter_map(|at| map.entry(at))
                .try_for_each(|(_, value)| self.steps(step + 1, &value)),
            // Items of arrays may lack what the steps after need; values of maps may not.
            Value::List(list) => {
                (0..list.len()).filter_map(|at| list.get(at)).try_for_each(|item| {
                    match self.steps(step + 1, &item) {
                        Err(Stop::Missing) => Ok(()),
                        other => other,
                    }
                })
            }
            _ => Ok(()),
        }
    }

    /// Takes the steps after a `..`, from `step` on, from `value` and from everything below it, parents first.
    fn scan(&mut self, step: usize, value: &Value<'r>, depth: usize) -> Result<(), Stop> {
        self.visit()?;
        let Some(deeper) = depth.checked_sub(1) else { return Ok(()) };
        match value {
            Value::Map(map) => {
                if self.scan_matches(step, value)? {
                    self.steps(step, value)?;
                }
                (0..map.len())
                    .filter_map(|at| map.entry(at))
                    .try_for_each(|(_, value)| self.scan(step, &value, deeper))
            }
            Value::List(list) => {
                if self.scan_matches(step, value)? {
                    if self.is_last(step) {
                        self.steps(step, value)?;
                    } else {
                        // Whatever the step is, all items of the array go to the one after it.
                        (0..list.len())
                            .filter_map(|at| list.get(at))
                            .try_for_each(|item| self.steps(step + 1, &item))?;
                    }
                }
                (0..list.len())
                    .filter_map(|at| list.get(at))
                    .try_for_each(|value| self.scan(step, &value, deeper))
            }
            _ => Ok(()),
        }
    }

    /// Whether the step after a `..` is taken from `value` at all.
    fn scan_matches(&self, step: usize, value: &Value<'r>) -> Result<bool, Stop> {
        let Some(this) = self.path.steps.get(step) else { return Ok(false) };
        Ok(match (this, value) {
            (Step::Property(name), Value::Map(map)) => map.get_text(name).is_some(),
            (Step::Properties(names), Value::Map(map)) => {
                names.iter().all(|name| map.get_text(name).is_some())
            }
            (Step::Wildcard, _) => true,
            (Step::Index(_) | Step::FromEnd(_) | Step::Indices(_) | Step::Slice(..), Value::List(_)) => true,
            (Step::Filter(filter), value) => filter.accepts(value, self.root)?,
            _ => false,
        })
    }

    fn filter(&mut self, this: &Step, step: usize, value: &Value<'r>) -> Result<(), Stop> {
        let Step::Filter(filter) = this else { return Ok(()) };
        match value {
            Value::Map(_) => match filter.accepts(value, self.root)? {
                true => self.steps(step + 1, value),
                false => Ok(()),
            },
            Value::List(list) => {
                for item in (0..list.len()).filter_map(|at| list.get(at)) {
                    self.visit()?;
                    if filter.accepts(&item, self.root)? {
                        self.steps(step + 1, &item)?;
                    }
                }
                Ok(())
            }
            _ => error("a filter can only be applied to an object or an array"),
        }
    }
}
