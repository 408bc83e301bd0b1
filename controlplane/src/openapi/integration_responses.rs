//! `responses` of an integration (tables.md §2.4, §3.3, §10).

use ringway_core::model::{
    IntegrationResponse, IntegrationType, ResponseParameter, ResponseSource, compile_selection_pattern,
};

use super::expressions::{self, bad_header_value, is_header_value};
use super::importer::Importer;
use super::mappings::{undeclared, unknown_variable};
use super::operation::MethodContext;
use super::path::is_parameter_name;
use super::stage_use::StageUse;
use super::templates::is_context_variable;
use crate::cursor::Cursor;
use crate::issue::quoted;

const KEYS: [&str; 4] = ["statusCode", "responseParameters", "responseTemplates", "contentHandling"];
const PREFIX: &str = "method.response.header.";

impl<'a> Importer<'_, 'a> {
    pub(super) fn integration_responses(
        &mut self,
        integration: &Cursor<'a>,
        kind: IntegrationType,
        context: &MethodContext<'_>,
    ) -> Vec<IntegrationResponse> {
        let mut responses: Vec<IntegrationResponse> = Vec::new();
        for (key, cursor) in self.members_of(integration, "responses") {
            if kind == IntegrationType::HttpProxy {
                self.idle_members(&cursor);
            }
            let Some(response) = self.integration_response(key, &cursor) else { continue };
            if responses.iter().any(|other| other.selection_pattern == response.selection_pattern) {
                self.errors.at_key(
                    &cursor,
                    "not valid: `default` and the empty pattern are the same response",
                    None,
                );
                continue;
            }
            let is_mapped = !matches!(kind, IntegrationType::HttpProxy | IntegrationType::AwsProxy);
            if self.options.strict_aws && is_mapped {
                self.check_declared(&cursor, &response, context);
            }
            responses.push(response);
        }
        if responses.is_empty() && matches!(kind, IntegrationType::Mock | IntegrationType::Http) {
            let message = format!(
                "{} integration without `responses` can only answer 500",
                match kind {
                    IntegrationType::Mock => "a MOCK",
                    _ => "an HTTP",
                }
            );
            if !self.options.takes_idle {
                let help = "add `responses: {default: {statusCode: \"200\"}}`";
                self.not_served.at_with_help(integration, message, help);
            }
        }
        responses
    }

    /// AWS's exports list the status codes of a proxy's responses; anything more would not be applied.
    fn idle_members(&mut self, response: &Cursor<'a>) {
        for (key, member) in response.entries() {
            if key != "statusCode" && !key.starts_with("x-") && !member.is_empty_collection() {
                let message = format!("{} does nothing in an HTTP_PROXY integration", quoted(key));
                self.idle(&member, message, "the answer of the backend passes through as it is; remove it");
            }
        }
    }

    fn integration_response(&mut self, key: &str, cursor: &Cursor<'a>) -> Option<IntegrationResponse> {
        for (name, member) in self.members(cursor)? {
            self.extension_or_unknown(name, &member, &[], &KEYS);
        }
        let status_code =
            self.errors.required(cursor, "statusCode").and_then(|status| self.status_code(&status));
        let selection_pattern = self.selection_pattern(key, cursor);
        let response_parameters = self.response_parameters(cursor);
        let response_templates = self.templates(cursor, "responseTemplates");
        let content_handling = self.content_handling(cursor);
        Some(IntegrationResponse {
            selection_pattern,
            status_code: status_code?,
            response_parameters,
            response_templates,
            content_handling,
        })
    }

    /// `None` is the default response: the key `default`, or the empty pattern (spec sheet §4).
    fn selection_pattern(&mut self, key: &str, cursor: &Cursor<'a>) -> Option<String> {
        if key == "default" || key.is_empty() {
            return None;
        }
        // AWS's patterns are those of Java, of which some cannot be matched in linear time.
        if let Err(message) = compile_selection_pattern(key) {
            let message = format!("the pattern {} cannot be used: {message}", quoted(key));
            self.not_served.at_key(cursor, message, None);
        }
        Some(key.to_owned())
    }

    /// `[1-5]\d\d`, as number or text.
    pub(super) fn status_code(&mut self, cursor: &Cursor<'a>) -> Option<u16> {
        let digits = |text: &&str| text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        let Some(text) = cursor.scalar_text() else {
            self.errors.string(cursor);
            return None;
        };
        match Some(text).filter(digits).and_then(|text| text.parse().ok()) {
            Some(status @ 200..=599) => Some(status),
            Some(status @ 100..=199) => {
                let message = "a status of 1xx cannot be the answer to a request (RFC 9110 §15.2)";
                self.not_served.at(cursor, message);
                Some(status)
            }
            _ => {
                let message =
                    "not valid: `statusCode` Member must satisfy regular expression pattern: [1-5]\\d\\d";
                self.errors.at(cursor, message);
                None
            }
        }
    }

    fn response_parameters(&mut self, response: &Cursor<'a>) -> Vec<ResponseParameter> {
        let mut parameters: Vec<ResponseParameter> = Vec::new();
        for (key, member) in self.members_of(response, "responseParameters") {
            let Some(name) = key.strip_prefix(PREFIX).filter(|name| is_parameter_name(name)) else {
                let message = format!("{} is not valid: `{PREFIX}NAME`", quoted(key));
                self.errors.at_key(&member, message, None);
                continue;
            };
            if name.eq_ignore_ascii_case("transfer-encoding") {
                let message = format!("the header `{name}` cannot be mapped: AWS drops it silently");
                self.not_served.at_key(&member, message, None);
            }
            if parameters.iter().any(|other| other.header.eq_ignore_ascii_case(name)) {
                let message =
                    format!("the header {} is mapped twice: header names have no case", quoted(name));
                self.not_served.at_key(&member, message, None);
            }
            let Some(expression) = self.errors.string(&member) else { continue };
            match expressions::response_source(expression) {
                Ok(source) => {
                    self.check_response_source(&member, &source);
                    parameters.push(ResponseParameter { header: name.to_owned(), source });
                }
                Err(message) => {
                    self.errors.at_with_help(&member, message, "a static text stands in single quotes");
                }
            }
        }
        parameters
    }

    fn check_response_source(&mut self, cursor: &Cursor<'a>, source: &ResponseSource) {
        match source {
            ResponseSource::Static(value) if !is_header_value(value) => {
                self.not_served.at(cursor, bad_header_value(value));
            }
            ResponseSource::Body(Some(path)) => self.check_body_path(cursor, path),
            ResponseSource::Context(name) if !is_context_variable(name) => {
                self.not_served.at(cursor, unknown_variable(name));
            }
            ResponseSource::StageVariable(name) => {
                let place = cursor.place(self.errors.file());
                self.stage_uses.push(StageUse::variable(place, name));
            }
            _ => {}
        }
    }

    /// A response of the method has to exist, and to declare each header that is mapped.
    fn check_declared(
        &mut self,
        cursor: &Cursor<'a>,
        response: &IntegrationResponse,
        context: &MethodContext<'_>,
    ) {
        let Some(declared) = context.method_responses.get(&response.status_code) else {
            // AWS's own words (tables.md §8.4).
            let message = "Invalid Response status code specified";
            let help = format!("add {} to the `responses` of the operation", response.status_code);
            return self.errors.at_with_help(cursor, message, help);
        };
        for parameter in &response.response_parameters {
            if !declared.response_parameters.contains_key(&parameter.header) {
                let name = format!("{PREFIX}{}", parameter.header);
                let place = cursor.get("responseParameters").and_then(|parameters| parameters.get(&name));
                self.errors.at(&place.unwrap_or_else(|| cursor.clone()), undeclared(&name));
            }
        }
    }
}
