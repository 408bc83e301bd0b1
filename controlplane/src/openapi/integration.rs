//! `x-amazon-apigateway-integration`: which kind it is, and what the kinds have in common.

use ringway_core::model::{HttpMethod, Integration};

use super::Importer;
use super::path::ResourcePath;
use crate::cursor::Cursor;
use crate::issue::quoted;

/// What AWS knows and is not built, in any type of integration.
const NOT_BUILT: [&str; 9] = [
    "credentials",
    "contentHandling",
    "tlsConfig",
    "connectionId",
    "cacheNamespace",
    "payloadFormatVersion",
    "integrationSubtype",
    "integrationTarget",
    "responseTransferMode",
];

impl Importer<'_, '_> {
    pub(super) fn integration(
        &mut self,
        cursor: &Cursor<'_>,
        path: &ResourcePath<'_>,
    ) -> Option<Integration> {
        self.issues.mapping(cursor)?;
        if let Some(reference) = cursor.get("$ref") {
            self.issues.at(&reference, "`$ref` to an integration is not built yet; write it here");
            return None;
        }
        let kind = self.issues.required(cursor, "type")?;
        let text = self.issues.string(&kind)?;
        match text.to_ascii_lowercase().as_str() {
            "http_proxy" => self.http_proxy(cursor, path).map(Integration::HttpProxy),
            "mock" => self.mock(cursor).map(Integration::Mock),
            "http" | "aws" | "aws_proxy" => {
                self.issues.at_with_help(
                    &kind,
                    format!("integration type {} is not built yet", quoted(text)),
                    "`http_proxy` and `mock` are",
                );
                None
            }
            _ => {
                let types = "`http_proxy`, `mock`, `http`, `aws` or `aws_proxy`";
                self.issues.at(&kind, format!("integration type {} is not valid: {types}", quoted(text)));
                None
            }
        }
    }

    /// Reports each key of an integration that is not in `known`.
    pub(super) fn integration_keys(&mut self, cursor: &Cursor<'_>, known: &[&str], kind: &str) {
        const ELSEWHERE: [&str; 6] =
            ["uri", "requestParameters", "requestTemplates", "responses", "connectionType", "httpMethod"];
        for (key, member) in cursor.entries() {
            if known.contains(&key) || (key.starts_with("x-") && !key.starts_with("x-amazon-apigateway-")) {
                continue;
            }
            if NOT_BUILT.contains(&key) {
                self.issues.at_key(&member, format!("`{key}` is not built yet"), None);
            } else if ELSEWHERE.contains(&key) {
                let message = format!("`{key}` does nothing in {kind} integrations");
                self.issues.at_key(&member, message, Some("remove it".into()));
            } else {
                self.issues.unknown_key(&member, key, known.iter().copied());
            }
        }
        if let Some(keys) = cursor.get("cacheKeyParameters")
            && self.issues.sequence(&keys).is_some_and(|keys| !keys.is_empty())
        {
            self.issues.at(&keys, "`cacheKeyParameters` is not built yet: there is no cache");
        }
    }

    /// `httpMethod`, in any case.
    pub(super) fn http_method(&mut self, cursor: &Cursor<'_>) -> Option<HttpMethod> {
        let text = self.issues.string(cursor)?;
        let verb = match text.to_ascii_uppercase().as_str() {
            "ANY" => HttpMethod::Any,
            "DELETE" => HttpMethod::Delete,
            "GET" => HttpMethod::Get,
            "HEAD" => HttpMethod::Head,
            "OPTIONS" => HttpMethod::Options,
            "PATCH" => HttpMethod::Patch,
            "POST" => HttpMethod::Post,
            "PUT" => HttpMethod::Put,
            _ => {
                self.issues.at(
                    cursor,
                    format!(
                        "{} is not valid: Invalid HttpMethod specified. Valid options are \
                         GET,PUT,POST,DELETE,PATCH,OPTIONS,HEAD,ANY",
                        quoted(text)
                    ),
                );
                return None;
            }
        };
        Some(verb)
    }

    /// `passthroughBehavior` in upper case, as AWS keeps it (tables.md §2.3); absent is its default.
    pub(super) fn passthrough_behavior(&mut self, cursor: &Cursor<'_>) -> Option<String> {
        let Some(behavior) = cursor.get("passthroughBehavior") else { return Some("WHEN_NO_MATCH".into()) };
        let text = self.issues.string(&behavior)?;
        let upper = text.to_ascii_uppercase();
        if !["WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER"].contains(&upper.as_str()) {
            let valid = "`when_no_match`, `when_no_templates` or `never`";
            self.issues.at(&behavior, format!("{} is not valid: {valid}", quoted(text)));
            return None;
        }
        Some(upper)
    }

    /// `timeoutInMillis`; AWS's default is its maximum (spec sheet §7).
    pub(super) fn timeout(&mut self, cursor: &Cursor<'_>) -> Option<std::time::Duration> {
        const LEAST: u64 = 50;
        const MOST: u64 = 29_000;
        let millis = match cursor.get("timeoutInMillis") {
            Some(timeout) => self.issues.integer(&timeout, LEAST, MOST)?,
            None => MOST,
        };
        Some(std::time::Duration::from_millis(millis))
    }
}

/// The text of a `'static'` mapping expression.
pub(super) fn static_value(expression: &str) -> Option<&str> {
    expression.strip_prefix('\'')?.strip_suffix('\'')
}

/// Whether `text` may be the value of a header as it stands (RFC 9110 §5.5, visible ASCII, blanks inside).
pub(super) fn is_header_value(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) && text.trim() == text
}
