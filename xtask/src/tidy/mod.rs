//! `cargo xtask tidy`: the rules of this repository that neither rustc nor clippy can check.

mod layout;
mod manifests;
mod sources;

use std::fmt;
use std::process::Command;

use crate::{Outcome, cargo};

/// One broken rule, at its place.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    file: String,
    /// 1-based; 0 where the file as a whole is meant.
    line: usize,
    message: String,
}

impl Finding {
    fn new(file: &str, line: usize, message: impl Into<String>) -> Self {
        Finding { file: file.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.message),
            line => write!(f, "{}:{line}: {}", self.file, self.message),
        }
    }
}

/// Checks every file that git tracks or would track.
pub(crate) fn run() -> Outcome<()> {
    let files = files()?;
    let mut findings = layout::check_paths(&files);
    let mut decisions = Vec::new();
    let mut checked = 0;
    for file in &files {
        // A tracked file may have been deleted in the work tree; a link or a binary file has no lines.
        let Ok(text) = std::fs::read_to_string(cargo::root().join(file)) else { continue };
        checked += 1;
        findings.extend(sources::check(file, &text));
        if file == "Cargo.toml" {
            findings.extend(layout::check_members(&text));
        } else if file == "Cargo.lock" {
            findings.extend(manifests::check_lock(&text));
        } else if file.ends_with("Cargo.toml") {
            findings.extend(manifests::check(file, &text));
        }
        if file.starts_with("docs/decisions/") {
            decisions.push(file.as_str());
        }
    }
    findings.extend(layout::check_decisions(&decisions));
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() {
        println!("tidy: {checked} files, nothing found");
        Ok(())
    } else {
        Err(format!("{} findings in {checked} files", findings.len()))
    }
}

fn files() -> Outcome<Vec<String>> {
    let output = Command::new("git")
        .current_dir(cargo::root())
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()
        .map_err(|error| format!("git ls-files: {error}"))?;
    if !output.status.success() {
        return Err(format!("git ls-files: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    let names = String::from_utf8(output.stdout).map_err(|_| "a file name is not UTF-8")?;
    let mut files: Vec<String> =
        names.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    files.sort();
    files.dedup();
    Ok(files)
}
