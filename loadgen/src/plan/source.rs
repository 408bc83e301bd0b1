//! Files that a plan names, read whole and bounded; what they all can say about which requests to take.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::issue::{Issues, Place, PlanIssue};
use super::message::check_method;
use super::reader::{Item, Table};

/// Largest recording, in bytes.
pub(super) const RECORDING_BYTES_MAX: u64 = 1 << 30;
/// Most entries of a recording.
pub(super) const ENTRIES_MAX: usize = 1_000_000;

/// A file name of a plan file counts from the directory of that file.
pub(super) fn beside(place: &Place, name: &str) -> PathBuf {
    place.directory().map_or_else(|| PathBuf::from(name), |directory| directory.join(name))
}

/// The content of a file that `place` names.
pub(super) fn read_named(path: &Path, bytes_max: u64, place: &Place) -> Result<Vec<u8>, PlanIssue> {
    let failed = |error: std::io::Error| read_failed(path, place, &error);
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(failed)?;
    match bytes.len() as u64 > bytes_max {
        true => Err(place.issue(format!("{} has more than {bytes_max} bytes", path.display()))),
        false => Ok(bytes),
    }
}

/// The issue of a file that cannot be read; without the number of the error.
pub(super) fn read_failed(path: &Path, place: &Place, error: &std::io::Error) -> PlanIssue {
    let text = error.to_string();
    let reason = text.split(" (os error").next().unwrap_or_default();
    place.issue(format!("cannot read {}: {reason}", path.display())).missing()
}

/// The table of a source: `key = "FILE"` is short for `key = { file = "FILE" }`.
pub(super) struct SourceTable<'t> {
    pub(super) file: PathBuf,
    /// Where the file is named.
    pub(super) place: Place,
    /// The other keys; None in the short form.
    pub(super) table: Option<Table<'t>>,
}

impl<'t> SourceTable<'t> {
    pub(super) fn read(item: Item<'t>, issues: &mut Issues) -> Option<Self> {
        let place = item.place.clone();
        if item.is_string() {
            let file = beside(&place, &issues.keep(item.string())?);
            return Some(SourceTable { file, place, table: None });
        }
        let mut table = issues.keep(item.table())?;
        let Some(name) = table.take("file") else {
            issues.push(place.issue("there is no `file`"));
            return None;
        };
        let place = name.place.clone();
        let file = beside(&place, &issues.keep(name.string())?);
        Some(SourceTable { file, place, table: Some(table) })
    }

    pub(super) fn value<T>(
        &mut self,
        key: &'static str,
        issues: &mut Issues,
        read: impl FnOnce(Item<'t>) -> Result<T, PlanIssue>,
    ) -> Option<T> {
        self.table.as_mut()?.read(key, issues, read)
    }

    pub(super) fn finish(self, issues: &mut Issues) {
        if let Some(table) = self.table {
            table.finish(issues);
        }
    }
}

/// `methods = ["GET", "HEAD"]`: those to take; empty takes all.
pub(super) fn methods(item: Item<'_>) -> Result<Vec<String>, PlanIssue> {
    let place = item.place.clone();
    let methods = item.strings()?;
    match methods.iter().try_for_each(|method| check_method(method)) {
        Ok(()) => Ok(methods),
        Err(message) => Err(place.issue(message)),
    }
}

/// Whether an answer of a replay must have the recorded status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Expect {
    /// `"recorded"`
    #[default]
    Recorded,
    /// `"success"`: any status below 400.
    Success,
}

pub(super) fn expect(item: Item<'_>) -> Result<Expect, PlanIssue> {
    let place = item.place.clone();
    match item.string()?.as_str() {
        "recorded" => Ok(Expect::Recorded),
        "success" => Ok(Expect::Success),
        _ => {
            Err(place
                .issue("there are `\"recorded\"` (the recorded status) and `\"success\"` (any below 400)"))
        }
    }
}

impl Expect {
    /// The accepted statuses for a recorded one. What no server sends (0, nginx's 499) and a 304, whose condition may be gone, say only
    /// that all went well.
    pub(super) fn statuses(self, recorded: u16) -> Vec<u16> {
        match (self, recorded) {
            (Expect::Success, _) | (_, 0..=99 | 499 | 600..) => Vec::new(),
            (Expect::Recorded, 304) => vec![304, 200],
            (Expect::Recorded, status) => vec![status],
        }
    }
}
