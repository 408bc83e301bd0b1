//! MOCK: the gateway answers, with templates that hold no VTL (spec sheet §4, tables.md §2.4).

use ringway_core::model::{IntegrationResponse, MockIntegration, compile_selection_pattern};

use super::Importer;
use super::integration::{is_header_value, static_value};
use super::path::is_parameter_name;
use crate::cursor::Cursor;
use crate::document::{Value, parse_lax_json};
use crate::issue::quoted;

const KEYS: [&str; 7] = [
    "type",
    "requestTemplates",
    "responses",
    "passthroughBehavior",
    "httpMethod",
    "timeoutInMillis",
    "cacheKeyParameters",
];
const RESPONSE_KEYS: [&str; 3] = ["statusCode", "responseTemplates", "responseParameters"];
const JSON: &str = "application/json";
/// Spec sheet §5.
const TEMPLATE_BYTES_MAX: usize = 300 * 1024;

impl Importer<'_, '_> {
    pub(super) fn mock(&mut self, cursor: &Cursor<'_>) -> Option<MockIntegration> {
        self.integration_keys(cursor, &KEYS, "MOCK");
        // Neither a verb nor a timeout has an effect without a backend; both are checked, because AWS checks them.
        if let Some(verb) = cursor.get("httpMethod") {
            self.http_method(&verb);
        }
        self.timeout(cursor);
        let templates = cursor.get("requestTemplates").filter(|templates| !templates.is_empty_collection());
        self.mock_passthrough(cursor, templates.is_some());
        let status_code = match templates {
            Some(templates) => self.mock_status(&templates).map(Some),
            None => Some(None),
        };
        let responses = self.mock_responses(cursor);
        Some(MockIntegration { status_code: status_code?, responses: responses? })
    }

    /// The behavior counts for a body whose type no template matches: WHEN_NO_MATCH, the default, still answers; the
    /// others would answer 415 (tables.md §2.1–2.3) and cannot be told to yet.
    fn mock_passthrough(&mut self, cursor: &Cursor<'_>, has_templates: bool) {
        let refuses = match self.passthrough_behavior(cursor).as_deref() {
            Some("NEVER") => true,
            Some("WHEN_NO_TEMPLATES") => has_templates,
            _ => false,
        };
        if let Some(behavior) = cursor.get("passthroughBehavior").filter(|_| refuses) {
            self.issues.at_with_help(
                &behavior,
                "this `passthroughBehavior` is not built yet: AWS answers 415 where no template matches",
                "`when_no_match` answers every request",
            );
        }
    }

    /// The status code that the request template yields.
    fn mock_status(&mut self, templates: &Cursor<'_>) -> Option<u16> {
        let members = self.issues.mapping(templates)?;
        let Some(json) = templates.get(JSON) else {
            self.issues
                .at(templates, format!("request templates without one for `{JSON}` are not built yet"));
            return None;
        };
        let text = self.static_template(&json)?;
        for (media_type, template) in &members {
            self.media_type(template, media_type);
            if *media_type != JSON && self.issues.string(template).is_some_and(|other| other != text) {
                let message = format!("a template that differs from the one for `{JSON}` is not built yet");
                self.issues.at(template, message);
            }
        }
        match status_of(text) {
            Ok(status) => Some(status),
            Err(message) => {
                self.issues.at_with_help(
                    &json,
                    format!("the template of a MOCK integration {message}; AWS would answer 500"),
                    "write `{\"statusCode\": 200}`",
                );
                None
            }
        }
    }

    /// The text of a template that is the same for every request.
    fn static_template<'a>(&mut self, cursor: &Cursor<'a>) -> Option<&'a str> {
        let text = self.issues.string(cursor)?;
        if text.len() > TEMPLATE_BYTES_MAX {
            let message = format!("not valid: a template has at most {TEMPLATE_BYTES_MAX} bytes");
            self.issues.at(cursor, message);
            return None;
        }
        if let Some(found) = vtl_reference(text) {
            self.issues.at_with_help(
                cursor,
                format!("VTL in a template is not built yet: {}", quoted(found)),
                "a static text is",
            );
            return None;
        }
        Some(text)
    }

    fn media_type(&mut self, cursor: &Cursor<'_>, text: &str) {
        if !is_media_type(text) {
            self.issues.at_key(
                cursor,
                format!("not valid: Invalid content type specified: {}", quoted(text)),
                None,
            );
        }
    }

    fn mock_responses(&mut self, cursor: &Cursor<'_>) -> Option<Vec<IntegrationResponse>> {
        let Some(responses) = cursor.get("responses").filter(|responses| !responses.is_empty_collection())
        else {
            self.issues.at_with_help(
                cursor,
                "a MOCK integration without `responses` can only answer 500",
                "add `responses: {default: {statusCode: \"200\"}}`",
            );
            return None;
        };
        let members = self.issues.mapping(&responses)?;
        Some(members.iter().filter_map(|(key, response)| self.mock_response(key, response)).collect())
    }

    fn mock_response(&mut self, key: &str, cursor: &Cursor<'_>) -> Option<IntegrationResponse> {
        let members = self.issues.mapping(cursor)?;
        for (name, member) in &members {
            if *name == "contentHandling" {
                self.issues.at_key(member, "`contentHandling` is not built yet", None);
            } else if !RESPONSE_KEYS.contains(name) {
                self.issues.unknown_key(member, name, RESPONSE_KEYS);
            }
        }
        let selection_pattern = self.selection_pattern(key, cursor);
        let status_code =
            self.issues.required(cursor, "statusCode").and_then(|status| self.status_code(&status));
        let mut response_templates = Vec::new();
        if let Some(templates) = cursor.get("responseTemplates") {
            for (media_type, template) in self.issues.mapping(&templates)? {
                self.media_type(&template, media_type);
                let text = self.static_template(&template);
                response_templates.extend(text.map(|text| (media_type.to_owned(), text.to_owned())));
            }
        }
        let response_parameters = self.response_parameters(cursor);
        Some(IntegrationResponse {
            selection_pattern: selection_pattern?,
            status_code: status_code?,
            response_templates,
            response_parameters,
        })
    }

    /// `None` inside is the default response: the key `default`, or the empty pattern (spec sheet §4).
    fn selection_pattern(&mut self, key: &str, cursor: &Cursor<'_>) -> Option<Option<String>> {
        if key == "default" || key.is_empty() {
            return Some(None);
        }
        match compile_selection_pattern(key) {
            Ok(_) => Some(Some(key.to_owned())),
            Err(message) => {
                let message = format!("the pattern {} cannot be used: {message}", quoted(key));
                self.issues.at_key(cursor, message, None);
                None
            }
        }
    }

    fn status_code(&mut self, cursor: &Cursor<'_>) -> Option<u16> {
        let status = cursor.scalar_text().filter(|text| text.len() == 3).and_then(|text| text.parse().ok());
        match status {
            Some(status @ 200..=599) => Some(status),
            Some(100..=199) => {
                self.issues.at(cursor, "a status of 1xx cannot be the answer to a request (RFC 9110 §15.2)");
                None
            }
            _ => {
                let message =
                    "not valid: `statusCode` Member must satisfy regular expression pattern: [1-5]\\d\\d";
                self.issues.at(cursor, message);
                None
            }
        }
    }

    fn response_parameters(&mut self, response: &Cursor<'_>) -> Vec<(String, String)> {
        let mut parameters: Vec<(String, String)> = Vec::new();
        let Some(cursor) = response.get("responseParameters") else { return parameters };
        for (key, member) in self.issues.mapping(&cursor).unwrap_or_default() {
            let Some(name) =
                key.strip_prefix("method.response.header.").filter(|name| is_parameter_name(name))
            else {
                let message = format!("{} is not valid: `method.response.header.NAME`", quoted(key));
                self.issues.at_key(&member, message, None);
                continue;
            };
            if name.eq_ignore_ascii_case("transfer-encoding") {
                let message = format!("the header `{name}` cannot be mapped: AWS drops it silently");
                self.issues.at_key(&member, message, None);
                continue;
            }
            if parameters.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
                let message =
                    format!("the header {} is mapped twice: header names have no case", quoted(name));
                self.issues.at_key(&member, message, None);
                continue;
            }
            let Some(expression) = self.issues.string(&member) else { continue };
            match response_value(expression) {
                Ok(value) => parameters.push((name.to_owned(), value.to_owned())),
                Err(message) => self.issues.at(&member, message),
            }
        }
        parameters
    }
}

/// The value of a static mapping expression of a response.
fn response_value(expression: &str) -> Result<&str, String> {
    match static_value(expression) {
        Some(value) if is_header_value(value) => Ok(value),
        Some(value) => Err(format!(
            "the value {} is not valid in a header: printable ASCII, no blanks at its ends",
            quoted(value)
        )),
        None if ["integration.response.", "stageVariables.", "context."]
            .iter()
            .any(|prefix| expression.starts_with(prefix)) =>
        {
            Err(format!("the source {} is not built yet; a quoted text is", quoted(expression)))
        }
        None => Err(format!(
            "not valid: Invalid mapping expression specified: {}; a static text stands in single quotes",
            quoted(expression)
        )),
    }
}

/// `statusCode` of the (lax) JSON that a request template yields.
fn status_of(text: &str) -> Result<u16, String> {
    let root = parse_lax_json(text).map_err(|error| format!("is no JSON: {}", error.message))?;
    let root = Cursor::root(&root);
    if !matches!(root.node().value, Value::Mapping(_)) {
        return Err("is no JSON object".into());
    }
    let Some(status) = root.get("statusCode") else { return Err("yields no `statusCode`".into()) };
    status
        .scalar_text()
        .and_then(|text| text.parse().ok())
        .filter(|status| (100..=599).contains(status))
        .ok_or_else(|| "yields a `statusCode` that is not between 100 and 599".into())
}

/// The beginning of what Velocity would evaluate, if the text has any. `#` before a digit or a blank is text.
fn vtl_reference(text: &str) -> Option<&str> {
    let mut previous = b' ';
    for (offset, &byte) in text.as_bytes().iter().enumerate() {
        let next = text.as_bytes().get(offset + 1).copied().unwrap_or(b'$');
        let is_text = previous != b'\\' && (next.is_ascii_digit() || next.is_ascii_whitespace());
        if byte == b'$' || (byte == b'#' && !is_text) {
            // `$` and `#` are ASCII, so this is a character boundary.
            return text[offset..].split_whitespace().next();
        }
        previous = byte;
    }
    None
}

fn is_media_type(text: &str) -> bool {
    let token = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+*-".contains(&byte))
    };
    text.split_once('/').is_some_and(|(kind, subtype)| token(kind) && token(subtype))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        assert_eq!(status_of("{statusCode: 200}"), Ok(200));
        assert_eq!(status_of("{\n  \"statusCode\" : 404\n}\n"), Ok(404));
        assert_eq!(status_of("{\"statusCode\": \"201\", \"x\": []}"), Ok(201));
        for (text, expected) in [
            ("", "no JSON"),
            ("{}", "no `statusCode`"),
            ("[200]", "no JSON object"),
            ("{statusCode: 999}", "between"),
            ("{statusCode: null}", "between"),
            ("{statusCode: 200", "no JSON"),
        ] {
            let message = status_of(text).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }

    #[test]
    fn finds_vtl() {
        for text in
            ["$input.body", "a ${x}", "#set($a = 1)", "## note", "#{else}", "5 $", "5 #", "\\#1", "#*x*#"]
        {
            assert!(vtl_reference(text).is_some(), "{text}");
        }
        for text in ["{\"statusCode\": 200}", "color: #333;", "# title", "é#1"] {
            assert_eq!(vtl_reference(text), None, "{text}");
        }
    }

    #[test]
    fn media_types() {
        assert!(is_media_type("application/json") && is_media_type("application/vnd.x+json"));
        assert!(!is_media_type("123") && !is_media_type("a/b; c=d") && !is_media_type("/"));
    }
}
