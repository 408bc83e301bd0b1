//! Deployments and stages.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Texts;

/// A deployment; its copy of the API is [`FrozenApi`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    /// `id`
    pub id: String,
    /// `description`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Seconds since 1970.
    pub created_date: i64,
}

/// The API of a deployment as it was; never shown, and never changed. A row of its own, because it may have megabytes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FrozenApi {
    /// An OpenAPI document with AWS's extensions.
    pub document: String,
    /// Ids of its resources by path.
    pub resource_ids: Texts,
}

/// A stage (tables.md §9.2).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stage {
    /// `deploymentId`
    pub deployment_id: String,
    /// `clientCertificateId`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate_id: Option<String>,
    /// `stageName`
    pub stage_name: String,
    /// `description`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `cacheClusterEnabled`
    pub cache_cluster_enabled: bool,
    /// `cacheClusterSize`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_cluster_size: Option<String>,
    /// `cacheClusterStatus`
    pub cache_cluster_status: String,
    /// By `{resource}/{METHOD}` or `*/*`.
    #[serde(default)]
    pub method_settings: BTreeMap<String, MethodSetting>,
    /// `variables`
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: Texts,
    /// `documentationVersion`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documentation_version: Option<String>,
    /// `accessLogSettings`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_log_settings: Option<AccessLogSettings>,
    /// `canarySettings`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary_settings: Option<CanarySettings>,
    /// `tracingEnabled`
    pub tracing_enabled: bool,
    /// `webAclArn`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web_acl_arn: Option<String>,
    /// `tags`
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: Texts,
    /// Seconds since 1970.
    pub created_date: i64,
    /// Seconds since 1970.
    pub last_updated_date: i64,
}

/// An entry of `methodSettings` (tables.md §9.1).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MethodSetting {
    /// `metricsEnabled`
    pub metrics_enabled: bool,
    /// `loggingLevel`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging_level: Option<String>,
    /// `dataTraceEnabled`
    pub data_trace_enabled: bool,
    /// `throttlingBurstLimit`
    pub throttling_burst_limit: i64,
    /// `throttlingRateLimit`
    pub throttling_rate_limit: f64,
    /// `cachingEnabled`
    pub caching_enabled: bool,
    /// `cacheTtlInSeconds`
    pub cache_ttl_in_seconds: i64,
    /// `cacheDataEncrypted`
    pub cache_data_encrypted: bool,
    /// `requireAuthorizationForCacheControl`
    pub require_authorization_for_cache_control: bool,
    /// `unauthorizedCacheControlHeaderStrategy`
    pub unauthorized_cache_control_header_strategy: String,
}

/// `accessLogSettings`
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessLogSettings {
    /// `format`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// `destinationArn`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination_arn: Option<String>,
}

/// `canarySettings` (tables.md §9.4).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CanarySettings {
    /// `percentTraffic`
    pub percent_traffic: f64,
    /// `deploymentId`
    pub deployment_id: String,
    /// `stageVariableOverrides`
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stage_variable_overrides: Texts,
    /// `useStageCache`
    pub use_stage_cache: bool,
}
