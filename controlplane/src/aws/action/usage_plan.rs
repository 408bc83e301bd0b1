//! Usage plans (tables.md §8.8, §9.6); their keys and what was used of them are in files of their own.

use crate::aws::call::{Call, Members};
use crate::aws::exception::{Exception, Violation};
use crate::aws::operation::{Body, Operation, Support};
use crate::aws::page::page;
use crate::aws::wire::{ApiStage, QuotaSettings, ThrottleSettings, UsagePlan};
use crate::aws::{Answer, State};

use super::{tags, usage, usage_plan_key, usage_plan_patch};
use crate::throttle::method_name;

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateUsagePlan",
        method: "POST",
        uri: "/usageplans",
        status: 201,
        body: Body::Members(&["name", "description", "apiStages", "throttle", "quota", "tags"]),
        query: &[],
        support: Support::Supported(create),
    },
    Operation {
        name: "CreateUsagePlanKey",
        method: "POST",
        uri: "/usageplans/{usageplanId}/keys",
        status: 201,
        body: Body::Members(&["keyId", "keyType"]),
        query: &[],
        support: Support::Supported(usage_plan_key::create),
    },
    Operation {
        name: "DeleteUsagePlan",
        method: "DELETE",
        uri: "/usageplans/{usageplanId}",
        status: 202,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(delete),
    },
    Operation {
        name: "DeleteUsagePlanKey",
        method: "DELETE",
        uri: "/usageplans/{usageplanId}/keys/{keyId}",
        status: 202,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(usage_plan_key::delete),
    },
    Operation {
        name: "GetUsage",
        method: "GET",
        uri: "/usageplans/{usageplanId}/usage",
        status: 200,
        body: Body::Members(&[]),
        query: &["keyId", "startDate", "endDate", "position", "limit"],
        support: Support::Supported(usage::get),
    },
    Operation {
        name: "GetUsagePlan",
        method: "GET",
        uri: "/usageplans/{usageplanId}",
        status: 200,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(get),
    },
    Operation {
        name: "GetUsagePlanKey",
        method: "GET",
        uri: "/usageplans/{usageplanId}/keys/{keyId}",
        status: 200,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(usage_plan_key::get),
    },
    Operation {
        name: "GetUsagePlanKeys",
        method: "GET",
        uri: "/usageplans/{usageplanId}/keys",
        status: 200,
        body: Body::Members(&[]),
        query: &["position", "limit", "name"],
        support: Support::Supported(usage_plan_key::list),
    },
    Operation {
        name: "GetUsagePlans",
        method: "GET",
        uri: "/usageplans",
        status: 200,
        body: Body::Members(&[]),
        query: &["position", "keyId", "limit"],
        support: Support::Supported(list),
    },
    Operation {
        name: "UpdateUsage",
        method: "PATCH",
        uri: "/usageplans/{usageplanId}/keys/{keyId}/usage",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Supported(usage::update),
    },
    Operation {
        name: "UpdateUsagePlan",
        method: "PATCH",
        uri: "/usageplans/{usageplanId}",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Supported(usage_plan_patch::update),
    },
];

const INPUT: &str = "createUsagePlanInput";

fn create(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let members = call.members();
    let mut violations = Vec::new();
    let name = members.owned("name")?;
    if name.is_none() {
        violations.push(Violation::missing(format!("{INPUT}.name")));
    }
    let quota = quota(&members, &mut violations)?;
    if !violations.is_empty() {
        return Err(Exception::validation(&violations));
    }
    let plan = UsagePlan {
        id: state.ids.short(),
        name: checked_name(name)?,
        description: members.owned("description")?.filter(|text| !text.is_empty()),
        api_stages: api_stages(state, &members)?,
        throttle: members.structure("throttle", &THROTTLE)?.map(throttle).transpose()?,
        quota,
        product_code: None,
        tags: tags::read(&members)?,
    };
    check_settings(&plan)?;
    let answer = Answer::of(&plan);
    state.usage_plans.put(plan.id.clone(), plan);
    Ok(answer)
}

pub(super) fn checked_name(name: Option<String>) -> Result<String, Exception> {
    let name = name.filter(|name| !name.trim().is_empty());
    name.ok_or_else(|| Exception::bad_request("Usage Plan name cannot be blank"))
}

const THROTTLE: [&str; 2] = ["burstLimit", "rateLimit"];

fn throttle(members: Members<'_>) -> Result<ThrottleSettings, Exception> {
    Ok(ThrottleSettings {
        burst_limit: members.integer("burstLimit")?.unwrap_or_default(),
        rate_limit: members.number("rateLimit")?.unwrap_or_default(),
    })
}

fn quota(members: &Members<'_>, violations: &mut Vec<Violation>) -> Result<Option<QuotaSettings>, Exception> {
    let Some(quota) = members.structure("quota", &["limit", "offset", "period"])? else { return Ok(None) };
    let period = quota.owned("period")?.unwrap_or_default();
    if !["", "DAY", "WEEK", "MONTH"].contains(&period.as_str()) {
        violations.push(Violation::not_in(&period, format!("{INPUT}.quota.period"), "DAY, WEEK, MONTH"));
    }
    Ok(Some(QuotaSettings {
        limit: quota.integer("limit")?.unwrap_or_default(),
        offset: quota.integer("offset")?.unwrap_or_default(),
        period,
    }))
}

/// Every stage has to exist. What AWS says of a blank one has its placeholders left in; of an unknown one it says another text
/// here than in UpdateUsagePlan (both are seen in reports of its users).
fn api_stages(state: &State, members: &Members<'_>) -> Result<Vec<ApiStage>, Exception> {
    let mut stages: Vec<ApiStage> = Vec::new();
    for value in members.list("apiStages")?.unwrap_or_default() {
        let stage = Members::of(value, &["apiId", "stage", "throttle"])?;
        let text = |name: &str| Ok::<_, Exception>(stage.owned(name)?.unwrap_or_default());
        let mut row = ApiStage { api_id: text("apiId")?, stage: text("stage")?, ..ApiStage::default() };
        if row.api_id.is_empty() || row.stage.is_empty() {
            return Err(Exception::bad_request(
                "Invalid API Stage {api: %s, stage: %s} specified for usageplan %s",
            ));
        }
        if !state.has_stage(&row.api_id, &row.stage) {
            let message = format!("API Stage not found: {}:{}", row.api_id, row.stage);
            return Err(Exception::not_found(message));
        }
        for (method, settings) in stage.entries("throttle")?.into_iter().flatten() {
            check_method(method)?;
            row.throttle.insert(method.clone(), throttle(Members::of(settings, &THROTTLE)?)?);
        }
        stages.retain(|known| (&known.api_id, &known.stage) != (&row.api_id, &row.stage));
        stages.push(row);
    }
    Ok(stages)
}

/// A key of a stage's `throttle`: `/pets/GET`, and `//GET` for the root (tables.md §9.1). The words are ours.
pub(super) fn check_method(key: &str) -> Result<(), Exception> {
    let message = || format!("Invalid method specified for the throttle of an API Stage: {key}");
    method_name(key).map(drop).ok_or_else(|| Exception::bad_request(message()))
}

/// What has to hold of numbers and periods after a change.
///
/// AWS bounds the offset as if it were the day that a period begins with, but its model says that it is subtracted from the limit of the
/// first period, and so it is here (tables.md §9.6).
pub(in crate::aws) fn check_settings(plan: &UsagePlan) -> Result<(), Exception> {
    let of_methods = plan.api_stages.iter().flat_map(|stage| stage.throttle.values());
    for throttle in plan.throttle.iter().chain(of_methods) {
        if throttle.burst_limit < 0 || throttle.rate_limit < 0.0 || !throttle.rate_limit.is_finite() {
            return Err(Exception::bad_request("Usage Plan rate limit and burst limit must not be negative"));
        }
    }
    let Some(quota) = &plan.quota else { return Ok(()) };
    let message = match (quota.period.as_str(), quota.offset) {
        ("DAY", 0) | ("WEEK", 0..=6) | ("MONTH", 0..=27) if quota.limit >= 0 => return Ok(()),
        ("DAY" | "WEEK" | "MONTH", _) if quota.limit < 0 => "Usage Plan quota limit must not be negative",
        ("DAY", _) => "Usage Plan quota offset must be zero in the DAY period",
        ("WEEK", _) => "Usage Plan quota offset must be between 0 and 6 inclusive in the WEEK period",
        ("MONTH", _) => "Usage Plan quota offset must be between 0 and 27 inclusive in the MONTH period",
        _ => "Invalid quota period specified. Valid options are DAY,WEEK,MONTH",
    };
    Err(Exception::bad_request(message))
}

/// The plan of this id, or AWS's words for that there is none.
pub(super) fn find<'s>(state: &'s State, id: &str) -> Result<&'s UsagePlan, Exception> {
    state.usage_plans.get(id).ok_or_else(|| Exception::not_found("Invalid Usage Plan ID specified"))
}

fn get(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    Ok(Answer::Json(tags::shown(find(state, call.path("usageplanId"))?)))
}

/// `keyId` leaves the plans that have the key.
fn list(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let key = call.query("keyId");
    let has_key = |plan: &str| key.is_none_or(|key| state.usage_plan_keys.child(plan, key).is_some());
    page(call, state.usage_plans.iter().filter(|(id, _)| has_key(id)), tags::hidden)
}

fn delete(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let plan = find(state, call.path("usageplanId"))?;
    let id = plan.id.clone();
    if let Some(ApiStage { api_id, stage, .. }) = plan.api_stages.first() {
        return Err(Exception::bad_request(format!(
            "Cannot delete Usage Plan {id} because there are API Stages associated with it, including {api_id}:{stage}"
        )));
    }
    state.usage_plan_keys.remove_children(&id);
    state.usage_plans.remove(&id);
    Ok(Answer::Empty)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::aws::ControlPlane;
    use crate::aws::table::key;
    use crate::aws::testing::{call, control_plane, good, refused};
    use crate::aws::wire::Stage;

    /// An API with a stage `s`.
    fn api(plane: &mut ControlPlane) -> String {
        let id = good(plane, "POST", "/restapis", json!({"name": "a"}))["id"].as_str().unwrap().to_owned();
        plane.state.stages.put(key(&id, "s"), Stage { stage_name: "s".into(), ..Stage::default() });
        id
    }

    #[test]
    fn creates() {
        let mut plane = control_plane();
        let (status, created) = call(&mut plane, "POST", "/usageplans", json!({"name": "p"}));
        assert_eq!(status, 201);
        assert_eq!(created, json!({"id": created["id"], "name": "p", "apiStages": []}));
        let path = format!("/usageplans/{}", created["id"].as_str().unwrap());
        let found = good(&mut plane, "GET", &path, json!(null));
        assert_eq!(found["tags"], json!({}));
        assert_eq!(good(&mut plane, "GET", "/usageplans", json!(null)), json!({"item": [created]}));
        assert_eq!(good(&mut plane, "GET", "/usageplans?keyId=x", json!(null)), json!({"item": []}));
        assert_eq!(call(&mut plane, "DELETE", &path, json!(null)).0, 202);
        for method in ["GET", "DELETE", "PATCH"] {
            let missing = refused(&mut plane, method, &path, json!(null));
            assert_eq!(missing, ("NotFoundException".into(), "Invalid Usage Plan ID specified".into()));
        }
    }

    #[test]
    fn creates_with_everything() {
        let mut plane = control_plane();
        let api = api(&mut plane);
        let throttle = json!({"/pets/GET": {"burstLimit": 1, "rateLimit": 0.5}});
        let body = json!({
            "name": "p", "description": "d", "tags": {"k": "v"},
            "apiStages": [{"apiId": api, "stage": "s", "throttle": throttle}],
            "throttle": {"burstLimit": 2, "rateLimit": 3.5},
            "quota": {"limit": 10, "period": "MONTH", "offset": 27},
        });
        let mut expected = body.clone();
        let created = good(&mut plane, "POST", "/usageplans", body);
        expected["id"] = created["id"].clone();
        assert_eq!(created, expected);
        let id = created["id"].as_str().unwrap();
        assert_eq!(
            refused(&mut plane, "DELETE", &format!("/usageplans/{id}"), json!(null)).1,
            format!(
                "Cannot delete Usage Plan {id} because there are API Stages associated with it, including {api}:s"
            )
        );
    }

    #[test]
    fn refuses_to_create() {
        let mut plane = control_plane();
        let api = api(&mut plane);
        let quota = |period: &str, offset: i64, limit: i64| {
            let quota = json!({"limit": limit, "offset": offset, "period": period});
            json!({"name": "p", "quota": quota})
        };
        let stages = |stage: Value| json!({"name": "p", "apiStages": [stage]});
        for (body, message) in [
            (
                json!({"quota": {"limit": 1, "period": "YEAR"}}),
                "2 validation errors detected: Value null at 'createUsagePlanInput.name' failed to satisfy constraint: Member \
                 must not be null; Value 'YEAR' at 'createUsagePlanInput.quota.period' failed to satisfy constraint: Member \
                 must satisfy enum value set: [DAY, WEEK, MONTH]",
            ),
            (json!({"name": ""}), "Usage Plan name cannot be blank"),
            (
                stages(json!({"apiId": api, "stage": ""})),
                "Invalid API Stage {api: %s, stage: %s} specified for usageplan %s",
            ),
            (stages(json!({"apiId": "x", "stage": "y"})), "API Stage not found: x:y"),
            (quota("DAY", 1, 1), "Usage Plan quota offset must be zero in the DAY period"),
            (
                quota("WEEK", 7, 1),
                "Usage Plan quota offset must be between 0 and 6 inclusive in the WEEK period",
            ),
            (
                quota("MONTH", 28, 1),
                "Usage Plan quota offset must be between 0 and 27 inclusive in the MONTH period",
            ),
            (quota("DAY", 0, -1), "Usage Plan quota limit must not be negative"),
            (
                json!({"name": "p", "quota": {"limit": 1}}),
                "Invalid quota period specified. Valid options are DAY,WEEK,MONTH",
            ),
            (
                json!({"name": "p", "throttle": {"rateLimit": -1}}),
                "Usage Plan rate limit and burst limit must not be negative",
            ),
        ] {
            assert_eq!(refused(&mut plane, "POST", "/usageplans", body).1, message);
        }
        let wrong = json!({"name": "p", "throttle": {"rateLimit": "1"}});
        assert_eq!(refused(&mut plane, "POST", "/usageplans", wrong).0, "SerializationException");
    }
}
