//! Requests and answers through the gateway: order, persistence, interim answers, early answers.

use crate::support::backend::{Backend, answer};
use crate::support::client::Client;
use crate::support::gateway::Setup;
use crate::support::on_each_driver;
use crate::support::wire::{chunked, noise};

on_each_driver!(
    pipelined_requests_are_answered_in_order,
    connections_are_kept_on_both_sides,
    http_1_0_clients_are_served,
    a_client_that_expects_100_gets_it,
    interim_answers_pass_but_for_100,
    an_early_answer_ends_the_upload,
    what_follows_an_early_answer_is_no_request,
    the_gateway_answers_what_needs_no_backend,
);

/// Answers with the target of the request and the length of its body.
fn telling() -> Backend {
    Backend::answering(|request| {
        answer(200, format!("{} {} {}", request.method, request.target, request.body.len()).as_bytes())
    })
}

fn pipelined_requests_are_answered_in_order(driver: &'static str) {
    let backend = telling();
    let gateway = Setup::new(driver, backend.address).start();
    let (mut bytes, mut expected) = (Vec::new(), Vec::new());
    for n in 0..40usize {
        let body = noise(n as u64, n * 37 % 500);
        let (head, text) = match n % 3 {
            0 => (format!("GET /p/{n} HTTP/1.1\r\nHost: a\r\n\r\n"), format!("GET /p/{n} 0")),
            1 => {
                let length = body.len();
                let head = format!("POST /p/{n} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
                (head, format!("POST /p/{n} {length}"))
            }
            _ => {
                let head = format!("PUT /p/{n} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
                (head, format!("PUT /p/{n} {}", body.len()))
            }
        };
        bytes.extend_from_slice(head.as_bytes());
        match n % 3 {
            0 => {}
            1 => bytes.extend_from_slice(&body),
            _ => bytes.extend_from_slice(&chunked(&body, 64)),
        }
        expected.push(text);
    }
    // All at once, then in pieces whose edges fall anywhere.
    for piece in [bytes.len(), 1000, 333, 61] {
        let mut client = Client::connect(gateway.listen);
        for piece in bytes.chunks(piece) {
            client.send(piece);
        }
        for (n, expected) in expected.iter().enumerate() {
            let answer = client.answer("GET");
            assert_eq!(&answer.text(), expected, "answer {n}, pieces of {piece} bytes");
        }
    }
}

fn connections_are_kept_on_both_sides(driver: &'static str) {
    let backend = telling();
    let gateway = Setup::new(driver, backend.address).start();
    let mut client = Client::connect(gateway.listen);
    for n in 0..100 {
        let path = format!("/kept/{n}");
        assert_eq!(client.get(&path).text(), format!("GET {path} 0"));
    }
    client.leave();
    for n in 0..10 {
        let mut client = Client::connect(gateway.listen);
        assert_eq!(client.ask("POST", "/other", "", &noise(n, 100)).text(), "POST /other 100");
    }
    assert_eq!(backend.connections(), 1, "one core, one request at a time, one connection");
    let metrics = gateway.metrics();
    assert_eq!(metrics.sum("ringway_connections_accepted_total", &[]), 11.0);
    assert_eq!(metrics.sum("ringway_upstream_connects_total", &[]), 1.0);

    let mut client = Client::connect(gateway.listen);
    let last = client.ask("GET", "/last", "Connection: close\r\n", b"");
    assert_eq!(last.head.get("Connection"), Some("close"));
    client.expect_end();
}

fn http_1_0_clients_are_served(driver: &'static str) {
    let backend = Backend::answering(|request| match request.target.as_str() {
        "/chunked" => {
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
                .to_vec()
        }
        _ => answer(200, b"hello"),
    });
    let gateway = Setup::new(driver, backend.address).start();

    let mut client = Client::connect(gateway.listen);
    client.send("GET /length HTTP/1.0\r\nHost: a\r\n\r\n");
    let closed = client.answer("GET");
    assert_eq!((closed.text().as_str(), closed.head.get("Connection")), ("hello", Some("close")));
    client.expect_end();

    let mut client = Client::connect(gateway.listen);
    for _ in 0..3 {
        client.send("GET /length HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
        let kept = client.answer("GET");
        assert_eq!((kept.text().as_str(), kept.head.get("Connection")), ("hello", Some("keep-alive")));
    }

    // Without chunks, only the end of the connection can end a body of unknown length.
    client.send("GET /chunked HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
    let streamed = client.answer("GET");
    assert_eq!((streamed.text().as_str(), streamed.head.get("Connection")), ("hello world", Some("close")));
    assert_eq!(streamed.head.all("Transfer-Encoding"), [""; 0]);

    // The oldest clients do not even send Host; the domain `*` answers them.
    let mut client = Client::connect(gateway.listen);
    client.send("GET /length HTTP/1.0\r\n\r\n");
    assert_eq!(client.answer("GET").text(), "hello");
    for request in backend.requests() {
        assert_eq!(request.head.get("Host"), Some(backend.address.to_string().as_str()));
    }
}

fn a_client_that_expects_100_gets_it(driver: &'static str) {
    let backend = telling();
    let gateway = Setup::new(driver, backend.address).start();
    let mut client = Client::connect(gateway.listen);
    let head = "POST /e HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n";
    for _ in 0..2 {
        client.send(head);
        let (status, interim) = client.head().unwrap();
        assert_eq!((status, interim.headers.len()), (100, 0), "nothing is sent before it: {interim:?}");
        client.send("hello world");
        assert_eq!(client.answer("POST").text(), "POST /e 11");
    }
    // Who does not wait needs no go-ahead, and gets at most one.
    client.send(format!("{head}hello world"));
    let (status, first) = client.head().unwrap();
    if status == 100 {
        assert_eq!(client.answer("POST").text(), "POST /e 11");
    } else {
        assert_eq!((status, first.get("Content-Length")), (200, Some("10")));
    }
    for request in backend.requests() {
        assert_eq!(request.head.all("Expect"), [""; 0]);
        assert_eq!(request.body, b"hello world");
    }
    // No body is asked for that nobody would read.
    let mut client = Client::connect(gateway.listen);
    client.send("DELETE /mock HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    let refused = client.answer("DELETE");
    assert_eq!((refused.status, refused.head.get("Connection")), (403, Some("close")));
    client.expect_end();
    assert_eq!(backend.requests().len(), 3);
}

fn interim_answers_pass_but_for_100(driver: &'static str) {
    let backend = Backend::answering(|_| {
        let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n\
                       HTTP/1.1 102 Processing\r\n\r\n";
        [interim.as_bytes(), &answer(200, b"final")].concat()
    });
    let gateway = Setup::new(driver, backend.address).start();
    let mut client = Client::connect(gateway.listen);
    for _ in 0..2 {
        client.send("GET /i HTTP/1.1\r\nHost: a\r\n\r\n");
        let (status, hints) = client.head().unwrap();
        assert_eq!((status, hints.get("Link")), (103, Some("</a.css>; rel=preload")));
        assert_eq!(client.head().unwrap().0, 102);
        assert_eq!(client.answer("GET").text(), "final");
    }
    client.send("GET /i HTTP/1.0\r\nHost: a\r\n\r\n");
    assert_eq!(client.answer("GET").text(), "final", "HTTP/1.0 knows no interim answers");
    assert_eq!(backend.connections(), 1);
}

fn an_early_answer_ends_the_upload(driver: &'static str) {
    // The backend refuses at the head, and reads nothing more; its connection stays open until the gateway closes it.
    let backend = Backend::start(|connection| {
        while connection.head().is_some() {
            connection.send(answer(413, b"too much"));
            connection.wait_for_end();
        }
    });
    let gateway = Setup::new(driver, backend.address).start();
    for framing in ["Content-Length: 5000000", "Transfer-Encoding: chunked"] {
        let mut client = Client::connect(gateway.listen);
        client.send(format!("POST /early HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n"));
        let mut body = noise(1, 5_000_000);
        if framing.starts_with("Transfer") {
            body = chunked(&body, 10_000);
        }
        // The sockets' buffers may hold all that is sent, but the end is still to come when the answer does.
        let end = body.split_off(body.len() - 1_000);
        let upload = client.send_beside(body);
        let answer = client.answer("POST");
        assert_eq!((answer.status, answer.text().as_str()), (413, "too much"), "{framing}");
        assert_eq!(answer.head.get("Connection"), Some("close"), "{framing}");
        let _ = client.try_send(end);
        client.expect_end();
        upload.join().unwrap();
    }
    backend.wait_until_all_ended();
    assert_eq!(backend.connections(), 2, "a connection with half a request on it is not used again");
}

fn what_follows_an_early_answer_is_no_request(driver: &'static str) {
    // Whether the backend stays or closes after its early answer, the rest of the body must not become a request.
    let rest = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2_000).into_bytes();
    let head = format!("POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", 100 + rest.len());
    for closes in [false, true] {
        let backend = Backend::start(move |connection| {
            while let Some(head) = connection.head() {
                assert!(!head.first_line.contains("/smuggled"), "{}", head.first_line);
                connection.send(answer(200, b"early"));
                if closes {
                    return;
                }
                connection.wait_for_end();
            }
        });
        let gateway = Setup::new(driver, backend.address).start();
        let mut client = Client::connect(gateway.listen);
        client.send(&head);
        let answer = client.answer("POST");
        assert_eq!((answer.status, answer.text().as_str()), (200, "early"), "closes: {closes}");
        let _ = client.try_send(&rest);
        assert_eq!(String::from_utf8_lossy(&client.read_rest()), "", "closes: {closes}");
        // The same while the body is on its way, so that the backend's close meets the upload now here, now there.
        for round in 0..30 {
            let mut client = Client::connect(gateway.listen);
            let upload = client.send_beside([head.as_bytes(), &rest].concat());
            match client.try_answer("POST") {
                Ok(answer) if answer.status == 200 => assert_eq!(answer.text(), "early"),
                // The backend's reset may overtake its answer.
                Ok(answer) => assert!(closes && answer.status == 504, "round {round}: {}", answer.status),
                Err(error) => assert!(closes, "round {round}: {error}"),
            }
            assert_eq!(String::from_utf8_lossy(&client.read_rest()), "", "round {round}, closes: {closes}");
            upload.join().unwrap();
        }
        backend.wait_until_all_ended();
        assert_eq!(backend.connections(), 31, "closes: {closes}");
    }
}

fn the_gateway_answers_what_needs_no_backend(driver: &'static str) {
    let backend = Backend::saying("never");
    let gateway = Setup::new(driver, backend.address).start();
    let mut client = Client::connect(gateway.listen);
    let mock = client.get("/mock");
    assert_eq!((mock.status, mock.text().as_str()), (200, r#"{"mock": true}"#));
    assert_eq!(mock.head.get("Content-Type"), Some("application/json"));
    let missing = client.ask("POST", "/mock", "", b"");
    assert_eq!(
        (missing.status, missing.text().as_str()),
        (403, r#"{"message":"Missing Authentication Token"}"#)
    );
    assert_eq!(missing.head.get("x-amzn-ErrorType"), Some("MissingAuthenticationTokenException"));
    // A body that the gateway does not need is read before the next request, or the connection ends.
    let refused = client.ask("POST", "/mock", "", b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(refused.status, 403);
    let _ = client.try_send("GET /mock HTTP/1.1\r\nHost: a\r\n\r\n");
    if let Ok(next) = client.try_answer("GET") {
        assert_eq!(next.text(), r#"{"mock": true}"#);
    }
    assert_eq!(backend.connections(), 0);
}
