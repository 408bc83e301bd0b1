//! Configurations that change while requests run.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;

use serde_json::Value;

use crate::support::backend::{Backend, Gate, answer};
use crate::support::client::Client;
use crate::support::gateway::{Setup, document};
use crate::support::{eventually, on_each_driver};

on_each_driver!(
    reloads_under_traffic_lose_nothing,
    a_bad_file_leaves_the_old_one_serving,
    signals_and_saved_files_reload,
    requests_in_flight_end_on_their_own_snapshot,
    endpoints_come_and_go,
);

fn reloads_under_traffic_lose_nothing(driver: &'static str) {
    let (one, two) = (Backend::saying("one"), Backend::saying("two"));
    let gateway = Setup::new(driver, one.address).cores(2).start();
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let traffic: Vec<_> = (0..4)
        .map(|n| {
            let (listen, stop, answered) = (gateway.listen, stop.clone(), answered.clone());
            thread::spawn(move || {
                // One connection from beginning to end: a reload closes none.
                let mut client = Client::connect(listen);
                let mut seen = [0usize; 2];
                while !stop.load(SeqCst) {
                    let body: &[u8] = if n % 2 == 0 { b"" } else { b"some body" };
                    let answer = client.ask(if n % 2 == 0 { "GET" } else { "POST" }, "/any", "", body);
                    match (answer.status, answer.text().as_str()) {
                        (200, "one") => seen[0] += 1,
                        (200, "two") => seen[1] += 1,
                        other => panic!("{other:?}"),
                    }
                    answered.fetch_add(1, SeqCst);
                }
                seen
            })
        })
        .collect();
    for round in 0..30 {
        let backend = if round % 2 == 0 { &two } else { &one };
        gateway.write_document(&document(backend.address));
        let published = gateway.admin("POST", "/reload");
        assert_eq!(published.status, 200, "{}", published.text());
        // Requests run between the swaps, and some across each.
        let start = answered.load(SeqCst);
        eventually("requests go on", || answered.load(SeqCst) >= start + 8);
    }
    stop.store(true, SeqCst);
    let mut sums = [0, 0];
    for client in traffic {
        let seen = client.join().expect("a client lost a request");
        sums = [sums[0] + seen[0], sums[1] + seen[1]];
    }
    assert!(sums[0] > 0 && sums[1] > 0, "{sums:?}");
    let metrics = gateway.metrics();
    assert_eq!(metrics.sum("ringway_requests_total", &["class=\"2xx\""]), (sums[0] + sums[1]) as f64);
    assert_eq!(metrics.sum("ringway_requests_total", &[]), (sums[0] + sums[1]) as f64);
    assert_eq!(metrics.sum("ringway_connections_accepted_total", &[]), 4.0);
    assert!(metrics.sum("ringway_config_generation", &[]) >= 31.0);
    eventually("every core adopts", || {
        let metrics = gateway.metrics();
        let published = metrics.sum("ringway_config_generation", &[]);
        metrics.sum("ringway_core_config_generation", &[]) == 2.0 * published
    });
}

fn a_bad_file_leaves_the_old_one_serving(driver: &'static str) {
    let backend = Backend::saying("old");
    let gateway = Setup::new(driver, backend.address).start();
    let mut client = Client::connect(gateway.listen);
    assert_eq!(client.get("/x").text(), "old");
    let mut bad = document(backend.address);
    let integration = &mut bad["paths"]["/mock"]["get"]["x-amazon-apigateway-integration"];
    integration["type"] = "carrier_pigeon".into();
    gateway.write_document(&bad);
    let refused = gateway.admin("POST", "/reload");
    assert_eq!(refused.status, 422, "{}", refused.text());
    let issues: Value = serde_json::from_slice(&refused.body).unwrap();
    let issue = &issues["issues"][0];
    assert_eq!(issue["pointer"], "/paths/~1mock/get/x-amazon-apigateway-integration/type", "{issues}");
    assert!(issue["file"].as_str().unwrap().ends_with("api.json"), "{issues}");
    assert_eq!(issue["line"], 1, "{issues}");
    assert!(issue["message"].as_str().unwrap().contains("carrier_pigeon"), "{issues}");
    for text in ["{", "", "\u{0}"] {
        fs::write(gateway.directory().join("api.json"), text).unwrap();
        assert_eq!(gateway.admin("POST", "/reload").status, 422, "{text:?}");
    }
    fs::remove_file(gateway.directory().join("api.json")).unwrap();
    assert_eq!(gateway.admin("POST", "/reload").status, 422, "a file that is not there");

    assert_eq!(client.get("/x").text(), "old", "the same connection, the old configuration");
    assert_eq!(gateway.generation(), 1);
    let ready: Value = serde_json::from_slice(&gateway.admin("GET", "/readyz").body).unwrap();
    assert_eq!((&ready["ready"], &ready["lastReload"]["successful"]), (&true.into(), &false.into()));
    assert_eq!(gateway.metrics().sum("ringway_config_last_reload_successful", &[]), 0.0);

    gateway.write_document(&document(backend.address));
    assert_eq!(gateway.admin("POST", "/reload").status, 200);
    assert_eq!(gateway.metrics().sum("ringway_config_last_reload_successful", &[]), 1.0);
    assert_eq!(client.get("/x").text(), "old");
}

fn signals_and_saved_files_reload(driver: &'static str) {
    let (one, two) = (Backend::saying("one"), Backend::saying("two"));
    let gateway = Setup::new(driver, one.address).start();
    let mut client = Client::connect(gateway.listen);
    assert_eq!(client.get("/x").text(), "one");
    gateway.write_document(&document(two.address));
    eventually("a saved file is served", || client.get("/x").text() == "two");
    let before = gateway.generation();
    gateway.signal("HUP");
    eventually("SIGHUP reloads", || gateway.generation() == before + 1);
    assert_eq!(client.get("/x").text(), "two");
    // Broken and saved: told in the log, and nothing else happens.
    fs::write(gateway.directory().join("api.json"), "{").unwrap();
    eventually("the refusal is told", || gateway.said().contains("goes on serving"));
    assert_eq!((client.get("/x").text().as_str(), gateway.generation()), ("two", before + 1));
}

fn requests_in_flight_end_on_their_own_snapshot(driver: &'static str) {
    let gate = Gate::default();
    let script_gate = gate.clone();
    let old = Backend::start(move |connection| {
        while let Some(request) = connection.request() {
            if request.target == "/slow" {
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nold ");
                script_gate.wait();
                connection.send("tale");
            } else {
                connection.send(answer(200, b"old"));
            }
        }
    });
    let new = Backend::saying("new");
    let gateway = Setup::new(driver, old.address).start();
    let mut slow = Client::connect(gateway.listen);
    slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(slow.head().unwrap().0, 200);
    gateway.write_document(&document(new.address));
    assert_eq!(gateway.admin("POST", "/reload").status, 200);
    let mut quick = Client::connect(gateway.listen);
    assert_eq!(quick.get("/quick").text(), "new");
    gate.open();
    assert_eq!(slow.read_bytes(8), b"old tale");
    assert_eq!(slow.get("/next").text(), "new", "its next request is one of the new configuration");
    old.wait_until_all_ended();
}

fn endpoints_come_and_go(driver: &'static str) {
    let gateway = Setup::new(driver, Backend::saying("0").address).start();
    let mut client = Client::connect(gateway.listen);
    for n in 1..=5 {
        let backend = Backend::answering(move |_| answer(200, n.to_string().as_bytes()));
        gateway.write_document(&document(backend.address));
        assert_eq!(gateway.admin("POST", "/reload").status, 200);
        assert_eq!(client.get("/x").text(), n.to_string());
        let connects = gateway.metrics().sum("ringway_upstream_connects_total", &[]);
        assert_eq!(connects, f64::from(n), "a new endpoint has a new pool");
        // Nobody names the endpoint before this one any more: its connections are closed with their snapshot.
        eventually("old pools go", || gateway.metrics().sum("ringway_upstream_connections", &[]) <= 1.0);
    }
}
