//! What the control plane refuses with (tables.md §8).

use std::fmt;

use super::Response;

/// The exceptions of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExceptionType {
    /// 400
    BadRequest,
    /// 400: a member is outside of its pattern, its values or its length.
    Validation,
    /// 400: a member has the wrong JSON type, or the body is not JSON.
    Serialization,
    /// 403: the signature is missing or wrong, or the key is unknown.
    Unauthorized,
    /// 404
    NotFound,
    /// 409
    Conflict,
    /// 429: a limit of AWS is reached.
    LimitExceeded,
    /// 429: too many calls.
    TooManyRequests,
    /// 404: no operation has this method and path.
    UnknownOperation,
    /// 500: the store failed.
    Internal,
}

impl ExceptionType {
    /// Its name in `x-amzn-ErrorType`, and its status.
    pub fn name_and_status(self) -> (&'static str, u16) {
        match self {
            ExceptionType::BadRequest => ("BadRequestException", 400),
            ExceptionType::Validation => ("ValidationException", 400),
            ExceptionType::Serialization => ("SerializationException", 400),
            ExceptionType::Unauthorized => ("UnauthorizedException", 401),
            ExceptionType::NotFound => ("NotFoundException", 404),
            ExceptionType::Conflict => ("ConflictException", 409),
            ExceptionType::LimitExceeded => ("LimitExceededException", 429),
            ExceptionType::TooManyRequests => ("TooManyRequestsException", 429),
            ExceptionType::UnknownOperation => ("UnknownOperationException", 404),
            ExceptionType::Internal => ("ServiceUnavailableException", 503),
        }
    }
}

/// A refusal: its type and AWS's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// Which.
    pub kind: ExceptionType,
    /// What is wrong.
    pub message: String,
}

impl Exception {
    /// An exception of any type.
    pub fn new(kind: ExceptionType, message: impl Into<String>) -> Self {
        Exception { kind, message: message.into() }
    }

    /// BadRequestException
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(ExceptionType::BadRequest, message)
    }

    /// NotFoundException
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ExceptionType::NotFound, message)
    }

    /// ConflictException
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ExceptionType::Conflict, message)
    }

    /// ValidationException for these violations, in their order (tables.md §8).
    pub(crate) fn validation(violations: &[Violation]) -> Self {
        let texts: Vec<String> = violations.iter().map(ToString::to_string).collect();
        let (count, plural) = (texts.len(), if texts.len() == 1 { "" } else { "s" });
        let message = format!("{count} validation error{plural} detected: {}", texts.join("; "));
        Self::new(ExceptionType::Validation, message)
    }

    /// As it is sent.
    pub fn response(&self) -> Response {
        let (name, status) = self.kind.name_and_status();
        Response {
            status,
            error_type: Some(name),
            content_type: "application/json".to_owned(),
            content_disposition: None,
            body: serde_json::json!({ "message": self.message }).to_string().into_bytes(),
        }
    }
}

/// A member that breaks a constraint of the service's model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// `None`: the member is missing.
    pub(crate) value: Option<String>,
    /// `createRestApiInput.name`
    pub(crate) member: String,
    /// `Member must satisfy enum value set: [A, B]`
    pub(crate) constraint: String,
}

impl Violation {
    /// The value is none of `values`, which are listed in AWS's order.
    pub(crate) fn not_in(value: &str, member: impl Into<String>, values: &str) -> Self {
        Violation {
            value: Some(value.to_owned()),
            member: member.into(),
            constraint: format!("Member must satisfy enum value set: [{values}]"),
        }
    }

    /// A required member is missing.
    pub(crate) fn missing(member: impl Into<String>) -> Self {
        Violation { value: None, member: member.into(), constraint: "Member must not be null".to_owned() }
    }

    /// The value does not match `pattern`.
    pub(crate) fn pattern(value: &str, member: impl Into<String>, pattern: &str) -> Self {
        Violation {
            value: Some(value.to_owned()),
            member: member.into(),
            constraint: format!("Member must satisfy regular expression pattern: {pattern}"),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "Value '{value}'")?,
            None => write!(f, "Value null")?,
        }
        write!(f, " at '{}' failed to satisfy constraint: {}", self.member, self.constraint)
    }
}
