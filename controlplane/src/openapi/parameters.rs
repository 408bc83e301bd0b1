//! `requestParameters` of an HTTP_PROXY integration (tables.md §2.5, §3.2).

use ringway_core::model::{ParameterSource, ParameterTarget, RequestParameter, is_stage_variable_name};

use super::Importer;
use super::integration::{is_header_value, static_value};
use super::path::{ResourcePath, is_parameter_name};
use super::stage_use::StageUse;
use crate::cursor::Cursor;
use crate::issue::quoted;

/// `context.NAME` that the pipeline can supply before the integration is called.
const CONTEXT: [&str; 10] = [
    "accountId",
    "apiId",
    "domainName",
    "httpMethod",
    "identity.sourceIp",
    "path",
    "requestId",
    "requestTimeEpoch",
    "resourcePath",
    "stage",
];

/// Headers that make the call fail with 500 on AWS when they are mapped (tables.md §3.2).
const FAILING: [&str; 4] =
    ["content-length", "transfer-encoding", "x-amzn-trace-id", "x-amzn-apigateway-api-id"];

/// Mapped headers that AWS drops without a word (tables.md §3.2).
const DROPPED: [&str; 5] = ["connection", "expect", "proxy-authenticate", "te", "via"];

/// Headers that AWS delivers as mapped (`Host`, `Upgrade`), or of which it is not known, and that here would contradict
/// what the gateway itself says on the connection to the backend.
const OF_THE_CONNECTION: [&str; 4] = ["host", "keep-alive", "proxy-connection", "upgrade"];

impl Importer<'_, '_> {
    pub(super) fn request_parameters(
        &mut self,
        cursor: &Cursor<'_>,
        path: &ResourcePath<'_>,
    ) -> Option<Vec<RequestParameter>> {
        let mut parameters: Vec<RequestParameter> = Vec::new();
        for (key, member) in self.issues.mapping(cursor)? {
            let target = match target(key) {
                Ok(target) => target,
                Err(message) => {
                    self.issues.at_key(&member, message, None);
                    continue;
                }
            };
            if let ParameterTarget::Header(name) = &target
                && parameters.iter().any(|other| is_header(&other.target, name))
            {
                let message =
                    format!("the header {} is mapped twice: header names have no case", quoted(name));
                self.issues.at_key(&member, message, None);
                continue;
            }
            let Some(expression) = self.issues.string(&member) else { continue };
            match source(expression, path).and_then(|source| check_static(&target, source)) {
                Ok(source) => {
                    if let ParameterSource::StageVariable(name) = &source {
                        let place = member.place(self.issues.file());
                        self.stage_uses.push(StageUse::variable(place, name));
                    }
                    parameters.push(RequestParameter { target, source });
                }
                Err(message) => self.issues.at(&member, message),
            }
        }
        Some(parameters)
    }
}

fn is_header(target: &ParameterTarget, name: &str) -> bool {
    matches!(target, ParameterTarget::Header(other) if other.eq_ignore_ascii_case(name))
}

/// Parses `integration.request.{path|querystring|header}.NAME`.
pub(super) fn target(text: &str) -> Result<ParameterTarget, String> {
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
        "header" => header_target(name),
        _ => Err(invalid()),
    }
}

fn header_target(name: &str) -> Result<ParameterTarget, String> {
    let lower = name.to_ascii_lowercase();
    if FAILING.contains(&lower.as_str()) {
        return Err(format!("the header `{name}` cannot be mapped: AWS answers such a call with 500"));
    }
    if DROPPED.contains(&lower.as_str()) {
        return Err(format!("the header `{name}` cannot be mapped: AWS drops it silently"));
    }
    if OF_THE_CONNECTION.contains(&lower.as_str()) {
        return Err(format!("mapping the header `{name}` is not built yet"));
    }
    Ok(ParameterTarget::Header(name.to_owned()))
}

/// Parses a mapping expression.
fn source(text: &str, path: &ResourcePath<'_>) -> Result<ParameterSource, String> {
    if let Some(value) = static_value(text) {
        return Ok(ParameterSource::Static(value.to_owned()));
    }
    if let Some(name) = text.strip_prefix("stageVariables.").filter(|name| is_stage_variable_name(name)) {
        return Ok(ParameterSource::StageVariable(name.to_owned()));
    }
    if let Some(name) = text.strip_prefix("context.").filter(|name| is_parameter_name(name)) {
        if CONTEXT.contains(&name) {
            return Ok(ParameterSource::Context(name.to_owned()));
        }
        let known = CONTEXT.join(", ");
        return Err(format!("{} is not built yet as a source; these are: {known}", quoted(text)));
    }
    if let Some(rest) = text.strip_prefix("method.request.") {
        if rest == "body" || rest.starts_with("body.") {
            return Err("the body as a source is not built yet".into());
        }
        if let Some((place, name)) = rest.split_once('.').filter(|(_, name)| is_parameter_name(name)) {
            return request_source(place, name, path).unwrap_or_else(|| Err(invalid_expression(text)));
        }
    }
    Err(invalid_expression(text))
}

fn request_source(
    place: &str,
    name: &str,
    path: &ResourcePath<'_>,
) -> Option<Result<ParameterSource, String>> {
    let name = name.to_owned();
    Some(match place {
        "path" if path.has_variable(&name) => Ok(ParameterSource::Path(name)),
        "path" => Err(format!("the path of this resource has no variable `{{{name}}}`")),
        "querystring" => Ok(ParameterSource::Query(name)),
        "header" => Ok(ParameterSource::Header(name)),
        "multivaluequerystring" | "multivalueheader" => {
            Err(format!("`{place}` as a source is not built yet"))
        }
        _ => return None,
    })
}

/// AWS's own words (tables.md §8.4).
fn invalid_expression(text: &str) -> String {
    let shown: String = text.chars().filter(|character| !character.is_control()).take(80).collect();
    format!(
        "not valid: Invalid mapping expression specified: Validation Result: warnings : [], errors : \
         [Invalid mapping expression specified: {shown}]"
    )
}

/// A static value goes into the head of a message as it is, so it must not end a line of it.
fn check_static(target: &ParameterTarget, source: ParameterSource) -> Result<ParameterSource, String> {
    let ParameterSource::Static(value) = &source else { return Ok(source) };
    let valid = match target {
        ParameterTarget::Header(_) => is_header_value(value),
        ParameterTarget::Path(_) | ParameterTarget::Query(_) => !value.contains(char::is_control),
    };
    if valid {
        return Ok(source);
    }
    Err(format!("the value {} is not valid here: printable characters, no blanks at its ends", quoted(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        assert_eq!(target("integration.request.path.petId"), Ok(ParameterTarget::Path("petId".into())));
        assert_eq!(target("integration.request.querystring.a.b"), Ok(ParameterTarget::Query("a.b".into())));
        assert_eq!(target("integration.request.header.X-A"), Ok(ParameterTarget::Header("X-A".into())));
        for (text, expected) in [
            ("integration.request.header.content-Length", "500"),
            ("integration.request.header.Via", "silently"),
            ("integration.request.header.Host", "not built yet"),
            ("integration.request.header.a b", "not valid"),
            ("integration.request.header.", "not valid"),
            ("integration.request.cookie.a", "not valid"),
            ("integration.request.path", "not valid"),
            ("method.request.path.a", "not valid"),
        ] {
            let message = target(text).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }

    #[test]
    fn sources() {
        let path = ResourcePath::parse("/pets/{petId}").unwrap();
        let ok = |text| source(text, &path).unwrap();
        assert_eq!(ok("method.request.path.petId"), ParameterSource::Path("petId".into()));
        assert_eq!(ok("method.request.querystring.q"), ParameterSource::Query("q".into()));
        assert_eq!(ok("method.request.header.X"), ParameterSource::Header("X".into()));
        assert_eq!(ok("stageVariables.v"), ParameterSource::StageVariable("v".into()));
        assert_eq!(ok("context.identity.sourceIp"), ParameterSource::Context("identity.sourceIp".into()));
        assert_eq!(ok("''"), ParameterSource::Static(String::new()));
        for (text, expected) in [
            ("method.request.path.other", "no variable"),
            ("method.request.body.a", "not built yet"),
            ("method.request.multivalueheader.a", "not built yet"),
            ("context.authorizer.principalId", "not built yet"),
            ("true", "errors : [Invalid mapping expression specified: true]"),
            ("'", "Invalid mapping expression"),
            ("method.request.cookie.a", "Invalid mapping expression"),
            ("method.request.header", "Invalid mapping expression"),
        ] {
            let message = source(text, &path).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }

    #[test]
    fn a_static_value_cannot_end_the_header() {
        let header = ParameterTarget::Header("X".into());
        let value = |text: &str| ParameterSource::Static(text.into());
        assert!(check_static(&header, value("a b")).is_ok());
        for bad in ["a\r\nB: c", " a", "é", "\0"] {
            assert!(check_static(&header, value(bad)).is_err(), "{bad:?}");
        }
        assert!(check_static(&ParameterTarget::Query("q".into()), value("é")).is_ok());
        assert!(check_static(&ParameterTarget::Query("q".into()), value("\n")).is_err());
    }
}
