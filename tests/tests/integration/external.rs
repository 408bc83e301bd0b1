//! Clients that nobody here wrote.

use std::fs;
use std::process::{Command, Output, Stdio};

use crate::support::backend::{Backend, answer};
use crate::support::gateway::Setup;
use crate::support::on_each_driver;
use crate::support::wire::noise;

on_each_driver!(curl_up_and_down, curl_speaks_http_1_0_and_keeps_connections, wrk_sees_no_error);

/// Whether `program` is installed; says so where it is not.
fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_err() {
        eprintln!("SKIPPED: {program} is not installed");
    }
    found.is_ok()
}

fn curl(arguments: &[&str]) -> Output {
    let output =
        Command::new("curl").args(["--silent", "--show-error", "--max-time", "20"]).args(arguments).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn echoing() -> Backend {
    Backend::answering(|request| answer(200, &request.body))
}

fn curl_up_and_down(driver: &'static str) {
    if !has("curl") {
        return;
    }
    let backend = echoing();
    let gateway = Setup::new(driver, backend.address).start();
    let file = gateway.directory().join("upload");
    let body = noise(11, 3_000_000);
    fs::write(&file, &body).unwrap();
    let (url, file) = (format!("http://{}/up", gateway.listen), file.to_str().unwrap().to_owned());
    // By length with the expectation that curl adds to large bodies, by chunks, and the same as a POST.
    for arguments in [
        &["--upload-file", &file, &url][..],
        &["--upload-file", &file, "-H", "Transfer-Encoding: chunked", &url],
        &["--data-binary", &format!("@{file}"), &url],
        &["--data-binary", &format!("@{file}"), "-H", "Expect: 100-continue", &url],
    ] {
        assert!(curl(arguments).stdout == body, "{arguments:?}");
    }
    assert!(backend.requests().iter().all(|request| request.head.get("Expect").is_none()));
    let head =
        String::from_utf8(curl(&["--head", &format!("http://{}/mock", gateway.listen)]).stdout).unwrap();
    // HEAD has no method of its own on this resource.
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
}

fn curl_speaks_http_1_0_and_keeps_connections(driver: &'static str) {
    if !has("curl") {
        return;
    }
    let backend = Backend::saying("ok");
    let gateway = Setup::new(driver, backend.address).start();
    let url = format!("http://{}/x", gateway.listen);
    assert_eq!(curl(&["--http1.0", &url]).stdout, b"ok");
    let twice = curl(&["--verbose", &url, &url]);
    assert_eq!(twice.stdout, b"okok");
    let said = String::from_utf8_lossy(&twice.stderr).to_lowercase();
    assert!(said.contains("re-using existing"), "{said}");
    let metrics = gateway.metrics();
    assert_eq!(metrics.sum("ringway_connections_accepted_total", &[]), 2.0);
    // An upgrade that nobody grants is an ordinary request.
    assert_eq!(curl(&["--http2", &url]).stdout, b"ok");
}

fn wrk_sees_no_error(driver: &'static str) {
    if !has("wrk") {
        return;
    }
    let backend = Backend::saying("hello");
    let gateway = Setup::new(driver, backend.address).cores(2).start();
    let url = format!("http://{}/load", gateway.listen);
    let output = Command::new("wrk").args(["-t", "1", "-c", "32", "-d", "1s", &url]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("Socket errors") && !said.contains("Non-2xx"), "{said}");
    let requests: f64 =
        said.lines().find_map(|line| line.trim().split_once(" requests in ")?.0.parse().ok()).unwrap();
    assert!(requests > 0.0, "{said}");
    let metrics = gateway.metrics();
    // What was under way when the time was over is answered or given up after wrk stopped counting.
    let counted = metrics.sum("ringway_core_requests_total", &[]);
    assert!(counted >= requests && counted <= requests + 32.0, "{counted} counted, {said}");
    assert_eq!(metrics.sum("ringway_requests_total", &["class=\"5xx\""]), 0.0);
}
