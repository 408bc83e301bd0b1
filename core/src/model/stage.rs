//! Stages, deployments, and the domain names that lead to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{CacheSettings, MethodSetting, RestApi};

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
    /// A second deployment that takes a share of the requests.
    pub canary: Option<CanarySettings>,
    /// Whether answers are held against the models of their method responses; ours, not AWS's.
    pub response_validation: ResponseValidation,
    /// `methodSettings`; no method twice.
    pub method_settings: Vec<MethodSetting>,
    /// `cacheClusterSize` in bytes, where `cacheClusterEnabled`.
    pub cache_bytes: Option<u64>,
    /// What the cache does beyond AWS's; ours, not AWS's.
    pub cache: CacheSettings,
}

impl Stage {
    /// A stage without variables or settings of its own.
    pub fn new(stage_name: impl Into<String>, deployment: Arc<Deployment>) -> Self {
        Stage {
            stage_name: stage_name.into(),
            deployment,
            variables: BTreeMap::new(),
            access_log_format: None,
            canary: None,
            response_validation: ResponseValidation::Off,
            method_settings: Vec::new(),
            cache_bytes: None,
            cache: CacheSettings::default(),
        }
    }
}

/// An immutable copy of an API: the unit of rollback.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    /// Deployment id.
    pub id: String,
    /// The API as it was.
    pub rest_api: RestApi,
}

/// `canarySettings` of a stage (tables.md §9.4).
#[derive(Debug, Clone, PartialEq)]
pub struct CanarySettings {
    /// 0 to 100.
    pub percent_traffic: f64,
    /// What those requests are served by.
    pub deployment: Arc<Deployment>,
    /// Variables that differ from the stage's.
    pub stage_variable_overrides: BTreeMap<String, String>,
    /// Whether it shares the cache of the stage.
    pub use_stage_cache: bool,
}

/// What happens to an answer that does not fit the model of its method response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResponseValidation {
    /// Nothing: AWS's behaviour.
    #[default]
    Off,
    /// It is counted and logged.
    Observe,
    /// It becomes a 500 (API_CONFIGURATION_ERROR).
    Enforce,
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
