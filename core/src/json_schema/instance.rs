//! How the `jsonschema` crate sees a [`Document`].

use std::borrow::Cow;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, JsonNumber, Node, NodeIdentity, Object};
use serde_json::{Number, Value};

use super::document::{Document, Kind, Slot};
use crate::limits::REPORTED_VALUES_MAX;

/// Instances of this crate's validators.
pub(super) enum Instance {}

impl Json for Instance {
    type Node<'a> = InstanceNode<'a>;
    type PreparedKey = String;
    type StringBuffer = ();

    // A lookup looks at the members one by one.
    const KEYS_PER_LOOKUP: usize = 4;
    const ACYCLIC: bool = true;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    fn with_string_node<T>((): &mut (), string: &str, f: impl FnOnce(InstanceNode<'_>) -> T) -> T {
        f(InstanceNode::Name(string))
    }
}

/// A value of a document, or a name by itself.
#[derive(Clone, Copy)]
pub(super) enum InstanceNode<'a> {
    Value { document: &'a Document<'a>, index: u32 },
    Name(&'a str),
}

impl<'a> InstanceNode<'a> {
    /// The whole document.
    pub(super) fn root(document: &'a Document<'a>) -> Self {
        InstanceNode::Value { document, index: 0 }
    }

    /// The value, where it is of this kind.
    fn container(self, kind: Kind) -> Option<Container<'a>> {
        let InstanceNode::Value { document, index } = self else { return None };
        let slot = document.slot(index);
        (slot.kind == kind).then_some(Container { document, index, slot })
    }

    /// The value with all that is in it, but for what is beyond `room`.
    fn tree(self, room: &mut usize) -> Value {
        match self.kind() {
            Kind::Null => Value::Null,
            Kind::True => Value::Bool(true),
            Kind::False => Value::Bool(false),
            Kind::Number => {
                self.as_number().map_or(Value::Null, |number| Value::Number(number.to_number().into_owned()))
            }
            Kind::Text | Kind::Escaped => {
                self.as_string().map_or(Value::Null, |text| text.into_owned().into())
            }
            Kind::Array => {
                let mut items = Vec::new();
                for item in self.as_array().into_iter().flat_map(|array| array.elements()) {
                    if !takes_one(room) {
                        break;
                    }
                    items.push(item.tree(room));
                }
                Value::Array(items)
            }
            Kind::Object => {
                let mut members = serde_json::Map::new();
                for (name, value) in self.as_object().into_iter().flat_map(|object| object.members()) {
                    if !takes_one(room) {
                        break;
                    }
                    members.insert(name.into_owned(), value.tree(room));
                }
                Value::Object(members)
            }
        }
    }

    fn kind(self) -> Kind {
        match self {
            InstanceNode::Value { document, index } => document.slot(index).kind,
            InstanceNode::Name(_) => Kind::Text,
        }
    }
}

fn takes_one(room: &mut usize) -> bool {
    *room = room.saturating_sub(1);
    *room > 0
}

/// An array or an object.
#[derive(Clone, Copy)]
pub(super) struct Container<'a> {
    document: &'a Document<'a>,
    index: u32,
    slot: Slot,
}

impl<'a> Node<'a, Instance> for InstanceNode<'a> {
    type Object = Container<'a>;
    type Array = Container<'a>;
    type Number = InstanceNumber<'a>;

    fn as_object(&self) -> Option<Container<'a>> {
        self.container(Kind::Object)
    }

    fn as_array(&self) -> Option<Container<'a>> {
        self.container(Kind::Array)
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        match *self {
            InstanceNode::Name(name) => Some(Cow::Borrowed(name)),
            InstanceNode::Value { document, index } => {
                let slot = document.slot(index);
                matches!(slot.kind, Kind::Text | Kind::Escaped).then(|| document.string(slot))
            }
        }
    }

    fn as_number(&self) -> Option<InstanceNumber<'a>> {
        let InstanceNode::Value { document, index } = *self else { return None };
        let slot = document.slot(index);
        (slot.kind == Kind::Number).then(|| InstanceNumber(document.raw(slot)))
    }

    fn as_boolean(&self) -> Option<bool> {
        match self.kind() {
            Kind::True => Some(true),
            Kind::False => Some(false),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        self.kind() == Kind::Null
    }

    fn is_number(&self) -> bool {
        self.kind() == Kind::Number
    }

    fn json_type(&self) -> JsonType {
        match self.kind() {
            Kind::Null => JsonType::Null,
            Kind::True | Kind::False => JsonType::Boolean,
            Kind::Number => JsonType::Number,
            Kind::Text | Kind::Escaped => JsonType::String,
            Kind::Array => JsonType::Array,
            Kind::Object => JsonType::Object,
        }
    }

    fn equals_value(&self, expected: &Value) -> bool {
        match (self.as_string(), expected) {
            (Some(string), Value::String(expected)) => string == *expected,
            (Some(_), _) | (None, Value::String(_)) => false,
            (None, expected) => jsonschema::json::cmp::equal(&self.tree(&mut { usize::MAX }), expected),
        }
    }

    /// For reports: of a value with a great many others in it, the first of them.
    fn to_value(&self) -> Cow<'a, Value> {
        Cow::Owned(self.tree(&mut { REPORTED_VALUES_MAX }))
    }

    fn identity(&self) -> Option<NodeIdentity> {
        match *self {
            InstanceNode::Value { document, index } => {
                Some(NodeIdentity::tagged(std::ptr::from_ref(document).addr(), index))
            }
            InstanceNode::Name(_) => None,
        }
    }
}

/// The values of a container, one after the other; of an object with their names.
pub(super) struct Walk<'a> {
    document: &'a Document<'a>,
    next: u32,
    end: u32,
}

impl<'a> Walk<'a> {
    fn of(container: Container<'a>) -> Self {
        Walk { document: container.document, next: container.index + 1, end: container.slot.end }
    }

    fn value(&mut self) -> Option<InstanceNode<'a>> {
        let index = self.next;
        if index >= self.end {
            return None;
        }
        self.next = self.document.slot(index).end;
        Some(InstanceNode::Value { document: self.document, index })
    }
}

/// The members of an object.
pub(super) struct Members<'a>(Walk<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = (Cow<'a, str>, InstanceNode<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let name = self.0.value()?.as_string()?;
        Some((name, self.0.value()?))
    }
}

/// The items of an array.
pub(super) struct Items<'a>(Walk<'a>);

impl<'a> Iterator for Items<'a> {
    type Item = InstanceNode<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.value()
    }
}

impl<'a> Object<'a, Instance> for Container<'a> {
    type Node = InstanceNode<'a>;
    type MemberName = Cow<'a, str>;
    type MembersIter = Members<'a>;

    fn len(&self) -> usize {
        self.slot.length as usize
    }

    fn get(&self, key: &String) -> Option<InstanceNode<'a>> {
        let document = self.document;
        document.member(self.index, key).map(|index| InstanceNode::Value { document, index })
    }

    fn members(&self) -> Members<'a> {
        Members(Walk::of(*self))
    }
}

impl<'a> Array<'a, Instance> for Container<'a> {
    type Node = InstanceNode<'a>;
    type ElementsIter = Items<'a>;

    fn len(&self) -> usize {
        self.slot.length as usize
    }

    fn elements(&self) -> Items<'a> {
        Items(Walk::of(*self))
    }

    fn is_unique(&self) -> bool {
        let values: Vec<Value> = self.elements().map(|item| item.tree(&mut { usize::MAX })).collect();
        jsonschema::json::unique::is_unique(&values)
    }
}

/// A number as it is written.
pub(super) struct InstanceNumber<'a>(&'a str);

impl JsonNumber for InstanceNumber<'_> {
    fn as_u64(&self) -> Option<u64> {
        self.0.parse().ok()
    }

    fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    fn as_f64(&self) -> Option<f64> {
        self.0.parse().ok()
    }

    fn as_str(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.0)
    }

    fn to_number(&self) -> Cow<'_, Number> {
        // Beyond what a double holds there is no number of serde_json; the largest stands for it.
        let largest = || Number::from_f64(if self.0.starts_with('-') { f64::MIN } else { f64::MAX });
        Cow::Owned(self.0.parse().ok().or_else(largest).unwrap_or_else(|| Number::from(0)))
    }

    fn is_integer(&self) -> bool {
        self.as_i64().is_some() || matches!(self.as_f64(), Some(number) if number.fract() == 0.0)
    }
}
