//! Every bad message of the corpora over a socket (RFC 9112): answered or cut, never passed on.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use crate::reader::{self, Entry};
use crate::support::backend::{Backend, answer};
use crate::support::client::{Client, once};
use crate::support::gateway::Setup;
use crate::support::{eventually, on_each_driver};

on_each_driver!(bad_requests_are_refused, bad_responses_are_not_passed_on);

const BAD_REQUESTS: &str = include_str!("../../corpus/http1/bad-requests.txt");
const BAD_RESPONSES: &str = include_str!("../../corpus/http1/bad-responses.txt");

/// Where a message is cut in two: in its head, or, where the fault lies behind it, in its body.
fn middle(entry: &Entry) -> usize {
    let head = entry.bytes.windows(4).position(|end| end == b"\r\n\r\n").map(|at| at + 4);
    match head {
        Some(head) if entry.in_body => head + (entry.bytes.len() - head) / 2,
        _ => entry.bytes.len() / 2,
    }
}

fn bad_requests_are_refused(driver: &'static str) {
    let backend = Backend::saying("good");
    let gateway = Setup::new(driver, backend.address).start();
    let entries = reader::read(BAD_REQUESTS);
    assert!(entries.len() > 200, "the corpus shrank");
    let mut failures = Vec::new();
    for (how, prefix, in_pieces) in [
        ("whole", "", false),
        ("in two pieces", "", true),
        ("behind a good one", "GET /good HTTP/1.1\r\nHost: a\r\n\r\n", false),
    ] {
        let before = backend.requests().len();
        // All first pieces before all second ones: the gateway has time to see them apart, and nobody sleeps.
        let clients: Vec<Client> = entries.iter().map(|_| Client::connect(gateway.listen)).collect();
        for (client, entry) in clients.iter().zip(&entries) {
            let end = if in_pieces { middle(entry) } else { entry.bytes.len() };
            client.send([prefix.as_bytes(), &entry.bytes[..end]].concat());
        }
        for (mut client, entry) in clients.into_iter().zip(&entries) {
            if in_pieces {
                // It may be refused already.
                let _ = client.try_send(&entry.bytes[middle(entry)..]);
            }
            if !prefix.is_empty() {
                assert_eq!(client.answer("GET").text(), "good", "{}, {how}", entry.name);
            }
            match client.try_answer("GET") {
                Ok(answer) if Some(answer.status) == entry.status => {
                    assert_eq!(answer.head.get("Connection"), Some("close"), "{}", entry.name);
                    client.expect_end();
                }
                Ok(answer) => failures.push(format!("{}, {how}: {}", entry.name, answer.status)),
                Err(error) => failures.push(format!("{}, {how}: {error}", entry.name)),
            }
        }
        // A body that is wrong at once is not begun; one that goes wrong later is never ended.
        if !in_pieces && prefix.is_empty() {
            assert_eq!(backend.bytes(), 0, "nothing of a bad request is passed on");
        }
        if prefix.is_empty() {
            backend.wait_until_all_ended();
        }
        let passed_on = &backend.requests()[before..];
        assert!(passed_on.iter().all(|request| request.target == "/good"), "{passed_on:?}");
        assert_eq!(passed_on.len(), if prefix.is_empty() { 0 } else { entries.len() }, "{how}");
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(once(gateway.listen, "GET", "/").text(), "good", "the backend was within reach");
    let heads = entries.iter().filter(|entry| !entry.in_body).count() as f64;
    assert_eq!(gateway.metrics().sum("ringway_protocol_errors_total", &[]), 3.0 * heads);
    eventually("every connection ends", || gateway.metrics().sum("ringway_connections", &[]) == 0.0);
}

fn bad_responses_are_not_passed_on(driver: &'static str) {
    // What the gateway sends on a connection after nonsense, by the connection.
    static AFTERWARDS: Mutex<BTreeSet<(usize, usize)>> = Mutex::new(BTreeSet::new());
    let entries = reader::read(BAD_RESPONSES);
    assert!(entries.len() > 60, "the corpus shrank");
    let backend = Backend::start(move |connection| {
        let entries = reader::read(BAD_RESPONSES);
        while let Some(request) = connection.request() {
            let Some((index, how)) =
                request.target.strip_prefix("/bad/").and_then(|rest| rest.split_once('/'))
            else {
                assert!(connection.send(answer(200, b"good")));
                continue;
            };
            let entry = &entries[index.parse::<usize>().unwrap()];
            if how == "pieces" {
                connection.send(&entry.bytes[..middle(entry)]);
                // Long enough for the gateway to see a piece alone; the outcome is the same if it does not.
                thread::sleep(Duration::from_millis(2));
                connection.send(&entry.bytes[middle(entry)..]);
            } else {
                connection.send(&entry.bytes);
            }
            let bytes = connection.wait_for_end();
            AFTERWARDS.lock().unwrap().insert((connection.index, bytes));
            return;
        }
    });
    let gateway = Setup::new(driver, backend.address).start();
    let mut failures = Vec::new();
    let mut client = Client::connect(gateway.listen);
    for (index, entry) in entries.iter().enumerate() {
        for how in ["whole", "pieces"] {
            // So that there is a kept connection, which the gateway takes for the bad answer.
            assert_eq!(client.get("/good").text(), "good");
            client.send(format!("GET /bad/{index}/{how} HTTP/1.1\r\nHost: a\r\n\r\n"));
            match client.try_answer("GET") {
                Ok(answer) if answer.status == 502 => {
                    assert_eq!(answer.text(), r#"{"message":"Internal server error"}"#);
                }
                // The head of the answer was good and is out: only a broken connection can tell now.
                Err(_) if entry.in_body => client = Client::connect(gateway.listen),
                Ok(answer) => {
                    failures.push(format!("{}, {how}: {} {}", entry.name, answer.status, answer.text()))
                }
                Err(error) => failures.push(format!("{}, {how}: {error}", entry.name)),
            }
            if !failures.is_empty() {
                client = Client::connect(gateway.listen);
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    drop(client);
    eventually("the connections of bad answers end", || backend.open() <= 1);
    let bad = 2 * entries.len();
    let requests = backend.requests();
    let used: BTreeSet<usize> =
        requests.iter().filter(|r| r.target.starts_with("/bad")).map(|r| r.connection).collect();
    assert_eq!(used.len(), bad, "each bad answer has a connection that has no other");
    assert_eq!(requests.len(), 2 * bad);
    for (connection, bytes) in AFTERWARDS.lock().unwrap().iter() {
        assert_eq!(*bytes, 0, "connection {connection} was used again");
    }
}
