//! What a diff says of two documents.

use std::path::Path;

use ringway_controlplane::diff::{diff, to_json};
use ringway_controlplane::openapi::{ImportOptions, import};
use ringway_core::model::RestApi;

const OLD: &str = r##"
openapi: 3.0.1
info: {title: Pets, version: "1"}
x-amazon-apigateway-request-validators:
  all: {validateRequestBody: true, validateRequestParameters: true}
components:
  schemas:
    Pet: {type: object}
paths:
  /pets:
    get:
      parameters: [{name: type, in: query}]
      x-amazon-apigateway-integration: {type: http_proxy, httpMethod: GET, uri: "http://a/pets"}
    post:
      x-amazon-apigateway-request-validator: all
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Pet"}}}}
      x-amazon-apigateway-integration:
        type: mock
        requestTemplates: {application/json: '{"statusCode": 200}'}
        responses: {default: {statusCode: "200"}}
  /health:
    get:
      x-amazon-apigateway-integration: {type: mock, responses: {default: {statusCode: "200"}}}
"##;

fn api(text: &str) -> RestApi {
    import(text, Path::new("x.yaml"), &ImportOptions::new("api")).unwrap().rest_api
}

#[test]
fn tells_routes_and_what_is_different_in_them() {
    let new = OLD
        .replace("version: \"1\"", "version: \"2\"")
        .replace("http://a/pets", "http://b/pets")
        .replace("{name: type, in: query}", "{name: type, in: query, required: true}")
        .replace("'{\"statusCode\": 200}'", "'{\"statusCode\": 201}'")
        .replace("validateRequestBody: true", "validateRequestBody: false")
        .replace("Pet: {type: object}", "Pet: {type: string}")
        .replace("  /health:", "  /status:");
    let changes = diff(&api(OLD), &api(&new));
    let lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
    let expected = [
        "~ API: version 1 -> 2",
        "~ GET /pets: parameter querystring type optional -> required\n~ GET /pets: integration uri http://a/pets -> http://b/pets",
        "~ POST /pets: request template application/json {\"statusCode\": 200} -> {\"statusCode\": 201}",
        "- GET /health",
        "~ model Pet: schema {\"type\":\"object\"} -> {\"type\":\"string\"}",
        "~ request validator all: validates body true -> false",
        "+ GET /status",
    ];
    assert_eq!(lines, expected);
    let json: serde_json::Value = serde_json::from_str(&to_json(&changes).to_compact()).unwrap();
    assert_eq!(json[1]["details"][1]["new"], "http://b/pets");
    assert_eq!(diff(&api(OLD), &api(OLD)), []);
}

/// Whatever differs between two real documents, a diff is empty only for an API and itself.
#[test]
fn sees_each_member_of_the_model() {
    let base = api(OLD);
    let mut changed = Vec::new();
    let mut change = |edit: &dyn Fn(&mut RestApi)| {
        let mut api = base.clone();
        edit(&mut api);
        changed.push(api);
    };
    change(&|api| api.description = Some("d".into()));
    change(&|api| api.minimum_compression_size = Some(1));
    change(&|api| api.disable_execute_api_endpoint = true);
    change(&|api| api.policy = Some("{}".into()));
    change(&|api| api.tags = [("a".to_owned(), "b".to_owned())].into());
    change(&|api| api.resources[0].methods[0].api_key_required = true);
    change(&|api| api.resources[0].methods[0].operation_name = Some("o".into()));
    change(&|api| api.resources[0].methods[0].integration.timeout /= 2);
    change(&|api| api.resources[0].methods[0].integration.credentials = Some("c".into()));
    change(&|api| api.resources[0].methods[1].integration.responses[0].status_code = 201);
    change(&|api| _ = api.resources[0].methods[0].method_responses.insert(200, Default::default()));
    for api in changed {
        assert_eq!(diff(&base, &api).len(), 1);
        assert_eq!(diff(&api, &base).len(), 1);
    }
}
