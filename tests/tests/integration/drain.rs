//! The end: requests in flight finish, everything else is closed, the exit code tells.

use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::backend::{Backend, Gate, answer};
use crate::support::client::Client;
use crate::support::gateway::{Gateway, Setup};
use crate::support::{eventually, on_each_driver};

on_each_driver!(
    a_drain_finishes_what_is_in_flight,
    a_drain_has_a_deadline,
    a_second_signal_ends_at_once,
    an_idle_gateway_ends_at_once,
    sigint_drains_too,
);

/// Answers once the gate is open.
fn gated() -> (Backend, Gate) {
    let gate = Gate::default();
    let script_gate = gate.clone();
    let backend = Backend::start(move |connection| {
        while connection.request().is_some() {
            script_gate.wait();
            connection.send(answer(200, b"finished"));
        }
    });
    (backend, gate)
}

fn listeners_are_closed(gateway: &Gateway) {
    eventually("the listeners close", || TcpStream::connect(gateway.listen).is_err());
}

fn a_drain_finishes_what_is_in_flight(driver: &'static str) {
    let (backend, gate) = gated();
    let mut gateway = Setup::new(driver, backend.address).cores(2).start();
    let mut idle = Client::connect(gateway.listen);
    assert_eq!(idle.get("/mock").status, 200);
    let mut fresh = Client::connect(gateway.listen);
    let mut waiting = Client::connect(gateway.listen);
    waiting.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut uploading = Client::connect(gateway.listen);
    uploading.send("POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
    let mut in_head = Client::connect(gateway.listen);
    in_head.send("GET /slow HTTP/1.1\r\nHo");
    eventually("the requests are in flight", || backend.requests().len() == 1 && backend.connections() == 2);

    gateway.signal("TERM");
    listeners_are_closed(&gateway);
    eventually("it says so", || gateway.admin("GET", "/readyz").status == 503);
    assert_eq!(gateway.admin("GET", "/healthz").status, 200, "it lives");
    idle.expect_end();
    fresh.expect_end();
    // Requests that had begun are taken to their end, and their connections with them.
    uploading.send("world");
    in_head.send("st: a\r\n\r\n");
    eventually("all have arrived", || backend.requests().len() == 3);
    gate.open();
    for client in [&mut waiting, &mut uploading, &mut in_head] {
        let answer = client.answer("GET");
        assert_eq!((answer.status, answer.text().as_str()), (200, "finished"));
        client.expect_end();
    }
    assert_eq!(gateway.wait(), Some(0), "{}", gateway.said());
    assert!(gateway.said().contains("drained"), "{}", gateway.said());
    gateway.log_lines(4);
    backend.wait_until_all_ended();
}

fn a_drain_has_a_deadline(driver: &'static str) {
    let (backend, gate) = gated();
    let mut gateway = Setup::new(driver, backend.address).process("drainTimeoutMillis = 300\n").start();
    let mut client = Client::connect(gateway.listen);
    client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    eventually("the request is in flight", || backend.requests().len() == 1);
    let start = Instant::now();
    gateway.signal("TERM");
    assert_eq!(gateway.wait(), Some(0), "{}", gateway.said());
    assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
    client.expect_end();
    gate.open();
}

fn a_second_signal_ends_at_once(driver: &'static str) {
    let (backend, gate) = gated();
    let mut gateway = Setup::new(driver, backend.address).start();
    let client = Client::connect(gateway.listen);
    client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    eventually("the request is in flight", || backend.requests().len() == 1);
    gateway.signal("TERM");
    eventually("it drains", || gateway.said().contains("draining"));
    gateway.signal("TERM");
    // 128 and the number of SIGTERM, as shells tell it.
    assert_eq!(gateway.wait(), Some(128 + 15), "{}", gateway.said());
    gate.open();
}

fn an_idle_gateway_ends_at_once(driver: &'static str) {
    let backend = Backend::saying("ok");
    let mut gateway = Setup::new(driver, backend.address).cores(2).start();
    let clients: Vec<Client> = (0..50)
        .map(|_| {
            let mut client = Client::connect(gateway.listen);
            assert_eq!(client.get("/").text(), "ok");
            client
        })
        .collect();
    gateway.signal("TERM");
    for mut client in clients {
        client.expect_end();
    }
    // Long before the deadline of 35 s, which is longer than the patience of `wait`.
    assert_eq!(gateway.wait(), Some(0), "{}", gateway.said());
    backend.wait_until_all_ended();
    gateway.log_lines(50);
}

fn sigint_drains_too(driver: &'static str) {
    let backend = Backend::saying("ok");
    let mut gateway = Setup::new(driver, backend.address).start();
    // A signal in the middle of traffic: each request is answered or its connection was closed before it began.
    let listen = gateway.listen;
    let traffic = thread::spawn(move || {
        let mut answered = 0;
        while let Ok(mut client) = Client::try_connect(listen) {
            if client.try_send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").is_err() {
                break;
            }
            match client.try_answer("GET") {
                Ok(answer) => assert_eq!(answer.text(), "ok"),
                Err(_) => break,
            }
            answered += 1;
        }
        answered
    });
    eventually("traffic runs", || backend.requests().len() > 20);
    gateway.signal("INT");
    assert_eq!(gateway.wait(), Some(0), "{}", gateway.said());
    assert!(traffic.join().unwrap() > 20);
}
