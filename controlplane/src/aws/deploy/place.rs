//! Where an issue of a document is, as callers of the control plane name places.

use std::fmt;

use crate::Issue;

/// A place in a method.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// `GET`
    pub(crate) verb: String,
    /// `/pets`
    pub(crate) path: String,
    /// What of the method.
    pub(crate) part: Part,
}

/// A part of a method that has an operation of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Method,
    Integration,
    IntegrationResponse,
}

impl Place {
    /// `GET /pets` for `/paths/~1pets/get/…`; `None` for any other place.
    pub(crate) fn of(issue: &Issue) -> Option<Self> {
        let mut segments = issue.pointer.strip_prefix("/paths/")?.split('/');
        let path = segments.next()?.replace("~1", "/").replace("~0", "~");
        let verb = match segments.next()? {
            "x-amazon-apigateway-any-method" => "ANY".to_owned(),
            verb => verb.to_ascii_uppercase(),
        };
        let part = match (segments.next(), segments.next()) {
            (Some("x-amazon-apigateway-integration"), Some("responses")) => Part::IntegrationResponse,
            (Some("x-amazon-apigateway-integration"), _) => Part::Integration,
            _ => Part::Method,
        };
        Some(Place { verb, path, part })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.path)
    }
}

/// A message without what only a reader of a file needs.
pub(crate) fn plain(message: &str) -> &str {
    message.strip_prefix("not valid: ").unwrap_or(message)
}
