//! Heads that arrive whole.

use std::hint::black_box;

use ringway_core::http1::{
    HeadLimits, Method, Parsed, RequestHead, ResponseHead, Scan, parse_request, parse_response,
};

use super::{Prepared, Row};

pub(super) const FUNCTIONS: &[Row] = &[
    ("request_head/curl", 4096, || request(CURL)),
    ("request_head/browser", 4096, || request(BROWSER)),
    ("request_head/40_headers", 1024, || {
        let lines: String = (0..40).map(|n| format!("X-Header-{n}: the value of number {n}\r\n")).collect();
        request(&format!("GET /dev/pets/42?limit=10 HTTP/1.1\r\n{lines}Host: a.example\r\n\r\n"))
    }),
    ("response_head/short", 4096, || response(SHORT_ANSWER)),
    ("response_head/long", 4096, || response(LONG_ANSWER)),
];

/// What curl sends.
const CURL: &str =
    "GET /dev/pets/42 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n";

/// About 300 bytes, as `cargo xtask bench proxy` sends them.
pub(super) const BROWSER: &str = "GET /dev/pets/42 HTTP/1.1\r\n\
    Host: api.example.com\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
    Accept: application/json, text/plain, */*\r\n\
    Accept-Language: en-US,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br\r\n\
    Referer: http://shop.example.com/pets\r\n\
    Cookie: session=1f0c5d2e9a7b4c63\r\n\r\n";

/// What a small backend answers.
pub(super) const SHORT_ANSWER: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 128\r\n\r\n";

/// What a backend behind a framework answers.
const LONG_ANSWER: &str = "HTTP/1.1 200 OK\r\n\
    Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
    Server: nginx/1.22.1\r\n\
    Content-Type: application/json; charset=utf-8\r\n\
    Content-Length: 128\r\n\
    Connection: keep-alive\r\n\
    Cache-Control: private, max-age=0, must-revalidate\r\n\
    ETag: W/\"80-4f2a9c1b7d3e5f60\"\r\n\
    Vary: Accept-Encoding, Origin\r\n\
    X-Content-Type-Options: nosniff\r\n\
    Strict-Transport-Security: max-age=63072000; includeSubDomains\r\n\
    X-Response-Time: 3.141ms\r\n\
    Set-Cookie: session=1f0c5d2e9a7b4c63; Path=/; HttpOnly; SameSite=Lax\r\n\r\n";

fn request(text: &str) -> Prepared {
    let bytes = text.as_bytes().to_vec();
    let (limits, mut scan, mut head) = (HeadLimits::default(), Scan::default(), RequestHead::default());
    Prepared::new(header_lines(text), move || {
        match parse_request(black_box(&bytes), &mut scan, &limits, &mut head) {
            Ok(Parsed::Complete) => head.headers.len(),
            other => panic!("{other:?}"),
        }
    })
}

fn response(text: &str) -> Prepared {
    let bytes = text.as_bytes().to_vec();
    let (limits, mut scan, mut head) = (HeadLimits::default(), Scan::default(), ResponseHead::default());
    Prepared::new(header_lines(text), move || {
        match parse_response(black_box(&bytes), &mut scan, &limits, Method::Get, &mut head) {
            Ok(Parsed::Complete) => head.headers.len(),
            other => panic!("{other:?}"),
        }
    })
}

/// Lines but for the first and the empty one.
fn header_lines(text: &str) -> usize {
    text.split("\r\n").filter(|line| !line.is_empty()).count() - 1
}
