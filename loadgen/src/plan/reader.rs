//! Reads TOML strictly: every value with its line, every key that nobody asked for an issue.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::issue::{Issues, Place, PlanIssue, quoted};
use super::quantity::parse_duration;

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

/// A value that has not been read yet.
pub(super) struct Item<'t> {
    pub(super) place: Place,
    value: DeValue<'t>,
    lines: Rc<[usize]>,
}

/// A table of which some keys have been read.
pub(super) struct Table<'t> {
    pub(super) place: Place,
    items: BTreeMap<String, Item<'t>>,
    asked: Vec<&'static str>,
}

/// Parses a document; reports every syntax error.
pub(super) fn parse<'t>(path: &Path, text: &'t str) -> Result<Table<'t>, Vec<PlanIssue>> {
    let place = Place::file(path);
    let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(offset, _)| offset);
    let lines: Rc<[usize]> = breaks.collect();
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(Table::new(place, table.into_inner(), &lines));
    }
    let mut issues = Issues::default();
    for error in &errors {
        let line = error.span().map_or(1, |span| line_of(&lines, span.start));
        issues.push(place.at_line(line).issue(format!("not valid TOML: {}", error.message())));
    }
    Err(issues.into_list())
}

fn line_of(lines: &[usize], offset: usize) -> usize {
    lines.partition_point(|end| *end < offset) + 1
}

impl<'t> Table<'t> {
    fn new(place: Place, table: DeTable<'t>, lines: &Rc<[usize]>) -> Self {
        let item = |(key, value): (Spanned<std::borrow::Cow<'t, str>>, Spanned<DeValue<'t>>)| {
            let line = line_of(lines, key.span().start);
            let key = key.into_inner().into_owned();
            let place = place.member(&key).at_line(line);
            (key, Item { place, value: value.into_inner(), lines: Rc::clone(lines) })
        };
        Table { items: table.into_iter().map(item).collect(), place, asked: Vec::new() }
    }

    /// The value of a key, if it is there.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Item<'t>> {
        self.asked.push(key);
        self.items.remove(key)
    }

    /// The value of a key read by `read`; an issue is noted and counts as no value.
    pub(super) fn read<T>(
        &mut self,
        key: &'static str,
        issues: &mut Issues,
        read: impl FnOnce(Item<'t>) -> Result<T, PlanIssue>,
    ) -> Option<T> {
        self.take(key).and_then(|item| issues.keep(read(item)))
    }

    /// As [`Table::read`], with the place of the value.
    pub(super) fn read_placed<T>(
        &mut self,
        key: &'static str,
        issues: &mut Issues,
        read: impl FnOnce(Item<'t>) -> Result<T, PlanIssue>,
    ) -> Option<Placed<T>> {
        let item = self.take(key)?;
        let place = item.place.clone();
        issues.keep(read(item)).map(|value| Placed { value, place })
    }

    /// Every member, in the order of the file.
    pub(super) fn into_members(self) -> Vec<(String, Item<'t>)> {
        let mut members: Vec<_> = self.items.into_iter().collect();
        members.sort_by_key(|(_, item)| item.place.line());
        members
    }

    /// Refuses the keys that nobody asked for.
    pub(super) fn finish(self, issues: &mut Issues) {
        for (key, item) in &self.items {
            let close = self.asked.iter().find(|known| is_close(known, key));
            let help = match close {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("known here: {}", self.asked.join(", ")),
            };
            issues.push(item.place.issue(format!("unknown key {}", quoted(key))).help(help));
        }
    }
}

impl<'t> Item<'t> {
    fn wrong(&self, expected: &str) -> PlanIssue {
        let found = match &self.value {
            DeValue::String(text) => format!("the text {}", quoted(text)),
            DeValue::Integer(number) => format!("the number {}", quoted(number.as_str())),
            DeValue::Float(number) => format!("the number {}", quoted(number.as_str())),
            DeValue::Boolean(value) => format!("`{value}`"),
            DeValue::Datetime(_) => "a date or time".to_owned(),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        };
        self.place.issue(format!("expected {expected}, found {found}"))
    }

    pub(super) fn string(self) -> Result<String, PlanIssue> {
        match self.value {
            DeValue::String(text) => Ok(text.into_owned()),
            _ => Err(self.wrong("a text")),
        }
    }

    pub(super) fn boolean(self) -> Result<bool, PlanIssue> {
        match self.value {
            DeValue::Boolean(value) => Ok(value),
            _ => Err(self.wrong("`true` or `false`")),
        }
    }

    /// A whole number within a range.
    pub(super) fn integer(self, range: RangeInclusive<u64>) -> Result<u64, PlanIssue> {
        let number = match &self.value {
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        let expected = || match (*range.start(), *range.end()) {
            (least, u64::MAX) => format!("a whole number of at least {least}"),
            (least, most) => format!("a whole number from {least} to {most}"),
        };
        number.filter(|number| range.contains(number)).ok_or_else(|| self.wrong(&expected()))
    }

    /// Any number that is finite.
    pub(super) fn number(self) -> Result<f64, PlanIssue> {
        let number = match &self.value {
            DeValue::Integer(number) => {
                i64::from_str_radix(number.as_str(), number.radix()).ok().map(|n| n as f64)
            }
            DeValue::Float(number) => number.as_str().parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        };
        number.ok_or_else(|| self.wrong("a number"))
    }

    pub(super) fn duration(self) -> Result<Duration, PlanIssue> {
        match &self.value {
            DeValue::String(text) => parse_duration(text).map_err(|message| self.place.issue(message)),
            _ => Err(self.wrong("a duration like `\"500ms\"`, `\"30s\"` or `\"1m30s\"`")),
        }
    }

    pub(super) fn table(self) -> Result<Table<'t>, PlanIssue> {
        match self.value {
            DeValue::Table(table) => Ok(Table::new(self.place, table, &self.lines)),
            _ => Err(self.wrong("a table")),
        }
    }

    pub(super) fn list(self) -> Result<Vec<Item<'t>>, PlanIssue> {
        let DeValue::Array(items) = self.value else { return Err(self.wrong("a list")) };
        let item = |(index, item): (usize, Spanned<DeValue<'t>>)| {
            let place =
                self.place.member(&index.to_string()).at_line(line_of(&self.lines, item.span().start));
            Item { place, value: item.into_inner(), lines: Rc::clone(&self.lines) }
        };
        Ok(items.into_iter().enumerate().map(item).collect())
    }

    /// A list of texts, or one text alone.
    pub(super) fn strings(self) -> Result<Vec<String>, PlanIssue> {
        if matches!(self.value, DeValue::Array(_)) {
            return self.list()?.into_iter().map(Item::string).collect();
        }
        self.string().map(|text| vec![text]).map_err(|issue| PlanIssue {
            message: issue.message.replace("expected a text", "expected a text or a list of texts"),
            ..issue
        })
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self.value, DeValue::Integer(_) | DeValue::Float(_))
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.value, DeValue::Array(_))
    }

    pub(super) fn is_string(&self) -> bool {
        matches!(self.value, DeValue::String(_))
    }

    pub(super) fn is_boolean(&self) -> bool {
        matches!(self.value, DeValue::Boolean(_))
    }

    /// The value as JSON.
    pub(super) fn json(self) -> Result<serde_json::Value, PlanIssue> {
        use serde_json::Value;
        Ok(match &self.value {
            DeValue::Boolean(value) => (*value).into(),
            DeValue::String(text) => text.to_string().into(),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => number.into(),
                Err(_) => return Err(self.wrong("a number of 64 bits")),
            },
            DeValue::Float(_) => self.number()?.into(),
            DeValue::Datetime(_) => return Err(self.wrong("a value that JSON has")),
            DeValue::Array(_) => {
                Value::Array(self.list()?.into_iter().map(Item::json).collect::<Result<_, _>>()?)
            }
            DeValue::Table(_) => {
                let members = self.table()?.into_members().into_iter();
                Value::Object(
                    members.map(|(key, item)| Ok((key, item.json()?))).collect::<Result<_, PlanIssue>>()?,
                )
            }
        })
    }
}

/// Whether one is a misspelling of the other: at most two letters added, dropped, changed or swapped.
fn is_close(known: &str, found: &str) -> bool {
    let (a, b) = (known.as_bytes(), found.as_bytes());
    if a.len().abs_diff(b.len()) > 2 || a.len() < 4 {
        return false;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(!x.eq_ignore_ascii_case(y));
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()] <= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table<'_> {
        parse(Path::new("p.toml"), text).unwrap()
    }

    fn message<'t, T: std::fmt::Debug>(
        text: &'t str,
        read: impl FnOnce(Item<'t>) -> Result<T, PlanIssue>,
    ) -> String {
        read(table(text).take("a").unwrap()).unwrap_err().to_string()
    }

    #[test]
    fn wrong_types_are_named() {
        assert_eq!(message("\na = 1", Item::string), "p.toml:2: /a: expected a text, found the number `1`");
        assert_eq!(
            message("a = 'x'", Item::boolean),
            "p.toml:1: /a: expected `true` or `false`, found the text `x`"
        );
        assert_eq!(
            message("a = -1", |item| item.integer(1..=5)),
            "p.toml:1: /a: expected a whole number from 1 to 5, found the number `-1`"
        );
        assert_eq!(
            message("a = nan", Item::number),
            "p.toml:1: /a: expected a number, found the number `nan`"
        );
        assert_eq!(
            message("a = 5", Item::duration),
            "p.toml:1: /a: expected a duration like `\"500ms\"`, `\"30s\"` or `\"1m30s\"`, found the number `5`"
        );
        assert_eq!(
            message("a = [\n'x',\n1]", Item::strings),
            "p.toml:3: /a/1: expected a text, found the number `1`"
        );
        assert_eq!(
            message("a = {}", Item::strings),
            "p.toml:1: /a: expected a text or a list of texts, found a table"
        );
    }

    #[test]
    fn unknown_keys_are_refused() {
        let mut table = table("duraton = 1\nzzz = 2\nrate = 1\n");
        let mut issues = Issues::default();
        assert_eq!(table.read("rate", &mut issues, Item::number), Some(1.0));
        assert!(table.take("duration").is_none());
        table.finish(&mut issues);
        let list: Vec<String> = issues.into_list().iter().map(ToString::to_string).collect();
        assert_eq!(
            list,
            [
                "p.toml:1: /duraton: unknown key `duraton`\n  help: did you mean `duration`?",
                "p.toml:2: /zzz: unknown key `zzz`\n  help: known here: rate, duration"
            ]
        );
    }

    #[test]
    fn every_syntax_error_has_its_line() {
        let Err(issues) = parse(Path::new("p.toml"), "a = \nb = 1\nb = 2\n") else { panic!("no error") };
        let lines: Vec<_> = issues.iter().map(|issue| issue.line).collect();
        assert_eq!(lines, [Some(1), Some(3)]);
        assert!(parse(Path::new("p"), &format!("a = {}", "[".repeat(100_000))).is_err());
    }
}
