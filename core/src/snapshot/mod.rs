//! The compiled form of a configuration: a request indexes arrays and never reads configuration.

mod cache;
pub mod compile;
mod context;
mod gateway_responses;
pub mod host_map;
mod integration;
mod plan;
pub mod publish;
mod registry;
pub mod route_tree;
mod target;
mod usage;
mod usage_compile;
mod validation;

pub use cache::CachePlan;
pub use compile::{CompileSettings, compile};
pub use context::ContextVariable;
pub use gateway_responses::{GatewayResponsePlan, GatewayResponses, SimplePart, SimpleTemplate};
pub use host_map::{HostMap, Place};
pub use plan::{
    CANARY_WHOLE, HttpCall, HttpPlan, IntegrationPlan, MockPlan, PayloadPlan, RequestTransformation,
    ResponsePlan, ResponseSelection, ResponseValidationPlan, RoutePlan, StagePlan, TemplatePlan,
    TemplatePlans, ValidationPlan,
};
pub use registry::{EndpointAddresses, Registry, RouteLabels, StageLabels};
pub use target::{HeaderValue, ParameterValue, TargetPart};
pub use usage::{
    ApiKeyPlan, ClientRef, KeyTable, MethodRate, PlanStage, RouteLimits, Throttle, UsagePlanTable,
    UsageTables,
};

use std::sync::Arc;

use crate::telemetry::access_log::LogFormat;

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
    /// For all requests together.
    pub account_throttle: Option<Throttle>,
    /// Whether answers tell what is left of a limit.
    pub rate_limit_headers: bool,
    /// API keys and usage plans.
    pub usage: UsageTables,
}
