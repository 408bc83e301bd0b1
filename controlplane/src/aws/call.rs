//! A request with its operation: what it names in its path and query, and the members of its body.

use ringway_core::pipeline::percent::decode;
use serde_json::{Map, Value};

use super::exception::{Exception, ExceptionType, Violation};
use super::operation::{Body, Operation, PathParameters};
use super::patch::{self, PatchOperation};

/// A request to the control plane, after its signature was checked.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// `GET`, …
    pub method: &'a str,
    /// As it was sent: percent-coded.
    pub path: &'a str,
    /// As it was sent, without `?`.
    pub query: &'a str,
    /// `accept`, for exports.
    pub accept: &'a str,
    /// The whole body.
    pub body: &'a [u8],
}

/// What an action is told.
pub(crate) struct Call<'a> {
    pub(crate) operation: &'static Operation,
    /// Seconds since 1970.
    pub(crate) now: i64,
    pub(crate) accept: &'a str,
    /// The body as it came, of imports.
    pub(crate) document: &'a [u8],
    path: PathParameters,
    query: Vec<(String, String)>,
    body: Value,
}

impl<'a> Call<'a> {
    pub(crate) fn new(
        operation: &'static Operation,
        path: PathParameters,
        request: &Request<'a>,
        now: i64,
    ) -> Result<Self, Exception> {
        let body = match operation.body {
            Body::Members(members) if !request.body.is_empty() => {
                let value: Value = serde_json::from_slice(request.body).map_err(|error| {
                    Exception::new(ExceptionType::Serialization, format!("the body is not JSON: {error}"))
                })?;
                // Refuses what the operation does not have.
                Members::of(&value, members)?;
                value
            }
            Body::Members(_) | Body::Document => Value::Object(Map::new()),
        };
        let query = query(request.query);
        Ok(Call { operation, now, accept: request.accept, document: request.body, path, query, body })
    }

    /// A parameter of the path; the table of operations has it.
    pub(crate) fn path(&self, name: &str) -> &str {
        let found = self.path.iter().find(|(known, _)| *known == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// The first value of a query parameter.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All values of a query parameter.
    pub(crate) fn query_all(&self, name: &str) -> Vec<&str> {
        self.query.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    }

    /// `true` of a query parameter.
    pub(crate) fn query_flag(&self, name: &str) -> bool {
        self.query(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// Members of the body.
    pub(crate) fn members(&self) -> Members<'_> {
        Members(self.body.as_object())
    }

    /// `createRestApiInput`, as messages name the body.
    pub(crate) fn input(&self) -> String {
        let name = self.operation.name;
        format!("{}{}Input", name[..1].to_ascii_lowercase(), &name[1..])
    }

    /// `patchOperations` of the body.
    pub(crate) fn patch_operations(&self) -> Result<Vec<PatchOperation>, Exception> {
        patch::operations(&self.members(), &self.input())
    }

    /// As [`patch_operations`](Self::patch_operations); with violations of what else the call names.
    pub(crate) fn patch_operations_and(
        &self,
        others: Vec<Violation>,
    ) -> Result<Vec<PatchOperation>, Exception> {
        patch::operations_and(&self.members(), &self.input(), others)
    }

    /// A text that has to be there.
    pub(crate) fn required(&self, name: &str) -> Result<&str, Exception> {
        let missing = || Exception::validation(&[Violation::missing(format!("{}.{name}", self.input()))]);
        self.members().text(name)?.ok_or_else(missing)
    }
}

fn query(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name.as_bytes(), true).into_owned(), decode(value.as_bytes(), true).into_owned())
        })
        .collect()
}

/// The members of a JSON object; `null` is as good as none.
#[derive(Clone, Copy)]
pub(crate) struct Members<'a>(Option<&'a Map<String, Value>>);

impl<'a> Members<'a> {
    /// An object with no member but `known`: what is not known would be lost silently.
    pub(crate) fn of(value: &'a Value, known: &[&str]) -> Result<Self, Exception> {
        let Some(object) = value.as_object() else { return Err(wrong_type(value, "Structure")) };
        match object.keys().find(|key| !known.contains(&key.as_str())) {
            None => Ok(Members(Some(object))),
            Some(key) => {
                let known = known.join(", ");
                let message = format!("Unknown member '{key}'. Must be one of: [{known}]");
                Err(Exception::new(ExceptionType::Serialization, message))
            }
        }
    }

    /// The member itself.
    pub(crate) fn get(&self, name: &str) -> Option<&'a Value> {
        self.0?.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, Exception> {
        self.get(name).map(|value| value.as_str().ok_or_else(|| wrong_type(value, "String"))).transpose()
    }

    /// A text of its own.
    pub(crate) fn owned(&self, name: &str) -> Result<Option<String>, Exception> {
        Ok(self.text(name)?.map(str::to_owned))
    }

    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>, Exception> {
        self.get(name).map(|value| value.as_bool().ok_or_else(|| wrong_type(value, "Boolean"))).transpose()
    }

    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, Exception> {
        self.get(name).map(|value| value.as_i64().ok_or_else(|| wrong_type(value, "Integer"))).transpose()
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<f64>, Exception> {
        self.get(name).map(|value| value.as_f64().ok_or_else(|| wrong_type(value, "Double"))).transpose()
    }

    pub(crate) fn list(&self, name: &str) -> Result<Option<&'a [Value]>, Exception> {
        let list = |value: &'a Value| value.as_array().ok_or_else(|| wrong_type(value, "List"));
        Ok(self.get(name).map(list).transpose()?.map(Vec::as_slice))
    }

    /// A list of texts.
    pub(crate) fn texts(&self, name: &str) -> Result<Option<Vec<String>>, Exception> {
        let text =
            |value: &Value| value.as_str().map(str::to_owned).ok_or_else(|| wrong_type(value, "String"));
        self.list(name)?.map(|list| list.iter().map(text).collect()).transpose()
    }

    /// An object with no member but `known`.
    pub(crate) fn structure(&self, name: &str, known: &[&str]) -> Result<Option<Members<'a>>, Exception> {
        self.get(name).map(|value| Members::of(value, known)).transpose()
    }

    /// A map of anything.
    pub(crate) fn entries(&self, name: &str) -> Result<Option<&'a Map<String, Value>>, Exception> {
        self.get(name).map(|value| value.as_object().ok_or_else(|| wrong_type(value, "Map"))).transpose()
    }

    /// A map of texts.
    pub(crate) fn text_map(&self, name: &str) -> Result<Option<super::wire::Texts>, Exception> {
        let text = |(key, value): (&String, &Value)| match value.as_str() {
            Some(text) => Ok((key.clone(), text.to_owned())),
            None => Err(wrong_type(value, "String")),
        };
        self.entries(name)?.map(|map| map.iter().map(text).collect()).transpose()
    }

    /// A map of booleans.
    pub(crate) fn flag_map(&self, name: &str) -> Result<Option<super::wire::Flags>, Exception> {
        let flag = |(key, value): (&String, &Value)| match value.as_bool() {
            Some(flag) => Ok((key.clone(), flag)),
            None => Err(wrong_type(value, "Boolean")),
        };
        self.entries(name)?.map(|map| map.iter().map(flag).collect()).transpose()
    }
}

/// `class java.lang.Boolean can not be converted to an String` (tables.md §8.4).
pub(crate) fn wrong_type(value: &Value, wanted: &str) -> Exception {
    let class = match value {
        Value::Null => "null",
        Value::Bool(_) => "java.lang.Boolean",
        Value::Number(_) => "com.amazon.coral.value.json.numbers.TruncatingBigNumber",
        Value::String(_) => "java.lang.String",
        Value::Array(_) => "java.util.ArrayList",
        Value::Object(_) => "java.util.LinkedHashMap",
    };
    let message = format!("class {class} can not be converted to an {wanted}");
    Exception::new(ExceptionType::Serialization, message)
}
