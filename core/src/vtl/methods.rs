//! Properties and methods of values: those of the Java classes that values stand for.

use std::rc::Rc;

use super::arithmetic::{int_value, long_value};
use super::ast::Method;
use super::evaluate::has_indices;
use super::state::{Halt, Outcome, Render, handle};
use crate::json::{List, ListKind, Map, Value};

/// Bytes that an item of a list or map is counted as.
const ITEM_BYTES: usize = 48;

/// Nesting down to which lists and maps have a hash code. Deeper: none, which prints nothing.
const HASH_DEPTH_MAX: usize = 32;

impl<'r> Render<'r> {
    /// `value.name`
    pub(super) fn property(&mut self, value: &Value<'r>, name: &'r str) -> Outcome<Value<'r>> {
        Ok(match (value, name) {
            (Value::Handle(handle), name) => self.handle_property(*handle, name)?,
            (value, "class") => Value::text(class_of(value)),
            (Value::Map(map), name) => map.get_text(name).unwrap_or(Value::Null),
            (Value::List(list), "empty") => Value::Boolean(list.is_empty()),
            (Value::Text(text), "empty") => Value::Boolean(text.is_empty()),
            (Value::Text(text), "blank") => Value::Boolean(text.trim().is_empty()),
            (Value::Entry(entry), "key") => entry.0.clone(),
            (Value::Entry(entry), "value") => entry.1.clone(),
            (Value::Double(number), "infinite") => Value::Boolean(number.is_infinite()),
            (Value::Double(number), "naN") => Value::Boolean(number.is_nan()),
            _ => Value::Null,
        })
    }

    /// `value.name(arguments)`. Without such a method the result is `null`, and so the empty text.
    pub(super) fn method(&mut self, value: &Value<'r>, method: &'r Method) -> Outcome<Value<'r>> {
        match value {
            Value::Handle(handle::INPUT) => return self.input_method(method),
            Value::Handle(handle::UTIL) => return self.util_method(method),
            _ => {}
        }
        let arguments = self.arguments(method)?;
        let name = &*method.name;
        match (name, &arguments[..]) {
            ("toString", []) => return self.text_of(value).map(Value::Text),
            ("getClass", []) => return Ok(Value::text(class_of(value))),
            ("hashCode", []) => {
                self.step(1000)?;
                return Ok(hash_code(value, HASH_DEPTH_MAX).map_or(Value::Null, Value::Integer));
            }
            ("equals", [other]) => {
                self.step(1)?;
                return Ok(Value::Boolean(value.equals(other)));
            }
            _ => {}
        }
        match value {
            Value::Text(text) => self.text_method(text, method, &arguments),
            Value::List(list) => self.list_method(value, list, method, &arguments),
            Value::Map(map) => self.map_method(value, map, method, &arguments),
            Value::Handle(handle) => self.handle_method(*handle, method, &arguments),
            Value::Entry(entry) => Ok(match (name, &arguments[..]) {
                ("getKey", []) => entry.0.clone(),
                ("getValue", []) => entry.1.clone(),
                _ => Value::Null,
            }),
            Value::Boolean(boolean) => Ok(match (name, &arguments[..]) {
                ("booleanValue", []) => Value::Boolean(*boolean),
                ("compareTo", [Value::Boolean(other)]) => Value::Integer(boolean.cmp(other) as i32),
                ("compareTo", [_]) => return Err(self.other_class(method)),
                ("parseBoolean" | "valueOf", [Value::Text(text)]) => {
                    Value::Boolean(text.eq_ignore_ascii_case("true"))
                }
                _ => Value::Null,
            }),
            Value::Character(character) => Ok(match (name, &arguments[..]) {
                ("charValue", []) => Value::Character(*character),
                ("compareTo", [Value::Character(other)]) => Value::Integer(*character as i32 - *other as i32),
                _ => Value::Null,
            }),
            number if number.is_number() => self.number_method(number, method, &arguments),
            _ => Ok(Value::Null),
        }
    }

    /// Java throws where values of different classes are compared.
    #[cold]
    pub(super) fn other_class(&self, method: &'r Method) -> Halt {
        self.error(Some(method.place), format!("{}: the values are of different classes", method.name))
    }

    /// Something that is not data acts as a map.
    fn handle_method(
        &mut self,
        handle: u32,
        method: &'r Method,
        arguments: &[Value<'r>],
    ) -> Outcome<Value<'r>> {
        match (&*method.name, arguments) {
            ("get", [key]) => self.handle_get(handle, key),
            ("put", [key, value]) => self.set_in_handle(handle, key, value.clone(), method.place),
            ("hasNext" | "isFirst" | "isLast" | "getIndex" | "getCount", [])
                if (handle::LOOPS..handle::OBJECTS).contains(&handle) =>
            {
                let property = match &*method.name {
                    "isFirst" => "first",
                    "isLast" => "last",
                    "getIndex" => "index",
                    "getCount" => "count",
                    _ => return Ok(Value::Null),
                };
                self.handle_property(handle, property)
            }
            _ => match self.handle_as_map(handle)? {
                Some(map) => self.map_method(&Value::Handle(handle), &map, method, arguments),
                None => Ok(Value::Null),
            },
        }
    }

    fn map_method(
        &mut self,
        value: &Value<'r>,
        map: &Rc<Map<'r>>,
        method: &'r Method,
        arguments: &[Value<'r>],
    ) -> Outcome<Value<'r>> {
        Ok(match (&*method.name, arguments) {
            ("get", [key]) => map.get(key).unwrap_or(Value::Null),
            ("getOrDefault", [key, default]) => map.get(key).unwrap_or_else(|| default.clone()),
            ("put", [key, item]) => {
                self.charge(2 * ITEM_BYTES)?;
                self.note_change(value, item);
                map.put(key.clone(), item.clone()).unwrap_or(Value::Null)
            }
            ("putIfAbsent", [key, item]) => match map.get(key).filter(|value| !value.is_null()) {
                Some(value) => value,
                None => {
                    self.charge(2 * ITEM_BYTES)?;
                    self.note_change(value, item);
                    map.put(key.clone(), item.clone()).unwrap_or(Value::Null)
                }
            },
            ("putAll", [Value::Map(other)]) => {
                self.charge(other.len() * 2 * ITEM_BYTES)?;
                for (key, item) in (0..other.len()).filter_map(|at| other.entry(at)) {
                    self.note_change(value, &item);
                    map.put(key, item);
                }
                Value::text("")
            }
            ("remove", [key]) => {
                self.step(map.len())?;
                map.remove(key).unwrap_or(Value::Null)
            }
            ("clear", []) => {
                map.clear();
                Value::text("")
            }
            ("size", []) => Value::Integer(map.len() as i32),
            ("isEmpty", []) => Value::Boolean(map.is_empty()),
            ("containsKey", [key]) => Value::Boolean(map.get(key).is_some()),
            ("containsValue", [item]) => {
                self.step(map.len() * 10)?;
                Value::Boolean(map.with(|entries| entries.iter().any(|(_, value)| value.equals(item))))
            }
            ("keySet" | "values" | "entrySet", []) => {
                self.charge(map.len() * 2 * ITEM_BYTES)?;
                let (kind, items) = map.with(|entries| match &*method.name {
                    "keySet" => (ListKind::Set, entries.iter().map(|entry| entry.0.clone()).collect()),
                    "values" => (ListKind::Collection, entries.iter().map(|entry| entry.1.clone()).collect()),
                    _ => {
                        let entry = |entry: &(Value<'r>, Value<'r>)| Value::Entry(Rc::new(entry.clone()));
                        (ListKind::Set, entries.iter().map(entry).collect())
                    }
                });
                Value::List(List::of_map(kind, items, map))
            }
            _ => Value::Null,
        })
    }

    fn list_method(
        &mut self,
        value: &Value<'r>,
        list: &Rc<List<'r>>,
        method: &'r Method,
        arguments: &[Value<'r>],
    ) -> Outcome<Value<'r>> {
        match (&*method.name, arguments) {
            ("size", []) => Ok(Value::Integer(list.len() as i32)),
            ("isEmpty", []) => Ok(Value::Boolean(list.is_empty())),
            ("contains", [item]) => Ok(Value::Boolean(self.find(list, item)?.is_some())),
            ("containsAll", [Value::List(items)]) => {
                for item in (0..items.len()).filter_map(|at| items.get(at)) {
                    if self.find(list, &item)?.is_none() {
                        return Ok(Value::Boolean(false));
                    }
                }
                Ok(Value::Boolean(true))
            }
            ("get" | "set" | "indexOf" | "lastIndexOf" | "subList", _) if has_indices(list) => {
                self.indexed_method(value, list, method, arguments)
            }
            ("add" | "addAll" | "remove" | "removeAll" | "retainAll" | "clear", _)
                if !matches!(list.kind, ListKind::ArrayList | ListKind::JsonArray) =>
            {
                Err(self.error(Some(method.place), format!("{} is not supported here", method.name)))
            }
            ("add" | "addAll" | "remove" | "removeAll" | "retainAll" | "clear", _) => {
                self.changing_method(value, list, method, arguments)
            }
            _ => Ok(Value::Null),
        }
    }

    fn find(&mut self, list: &List<'r>, item: &Value<'r>) -> Outcome<Option<usize>> {
        self.step(list.len() * 10)?;
        Ok(list.with(|items| items.iter().position(|candidate| candidate.equals(item))))
    }

    fn indexed_method(
        &mut self,
        value: &Value<'r>,
        list: &Rc<List<'r>>,
        method: &'r Method,
        arguments: &[Value<'r>],
    ) -> Outcome<Value<'r>> {
        let index = |number: i32| usize::try_from(number).ok();
        let found = match (&*method.name, arguments) {
            ("get", [Value::Integer(number)]) => index(*number).and_then(|at| list.get(at)),
            ("set", [Value::Integer(number), item]) => {
                self.note_change(value, item);
                index(*number).filter(|&at| at < list.len()).map(|at| list.set(at, item.clone()))
            }
            ("indexOf", [item]) => {
                let at = self.find(list, item)?.map_or(-1, |at| at as i32);
                return Ok(Value::Integer(at));
            }
            ("lastIndexOf", [item]) => {
                self.step(list.len() * 10)?;
                let at = list.with(|items| items.iter().rposition(|candidate| candidate.equals(item)));
                return Ok(Value::Integer(at.map_or(-1, |at| at as i32)));
            }
            ("subList", [Value::Integer(from), Value::Integer(to)]) => {
                self.charge(list.len() * ITEM_BYTES)?;
                let range = index(*from).zip(index(*to));
                range.filter(|(from, to)| from <= to && *to <= list.len()).map(|(from, to)| {
                    let items = list.with(|items| items[from..to].to_vec());
                    Value::List(List::new(ListKind::ArrayList, items))
                })
            }
            _ => return Ok(Value::Null),
        };
        found.ok_or_else(|| self.error(Some(method.place), format!("{}: there is no such item", method.name)))
    }

    fn changing_method(
        &mut self,
        value: &Value<'r>,
        list: &Rc<List<'r>>,
        method: &'r Method,
        arguments: &[Value<'r>],
    ) -> Outcome<Value<'r>> {
        let length = list.len();
        let index = |number: i32| usize::try_from(number).ok();
        Ok(match (&*method.name, arguments) {
            ("add", [item]) => {
                self.charge(ITEM_BYTES)?;
                self.note_change(value, item);
                list.change(|items| items.push(item.clone()));
                Value::Boolean(true)
            }
            ("add", [Value::Integer(number), item]) => {
                self.charge(ITEM_BYTES + length)?;
                let Some(at) = index(*number).filter(|&at| at <= length) else {
                    return Err(self.error(Some(method.place), "add: there is no such place"));
                };
                self.note_change(value, item);
                list.change(|items| items.insert(at, item.clone()));
                Value::text("")
            }
            ("addAll", [Value::List(other)]) => {
                self.charge(other.len() * ITEM_BYTES)?;
                let items = other.with(<[Value<'r>]>::to_vec);
                for item in &items {
                    self.note_change(value, item);
                }
                let any = !items.is_empty();
                list.change(|all| all.extend(items));
                Value::Boolean(any)
            }
            ("remove", [Value::Integer(number)]) => {
                self.step(length)?;
                match index(*number).filter(|&at| at < length) {
                    Some(at) => list.change(|items| items.remove(at)),
                    None => return Err(self.error(Some(method.place), "remove: there is no such item")),
                }
            }
            ("remove", [item]) => match self.find(list, item)? {
                Some(at) => {
                    list.change(|items| items.remove(at));
                    Value::Boolean(true)
                }
                None => Value::Boolean(false),
            },
            ("removeAll" | "retainAll", [Value::List(other)]) => {
                self.step(length.saturating_mul(other.len()) * 10)?;
                let keep = &*method.name == "retainAll";
                let other = other.with(<[Value<'r>]>::to_vec);
                let has = |item: &Value<'r>| other.iter().any(|candidate| candidate.equals(item));
                if list.with(|items| items.iter().all(|item| has(item) == keep)) {
                    Value::Boolean(false)
                } else {
                    list.change(|items| items.retain(|item| has(item) == keep));
                    Value::Boolean(true)
                }
            }
            ("clear", []) => {
                let dropped = list.change(std::mem::take);
                drop(dropped);
                Value::text("")
            }
            _ => Value::Null,
        })
    }

    fn number_method(
        &mut self,
        number: &Value<'r>,
        method: &'r Method,
        arguments: &[Value<'r>],
    ) -> Outcome<Value<'r>> {
        let is_integer = matches!(number, Value::Integer(_));
        let fails = |render: &Self| Err(render.error(Some(method.place), "not a number"));
        Ok(match (&*method.name, arguments) {
            ("intValue", []) => int_value(number).map_or(Value::Null, Value::Integer),
            ("longValue", []) => long_value(number).map_or(Value::Null, Value::Long),
            ("doubleValue", []) => number.as_double().map_or(Value::Null, Value::Double),
            ("compareTo", [other]) if same_class(number, other) => {
                let order = super::arithmetic::compare(number, other).flatten();
                Value::Integer(order.map_or(0, |order| order as i32))
            }
            ("compareTo", [_]) => return Err(self.other_class(method)),
            ("parseInt", [Value::Text(text)]) if is_integer => match text.parse() {
                Ok(number) => Value::Integer(number),
                Err(_) => return fails(self),
            },
            ("valueOf", [Value::Text(text)]) => match number {
                Value::Integer(_) => match text.parse() {
                    Ok(number) => Value::Integer(number),
                    Err(_) => return fails(self),
                },
                Value::Long(_) => match text.parse() {
                    Ok(number) => Value::Long(number),
                    Err(_) => return fails(self),
                },
                Value::Double(_) => match text.trim().parse() {
                    Ok(number) => Value::Double(number),
                    Err(_) => return fails(self),
                },
                _ => Value::Null,
            },
            ("parseLong", [Value::Text(text)]) if matches!(number, Value::Long(_)) => match text.parse() {
                Ok(number) => Value::Long(number),
                Err(_) => return fails(self),
            },
            ("parseDouble", [Value::Text(text)]) if matches!(number, Value::Double(_)) => {
                match text.trim().parse() {
                    Ok(number) => Value::Double(number),
                    Err(_) => return fails(self),
                }
            }
            ("toString", [Value::Integer(other)]) if is_integer => self.made(other.to_string())?,
            ("toHexString", [Value::Integer(other)]) if is_integer => self.made(format!("{other:x}"))?,
            ("toBinaryString", [Value::Integer(other)]) if is_integer => self.made(format!("{other:b}"))?,
            ("max", [Value::Integer(a), Value::Integer(b)]) if is_integer => Value::Integer(*a.max(b)),
            ("min", [Value::Integer(a), Value::Integer(b)]) if is_integer => Value::Integer(*a.min(b)),
            ("isInfinite", []) => Value::Boolean(number.as_double().is_some_and(f64::is_infinite)),
            ("isNaN", []) => Value::Boolean(number.as_double().is_some_and(f64::is_nan)),
            _ => Value::Null,
        })
    }
}

fn same_class<'r>(a: &Value<'r>, b: &Value<'r>) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
}

/// What `getClass()` prints.
fn class_of(value: &Value<'_>) -> &'static str {
    match value {
        Value::Null | Value::Handle(_) => "class java.lang.Object",
        Value::Boolean(_) => "class java.lang.Boolean",
        Value::Integer(_) => "class java.lang.Integer",
        Value::Long(_) => "class java.lang.Long",
        Value::Double(_) => "class java.lang.Double",
        Value::Big(number) if number.is_integer() => "class java.math.BigInteger",
        Value::Big(_) => "class java.math.BigDecimal",
        Value::Text(_) => "class java.lang.String",
        Value::Character(_) => "class java.lang.Character",
        Value::List(list) => match list.kind {
            ListKind::ArrayList => "class java.util.ArrayList",
            ListKind::JsonArray => "class net.minidev.json.JSONArray",
            ListKind::Array => "class [Ljava.lang.String;",
            ListKind::Set => "class java.util.LinkedHashMap$LinkedKeySet",
            ListKind::Collection => "class java.util.LinkedHashMap$LinkedValues",
        },
        Value::Map(_) => "class java.util.LinkedHashMap",
        Value::Entry(_) => "class java.util.LinkedHashMap$Entry",
    }
}

/// Java's `hashCode`. `None` for what has another one each time, and for what is nested deeper than `depth`.
fn hash_code(value: &Value<'_>, depth: usize) -> Option<i32> {
    let deeper = depth.checked_sub(1)?;
    let of_long = |bits: u64| (bits ^ (bits >> 32)) as i32;
    let of_entry =
        |key: &Value<'_>, value: &Value<'_>| Some(hash_code(key, deeper)? ^ hash_code(value, deeper)?);
    Some(match value {
        Value::Null => 0,
        Value::Boolean(true) => 1231,
        Value::Boolean(false) => 1237,
        Value::Integer(number) => *number,
        Value::Long(number) => of_long(*number as u64),
        Value::Double(number) => of_long(number.to_bits()),
        Value::Text(text) => {
            text.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(unit.into()))
        }
        Value::Character(character) => *character as i32,
        Value::Entry(entry) => of_entry(&entry.0, &entry.1)?,
        Value::List(list) if has_indices(list) && list.kind != ListKind::Array => list.with(|items| {
            items.iter().try_fold(1_i32, |hash, item| {
                Some(hash.wrapping_mul(31).wrapping_add(hash_code(item, deeper)?))
            })
        })?,
        Value::List(list) if list.kind == ListKind::Set => list.with(|items| {
            items.iter().try_fold(0_i32, |hash, item| Some(hash.wrapping_add(hash_code(item, deeper)?)))
        })?,
        Value::Map(map) => map.with(|entries| {
            entries
                .iter()
                .try_fold(0_i32, |hash, (key, value)| Some(hash.wrapping_add(of_entry(key, value)?)))
        })?,
        Value::Big(_) | Value::List(_) | Value::Handle(_) => return None,
    })
}
