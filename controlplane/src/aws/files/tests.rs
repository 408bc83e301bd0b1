//! What the control plane holds, written as files and read again.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Exported, comparable, sorted};
use crate::Loader;
use crate::aws::testing::{add_method, control_plane, deploy, good, mock, mocked_api, proxy};
use crate::aws::wire::Integration;
use crate::aws::{ControlPlane, Serving};

pub(super) fn patch(plane: &mut ControlPlane, path: &str, operations: &[(&str, &str, Value)]) {
    let operation = |(op, path, value): &(&str, &str, Value)| json!({"op": op, "path": path, "value": value});
    let operations: Vec<Value> = operations.iter().map(operation).collect();
    good(plane, "PATCH", path, json!({"patchOperations": operations}));
}

fn root(plane: &ControlPlane, api: &str) -> String {
    plane.state.rest_apis.get(api).unwrap().root_resource_id.clone()
}

/// An API with the stages `dev` and `prod` of different deployments, a canary, variables, an access log, and a domain name with two
/// mappings; its id.
pub(super) fn everything(plane: &mut ControlPlane) -> String {
    let api = mocked_api(plane);
    let first = deploy(plane, &api, Some("prod"));
    let root = root(plane, &api);
    add_method(plane, &api, &root, "POST", proxy("http://${stageVariables.backend}/"));
    let stages = format!("/restapis/{api}/stages");
    let variables = json!({"backend": "127.0.0.1:9001", "tier": "gold"});
    let second = deploy(plane, &api, None);
    let body = json!({"stageName": "dev", "deploymentId": second, "variables": variables, "description": "it's \"dev\"\n"});
    good(plane, "POST", &stages, body);
    add_method(plane, &api, &root, "PUT", mock());
    let settings = json!({
        "percentTraffic": 12.5, "deploymentId": deploy(plane, &api, None), "useStageCache": true,
        "stageVariableOverrides": {"backend": "127.0.0.1:9002"},
    });
    let body = json!({"stageName": "next", "deploymentId": second, "variables": variables, "canarySettings": settings});
    good(plane, "POST", &stages, body);
    let format = "$context.requestId '$context.status' \"$context.path\"\n";
    patch(plane, &format!("{stages}/prod"), &[("replace", "/accessLogSettings/format", json!(format))]);
    let certificate = "arn:aws:acm:us-east-1:123456789012:certificate/1";
    let endpoint = json!({"types": ["REGIONAL"]});
    let domain = json!({"domainName": "api.example.com", "regionalCertificateArn": certificate, "endpointConfiguration": endpoint});
    good(plane, "POST", "/domainnames", domain);
    for (base_path, stage) in [("(none)", json!(null)), ("v1", json!("prod"))] {
        let mapping = json!({"basePath": base_path, "restApiId": api, "stage": stage});
        good(plane, "POST", "/domainnames/api.example.com/basepathmappings", mapping);
    }
    assert_ne!(first, second);
    api
}

pub(super) fn serving(plane: &mut ControlPlane) -> Serving {
    let serving = plane.serving().unwrap();
    plane.commit();
    serving
}

pub(super) fn api_files(exported: &Exported) -> crate::ApiFiles {
    let files: BTreeMap<PathBuf, &String> =
        exported.files.iter().map(|(path, text)| (PathBuf::from(path), text)).collect();
    let reader = |path: &Path| {
        files.get(path).map(|text| (*text).clone()).ok_or(io::Error::from(io::ErrorKind::NotFound))
    };
    let paths: Vec<PathBuf> =
        files.keys().filter(|path| path.extension().is_some_and(|end| end == "toml")).cloned().collect();
    Loader::default().api_files_with(&paths, &reader).unwrap_or_else(|issues| panic!("{issues:#?}"))
}

#[test]
fn files_serve_what_rows_serve() {
    let mut plane = control_plane();
    let api = everything(&mut plane);
    let exported = plane.export_files(true).unwrap();
    let names: Vec<&str> = exported.files.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(names[0], format!("{api}.toml"));
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(names[1..].iter().all(|name| name.starts_with(&format!("{api}/")) && name.ends_with(".json")));
    let loaded = api_files(&exported);
    let serving = serving(&mut plane);
    assert_eq!(loaded.files.len(), 1);
    assert_eq!(comparable(&loaded.files[0].api), comparable(&serving.apis[0]));
    assert_eq!(sorted(&loaded.domain_names), sorted(&serving.domain_names));
    assert_eq!(loaded.files[0].descriptions["dev"], "it's \"dev\"\n");
    let left_out = exported.left_out.join("\n");
    for line in [
        format!("API {api} (mocked): the ids of its resources"),
        "domain name api.example.com: regionalCertificateArn".into(),
    ] {
        assert!(left_out.contains(&line), "{left_out}");
    }
    assert!(!left_out.contains("differ") && !left_out.contains("not deployed"), "{left_out}");
}

/// Stores what files say, as its host does.
pub(super) fn import(plane: &mut ControlPlane, files: &crate::ApiFiles) -> Vec<String> {
    let imported = plane.import_files(files, 1_700_000_000).unwrap_or_else(|errors| panic!("{errors:#?}"));
    assert!(!imported.writes.is_empty());
    plane.commit();
    imported.warnings
}

#[test]
fn rows_become_files_and_rows_again() {
    let mut plane = control_plane();
    let api = everything(&mut plane);
    let exported = plane.export_files(true).unwrap();
    let mut again = control_plane();
    assert_eq!(import(&mut again, &api_files(&exported)), [""; 0]);
    let (before, after) = (serving(&mut plane), serving(&mut again));
    assert_eq!(comparable(&before.apis[0]), comparable(&after.apis[0]));
    assert_eq!(before.domain_names, after.domain_names);
    assert_eq!(before.apis[0].name, after.apis[0].name);
    // The files of the new rows are those of the old, but for ids.
    let exported_again = again.export_files(true).unwrap();
    assert_eq!(exported_again.files.len(), exported.files.len());
    let description =
        |plane: &ControlPlane| plane.state.stages.child(&api, "dev").unwrap().description.clone();
    assert_eq!(description(&again), description(&plane));
    assert!(!exported_again.left_out.iter().any(|line| line.contains("not deployed")));
    // The rows can be deployed.
    deploy(&mut again, &api, Some("dev"));
}

#[test]
fn what_is_there_is_not_imported() {
    let mut plane = control_plane();
    let api = everything(&mut plane);
    let files = api_files(&plane.export_files(true).unwrap());
    let errors = plane.import_files(&files, 0).unwrap_err();
    assert_eq!(
        errors,
        [
            format!("API {api}: the store has it already"),
            "domain name api.example.com: the store has it already".into(),
        ]
    );
    assert_eq!(plane.state.writes(), []);
}

/// The loaded file of one API with this end.
pub(super) fn written(document: &str, rest: &str) -> crate::ApiFiles {
    let file = format!("restApiId = \"written1\"\nbody = \"api.json\"\n{rest}");
    let text = |path: &Path| match path.to_str() {
        Some("api.toml") => Ok(file.clone()),
        Some("api.json") => Ok(document.to_owned()),
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    let files = Loader::default().api_files_with(&["api.toml".into()], &text);
    files.unwrap_or_else(|issues| panic!("{issues:#?}"))
}

#[test]
fn files_of_people_become_rows() {
    let integration = json!({
        "type": "http", "httpMethod": "GET", "uri": "http://${stageVariables.backend}/pets/{id}",
        "requestParameters": {"integration.request.path.id": "method.request.path.id"},
        "responses": {"default": {"statusCode": "200"}, "5\\d{2}": {"statusCode": "502"}, "404": {"statusCode": "502"}},
    });
    let parameter = json!({"name": "id", "in": "path", "required": true, "schema": {"type": "string"}});
    let operation = json!({
        "parameters": [parameter], "x-amazon-apigateway-integration": integration,
        "responses": {"200": {"description": "a", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}}},
    });
    let document = json!({
        "openapi": "3.0.1", "info": {"title": "Pets of ${AWS::Region}", "version": "1"},
        "components": {"schemas": {"Pet": {"type": "object"}}}, "paths": {"/pets/{id}": {"get": operation}},
    });
    let stages = "[[stages]]\nstageName = \"dev\"\nvariables = {backend = \"127.0.0.1:1\"}\n";
    let domain = "[[domainNames]]\ndomainName = \"*\"\nbasePathMappings = [{basePath = \"a/b\", restApiId = \"written1\"}]\n";
    let files = written(&document.to_string(), &format!("{stages}{domain}"));
    let mut plane = control_plane();
    let warnings = import(&mut plane, &files);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("several integration responses have the status code 502"), "{warnings:?}");
    let serving = serving(&mut plane);
    let (before, after) = (&files.files[0].api, &serving.apis[0]);
    // Even the ids of resources are those of the files.
    assert_eq!(before.stages[0].deployment.rest_api, after.stages[0].deployment.rest_api);
    assert_eq!(serving.domain_names, files.domain_names);
    let resources = good(&mut plane, "GET", "/restapis/written1/resources?embed=methods", json!(null));
    let paths: Vec<&str> =
        resources["item"].as_array().unwrap().iter().map(|row| row["path"].as_str().unwrap()).collect();
    assert_eq!(paths.len(), 3, "{paths:?}");

    let left_out = plane.export_files(true).unwrap().left_out;
    let not_deployed: Vec<&String> = left_out.iter().filter(|line| line.contains("not deployed")).collect();
    // Of two responses with one status code, rows keep one.
    assert!(not_deployed.iter().all(|line| line.contains("integration response")), "{not_deployed:?}");
    assert!(!not_deployed.is_empty());

    let validated = format!("{stages}responseValidation = \"enforce\"\n");
    let errors = control_plane().import_files(&written(&document.to_string(), &validated), 0).unwrap_err();
    assert!(errors[0].contains("no `responseValidation`"), "{errors:?}");
}

#[test]
fn what_files_cannot_hold_is_named() {
    let mut plane = control_plane();
    let api = mocked_api(&mut plane);
    let unused = deploy(&mut plane, &api, None);
    let used = deploy(&mut plane, &api, Some("prod"));
    let root = root(&plane, &api);
    add_method(&mut plane, &api, &root, "DELETE", mock());
    good(&mut plane, "POST", &format!("/restapis/{api}/resources/{root}"), json!({"pathPart": "bare"}));
    good(&mut plane, "POST", "/apikeys", json!({"name": "mobile", "customerId": "c"}));
    let stages = json!([{"apiId": api, "stage": "prod"}]);
    let plan = json!({"name": "gold", "apiStages": stages, "tags": {"team": "pets"}});
    good(&mut plane, "POST", "/usageplans", plan);
    let stage = format!("/restapis/{api}/stages/prod");
    let arn = format!("arn:aws:apigateway:us-east-1::{stage}");
    patch(
        &mut plane,
        &stage,
        &[
            ("replace", "/*/*/throttling/burstLimit", json!("7")),
            ("replace", "/*/*/logging/loglevel", json!("INFO")),
            ("replace", "/none/GET/caching/enabled", json!("true")),
            ("replace", "/tracingEnabled", json!("true")),
            (
                "replace",
                "/accessLogSettings/destinationArn",
                json!("arn:aws:logs:us-east-1:123456789012:log-group:g"),
            ),
        ],
    );
    let encoded = arn.replace(':', "%3A").replace('/', "%2F");
    good(&mut plane, "PUT", &format!("/tags/{encoded}"), json!({"tags": {"team": "pets"}}));
    patch(&mut plane, &format!("/restapis/{api}"), &[("replace", "/name", json!("renamed"))]);
    let exported = plane.export_files(true).unwrap();
    let left_out = exported.left_out.join("\n");
    let name = format!("API {api} (renamed)");
    for line in [
        format!("{name}: what is not deployed: + DELETE /"),
        format!("{name}: its name was mocked when {used} was deployed"),
        format!("{name}: resource /bare: it has no methods"),
        format!("{name}, deployment {unused}: no stage serves it"),
        format!("{name}, stage prod: methodSettings */*: loggingLevel"),
        format!("{name}, stage prod: methodSettings none/GET: it has no such method"),
        format!("{name}, stage prod: tag team"),
        format!("{name}, stage prod: tracingEnabled"),
        format!("{name}, stage prod: accessLogSettings.destinationArn arn:aws:logs"),
        "(mobile): customerId".into(),
        "(gold): tag team".into(),
    ] {
        assert!(left_out.contains(&line), "`{line}` is not in:\n{left_out}");
    }
    assert_eq!(api_files(&exported).files[0].api.name, "renamed");
}

#[test]
fn what_does_nothing_is_in_the_files() {
    let mut plane = control_plane();
    let api = mocked_api(&mut plane);
    let root = root(&plane, &api);
    let idle = Integration {
        request_templates: [("application/json".into(), "x".into())].into(),
        cache_key_parameters: vec!["method.request.querystring.a".into()],
        ..proxy("http://127.0.0.1:9001/")
    };
    add_method(&mut plane, &api, &root, "PUT", idle);
    let unanswered = Integration { integration_responses: BTreeMap::new(), ..mock() };
    add_method(&mut plane, &api, &root, "POST", unanswered);
    deploy(&mut plane, &api, Some("prod"));
    let exported = plane.export_files(true).unwrap();
    assert!(exported.files[0].1.contains("takesIdle = true"), "{}", exported.files[0].1);
    let serving = serving(&mut plane);
    assert_eq!(comparable(&api_files(&exported).files[0].api), comparable(&serving.apis[0]));
}

#[test]
fn an_api_without_stages_is_its_document() {
    let mut plane = control_plane();
    let api = mocked_api(&mut plane);
    let exported = plane.export_files(true).unwrap();
    assert_eq!(exported.files.len(), 1);
    assert_eq!(exported.files[0].0, format!("{api}.json"));
    let document: Value = serde_json::from_str(&exported.files[0].1).unwrap();
    assert_eq!(document["info"]["title"], "mocked");
    assert!(exported.left_out[0].contains("it has no stages"), "{:?}", exported.left_out);
}
