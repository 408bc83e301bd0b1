//! Gateway responses: what a client gets when the gateway itself answers (spec sheet §1).

use super::Templates;

/// A customised gateway response.
#[derive(Debug, Clone, PartialEq)]
pub struct GatewayResponse {
    /// Which it is.
    pub response_type: GatewayResponseType,
    /// `statusCode`; `None` keeps that of the type.
    pub status_code: Option<u16>,
    /// `gatewayresponse.header.NAME` and its source.
    pub response_parameters: Vec<(String, GatewayResponseSource)>,
    /// Simple templates by media type: no VTL, only `$context.…`, `$stageVariables.…` and `$method.request.…`.
    pub response_templates: Templates,
}

/// Where the value of a header of a gateway response comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum GatewayResponseSource {
    /// `method.request.path.NAME`
    Path(String),
    /// `method.request.querystring.NAME`
    Query(String),
    /// `method.request.header.NAME`
    Header(String),
    /// `stageVariables.NAME`
    StageVariable(String),
    /// `context.NAME`
    Context(String),
    /// `'text'`
    Static(String),
}

impl std::fmt::Display for GatewayResponseSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            GatewayResponseSource::Path(name) => write!(f, "method.request.path.{name}"),
            GatewayResponseSource::Query(name) => write!(f, "method.request.querystring.{name}"),
            GatewayResponseSource::Header(name) => write!(f, "method.request.header.{name}"),
            GatewayResponseSource::StageVariable(name) => write!(f, "stageVariables.{name}"),
            GatewayResponseSource::Context(name) => write!(f, "context.{name}"),
            GatewayResponseSource::Static(text) => write!(f, "'{text}'"),
        }
    }
}

macro_rules! response_types {
    ($($variant:ident = $name:literal, $status:expr;)*) => {
        /// The types of gateway responses.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum GatewayResponseType {
            $(#[doc = $name] $variant,)*
        }

        impl GatewayResponseType {
            /// All of them, in AWS's order.
            pub const ALL: &[GatewayResponseType] = &[$(GatewayResponseType::$variant,)*];

            /// AWS's name.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(GatewayResponseType::$variant => $name,)*
                }
            }

            /// The status of the type itself; `None` for the two defaults.
            pub fn status(self) -> Option<u16> {
                match self {
                    $(GatewayResponseType::$variant => $status,)*
                }
            }
        }
    };
}

response_types! {
    AccessDenied = "ACCESS_DENIED", Some(403);
    ApiConfigurationError = "API_CONFIGURATION_ERROR", Some(500);
    AuthorizerConfigurationError = "AUTHORIZER_CONFIGURATION_ERROR", Some(500);
    AuthorizerFailure = "AUTHORIZER_FAILURE", Some(500);
    BadRequestBody = "BAD_REQUEST_BODY", Some(400);
    BadRequestParameters = "BAD_REQUEST_PARAMETERS", Some(400);
    Default4xx = "DEFAULT_4XX", None;
    Default5xx = "DEFAULT_5XX", None;
    ExpiredToken = "EXPIRED_TOKEN", Some(403);
    IntegrationFailure = "INTEGRATION_FAILURE", Some(504);
    IntegrationTimeout = "INTEGRATION_TIMEOUT", Some(504);
    InvalidApiKey = "INVALID_API_KEY", Some(403);
    InvalidSignature = "INVALID_SIGNATURE", Some(403);
    MissingAuthenticationToken = "MISSING_AUTHENTICATION_TOKEN", Some(403);
    QuotaExceeded = "QUOTA_EXCEEDED", Some(429);
    RequestTooLarge = "REQUEST_TOO_LARGE", Some(413);
    ResourceNotFound = "RESOURCE_NOT_FOUND", Some(404);
    Throttled = "THROTTLED", Some(429);
    Unauthorized = "UNAUTHORIZED", Some(401);
    UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE", Some(415);
    WafFiltered = "WAF_FILTERED", Some(403);
}

impl GatewayResponseType {
    /// The type that AWS calls `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }

    /// DEFAULT_4XX or DEFAULT_5XX: the one that is used where this type is not customised (spec sheet §1).
    pub fn default_type(self) -> Self {
        match self.status() {
            Some(400..=499) => GatewayResponseType::Default4xx,
            Some(_) => GatewayResponseType::Default5xx,
            None => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_defaults() {
        assert_eq!(GatewayResponseType::parse("THROTTLED"), Some(GatewayResponseType::Throttled));
        assert_eq!(GatewayResponseType::parse("throttled"), None);
        assert_eq!(GatewayResponseType::Throttled.default_type(), GatewayResponseType::Default4xx);
        assert_eq!(GatewayResponseType::IntegrationTimeout.default_type(), GatewayResponseType::Default5xx);
        assert_eq!(GatewayResponseType::ALL.len(), 21);
    }
}
