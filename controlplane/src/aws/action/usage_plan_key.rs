//! The keys of usage plans (tables.md §8.8). Their operations stand in the table of [`usage_plan`](super::usage_plan).

use serde_json::{Value, json};

use crate::aws::call::Call;
use crate::aws::exception::{Exception, Violation};
use crate::aws::page::page;
use crate::aws::table::key;
use crate::aws::wire::{ApiStage, UsagePlanKey};
use crate::aws::{Answer, State};

use super::{api_key, usage_plan};

pub(super) fn create(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let members = call.members();
    let (id, kind) = (members.text("keyId")?, members.text("keyType")?);
    let mut violations = Vec::new();
    if id.is_none() {
        violations.push(Violation::missing("createUsagePlanKeyInput.keyId"));
    }
    if kind.is_none() {
        violations.push(Violation::missing("createUsagePlanKeyInput.keyType"));
    }
    let (Some(id), Some(kind)) = (id, kind) else { return Err(Exception::validation(&violations)) };
    if kind != "API_KEY" {
        return Err(Exception::bad_request(
            "Invalid usage plan key type specified. Valid options are API_KEY",
        ));
    }
    let row = add(state, call.path("usageplanId"), id)?;
    Ok(Answer::Json(show(state, &row)))
}

/// Adds a key to a plan.
pub(super) fn add(state: &mut State, plan: &str, id: &str) -> Result<UsagePlanKey, Exception> {
    let stages = usage_plan::find(state, plan)?.api_stages.clone();
    api_key::find(state, id)?;
    if state.usage_plan_keys.child(plan, id).is_some() {
        let message = format!("API Key {id} is already associated with Usage Plan {plan}");
        return Err(Exception::conflict(message));
    }
    check_one_plan_per_stage(state, plan, id, &stages)?;
    let row = UsagePlanKey { id: id.to_owned(), kind: "API_KEY".to_owned() };
    state.usage_plan_keys.put(key(plan, id), row.clone());
    Ok(row)
}

/// A key may be in several plans, and in one of each stage (tables.md §9.6).
pub(super) fn check_one_plan_per_stage(
    state: &State,
    plan: &str,
    id: &str,
    stages: &[ApiStage],
) -> Result<(), Exception> {
    let others = state.plans_of(id).filter(|other| *other != plan);
    for row in others.filter_map(|other| state.usage_plans.get(other)) {
        let is_same = |one: &&ApiStage| {
            row.api_stages.iter().any(|two| (&two.api_id, &two.stage) == (&one.api_id, &one.stage))
        };
        if let Some(ApiStage { api_id, stage, .. }) = stages.iter().find(is_same) {
            return Err(Exception::conflict(format!(
                "Usage Plan {plan} cannot be added because API Key {id} cannot reference multiple Usage Plans with the same \
                 API stage: {api_id}:{stage}"
            )));
        }
    }
    Ok(())
}

/// With the name and the value of the API key.
fn show(state: &State, row: &UsagePlanKey) -> Value {
    let mut shown = json!({ "id": row.id, "type": row.kind });
    if let Some(key) = state.api_keys.get(&row.id) {
        let members = [("value", &key.value), ("name", &key.name)];
        for (member, value) in
            members.into_iter().filter_map(|(member, value)| Some((member, value.as_ref()?)))
        {
            shown[member] = json!(value);
        }
    }
    shown
}

/// The key of a plan, or AWS's words for that the plan or it is not there.
pub(super) fn find<'s>(state: &'s State, call: &Call<'_>) -> Result<&'s UsagePlanKey, Exception> {
    let plan = usage_plan::find(state, call.path("usageplanId"))?;
    let found = state.usage_plan_keys.child(&plan.id, call.path("keyId"));
    found.ok_or_else(|| Exception::not_found("Invalid Usage Plan Key identifier specified"))
}

pub(super) fn get(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    Ok(Answer::Json(show(state, find(state, call)?)))
}

/// A plan that is not there has no keys: AWS does not refuse it (tables.md §8.8).
pub(super) fn list(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let prefix = call.query("name").unwrap_or_default();
    let has_prefix = |row: &UsagePlanKey| {
        let name = state.api_keys.get(&row.id).and_then(|key| key.name.as_deref());
        name.unwrap_or_default().starts_with(prefix)
    };
    let rows = state.usage_plan_keys.children(call.path("usageplanId")).filter(|(_, row)| has_prefix(row));
    page(call, rows, |row| show(state, row))
}

pub(super) fn delete(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let id = find(state, call)?.id.clone();
    state.usage_plan_keys.remove(&key(call.path("usageplanId"), &id));
    Ok(Answer::Empty)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::aws::ControlPlane;
    use crate::aws::table::key;
    use crate::aws::testing::{call, control_plane, good, refused};
    use crate::aws::wire::Stage;

    fn id(plane: &mut ControlPlane, path: &str, body: Value) -> String {
        good(plane, "POST", path, body)["id"].as_str().unwrap().to_owned()
    }

    #[test]
    fn a_key_of_a_plan() {
        let mut plane = control_plane();
        let api_key = id(&mut plane, "/apikeys", json!({"name": "Pets"}));
        let value = good(&mut plane, "GET", &format!("/apikeys/{api_key}?includeValue=true"), json!(null));
        let keys = format!("/usageplans/{}/keys", id(&mut plane, "/usageplans", json!({"name": "p"})));
        let body = json!({"keyId": api_key, "keyType": "API_KEY"});
        let (status, created) = call(&mut plane, "POST", &keys, body.clone());
        assert_eq!(status, 201);
        let shown = json!({"id": api_key, "name": "Pets", "type": "API_KEY", "value": value["value"]});
        assert_eq!(created, shown);
        let path = format!("{keys}/{api_key}");
        assert_eq!(good(&mut plane, "GET", &path, json!(null)), shown);
        assert_eq!(
            good(&mut plane, "GET", &format!("{keys}?name=Pe"), json!(null)),
            json!({"item": [shown]})
        );
        assert_eq!(good(&mut plane, "GET", &format!("{keys}?name=pe"), json!(null)), json!({"item": []}));
        assert_eq!(refused(&mut plane, "POST", &keys, body.clone()).0, "ConflictException");
        assert_eq!(call(&mut plane, "DELETE", &path, json!(null)).0, 202);
        let missing = "Invalid Usage Plan Key identifier specified";
        assert_eq!(refused(&mut plane, "DELETE", &path, json!(null)).1, missing);
        // The key takes its places in plans with it.
        good(&mut plane, "POST", &keys, body);
        good(&mut plane, "DELETE", &format!("/apikeys/{api_key}"), json!(null));
        assert_eq!(good(&mut plane, "GET", &keys, json!(null)), json!({"item": []}));
    }

    #[test]
    fn refuses() {
        let mut plane = control_plane();
        let keys = format!("/usageplans/{}/keys", id(&mut plane, "/usageplans", json!({"name": "p"})));
        let body = json!({"keyId": "x", "keyType": "API_KEY"});
        assert_eq!(good(&mut plane, "GET", "/usageplans/x/keys", json!(null)), json!({"item": []}));
        for (path, body, message) in [
            (keys.as_str(), body.clone(), "Invalid API Key identifier specified"),
            ("/usageplans/x/keys", body, "Invalid Usage Plan ID specified"),
            (
                keys.as_str(),
                json!({"keyId": "x", "keyType": "X"}),
                "Invalid usage plan key type specified. Valid options are API_KEY",
            ),
            (
                keys.as_str(),
                json!({}),
                "2 validation errors detected: Value null at 'createUsagePlanKeyInput.keyId' failed to satisfy constraint: \
                 Member must not be null; Value null at 'createUsagePlanKeyInput.keyType' failed to satisfy constraint: \
                 Member must not be null",
            ),
        ] {
            assert_eq!(refused(&mut plane, "POST", path, body).1, message);
        }
    }

    #[test]
    fn one_plan_per_stage() {
        let mut plane = control_plane();
        let api = id(&mut plane, "/restapis", json!({"name": "a"}));
        plane.state.stages.put(key(&api, "s"), Stage { stage_name: "s".into(), ..Stage::default() });
        let api_key = id(&mut plane, "/apikeys", json!({}));
        let stages = json!([{"apiId": api, "stage": "s"}]);
        let body = json!({"keyId": api_key, "keyType": "API_KEY"});
        let one = id(&mut plane, "/usageplans", json!({"name": "1", "apiStages": stages}));
        let two = id(&mut plane, "/usageplans", json!({"name": "2", "apiStages": stages}));
        let three = id(&mut plane, "/usageplans", json!({"name": "3"}));
        good(&mut plane, "POST", &format!("/usageplans/{one}/keys"), body.clone());
        good(&mut plane, "POST", &format!("/usageplans/{three}/keys"), body.clone());
        let message = |plan: &str| {
            format!(
                "Usage Plan {plan} cannot be added because API Key {api_key} cannot reference multiple Usage Plans with the \
                 same API stage: {api}:s"
            )
        };
        let found = refused(&mut plane, "POST", &format!("/usageplans/{two}/keys"), body);
        assert_eq!(found, ("ConflictException".into(), message(&two)));
        let add =
            json!({"patchOperations": [{"op": "add", "path": "/apiStages", "value": format!("{api}:s")}]});
        assert_eq!(refused(&mut plane, "PATCH", &format!("/usageplans/{three}"), add).1, message(&three));
    }
}
