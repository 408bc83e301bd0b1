//! Rules about names and places.

use super::Finding;

/// Names for "nobody decided".
const VAGUE: &[&str] = &["utils", "util", "common", "helpers", "misc"];

/// No directory or module has a vague name.
pub(super) fn check_paths(files: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        let mut parts: Vec<&str> = file.split('/').collect();
        if let Some(last) = parts.last_mut() {
            *last = last.strip_suffix(".rs").unwrap_or("");
        }
        if let Some(vague) = parts.iter().find(|part| VAGUE.contains(part)) {
            findings.push(Finding::new(file, 0, format!("`{vague}` is no name: say what is in it")));
        }
    }
    findings
}

/// Every workspace member says what it is in a comment beside it.
pub(super) fn check_members(manifest: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut inside = false;
    for (index, line) in manifest.lines().enumerate() {
        let line = line.trim();
        if line.starts_with("members") {
            inside = true;
        } else if inside && line.starts_with(']') {
            break;
        } else if inside && line.starts_with('"') && !line.contains('#') {
            findings.push(Finding::new(
                "Cargo.toml",
                index + 1,
                "a member without a comment that says what it is",
            ));
        }
    }
    if !inside {
        findings.push(Finding::new("Cargo.toml", 0, "no list of workspace members"));
    }
    findings
}

/// Decision records are `NNNN-name.md`, numbered from 0001 without gaps and without doubles.
pub(super) fn check_decisions(files: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut numbers = Vec::new();
    for file in files {
        let name = file.rsplit('/').next().unwrap_or_default();
        let number = name.split_once('-').filter(|(digits, rest)| digits.len() == 4 && rest.ends_with(".md"));
        match number.and_then(|(digits, _)| digits.parse::<usize>().ok()) {
            Some(number) => numbers.push((number, *file)),
            None => {
                findings.push(Finding::new(file, 0, "a decision record is named NNNN-what-was-decided.md"))
            }
        }
    }
    numbers.sort_unstable();
    for (index, (number, file)) in numbers.iter().enumerate() {
        if *number != index + 1 {
            let message = format!("decision record {:04} is missing or there twice", index + 1);
            findings.push(Finding::new(file, 0, message));
            break;
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{check_decisions, check_members, check_paths};

    #[test]
    fn vague_names_are_found() {
        let files = ["core/src/utils/mod.rs", "core/src/common.rs", "core/src/time.rs"].map(str::to_owned);
        let findings = check_paths(&files);
        assert_eq!(findings.len(), 2);
        assert_eq!(findings[0].file, "core/src/utils/mod.rs");
    }

    #[test]
    fn members_need_comments() {
        let manifest = "[workspace]\nmembers = [\n  \"core\", # what it is\n  \"ring\",\n]\n";
        let findings = check_members(manifest);
        assert_eq!((findings.len(), findings[0].line), (1, 4));
        assert_eq!(check_members("[workspace]\n").len(), 1);
    }

    #[test]
    fn decisions_are_numbered_without_gaps() {
        assert!(check_decisions(&["docs/decisions/0001-a.md", "docs/decisions/0002-b.md"]).is_empty());
        assert_eq!(check_decisions(&["docs/decisions/0001-a.md", "docs/decisions/0003-b.md"]).len(), 1);
        assert_eq!(check_decisions(&["docs/decisions/0001-a.md", "docs/decisions/0001-b.md"]).len(), 1);
        assert_eq!(check_decisions(&["docs/decisions/notes.md"]).len(), 1);
        assert_eq!(check_decisions(&["docs/decisions/0002-a.md"]).len(), 1);
    }
}
