//! Good and bad messages, each fed whole, byte by byte and in every split into two: the result must always be the same.
//!
//! The bad ones are files, so that the tests over sockets send them too.

use std::fmt::Debug;

use super::*;
use crate::limits::BODY_BYTES_MAX;

mod good;
#[path = "../../../../tests/corpus/http1/reader.rs"]
mod reader;

const BAD_REQUESTS: &str = include_str!("../../../../tests/corpus/http1/bad-requests.txt");
const BAD_RESPONSES: &str = include_str!("../../../../tests/corpus/http1/bad-responses.txt");

/// What became of the bytes of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    /// The head is not there yet.
    Partial,
    BadHead {
        status: u16,
        error: String,
    },
    BadBody {
        status: u16,
        error: String,
        payload: Vec<u8>,
    },
    /// The head in words, the payload so far, whether that is all of it, and how many bytes follow the message.
    Good {
        head: String,
        payload: Vec<u8>,
        done: bool,
        rest: usize,
    },
}

/// Feeds `bytes` as they would arrive, the first `cuts[0]` first, and so on.
fn feed<E: Debug>(
    bytes: &[u8],
    cuts: &[usize],
    mut head: impl FnMut(&[u8]) -> Result<Option<(usize, BodyLength, String)>, (u16, E)>,
) -> Outcome {
    let mut ends = cuts.iter().copied().chain([bytes.len()]);
    let (mut end, (len, body, words)) = loop {
        let Some(end) = ends.next() else { return Outcome::Partial };
        match head(&bytes[..end]) {
            Ok(None) => {}
            Ok(Some(found)) => break (end, found),
            Err((status, error)) => return Outcome::BadHead { status, error: format!("{error:?}") },
        }
    };
    let mut decoder = BodyDecoder::with_limit(body, BODY_BYTES_MAX);
    let (mut at, mut payload) = (len, Vec::new());
    loop {
        while at < end && !decoder.is_done() {
            match decoder.decode(&bytes[at..end]) {
                Ok(piece) => {
                    assert!(piece.consumed > 0, "no progress");
                    payload.extend_from_slice(&bytes[at..end][piece.data]);
                    at += piece.consumed;
                }
                Err(error) => {
                    return Outcome::BadBody { status: error.status(), error: format!("{error:?}"), payload };
                }
            }
        }
        match ends.next() {
            Some(next) => end = next,
            None => {
                return Outcome::Good {
                    head: words,
                    payload,
                    done: decoder.is_done(),
                    rest: bytes.len() - at,
                };
            }
        }
    }
}

fn request(bytes: &[u8], cuts: &[usize]) -> Outcome {
    let (mut scan, limits, mut head) = (Scan::default(), HeadLimits::default(), RequestHead::default());
    feed(bytes, cuts, |bytes| match parse_request(bytes, &mut scan, &limits, &mut head) {
        Ok(Parsed::Partial) => Ok(None),
        Ok(Parsed::Complete) => Ok(Some((head.len, head.body, request_in_words(&head, bytes)))),
        Err(error) => Err((error.status(), error)),
    })
}

fn response(to_method: Method) -> impl Fn(&[u8], &[usize]) -> Outcome {
    move |bytes, cuts| {
        let (mut scan, limits, mut head) = (Scan::default(), HeadLimits::default(), ResponseHead::default());
        feed(bytes, cuts, |bytes| match parse_response(bytes, &mut scan, &limits, to_method, &mut head) {
            Ok(Parsed::Partial) => Ok(None),
            Ok(Parsed::Complete) => Ok(Some((head.len, head.body, response_in_words(&head, bytes)))),
            Err(error) => Err((502, error)),
        })
    }
}

/// `Get GET / [?query] Http11 [@host] body flags | Name=value ...`, hop-by-hop headers in brackets.
fn request_in_words(head: &RequestHead, bytes: &[u8]) -> String {
    let text = |span: Span| String::from_utf8_lossy(span.of(bytes)).into_owned();
    let mut words = format!("{:?} {} {}", head.method, text(head.method_name), text(head.path));
    words += &head.query.map(|query| format!(" ?{}", text(query))).unwrap_or_default();
    words += &format!(" {:?}", head.version);
    words += &head.host.map(|host| format!(" @{}", text(host))).unwrap_or_default();
    words += &format!(" {:?}", head.body);
    let flags =
        [(head.keep_alive, " keep-alive"), (head.expect_continue, " expect"), (head.upgrade, " upgrade")];
    words.extend(flags.iter().filter(|(set, _)| *set).map(|(_, name)| *name));
    words + &headers_in_words(&head.headers, bytes)
}

fn response_in_words(head: &ResponseHead, bytes: &[u8]) -> String {
    let reason = String::from_utf8_lossy(head.reason.of(bytes)).into_owned();
    let keep_alive = if head.keep_alive { " keep-alive" } else { "" };
    let words = format!("{:?} {} '{reason}' {:?}{keep_alive}", head.version, head.status, head.body);
    words + &headers_in_words(&head.headers, bytes)
}

fn headers_in_words(headers: &[Header], bytes: &[u8]) -> String {
    let mut words = String::from(" |");
    for header in headers {
        let (name, value) = (header.name.of(bytes), header.value.of(bytes));
        let line = format!("{}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value));
        words += &if header.hop_by_hop { format!(" [{line}]") } else { format!(" {line}") };
    }
    words
}

/// The outcome of `bytes`, after making sure that it is the same however they are split.
fn split_invariant(bytes: &[u8], feed: impl Fn(&[u8], &[usize]) -> Outcome) -> Outcome {
    let whole = feed(bytes, &[]);
    let every: Vec<usize> = (1..bytes.len()).collect();
    assert_eq!(feed(bytes, &every), whole, "byte by byte: {}", bytes.escape_ascii());
    let step = if bytes.len() > 2_000 { 101 } else { 1 }; // the long ones repeat one byte
    for cut in (1..bytes.len()).step_by(step) {
        assert_eq!(feed(bytes, &[cut]), whole, "split at {cut}: {}", bytes.escape_ascii());
    }
    whole
}

#[test]
fn bad_requests_are_refused_with_their_status() {
    let entries = reader::read(BAD_REQUESTS);
    assert!(entries.len() >= 120, "{} entries", entries.len());
    for entry in entries {
        let expected = entry.status.expect("requests have a status");
        match split_invariant(&entry.bytes, request) {
            Outcome::BadHead { status, .. } if !entry.in_body => {
                assert_eq!(status, expected, "{}", entry.name)
            }
            Outcome::BadBody { status, .. } if entry.in_body => {
                assert_eq!(status, expected, "{}", entry.name)
            }
            other => panic!("{}: {other:?}", entry.name),
        }
    }
}

#[test]
fn bad_responses_are_refused() {
    let entries = reader::read(BAD_RESPONSES);
    assert!(entries.len() >= 40, "{} entries", entries.len());
    for entry in entries {
        match split_invariant(&entry.bytes, response(Method::Get)) {
            Outcome::BadHead { .. } if !entry.in_body => {}
            Outcome::BadBody { .. } if entry.in_body => {}
            other => panic!("{}: {other:?}", entry.name),
        }
    }
}

/// A bad request needs no end: whatever comes after the fault, or does not, the fault is found.
#[test]
fn bad_requests_stay_bad_whatever_follows() {
    for entry in reader::read(BAD_REQUESTS) {
        let longer = [&entry.bytes[..], b"X: y\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        assert_eq!(request(&longer, &[]), request(&entry.bytes, &[]), "{}", entry.name);
    }
}

#[test]
fn good_requests_are_understood() {
    for &(bytes, head, payload, rest) in good::REQUESTS {
        let expected = Outcome::Good { head: head.into(), payload: payload.into(), done: true, rest };
        assert_eq!(split_invariant(bytes.as_bytes(), request), expected, "{bytes:?}");
    }
}

#[test]
fn good_responses_are_understood() {
    for &(to_method, bytes, head, payload, done, rest) in good::RESPONSES {
        let expected = Outcome::Good { head: head.into(), payload: payload.into(), done, rest };
        assert_eq!(split_invariant(bytes.as_bytes(), response(to_method)), expected, "{bytes:?}");
    }
}

/// Every limit, met exactly and passed by one.
#[test]
fn limits_are_exact() {
    let outcome = |bytes: String| match split_invariant(bytes.as_bytes(), request) {
        Outcome::Good { .. } => 200,
        Outcome::BadHead { status, .. } => status,
        other => panic!("{other:?}"),
    };
    let target = |len: usize| format!("OPTIONS /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(len - 1));
    assert_eq!((outcome(target(10_240)), outcome(target(10_241))), (200, 414));
    let method = |len: usize| format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", "A".repeat(len));
    assert_eq!((outcome(method(32)), outcome(method(33))), (200, 501));
    // "Host: a" and "B: " with their line ends are 14 bytes.
    let bytes = |len: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nB: {}\r\n\r\n", "c".repeat(len - 14));
    assert_eq!((outcome(bytes(10_240)), outcome(bytes(10_241))), (200, 431));
    let count = |len: usize| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "B: c\r\n".repeat(len - 1));
    assert_eq!((outcome(count(100)), outcome(count(101))), (200, 431));
    let options =
        |len: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: {}\r\n\r\n", "b,".repeat(len));
    assert_eq!((outcome(options(16)), outcome(options(17))), (200, 400));
    let body = |len: u64| format!("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {len}\r\n\r\n");
    assert_eq!((outcome(body(10_485_760)), outcome(body(10_485_761))), (200, 413));
}

/// A head without an end is refused with its first byte above a limit, not kept.
#[test]
fn limits_need_no_end() {
    let limits_met = [
        (format!("GET /{}", "a".repeat(10_252)), 'a', 414), // 10,257 bytes
        (format!("GET / HTTP/1.1\r\nHost: a\r\nB: {}", "c".repeat(10_228)), 'c', 431),
        (format!("GET / HTTP/1.1\r\n{}", "B: c\r\n".repeat(100)), 'B', 431),
    ];
    for (met, next, status) in limits_met {
        assert_eq!(split_invariant(met.as_bytes(), request), Outcome::Partial);
        match split_invariant(format!("{met}{next}").as_bytes(), request) {
            Outcome::BadHead { status: found, .. } => assert_eq!(found, status),
            other => panic!("{other:?}"),
        }
    }
    let extensions = |len: usize| {
        let chunk = format!("1;{}\r\nx\r\n", "e".repeat(len));
        format!("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{}", chunk.repeat(8))
    };
    assert!(matches!(split_invariant(extensions(256).as_bytes(), request), Outcome::Good { .. }));
    assert!(matches!(
        split_invariant(extensions(257).as_bytes(), request),
        Outcome::BadBody { status: 400, .. }
    ));
}

#[test]
fn errors_name_what_is_wrong() {
    let named = [
        ("\r\n\r\n", ProtocolError::EmptyLines),
        (" GET", ProtocolError::Method),
        ("GET / HTTP/1.1\n", ProtocolError::LineEnd),
        ("GET / HTTP/1.1\r\nA: b\r\n c", ProtocolError::LeadingSpace),
        ("GET / HTTP/1.1\r\nA :", ProtocolError::SpaceBeforeColon),
        ("GET / HTTP/1.1\r\nA\r", ProtocolError::HeaderName),
        ("GET / HTTP/1.1\r\nA: \0", ProtocolError::HeaderValue),
        ("GET / HTTP/1.1\r\n\r\n", ProtocolError::HostMissing),
        ("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", ProtocolError::HostMismatch),
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", ProtocolError::AsteriskForm),
        ("GET ws://a/ HTTP/1.1\r\nHost: a\r\n\r\n", ProtocolError::Scheme),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, x\r\n\r\n",
            ProtocolError::TransferEncoding,
        ),
    ];
    for (bytes, expected) in named {
        match split_invariant(bytes.as_bytes(), request) {
            Outcome::BadHead { error, .. } => assert_eq!(error, format!("{expected:?}"), "{bytes:?}"),
            other => panic!("{bytes:?}: {other:?}"),
        }
    }
}

#[test]
fn one_head_and_one_scan_serve_a_pipeline() {
    let bytes = b"GET /1 HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\n\r\nPOST /2 HTTP/1.1\r\nHost: b\r\n\r\nGET /3 HTTP/1.0\r\n\r\n";
    for step in [1, 7, bytes.len()] {
        let (mut scan, limits, mut head) = (Scan::default(), HeadLimits::default(), RequestHead::default());
        let (mut at, mut end, mut paths) = (0, 0, Vec::new());
        while at < bytes.len() {
            match parse_request(&bytes[at..end], &mut scan, &limits, &mut head).unwrap() {
                Parsed::Partial => end = (end + step).min(bytes.len()),
                Parsed::Complete => {
                    paths.push((head.path.of(&bytes[at..]).to_vec(), head.headers.len()));
                    at += head.len;
                }
            }
        }
        assert_eq!(paths, [(b"/1".to_vec(), 2), (b"/2".to_vec(), 1), (b"/3".to_vec(), 0)], "steps of {step}");
    }
}

#[test]
fn a_closed_connection_ends_only_what_lasts_until_then() {
    let ended = |length: BodyLength, input: &[u8]| {
        let mut decoder = BodyDecoder::new(length);
        let mut at = 0;
        while at < input.len() && !decoder.is_done() {
            at += decoder.decode(&input[at..]).unwrap().consumed;
        }
        let result = decoder.end_of_stream();
        assert_eq!(decoder.is_done(), result.is_ok());
        result
    };
    assert_eq!(ended(BodyLength::None, b""), Ok(()));
    assert_eq!(ended(BodyLength::Length(2), b"hi"), Ok(()));
    assert_eq!(ended(BodyLength::Length(3), b"hi"), Err(BodyError::Truncated));
    assert_eq!(ended(BodyLength::UntilClose, b"hi"), Ok(()));
    assert_eq!(ended(BodyLength::Chunked, b"2\r\nhi\r\n0\r\n\r\n"), Ok(()));
    for cut in 0..b"2\r\nhi\r\n0\r\nA: b\r\n\r\n".len() {
        assert_eq!(
            ended(BodyLength::Chunked, &b"2\r\nhi\r\n0\r\nA: b\r\n\r\n"[..cut]),
            Err(BodyError::Truncated)
        );
    }
}

#[test]
fn a_body_until_close_has_its_limit_too() {
    let mut decoder = BodyDecoder::with_limit(BodyLength::UntilClose, 5);
    assert_eq!(decoder.decode(b"hel"), Ok(Piece { consumed: 3, data: 0..3 }));
    assert_eq!(decoder.decode(b"lo!"), Ok(Piece { consumed: 2, data: 0..2 }));
    assert_eq!(decoder.decode(b"!"), Err(BodyError::TooLarge));
}

#[test]
fn what_the_encoder_writes_the_decoder_reads() {
    let mut body = Vec::new();
    let pieces: [&[u8]; 4] = [b"a", b"\r\n0\r\n\r\n", &[0xff; 255], &[b'z'; 5_000]];
    for piece in pieces {
        encode::chunk_head(piece.len(), &mut body);
        body.extend_from_slice(piece);
        body.extend_from_slice(encode::CHUNK_END);
    }
    body.extend_from_slice(encode::LAST_CHUNK);
    let head = b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    match split_invariant(&[head, &body[..]].concat(), request) {
        Outcome::Good { payload, done: true, rest: 0, .. } => assert_eq!(payload, pieces.concat()),
        other => panic!("{other:?}"),
    }
}
