//! Clients that leave, and clients that do not read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::gateway::{Gateway, Setup};
use crate::support::wire::noise;
use crate::support::{eventually, on_each_driver};

on_each_driver!(
    a_client_that_leaves_cancels_its_upstream_request,
    a_client_that_leaves_in_its_upload_cancels_it,
    a_client_that_leaves_in_its_answer_cancels_it,
    a_client_that_does_not_read_stops_the_backend,
);

/// Waits for the log line of the one request and returns its status.
fn logged_status(gateway: &Gateway) -> String {
    let line: serde_json::Value = serde_json::from_slice(&gateway.log_lines(1)[0]).unwrap();
    line["status"].as_str().unwrap().to_owned()
}

fn a_client_that_leaves_cancels_its_upstream_request(driver: &'static str) {
    // It computes for ever; only the gateway ends it, long before the timeout of 29 s.
    let backend = Backend::start(|connection| {
        connection.request();
        connection.wait_for_end();
    });
    let gateway = Setup::new(driver, backend.address).start();
    let client = Client::connect(gateway.listen);
    client.send("POST /compute HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    eventually("the request arrives", || backend.requests().len() == 1);
    client.leave();
    backend.wait_until_all_ended();
    assert_eq!(logged_status(&gateway), "499");
    assert_eq!(gateway.metrics().sum("ringway_client_aborts_total", &[]), 1.0);
    assert_eq!(gateway.metrics().sum("ringway_upstream_connections", &[]), 0.0);
}

fn a_client_that_leaves_in_its_upload_cancels_it(driver: &'static str) {
    let backend = Backend::saying("never");
    let gateway = Setup::new(driver, backend.address).start();
    let client = Client::connect(gateway.listen);
    client.send("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf");
    eventually("the beginning arrives", || backend.bytes() > 4);
    client.leave();
    backend.wait_until_all_ended();
    assert_eq!((backend.connections(), backend.requests().len()), (1, 0));
    assert_eq!(logged_status(&gateway), "499");
    assert_eq!(gateway.metrics().sum("ringway_client_aborts_total", &[]), 1.0);
}

fn a_client_that_leaves_in_its_answer_cancels_it(driver: &'static str) {
    let backend = Backend::start(|connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
        connection.wait_for_end();
    });
    let gateway = Setup::new(driver, backend.address).start();
    let mut client = Client::connect(gateway.listen);
    client.send("GET /download HTTP/1.1\r\nHost: a\r\n\r\n");
    client.head().unwrap();
    client.leave();
    backend.wait_until_all_ended();
    eventually("the gateway forgets it", || gateway.metrics().sum("ringway_connections", &[]) == 0.0);
    assert_eq!(gateway.metrics().sum("ringway_client_aborts_total", &[]), 1.0);
}

/// Bytes of each answer, and clients that do not read it.
const ANSWER_BYTES: usize = 50_000_000;
const DEAF_CLIENTS: usize = 4;

fn a_client_that_does_not_read_stops_the_backend(driver: &'static str) {
    let (body, written) = (Arc::new(noise(3, ANSWER_BYTES)), Arc::new(AtomicUsize::new(0)));
    let (script_body, script_written) = (body.clone(), written.clone());
    let backend = Backend::start(move |connection| {
        connection.request();
        connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {ANSWER_BYTES}\r\n\r\n"));
        for piece in script_body.chunks(64 * 1024) {
            if !connection.send(piece) {
                return;
            }
            script_written.fetch_add(piece.len(), SeqCst);
        }
    });
    let gateway = Setup::new(driver, backend.address).start();
    assert_eq!(Client::connect(gateway.listen).get("/mock").status, 200);
    let before = gateway.resident_bytes();
    let mut clients: Vec<Client> = (0..DEAF_CLIENTS).map(|_| Client::connect(gateway.listen)).collect();
    for client in &clients {
        client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    // Stalled: the count has stood still for a while.
    let mut last = (0, 0);
    eventually("the backend's writes stall", || {
        thread::sleep(Duration::from_millis(50));
        let now = written.load(SeqCst);
        last = if now == last.0 { (now, last.1 + 1) } else { (now, 0) };
        last.0 > 0 && last.1 > 5
    });
    assert!(last.0 < DEAF_CLIENTS * ANSWER_BYTES / 2, "{} bytes were taken from the backend", last.0);
    // What is taken lies in the kernel's socket buffers: the gateway holds a buffer or two of 64 KiB for each client.
    let grown = gateway.resident_bytes().saturating_sub(before);
    assert!(grown < 4_000_000, "{grown} bytes for {DEAF_CLIENTS} clients");
    assert_eq!(Client::connect(gateway.listen).get("/mock").status, 200, "others are served meanwhile");
    let answer = clients.remove(0).answer("GET");
    assert!(answer.body == *body, "{} bytes", answer.body.len());
    for client in clients {
        client.leave();
    }
    backend.wait_until_all_ended();
}
