//! Validated AWS resources, in AWS's own vocabulary. What is not here yet is refused at import, with its place.
//!
//! Values are made by `controlplane` (which reports every issue with file, line and JSON pointer) and compiled by
//! [`crate::snapshot`]; they never meet a request.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

mod selection_pattern;
mod stage_variables;

pub use selection_pattern::compile_selection_pattern;
pub use stage_variables::{
    is_stage_variable_name, is_stage_variable_value, stage_variables_of, substitute_stage_variables,
};

/// Everything the gateway serves: the unit of a reload.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Configuration {
    /// APIs with their stages. One that a reload did not change is the same allocation as before: its compiled form is used again.
    pub apis: Vec<Arc<Api>>,
    /// Custom domain names.
    pub domain_names: Vec<DomainName>,
}

/// A REST API as its stages serve it.
#[derive(Debug, Clone, PartialEq)]
pub struct Api {
    /// `restApiId`: `[a-z0-9]{1,64}`; AWS makes ten characters.
    pub id: String,
    /// `info.title`.
    pub name: String,
    /// Stages, each with its own frozen deployment.
    pub stages: Vec<Stage>,
}

/// A named reference to a deployment, with its variables.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// `[A-Za-z0-9_-]{1,128}` (spec sheet §2).
    pub stage_name: String,
    /// What it serves; stages of the same document share it.
    pub deployment: Arc<Deployment>,
    /// Stage variables (tables.md §9.3).
    pub variables: BTreeMap<String, String>,
    /// `accessLogSettings.format`; `None` uses the process's own format.
    pub access_log_format: Option<String>,
}

/// An immutable copy of an API: the unit of rollback.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    /// Deployment id.
    pub id: String,
    /// Resources in document order; at least one.
    pub resources: Vec<Resource>,
}

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
}

/// A method of a resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Method {
    /// The verb.
    pub http_method: HttpMethod,
    /// What answers it.
    pub integration: Integration,
}

/// What answers a method.
#[derive(Debug, Clone, PartialEq)]
pub enum Integration {
    /// HTTP_PROXY: the request passes through to `uri`.
    HttpProxy(HttpProxyIntegration),
    /// MOCK: the gateway answers.
    Mock(MockIntegration),
}

/// An HTTP_PROXY integration.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpProxyIntegration {
    /// `http://host[:port]/path?query` with `{name}` placeholders and `${stageVariables.name}`; still a template, because its
    /// variables belong to the stage.
    pub uri: String,
    /// Integration verb; `Any` sends the client's.
    pub http_method: HttpMethod,
    /// `requestParameters`.
    pub request_parameters: Vec<RequestParameter>,
    /// `timeoutInMillis`, 50 to 29,000; default 29,000.
    pub timeout: Duration,
}

/// One entry of `requestParameters` (tables.md §2.5).
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
    /// `method.request.header.NAME` (the last value; names are case-sensitive on AWS, ours are not)
    Header(String),
    /// `stageVariables.NAME`
    StageVariable(String),
    /// `context.NAME`
    Context(String),
    /// `'text'`
    Static(String),
}

/// A MOCK integration whose templates hold no VTL (until the VTL engine is built, others are refused with their place).
#[derive(Debug, Clone, PartialEq)]
pub struct MockIntegration {
    /// `statusCode` that the request template yields; it selects the response. `None` without a template: the default
    /// response answers.
    pub status_code: Option<u16>,
    /// `responses`; never empty.
    pub responses: Vec<IntegrationResponse>,
}

/// One entry of `responses`.
#[derive(Debug, Clone, PartialEq)]
pub struct IntegrationResponse {
    /// The key of the map; `None` is `default`. Java regex that has to match the whole status code.
    pub selection_pattern: Option<String>,
    /// `statusCode`
    pub status_code: u16,
    /// Media type and text, in document order; the first answers when no `Accept` type matches (tables.md §2.4).
    pub response_templates: Vec<(String, String)>,
    /// `method.response.header.NAME` with a static `'value'`.
    pub response_parameters: Vec<(String, String)>,
}

/// A custom domain name with what it maps.
#[derive(Debug, Clone, PartialEq)]
pub struct DomainName {
    /// Lower-case host; `*.example.com` for a wildcard; `*` answers every host that nothing else names (ours, not AWS's).
    pub domain_name: String,
    /// Mappings; no base path twice.
    pub base_path_mappings: Vec<BasePathMapping>,
}

/// Which API and stage answer below a base path (tables.md §12.3).
#[derive(Debug, Clone, PartialEq)]
pub struct BasePathMapping {
    /// Without slashes at its ends; empty is AWS's `(none)`; may have several levels.
    pub base_path: String,
    /// The API.
    pub rest_api_id: String,
    /// The stage; without one, the caller names it as the next segment.
    pub stage: Option<String>,
}
