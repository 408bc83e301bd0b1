//! `methodSettings` of a stage (tables.md §9.1).

use super::{HttpMethod, ThrottleSettings};

/// Settings, and the methods that they are for.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodSetting {
    /// `/pets/{petId}`; `None`: the settings are for every method that no other entry names (`*/*`).
    pub method: Option<(String, HttpMethod)>,
    /// The settings.
    pub settings: MethodSettings,
}

/// Settings of methods.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodSettings {
    /// `throttlingRateLimit` and `throttlingBurstLimit`, for each method; `None`: only the account's.
    pub throttle: Option<ThrottleSettings>,
    /// Requests of one method that may be under way at a time; ours, not AWS's.
    pub concurrency_limit: Option<u32>,
    /// `cachingEnabled`. Without it only GET is cached, on a stage with a cache (tables.md §9.5).
    pub caching_enabled: Option<bool>,
    /// `cacheTtlInSeconds`, 0 to 3600; 0 is off.
    pub cache_ttl_seconds: u32,
    /// `requireAuthorizationForCacheControl`
    pub require_authorization_for_cache_control: bool,
    /// `unauthorizedCacheControlHeaderStrategy`
    pub unauthorized_cache_control: UnauthorizedCacheControl,
}

impl Default for MethodSettings {
    fn default() -> Self {
        MethodSettings {
            throttle: None,
            concurrency_limit: None,
            caching_enabled: None,
            cache_ttl_seconds: 300,
            require_authorization_for_cache_control: true,
            unauthorized_cache_control: UnauthorizedCacheControl::SucceedWithResponseHeader,
        }
    }
}

/// `unauthorizedCacheControlHeaderStrategy`: what happens to `Cache-Control: max-age=0` of a caller who may not say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnauthorizedCacheControl {
    /// FAIL_WITH_403
    FailWith403,
    /// SUCCEED_WITH_RESPONSE_HEADER
    SucceedWithResponseHeader,
    /// SUCCEED_WITHOUT_RESPONSE_HEADER
    SucceedWithoutResponseHeader,
}

/// The settings of a method: those of its own entry, else those of `*/*`, else AWS's defaults.
pub fn settings_of(
    settings: &[MethodSetting],
    resource_path: &str,
    http_method: HttpMethod,
) -> MethodSettings {
    let own = settings.iter().find(|entry| {
        entry.method.as_ref().is_some_and(|(path, method)| path == resource_path && *method == http_method)
    });
    let all = || settings.iter().find(|entry| entry.method.is_none());
    own.or_else(all).map_or_else(MethodSettings::default, |entry| entry.settings.clone())
}
