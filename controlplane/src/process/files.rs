//! Which files a pattern of `apis` names.

use std::fs;
use std::path::{Path, PathBuf};

/// The files that `path` names now, sorted; without a `*`, the path itself, whether it exists or not.
pub(super) fn expand(path: &Path) -> Result<Vec<PathBuf>, String> {
    let pattern = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    if !pattern.contains('*') {
        return Ok(vec![path.to_owned()]);
    }
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let unreadable =
        |error: std::io::Error| format!("cannot read the directory {}: {error}", directory.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        if matches(&pattern, &name.to_string_lossy()) {
            files.push(path.with_file_name(name));
        }
    }
    files.sort();
    if files.is_empty() { Err(format!("no file matches {}", path.display())) } else { Ok(files) }
}

/// Whether `name` is `pattern` with any text for each `*`; a hidden file has to be named.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    if name.starts_with('.') && first.is_empty() {
        return false;
    }
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(found) = rest.find(part) else { return false };
        rest = &rest[found + part.len()..];
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        for (pattern, name) in
            [("*.toml", "a.toml"), ("a*b*c", "aXbYc"), ("*", "x"), ("a*", "a"), ("a.toml", "a.toml")]
        {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("*.toml", "a.yaml"), ("a*a", "a"), ("*.toml", ".x.toml"), ("a*b*c", "acb"), ("a", "ab")]
        {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
