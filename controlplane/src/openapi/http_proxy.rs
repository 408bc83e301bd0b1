//! HTTP_PROXY: the request passes through to a backend.

use ringway_core::model::{HttpProxyIntegration, ParameterTarget, stage_variables_of};

use super::path::ResourcePath;
use super::stage_use::StageUse;
use super::{Importer, uri};
use crate::cursor::Cursor;
use crate::issue::quoted;

const KEYS: [&str; 9] = [
    "type",
    "uri",
    "httpMethod",
    "requestParameters",
    "timeoutInMillis",
    "passthroughBehavior",
    "connectionType",
    "cacheKeyParameters",
    "responses",
];

impl Importer<'_, '_> {
    pub(super) fn http_proxy(
        &mut self,
        cursor: &Cursor<'_>,
        path: &ResourcePath<'_>,
    ) -> Option<HttpProxyIntegration> {
        self.integration_keys(cursor, &KEYS, "HTTP_PROXY");
        // Proxy integrations have no templates, so the behavior for bodies that none matches does nothing (tables.md
        // §2.3); it is still part of every AWS export.
        self.passthrough_behavior(cursor);
        self.connection_type(cursor);
        self.ignored_responses(cursor);
        let http_method = match cursor.get("httpMethod") {
            Some(verb) => self.http_method(&verb),
            None => {
                self.issues.at_with_help(
                    cursor,
                    "not valid: Enumeration value for HttpMethod must be non-empty",
                    "add `httpMethod`, the method of the backend; `ANY` sends the client's",
                );
                None
            }
        };
        let timeout = self.timeout(cursor);
        let request_parameters = match cursor.get("requestParameters") {
            Some(parameters) => self.request_parameters(&parameters, path),
            None => Some(Vec::new()),
        };
        let uri = self.issues.required(cursor, "uri");
        let uri = uri.and_then(|uri| self.uri(&uri, cursor));
        let integration = HttpProxyIntegration {
            uri: uri?,
            http_method: http_method?,
            request_parameters: request_parameters?,
            timeout: timeout?,
        };
        Some(integration)
    }

    /// Checks the URI by itself and its placeholders against the path mappings.
    fn uri(&mut self, cursor: &Cursor<'_>, integration: &Cursor<'_>) -> Option<String> {
        let text = self.issues.string(cursor)?;
        if text.len() >= "https://".len()
            && text.is_char_boundary(8)
            && text[..8].eq_ignore_ascii_case("https://")
        {
            self.issues.at(cursor, "TLS to a backend (`https://`) is not built yet");
            return None;
        }
        if let Err(message) = uri::check_template(text) {
            self.issues.at(cursor, format!("the URI is not valid: {message}"));
            return None;
        }
        let mapped: Vec<_> = integration
            .get("requestParameters")
            .iter()
            .flat_map(|parameters| parameters.entries().collect::<Vec<_>>())
            .filter_map(|(target, mapping)| match super::parameters::target(target) {
                Ok(ParameterTarget::Path(name)) => Some((name, mapping)),
                _ => None,
            })
            .collect();
        let placeholders = uri::placeholders(text);
        for name in &placeholders {
            if !mapped.iter().any(|(mapped, _)| mapped == name) {
                self.issues.at_with_help(
                    cursor,
                    format!("nothing fills `{{{name}}}` of the URI; the backend would get it literally"),
                    format!(
                        "add `integration.request.path.{name}: method.request.path.{name}` to requestParameters"
                    ),
                );
            }
        }
        for (name, mapping) in &mapped {
            if !placeholders.contains(&name.as_str()) {
                let message = format!("the URI has no `{{{name}}}`, so this mapping does nothing");
                self.issues.at_key(mapping, message, None);
            }
        }
        if stage_variables_of(text).is_ok_and(|names| !names.is_empty()) {
            self.stage_uses.push(StageUse::uri(cursor.place(self.issues.file()), text));
        }
        Some(text.to_owned())
    }

    fn connection_type(&mut self, cursor: &Cursor<'_>) {
        let Some(kind) = cursor.get("connectionType") else { return };
        let Some(text) = self.issues.string(&kind) else { return };
        match text.to_ascii_uppercase().as_str() {
            "INTERNET" => {}
            "VPC_LINK" => self.issues.at(&kind, "`VPC_LINK` is not built yet"),
            _ => self.issues.at(&kind, format!("{} is not valid: `INTERNET` or `VPC_LINK`", quoted(text))),
        }
    }

    /// AWS's exports list the status codes of a proxy's responses; anything more would not be applied.
    fn ignored_responses(&mut self, cursor: &Cursor<'_>) {
        let Some(responses) = cursor.get("responses") else { return };
        for (_, response) in self.issues.mapping(&responses).unwrap_or_default() {
            for (key, member) in self.issues.mapping(&response).unwrap_or_default() {
                if key != "statusCode" && !member.is_empty_collection() {
                    self.issues.at_key(
                        &member,
                        format!("{} does nothing in an HTTP_PROXY integration", quoted(key)),
                        Some("the answer of the backend passes through as it is; remove it".into()),
                    );
                }
            }
        }
    }
}
