//! Imports and exports as AWS answers them.

use serde_json::{Value, json};

use crate::aws::testing::{call, control_plane, deploy, good, refused};
use crate::aws::{ControlPlane, Request};

fn document(base: Value, paths: Value) -> Value {
    let mut document =
        json!({"openapi": "3.0.1", "info": {"title": "pets", "version": "1.0.0"}, "paths": paths});
    let members = document.as_object_mut().unwrap();
    members.extend(base.as_object().unwrap().clone());
    document
}

fn operation() -> Value {
    json!({
        "responses": {"200": {"description": "", "headers": {"X-A": {"schema": {"type": "string"}}}}},
        "x-amazon-apigateway-integration": {
            "type": "mock", "responses": {"default": {
                "statusCode": 200, "responseParameters": {"method.response.header.X-A": "'a'"}}}
        }
    })
}

fn paths(plane: &mut ControlPlane, api: &str) -> Vec<(String, String)> {
    let resources = good(plane, "GET", &format!("/restapis/{api}/resources?limit=500"), json!(null));
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let rows = resources["item"].as_array().unwrap().iter();
    let mut paths: Vec<_> = rows.map(|row| (text(row, "path"), text(row, "id"))).collect();
    paths.sort();
    paths
}

fn names(paths: &[(String, String)]) -> Vec<&str> {
    paths.iter().map(|(path, _)| path.as_str()).collect()
}

#[test]
fn an_import_makes_rows_with_the_defaults_of_aws() {
    let mut plane = control_plane();
    let body = document(
        json!({"x-amazon-apigateway-binary-media-types": ["image/heif"]}),
        json!({"/a/{id}": {"get": operation(), "post": {"operationId": "later"}}, "/b": {}}),
    );
    let (status, api) =
        call(&mut plane, "POST", "/restapis?mode=import&endpointConfigurationTypes=REGIONAL", body);
    assert_eq!(status, 201, "{api}");
    assert_eq!((&api["name"], &api["version"]), (&json!("pets"), &json!("1.0.0")));
    assert_eq!(api["endpointConfiguration"], json!({"types": ["REGIONAL"], "ipAddressType": "ipv4"}));
    assert!(api.get("warnings").is_none(), "{api}");
    let id = api["id"].as_str().unwrap();
    let resources = paths(&mut plane, id);
    assert_eq!(names(&resources), ["/", "/a", "/a/{id}", "/b"]);
    let resource = good(
        &mut plane,
        "GET",
        &format!("/restapis/{id}/resources/{}?embed=methods", resources[2].1),
        json!(null),
    );
    assert_eq!(
        resource["resourceMethods"]["GET"],
        json!({
            "httpMethod": "GET", "authorizationType": "NONE", "apiKeyRequired": false,
            "methodResponses": {"200": {"statusCode": "200", "responseParameters": {"method.response.header.X-A": false}}},
            "methodIntegration": {
                "type": "MOCK", "passthroughBehavior": "WHEN_NO_MATCH", "timeoutInMillis": 29000,
                "cacheNamespace": resources[2].1, "cacheKeyParameters": [],
                "integrationResponses": {"200": {
                    "statusCode": "200", "responseParameters": {"method.response.header.X-A": "'a'"}}}
            }
        })
    );
    assert_eq!(
        resource["resourceMethods"]["POST"],
        json!({"httpMethod": "POST", "authorizationType": "NONE", "apiKeyRequired": false, "operationName": "later"})
    );
    let models = plane.state().models.children(id).count();
    assert_eq!(models, 0, "an import has the models of its document");
    let (_, message) = refused(&mut plane, "POST", &format!("/restapis/{id}/deployments"), json!({}));
    assert_eq!(message, "No integration defined for method");
}

#[test]
fn base_paths() {
    for (mode, expected) in [
        ("ignore", &["/", "/test"][..]),
        ("prepend", &["/", "/base-url", "/base-url/part", "/base-url/part/test"]),
        ("split", &["/", "/part", "/part/test"]),
    ] {
        let mut plane = control_plane();
        let servers = json!({"servers": [{"url": "https://example.com/base-url/part"}]});
        let body = document(servers, json!({"/test": {"get": operation()}}));
        let api = good(&mut plane, "POST", &format!("/restapis?mode=import&basepath={mode}"), body);
        assert_eq!(names(&paths(&mut plane, api["id"].as_str().unwrap())), expected);
    }
}

#[test]
fn merge_and_overwrite() {
    let mut plane = control_plane();
    let binary = |types: Value| json!({"x-amazon-apigateway-binary-media-types": types});
    let first = document(
        binary(json!(["image/heif"])),
        json!({"/a": {"get": operation()}, "/b": {"get": operation()}}),
    );
    let api = good(&mut plane, "POST", "/restapis?mode=import", first);
    let id = api["id"].as_str().unwrap().to_owned();
    let before = paths(&mut plane, &id);
    let mut second = document(
        binary(json!(["image/png", "image/jpg"])),
        json!({"/a": {"put": operation()}, "/c": {"get": operation()}}),
    );
    second["info"] = json!({"title": "cats", "version": "2"});
    let target = format!("/restapis/{id}");
    let merged = good(&mut plane, "PUT", &target, second.clone());
    assert_eq!((&merged["name"], &merged["version"]), (&json!("cats"), &json!("2")));
    assert_eq!(merged["binaryMediaTypes"], json!(["image/heif", "image/png", "image/jpg"]));
    let after = paths(&mut plane, &id);
    assert_eq!(names(&after), ["/", "/a", "/b", "/c"]);
    assert_eq!(before, after[..3], "what stays keeps its id");
    let verbs = |plane: &mut ControlPlane| -> Vec<String> {
        let resources = good(plane, "GET", &format!("/restapis/{id}/resources/{}", before[1].1), json!(null));
        resources["resourceMethods"].as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(verbs(&mut plane), ["GET", "PUT"]);
    let over = good(&mut plane, "PUT", &format!("{target}?mode=overwrite"), second);
    assert_eq!(over["binaryMediaTypes"], json!(["image/png", "image/jpg"]));
    assert_eq!(over["rootResourceId"], api["rootResourceId"]);
    let last = paths(&mut plane, &id);
    assert_eq!(names(&last), ["/", "/a", "/c"]);
    assert_eq!(last[1], before[1]);
    assert_eq!(verbs(&mut plane), ["PUT"]);
    let wrong = refused(&mut plane, "PUT", &format!("{target}?mode=both"), json!({}));
    assert_eq!(
        wrong.1,
        "1 validation error detected: Value 'both' at 'mode' failed to satisfy constraint: Member must satisfy enum value \
         set: [overwrite, merge]"
    );
}

#[test]
fn what_cannot_be_imported() {
    let mut plane = control_plane();
    let mut import = |query: &str, body: Value| {
        refused(&mut plane, "POST", &format!("/restapis?mode=import{query}"), body).1
    };
    assert_eq!(import("", json!({"a": 1})), "Invalid OpenAPI input.");
    assert_eq!(import("", json!("\u{0}[")), "Invalid OpenAPI input.");
    let mut wrong = operation();
    wrong["x-amazon-apigateway-integration"]["type"] = json!("http");
    wrong["x-amazon-apigateway-integration"]["httpMethod"] = json!("GET");
    wrong["x-amazon-apigateway-integration"]["uri"] = json!("ftp://x");
    wrong["x-amazon-apigateway-integration"]["responses"]["default"]["statusCode"] = json!(201);
    assert_eq!(
        import("", document(json!({}), json!({"/a": {"get": wrong}}))),
        "Errors found during import:\n\tUnable to put integration response on 'GET' for resource at path '/a': Invalid Response \
         status code specified\n\tUnable to put integration on 'GET' for resource at path '/a': Invalid HTTP endpoint specified \
         for URI"
    );
    let mut odd = operation();
    odd["x-amazon-apigateway-odd"] = json!(1);
    let body = document(json!({}), json!({"/a": {"get": odd}}));
    assert_eq!(
        import("&failonwarnings=true", body.clone()),
        "Warnings found during import:\n\tUnable to put method 'GET' on resource at path '/a': `x-amazon-apigateway-odd` is no \
         extension of API Gateway"
    );
    let api = good(&mut plane, "POST", "/restapis?mode=import", body);
    assert_eq!(api["warnings"].as_array().unwrap().len(), 1);
    let again = good(&mut plane, "GET", &format!("/restapis/{}", api["id"].as_str().unwrap()), json!(null));
    assert!(again.get("warnings").is_none());
    let id = api["id"].as_str().unwrap();
    let variable = document(json!({}), json!({"/{x}": {"get": operation()}}));
    good(&mut plane, "PUT", &format!("/restapis/{id}"), variable);
    let other = document(json!({}), json!({"/{y}": {"get": operation()}}));
    assert_eq!(
        refused(&mut plane, "PUT", &format!("/restapis/{id}"), other).1,
        "Errors found during import:\n\tUnable to create resource at path '/{y}': A sibling ({x}) of this resource already has a \
         variable path part -- only one is allowed"
    );
}

fn export(plane: &mut ControlPlane, api: &str, kind: &str, query: &str, accept: &str) -> (String, String) {
    let path = format!("/restapis/{api}/stages/prod/exports/{kind}");
    let handled = plane.handle(&Request { method: "GET", path: &path, query, accept, body: &[] }, 0);
    let response = handled.response;
    let text = String::from_utf8(response.body).unwrap();
    assert_eq!(
        (response.status, response.content_type.as_str()),
        (200, "application/octet-stream"),
        "{text}"
    );
    (response.content_disposition.unwrap(), text)
}

#[test]
fn exports_are_files() {
    let mut plane = control_plane();
    let body = document(json!({}), json!({"/a": {"get": operation()}}));
    let api = good(&mut plane, "POST", "/restapis?mode=import", body);
    let id = api["id"].as_str().unwrap().to_owned();
    deploy(&mut plane, &id, Some("prod"));
    let (name, text) = export(&mut plane, &id, "oas30", "", "application/json");
    assert_eq!(name, "attachment; filename=\"oas30_1.0.0.json\"");
    let exported: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(exported["servers"][0]["variables"]["basePath"]["default"], "prod");
    assert!(exported["paths"]["/a"]["get"].get("x-amazon-apigateway-integration").is_none());
    let (name, text) =
        export(&mut plane, &id, "swagger", "extensions=integrations,authorizers", "application/yaml");
    assert_eq!(name, "attachment; filename=\"swagger_1.0.0.yaml\"");
    assert!(text.contains("x-amazon-apigateway-integration") && text.contains("basePath"), "{text}");
    let unknown = refused(&mut plane, "GET", &format!("/restapis/{id}/stages/prod/exports/x"), json!(null));
    assert_eq!(unknown.0, "BadRequestException");
    let none = refused(&mut plane, "GET", &format!("/restapis/{id}/stages/none/exports/oas30"), json!(null));
    assert_eq!(none.1, "Invalid stage identifier specified");
}

#[test]
fn times() {
    for (seconds, expected) in [
        (0, "1970-01-01T00:00:00Z"),
        (951_782_400, "2000-02-29T00:00:00Z"),
        (1_473_702_637, "2016-09-12T17:50:37Z"),
    ] {
        assert_eq!(super::date_time(seconds), expected);
    }
}

#[test]
fn a_path_may_have_thousands_of_parts_but_not_make_gigabytes_of_resources() {
    let mut plane = control_plane();
    let deep = |parts: usize| document(json!({}), json!({"/a".repeat(parts): {"get": operation()}}));
    let api = good(&mut plane, "POST", "/restapis?mode=import", deep(2000));
    let id = api["id"].as_str().unwrap();
    assert_eq!(plane.state().resources.children(id).count(), 2001);
    let (_, message) = refused(&mut plane, "PUT", &format!("/restapis/{id}"), deep(5000));
    assert!(message.ends_with("the paths of all resources have more than 6291456 bytes"), "{message}");
    assert_eq!(plane.state().resources.children(id).count(), 2001);
}
