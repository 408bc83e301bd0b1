//! The integration's URI as a template: literals and the values that a request brings.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::context::ContextVariable;
use crate::json_path::JsonPath;
use crate::model::{ParameterSource, ResponseSource};

/// A piece of the integration's path and query.
#[derive(Debug, Clone)]
pub enum TargetPart {
    /// Bytes that every request sends.
    Literal(Box<[u8]>),
    /// A value of the request.
    Value(ParameterValue),
    /// What a template may replace: the name in `integration.request.path.NAME`, and the value where none does.
    Overridable(Box<str>, ParameterValue),
}

/// Where a value comes from when the request is there.
#[derive(Debug, Clone)]
pub enum ParameterValue {
    /// The n-th path parameter, as the client encoded it.
    Path(usize),
    /// The path parameter of this name, if the route has it: for what is no route's own.
    NamedPath(Box<str>),
    /// The last query string parameter of this name, as the client encoded it.
    Query(Box<[u8]>),
    /// All query string parameters of this name.
    MultiValueQuery(Box<[u8]>),
    /// The last header of this name.
    Header(Box<[u8]>),
    /// All headers of this name.
    MultiValueHeader(Box<[u8]>),
    /// The body, or what the path selects in it.
    Body(Option<Arc<JsonPath>>),
    /// Text of the configuration.
    Static(Box<[u8]>),
    /// `$context.…`, of the request.
    Context(ContextVariable),
}

/// Where the value of a header of a method response comes from.
#[derive(Debug)]
pub enum HeaderValue {
    /// The last header of this name of the integration's answer.
    Header(Box<[u8]>),
    /// All headers of this name.
    MultiValueHeader(Box<[u8]>),
    /// The body of the answer, or what the path selects in it.
    Body(Option<Arc<JsonPath>>),
    /// Text of the configuration.
    Static(Box<[u8]>),
    /// `$context.…`, of the request.
    Context(ContextVariable),
}

/// What sources stand for in one route.
pub(super) struct Scope<'a> {
    pub(super) api_id: &'a str,
    pub(super) account_id: &'a str,
    pub(super) stage_name: &'a str,
    pub(super) deployment_id: &'a str,
    pub(super) is_canary: bool,
    pub(super) variables: &'a BTreeMap<String, String>,
    /// Path and id of the resource; empty for what belongs to a whole stage.
    pub(super) resource_path: &'a str,
    pub(super) resource_id: &'a str,
    /// Names of the path parameters in order of appearance.
    pub(super) path_parameters: &'a [Box<str>],
}

impl<'a> Scope<'a> {
    /// For what belongs to a whole stage.
    pub(super) fn of_stage(
        api_id: &'a str,
        account_id: &'a str,
        stage_name: &'a str,
        deployment_id: &'a str,
        variables: &'a BTreeMap<String, String>,
    ) -> Self {
        let (resource_path, resource_id, path_parameters) = ("", "", &[][..]);
        let is_canary = false;
        Scope {
            api_id,
            account_id,
            stage_name,
            deployment_id,
            is_canary,
            variables,
            resource_path,
            resource_id,
            path_parameters,
        }
    }

    /// Compiles a source; the error says what does not exist.
    pub(super) fn value(&self, source: &ParameterSource) -> Result<ParameterValue, String> {
        Ok(match source {
            ParameterSource::Path(name) => {
                match self.path_parameters.iter().position(|known| **known == **name) {
                    Some(index) => ParameterValue::Path(index),
                    None => {
                        return Err(format!(
                            "method.request.path.{name}: the resource path has no {{{name}}}"
                        ));
                    }
                }
            }
            ParameterSource::Query(name) => ParameterValue::Query(name.as_bytes().into()),
            ParameterSource::MultiValueQuery(name) => ParameterValue::MultiValueQuery(name.as_bytes().into()),
            ParameterSource::Header(name) => ParameterValue::Header(name.as_bytes().into()),
            ParameterSource::MultiValueHeader(name) => {
                ParameterValue::MultiValueHeader(name.as_bytes().into())
            }
            ParameterSource::Body(path) => ParameterValue::Body(json_path(path.as_deref())?),
            ParameterSource::Static(value) => ParameterValue::Static(value.as_bytes().into()),
            ParameterSource::StageVariable(name) => self.stage_variable(name),
            ParameterSource::Context(name) => self.context(name)?,
        })
    }

    /// Compiles the source of a response header.
    pub(super) fn header_value(&self, source: &ResponseSource) -> Result<HeaderValue, String> {
        let of = |value| match value {
            ParameterValue::Context(variable) => HeaderValue::Context(variable),
            ParameterValue::Static(text) => HeaderValue::Static(text),
            _ => unreachable!("variables are text or of the context"),
        };
        Ok(match source {
            ResponseSource::Header(name) => HeaderValue::Header(name.as_bytes().into()),
            ResponseSource::MultiValueHeader(name) => HeaderValue::MultiValueHeader(name.as_bytes().into()),
            ResponseSource::Body(path) => HeaderValue::Body(json_path(path.as_deref())?),
            ResponseSource::Static(text) => HeaderValue::Static(text.as_bytes().into()),
            ResponseSource::StageVariable(name) => of(self.stage_variable(name)),
            ResponseSource::Context(name) => of(self.context(name)?),
        })
    }

    /// A stage variable is text of the configuration; one that is not defined is empty.
    pub(super) fn stage_variable(&self, name: &str) -> ParameterValue {
        let text = self.variables.get(name).map_or("", |value| value.as_str());
        ParameterValue::Static(text.as_bytes().into())
    }

    /// `context.NAME`: what the configuration knows is text.
    pub(super) fn context(&self, name: &str) -> Result<ParameterValue, String> {
        let text = |text: &str| Ok(ParameterValue::Static(text.as_bytes().into()));
        match ContextVariable::parse(name) {
            Some(ContextVariable::AccountId) => text(self.account_id),
            Some(ContextVariable::ApiId) => text(self.api_id),
            Some(ContextVariable::DeploymentId) => text(self.deployment_id),
            Some(ContextVariable::IsCanaryRequest) => text(if self.is_canary { "true" } else { "false" }),
            Some(ContextVariable::ResourceId) if !self.resource_path.is_empty() => text(self.resource_id),
            Some(ContextVariable::ResourcePath) if !self.resource_path.is_empty() => text(self.resource_path),
            Some(ContextVariable::Stage) => text(self.stage_name),
            Some(ContextVariable::Absent) => text(""),
            Some(variable) => Ok(ParameterValue::Context(variable)),
            None => Err(format!("context.{name} is no variable of API Gateway")),
        }
    }
}

fn json_path(path: Option<&str>) -> Result<Option<Arc<JsonPath>>, String> {
    let compile = |path| JsonPath::compile(path).map_err(|error| format!("the JSONPath {path}: {error}"));
    path.map(compile).transpose().map(|path| path.map(Arc::new))
}

/// An integration URI taken apart: `http://host[:port]/path?query`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Uri<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    /// What the `Host` header says: host, and port where it is not 80.
    pub(super) authority: &'a str,
    /// Path and query, with placeholders; starts with `/`, or is empty.
    pub(super) target: &'a str,
}

/// Takes a URI apart, its stage variables already substituted.
pub(super) fn parse_uri(uri: &str) -> Result<Uri<'_>, String> {
    let rest = uri.strip_prefix("http://").ok_or_else(|| format!("{uri}: not an http:// URI"))?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    let after_bracket = authority.rfind(']').unwrap_or(0);
    let (host, port) = match authority[after_bracket..].find(':') {
        Some(colon) => {
            let (host, port) = authority.split_at(after_bracket + colon);
            let port = port[1..].parse().ok().filter(|port| *port > 0);
            (host, port.ok_or_else(|| format!("{uri}: bad port"))?)
        }
        None => (authority, 80),
    };
    let host_byte = |b: u8| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b);
    if host.is_empty() || !host.bytes().all(host_byte) {
        return Err(format!("{uri}: bad host"));
    }
    if !target.bytes().all(|b| b.is_ascii_graphic() && b != b'#' && b != b'"') {
        return Err(format!("{uri}: the path holds a character that has to be percent-encoded"));
    }
    Ok(Uri { host, port, authority, target })
}

/// Splits a target into literals and `{name}` values.
pub(super) fn compile_target(
    target: &str,
    part_of: impl Fn(&str) -> Result<TargetPart, String>,
) -> Result<Vec<TargetPart>, String> {
    let mut parts = Vec::new();
    let slash = if target.starts_with('/') { "" } else { "/" };
    let whole = format!("{slash}{target}");
    let mut rest = whole.as_str();
    while let Some(open) = rest.find('{') {
        let close = rest[open..].find('}').ok_or_else(|| format!("{target}: {{ without }}"))? + open;
        if open > 0 {
            parts.push(TargetPart::Literal(rest.as_bytes()[..open].into()));
        }
        let name = rest[open + 1..close].trim_end_matches('+');
        parts.push(part_of(name)?);
        rest = &rest[close + 1..];
    }
    if !rest.is_empty() {
        parts.push(TargetPart::Literal(rest.as_bytes().into()));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_come_apart() {
        let uri = parse_uri("http://backend.example:9001/a/{b}?c=d").unwrap();
        assert_eq!((uri.host, uri.port, uri.authority), ("backend.example", 9001, "backend.example:9001"));
        assert_eq!(uri.target, "/a/{b}?c=d");
        let uri = parse_uri("http://[::1]?x").unwrap();
        assert_eq!((uri.host, uri.port, uri.target), ("[::1]", 80, "?x"));
        for bad in [
            "https://a/",
            "http:///x",
            "http://a:0/",
            "http://a:b/",
            "http://a b/",
            "http://a/ x",
            "http://a/#f",
        ] {
            assert!(parse_uri(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn targets_keep_their_literals_together() {
        let parts = compile_target("?q={x}&z=1", |_| Ok(TargetPart::Value(ParameterValue::Path(0)))).unwrap();
        let shown: Vec<String> = parts
            .iter()
            .map(|part| match part {
                TargetPart::Literal(text) => String::from_utf8_lossy(text).into_owned(),
                _ => "<>".to_owned(),
            })
            .collect();
        assert_eq!(shown, ["/?q=", "<>", "&z=1"]);
        assert!(compile_target("/{x", |_| Ok(TargetPart::Value(ParameterValue::Path(0)))).is_err());
    }
}
