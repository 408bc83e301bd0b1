//! HTTP Archives (HAR 1.2) as recordings, as browsers and proxies export them.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use super::issue::{Place, PlanIssue, quoted};
use super::message::{HEADERS_MAX, Header, check_header_name, header_value, is_of_the_connection};
use super::replay::{Collector, Recorded};
use super::settings::Content;
use super::source::{ENTRIES_MAX, Expect, RECORDING_BYTES_MAX, read_named};
use super::timestamp;

/// What a plan may say about an archive.
#[derive(Debug, Default)]
pub(super) struct HarOptions {
    /// Those to take; empty: all.
    pub(super) methods: Vec<String>,
    pub(super) expect: Expect,
    /// Leave out entries that cannot be sent.
    pub(super) skip_unreadable: bool,
    /// Hosts whose requests are replayed; must be given when there are several.
    pub(super) hosts: Vec<String>,
}

#[derive(Deserialize)]
struct Archive {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    #[serde(deserialize_with = "bounded")]
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    started_date_time: String,
    request: Request,
    response: Option<Response>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<Pair>,
    post_data: Option<PostData>,
    #[serde(default)]
    body_size: i64,
}

#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    status: i64,
}

#[derive(Deserialize)]
struct Pair {
    name: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostData {
    #[serde(default)]
    mime_type: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    params: Vec<Pair>,
    encoding: Option<String>,
}

/// A list that ends with an error when it grows beyond the limit, not when memory does.
fn bounded<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Entry>, D::Error> {
    struct Bounded;
    impl<'de> Visitor<'de> for Bounded {
        type Value = Vec<Entry>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of entries")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Entry>, A::Error> {
            let mut entries = Vec::new();
            while let Some(entry) = list.next_element()? {
                if entries.len() == ENTRIES_MAX {
                    return Err(A::Error::custom(format_args!("more than {ENTRIES_MAX} entries")));
                }
                entries.push(entry);
            }
            Ok(entries)
        }
    }
    deserializer.deserialize_seq(Bounded)
}

/// Reads an archive; `named` is where the plan names it.
pub(super) fn load(file: &Path, options: &HarOptions, named: &Place) -> Result<Content, Vec<PlanIssue>> {
    let bytes = read_named(file, RECORDING_BYTES_MAX, named).map_err(|issue| vec![issue])?;
    read(&bytes, &Place::file(file), options)
}

fn read(bytes: &[u8], place: &Place, options: &HarOptions) -> Result<Content, Vec<PlanIssue>> {
    // Some tools write a byte-order mark.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let archive: Archive = serde_json::from_slice(bytes).map_err(|error| {
        vec![place.at_line(error.line().max(1)).issue(format!("no HTTP Archive: {error}"))]
    })?;
    let mut hosts = BTreeSet::new();
    let mut other_hosts = 0;
    let mut collector = Collector::new(options.expect, &options.methods, options.skip_unreadable);
    for (index, entry) in archive.log.entries.into_iter().enumerate() {
        let host = host(&entry.request.url).to_ascii_lowercase();
        if !options.hosts.is_empty() && !options.hosts.iter().any(|wanted| is_host(wanted, &host)) {
            other_hosts += 1;
            continue;
        }
        hosts.insert(host);
        collector.push(recorded(entry), || place.member("log").member("entries").member(&index.to_string()));
    }
    hosts.remove("");
    if options.hosts.is_empty() && hosts.len() > 1 {
        let names: Vec<String> = hosts.iter().take(5).map(|host| quoted(host)).collect();
        let dots = if hosts.len() > 5 { ", …" } else { "" };
        let message = format!("requests to {} hosts: {}{dots}", hosts.len(), names.join(", "));
        let help = "all of them would go to the target; name those that shall in `hosts = [\"…\"]`";
        collector.issues.push(place.issue(message).help(help));
    }
    if other_hosts > 0 {
        collector.notes.push(format!("{other_hosts} recorded requests to other hosts were left out"));
    }
    collector.finish(place)
}

/// The authority of a URL; empty where it has none.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}

/// Whether a host of the plan, with or without a port, is this one.
fn is_host(wanted: &str, host: &str) -> bool {
    let without_port = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    wanted.eq_ignore_ascii_case(host) || wanted.eq_ignore_ascii_case(without_port)
}

fn recorded(entry: Entry) -> Result<Recorded, String> {
    let Entry { started_date_time: time, request, response } = entry;
    let nanos =
        timestamp::rfc3339(&time).ok_or_else(|| format!("startedDateTime: {} is no time", quoted(&time)))?;
    let path = path(&request.url)?;
    let headers = headers(&request.headers)?;
    Ok(Recorded {
        nanos,
        is_whole_second: false,
        path,
        headers,
        body: body(request.post_data, request.body_size)?,
        method: request.method,
        status: response.and_then(|response| u16::try_from(response.status).ok()).unwrap_or(0),
    })
}

/// Path and query; the fragment is never sent.
fn path(url: &str) -> Result<String, String> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" => {}
        "ws" | "wss" => {
            return Err(format!("{} is a WebSocket, which ringload cannot replay yet", quoted(url)));
        }
        _ => return Err(format!("{} is no HTTP URL", quoted(url))),
    }
    let rest = rest.split('#').next().unwrap_or_default();
    let path = &rest[rest.find(['/', '?']).unwrap_or(rest.len())..];
    Ok(if path.starts_with('/') { path.to_owned() } else { format!("/{path}") })
}

/// The headers but those of the recorded connection and message, and HTTP/2's pseudo-headers (RFC 9113 §8.3).
fn headers(recorded: &[Pair]) -> Result<Vec<Header>, String> {
    let is_sent = |pair: &&Pair| !pair.name.starts_with(':') && !is_of_the_connection(&pair.name);
    let header = |Pair { name, value }: &Pair| {
        check_header_name(name)?;
        Ok((name.clone(), header_value(value, false)?))
    };
    let headers: Vec<Header> = recorded.iter().filter(is_sent).map(header).collect::<Result<_, String>>()?;
    match headers.len() > HEADERS_MAX {
        true => Err(format!("{} headers; {HEADERS_MAX} is the most", headers.len())),
        false => Ok(headers),
    }
}

fn body(post_data: Option<PostData>, size: i64) -> Result<Option<Vec<u8>>, String> {
    let missing = || format!("the request had a body of {size} bytes, which is not in the archive");
    let Some(data) = post_data else { return if size > 0 { Err(missing()) } else { Ok(None) } };
    if let Some(encoding) = data.encoding {
        return Err(format!("postData has the encoding {}, which HAR 1.2 does not know", quoted(&encoding)));
    }
    if data.text.is_empty() && !data.params.is_empty() {
        if !data.mime_type.starts_with("application/x-www-form-urlencoded") {
            return Err(format!("the body of type {} is not in the archive", quoted(&data.mime_type)));
        }
        let pair = |Pair { name, value }: &Pair| format!("{}={}", encoded(name), encoded(value));
        return Ok(Some(data.params.iter().map(pair).collect::<Vec<_>>().join("&").into_bytes()));
    }
    if data.text.is_empty() && size > 0 { Err(missing()) } else { Ok(Some(data.text.into_bytes())) }
}

/// As forms are encoded (WHATWG URL, "application/x-www-form-urlencoded serializing"). Archives hold parameters decoded.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b' ' => "+".to_owned(),
        b'*' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests;
