//! An exchange as a file: what a template sees of it.

use std::borrow::Cow;

use ringway_core::vtl::{ContextValue, ParameterKind, Scope};
use serde_json::{Map, Value};

/// The members of a file that are read; others are a mistake.
const MEMBERS: [&str; 8] =
    ["name", "body", "params", "context", "stageVariables", "expect", "expectJson", "expectOverrides"];

/// An exchange: `{"body": …, "params": {"path", "querystring", "header"}, "context": {…}, "stageVariables": {…}}`.
#[derive(Default)]
pub(super) struct Fixture {
    pub(super) body: String,
    params: Value,
    context: Value,
    stage_variables: Map<String, Value>,
}

impl Fixture {
    /// Reads one from JSON text.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        Fixture::of(&serde_json::from_str(text).map_err(|error| error.to_string())?)
    }

    /// Reads one from a case of a test. A body that is no text is taken as its JSON.
    pub(super) fn of(value: &Value) -> Result<Self, String> {
        let members = value.as_object().ok_or("an exchange is an object")?;
        if let Some(unknown) = members.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
            return Err(format!("unknown member `{unknown}`; these are: {}", MEMBERS.join(", ")));
        }
        let body = match &value["body"] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let stage_variables = value["stageVariables"].as_object().cloned().unwrap_or_default();
        Ok(Fixture {
            body,
            params: value["params"].clone(),
            context: value["context"].clone(),
            stage_variables,
        })
    }
}

fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

impl Scope for Fixture {
    fn body(&self) -> &[u8] {
        self.body.as_bytes()
    }

    fn parameter(&self, of: ParameterKind, name: &str) -> Option<Cow<'_, str>> {
        self.params.get(of.key())?.get(name).map(text)
    }

    fn each_parameter(&self, of: ParameterKind, f: &mut dyn FnMut(&str, &str)) {
        let members = self.params.get(of.key()).and_then(Value::as_object).into_iter().flatten();
        members.for_each(|(name, value)| f(name, &text(value)));
    }

    fn stage_variable(&self, name: &str) -> Option<&str> {
        self.stage_variables.get(name).and_then(Value::as_str)
    }

    fn each_stage_variable(&self, f: &mut dyn FnMut(&str, &str)) {
        self.stage_variables.iter().for_each(|(name, value)| f(name, &text(value)));
    }

    fn context(&self, name: &str) -> ContextValue<'_> {
        let mut value = &self.context;
        for part in name.split('.') {
            match value.get(part) {
                Some(member) => value = member,
                None => return ContextValue::Missing,
            }
        }
        match value {
            Value::Null => ContextValue::Missing,
            Value::Bool(boolean) => ContextValue::Boolean(*boolean),
            Value::Number(number) => match number.as_i64() {
                Some(number) => ContextValue::Number(number),
                None => ContextValue::Text(number.to_string().into()),
            },
            Value::String(text) => ContextValue::Text(text.as_str().into()),
            Value::Array(_) | Value::Object(_) => ContextValue::Object,
        }
    }

    fn each_context(&self, of: &str, f: &mut dyn FnMut(&str)) {
        let mut parts = of.split('.').filter(|part| !part.is_empty());
        let object = parts.try_fold(&self.context, |value, part| value.get(part));
        object.and_then(Value::as_object).into_iter().flatten().for_each(|(name, _)| f(name));
    }
}
