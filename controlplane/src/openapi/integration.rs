//! `x-amazon-apigateway-integration`: what answers a method (spec sheet §4, tables.md §8.4, §10).

use std::time::Duration;

use ringway_core::model::{
    ConnectionType, ContentHandling, HttpMethod, Integration, IntegrationType, PassthroughBehavior,
    RequestParameter, ResponseTransferMode, Templates,
};

use super::importer::Importer;
use super::operation::MethodContext;
use super::templates::check_template;
use crate::cursor::Cursor;
use crate::document::Value;
use crate::issue::quoted;

const KEYS: [&str; 17] = [
    "type",
    "uri",
    "httpMethod",
    "requestParameters",
    "requestTemplates",
    "passthroughBehavior",
    "contentHandling",
    "timeoutInMillis",
    "connectionType",
    "connectionId",
    "credentials",
    "cacheNamespace",
    "cacheKeyParameters",
    "tlsConfig",
    "responses",
    "responseTransferMode",
    "integrationTarget",
];

/// Members of integrations of HTTP APIs (tables.md §10).
const HTTP_API_KEYS: [&str; 2] = ["payloadFormatVersion", "integrationSubtype"];

const TIMEOUT_LEAST: u64 = 50;
/// AWS's default is its maximum (spec sheet §7).
const TIMEOUT_MOST: u64 = 29_000;

impl<'a> Importer<'_, 'a> {
    pub(super) fn integration(
        &mut self,
        cursor: &Cursor<'a>,
        context: &MethodContext<'_>,
    ) -> Option<Integration> {
        self.members(cursor)?;
        let cursor = &self.follow(cursor)?;
        self.members(cursor)?;
        let kind = self.errors.required(cursor, "type")?;
        let kind = self.integration_type(&kind)?;
        self.integration_keys(cursor, kind);
        let request_parameters = self.mapped_request(cursor, kind, context);
        let http_method = self.integration_method(cursor, kind);
        let uri = self.integration_uri(cursor, kind, &request_parameters);
        // Everything is read before anything is given up, so that each fault is told.
        let integration = Integration {
            kind,
            http_method,
            uri,
            connection: self.connection(cursor),
            credentials: self.credentials(cursor),
            request_templates: self.templates(cursor, "requestTemplates"),
            request_parameters,
            passthrough_behavior: self.passthrough_behavior(cursor),
            content_handling: self.content_handling(cursor),
            timeout: self.timeout(cursor),
            cache_namespace: self.text_of(cursor, "cacheNamespace"),
            cache_key_parameters: self.cache_key_parameters(cursor),
            insecure_skip_verification: self.tls_config(cursor),
            integration_target: self.integration_target(cursor),
            response_transfer_mode: self.response_transfer_mode(cursor),
            responses: self.integration_responses(cursor, kind, context),
        };
        (integration.uri.is_some() || kind == IntegrationType::Mock).then_some(integration)
    }

    fn integration_type(&mut self, cursor: &Cursor<'a>) -> Option<IntegrationType> {
        let text = self.errors.string(cursor)?;
        let kind = match text.to_ascii_uppercase().as_str() {
            "HTTP" => IntegrationType::Http,
            "HTTP_PROXY" => IntegrationType::HttpProxy,
            "MOCK" => IntegrationType::Mock,
            "AWS" => IntegrationType::Aws,
            "AWS_PROXY" => IntegrationType::AwsProxy,
            _ => {
                // AWS's own words (tables.md §8.4).
                let message = format!(
                    "integration type {} is not valid: Member must satisfy enum value set: \
                     [HTTP, MOCK, AWS_PROXY, HTTP_PROXY, AWS]",
                    quoted(text)
                );
                self.errors.at(cursor, message);
                return None;
            }
        };
        if matches!(kind, IntegrationType::Aws | IntegrationType::AwsProxy) {
            self.not_served.at_with_help(
                cursor,
                format!("integration type {} is not built yet", quoted(text)),
                "`http_proxy`, `http` and `mock` are",
            );
        }
        Some(kind)
    }

    /// Reports keys that nothing reads, and those that do nothing in this type of integration.
    fn integration_keys(&mut self, cursor: &Cursor<'a>, kind: IntegrationType) {
        let idle: &[&str] = match kind {
            IntegrationType::Mock => {
                &["uri", "requestParameters", "connectionType", "connectionId", "tlsConfig"]
            }
            IntegrationType::HttpProxy => &["requestTemplates", "contentHandling"],
            _ => &[],
        };
        for (key, member) in cursor.entries() {
            if HTTP_API_KEYS.contains(&key) {
                self.errors.at_key(&member, format!("`{key}` is for HTTP APIs only (tables.md §10)"), None);
            } else if idle.contains(&key) && !member.is_empty_collection() {
                let message = format!("`{key}` does nothing in {} integrations", kind.as_str());
                self.idle(&member, message, "remove it");
            } else {
                self.extension_or_unknown(key, &member, &[], &KEYS);
            }
        }
    }

    fn response_transfer_mode(&mut self, cursor: &Cursor<'a>) -> ResponseTransferMode {
        let Some(mode) = cursor.get("responseTransferMode") else { return ResponseTransferMode::Buffered };
        match self.errors.string(&mode).map(str::to_ascii_uppercase).as_deref() {
            None | Some("BUFFERED") => ResponseTransferMode::Buffered,
            Some("STREAM") => {
                self.not_served.at(&mode, "`STREAM` is not built yet");
                ResponseTransferMode::Stream
            }
            Some(other) => {
                self.errors.at(&mode, format!("{} is not valid: `BUFFERED` or `STREAM`", quoted(other)));
                ResponseTransferMode::Buffered
            }
        }
    }

    fn integration_target(&mut self, cursor: &Cursor<'a>) -> Option<String> {
        let text = self.text_of(cursor, "integrationTarget")?;
        if let Some(target) = cursor.get("integrationTarget") {
            self.not_served.at_key(&target, "`integrationTarget` is not built yet", None);
        }
        Some(text)
    }

    fn integration_method(&mut self, cursor: &Cursor<'a>, kind: IntegrationType) -> Option<HttpMethod> {
        let verb = cursor.get("httpMethod").filter(|verb| verb.scalar_text() != Some(""));
        if let Some(verb) = verb {
            return self.http_method(&verb);
        }
        // Recorded for these three types (tables.md §8.4).
        if matches!(kind, IntegrationType::Http | IntegrationType::HttpProxy | IntegrationType::Aws) {
            self.errors.at_with_help(
                cursor,
                "not valid: Enumeration value for HttpMethod must be non-empty",
                "add `httpMethod`, the method of the backend; `ANY` sends the client's",
            );
        }
        None
    }

    /// A method, in any case.
    fn http_method(&mut self, cursor: &Cursor<'a>) -> Option<HttpMethod> {
        let text = self.errors.string(cursor)?;
        let verb = match text.to_ascii_uppercase().as_str() {
            "X-AMAZON-APIGATEWAY-ANY-METHOD" => Some(HttpMethod::Any),
            name => HttpMethod::of(name),
        };
        if verb.is_none() {
            self.errors.at(
                cursor,
                format!(
                    "{} is not valid: Invalid HttpMethod specified. Valid options are \
                     GET,PUT,POST,DELETE,PATCH,OPTIONS,HEAD,ANY",
                    quoted(text)
                ),
            );
        }
        verb
    }

    fn integration_uri(
        &mut self,
        cursor: &Cursor<'a>,
        kind: IntegrationType,
        mapped: &[RequestParameter],
    ) -> Option<String> {
        let uri = match kind {
            IntegrationType::Mock => cursor.get("uri")?,
            _ => self.errors.required(cursor, "uri")?,
        };
        let text = self.errors.string(&uri)?;
        let text = self.resolved(text);
        match kind {
            IntegrationType::Mock => {}
            IntegrationType::Http | IntegrationType::HttpProxy => {
                self.http_uri(&uri, &text, cursor, mapped)?
            }
            IntegrationType::Aws | IntegrationType::AwsProxy => {
                if let Err(message) = super::arn::check(&text, kind == IntegrationType::AwsProxy) {
                    self.errors.at(&uri, message);
                    return None;
                }
            }
        }
        Some(text)
    }

    fn connection(&mut self, cursor: &Cursor<'a>) -> ConnectionType {
        let id = self.text_of(cursor, "connectionId");
        let Some(kind) = cursor.get("connectionType") else {
            if let Some(id) = cursor.get("connectionId") {
                let message = "`connectionId` does nothing without `connectionType: VPC_LINK`";
                self.idle(&id, message, "remove it");
            }
            return ConnectionType::Internet;
        };
        let Some(text) = self.errors.string(&kind) else { return ConnectionType::Internet };
        match (text.to_ascii_uppercase().as_str(), id) {
            ("INTERNET", _) => {}
            ("VPC_LINK", Some(id)) => {
                self.not_served.at(&kind, "`VPC_LINK` is not built yet");
                return ConnectionType::VpcLink(id);
            }
            ("VPC_LINK", None) => self.errors.at(&kind, "not valid: `VPC_LINK` needs a `connectionId`"),
            _ => self.errors.at(&kind, format!("{} is not valid: `INTERNET` or `VPC_LINK`", quoted(text))),
        }
        ConnectionType::Internet
    }

    fn credentials(&mut self, cursor: &Cursor<'a>) -> Option<String> {
        let text = self.text_of(cursor, "credentials")?;
        if let Some(credentials) = cursor.get("credentials") {
            self.not_served.at_key(&credentials, "`credentials` is not built yet", None);
        }
        Some(text)
    }

    /// The mapping templates below `key`, in the order of the document.
    pub(super) fn templates(&mut self, cursor: &Cursor<'a>, key: &str) -> Templates {
        let mut templates = Templates::new();
        for (media_type, template) in self.members_of(cursor, key) {
            self.check_media_type(&template, media_type);
            let Some(text) = self.errors.string(&template) else { continue };
            let text = self.resolved(text);
            if let Err(message) = check_template(&text) {
                self.not_served.at(&template, format!("the template cannot be used: {message}"));
            }
            templates.push((media_type.to_owned(), text));
        }
        templates
    }

    /// In any case (tables.md §2.3).
    fn passthrough_behavior(&mut self, cursor: &Cursor<'a>) -> PassthroughBehavior {
        let Some(behavior) = cursor.get("passthroughBehavior") else { return PassthroughBehavior::default() };
        let Some(text) = self.errors.string(&behavior) else { return PassthroughBehavior::default() };
        match text.to_ascii_uppercase().as_str() {
            "WHEN_NO_MATCH" => PassthroughBehavior::WhenNoMatch,
            "WHEN_NO_TEMPLATES" => PassthroughBehavior::WhenNoTemplates,
            "NEVER" => PassthroughBehavior::Never,
            _ => {
                let valid = "`when_no_match`, `when_no_templates` or `never`";
                self.errors.at(&behavior, format!("{} is not valid: {valid}", quoted(text)));
                PassthroughBehavior::default()
            }
        }
    }

    /// Of an integration or of one of its responses.
    pub(super) fn content_handling(&mut self, cursor: &Cursor<'a>) -> Option<ContentHandling> {
        let handling = cursor.get("contentHandling")?;
        if matches!(handling.node().value, Value::Null) {
            return None;
        }
        let text = self.errors.string(&handling)?;
        match text.to_ascii_uppercase().as_str() {
            "CONVERT_TO_BINARY" => Some(ContentHandling::ConvertToBinary),
            "CONVERT_TO_TEXT" => Some(ContentHandling::ConvertToText),
            _ => {
                let message =
                    format!("{} is not valid: `CONVERT_TO_BINARY` or `CONVERT_TO_TEXT`", quoted(text));
                self.errors.at(&handling, message);
                None
            }
        }
    }

    fn timeout(&mut self, cursor: &Cursor<'a>) -> Duration {
        let millis = cursor.get("timeoutInMillis").and_then(|timeout| match &timeout.node().value {
            // CloudFormation makes texts of numbers.
            Value::String(text)
                if text.parse().is_ok_and(|n: u64| (TIMEOUT_LEAST..=TIMEOUT_MOST).contains(&n)) =>
            {
                text.parse().ok()
            }
            _ => self.errors.integer(&timeout, TIMEOUT_LEAST, TIMEOUT_MOST),
        });
        Duration::from_millis(millis.unwrap_or(TIMEOUT_MOST))
    }

    fn cache_key_parameters(&mut self, cursor: &Cursor<'a>) -> Vec<String> {
        let keys = self.strings_of(cursor, "cacheKeyParameters");
        let list = cursor.get("cacheKeyParameters").filter(|_| !self.options.takes_idle);
        // Whether there is such a parameter is looked at when a stage has a cache.
        for key in keys.iter().filter(|key| !is_cache_key_parameter(key)) {
            if let Some(list) = &list {
                let forms = "`method.request.` or `integration.request.`, one of `path`, `querystring` and `header`, and a name";
                self.errors
                    .at(list, format!("the cache key parameter {} is not valid: {forms}", quoted(key)));
            }
        }
        keys
    }

    fn tls_config(&mut self, cursor: &Cursor<'a>) -> bool {
        let mut insecure = false;
        for (key, member) in self.members_of(cursor, "tlsConfig") {
            match key {
                "insecureSkipVerification" => insecure = self.boolean_text(&member).unwrap_or_default(),
                "serverNameToVerify" => {
                    self.errors.at_key(
                        &member,
                        "`serverNameToVerify` is for HTTP APIs only (tables.md §10)",
                        None,
                    );
                }
                key => self.unknown_key(&member, key, &["insecureSkipVerification"]),
            }
        }
        if insecure && let Some(config) = cursor.get("tlsConfig") {
            self.not_served.at_key(&config, "`tlsConfig` is not built yet", None);
        }
        insecure
    }
}

/// `method.request.querystring.type`, for example (tables.md §9.5).
fn is_cache_key_parameter(key: &str) -> bool {
    let place = key.strip_prefix("method.request.").or(key.strip_prefix("integration.request."));
    let places = ["path", "querystring", "multivaluequerystring", "header", "multivalueheader"];
    let split = place.and_then(|place| place.split_once('.'));
    split.is_some_and(|(place, name)| places.contains(&place) && !name.is_empty())
}
