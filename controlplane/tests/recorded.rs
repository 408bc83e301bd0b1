//! What AWS was recorded or documented to do with documents (tables.md §8, §10.1, §10.2, §16).

mod corpus;

use std::path::Path;

use corpus::round_trips;
use ringway_controlplane::export::{ExportOptions, Extensions, Format, export};
use ringway_controlplane::openapi::{
    Account, BasePathMode, ImportOptions, Imported, import, import_to_serve, merge,
};
use ringway_core::model::{Authorization, Authorizer, AuthorizerType, RestApi};
use serde_json::{Value, json};

const MOCK: &str = r#"{"type": "mock", "responses": {"default": {"statusCode": "200"}}}"#;

fn mock() -> Value {
    serde_json::from_str(MOCK).unwrap()
}

fn with(options: ImportOptions, document: &Value) -> Imported {
    import(&document.to_string(), Path::new("x.json"), &options)
        .unwrap_or_else(|issues| panic!("{issues:#?}"))
}

fn imported(document: &Value) -> Imported {
    with(corpus::options(), document)
}

fn messages(document: &Value, options: &ImportOptions) -> Vec<String> {
    let issues = import(&document.to_string(), Path::new("x.json"), options).err().unwrap_or_default();
    issues.into_iter().map(|issue| issue.message).collect()
}

fn swagger(extra: Value, paths: Value) -> Value {
    let mut document = json!({"swagger": "2.0", "info": {"title": "t", "version": "1.0"}, "paths": paths});
    document.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    document
}

fn openapi(extra: Value, paths: Value) -> Value {
    let mut document = swagger(extra, paths);
    document.as_object_mut().unwrap().remove("swagger");
    document["openapi"] = "3.0.1".into();
    document
}

fn get(paths: &[&str]) -> Value {
    let item =
        |path: &&str| ((*path).to_owned(), json!({"get": {"x-amazon-apigateway-integration": mock()}}));
    Value::Object(paths.iter().map(item).collect())
}

/// The paths of all resources: AWS makes one of each part of a path.
fn resources(document: &Value, base_path: BasePathMode) -> Vec<String> {
    let api = with(ImportOptions { base_path, ..corpus::options() }, document).rest_api;
    let mut paths = vec!["/".to_owned()];
    for resource in &api.resources {
        let path = &resource.path;
        let ends = path.match_indices('/').map(|(end, _)| end).skip(1).chain([path.len()]);
        paths.extend(ends.map(|end| path[..end].to_owned()));
    }
    paths.sort();
    paths.dedup();
    paths
}

#[test]
fn base_paths() {
    use BasePathMode::{Ignore, Prepend, Split};
    let guide = swagger(json!({"basePath": "/a/b/c"}), get(&["/e", "/f"]));
    let base = swagger(json!({"basePath": "/base"}), get(&["/test"]));
    let server = |server: Value| openapi(json!({"servers": [server]}), get(&["/test"]));
    let variable = server(
        json!({"url": "https://example.com/{basePath}", "variables": {"basePath": {"default": "base-var"}}}),
    );
    let unused = openapi(
        json!({"servers": [
            {"url": "https://example.com/other"},
            {"url": "https://example.com/x", "variables": {"basePath": {"default": "base-var"}}},
            {"url": "https://example.com/y", "variables": {"basePath": {"default": "second"}}},
        ]}),
        get(&["/test"]),
    );
    let url = server(json!({"url": "https://example.com/base-url/part"}));
    for (document, mode, expected) in [
        (&guide, Ignore, "/ /e /f"),
        (&guide, Prepend, "/ /a /a/b /a/b/c /a/b/c/e /a/b/c/f"),
        (&guide, Split, "/ /b /b/c /b/c/e /b/c/f"),
        (&base, Ignore, "/ /test"),
        (&base, Split, "/ /test"),
        (&base, Prepend, "/ /base /base/test"),
        (&variable, Prepend, "/ /base-var /base-var/test"),
        (&variable, Split, "/ /test"),
        (&variable, Ignore, "/ /test"),
        (&unused, Prepend, "/ /base-var /base-var/test"),
        (&url, Prepend, "/ /base-url /base-url/part /base-url/part/test"),
        (&url, Split, "/ /part /part/test"),
        (&url, Ignore, "/ /test"),
    ] {
        assert_eq!(resources(document, mode).join(" "), expected, "{mode:?} of {document}");
    }
    let root = swagger(json!({"basePath": "base/"}), get(&["/"]));
    assert_eq!(resources(&root, Prepend).join(" "), "/ /base");
}

#[test]
fn merging() {
    let api = |version: &str, types: &[&str], path: &str| {
        let mut document = swagger(json!({"x-amazon-apigateway-binary-media-types": types}), get(&[path]));
        document["info"]["version"] = version.into();
        imported(&document).rest_api
    };
    let old = api("1", &["image/heif"], "/old");
    let new = api("2", &["image/png", "image/jpg"], "/new");
    let merged = merge(old.clone(), new.clone());
    assert_eq!(merged.binary_media_types, ["image/heif", "image/png", "image/jpg"]);
    assert_eq!(merged.version.as_deref(), Some("2"));
    let paths: Vec<_> = merged.resources.iter().map(|resource| resource.path.as_str()).collect();
    assert_eq!(paths, ["/old", "/new"]);
    // The newer definition of a method wins where it stands.
    let mut other = old.clone();
    other.resources[0].methods[0].operation_name = Some("newer".into());
    let merged = merge(old, other.clone());
    assert_eq!(merged.resources, other.resources);
}

#[test]
fn security_of_the_root_counts() {
    let pool = json!({
        "type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "cognito_user_pools",
        "x-amazon-apigateway-authorizer": {
            "type": "cognito_user_pools", "providerARNs": ["arn:aws:cognito-idp:us-east-1:000000000000:userpool/p"]
        }
    });
    let mut paths = get(&["/inherits", "/open", "/own"]);
    paths["/own"]["get"]["security"] = json!([{"pool": ["email"]}]);
    paths["/open"]["get"]["security"] = json!([]);
    let document = swagger(json!({"security": [{"pool": []}], "securityDefinitions": {"pool": pool}}), paths);
    let result = imported(&document);
    let authorizations: Vec<_> =
        result.rest_api.resources.iter().map(|resource| resource.methods[0].authorization.clone()).collect();
    let cognito = |scopes: &[&str]| Authorization::CognitoUserPools {
        authorizer: "pool".into(),
        scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
    };
    assert_eq!(authorizations, [cognito(&[]), Authorization::None, cognito(&["email"])]);
    let authorizer = result.rest_api.authorizer("pool").unwrap();
    assert_eq!(authorizer.identity_source.as_deref(), Some("method.request.header.Authorization"));
    // It cannot be checked yet, so it is not served: once at the root, once at the operation.
    assert_eq!(result.not_served.len(), 2, "{:?}", result.not_served);
    let refused = import_to_serve(&document.to_string(), Path::new("x.json"), &corpus::options());
    assert_eq!(refused.unwrap_err(), result.not_served);
    round_trips(&result);
}

#[test]
fn a_request_authorizer_with_the_key_source_authorizer() {
    let scheme = json!({
        "type": "apiKey", "name": "Unused", "in": "header", "x-amazon-apigateway-authtype": "custom",
        "x-amazon-apigateway-authorizer": {
            "type": "request", "authorizerUri": "arn:aws:apigateway:${AWS::Region}:lambda:path/x", "authorizerResultTtlInSeconds": 300,
            "identitySource": "method.request.header.Custom-Authorization"
        }
    });
    let document = openapi(
        json!({
            "x-amazon-apigateway-api-key-source": "AUTHORIZER", "security": [{"lambda": []}],
            "components": {"securitySchemes": {"lambda": scheme}}
        }),
        get(&["/a"]),
    );
    let account = Some(Account { region: "eu-west-1".into(), account_id: "000000000000".into() });
    let result = with(ImportOptions { account, ..corpus::options() }, &document);
    let expected = Authorizer {
        name: "lambda".into(),
        kind: AuthorizerType::Request,
        auth_type: Some("custom".into()),
        uri: Some("arn:aws:apigateway:eu-west-1:lambda:path/x".into()),
        credentials: None,
        identity_source: Some("method.request.header.Custom-Authorization".into()),
        identity_validation_expression: None,
        result_ttl_seconds: Some(300),
        provider_arns: vec![],
    };
    assert_eq!(result.rest_api.authorizers, [expected]);
    assert_eq!(result.rest_api.api_key_source.as_str(), "AUTHORIZER");
    assert_eq!(
        result.rest_api.resources[0].methods[0].authorization,
        Authorization::Custom { authorizer: "lambda".into() }
    );
    round_trips(&result);
}

#[test]
fn models_responses_and_parameters() {
    let operation = json!({
        "operationId": "putPet", "consumes": ["application/json", "text/json"],
        "parameters": [
            {"$ref": "#/parameters/limit"},
            {"name": "Pet", "in": "body", "schema": {"$ref": "#/definitions/Pet"}}
        ],
        "responses": {
            "200": {
                "description": "ok", "headers": {"X-A": {"type": "string"}},
                "schema": {"type": "array", "items": {"$ref": "#/definitions/Pet"}}
            },
            "404": {"$ref": "#/responses/none"}
        },
        "x-amazon-apigateway-integration": mock()
    });
    let definitions = json!({
        "Pet": {"type": "object", "properties": {"owner": {"$ref": "#/definitions/Owner"}, "$ref": {"type": "string"}}},
        "Owner": {"type": "object", "properties": {"pets": {"type": "array", "items": {"$ref": "#/definitions/Pet"}}}}
    });
    let document = swagger(
        json!({
            "definitions": definitions,
            "parameters": {"limit": {"name": "limit", "in": "query", "required": true, "type": "integer"}},
            "responses": {"none": {"description": "none", "headers": {"X-B": {"type": "string"}}}}
        }),
        json!({"/pets/{id}": {"parameters": [{"name": "id", "in": "path", "required": true, "type": "string"}], "put": operation}}),
    );
    let result = imported(&document);
    let api = &result.rest_api;
    let url = "https://apigateway.amazonaws.com/restapis/{apiId}/models/Owner";
    assert_eq!(
        api.model("Pet").unwrap().schema,
        format!(
            r#"{{"properties":{{"$ref":{{"type":"string"}},"owner":{{"$ref":"{url}"}}}},"type":"object"}}"#
        )
    );
    let method = &api.resources[0].methods[0];
    let parameters: Vec<_> = method
        .request_parameters
        .iter()
        .map(|(key, required)| format!("{}.{} {required}", key.place.as_str(), key.name))
        .collect();
    assert_eq!(parameters, ["path.id true", "querystring.limit true"]);
    assert_eq!(method.operation_name.as_deref(), Some("putPet"));
    assert_eq!(method.request_models["text/json"], "Pet");
    let response = &method.method_responses[&200];
    assert_eq!(response.response_parameters.get("X-A"), Some(&false));
    let generated = &response.response_models["application/json"];
    assert!(generated.starts_with("MODEL") && api.model(generated).is_some(), "{generated}");
    assert_eq!(method.method_responses[&404].response_parameters.get("X-B"), Some(&false));
    assert_eq!(round_trips(&result), 12);
}

/// What Swagger 2.0 has no words for.
#[test]
fn models_that_differ_by_media_type() {
    let operation = json!({
        "requestBody": {"content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/A"}},
            "application/xml": {"schema": {"$ref": "#/components/schemas/B"}}
        }},
        "responses": {
            "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}},
            "201": {"content": {"text/plain": {"schema": {"$ref": "#/components/schemas/B"}}}}
        },
        "x-amazon-apigateway-integration": mock()
    });
    let schemas = json!({"components": {"schemas": {"A": {"type": "object"}, "B": {"type": "string"}}}});
    let result = imported(&openapi(schemas, json!({"/a": {"post": operation}})));
    assert_eq!(result.rest_api.resources[0].methods[0].request_models["application/xml"], "B");
    assert_eq!(round_trips(&result), 12);
}

#[test]
fn everything_of_the_root_comes_back() {
    let document = openapi(
        json!({
            "servers": [{"url": "https://x/", "x-amazon-apigateway-endpoint-configuration": {
                "types": ["PRIVATE"], "disableExecuteApiEndpoint": true, "vpcEndpointIds": ["vpce-1"]}}],
            "tags": [{"name": "team", "x-amazon-apigateway-tag-value": "shop"}, {"name": "group"}],
            "x-amazon-apigateway-binary-media-types": ["image~1png", "*/*"],
            "x-amazon-apigateway-minimum-compression-size": 0,
            "x-amazon-apigateway-security-policy": "TLS_1_2",
            "x-amazon-apigateway-endpoint-access-mode": "STRICT",
            "x-amazon-apigateway-request-validators": {"all": {"validateRequestBody": true, "validateRequestParameters": false}},
            "x-amazon-apigateway-request-validator": "all",
            "x-amazon-apigateway-gateway-responses": {
                "DEFAULT_4XX": {"responseParameters": {"gatewayresponse.header.X": "'*'"}},
                "THROTTLED": {"statusCode": 430, "responseTemplates": {"application/json": "{\"m\":$context.error.messageString}"}}
            },
            "x-amazon-apigateway-documentation": {"documentationParts": [
                {"location": {"type": "API"}, "properties": {"description": "d", "n": 1.50}}
            ]},
            "x-amazon-apigateway-policy": {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Resource": "execute-api:/*"}]}
        }),
        get(&["/"]),
    );
    let result = imported(&document);
    let RestApi { binary_media_types, minimum_compression_size, tags, request_validators, .. } =
        &result.rest_api;
    assert_eq!(
        (binary_media_types.as_slice(), *minimum_compression_size),
        (&["image/png".to_owned(), "*/*".to_owned()][..], Some(0))
    );
    assert_eq!((tags.len(), request_validators.len(), result.rest_api.gateway_responses.len()), (1, 1, 2));
    assert_eq!(result.rest_api.gateway_responses[1].status_code, Some(430));
    assert_eq!(result.rest_api.resources[0].methods[0].request_validator.as_deref(), Some("all"));
    assert_eq!(round_trips(&result), 12);
    let without = with(ImportOptions { ignore_documentation: true, ..corpus::options() }, &document);
    assert!(
        without.rest_api.documentation_parts.is_empty() && !result.rest_api.documentation_parts.is_empty()
    );
}

#[test]
fn exports_have_the_recorded_shape() {
    let mut paths = get(&["/a"]);
    paths["/a"]["get"]["responses"] = json!({"200": {"description": "x"}});
    let api = imported(&swagger(json!({}), paths)).rest_api;
    let text = |format, extensions| {
        let options = ExportOptions {
            format,
            extensions,
            host: Some("api.execute-api.us-east-1.amazonaws.com".into()),
            stage_name: Some("dev".into()),
        };
        serde_json::from_str::<Value>(&export(&api, &options).unwrap().to_pretty()).unwrap()
    };
    let host = "api.execute-api.us-east-1.amazonaws.com";
    assert_eq!(
        text(Format::Swagger2, Extensions::NONE),
        json!({
            "swagger": "2.0", "info": {"title": "t", "version": "1.0"}, "host": host, "basePath": "/dev", "schemes": ["https"],
            "paths": {"/a": {"get": {"responses": {"200": {"description": "200 response"}}}}}
        })
    );
    let extensions = Extensions::parse("integrations").unwrap();
    assert_eq!(
        text(Format::OpenApi30, extensions),
        json!({
            "openapi": "3.0.1", "info": {"title": "t", "version": "1.0"},
            "servers": [{"url": format!("https://{host}/{{basePath}}"), "variables": {"basePath": {"default": "dev"}}}],
            "paths": {"/a": {"get": {
                "responses": {"200": {"description": "200 response", "content": {}}},
                "x-amazon-apigateway-integration": {"type": "mock", "passthroughBehavior": "when_no_match",
                    "responses": {"default": {"statusCode": "200"}}}
            }}}
        })
    );
    assert!(Extensions::parse("integrations,postman").unwrap_err().contains("postman"));
}

/// What only AWS refuses is an error where its verdict is asked for, and nothing else is.
#[test]
fn the_verdict_of_aws() {
    let strict = ImportOptions { strict_aws: true, ..corpus::options() };
    let mapped = json!({
        "responses": {"200": {"description": "ok"}},
        "x-amazon-apigateway-integration": {
            "type": "http", "httpMethod": "GET", "uri": "https://example.com/", "timeoutMillis": 5,
            "requestParameters": {
                "integration.request.querystring.q": "method.request.querystring.q",
                "integration.request.header.Via": "'x'"
            },
            "responses": {
                "default": {"statusCode": "200", "responseParameters": {"method.response.header.X": "'x'"}},
                "404": {"statusCode": "404"}
            }
        }
    });
    let document = swagger(json!({}), json!({"/a": {"get": mapped}}));
    let expected = [
        "[Invalid mapping expression parameter specified: method.request.querystring.q]",
        "[Invalid mapping expression parameter specified: method.response.header.X]",
        "Invalid Response status code specified",
    ];
    let found = messages(&document, &strict);
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for text in expected {
        assert!(found.iter().any(|message| message.contains(text)), "{text} in {found:#?}");
    }
    // Leniently it imports, and would not be served: TLS, the header, the unknown key.
    assert_eq!(imported(&document).not_served.len(), 3);
    let operation =
        json!({"responses": {"200": {"description": "ok"}}, "x-amazon-apigateway-integration": mock()});
    let many = (0..300).map(|number| (format!("/r{number}"), json!({"get": operation}))).collect();
    let document = swagger(json!({}), Value::Object(many));
    assert_eq!(messages(&document, &strict), ["301 resources; AWS's quota is 300 (tables.md §15)"]);
    assert_eq!(messages(&document, &corpus::options()), [""; 0]);
}

#[test]
fn warnings_and_where_they_fail() {
    let mut paths = get(&["/a"]);
    paths["/a"]["get"]["responses"] = json!({"default": {"description": "none"}});
    paths["/a"]["get"]["parameters"] = json!([{"name": "c", "in": "cookie"}]);
    let document = openapi(json!({}), paths);
    assert_eq!(imported(&document).warnings.len(), 2);
    let strict = ImportOptions { fail_on_warnings: true, ..corpus::options() };
    assert_eq!(messages(&document, &strict).len(), 2);
    let unnamed = json!({"swagger": "2.0", "paths": get(&["/a"])});
    assert_eq!(imported(&unnamed).rest_api.name, "vector");
    assert_eq!(messages(&unnamed, &ImportOptions::new("x")), ["`info.title` is missing"]);
    assert!(messages(&json!({}), &strict)[0].contains("Invalid OpenAPI input."));
}

/// Each use of a reference counts: a document of a few kilobytes must not stand for millions of nodes.
#[test]
fn references_are_bounded() {
    let headers: serde_json::Map<String, Value> =
        (0..2000).map(|n| (format!("X-{n}"), json!({"type": "string"}))).collect();
    let reference = json!({"$ref": "#/responses/big"});
    let responses: serde_json::Map<String, Value> =
        (200..600).map(|status| (status.to_string(), reference.clone())).collect();
    let operation = json!({"responses": responses, "x-amazon-apigateway-integration": mock()});
    let document =
        swagger(json!({"responses": {"big": {"headers": headers}}}), json!({"/a": {"get": operation}}));
    let found = messages(&document, &corpus::options());
    assert_eq!(found, ["references and inherited lists stand for more than 500000 nodes"]);
}
