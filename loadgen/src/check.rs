//! What a right answer is. A wrong answer is a failure, not throughput.

use std::fmt;

use ringway_core::http1::ResponseHead;
use sha2::{Digest, Sha256};

use crate::failure::Failure;

/// Bytes of a body that are kept for a check that needs them together. A longer one is wrong ([`Wrong::BodyTooLarge`]).
pub const COLLECTED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of a wrong value that a message shows.
const SHOWN_BYTES: usize = 60;

/// What an answer must be. An empty check accepts any status below 400.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Check {
    /// Accepted statuses; empty: every status below 400.
    pub statuses: Vec<u16>,
    /// Headers that must be there: lower-case name, and the exact value where one is given.
    pub headers: Vec<(String, Option<String>)>,
    /// What the body must be.
    pub body: Option<BodyCheck>,
}

/// What a body must be.
#[derive(Debug, Clone, PartialEq)]
pub enum BodyCheck {
    /// Exactly these bytes.
    Exact(Vec<u8>),
    /// This many bytes.
    Length(u64),
    /// The SHA-256 of the body, 32 bytes.
    Sha256([u8; 32]),
    /// Contains these bytes.
    Contains(Vec<u8>),
    /// JSON whose value at the JSON pointer (RFC 6901) equals this one.
    Json {
        /// RFC 6901.
        pointer: String,
        /// What must be there.
        value: serde_json::Value,
    },
}

/// What is wrong with an answer. Cheap: put into words only for the few that the report shows.
#[derive(Debug, Clone, PartialEq)]
pub enum Wrong {
    /// Not an accepted status.
    Status(u16),
    /// The header with this index in [`Check::headers`] is missing, or has this value.
    Header(usize, Option<Vec<u8>>),
    /// The body has so many bytes.
    BodyLength(u64),
    /// The body is not the expected one; its beginning.
    BodyBytes(Vec<u8>),
    /// The body has another SHA-256.
    BodyHash([u8; 32]),
    /// The body is not JSON.
    NotJson,
    /// The JSON has this value at the pointer, or none.
    Json(Option<serde_json::Value>),
    /// The body is longer than [`COLLECTED_BYTES_MAX`].
    BodyTooLarge,
}

impl Wrong {
    /// Its kind in the report.
    pub fn failure(&self) -> Failure {
        match self {
            Wrong::Status(_) => Failure::Status,
            Wrong::Header(..) => Failure::Header,
            _ => Failure::Body,
        }
    }
}

impl Check {
    /// Judges an answer that is there as a whole: `bytes` begin with its head, and `body` is its decoded body.
    pub fn verify(&self, head: &ResponseHead, bytes: &[u8], body: &[u8]) -> Result<(), Wrong> {
        self.verify_head(head, bytes)?;
        let Some(mut watch) = self.watch_body() else { return Ok(()) };
        watch.push(body)?;
        watch.finish()
    }

    /// Judges status and headers.
    #[inline]
    pub fn verify_head(&self, head: &ResponseHead, bytes: &[u8]) -> Result<(), Wrong> {
        let accepted = match self.statuses.as_slice() {
            [] => head.status < 400,
            statuses => statuses.contains(&head.status),
        };
        if !accepted {
            return Err(Wrong::Status(head.status));
        }
        for (index, (name, value)) in self.headers.iter().enumerate() {
            self.verify_header(head, bytes, index, name, value.as_deref())?;
        }
        Ok(())
    }

    /// Of a header that comes several times, one must have the value.
    fn verify_header(
        &self,
        head: &ResponseHead,
        bytes: &[u8],
        index: usize,
        name: &str,
        expected: Option<&str>,
    ) -> Result<(), Wrong> {
        let mut other = None;
        for header in &head.headers {
            if !header.name.of(bytes).eq_ignore_ascii_case(name.as_bytes()) {
                continue;
            }
            let value = header.value.of(bytes);
            if expected.is_none_or(|expected| expected.as_bytes() == value) {
                return Ok(());
            }
            other.get_or_insert_with(|| beginning(value));
        }
        Err(Wrong::Header(index, other))
    }

    /// What looks at the body as it comes; `None` where any body is right.
    #[inline]
    pub fn watch_body(&self) -> Option<BodyWatch<'_>> {
        self.body.as_ref().map(BodyWatch::new)
    }

    /// What is wrong, in words.
    pub fn describe(&self, wrong: &Wrong) -> String {
        let expected = Expected(self);
        match wrong {
            Wrong::Status(status) => format!("status {status}, expected {expected}"),
            Wrong::Header(index, value) => {
                let (name, wanted) = &self.headers[*index];
                match (value, wanted) {
                    (Some(value), Some(wanted)) => {
                        format!("header {name}: {}, expected {wanted:?}", shown(value))
                    }
                    _ => format!("no header {name}"),
                }
            }
            Wrong::BodyLength(length) => format!("a body of {length} bytes, expected {expected:#}"),
            Wrong::BodyBytes(bytes) => format!("body {}, expected {expected:#}", shown(bytes)),
            Wrong::BodyHash(hash) => format!("a body of SHA-256 {}, expected {expected:#}", hex(hash)),
            Wrong::NotJson => format!("a body that is not JSON, expected {expected:#}"),
            Wrong::Json(None) => format!("nothing at the JSON pointer, expected {expected:#}"),
            Wrong::Json(Some(value)) => {
                format!("JSON {}, expected {expected:#}", shown(value.to_string().as_bytes()))
            }
            Wrong::BodyTooLarge => {
                format!("a body of more than {COLLECTED_BYTES_MAX} bytes, the most that such a check keeps")
            }
        }
    }
}

/// Puts what is expected into words: the status, and with `{:#}` the body.
struct Expected<'a>(&'a Check);

impl fmt::Display for Expected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !f.alternate() {
            return match self.0.statuses.as_slice() {
                [] => f.write_str("one below 400"),
                statuses => write!(f, "{statuses:?}"),
            };
        }
        match &self.0.body {
            None => f.write_str("any body"),
            Some(BodyCheck::Exact(bytes)) => {
                write!(f, "{} ({} bytes)", shown(&beginning(bytes)), bytes.len())
            }
            Some(BodyCheck::Length(length)) => write!(f, "{length} bytes"),
            Some(BodyCheck::Sha256(hash)) => f.write_str(&hex(hash)),
            Some(BodyCheck::Contains(bytes)) => write!(f, "one with {} in it", shown(&beginning(bytes))),
            Some(BodyCheck::Json { pointer, value }) => write!(f, "{value} at {pointer:?}"),
        }
    }
}

/// Looks at a body as it comes, and keeps of it only what the check needs.
#[derive(Debug)]
pub struct BodyWatch<'a> {
    check: &'a BodyCheck,
    length: u64,
    kept: Kept,
}

#[derive(Debug)]
enum Kept {
    Nothing,
    Bytes(Vec<u8>),
    Hash(Box<Sha256>),
}

impl<'a> BodyWatch<'a> {
    fn new(check: &'a BodyCheck) -> Self {
        let kept = match check {
            BodyCheck::Exact(_) | BodyCheck::Length(_) => Kept::Nothing,
            BodyCheck::Sha256(_) => Kept::Hash(Box::default()),
            BodyCheck::Contains(_) | BodyCheck::Json { .. } => Kept::Bytes(Vec::new()),
        };
        BodyWatch { check, length: 0, kept }
    }

    /// Takes the next bytes. An error is final.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Wrong> {
        let at = self.length;
        self.length += bytes.len() as u64;
        match &mut self.kept {
            Kept::Hash(hash) => hash.update(bytes),
            Kept::Bytes(kept) if kept.len() + bytes.len() > COLLECTED_BYTES_MAX => {
                return Err(Wrong::BodyTooLarge);
            }
            Kept::Bytes(kept) => kept.extend_from_slice(bytes),
            Kept::Nothing => {}
        }
        if let BodyCheck::Exact(expected) = self.check {
            let rest = usize::try_from(at).ok().and_then(|at| expected.get(at..)).unwrap_or_default();
            if !rest.starts_with(bytes) {
                return Err(Wrong::BodyBytes(beginning(bytes)));
            }
        }
        Ok(())
    }

    /// Judges the whole body.
    pub fn finish(self) -> Result<(), Wrong> {
        let length = self.length;
        let length_is =
            |expected: u64| if length == expected { Ok(()) } else { Err(Wrong::BodyLength(length)) };
        match (self.check, self.kept) {
            (BodyCheck::Exact(expected), _) => length_is(expected.len() as u64),
            (BodyCheck::Length(expected), _) => length_is(*expected),
            (BodyCheck::Sha256(expected), Kept::Hash(hash)) => {
                let hash: [u8; 32] = hash.finalize().into();
                if hash == *expected { Ok(()) } else { Err(Wrong::BodyHash(hash)) }
            }
            (BodyCheck::Contains(needle), Kept::Bytes(bytes)) => {
                let found = needle.is_empty() || bytes.windows(needle.len()).any(|window| window == needle);
                if found { Ok(()) } else { Err(Wrong::BodyBytes(beginning(&bytes))) }
            }
            (BodyCheck::Json { pointer, value }, Kept::Bytes(bytes)) => {
                let document: serde_json::Value =
                    serde_json::from_slice(&bytes).map_err(|_| Wrong::NotJson)?;
                match document.pointer(pointer) {
                    Some(found) if found == value => Ok(()),
                    found => Err(Wrong::Json(found.cloned())),
                }
            }
            _ => unreachable!("what is kept belongs to the check"),
        }
    }
}

fn beginning(bytes: &[u8]) -> Vec<u8> {
    bytes[..bytes.len().min(SHOWN_BYTES)].to_vec()
}

/// Bytes for a message: printable, and not many.
fn shown(bytes: &[u8]) -> String {
    let dots = if bytes.len() >= SHOWN_BYTES { "…" } else { "" };
    format!("\"{}{dots}\"", bytes[..bytes.len().min(SHOWN_BYTES)].escape_ascii())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringway_core::http1::{HeadLimits, Method, Scan, parse_response};
    use serde_json::json;

    const HEAD: &[u8] = b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\nX-Id: a\r\nx-id: b\r\n\r\n";

    fn verify(check: &Check, body: &[u8]) -> Result<(), (Failure, String)> {
        let mut head = ResponseHead::default();
        let mut scan = Scan::default();
        parse_response(HEAD, &mut scan, &HeadLimits::default(), Method::Get, &mut head).unwrap();
        check.verify(&head, HEAD, body).map_err(|wrong| (wrong.failure(), check.describe(&wrong)))
    }

    fn of_body(body: BodyCheck) -> Check {
        Check { body: Some(body), ..Check::default() }
    }

    #[test]
    fn statuses() {
        assert_eq!(verify(&Check::default(), b""), Ok(()));
        let check = Check { statuses: vec![200, 201], ..Check::default() };
        assert_eq!(verify(&check, b""), Ok(()));
        let check = Check { statuses: vec![200, 404], ..Check::default() };
        let wrong = verify(&check, b"").unwrap_err();
        assert_eq!(wrong, (Failure::Status, "status 201, expected [200, 404]".into()));
        assert_eq!(Check::default().describe(&Wrong::Status(503)), "status 503, expected one below 400");
    }

    #[test]
    fn headers_by_name_and_by_value() {
        let check = |value: Option<&str>| Check {
            headers: vec![("x-id".into(), value.map(str::to_owned))],
            ..Check::default()
        };
        assert_eq!(verify(&check(None), b""), Ok(()));
        assert_eq!(verify(&check(Some("b")), b""), Ok(()), "any of several");
        let wrong = verify(&check(Some("c")), b"").unwrap_err();
        assert_eq!(wrong, (Failure::Header, "header x-id: \"a\", expected \"c\"".into()));
        let missing = Check { headers: vec![("x-other".into(), Some("1".into()))], ..Check::default() };
        assert_eq!(verify(&missing, b"").unwrap_err(), (Failure::Header, "no header x-other".into()));
    }

    #[test]
    fn bodies_that_are_right_and_wrong() {
        let sha: [u8; 32] = Sha256::digest(b"hello").into();
        let json = |value| of_body(BodyCheck::Json { pointer: "/a/0".into(), value });
        let cases: [(Check, &[u8], &[u8], &str); 5] = [
            (
                of_body(BodyCheck::Exact(b"hello".to_vec())),
                b"hello",
                b"hellO",
                "body \"hellO\", expected \"hello\"",
            ),
            (of_body(BodyCheck::Length(5)), b"12345", b"1234", "a body of 4 bytes, expected 5 bytes"),
            (of_body(BodyCheck::Sha256(sha)), b"hello", b"Hello", "a body of SHA-256 185f8db3"),
            (
                of_body(BodyCheck::Contains(b"ell".to_vec())),
                b"hello",
                b"help",
                "expected one with \"ell\" in it",
            ),
            (json(json!(7)), br#"{"a":[7]}"#, br#"{"a":[8]}"#, "JSON \"8\", expected 7 at \"/a/0\""),
        ];
        for (check, right, wrong, words) in &cases {
            assert_eq!(verify(check, right), Ok(()));
            let (failure, text) = verify(check, wrong).unwrap_err();
            assert_eq!(failure, Failure::Body);
            assert!(text.contains(words), "{text}");
        }
        assert_eq!(
            verify(&json(json!(1)), b"<html>").unwrap_err().1,
            "a body that is not JSON, expected 1 at \"/a/0\""
        );
        assert!(verify(&json(json!(1)), b"[]").unwrap_err().1.contains("nothing at the JSON pointer"));
        let exact = of_body(BodyCheck::Exact(b"hello".to_vec()));
        assert!(verify(&exact, b"hell").unwrap_err().1.starts_with("a body of 4 bytes"));
        assert!(verify(&exact, b"hello!").is_err());
        assert!(verify(&exact, b"").is_err());
    }

    #[test]
    fn a_body_in_pieces_is_judged_as_a_whole() {
        let body = b"the quick brown fox";
        let checks = [
            BodyCheck::Exact(body.to_vec()),
            BodyCheck::Length(19),
            BodyCheck::Sha256(Sha256::digest(body).into()),
            BodyCheck::Contains(b"quick brown".to_vec()),
        ];
        for check in &checks {
            for size in 1..=body.len() {
                let mut watch = BodyWatch::new(check);
                body.chunks(size).for_each(|piece| watch.push(piece).unwrap());
                assert_eq!(watch.finish(), Ok(()), "{check:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn what_is_kept_of_a_body_is_bounded() {
        let check = BodyCheck::Contains(b"x".to_vec());
        let mut watch = BodyWatch::new(&check);
        let piece = vec![0; COLLECTED_BYTES_MAX];
        assert_eq!(watch.push(&piece), Ok(()));
        assert_eq!(watch.push(b"x"), Err(Wrong::BodyTooLarge));
        // What needs no bytes together has no limit.
        let check = BodyCheck::Length(2 * COLLECTED_BYTES_MAX as u64);
        let mut watch = BodyWatch::new(&check);
        watch.push(&piece).unwrap();
        watch.push(&piece).unwrap();
        assert_eq!(watch.finish(), Ok(()));
    }
}
