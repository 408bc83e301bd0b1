//! Bodies, models and templates that mean harm: an error as AWS's, soon, and others are served meanwhile.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::backend::{Backend, answer};
use crate::support::client::Client;
use crate::support::gateway::{Gateway, Setup, document};
use crate::support::{eventually, on_each_driver};

on_each_driver!(hostile_bodies_are_answered_and_bounded);

/// Longest time for one of them. The machines of a CI are slow; without bounds it would be minutes.
const PATIENCE: Duration = Duration::from_secs(5);
/// AWS's most (spec sheet §14).
const BODY_BYTES: usize = 10 * 1024 * 1024;

fn setup(driver: &'static str, backend: &Backend) -> Setup {
    let mut setup = Setup::new(driver, backend.address);
    let uri = format!("http://{}/echo", backend.address);
    let method = |model: &str| {
        json!({"x-amazon-apigateway-any-method": {
            "requestBody": {"required": true, "content": {"application/json": {
                "schema": {"$ref": format!("#/components/schemas/{model}")},
            }}},
            "x-amazon-apigateway-request-validator": "body",
            "responses": {"200": {"description": "An answer"}},
            "x-amazon-apigateway-integration": {
                "type": "http", "httpMethod": "POST", "uri": uri, "responses": {"default": {"statusCode": "200"}},
            },
        }})
    };
    let mock = |template: &str| {
        json!({"post": {
            "responses": {"200": {"description": "An answer"}},
            "x-amazon-apigateway-integration": {
                "type": "mock",
                "requestTemplates": {"application/json": format!("{{\"statusCode\": 200}}{template}")},
                "responses": {"default": {"statusCode": "200", "responseTemplates": {"application/json": "fine"}}},
            },
        }})
    };
    let mut whole = document(backend.address);
    whole["x-amazon-apigateway-request-validators"] =
        json!({"body": {"validateRequestBody": true, "validateRequestParameters": false}});
    whole["components"] = json!({"schemas": {
        "Text": {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}},
        "Bomb": {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}},
        "Tree": {"type": "object", "required": ["c"], "properties": {
            "c": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}},
        }},
    }});
    let paths = whole["paths"].as_object_mut().unwrap();
    for model in ["Text", "Bomb", "Tree"] {
        paths.insert(format!("/{model}"), method(model));
    }
    let loops =
        "#foreach($a in [1..1000])#foreach($b in [1..1000])#foreach($c in [1..1000])$a$b$c#end#end#end";
    paths.insert("/loops".into(), mock(loops));
    let doubling = "#set($s = 'aaaaaaaaaaaaaaaa')#foreach($i in [1..1000])#set($s = \"$s$s\")#end";
    paths.insert("/doubling".into(), mock(doubling));
    paths.insert("/reads".into(), mock("$input.json('$')$input.json('$..*')"));
    setup.document = whole;
    setup
}

fn tree(depth: usize) -> Vec<u8> {
    [r#"{"c":["#.repeat(depth), "]}".repeat(depth)].concat().into_bytes()
}

/// Posts, and holds the answer to `status` and to the time that it may take.
fn post(gateway: &Gateway, path: &str, content_type: &str, body: &[u8], status: u16) -> String {
    let mut client = Client::connect(gateway.listen);
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let started = Instant::now();
    let sender = client.send_beside([head.as_bytes(), body].concat());
    let got = client.answer("POST");
    let took = started.elapsed();
    let shown: String = got.text().chars().take(200).collect();
    assert_eq!(got.status, status, "{path}: {shown}");
    assert!(took < PATIENCE, "{path}: {took:?}");
    // A body that is refused before its end is not read to its end.
    drop(client);
    let _ = sender.join();
    shown
}

fn hostile_bodies_are_answered_and_bounded(driver: &'static str) {
    let backend = Backend::answering(|request| answer(200, request.body.len().to_string().as_bytes()));
    let gateway = setup(driver, &backend).start();
    let json = "application/json";
    let before = gateway.resident_bytes();

    // Ten megabytes in one text: the largest body there is.
    let text = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8)).into_bytes();
    assert_eq!(post(&gateway, "/Text", json, &text(BODY_BYTES), 200), BODY_BYTES.to_string());
    post(&gateway, "/Text", json, &text(BODY_BYTES + 1), 413);
    // Five million values.
    let numbers = format!("{{\"a\":[{}0]}}", "0,".repeat(BODY_BYTES / 2 - 10));
    let invalid = "{\"message\":\"Invalid request body\"}";
    assert_eq!(post(&gateway, "/Text", json, numbers.as_bytes(), 400), invalid);

    // Nested: a model that refers to itself, and no limit but ours.
    assert_eq!(post(&gateway, "/Tree", json, &tree(50), 200), (50 * 8).to_string());
    assert_eq!(post(&gateway, "/Tree", json, &tree(1_000), 400), invalid);
    assert_eq!(post(&gateway, "/Tree", json, &"[".repeat(5_000_000).into_bytes(), 400), invalid);
    post(&gateway, "/reads", json, &tree(150), 200);
    post(&gateway, "/reads", json, &tree(1_000), 500);
    post(&gateway, "/reads", json, &"[".repeat(5_000_000).into_bytes(), 500);

    // A pattern that backtracks.
    let bomb = format!("{{\"a\":\"{}!\"}}", "a".repeat(5_000));
    assert_eq!(post(&gateway, "/Bomb", json, bomb.as_bytes(), 400), invalid);

    // Bytes that are no UTF-8, and text in a code that JSON does not have.
    assert_eq!(post(&gateway, "/Text", json, b"{\"a\":\"\xff\xfe\"}", 400), invalid);
    let utf16: Vec<u8> = "{\"a\":\"b\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(post(&gateway, "/Text", "application/json; charset=utf-16", &utf16, 400), invalid);

    // Templates without an end in sight.
    let error = "{\"message\":\"Internal server error\"}";
    assert_eq!(post(&gateway, "/loops", json, b"{}", 500), error);
    assert_eq!(post(&gateway, "/doubling", json, b"{}", 500), error);

    assert_eq!(Client::connect(gateway.listen).get("/mock").status, 200);
    // The largest of them takes two hundred megabytes for a moment: what is left after it is the allocator's.
    eventually("the memory is given back", || gateway.resident_bytes().saturating_sub(before) < 100_000_000);
}
