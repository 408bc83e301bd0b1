//! What is wrong with a plan, and where.

use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Most issues that one loading reports; what follows is counted.
const ISSUES_MAX: usize = 50;

/// One thing that is wrong with a plan, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanIssue {
    /// What sort of mistake it is; decides the exit code.
    pub kind: IssueKind,
    /// The file; None: the command line.
    pub file: Option<PathBuf>,
    /// Line in the file, from 1, where it is known.
    pub line: Option<usize>,
    /// JSON pointer (RFC 6901) into the file, or the name of a command-line option; empty: the whole.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it; empty where the message says it.
    pub help: String,
}

/// The sorts of mistakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssueKind {
    /// The command line is wrong.
    Usage,
    /// A file is not there or cannot be read.
    Missing,
    /// A file is there, but says something that is not valid.
    Invalid,
}

impl fmt::Display for PlanIssue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, "{}:{line}: ", file.display())?,
            (Some(file), None) => write!(f, "{}: ", file.display())?,
            (None, _) => {}
        }
        if !self.pointer.is_empty() {
            write!(f, "{}: ", self.pointer)?;
        }
        f.write_str(&self.message)?;
        if !self.help.is_empty() {
            write!(f, "\n  help: {}", self.help)?;
        }
        Ok(())
    }
}

/// A place that an issue can name.
#[derive(Debug, Clone)]
pub(super) struct Place {
    file: Option<Rc<Path>>,
    line: Option<usize>,
    pointer: String,
}

impl Place {
    pub(super) fn file(path: &Path) -> Self {
        Place { file: Some(path.into()), line: None, pointer: String::new() }
    }

    pub(super) fn command_line(option: &str) -> Self {
        Place { file: None, line: None, pointer: option.to_owned() }
    }

    /// The member `key` of this place.
    pub(super) fn member(&self, key: &str) -> Self {
        let key = key.replace('~', "~0").replace('/', "~1");
        Place { pointer: format!("{}/{key}", self.pointer), ..self.clone() }
    }

    /// Another pointer into the same file.
    pub(super) fn moved(&self, pointer: &str) -> Self {
        Place { pointer: pointer.to_owned(), ..self.clone() }
    }

    pub(super) fn at_line(&self, line: usize) -> Self {
        Place { line: Some(line), ..self.clone() }
    }

    pub(super) fn line(&self) -> Option<usize> {
        self.line
    }

    /// The directory of the file, from which its own file names count.
    pub(super) fn directory(&self) -> Option<&Path> {
        self.file.as_deref().and_then(Path::parent)
    }

    pub(super) fn issue(&self, message: impl Into<String>) -> PlanIssue {
        PlanIssue {
            kind: if self.file.is_some() { IssueKind::Invalid } else { IssueKind::Usage },
            file: self.file.as_deref().map(Path::to_path_buf),
            line: self.line,
            pointer: self.pointer.clone(),
            message: message.into(),
            help: String::new(),
        }
    }
}

impl PlanIssue {
    pub(super) fn help(self, help: impl Into<String>) -> Self {
        PlanIssue { help: help.into(), ..self }
    }

    pub(super) fn missing(self) -> Self {
        PlanIssue { kind: IssueKind::Missing, ..self }
    }
}

/// A bounded list of issues.
#[derive(Debug, Default)]
pub(super) struct Issues {
    list: Vec<PlanIssue>,
    more: usize,
}

impl Issues {
    pub(super) fn push(&mut self, issue: PlanIssue) {
        if self.list.len() < ISSUES_MAX {
            self.list.push(issue);
        } else {
            self.more += 1;
        }
    }

    pub(super) fn extend(&mut self, issues: Vec<PlanIssue>) {
        issues.into_iter().for_each(|issue| self.push(issue));
    }

    /// The value of a result whose error is noted here.
    pub(super) fn keep<T>(&mut self, result: Result<T, PlanIssue>) -> Option<T> {
        result.map_err(|issue| self.push(issue)).ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Every issue, in the order of the lines; the last one says how many were left out.
    pub(super) fn into_list(mut self) -> Vec<PlanIssue> {
        self.list.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        if let (Some(last), true) = (self.list.last(), self.more > 0) {
            let message = format!("and {} more issues", self.more);
            let rest = PlanIssue {
                line: None,
                pointer: String::new(),
                help: String::new(),
                message,
                ..last.clone()
            };
            self.list.push(rest);
        }
        self.list
    }
}

/// Text for a message: in backticks, of bounded length, without control characters.
pub(super) fn quoted(text: &str) -> String {
    const CHARACTERS_MAX: usize = 60;
    let shown: String = text.chars().take(CHARACTERS_MAX).flat_map(char::escape_debug).collect();
    let dots = if text.chars().nth(CHARACTERS_MAX).is_some() { "…" } else { "" };
    format!("`{}{dots}`", shown.replace("\\\"", "\"").replace("\\'", "'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_its_place() {
        let place = Place::file(Path::new("plan.toml")).member("requests").member("0").member("a/b~c");
        let issue = place.at_line(7).issue("is wrong").help("make it right");
        assert_eq!(issue.to_string(), "plan.toml:7: /requests/0/a~1b~0c: is wrong\n  help: make it right");
        assert_eq!(issue.kind, IssueKind::Invalid);
        let issue = Place::command_line("--rate").issue("is wrong");
        assert_eq!((issue.to_string().as_str(), issue.kind), ("--rate: is wrong", IssueKind::Usage));
    }

    #[test]
    fn the_list_is_bounded() {
        let mut issues = Issues::default();
        for line in (1..=ISSUES_MAX + 7).rev() {
            issues.push(Place::file(Path::new("log")).at_line(line).issue("bad"));
        }
        let list = issues.into_list();
        assert_eq!(list.len(), ISSUES_MAX + 1);
        assert_eq!(list[0].to_string(), "log:8: bad");
        assert_eq!(list[ISSUES_MAX].to_string(), "log: and 7 more issues");
    }

    #[test]
    fn quotes_are_bounded_and_plain() {
        assert_eq!(quoted("a\r\n\"b'"), "`a\\r\\n\"b'`");
        assert_eq!(quoted(&"x".repeat(61)), format!("`{}…`", "x".repeat(60)));
    }
}
