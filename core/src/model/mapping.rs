//! Parameter mappings: `requestParameters` and `responseParameters` of integrations (tables.md §2.5).

use std::fmt;

/// One entry of `requestParameters`.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestParameter {
    /// `integration.request.{path|querystring|header}.NAME`
    pub target: ParameterTarget,
    /// Where the value comes from.
    pub source: ParameterSource,
}

/// Where a mapped value goes.
#[derive(Debug, Clone, PartialEq)]
pub enum ParameterTarget {
    /// `{NAME}` in the URI.
    Path(String),
    /// A query string parameter of the integration request.
    Query(String),
    /// A header of the integration request.
    Header(String),
}

/// Where a mapped value comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum ParameterSource {
    /// `method.request.path.NAME`
    Path(String),
    /// `method.request.querystring.NAME` (the last value)
    Query(String),
    /// `method.request.multivaluequerystring.NAME`
    MultiValueQuery(String),
    /// `method.request.header.NAME` (the last value; names are case-sensitive on AWS, ours are not)
    Header(String),
    /// `method.request.multivalueheader.NAME`
    MultiValueHeader(String),
    /// `method.request.body`, or the part that a JSONPath (`$.a.b`) selects: `method.request.body.a.b`.
    Body(Option<String>),
    /// `stageVariables.NAME`
    StageVariable(String),
    /// `context.NAME`
    Context(String),
    /// `'text'`
    Static(String),
}

/// One entry of `responseParameters`: `method.response.header.NAME` and its source.
#[derive(Debug, Clone, PartialEq)]
pub struct ResponseParameter {
    /// The header of the method response.
    pub header: String,
    /// Where the value comes from.
    pub source: ResponseSource,
}

/// Where the value of a response header comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum ResponseSource {
    /// `integration.response.header.NAME` (the last value)
    Header(String),
    /// `integration.response.multivalueheader.NAME`
    MultiValueHeader(String),
    /// `integration.response.body`, or the part that a JSONPath selects.
    Body(Option<String>),
    /// `stageVariables.NAME`
    StageVariable(String),
    /// `context.NAME`
    Context(String),
    /// `'text'`
    Static(String),
}

impl fmt::Display for ParameterTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParameterTarget::Path(name) => write!(f, "integration.request.path.{name}"),
            ParameterTarget::Query(name) => write!(f, "integration.request.querystring.{name}"),
            ParameterTarget::Header(name) => write!(f, "integration.request.header.{name}"),
        }
    }
}

impl fmt::Display for ParameterSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParameterSource::Path(name) => write!(f, "method.request.path.{name}"),
            ParameterSource::Query(name) => write!(f, "method.request.querystring.{name}"),
            ParameterSource::MultiValueQuery(name) => {
                write!(f, "method.request.multivaluequerystring.{name}")
            }
            ParameterSource::Header(name) => write!(f, "method.request.header.{name}"),
            ParameterSource::MultiValueHeader(name) => write!(f, "method.request.multivalueheader.{name}"),
            ParameterSource::Body(path) => write_body(f, "method.request", path.as_deref()),
            ParameterSource::StageVariable(name) => write!(f, "stageVariables.{name}"),
            ParameterSource::Context(name) => write!(f, "context.{name}"),
            ParameterSource::Static(text) => write!(f, "'{text}'"),
        }
    }
}

impl fmt::Display for ResponseSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ResponseSource::Header(name) => write!(f, "integration.response.header.{name}"),
            ResponseSource::MultiValueHeader(name) => {
                write!(f, "integration.response.multivalueheader.{name}")
            }
            ResponseSource::Body(path) => write_body(f, "integration.response", path.as_deref()),
            ResponseSource::StageVariable(name) => write!(f, "stageVariables.{name}"),
            ResponseSource::Context(name) => write!(f, "context.{name}"),
            ResponseSource::Static(text) => write!(f, "'{text}'"),
        }
    }
}

/// `$.a.b` is written `body.a.b`, `$['a']` is `body['a']`.
fn write_body(f: &mut fmt::Formatter<'_>, of: &str, path: Option<&str>) -> fmt::Result {
    write!(f, "{of}.body{}", path.map_or("", |path| path.strip_prefix('$').unwrap_or(path)))
}

/// The text of a `'static'` mapping expression.
pub fn static_value(expression: &str) -> Option<&str> {
    expression.strip_prefix('\'')?.strip_suffix('\'')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_written_as_aws_reads_them() {
        assert_eq!(ParameterSource::Body(None).to_string(), "method.request.body");
        assert_eq!(ParameterSource::Body(Some("$.a[0]".into())).to_string(), "method.request.body.a[0]");
        assert_eq!(ResponseSource::Body(Some("$['a']".into())).to_string(), "integration.response.body['a']");
        assert_eq!(ParameterSource::Static("x".into()).to_string(), "'x'");
        assert_eq!(ParameterTarget::Header("X-A".into()).to_string(), "integration.request.header.X-A");
        assert_eq!(static_value("'a'"), Some("a"));
        assert_eq!(static_value("'"), None);
    }
}
