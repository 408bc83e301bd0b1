//! Usage plans, API keys and settings of methods on their way to the data plane.

use std::sync::Arc;

use ringway_core::model::{self, ApiKeys, HttpMethod, QuotaPeriod, ThrottleSettings};
use serde_json::{Value, json};

use super::serving::Serving;
use crate::aws::testing::{control_plane, good, refused};
use crate::aws::wire::{RestApi, Stage};
use crate::aws::{ControlPlane, Request};

/// A plane with the API `a`, and no deployment that its stage `s` could be served from: what is tested here does not need one.
fn plane() -> ControlPlane {
    let mut plane = control_plane();
    plane.state.rest_apis.put("a", RestApi { id: "a".into(), ..RestApi::default() });
    plane.commit();
    plane
}

fn with_stage(plane: &mut ControlPlane) {
    plane.state.stages.put("a/s", Stage { stage_name: "s".into(), ..Stage::default() });
}

fn id(plane: &mut ControlPlane, path: &str, body: Value) -> String {
    good(plane, "POST", path, body)["id"].as_str().unwrap().to_owned()
}

fn serving(plane: &mut ControlPlane) -> Serving {
    let serving = plane.serving().unwrap();
    plane.commit();
    serving
}

/// A request whose draft does not stand yet.
fn draft(plane: &mut ControlPlane, method: &str, path: &str, body: Value) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = Request { method, path, query: "", accept: "", body: body.as_bytes() };
    let handled = plane.handle(&request, 0);
    assert!(handled.response.status < 300 && handled.serving_changed, "{:?}", handled.response);
    serde_json::from_slice(&handled.response.body).unwrap_or_default()
}

/// A request as a host handles it, and what is served then.
fn served(plane: &mut ControlPlane, method: &str, path: &str, body: Value) -> (Value, ApiKeys) {
    let answer = draft(plane, method, path, body);
    (answer, serving(plane).api_keys)
}

/// As a plane would serve that has just read the rows.
fn anew(plane: &ControlPlane) -> ApiKeys {
    super::access::api_keys(&plane.state, None)
}

#[test]
fn plans_are_served_with_the_stages_that_exist() {
    let mut plane = plane();
    with_stage(&mut plane);
    let throttle = json!({"/GET": {"rateLimit": 3, "burstLimit": 4}, "//ANY": {"rateLimit": 2.5}});
    let body = json!({
        "name": "p",
        "apiStages": [{"apiId": "a", "stage": "s", "throttle": throttle}],
        "throttle": {"burstLimit": 7},
        "quota": {"limit": 10, "offset": 2, "period": "WEEK"},
    });
    let plan = id(&mut plane, "/usageplans", body);
    let built = |plane: &ControlPlane| super::access::usage_plans(&plane.state, &[]).remove(0);
    let found = built(&plane);
    assert_eq!((found.id.as_str(), found.priority, found.concurrency_limit), (plan.as_str(), 128, None));
    // A rate of 0 lets nothing pass; a rate without a burst uses up what comes in a second.
    assert_eq!(found.throttle, Some(ThrottleSettings { rate_limit: 0.0, burst_limit: 7 }));
    let quota = found.quota.unwrap();
    assert_eq!((quota.limit, quota.offset, quota.period), (10, 2, QuotaPeriod::Week));
    let [stage] = found.api_stages.as_slice() else { panic!() };
    let told = |found: &model::MethodThrottle| {
        let ThrottleSettings { rate_limit, burst_limit } = found.throttle;
        (found.resource_path.clone(), found.http_method, rate_limit, burst_limit)
    };
    let throttles: Vec<_> = stage.throttles.iter().map(told).collect();
    let expected = [("/".to_owned(), HttpMethod::Any, 2.5, 3), ("/".to_owned(), HttpMethod::Get, 3.0, 4)];
    assert_eq!(throttles, expected);
    plane.state.stages.remove("a/s");
    assert_eq!(built(&plane).api_stages, []);
    plane.roll_back();
    let body = json!({"name": "p", "apiStages": [{"apiId": "a", "stage": "s", "throttle": {"/a": {}}}]});
    let message = "Invalid method specified for the throttle of an API Stage: /a";
    with_stage(&mut plane);
    assert_eq!(refused(&mut plane, "POST", "/usageplans", body).1, message);
}

#[test]
fn plans_may_name_stages_of_files() {
    let mut plane = plane();
    let body = json!({"name": "p", "apiStages": [{"apiId": "f", "stage": "s"}]});
    assert_eq!(refused(&mut plane, "POST", "/usageplans", body.clone()).1, "API Stage not found: f:s");
    let deployment = model::Deployment { id: "d".into(), rest_api: model::RestApi::default() };
    let stages = vec![model::Stage::new("s", Arc::new(deployment))];
    let api = |id: &str| Arc::new(model::Api { id: id.into(), name: id.into(), stages: stages.clone() });
    // The one that the control plane has itself is known by its rows alone.
    plane.set_elsewhere(&[api("f"), api("a")]);
    let plan = id(&mut plane, "/usageplans", body);
    let add = |stage: &str| json!({"patchOperations": [{"op": "add", "path": "/apiStages", "value": stage}]});
    let path = format!("/usageplans/{plan}");
    for (stage, message) in [("f:t", "stage: t}"), ("a:s", "api: a"), ("g:s", "api: g")] {
        let told = refused(&mut plane, "PATCH", &path, add(stage)).1;
        assert!(told.starts_with("Invalid API Stage {api: ") && told.contains(message), "{told}");
    }
    plane.set_elsewhere(&[]);
    let served = serving(&mut plane).usage_plans;
    assert_eq!(served[0].api_stages[0].api_id, "f", "files are read after the store");
}

#[test]
fn a_plan_that_has_not_changed_is_the_same() {
    let mut plane = control_plane();
    let ids: Vec<String> =
        (0..3).map(|index| id(&mut plane, "/usageplans", json!({"name": format!("p{index}")}))).collect();
    let first = serving(&mut plane).usage_plans;
    let change = json!({"patchOperations": [{"op": "replace", "path": "/description", "value": "d"}]});
    good(&mut plane, "PATCH", &format!("/usageplans/{}", ids[0]), change);
    let second = serving(&mut plane).usage_plans;
    assert!(first.iter().zip(&second).all(|(a, b)| Arc::ptr_eq(a, b)), "a description is not served");
    good(&mut plane, "DELETE", &format!("/usageplans/{}", first[0].id), json!(null));
    let third = serving(&mut plane).usage_plans;
    assert_eq!(third.len(), 2);
    assert!(second[1..].iter().zip(&third).all(|(a, b)| Arc::ptr_eq(a, b)));
}

#[test]
fn keys_follow_each_change_and_no_draft() {
    let mut plane = control_plane();
    for index in 0..2_000 {
        id(&mut plane, "/apikeys", json!({"name": format!("k{index}"), "enabled": true}));
    }
    let before = serving(&mut plane).api_keys;
    assert_eq!(before.len(), 2_000);
    let changed =
        |now: &ApiKeys| now.parts().iter().zip(before.parts()).filter(|(a, b)| !Arc::ptr_eq(a, b)).count();
    let value = "a-value-of-twenty-characters";
    draft(&mut plane, "POST", "/apikeys", json!({"value": value, "name": "n"}));
    let drafted = plane.serving().unwrap().api_keys;
    assert_eq!((changed(&drafted), drafted.len()), (1, 2_001));
    plane.roll_back();
    assert_eq!(changed(&serving(&mut plane).api_keys), 0);

    let mut step = |method: &str, path: &str, body: Value| {
        let (answer, keys) = served(&mut plane, method, path, body);
        assert!(keys == anew(&plane), "what is changed step by step is what is read: {method} {path}");
        assert!(changed(&keys) <= 1);
        (answer["id"].as_str().unwrap_or_default().to_owned(), keys)
    };
    let (key, keys) = step("POST", "/apikeys", json!({"value": value, "name": "n"}));
    let found = keys.get(value).unwrap();
    assert_eq!((found.id.as_str(), found.enabled, found.usage_plans.len()), (key.as_str(), false, 0));
    let (plan, _) = step("POST", "/usageplans", json!({"name": "p"}));
    let keys_of_plan = format!("/usageplans/{plan}/keys");
    step("POST", &keys_of_plan, json!({"keyId": key, "keyType": "API_KEY"}));
    let path = format!("/apikeys/{key}");
    let patch = |path: &str, value: &str| json!({"patchOperations": [{"op": "replace", "path": path, "value": value}]});
    let (_, enabled) = step("PATCH", &path, patch("/enabled", "true"));
    let found = enabled.get(value).unwrap();
    assert_eq!((found.enabled, found.usage_plans.as_slice()), (true, std::slice::from_ref(&plan)));
    let (_, renamed) = step("PATCH", &path, patch("/name", "m"));
    let parts = enabled.parts().iter().zip(renamed.parts());
    assert!(parts.into_iter().all(|(a, b)| Arc::ptr_eq(a, b)), "a name is not served");
    let (_, keys) = step("DELETE", &format!("{keys_of_plan}/{key}"), json!(null));
    assert_eq!(keys.get(value).unwrap().usage_plans, [""; 0]);
    step("POST", &keys_of_plan, json!({"keyId": key, "keyType": "API_KEY"}));
    let (_, keys) = step("DELETE", &path, json!(null));
    assert_eq!((keys.get(value), keys.len()), (None, 2_000));

    // A host that commits without asking what is served is told all of it the next time.
    id(&mut plane, "/apikeys", json!({"value": value}));
    assert!(serving(&mut plane).api_keys.get(value).is_some());
}

#[test]
fn settings_of_methods() {
    let mut plane = plane();
    plane.state.settings.account_throttle = Some(ThrottleSettings { rate_limit: 50.0, burst_limit: 20 });
    with_stage(&mut plane);
    let replace = |path: &str, value: &str| json!({"op": "replace", "path": path, "value": value});
    let body = json!({"patchOperations": [
        replace("/*/*/caching/ttlInSeconds", "7"),
        replace("/~1a~1{b}/GET/throttling/rateLimit", "5.5"),
        replace("/~1/POST/throttling/rateLimit", "-1"),
        replace("/c/PUT/throttling/burstLimit", "5000"),
        replace("/c/PUT/throttling/rateLimit", "10000"),
        replace("/c/PUT/caching/enabled", "true"),
        replace("/c/PUT/caching/requireAuthorizationForCacheControl", "false"),
        replace("/c/PUT/caching/unauthorizedCacheControlHeaderStrategy", "FAIL_WITH_403"),
    ]});
    let shown = good(&mut plane, "PATCH", "/restapis/a/stages/s", body);
    let keys: Vec<&String> = shown["methodSettings"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["*/*", "//POST", "a/{b}/GET", "c/PUT"]);
    // New entries begin with what the account has.
    assert_eq!(shown["methodSettings"]["*/*"]["throttlingBurstLimit"], 20);
    let account = good(&mut plane, "GET", "/account", json!(null));
    assert_eq!(account["throttleSettings"], json!({"burstLimit": 20, "rateLimit": 50.0}));
    let found = super::access::method_settings(&plane.state.settings, plane.state.stages.get("a/s").unwrap());
    let of = |method: Option<(&str, HttpMethod)>| {
        let method = method.map(|(path, verb)| (path.to_owned(), verb));
        found.iter().find(|found| found.method == method).unwrap().settings.clone()
    };
    let all = of(None);
    assert_eq!((all.throttle, all.caching_enabled, all.cache_ttl_seconds), (None, Some(false), 7));
    let one = of(Some(("/a/{b}", HttpMethod::Get)));
    assert_eq!(one.throttle, Some(ThrottleSettings { rate_limit: 5.5, burst_limit: 20 }));
    assert_eq!(of(Some(("/", HttpMethod::Post))).throttle, None);
    let put = of(Some(("/c", HttpMethod::Put)));
    assert_eq!((put.throttle, put.caching_enabled), (None, Some(true)));
    assert!(!put.require_authorization_for_cache_control);
    assert_eq!(put.unauthorized_cache_control, model::UnauthorizedCacheControl::FailWith403);
}
