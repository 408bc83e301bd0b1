//! Health, metrics and the access log: what they say is what happened.

use serde_json::Value;

use crate::support::backend::{Backend, answer};
use crate::support::client::{Client, once};
use crate::support::gateway::Setup;
use crate::support::{eventually, on_each_driver};

on_each_driver!(
    health_and_readiness_are_told,
    counters_equal_what_was_sent,
    json_lines_are_json_whatever_clients_send,
    clf_lines_are_one_line_each,
    every_request_has_its_line,
);

fn health_and_readiness_are_told(driver: &'static str) {
    let backend = Backend::saying("ok");
    let gateway = Setup::new(driver, backend.address).cores(2).start();
    assert_eq!(gateway.admin("GET", "/healthz").text(), "ok\n");
    let ready = gateway.admin("GET", "/readyz");
    assert_eq!(ready.status, 200);
    let ready: Value = serde_json::from_slice(&ready.body).unwrap();
    assert_eq!((&ready["ready"], &ready["draining"]), (&true.into(), &false.into()), "{ready}");
    assert_eq!((&ready["generation"], &ready["cores"]), (&1.into(), &2.into()), "{ready}");
    assert_eq!(gateway.admin("GET", "/nothing").status, 404);
    assert_eq!(gateway.admin("GET", "/reload").status, 405);
    let metrics = gateway.metrics();
    assert_eq!(metrics.sum("ringway_build_info", &[&format!("driver=\"{driver}\"")]), 1.0);
    assert!(metrics.sum("process_resident_memory_bytes", &[]) > 1e6);
    assert!(metrics.sum("process_open_fds", &[]) > 3.0);
}

fn counters_equal_what_was_sent(driver: &'static str) {
    let backend = Backend::answering(|request| {
        let status = request.target.rsplit('/').next().unwrap().parse().unwrap();
        answer(status, b"x")
    });
    let gateway = Setup::new(driver, backend.address).cores(2).start();
    // How often each status is asked for, over connections that spread over the cores.
    let plan = [(200, 7), (301, 5), (404, 3), (500, 2)];
    for (status, times) in plan {
        for n in 0..times {
            let mut client = Client::connect(gateway.listen);
            assert_eq!(client.get(&format!("/status/{status}")).status, status, "{n}");
            assert_eq!(client.get("/mock").status, 200);
        }
    }
    let mut bad = Client::connect(gateway.listen);
    bad.send("nonsense\r\n\r\n");
    assert_eq!(bad.answer("GET").status, 400);
    assert_eq!(once(gateway.listen, "DELETE", "/mock").status, 403);
    let asked: u32 = plan.iter().map(|(_, times)| times).sum();
    eventually("the connections are over", || gateway.metrics().sum("ringway_connections", &[]) == 1.0);
    drop(bad);
    let metrics = gateway.metrics();
    for (class, times) in [("2xx", 7.0), ("3xx", 5.0), ("4xx", 3.0), ("5xx", 2.0)] {
        let labels =
            ["api=\"itest00001\"", "stage=\"dev\"", "route=\"ANY /{proxy+}\"", &format!("class=\"{class}\"")];
        assert_eq!(metrics.sum("ringway_requests_total", &labels), times, "{metrics:?}");
    }
    let asked = f64::from(asked);
    assert_eq!(metrics.sum("ringway_requests_total", &["route=\"GET /mock\"", "class=\"2xx\""]), asked);
    assert_eq!(metrics.sum("ringway_core_requests_total", &[]), 2.0 * asked + 1.0);
    assert_eq!(metrics.sum("ringway_unrouted_requests_total", &[]), 1.0);
    assert_eq!(metrics.sum("ringway_protocol_errors_total", &[]), 1.0);
    assert_eq!(metrics.sum("ringway_connections_accepted_total", &[]), asked + 2.0);
    let durations = "ringway_request_duration_seconds_count";
    assert_eq!(metrics.sum(durations, &["part=\"integration\""]), asked);
    // The stage is known before the method turns out to be missing.
    assert_eq!(metrics.sum(durations, &["part=\"overhead\""]), 2.0 * asked + 1.0);
    let infinite = ["part=\"overhead\"", "le=\"+Inf\""];
    assert_eq!(metrics.sum("ringway_request_duration_seconds_bucket", &infinite), 2.0 * asked + 1.0);
    assert!(metrics.sum("ringway_request_duration_seconds_sum", &[]) > 0.0);
    assert_eq!(metrics.sum("ringway_access_log_dropped_total", &[]), 0.0);
}

/// User agents that would break out of a line, a string or an encoding.
const NASTY: [&[u8]; 8] = [
    b"plain",
    br#"quo"te"#,
    br"back\slash\",
    br#"","status":"200","x":""#,
    b"tab\there",
    b"caf\xc3\xa9",
    b"broken \xff\xfe\xc3 utf-8",
    b"</script>\xe2\x80\xa8\x85",
];

fn json_lines_are_json_whatever_clients_send(driver: &'static str) {
    let backend = Backend::saying("ok");
    let format = concat!(
        r#"{"id":"$context.requestId","agent":"$context.identity.userAgent","path":"$context.path","#,
        r#""method":"$context.httpMethod","host":"$context.domainName","status":"$context.status","#,
        r#""length":"$context.responseLength","error":"$context.error.message","api":"$context.apiId"}"#
    );
    for format in [format, "json"] {
        let gateway = Setup::new(driver, backend.address).log_format(format).start();
        let mut client = Client::connect(gateway.listen);
        for agent in NASTY {
            let head = b"GET /a%22b\"c\\d'{}|$context.requestId?q=\"x\" HTTP/1.1\r\nHost: test.example\r\nUser-Agent: ";
            client.send([head, agent, b"\r\n\r\n"].concat());
            assert_eq!(client.answer("GET").status, 200, "{}", String::from_utf8_lossy(agent));
        }
        client.send("M!#$%&'*+-.^_`|~ / HTTP/1.1\r\nHost: test.example\r\n\r\n");
        assert_eq!(client.answer("GET").status, 403);
        let lines = gateway.log_lines(NASTY.len() + 1);
        for (n, line) in lines.iter().enumerate() {
            let text = std::str::from_utf8(line).unwrap_or_else(|error| panic!("line {n}: {error}"));
            let line: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
            let members = line.as_object().unwrap();
            assert_eq!(members["status"], if n == NASTY.len() { "403" } else { "200" }, "{text}");
            if format == "json" || n == NASTY.len() {
                continue;
            }
            assert_eq!(members["path"], "/a%22b\"c\\d'{}|$context.requestId", "{text}");
            assert_eq!(members["length"], "2", "{text}");
            // A field value has no encoding (RFC 9110 §5.5): each byte is the character of its number.
            let sent: String = NASTY[n].iter().map(|byte| char::from(*byte)).collect();
            assert_eq!(members["agent"], sent.as_str(), "{text}");
        }
    }
}

fn clf_lines_are_one_line_each(driver: &'static str) {
    let backend = Backend::saying("hello");
    let gateway = Setup::new(driver, backend.address).log_format("clf").start();
    let mut client = Client::connect(gateway.listen);
    let mut ids = Vec::new();
    for path in ["/x", "/mock", "/y?a=\"b\""] {
        ids.push(client.get(path).head.get("x-amzn-RequestId").unwrap().to_owned());
    }
    let lines = gateway.log_lines(3);
    for ((line, id), route) in lines.iter().zip(ids).zip(["/{proxy+}", "/mock", "/{proxy+}"]) {
        let line = std::str::from_utf8(line).unwrap();
        let (before, rest) = line.split_once(" [").unwrap();
        assert_eq!(before, "127.0.0.1 - -", "{line}");
        let (time, rest) = rest.split_once("] \"").unwrap();
        assert_eq!((time.len(), time.ends_with(" +0000")), (26, true), "{line}");
        let (request, rest) = rest.split_once("\" ").unwrap();
        assert_eq!(request, format!("GET {route} HTTP/1.1"), "{line}");
        let length = if route == "/mock" { 14 } else { 5 };
        assert!(rest.starts_with(&format!("200 {length} {id} ")), "{line}");
    }
}

fn every_request_has_its_line(driver: &'static str) {
    let backend = Backend::saying("ok");
    let gateway = Setup::new(driver, backend.address).cores(2).start();
    let count = 2_000;
    let mut ids = Vec::new();
    for part in 0..4 {
        let mut client = Client::connect(gateway.listen);
        // Pipelined, so that batches of lines fill.
        client.send(format!("GET /part{part} HTTP/1.1\r\nHost: a\r\n\r\n").repeat(count / 4));
        for _ in 0..count / 4 {
            ids.push(client.answer("GET").head.get("x-amzn-RequestId").unwrap().to_owned());
        }
    }
    let lines = gateway.log_lines(count);
    let mut logged: Vec<String> = lines
        .iter()
        .map(|line| {
            let line: Value = serde_json::from_slice(line).unwrap();
            line["requestId"].as_str().unwrap().to_owned()
        })
        .collect();
    logged.sort();
    ids.sort();
    assert!(logged == ids, "the ids of the log are not those of the answers");
    ids.dedup();
    assert_eq!(ids.len(), count, "an id twice");
    assert_eq!(gateway.metrics().sum("ringway_core_requests_total", &[]), count as f64);
}
