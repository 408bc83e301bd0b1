//! Deployments (tables.md §8.7).

use serde_json::{Map, Value, json};

use ringway_core::model::Authorization;

use super::stage::{self, CanaryInput, Settings};
use crate::aws::call::Call;
use crate::aws::deploy;
use crate::aws::exception::Exception;
use crate::aws::operation::{Body, Operation, Support};
use crate::aws::page::page;
use crate::aws::patch::Op;
use crate::aws::table::key;
use crate::aws::wire::{CanarySettings, Deployment, Stage};
use crate::aws::{Answer, State};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateDeployment",
        method: "POST",
        uri: "/restapis/{restapi_id}/deployments",
        status: 201,
        body: Body::Members(&[
            "stageName",
            "stageDescription",
            "description",
            "cacheClusterEnabled",
            "cacheClusterSize",
            "variables",
            "canarySettings",
            "tracingEnabled",
        ]),
        query: &[],
        support: Support::Supported(create),
    },
    Operation {
        name: "DeleteDeployment",
        method: "DELETE",
        uri: "/restapis/{restapi_id}/deployments/{deployment_id}",
        status: 202,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(delete),
    },
    Operation {
        name: "GetDeployment",
        method: "GET",
        uri: "/restapis/{restapi_id}/deployments/{deployment_id}",
        status: 200,
        body: Body::Members(&[]),
        query: &["embed"],
        support: Support::Supported(get),
    },
    Operation {
        name: "GetDeployments",
        method: "GET",
        uri: "/restapis/{restapi_id}/deployments",
        status: 200,
        body: Body::Members(&[]),
        query: &["position", "limit"],
        support: Support::Supported(list),
    },
    Operation {
        name: "UpdateDeployment",
        method: "PATCH",
        uri: "/restapis/{restapi_id}/deployments/{deployment_id}",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Supported(update),
    },
];

fn find<'s>(state: &'s State, call: &Call<'_>) -> Result<&'s Deployment, Exception> {
    let api = state.rest_api(call.path("restapi_id"))?;
    let found = state.deployments.child(&api.id, call.path("deployment_id"));
    found.ok_or_else(|| Exception::not_found("Invalid Deployment identifier specified"))
}

fn create(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let members = call.members();
    let mut violations = Vec::new();
    let settings = Settings::read(&members, &call.input(), "stageDescription", &mut violations)?;
    let known = ["percentTraffic", "stageVariableOverrides", "useStageCache"];
    let canary = CanaryInput::read(&members, &known)?;
    if !violations.is_empty() {
        return Err(Exception::validation(&violations));
    }
    let stage_name = members.owned("stageName")?;
    let description = members.owned("description")?.filter(|text| !text.is_empty());
    let api = state.rest_api(call.path("restapi_id"))?.clone();
    let target = target(state, &api.id, stage_name.as_deref(), canary.is_some())?;
    let id = state.ids.short();
    deploy::freeze(state, &api, &id)?;
    let deployment = Deployment { id, description, created_date: call.now };
    let answer = Answer::of(&deployment);
    let deployment_id = deployment.id.clone();
    state.deployments.put(key(&api.id, &deployment.id), deployment);
    if let Some(name) = stage_name.filter(|name| !name.is_empty()) {
        let is_new = target.is_none();
        let mut stage = target.unwrap_or_else(|| stage::new(name, deployment_id.clone(), call.now));
        settings.apply(&mut stage)?;
        match canary {
            Some(canary) => {
                let settings = CanarySettings { deployment_id, ..CanarySettings::default() };
                stage.canary_settings = Some(canary.over(settings)?);
            }
            None => stage.deployment_id = deployment_id,
        }
        stage.last_updated_date = call.now;
        stage::check(state, &api.id, &stage, is_new)?;
        state.stages.put(key(&api.id, &stage.stage_name), stage);
    }
    Ok(answer)
}

/// The stage that a deployment is for, where it exists (recorded, tables.md §8.7).
fn target(state: &State, api: &str, name: Option<&str>, is_canary: bool) -> Result<Option<Stage>, Exception> {
    let refuse =
        |why: String| Err(Exception::bad_request(format!("Invalid deployment content specified.{why}")));
    let Some(stage_name) = name.filter(|name| !name.is_empty()) else {
        return match is_canary {
            true => refuse(format!(
                "Non null and non empty stageName must be provided for canary deployment. Provided value is {}",
                name.unwrap_or("null")
            )),
            false => Ok(None),
        };
    };
    let stage = state.stages.child(api, stage_name).cloned();
    match &stage {
        None if is_canary => refuse(format!(
            "Stage {stage_name} must already be created before making a canary release deployment"
        )),
        None => stage::check_name(stage_name).map(|()| None),
        // The guide refuses it; the words are ours.
        Some(stage) if stage.canary_settings.is_some() && !is_canary => refuse(format!(
            "Stage {stage_name} has a canary release; remove or promote it before making another deployment"
        )),
        Some(_) => Ok(stage),
    }
}

fn delete(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let id = find(state, call)?.id.clone();
    let api = call.path("restapi_id");
    let uses = |stage: &Stage| {
        let canary = stage.canary_settings.as_ref();
        stage.deployment_id == id || canary.is_some_and(|canary| canary.deployment_id == id)
    };
    if state.stages.children(api).any(|(_, stage)| uses(stage)) {
        return Err(Exception::bad_request(
            "Active stages pointing to this deployment must be moved or deleted",
        ));
    }
    state.deployments.remove(&key(api, &id));
    state.frozen_apis.remove(&key(api, &id));
    Ok(Answer::Empty)
}

fn get(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let deployment = find(state, call)?.clone();
    let mut shown = json!(deployment);
    if call.query_all("embed").contains(&"apisummary") {
        shown["apiSummary"] = summary(state, call.path("restapi_id"), &deployment.id)?;
    }
    Ok(Answer::Json(shown))
}

/// `{path: {METHOD: {authorizationType, apiKeyRequired}}}`
fn summary(state: &mut State, api: &str, id: &str) -> Result<Value, Exception> {
    let deployed = deploy::find_deployed(state, api, id)?;
    let mut paths = Map::new();
    for resource in &deployed.deployment.rest_api.resources {
        let methods = resource.methods.iter().map(|method| {
            let authorization = match method.authorization {
                Authorization::None => "NONE",
                Authorization::AwsIam => "AWS_IAM",
                Authorization::Custom { .. } => "CUSTOM",
                Authorization::CognitoUserPools { .. } => "COGNITO_USER_POOLS",
            };
            let shown =
                json!({"authorizationType": authorization, "apiKeyRequired": method.api_key_required});
            (method.http_method.as_str().to_owned(), shown)
        });
        paths.insert(resource.path.clone(), Value::Object(methods.collect()));
    }
    Ok(Value::Object(paths))
}

fn list(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let api = state.rest_api(call.path("restapi_id"))?;
    page(call, state.deployments.children(&api.id), |deployment| json!(deployment))
}

fn update(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let operations = call.patch_operations()?;
    let mut deployment = find(state, call)?.clone();
    for operation in &operations {
        match (operation.segments().as_slice(), operation.op) {
            (["description"], Op::Replace) => deployment.description = operation.text(),
            _ => return Err(operation.refused_path("/description")),
        }
    }
    let answer = Answer::of(&deployment);
    state.deployments.put(key(call.path("restapi_id"), &deployment.id), deployment);
    Ok(answer)
}
