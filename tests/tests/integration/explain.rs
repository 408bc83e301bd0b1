//! Live requests that an operator wants explained, over real sockets.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::backend::{Backend, answer};
use crate::support::client::{Answer, Client};
use crate::support::gateway::{Gateway, Setup, document};
use crate::support::{eventually, on_each_driver};

on_each_driver!(
    the_next_requests_are_explained_and_no_other,
    bodies_that_come_in_pieces_are_shown,
    templates_and_refusals_are_explained,
    a_reload_loses_neither_the_switch_nor_the_logs,
    wrong_arguments_are_told,
);

const EXPLAIN: &str = "/apis/itest00001/stages/dev/explain";

fn arm(gateway: &Gateway, query: &str) -> Answer {
    gateway.admin("POST", &format!("{EXPLAIN}{query}"))
}

/// The logs, once there are so many.
fn logs(gateway: &Gateway, count: usize) -> Vec<String> {
    let read = || -> Value {
        let got = gateway.admin("GET", &format!("{EXPLAIN}?format=json"));
        serde_json::from_slice(&got.body).unwrap_or_else(|error| panic!("{error}: {}", got.text()))
    };
    eventually(&format!("{count} logs"), || read()["logs"].as_array().unwrap().len() >= count);
    let logs: Vec<String> = serde_json::from_value(read()["logs"].clone()).unwrap();
    assert_eq!(logs.len(), count);
    logs
}

fn assert_says(log: &str, line: &str) {
    assert!(log.contains(line), "{line:?} is not in\n{log}");
}

fn the_next_requests_are_explained_and_no_other(driver: &'static str) {
    let backend = Backend::answering(|request| {
        let cookie = "HTTP/1.1 200 OK\r\nSet-Cookie: session=abcdefghijklmnop\r\nContent-Length: 5\r\n\r\n";
        if request.target.starts_with("/cookie") {
            [cookie, "hello"].concat().into()
        } else {
            answer(200, b"hi")
        }
    });
    let gateway = Setup::new(driver, backend.address).cores(2).start();
    let mut client = Client::connect(gateway.listen);
    assert_eq!(client.get("/before").status, 200);
    let armed = arm(&gateway, "?requests=2&seconds=30");
    let armed: Value = serde_json::from_slice(&armed.body).unwrap();
    let wanted = json!({"api": "itest00001", "stage": "dev", "requests": 2, "seconds": 30, "path": ""});
    assert_eq!(armed, wanted);
    assert_eq!(gateway.admin("GET", EXPLAIN).text(), "", "none yet");
    let secrets =
        "Authorization: Bearer abcdefghijklmnop\r\nx-api-key: 0123456789abcdef\r\nCookie: a=0123456789ab\r\n";
    let first = client.ask("POST", "/cookie?a=b", secrets, b"{\"n\":1}");
    assert_eq!((first.status, first.text().as_str()), (200, "hello"));
    assert_eq!(first.head.get("set-cookie"), Some("session=abcdefghijklmnop"), "only the log is masked");
    assert_eq!(Client::connect(gateway.listen).get("/second").text(), "hi");
    assert_eq!(client.get("/third").text(), "hi");
    let logs = logs(&gateway, 2);
    for line in [
        "HTTP Method: POST, Resource Path: /cookie\n",
        "Method request path: {proxy=cookie}\n",
        "Method request query string: {a=b}\n",
        "Authorization=*****************klmnop, x-api-key=**********abcdef, Cookie=********6789ab",
        "Method request body before transformations: {\"n\":1}\n",
        &format!("Endpoint request URI: http://{}/cookie?a=b\n", backend.address),
        "Endpoint request body after transformations: {\"n\":1}\n",
        &format!("Sending request to http://{}/cookie?a=b\n", backend.address),
        "Received response. Status: 200\n",
        "Endpoint response headers: {Set-Cookie=******************klmnop, Content-Length=5}\n",
        "Endpoint response body before transformations: hello\n",
        "Method response body after transformations: hello\n",
        "Successfully completed execution\n",
        "Method completed with status: 200\n",
    ] {
        assert_says(&logs[0], line);
    }
    let id = first.head.get("x-amzn-RequestId").unwrap();
    assert_says(&logs[0], &format!("Execution log for request {id}\n"));
    assert!(!logs[0].contains("abcdefghij") && !logs[0].contains("0123456789"), "{}", logs[0]);
    assert_says(&logs[1], "Resource Path: /second\n");
    let text = gateway.admin("GET", EXPLAIN);
    assert_eq!(text.text(), logs.join("\n"));
    assert_eq!(text.head.get("content-type"), Some("text/plain; charset=utf-8"));
    assert!(!text.text().contains("/third") && !text.text().contains("/before"));
}

fn bodies_that_come_in_pieces_are_shown(driver: &'static str) {
    let backend = Backend::start(|connection| {
        while connection.request().is_some() {
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            for piece in ["3\r\nabc\r\n", "3\r\ndef\r\n", "0\r\n\r\n"] {
                thread::sleep(Duration::from_millis(20));
                connection.send(piece);
            }
        }
    });
    let gateway = Setup::new(driver, backend.address).start();
    let mut client = Client::connect(gateway.listen);
    assert_eq!(arm(&gateway, "").status, 200);
    client.send("POST /pieces HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01");
    for piece in ["234", "56789"] {
        thread::sleep(Duration::from_millis(20));
        client.send(piece);
    }
    assert_eq!(client.answer("POST").text(), "abcdef");
    let log = &logs(&gateway, 1)[0];
    assert_says(log, "Method request body before transformations: 0123456789\n");
    assert_says(log, "Endpoint request body after transformations: 0123456789\n");
    assert_says(log, "Endpoint response body before transformations: abcdef\n");
    assert_says(log, "Method response body after transformations: abcdef\n");
    // A body that would fill the memory is cut.
    assert_eq!(arm(&gateway, "").status, 200);
    let big = client.ask("POST", "/big", "", &[b'x'; 100_000]);
    assert_eq!(big.status, 200);
    let log = &logs(&gateway, 1)[0];
    assert_says(
        log,
        &format!("Method request body before transformations: {} [TRUNCATED]\n", "x".repeat(980)),
    );
    assert!(log.len() < 20_000, "{} bytes", log.len());
}

fn templates_and_refusals_are_explained(driver: &'static str) {
    let backend = Backend::saying("ok");
    let mut setup = Setup::new(driver, backend.address);
    setup.document = document(backend.address);
    setup.document["components"] = json!({"schemas": {"Pet": {"type": "object", "required": ["name"]}}});
    setup.document["x-amazon-apigateway-request-validators"] =
        json!({"body": {"validateRequestBody": true, "validateRequestParameters": false}});
    setup.document["x-amazon-apigateway-gateway-responses"] = json!({"BAD_REQUEST_BODY": {
        "statusCode": 422,
        "responseTemplates": {"application/json": "{\"no\": true}"},
    }});
    setup.document["paths"]["/pets/{id}"] = json!({"post": {
        "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}},
        "x-amazon-apigateway-request-validator": "body",
        "responses": {"200": {"description": "Always"}},
        "x-amazon-apigateway-integration": {
            "type": "mock",
            "requestTemplates": {"application/json": "{\"statusCode\": 200}"},
            "responses": {"default": {"statusCode": "200", "responseTemplates": {
                "application/json": "{\"id\": \"$input.params('id')\"}"}}},
        },
    }});
    let gateway = setup.start();
    let mut client = Client::connect(gateway.listen);
    assert_eq!(arm(&gateway, "?requests=2&path=/pets").status, 200);
    assert_eq!(client.get("/other").status, 200);
    assert_eq!(client.ask("POST", "/pets/7", "", b"{\"name\":\"Rex\"}").text(), "{\"id\": \"7\"}");
    assert_eq!(client.ask("POST", "/pets/8", "", b"{\"nam\":\"Rex\"}").status, 422);
    let logs = logs(&gateway, 2);
    assert_says(&logs[0], "Method request path: {id=7}\n");
    assert_says(&logs[0], "Method request body before transformations: {\"name\":\"Rex\"}\n");
    assert_says(&logs[0], "Method response body after transformations: {\"id\": \"7\"}\n");
    assert!(!logs[0].contains("Endpoint"), "{}", logs[0]);
    assert_says(
        &logs[1],
        "Execution failed due to BAD_REQUEST_BODY: [object has missing required properties",
    );
    assert_says(&logs[1], "Gateway response type: BAD_REQUEST_BODY with status code: 422\n");
    assert_says(&logs[1], "Gateway response body: {\"no\": true}\n");
    assert_says(&logs[1], "Method completed with status: 422\n");
    assert!(!logs[1].contains("Successfully"), "{}", logs[1]);
}

fn a_reload_loses_neither_the_switch_nor_the_logs(driver: &'static str) {
    let backend = Backend::saying("ok");
    let gateway = Setup::new(driver, backend.address).start();
    assert_eq!(arm(&gateway, "?requests=2").status, 200);
    let mut client = Client::connect(gateway.listen);
    assert_eq!(client.get("/one").status, 200);
    assert_eq!(logs(&gateway, 1).len(), 1);
    let mut changed = document(backend.address);
    changed["info"]["version"] = "2".into();
    gateway.write_document(&changed);
    assert_eq!(gateway.admin("POST", "/reload").status, 200);
    assert_eq!(client.get("/two").status, 200);
    let logs = logs(&gateway, 2);
    assert_says(&logs[0], "Resource Path: /one\n");
    assert_says(&logs[1], "Resource Path: /two\n");
}

fn wrong_arguments_are_told(driver: &'static str) {
    let backend = Backend::saying("ok");
    let gateway = Setup::new(driver, backend.address).start();
    for (query, part) in [
        ("?requests=101", "`requests` is a number from 1 to 100"),
        ("?requests=0", "`requests`"),
        ("?seconds=601", "`seconds` is a number from 1 to 600"),
        ("?path=pets", "`path` begins with a slash"),
        ("?n=1", "`n` is not known"),
    ] {
        let got = arm(&gateway, query);
        assert_eq!(got.status, 400, "{query}");
        assert!(got.text().contains(part), "{query}: {}", got.text());
    }
    for (path, part) in [
        ("/apis/none/stages/dev/explain", "no API none"),
        ("/apis/itest00001/stages/prod/explain", "no stage prod"),
    ] {
        for method in ["POST", "GET"] {
            let got = gateway.admin(method, path);
            assert_eq!(got.status, 404, "{method} {path}");
            assert!(got.text().contains(part), "{method} {path}: {}", got.text());
        }
    }
    let unarmed = gateway.admin("GET", EXPLAIN);
    assert_eq!(unarmed.status, 404, "{}", unarmed.text());
    assert!(unarmed.text().contains("POST to this path first"), "{}", unarmed.text());
    let mut page = Client::connect(gateway.admin);
    page.send(format!(
        "POST {EXPLAIN} HTTP/1.1\r\nHost: {}\r\nOrigin: http://evil.example\r\n\r\n",
        gateway.admin
    ));
    assert_eq!(page.answer("POST").status, 403, "a web page cannot arm it");
}
