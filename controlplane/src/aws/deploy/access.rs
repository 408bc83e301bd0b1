//! Usage plans and API keys, as the data plane takes them.

use std::collections::BTreeSet;
use std::sync::Arc;

use ringway_core::model::{
    self, ApiKeys, DEFAULT_PRIORITY, MethodThrottle, QuotaSettings, UnauthorizedCacheControl, UsagePlan,
};

use crate::aws::wire::{self, MethodSetting, ThrottleSettings};
use crate::aws::{Settings, State};
use crate::stage_settings::strategy;
use crate::throttle::method_name;
use crate::usage::period_of;

/// The account's limits on AWS (tables.md §9.6).
pub(crate) const AWS_THROTTLE: model::ThrottleSettings =
    model::ThrottleSettings { rate_limit: 10_000.0, burst_limit: 5_000 };

/// The account's limits as they are shown: those of this gateway, and AWS's where it has none.
pub(crate) fn account_throttle(settings: &Settings) -> model::ThrottleSettings {
    settings.account_throttle.unwrap_or(AWS_THROTTLE)
}

/// The usage plans. One that has not changed is the same allocation as one of `before`.
///
/// Stages that were deleted are left out: their plans outlive them, as on AWS.
pub(super) fn usage_plans(state: &State, before: &[Arc<UsagePlan>]) -> Vec<Arc<UsagePlan>> {
    let mut known = before.iter().peekable();
    let rows = state.usage_plans.iter().map(|(_, row)| usage_plan(state, row));
    rows.map(|plan| {
        // Both are in the order of their ids.
        while known.next_if(|known| known.id < plan.id).is_some() {}
        match known.peek().filter(|known| ****known == plan) {
            Some(known) => (*known).clone(),
            None => Arc::new(plan),
        }
    })
    .collect()
}

fn usage_plan(state: &State, row: &wire::UsagePlan) -> UsagePlan {
    let stages = row.api_stages.iter().filter(|stage| state.has_stage(&stage.api_id, &stage.stage));
    UsagePlan {
        id: row.id.clone(),
        name: row.name.clone(),
        api_stages: stages.map(api_stage).collect(),
        throttle: row.throttle.as_ref().map(throttle),
        quota: row.quota.as_ref().and_then(quota),
        concurrency_limit: None,
        priority: DEFAULT_PRIORITY,
    }
}

fn api_stage(row: &wire::ApiStage) -> model::ApiStage {
    let mut throttles: Vec<MethodThrottle> = Vec::new();
    for (key, settings) in &row.throttle {
        // Without the slash at its beginning a path is the same, and what was said last is not known.
        let Some((resource_path, http_method)) = method_name(key) else { continue };
        throttles.retain(|known| (&known.resource_path, known.http_method) != (&resource_path, http_method));
        throttles.push(MethodThrottle { resource_path, http_method, throttle: throttle(settings) });
    }
    model::ApiStage { api_id: row.api_id.clone(), stage: row.stage.clone(), throttles }
}

/// AWS's rows have both members: one that was not said is 0. A rate without a burst may use up what comes in a second at once, because
/// a bucket of nothing would let nothing pass; a rate of 0 lets nothing pass, whatever the burst.
fn throttle(row: &ThrottleSettings) -> model::ThrottleSettings {
    let burst = if row.burst_limit <= 0 { row.rate_limit.ceil() as i64 } else { row.burst_limit };
    model::ThrottleSettings { rate_limit: row.rate_limit, burst_limit: count(burst) }
}

fn count(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}

/// A quota without a period, which only patches can leave behind, is none. AWS lets an offset be more than the limit: then nothing is left
/// of the first period.
fn quota(row: &wire::QuotaSettings) -> Option<QuotaSettings> {
    let limit = u64::try_from(row.limit).unwrap_or_default();
    Some(QuotaSettings {
        limit,
        offset: u64::try_from(row.offset).unwrap_or_default().min(limit),
        period: period_of(&row.period)?,
    })
}

/// `methodSettings` of a stage. AWS fills in its defaults when an entry is made: where both limits are those of the account, they add
/// nothing to it, and a negative one is no limit (tables.md §9.1).
pub(super) fn method_settings(settings: &Settings, row: &wire::Stage) -> Vec<model::MethodSetting> {
    let mut found: Vec<model::MethodSetting> = Vec::new();
    for (key, row) in &row.method_settings {
        let method = match key.as_str() {
            "*/*" => None,
            key => match method_name(key) {
                Some(method) => Some(method),
                None => continue,
            },
        };
        found.retain(|known| known.method != method);
        found.push(model::MethodSetting { method, settings: settings_of(settings, row) });
    }
    found
}

fn settings_of(settings: &Settings, row: &MethodSetting) -> model::MethodSettings {
    let throttle = model::ThrottleSettings {
        rate_limit: row.throttling_rate_limit,
        burst_limit: count(row.throttling_burst_limit),
    };
    let is_off = row.throttling_rate_limit < 0.0 || row.throttling_burst_limit < 0;
    let is_account = throttle == AWS_THROTTLE || throttle == account_throttle(settings);
    model::MethodSettings {
        throttle: (!is_off && !is_account).then_some(throttle),
        concurrency_limit: None,
        caching_enabled: Some(row.caching_enabled),
        cache_ttl_seconds: count(row.cache_ttl_in_seconds),
        require_authorization_for_cache_control: row.require_authorization_for_cache_control,
        unauthorized_cache_control: strategy(&row.unauthorized_cache_control_header_strategy)
            .unwrap_or(UnauthorizedCacheControl::SucceedWithResponseHeader),
    }
}

/// The API keys: those of `before`, with what the draft changes; `None` makes them of all rows.
pub(super) fn api_keys(state: &State, before: Option<&ApiKeys>) -> ApiKeys {
    let Some(before) = before else {
        let mut keys = ApiKeys::default();
        state.api_keys.iter().filter_map(|(_, row)| api_key(state, row)).for_each(|key| keys.insert(key));
        return keys;
    };
    let mut keys = before.clone();
    let mut ids: BTreeSet<&str> = BTreeSet::new();
    for (id, old) in state.api_keys.changes() {
        ids.insert(id);
        let now = state.api_keys.get(id).and_then(|row| row.value.as_ref());
        if let Some(value) = old.and_then(|row| row.value.as_ref()).filter(|old| now != Some(old)) {
            keys.remove(value);
        }
    }
    ids.extend(state.usage_plan_keys.changes().filter_map(|(key, _)| key.split_once('/')).map(|(_, id)| id));
    for key in ids.into_iter().filter_map(|id| api_key(state, state.api_keys.get(id)?)) {
        // Most members of a key mean nothing to the data plane.
        if keys.get(&key.value).is_none_or(|known| **known != key) {
            keys.insert(key);
        }
    }
    keys
}

fn api_key(state: &State, row: &wire::ApiKey) -> Option<model::ApiKey> {
    Some(model::ApiKey {
        id: row.id.clone(),
        value: row.value.as_deref()?.into(),
        enabled: row.enabled,
        usage_plans: state.plans_of(&row.id).map(str::to_owned).collect(),
    })
}
