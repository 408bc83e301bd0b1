//! `methodSettings` and the cache of a stage (tables.md §9.1, §9.2).

use ringway_core::model::{MethodSetting, MethodSettings, Stage, ThrottleSettings, UnauthorizedCacheControl};

use crate::api_file::ApiReader;
use crate::cursor::Cursor;
use crate::issue::quoted;
use crate::throttle::has_method;

const KEYS: [&str; 8] = [
    "throttlingRateLimit",
    "throttlingBurstLimit",
    "cachingEnabled",
    "cacheTtlInSeconds",
    "cacheDataEncrypted",
    "requireAuthorizationForCacheControl",
    "unauthorizedCacheControlHeaderStrategy",
    "concurrencyLimit",
];
const NOT_BUILT: [&str; 3] = ["loggingLevel", "metricsEnabled", "dataTraceEnabled"];

/// `cacheClusterSize` in GB; AWS's order.
pub(crate) const CACHE_SIZES: &str = "0.5, 1.6, 6.1, 13.5, 28.4, 58.2, 118, 237";
/// The size of a cache that says none.
pub(crate) const DEFAULT_CACHE_SIZE: &str = "0.5";
/// Seconds that something is cached at most (tables.md §9.1).
const TTL_LAST: u64 = 3600;

/// The bytes of a `cacheClusterSize`: its GB are 2^30 of them.
pub(crate) fn cache_bytes(size: &str) -> Option<u64> {
    let size = CACHE_SIZES.split(", ").find(|known| *known == size)?;
    size.parse::<f64>().ok().map(|gigabytes| (gigabytes * f64::from(1 << 30)) as u64)
}

/// `unauthorizedCacheControlHeaderStrategy`, in AWS's words.
const STRATEGIES: [(&str, UnauthorizedCacheControl); 3] = [
    ("FAIL_WITH_403", UnauthorizedCacheControl::FailWith403),
    ("SUCCEED_WITH_RESPONSE_HEADER", UnauthorizedCacheControl::SucceedWithResponseHeader),
    ("SUCCEED_WITHOUT_RESPONSE_HEADER", UnauthorizedCacheControl::SucceedWithoutResponseHeader),
];

/// What `name` stands for.
pub(crate) fn strategy(name: &str) -> Option<UnauthorizedCacheControl> {
    STRATEGIES.iter().find(|(known, _)| *known == name).map(|(_, strategy)| *strategy)
}

/// The name of a strategy.
pub(crate) fn strategy_name(strategy: UnauthorizedCacheControl) -> &'static str {
    STRATEGIES.iter().find(|(_, known)| *known == strategy).map_or("", |(name, _)| name)
}

/// The `cacheClusterSize` of so many bytes.
pub(crate) fn cache_size(bytes: u64) -> Option<&'static str> {
    CACHE_SIZES.split(", ").find(|size| cache_bytes(size) == Some(bytes))
}

impl<'a> ApiReader<'_, '_, 'a> {
    /// Reads the settings into a stage that has its deployments.
    pub(crate) fn stage_settings(&mut self, cursor: &Cursor<'a>, stage: &mut Stage) {
        stage.cache_bytes = self.cache(cursor);
        self.cache_settings(cursor, stage);
        let Some(settings) = cursor.get("methodSettings") else { return };
        for (key, member) in self.issues.mapping(&settings).unwrap_or_default() {
            let method = match key {
                "*/*" => None,
                key => match self.issues.method_key(&member, key) {
                    Some(method) => Some(method),
                    None => continue,
                },
            };
            if let Some((path, verb)) = method.as_ref().filter(|method| !has_method(stage, method)) {
                let message = format!("the stage has no method {} at {}", verb.as_str(), quoted(path));
                self.issues.at_key(&member, message, None);
            }
            if stage.method_settings.iter().any(|known| known.method == method) {
                self.issues.at_key(&member, format!("{} is there twice", quoted(key)), None);
            }
            if let Some(settings) = self.method_settings(&member) {
                stage.method_settings.push(MethodSetting { method, settings });
            }
        }
    }

    fn cache(&mut self, stage: &Cursor<'a>) -> Option<u64> {
        let enabled = stage.get("cacheClusterEnabled");
        let is_enabled = enabled.as_ref().and_then(|enabled| self.issues.boolean(enabled));
        let mut size = cache_bytes(DEFAULT_CACHE_SIZE);
        if let Some(cursor) = stage.get("cacheClusterSize") {
            if enabled.is_none() {
                self.issues.at_key(&cursor, "there is a cache only with `cacheClusterEnabled = true`", None);
            }
            // A number or a text: it is a number that AWS writes as a text.
            let text = cursor.scalar_text().unwrap_or_default();
            size = cache_bytes(text);
            if size.is_none() {
                let message = format!("{} is not one of AWS's sizes in GB: {CACHE_SIZES}", quoted(text));
                self.issues.at(&cursor, message);
            }
        }
        size.filter(|_| is_enabled == Some(true))
    }

    /// `cacheDataEncrypted` is taken, and changes nothing: answers are cached in the memory of the process alone.
    fn method_settings(&mut self, cursor: &Cursor<'a>) -> Option<MethodSettings> {
        self.issues.mapping(cursor)?;
        self.stage_keys(cursor, &KEYS, &NOT_BUILT);
        let mut settings =
            MethodSettings { throttle: self.method_throttle(cursor), ..MethodSettings::default() };
        let issues = &mut *self.issues;
        settings.concurrency_limit =
            cursor.get("concurrencyLimit").and_then(|limit| issues.concurrency_limit(&limit));
        let mut flag = |name: &str| cursor.get(name).and_then(|flag| issues.boolean(&flag));
        settings.caching_enabled = flag("cachingEnabled");
        flag("cacheDataEncrypted");
        if let Some(required) = flag("requireAuthorizationForCacheControl") {
            settings.require_authorization_for_cache_control = required;
        }
        if let Some(ttl) = cursor.get("cacheTtlInSeconds")
            && let Some(seconds) = issues.integer(&ttl, 0, TTL_LAST)
        {
            settings.cache_ttl_seconds = seconds as u32;
        }
        if let Some(cursor) = cursor.get("unauthorizedCacheControlHeaderStrategy")
            && let Some(name) = issues.string(&cursor)
        {
            match strategy(name) {
                Some(strategy) => settings.unauthorized_cache_control = strategy,
                None => issues.at(
                    &cursor,
                    format!(
                        "{} is not valid: `FAIL_WITH_403`, `SUCCEED_WITH_RESPONSE_HEADER` or \
                         `SUCCEED_WITHOUT_RESPONSE_HEADER`",
                        quoted(name)
                    ),
                ),
            }
        }
        Some(settings)
    }

    /// A bucket has a rate and a size: where one is there, so has to be the other.
    fn method_throttle(&mut self, cursor: &Cursor<'a>) -> Option<ThrottleSettings> {
        let (rate, burst) = (cursor.get("throttlingRateLimit"), cursor.get("throttlingBurstLimit"));
        let missing = match (&rate, &burst) {
            (None, None) => return None,
            (Some(_), Some(_)) => None,
            (Some(rate), None) => Some((rate, "throttlingBurstLimit")),
            (None, Some(burst)) => Some((burst, "throttlingRateLimit")),
        };
        if let Some((cursor, name)) = missing {
            self.issues.at_key(cursor, format!("`{name}` is missing: a throttle has both"), None);
        }
        let rate = rate.and_then(|rate| self.issues.rate_limit(&rate));
        let burst = burst.and_then(|burst| self.issues.count_limit(&burst));
        Some(ThrottleSettings { rate_limit: rate?, burst_limit: burst? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_caches() {
        for size in CACHE_SIZES.split(", ") {
            assert_eq!(cache_size(cache_bytes(size).unwrap()), Some(size));
        }
        assert_eq!(cache_bytes("0.5"), Some(512 * 1024 * 1024));
        assert_eq!(cache_bytes("118"), Some(118 * 1024 * 1024 * 1024));
        assert_eq!(cache_bytes("1.6"), Some(1_717_986_918));
        for size in ["1", "", "0.50"] {
            assert_eq!(cache_bytes(size), None);
        }
    }
}
