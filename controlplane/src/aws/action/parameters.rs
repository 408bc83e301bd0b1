//! What methods and integrations have in common: maps of parameters, models and templates, and how AWS checks and patches them.

use std::collections::BTreeMap;

use ringway_core::model::{ParameterSource, ResponseSource};

use crate::aws::State;
use crate::aws::call::{Call, Members};
use crate::aws::exception::{Exception, Violation};
use crate::aws::patch::{Op, PatchOperation};
use crate::aws::wire::Texts;
use crate::openapi::media_type::is_media_type;
use crate::openapi::path::is_parameter_name;
use crate::openapi::templates::{check_json_path, check_template, is_context_variable};

/// Of a parameter that is to be replaced or removed, and is not there (tables.md §8.3).
pub(super) const INVALID_NAME: &str = "Invalid parameter name specified";
/// Of a model or template that is to be replaced or removed, and is not there (tables.md §8.3).
pub(super) const NO_CONTENT_TYPE: &str = "Content-Type specified was not found";
/// Of an operation other than `replace` on a path that has no more (tables.md §7.2).
const REPLACE_ONLY: &str = "Invalid patch operation specified. Must be one of: [replace]";

/// Adds, replaces or removes the entry `key`; what is replaced or removed has to be there: `missing` says that it is not.
pub(super) fn patch_entry<V>(
    map: &mut BTreeMap<String, V>,
    key: &str,
    value: V,
    operation: &PatchOperation,
    missing: &str,
) -> Result<(), Exception> {
    match operation.op {
        Op::Replace | Op::Remove if !map.contains_key(key) => return Err(Exception::not_found(missing)),
        Op::Add | Op::Replace => {
            map.insert(key.to_owned(), value);
        }
        Op::Remove => {
            map.remove(key);
        }
        _ => return Err(operation.invalid_path()),
    }
    Ok(())
}

/// Refuses any operation but `replace`.
pub(super) fn replace_only(operation: &PatchOperation) -> Result<(), Exception> {
    match operation.op {
        Op::Replace => Ok(()),
        _ => Err(Exception::bad_request(REPLACE_ONLY)),
    }
}

/// A status code that is none, in the path or in a patch (tables.md §8.3).
pub(super) fn status_code_violation(code: &str) -> Option<Violation> {
    let is_code = matches!(code.as_bytes(), [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9']);
    (!is_code).then(|| Violation::pattern(code, "statusCode", r"[1-5]\d\d"))
}

/// Refuses a status code of the path that is none.
pub(super) fn check_status_code(call: &Call<'_>) -> Result<(), Exception> {
    match status_code_violation(call.path("status_code")) {
        None => Ok(()),
        Some(violation) => Err(Exception::validation(&[violation])),
    }
}

/// A member that has to be one of `values`, which are in AWS's order; any other value is a violation.
pub(super) fn one_of(
    call: &Call<'_>,
    members: &Members<'_>,
    name: &str,
    values: &[&str],
    violations: &mut Vec<Violation>,
) -> Result<Option<String>, Exception> {
    let value = members.owned(name)?;
    if let Some(value) = value.as_deref().filter(|value| !values.contains(value)) {
        violations.push(Violation::not_in(value, format!("{}.{name}", call.input()), &values.join(", ")));
    }
    Ok(value)
}

/// The errors of mapping expressions. AWS tells all of them in one message.
#[derive(Default)]
pub(super) struct MappingErrors(Vec<String>);

impl MappingErrors {
    /// `text` is no target or source (tables.md §8.4).
    pub(super) fn expression(&mut self, text: &str) {
        self.0.push(format!("Invalid mapping expression specified: {text}"));
    }

    /// A source or target that the method does not declare.
    pub(super) fn undeclared(&mut self, parameter: &str) {
        self.0.push(format!("Invalid mapping expression parameter specified: {parameter}"));
    }

    /// Anything else.
    pub(super) fn other(&mut self, message: impl Into<String>) {
        self.0.push(message.into());
    }

    /// All of them as AWS puts it.
    pub(super) fn finish(self) -> Result<(), Exception> {
        if self.0.is_empty() {
            return Ok(());
        }
        let errors = self.0.join(", ");
        Err(Exception::bad_request(format!(
            "Invalid mapping expression specified: Validation Result: warnings : [], errors : [{errors}]"
        )))
    }

    /// What of the source of a request parameter could never be filled.
    pub(super) fn check_request_source(&mut self, text: &str, source: &ParameterSource) {
        match source {
            ParameterSource::Context(name) if !is_context_variable(name) => self.expression(text),
            ParameterSource::Body(Some(path)) if check_json_path(path).is_err() => self.expression(text),
            _ => {}
        }
    }

    /// As [`check_request_source`](Self::check_request_source), of a header of a response.
    pub(super) fn check_response_source(&mut self, text: &str, source: &ResponseSource) {
        match source {
            ResponseSource::Context(name) if !is_context_variable(name) => self.expression(text),
            ResponseSource::Body(Some(path)) if check_json_path(path).is_err() => self.expression(text),
            _ => {}
        }
    }
}

/// The place and name of `method.request.{querystring|path|header}.NAME`.
pub(super) fn request_parameter(key: &str) -> Option<(&str, &str)> {
    let (place, name) = key.strip_prefix("method.request.")?.split_once('.')?;
    (matches!(place, "querystring" | "path" | "header") && is_parameter_name(name)).then_some((place, name))
}

/// The name of `method.response.header.NAME`.
pub(super) fn response_header(key: &str) -> Option<&str> {
    key.strip_prefix("method.response.header.").filter(|name| is_parameter_name(name))
}

/// Refuses keys that are no media types (tables.md §8.4).
pub(super) fn check_content_types<'a>(types: impl Iterator<Item = &'a String>) -> Result<(), Exception> {
    let wrong: Vec<String> = types
        .filter(|text| !is_media_type(text))
        .map(|text| format!("Invalid content type specified: {text}"))
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let errors = wrong.join(", ");
    Err(Exception::bad_request(format!("Validation Result: warnings : [], errors : [{errors}]")))
}

/// Refuses models that the API does not have (tables.md §8.3).
pub(super) fn check_models(state: &State, api: &str, models: &Texts) -> Result<(), Exception> {
    check_content_types(models.keys())?;
    match models.values().find(|name| state.models.child(api, name).is_none()) {
        None => Ok(()),
        Some(name) => Err(Exception::bad_request(format!("Invalid model identifier specified: {name}"))),
    }
}

/// Refuses mapping templates that do not compile. AWS would only find out when they are called.
pub(super) fn check_templates(member: &str, templates: &Texts) -> Result<(), Exception> {
    check_content_types(templates.keys())?;
    for (content_type, text) in templates {
        if let Err(why) = check_template(text) {
            let message = format!("Invalid mapping template specified: {member}['{content_type}'], {why}");
            return Err(Exception::bad_request(message));
        }
    }
    Ok(())
}
