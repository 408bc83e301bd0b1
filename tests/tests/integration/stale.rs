//! Kept connections that the backend closes: what is sent again, and what never is.

use crate::support::backend::{Backend, answer};
use crate::support::client::Client;
use crate::support::gateway::Setup;
use crate::support::wire::noise;
use crate::support::{eventually, on_each_driver};

on_each_driver!(
    a_get_is_sent_again_on_a_new_connection,
    a_post_is_never_executed_twice,
    a_connection_that_is_seen_to_close_is_not_used,
    a_connection_with_bytes_left_over_is_not_used,
    a_backend_that_says_close_is_believed,
);

/// Answers the first request of each connection, and hangs up on the second once it has read it.
fn hanging_up() -> Backend {
    Backend::start(|connection| {
        if connection.request().is_some() {
            connection.send(answer(200, b"first"));
            connection.request();
        }
    })
}

fn a_get_is_sent_again_on_a_new_connection(driver: &'static str) {
    let backend = hanging_up();
    let gateway = Setup::new(driver, backend.address).start();
    let mut client = Client::connect(gateway.listen);
    for method in ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"] {
        let (before, connections) = (backend.requests().len(), backend.connections());
        assert_eq!(client.get("/prime").status, 200);
        // The kept connection breaks under this one.
        let body: &[u8] = if method == "PUT" { b"body" } else { b"" };
        let again = client.ask(method, "/again", "", body);
        assert_eq!(again.status, 200, "{method}: {}", again.text());
        let requests = &backend.requests()[before..];
        let twice: Vec<_> = requests.iter().filter(|request| request.target == "/again").collect();
        assert_eq!(twice.len(), 2, "{method}: {requests:?}");
        assert_ne!(twice[0].connection, twice[1].connection);
        for request in twice {
            assert_eq!((request.method.as_str(), request.body.as_slice()), (method, body));
        }
        assert!(backend.connections() > connections);
        // The next round begins without a kept connection.
        assert_eq!(client.get("/flush").status, 200);
    }
    // Each `again`, and each `prime` or `flush` that met a connection that had served once.
    assert!(gateway.metrics().sum("ringway_upstream_retries_total", &[]) >= 5.0);
}

fn a_post_is_never_executed_twice(driver: &'static str) {
    for method in ["POST", "PATCH"] {
        let backend = hanging_up();
        let gateway = Setup::new(driver, backend.address).start();
        let mut client = Client::connect(gateway.listen);
        assert_eq!(client.get("/prime").status, 200);
        let failed = client.ask(method, "/order", "", b"one pizza");
        assert_eq!(failed.status, 504, "{method}: {}", failed.text());
        assert_eq!(failed.text(), r#"{"message":"Network error communicating with endpoint"}"#);
        let executed = backend.requests().iter().filter(|request| request.target == "/order").count();
        assert_eq!(executed, 1, "{method}: the backend may have acted on it: only the client can decide");
        assert_eq!(
            client.ask(method, "/order", "", b"another").status,
            200,
            "the client's connection lives on"
        );
        assert_eq!(gateway.metrics().sum("ringway_upstream_retries_total", &[]), 0.0);
    }
}

fn a_connection_that_is_seen_to_close_is_not_used(driver: &'static str) {
    // Says nothing of it, and closes after each answer.
    let backend = Backend::start(|connection| {
        if connection.request().is_some() {
            connection.send(answer(200, b"once"));
        }
    });
    let gateway = Setup::new(driver, backend.address).start();
    let mut client = Client::connect(gateway.listen);
    // A body of this size is streamed: even where the method allows it, there is nothing left to send again.
    let large = noise(5, 200_000);
    for n in 1..=20 {
        let (method, body) = if n % 2 == 0 { ("POST", &b"x"[..]) } else { ("PUT", &large[..]) };
        let answered = client.ask(method, "/seen", "", body);
        assert_eq!(answered.status, 200, "request {n}: {}", answered.text());
        backend.wait_until_all_ended();
        assert_eq!(backend.connections(), n);
    }
    assert_eq!(backend.requests().len(), 20);
    assert_eq!(gateway.metrics().sum("ringway_upstream_retries_total", &[]), 0.0);
}

fn a_connection_with_bytes_left_over_is_not_used(driver: &'static str) {
    // A second answer that nobody asked for: the next request must not get it.
    for surplus in [answer(200, b"unasked"), b"x".to_vec()] {
        let backend = Backend::start(move |connection| {
            while connection.request().is_some() {
                let mut bytes = answer(200, b"asked");
                bytes.extend_from_slice(&surplus);
                connection.send(bytes);
            }
        });
        let gateway = Setup::new(driver, backend.address).start();
        let mut client = Client::connect(gateway.listen);
        for n in 1..=5 {
            assert_eq!(client.get("/surplus").text(), "asked");
            assert_eq!(backend.connections(), n, "each answer leaves bytes behind");
        }
    }
}

fn a_backend_that_says_close_is_believed(driver: &'static str) {
    for head in [
        "HTTP/1.1 200 OK\r\nConnection: close\r\n",
        "HTTP/1.0 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nConnection: x, Close\r\n",
    ] {
        let backend = Backend::start(move |connection| {
            while connection.request().is_some() {
                connection.send(format!("{head}Content-Length: 2\r\n\r\nok"));
                // It does not close, although it said so: the gateway does.
                assert_eq!(connection.wait_for_end(), 0);
            }
        });
        let gateway = Setup::new(driver, backend.address).start();
        let mut client = Client::connect(gateway.listen);
        for _ in 0..3 {
            let kept = client.get("/close");
            assert_eq!((kept.text().as_str(), kept.head.get("Connection")), ("ok", None), "{head:?}");
        }
        assert_eq!(backend.connections(), 3);
        eventually("the gateway closes them", || backend.open() == 0);
    }
}
