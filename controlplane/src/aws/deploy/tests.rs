//! Deployments as they are served.

use std::sync::Arc;

use ringway_core::model::{Api, Configuration};
use ringway_core::snapshot::{CompileSettings, Registry, compile};
use serde_json::json;

use crate::aws::testing::{add_method, control_plane, deploy, good, mock, mocked_api, proxy, refused};
use crate::aws::wire::{BasePathMapping, DomainName, Resource};
use crate::aws::{ControlPlane, Serving};

fn serving(plane: &mut ControlPlane) -> Serving {
    let serving = plane.serving().unwrap();
    plane.commit();
    serving
}

fn api<'s>(serving: &'s Serving, id: &str) -> &'s Arc<Api> {
    serving.apis.iter().find(|api| api.id == id).unwrap()
}

#[test]
fn a_deployment_is_frozen_and_keeps_the_ids_of_resources() {
    let mut plane = control_plane();
    let id = mocked_api(&mut plane);
    let root = plane.state.rest_apis.get(&id).unwrap().root_resource_id.clone();
    assert_eq!(serving(&mut plane).apis, [], "an API without stages is not served");
    deploy(&mut plane, &id, Some("prod"));
    add_method(&mut plane, &id, &root, "POST", mock());
    let first = serving(&mut plane);
    let resources = &api(&first, &id).stages[0].deployment.rest_api.resources;
    assert_eq!((resources.len(), resources[0].methods.len()), (1, 1));
    assert_eq!(resources[0].id, root);
    deploy(&mut plane, &id, Some("prod"));
    let second = serving(&mut plane);
    assert_eq!(api(&second, &id).stages[0].deployment.rest_api.resources[0].methods.len(), 2);
    assert!(!Arc::ptr_eq(api(&first, &id), api(&second, &id)));
}

#[test]
fn what_stays_is_not_built_again() {
    let mut plane = control_plane();
    let (a, b) = (mocked_api(&mut plane), mocked_api(&mut plane));
    deploy(&mut plane, &a, Some("prod"));
    deploy(&mut plane, &b, Some("prod"));
    let first = serving(&mut plane);
    let change =
        |value: &str| json!({"patchOperations": [{"op": "replace", "path": "/variables/v", "value": value}]});
    good(&mut plane, "PATCH", &format!("/restapis/{a}/stages/prod"), change("one"));
    let second = serving(&mut plane);
    assert!(!Arc::ptr_eq(api(&first, &a), api(&second, &a)));
    assert!(Arc::ptr_eq(api(&first, &b), api(&second, &b)));
    let deployment = |serving: &Serving| serving.apis[0].stages[0].deployment.clone();
    assert!(Arc::ptr_eq(&deployment(&first), &deployment(&second)), "a deployment is imported once");

    let description = json!({"patchOperations": [{"op": "replace", "path": "/description", "value": "d"}]});
    good(&mut plane, "PATCH", &format!("/restapis/{a}/stages/prod"), description);
    let third = serving(&mut plane);
    assert!(Arc::ptr_eq(api(&second, &a), api(&third, &a)), "nothing that is served has changed");

    // A draft that is thrown away takes what was built of it with it.
    let body = change("two").to_string();
    let path = format!("/restapis/{a}/stages/prod");
    let request =
        crate::aws::Request { method: "PATCH", path: &path, query: "", accept: "", body: body.as_bytes() };
    assert!(plane.handle(&request, 0).serving_changed);
    let draft = plane.serving().unwrap();
    assert_eq!(api(&draft, &a).stages[0].variables["v"], "two");
    plane.roll_back();
    assert!(Arc::ptr_eq(api(&serving(&mut plane), &a), api(&second, &a)));
}

#[test]
fn rows_of_the_store_are_served_again() {
    let mut plane = control_plane();
    let id = mocked_api(&mut plane);
    deploy(&mut plane, &id, Some("prod"));
    let before = serving(&mut plane);
    let mut again = control_plane();
    let row = |value| serde_json::to_vec(&value).unwrap();
    let state = &plane.state;
    state.rest_apis.iter().for_each(|(key, value)| again.load("rest_apis", key, &row(json!(value))).unwrap());
    state.stages.iter().for_each(|(key, value)| again.load("stages", key, &row(json!(value))).unwrap());
    for (key, value) in state.frozen_apis.iter() {
        again.load("frozen_apis", key, &row(json!(value))).unwrap();
    }
    assert_eq!(serving(&mut again), before);
}

#[test]
fn what_is_not_served_is_refused_with_every_place() {
    let mut plane = control_plane();
    let id = mocked_api(&mut plane);
    let root = plane.state.rest_apis.get(&id).unwrap().root_resource_id.clone();
    let lambda = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/\
                  arn:aws:lambda:us-east-1:123456789012:function:f/invocations";
    let aws = crate::aws::wire::Integration {
        kind: "AWS_PROXY".into(),
        http_method: Some("POST".into()),
        uri: Some(lambda.into()),
        ..mock()
    };
    add_method(&mut plane, &id, &root, "POST", aws);
    add_method(&mut plane, &id, &root, "PUT", proxy("https://example.com/"));
    let (exception, message) = refused(&mut plane, "POST", &format!("/restapis/{id}/deployments"), json!({}));
    assert_eq!(exception, "BadRequestException");
    assert_eq!(
        message,
        "The API cannot be deployed here: POST /: integration type `AWS_PROXY` is not built yet; \
         PUT /: TLS to a backend (`https://`) is not built yet"
    );
    assert!(
        plane.state.deployments.iter().next().is_none() && plane.state.frozen_apis.iter().next().is_none()
    );
}

#[test]
fn what_aws_does_not_deploy() {
    let mut plane = control_plane();
    let created = good(&mut plane, "POST", "/restapis", json!({"name": "empty"}));
    let (id, root) = (created["id"].as_str().unwrap(), created["rootResourceId"].as_str().unwrap());
    let target = format!("/restapis/{id}/deployments");
    let message = |plane: &mut _| refused(plane, "POST", &target, json!({})).1;
    assert_eq!(message(&mut plane), "The REST API doesn't contain any methods");
    add_method(&mut plane, id, root, "GET", mock());
    let key = format!("{id}/{root}");
    let mut row = plane.state.resources.get(&key).unwrap().clone();
    row.resource_methods.get_mut("GET").unwrap().method_integration = None;
    plane.state.resources.put(key, row);
    plane.commit();
    assert_eq!(message(&mut plane), "No integration defined for method");
    let unknown = refused(&mut plane, "POST", "/restapis/none/deployments", json!({}));
    assert_eq!(unknown.1, "Invalid API identifier specified 123456789012:none");
}

#[test]
fn a_stage_needs_the_variables_of_its_deployment() {
    let mut plane = control_plane();
    let id = mocked_api(&mut plane);
    let root = plane.state.rest_apis.get(&id).unwrap().root_resource_id.clone();
    add_method(&mut plane, &id, &root, "POST", proxy("http://${stageVariables.backend}/"));
    let deployment = deploy(&mut plane, &id, None);
    let stages = format!("/restapis/{id}/stages");
    let mut body = json!({"stageName": "prod", "deploymentId": deployment});
    let (_, message) = refused(&mut plane, "POST", &stages, body.clone());
    assert!(message.contains("the stage variable `backend` is not defined"), "{message}");
    body["variables"] = json!({"backend": "example.com"});
    good(&mut plane, "POST", &stages, body);
    let serving = serving(&mut plane);
    assert_eq!(api(&serving, &id).stages[0].variables["backend"], "example.com");
}

#[test]
fn what_does_nothing_is_deployed_as_aws_deploys_it() {
    let mut plane = control_plane();
    let id = mocked_api(&mut plane);
    let root = plane.state.rest_apis.get(&id).unwrap().root_resource_id.clone();
    let mut idle = proxy("http://example.com/");
    idle.request_templates.insert("application/json".into(), "{}".into());
    idle.content_handling = Some("CONVERT_TO_TEXT".into());
    idle.integration_responses = mock().integration_responses;
    idle.integration_responses
        .get_mut("200")
        .unwrap()
        .response_templates
        .insert("text/plain".into(), "x".into());
    add_method(&mut plane, &id, &root, "PUT", idle);
    let mut silent = mock();
    silent.integration_responses.clear();
    silent.request_parameters.insert("integration.request.header.X".into(), "'a'".into());
    add_method(&mut plane, &id, &root, "POST", silent);
    deploy(&mut plane, &id, Some("prod"));
    let Serving { apis, domain_names, .. } = serving(&mut plane);
    let settings = CompileSettings {
        region: "us-east-1".into(),
        account_id: "123456789012".into(),
        execute_api_suffix: "amazonaws.com".into(),
        path_addresses: false,
        default_log_format: "$context.requestId".into(),
        ..CompileSettings::default()
    };
    let snapshot = compile(
        &Configuration { apis, domain_names, ..Configuration::default() },
        &settings,
        &mut Registry::new(),
    )
    .unwrap();
    assert_eq!(snapshot.stages[0].routes.len(), 3);
}

#[test]
fn a_method_may_need_a_key_of_the_header() {
    let mut plane = control_plane();
    let id = mocked_api(&mut plane);
    let root = plane.state.rest_apis.get(&id).unwrap().root_resource_id.clone();
    let replace = |path: &str, value: &str| json!({"patchOperations": [{"op": "replace", "path": path, "value": value}]});
    let method = format!("/restapis/{id}/resources/{root}/methods/GET");
    good(&mut plane, "PATCH", &method, replace("/apiKeyRequired", "true"));
    deploy(&mut plane, &id, Some("prod"));
    let served = serving(&mut plane);
    assert!(api(&served, &id).stages[0].deployment.rest_api.resources[0].methods[0].api_key_required);
    good(&mut plane, "PATCH", &format!("/restapis/{id}"), replace("/apiKeySource", "AUTHORIZER"));
    let (_, message) = refused(&mut plane, "POST", &format!("/restapis/{id}/deployments"), json!({}));
    assert_eq!(
        message,
        "The API cannot be deployed here: GET /: API keys of an authorizer are not built yet: `HEADER` is"
    );
}

#[test]
fn domain_names_lead_to_stages() {
    let mut plane = control_plane();
    let id = mocked_api(&mut plane);
    deploy(&mut plane, &id, Some("prod"));
    let domain = "API.example.com";
    plane.state.domain_names.put(domain, DomainName { domain_name: domain.into(), ..DomainName::default() });
    for (base_path, stage) in [("(none)", Some("prod".to_owned())), ("v1", None)] {
        let row = BasePathMapping { base_path: base_path.into(), rest_api_id: id.clone(), stage };
        plane.state.base_path_mappings.put(format!("{domain}/{base_path}"), row);
    }
    let served = plane.serving().unwrap();
    plane.commit();
    assert_eq!(served.domain_names[0].domain_name, "api.example.com");
    let paths: Vec<&str> =
        served.domain_names[0].base_path_mappings.iter().map(|row| row.base_path.as_str()).collect();
    assert_eq!(paths, ["", "v1"]);
    let (_, message) = refused(&mut plane, "DELETE", &format!("/restapis/{id}/stages/prod"), json!(null));
    assert!(message.starts_with("Please remove all base path mappings"), "{message}");
}

/// `cargo test --release -p ringway-controlplane --lib large -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn a_large_api() {
    let mut plane = control_plane();
    let created = good(&mut plane, "POST", "/restapis", json!({"name": "large"}));
    let (id, root) = (created["id"].as_str().unwrap().to_owned(), created["rootResourceId"].clone());
    for index in 0..2000 {
        let part = format!("r{index}");
        let row = Resource {
            id: part.clone(),
            parent_id: Some(root.as_str().unwrap().to_owned()),
            path: format!("/{part}"),
            path_part: Some(part.clone()),
            ..Resource::default()
        };
        plane.state.resources.put(format!("{id}/{part}"), row);
        for verb in ["GET", "PUT", "POST", "DELETE"] {
            let uri = format!("http://${{stageVariables.backend}}/{part}");
            add_method(&mut plane, &id, &part, verb, proxy(&uri));
        }
    }
    let time = |what: &str, work: &mut dyn FnMut()| {
        let start = std::time::Instant::now();
        work();
        println!("{what}: {:?}", start.elapsed());
    };
    let variables = json!({"backend": "example.com"});
    let deployments = format!("/restapis/{id}/deployments");
    let stage = format!("/restapis/{id}/stages/prod");
    let description = json!({"patchOperations": [{"op": "replace", "path": "/description", "value": "d"}]});
    let variable = json!({"patchOperations": [{"op": "replace", "path": "/variables/a", "value": "d"}]});
    let mut deployment = String::new();
    time("CreateDeployment", &mut || {
        let body = json!({"stageName": "prod", "variables": variables});
        let created = good(&mut plane, "POST", &deployments, body);
        deployment = created["id"].as_str().unwrap().to_owned();
    });
    time("serving", &mut || drop(serving(&mut plane)));
    time("serving again", &mut || drop(serving(&mut plane)));
    let of_deployment = format!("{deployments}/{deployment}");
    for _ in 0..3 {
        time("UpdateStage /description", &mut || {
            drop(good(&mut plane, "PATCH", &stage, description.clone()));
        });
    }
    time("UpdateStage /variables/a", &mut || drop(good(&mut plane, "PATCH", &stage, variable.clone())));
    time("UpdateDeployment", &mut || {
        drop(good(&mut plane, "PATCH", &of_deployment, description.clone()));
    });
    time("GetDeployments", &mut || drop(good(&mut plane, "GET", &deployments, json!(null))));
    time("GetStage", &mut || drop(good(&mut plane, "GET", &stage, json!(null))));
    let embedded = format!("{of_deployment}?embed=apisummary");
    time("GetDeployment apisummary", &mut || drop(good(&mut plane, "GET", &embedded, json!(null))));
    time("serving after all", &mut || drop(serving(&mut plane)));
}
