//! Integrations: what answers a method.

use std::time::Duration;

use crate::limits::INTEGRATION_TIMEOUT_MILLIS_MAX;

use super::{HttpMethod, RequestParameter, ResponseParameter, Templates};

/// An integration as configured (spec sheet §4). Which fields mean something depends on its type.
#[derive(Debug, Clone, PartialEq)]
pub struct Integration {
    /// `type`
    pub kind: IntegrationType,
    /// `httpMethod`: the verb the backend is sent; `Any` sends the client's. `None` only for MOCK.
    pub http_method: Option<HttpMethod>,
    /// `http://host[:port]/path?query` with `{name}` placeholders and `${stageVariables.name}`, or an ARN; still a template, because its
    /// variables belong to the stage. `None` only for MOCK.
    pub uri: Option<String>,
    /// How the backend is reached.
    pub connection: ConnectionType,
    /// `credentials`: an ARN.
    pub credentials: Option<String>,
    /// `requestParameters`
    pub request_parameters: Vec<RequestParameter>,
    /// `requestTemplates`: VTL by media type.
    pub request_templates: Templates,
    /// What happens to a body that no template is for.
    pub passthrough_behavior: PassthroughBehavior,
    /// Conversion of the request body.
    pub content_handling: Option<ContentHandling>,
    /// `timeoutInMillis`, 50 to 29,000; default 29,000.
    pub timeout: Duration,
    /// `cacheNamespace`
    pub cache_namespace: Option<String>,
    /// `cacheKeyParameters`
    pub cache_key_parameters: Vec<String>,
    /// `tlsConfig.insecureSkipVerification`
    pub insecure_skip_verification: bool,
    /// `integrationTarget`: the ARN of a load balancer behind a VPC link.
    pub integration_target: Option<String>,
    /// `responseTransferMode`
    pub response_transfer_mode: ResponseTransferMode,
    /// `responses`, in document order; no selection pattern twice.
    pub responses: Vec<IntegrationResponse>,
}

impl Integration {
    /// An integration of this type with AWS's defaults, and nothing that it needs.
    pub fn new(kind: IntegrationType) -> Self {
        Integration {
            kind,
            http_method: None,
            uri: None,
            connection: ConnectionType::Internet,
            credentials: None,
            request_parameters: Vec::new(),
            request_templates: Vec::new(),
            passthrough_behavior: PassthroughBehavior::WhenNoMatch,
            content_handling: None,
            timeout: Duration::from_millis(INTEGRATION_TIMEOUT_MILLIS_MAX),
            cache_namespace: None,
            cache_key_parameters: Vec::new(),
            insecure_skip_verification: false,
            integration_target: None,
            response_transfer_mode: ResponseTransferMode::Buffered,
            responses: Vec::new(),
        }
    }
}

/// `type` of an integration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntegrationType {
    /// HTTP: the gateway writes the backend's request and reads its answer.
    Http,
    /// HTTP_PROXY: both pass through.
    HttpProxy,
    /// MOCK: the gateway answers.
    Mock,
    /// AWS: an action of an AWS service.
    Aws,
    /// AWS_PROXY: a function gets the request as an event.
    AwsProxy,
}

impl IntegrationType {
    /// `HTTP_PROXY`, …
    pub fn as_str(self) -> &'static str {
        match self {
            IntegrationType::Http => "HTTP",
            IntegrationType::HttpProxy => "HTTP_PROXY",
            IntegrationType::Mock => "MOCK",
            IntegrationType::Aws => "AWS",
            IntegrationType::AwsProxy => "AWS_PROXY",
        }
    }
}

/// `connectionType` with its id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ConnectionType {
    /// INTERNET
    #[default]
    Internet,
    /// VPC_LINK through `connectionId`.
    VpcLink(String),
}

/// `passthroughBehavior` (tables.md §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PassthroughBehavior {
    /// The body passes where no template is for its type.
    #[default]
    WhenNoMatch,
    /// The body passes where there are no templates at all; else 415.
    WhenNoTemplates,
    /// 415
    Never,
}

impl PassthroughBehavior {
    /// `WHEN_NO_MATCH`, …
    pub fn as_str(self) -> &'static str {
        match self {
            PassthroughBehavior::WhenNoMatch => "WHEN_NO_MATCH",
            PassthroughBehavior::WhenNoTemplates => "WHEN_NO_TEMPLATES",
            PassthroughBehavior::Never => "NEVER",
        }
    }
}

/// `responseTransferMode` (spec sheet §4): how the answer of a proxy integration comes to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResponseTransferMode {
    /// As a whole.
    #[default]
    Buffered,
    /// As it comes.
    Stream,
}

/// `contentHandling` (tables.md §1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentHandling {
    /// CONVERT_TO_BINARY
    ConvertToBinary,
    /// CONVERT_TO_TEXT
    ConvertToText,
}

impl ContentHandling {
    /// `CONVERT_TO_BINARY` or `CONVERT_TO_TEXT`.
    pub fn as_str(self) -> &'static str {
        match self {
            ContentHandling::ConvertToBinary => "CONVERT_TO_BINARY",
            ContentHandling::ConvertToText => "CONVERT_TO_TEXT",
        }
    }
}

impl IntegrationResponse {
    /// The default response with this status.
    pub fn new(status_code: u16) -> Self {
        IntegrationResponse {
            selection_pattern: None,
            status_code,
            response_parameters: Vec::new(),
            response_templates: Vec::new(),
            content_handling: None,
        }
    }
}

/// One entry of `responses`.
#[derive(Debug, Clone, PartialEq)]
pub struct IntegrationResponse {
    /// The key of the map; `None` is `default`. Java regex that has to match the whole status code (HTTP, MOCK).
    pub selection_pattern: Option<String>,
    /// `statusCode`
    pub status_code: u16,
    /// `responseParameters`
    pub response_parameters: Vec<ResponseParameter>,
    /// `responseTemplates`: VTL by media type.
    pub response_templates: Templates,
    /// Conversion of the response body.
    pub content_handling: Option<ContentHandling>,
}
