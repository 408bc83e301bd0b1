//! UpdateUsagePlan (tables.md §7, §8.8).

use std::str::FromStr;

use crate::aws::call::Call;
use crate::aws::exception::Exception;
use crate::aws::patch::{Op, PatchOperation};
use crate::aws::wire::{ApiStage, QuotaSettings, ThrottleSettings, UsagePlan};
use crate::aws::{Answer, State};

use super::{tags, usage_plan, usage_plan_key};

/// What AWS lists for `remove`, with its slip of the pen.
const REMOVABLE: &str = "/apiStages, /quota, /throttle, /productCode, \
                         /apiStages/<apidId:stageName>/throttle/<resourcePath>/<httpMethod>, /apiStages/<apidId:stageName>/throttle";
/// In the same manner, for `add` and `replace`: AWS's lists are not known.
const ADDABLE: &str = "/apiStages, /productCode, /quota, /quota/limit, /quota/offset, /quota/period, /throttle, /throttle/burstLimit, \
                       /throttle/rateLimit, /apiStages/<apidId:stageName>/throttle/<resourcePath>/<httpMethod>/burstLimit, \
                       /apiStages/<apidId:stageName>/throttle/<resourcePath>/<httpMethod>/rateLimit";
const REPLACEABLE: &str = "/name, /description, /productCode, /quota/limit, /quota/offset, /quota/period, /throttle/burstLimit, \
                           /throttle/rateLimit, /apiStages/<apidId:stageName>/throttle/<resourcePath>/<httpMethod>/burstLimit, \
                           /apiStages/<apidId:stageName>/throttle/<resourcePath>/<httpMethod>/rateLimit";

pub(super) fn update(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let operations = call.patch_operations()?;
    let mut plan = usage_plan::find(state, call.path("usageplanId"))?.clone();
    for operation in &operations {
        patch(state, &mut plan, operation)?;
    }
    usage_plan::check_settings(&plan)?;
    for (key, _) in state.usage_plan_keys.children(&plan.id) {
        usage_plan_key::check_one_plan_per_stage(state, &plan.id, key, &plan.api_stages)?;
    }
    let shown = tags::shown(&plan);
    state.usage_plans.put(plan.id.clone(), plan);
    Ok(Answer::Json(shown))
}

fn patch(state: &State, plan: &mut UsagePlan, operation: &PatchOperation) -> Result<(), Exception> {
    match (operation.segments().as_slice(), operation.op) {
        (["name"], Op::Replace) => plan.name = usage_plan::checked_name(operation.value.clone())?,
        (["description"], Op::Replace) => plan.description = operation.text(),
        // Terraform adds it after creation, which has no place for it.
        (["productCode"], Op::Add | Op::Replace) => plan.product_code = operation.text(),
        (["productCode"], Op::Remove) => plan.product_code = None,
        (["throttle"], Op::Add) => {
            plan.throttle.get_or_insert_default();
        }
        (["throttle"], Op::Remove) => plan.throttle = None,
        (["throttle", field @ ("burstLimit" | "rateLimit")], Op::Add | Op::Replace) => {
            set_throttle(plan.throttle.get_or_insert_default(), field, operation)?;
        }
        (["quota"], Op::Add) => {
            plan.quota.get_or_insert_default();
        }
        (["quota"], Op::Remove) => plan.quota = None,
        (["quota", field @ ("limit" | "offset" | "period")], Op::Add | Op::Replace) => {
            set_quota(plan.quota.get_or_insert_default(), field, operation)?;
        }
        (["apiStages"], Op::Add | Op::Remove) => patch_stages(state, plan, operation)?,
        (["apiStages", stage, "throttle", path @ ..], _) => {
            let index = position(plan, stage)?;
            patch_stage_throttle(&mut plan.api_stages[index], path, operation)?;
        }
        _ => return Err(refused_path(operation)),
    }
    Ok(())
}

/// Adds or removes the stage that the value names. A stage that is there already is not added again; one that was deleted from
/// its API can still be removed.
fn patch_stages(state: &State, plan: &mut UsagePlan, operation: &PatchOperation) -> Result<(), Exception> {
    let value = operation.value.as_deref().unwrap_or_default();
    if operation.op == Op::Remove {
        let index = position(plan, value)?;
        plan.api_stages.remove(index);
        return Ok(());
    }
    let (api_id, stage) = split(value)?;
    if !state.has_stage(api_id, stage) {
        return Err(unknown_stage(plan, api_id, stage));
    }
    if position(plan, value).is_err() {
        let (api_id, stage) = (api_id.to_owned(), stage.to_owned());
        plan.api_stages.push(ApiStage { api_id, stage, ..ApiStage::default() });
    }
    Ok(())
}

/// `api:stage`
fn split(value: &str) -> Result<(&str, &str), Exception> {
    let parts = value.split_once(':').filter(|(api, stage)| !api.is_empty() && !stage.is_empty());
    parts.ok_or_else(|| Exception::bad_request("Invalid API Stage specified"))
}

/// Where the plan has a stage.
fn position(plan: &UsagePlan, value: &str) -> Result<usize, Exception> {
    let (api, stage) = split(value)?;
    let found = plan.api_stages.iter().position(|known| known.api_id == api && known.stage == stage);
    found.ok_or_else(|| unknown_stage(plan, api, stage))
}

fn unknown_stage(plan: &UsagePlan, api: &str, stage: &str) -> Exception {
    let id = &plan.id;
    Exception::not_found(format!(
        "Invalid API Stage {{api: {api}, stage: {stage}}} specified for usageplan {id}"
    ))
}

/// `{resource}/{METHOD}/{field}` below `/throttle`. Slashes of the resource may be written as `~1` or as they are: tools do both.
/// What is left of a method without one of its limits is nothing.
fn patch_stage_throttle(
    stage: &mut ApiStage,
    path: &[&str],
    operation: &PatchOperation,
) -> Result<(), Exception> {
    let (method, field) = match path {
        [method @ .., field @ ("burstLimit" | "rateLimit")] => (method, Some(*field)),
        method => (method, None),
    };
    match (method, field, operation.op) {
        ([], None, Op::Remove) => stage.throttle.clear(),
        ([_, _, ..], _, Op::Remove) => {
            stage.throttle.remove(&method.join("/"));
        }
        ([_, _, ..], Some(field), Op::Add | Op::Replace) => {
            usage_plan::check_method(&method.join("/"))?;
            set_throttle(stage.throttle.entry(method.join("/")).or_default(), field, operation)?;
        }
        _ => return Err(refused_path(operation)),
    }
    Ok(())
}

fn set_throttle(
    throttle: &mut ThrottleSettings,
    field: &str,
    operation: &PatchOperation,
) -> Result<(), Exception> {
    match field {
        "burstLimit" => throttle.burst_limit = number(operation)?,
        _ => throttle.rate_limit = number(operation)?,
    }
    Ok(())
}

fn set_quota(quota: &mut QuotaSettings, field: &str, operation: &PatchOperation) -> Result<(), Exception> {
    match field {
        "limit" => quota.limit = number(operation)?,
        "offset" => quota.offset = number(operation)?,
        _ => quota.period = operation.value.clone().unwrap_or_default(),
    }
    Ok(())
}

fn number<T: FromStr>(operation: &PatchOperation) -> Result<T, Exception> {
    let value = operation.value.as_deref().unwrap_or("null");
    let invalid = || format!("Invalid value specified for {}: {value}", operation.path);
    value.parse().map_err(|_| Exception::bad_request(invalid()))
}

fn refused_path(operation: &PatchOperation) -> Exception {
    let list = match operation.op {
        Op::Remove => REMOVABLE,
        Op::Add => ADDABLE,
        _ => REPLACEABLE,
    };
    let (path, op) = (&operation.path, operation.op.as_str());
    let message = format!("Invalid patch path  '{path}' specified for op '{op}'. Must be one of: [{list}]");
    Exception::bad_request(message)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::aws::ControlPlane;
    use crate::aws::table::key;
    use crate::aws::testing::{control_plane, good, refused};
    use crate::aws::wire::Stage;

    /// An API with a stage `s`, and the path of a plan.
    fn plan() -> (ControlPlane, String, String) {
        let mut plane = control_plane();
        let text = |value: Value| value["id"].as_str().unwrap().to_owned();
        let api = text(good(&mut plane, "POST", "/restapis", json!({"name": "a"})));
        plane.state.stages.put(key(&api, "s"), Stage { stage_name: "s".into(), ..Stage::default() });
        let plan = text(good(&mut plane, "POST", "/usageplans", json!({"name": "p"})));
        (plane, api, format!("/usageplans/{plan}"))
    }

    fn operations(operations: &[(&str, &str, &str)]) -> Value {
        let operation =
            |(op, path, value): &(&str, &str, &str)| json!({"op": op, "path": path, "value": value});
        json!({"patchOperations": operations.iter().map(operation).collect::<Vec<_>>()})
    }

    #[test]
    fn texts_throttle_and_quota() {
        let (mut plane, _, path) = plan();
        let mut patch = |list: &[(&str, &str, &str)]| good(&mut plane, "PATCH", &path, operations(list));
        let patched = patch(&[
            ("replace", "/name", "n"),
            ("replace", "/description", "d"),
            ("add", "/productCode", "b"),
            ("replace", "/productCode", "c"),
            ("replace", "/throttle/burstLimit", "5"),
            ("add", "/throttle/rateLimit", "2.5"),
            ("replace", "/quota/limit", "100"),
            ("add", "/quota/period", "WEEK"),
        ]);
        assert_eq!((&patched["name"], &patched["description"]), (&json!("n"), &json!("d")));
        assert_eq!((&patched["productCode"], &patched["tags"]), (&json!("c"), &json!({})));
        assert_eq!(patched["throttle"], json!({"burstLimit": 5, "rateLimit": 2.5}));
        assert_eq!(patched["quota"], json!({"limit": 100, "offset": 0, "period": "WEEK"}));
        let patched =
            patch(&[("add", "/quota", ""), ("add", "/throttle", ""), ("replace", "/quota/offset", "6")]);
        assert_eq!(patched["quota"], json!({"limit": 100, "offset": 6, "period": "WEEK"}));
        assert_eq!(patched["throttle"]["burstLimit"], 5);
        let patched =
            patch(&[("remove", "/quota", ""), ("remove", "/throttle", ""), ("remove", "/productCode", "")]);
        for member in ["quota", "throttle", "productCode"] {
            assert!(patched.get(member).is_none(), "{member}");
        }
    }

    #[test]
    fn stages_and_their_methods() {
        let (mut plane, api, path) = plan();
        let mut patch = |op: &str, path_: &str, value: &str| {
            let patched = good(&mut plane, "PATCH", &path, operations(&[(op, path_, value)]));
            patched["apiStages"].clone()
        };
        let stage = format!("{api}:s");
        assert_eq!(patch("add", "/apiStages", &stage), json!([{"apiId": api, "stage": "s"}]));
        assert_eq!(patch("add", "/apiStages", &stage).as_array().unwrap().len(), 1);
        let throttle = format!("/apiStages/{stage}/throttle");
        patch("add", &format!("{throttle}/~1pets~1{{id}}/GET/rateLimit"), "1.5");
        // As Terraform writes it.
        patch("replace", &format!("{throttle}//pets/{{id}}/GET/burstLimit"), "2");
        let found = patch("replace", &format!("{throttle}/~1/POST/burstLimit"), "3");
        let get = json!({"burstLimit": 2, "rateLimit": 1.5});
        assert_eq!(
            found[0]["throttle"],
            json!({"/pets/{id}/GET": get, "//POST": {"burstLimit": 3, "rateLimit": 0.0}})
        );
        let found = patch("remove", &format!("{throttle}/~1pets~1{{id}}/GET"), "");
        assert_eq!(found[0]["throttle"].as_object().unwrap().len(), 1);
        assert_eq!(patch("remove", &throttle, ""), json!([{"apiId": api, "stage": "s"}]));
        assert_eq!(patch("remove", "/apiStages", &stage), json!([]));
    }

    #[test]
    fn refuses() {
        let (mut plane, api, path) = plan();
        let id = path.strip_prefix("/usageplans/").unwrap();
        let unknown = format!("Invalid API Stage {{api: {api}, stage: x}} specified for usageplan {id}");
        let removable = "Must be one of: [/apiStages, /quota, /throttle, /productCode, \
                         /apiStages/<apidId:stageName>/throttle/<resourcePath>/<httpMethod>, \
                         /apiStages/<apidId:stageName>/throttle]";
        for (op, path_, value, message) in [
            ("add", "/apiStages", "", "Invalid API Stage specified".to_owned()),
            ("add", "/apiStages", "x", "Invalid API Stage specified".to_owned()),
            ("remove", "/apiStages", "", "Invalid API Stage specified".to_owned()),
            ("add", "/apiStages", &format!("{api}:x"), unknown.clone()),
            ("remove", "/apiStages", &format!("{api}:x"), unknown.clone()),
            ("add", &format!("/apiStages/{api}:x/throttle/~1/GET/rateLimit"), "1", unknown),
            (
                "remove",
                "/apiStages/a:b",
                "",
                format!("Invalid patch path  '/apiStages/a:b' specified for op 'remove'. {removable}"),
            ),
            (
                "replace",
                "/throttle/rateLimit",
                "x",
                "Invalid value specified for /throttle/rateLimit: x".into(),
            ),
            (
                "replace",
                "/throttle/burstLimit",
                "1.5",
                "Invalid value specified for /throttle/burstLimit: 1.5".into(),
            ),
            (
                "replace",
                "/quota/limit",
                "5",
                "Invalid quota period specified. Valid options are DAY,WEEK,MONTH".into(),
            ),
            ("replace", "/name", "", "Usage Plan name cannot be blank".into()),
        ] {
            let body = operations(&[(op, path_, value)]);
            assert_eq!(refused(&mut plane, "PATCH", &path, body).1, message, "{op} {path_}");
        }
        let (exception, message) =
            refused(&mut plane, "PATCH", &path, operations(&[("replace", "/id", "x")]));
        assert_eq!(exception, "BadRequestException");
        assert!(
            message
                .starts_with("Invalid patch path  '/id' specified for op 'replace'. Must be one of: [/name,")
        );
    }
}
