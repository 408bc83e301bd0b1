//! The body of an operation: an example, or a value made from its schema, in the media type that ringload can write best.

use serde_json::Value;

use super::super::issue::{PlanIssue, quoted};
use super::document::At;
use super::parameters::{example, form, media_value};
use super::schema::sample;

/// A body and its `Content-Type`.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) media_type: String,
    pub(super) bytes: Vec<u8>,
}

const FORM: &str = "application/x-www-form-urlencoded";

/// The `requestBody` of an operation (OpenAPI 3).
pub(super) fn of_operation(operation: &At<'_>) -> Result<Option<Body>, PlanIssue> {
    let Some(body) = operation.get("requestBody")? else { return Ok(None) };
    let Some(content) = body.member("content") else {
        return Err(body.place.issue("a body without `content`"));
    };
    let mut media: Vec<_> = content.members();
    media.sort_by_key(|(name, _)| rank(name));
    let Some((name, media)) = media.into_iter().next() else {
        return Err(content.place.issue("a body without a media type"));
    };
    let Some(value) = media_value(&media, true)? else {
        return Err(media.place.issue("there is neither an example nor a schema").help("give an `example`"));
    };
    write(name, &value, &media).map(Some)
}

/// The `body` parameter or the form of an operation (Swagger 2.0); `form` is already encoded.
pub(super) fn of_swagger(
    root: &At<'_>,
    operation: &At<'_>,
    parameter: Option<&At<'_>>,
    form: &[String],
) -> Result<Option<Body>, PlanIssue> {
    let consumes = operation.member("consumes").or_else(|| root.member("consumes"));
    let mut names: Vec<&str> =
        consumes.iter().flat_map(At::items).filter_map(|at| at.value.as_str()).collect();
    names.sort_by_key(|name| rank(name));
    if !form.is_empty() {
        if names.first().is_some_and(|name| name.starts_with("multipart/")) && !names.contains(&FORM) {
            return Err(operation.place.issue("a form of type `multipart/form-data` is not written"));
        }
        return Ok(Some(Body { media_type: FORM.to_owned(), bytes: form.join("&").into_bytes() }));
    }
    let Some(parameter) = parameter else { return Ok(None) };
    let value = match (example(parameter)?, parameter.member("schema")) {
        (Some(value), _) => value,
        (None, Some(schema)) => sample(&schema)?,
        (None, None) => return Err(parameter.place.issue("a body without a schema")),
    };
    write(names.first().copied().unwrap_or("application/json"), &value, parameter).map(Some)
}

/// JSON first, then forms, then text, then whatever else there is.
fn rank(name: &str) -> u8 {
    match essence(name) {
        "application/json" => 0,
        name if is_json(name) => 1,
        FORM => 2,
        name if name.starts_with("text/") => 3,
        name if name.starts_with("multipart/") => 5,
        _ => 4,
    }
}

/// The media type without its parameters.
fn essence(name: &str) -> &str {
    name.split(';').next().unwrap_or_default().trim()
}

fn is_json(name: &str) -> bool {
    name == "application/json" || name.ends_with("+json") || name == "*/*" || name == "application/*"
}

fn write(name: &str, value: &Value, at: &At<'_>) -> Result<Body, PlanIssue> {
    let media_type = if name.contains('*') { "application/json" } else { name }.to_owned();
    let bytes = match (essence(name), value) {
        (name, value) if is_json(name) => value.to_string().into_bytes(),
        (FORM, value @ Value::Object(_)) => form(value).join("&").into_bytes(),
        (name, Value::String(text)) if !name.starts_with("multipart/") => text.clone().into_bytes(),
        _ => {
            let message = format!("a body of the type {} is not written from a value", quoted(name));
            return Err(at.place.issue(message).help("give an `example` that is a text"));
        }
    };
    Ok(Body { media_type, bytes })
}
