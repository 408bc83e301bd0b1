//! What AWS checks of an integration and of its responses as a whole (tables.md §8.4).

use ringway_core::limits::INTEGRATION_TIMEOUT_MILLIS_MAX;
use ringway_core::model::{ParameterSource, RequestParameter, ResponseSource, compile_selection_pattern};

use super::method::check_verb;
use super::parameters::{MappingErrors, check_templates, response_header};
use crate::aws::State;
use crate::aws::exception::Exception;
use crate::aws::wire::{Integration, IntegrationResponse, Method};
use crate::openapi::mappings::{declared_as, header_fault, is_static_value};
use crate::openapi::{arn, expressions, uri};

/// Milliseconds.
const TIMEOUT_LEAST: u32 = 50;

/// Types whose backend is an HTTP endpoint.
pub(super) fn is_http(kind: &str) -> bool {
    matches!(kind, "HTTP" | "HTTP_PROXY")
}

/// Checks an integration of `method`.
pub(super) fn check(state: &State, method: &Method, integration: &Integration) -> Result<(), Exception> {
    let choices = [
        (
            "IntegrationType",
            Some(&integration.kind),
            ["HTTP", "MOCK", "AWS_PROXY", "HTTP_PROXY", "AWS"].as_slice(),
        ),
        ("ConnectionType", integration.connection_type.as_ref(), &["INTERNET", "VPC_LINK"]),
        ("ContentHandling", integration.content_handling.as_ref(), &CONTENT_HANDLINGS),
        (
            "PassthroughBehavior",
            Some(&integration.passthrough_behavior),
            &["WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER"],
        ),
        ("ResponseTransferMode", integration.response_transfer_mode.as_ref(), &["BUFFERED", "STREAM"]),
    ];
    for (name, value, options) in choices {
        check_choice(name, value, options)?;
    }
    check_backend(integration)?;
    check_connection(state, integration)?;
    if !(u64::from(TIMEOUT_LEAST)..=INTEGRATION_TIMEOUT_MILLIS_MAX)
        .contains(&integration.timeout_in_millis.into())
    {
        let message =
            format!("Timeout should be between {TIMEOUT_LEAST} ms and {INTEGRATION_TIMEOUT_MILLIS_MAX} ms");
        return Err(Exception::bad_request(message));
    }
    check_request_parameters(method, integration)?;
    check_templates("requestTemplates", &integration.request_templates)?;
    let is_known = |key: &String| {
        method.request_parameters.contains_key(key) || integration.request_parameters.contains_key(key)
    };
    match integration.cache_key_parameters.iter().all(is_known) {
        true => Ok(()),
        false => Err(Exception::bad_request("Invalid cache key parameter specified")),
    }
}

/// In AWS's order.
pub(super) const CONTENT_HANDLINGS: [&str; 2] = ["CONVERT_TO_BINARY", "CONVERT_TO_TEXT"];

/// A value of a patch that is none of the options; a body with one is refused by the service's model before.
fn check_choice(name: &str, value: Option<&String>, options: &[&str]) -> Result<(), Exception> {
    match value {
        Some(value) if !options.contains(&value.as_str()) => {
            let options = options.join(",");
            Err(Exception::bad_request(format!("Invalid {name} specified. Valid options are {options}")))
        }
        _ => Ok(()),
    }
}

/// The verb, the URI and the role.
fn check_backend(integration: &Integration) -> Result<(), Exception> {
    let kind = integration.kind.as_str();
    match &integration.http_method {
        Some(verb) => check_verb(verb)?,
        None if is_http(kind) || kind == "AWS" => {
            return Err(Exception::bad_request("Enumeration value for HttpMethod must be non-empty"));
        }
        None => {}
    }
    let text = integration.uri.as_deref().unwrap_or_default();
    match kind {
        "MOCK" => {}
        "AWS" | "AWS_PROXY" => arn::check(text, kind == "AWS_PROXY").map_err(Exception::bad_request)?,
        _ => check_endpoint(text)?,
    }
    match &integration.credentials {
        Some(role) if !role.starts_with("arn:") => {
            Err(Exception::bad_request("Invalid ARN specified in the request"))
        }
        _ => Ok(()),
    }
}

fn check_endpoint(text: &str) -> Result<(), Exception> {
    const INVALID: &str = "Invalid HTTP endpoint specified for URI";
    if uri::endpoint_fault(text).is_some() {
        return Err(Exception::bad_request(INVALID));
    }
    // The rest of the URI is written the same way with TLS and without.
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    uri::check_template(&format!("http://{rest}"))
        .map_err(|why| Exception::bad_request(format!("{INVALID}: {why}")))
}

fn check_connection(state: &State, integration: &Integration) -> Result<(), Exception> {
    if integration.connection_type.as_deref() != Some("VPC_LINK") {
        return Ok(());
    }
    let id = integration.connection_id.as_deref().unwrap_or_default();
    match id.starts_with("${stageVariables.") || state.vpc_links.get(id).is_some() {
        true => Ok(()),
        false => Err(Exception::bad_request("Invalid Vpc Link identifier specified")),
    }
}

fn check_request_parameters(method: &Method, integration: &Integration) -> Result<(), Exception> {
    let mut errors = MappingErrors::default();
    let mut mapped: Vec<RequestParameter> = Vec::new();
    for (key, text) in &integration.request_parameters {
        let Ok(target) = expressions::target(key) else {
            errors.expression(key);
            continue;
        };
        let Ok(source) = expressions::request_source(text) else {
            errors.expression(text);
            continue;
        };
        if is_http(&integration.kind)
            && let Some(fault) = header_fault(&target, &mapped)
        {
            errors.other(fault);
        }
        // What has several values is declared under the name of one.
        let declared = text.replacen("method.request.multivalue", "method.request.", 1);
        if declared_as(&source).is_some() && !method.request_parameters.contains_key(&declared) {
            errors.undeclared(text);
        }
        match &source {
            ParameterSource::Static(value) if !is_static_value(&target, value) => errors.expression(text),
            _ => errors.check_request_source(text, &source),
        }
        mapped.push(RequestParameter { target, source });
    }
    errors.finish()
}

/// Checks a response of `integration` before it takes the place of the one with the status code `old`.
pub(super) fn check_response(
    method: &Method,
    integration: &Integration,
    response: &IntegrationResponse,
    old: &str,
) -> Result<(), Exception> {
    check_choice("ContentHandling", response.content_handling.as_ref(), &CONTENT_HANDLINGS)?;
    let pattern = response.selection_pattern.as_deref();
    if let Some(Err(why)) = pattern.map(compile_selection_pattern) {
        return Err(Exception::bad_request(format!("Invalid selection pattern specified: {why}")));
    }
    let mut others = integration.integration_responses.values().filter(|other| other.status_code != old);
    // Told in public by many (hashicorp/terraform#5893).
    if others.any(|other| other.selection_pattern.as_deref() == pattern) {
        let pattern = pattern.unwrap_or("default");
        let message = format!("Integration response with selection pattern {pattern} already exists");
        return Err(Exception::conflict(message));
    }
    check_response_parameters(method, integration, response)?;
    check_templates("responseTemplates", &response.response_templates)
}

fn check_response_parameters(
    method: &Method,
    integration: &Integration,
    response: &IntegrationResponse,
) -> Result<(), Exception> {
    let mut errors = MappingErrors::default();
    let declared = method.method_responses.get(&response.status_code);
    if declared.is_none() {
        // What a proxy answers is not mapped, so that nothing has to be declared.
        if !integration.kind.ends_with("_PROXY") {
            return Err(Exception::not_found("Invalid Response status code specified"));
        }
        if !response.response_parameters.is_empty() {
            errors.other("No method response exists for method.");
        }
    }
    for (key, text) in &response.response_parameters {
        match response_header(key) {
            None => errors.expression(key),
            Some(_) if declared.is_some_and(|declared| !declared.response_parameters.contains_key(key)) => {
                errors.undeclared(key);
            }
            Some(_) => {}
        }
        match expressions::response_source(text) {
            Err(_) => errors.expression(text),
            Ok(ResponseSource::Static(value)) if !expressions::is_header_value(&value) => {
                errors.expression(text)
            }
            Ok(source) => errors.check_response_source(text, &source),
        }
    }
    errors.finish()
}
