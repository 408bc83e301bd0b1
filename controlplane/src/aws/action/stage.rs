//! Stages (tables.md §8.7, §9).

use serde_json::json;

use ringway_core::model::{is_stage_variable_name, is_stage_variable_value};

use super::stage_patch;
use crate::api_file::is_stage_name;
use crate::aws::call::{Call, Members};
use crate::aws::deploy;
use crate::aws::exception::{Exception, Violation};
use crate::aws::operation::{Body, Operation, Support};
use crate::aws::table::key;
use crate::aws::wire::{CanarySettings, Stage, Texts};
use crate::aws::{Answer, State};
use crate::stage_settings::{CACHE_SIZES, DEFAULT_CACHE_SIZE, cache_bytes};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateStage",
        method: "POST",
        uri: "/restapis/{restapi_id}/stages",
        status: 201,
        body: Body::Members(&[
            "stageName",
            "deploymentId",
            "description",
            "cacheClusterEnabled",
            "cacheClusterSize",
            "variables",
            "documentationVersion",
            "canarySettings",
            "tracingEnabled",
            "tags",
        ]),
        query: &[],
        support: Support::Supported(create),
    },
    Operation {
        name: "DeleteStage",
        method: "DELETE",
        uri: "/restapis/{restapi_id}/stages/{stage_name}",
        status: 202,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(delete),
    },
    Operation {
        name: "FlushStageAuthorizersCache",
        method: "DELETE",
        uri: "/restapis/{restapi_id}/stages/{stage_name}/cache/authorizers",
        status: 202,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(flush),
    },
    Operation {
        name: "FlushStageCache",
        method: "DELETE",
        uri: "/restapis/{restapi_id}/stages/{stage_name}/cache/data",
        status: 202,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(flush_cache),
    },
    Operation {
        name: "GetStage",
        method: "GET",
        uri: "/restapis/{restapi_id}/stages/{stage_name}",
        status: 200,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(get),
    },
    Operation {
        name: "GetStages",
        method: "GET",
        uri: "/restapis/{restapi_id}/stages",
        status: 200,
        body: Body::Members(&[]),
        query: &["deploymentId"],
        support: Support::Supported(list),
    },
    Operation {
        name: "UpdateStage",
        method: "PATCH",
        uri: "/restapis/{restapi_id}/stages/{stage_name}",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Supported(update),
    },
];

/// Most variables of a stage (tables.md §9.3).
const VARIABLES_MOST: usize = 100;

fn find<'s>(state: &'s State, call: &Call<'_>) -> Result<&'s Stage, Exception> {
    let api = state.rest_api(call.path("restapi_id"))?;
    let found = state.stages.child(&api.id, call.path("stage_name"));
    found.ok_or_else(|| Exception::not_found("Invalid stage identifier specified"))
}

/// A stage with AWS's defaults (tables.md §9.2).
pub(in crate::aws) fn new(stage_name: String, deployment_id: String, now: i64) -> Stage {
    Stage {
        stage_name,
        deployment_id,
        cache_cluster_status: "NOT_AVAILABLE".to_owned(),
        created_date: now,
        last_updated_date: now,
        ..Stage::default()
    }
}

/// What CreateStage and CreateDeployment both say of a stage.
pub(super) struct Settings {
    description: Option<String>,
    cache_cluster_enabled: Option<bool>,
    cache_cluster_size: Option<String>,
    variables: Option<Texts>,
    tracing_enabled: Option<bool>,
}

impl Settings {
    /// `description` names the member that describes the stage.
    pub(super) fn read(
        members: &Members<'_>,
        input: &str,
        description: &str,
        violations: &mut Vec<Violation>,
    ) -> Result<Self, Exception> {
        let cache_cluster_size = members.owned("cacheClusterSize")?;
        if let Some(size) = cache_cluster_size.as_deref().filter(|size| !is_cache_size(size)) {
            violations.push(Violation::not_in(size, format!("{input}.cacheClusterSize"), CACHE_SIZES));
        }
        Ok(Settings {
            description: members.owned(description)?,
            cache_cluster_enabled: members.boolean("cacheClusterEnabled")?,
            cache_cluster_size,
            variables: members.text_map("variables")?,
            tracing_enabled: members.boolean("tracingEnabled")?,
        })
    }

    /// Changes what is said, and nothing else.
    pub(super) fn apply(self, stage: &mut Stage) -> Result<(), Exception> {
        if let Some(description) = self.description {
            stage.description = Some(description).filter(|text| !text.is_empty());
        }
        if let Some(variables) = self.variables {
            check_variables(&variables)?;
            stage.variables = variables;
        }
        stage.tracing_enabled = self.tracing_enabled.unwrap_or(stage.tracing_enabled);
        if self.cache_cluster_size.is_some() {
            stage.cache_cluster_size = self.cache_cluster_size;
        }
        set_cache(stage, self.cache_cluster_enabled.unwrap_or(stage.cache_cluster_enabled));
        Ok(())
    }
}

pub(super) fn is_cache_size(size: &str) -> bool {
    cache_bytes(size).is_some()
}

/// AWS takes minutes for it; here nothing is to be built.
pub(in crate::aws) fn set_cache(stage: &mut Stage, is_enabled: bool) {
    stage.cache_cluster_enabled = is_enabled;
    let status = if is_enabled { "AVAILABLE" } else { "NOT_AVAILABLE" };
    stage.cache_cluster_status = status.to_owned();
    if is_enabled && stage.cache_cluster_size.is_none() {
        stage.cache_cluster_size = Some(DEFAULT_CACHE_SIZE.to_owned());
    }
}

/// `canarySettings` of a request.
pub(super) struct CanaryInput {
    percent_traffic: Option<f64>,
    deployment_id: Option<String>,
    overrides: Option<Texts>,
    use_stage_cache: Option<bool>,
}

impl CanaryInput {
    pub(super) fn read(members: &Members<'_>, known: &[&str]) -> Result<Option<Self>, Exception> {
        let Some(canary) = members.structure("canarySettings", known)? else { return Ok(None) };
        Ok(Some(CanaryInput {
            percent_traffic: canary.number("percentTraffic")?,
            deployment_id: canary.owned("deploymentId")?,
            overrides: canary.text_map("stageVariableOverrides")?,
            use_stage_cache: canary.boolean("useStageCache")?,
        }))
    }

    /// With `settings` where it says nothing.
    pub(super) fn over(self, settings: CanarySettings) -> Result<CanarySettings, Exception> {
        let percent_traffic = self.percent_traffic.unwrap_or(settings.percent_traffic);
        check_percent(percent_traffic)?;
        let stage_variable_overrides = self.overrides.unwrap_or(settings.stage_variable_overrides);
        check_variables(&stage_variable_overrides)?;
        Ok(CanarySettings {
            percent_traffic,
            deployment_id: self.deployment_id.unwrap_or(settings.deployment_id),
            stage_variable_overrides,
            use_stage_cache: self.use_stage_cache.unwrap_or(settings.use_stage_cache),
        })
    }
}

/// 0.0 to 100.0 (tables.md §9.4); the words are ours.
pub(super) fn check_percent(percent: f64) -> Result<(), Exception> {
    match (0.0..=100.0).contains(&percent) {
        true => Ok(()),
        false => Err(Exception::bad_request(format!(
            "Invalid percentTraffic value specified: {percent}. Must be between 0.0 and 100.0"
        ))),
    }
}

/// AWS's text, which does not tell of the hyphen that it allows since (klotho#235 shows it in 2023).
pub(super) fn check_name(name: &str) -> Result<(), Exception> {
    match is_stage_name(name) {
        true => Ok(()),
        false => Err(Exception::bad_request("Stage name only allows a-zA-Z0-9_")),
    }
}

/// Names and values (tables.md §9.3), in the words that public reports quote (serverless#6133, developer-guide#91).
pub(super) fn check_variables(variables: &Texts) -> Result<(), Exception> {
    for (name, value) in variables {
        if !is_stage_variable_name(name) {
            return Err(Exception::bad_request(format!(
                "Invalid stage variable name: {name}.  Please use names with only word characters."
            )));
        }
        if !is_stage_variable_value(value) {
            return Err(invalid_variable_value(value));
        }
    }
    match variables.len() <= VARIABLES_MOST {
        true => Ok(()),
        false => {
            Err(Exception::bad_request(format!("A stage can have at most {VARIABLES_MOST} stage variables")))
        }
    }
}

pub(super) fn invalid_variable_value(value: &str) -> Exception {
    Exception::bad_request(format!(
        "Invalid stage variable value: {value}.  Please use values with alphanumeric characters and the symbols \
         ' ', -', '.', '_', ':', '/', '?', '&', '=', and ','."
    ))
}

pub(super) fn check_deployment(state: &State, api: &str, id: &str) -> Result<(), Exception> {
    match state.deployments.child(api, id) {
        Some(_) => Ok(()),
        None => Err(Exception::bad_request("Deployment id does not exist")),
    }
}

/// Whether the stage can be served: its deployments exist, and its variables are those that they need. At AWS a call that needs a variable
/// that is not there fails; here the stage does. `is_new`: no other stage has the name.
pub(super) fn check(state: &mut State, api: &str, stage: &Stage, is_new: bool) -> Result<(), Exception> {
    if is_new {
        check_name(&stage.stage_name)?;
    }
    check_deployment(state, api, &stage.deployment_id)?;
    let mut problems =
        deploy::find_deployed(state, api, &stage.deployment_id)?.stage_problems(&stage.variables);
    if let Some(canary) = &stage.canary_settings {
        check_deployment(state, api, &canary.deployment_id)?;
        let variables = deploy::overlaid(&stage.variables, &canary.stage_variable_overrides);
        let deployed = deploy::find_deployed(state, api, &canary.deployment_id)?;
        problems.extend(
            deployed.stage_problems(&variables).into_iter().map(|problem| format!("canary: {problem}")),
        );
    }
    match problems.is_empty() {
        true => Ok(()),
        false => {
            let name = &stage.stage_name;
            Err(Exception::bad_request(format!(
                "The stage {name} cannot be served here: {}",
                problems.join("; ")
            )))
        }
    }
}

fn create(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let (members, input) = (call.members(), call.input());
    let mut violations = Vec::new();
    let (name, deployment_id) = (members.owned("stageName")?, members.owned("deploymentId")?);
    for (member, value) in [("stageName", &name), ("deploymentId", &deployment_id)] {
        if value.is_none() {
            violations.push(Violation::missing(format!("{input}.{member}")));
        }
    }
    let settings = Settings::read(&members, &input, "description", &mut violations)?;
    let known = ["percentTraffic", "deploymentId", "stageVariableOverrides", "useStageCache"];
    let canary = CanaryInput::read(&members, &known)?;
    if !violations.is_empty() {
        return Err(Exception::validation(&violations));
    }
    let api = state.rest_api(call.path("restapi_id"))?.id.clone();
    let (name, deployment_id) = (name.unwrap_or_default(), deployment_id.unwrap_or_default());
    check_name(&name)?;
    if state.stages.child(&api, &name).is_some() {
        return Err(Exception::conflict("Stage already exists"));
    }
    let mut stage = new(name, deployment_id, call.now);
    settings.apply(&mut stage)?;
    let own = CanarySettings { deployment_id: stage.deployment_id.clone(), ..CanarySettings::default() };
    stage.canary_settings = canary.map(|canary| canary.over(own)).transpose()?;
    stage.tags = super::tags::read(&members)?;
    stage.documentation_version = members.owned("documentationVersion")?.filter(|text| !text.is_empty());
    if let Some(version) = &stage.documentation_version {
        check_documentation(state, &api, version)?;
    }
    check(state, &api, &stage, true)?;
    let answer = Answer::of(&stage);
    state.stages.put(key(&api, &stage.stage_name), stage);
    Ok(answer)
}

pub(super) fn check_documentation(state: &State, api: &str, version: &str) -> Result<(), Exception> {
    match state.documentation_versions.child(api, version) {
        Some(_) => Ok(()),
        None => Err(Exception::not_found("Invalid Documentation version specified")),
    }
}

fn delete(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let name = find(state, call)?.stage_name.clone();
    let api = call.path("restapi_id");
    let mut mappings = state.base_path_mappings.iter();
    if mappings.any(|(_, row)| row.rest_api_id == api && row.stage.as_ref() == Some(&name)) {
        return Err(Exception::bad_request(
            "Please remove all base path mappings related to the stage in your account before deleting the stage.",
        ));
    }
    state.stages.remove(&key(api, &name));
    Ok(Answer::Empty)
}

/// There is no cache yet, so nothing of it stays.
fn flush(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    find(state, call).map(|_| Answer::Empty)
}

fn flush_cache(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let stage = find(state, call)?.stage_name.clone();
    Ok(Answer::FlushCache { api: call.path("restapi_id").to_owned(), stage })
}

fn get(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    find(state, call).map(Answer::of)
}

/// All of them, without pages.
fn list(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let api = state.rest_api(call.path("restapi_id"))?;
    let wanted = call.query("deploymentId").filter(|id| !id.is_empty());
    let stages = state.stages.children(&api.id).map(|(_, stage)| stage);
    let stages = stages.filter(|stage| wanted.is_none_or(|id| stage.deployment_id == id));
    Ok(Answer::Json(json!({ "item": stages.collect::<Vec<_>>() })))
}

fn update(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let operations = call.patch_operations()?;
    let before = find(state, call)?.clone();
    let api = call.path("restapi_id");
    let mut stage = before.clone();
    for operation in &operations {
        stage_patch::apply(state, api, &mut stage, operation)?;
    }
    let is_other = (&before.deployment_id, &before.variables, &before.canary_settings)
        != (&stage.deployment_id, &stage.variables, &stage.canary_settings);
    if is_other {
        check_variables(&stage.variables)?;
        check(state, api, &stage, false)?;
    }
    stage.last_updated_date = call.now;
    let answer = Answer::of(&stage);
    state.stages.put(key(api, &stage.stage_name), stage);
    Ok(answer)
}

#[cfg(test)]
#[path = "stage_tests.rs"]
mod tests;
