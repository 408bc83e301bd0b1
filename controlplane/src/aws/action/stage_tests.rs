//! Stages as AWS answers about them.

use serde_json::{Value, json};

use crate::aws::testing::{call, control_plane, deploy, good, mocked_api, refused};
use crate::aws::{ControlPlane, Request};

/// An API with the stage `dev`; the path of the stage, and the id of its deployment.
fn stage(plane: &mut ControlPlane) -> (String, String) {
    let api = mocked_api(plane);
    let deployment = deploy(plane, &api, None);
    let body = json!({"stageName": "dev", "deploymentId": deployment, "description": "d"});
    let (status, stage) = call(plane, "POST", &format!("/restapis/{api}/stages"), body);
    assert_eq!(status, 201, "{stage}");
    assert_eq!(
        stage,
        json!({
            "deploymentId": deployment, "stageName": "dev", "description": "d", "cacheClusterEnabled": false,
            "cacheClusterStatus": "NOT_AVAILABLE", "methodSettings": {}, "tracingEnabled": false,
            "createdDate": 1_700_000_000, "lastUpdatedDate": 1_700_000_000
        })
    );
    (format!("/restapis/{api}/stages/dev"), deployment)
}

#[test]
fn a_flush_is_told_to_the_host() {
    let mut plane = control_plane();
    let (path, _) = stage(&mut plane);
    let mut flushed = |what: &str| {
        let path = format!("{path}/cache/{what}");
        let request =
            Request { method: "DELETE", path: &path, query: "", accept: "application/json", body: b"" };
        let handled = plane.handle(&request, 1_700_000_000);
        (handled.response.status, handled.flushed)
    };
    let api = path.split('/').nth(2).unwrap().to_owned();
    assert_eq!(flushed("data"), (202, Some((api, "dev".to_owned()))));
    assert_eq!(flushed("authorizers"), (202, None));
}

fn operations(operations: Value) -> Value {
    json!({ "patchOperations": operations })
}

fn patched(plane: &mut ControlPlane, path: &str, list: Value) -> Value {
    good(plane, "PATCH", path, operations(list))
}

fn message(plane: &mut ControlPlane, path: &str, operation: Value) -> String {
    let (exception, message) = refused(plane, "PATCH", path, operations(json!([operation])));
    assert_eq!(exception, "BadRequestException");
    message
}

#[test]
fn refuses_what_aws_refuses() {
    let mut plane = control_plane();
    let (path, deployment) = stage(&mut plane);
    let stages = path.strip_suffix("/dev").unwrap().to_owned();
    let create = |plane: &mut _, body| refused(plane, "POST", &stages, body);
    let body = |name: &str| json!({"stageName": name, "deploymentId": deployment});
    assert_eq!(create(&mut plane, body("dev")), ("ConflictException".into(), "Stage already exists".into()));
    assert_eq!(create(&mut plane, body("a b")).1, "Stage name only allows a-zA-Z0-9_");
    let unknown = json!({"stageName": "a", "deploymentId": "none"});
    assert_eq!(
        create(&mut plane, unknown),
        ("BadRequestException".into(), "Deployment id does not exist".into())
    );
    let (exception, text) = create(&mut plane, json!({"stageName": "a", "cacheClusterSize": "1"}));
    assert_eq!(exception, "ValidationException");
    assert_eq!(
        text,
        "2 validation errors detected: Value null at 'createStageInput.deploymentId' failed to satisfy constraint: Member must \
         not be null; Value '1' at 'createStageInput.cacheClusterSize' failed to satisfy constraint: Member must satisfy enum \
         value set: [0.5, 1.6, 6.1, 13.5, 28.4, 58.2, 118, 237]"
    );
    for (variables, expected) in [
        (
            json!({"a-b": "x"}),
            "Invalid stage variable name: a-b.  Please use names with only word characters.",
        ),
        (
            json!({"a": "$"}),
            "Invalid stage variable value: $.  Please use values with alphanumeric characters and the symbols ' ', -', '.', '_', \
             ':', '/', '?', '&', '=', and ','.",
        ),
    ] {
        let mut body = body("b");
        body["variables"] = variables;
        assert_eq!(create(&mut plane, body).1, expected);
    }
    let (exception, text) = refused(&mut plane, "GET", &format!("{stages}/none"), json!(null));
    assert_eq!(
        (exception.as_str(), text.as_str()),
        ("NotFoundException", "Invalid stage identifier specified")
    );
}

#[test]
fn method_settings_begin_with_defaults() {
    let mut plane = control_plane();
    let (path, _) = stage(&mut plane);
    let stage = patched(
        &mut plane,
        &path,
        json!([
            {"op": "replace", "path": "/*/*/caching/enabled", "value": "true"},
            {"op": "replace", "path": "/pets~1dogs/GET/throttling/burstLimit", "value": "10"},
            {"op": "replace", "path": "/*/*/caching/enabled", "value": "false"},
            {"op": "replace", "path": "/*/*/logging/loglevel", "value": "INFO"},
        ]),
    );
    let entry = |caching: bool, burst: i64| {
        json!({
            "metricsEnabled": false, "dataTraceEnabled": false, "throttlingBurstLimit": burst, "throttlingRateLimit": 10000.0,
            "cachingEnabled": caching, "cacheTtlInSeconds": 300, "cacheDataEncrypted": false,
            "requireAuthorizationForCacheControl": true,
            "unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITH_RESPONSE_HEADER"
        })
    };
    let mut all = entry(false, 5000);
    all["loggingLevel"] = json!("INFO");
    assert_eq!(stage["methodSettings"], json!({"*/*": all, "pets/dogs/GET": entry(true, 10)}));
    let stage = patched(&mut plane, &path, json!([{"op": "remove", "path": "/pets~1dogs/GET"}]));
    assert_eq!(stage["methodSettings"].as_object().unwrap().len(), 1);
    let again = message(&mut plane, &path, json!({"op": "remove", "path": "/pets~1dogs/GET"}));
    assert_eq!(
        again,
        "Cannot remove method setting pets~1dogs/GET because there is no method setting for this method "
    );
    for wrong in [
        "/pets/GET/caching/x",
        "/pets/TRACE/caching/enabled",
        "/*/GET/metrics/enabled",
        "/tags/a",
        "/webAclArn",
    ] {
        let text = message(&mut plane, &path, json!({"op": "replace", "path": wrong, "value": "1"}));
        assert!(
            text.starts_with(&format!(
                "Invalid method setting path: {wrong}. Must be one of: [/deploymentId, "
            ))
        );
        assert!(text.contains(
            "/throttling/burstLimit/{resourcePath}/{httpMethod}/throttling/rateLimit/{resourcePath}"
        ));
        assert!(
            text.contains("/*/*/throttling/burstLimit /*/*/throttling/rateLimit /*/*/caching/ttlInSeconds, ")
        );
        assert!(text.ends_with(", /variables/{variable_name}, /tracingEnabled]"));
    }
    for (setting, value) in
        [("throttling/rateLimit", "x"), ("caching/ttlInSeconds", "3601"), ("logging/loglevel", "DEBUG")]
    {
        let path_of = format!("/*/*/{setting}");
        let text = message(&mut plane, &path, json!({"op": "replace", "path": path_of, "value": value}));
        assert_eq!(text, format!("Invalid value specified for {path_of}: {value}"));
    }
}

#[test]
fn settings_of_the_stage_itself() {
    let mut plane = control_plane();
    let (path, _) = stage(&mut plane);
    let stage = patched(
        &mut plane,
        &path,
        json!([
            {"op": "replace", "path": "/cacheClusterEnabled", "value": "true"},
            {"op": "replace", "path": "/tracingEnabled", "value": "TRUE"},
            {"op": "replace", "path": "/description", "value": ""},
            {"op": "add", "path": "/variables/a", "value": "1"},
            {"op": "replace", "path": "/accessLogSettings/destinationArn", "value": "arn:aws:logs:us-east-1:1:log-group:g:*"},
            {"op": "add", "path": "/accessLogSettings/format", "value": "$context.requestId\n"},
        ]),
    );
    assert_eq!(
        (&stage["cacheClusterSize"], &stage["cacheClusterStatus"]),
        (&json!("0.5"), &json!("AVAILABLE"))
    );
    assert_eq!((stage["tracingEnabled"].clone(), stage.get("description")), (json!(true), None));
    assert_eq!(
        stage["accessLogSettings"],
        json!({"destinationArn": "arn:aws:logs:us-east-1:1:log-group:g", "format": "$context.requestId\n"})
    );
    let cases = [
        (
            "replace",
            "/accessLogSettings",
            "Invalid accessLogSettings path. Must be one of : [/accessLogSettings/destinationArn, /accessLogSettings/format]",
        ),
        (
            "add",
            "/accessLogSettings/*",
            "Invalid accessLogSettings path. Must be one of : [/accessLogSettings/destinationArn, /accessLogSettings/format]",
        ),
        ("replace", "/accessLogSettings/format", "Access Log value must not be empty"),
        (
            "remove",
            "/accessLogSettings/format",
            "Cannot remove method setting accessLogSettings/format because there is no method setting for this method ",
        ),
        (
            "add",
            "/canarySettings/deploymentId",
            "Invalid add operation with path: /canarySettings/deploymentId",
        ),
        ("replace", "/deploymentId", "Deployment id does not exist"),
        (
            "remove",
            "/canarySettings/stageVariableOverrides",
            "Cannot remove method setting canarySettings/stageVariableOverrides because there is no method setting for this method ",
        ),
    ];
    for (op, wrong, expected) in cases {
        assert_eq!(message(&mut plane, &path, json!({"op": op, "path": wrong})), expected);
    }
    let lines =
        json!({"op": "replace", "path": "/accessLogSettings/format", "value": "$context.requestId\nx"});
    assert!(message(&mut plane, &path, lines).starts_with("Access Log format must be single line"));
    let stage = patched(
        &mut plane,
        &path,
        json!([{"op": "remove", "path": "/accessLogSettings"}, {"op": "remove", "path": "/variables/a"}]),
    );
    assert!(stage.get("accessLogSettings").is_none() && stage.get("variables").is_none());
    for what in ["data", "authorizers"] {
        assert_eq!(call(&mut plane, "DELETE", &format!("{path}/cache/{what}"), json!(null)).0, 202);
    }
}

#[test]
fn a_canary_is_promoted() {
    let mut plane = control_plane();
    let (path, first) = stage(&mut plane);
    let api = path.split('/').nth(2).unwrap().to_owned();
    let deployments = format!("/restapis/{api}/deployments");
    let refuse = |plane: &mut _, body| refused(plane, "POST", &deployments, body).1;
    let canary = json!({"percentTraffic": 50, "stageVariableOverrides": {"a": "2", "b": "3"}});
    assert_eq!(
        refuse(&mut plane, json!({"canarySettings": canary})),
        "Invalid deployment content specified.Non null and non empty stageName must be provided for canary deployment. \
         Provided value is null"
    );
    assert_eq!(
        refuse(&mut plane, json!({"canarySettings": canary, "stageName": "none"})),
        "Invalid deployment content specified.Stage none must already be created before making a canary release deployment"
    );
    let promote = json!({"op": "copy", "path": "/deploymentId", "from": "/canarySettings/deploymentId"});
    assert_eq!(
        message(&mut plane, &path, promote.clone()),
        "Promotion not available. Canary does not exist."
    );
    let created =
        good(&mut plane, "POST", &deployments, json!({"canarySettings": canary, "stageName": "dev"}));
    let second = created["id"].as_str().unwrap();
    let stage = good(&mut plane, "GET", &path, json!(null));
    assert_eq!(stage["deploymentId"], first.as_str());
    assert_eq!(
        stage["canarySettings"],
        json!({
            "deploymentId": second, "percentTraffic": 50.0, "useStageCache": false,
            "stageVariableOverrides": {"a": "2", "b": "3"}
        })
    );
    let text = refuse(&mut plane, json!({"stageName": "dev"}));
    assert!(text.contains("has a canary release"), "{text}");
    let serving = plane.serving().unwrap();
    assert_eq!(serving.apis[0].stages[0].canary.as_ref().unwrap().deployment.id, second);
    let wrong = json!({"op": "copy", "path": "/canarySettings/stageVariableOverrides", "from": "/variables"});
    assert!(message(&mut plane, &path, wrong).starts_with(
        "Invalid copy operation with path: /canarySettings/stageVariableOverrides and from /variables. Valid copy:path are"
    ));
    let stage = patched(
        &mut plane,
        &path,
        json!([
            {"op": "replace", "path": "/canarySettings/percentTraffic", "value": "0.0"},
            {"op": "copy", "path": "/variables", "from": "/canarySettings/stageVariableOverrides"},
            promote,
        ]),
    );
    assert_eq!((&stage["deploymentId"], &stage["variables"]), (&json!(second), &json!({"a": "2", "b": "3"})));
    assert_eq!(stage["canarySettings"]["percentTraffic"], 0.0);
    let stage = patched(&mut plane, &path, json!([{"op": "remove", "path": "/canarySettings"}]));
    assert!(stage.get("canarySettings").is_none());
    let stage = patched(
        &mut plane,
        &path,
        json!([{"op": "replace", "path": "/canarySettings/percentTraffic", "value": "10"}]),
    );
    assert_eq!(
        stage["canarySettings"],
        json!({"deploymentId": second, "percentTraffic": 10.0, "useStageCache": false})
    );
}

#[test]
fn deployments_and_their_stages() {
    let mut plane = control_plane();
    let (path, first) = stage(&mut plane);
    let api = path.split('/').nth(2).unwrap().to_owned();
    let of = format!("/restapis/{api}/deployments/{first}");
    let shown = good(&mut plane, "GET", &format!("{of}?embed=apisummary"), json!(null));
    assert_eq!(
        shown,
        json!({
            "id": first, "createdDate": 1_700_000_000,
            "apiSummary": {"/": {"GET": {"authorizationType": "NONE", "apiKeyRequired": false}}}
        })
    );
    let change = operations(json!([{"op": "replace", "path": "/description", "value": "x"}]));
    assert_eq!(good(&mut plane, "PATCH", &of, change)["description"], "x");
    assert_eq!(
        refused(&mut plane, "DELETE", &of, json!(null)).1,
        "Active stages pointing to this deployment must be moved or deleted"
    );
    let second = deploy(&mut plane, &api, Some("dev"));
    let stages = format!("/restapis/{api}/stages");
    let of_first = good(&mut plane, "GET", &format!("{stages}?deploymentId={first}"), json!(null));
    assert_eq!(of_first, json!({"item": []}));
    let of_second = good(&mut plane, "GET", &format!("{stages}?deploymentId={second}"), json!(null));
    assert_eq!(of_second["item"][0]["stageName"], "dev");
    assert_eq!(call(&mut plane, "DELETE", &of, json!(null)).0, 202);
    assert_eq!(refused(&mut plane, "GET", &of, json!(null)).1, "Invalid Deployment identifier specified");
    let listed = good(&mut plane, "GET", &format!("/restapis/{api}/deployments"), json!(null));
    assert_eq!(listed["item"].as_array().unwrap().len(), 1);
    assert_eq!(call(&mut plane, "DELETE", &path, json!(null)).0, 202);
    assert_eq!(plane.serving().unwrap().apis.len(), 0);
}
