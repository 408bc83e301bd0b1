//! What is not waited for: integrations, heads, idle connections.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::backend::{Backend, Gate};
use crate::support::client::Client;
use crate::support::gateway::{SHORT_MILLIS, Setup};
use crate::support::on_each_driver;
use crate::support::wire::noise;

on_each_driver!(
    an_integration_that_does_not_answer_times_out,
    an_answer_that_stalls_is_cut,
    an_upload_that_stalls_times_out,
    a_backend_that_cannot_be_reached_is_a_network_error,
    a_connect_that_hangs_is_given_up,
    a_slow_head_is_cut,
    an_idle_connection_is_closed,
);

const TIMED_OUT: &str = r#"{"message":"Endpoint request timed out"}"#;
const NETWORK_ERROR: &str = r#"{"message":"Network error communicating with endpoint"}"#;

fn an_integration_that_does_not_answer_times_out(driver: &'static str) {
    let backend = Backend::start(|connection| {
        connection.request();
        connection.wait_for_end();
    });
    let gateway = Setup::new(driver, backend.address).start();
    let mut client = Client::connect(gateway.listen);
    for (n, method) in ["GET", "POST", "GET"].into_iter().enumerate() {
        let start = Instant::now();
        let answer = client.ask(method, "/short/silent", "", b"");
        assert_eq!((answer.status, answer.text().as_str()), (504, TIMED_OUT));
        assert!(start.elapsed() >= Duration::from_millis(SHORT_MILLIS), "{:?}", start.elapsed());
        assert_eq!(answer.head.get("Connection"), None, "the client did nothing wrong");
        backend.wait_until_all_ended();
        assert_eq!(backend.requests().len(), n + 1, "not sent again");
    }
    assert_eq!(gateway.metrics().sum("ringway_integration_timeouts_total", &[]), 3.0);
}

fn an_answer_that_stalls_is_cut(driver: &'static str) {
    let backend = Backend::start(|connection| {
        let Some(request) = connection.request() else { return };
        let framing = match request.target.as_str() {
            "/short/length" => "Content-Length: 100\r\n\r\n0123456789",
            "/short/chunked" => "Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n",
            "/short/close" => "\r\n0123456789",
            "/short/head" => "Content-Le",
            other => panic!("{other}"),
        };
        connection.send(format!("HTTP/1.1 200 OK\r\n{framing}"));
        connection.wait_for_end();
    });
    let gateway = Setup::new(driver, backend.address).start();
    for path in ["/short/length", "/short/chunked", "/short/close"] {
        let mut client = Client::connect(gateway.listen);
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(client.head().unwrap().0, 200, "{path}: the head goes out at once");
        let rest = String::from_utf8_lossy(&client.read_rest()).into_owned();
        assert!(rest.contains("0123456789") && !rest.ends_with("0\r\n\r\n"), "{path}: {rest:?}");
    }
    // Cut by a reset: a client of HTTP/1.0 could not tell a close from the end of the body.
    let mut client = Client::connect(gateway.listen);
    client.send("GET /short/chunked HTTP/1.0\r\nHost: a\r\n\r\n");
    client.try_answer("GET").expect_err("an answer that was cut");
    let mut client = Client::connect(gateway.listen);
    assert_eq!(client.get("/short/head").text(), TIMED_OUT);
    backend.wait_until_all_ended();
    assert_eq!(gateway.metrics().sum("ringway_integration_timeouts_total", &[]), 5.0);
}

fn an_upload_that_stalls_times_out(driver: &'static str) {
    let backend = Backend::saying("never");
    let gateway = Setup::new(driver, backend.address).start();
    let mut client = Client::connect(gateway.listen);
    client.send("POST /short/upload HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf");
    let answer = client.answer("POST");
    assert_eq!((answer.status, answer.text().as_str()), (504, TIMED_OUT));
    assert_eq!(answer.head.get("Connection"), Some("close"), "the rest of the body is still to come");
    client.expect_end();
    backend.wait_until_all_ended();
    assert_eq!(backend.requests().len(), 0);

    // A backend that does not read: 10 MB do not fit into the sockets' buffers on the way... or do, and then it does not answer.
    let gate = Gate::default();
    let script_gate = gate.clone();
    let deaf = Backend::start(move |_| script_gate.wait());
    let gateway = Setup::new(driver, deaf.address).start();
    let mut client = Client::connect(gateway.listen);
    client.send("PUT /short/deaf HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n");
    let upload = client.send_beside(noise(1, 10_000_000));
    assert_eq!(client.answer("PUT").text(), TIMED_OUT);
    drop(client.read_rest());
    upload.join().unwrap();
    gate.open();
}

fn a_backend_that_cannot_be_reached_is_a_network_error(driver: &'static str) {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gateway = Setup::new(driver, nobody).start();
    let mut client = Client::connect(gateway.listen);
    for method in ["GET", "POST"] {
        let answer = client.ask(method, "/nobody", "", b"");
        assert_eq!((answer.status, answer.text().as_str()), (504, NETWORK_ERROR));
    }
    assert!(gateway.metrics().sum("ringway_upstream_connect_errors_total", &[]) >= 2.0);
}

/// A listener whose backlog is full, so that a connect to it hangs.
fn full_listener() -> (TcpListener, Vec<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    // The backlog of std is a few thousand at most.
    for _ in 0..20_000 {
        match TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
            Ok(stream) => queued.push(stream),
            Err(_) => return (listener, queued),
        }
    }
    panic!("the backlog does not fill");
}

fn a_connect_that_hangs_is_given_up(driver: &'static str) {
    let (listener, _queued) = full_listener();
    let address = listener.local_addr().unwrap();
    let gateway = Setup::new(driver, address).process("upstream = { connectTimeoutMillis = 100 }\n").start();
    let mut client = Client::connect(gateway.listen);
    let answer = client.get("/hangs");
    assert_eq!((answer.status, answer.text().as_str()), (504, NETWORK_ERROR));
    drop(gateway);
    // The integration timeout covers the connect.
    let gateway = Setup::new(driver, address).start();
    let mut client = Client::connect(gateway.listen);
    assert_eq!(client.get("/short/hangs").text(), TIMED_OUT);
}

fn a_slow_head_is_cut(driver: &'static str) {
    let backend = Backend::saying("never");
    let gateway = Setup::new(driver, backend.address).process("headTimeoutMillis = 300\n").start();
    // One that stops, and one that drips: the deadline is for the whole head.
    let mut stopped = Client::connect(gateway.listen);
    stopped.send("GET / HTTP/1.1\r\nHost: a\r\nX-");
    let mut dripping = Client::connect(gateway.listen);
    let stream = dripping.stream().try_clone().unwrap();
    let drip = thread::spawn(move || {
        let target = "a".repeat(2_000);
        let bytes = format!("GET /{target} HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut dripped = 0;
        while dripped < bytes.len() && (&stream).write_all(&bytes.as_bytes()[dripped..=dripped]).is_ok() {
            dripped += 1;
            thread::sleep(Duration::from_millis(20));
        }
        assert!(dripped < bytes.len(), "it dripped to its end");
    });
    stopped.expect_end();
    dripping.expect_end();
    drip.join().unwrap();
    // A head that is whole in time is answered, however long the body takes.
    let mut slow_body = Client::connect(gateway.listen);
    slow_body.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n");
    for byte in ["a", "b", "c"] {
        thread::sleep(Duration::from_millis(150));
        slow_body.send(byte);
    }
    assert_eq!(slow_body.answer("POST").text(), "never");
    assert_eq!(backend.requests().len(), 1);
}

fn an_idle_connection_is_closed(driver: &'static str) {
    let backend = Backend::saying("ok");
    let settings = "idleTimeoutMillis = 300\nupstream = { idleTimeoutMillis = 300 }\n";
    let gateway = Setup::new(driver, backend.address).process(settings).start();
    let mut fresh = Client::connect(gateway.listen);
    let mut kept = Client::connect(gateway.listen);
    assert_eq!(kept.get("/").text(), "ok");
    let start = Instant::now();
    kept.expect_end();
    assert!(start.elapsed() >= Duration::from_millis(250), "{:?}", start.elapsed());
    fresh.expect_end();
    // The pool's kept connection goes too.
    backend.wait_until_all_ended();
}
