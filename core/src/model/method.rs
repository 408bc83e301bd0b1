//! Resources and methods.

use std::collections::BTreeMap;

use super::{Integration, Texts};

/// A path of the API with its methods.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// Resource id (stable: derived from API id and path).
    pub id: String,
    /// `/pets/{petId}`, `/{proxy+}`, `/`: validated (tables.md §10.1): segments `[A-Za-z0-9_.,:-]+`, a variable is a whole
    /// segment, a greedy one is the last.
    pub path: String,
    /// Methods; no verb twice.
    pub methods: Vec<Method>,
}

/// The verbs of API Gateway; `Any` matches what no other method of the resource does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HttpMethod {
    /// ANY
    Any,
    /// DELETE
    Delete,
    /// GET
    Get,
    /// HEAD
    Head,
    /// OPTIONS
    Options,
    /// PATCH
    Patch,
    /// POST
    Post,
    /// PUT
    Put,
}

impl HttpMethod {
    /// `GET`, …; `ANY` for [`HttpMethod::Any`].
    pub fn as_str(self) -> &'static str {
        match self {
            HttpMethod::Any => "ANY",
            HttpMethod::Delete => "DELETE",
            HttpMethod::Get => "GET",
            HttpMethod::Head => "HEAD",
            HttpMethod::Options => "OPTIONS",
            HttpMethod::Patch => "PATCH",
            HttpMethod::Post => "POST",
            HttpMethod::Put => "PUT",
        }
    }

    /// The method that [`as_str`](Self::as_str) calls `name`.
    pub fn of(name: &str) -> Option<Self> {
        const ALL: [HttpMethod; 8] = [
            HttpMethod::Any,
            HttpMethod::Delete,
            HttpMethod::Get,
            HttpMethod::Head,
            HttpMethod::Options,
            HttpMethod::Patch,
            HttpMethod::Post,
            HttpMethod::Put,
        ];
        ALL.into_iter().find(|method| method.as_str() == name)
    }
}

/// A method of a resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Method {
    /// The verb.
    pub http_method: HttpMethod,
    /// `operationName`; `operationId` of a document.
    pub operation_name: Option<String>,
    /// Who may call it.
    pub authorization: Authorization,
    /// `apiKeyRequired`
    pub api_key_required: bool,
    /// Name of its request validator in [`RestApi::request_validators`](super::RestApi::request_validators).
    pub request_validator: Option<String>,
    /// `requestParameters`: which are required.
    pub request_parameters: BTreeMap<RequestParameterKey, bool>,
    /// Model names by media type.
    pub request_models: Texts,
    /// What answers it.
    pub integration: Integration,
    /// By status code.
    pub method_responses: BTreeMap<u16, MethodResponse>,
}

impl Method {
    /// A method that anyone may call.
    pub fn new(http_method: HttpMethod, integration: Integration) -> Self {
        Method {
            http_method,
            operation_name: None,
            authorization: Authorization::None,
            api_key_required: false,
            request_validator: None,
            request_parameters: BTreeMap::new(),
            request_models: Texts::new(),
            integration,
            method_responses: BTreeMap::new(),
        }
    }
}

/// `method.request.{path|querystring|header}.NAME`. Sorted as AWS lists missing ones: header, path, querystring (tables.md §14.3).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestParameterKey {
    /// Where it is.
    pub place: RequestParameterPlace,
    /// Its name.
    pub name: String,
}

/// Where a parameter of a method request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequestParameterPlace {
    /// `header`
    Header,
    /// `path`
    Path,
    /// `querystring`
    Querystring,
}

impl RequestParameterPlace {
    /// As in `method.request.PLACE.NAME`.
    pub fn as_str(self) -> &'static str {
        match self {
            RequestParameterPlace::Header => "header",
            RequestParameterPlace::Path => "path",
            RequestParameterPlace::Querystring => "querystring",
        }
    }
}

/// `authorizationType` with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Authorization {
    /// Anyone.
    #[default]
    None,
    /// AWS_IAM
    AwsIam,
    /// CUSTOM: the Lambda authorizer of this name.
    Custom {
        /// Name in [`RestApi::authorizers`](super::RestApi::authorizers).
        authorizer: String,
    },
    /// COGNITO_USER_POOLS
    CognitoUserPools {
        /// Name in [`RestApi::authorizers`](super::RestApi::authorizers).
        authorizer: String,
        /// `authorizationScopes`
        scopes: Vec<String>,
    },
}

/// A method response: what a client may get.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MethodResponse {
    /// Names of headers (`method.response.header.NAME`) and whether they are required.
    pub response_parameters: BTreeMap<String, bool>,
    /// Model names by media type.
    pub response_models: Texts,
}
