//! Validated AWS resources, in AWS's own vocabulary: what an import yields, what an export writes, what a deployment freezes.
//!
//! Values are made by `controlplane` (which reports every issue with file, line and JSON pointer) and compiled by
//! [`crate::snapshot`]; they never meet a request.

use std::collections::BTreeMap;
use std::sync::Arc;

mod cache_settings;
mod gateway_response;
mod integration;
mod mapping;
mod method;
mod method_settings;
mod rest_api;
mod selection_pattern;
mod stage;
mod stage_variables;
mod usage_plan;

pub use cache_settings::CacheSettings;
pub use gateway_response::{GatewayResponse, GatewayResponseSource, GatewayResponseType};
pub use integration::{
    ConnectionType, ContentHandling, Integration, IntegrationResponse, IntegrationType, PassthroughBehavior,
    ResponseTransferMode,
};
pub use mapping::{
    ParameterSource, ParameterTarget, RequestParameter, ResponseParameter, ResponseSource, static_value,
};
pub use method::{
    Authorization, HttpMethod, Method, MethodResponse, RequestParameterKey, RequestParameterPlace, Resource,
};
pub use method_settings::{MethodSetting, MethodSettings, UnauthorizedCacheControl, settings_of};
pub use rest_api::{
    ApiKeySource, Authorizer, AuthorizerType, DocumentationPart, EndpointConfiguration, EndpointType, Model,
    RequestValidator, RestApi,
};
pub use selection_pattern::compile_selection_pattern;
pub use stage::{BasePathMapping, CanarySettings, Deployment, DomainName, ResponseValidation, Stage};
pub use stage_variables::{
    is_stage_variable_name, is_stage_variable_value, stage_variables_of, substitute_stage_variables,
};

pub use usage_plan::{
    API_KEY_PARTS, ApiKey, ApiKeys, ApiStage, DEFAULT_PRIORITY, MethodThrottle, QuotaPeriod, QuotaSettings,
    ThrottleSettings, UsagePlan, hash_of, part_of,
};

/// Everything the gateway serves: the unit of a reload.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Configuration {
    /// APIs with their stages. One that a reload did not change is the same allocation as before: its compiled form is used again.
    pub apis: Vec<Arc<Api>>,
    /// Custom domain names.
    pub domain_names: Vec<DomainName>,
    /// Usage plans; no id twice.
    pub usage_plans: Vec<Arc<UsagePlan>>,
    /// API keys.
    pub api_keys: ApiKeys,
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

/// Texts by media type, in document order: AWS takes the first where nothing matches (tables.md §2.4).
pub type Templates = Vec<(String, String)>;

/// Names with texts.
pub type Texts = BTreeMap<String, String>;
