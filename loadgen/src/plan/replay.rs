//! What recordings have in common: entries in the order of their times.

use std::collections::HashSet;
use std::time::Duration;

use super::issue::{Issues, Place, PlanIssue};
use super::message::{self, Draft, Header, check_method};
use super::settings::{Content, Drafts};
use super::source::{ENTRIES_MAX, Expect};
use crate::check::Check;

/// Most kinds of requests that the report tells apart; with more, it tells only methods apart.
const KINDS_MAX: usize = 100;

/// A recorded request.
#[derive(Debug)]
pub(super) struct Recorded {
    /// Nanoseconds since 1970.
    pub(super) nanos: i128,
    /// Whether the recording knows the second only.
    pub(super) is_whole_second: bool,
    pub(super) method: String,
    /// With its query.
    pub(super) path: String,
    pub(super) headers: Vec<Header>,
    pub(super) body: Option<Vec<u8>>,
    pub(super) status: u16,
}

/// Collects the entries of a recording.
pub(super) struct Collector {
    expect: Expect,
    /// Empty: all.
    methods: Vec<String>,
    /// Whether entries that cannot be sent are left out and counted.
    skip_unreadable: bool,
    unreadable: usize,
    other_methods: usize,
    entries: Vec<(i128, bool, Draft)>,
    pub(super) issues: Issues,
    pub(super) notes: Vec<String>,
}

impl Collector {
    pub(super) fn new(expect: Expect, methods: &[String], skip_unreadable: bool) -> Self {
        Collector {
            expect,
            methods: methods.to_vec(),
            skip_unreadable,
            unreadable: 0,
            other_methods: 0,
            entries: Vec::new(),
            issues: Issues::default(),
            notes: Vec::new(),
        }
    }

    /// Takes an entry, or why there is none at this place; says whether it is sent.
    pub(super) fn push(&mut self, recorded: Result<Recorded, String>, place: impl FnOnce() -> Place) -> bool {
        let wanted = |recorded: &Recorded| self.methods.is_empty() || self.methods.contains(&recorded.method);
        if recorded.as_ref().is_ok_and(|recorded| !wanted(recorded)) {
            self.other_methods += 1;
            return false;
        }
        match recorded.and_then(|recorded| draft(recorded, self.expect)) {
            Ok(entry) => {
                self.entries.push(entry);
                return true;
            }
            Err(_) if self.skip_unreadable => self.unreadable += 1,
            Err(message) => {
                let issue = place().issue(message);
                self.issues.push(
                    issue.help("`skip_unreadable = true` leaves out what cannot be sent, and counts it"),
                );
            }
        }
        false
    }

    /// Whether the recording is at its limit; that is noted as an issue.
    pub(super) fn is_full(&mut self, place: impl FnOnce() -> Place) -> bool {
        let is_full = self.entries.len() >= ENTRIES_MAX;
        if is_full {
            self.issues.push(
                place().issue(format!("more than {ENTRIES_MAX} requests; cut the recording into pieces")),
            );
        }
        is_full
    }

    /// The replay, sorted by time.
    pub(super) fn finish(mut self, place: &Place) -> Result<Content, Vec<PlanIssue>> {
        if self.issues.is_empty() && self.entries.is_empty() {
            let left_out = self.unreadable + self.other_methods;
            self.issues.push(
                place.issue(format!("nothing to replay: no request is left ({left_out} were left out)")),
            );
        }
        if !self.issues.is_empty() {
            return Err(self.issues.into_list());
        }
        let mut note = |count: usize, what: &str| {
            if count > 0 {
                self.notes.push(format!("{count} recorded {what}"));
            }
        };
        note(self.unreadable, "entries that cannot be sent were left out");
        note(self.other_methods, "requests with other methods were left out");
        self.entries.sort_by_key(|(nanos, ..)| *nanos);
        spread(&mut self.entries);
        if !name_kinds(&mut self.entries) {
            self.notes
                .push(format!("more than {KINDS_MAX} different paths: the report tells methods apart only"));
        }
        let first = self.entries.first().map_or(0, |(nanos, ..)| *nanos);
        let since = |nanos: i128| Duration::from_nanos(u64::try_from(nanos - first).unwrap_or(u64::MAX));
        let drafts = self.entries.into_iter().map(|(nanos, _, draft)| (since(nanos), draft)).collect();
        Ok(Content { drafts: Drafts::Replay(drafts), notes: self.notes })
    }
}

fn draft(recorded: Recorded, expect: Expect) -> Result<(i128, bool, Draft), String> {
    check_method(&recorded.method)?;
    let path = message::path(&recorded.path, false)?;
    let body = recorded.body.map(|bytes| message::body(&bytes, false)).transpose()?;
    let kind = recorded.path.split('?').next().unwrap_or_default();
    let draft = Draft {
        name: format!("{} {kind}", recorded.method),
        weight: 1.0,
        method: recorded.method,
        path,
        headers: recorded.headers,
        body,
        check: Check { statuses: expect.statuses(recorded.status), ..Check::default() },
    };
    Ok((recorded.nanos, recorded.is_whole_second, draft))
}

/// Requests of which only the second is known lie evenly in it, in the order of the recording: sent all at once at its beginning
/// they would be a burst that never was.
fn spread(entries: &mut [(i128, bool, Draft)]) {
    for second in entries.chunk_by_mut(|(a, whole_a, _), (b, whole_b, _)| a == b && *whole_a && *whole_b) {
        let count = second.len() as i128;
        for (index, (nanos, is_whole_second, _)) in second.iter_mut().enumerate() {
            if *is_whole_second {
                *nanos += 1_000_000_000 * index as i128 / count;
            }
        }
    }
}

/// Keeps names to a number that a report can show; says whether the paths could stay.
fn name_kinds(entries: &mut [(i128, bool, Draft)]) -> bool {
    let mut kinds = HashSet::new();
    let mut names = entries.iter().map(|(_, _, draft)| draft.name.as_str());
    let are_few = names.all(|name| {
        kinds.insert(name);
        kinds.len() <= KINDS_MAX
    });
    if !are_few {
        entries.iter_mut().for_each(|(_, _, draft)| draft.name.clone_from(&draft.method));
    }
    are_few
}
