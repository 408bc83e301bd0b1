//! One operation of a path: a method and what answers it.

use ringway_core::model::{HttpMethod, Method};

use super::path::ResourcePath;
use super::{Format, Importer, annotations};
use crate::cursor::Cursor;
use crate::issue::quoted;

/// Keys of a path item that are operations.
pub(super) const KEYS: [&str; 8] =
    ["get", "put", "post", "delete", "options", "head", "patch", "x-amazon-apigateway-any-method"];

const INTEGRATION: &str = "x-amazon-apigateway-integration";
const AUTH: &str = "x-amazon-apigateway-auth";

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

/// Whether a path item has an operation.
pub(super) fn has_operation(item: &Cursor<'_>) -> bool {
    item.entries().any(|(key, _)| verb(key).is_some())
}

impl Importer<'_, '_> {
    pub(super) fn operation(
        &mut self,
        cursor: &Cursor<'_>,
        http_method: HttpMethod,
        path: &ResourcePath<'_>,
        format: Format,
    ) -> Option<Method> {
        let members = self.issues.mapping(cursor)?;
        let mut integration = None;
        for (key, member) in members {
            match key {
                INTEGRATION if integration.is_none() => integration = Some(member),
                INTEGRATION => {}
                AUTH => self.auth(&member),
                "security" => annotations::check_security(self.issues, &member),
                key if format.operation_keys().contains(&key) => annotations::scan(self.issues, &member),
                key if key.starts_with("x-") => annotations::check_extension(self.issues, &member, key),
                key => {
                    let known = format.operation_keys().iter().copied().chain([INTEGRATION]);
                    self.issues.unknown_key(&member, key, known);
                }
            }
        }
        let Some(integration) = integration else {
            self.issues.at_with_help(
                cursor,
                "No integration defined for method",
                "add `x-amazon-apigateway-integration` with `type: http_proxy` or `type: mock`",
            );
            return None;
        };
        let integration = self.integration(&integration, path)?;
        Some(Method { http_method, integration })
    }

    /// `NONE` asks for nothing; anything else would have to be checked on each request.
    fn auth(&mut self, cursor: &Cursor<'_>) {
        if self.issues.mapping(cursor).is_none() {
            return;
        }
        let Some(kind) = self.issues.required(cursor, "type") else { return };
        let Some(text) = self.issues.string(&kind) else { return };
        if text.eq_ignore_ascii_case("AWS_IAM") {
            self.issues.at(&kind, "authorization with AWS_IAM is not built yet");
        } else if !text.eq_ignore_ascii_case("NONE") {
            self.issues.at(&kind, format!("{} is not valid: `NONE` or `AWS_IAM`", quoted(text)));
        }
    }
}
