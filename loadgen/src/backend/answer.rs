//! Answers as bytes: rendered once where they are always the same.

use std::sync::Arc;

use ringway_core::http1::{Method, RequestHead, encode};
use serde_json::json;

use super::behavior::{Behavior, Body};

/// Payload of one chunk of a chunked answer.
const CHUNK_BYTES: usize = 16 * 1024;
/// The header line of an answer after which the connection is closed.
const CLOSE: &[u8] = b"Connection: close\r\n";

/// A whole answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) bytes: Arc<[u8]>,
    /// How many of the bytes are the head: all that is sent to HEAD.
    pub(super) head_len: usize,
}

impl Answer {
    /// What is sent: the head alone where nothing else was asked for.
    pub(super) fn sent(&self, is_head: bool) -> &[u8] {
        if is_head { &self.bytes[..self.head_len] } else { &self.bytes }
    }
}

/// The answers of one behavior that are always the same.
pub(super) struct Rendered {
    /// After which the connection stays, and after which it is closed. None of an echo.
    usual: Option<[Answer; 2]>,
    error: Option<[Answer; 2]>,
}

impl Rendered {
    pub(super) fn new(behavior: &Behavior, headers: &[(String, String)]) -> Self {
        let both = |status, body: &[u8], chunked| {
            [true, false].map(|keep_alive| render(status, headers, body, chunked, keep_alive))
        };
        let usual = match &behavior.body {
            Body::Bytes(body) => Some(both(behavior.status, body, behavior.chunked)),
            Body::Echo => None,
        };
        let error =
            behavior.errors.map(|errors| both(errors.status, error_body(errors.status).as_bytes(), false));
        Rendered { usual, error }
    }

    pub(super) fn usual(&self, keep_alive: bool) -> Option<&Answer> {
        self.usual.as_ref().map(|answers| &answers[usize::from(!keep_alive)])
    }

    pub(super) fn error(&self, keep_alive: bool) -> Option<&Answer> {
        self.error.as_ref().map(|answers| &answers[usize::from(!keep_alive)])
    }
}

/// The body of an answer that is an error.
pub(super) fn error_body(status: u16) -> String {
    json!({ "message": format!("status {status}, as the backend was told") }).to_string()
}

/// Renders an answer. Statuses 204 and 304 have no body (RFC 9110 §6.4.1).
pub(super) fn render(
    status: u16,
    headers: &[(String, String)],
    body: &[u8],
    chunked: bool,
    keep_alive: bool,
) -> Answer {
    let mut bytes = Vec::with_capacity(256 + body.len());
    encode::status_line(status, &mut bytes);
    for (name, value) in headers {
        encode::header(name.as_bytes(), value.as_bytes(), &mut bytes);
    }
    if !keep_alive {
        bytes.extend_from_slice(CLOSE);
    }
    let has_body = !matches!(status, 204 | 304);
    match (has_body, chunked) {
        (false, _) => {}
        (true, false) => encode::content_length(body.len() as u64, &mut bytes),
        (true, true) => encode::header(b"Transfer-Encoding", b"chunked", &mut bytes),
    }
    bytes.extend_from_slice(b"\r\n");
    let head_len = bytes.len();
    if has_body && chunked {
        for chunk in body.chunks(CHUNK_BYTES) {
            encode::chunk_head(chunk.len(), &mut bytes);
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(encode::CHUNK_END);
        }
        bytes.extend_from_slice(encode::LAST_CHUNK);
    } else if has_body {
        bytes.extend_from_slice(body);
    }
    Answer { bytes: bytes.into(), head_len }
}

/// What a request was, as JSON: for `--echo` of requests without a body.
pub(super) fn describe(bytes: &[u8], head: &RequestHead) -> Vec<u8> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers: Vec<[String; 2]> = head
        .headers
        .iter()
        .map(|header| [text(header.name.of(bytes)), text(header.value.of(bytes))])
        .collect();
    json!({
        "method": text(head.method_name.of(bytes)),
        "path": text(head.path.of(bytes)),
        "query": head.query.map(|query| text(query.of(bytes))),
        "headers": headers,
    })
    .to_string()
    .into_bytes()
}

/// Whether the answer to a request has a head only.
pub(super) fn is_head(head: &RequestHead) -> bool {
    head.method == Method::Head
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(answer: &Answer) -> String {
        String::from_utf8(answer.bytes.to_vec()).unwrap()
    }

    #[test]
    fn answers_are_framed() {
        let headers = [("X-A".to_owned(), "1".to_owned())];
        let plain = render(200, &headers, b"abc", false, true);
        assert_eq!(text(&plain), "HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 3\r\n\r\nabc");
        assert!(plain.sent(true).ends_with(b"\r\n\r\n") && plain.sent(false).ends_with(b"abc"));
        let chunked = render(200, &[], b"abc", true, false);
        assert_eq!(
            text(&chunked),
            "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        );
        assert_eq!(text(&render(204, &[], b"abc", false, true)), "HTTP/1.1 204 No Content\r\n\r\n");
    }
}
