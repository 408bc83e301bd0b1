//! Access logs as recordings: the Common and Combined Log Formats as nginx and Apache write them, and Ringway's own JSON lines.
//!
//! A log knows no bodies and few headers; a replay of it sends what there is, and notes how many bodies are missing.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::Deserialize;

use super::issue::{Place, PlanIssue, quoted};
use super::message::{Header, header_value};
use super::replay::{Collector, Recorded};
use super::settings::Content;
use super::source::{Expect, RECORDING_BYTES_MAX, read_failed};
use super::timestamp;

/// Longest line, in bytes.
const LINE_BYTES_MAX: usize = 128 * 1024;

/// What a plan may say about a log.
#[derive(Debug, Default)]
pub(super) struct AccessLogOptions {
    /// Those to take; empty: all.
    pub(super) methods: Vec<String>,
    pub(super) expect: Expect,
    /// Leave out lines that cannot be sent.
    pub(super) skip_unreadable: bool,
}

/// Reads a log; `named` is where the plan names it.
pub(super) fn load(
    file: &Path,
    options: &AccessLogOptions,
    named: &Place,
) -> Result<Content, Vec<PlanIssue>> {
    let place = Place::file(file);
    let failed = |error: std::io::Error| vec![read_failed(file, named, &error)];
    let mut reader = BufReader::new(File::open(file).map_err(failed)?.take(RECORDING_BYTES_MAX + 1));
    let mut collector = Collector::new(options.expect, &options.methods, options.skip_unreadable);
    let (mut line, mut number, mut bytes, mut without_body) = (Vec::new(), 0, 0, 0);
    loop {
        line.clear();
        bytes +=
            reader.by_ref().take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', &mut line).map_err(failed)?
                as u64;
        number += 1;
        let here = || place.at_line(number);
        if bytes > RECORDING_BYTES_MAX {
            return Err(vec![
                named.issue(format!("{} has more than {RECORDING_BYTES_MAX} bytes", file.display())),
            ]);
        }
        if line.is_empty() {
            break;
        }
        if line.len() > LINE_BYTES_MAX {
            return Err(vec![
                here().issue(format!("a line of more than {LINE_BYTES_MAX} bytes; this is no access log")),
            ]);
        }
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        if collector.is_full(here) {
            break;
        }
        let recorded = read_line(text);
        let had_body = recorded.as_ref().is_ok_and(|recorded| has_body(&recorded.method));
        without_body += usize::from(collector.push(recorded, here) && had_body);
    }
    if without_body > 0 {
        let what = "recorded POST, PUT or PATCH requests are sent without a body: an access log has none";
        collector.notes.push(format!("{without_body} {what}"));
    }
    collector.finish(&place)
}

fn has_body(method: &str) -> bool {
    matches!(method, "POST" | "PUT" | "PATCH")
}

fn read_line(line: &[u8]) -> Result<Recorded, String> {
    let text = std::str::from_utf8(line).map_err(|_| "the line is not UTF-8".to_owned())?;
    if text.starts_with('{') { json_line(text) } else { common_line(text) }
}

/// `ADDRESS IDENT USER [TIME] "METHOD PATH PROTOCOL" STATUS BYTES`, perhaps with `"REFERER" "USER AGENT"`; what follows does not count.
fn common_line(text: &str) -> Result<Recorded, String> {
    let wrong = |what: &str| format!("no line of the Common Log Format: {what}");
    let (_, rest) = text.split_once(" [").ok_or_else(|| wrong("there is no `[time]`"))?;
    let (time, rest) = rest.split_once("] ").ok_or_else(|| wrong("the time has no end"))?;
    let nanos = timestamp::common_log(time)
        .ok_or_else(|| wrong(&format!("{} is no time like `31/Jan/2026:23:59:59 +0000`", quoted(time))))?;
    let (request, rest) =
        quoted_text(rest).ok_or_else(|| wrong("there is no `\"request\"` after the time"))?;
    let mut words = rest.split_ascii_whitespace();
    let status = words
        .next()
        .and_then(|word| word.parse().ok())
        .ok_or_else(|| wrong("there is no status after the request"))?;
    let (method, path) = request_line(&request)
        .ok_or_else(|| format!("{} is no request that could be sent", quoted(&request)))?;
    refuse_resource_path(&path)?;
    Ok(Recorded {
        nanos,
        is_whole_second: true,
        method,
        path,
        headers: combined_headers(rest)?,
        body: None,
        status,
    })
}

/// `METHOD PATH HTTP/n`; a line that the server could not read has another shape.
fn request_line(request: &str) -> Option<(String, String)> {
    let mut words = request.split(' ');
    let (method, path, protocol) = (words.next()?, words.next()?, words.next()?);
    let is_request = path.starts_with('/') && protocol.starts_with("HTTP/") && words.next().is_none();
    is_request.then(|| (method.to_owned(), path.to_owned()))
}

/// The two quoted texts that the Combined Log Format puts after status and bytes, as headers; `-` is none.
fn combined_headers(rest: &str) -> Result<Vec<Header>, String> {
    let mut headers = Vec::new();
    let Some(start) = rest.find(" \"") else { return Ok(headers) };
    // More than status and bytes before it: this is another format, whose texts are not known.
    if rest[..start].split_ascii_whitespace().count() > 2 {
        return Ok(headers);
    }
    let mut rest = &rest[start + 1..];
    for name in ["Referer", "User-Agent"] {
        let Some((text, after)) = quoted_text(rest) else { break };
        if text != "-" && !text.is_empty() {
            headers.push((name.to_owned(), header_value(&text, false)?));
        }
        rest = after.trim_start_matches(' ');
    }
    Ok(headers)
}

/// The text in the double quotes at the beginning, its escapes (`\"`, `\\`, `\xHH`) resolved, and what follows.
fn quoted_text(text: &str) -> Option<(String, &str)> {
    let text = text.strip_prefix('"')?;
    let mut content = String::new();
    let mut rest = text;
    loop {
        let stop = rest.find(['"', '\\'])?;
        content.push_str(&rest[..stop]);
        if rest[stop..].starts_with('"') {
            return Some((content, &rest[stop + 1..]));
        }
        let escape = &rest[stop + 1..];
        let (character, length) = match escape.as_bytes().first()? {
            b'x' => (char::from(u8::from_str_radix(escape.get(1..3)?, 16).ok()?), 3),
            b'n' => ('\n', 1),
            b'r' => ('\r', 1),
            b't' => ('\t', 1),
            byte @ (b'"' | b'\\') => (char::from(*byte), 1),
            _ => return None,
        };
        content.push(character);
        rest = &escape[length..];
    }
}

/// A line of Ringway's JSON preset, or of another JSON format with these `$context` variables by these names.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonLine {
    http_method: Option<String>,
    path: Option<String>,
    status: Option<serde_json::Value>,
    request_time: Option<String>,
    request_time_epoch: Option<serde_json::Value>,
}

fn json_line(text: &str) -> Result<Recorded, String> {
    let line: JsonLine = serde_json::from_str(text).map_err(|error| format!("not valid JSON: {error}"))?;
    let given = |text: Option<String>, name: &str| {
        text.filter(|text| text != "-").ok_or_else(|| format!("the line has no `{name}`"))
    };
    let number = |value: Option<serde_json::Value>| match value? {
        serde_json::Value::String(text) => text.parse::<u64>().ok(),
        value => value.as_u64(),
    };
    let (nanos, is_whole_second) = match number(line.request_time_epoch) {
        Some(millis) => (i128::from(millis) * 1_000_000, false),
        None => {
            let time = given(line.request_time, "requestTime")?;
            let nanos = timestamp::common_log(&time)
                .ok_or_else(|| format!("`requestTime`: {} is no time", quoted(&time)))?;
            (nanos, true)
        }
    };
    let status = number(line.status).and_then(|status| u16::try_from(status).ok());
    Ok(Recorded {
        nanos,
        is_whole_second,
        method: given(line.http_method, "httpMethod")?,
        path: given(line.path, "path")?,
        headers: Vec::new(),
        body: None,
        status: status.ok_or("the line has no `status`")?,
    })
}

/// API Gateway's own Common Log Format shows the resource (`/pets/{petId}`), not what was sent.
fn refuse_resource_path(path: &str) -> Result<(), String> {
    let is_resource = path.split('/').any(|segment| segment.starts_with('{') && segment.ends_with('}'));
    match is_resource {
        true => {
            Err(format!("{} is a resource, not the path that was sent; log `$context.path`", quoted(path)))
        }
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests;
