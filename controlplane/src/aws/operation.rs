//! The operations of the service as data: their method and path, the members of their body, and who answers them.

use ringway_core::pipeline::percent::decode;

use super::call::{Call, Request};
use super::exception::{Exception, ExceptionType};
use super::{Answer, State, action};

/// What answers an operation.
pub(crate) type Action = fn(&mut State, &Call<'_>) -> Result<Answer, Exception>;

/// Parameters of a path with their values, decoded.
pub(crate) type PathParameters = Vec<(&'static str, String)>;

/// One operation, as the service's model describes it.
#[derive(Debug)]
pub struct Operation {
    /// `CreateRestApi`
    pub name: &'static str,
    /// `POST`
    pub method: &'static str,
    /// `/restapis/{restapi_id}`; with the parameter that tells it from another operation: `/restapis?mode=import`.
    pub uri: &'static str,
    /// Status of a good answer.
    pub status: u16,
    /// What its body is.
    pub body: Body,
    /// Names of its query parameters.
    pub query: &'static [&'static str],
    /// Whether it is built.
    pub(crate) support: Support,
}

impl Operation {
    /// Why it is refused; `None`: it is supported.
    pub fn refused(&self) -> Option<&'static str> {
        match self.support {
            Support::Supported(_) => None,
            Support::Refused(why) => Some(why),
        }
    }
}

/// What the body of an operation is.
#[derive(Debug, Clone, Copy)]
pub enum Body {
    /// A JSON object with these members.
    Members(&'static [&'static str]),
    /// A document of its own: an import.
    Document,
}

/// Whether an operation is built.
#[derive(Clone, Copy)]
pub(crate) enum Support {
    /// It is.
    Supported(Action),
    /// It is refused, for this reason.
    Refused(&'static str),
}

impl std::fmt::Debug for Support {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Support::Supported(_) => f.write_str("Supported"),
            Support::Refused(why) => write!(f, "Refused({why:?})"),
        }
    }
}

/// The operation that a request calls.
pub(crate) fn find(request: &Request<'_>) -> Result<(&'static Operation, PathParameters), Exception> {
    let path = request.path.strip_suffix('/').unwrap_or(request.path);
    let mut found = None;
    for operation in action::FAMILIES.iter().flat_map(|family| family.iter()) {
        if operation.method != request.method {
            continue;
        }
        let (uri, marker) = operation.uri.split_once('?').unwrap_or((operation.uri, ""));
        let has_marker = request.query.split('&').any(|pair| pair == marker);
        // `/restapis?mode=import` comes before `/restapis`.
        if (marker.is_empty() && found.is_some()) || !(marker.is_empty() || has_marker) {
            continue;
        }
        if let Some(parameters) = parameters(uri, path) {
            found = Some((operation, parameters));
        }
    }
    found.ok_or_else(|| {
        // The two services share their address and the name they are signed for.
        let message = match path.starts_with("/v2/") {
            true => "apigatewayv2 (HTTP and WebSocket APIs) is not built yet: only apigateway (REST APIs) is"
                .to_owned(),
            false => format!("no operation of apigateway has the method {} and this path", request.method),
        };
        Exception::new(ExceptionType::UnknownOperation, message)
    })
}

fn parameters(uri: &'static str, path: &str) -> Option<PathParameters> {
    let mut found = Vec::new();
    let (mut names, mut segments) = (uri.split('/'), path.split('/'));
    while let Some(name) = names.next() {
        let segment = segments.next()?;
        let Some(variable) = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')) else {
            match name == segment {
                true => continue,
                false => return None,
            }
        };
        // Broken UTF-8 becomes the replacement character, which nothing is named.
        let mut value = decode(segment.as_bytes(), false).into_owned();
        if variable == "resource_arn" && names.clone().next().is_none() {
            // Some clients leave the slashes of an ARN as they are.
            for more in segments.by_ref() {
                value.push('/');
                value.push_str(&decode(more.as_bytes(), false));
            }
        }
        match value.is_empty() {
            true => return None,
            false => found.push((variable, value)),
        }
    }
    segments.next().is_none().then_some(found)
}
