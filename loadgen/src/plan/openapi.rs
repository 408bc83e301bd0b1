//! OpenAPI 3.0 and 3.1 and Swagger 2.0 documents as a mix: one request for each operation, filled from what the document gives.
//!
//! What cannot be filled is an issue with its JSON pointer, or is left out with a note where the plan says so.

mod body;
mod document;
mod parameters;
mod schema;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use self::document::At;
use self::parameters::Filled;
use super::issue::{Issues, Place, PlanIssue, quoted};
use super::message::{self, Draft, Header, check_header_name, header_value};
use super::reader::Item;
use super::request::{MIX_MAX, name_apart};
use super::settings::{Content, Drafts};
use super::source::read_named;
use crate::check::Check;

/// Largest document, in bytes.
const DOCUMENT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Most operations that are left out one by one in the notes.
const LEFT_OUT_MAX: usize = 20;

const METHODS: [&str; 8] = ["get", "head", "post", "put", "patch", "delete", "options", "trace"];
/// API Gateway's extension for every method that has no operation of its own.
const ANY_METHOD: &str = "x-amazon-apigateway-any-method";

/// What a plan may say about a document.
#[derive(Debug, Default)]
pub(super) struct OpenApiOptions {
    /// Those to take; empty: all.
    pub(super) methods: Vec<String>,
    /// In place of the path of the document's server.
    pub(super) base_path: Option<String>,
    /// Leave out operations that cannot be filled.
    pub(super) skip_unfillable: bool,
}

/// `base_path = "/dev"` of a plan file; empty or `/` for none.
pub(super) fn base_path(item: Item<'_>) -> Result<String, PlanIssue> {
    let place = item.place.clone();
    let text = item.string()?;
    let path = text.trim_end_matches('/');
    if !path.is_empty() {
        message::path(path, false).map_err(|message| place.issue(message))?;
    }
    Ok(path.to_owned())
}

/// Reads a document; `named` is where the plan names it.
pub(super) fn load(file: &Path, options: &OpenApiOptions, named: &Place) -> Result<Content, Vec<PlanIssue>> {
    let one = |issue| vec![issue];
    let bytes = read_named(file, DOCUMENT_BYTES_MAX, named).map_err(one)?;
    let root = document::parse(&bytes, &Place::file(file)).map_err(one)?;
    read(&At::root(&root, file), options)
}

fn read(root: &At<'_>, options: &OpenApiOptions) -> Result<Content, Vec<PlanIssue>> {
    let is_swagger = version(root).map_err(|issue| vec![issue])?;
    let mut reading = Reading {
        root,
        is_swagger,
        options,
        issues: Issues::default(),
        drafts: Vec::new(),
        left_out: Vec::new(),
        schemes: BTreeSet::new(),
        any: 0,
    };
    for (path, item) in root.member("paths").iter().flat_map(At::members) {
        if !path.starts_with("x-") {
            reading.path(path, &item);
        }
    }
    reading.finish()
}

/// Whether it is Swagger 2.0.
fn version(root: &At<'_>) -> Result<bool, PlanIssue> {
    let text = |key| match root.value.get(key) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    match (text("openapi"), text("swagger")) {
        (Some(version), _) if version.starts_with("3.0") || version.starts_with("3.1") => Ok(false),
        (None, Some(version)) if version == "2.0" => Ok(true),
        (Some(version), _) | (None, Some(version)) => Err(root
            .place
            .issue(format!("the version {} is not read; 2.0, 3.0 and 3.1 are", quoted(&version)))),
        (None, None) => {
            Err(root.place.issue("no OpenAPI document: there is neither `openapi` nor `swagger`"))
        }
    }
}

struct Reading<'a, 'd> {
    root: &'a At<'d>,
    is_swagger: bool,
    options: &'a OpenApiOptions,
    issues: Issues,
    drafts: Vec<Draft>,
    left_out: Vec<String>,
    /// Security schemes that operations ask for.
    schemes: BTreeSet<&'d str>,
    /// Operations for any method, sent as GET.
    any: usize,
}

impl<'d> Reading<'_, 'd> {
    fn path(&mut self, path: &'d str, item: &At<'d>) {
        let item = match item.resolve() {
            Ok(item) => item,
            Err(issue) => return self.issues.push(issue),
        };
        for method in METHODS {
            if let Some(operation) = item.member(method) {
                self.operation(path, &method.to_ascii_uppercase(), &item, &operation);
            }
        }
        if let Some(operation) = item.member(ANY_METHOD).filter(|_| item.member("get").is_none()) {
            self.any += 1;
            self.operation(path, "GET", &item, &operation);
        }
    }

    fn operation(&mut self, path: &'d str, method: &str, item: &At<'d>, operation: &At<'d>) {
        if !self.options.methods.is_empty() && !self.options.methods.iter().any(|wanted| wanted == method) {
            return;
        }
        match self.draft(path, method, item, operation) {
            Ok(draft) if self.drafts.len() < MIX_MAX => {
                self.schemes.extend(schemes(self.root, operation));
                self.drafts.push(draft);
            }
            Ok(_) => {
                let issue = operation.place.issue(format!("more than {MIX_MAX} operations"));
                self.issues.push(issue.help("`methods = [\"GET\"]` takes fewer"));
            }
            Err(issue) if self.options.skip_unfillable => {
                self.left_out.push(format!("{method} {path} was left out: {}", issue.message));
            }
            Err(issue) => {
                let help =
                    format!("{}`skip_unfillable = true` leaves the operation out", separated(&issue.help));
                self.issues.push(issue.help(help));
            }
        }
    }

    fn draft(
        &self,
        path: &'d str,
        method: &str,
        item: &At<'d>,
        operation: &At<'d>,
    ) -> Result<Draft, PlanIssue> {
        let parameters = parameters(item, operation)?;
        let mut filled = Filled::default();
        let mut body_parameter = None;
        for parameter in &parameters {
            match parameter.text("in") {
                Some("body") => body_parameter = Some(parameter),
                _ => filled.add(parameter)?,
            }
        }
        let body = match self.is_swagger {
            true => body::of_swagger(self.root, operation, body_parameter, &filled.form)?,
            false => body::of_operation(operation)?,
        };
        let target = self.target(path, &filled, item, operation)?;
        let wrong = |message: String| operation.place.issue(message);
        let mut headers: Vec<Header> = Vec::new();
        let mut header = |name: &str, value: &str| {
            check_header_name(name)?;
            headers.push((name.to_owned(), header_value(value, false)?));
            Ok::<_, String>(())
        };
        for (name, value) in &filled.headers {
            header(name, value).map_err(wrong)?;
        }
        if !filled.cookies.is_empty() {
            header("Cookie", &filled.cookies.join("; ")).map_err(wrong)?;
        }
        if let Some(body) = &body {
            header("Content-Type", &body.media_type).map_err(wrong)?;
        }
        let body = body.map(|body| message::body(&body.bytes, false)).transpose().map_err(wrong)?;
        Ok(Draft {
            name: format!("{method} {path}"),
            weight: 1.0,
            method: method.to_owned(),
            path: message::path(&target, false).map_err(wrong)?,
            headers,
            body,
            check: Check { statuses: statuses(operation), ..Check::default() },
        })
    }

    /// Base path, the path with its parameters filled in, and the query.
    fn target(
        &self,
        path: &str,
        filled: &Filled<'d>,
        item: &At<'d>,
        operation: &At<'d>,
    ) -> Result<String, PlanIssue> {
        let mut target = match &self.options.base_path {
            Some(base) => base.clone(),
            None if self.is_swagger => {
                self.root.text("basePath").unwrap_or_default().trim_end_matches('/').to_owned()
            }
            None => server_path(operation, item, self.root)?,
        };
        let mut rest = path;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) =
                after.split_once('}').ok_or_else(|| item.place.issue("a `{` without `}` in the path"))?;
            // API Gateway writes a parameter for the rest of the path as `{proxy+}`, and names it `proxy`.
            let bare = name.trim_end_matches('+');
            let value = filled.path.iter().find(|(known, _)| *known == bare || *known == name);
            let Some((_, value)) = value else {
                let message = format!("the path parameter {} is not described", quoted(name));
                return Err(operation.place.issue(message));
            };
            target.push_str(before);
            target.push_str(value);
            rest = after;
        }
        target.push_str(rest);
        if !filled.query.is_empty() {
            target.push(if target.contains('?') { '&' } else { '?' });
            target.push_str(&filled.query.join("&"));
        }
        Ok(target)
    }

    fn finish(mut self) -> Result<Content, Vec<PlanIssue>> {
        if self.issues.is_empty() && self.drafts.is_empty() {
            let place = self.root.member("paths").map_or(self.root.place.clone(), |paths| paths.place);
            let left_out = self.left_out.len();
            self.issues.push(place.issue(format!("no operation to send ({left_out} could not be filled)")));
        }
        if !self.issues.is_empty() {
            return Err(self.issues.into_list());
        }
        let mut notes = self.left_out;
        if notes.len() > LEFT_OUT_MAX {
            let more = notes.len() - LEFT_OUT_MAX;
            notes.truncate(LEFT_OUT_MAX);
            notes.push(format!("{more} more operations were left out"));
        }
        if self.any > 0 {
            notes.push(format!("{} operations for any method are sent as GET", self.any));
        }
        if !self.schemes.is_empty() {
            let names: Vec<&str> = self.schemes.iter().copied().collect();
            notes.push(format!(
                "the document asks for {}: credentials are sent only if the plan's headers have them",
                names.join(", ")
            ));
        }
        name_apart(&mut self.drafts);
        Ok(Content { drafts: Drafts::Mix(self.drafts), notes })
    }
}

fn separated(help: &str) -> String {
    if help.is_empty() { String::new() } else { format!("{help}; ") }
}

/// Those of the operation, and those of the path that it does not override (same name and place).
fn parameters<'d>(item: &At<'d>, operation: &At<'d>) -> Result<Vec<At<'d>>, PlanIssue> {
    let list = |at: &At<'d>| {
        at.member("parameters")
            .iter()
            .flat_map(At::items)
            .map(|at| at.resolve())
            .collect::<Result<Vec<_>, _>>()
    };
    let own = list(operation)?;
    let key = |at: &At<'d>| (at.text("name"), at.text("in"));
    let mut all: Vec<At<'d>> = list(item)?;
    all.retain(|shared| own.iter().all(|at| key(at) != key(shared)));
    all.extend(own);
    Ok(all)
}

/// The path of the first server of the operation, the path item, or the document; its variables have their defaults.
fn server_path(operation: &At<'_>, item: &At<'_>, root: &At<'_>) -> Result<String, PlanIssue> {
    let first = |at: &At<'_>| at.value["servers"].get(0).is_some();
    let Some(holder) = [operation, item, root].into_iter().find(|at| first(at)) else {
        return Ok(String::new());
    };
    let Some(server) = holder.member("servers").and_then(|servers| servers.items().into_iter().next()) else {
        return Ok(String::new());
    };
    let mut url = server.text("url").unwrap_or_default().to_owned();
    for (name, variable) in server.member("variables").iter().flat_map(At::members) {
        let default = variable.value.get("default");
        let default = default.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        let default = default.ok_or_else(|| variable.place.issue("a server variable without a `default`"))?;
        url = url.replace(&format!("{{{name}}}"), &default);
    }
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |start| &rest[start..]),
        None => url.as_str(),
    };
    let path = path.trim_end_matches('/');
    if path.is_empty() || path.starts_with('/') && !path.contains(['{', '?', '#']) {
        return Ok(path.to_owned());
    }
    let issue =
        server.place.issue(format!("the server {} has no path that requests could begin with", quoted(&url)));
    Err(issue.help("say it with `base_path`"))
}

/// Listed statuses below 400; with none of them, or with `default` alone, every status below 400.
fn statuses(operation: &At<'_>) -> Vec<u16> {
    let responses = operation.member("responses");
    let mut statuses = Vec::new();
    for (key, _) in responses.iter().flat_map(At::members) {
        match key.as_bytes() {
            [class @ b'1'..=b'3', b'X' | b'x', b'X' | b'x'] => {
                let first = u16::from(class - b'0') * 100;
                statuses.extend(first..first + 100);
            }
            _ => statuses.extend(key.parse::<u16>().ok().filter(|status| (100..400).contains(status))),
        }
    }
    statuses
}

/// Names of the security schemes of an operation; none where it may be called without.
fn schemes<'d>(root: &At<'d>, operation: &At<'d>) -> Vec<&'d str> {
    let Some(security) = operation.member("security").or_else(|| root.member("security")) else {
        return Vec::new();
    };
    let choices = security.items();
    if choices.iter().any(|choice| choice.members().is_empty()) {
        return Vec::new();
    }
    choices
        .first()
        .map(|choice| choice.members().into_iter().map(|(name, _)| name).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
