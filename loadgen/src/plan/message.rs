//! One request before it is written out: method, path, headers and body with their fields, and the whole message made of them.

use super::issue::quoted;
use super::template::{self, Spot, length_max, push_fixed, push_parts};
use super::{Part, Request, Template};
use crate::check::Check;

/// Largest body, and largest file that is one, in bytes.
pub(super) const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Longest path, in bytes.
pub(super) const PATH_BYTES_MAX: usize = 64 * 1024;
/// Most headers of a request.
pub(super) const HEADERS_MAX: usize = 256;
/// Longest header, in bytes.
const HEADER_BYTES_MAX: usize = 64 * 1024;
/// What we call ourselves.
const USER_AGENT: &str = concat!("ringload/", env!("CARGO_PKG_VERSION"));

/// Headers of the connection or of the message itself, and why a plan cannot have them.
const RESERVED: [(&str, &str); 7] = [
    ("content-length", "ringload counts the body itself"),
    ("transfer-encoding", "ringload sends bodies with their length"),
    ("connection", "use `requests_per_connection` to close connections"),
    ("keep-alive", "use `requests_per_connection` to close connections"),
    ("proxy-connection", "use `requests_per_connection` to close connections"),
    ("upgrade", "ringload speaks HTTP/1.1 only"),
    ("expect", "ringload does not wait for `100 Continue`"),
];

/// A header: its name as given, and its value.
pub(super) type Header = (String, Vec<Part>);

/// A request, all of it checked, before what is common to the whole plan is added.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) weight: f64,
    pub(super) method: String,
    pub(super) path: Vec<Part>,
    pub(super) headers: Vec<Header>,
    pub(super) body: Option<Vec<Part>>,
    pub(super) check: Check,
}

/// What every request of a plan shares.
#[derive(Debug, Clone, Default)]
pub(super) struct Common {
    /// What ringload sends where nobody says otherwise: `Host` and `User-Agent`.
    base: Vec<Header>,
    /// Of the plan file: a header of the same name in the request wins.
    pub(super) defaults: Vec<Header>,
    /// Of the command line: they win over the headers of the request.
    pub(super) overrides: Vec<Header>,
    /// Of the command line: accepted statuses.
    pub(super) statuses: Vec<u16>,
}

impl Common {
    /// For a target with this value of `Host`.
    pub(super) fn new(authority: &str) -> Self {
        let fixed = |text: &str| vec![Part::Fixed(text.as_bytes().to_vec())];
        let base = vec![("Host".to_owned(), fixed(authority)), ("User-Agent".to_owned(), fixed(USER_AGENT))];
        Common { base, ..Common::default() }
    }
}

impl Draft {
    /// The request, with its whole message written out.
    pub(super) fn into_request(self, common: &Common) -> Request {
        let mut check = self.check;
        if !common.statuses.is_empty() {
            check.statuses.clone_from(&common.statuses);
        }
        let mut parts = Vec::new();
        push_fixed(&mut parts, format!("{} ", self.method).as_bytes());
        push_parts(&mut parts, &self.path);
        push_fixed(&mut parts, b" HTTP/1.1\r\n");
        for (name, value) in headers(&self.headers, common) {
            push_fixed(&mut parts, format!("{name}: ").as_bytes());
            push_parts(&mut parts, value);
            push_fixed(&mut parts, b"\r\n");
        }
        let body = self.body.as_deref();
        // RFC 9110 §8.6: a method that gives content a meaning sends the length even of an empty one.
        if body.is_some() || matches!(self.method.as_str(), "POST" | "PUT" | "PATCH") {
            let length = body.map_or(0, length_max);
            push_fixed(&mut parts, format!("Content-Length: {length}\r\n").as_bytes());
        }
        push_fixed(&mut parts, b"\r\n");
        push_parts(&mut parts, body.unwrap_or_default());
        parts.shrink_to_fit();
        Request {
            name: self.name,
            weight: self.weight,
            message: Template { parts },
            is_head: self.method == "HEAD",
            check,
        }
    }
}

/// The headers to send, in the order given, `Host` first (RFC 9112 §3.2). A name that a stronger layer has hides those below.
fn headers<'a>(own: &'a [Header], common: &'a Common) -> Vec<&'a Header> {
    let layers = [&common.base, &common.defaults, own, &common.overrides];
    let mut chosen: Vec<&Header> = Vec::new();
    for (index, layer) in layers.iter().enumerate() {
        let is_hidden = |name: &str| layers[index + 1..].iter().any(|above| has(above, name));
        chosen.extend(layer.iter().filter(|(name, _)| !is_hidden(name)));
    }
    chosen.sort_by_key(|(name, _)| !name.eq_ignore_ascii_case("host"));
    chosen
}

fn has(headers: &[Header], name: &str) -> bool {
    headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name))
}

/// What is needed of a header's name: a token (RFC 9110 §5.1) that ringload does not send itself.
pub(super) fn check_header_name(name: &str) -> Result<(), String> {
    if !is_token(name) {
        return Err(format!("{} is no header name", quoted(name)));
    }
    match RESERVED.iter().find(|(reserved, _)| reserved.eq_ignore_ascii_case(name)) {
        Some((_, reason)) => Err(format!("a plan cannot set the header {}: {reason}", quoted(name))),
        None => Ok(()),
    }
}

/// Whether a recorded header belongs to the recorded connection or message, not to the request (RFC 9110 §7.6.1).
pub(super) fn is_of_the_connection(name: &str) -> bool {
    const OTHERS: [&str; 6] =
        ["host", "te", "trailer", "proxy-authenticate", "proxy-authorization", "http2-settings"];
    RESERVED.iter().map(|(name, _)| *name).chain(OTHERS).any(|other| other.eq_ignore_ascii_case(name))
}

/// A header's value of a plan: bounded, and without the white space at its ends.
pub(super) fn header_value(text: &str, is_template: bool) -> Result<Vec<Part>, String> {
    let text = text.trim_matches([' ', '\t']).as_bytes();
    if text.len() > HEADER_BYTES_MAX {
        return Err(format!("a header value of {} bytes; {HEADER_BYTES_MAX} is the most", text.len()));
    }
    let parts = parts(text, Spot::HeaderValue, is_template)?;
    match length_max(&parts) {
        length if length > HEADER_BYTES_MAX => {
            Err(format!("a header value of up to {length} bytes; {HEADER_BYTES_MAX} is the most"))
        }
        _ => Ok(parts),
    }
}

/// A path with its query: origin form (RFC 9112 §3.2.1).
pub(super) fn path(text: &str, is_template: bool) -> Result<Vec<Part>, String> {
    if !text.starts_with('/') {
        let help = "the target is given apart, as `target` or `--url`";
        return Err(format!("the path {} does not begin with `/`; {help}", quoted(text)));
    }
    let parts = match text.len() <= PATH_BYTES_MAX {
        true => parts(text.as_bytes(), Spot::Path, is_template)?,
        false => return Err(format!("a path of {} bytes; {PATH_BYTES_MAX} is the most", text.len())),
    };
    match length_max(&parts) {
        length if length > PATH_BYTES_MAX => {
            Err(format!("a path of up to {length} bytes; {PATH_BYTES_MAX} is the most"))
        }
        _ => Ok(parts),
    }
}

/// A body.
pub(super) fn body(bytes: &[u8], is_template: bool) -> Result<Vec<Part>, String> {
    if bytes.len() > BODY_BYTES_MAX {
        return Err(format!("a body of {} bytes; {BODY_BYTES_MAX} is the most", bytes.len()));
    }
    let parts = parts(bytes, Spot::Body, is_template)?;
    match length_max(&parts) {
        length if length > BODY_BYTES_MAX => {
            Err(format!("a body of {length} bytes; {BODY_BYTES_MAX} is the most"))
        }
        _ => Ok(parts),
    }
}

fn parts(text: &[u8], spot: Spot, is_template: bool) -> Result<Vec<Part>, String> {
    if is_template { template::parse(text, spot) } else { template::verbatim(text, spot) }
}

/// A method that can be sent.
pub(super) fn check_method(method: &str) -> Result<(), String> {
    const KNOWN: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];
    let upper = method.to_ascii_uppercase();
    if !is_token(method) || method.len() > 32 {
        Err(format!("{} is no method; write one like `GET` or `POST`", quoted(method)))
    } else if upper == "CONNECT" {
        Err("CONNECT asks for a tunnel, which ringload does not send through".to_owned())
    } else if method != upper && KNOWN.contains(&upper.as_str()) {
        Err(format!("the method `{method}` is not `{upper}`: methods are case-sensitive"))
    } else {
        Ok(())
    }
}

/// RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    let is_mark = |byte| b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty()
        && text.len() <= 256
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || is_mark(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SmallRandom;

    fn draft(method: &str, path_text: &str) -> Draft {
        Draft {
            name: "a".to_owned(),
            weight: 1.0,
            method: method.to_owned(),
            path: path(path_text, true).unwrap(),
            headers: Vec::new(),
            body: None,
            check: Check::default(),
        }
    }

    fn header(name: &str, value: &str) -> Header {
        (name.to_owned(), header_value(value, true).unwrap())
    }

    fn rendered(request: &Request) -> String {
        let mut out = Vec::new();
        request.message.render(&mut SmallRandom::new(1), 7, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_fixed_request_is_one_part() {
        let request = draft("GET", "/a?b=c").into_request(&Common::new("host:1"));
        let expected = concat!(
            "GET /a?b=c HTTP/1.1\r\nHost: host:1\r\nUser-Agent: ringload/",
            env!("CARGO_PKG_VERSION"),
            "\r\n\r\n"
        );
        assert_eq!(request.message.fixed().unwrap(), expected.as_bytes());
        assert!(!request.is_head);
        assert!(draft("HEAD", "/").into_request(&Common::new("h")).is_head);
    }

    #[test]
    fn stronger_headers_hide_weaker_ones() {
        let mut common = Common::new("target");
        common.defaults = vec![header("X-A", "default"), header("x-b", "default"), header("x-c", "default")];
        common.overrides = vec![header("x-c", "option"), header("user-agent", "option")];
        common.statuses = vec![204];
        let own =
            vec![header("x-a", "own 1"), header("x-a", "own 2"), header("HOST", "own"), header("x-c", "own")];
        let request = Draft { headers: own, ..draft("GET", "/") }.into_request(&common);
        assert_eq!(
            rendered(&request),
            "GET / HTTP/1.1\r\nHOST: own\r\nx-b: default\r\nx-a: own 1\r\nx-a: own 2\r\nx-c: option\r\n\
             user-agent: option\r\n\r\n"
        );
        assert_eq!(request.check.statuses, [204]);
    }

    #[test]
    fn content_length_is_that_of_the_body() {
        let text =
            b"{\"id\":\"{{uuid}}\",\"n\":\"{{int:5..100}}{{choice:ab|cd}}{{hex:3}}{{text:11}}{{seq}}\"}";
        let request = Draft { body: Some(body(text, true).unwrap()), ..draft("PUT", "/{{seq}}") };
        let request = request.into_request(&Common::new("h"));
        for _ in 0..100 {
            let text = rendered(&request);
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("\r\nContent-Length: {}", body.len())), "{text}");
            assert_eq!(text.len(), request.message.length_max());
            assert!(head.starts_with("PUT /0000000000000007 HTTP/1.1\r\n"), "{text}");
        }
        let empty = rendered(&draft("POST", "/").into_request(&Common::new("h")));
        assert!(empty.ends_with("\r\nContent-Length: 0\r\n\r\n"), "{empty}");
        assert!(!rendered(&draft("DELETE", "/").into_request(&Common::new("h"))).contains("Length"));
    }

    #[test]
    fn refuses_what_would_not_be_one_request() {
        assert_eq!(
            path("/a b", true).unwrap_err(),
            "a path cannot have a space; write it percent-encoded, `%20`"
        );
        assert_eq!(
            path("/a\r\nX: y", true).unwrap_err(),
            "a path cannot have the byte 0x0d; write it percent-encoded, `%0D`"
        );
        assert_eq!(
            path("/é", true).unwrap_err(),
            "a path cannot have the byte 0xc3; write it percent-encoded, `%C3`"
        );
        assert_eq!(
            path("/a#b", true).unwrap_err(),
            "a path has no `#`: a fragment is never sent; write `%23` for the character"
        );
        assert_eq!(
            path("http://h/a", true).unwrap_err(),
            "the path `http://h/a` does not begin with `/`; the target is given apart, as `target` or `--url`"
        );
        assert_eq!(header_value("a\nb", true).unwrap_err(), "a header value cannot have the byte 0x0a");
        assert_eq!(
            header_value("{{choice:a|b\r\nX: y}}", true).unwrap_err(),
            "a header value cannot have the byte 0x0d"
        );
        assert_eq!(header_value("a\0", false).unwrap_err(), "a header value cannot have the byte 0x00");
        assert_eq!(check_header_name("a b").unwrap_err(), "`a b` is no header name");
        assert_eq!(
            check_header_name("Content-length").unwrap_err(),
            "a plan cannot set the header `Content-length`: ringload counts the body itself"
        );
        assert_eq!(
            check_method("get").unwrap_err(),
            "the method `get` is not `GET`: methods are case-sensitive"
        );
        assert_eq!(check_method("G T").unwrap_err(), "`G T` is no method; write one like `GET` or `POST`");
        assert_eq!(
            check_method("CONNECT").unwrap_err(),
            "CONNECT asks for a tunnel, which ringload does not send through"
        );
        assert!(check_method("PURGE").is_ok() && check_header_name("x-Ünicode").is_err());
        assert_eq!(
            path(&format!("/{}", "{{text:40000}}".repeat(2)), true).unwrap_err(),
            "a path of up to 80001 bytes; 65536 is the most"
        );
    }
}
