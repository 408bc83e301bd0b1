//! `$context` with its overrides, `$stageVariables` and `$foreach`: values that are not data.

use std::rc::Rc;

use super::ast::Place;
use super::scope::{ContextValue, OverrideList, OverrideValue};
use super::state::{Outcome, Render, handle};
use crate::json::{List, ListKind, Map, Value};

impl<'r> Render<'r> {
    /// The variable of `$context` with a dotted name.
    pub(super) fn context_path(&mut self, name: &str) -> Outcome<Value<'r>> {
        let first = name.split('.').next().unwrap_or_default();
        if first == "requestOverride" || first == "responseOverride" {
            let mut value = Value::Handle(handle::CONTEXT);
            for part in name.split('.') {
                value = match value {
                    Value::Handle(handle) => self.handle_get(handle, &Value::text(part.to_owned()))?,
                    value => return self.member_of(&value, part),
                };
            }
            return Ok(value);
        }
        if !self.context_values.is_empty()
            && let Some((_, value)) = self.context_values.iter().find(|(known, _)| known == name)
        {
            return Ok(value.clone());
        }
        let scope = self.scope;
        Ok(match scope.context(name) {
            ContextValue::Missing => Value::Null,
            ContextValue::Text(text) => Value::text(text),
            ContextValue::Number(number) => i32::try_from(number).map_or(Value::Long(number), Value::Integer),
            ContextValue::Boolean(boolean) => Value::Boolean(boolean),
            ContextValue::Object => {
                let at = self.objects.iter().position(|known| **known == *name);
                let at = at.unwrap_or_else(|| {
                    self.objects.push(name.into());
                    self.objects.len() - 1
                });
                Value::Handle(handle::OBJECTS + at as u32)
            }
        })
    }

    fn member_of(&mut self, value: &Value<'r>, name: &str) -> Outcome<Value<'r>> {
        match value {
            Value::Map(map) => Ok(map.get_text(name).unwrap_or(Value::Null)),
            _ => Ok(Value::Null),
        }
    }

    /// `value.name` of something that is not data.
    pub(super) fn handle_property(&mut self, handle: u32, name: &'r str) -> Outcome<Value<'r>> {
        match handle {
            handle::INPUT if name == "body" => self.body_text(),
            handle::LOOPS..handle::OBJECTS => self.loop_property(handle - handle::LOOPS, name),
            _ => self.handle_get(handle, &Value::text(name)),
        }
    }

    /// `value.get(key)` of something that is not data.
    pub(super) fn handle_get(&mut self, handle: u32, key: &Value<'r>) -> Outcome<Value<'r>> {
        let Value::Text(name) = key else { return Ok(Value::Null) };
        let member = match (handle, &**name) {
            (handle::CONTEXT, "requestOverride") => handle::REQUEST_OVERRIDE,
            (handle::CONTEXT, "responseOverride") => handle::RESPONSE_OVERRIDE,
            (handle::REQUEST_OVERRIDE, "header") => handle::REQUEST_HEADER,
            (handle::REQUEST_OVERRIDE, "path") => handle::REQUEST_PATH,
            (handle::REQUEST_OVERRIDE, "querystring") => handle::REQUEST_QUERYSTRING,
            (handle::RESPONSE_OVERRIDE, "header") => handle::RESPONSE_HEADER,
            (handle::RESPONSE_OVERRIDE, "status") => {
                return Ok(self.overrides.status.as_ref().map_or(Value::Null, value_of));
            }
            (handle::CONTEXT, name) => return self.context_path(name),
            (handle::STAGE_VARIABLES, name) => {
                if let Some(map) = &self.stage_variables {
                    return Ok(map.get_text(name).unwrap_or(Value::Null));
                }
                let scope = self.scope;
                return Ok(scope.stage_variable(name).map_or(Value::Null, Value::text));
            }
            (handle::OBJECTS.., name) => {
                let path = format!("{}.{name}", self.objects[(handle - handle::OBJECTS) as usize]);
                return self.context_path(&path);
            }
            (handle::LOOPS..handle::OBJECTS, name) => {
                let this = self.loops.get((handle - handle::LOOPS) as usize);
                let storage = this.and_then(|this| this.storage.as_ref());
                return Ok(storage.and_then(|map| map.get_text(name)).unwrap_or(Value::Null));
            }
            (handle, name) => {
                let list = self.override_list(handle);
                let found = list.and_then(|list| list.iter().find(|(known, _)| **known == *name));
                return Ok(found.map_or(Value::Null, |(_, value)| value_of(value)));
            }
        };
        Ok(Value::Handle(member))
    }

    fn override_list(&mut self, handle: u32) -> Option<&mut OverrideList> {
        Some(match handle {
            handle::REQUEST_HEADER => &mut self.overrides.request_header,
            handle::REQUEST_PATH => &mut self.overrides.request_path,
            handle::REQUEST_QUERYSTRING => &mut self.overrides.request_querystring,
            handle::RESPONSE_HEADER => &mut self.overrides.response_header,
            _ => return None,
        })
    }

    /// Sets a member of something that is not data; returns the old value. Overrides may be set once (spec sheet §4).
    pub(super) fn set_in_handle(
        &mut self,
        handle: u32,
        key: &Value<'r>,
        value: Value<'r>,
        place: Place,
    ) -> Outcome<Value<'r>> {
        let Value::Text(name) = key else { return Ok(Value::Null) };
        self.charge(name.len() + 100)?;
        match handle {
            handle::RESPONSE_OVERRIDE if **name == *"status" => {
                let value = self.override_value(&value)?;
                if self.overrides.status.replace(value).is_some() {
                    return Err(self.error(Some(place), "the status is overridden twice"));
                }
            }
            handle::REQUEST_HEADER..=handle::RESPONSE_HEADER => {
                let value = self.override_value(&value)?;
                let headers = matches!(handle, handle::REQUEST_HEADER | handle::RESPONSE_HEADER);
                let Some(list) = self.override_list(handle) else { return Ok(Value::Null) };
                let same = |known: &str| known == &**name || headers && known.eq_ignore_ascii_case(name);
                if list.iter().any(|(known, _)| same(known)) {
                    return Err(self.error(Some(place), format!("{} is overridden twice", &**name)));
                }
                list.push(((&**name).into(), value));
            }
            handle::CONTEXT | handle::OBJECTS.. => return self.set_in_context(handle, name, value),
            handle::STAGE_VARIABLES => {
                if let Some(map) = self.handle_as_map(handle)? {
                    return Ok(map.put(key.clone(), value).unwrap_or(Value::Null));
                }
            }
            handle::LOOPS..handle::OBJECTS => {
                self.changed.extend(matches!(value, Value::List(_) | Value::Map(_)).then(|| value.clone()));
                if let Some(this) = self.loops.get_mut((handle - handle::LOOPS) as usize) {
                    let storage = this.storage.get_or_insert_with(Rc::default);
                    return Ok(storage.put(key.clone(), value).unwrap_or(Value::Null));
                }
            }
            _ => {}
        }
        Ok(Value::Null)
    }

    /// What templates set in `$context` is seen by the rest of the template, and by nobody else.
    fn set_in_context(&mut self, handle: u32, name: &str, value: Value<'r>) -> Outcome<Value<'r>> {
        let path = match handle {
            handle::CONTEXT => name.to_owned(),
            handle => format!("{}.{name}", self.objects[(handle - handle::OBJECTS) as usize]),
        };
        let old = self.context_path(&path)?;
        match self.context_values.iter_mut().find(|(known, _)| *known == path) {
            Some((_, known)) => *known = value,
            None => self.context_values.push((path, value)),
        }
        Ok(old)
    }

    fn override_value(&mut self, value: &Value<'r>) -> Outcome<OverrideValue> {
        Ok(match value {
            Value::Integer(number) => OverrideValue::Number((*number).into()),
            Value::Long(number) => OverrideValue::Number(*number),
            Value::Double(number) => OverrideValue::Decimal(*number),
            Value::Boolean(boolean) => OverrideValue::Boolean(*boolean),
            Value::List(list) => {
                let items = list.with(<[Value<'r>]>::to_vec);
                let mut texts = Vec::with_capacity(items.len());
                for item in &items {
                    texts.push((&*self.text_of(item)?).into());
                }
                OverrideValue::List(texts)
            }
            other => OverrideValue::Text((&*self.text_of(other)?).into()),
        })
    }

    /// Something that is not data as a map: to go through it, to ask for its keys.
    pub(super) fn handle_as_map(&mut self, handle: u32) -> Outcome<Option<Rc<Map<'r>>>> {
        match handle {
            handle::STAGE_VARIABLES => {
                if let Some(map) = &self.stage_variables {
                    return Ok(Some(Rc::clone(map)));
                }
                let map: Rc<Map<'r>> = Rc::default();
                let mut bytes = 0;
                self.scope.each_stage_variable(&mut |name, value| {
                    bytes += name.len() + value.len() + 100;
                    map.put(Value::text(name.to_owned()), Value::text(value.to_owned()));
                });
                self.charge(bytes)?;
                self.stage_variables = Some(Rc::clone(&map));
                Ok(Some(map))
            }
            handle::CONTEXT | handle::OBJECTS.. => self.context_as_map(handle).map(Some),
            handle::REQUEST_OVERRIDE | handle::RESPONSE_OVERRIDE => {
                let names: &[&str] = match handle {
                    handle::REQUEST_OVERRIDE => &["header", "path", "querystring"],
                    _ if self.overrides.status.is_some() => &["header", "status"],
                    _ => &["header"],
                };
                let map: Rc<Map<'r>> = Rc::default();
                for name in names {
                    let value = self.handle_get(handle, &Value::text(*name))?;
                    map.put(Value::text(*name), value);
                }
                Ok(Some(map))
            }
            handle::LOOPS..handle::OBJECTS => {
                let this = self.loops.get_mut((handle - handle::LOOPS) as usize);
                Ok(this.map(|this| Rc::clone(this.storage.get_or_insert_with(Rc::default))))
            }
            handle => {
                let Some(list) = self.override_list(handle) else { return Ok(None) };
                let map: Rc<Map<'r>> = Rc::default();
                for (name, value) in list.iter() {
                    map.put(Value::text(name.to_string()), value_of(value));
                }
                Ok(Some(map))
            }
        }
    }

    fn context_as_map(&mut self, handle: u32) -> Outcome<Rc<Map<'r>>> {
        let of = match handle {
            handle::CONTEXT => Box::default(),
            handle => self.objects[(handle - handle::OBJECTS) as usize].clone(),
        };
        let mut names = Vec::new();
        self.scope.each_context(&of, &mut |name| names.push(name.to_owned()));
        if handle == handle::CONTEXT {
            names.extend(["requestOverride".to_owned(), "responseOverride".to_owned()]);
        }
        self.charge(names.len() * 100)?;
        let map: Rc<Map<'r>> = Rc::default();
        for name in names {
            let key = Value::text(name);
            let value = self.handle_get(handle, &key)?;
            map.put(key, value);
        }
        Ok(map)
    }

    /// What something that is not data prints as: objects of `$context` as nothing (tables.md §5.1), the rest as maps.
    pub(super) fn print_handle(&mut self, handle: u32) -> Outcome<()> {
        match handle {
            handle::BLOCKS..handle::LOOPS => {
                self.print_block((handle - handle::BLOCKS) as usize, true)?;
                Ok(())
            }
            handle::STAGE_VARIABLES | handle::REQUEST_HEADER..=handle::RESPONSE_HEADER => {
                match self.handle_as_map(handle)? {
                    Some(map) => self.print(&Value::Map(map)),
                    None => Ok(()),
                }
            }
            handle::LOOPS..handle::OBJECTS => match self.handle_as_map(handle)? {
                Some(map) => self.print(&Value::Map(map)),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// `$foreach.name`
    fn loop_property(&mut self, number: u32, name: &'r str) -> Outcome<Value<'r>> {
        let Some(this) = self.loops.get(number as usize) else { return Ok(Value::Null) };
        let as_handle = |number: u32| Value::Handle(handle::LOOPS + number);
        Ok(match name {
            "index" => Value::Integer(this.index),
            "count" => Value::Integer(this.index + 1),
            "hasNext" => Value::Boolean(this.has_next),
            "first" => Value::Boolean(this.index < 1),
            "last" => Value::Boolean(!this.has_next),
            "parent" => this.parent.map_or(Value::Null, as_handle),
            "replaced" => this.replaced.clone(),
            "depth" | "topmost" => {
                let (mut depth, mut top) = (1, number);
                while let Some(parent) = self.loops[top as usize].parent {
                    depth += 1;
                    top = parent;
                }
                if name == "depth" { Value::Integer(depth) } else { as_handle(top) }
            }
            name => this.storage.as_ref().and_then(|map| map.get_text(name)).unwrap_or(Value::Null),
        })
    }
}

fn value_of<'r>(value: &OverrideValue) -> Value<'r> {
    match value {
        OverrideValue::Text(text) => Value::text(text.to_string()),
        OverrideValue::Number(number) => i32::try_from(*number).map_or(Value::Long(*number), Value::Integer),
        OverrideValue::Decimal(number) => Value::Double(*number),
        OverrideValue::Boolean(boolean) => Value::Boolean(*boolean),
        OverrideValue::List(list) => {
            let items = list.iter().map(|text| Value::text(text.to_string())).collect();
            Value::List(List::new(ListKind::ArrayList, items))
        }
    }
}
