//! Plan files, and plans made from the command line alone.

use std::path::Path;

use super::access_log::{self, AccessLogOptions};
use super::har::{self, HarOptions};
use super::issue::{Issues, Place, PlanIssue, quoted};
use super::message::{self, Draft, Header, check_method};
use super::openapi::{self, OpenApiOptions};
use super::reader::{self, Item, Table};
use super::settings::{Content, Drafts, Settings};
use super::source::{SourceTable, expect, methods, read_named};
use super::{Overrides, Plan, Source, request, url};
use crate::check::Check;

/// Largest plan file, in bytes.
const PLAN_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A plan file that has been read, with everything it names.
#[derive(Debug)]
pub struct PlanFile {
    place: Place,
    settings: Settings,
    headers: Vec<Header>,
    content: Content,
}

/// Reads a plan file, and the documents, recordings and bodies that it names.
///
/// # Errors
/// Everything that is wrong, in the order of the lines.
pub fn load(path: &Path) -> Result<PlanFile, Vec<PlanIssue>> {
    let place = Place::file(path);
    let bytes = match std::fs::exists(path) {
        Ok(false) => return Err(vec![place.issue("there is no such file").missing()]),
        _ => read_named(path, PLAN_BYTES_MAX, &place).map_err(|issue| vec![issue])?,
    };
    let text =
        String::from_utf8(bytes).map_err(|_| vec![place.issue("not valid TOML: the file is not UTF-8")])?;
    let mut table = reader::parse(path, &text)?;
    let mut issues = Issues::default();
    let mut settings = Settings::read(&mut table, &mut issues);
    let headers = table.read("headers", &mut issues, Item::table);
    let headers = headers.map(|table| request::read_headers(table, true, &mut issues)).unwrap_or_default();
    let content = read_content(&mut table, &mut settings, &mut issues);
    table.finish(&mut issues);
    match content {
        Some(content) if issues.is_empty() => Ok(PlanFile { place, settings, headers, content }),
        _ => Err(issues.into_list()),
    }
}

/// The one place that requests come from.
fn read_content(table: &mut Table<'_>, settings: &mut Settings, issues: &mut Issues) -> Option<Content> {
    const KEYS: [&str; 4] = ["requests", "openapi", "har", "access_log"];
    let mut given: Vec<(&str, Item<'_>)> =
        KEYS.into_iter().filter_map(|key| Some((key, table.take(key)?))).collect();
    let Some((key, item)) = given.pop() else {
        let issue = table.place.issue("the plan sends nothing");
        issues.push(issue.help("write `[[requests]]`, or name a file with `openapi`, `har` or `access_log`"));
        return None;
    };
    for (other, item) in given {
        issues.push(item.place.issue(format!(
            "a plan has one source of requests, and this one has `{key}` as well as `{other}`"
        )));
    }
    if key == "requests" {
        let drafts = request::read_all(item, issues);
        return Some(Content { drafts: Drafts::Mix(drafts), notes: Vec::new() });
    }
    let mut source = SourceTable::read(item, issues)?;
    let methods = source.value("methods", issues, methods).unwrap_or_default();
    if key == "openapi" {
        let options = OpenApiOptions {
            methods,
            base_path: source.value("base_path", issues, openapi::base_path),
            skip_unfillable: source.value("skip_unfillable", issues, Item::boolean).unwrap_or(false),
        };
        let (file, place) = (source.file.clone(), source.place.clone());
        source.finish(issues);
        return keep_all(openapi::load(&file, &options, &place), issues);
    }
    settings.speed = source.table.as_mut().and_then(|table| table.read_placed("speed", issues, Item::number));
    let expect = source.value("expect", issues, expect).unwrap_or_default();
    let skip_unreadable = source.value("skip_unreadable", issues, Item::boolean).unwrap_or(false);
    let hosts = match key {
        "har" => source.value("hosts", issues, Item::strings).unwrap_or_default(),
        _ => Vec::new(),
    };
    let (file, place) = (source.file.clone(), source.place.clone());
    source.finish(issues);
    match key {
        "har" => keep_all(
            har::load(&file, &HarOptions { methods, expect, skip_unreadable, hosts }, &place),
            issues,
        ),
        _ => keep_all(
            access_log::load(&file, &AccessLogOptions { methods, expect, skip_unreadable }, &place),
            issues,
        ),
    }
}

fn keep_all<T>(result: Result<T, Vec<PlanIssue>>, issues: &mut Issues) -> Option<T> {
    result.map_err(|list| issues.extend(list)).ok()
}

impl PlanFile {
    /// The complete plan, with what the command line says.
    ///
    /// # Errors
    /// Everything that does not fit together, at the place that said it.
    pub fn into_plan(self, overrides: &Overrides) -> Result<Plan, Vec<PlanIssue>> {
        let mut issues = Issues::default();
        let given = [
            ("--method", overrides.method.is_some()),
            ("--body", overrides.body.is_some()),
            ("--openapi, --har or --access-log", overrides.source.is_some()),
        ];
        for (option, _) in given.into_iter().filter(|(_, is_given)| *is_given) {
            issues.push(
                Place::command_line(option)
                    .issue("the plan file says what is sent")
                    .help("leave the option out, or the plan file"),
            );
        }
        if !issues.is_empty() {
            return Err(issues.into_list());
        }
        Settings::of(overrides).or(self.settings).into_plan(
            self.content,
            self.headers,
            overrides,
            &self.place,
        )
    }
}

/// A plan without a file: one request to `url`, or the document or recording that the options name, sent to the target `url`. For an
/// OpenAPI document the path of `url`, if it has one, takes the place of the path of the document's server.
///
/// # Errors
/// Everything that is wrong with the options.
pub fn from_command_line(url: &str, overrides: &Overrides) -> Result<Plan, Vec<PlanIssue>> {
    let place = Place::command_line("--url");
    let (target, path) = url::parse(url).map_err(|message| vec![place.issue(message)])?;
    let settings =
        |target: &str| Settings::of(&Overrides { target: Some(target.to_owned()), ..overrides.clone() });
    let Some(source) = &overrides.source else {
        let draft = one_request(&path, overrides)?;
        let content = Content { drafts: Drafts::Mix(vec![draft]), notes: Vec::new() };
        return settings(&target.url).into_plan(content, Vec::new(), overrides, &place);
    };
    let given = [("--method", overrides.method.is_some()), ("--body", overrides.body.is_some())];
    if let Some((option, _)) = given.into_iter().find(|(_, is_given)| *is_given) {
        return Err(vec![Place::command_line(option).issue("the document or recording says what is sent")]);
    }
    let content = match source {
        Source::OpenApi(file) => {
            let base_path = Some(path.trim_end_matches('/').to_owned()).filter(|path| !path.is_empty());
            if let Some(Err(message)) = base_path.as_ref().map(|path| message::path(path, false)) {
                return Err(vec![place.issue(message)]);
            }
            let options = OpenApiOptions { base_path, ..OpenApiOptions::default() };
            openapi::load(file, &options, &Place::command_line("--openapi"))?
        }
        _ if path != "/" => {
            let message = format!("a replay has its own paths; leave out {}", quoted(&path));
            return Err(vec![place.issue(message)]);
        }
        Source::Har(file) => har::load(file, &HarOptions::default(), &Place::command_line("--har"))?,
        Source::AccessLog(file) => {
            access_log::load(file, &AccessLogOptions::default(), &Place::command_line("--access-log"))?
        }
    };
    settings(&target.url).into_plan(content, Vec::new(), overrides, &place)
}

fn one_request(path: &str, overrides: &Overrides) -> Result<Draft, Vec<PlanIssue>> {
    let mut issues = Issues::default();
    let body = overrides.body.as_deref().and_then(|bytes| {
        let place = Place::command_line("--body");
        issues.keep(message::body(bytes, true).map_err(|message| place.issue(message)))
    });
    let method =
        overrides.method.clone().unwrap_or_else(|| if body.is_some() { "POST" } else { "GET" }.to_owned());
    issues.keep(check_method(&method).map_err(|message| Place::command_line("--method").issue(message)));
    let parts = message::path(path, true).map_err(|message| Place::command_line("--url").issue(message));
    match issues.keep(parts) {
        Some(parts) if issues.is_empty() => Ok(Draft {
            name: format!("{method} {path}"),
            weight: 1.0,
            method,
            path: parts,
            headers: Vec::new(),
            body,
            check: Check::default(),
        }),
        _ => Err(issues.into_list()),
    }
}

#[cfg(test)]
mod tests;
