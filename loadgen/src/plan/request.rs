//! `[[requests]]` of a plan file.

use super::issue::{Issues, Place, PlanIssue, quoted};
use super::message::{
    self, BODY_BYTES_MAX, Draft, HEADERS_MAX, Header, check_header_name, check_method, header_value,
};
use super::reader::{Item, Table};
use super::{Part, source};
use crate::check::{BodyCheck, Check};

/// Most requests of a mix: each has histograms of its own in the report.
pub(super) const MIX_MAX: usize = 1_000;

/// Reads the list of requests.
pub(super) fn read_all(item: Item<'_>, issues: &mut Issues) -> Vec<Draft> {
    let place = item.place.clone();
    let Some(items) = issues.keep(item.list()) else { return Vec::new() };
    if items.is_empty() || items.len() > MIX_MAX {
        issues.push(place.issue(format!("{} requests; a plan has 1 to {MIX_MAX}", items.len())));
        return Vec::new();
    }
    let mut drafts: Vec<Draft> = items.into_iter().filter_map(|item| read(item, issues)).collect();
    name_apart(&mut drafts);
    drafts
}

/// Numbers names that are there twice, so that the report can tell them apart.
pub(super) fn name_apart(drafts: &mut [Draft]) {
    let mut seen = std::collections::HashMap::new();
    for draft in drafts {
        let count = seen.entry(draft.name.clone()).or_insert(0);
        *count += 1;
        if *count > 1 {
            draft.name = format!("{} #{count}", draft.name);
        }
    }
}

fn read(item: Item<'_>, issues: &mut Issues) -> Option<Draft> {
    let mut table = issues.keep(item.table())?;
    let is_template = table.read("template", issues, Item::boolean).unwrap_or(true);
    let name = table.read("name", issues, Item::string);
    let weight = table.read("weight", issues, weight);
    let body = body(&mut table, is_template, issues);
    let method = table.read("method", issues, |item| {
        let place = item.place.clone();
        let method = item.string()?;
        check_method(&method).map(|()| method).map_err(|message| place.issue(message))
    });
    let method = method.unwrap_or_else(|| if body.is_some() { "POST" } else { "GET" }.to_owned());
    let headers = table.read("headers", issues, Item::table);
    let headers = headers.map(|table| read_headers(table, is_template, issues)).unwrap_or_default();
    let place = table.place.clone();
    let path = match table.take("path") {
        None => {
            issues.push(place.issue("a request needs a `path`"));
            None
        }
        Some(item) => issues.keep(path(item, is_template)),
    };
    let check = table.take("expect").and_then(|item| read_check(item, method == "HEAD", issues));
    table.finish(issues);
    let (path_text, path) = path?;
    Some(Draft {
        name: name.unwrap_or_else(|| format!("{method} {path_text}")),
        weight: weight.unwrap_or(1.0),
        method,
        path,
        headers,
        body,
        check: check.unwrap_or_default(),
    })
}

fn path(item: Item<'_>, is_template: bool) -> Result<(String, Vec<Part>), PlanIssue> {
    let place = item.place.clone();
    let text = item.string()?;
    let parts = message::path(&text, is_template).map_err(|message| place.issue(message))?;
    Ok((text, parts))
}

fn weight(item: Item<'_>) -> Result<f64, PlanIssue> {
    let place = item.place.clone();
    match item.number()? {
        weight if weight > 0.0 && weight <= 1e9 => Ok(weight),
        weight => Err(place.issue(format!("the weight {weight} is not above 0 and at most 1,000,000,000"))),
    }
}

/// `body` or `body_file`, which counts from the plan file's directory.
fn body(table: &mut Table<'_>, is_template: bool, issues: &mut Issues) -> Option<Vec<Part>> {
    let body = table.read_placed("body", issues, Item::string);
    let file = table.read_placed("body_file", issues, Item::string);
    let (place, bytes) = match (body, file) {
        (None, None) => return None,
        (Some(_), Some(file)) => {
            issues.push(file.place.issue("a request has `body` or `body_file`, not both"));
            return None;
        }
        (Some(body), None) => (body.place, body.value.into_bytes()),
        (None, Some(file)) => {
            let path = source::beside(&file.place, &file.value);
            (file.place.clone(), issues.keep(source::read_named(&path, BODY_BYTES_MAX as u64, &file.place))?)
        }
    };
    issues.keep(message::body(&bytes, is_template).map_err(|message| place.issue(message)))
}

/// `{ name = "value", name = ["value", "value"] }`
pub(super) fn read_headers(table: Table<'_>, is_template: bool, issues: &mut Issues) -> Vec<Header> {
    let mut headers = Vec::new();
    let place = table.place.clone();
    for (name, item) in table.into_members() {
        let place = item.place.clone();
        if let Err(message) = check_header_name(&name) {
            issues.push(place.issue(message));
            continue;
        }
        for value in issues.keep(item.strings()).unwrap_or_default() {
            let value = header_value(&value, is_template).map_err(|message| place.issue(message));
            headers.extend(issues.keep(value).map(|value| (name.clone(), value)));
        }
    }
    if headers.len() > HEADERS_MAX {
        issues.push(place.issue(format!("{} headers; {HEADERS_MAX} is the most", headers.len())));
    }
    headers
}

/// `expect = { status, headers, body | body_length | body_sha256 | body_contains | json }`
fn read_check(item: Item<'_>, is_head: bool, issues: &mut Issues) -> Option<Check> {
    let mut table = issues.keep(item.table())?;
    let mut check = Check {
        statuses: table.read("status", issues, statuses).unwrap_or_default(),
        headers: table.read("headers", issues, expected_headers).unwrap_or_default(),
        body: None,
    };
    let bodies: [(Option<Place>, Option<BodyCheck>); 5] = [
        kind(&mut table, "body", issues, |item| {
            item.string().map(|text| BodyCheck::Exact(text.into_bytes()))
        }),
        kind(&mut table, "body_length", issues, |item| item.integer(0..=u64::MAX).map(BodyCheck::Length)),
        kind(&mut table, "body_sha256", issues, sha256),
        kind(&mut table, "body_contains", issues, contains),
        kind(&mut table, "json", issues, json),
    ];
    let mut given = bodies.into_iter().filter_map(|(place, body)| place.map(|place| (place, body)));
    if let Some((place, body)) = given.next() {
        if is_head {
            issues.push(place.issue("the answer to HEAD has no body that could be checked"));
        }
        check.body = body;
    }
    for (place, _) in given {
        let message =
            "only one of `body`, `body_length`, `body_sha256`, `body_contains` and `json` is checked";
        issues.push(place.issue(message).help("keep one of them"));
    }
    table.finish(issues);
    Some(check)
}

fn kind<'t>(
    table: &mut Table<'t>,
    key: &'static str,
    issues: &mut Issues,
    read: impl FnOnce(Item<'t>) -> Result<BodyCheck, PlanIssue>,
) -> (Option<Place>, Option<BodyCheck>) {
    let Some(item) = table.take(key) else { return (None, None) };
    (Some(item.place.clone()), issues.keep(read(item)))
}

/// `200`, `"2xx"`, or a list of them.
fn statuses(item: Item<'_>) -> Result<Vec<u16>, PlanIssue> {
    let items = if item.is_list() { item.list()? } else { vec![item] };
    let mut statuses = Vec::new();
    for item in items {
        if !item.is_string() {
            statuses.push(item.integer(100..=599)? as u16);
            continue;
        }
        let place = item.place.clone();
        let text = item.string()?;
        match text.as_bytes() {
            [class @ b'1'..=b'5', b'x' | b'X', b'x' | b'X'] => {
                let first = u16::from(class - b'0') * 100;
                statuses.extend(first..first + 100);
            }
            _ => {
                return Err(
                    place.issue(format!("{} is no class of statuses; write `\"2xx\"`", quoted(&text)))
                );
            }
        }
    }
    Ok(statuses)
}

/// `{ name = "exact value", other = true }`; `true` means that it is there.
fn expected_headers(item: Item<'_>) -> Result<Vec<(String, Option<String>)>, PlanIssue> {
    let member = |(name, item): (String, Item<'_>)| {
        let place = item.place.clone();
        let name = name.to_ascii_lowercase();
        if !item.is_boolean() {
            return item.string().map(|value| (name, Some(value)));
        }
        match item.boolean()? {
            true => Ok((name, None)),
            false => Err(place.issue("`false` is not checked; `true` says that the header is there")),
        }
    };
    item.table()?.into_members().into_iter().map(member).collect()
}

fn contains(item: Item<'_>) -> Result<BodyCheck, PlanIssue> {
    let place = item.place.clone();
    match item.string()?.into_bytes() {
        text if text.is_empty() => Err(place.issue("every body contains the empty text")),
        text => Ok(BodyCheck::Contains(text)),
    }
}

fn sha256(item: Item<'_>) -> Result<BodyCheck, PlanIssue> {
    let place = item.place.clone();
    let text = item.string()?;
    let mut hash = [0; 32];
    let is_hex = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex {
        return Err(place.issue("a SHA-256 is 64 hexadecimal digits, as `sha256sum` prints them"));
    }
    for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0) as u8;
        *byte = digit(digits[0]) << 4 | digit(digits[1]);
    }
    Ok(BodyCheck::Sha256(hash))
}

fn json(item: Item<'_>) -> Result<BodyCheck, PlanIssue> {
    let mut table = item.table()?;
    let place = table.place.clone();
    let mut issues = Issues::default();
    let pointer = table.read_placed("pointer", &mut issues, Item::string);
    let value = table.read("value", &mut issues, Item::json);
    table.finish(&mut issues);
    if let Some(issue) = issues.into_list().into_iter().next() {
        return Err(issue);
    }
    match (pointer, value) {
        (Some(pointer), Some(value)) if pointer.value.is_empty() || pointer.value.starts_with('/') => {
            Ok(BodyCheck::Json { pointer: pointer.value, value })
        }
        (Some(pointer), Some(_)) => Err(pointer.place.issue(format!(
            "{} is no JSON pointer; it begins with `/` (RFC 6901), or is empty for the whole body",
            quoted(&pointer.value)
        ))),
        _ => Err(place.issue("`json` needs `pointer` and `value`, like `{ pointer = \"/id\", value = 7 }`")),
    }
}
