//! The execution log: AWS's own lines, in AWS's order (tables.md §5.6).

use ringway_core::http1::DateCache;
use ringway_core::pipeline::Exchange;

use super::backend::Failure;
use crate::cli::InvokeArgs;

/// Bytes of a log event; more are cut (tables.md §15).
const EVENT_BYTES_MAX: usize = 1_024;

/// Prints lines as they come.
pub(super) struct ExecutionLog {
    /// `Mon Nov 23 03:00:00 UTC 2026 : `
    prefix: String,
}

impl ExecutionLog {
    pub(super) fn new(unix_millis: u64) -> Self {
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
        ExecutionLog { prefix }
    }

    /// Prints one line.
    pub(super) fn line(&self, text: &str) {
        let end = (0..=EVENT_BYTES_MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
        let shown = &text[..end.unwrap_or(0)];
        let cut = if shown.len() < text.len() { " [TRUNCATED]" } else { "" };
        println!("{}{shown}{cut}", self.prefix);
    }

    pub(super) fn begin(&self, exchange: &Exchange<'_>, arguments: &InvokeArgs) {
        let id = String::from_utf8_lossy(&exchange.request_id).into_owned();
        let (path, query) = arguments.path.split_once('?').unwrap_or((&arguments.path, ""));
        println!("Execution log for request {id}");
        self.line(&format!("Starting execution for request: {id}"));
        self.line(&format!("HTTP Method: {}, Resource Path: {path}", arguments.method));
        let pairs: Vec<(&str, &str)> = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .collect();
        self.line(&format!("Method request query string: {}", braces(pairs.into_iter())));
        let headers = arguments.headers.iter().filter_map(|line| line.split_once(':'));
        let headers = braces(headers.map(|(name, value)| (name.trim(), value.trim())));
        self.line(&format!("Method request headers: {headers}"));
        let body = arguments.body.as_deref().unwrap_or_default();
        self.line(&format!("Method request body before transformations: {body}"));
    }

    pub(super) fn endpoint_request(&self, host: &str, port: u16, request: &[u8]) {
        let text = String::from_utf8_lossy(request);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let target = first.split(' ').nth(1).unwrap_or_default();
        self.line(&format!("Endpoint request URI: http://{host}:{port}{target}"));
        self.line(&format!("Endpoint request headers: {}", braces(lines.filter_map(field))));
        self.line(&format!("Endpoint request body after transformations: {body}"));
        self.line(&format!("Sending request to http://{host}:{port}{target}"));
    }

    pub(super) fn endpoint_response(&self, exchange: &Exchange<'_>, answer: &Result<Vec<u8>, Failure>) {
        let bytes = match answer {
            Ok(bytes) => bytes,
            Err(failure) => {
                let message = &failure.message;
                return self.line(&format!("Execution failed due to an integration error: {message}"));
            }
        };
        self.line(&format!("Received response. Status: {}", exchange.answer.status));
        let text = |span: &[u8]| String::from_utf8_lossy(span).into_owned();
        let headers: Vec<(String, String)> = exchange
            .answer
            .headers
            .iter()
            .map(|header| (text(header.name.of(bytes)), text(header.value.of(bytes))))
            .collect();
        let shown = braces(headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        self.line(&format!("Endpoint response headers: {shown}"));
        let body = text(&bytes[exchange.answer.len..]);
        self.line(&format!("Endpoint response body before transformations: {body}"));
    }

    /// The method response, and how it ended.
    pub(super) fn end(&self, exchange: &Exchange<'_>) {
        let text = String::from_utf8_lossy(&exchange.out);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        if let Some(error) = exchange.error {
            let kind = error.response().response_type;
            let detail = exchange.error_detail.as_ref().map(|detail| detail.validation_error_string.as_str());
            let detail = detail.unwrap_or(exchange.error_message());
            self.line(&format!("Execution failed due to {kind}: {detail}"));
        }
        self.line(&format!("Method response body after transformations: {body}"));
        self.line(&format!(
            "Method response headers: {}",
            braces(head.split("\r\n").skip(1).filter_map(field))
        ));
        if exchange.error.is_none() {
            self.line("Successfully completed execution");
        }
        self.line(&format!("Method completed with status: {}", exchange.status));
    }
}

fn field(line: &str) -> Option<(&str, &str)> {
    line.split_once(':').map(|(name, value)| (name, value.trim()))
}

/// `{a=b, c=d}`, as Java shows a map.
fn braces<'t>(pairs: impl Iterator<Item = (&'t str, &'t str)>) -> String {
    let shown: Vec<String> = pairs.map(|(name, value)| format!("{name}={value}")).collect();
    format!("{{{}}}", shown.join(", "))
}
