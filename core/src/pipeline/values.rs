//! The values that mappings name (tables.md §2.5).

use super::{Exchange, context, percent};
use crate::json::{self, Value};
use crate::json_path::JsonPath;
use crate::snapshot::ParameterValue;

/// Appends a value as part of a target.
pub(super) fn encode(value: &ParameterValue, exchange: &Exchange<'_>, out: &mut Vec<u8>) {
    match value {
        // The client's own encoding is kept: it was checked to hold no space, control character or `#`.
        ParameterValue::Path(index) => {
            out.extend_from_slice(exchange.parameters.get(*index, exchange.path()))
        }
        ParameterValue::Query(name) => out.extend_from_slice(exchange.query_parameter(name).unwrap_or(b"")),
        other => {
            let mut text = Vec::new();
            plain(other, exchange, &mut text);
            percent::encode(&text, out);
        }
    }
}

/// Appends a value as a header holds it.
pub(super) fn plain(value: &ParameterValue, exchange: &Exchange<'_>, out: &mut Vec<u8>) {
    match value {
        ParameterValue::Path(index) => {
            out.extend_from_slice(exchange.parameters.get(*index, exchange.path()))
        }
        ParameterValue::NamedPath(_) => {}
        ParameterValue::Query(name) => out.extend_from_slice(exchange.query_parameter(name).unwrap_or(b"")),
        ParameterValue::MultiValueQuery(name) => {
            let values = exchange.query_parameters().filter(|(key, _)| *key == &**name);
            join(values.map(|(_, value)| value), out);
        }
        ParameterValue::Header(name) => out.extend_from_slice(header(exchange, name).unwrap_or(b"")),
        ParameterValue::MultiValueHeader(name) => join(headers(exchange, name), out),
        ParameterValue::Body(path) => {
            push_body(body(exchange), path.as_deref(), out);
        }
        ParameterValue::Static(bytes) => out.extend_from_slice(bytes),
        ParameterValue::Context(variable) => {
            context::write(*variable, exchange, out);
        }
    }
}

/// The last header of this name: names have their case in mappings (spec sheet §3).
fn header<'a>(exchange: &Exchange<'a>, name: &[u8]) -> Option<&'a [u8]> {
    headers(exchange, name).last()
}

fn headers<'a>(exchange: &Exchange<'a>, name: &[u8]) -> impl Iterator<Item = &'a [u8]> {
    let (bytes, head) = (exchange.bytes, exchange.head);
    let named = head.headers.iter().filter(move |header| header.name.of(bytes) == name);
    named.map(move |header| header.value.of(bytes))
}

fn body<'e>(exchange: &'e Exchange<'_>) -> &'e [u8] {
    exchange.gathered.as_ref().map_or(&b""[..], |gathered| &gathered.body)
}

/// Several values in one header are separated by commas.
pub(super) fn join<'a>(values: impl Iterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
    for (index, value) in values.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(value);
    }
}

/// Appends a body, which is `{}` where there is none, or what a path selects in it: text without quotes, anything else as JSON. False: it
/// selects nothing.
pub(super) fn push_body(body: &[u8], path: Option<&JsonPath>, out: &mut Vec<u8>) -> bool {
    let body = if body.is_empty() { b"{}" } else { body };
    let Some(path) = path else {
        out.extend_from_slice(body);
        return true;
    };
    let Ok(value) = json::parse(body) else { return false };
    match path.evaluate(&value) {
        Ok(Some(Value::Text(text))) => out.extend_from_slice(text.as_bytes()),
        Ok(Some(value)) if !value.is_null() => return json::write_json(&value, json::Style::Plain, out),
        _ => return false,
    }
    true
}

/// Whether a body that looks like JSON is none: a mapping of it fails.
pub(super) fn is_broken_json(body: &[u8]) -> bool {
    matches!(body.trim_ascii_start().first(), Some(b'{' | b'['))
        && serde_json::from_slice::<serde::de::IgnoredAny>(body).is_err()
}

/// A mapping whose source the request does not have adds nothing.
pub(super) fn is_absent(value: &ParameterValue, exchange: &Exchange<'_>) -> bool {
    match value {
        ParameterValue::Query(name) | ParameterValue::MultiValueQuery(name) => {
            exchange.query_parameter(name).is_none()
        }
        ParameterValue::Header(name) | ParameterValue::MultiValueHeader(name) => {
            header(exchange, name).is_none()
        }
        ParameterValue::Body(Some(path)) => !push_body(body(exchange), Some(path), &mut Vec::new()),
        _ => false,
    }
}

/// Whether a value may stand in a header: what bodies and templates bring is checked when it is there.
pub(super) fn is_header_value(value: &[u8]) -> bool {
    value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..))
}
