//! The integration's URI as a template: literals and the values that a request brings.

use crate::model::ParameterSource;

/// A piece of the integration's path and query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetPart {
    /// Bytes that every request sends.
    Literal(Box<[u8]>),
    /// A value of the request.
    Value(ParameterValue),
}

/// Where a value comes from when the request is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParameterValue {
    /// The n-th path parameter, as the client encoded it.
    Path(usize),
    /// The last query string parameter of this name, as the client encoded it.
    Query(Box<[u8]>),
    /// The last header of this name.
    Header(Box<[u8]>),
    /// Text of the configuration.
    Static(Box<[u8]>),
    /// `$context.requestId`
    RequestId,
    /// `$context.httpMethod`
    HttpMethod,
    /// `$context.identity.sourceIp`
    SourceIp,
    /// `$context.path`
    RequestPath,
    /// `$context.requestTimeEpoch`
    RequestTimeEpoch,
    /// `$context.domainName`
    DomainName,
}

/// What sources stand for in one route.
pub(super) struct Scope<'a> {
    pub(super) api_id: &'a str,
    pub(super) account_id: &'a str,
    pub(super) stage_name: &'a str,
    pub(super) variables: &'a std::collections::BTreeMap<String, String>,
    pub(super) resource_path: &'a str,
    /// Names of the path parameters in order of appearance.
    pub(super) path_parameters: &'a [&'a str],
}

impl Scope<'_> {
    /// Compiles a source; the error says what does not exist.
    pub(super) fn value(&self, source: &ParameterSource) -> Result<ParameterValue, String> {
        let text = |text: &str| Ok(ParameterValue::Static(text.as_bytes().into()));
        match source {
            ParameterSource::Path(name) => {
                match self.path_parameters.iter().position(|known| known == name) {
                    Some(index) => Ok(ParameterValue::Path(index)),
                    None => Err(format!("method.request.path.{name}: the resource path has no {{{name}}}")),
                }
            }
            ParameterSource::Query(name) => Ok(ParameterValue::Query(name.as_bytes().into())),
            ParameterSource::Header(name) => Ok(ParameterValue::Header(name.as_bytes().into())),
            ParameterSource::Static(value) => text(value),
            ParameterSource::StageVariable(name) => {
                text(self.variables.get(name).map_or("", |value| value.as_str()))
            }
            ParameterSource::Context(name) => match name.as_str() {
                "apiId" => text(self.api_id),
                "stage" => text(self.stage_name),
                "resourcePath" => text(self.resource_path),
                "accountId" => text(self.account_id),
                "requestId" => Ok(ParameterValue::RequestId),
                "httpMethod" => Ok(ParameterValue::HttpMethod),
                "identity.sourceIp" => Ok(ParameterValue::SourceIp),
                "path" => Ok(ParameterValue::RequestPath),
                "requestTimeEpoch" => Ok(ParameterValue::RequestTimeEpoch),
                "domainName" => Ok(ParameterValue::DomainName),
                other => Err(format!("context.{other} cannot be mapped yet")),
            },
        }
    }
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
    value_of: impl Fn(&str) -> Result<ParameterValue, String>,
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
        parts.push(TargetPart::Value(value_of(name)?));
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
        let parts = compile_target("?q={x}&z=1", |_| Ok(ParameterValue::Path(0))).unwrap();
        assert_eq!(
            parts,
            [
                TargetPart::Literal(b"/?q="[..].into()),
                TargetPart::Value(ParameterValue::Path(0)),
                TargetPart::Literal(b"&z=1"[..].into()),
            ]
        );
        assert!(compile_target("/{x", |_| Ok(ParameterValue::Path(0))).is_err());
    }
}
