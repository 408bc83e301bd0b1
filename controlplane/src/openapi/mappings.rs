//! `requestParameters` of integrations (tables.md §2.5, §3.2) and what becomes of `{name}` in a URI.

use ringway_core::model::{
    IntegrationType, ParameterSource, ParameterTarget, RequestParameter, RequestParameterKey,
    RequestParameterPlace, stage_variables_of,
};

use super::expressions::{self, is_header_value};
use super::importer::Importer;
use super::operation::MethodContext;
use super::stage_use::StageUse;
use super::templates::{check_json_path, is_context_variable};
use super::uri;
use crate::cursor::Cursor;
use crate::issue::quoted;

/// Headers that make the call fail with 500 on AWS when they are mapped (tables.md §3.2).
const FAILING: [&str; 4] =
    ["content-length", "transfer-encoding", "x-amzn-trace-id", "x-amzn-apigateway-api-id"];

/// Mapped headers that AWS drops without a word (tables.md §3.2).
const DROPPED: [&str; 5] = ["connection", "expect", "proxy-authenticate", "te", "via"];

/// Headers that AWS delivers as mapped (`Host`, `Upgrade`), or of which it is not known, and that here would contradict
/// what the gateway itself says on the connection to the backend.
const OF_THE_CONNECTION: [&str; 4] = ["host", "keep-alive", "proxy-connection", "upgrade"];

impl<'a> Importer<'_, 'a> {
    pub(super) fn mapped_request(
        &mut self,
        integration: &Cursor<'a>,
        kind: IntegrationType,
        context: &MethodContext<'_>,
    ) -> Vec<RequestParameter> {
        let mut parameters: Vec<RequestParameter> = Vec::new();
        let is_http = matches!(kind, IntegrationType::Http | IntegrationType::HttpProxy);
        for (key, member) in self.members_of(integration, "requestParameters") {
            let target = match expressions::target(key) {
                Ok(target) => target,
                Err(message) => {
                    self.errors.at_key(&member, message, None);
                    continue;
                }
            };
            if is_http && let Some(message) = header_fault(&target, &parameters) {
                self.not_served.at_key(&member, message, None);
            }
            let Some(expression) = self.errors.string(&member) else { continue };
            match expressions::request_source(expression) {
                Ok(source) => {
                    self.check_request_source(&member, &target, &source, context);
                    parameters.push(RequestParameter { target, source });
                }
                Err(message) => self.errors.at(&member, message),
            }
        }
        parameters
    }

    fn check_request_source(
        &mut self,
        cursor: &Cursor<'a>,
        target: &ParameterTarget,
        source: &ParameterSource,
        context: &MethodContext<'_>,
    ) {
        match source {
            ParameterSource::StageVariable(name) => {
                let place = cursor.place(self.errors.file());
                self.stage_uses.push(StageUse::variable(place, name));
            }
            ParameterSource::Path(name) if !context.path.has_variable(name) => {
                self.not_served.at(cursor, format!("the path of this resource has no variable `{{{name}}}`"));
            }
            ParameterSource::Body(Some(path)) => self.check_body_path(cursor, path),
            ParameterSource::Context(name) if !is_context_variable(name) => {
                self.not_served.at(cursor, unknown_variable(name));
            }
            ParameterSource::Static(value) if !is_static_value(target, value) => {
                let message = format!(
                    "the value {} is not valid here: printable characters, no blanks at its ends",
                    quoted(value)
                );
                self.not_served.at(cursor, message);
            }
            _ => {}
        }
        if self.options.strict_aws
            && let Some(key) = declared_as(source)
            && !context.request_parameters.contains_key(&key)
        {
            self.errors.at(cursor, undeclared(&source.to_string()));
        }
    }

    /// Reports a JSONPath that does not compile.
    pub(super) fn check_body_path(&mut self, cursor: &Cursor<'a>, path: &str) {
        if let Err(message) = check_json_path(path) {
            let message = format!("the JSONPath {} cannot be used: {message}", quoted(path));
            self.not_served.at(cursor, message);
        }
    }

    /// Checks the URI by itself and its placeholders against the path mappings; `None` where AWS refuses it.
    pub(super) fn http_uri(
        &mut self,
        cursor: &Cursor<'a>,
        text: &str,
        integration: &Cursor<'a>,
        parameters: &[RequestParameter],
    ) -> Option<()> {
        if let Some(why) = uri::endpoint_fault(text) {
            self.invalid_endpoint(cursor, why);
            return None;
        }
        if text.to_ascii_lowercase().starts_with("https://") {
            self.not_served.at(cursor, "TLS to a backend (`https://`) is not built yet");
            return Some(());
        }
        if let Err(message) = uri::check_template(text) {
            self.not_served.at(cursor, format!("the URI is not valid: {message}"));
            return Some(());
        }
        self.placeholders(cursor, text, integration, parameters);
        if stage_variables_of(text).is_ok_and(|names| !names.is_empty()) {
            self.stage_uses.push(StageUse::uri(cursor.place(self.errors.file()), text));
        }
        Some(())
    }

    /// AWS's own words (tables.md §8.4), and why.
    fn invalid_endpoint(&mut self, cursor: &Cursor<'a>, why: &str) {
        self.errors.at_with_help(cursor, "Invalid HTTP endpoint specified for URI", why);
    }

    fn placeholders(
        &mut self,
        cursor: &Cursor<'a>,
        text: &str,
        integration: &Cursor<'a>,
        parameters: &[RequestParameter],
    ) {
        let placeholders = uri::placeholders(text);
        for name in &placeholders {
            let is_filled = |parameter: &RequestParameter| matches!(&parameter.target, ParameterTarget::Path(path) if path == name);
            if !parameters.iter().any(is_filled) {
                let help = format!(
                    "add `integration.request.path.{name}: method.request.path.{name}` to requestParameters"
                );
                let message =
                    format!("nothing fills `{{{name}}}` of the URI; the backend would get it literally");
                self.not_served.at_with_help(cursor, message, help);
            }
        }
        for (key, mapping) in integration.get("requestParameters").iter().flat_map(Cursor::entries) {
            if let Ok(ParameterTarget::Path(name)) = expressions::target(key)
                && !placeholders.contains(&name.as_str())
            {
                let message = format!("the URI has no `{{{name}}}`, so this mapping does nothing");
                self.not_served.at_key(&mapping, message, None);
            }
        }
    }
}

/// What keeps a header from being sent as it is mapped.
pub(crate) fn header_fault(target: &ParameterTarget, before: &[RequestParameter]) -> Option<String> {
    let ParameterTarget::Header(name) = target else { return None };
    let lower = name.to_ascii_lowercase();
    if FAILING.contains(&lower.as_str()) {
        return Some(format!("the header `{name}` cannot be mapped: AWS answers such a call with 500"));
    }
    if DROPPED.contains(&lower.as_str()) {
        return Some(format!("the header `{name}` cannot be mapped: AWS drops it silently"));
    }
    if OF_THE_CONNECTION.contains(&lower.as_str()) {
        return Some(format!("mapping the header `{name}` is not built yet"));
    }
    let is_same = |other: &RequestParameter| matches!(&other.target, ParameterTarget::Header(other) if other.eq_ignore_ascii_case(name));
    let message = format!("the header {} is mapped twice: header names have no case", quoted(name));
    before.iter().any(is_same).then_some(message)
}

/// A static value goes into the head of a message as it is, so it must not end a line of it.
pub(crate) fn is_static_value(target: &ParameterTarget, value: &str) -> bool {
    match target {
        ParameterTarget::Header(_) => is_header_value(value),
        ParameterTarget::Path(_) | ParameterTarget::Query(_) => !value.contains(char::is_control),
    }
}

/// The parameter of the method that has to be declared for a mapping to read it.
pub(crate) fn declared_as(source: &ParameterSource) -> Option<RequestParameterKey> {
    let (place, name) = match source {
        ParameterSource::Path(name) => (RequestParameterPlace::Path, name),
        ParameterSource::Query(name) | ParameterSource::MultiValueQuery(name) => {
            (RequestParameterPlace::Querystring, name)
        }
        ParameterSource::Header(name) | ParameterSource::MultiValueHeader(name) => {
            (RequestParameterPlace::Header, name)
        }
        _ => return None,
    };
    Some(RequestParameterKey { place, name: name.clone() })
}

/// A variable that the gateway could not fill.
pub(super) fn unknown_variable(name: &str) -> String {
    format!("there is no variable {} (tables.md §5.1)", quoted(&format!("context.{name}")))
}

/// What AWS says of a mapping of a parameter that the method does not declare. Told in many public reports of imports that fail
/// (aws-apigateway-importer#209, Testlio/lambda-tools#56).
pub(super) fn undeclared(parameter: &str) -> String {
    format!(
        "Invalid mapping expression specified: Validation Result: warnings : [], errors : \
         [Invalid mapping expression parameter specified: {parameter}]"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_cannot_be_mapped() {
        for (name, expected) in [
            ("content-Length", Some("500")),
            ("Via", Some("silently")),
            ("Host", Some("not built yet")),
            ("x-a", Some("twice")),
            ("X-B", None),
        ] {
            let before = [RequestParameter {
                target: ParameterTarget::Header("X-A".into()),
                source: ParameterSource::Static(String::new()),
            }];
            let fault = header_fault(&ParameterTarget::Header(name.into()), &before);
            assert_eq!(fault.is_some(), expected.is_some(), "{name}");
            assert!(fault.unwrap_or_default().contains(expected.unwrap_or_default()), "{name}");
        }
    }

    #[test]
    fn a_static_value_cannot_end_the_header() {
        let header = ParameterTarget::Header("X".into());
        assert!(is_static_value(&header, "a b"));
        for bad in ["a\r\nB: c", " a", "é", "\0"] {
            assert!(!is_static_value(&header, bad), "{bad:?}");
        }
        assert!(is_static_value(&ParameterTarget::Query("q".into()), "é"));
        assert!(!is_static_value(&ParameterTarget::Query("q".into()), "\n"));
    }
}
