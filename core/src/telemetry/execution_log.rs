//! The execution log: what happened to one request, in AWS's own lines and in AWS's order (tables.md §5.6).
//!
//! What is seen is noted as it comes, the lines are written at the end: the body of a proxied answer is still passing when everything
//! else is known. The log is bounded: it has a fixed number of lines, and none is longer than [`LOG_EVENT_BYTES_MAX`].

use std::cell::RefCell;

use crate::http1::{BodyDecoder, BodyLength, DateCache};
use crate::limits::LOG_EVENT_BYTES_MAX;

/// Header fields and query string parameters whose values are masked, any case.
const SECRETS: [&str; 14] = [
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "apikey",
    "api_key",
    "cookie",
    "set-cookie",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-credential",
    "x-auth-token",
    "x-csrf-token",
    "access_token",
];

/// Last characters of a masked value that stay, and from how many of them: the end of a short secret would be half of it.
const SHOWN_CHARACTERS: usize = 6;
const SHOWN_FROM: usize = 2 * SHOWN_CHARACTERS;

/// The log of one request. Noted by whoever sees something, in any order.
#[derive(Debug)]
pub struct ExecutionLog(RefCell<Noted>);

/// Name and value.
type Pairs = Vec<(String, String)>;

#[derive(Debug)]
struct Noted {
    /// What the client sent, but for its body.
    request: ClientRequest,
    request_body: BodyStart,
    endpoint_request: Option<EndpointRequest>,
    endpoint_response: Option<(u16, Pairs)>,
    endpoint_body: BodyStart,
    /// What went wrong on the way.
    failures: Vec<String>,
    response: Option<ClientResponse>,
}

/// What the client sent.
#[derive(Debug, Default)]
pub struct ClientRequest {
    /// `$context.requestId`
    pub request_id: String,
    /// When it began, in milliseconds since 1970.
    pub unix_millis: u64,
    /// `GET`
    pub method: String,
    /// Its path below the stage.
    pub path: String,
    /// The variables of the resource with their values.
    pub path_parameters: Vec<(String, String)>,
    /// Query string parameters, as they were encoded.
    pub query: Vec<(String, String)>,
    /// Header fields.
    pub headers: Vec<(String, String)>,
}

#[derive(Debug)]
struct EndpointRequest {
    uri: String,
    headers: Pairs,
    /// `None`: the body of the request passes as it is.
    body: Option<BodyStart>,
}

/// What the client was answered.
#[derive(Debug, Default)]
pub struct ClientResponse {
    /// Status.
    pub status: u16,
    /// The head and the body, as they are encoded; only the head where the body of the integration's answer passes as it is.
    pub encoded: Vec<u8>,
    /// Whether the body passes.
    pub body_passes: bool,
    /// AWS's gateway response type and what is wrong, where the gateway answered itself.
    pub error: Option<(&'static str, String)>,
}

impl ExecutionLog {
    /// A log that begins. `body` is how the body of the request is framed.
    pub fn new(request: ClientRequest, body: BodyLength) -> Self {
        ExecutionLog(RefCell::new(Noted {
            request,
            request_body: BodyStart::framed(body),
            endpoint_request: None,
            endpoint_response: None,
            endpoint_body: BodyStart::default(),
            failures: Vec::new(),
            response: None,
        }))
    }

    /// Bytes of the request's body have come, framed as they were received.
    pub fn request_bytes(&self, received: &[u8]) {
        self.0.borrow_mut().request_body.observe(received);
    }

    /// The whole body of the request is there.
    pub fn request_body(&self, body: &[u8]) {
        self.0.borrow_mut().request_body = BodyStart::whole(body);
    }

    /// The integration is about to be sent `encoded`: the head, and the body unless that of the request passes.
    pub fn endpoint_request(&self, host: &str, port: u16, encoded: &[u8], body_passes: bool) {
        let (head, body) = split_head(encoded);
        let (first, headers) = fields(head);
        let target = first.split(' ').nth(1).unwrap_or_default();
        let uri = format!("http://{host}:{port}{}", masked_target(target));
        let body = (!body_passes).then(|| BodyStart::whole(body));
        self.0.borrow_mut().endpoint_request = Some(EndpointRequest { uri, headers, body });
    }

    /// The head of the integration's answer is there, and `received` after it, framed as `body` says.
    pub fn endpoint_response<'b>(
        &self,
        status: u16,
        headers: impl Iterator<Item = (&'b [u8], &'b [u8])>,
        body: BodyLength,
        received: &[u8],
    ) {
        let mut noted = self.0.borrow_mut();
        noted.endpoint_response = Some((status, headers.map(text_pair).collect()));
        noted.endpoint_body = BodyStart::framed(body);
        noted.endpoint_body.observe(received);
    }

    /// More bytes of the integration's answer have come, framed as they were received.
    pub fn endpoint_bytes(&self, received: &[u8]) {
        self.0.borrow_mut().endpoint_body.observe(received);
    }

    /// The whole body of the integration's answer is there.
    pub fn endpoint_body(&self, body: &[u8]) {
        self.0.borrow_mut().endpoint_body = BodyStart::whole(body);
    }

    /// Something went wrong with the integration or on the way back.
    pub fn failure(&self, message: &str) {
        self.0.borrow_mut().failures.push(message.to_owned());
    }

    /// The answer to the client is encoded.
    pub fn response(&self, response: ClientResponse) {
        self.0.borrow_mut().response = Some(response);
    }

    /// The lines, each with its end.
    pub fn text(&self) -> String {
        let noted = self.0.borrow();
        let mut lines = Lines::new(noted.request.unix_millis);
        lines.text.push_str(&format!("Execution log for request {}\n", noted.request.request_id));
        noted.request_lines(&mut lines);
        noted.endpoint_lines(&mut lines);
        noted.response_lines(&mut lines);
        lines.text
    }
}

/// The order of AWS's lines.
impl Noted {
    fn request_lines(&self, lines: &mut Lines) {
        let request = &self.request;
        lines.event(&format!("Starting execution for request: {}", request.request_id));
        lines.event(&format!("HTTP Method: {}, Resource Path: {}", request.method, request.path));
        lines.event(&format!("Method request path: {}", braces(&request.path_parameters)));
        lines.event(&format!("Method request query string: {}", braces(&request.query)));
        lines.event(&format!("Method request headers: {}", braces(&request.headers)));
        lines.event(&format!("Method request body before transformations: {}", self.request_body.text()));
    }

    fn endpoint_lines(&self, lines: &mut Lines) {
        if let Some(EndpointRequest { uri, headers, body }) = &self.endpoint_request {
            let body = body.as_ref().unwrap_or(&self.request_body).text();
            lines.event(&format!("Endpoint request URI: {uri}"));
            lines.event(&format!("Endpoint request headers: {}", braces(headers)));
            lines.event(&format!("Endpoint request body after transformations: {body}"));
            lines.event(&format!("Sending request to {uri}"));
        }
        if let Some((status, headers)) = &self.endpoint_response {
            lines.event(&format!("Received response. Status: {status}"));
            lines.event(&format!("Endpoint response headers: {}", braces(headers)));
            let body = self.endpoint_body.text();
            lines.event(&format!("Endpoint response body before transformations: {body}"));
        }
        for failure in &self.failures {
            lines.event(&format!("Execution failed due to an integration error: {failure}"));
        }
    }

    fn response_lines(&self, lines: &mut Lines) {
        let Some(response) = &self.response else {
            return lines.event("Execution failed: the request ended without an answer");
        };
        let (head, body) = split_head(&response.encoded);
        let (_, headers) = fields(head);
        let whole = BodyStart::whole(body);
        let body = if response.body_passes { self.endpoint_body.text() } else { whole.text() };
        match &response.error {
            Some((kind, detail)) => {
                lines.event(&format!("Execution failed due to {kind}: {detail}"));
                lines.event(&format!("Gateway response type: {kind} with status code: {}", response.status));
                lines.event(&format!("Gateway response body: {body}"));
                lines.event(&format!("Gateway response headers: {}", braces(&headers)));
            }
            None => {
                lines.event(&format!("Method response body after transformations: {body}"));
                lines.event(&format!("Method response headers: {}", braces(&headers)));
            }
        }
        if response.error.is_none() && self.failures.is_empty() {
            lines.event("Successfully completed execution");
        }
        lines.event(&format!("Method completed with status: {}", response.status));
    }
}

struct Lines {
    /// `Mon Nov 23 03:00:00 UTC 2026 : `
    prefix: String,
    text: String,
}

impl Lines {
    fn new(unix_millis: u64) -> Self {
        let mut date = DateCache::default();
        let line = String::from_utf8_lossy(date.line(unix_millis / 1000)).into_owned();
        // `Date: Sun, 06 Nov 1994 08:49:37 GMT`
        let words: Vec<&str> = line.split_whitespace().map(|word| word.trim_end_matches(',')).collect();
        let prefix = match words.as_slice() {
            [_, weekday, day, month, year, time, _] => {
                format!("{weekday} {month} {day} {time} UTC {year} : ")
            }
            _ => String::new(),
        };
        Lines { prefix, text: String::new() }
    }

    /// Appends one event, cut as AWS cuts it. What a terminal would obey is not passed to it.
    fn event(&mut self, text: &str) {
        let harmless = |c: char| if c.is_control() && !c.is_ascii_whitespace() { '\u{fffd}' } else { c };
        let text: String = text.chars().map(harmless).collect();
        let cut = text.floor_char_boundary(LOG_EVENT_BYTES_MAX);
        self.text.push_str(&self.prefix);
        self.text.push_str(&text[..cut]);
        self.text.push_str(if cut < text.len() { " [TRUNCATED]\n" } else { "\n" });
    }
}

/// The beginning of a body: as much as an event shows.
#[derive(Debug, Default)]
struct BodyStart {
    /// `None`: there is no more to see.
    decoder: Option<BodyDecoder>,
    bytes: Vec<u8>,
}

impl BodyStart {
    fn framed(length: BodyLength) -> Self {
        BodyStart { decoder: Some(BodyDecoder::new(length)), bytes: Vec::new() }
    }

    fn whole(body: &[u8]) -> Self {
        let mut start = BodyStart::framed(BodyLength::Length(body.len() as u64));
        start.observe(body);
        start
    }

    fn observe(&mut self, mut input: &[u8]) {
        while let Some(decoder) = self.decoder.as_mut().filter(|decoder| !decoder.is_done()) {
            // What is not framed as it should be has consequences elsewhere.
            let Ok(piece) = decoder.decode(input) else { return self.decoder = None };
            // One more than is shown, so that the event says that it was cut.
            let room = LOG_EVENT_BYTES_MAX + 1 - self.bytes.len();
            let data = &input[piece.data];
            self.bytes.extend_from_slice(&data[..data.len().min(room)]);
            if self.bytes.len() > LOG_EVENT_BYTES_MAX {
                return self.decoder = None;
            }
            input = &input[piece.consumed..];
            if input.is_empty() {
                return;
            }
        }
    }

    /// The text, or AWS's words for what is none.
    fn text(&self) -> &str {
        match std::str::from_utf8(&self.bytes) {
            Ok(text) => text,
            // It was cut in the middle of a character.
            Err(error) if error.error_len().is_none() && self.bytes.len() > LOG_EVENT_BYTES_MAX => {
                std::str::from_utf8(&self.bytes[..error.valid_up_to()]).unwrap_or_default()
            }
            Err(_) => "[Binary Data]",
        }
    }
}

/// The head with its last line end, and what follows the blank line.
fn split_head(bytes: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memmem::find(bytes, b"\r\n\r\n") {
        Some(at) => (&bytes[..at], &bytes[at + 4..]),
        None => (bytes, b""),
    }
}

/// The first line of a head, and its fields.
fn fields(head: &[u8]) -> (String, Pairs) {
    let text = String::from_utf8_lossy(head).into_owned();
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default().to_owned();
    let pairs = lines.filter_map(|line| line.split_once(':'));
    (first, pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect())
}

/// A name and a value as text.
pub fn text_pair((name, value): (&[u8], &[u8])) -> (String, String) {
    (String::from_utf8_lossy(name).into_owned(), String::from_utf8_lossy(value).into_owned())
}

/// `{a=b, c=d}`, as Java shows a map; secrets are masked.
fn braces(pairs: &[(String, String)]) -> String {
    let shown: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{name}={}", shown(name, value))).collect();
    format!("{{{}}}", shown.join(", "))
}

fn shown(name: &str, value: &str) -> String {
    match SECRETS.iter().any(|secret| secret.eq_ignore_ascii_case(name)) {
        true => masked(value),
        false => value.to_owned(),
    }
}

/// An asterisk for each character but the last ones, as AWS masks `Authorization`.
fn masked(value: &str) -> String {
    let count = value.chars().count();
    let hidden = if count > SHOWN_FROM { count - SHOWN_CHARACTERS } else { count };
    "*".repeat(hidden).chars().chain(value.chars().skip(hidden)).collect()
}

/// A path and query whose secret parameters are masked.
fn masked_target(target: &str) -> String {
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    let parameter = |pair: &str| match pair.split_once('=') {
        Some((name, value)) => format!("{name}={}", shown(name, value)),
        None => pair.to_owned(),
    };
    let query: Vec<String> = query.split('&').map(parameter).collect();
    format!("{path}?{}", query.join("&"))
}

#[cfg(test)]
#[path = "execution_log_tests.rs"]
mod tests;
