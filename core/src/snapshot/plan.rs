//! What is known of a stage, a route and an integration before any request comes.

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::Regex;

use super::gateway_responses::GatewayResponses;
use super::route_tree::RouteTree;
use super::target::{ParameterValue, TargetPart};
use super::{CachePlan, EndpointAddresses, HeaderValue, RouteLimits};
use crate::cache::Cache;
use crate::json_schema::Schema;
use crate::model::{
    ContentHandling, HttpMethod, PassthroughBehavior, RequestParameterPlace, ResponseValidation,
};
use crate::telemetry::access_log::LogFormat;
use crate::vtl::Template;

/// A stage of an API: whole in itself, so that it outlives the snapshot it was compiled for.
#[derive(Debug)]
pub struct StagePlan {
    /// API id.
    pub api_id: Box<str>,
    /// Stage name.
    pub stage_name: Box<str>,
    /// Deployment id.
    pub deployment_id: Box<str>,
    /// Stage variables, those of the canary over those of the stage.
    pub variables: BTreeMap<String, String>,
    /// From paths to indices of `routes`.
    pub tree: RouteTree,
    /// Its methods.
    pub routes: Vec<RoutePlan>,
    /// The endpoints of its routes, by slot: while it lives, their slots are theirs.
    pub endpoints: BTreeMap<u32, Arc<EndpointAddresses>>,
    /// Format of its access log.
    pub log_format: Arc<LogFormat>,
    /// Slot of its histograms.
    pub metric_slot: u32,
    /// How its bodies are treated.
    pub payload: PayloadPlan,
    /// Gateway responses that differ from AWS's.
    pub gateway_responses: GatewayResponses,
    /// Its cache, shared with its canary.
    pub cache: Option<Arc<Cache>>,
    /// Share of the requests, of [`CANARY_WHOLE`], that goes to the next stage of the snapshot: the canary of this one.
    pub canary_share: u32,
    /// Whether this is the canary of the stage before it.
    pub is_canary: bool,
}

/// A [`StagePlan::canary_share`] of all requests.
pub const CANARY_WHOLE: u32 = 1 << 20;

/// What an API says of all its bodies.
#[derive(Debug, Clone, Default)]
pub struct PayloadPlan {
    /// Media types whose bodies are bytes; lower case.
    pub binary_media_types: Vec<Box<str>>,
    /// Bytes from which answers are compressed.
    pub minimum_compression_size: Option<u32>,
}

/// What happens to a request of one method of one stage.
#[derive(Debug)]
pub struct RoutePlan {
    /// `/pets/{petId}`
    pub resource_path: Box<str>,
    /// Resource id.
    pub resource_id: Box<str>,
    /// The method as configured.
    pub http_method: HttpMethod,
    /// Slot of its counters.
    pub metric_slot: u32,
    /// Names of the path parameters, in order.
    pub path_parameters: Box<[Box<str>]>,
    /// Who may call it, and how often.
    pub limits: Option<Box<RouteLimits>>,
    /// What a request has to have.
    pub validation: Option<Box<ValidationPlan>>,
    /// How its answers are cached.
    pub cache: Option<Box<CachePlan>>,
    /// What an answer has to have.
    pub response_validation: Option<Box<ResponseValidationPlan>>,
    /// What answers.
    pub integration: IntegrationPlan,
}

/// What a request has to have (tables.md §14.3).
#[derive(Debug)]
pub struct ValidationPlan {
    /// Required parameters, sorted.
    pub parameters: Vec<(RequestParameterPlace, Box<str>)>,
    /// Whether the body is validated, and by media type against what.
    pub bodies: Option<Vec<(Box<str>, Arc<Schema>)>>,
}

/// What an answer has to have; ours, not AWS's.
#[derive(Debug)]
pub struct ResponseValidationPlan {
    /// What happens to one that has not.
    pub mode: ResponseValidation,
    /// By status and media type.
    pub bodies: Vec<(u16, Box<str>, Arc<Schema>)>,
}

/// What answers a route.
#[derive(Debug)]
pub enum IntegrationPlan {
    /// HTTP_PROXY
    HttpProxy(HttpCall),
    /// HTTP
    Http(Box<HttpPlan>),
    /// MOCK
    Mock(Box<MockPlan>),
}

/// How a backend is called.
#[derive(Debug)]
pub struct HttpCall {
    /// Slot of its endpoint.
    pub endpoint: u32,
    /// The integration verb; `None` sends the client's verb.
    pub method: Option<HttpMethod>,
    /// The integration's path and query.
    pub target: Vec<TargetPart>,
    /// Whether `target` already holds a `?`.
    pub target_has_query: bool,
    /// Query string parameters added from mappings: name (already encoded) and value.
    pub query_parameters: Vec<(Box<[u8]>, ParameterValue)>,
    /// Headers set from mappings: name and value.
    pub header_parameters: Vec<(Box<[u8]>, ParameterValue)>,
    /// ` HTTP/1.1`, `Host` and `X-Amzn-Apigateway-Api-Id`: the part of the head that is the same for every request.
    pub head: Box<[u8]>,
    /// `User-Agent` line for clients that send none (tables.md §3.4).
    pub user_agent: Box<[u8]>,
    /// Integration timeout in nanoseconds.
    pub timeout_nanos: u64,
}

/// A compiled HTTP integration: the gateway writes the request and reads the answer.
#[derive(Debug)]
pub struct HttpPlan {
    /// Where it goes.
    pub call: HttpCall,
    /// What becomes of the body of the request.
    pub request: RequestTransformation,
    /// What becomes of the answer.
    pub responses: ResponseSelection,
}

/// A compiled MOCK integration.
#[derive(Debug)]
pub struct MockPlan {
    /// Its templates yield the status code.
    pub request: RequestTransformation,
    /// What answers.
    pub responses: ResponseSelection,
}

/// Templates by media type, in document order.
pub type TemplatePlans = Vec<(Box<str>, TemplatePlan)>;

/// A template as it is rendered.
#[derive(Debug)]
pub enum TemplatePlan {
    /// Text without a reference or a directive, which comes out as it is: most templates of MOCK integrations.
    Text(Box<str>),
    /// Anything else.
    Template(Box<Template>),
}

/// What becomes of the body of a request (tables.md §2).
#[derive(Debug)]
pub struct RequestTransformation {
    /// By the media type of the request.
    pub templates: TemplatePlans,
    /// Where no template is for it.
    pub passthrough: PassthroughBehavior,
    /// Conversion before the template.
    pub content_handling: Option<ContentHandling>,
}

/// The integration responses, of which one answers.
#[derive(Debug)]
pub struct ResponseSelection {
    /// Those with a pattern, in document order.
    pub patterns: Vec<(Regex, ResponsePlan)>,
    /// The one without.
    pub default: Option<ResponsePlan>,
}

impl ResponseSelection {
    /// The response for a result of the integration: its status as text (spec sheet §4).
    pub fn select(&self, result: &str) -> Option<&ResponsePlan> {
        let matching = self.patterns.iter().find(|(pattern, _)| pattern.is_match(result));
        matching.map(|(_, response)| response).or(self.default.as_ref())
    }
}

/// What becomes of an answer.
#[derive(Debug)]
pub struct ResponsePlan {
    /// Status of the method response.
    pub status: u16,
    /// Headers of the method response: names as the client sees them.
    pub headers: Vec<(Box<str>, HeaderValue)>,
    /// By the first type of `Accept`; the first where none matches.
    pub templates: TemplatePlans,
    /// Conversion before the template.
    pub content_handling: Option<ContentHandling>,
}
