//! `apiKeys` and `apiKeysFile` of a usage file. No issue shows a value.

use std::path::Path;
use std::sync::Arc;

use ringway_core::model::ApiKey;

use super::plans::is_usage_id;
use super::{KeyEntry, UsageFile};
use crate::api_file::{Reader, beside};
use crate::api_keys_csv::{KeyRow, KeysFile};
use crate::cursor::Cursor;
use crate::document::Value;
use crate::issue::{Issue, Issues, Place, quoted};
use crate::stable_id::stable_id;

const KEYS: [&str; 6] = ["id", "name", "description", "value", "enabled", "usagePlanIds"];

/// Bytes of a file of keys: more than a million of them.
pub(crate) const KEYS_FILE_BYTES: usize = 256 * 1024 * 1024;
/// Characters of a name at most (tables.md §8.8).
const NAME_LENGTH: usize = 1024;
/// Characters of a value at least, and at most (tables.md §9.6).
const VALUE_LENGTH: std::ops::RangeInclusive<usize> = 20..=128;
/// Usage plans of a key at most (tables.md §9.6).
const PLANS_OF_A_KEY: usize = 10;

pub(super) fn read(issues: &mut Issues<'_>, root: &Cursor<'_>, reader: Reader<'_>, usage: &mut UsageFile) {
    if let Some(cursor) = root.get("apiKeys") {
        for (index, item) in issues.sequence(&cursor).unwrap_or_default().iter().enumerate() {
            usage.keys.extend(key(issues, item, index));
        }
    }
    if let Some(cursor) = root.get("apiKeysFile")
        && let Some(name) = issues.string(&cursor)
    {
        let path = beside(issues.file(), name);
        match reader(&path) {
            Ok(text) => issues.extend(keys_file(&text, &path, usage)),
            Err(error) => issues.at_with_help(
                &cursor,
                format!("cannot read {}: {error}", path.display()),
                "`apiKeysFile` names a file of API keys in AWS's CSV form, relative to this file",
            ),
        }
        usage.files.push(path);
    }
}

fn key(issues: &mut Issues<'_>, cursor: &Cursor<'_>, index: usize) -> Option<KeyEntry> {
    issues.mapping(cursor)?;
    issues.known_keys(cursor, &KEYS);
    let id = issues.required(cursor, "id");
    let line = id.as_ref().unwrap_or(cursor).key_place(issues.file()).line;
    let id = id.and_then(|id| issues.usage_id(&id));
    let name = issues.required(cursor, "name").and_then(|name| key_name(issues, &name));
    let description = cursor.get("description").and_then(|text| issues.string(&text)).map(Box::from);
    let value = issues.required(cursor, "value").and_then(|value| key_value(issues, &value));
    let enabled = cursor.get("enabled").and_then(|enabled| issues.boolean(&enabled)).unwrap_or(true);
    let usage_plans = usage_plans(issues, cursor);
    let key = ApiKey { id: id?, value: value?, enabled, usage_plans };
    Some(KeyEntry { key: Arc::new(key), name: name?, description, file: 0, line, index: Some(index) })
}

fn key_name(issues: &mut Issues<'_>, cursor: &Cursor<'_>) -> Option<Box<str>> {
    let name = issues.string(cursor)?;
    if name.chars().count() > NAME_LENGTH {
        issues.at(cursor, "Invalid API Key name, can be at most 1024 characters.");
        return None;
    }
    Some(name.into())
}

fn key_value(issues: &mut Issues<'_>, cursor: &Cursor<'_>) -> Option<Box<str>> {
    let Value::String(value) = &cursor.node().value else {
        // What it is instead may be the secret too.
        issues.at(cursor, "expected a string");
        return None;
    };
    match value_problem(value) {
        None => Some(value.as_str().into()),
        Some(problem) => {
            issues.at(cursor, problem);
            None
        }
    }
}

/// What is wrong with a value, if anything, without showing it. Header values have no other characters than those of ASCII that can be
/// seen: a key with any other could not be sent.
pub(crate) fn value_problem(value: &str) -> Option<String> {
    let (least, most) = (VALUE_LENGTH.start(), VALUE_LENGTH.end());
    if !VALUE_LENGTH.contains(&value.chars().count()) {
        return Some(format!("the value of an API key has {least} to {most} characters"));
    }
    let is_sendable = value.bytes().all(|byte| byte.is_ascii_graphic());
    (!is_sendable).then(|| {
        "the value of an API key has ASCII letters, digits and punctuation, and no blanks".to_owned()
    })
}

fn usage_plans(issues: &mut Issues<'_>, key: &Cursor<'_>) -> Vec<String> {
    let Some(cursor) = key.get("usagePlanIds") else { return Vec::new() };
    let items = issues.sequence(&cursor).unwrap_or_default();
    let plans: Vec<String> = items.iter().filter_map(|item| issues.string(item)).map(str::to_owned).collect();
    if let Some(problem) = plans_problem(&plans) {
        issues.at(&cursor, problem);
    }
    plans
}

fn plans_problem(plans: &[String]) -> Option<String> {
    let twice = plans.iter().enumerate().find(|(index, plan)| plans[..*index].contains(plan));
    match twice {
        Some((_, plan)) => Some(format!("the usage plan {} is there twice", quoted(plan))),
        None if plans.len() > PLANS_OF_A_KEY => {
            Some(format!("{} usage plans; a key has at most {PLANS_OF_A_KEY}", plans.len()))
        }
        None => None,
    }
}

/// Adds the keys of a file, and answers its issues. AWS asks for 30 characters in such files and for 20 elsewhere (tables.md §9.6): here
/// it is 20 everywhere.
fn keys_file(text: &str, path: &Path, usage: &mut UsageFile) -> Vec<Issue> {
    let mut issues = Issues::new(path);
    if text.len() > KEYS_FILE_BYTES {
        let message = format!("the file has more than {KEYS_FILE_BYTES} bytes");
        return vec![Issue::whole_file(path, message)];
    }
    let rows = match KeysFile::new(text) {
        Ok(rows) => rows,
        Err(name) => return vec![Issue::whole_file(path, format!("the file has no column {name}"))],
    };
    let file = usage.files.len();
    for row in rows {
        let line = row.line;
        match key_of(row, file) {
            Ok(entry) => usage.keys.push(entry),
            Err(problem) => {
                let place = Place { file: path.to_owned(), line, column: 1, pointer: String::new() };
                issues.push(Issue::new(place, problem));
            }
        }
    }
    issues.into_list()
}

/// Without a column `Id`, the id comes from the name: a key whose value is changed keeps its usage, and the id tells nothing of the
/// value.
fn key_of(row: KeyRow, file: usize) -> Result<KeyEntry, String> {
    let KeyRow { line, name, value, description, enabled, usage_plan_ids, id } = row;
    if let Some(problem) = value_problem(&value).or_else(|| plans_problem(&usage_plan_ids)) {
        return Err(problem);
    }
    if name.chars().count() > NAME_LENGTH {
        return Err("Invalid API Key name, can be at most 1024 characters.".to_owned());
    }
    if !id.is_empty() && !is_usage_id(&id) {
        return Err("Id is no id: 1 to 128 characters of `[A-Za-z0-9_-]`".to_owned());
    }
    let id = if id.is_empty() { stable_id(&["API key", &name]) } else { id };
    let description = Some(description).filter(|text| !text.is_empty()).map(Box::from);
    let key = ApiKey { id, value: value.into(), enabled: enabled?, usage_plans: usage_plan_ids };
    Ok(KeyEntry { key: Arc::new(key), name: name.into(), description, file, line, index: None })
}
