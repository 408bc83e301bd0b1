//! What several targets need: feeding a message as it might arrive.

use ringway_core::http1::{
    BodyDecoder, BodyError, HeadLimits, Header, Method, Parsed, ProtocolError, RequestHead, ResponseError,
    ResponseHead, Scan, parse_request, parse_response,
};
use ringway_core::limits::{BODY_BYTES_MAX, HEADERS_MAX};

/// What became of a message; every part of it must be the same however its bytes were split.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The head is incomplete.
    Partial,
    /// A request is refused.
    BadRequest(ProtocolError),
    /// A response is refused.
    BadResponse(ResponseError),
    /// The body is refused after this payload.
    BadBody(Vec<u8>, BodyError),
    /// The head in words, the payload so far, whether that is all, and how many bytes are used.
    Good(String, Vec<u8>, bool, usize),
}

/// Feeds a request in pieces: a prefix of `bytes` for each of the ascending `ends`, then all of it.
pub fn request(bytes: &[u8], ends: &[usize]) -> Outcome {
    let (mut scan, limits, mut head) = (Scan::default(), HeadLimits::default(), RequestHead::default());
    let mut ends = ends.iter().copied().chain([bytes.len()]);
    while let Some(end) = ends.next() {
        match parse_request(&bytes[..end], &mut scan, &limits, &mut head) {
            Ok(Parsed::Partial) => {}
            Ok(Parsed::Complete) => {
                check_headers(&head.headers, &bytes[..head.len]);
                let decoder = BodyDecoder::with_limit(head.body, BODY_BYTES_MAX);
                return body(bytes, head.len, end, ends, decoder, format!("{head:?}"));
            }
            Err(error) => return Outcome::BadRequest(error),
        }
    }
    Outcome::Partial
}

/// As [`request`], for the response to `to_method`.
pub fn response(bytes: &[u8], ends: &[usize], to_method: Method) -> Outcome {
    let (mut scan, limits, mut head) = (Scan::default(), HeadLimits::default(), ResponseHead::default());
    let mut ends = ends.iter().copied().chain([bytes.len()]);
    while let Some(end) = ends.next() {
        match parse_response(&bytes[..end], &mut scan, &limits, to_method, &mut head) {
            Ok(Parsed::Partial) => {}
            Ok(Parsed::Complete) => {
                check_headers(&head.headers, &bytes[..head.len]);
                let decoder = BodyDecoder::with_limit(head.body, BODY_BYTES_MAX);
                return body(bytes, head.len, end, ends, decoder, format!("{head:?}"));
            }
            Err(error) => return Outcome::BadResponse(error),
        }
    }
    Outcome::Partial
}

/// Feeds a body that begins at `at` in pieces.
pub fn body(
    bytes: &[u8],
    mut at: usize,
    mut end: usize,
    mut ends: impl Iterator<Item = usize>,
    mut decoder: BodyDecoder,
    head: String,
) -> Outcome {
    let mut payload = Vec::new();
    loop {
        while at < end && !decoder.is_done() {
            match decoder.decode(&bytes[at..end]) {
                Ok(piece) => {
                    assert!(piece.consumed > 0, "no progress");
                    payload.extend_from_slice(&bytes[at..at + piece.consumed][piece.data]);
                    at += piece.consumed;
                }
                Err(error) => return Outcome::BadBody(payload, error),
            }
        }
        match ends.next() {
            Some(next) => end = next,
            None => return Outcome::Good(head, payload, decoder.is_done(), at),
        }
    }
}

/// What holds for the header lines of every head that is accepted.
fn check_headers(headers: &[Header], head: &[u8]) {
    assert!(headers.len() <= HEADERS_MAX);
    assert!(
        head.ends_with(b"\r\n\r\n")
            && head.iter().filter(|&&byte| byte == b'\r').count() == head.split(|&b| b == b'\n').count() - 1
    );
    for header in headers {
        let (name, value) = (header.name.of(head), header.value.of(head));
        assert!(!name.is_empty() && name.iter().all(|byte| byte.is_ascii_graphic() && *byte != b':'));
        assert!(value.iter().all(|&byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f)));
        assert_eq!(value, value.trim_ascii());
    }
}

/// Ends of pieces from one seed: few for small seeds, each byte for 255.
pub fn ends(seed: u8, len: usize) -> Vec<usize> {
    let step = match seed {
        255 => 1,
        _ => 1 + usize::from(seed) % 61,
    };
    (usize::from(seed) % 7 + 1..len).step_by(step).collect()
}
