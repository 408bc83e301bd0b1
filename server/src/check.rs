//! `ringway check`: every issue of every file, or a line that says that there is none.

use std::path::{Path, PathBuf};

use ringway_controlplane::Issue;

use crate::cli::EXIT_CONFIGURATION;

/// Checks `files` and returns the exit code. Issues go to standard output, one after another, as compilers write them.
pub(crate) fn run(files: &[PathBuf]) -> u8 {
    let issues: Vec<Issue> = files.iter().flat_map(|file| ringway_controlplane::check(file)).collect();
    for issue in &issues {
        println!("{issue}");
    }
    let names = plural(files.len(), "file");
    if issues.is_empty() {
        println!("{names}: ok");
        0
    } else {
        println!("{names}: {}", plural(issues.len(), "issue"));
        EXIT_CONFIGURATION
    }
}

/// Tells why a start is refused, on standard error, and returns the exit code.
pub(crate) fn refuse(file: &Path, issues: &[Issue]) -> u8 {
    for issue in issues {
        eprintln!("{issue}");
    }
    eprintln!("{}: {}: not started", file.display(), plural(issues.len(), "issue"));
    EXIT_CONFIGURATION
}

/// `1 issue`, `2 issues`.
pub(crate) fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
