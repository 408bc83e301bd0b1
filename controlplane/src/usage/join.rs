//! Several usage files together, and with the stages that there are.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use ringway_core::model::{Api, ApiKeys, UsagePlan};

use super::{KeyEntry, PlanEntry, UsageFile};
use crate::issue::{Issue, Place, quoted};
use crate::load::Beside;
use crate::throttle::has_method;

/// Usage files that fit together.
#[derive(Debug, Default)]
pub(crate) struct Joined {
    pub(crate) files: Vec<Arc<UsageFile>>,
    pub(crate) plans: Vec<Arc<UsagePlan>>,
    pub(crate) keys: ApiKeys,
}

impl Joined {
    /// Joins files. What is as it was `before` is shared with it; where no file has changed, nothing is looked at.
    ///
    /// # Errors
    /// What is in two places, and keys that do not fit the plans.
    pub(crate) fn new(files: Vec<Arc<UsageFile>>, before: &Joined) -> Result<Joined, Vec<Issue>> {
        let is_same = |(now, before): (&Arc<UsageFile>, &Arc<UsageFile>)| Arc::ptr_eq(now, before);
        if files.len() == before.files.len() && files.iter().zip(&before.files).all(is_same) {
            return Ok(Joined { files, plans: before.plans.clone(), keys: before.keys.clone() });
        }
        let mut issues = Vec::new();
        let mut plans: HashMap<&str, &PlanEntry> = HashMap::new();
        let mut in_order = Vec::new();
        for entry in files.iter().flat_map(|file| &file.plans) {
            if let Some(first) = plans.get(entry.plan.id.as_str()) {
                let message =
                    format!("the usage plan {} is already at {}", quoted(&entry.plan.id), first.place);
                issues.push(Issue::new(entry.place.clone(), message));
                continue;
            }
            plans.insert(&entry.plan.id, entry);
            in_order.push(entry.plan.clone());
        }
        let mut keys = join_keys(&files, &plans, &mut issues);
        if !issues.is_empty() {
            return Err(issues);
        }
        keys.share_with(&before.keys);
        Ok(Joined { files, plans: in_order, keys })
    }

    /// Every file that was read.
    pub(crate) fn read(&self) -> impl Iterator<Item = PathBuf> {
        self.files.iter().flat_map(|file| file.files.iter().cloned())
    }
}

fn join_keys(
    files: &[Arc<UsageFile>],
    plans: &HashMap<&str, &PlanEntry>,
    issues: &mut Vec<Issue>,
) -> ApiKeys {
    let mut keys = ApiKeys::default();
    let count = files.iter().map(|file| file.keys.len()).sum();
    let mut places: HashMap<&str, (&UsageFile, &KeyEntry)> = HashMap::with_capacity(count);
    for (file, entry) in files.iter().flat_map(|file| file.keys.iter().map(move |entry| (&**file, entry))) {
        let (id, place) = (entry.key.id.as_str(), |member| file.place(entry, member));
        if let Some((first_file, first)) = places.get(id) {
            let first = first_file.place(first, "");
            let message = format!("the id {} is already that of the API key at {first}", quoted(id));
            let issue = Issue::new(place("/id"), message);
            let help = "rows of the same name need a column `Id`".to_owned();
            issues.push(Issue { help: entry.index.is_none().then_some(help), ..issue });
            continue;
        }
        if let Some(first) = keys.get(&entry.key.value) {
            let (first_file, first) = places[first.id.as_str()];
            let message = format!("the API key at {} has the same value", first_file.place(first, ""));
            issues.push(Issue::new(place("/value"), message));
            continue;
        }
        check_plans(entry, plans, &|| place("/usagePlanIds"), issues);
        places.insert(id, (file, entry));
        keys.insert(entry.key.clone());
    }
    keys
}

/// A key may be in several plans, and in one of each stage (tables.md §9.6).
fn check_plans(
    entry: &KeyEntry,
    plans: &HashMap<&str, &PlanEntry>,
    place: &dyn Fn() -> Place,
    issues: &mut Vec<Issue>,
) {
    let mut known: Vec<&UsagePlan> = Vec::new();
    for id in &entry.key.usage_plans {
        let Some(plan) = plans.get(id.as_str()).map(|entry| &*entry.plan) else {
            let message = format!("no usage file has the usage plan {}", quoted(id));
            issues.push(Issue::new(place(), message));
            continue;
        };
        for other in &known {
            if let Some((api, stage)) = shared_stage(plan, other) {
                issues.push(Issue::new(
                    place(),
                    format!(
                        "the usage plans {} and {} both have the stage {} of the API {}: a key can be in one plan of a stage",
                        quoted(&other.id),
                        quoted(id),
                        quoted(stage),
                        quoted(api)
                    ),
                ));
            }
        }
        known.push(plan);
    }
}

/// The API and the name of a stage that two plans have.
fn shared_stage<'p>(one: &'p UsagePlan, other: &UsagePlan) -> Option<(&'p str, &'p str)> {
    let shared = one.api_stages.iter().find(|stage| {
        other.api_stages.iter().any(|known| (&known.api_id, &known.stage) == (&stage.api_id, &stage.stage))
    });
    shared.map(|stage| (stage.api_id.as_str(), stage.stage.as_str()))
}

/// Reports the stages and methods of plans that do not exist.
pub(crate) fn check_stages(files: &[Arc<UsageFile>], apis: &[Arc<Api>], beside: Beside<'_>) -> Vec<Issue> {
    let others = match beside {
        Beside::Known(configuration) => configuration.apis.as_slice(),
        Beside::Nothing | Beside::Unknown => &[],
    };
    let known = by_id(apis.iter().chain(others));
    let mut issues = Vec::new();
    for entry in files.iter().flat_map(|file| &file.plans) {
        for missing in missing(&entry.plan, &known) {
            if missing.is_api && matches!(beside, Beside::Unknown) {
                continue;
            }
            let places = &entry.stages[missing.stage];
            let place = missing.method.map_or(&places.stage, |method| &places.methods[method]);
            issues.push(Issue { help: missing.help, ..Issue::new(place.clone(), missing.message) });
        }
    }
    issues
}

/// What of the stages and methods that usage plans name is in none of `apis`; each message names its plan.
pub fn plan_problems(plans: &[Arc<UsagePlan>], apis: &[Arc<Api>]) -> Vec<String> {
    let known = by_id(apis.iter());
    let told = |plan: &Arc<UsagePlan>| {
        let id = quoted(&plan.id);
        missing(plan, &known)
            .into_iter()
            .map(move |missing| format!("the usage plan {id}: {}", missing.message))
    };
    plans.iter().flat_map(told).collect()
}

fn by_id<'a>(apis: impl Iterator<Item = &'a Arc<Api>>) -> HashMap<&'a str, &'a Api> {
    apis.map(|api| (api.id.as_str(), &**api)).collect()
}

/// Something that a plan names and that is not there.
struct Missing {
    /// Which of the plan's stages names it.
    stage: usize,
    /// Which of the throttles of that stage.
    method: Option<usize>,
    is_api: bool,
    message: String,
    help: Option<String>,
}

fn missing(plan: &UsagePlan, apis: &HashMap<&str, &Api>) -> Vec<Missing> {
    let mut found = Vec::new();
    for (index, stage) in plan.api_stages.iter().enumerate() {
        let mut push = |method, is_api, message, help| {
            found.push(Missing { stage: index, method, is_api, message, help });
        };
        let Some(api) = apis.get(stage.api_id.as_str()) else {
            push(None, true, format!("there is no API {}", quoted(&stage.api_id)), None);
            continue;
        };
        let (api_name, stage_name) = (quoted(&stage.api_id), quoted(&stage.stage));
        let Some(known) = api.stages.iter().find(|known| known.stage_name == stage.stage) else {
            let names: Vec<&str> = api.stages.iter().map(|stage| stage.stage_name.as_str()).collect();
            let help = format!("its stages are: {}", names.join(", "));
            push(None, false, format!("the API {api_name} has no stage {stage_name}"), Some(help));
            continue;
        };
        for (index, throttle) in stage.throttles.iter().enumerate() {
            let method = (throttle.resource_path.clone(), throttle.http_method);
            if !has_method(known, &method) {
                let (verb, path) = (method.1.as_str(), quoted(&method.0));
                let message =
                    format!("the stage {stage_name} of the API {api_name} has no method {verb} at {path}");
                push(Some(index), false, message, None);
            }
        }
    }
    found
}
