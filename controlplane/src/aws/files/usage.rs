//! Usage plans and API keys as a usage file, and usage files as rows.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::sync::Arc;

use ringway_core::model::{self, DEFAULT_PRIORITY, UsagePlan};

use super::export::Exported;
use crate::ApiFiles;
use crate::aws::action::check_usage_plan;
use crate::aws::table::key;
use crate::aws::wire::{self, ApiKey, ApiStage, QuotaSettings, ThrottleSettings, UsagePlanKey};
use crate::aws::{Serving, State};
use crate::throttle::has_method;
use crate::usage::{self, KeyEntry, PlanEntry, is_usage_id};

const PLANS_FILE: &str = "usage/plans.toml";
const KEYS_FILE: &str = "keys.csv";

/// Writes the plans, and the keys with their values where they are asked for.
pub(super) fn export(state: &State, serving: &Serving, with_keys: bool, into: &mut Exported) {
    let mut keys = String::new();
    if with_keys {
        keys = keys_file(state, into);
    } else if state.api_keys.iter().next().is_some() {
        let count = state.api_keys.iter().count();
        into.left_out.push(format!(
            "{count} API keys, and which usage plans they have: they are asked for with --with-api-keys"
        ));
    }
    for (id, row) in state.api_keys.iter() {
        let name = format!("API key {id} ({})", row.name.as_deref().unwrap_or("no name"));
        left_out(into, &name, row.customer_id.as_deref().map(|_| "customerId"), &row.tags);
    }
    if serving.usage_plans.is_empty() && keys.is_empty() {
        return;
    }
    let mut file = if keys.is_empty() { String::new() } else { format!("apiKeysFile = \"{KEYS_FILE}\"\n") };
    let mut written = Vec::new();
    for plan in &serving.usage_plans {
        let Some(row) = state.usage_plans.get(&plan.id) else { continue };
        let plan = in_file(plan, row, serving, into);
        plan_text(&mut file, &plan, row);
        written.push(plan);
    }
    check(&file, &keys, &written, into);
    into.files.push((PLANS_FILE.to_owned(), file));
    if !keys.is_empty() {
        into.files.push((format!("usage/{KEYS_FILE}"), keys));
    }
}

fn left_out(into: &mut Exported, name: &str, member: Option<&str>, tags: &wire::Texts) {
    into.left_out.extend(member.map(|member| format!("{name}: {member}")));
    into.left_out.extend(tags.keys().map(|tag| format!("{name}: tag {tag}")));
}

/// The plan as a file may have it: without the methods that its stages do not have.
fn in_file(plan: &UsagePlan, row: &wire::UsagePlan, serving: &Serving, into: &mut Exported) -> UsagePlan {
    let name = format!("usage plan {} ({})", row.id, row.name);
    left_out(into, &name, row.product_code.as_deref().map(|_| "productCode"), &row.tags);
    let mut plan = plan.clone();
    for stage in &row.api_stages {
        let is_same =
            |known: &&mut model::ApiStage| known.api_id == stage.api_id && known.stage == stage.stage;
        let place = format!("{name}, stage {}:{}", stage.api_id, stage.stage);
        let Some(known) = plan.api_stages.iter_mut().find(is_same) else {
            into.left_out.push(format!("{place}: it does not exist"));
            continue;
        };
        let api = serving.apis.iter().find(|api| api.id == stage.api_id);
        let served = api.and_then(|api| api.stages.iter().find(|served| served.stage_name == stage.stage));
        known.throttles.retain(|throttle| {
            let method = (throttle.resource_path.clone(), throttle.http_method);
            let is_there = served.is_some_and(|served| has_method(served, &method));
            if !is_there {
                let (path, verb) = (&method.0, method.1.as_str());
                into.left_out.push(format!("{place}: throttle {path}/{verb}: it has no such method"));
            }
            is_there
        });
    }
    plan
}

fn plan_text(file: &mut String, plan: &UsagePlan, row: &wire::UsagePlan) {
    let text = |text: &str| toml::Value::from(text).to_string();
    let throttle = |throttle: &model::ThrottleSettings| {
        format!("{{ rateLimit = {:?}, burstLimit = {} }}", throttle.rate_limit, throttle.burst_limit)
    };
    let _ = writeln!(file, "\n[[usagePlans]]\nid = {}\nname = {}", text(&plan.id), text(&plan.name));
    if let Some(description) = &row.description {
        let _ = writeln!(file, "description = {}", text(description));
    }
    if let Some(settings) = &plan.throttle {
        let _ = writeln!(file, "throttle = {}", throttle(settings));
    }
    if let Some(quota) = &plan.quota {
        let (limit, offset, period) = (quota.limit, quota.offset, quota.period.as_str());
        let _ = writeln!(file, "quota = {{ limit = {limit}, offset = {offset}, period = \"{period}\" }}");
    }
    for stage in &plan.api_stages {
        let (api, name) = (text(&stage.api_id), text(&stage.stage));
        let _ = writeln!(file, "[[usagePlans.apiStages]]\napiId = {api}\nstage = {name}");
        for limit in &stage.throttles {
            let method = text(&format!("{}/{}", limit.resource_path, limit.http_method.as_str()));
            let _ = writeln!(file, "throttle.{method} = {}", throttle(&limit.throttle));
        }
    }
}

/// AWS's form, with a column of ours for the ids.
fn keys_file(state: &State, into: &mut Exported) -> String {
    let mut file = String::new();
    for (id, row) in state.api_keys.iter() {
        if !is_usage_id(id) {
            into.left_out.push(format!(
                "API key {}: its id is no id of a file",
                row.name.as_deref().unwrap_or("without a name")
            ));
            continue;
        }
        if file.is_empty() {
            file.push_str("Id,Name,Key,Description,Enabled,UsagePlanIds\n");
        }
        let cell = |text: Option<&str>| format!("\"{}\"", text.unwrap_or_default().replace('"', "\"\""));
        let (name, value) = (cell(row.name.as_deref()), cell(row.value.as_deref()));
        let plans: Vec<&str> = state.plans_of(id).collect();
        let _ = writeln!(
            file,
            "{id},{name},{value},{},{},{}",
            cell(row.description.as_deref()),
            row.enabled,
            cell(Some(&plans.join(",")))
        );
    }
    file
}

/// Reads what was written: where that is something else than the rows are, that is told.
fn check(file: &str, keys: &str, plans: &[UsagePlan], into: &mut Exported) {
    let reader = |path: &Path| match path.ends_with(KEYS_FILE) {
        true => Ok(keys.to_owned()),
        false => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    match usage::parse(file, Path::new(PLANS_FILE), &reader) {
        Ok(read) if read.plans.iter().map(|entry| &*entry.plan).eq(plans) => {}
        Ok(_) => into.left_out.push("usage plans: the files differ from what is served".to_owned()),
        Err(issues) => {
            into.left_out.extend(issues.iter().map(|issue| format!("the file is not valid: {issue}")))
        }
    }
}

/// What of usage files is there already, and what only files have.
pub(super) fn refused(state: &State, files: &ApiFiles) -> Vec<String> {
    let mut errors = Vec::new();
    for PlanEntry { plan, .. } in files.usage.files.iter().flat_map(|file| &file.plans) {
        let name = format!("usage plan {}", plan.id);
        if state.usage_plans.get(&plan.id).is_some() {
            errors.push(format!("{name}: the store has it already"));
        }
        if plan.priority != DEFAULT_PRIORITY {
            errors.push(format!("{name}: the control plane has no `priority`; remove it from the file"));
        }
        if plan.concurrency_limit.is_some() {
            errors.push(format!(
                "{name}: the control plane has no `concurrencyLimit`; remove it from the file"
            ));
        }
    }
    for KeyEntry { key, .. } in files.usage.files.iter().flat_map(|file| &file.keys) {
        if state.api_keys.get(&key.id).is_some() {
            errors.push(format!("API key {}: the store has it already", key.id));
        } else if let Some(known) = state.api_key_with(&key.value) {
            errors.push(format!("API key {}: the store has its value already, as {}", key.id, known.id));
        }
    }
    errors
}

/// Writes plans and keys. The stages of the plans have to be there.
pub(super) fn write(state: &mut State, files: &ApiFiles, now: i64) -> Vec<String> {
    let mut errors = Vec::new();
    for entry in files.usage.files.iter().flat_map(|file| &file.plans) {
        let id = &entry.plan.id;
        for stage in &entry.plan.api_stages {
            if !state.has_stage(&stage.api_id, &stage.stage) {
                let (api, stage) = (&stage.api_id, &stage.stage);
                errors.push(format!(
                    "usage plan {id}: neither the files nor the store have the stage {stage} of API {api}"
                ));
            }
        }
        let row = plan_row(entry);
        if let Err(exception) = check_usage_plan(&row) {
            errors.push(format!("usage plan {id}: {}", exception.message));
        }
        state.usage_plans.put(id.as_str(), row);
    }
    for KeyEntry { key: entry, name, description, .. } in files.usage.files.iter().flat_map(|file| &file.keys)
    {
        let row = ApiKey {
            id: entry.id.clone(),
            value: Some(entry.value.to_string()),
            name: Some(name.to_string()).filter(|name| !name.is_empty()),
            description: description.as_deref().map(str::to_owned),
            enabled: entry.enabled,
            created_date: now,
            last_updated_date: now,
            ..ApiKey::default()
        };
        state.api_keys.put(entry.id.as_str(), row);
        for plan in &entry.usage_plans {
            let row = UsagePlanKey { id: entry.id.clone(), kind: "API_KEY".to_owned() };
            state.usage_plan_keys.put(key(plan, &entry.id), row);
        }
    }
    errors
}

fn plan_row(entry: &PlanEntry) -> wire::UsagePlan {
    let plan = &entry.plan;
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let throttle = |settings: model::ThrottleSettings| ThrottleSettings {
        burst_limit: settings.burst_limit.into(),
        rate_limit: settings.rate_limit,
    };
    let stage = |stage: &model::ApiStage| ApiStage {
        api_id: stage.api_id.clone(),
        stage: stage.stage.clone(),
        throttle: stage
            .throttles
            .iter()
            .map(|limit| {
                (format!("{}/{}", limit.resource_path, limit.http_method.as_str()), throttle(limit.throttle))
            })
            .collect(),
    };
    wire::UsagePlan {
        id: plan.id.clone(),
        name: plan.name.clone(),
        description: entry.description.clone().filter(|text| !text.is_empty()),
        api_stages: plan.api_stages.iter().map(stage).collect(),
        throttle: plan.throttle.map(throttle),
        quota: plan.quota.map(|quota| QuotaSettings {
            limit: number(quota.limit),
            offset: number(quota.offset),
            period: quota.period.as_str().to_owned(),
        }),
        ..wire::UsagePlan::default()
    }
}

/// Whether what would be served is what the files say.
pub(super) fn differences(serving: &Serving, files: &ApiFiles) -> Vec<String> {
    let served = |plan: &Arc<UsagePlan>| serving.usage_plans.iter().any(|known| known == plan);
    let plans = files.usage.plans.iter().filter(|plan| !served(plan));
    let mut lines: Vec<String> = plans
        .map(|plan| format!("usage plan {}: it would not be served as the file says", plan.id))
        .collect();
    let sorted = |key: &model::ApiKey| {
        let mut plans = key.usage_plans.clone();
        plans.sort();
        model::ApiKey { usage_plans: plans, ..key.clone() }
    };
    let is_served = |key: &&Arc<model::ApiKey>| {
        serving.api_keys.get(&key.value).is_some_and(|known| sorted(known) == sorted(key))
    };
    let keys = files.usage.keys.iter().filter(|key| !is_served(key));
    lines.extend(keys.map(|key| format!("API key {}: it would not be served as the file says", key.id)));
    lines
}
