//! A RestApi with what belongs to it.

use super::{GatewayResponse, Resource, Texts};

/// A whole REST API: what an OpenAPI document with AWS's extensions says, and what a deployment freezes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RestApi {
    /// `name`; `info.title` of a document. Never empty.
    pub name: String,
    /// `description`; never `Some("")` (tables.md §8.1).
    pub description: Option<String>,
    /// `version`; `info.version`.
    pub version: Option<String>,
    /// Media types whose bodies are bytes (tables.md §1).
    pub binary_media_types: Vec<String>,
    /// Bytes from which answers are compressed, 0 to 10,485,760; `None`: never (tables.md §14.1).
    pub minimum_compression_size: Option<u32>,
    /// Where API keys are looked for.
    pub api_key_source: ApiKeySource,
    /// How the API is reached on AWS.
    pub endpoint_configuration: EndpointConfiguration,
    /// Whether the API does not answer `{id}.execute-api…`.
    pub disable_execute_api_endpoint: bool,
    /// The resource policy as JSON text.
    pub policy: Option<String>,
    /// `securityPolicy`: which TLS versions AWS offers. Kept for exports.
    pub security_policy: Option<String>,
    /// `endpointAccessMode`: BASIC or STRICT. Kept for exports.
    pub endpoint_access_mode: Option<String>,
    /// Tags.
    pub tags: Texts,
    /// Resources in document order.
    pub resources: Vec<Resource>,
    /// Models; no name twice. `Empty` and `Error` exist only where the document has them (tables.md §14.4).
    pub models: Vec<Model>,
    /// Request validators; no name twice.
    pub request_validators: Vec<RequestValidator>,
    /// Gateway responses that differ from AWS's; no type twice.
    pub gateway_responses: Vec<GatewayResponse>,
    /// Authorizers; no name twice.
    pub authorizers: Vec<Authorizer>,
    /// Documentation parts.
    pub documentation_parts: Vec<DocumentationPart>,
}

impl RestApi {
    /// The model of this name.
    pub fn model(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.name == name)
    }

    /// The request validator of this name.
    pub fn request_validator(&self, name: &str) -> Option<&RequestValidator> {
        self.request_validators.iter().find(|validator| validator.name == name)
    }

    /// The authorizer of this name.
    pub fn authorizer(&self, name: &str) -> Option<&Authorizer> {
        self.authorizers.iter().find(|authorizer| authorizer.name == name)
    }
}

/// `apiKeySource`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ApiKeySource {
    /// The header `x-api-key`.
    #[default]
    Header,
    /// `usageIdentifierKey` of the authorizer's answer.
    Authorizer,
}

impl ApiKeySource {
    /// `HEADER` or `AUTHORIZER`.
    pub fn as_str(self) -> &'static str {
        match self {
            ApiKeySource::Header => "HEADER",
            ApiKeySource::Authorizer => "AUTHORIZER",
        }
    }
}

/// `endpointConfiguration`; one type (tables.md §8.1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EndpointConfiguration {
    /// `types`
    pub endpoint_type: EndpointType,
    /// `vpcEndpointIds`
    pub vpc_endpoint_ids: Vec<String>,
}

/// How AWS would reach the API. Kept for exports: Ringway listens where its own configuration says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EndpointType {
    /// AWS's default.
    #[default]
    Edge,
    /// REGIONAL
    Regional,
    /// PRIVATE
    Private,
}

impl EndpointType {
    /// `EDGE`, …
    pub fn as_str(self) -> &'static str {
        match self {
            EndpointType::Edge => "EDGE",
            EndpointType::Regional => "REGIONAL",
            EndpointType::Private => "PRIVATE",
        }
    }
}

/// A model: a JSON schema with a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Letters and digits.
    pub name: String,
    /// `application/json` where an OpenAPI document names none.
    pub content_type: String,
    /// `description`
    pub description: Option<String>,
    /// The schema as JSON text; references to other models are
    /// `https://apigateway.amazonaws.com/restapis/{apiId}/models/{Name}` (tables.md §10.1), with `{apiId}` as it is written here.
    pub schema: String,
}

/// A request validator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestValidator {
    /// Its name.
    pub name: String,
    /// `validateRequestBody`
    pub validate_request_body: bool,
    /// `validateRequestParameters`
    pub validate_request_parameters: bool,
}

/// An authorizer (tables.md §4.6); kept for its issue: an API that uses one is not served yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Authorizer {
    /// Its name; in a document the name of the security scheme.
    pub name: String,
    /// `type`
    pub kind: AuthorizerType,
    /// `authType`: `custom`, `cognito_user_pools`, …
    pub auth_type: Option<String>,
    /// `authorizerUri`
    pub uri: Option<String>,
    /// `authorizerCredentials`
    pub credentials: Option<String>,
    /// `identitySource`
    pub identity_source: Option<String>,
    /// `identityValidationExpression`
    pub identity_validation_expression: Option<String>,
    /// `authorizerResultTtlInSeconds`
    pub result_ttl_seconds: Option<u32>,
    /// `providerARNs`
    pub provider_arns: Vec<String>,
}

/// The kinds of authorizer of REST APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorizerType {
    /// TOKEN
    Token,
    /// REQUEST
    Request,
    /// COGNITO_USER_POOLS
    CognitoUserPools,
}

impl AuthorizerType {
    /// `TOKEN`, …
    pub fn as_str(self) -> &'static str {
        match self {
            AuthorizerType::Token => "TOKEN",
            AuthorizerType::Request => "REQUEST",
            AuthorizerType::CognitoUserPools => "COGNITO_USER_POOLS",
        }
    }
}

/// A documentation part (`x-amazon-apigateway-documentation`).
#[derive(Debug, Clone, PartialEq)]
pub struct DocumentationPart {
    /// `location` as compact JSON text.
    pub location: String,
    /// `properties` as compact JSON text.
    pub properties: String,
}
