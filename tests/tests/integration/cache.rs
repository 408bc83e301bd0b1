//! Answers that are kept, over real sockets: what the backend is asked, and what the clients get.

use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::backend::{Backend, Connection, Gate, answer};
use crate::support::client::{Answer, Client, once};
use crate::support::gateway::{Gateway, Setup, document};
use crate::support::wire::noise;
use crate::support::{eventually, on_each_driver};

on_each_driver!(
    one_question_is_answered_for_all_cores,
    bodies_of_every_size_and_framing_are_given_as_they_came,
    what_is_cut_or_too_large_passes_and_is_not_kept,
    head_and_pipelined_requests_are_answered_from_the_cache,
    an_http_integration_is_cached_as_its_method_answers,
    max_age_0_and_the_time_of_the_method_bring_new_answers,
    a_client_that_leaves_spoils_nothing,
);

const STAGE: &str = "cacheClusterEnabled = true\ncacheClusterSize = \"0.5\"\n[stages.methodSettings.\"*/*\"]\n\
                     requireAuthorizationForCacheControl = false\n";

/// `GET /c/{proxy+}` is cached by its path and `k`, and so is `GET /http`.
fn setup(driver: &'static str, backend: &Backend) -> Setup {
    let mut setup = Setup::new(driver, backend.address).stage(STAGE);
    let mut whole = document(backend.address);
    let get = |integration: Value| {
        json!({"get": {
            "responses": {"200": {"description": "An answer"}},
            "x-amazon-apigateway-integration": integration,
        }})
    };
    let paths = whole["paths"].as_object_mut().unwrap();
    let proxied = json!({
        "type": "http_proxy", "httpMethod": "GET", "uri": format!("http://{}/{{proxy}}", backend.address),
        "requestParameters": {"integration.request.path.proxy": "method.request.path.proxy"},
        "cacheKeyParameters": ["method.request.path.proxy", "method.request.querystring.k"],
    });
    let http = json!({
        "type": "http", "httpMethod": "GET", "uri": format!("http://{}/http", backend.address),
        "responses": {"default": {"statusCode": "200", "responseTemplates": {"application/json": "[$input.body]"}}},
    });
    paths.insert("/c/{proxy+}".into(), get(proxied));
    paths.insert("/http".into(), get(http));
    setup.document = whole;
    setup
}

fn figures(gateway: &Gateway) -> [f64; 4] {
    let metrics = gateway.metrics();
    ["hits", "misses", "bypasses", "stores"]
        .map(|name| metrics.sum(&format!("ringway_cache_{name}_total"), &[]))
}

fn age(answer: &Answer) -> Option<u64> {
    answer.head.all("Age").first().map(|age| age.parse().unwrap())
}

fn one_question_is_answered_for_all_cores(driver: &'static str) {
    let backend = Backend::saying("answer");
    let gateway =
        setup(driver, &backend).cores(2).log_format("$context.requestId $context.cacheStatus").start();
    assert_eq!(Client::connect(gateway.listen).get("/c/a?k=1").text(), "answer");
    // So many connections that some are of the other core.
    for _ in 0..24 {
        let hit = once(gateway.listen, "GET", "/c/a?k=1&other=x");
        assert_eq!((hit.status, hit.text(), age(&hit).is_some()), (200, "answer".to_owned(), true));
    }
    assert_eq!(backend.requests().len(), 1);
    once(gateway.listen, "GET", "/c/a?k=2");
    once(gateway.listen, "GET", "/c/b?k=1");
    once(gateway.listen, "GET", "/other");
    assert_eq!(backend.requests().len(), 4);
    assert_eq!(figures(&gateway), [24.0, 3.0, 0.0, 3.0]);
    let lines = gateway.log_lines(28);
    let count =
        |status: &str| lines.iter().filter(|line| line.ends_with(format!(" {status}").as_bytes())).count();
    assert_eq!((count("HIT"), count("MISS"), count("-")), (24, 3, 1));
}

fn bodies_of_every_size_and_framing_are_given_as_they_came(driver: &'static str) {
    const SIZES: [usize; 9] = [0, 1, 5_000, 7_168, 20_000, 65_536, 100 * 1024, 1_048_575, 1_048_576];
    let backend = Backend::answering(|request| {
        let (size, framing) = request.target[1..].split_once('-').unwrap();
        let body = noise(1, size.parse().unwrap());
        match framing {
            "length" => answer(200, &body),
            _ => {
                let mut out = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
                for piece in body.chunks(3_001) {
                    write!(out, "{:x}\r\n", piece.len()).unwrap();
                    out.extend_from_slice(piece);
                    out.extend_from_slice(b"\r\n");
                }
                out.extend_from_slice(b"0\r\n\r\n");
                out
            }
        }
    });
    let gateway = setup(driver, &backend).start();
    let mut client = Client::connect(gateway.listen);
    for framing in ["length", "chunked"] {
        for size in SIZES {
            let path = format!("/c/{size}-{framing}");
            for attempt in 0..3 {
                let got = client.get(&path);
                assert_eq!(got.status, 200, "{path}");
                assert!(got.body == noise(1, size), "{path}, attempt {attempt}: {} bytes", got.body.len());
                assert_eq!(age(&got).is_some(), attempt > 0, "{path}, attempt {attempt}");
            }
        }
    }
    assert_eq!(backend.requests().len(), 2 * SIZES.len());
}

fn what_is_cut_or_too_large_passes_and_is_not_kept(driver: &'static str) {
    let backend = Backend::start(|connection: &mut Connection| {
        while let Some(request) = connection.request() {
            match request.target.as_str() {
                "/large" => drop(connection.send(answer(200, &noise(1, 1_048_577)))),
                "/busy" => drop(connection.send(answer(503, b"busy"))),
                "/closing" => {
                    connection.send("HTTP/1.1 200 OK\r\n\r\nuntil the end");
                    return;
                }
                _ => {
                    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort");
                    return;
                }
            }
        }
    });
    let gateway = setup(driver, &backend).start();
    for attempt in 1..=2 {
        let mut client = Client::connect(gateway.listen);
        assert!(client.get("/c/large").body == noise(1, 1_048_577));
        assert_eq!(client.get("/c/busy").status, 503);
        assert_eq!(client.get("/c/closing").text(), "until the end");
        client.send("GET /c/cut HTTP/1.1\r\nHost: h\r\n\r\n");
        assert!(client.try_answer("GET").is_err(), "it is not whole");
        assert_eq!(backend.requests().len(), 4 * attempt);
    }
    assert_eq!(figures(&gateway)[3], 0.0);
}

fn head_and_pipelined_requests_are_answered_from_the_cache(driver: &'static str) {
    let backend = Backend::saying("answer");
    let gateway = setup(driver, &backend).start();
    let mut client = Client::connect(gateway.listen);
    client.get("/c/a");
    let request = "GET /c/a HTTP/1.1\r\nHost: h\r\n\r\n";
    client.send(request.repeat(3));
    for _ in 0..3 {
        let hit = client.answer("GET");
        assert!(hit.text() == "answer" && age(&hit).is_some());
    }
    client.send("GET /c/a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_eq!(client.answer("GET").text(), "answer");
    client.expect_end();
    let mut old = Client::connect(gateway.listen);
    old.send("GET /c/a HTTP/1.0\r\nHost: h\r\n\r\n");
    assert_eq!(old.answer("GET").text(), "answer");
    old.expect_end();
    assert_eq!(backend.requests().len(), 1);
}

fn an_http_integration_is_cached_as_its_method_answers(driver: &'static str) {
    let backend = Backend::saying("1");
    let gateway = setup(driver, &backend).start();
    let mut client = Client::connect(gateway.listen);
    let (first, hit) = (client.get("/http"), client.get("/http"));
    assert_eq!((first.text().as_str(), hit.text().as_str()), ("[1]", "[1]"));
    assert!(age(&first).is_none() && age(&hit).is_some());
    assert_ne!(first.head.all("x-amzn-RequestId"), hit.head.all("x-amzn-RequestId"));
    assert_eq!(backend.requests().len(), 1);
}

fn max_age_0_and_the_time_of_the_method_bring_new_answers(driver: &'static str) {
    let backend = Backend::saying("answer");
    let mut setup = setup(driver, &backend);
    setup.stage += "cacheTtlInSeconds = 1\n";
    let gateway = setup.start();
    let mut client = Client::connect(gateway.listen);
    client.get("/c/a");
    let fresh = client.ask("GET", "/c/a", "Cache-Control: max-age=0\r\n", b"");
    assert!(age(&fresh).is_none() && backend.requests().len() == 2);
    std::thread::sleep(Duration::from_millis(1_100));
    assert!(age(&client.get("/c/a")).is_none());
    assert_eq!(backend.requests().len(), 3);
    assert!(age(&client.get("/c/a")).is_some(), "the new one is kept");
}

/// A client that has the head of an answer leaves; what the backend had begun is not kept as if it were whole.
fn a_client_that_leaves_spoils_nothing(driver: &'static str) {
    let gate = Gate::default();
    let opened = gate.clone();
    let backend = Backend::start(move |connection| {
        while connection.request().is_some() {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst");
            gate.wait();
            connection.send("-half");
        }
    });
    let gateway = setup(driver, &backend).start();
    let mut leaver = Client::connect(gateway.listen);
    leaver.send("GET /c/a HTTP/1.1\r\nHost: h\r\n\r\n");
    leaver.head().unwrap();
    leaver.leave();
    eventually("the client that left is noticed", || {
        gateway.metrics().sum("ringway_client_aborts_total", &[]) == 1.0
    });
    opened.open();
    let mut client = Client::connect(gateway.listen);
    let answer = client.get("/c/a");
    assert_eq!((answer.text().as_str(), age(&answer)), ("first-half", None));
    assert!(age(&client.get("/c/a")).is_some());
}
