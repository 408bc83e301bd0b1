//! Expressions and references: what they are worth, and setting what references refer to.

use std::rc::Rc;

use super::arithmetic;
use super::ast::{Binary, Expression, Literal, Method, Place, Reference, ReferenceKind, Step};
use super::render::Items;
use super::state::{Outcome, Render, handle};
use super::token::Operator;
use crate::json::{BigNumber, List, ListKind, Map, Value};

/// Bytes that an item of a list or map is counted as.
const ITEM_BYTES: usize = 48;

impl<'r> Render<'r> {
    /// The value of an expression; `Null` if it has none.
    pub(super) fn value(&mut self, expression: &'r Expression) -> Outcome<Value<'r>> {
        Ok(match expression {
            Expression::Null => Value::Null,
            Expression::Boolean(boolean) => Value::Boolean(*boolean),
            Expression::Integer(number) => Value::Integer(*number),
            Expression::Long(number) => Value::Long(*number),
            Expression::BigInteger(digits) => Value::Big(Rc::new(BigNumber::integer(digits))),
            Expression::Double(number) => Value::Double(*number),
            Expression::Text(text) => Value::text(&**text),
            Expression::Template(inside) => {
                let text = self.captured(|render| {
                    let start = render.out.len();
                    render.block(&inside.block)?;
                    if inside.cut_last && render.out.len() > start {
                        // The last character, not the last byte.
                        let written = &render.out[start..];
                        let last = written.iter().rposition(|&byte| byte & 0xc0 != 0x80).unwrap_or(0);
                        render.out.truncate(start + last);
                    }
                    Ok(())
                })?;
                Value::Text(text)
            }
            Expression::Reference(reference) => match reference.kind {
                ReferenceKind::NoValue | ReferenceKind::Bare(_) => Value::Null,
                _ => self.reference(reference)?,
            },
            Expression::List(items) => {
                self.charge(items.len() * ITEM_BYTES)?;
                let mut values = Vec::with_capacity(items.len());
                for item in items {
                    values.push(self.value(item)?);
                }
                Value::List(List::new(ListKind::ArrayList, values))
            }
            Expression::Map(entries) => {
                self.charge(entries.len() * 2 * ITEM_BYTES)?;
                let map = Map::new(Vec::new());
                for (key, value) in entries {
                    let key = self.value(key)?;
                    let value = self.value(value)?;
                    map.put(key, value);
                }
                Value::Map(map)
            }
            Expression::Range(ends) => match self.range(&ends.0, &ends.1)? {
                Some((from, to)) => {
                    let count = from.abs_diff(to) as usize + 1;
                    self.charge(count * ITEM_BYTES)?;
                    let step = if to < from { -1 } else { 1 };
                    let items =
                        (0..count as i64).map(|at| Value::Integer((from + at * step) as i32)).collect();
                    Value::List(List::new(ListKind::ArrayList, items))
                }
                None => Value::Null,
            },
            Expression::Binary(operator, sides) => self.binary(*operator, sides)?,
            Expression::Not(inner) => Value::Boolean(!self.truth(inner)?),
        })
    }

    /// Whether an expression is true. Only `true`, comparisons and references can be: a text or a number is not.
    pub(super) fn truth(&mut self, expression: &'r Expression) -> Outcome<bool> {
        Ok(match expression {
            Expression::Boolean(boolean) => *boolean,
            Expression::Reference(_) => match self.value(expression)? {
                Value::Null => false,
                Value::Boolean(boolean) => boolean,
                Value::Handle(block @ handle::BLOCKS..handle::LOOPS) => {
                    // A block is true unless it would print itself too often.
                    let start = self.out.len();
                    let printed = self.print_block((block - handle::BLOCKS) as usize, true)?;
                    self.out.truncate(start);
                    printed
                }
                _ => true,
            },
            Expression::Not(inner) => !self.truth(inner)?,
            Expression::Binary(Operator::And, sides) => {
                self.truth(&sides.left)? && self.truth(&sides.right)?
            }
            Expression::Binary(Operator::Or, sides) => {
                self.truth(&sides.left)? || self.truth(&sides.right)?
            }
            Expression::Binary(operator, sides) if is_comparison(*operator) => {
                matches!(self.binary(*operator, sides)?, Value::Boolean(true))
            }
            _ => false,
        })
    }

    /// The ends of a range, if both are numbers.
    fn range(&mut self, from: &'r Expression, to: &'r Expression) -> Outcome<Option<(i64, i64)>> {
        let from = self.value(from)?;
        let to = self.value(to)?;
        let end = |value: &Value<'r>| arithmetic::int_value(value).map(i64::from);
        Ok(end(&from).zip(end(&to)))
    }

    fn binary(&mut self, operator: Operator, sides: &'r Binary) -> Outcome<Value<'r>> {
        self.step(0)?;
        if matches!(operator, Operator::And | Operator::Or) {
            let left = self.truth(&sides.left)?;
            let decided = left == (operator == Operator::Or);
            return Ok(Value::Boolean(if decided { left } else { self.truth(&sides.right)? }));
        }
        let left = self.value(&sides.left)?;
        let right = self.value(&sides.right)?;
        match operator {
            Operator::Equal => Ok(Value::Boolean(self.equal(&left, &right)?)),
            Operator::NotEqual => Ok(Value::Boolean(!self.equal(&left, &right)?)),
            Operator::Add if is_text(&left) || is_text(&right) => {
                let left = self.or_literal(left, sides.literals.0);
                let right = self.or_literal(right, sides.literals.1);
                let text = self.captured(|render| {
                    render.print(&left)?;
                    render.print(&right)
                })?;
                Ok(Value::Text(text))
            }
            operator => match arithmetic::binary(operator, &left, &right) {
                Ok(value) => Ok(value.unwrap_or(Value::Null)),
                Err(why) => Err(self.error(None, why)),
            },
        }
    }

    fn or_literal(&self, value: Value<'r>, literal: Literal) -> Value<'r> {
        if value.is_null() { Value::text(self.literal(literal, true)) } else { value }
    }

    /// `==`: numbers by value, values of one class by content, anything else by its text.
    fn equal(&mut self, left: &Value<'r>, right: &Value<'r>) -> Outcome<bool> {
        if let Some(order) = arithmetic::compare(left, right) {
            return Ok(order.is_some_and(|order| order.is_eq()));
        }
        Ok(match (left, right) {
            (Value::Null, Value::Null) => true,
            (Value::Null, _) | (_, Value::Null) => false,
            (Value::Text(left), Value::Text(right)) => {
                self.step(left.len().min(right.len()))?;
                left == right
            }
            (Value::List(_), Value::List(_)) | (Value::Map(_), Value::Map(_)) => {
                self.step(1000)?;
                left.equals(right)
            }
            (Value::Boolean(left), Value::Boolean(right)) => left == right,
            _ => self.text_of(left)? == self.text_of(right)?,
        })
    }

    /// The value of a reference. Without one it is the empty text: that is how AWS answers all failed lookups.
    pub(super) fn reference(&mut self, reference: &'r Reference) -> Outcome<Value<'r>> {
        self.step(0)?;
        if self.frame.is_none()
            && let Some(root @ Value::Map(_)) = self.slots.get(reference.root as usize)
            && let Some(value) = member(root, &reference.steps, Value::clone)
        {
            self.step_over(&reference.steps)?;
            return Ok(if value.is_null() { Value::text("") } else { value });
        }
        let root = self.get(reference.root)?;
        let value = match (&root, &reference.dotted) {
            (Value::Null, _) => Value::Null,
            (Value::Handle(handle::CONTEXT), Some(dotted)) => self.context_path(dotted)?,
            _ => {
                let mut value = root;
                for step in &reference.steps {
                    value = self.take_step(&value, step, reference.place)?;
                    if value.is_null() {
                        break;
                    }
                }
                value
            }
        };
        Ok(if value.is_null() { Value::text("") } else { value })
    }

    /// Uses up what [`Render::take_step`] does for each of `steps`.
    pub(super) fn step_over(&mut self, steps: &[Step]) -> Outcome<()> {
        for _ in steps {
            self.step(0)?;
        }
        Ok(())
    }

    fn take_step(&mut self, value: &Value<'r>, step: &'r Step, place: Place) -> Outcome<Value<'r>> {
        self.step(0)?;
        match step {
            Step::Property(name) => self.property(value, name),
            Step::Method(method) => self.method(value, method),
            Step::Index(index) => {
                let index = self.value(index)?;
                self.index(value, index, place)
            }
        }
    }

    /// `value[index]`, which is `value.get(index)`; from the end for negative indices.
    fn index(&mut self, value: &Value<'r>, index: Value<'r>, place: Place) -> Outcome<Value<'r>> {
        let index = self.counted_from_end(value, index, place)?;
        match (value, &index) {
            (Value::List(list), Value::Integer(number)) if has_indices(list) => {
                let item = usize::try_from(*number).ok().and_then(|at| list.get(at));
                item.ok_or_else(|| self.error(Some(place), format!("there is no item {number} in the list")))
            }
            (Value::Map(map), key) => Ok(map.get(key).unwrap_or(Value::Null)),
            (Value::Handle(handle), key) => self.handle_get(*handle, key),
            _ => Ok(Value::Null),
        }
    }

    fn counted_from_end(&mut self, value: &Value<'r>, index: Value<'r>, place: Place) -> Outcome<Value<'r>> {
        let Value::Integer(number @ ..=-1) = index else { return Ok(index) };
        let size = match value {
            Value::List(list) => list.len(),
            Value::Map(map) => map.len(),
            Value::Handle(handle) => match self.handle_as_map(*handle)? {
                Some(map) => map.len(),
                None => return Err(self.error(Some(place), "a negative index needs something with a size")),
            },
            _ => return Err(self.error(Some(place), "a negative index needs something with a size")),
        };
        Ok(Value::Integer(number.wrapping_add(size as i32)))
    }

    /// The arguments of a call.
    pub(super) fn arguments(&mut self, method: &'r Method) -> Outcome<Vec<Value<'r>>> {
        let mut values = Vec::with_capacity(method.arguments.len());
        for argument in &method.arguments {
            values.push(self.value(argument)?);
        }
        Ok(values)
    }

    /// `#set($target.steps = value)`
    pub(super) fn assign(&mut self, target: &'r Reference, value: Value<'r>) -> Outcome<()> {
        let mut container = self.get(target.root)?;
        let Some((last, steps)) = target.steps.split_last() else { return Ok(()) };
        for step in steps {
            if container.is_null() {
                return Ok(());
            }
            container = self.take_step(&container, step, target.place)?;
        }
        match last {
            Step::Property(name) => self.set_member(&container, Value::text(&**name), value, target.place),
            // As Velocity does, which looks for a property with the text of the method.
            Step::Method(_) => Ok(()),
            Step::Index(index) => {
                let index = self.value(index)?;
                if container.is_null() {
                    return Ok(());
                }
                let index = self.counted_from_end(&container, index, target.place)?;
                match (&container, &index) {
                    (Value::List(list), Value::Integer(number)) if has_indices(list) => {
                        match usize::try_from(*number).ok().filter(|&at| at < list.len()) {
                            Some(at) => {
                                self.note_change(&container, &value);
                                list.set(at, value);
                                Ok(())
                            }
                            None => {
                                let message = format!("there is no item {number} in the list");
                                Err(self.error(Some(target.place), message))
                            }
                        }
                    }
                    _ => self.set_member(&container, index, value, target.place),
                }
            }
        }
    }

    fn set_member(
        &mut self,
        container: &Value<'r>,
        key: Value<'r>,
        value: Value<'r>,
        place: Place,
    ) -> Outcome<()> {
        match container {
            Value::Map(map) => {
                self.charge(2 * ITEM_BYTES)?;
                self.note_change(container, &value);
                map.put(key, value);
                Ok(())
            }
            Value::Handle(handle) => self.set_in_handle(*handle, &key, value, place).map(|_| ()),
            _ => Ok(()),
        }
    }

    /// What `#foreach` goes through, if it can.
    pub(super) fn items(&mut self, value: &Value<'r>) -> Outcome<Option<Items<'r>>> {
        Ok(match value {
            Value::List(list) => Some(Items::List(Rc::clone(list), list.version(), 0)),
            Value::Map(map) => Some(Items::of_map(map)),
            Value::Handle(handle) => self.handle_as_map(*handle)?.map(|map| Items::of_map(&map)),
            _ => None,
        })
    }

    /// What `#foreach` goes through: a range is not made into a list first.
    pub(super) fn items_of(&mut self, expression: &'r Expression) -> Outcome<Option<Items<'r>>> {
        if let Expression::Range(ends) = expression {
            return Ok(self.range(&ends.0, &ends.1)?.map(|(from, to)| Items::Range(from, to, false)));
        }
        let value = self.value(expression)?;
        self.items(&value)
    }
}

/// Steps of [`member`], which goes by recursion: a map may contain itself.
const MEMBER_STEPS_MAX: usize = 16;

/// What `read` makes of the value that `steps` lead to from `value`, if all of them are members of maps. Copies nothing.
pub(super) fn member<'r, T>(
    value: &Value<'r>,
    steps: &[Step],
    read: impl FnOnce(&Value<'r>) -> T,
) -> Option<T> {
    match (value, steps) {
        (value, []) => Some(read(value)),
        (Value::Map(map), [Step::Property(name), rest @ ..])
            if **name != *"class" && rest.len() < MEMBER_STEPS_MAX =>
        {
            map.with_text(name, |value| member(value, rest, read))
        }
        _ => None,
    }
}

fn is_text(value: &Value<'_>) -> bool {
    matches!(value, Value::Text(_))
}

fn is_comparison(operator: Operator) -> bool {
    matches!(
        operator,
        Operator::Equal
            | Operator::NotEqual
            | Operator::Less
            | Operator::LessOrEqual
            | Operator::Greater
            | Operator::GreaterOrEqual
    )
}

/// Whether a list has `get(index)` and `set(index, item)`.
pub(super) fn has_indices(list: &List<'_>) -> bool {
    matches!(list.kind, ListKind::ArrayList | ListKind::JsonArray | ListKind::Array)
}
