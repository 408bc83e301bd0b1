//! What is wrong in a file, and where.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::cursor::Cursor;

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as it was named.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// JSON pointer (RFC 6901) into the file; empty is the whole document.
    pub pointer: String,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

/// Something that keeps a file from being used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// The file as it was named.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// JSON pointer (RFC 6901) into the file; empty is the whole document.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Issue {
    pub(crate) fn new(place: Place, message: impl Into<String>) -> Self {
        let Place { file, line, column, pointer } = place;
        Self { file, line, column, pointer, message: message.into(), help: None }
    }

    /// An issue with the whole file, such as one that cannot be read.
    pub(crate) fn whole_file(file: &Path, message: impl Into<String>) -> Self {
        Self::new(Place { file: file.into(), line: 1, column: 1, pointer: String::new() }, message)
    }
}

/// `file:line:column: /json/pointer: message`, and the help on a line of its own.
impl fmt::Display for Issue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}: ", self.file.display(), self.line, self.column)?;
        if !self.pointer.is_empty() {
            write!(formatter, "{}: ", self.pointer)?;
        }
        write!(formatter, "{}", self.message)?;
        match &self.help {
            Some(help) => write!(formatter, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

/// A hostile file can hold a fault in each of its nodes; nobody reads more than this.
const ISSUES_MAX: usize = 1000;

/// Collects the issues of one file.
pub(crate) struct Issues<'f> {
    file: &'f Path,
    list: Vec<Issue>,
    /// Also counts those that are not told any more.
    found: usize,
}

impl<'f> Issues<'f> {
    pub(crate) fn new(file: &'f Path) -> Self {
        Self { file, list: Vec::new(), found: 0 }
    }

    pub(crate) fn file(&self) -> &'f Path {
        self.file
    }

    /// Reports `message` at a node; a list or table is shown at its key, where a reader looks for it.
    pub(crate) fn at(&mut self, cursor: &Cursor<'_>, message: impl Into<String>) {
        if self.is_full() {
            return;
        }
        self.push(Issue::new(cursor.place(self.file), message));
    }

    /// As [`Issues::at`], with what to do about it.
    pub(crate) fn at_with_help(
        &mut self,
        cursor: &Cursor<'_>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        if self.is_full() {
            return;
        }
        let help = Some(help.into());
        self.push(Issue { help, ..Issue::new(cursor.place(self.file), message) });
    }

    /// Reports at the key of a node: the key itself is wrong.
    pub(crate) fn at_key(&mut self, cursor: &Cursor<'_>, message: impl Into<String>, help: Option<String>) {
        if self.is_full() {
            return;
        }
        self.push(Issue { help, ..Issue::new(cursor.key_place(self.file), message) });
    }

    fn is_full(&mut self) -> bool {
        self.found += 1;
        self.list.len() > ISSUES_MAX
    }

    pub(crate) fn push(&mut self, issue: Issue) {
        // What references lead to is read more than once.
        let is_told = |told: &Issue| {
            (told.line, told.column) == (issue.line, issue.column)
                && told.message == issue.message
                && told.file == issue.file
        };
        if self.list.iter().any(is_told) {
            return;
        }
        if self.list.len() < ISSUES_MAX {
            self.list.push(issue);
        } else if self.list.len() == ISSUES_MAX {
            self.list.push(Issue::whole_file(
                self.file,
                format!("more than {ISSUES_MAX} issues; the rest is not shown"),
            ));
        }
    }

    pub(crate) fn extend(&mut self, issues: Vec<Issue>) {
        issues.into_iter().for_each(|issue| self.push(issue));
    }

    /// Every issue in the order of the file's lines.
    pub(crate) fn into_list(self) -> Vec<Issue> {
        sorted(self.list)
    }

    /// How much is wrong so far, whether it was told or not.
    pub(crate) fn count(&self) -> usize {
        self.found
    }

    /// Counts what was told before.
    pub(crate) fn touch(&mut self) {
        self.found += 1;
    }

    /// `value` when nothing is wrong, else every issue in the order of the file's lines.
    pub(crate) fn into_result<T>(self, value: Option<T>) -> Result<T, Vec<Issue>> {
        match value {
            Some(value) if self.list.is_empty() => Ok(value),
            _ => Err(sorted(self.list)),
        }
    }
}

/// By file in the order they were read, then by line.
pub(crate) fn sorted(mut issues: Vec<Issue>) -> Vec<Issue> {
    let mut files: Vec<PathBuf> = Vec::new();
    for issue in &issues {
        if !files.contains(&issue.file) {
            files.push(issue.file.clone());
        }
    }
    let rank = |issue: &Issue| files.iter().position(|file| *file == issue.file);
    issues.sort_by_key(|issue| (rank(issue), issue.line, issue.column));
    issues
}

/// `text` in backquotes, cut where it would flood the terminal, with control characters escaped.
pub(crate) fn quoted(text: &str) -> String {
    const SHOWN_MAX: usize = 80;
    let mut shown = String::from("`");
    for (count, character) in text.chars().enumerate() {
        if count == SHOWN_MAX {
            shown.push('…');
            break;
        }
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown.push('`');
    shown
}
