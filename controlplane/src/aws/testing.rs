//! For the tests of actions: a control plane that makes the same ids every time.

use serde_json::Value;

use super::wire::{Integration, IntegrationResponse, Method};
use super::{ControlPlane, Request, Settings};

pub(crate) const ACCOUNT: &str = "123456789012";

/// An empty control plane.
pub(crate) fn control_plane() -> ControlPlane {
    let settings = Settings {
        region: "us-east-1".into(),
        account_id: ACCOUNT.into(),
        execute_api_suffix: "amazonaws.com".into(),
        account_throttle: None,
    };
    let mut next = 0_u64;
    ControlPlane::new(settings, move |bytes| {
        for byte in bytes {
            next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (next >> 33) as u8;
        }
    })
}

/// Calls an operation; the answer's status, and its document or `[exception, message]`.
pub(crate) fn call(plane: &mut ControlPlane, method: &str, target: &str, body: Value) -> (u16, Value) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let request = Request { method, path, query, accept: "application/json", body: &body };
    let handled = plane.handle(&request, 1_700_000_000);
    plane.commit();
    let response = handled.response;
    let document: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    match response.error_type {
        Some(exception) => (response.status, serde_json::json!([exception, document["message"]])),
        None => (response.status, document),
    }
}

/// As [`call`], for what has to succeed.
pub(crate) fn good(plane: &mut ControlPlane, method: &str, target: &str, body: Value) -> Value {
    let (status, document) = call(plane, method, target, body);
    assert!(status < 300, "{method} {target}: {status} {document}");
    document
}

/// As [`call`], for what has to be refused; the exception and its message.
pub(crate) fn refused(plane: &mut ControlPlane, method: &str, target: &str, body: Value) -> (String, String) {
    let (status, document) = call(plane, method, target, body);
    assert!(status >= 400, "{method} {target}: {status} {document}");
    let text = |index: usize| document[index].as_str().unwrap_or_default().to_owned();
    (text(0), text(1))
}

/// An API with a method `GET /`, and the path of the method.
pub(crate) fn a_method(plane: &mut ControlPlane) -> String {
    let api = good(plane, "POST", "/restapis", serde_json::json!({"name": "a"}));
    let text = |name: &str| api[name].as_str().unwrap_or_default();
    let path = format!("/restapis/{}/resources/{}/methods/GET", text("id"), text("rootResourceId"));
    good(plane, "PUT", &path, serde_json::json!({"authorizationType": "NONE"}));
    path
}

/// An API with `GET /`, answered by the gateway itself; its id.
pub(crate) fn mocked_api(plane: &mut ControlPlane) -> String {
    let api = good(plane, "POST", "/restapis", serde_json::json!({"name": "mocked"}));
    let (id, root) = (api["id"].as_str().unwrap(), api["rootResourceId"].as_str().unwrap());
    add_method(plane, id, root, "GET", mock());
    id.to_owned()
}

/// Adds a method that anyone may call.
pub(crate) fn add_method(
    plane: &mut ControlPlane,
    api: &str,
    resource: &str,
    verb: &str,
    integration: Integration,
) {
    let key = super::table::key(api, resource);
    let mut row = plane.state.resources.get(&key).unwrap().clone();
    let method = Method {
        http_method: verb.into(),
        authorization_type: "NONE".into(),
        method_integration: Some(integration),
        ..Method::default()
    };
    row.resource_methods.insert(verb.into(), method);
    plane.state.resources.put(key, row);
    plane.commit();
}

/// An integration that answers 200.
pub(crate) fn mock() -> Integration {
    let response = IntegrationResponse { status_code: "200".into(), ..IntegrationResponse::default() };
    Integration {
        kind: "MOCK".into(),
        passthrough_behavior: "WHEN_NO_MATCH".into(),
        timeout_in_millis: 29_000,
        integration_responses: [("200".into(), response)].into(),
        ..Integration::default()
    }
}

/// An integration that passes everything to a backend.
pub(crate) fn proxy(uri: &str) -> Integration {
    Integration {
        kind: "HTTP_PROXY".into(),
        http_method: Some("ANY".into()),
        uri: Some(uri.into()),
        connection_type: Some("INTERNET".into()),
        integration_responses: Default::default(),
        ..mock()
    }
}

/// Deploys an API, to a stage where one is named; the deployment's id.
pub(crate) fn deploy(plane: &mut ControlPlane, api: &str, stage: Option<&str>) -> String {
    let target = format!("/restapis/{api}/deployments");
    let deployment = good(plane, "POST", &target, serde_json::json!({"stageName": stage}));
    deployment["id"].as_str().unwrap().to_owned()
}
