//! What the tests of templates have in common: an exchange as the vectors describe it.

use std::borrow::Cow;

use ringway_core::json::{Value, write_text};
use ringway_core::vtl::{
    ContextValue, OverrideList, OverrideValue, Overrides, ParameterKind, Scope, Template, Variables,
};

/// An exchange as the vectors describe it.
pub(crate) struct Exchange<'r> {
    body: String,
    parameters: Value<'r>,
    context: Value<'r>,
    stage_variables: Vec<(String, String)>,
}

/// A member of a map; `Null` if there is none.
pub(crate) fn member<'r>(value: &Value<'r>, name: &str) -> Value<'r> {
    match value {
        Value::Map(map) => map.get_text(name).unwrap_or(Value::Null),
        _ => Value::Null,
    }
}

/// A value as Java prints it.
pub(crate) fn text(value: &Value<'_>) -> String {
    let mut out = Vec::new();
    assert!(write_text(value, &mut out));
    String::from_utf8(out).unwrap()
}

/// The entries of a map, as texts.
pub(crate) fn entries(value: &Value<'_>) -> Vec<(String, String)> {
    match value {
        Value::Map(map) => {
            map.with(|entries| entries.iter().map(|(key, value)| (text(key), text(value))).collect())
        }
        _ => Vec::new(),
    }
}

impl<'r> Exchange<'r> {
    pub(crate) fn new(vector: &Value<'r>) -> Self {
        Exchange {
            body: match member(vector, "body") {
                Value::Text(body) => body.to_string(),
                _ => String::new(),
            },
            parameters: member(vector, "params"),
            context: member(vector, "context"),
            stage_variables: entries(&member(vector, "stageVariables")),
        }
    }

    pub(crate) fn find(&self, name: &str) -> Value<'r> {
        name.split('.')
            .filter(|part| !part.is_empty())
            .fold(self.context.clone(), |of, part| member(&of, part))
    }
}

impl Scope for Exchange<'_> {
    fn body(&self) -> &[u8] {
        self.body.as_bytes()
    }

    fn parameter(&self, of: ParameterKind, name: &str) -> Option<Cow<'_, str>> {
        match member(&member(&self.parameters, of.key()), name) {
            Value::Null => None,
            value => Some(Cow::Owned(text(&value))),
        }
    }

    fn each_parameter(&self, of: ParameterKind, f: &mut dyn FnMut(&str, &str)) {
        entries(&member(&self.parameters, of.key())).iter().for_each(|(name, value)| f(name, value));
    }

    fn stage_variable(&self, name: &str) -> Option<&str> {
        self.stage_variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn each_stage_variable(&self, f: &mut dyn FnMut(&str, &str)) {
        self.stage_variables.iter().for_each(|(name, value)| f(name, value));
    }

    fn context(&self, name: &str) -> ContextValue<'_> {
        match self.find(name) {
            Value::Null => ContextValue::Missing,
            Value::Integer(number) => ContextValue::Number(number.into()),
            Value::Long(number) => ContextValue::Number(number),
            Value::Boolean(boolean) => ContextValue::Boolean(boolean),
            Value::Map(_) | Value::List(_) => ContextValue::Object,
            value => ContextValue::Text(Cow::Owned(text(&value))),
        }
    }

    fn each_context(&self, of: &str, f: &mut dyn FnMut(&str)) {
        entries(&self.find(of)).iter().for_each(|(name, _)| f(name));
    }
}

/// Renders; what went wrong begins with `ERROR`.
pub(crate) fn render(
    template: &str,
    exchange: &Exchange<'_>,
    variables: &Variables,
    overrides: &mut Overrides,
) -> String {
    let template = match Template::compile(template) {
        Ok(template) => template,
        Err(error) => return format!("ERROR {error}"),
    };
    let mut out = Vec::new();
    match template.render_traced(exchange, overrides, variables, None, &mut out) {
        Ok(()) => String::from_utf8(out).unwrap(),
        Err(error) => format!("ERROR {error}"),
    }
}

/// Overrides as the oracle prints them, but for the quotes in lists: headers are texts, the oracle keeps numbers.
pub(crate) fn list_of(list: &OverrideList) -> Vec<(String, String)> {
    let text = |value: &OverrideValue| match value {
        OverrideValue::List(list) => format!("[{}]", list.join(",")),
        single => single.to_text().into_owned(),
    };
    list.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

/// What the oracle says of overrides, in the form of [`list_of`].
pub(crate) fn overrides_of(value: &Value<'_>) -> Vec<(String, String)> {
    let Value::Map(map) = value else { return Vec::new() };
    let without_quotes = |value: &Value<'_>| match value {
        Value::List(_) => text(value).replace('"', ""),
        value => text(value),
    };
    map.with(|entries| entries.iter().map(|(key, value)| (text(key), without_quotes(value))).collect())
}
