//! The values of JSON texts and of templates.

use std::borrow::{Borrow, Cow};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::rc::Rc;

use ahash::AHashMap;

use super::number::BigNumber;
use crate::limits::JSON_DEPTH_MAX;

/// A text: a part of the JSON text or of the template, or one that was made.
#[derive(Clone)]
pub enum Text<'r> {
    /// A part of something that outlives the value.
    Borrowed(&'r str),
    /// A text of its own.
    Shared(Rc<str>),
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Text::Borrowed(text) => text,
            Text::Shared(text) => text,
        }
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Text<'_> {}

impl Hash for Text<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl Borrow<str> for Text<'_> {
    fn borrow(&self) -> &str {
        self
    }
}

impl<'r> From<&'r str> for Text<'r> {
    fn from(text: &'r str) -> Self {
        Text::Borrowed(text)
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Text::Shared(text.into())
    }
}

impl<'r> From<Cow<'r, str>> for Text<'r> {
    fn from(text: Cow<'r, str>) -> Self {
        match text {
            Cow::Borrowed(text) => Text::Borrowed(text),
            Cow::Owned(text) => Text::Shared(text.into()),
        }
    }
}

/// A value. Cheap to clone: lists and maps are shared, so a change made through one clone is seen through all, as in Java.
#[derive(Clone, Debug)]
pub enum Value<'r> {
    /// `null`
    Null,
    /// `true`, `false`
    Boolean(bool),
    /// Java's `Integer`: a whole number of 32 bits.
    Integer(i32),
    /// Java's `Long`: a whole number of 64 bits that is no `Integer`, or was made by one that was not.
    Long(i64),
    /// Java's `Double`.
    Double(f64),
    /// Java's `BigInteger` and `BigDecimal`.
    Big(Rc<BigNumber>),
    /// A text.
    Text(Text<'r>),
    /// Java's `Character`: what `charAt` gives.
    Character(char),
    /// A list.
    List(Rc<List<'r>>),
    /// A map.
    Map(Rc<Map<'r>>),
    /// An entry of a map: its key and value when it was taken.
    Entry(Rc<(Value<'r>, Value<'r>)>),
    /// A thing that only the owner of the values knows, such as `$input`. Printed as nothing.
    Handle(u32),
}

/// Which Java class a list stands for: it decides how the list prints and what may be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// `ArrayList`: `[a, b]`.
    ArrayList,
    /// json-smart's `JSONArray`, an `ArrayList` that prints as JSON text.
    JsonArray,
    /// `String[]`: what `split` gives. Cannot grow.
    Array,
    /// The keys or entries of a map: a set without indices.
    Set,
    /// The values of a map: a collection without indices.
    Collection,
}

/// A list that is shared by all values that refer to it.
pub struct List<'r> {
    /// What it stands for.
    pub kind: ListKind,
    items: RefCell<Vec<Value<'r>>>,
    version: Cell<u32>,
    /// The map whose keys, values or entries these are.
    origin: Option<Rc<Map<'r>>>,
}

impl<'r> List<'r> {
    /// A list of `items`.
    pub fn new(kind: ListKind, items: Vec<Value<'r>>) -> Rc<Self> {
        Rc::new(List { kind, items: RefCell::new(items), version: Cell::new(0), origin: None })
    }

    /// The keys, values or entries of `map`.
    pub fn of_map(kind: ListKind, items: Vec<Value<'r>>, map: &Rc<Map<'r>>) -> Rc<Self> {
        let origin = Some(Rc::clone(map));
        Rc::new(List { kind, items: RefCell::new(items), version: Cell::new(0), origin })
    }

    /// How many items.
    pub fn len(&self) -> usize {
        self.items.borrow().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The item at `index`.
    pub fn get(&self, index: usize) -> Option<Value<'r>> {
        self.items.borrow().get(index).cloned()
    }

    /// Calls `read` with the items. It must not change this list.
    pub fn with<T>(&self, read: impl FnOnce(&[Value<'r>]) -> T) -> T {
        read(&self.items.borrow())
    }

    /// Replaces the item at `index`, which has to exist, and returns the old one.
    pub fn set(&self, index: usize, value: Value<'r>) -> Value<'r> {
        std::mem::replace(&mut self.items.borrow_mut()[index], value)
    }

    /// Changes the items; walks over the list that are under way notice it.
    pub fn change<T>(&self, change: impl FnOnce(&mut Vec<Value<'r>>) -> T) -> T {
        self.version.set(self.version.get().wrapping_add(1));
        change(&mut self.items.borrow_mut())
    }

    /// Changes whenever items come or go, here or in the map these are of: a walk over a list that changes fails as in Java.
    pub fn version(&self) -> u32 {
        self.version.get().wrapping_add(self.origin.as_ref().map_or(0, |map| map.version()))
    }
}

/// Entries of maps from which lookups go through an index.
const INDEXED_FROM: usize = 16;

/// A map that keeps its order and is shared by all values that refer to it.
#[derive(Default)]
pub struct Map<'r> {
    entries: RefCell<Entries<'r>>,
    version: Cell<u32>,
}

#[derive(Default)]
struct Entries<'r> {
    items: Vec<(Value<'r>, Value<'r>)>,
    /// Where each text key is, once there are many.
    index: Option<AHashMap<Text<'r>, u32>>,
}

impl<'r> Entries<'r> {
    /// Whether nothing has to be done before a text key is looked for.
    fn is_ready(&self) -> bool {
        self.items.len() < INDEXED_FROM || self.index.is_some()
    }

    fn find_text(&mut self, key: &str) -> Option<usize> {
        if !self.is_ready() {
            let keys = self.items.iter().enumerate();
            let texts = keys.filter_map(|(at, (k, _))| match k {
                Value::Text(text) => Some((text.clone(), at as u32)),
                _ => None,
            });
            self.index = Some(texts.collect());
        }
        self.find_ready(key)
    }

    fn find_ready(&self, key: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(key).map(|&at| at as usize),
            None => self.items.iter().position(|(k, _)| matches!(k, Value::Text(text) if **text == *key)),
        }
    }

    fn find(&mut self, key: &Value<'r>) -> Option<usize> {
        match key {
            Value::Text(text) => self.find_text(text),
            key => self.items.iter().position(|(k, _)| k.equals(key)),
        }
    }
}

/// Whether two entries have the same key. For few entries.
fn has_doubles(entries: &[(Text<'_>, Value<'_>)]) -> bool {
    entries.iter().enumerate().any(|(at, (key, _))| entries[..at].iter().any(|(known, _)| known == key))
}

impl<'r> Map<'r> {
    /// A map of `entries`, whose keys must differ.
    pub fn new(items: Vec<(Value<'r>, Value<'r>)>) -> Rc<Self> {
        Rc::new(Map { entries: RefCell::new(Entries { items, index: None }), version: Cell::new(0) })
    }

    /// Takes the `entries` from `first` on into a map; of those with the same key the last counts, at the place of the first.
    pub fn of_texts(entries: &mut Vec<(Text<'r>, Value<'r>)>, first: usize) -> Rc<Self> {
        let few = entries.len() - first < INDEXED_FROM;
        let doubles = few && has_doubles(&entries[first..]);
        let items = entries.drain(first..).map(|(key, value)| (Value::Text(key), value));
        if few && !doubles {
            return Map::new(items.collect());
        }
        let map = Map::new(Vec::with_capacity(items.len()));
        for (key, value) in items {
            map.put(key, value);
        }
        map
    }

    /// How many entries.
    pub fn len(&self) -> usize {
        self.entries.borrow().items.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of the text `key`.
    pub fn get_text(&self, key: &str) -> Option<Value<'r>> {
        let mut entries = self.entries.borrow_mut();
        entries.find_text(key).map(|at| entries.items[at].1.clone())
    }

    /// The value of `key`.
    pub fn get(&self, key: &Value<'r>) -> Option<Value<'r>> {
        let mut entries = self.entries.borrow_mut();
        entries.find(key).map(|at| entries.items[at].1.clone())
    }

    /// What `read` makes of the value of the text `key`, without copying it. `None` if there is none, or if the map is so large that it
    /// needs an index first, which [`Map::get_text`] makes. `read` must not change this map; it may come by here again, where the map
    /// contains itself.
    pub fn with_text<T>(&self, key: &str, read: impl FnOnce(&Value<'r>) -> Option<T>) -> Option<T> {
        let entries = self.entries.borrow();
        let at = entries.is_ready().then(|| entries.find_ready(key))??;
        read(&entries.items[at].1)
    }

    /// Sets the value of `key`: at its place if it is there, at the end if not. Returns the old value.
    pub fn put(&self, key: Value<'r>, value: Value<'r>) -> Option<Value<'r>> {
        let mut entries = self.entries.borrow_mut();
        if let Some(at) = entries.find(&key) {
            return Some(std::mem::replace(&mut entries.items[at].1, value));
        }
        self.version.set(self.version.get().wrapping_add(1));
        let at = entries.items.len() as u32;
        if let (Some(index), Value::Text(text)) = (&mut entries.index, &key) {
            index.insert(text.clone(), at);
        }
        entries.items.push((key, value));
        None
    }

    /// Removes `key`; returns its value.
    pub fn remove(&self, key: &Value<'r>) -> Option<Value<'r>> {
        let mut entries = self.entries.borrow_mut();
        let at = entries.find(key)?;
        self.version.set(self.version.get().wrapping_add(1));
        entries.index = None;
        Some(entries.items.remove(at).1)
    }

    /// Removes all entries.
    pub fn clear(&self) {
        self.version.set(self.version.get().wrapping_add(1));
        let taken = std::mem::take(&mut *self.entries.borrow_mut());
        drop(taken);
    }

    /// Calls `read` with the entries in their order. It must not use this map.
    pub fn with<T>(&self, read: impl FnOnce(&[(Value<'r>, Value<'r>)]) -> T) -> T {
        read(&self.entries.borrow().items)
    }

    /// The entry at `index`.
    pub fn entry(&self, index: usize) -> Option<(Value<'r>, Value<'r>)> {
        self.entries.borrow().items.get(index).cloned()
    }

    /// Changes whenever entries come or go.
    pub fn version(&self) -> u32 {
        self.version.get()
    }
}

impl fmt::Debug for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {}", self.kind, self.len())
    }
}

impl fmt::Debug for Map<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "map of {}", self.len())
    }
}

impl Drop for List<'_> {
    fn drop(&mut self) {
        drop_all(std::mem::take(self.items.get_mut()));
    }
}

impl Drop for Map<'_> {
    fn drop(&mut self) {
        let items = std::mem::take(&mut self.entries.get_mut().items);
        if items.iter().any(|(_, value)| value.is_container()) {
            drop_all(containers(items.into_iter().map(|(_, value)| value)).collect());
        }
    }
}

/// Those that others may be in: the rest can be dropped where it is.
fn containers<'r>(values: impl Iterator<Item = Value<'r>>) -> impl Iterator<Item = Value<'r>> {
    values.filter(Value::is_container)
}

/// Drops values one by one: a template can nest lists deeper than the stack can go.
fn drop_all(mut values: Vec<Value<'_>>) {
    if !values.iter().any(Value::is_container) {
        return;
    }
    while let Some(mut value) = values.pop() {
        match &mut value {
            Value::List(list) => {
                if let Some(list) = Rc::get_mut(list) {
                    values.extend(containers(list.items.get_mut().drain(..)));
                }
            }
            Value::Map(map) => {
                if let Some(map) = Rc::get_mut(map) {
                    let items = map.entries.get_mut().items.drain(..);
                    values.extend(containers(items.map(|(_, value)| value)));
                }
            }
            Value::Entry(entry) => {
                if let Some((_, value)) = Rc::get_mut(entry) {
                    values.push(std::mem::replace(value, Value::Null));
                }
            }
            _ => {}
        }
    }
}

impl<'r> Value<'r> {
    /// A text.
    pub fn text(text: impl Into<Text<'r>>) -> Self {
        Value::Text(text.into())
    }

    fn is_container(&self) -> bool {
        matches!(self, Value::List(_) | Value::Map(_) | Value::Entry(_))
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Whether it is a number of any kind.
    pub fn is_number(&self) -> bool {
        matches!(self, Value::Integer(_) | Value::Long(_) | Value::Double(_) | Value::Big(_))
    }

    /// The number as a `double`, if it is one.
    pub fn as_double(&self) -> Option<f64> {
        match self {
            Value::Integer(number) => Some(f64::from(*number)),
            Value::Long(number) => Some(*number as f64),
            Value::Double(number) => Some(*number),
            Value::Big(number) => Some(number.as_double()),
            _ => None,
        }
    }

    /// Java's `equals`: numbers of different classes differ, lists and maps are compared by what is in them. Deeper than
    /// [`JSON_DEPTH_MAX`], values count as different.
    pub fn equals(&self, other: &Value<'r>) -> bool {
        self.equals_within(other, JSON_DEPTH_MAX)
    }

    fn equals_within(&self, other: &Value<'r>, depth: usize) -> bool {
        let Some(deeper) = depth.checked_sub(1) else { return false };
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Boolean(a), Value::Boolean(b)) => a == b,
            (Value::Integer(a), Value::Integer(b)) => a == b,
            (Value::Long(a), Value::Long(b)) => a == b,
            (Value::Double(a), Value::Double(b)) => a.to_bits() == b.to_bits(),
            (Value::Big(a), Value::Big(b)) => a == b,
            (Value::Text(a), Value::Text(b)) => a == b,
            (Value::Character(a), Value::Character(b)) => a == b,
            (Value::Handle(a), Value::Handle(b)) => a == b,
            (Value::Entry(a), Value::Entry(b)) => {
                a.0.equals_within(&b.0, deeper) && a.1.equals_within(&b.1, deeper)
            }
            (Value::List(a), Value::List(b)) => {
                Rc::ptr_eq(a, b)
                    || a.kind != ListKind::Array
                        && b.kind != ListKind::Array
                        && a.with(|a| {
                            b.with(|b| {
                                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.equals_within(b, deeper))
                            })
                        })
            }
            (Value::Map(a), Value::Map(b)) => {
                Rc::ptr_eq(a, b)
                    || a.len() == b.len()
                        && (0..a.len()).all(|at| {
                            let Some((key, value)) = a.entry(at) else { return false };
                            b.get(&key).is_some_and(|other| value.equals_within(&other, deeper))
                        })
            }
            _ => false,
        }
    }
}
