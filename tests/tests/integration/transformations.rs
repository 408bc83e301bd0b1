//! What is read as a whole before it goes on: templates, models, mocks, content codings, over real sockets.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::backend::{Backend, Request, answer};
use crate::support::client::Client;
use crate::support::gateway::{Setup, document};
use crate::support::on_each_driver;
use crate::support::wire::{chunked, noise};

on_each_driver!(
    bodies_are_gathered_however_they_come,
    an_answer_is_gathered_however_it_comes,
    a_request_that_is_refused_reaches_no_backend,
    a_slow_answer_ends_in_the_integrations_timeout,
    expect_continue_is_answered_before_the_body_is_read,
    many_transformed_requests_share_connections,
);

/// Routes with HTTP integrations: `/echo` passes the body as it is, `/template` writes both, `/pets` has a model.
fn setup(driver: &'static str, backend: &Backend) -> Setup {
    let mut setup = Setup::new(driver, backend.address);
    let http = |path: &str, more: Value| {
        let mut integration = json!({
            "type": "http",
            "httpMethod": "ANY",
            "uri": format!("http://{}{path}", backend.address),
            "responses": {"default": {"statusCode": "200"}},
        });
        integration.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        integration
    };
    let method = |integration: Value, more: Value| {
        let mut method = json!({
            "responses": {"200": {"description": "An answer"}},
            "x-amazon-apigateway-integration": integration,
        });
        method.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"x-amazon-apigateway-any-method": method})
    };
    let template = json!({
        "requestTemplates": {"application/json": "{\"twice\":[$input.json('$.n'),$input.json('$.n')]}"},
        "responses": {"default": {
            "statusCode": "201",
            "responseTemplates": {"application/json": "$input.json('$.twice[0]')!"},
        }},
    });
    let pets = json!({
        "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}},
        "x-amazon-apigateway-request-validator": "body",
    });
    let mut whole = document(backend.address);
    whole["x-amazon-apigateway-request-validators"] =
        json!({"body": {"validateRequestBody": true, "validateRequestParameters": false}});
    whole["components"] = json!({"schemas": {"Pet": {"type": "object", "required": ["name"]}}});
    let paths = whole["paths"].as_object_mut().unwrap();
    paths.insert("/echo".into(), method(http("/echo", json!({})), json!({})));
    paths.insert("/template".into(), method(http("/template", template), json!({})));
    paths.insert("/pets".into(), method(http("/pets", json!({})), pets));
    paths.insert("/slow".into(), method(http("/slow", json!({"timeoutInMillis": 300})), json!({})));
    setup.document = whole;
    setup
}

/// Gives the body back.
fn echo(request: &Request) -> Vec<u8> {
    answer(200, &request.body)
}

fn bodies_are_gathered_however_they_come(driver: &'static str) {
    let backend = Backend::answering(echo);
    let gateway = setup(driver, &backend).start();
    let mut client = Client::connect(gateway.listen);
    for (seed, size) in [0, 1, 4_000, 4_097, 65_537, 1_000_003].into_iter().enumerate() {
        // Text: other bytes would be replaced, as AWS does (tables.md §1.3).
        let body: Vec<u8> = noise(seed as u64, size).iter().map(|byte| b'a' + byte % 26).collect();
        for framed in [false, true] {
            let (field, bytes) = match framed {
                false => (format!("Content-Length: {size}"), body.clone()),
                true => ("Transfer-Encoding: chunked".to_owned(), chunked(&body, 7_001)),
            };
            let head =
                format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n{field}\r\n\r\n");
            let sender = client.send_beside([head.as_bytes(), &bytes].concat());
            let got = client.answer("POST");
            sender.join().unwrap();
            assert_eq!(got.status, 200, "{size}: {}", got.text());
            assert!(got.body == body, "{size}: {} bytes came back", got.body.len());
        }
    }
    let requests = backend.requests();
    assert!(requests.iter().all(|request| request.head.get("transfer-encoding").is_none()));
}

fn an_answer_is_gathered_however_it_comes(driver: &'static str) {
    let backend = Backend::start(|connection| {
        while let Some(request) = connection.request() {
            assert_eq!(request.body, b"{\"twice\":[5,5]}");
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            if !connection.send(head) || !connection.send(chunked(&request.body, 3)) {
                return;
            }
        }
    });
    let gateway = setup(driver, &backend).start();
    let mut client = Client::connect(gateway.listen);
    for _ in 0..3 {
        client.send("POST /template HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n{\"n\":5}");
        let got = client.answer("POST");
        assert_eq!((got.status, got.text().as_str()), (201, "5!"));
        assert_eq!(got.head.get("content-type"), Some("application/json"));
    }
    assert_eq!(backend.connections(), 1, "the connection is kept");
}

fn a_request_that_is_refused_reaches_no_backend(driver: &'static str) {
    let backend = Backend::answering(echo);
    let gateway = setup(driver, &backend).start();
    let mut client = Client::connect(gateway.listen);
    // In two pieces: a refusal after the whole body keeps the connection.
    client.send("POST /pets HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n{\"a\"");
    std::thread::sleep(Duration::from_millis(20));
    client.send(":12}");
    let got = client.answer("POST");
    assert_eq!((got.status, got.text().as_str()), (400, "{\"message\":\"Invalid request body\"}"));
    client.send("POST /pets HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n{\"name\":\"x\"}");
    assert_eq!(client.answer("POST").text(), "{\"name\":\"x\"}");
    client.send("POST /pets HTTP/1.1\r\nHost: a\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx");
    assert_eq!(client.answer("POST").status, 415);
    assert_eq!(backend.requests().len(), 1);
}

fn a_slow_answer_ends_in_the_integrations_timeout(driver: &'static str) {
    let backend = Backend::start(|connection| {
        while connection.request().is_some() {
            // The head comes, the body does not.
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab");
        }
    });
    let gateway = setup(driver, &backend).start();
    let mut client = Client::connect(gateway.listen);
    client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    let got = client.answer("GET");
    assert_eq!((got.status, got.text().as_str()), (504, "{\"message\":\"Endpoint request timed out\"}"));
    backend.wait_until_all_ended();
}

fn expect_continue_is_answered_before_the_body_is_read(driver: &'static str) {
    let backend = Backend::answering(echo);
    let gateway = setup(driver, &backend).start();
    let mut client = Client::connect(gateway.listen);
    client.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\n",
    );
    assert_eq!(client.head().unwrap().0, 100);
    client.send("hi");
    assert_eq!(client.answer("POST").text(), "hi");
}

fn many_transformed_requests_share_connections(driver: &'static str) {
    let backend = Backend::answering(echo);
    let gateway = setup(driver, &backend).start();
    let clients: Vec<_> = (0..8)
        .map(|client: u32| {
            let listen = gateway.listen;
            std::thread::spawn(move || {
                let mut connection = Client::connect(listen);
                for number in 0..100 {
                    let body = format!("{{\"n\":{}}}", client * 1000 + number);
                    let length = body.len();
                    connection.send(format!(
                        "POST /template HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}"
                    ));
                    let got = connection.answer("POST");
                    assert_eq!(got.text(), format!("{}!", client * 1000 + number));
                }
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
    assert!(backend.connections() <= 16, "{}", backend.connections());
}
