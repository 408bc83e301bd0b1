//! One operation of a path: a method and what answers it.

use std::collections::BTreeMap;

use ringway_core::model::{
    HttpMethod, Integration, IntegrationType, Method, MethodResponse, RequestParameterKey,
};

use super::annotations;
use super::importer::Importer;
use super::path::ResourcePath;
use crate::cursor::Cursor;

/// Keys of a path item that are operations.
pub(super) const KEYS: [&str; 8] =
    ["get", "put", "post", "delete", "options", "head", "patch", "x-amazon-apigateway-any-method"];

const INTEGRATION: &str = "x-amazon-apigateway-integration";

/// Extensions that are read in an operation.
const EXTENSIONS: [&str; 3] = ["auth", "integration", "request-validator"];

/// What an integration has to fit to.
pub(super) struct MethodContext<'m> {
    pub(super) path: &'m ResourcePath<'m>,
    pub(super) request_parameters: &'m BTreeMap<RequestParameterKey, bool>,
    pub(super) method_responses: &'m BTreeMap<u16, MethodResponse>,
}

/// The method that a key of a path item stands for.
pub(super) fn verb(key: &str) -> Option<HttpMethod> {
    Some(match key {
        "get" => HttpMethod::Get,
        "put" => HttpMethod::Put,
        "post" => HttpMethod::Post,
        "delete" => HttpMethod::Delete,
        "options" => HttpMethod::Options,
        "head" => HttpMethod::Head,
        "patch" => HttpMethod::Patch,
        "x-amazon-apigateway-any-method" => HttpMethod::Any,
        _ => return None,
    })
}

impl<'a> Importer<'_, 'a> {
    pub(super) fn operation(
        &mut self,
        cursor: &Cursor<'a>,
        http_method: HttpMethod,
        path: &ResourcePath<'_>,
        path_parameters: Option<&Cursor<'a>>,
    ) -> Option<Method> {
        let known = self.format.operation_keys();
        for (key, member) in self.members(cursor)? {
            match key {
                "isDefaultRoute" => {
                    self.errors.at_key(
                        &member,
                        "`isDefaultRoute` is for HTTP APIs only (spec sheet §2)",
                        None,
                    );
                }
                // Read below.
                "parameters" | "requestBody" | "responses" | "security" => {}
                key if known.contains(&key) => annotations::scan(self, &member),
                key => self.extension_or_unknown(key, &member, &EXTENSIONS, known),
            }
        }
        let (request_parameters, body) = self.request_parameters(cursor, path_parameters);
        let request_models = self.request_models(cursor, body.as_ref());
        let method_responses = self.method_responses(cursor);
        let (authorization, api_key_required) = self.security(cursor);
        let request_validator = self.request_validator(cursor);
        let operation_name = self.text_of(cursor, "operationId");
        let context = MethodContext {
            path,
            request_parameters: &request_parameters,
            method_responses: &method_responses,
        };
        let integration = match cursor.get(INTEGRATION) {
            Some(integration) => self.integration(&integration, &context)?,
            None if self.options.incomplete => {
                self.without_integration.push((path.text().to_owned(), http_method));
                Integration::new(IntegrationType::Mock)
            }
            None => {
                self.errors.at_with_help(
                    cursor,
                    "No integration defined for method",
                    "add `x-amazon-apigateway-integration` with `type: http_proxy`, `http` or `mock`",
                );
                return None;
            }
        };
        Some(Method {
            http_method,
            operation_name,
            authorization,
            api_key_required,
            request_validator,
            request_parameters,
            request_models,
            integration,
            method_responses,
        })
    }
}
