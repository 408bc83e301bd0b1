//! Why an exchange did not end with the integration's answer. Every variant becomes a gateway response in one place.

/// The closed set of gateway errors. Protocol errors (wrong bytes) are not here: the codec answers them and closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GatewayError {
    /// No such path, or no such method on it (tables.md §12.2).
    MissingAuthenticationToken,
    /// No API answers this host, base path or stage (tables.md §12.3).
    Forbidden,
    /// No API key, an unknown or disabled one, or one whose plans do not have this stage (tables.md §9.6).
    InvalidApiKey,
    /// A throttle of the usage plan, the method or the account has no token left (tables.md §9.6).
    Throttled,
    /// The quota of the usage plan is used up (tables.md §9.6).
    QuotaExceeded,
    /// What is left of a quota could not be made durable: the quota holds, and nothing passes.
    QuotaUnavailable,
    /// The core has more to do than it can, and others go first (ours, not AWS's).
    Shed,
    /// A required parameter is missing or blank.
    BadRequestParameters,
    /// The body does not fit its model, or cannot be read as what a template needs.
    BadRequestBody,
    /// No template is for the type of the body, or its content coding is unknown (tables.md §2, §14.2).
    UnsupportedMediaType,
    /// The body did not come in time.
    RequestTimeout,
    /// No integration response matches, or the integration cannot be called as configured (spec sheet §4).
    ApiConfigurationError,
    /// The integration could not be reached, or closed before it answered.
    IntegrationFailure(IntegrationFault),
    /// The integration answered with something that is not HTTP.
    BadIntegrationResponse,
    /// The integration did not answer in `timeoutInMillis`.
    IntegrationTimeout,
    /// The request body is larger than the payload limit.
    RequestTooLarge,
    /// The request body does not follow its framing.
    BadRequestFraming,
    /// The trailers of the request are larger than their limit.
    TrailersTooLarge,
    /// All upstream connections of this core are busy and the wait queue is full.
    Overloaded,
}

/// What went wrong on the way to an integration: for the log, not for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntegrationFault {
    /// The host name has no address (yet).
    NoAddress,
    /// The connection was refused or could not be made.
    Connect,
    /// The connection broke before the answer began.
    Reset,
}

/// Whose fault an error is: which of the 4xx and 5xx counters and logs it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The client's request.
    Client,
    /// The gateway or its configuration.
    Gateway,
    /// The integration.
    Integration,
}

/// How an error looks from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GatewayResponse {
    /// AWS's gateway response type, `$context.error.responseType`.
    pub response_type: &'static str,
    /// HTTP status.
    pub status: u16,
    /// `$context.error.message`, and the message of the body.
    pub message: &'static str,
    /// `x-amzn-ErrorType`.
    pub error_type: &'static str,
    /// Whose fault it is.
    pub fault: Fault,
    /// Whether the connection to the client is closed after the answer.
    pub close: bool,
}

impl GatewayError {
    /// The one map from error to response: statuses, messages and error types of spec sheet §1.
    pub fn response(self) -> GatewayResponse {
        let (response_type, status, message, error_type, fault, close) = match self {
            GatewayError::MissingAuthenticationToken => (
                "MISSING_AUTHENTICATION_TOKEN",
                403,
                "Missing Authentication Token",
                "MissingAuthenticationTokenException",
                Fault::Client,
                false,
            ),
            GatewayError::Forbidden => {
                ("ACCESS_DENIED", 403, "Forbidden", "ForbiddenException", Fault::Client, false)
            }
            GatewayError::InvalidApiKey => {
                ("INVALID_API_KEY", 403, "Forbidden", "ForbiddenException", Fault::Client, false)
            }
            GatewayError::Throttled => {
                ("THROTTLED", 429, "Too Many Requests", "TooManyRequestsException", Fault::Client, false)
            }
            GatewayError::QuotaExceeded => {
                ("QUOTA_EXCEEDED", 429, "Limit Exceeded", "LimitExceededException", Fault::Client, false)
            }
            GatewayError::Shed | GatewayError::QuotaUnavailable => (
                "DEFAULT_5XX",
                503,
                "Service Unavailable",
                "ServiceUnavailableException",
                Fault::Gateway,
                false,
            ),
            GatewayError::BadRequestParameters => (
                "BAD_REQUEST_PARAMETERS",
                400,
                "Missing required request parameters",
                "BadRequestException",
                Fault::Client,
                false,
            ),
            GatewayError::BadRequestBody => {
                ("BAD_REQUEST_BODY", 400, "Invalid request body", "BadRequestException", Fault::Client, false)
            }
            GatewayError::UnsupportedMediaType => (
                "UNSUPPORTED_MEDIA_TYPE",
                415,
                "Unsupported Media Type",
                "BadRequestException",
                Fault::Client,
                false,
            ),
            // RFC 9110 §15.5.9; AWS names no type for it.
            GatewayError::RequestTimeout => {
                ("DEFAULT_4XX", 408, "Request Timeout", "BadRequestException", Fault::Client, true)
            }
            GatewayError::ApiConfigurationError => (
                "API_CONFIGURATION_ERROR",
                500,
                "Internal server error",
                "InternalServerErrorException",
                Fault::Gateway,
                false,
            ),
            // 504 as the developer guide says; an emulator says 500 (spec sheet §1 notes the conflict).
            GatewayError::IntegrationFailure(_) => (
                "INTEGRATION_FAILURE",
                504,
                "Network error communicating with endpoint",
                "InternalServerErrorException",
                Fault::Integration,
                false,
            ),
            GatewayError::BadIntegrationResponse => (
                "DEFAULT_5XX",
                502,
                "Internal server error",
                "InternalServerErrorException",
                Fault::Integration,
                false,
            ),
            GatewayError::IntegrationTimeout => (
                "INTEGRATION_TIMEOUT",
                504,
                "Endpoint request timed out",
                "InternalServerErrorException",
                Fault::Integration,
                false,
            ),
            GatewayError::RequestTooLarge => (
                "REQUEST_TOO_LARGE",
                413,
                "Request Too Long",
                "RequestTooLargeException",
                Fault::Client,
                true,
            ),
            GatewayError::BadRequestFraming => {
                ("DEFAULT_4XX", 400, "Bad Request", "BadRequestException", Fault::Client, true)
            }
            // RFC 6585 §5; AWS names no type for it.
            GatewayError::TrailersTooLarge => (
                "DEFAULT_4XX",
                431,
                "Request Header Fields Too Large",
                "BadRequestException",
                Fault::Client,
                true,
            ),
            GatewayError::Overloaded => (
                "DEFAULT_5XX",
                503,
                "Service Unavailable",
                "ServiceUnavailableException",
                Fault::Gateway,
                false,
            ),
        };
        GatewayResponse { response_type, status, message, error_type, fault, close }
    }

    /// `$context.integration.error`: the detail that the client does not see.
    pub fn integration_error(self) -> &'static str {
        match self {
            GatewayError::IntegrationFailure(IntegrationFault::NoAddress) => {
                "The integration's host name has no address"
            }
            GatewayError::IntegrationFailure(IntegrationFault::Connect) => {
                "The integration refused the connection"
            }
            GatewayError::IntegrationFailure(IntegrationFault::Reset) => {
                "The integration closed the connection before it answered"
            }
            GatewayError::BadIntegrationResponse => "The integration's answer is not valid HTTP",
            GatewayError::IntegrationTimeout => "The integration did not answer in time",
            GatewayError::Overloaded => {
                "All connections to the integration are busy and its wait queue is full"
            }
            _ => "-",
        }
    }
}
