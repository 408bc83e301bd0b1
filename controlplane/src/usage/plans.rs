//! `usagePlans` of a usage file.

use std::sync::Arc;

use ringway_core::model::{
    ApiStage, DEFAULT_PRIORITY, MethodThrottle, QuotaPeriod, QuotaSettings, UsagePlan,
};

use super::{PlanEntry, StagePlaces, UsageFile};
use crate::api_file::{is_rest_api_id, is_stage_name};
use crate::cursor::Cursor;
use crate::issue::{Issues, Place, quoted};

const KEYS: [&str; 8] =
    ["id", "name", "description", "apiStages", "throttle", "quota", "priority", "concurrencyLimit"];
const STAGE_KEYS: [&str; 3] = ["apiId", "stage", "throttle"];
const QUOTA_KEYS: [&str; 3] = ["limit", "offset", "period"];

/// Method throttles of a stage of a plan at most (tables.md §9.6).
const METHOD_THROTTLES: usize = 20;
/// Requests of a quota at most: those that every JSON reader knows exactly. AWS's own limit is not known.
const QUOTA_LIMIT: u64 = (1 << 53) - 1;

pub(super) fn read(issues: &mut Issues<'_>, root: &Cursor<'_>, usage: &mut UsageFile) {
    let Some(cursor) = root.get("usagePlans") else { return };
    for item in issues.sequence(&cursor).unwrap_or_default() {
        usage.plans.extend(plan(issues, &item));
    }
}

fn plan(issues: &mut Issues<'_>, cursor: &Cursor<'_>) -> Option<PlanEntry> {
    issues.mapping(cursor)?;
    issues.known_keys(cursor, &KEYS);
    let id = issues.required(cursor, "id");
    let place = id.as_ref().unwrap_or(cursor).place(issues.file());
    let id = id.and_then(|id| issues.usage_id(&id));
    let name = issues.required(cursor, "name").and_then(|name| plan_name(issues, &name));
    let description = cursor.get("description").and_then(|text| issues.string(&text)).map(str::to_owned);
    let (api_stages, stages) = api_stages(issues, cursor).into_iter().unzip();
    let throttle = cursor.get("throttle").and_then(|throttle| issues.throttle(&throttle));
    let quota = cursor.get("quota").and_then(|cursor| quota(issues, &cursor));
    let priority = cursor.get("priority").and_then(|priority| issues.integer(&priority, 0, 255));
    let concurrency_limit = cursor.get("concurrencyLimit").and_then(|limit| issues.concurrency_limit(&limit));
    let plan = UsagePlan {
        id: id?,
        name: name?,
        api_stages,
        throttle,
        quota,
        concurrency_limit,
        priority: priority.map_or(DEFAULT_PRIORITY, |priority| priority as u8),
    };
    Some(PlanEntry { plan: Arc::new(plan), description, place, stages })
}

fn plan_name(issues: &mut Issues<'_>, cursor: &Cursor<'_>) -> Option<String> {
    let name = issues.string(cursor)?;
    if name.trim().is_empty() {
        issues.at(cursor, "Usage Plan name cannot be blank");
        return None;
    }
    Some(name.to_owned())
}

fn api_stages(issues: &mut Issues<'_>, plan: &Cursor<'_>) -> Vec<(ApiStage, StagePlaces)> {
    let Some(cursor) = plan.get("apiStages") else { return Vec::new() };
    let mut stages: Vec<(ApiStage, StagePlaces)> = Vec::new();
    for item in issues.sequence(&cursor).unwrap_or_default() {
        let Some((stage, places)) = api_stage(issues, &item) else { continue };
        let is_same =
            |(known, _): &(ApiStage, _)| (&known.api_id, &known.stage) == (&stage.api_id, &stage.stage);
        if stages.iter().any(is_same) {
            let (api, name) = (quoted(&stage.api_id), quoted(&stage.stage));
            issues.at(&item, format!("the stage {name} of the API {api} is there twice"));
            continue;
        }
        stages.push((stage, places));
    }
    stages
}

fn api_stage(issues: &mut Issues<'_>, cursor: &Cursor<'_>) -> Option<(ApiStage, StagePlaces)> {
    issues.mapping(cursor)?;
    issues.known_keys(cursor, &STAGE_KEYS);
    let api = issues.required(cursor, "apiId");
    let api_id = api.and_then(|api| issues.named(&api, is_rest_api_id, "an id of `[a-z0-9]`"));
    let stage = issues.required(cursor, "stage");
    let place = stage.as_ref().unwrap_or(cursor).place(issues.file());
    let stage =
        stage.and_then(|stage| issues.named(&stage, is_stage_name, "a stage name of `[A-Za-z0-9_-]`"));
    let (throttles, methods) = method_throttles(issues, cursor).into_iter().unzip();
    Some((ApiStage { api_id: api_id?, stage: stage?, throttles }, StagePlaces { stage: place, methods }))
}

fn method_throttles(issues: &mut Issues<'_>, stage: &Cursor<'_>) -> Vec<(MethodThrottle, Place)> {
    let Some(cursor) = stage.get("throttle") else { return Vec::new() };
    let members = issues.mapping(&cursor).unwrap_or_default();
    if members.len() > METHOD_THROTTLES {
        let message =
            format!("{} methods; a stage of a plan throttles at most {METHOD_THROTTLES}", members.len());
        issues.at(&cursor, message);
    }
    let mut throttles: Vec<(MethodThrottle, Place)> = Vec::new();
    for (key, member) in members {
        let name = issues.method_key(&member, key);
        let throttle = issues.throttle(&member);
        let (Some((resource_path, http_method)), Some(throttle)) = (name, throttle) else { continue };
        let throttle = MethodThrottle { resource_path, http_method, throttle };
        let method = |throttle: &MethodThrottle| (throttle.resource_path.clone(), throttle.http_method);
        if throttles.iter().any(|(known, _)| method(known) == method(&throttle)) {
            issues.at_key(&member, format!("{} is there twice", quoted(key)), None);
            continue;
        }
        throttles.push((throttle, member.key_place(issues.file())));
    }
    throttles
}

/// `offset` is subtracted from the first period of a key, so that it has to be below the limit (tables.md §9.6).
fn quota(issues: &mut Issues<'_>, cursor: &Cursor<'_>) -> Option<QuotaSettings> {
    issues.mapping(cursor)?;
    issues.known_keys(cursor, &QUOTA_KEYS);
    let limit = issues.required(cursor, "limit").and_then(|limit| issues.integer(&limit, 0, QUOTA_LIMIT));
    let period = issues.required(cursor, "period").and_then(|cursor| period(issues, &cursor));
    let offset = match cursor.get("offset") {
        Some(cursor) => Some((issues.integer(&cursor, 0, QUOTA_LIMIT)?, cursor)),
        None => None,
    };
    let (limit, period) = (limit?, period?);
    if let Some((offset, cursor)) = offset.as_ref().filter(|(offset, _)| *offset > 0 && *offset >= limit) {
        issues.at(cursor, format!("the offset {offset} is not below the limit {limit}"));
    }
    Some(QuotaSettings { limit, offset: offset.map_or(0, |(offset, _)| offset), period })
}

fn period(issues: &mut Issues<'_>, cursor: &Cursor<'_>) -> Option<QuotaPeriod> {
    let text = issues.string(cursor)?;
    let period = period_of(text);
    if period.is_none() {
        issues.at(cursor, format!("{} is not `DAY`, `WEEK` or `MONTH`", quoted(text)));
    }
    period
}

/// The period that `name` is AWS's word for.
pub(crate) fn period_of(name: &str) -> Option<QuotaPeriod> {
    [QuotaPeriod::Day, QuotaPeriod::Week, QuotaPeriod::Month]
        .into_iter()
        .find(|period| period.as_str() == name)
}

impl Issues<'_> {
    /// The id of a plan or key: AWS makes ten characters; a file may be more telling.
    pub(super) fn usage_id(&mut self, cursor: &Cursor<'_>) -> Option<String> {
        self.named(cursor, is_usage_id, "an id: 1 to 128 characters of `[A-Za-z0-9_-]`")
    }

    /// Requests that may be under way at a time; ours, not AWS's.
    pub(crate) fn concurrency_limit(&mut self, cursor: &Cursor<'_>) -> Option<u32> {
        self.integer(cursor, 1, u64::from(u32::MAX)).map(|limit| limit as u32)
    }
}

/// `[A-Za-z0-9_-]{1,128}`
pub(crate) fn is_usage_id(id: &str) -> bool {
    is_stage_name(id)
}
