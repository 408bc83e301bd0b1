//! Bodies in both directions, every size and framing, byte for byte.

use crate::support::backend::{Backend, Request};
use crate::support::client::{Answer, Client};
use crate::support::gateway::Setup;
use crate::support::on_each_driver;
use crate::support::wire::{chunked, noise};

on_each_driver!(
    bodies_pass_both_ways,
    methods_pass,
    trailers_are_dropped,
    bodies_at_the_limit_pass_and_above_it_do_not,
);

/// Around the gateway's buffers (4 KiB, 64 KiB), and up to 5 MB.
const SIZES: [usize; 12] = [0, 1, 2, 100, 4_000, 4_095, 4_096, 4_097, 65_536, 65_537, 1_000_003, 5_000_000];

/// Gives the body back, framed as `x-answer` says.
fn mirror(request: &Request) -> Vec<u8> {
    let body = &request.body;
    let (framing, framed) = match request.head.get("x-answer") {
        Some("chunked") => ("Transfer-Encoding: chunked\r\n".to_owned(), chunked(body, 7_001)),
        // One byte a chunk: the gateway must not take a chunk for a message.
        Some("crumbs") => ("Transfer-Encoding: chunked\r\n".to_owned(), chunked(body, 1)),
        Some("close") => ("Connection: close\r\n".to_owned(), body.clone()),
        _ => (format!("Content-Length: {}\r\n", body.len()), body.clone()),
    };
    let mut out = format!("HTTP/1.1 200 OK\r\nx-method: {}\r\n{framing}\r\n", request.method).into_bytes();
    out.extend_from_slice(&framed);
    out
}

fn mirroring() -> Backend {
    Backend::start(|connection| {
        while let Some(request) = connection.request() {
            let closes = request.head.get("x-answer") == Some("close");
            if !connection.send(mirror(&request)) || closes {
                return;
            }
        }
    })
}

/// Sends on a thread of its own: a peer that answers while it receives must not stop us.
fn exchange(
    client: &mut Client,
    method: &str,
    path: &str,
    answer: &str,
    framing: &str,
    body: &[u8],
) -> Answer {
    let framed = if framing == "length" { body.to_vec() } else { chunked(body, 9_973) };
    let field = match framing {
        "length" => format!("Content-Length: {}", body.len()),
        _ => "Transfer-Encoding: chunked".to_owned(),
    };
    let head = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nx-answer: {answer}\r\n{field}\r\n\r\n");
    let sender = client.send_beside([head.as_bytes(), &framed].concat());
    let answer = client.answer(method);
    sender.join().unwrap();
    answer
}

fn bodies_pass_both_ways(driver: &'static str) {
    let backend = mirroring();
    let gateway = Setup::new(driver, backend.address).start();
    let mut client = Client::connect(gateway.listen);
    for (n, size) in SIZES.into_iter().enumerate() {
        let body = noise(n as u64, size);
        for framing in ["length", "chunked"] {
            for answer in ["length", "chunked", "close", "crumbs"] {
                if answer == "crumbs" && size > 70_000 {
                    continue;
                }
                let got = exchange(&mut client, "POST", "/m", answer, framing, &body);
                let which = format!("{size} bytes, request by {framing}, answer by {answer}");
                assert_eq!(got.status, 200, "{which}: {}", got.text());
                assert!(got.body == body, "{which}: {} bytes came back", got.body.len());
                let length = if answer == "length" { Some(size.to_string()) } else { None };
                assert_eq!(got.head.get("Content-Length"), length.as_deref(), "{which}");
                assert_eq!(got.head.get("Connection"), None, "{which}");
            }
        }
    }
    for request in backend.requests() {
        let chunked = request.head.get("Transfer-Encoding") == Some("chunked");
        assert_ne!(chunked, request.head.get("Content-Length").is_some(), "as the client framed it");
    }
}

fn methods_pass(driver: &'static str) {
    let backend = mirroring();
    let gateway = Setup::new(driver, backend.address).start();
    let mut client = Client::connect(gateway.listen);
    let body = noise(7, 3_000);
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let empty = client.ask(method, "/m?a=1&b=%20", "", b"");
        assert_eq!((empty.status, empty.head.get("x-method")), (200, Some(method)));
        assert_eq!((empty.body.len(), empty.head.get("Content-Length")), (0, Some("0")));
        let with_body = client.ask(method, "/m", "", &body);
        assert!(with_body.body == body, "{method} with a body");
    }
    // HEAD has the length that GET would have, and no body, so that the next answer is where it belongs.
    let head = client.ask("HEAD", "/m", "", &body);
    assert_eq!((head.status, head.head.get("Content-Length")), (200, Some("3000")));
    assert_eq!(client.ask("GET", "/m", "", b"").status, 200);
    let requests = backend.requests();
    assert_eq!(requests.len(), 14);
    assert_eq!(requests[0].target, "/m?a=1&b=%20", "the query as the client sent it");
    for request in requests {
        let announced = request.head.get("Content-Length");
        match (request.method.as_str(), request.body.len()) {
            ("POST" | "PUT" | "PATCH", 0) => assert_eq!(announced, Some("0"), "tables.md §3.1"),
            (method, 0) => assert_eq!(announced, None, "{method}"),
            (method, length) => assert_eq!(announced, Some(length.to_string().as_str()), "{method}"),
        }
    }
}

fn trailers_are_dropped(driver: &'static str) {
    let backend = Backend::answering(|request| {
        assert_eq!(request.body, b"hello");
        let head = "HTTP/1.1 200 OK\r\nTrailer: Grpc-Status\r\nTransfer-Encoding: chunked\r\n\r\n";
        format!("{head}5;ext=1\r\nworld\r\n0\r\nGrpc-Status: 0\r\nX-Sum: 1\r\n\r\n").into_bytes()
    });
    let gateway = Setup::new(driver, backend.address).start();
    let mut client = Client::connect(gateway.listen);
    for pieces in [1, 3] {
        let body = "5;a=b\r\nhello\r\n0\r\nX-Evil: 1\r\nContent-Length: 5\r\n\r\n";
        let head = "POST /t HTTP/1.1\r\nHost: a\r\nTrailer: X-Evil\r\nTransfer-Encoding: chunked\r\n\r\n";
        let bytes = [head, body].concat();
        for piece in bytes.as_bytes().chunks(bytes.len() / pieces + 1) {
            client.send(piece);
        }
        // The reader of these tests takes neither trailers nor extensions.
        let answer = client.answer("POST");
        assert_eq!((answer.status, answer.text().as_str()), (200, "world"));
    }
    assert_eq!(backend.requests().len(), 2, "the backend's reader takes none either");
    assert_eq!(backend.connections(), 1);
}

fn bodies_at_the_limit_pass_and_above_it_do_not(driver: &'static str) {
    let backend = mirroring();
    let gateway = Setup::new(driver, backend.address).process("bodyBytesMax = 100000\n").start();
    let (fits, over) = (noise(1, 100_000), noise(1, 100_001));
    for framing in ["length", "chunked"] {
        let mut client = Client::connect(gateway.listen);
        assert!(exchange(&mut client, "PUT", "/m", "length", framing, &fits).body == fits, "{framing}");
        let refused = exchange(&mut client, "PUT", "/m", "length", framing, &over);
        assert_eq!((refused.status, refused.head.get("Connection")), (413, Some("close")), "{framing}");
        assert!(refused.text().contains("\"message\""), "{framing}");
        client.expect_end();
    }
    assert_eq!(backend.requests().len(), 2);
}
