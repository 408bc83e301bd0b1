//! `x-amazon-apigateway-gateway-responses` (tables.md §8.6, §10).

use ringway_core::model::{GatewayResponse, GatewayResponseSource, GatewayResponseType};

use super::annotations::full_name;
use super::expressions::{self, is_header_value};
use super::importer::Importer;
use super::mappings::unknown_variable;
use super::path::is_parameter_name;
use super::templates::is_context_variable;
use crate::cursor::Cursor;
use crate::document::Value;
use crate::issue::quoted;

const KEYS: [&str; 4] = ["statusCode", "responseParameters", "responseTemplates", "defaultResponse"];
const PREFIX: &str = "gatewayresponse.header.";

impl<'a> Importer<'_, 'a> {
    pub(super) fn gateway_responses(&mut self, root: &Cursor<'a>) -> Vec<GatewayResponse> {
        let mut responses = Vec::new();
        for (name, cursor) in self.members_of(root, &full_name("gateway-responses")) {
            let Some(response_type) = GatewayResponseType::parse(name) else {
                // AWS's own words (tables.md §8.6), in the order of the enumeration.
                let types: Vec<_> = GatewayResponseType::ALL.iter().map(|known| known.as_str()).collect();
                let message = format!(
                    "1 validation error detected: Value '{name}' at 'responseType' failed to satisfy constraint: \
                     Member must satisfy enum value set: [{}]",
                    types.join(", ")
                );
                self.errors.at_key(&cursor, message, None);
                continue;
            };
            responses.extend(self.gateway_response(response_type, &cursor));
        }
        responses
    }

    fn gateway_response(
        &mut self,
        response_type: GatewayResponseType,
        cursor: &Cursor<'a>,
    ) -> Option<GatewayResponse> {
        for (key, member) in self.members(cursor)? {
            self.extension_or_unknown(key, &member, &[], &KEYS);
        }
        let status_code = match cursor.get("statusCode") {
            Some(status) if !matches!(status.node().value, Value::Null) => self.status_code(&status),
            _ => None,
        };
        let mut response_parameters: Vec<(String, GatewayResponseSource)> = Vec::new();
        for (key, member) in self.members_of(cursor, "responseParameters") {
            let Some(name) = key.strip_prefix(PREFIX).filter(|name| is_parameter_name(name)) else {
                let message = format!("{} is not valid: `{PREFIX}NAME`", quoted(key));
                self.errors.at_key(&member, message, None);
                continue;
            };
            if response_parameters.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
                let message =
                    format!("the header {} is mapped twice: header names have no case", quoted(name));
                self.not_served.at_key(&member, message, None);
            }
            let Some(expression) = self.errors.string(&member) else { continue };
            match expressions::gateway_response_source(expression) {
                Ok(source) => {
                    match &source {
                        GatewayResponseSource::Static(text) if !is_header_value(text) => {
                            self.not_served.at(&member, expressions::bad_header_value(text));
                        }
                        GatewayResponseSource::Context(name) if !is_context_variable(name) => {
                            self.not_served.at(&member, unknown_variable(name));
                        }
                        _ => {}
                    }
                    response_parameters.push((name.to_owned(), source));
                }
                Err(message) => self.errors.at(&member, message),
            }
        }
        let mut response_templates = Vec::new();
        for (media_type, template) in self.members_of(cursor, "responseTemplates") {
            self.check_media_type(&template, media_type);
            if let Some(text) = self.errors.string(&template) {
                response_templates.push((media_type.to_owned(), text.to_owned()));
            }
        }
        Some(GatewayResponse { response_type, status_code, response_parameters, response_templates })
    }
}
