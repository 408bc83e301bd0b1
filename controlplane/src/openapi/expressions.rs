//! Mapping expressions: where a mapped value comes from (tables.md §2.5).

use ringway_core::model::{
    GatewayResponseSource, ParameterSource, ParameterTarget, ResponseSource, is_stage_variable_name,
    static_value,
};

use super::path::is_parameter_name;
use crate::issue::quoted;

/// Parses `integration.request.{path|querystring|header}.NAME`.
pub(crate) fn target(text: &str) -> Result<ParameterTarget, String> {
    let invalid =
        || format!("{} is not valid: `integration.request.{{path|querystring|header}}.NAME`", quoted(text));
    let (place, name) = text
        .strip_prefix("integration.request.")
        .and_then(|rest| rest.split_once('.'))
        .ok_or_else(invalid)?;
    if !is_parameter_name(name) {
        return Err(format!(
            "the name {} is not valid: letters, digits, `.`, `_`, `$` and `-`",
            quoted(name)
        ));
    }
    match place {
        "path" => Ok(ParameterTarget::Path(name.to_owned())),
        "querystring" => Ok(ParameterTarget::Query(name.to_owned())),
        "header" => Ok(ParameterTarget::Header(name.to_owned())),
        _ => Err(invalid()),
    }
}

/// What every kind of mapping knows.
enum Common<'t> {
    Static(&'t str),
    StageVariable(&'t str),
    Context(&'t str),
}

fn common(text: &str) -> Option<Common<'_>> {
    if let Some(value) = static_value(text) {
        return Some(Common::Static(value));
    }
    if let Some(name) = text.strip_prefix("stageVariables.").filter(|name| is_stage_variable_name(name)) {
        return Some(Common::StageVariable(name));
    }
    let name = text.strip_prefix("context.").filter(|name| is_parameter_name(name))?;
    Some(Common::Context(name))
}

/// Parses the source of a request parameter.
pub(crate) fn request_source(text: &str) -> Result<ParameterSource, String> {
    match common(text) {
        Some(Common::Static(value)) => return Ok(ParameterSource::Static(value.to_owned())),
        Some(Common::StageVariable(name)) => return Ok(ParameterSource::StageVariable(name.to_owned())),
        Some(Common::Context(name)) => return Ok(ParameterSource::Context(name.to_owned())),
        None => {}
    }
    let rest = text.strip_prefix("method.request.").ok_or_else(|| invalid_expression(text))?;
    if let Some(path) = body(rest) {
        return Ok(ParameterSource::Body(path));
    }
    match named(rest) {
        Some(("path", name)) => Ok(ParameterSource::Path(name.to_owned())),
        Some(("querystring", name)) => Ok(ParameterSource::Query(name.to_owned())),
        Some(("multivaluequerystring", name)) => Ok(ParameterSource::MultiValueQuery(name.to_owned())),
        Some(("header", name)) => Ok(ParameterSource::Header(name.to_owned())),
        Some(("multivalueheader", name)) => Ok(ParameterSource::MultiValueHeader(name.to_owned())),
        _ => Err(invalid_expression(text)),
    }
}

/// Parses the source of a header of a method response.
pub(crate) fn response_source(text: &str) -> Result<ResponseSource, String> {
    match common(text) {
        Some(Common::Static(value)) => return Ok(ResponseSource::Static(value.to_owned())),
        Some(Common::StageVariable(name)) => return Ok(ResponseSource::StageVariable(name.to_owned())),
        Some(Common::Context(name)) => return Ok(ResponseSource::Context(name.to_owned())),
        None => {}
    }
    let rest = text.strip_prefix("integration.response.").ok_or_else(|| invalid_expression(text))?;
    if let Some(path) = body(rest) {
        return Ok(ResponseSource::Body(path));
    }
    match named(rest) {
        Some(("header", name)) => Ok(ResponseSource::Header(name.to_owned())),
        Some(("multivalueheader", name)) => Ok(ResponseSource::MultiValueHeader(name.to_owned())),
        _ => Err(invalid_expression(text)),
    }
}

/// Parses the source of a header of a gateway response.
pub(crate) fn gateway_response_source(text: &str) -> Result<GatewayResponseSource, String> {
    match common(text) {
        Some(Common::Static(value)) => return Ok(GatewayResponseSource::Static(value.to_owned())),
        Some(Common::StageVariable(name)) => {
            return Ok(GatewayResponseSource::StageVariable(name.to_owned()));
        }
        Some(Common::Context(name)) => return Ok(GatewayResponseSource::Context(name.to_owned())),
        None => {}
    }
    match text.strip_prefix("method.request.").and_then(named) {
        Some(("path", name)) => Ok(GatewayResponseSource::Path(name.to_owned())),
        Some(("querystring", name)) => Ok(GatewayResponseSource::Query(name.to_owned())),
        Some(("header", name)) => Ok(GatewayResponseSource::Header(name.to_owned())),
        _ => Err(invalid_expression(text)),
    }
}

/// `place.NAME`
fn named(rest: &str) -> Option<(&str, &str)> {
    rest.split_once('.').filter(|(_, name)| is_parameter_name(name))
}

/// `body`, `body.a.b` or `body['a']`: the JSONPath is `$` and what follows.
fn body(rest: &str) -> Option<Option<String>> {
    let path = rest.strip_prefix("body")?;
    match path.is_empty() {
        true => Some(None),
        false => path.starts_with(['.', '[']).then(|| Some(format!("${path}"))),
    }
}

/// AWS's own words (tables.md §8.4).
pub(super) fn invalid_expression(text: &str) -> String {
    let shown: String = text.chars().filter(|character| !character.is_control()).take(80).collect();
    format!(
        "not valid: Invalid mapping expression specified: Validation Result: warnings : [], errors : \
         [Invalid mapping expression specified: {shown}]"
    )
}

/// Whether `text` may be the value of a header as it stands (RFC 9110 §5.5, visible ASCII, blanks inside).
pub(crate) fn is_header_value(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) && text.trim() == text
}

/// Why a static text cannot be the value of a header.
pub(super) fn bad_header_value(text: &str) -> String {
    format!("the value {} is not valid in a header: printable ASCII, no blanks at its ends", quoted(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        for text in [
            "integration.request.path.petId",
            "integration.request.querystring.a.b",
            "integration.request.header.X-A",
        ] {
            assert_eq!(target(text).unwrap().to_string(), text);
        }
        for text in [
            "integration.request.header.a b",
            "integration.request.header.",
            "integration.request.cookie.a",
            "integration.request.path",
            "method.request.path.a",
        ] {
            assert!(target(text).unwrap_err().contains("not valid"), "{text}");
        }
    }

    #[test]
    fn sources_are_written_as_they_were_read() {
        for text in [
            "method.request.path.petId",
            "method.request.querystring.q",
            "method.request.multivaluequerystring.q",
            "method.request.header.X",
            "method.request.multivalueheader.X",
            "method.request.body",
            "method.request.body.a[0].b",
            "method.request.body['a']",
            "stageVariables.v",
            "context.identity.sourceIp",
            "''",
            "'it''s'",
        ] {
            assert_eq!(request_source(text).unwrap().to_string(), text);
        }
        for text in [
            "integration.response.header.X",
            "integration.response.multivalueheader.X",
            "integration.response.body",
            "integration.response.body.a",
            "stageVariables.v",
            "context.requestId",
            "'a b'",
        ] {
            assert_eq!(response_source(text).unwrap().to_string(), text);
        }
        for text in [
            "method.request.path.a",
            "method.request.querystring.a",
            "method.request.header.a",
            "stageVariables.v",
            "'*'",
        ] {
            assert_eq!(gateway_response_source(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn anything_else_is_refused_in_the_words_of_aws() {
        for text in [
            "true",
            "'",
            "method.request.cookie.a",
            "method.request.header",
            "method.request.bodyx",
            "integration.response.header.X",
            "stageVariables.a-b",
            "context.",
        ] {
            let expected = format!("errors : [Invalid mapping expression specified: {text}]");
            assert!(request_source(text).unwrap_err().contains(&expected), "{text}");
        }
        assert!(response_source("method.request.header.X").is_err());
        assert!(gateway_response_source("method.request.body").is_err());
    }
}
