//! The compiled form of a configuration: a request indexes arrays and never reads configuration.

pub mod compile;
pub mod host_map;
mod mock;
pub mod publish;
mod registry;
pub mod route_tree;
mod target;

pub use compile::{CompileSettings, compile};
pub use host_map::{HostMap, Place};
pub use registry::{EndpointAddresses, Registry, RouteLabels, StageLabels};
pub use target::{ParameterValue, TargetPart};

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::HttpMethod;
use crate::telemetry::access_log::LogFormat;
use route_tree::RouteTree;

/// Everything a core needs to answer requests: immutable, shared by all cores.
#[derive(Debug)]
pub struct Snapshot {
    /// Which host and base path lead where.
    pub hosts: HostMap,
    /// Stages of all APIs. One that a reload did not change is shared with the snapshot before.
    pub stages: Vec<Arc<StagePlan>>,
    /// Upstream endpoints, by the slot that plans hold; a slot that no plan holds has an endpoint without a name.
    pub endpoints: Vec<Arc<EndpointAddresses>>,
    /// Format of lines for requests that reached no stage.
    pub default_log_format: Arc<LogFormat>,
    /// Account id.
    pub account_id: Box<str>,
}

/// A stage of an API: whole in itself, so that it outlives the snapshot it was compiled for.
#[derive(Debug)]
pub struct StagePlan {
    /// API id.
    pub api_id: Box<str>,
    /// Stage name.
    pub stage_name: Box<str>,
    /// Deployment id.
    pub deployment_id: Box<str>,
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
    /// What answers.
    pub integration: IntegrationPlan,
}

/// What answers a route.
#[derive(Debug)]
pub enum IntegrationPlan {
    /// HTTP_PROXY
    HttpProxy(HttpProxyPlan),
    /// MOCK
    Mock(MockPlan),
}

/// A compiled HTTP_PROXY integration.
#[derive(Debug)]
pub struct HttpProxyPlan {
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

/// A compiled MOCK integration: its response is chosen when it is compiled.
#[derive(Debug)]
pub struct MockPlan {
    /// `None` when no response matches: API_CONFIGURATION_ERROR (spec sheet §4).
    pub response: Option<MockResponse>,
}

/// The answer of a MOCK integration.
#[derive(Debug)]
pub struct MockResponse {
    /// Status.
    pub status: u16,
    /// Encoded header lines.
    pub headers: Box<[u8]>,
    /// Whether `headers` holds a content type.
    pub has_content_type: bool,
    /// Bodies by media type; the first is the default.
    pub bodies: Vec<(Box<str>, Box<[u8]>)>,
}
