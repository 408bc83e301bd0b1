//! What is different between two REST APIs, by route: for people as lines, for programs as JSON.

mod properties;

use std::collections::HashMap;
use std::fmt;

use ringway_core::model::RestApi;

use crate::json::Json;
use properties::Properties;

/// Something that is different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What became of it.
    pub kind: ChangeKind,
    /// `GET /pets`, `model Pet`, `API`, …
    pub subject: String,
    /// What is different in it; empty for what was added or removed.
    pub details: Vec<Detail>,
}

/// What became of a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// Only the new API has it.
    Added,
    /// Only the old API has it.
    Removed,
    /// It is different.
    Changed,
}

/// One property that is different; an absent value is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// `integration uri`, `request template application/json`, …
    pub what: String,
    /// Before.
    pub old: Option<String>,
    /// After.
    pub new: Option<String>,
}

/// What makes `new` of `old`, thing by thing: those of the old API in its order, then those that only the new one has. The order of
/// things themselves (of routes, of models) means nothing and is not compared.
pub fn diff(old: &RestApi, new: &RestApi) -> Vec<Change> {
    let (old, new) = (properties::things(old), properties::things(new));
    let old_by_subject: HashMap<&String, &Properties> =
        old.iter().map(|(subject, list)| (subject, list)).collect();
    let new_by_subject: HashMap<&String, &Properties> =
        new.iter().map(|(subject, list)| (subject, list)).collect();
    let mut changes = Vec::new();
    for (subject, before) in &old {
        match new_by_subject.get(subject) {
            Some(after) => {
                let details = details(before, after);
                if !details.is_empty() {
                    changes.push(Change { kind: ChangeKind::Changed, subject: subject.clone(), details });
                }
            }
            None => changes.push(whole(ChangeKind::Removed, subject)),
        }
    }
    let added = new.iter().filter(|(subject, _)| !old_by_subject.contains_key(subject));
    changes.extend(added.map(|(subject, _)| whole(ChangeKind::Added, subject)));
    changes
}

fn whole(kind: ChangeKind, subject: &str) -> Change {
    Change { kind, subject: subject.to_owned(), details: Vec::new() }
}

fn details(before: &Properties, after: &Properties) -> Vec<Detail> {
    let find = |list: &Properties, what: &str| {
        list.iter().find(|(other, _)| other == what).map(|(_, value)| value.clone())
    };
    let mut details = Vec::new();
    for (what, value) in before {
        let new = find(after, what);
        if new.as_ref() != Some(value) {
            details.push(Detail { what: what.clone(), old: Some(value.clone()), new });
        }
    }
    for (what, value) in after {
        if find(before, what).is_none() {
            details.push(Detail { what: what.clone(), old: None, new: Some(value.clone()) });
        }
    }
    details
}

/// `+ GET /pets`, `- GET /pets`, `~ GET /pets: integration uri http://a -> http://b`, one detail a line.
impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = &self.subject;
        match self.kind {
            ChangeKind::Added => write!(formatter, "+ {subject}"),
            ChangeKind::Removed => write!(formatter, "- {subject}"),
            ChangeKind::Changed => {
                for (index, detail) in self.details.iter().enumerate() {
                    let line_end = if index > 0 { "\n" } else { "" };
                    write!(formatter, "{line_end}~ {subject}: {detail}")?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<String>| value.as_deref().map_or_else(|| "(none)".to_owned(), shortened);
        write!(formatter, "{} {} -> {}", self.what, shown(&self.old), shown(&self.new))
    }
}

/// A value in one line that a terminal shows; templates and schemas are longer.
fn shortened(value: &str) -> String {
    const SHOWN_MAX: usize = 120;
    let mut shown = String::new();
    for (count, character) in value.chars().enumerate() {
        if count == SHOWN_MAX {
            shown.push('…');
            break;
        }
        match character {
            character if character.is_control() => shown.extend(character.escape_default()),
            character => shown.push(character),
        }
    }
    if shown.is_empty() { "(empty)".to_owned() } else { shown }
}

/// The changes as JSON: `[{"change":"changed","subject":"GET /pets","details":[{"what":…,"old":…,"new":…}]}]`.
pub fn to_json(changes: &[Change]) -> Json {
    let value = |value: &Option<String>| value.as_deref().map_or(Json::Null, Json::from);
    let detail = |detail: &Detail| {
        let mut members = Json::object();
        members.insert("what", &*detail.what);
        members.insert("old", value(&detail.old));
        members.insert("new", value(&detail.new));
        members
    };
    let change = |change: &Change| {
        let mut members = Json::object();
        members.insert(
            "change",
            match change.kind {
                ChangeKind::Added => "added",
                ChangeKind::Removed => "removed",
                ChangeKind::Changed => "changed",
            },
        );
        members.insert("subject", &*change.subject);
        members.insert("details", change.details.iter().map(detail).collect::<Vec<Json>>());
        members
    };
    Json::Array(changes.iter().map(change).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_for_each_detail() {
        let detail = |what: &str, old: Option<&str>, new: Option<&str>| Detail {
            what: what.into(),
            old: old.map(str::to_owned),
            new: new.map(str::to_owned),
        };
        let change = Change {
            kind: ChangeKind::Changed,
            subject: "POST /pets".into(),
            details: vec![
                detail("integration uri", Some("http://a/"), Some("http://b/")),
                detail("request template text/plain", None, Some("a\nb")),
            ],
        };
        assert_eq!(
            change.to_string(),
            "~ POST /pets: integration uri http://a/ -> http://b/\n\
             ~ POST /pets: request template text/plain (none) -> a\\nb"
        );
        assert_eq!(
            to_json(&[whole(ChangeKind::Added, "GET /")]).to_compact(),
            r#"[{"change":"added","subject":"GET /","details":[]}]"#
        );
        assert_eq!(shortened(&"é".repeat(200)).chars().count(), 121);
    }
}
