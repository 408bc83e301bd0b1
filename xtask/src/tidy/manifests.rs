//! The dependency direction of ARCHITECTURE.md, read from the manifests.

use super::Finding;

/// What a crate may import of this workspace, and what it never imports from outside.
struct Direction {
    directory: &'static str,
    allowed: &'static [&'static str],
    never: &'static [&'static str],
}

const RUNTIMES: &[&str] = &["tokio", "monoio", "glommio", "mio", "async-std", "smol", "hyper", "axum"];

const DIRECTIONS: &[Direction] = &[
    // The gateway as a function: no runtime, no sockets.
    Direction {
        directory: "core",
        allowed: &[],
        never: &[
            "tokio", "monoio", "glommio", "mio", "hyper", "axum", "socket2", "libc", "io-uring", "notify",
        ],
    },
    // The runtime seam: no HTTP, no configuration, no policy.
    Direction {
        directory: "ring",
        allowed: &[],
        never: &["httparse", "serde", "serde_json", "toml", "http", "hyper", "axum", "tokio"],
    },
    Direction { directory: "dataplane", allowed: &["ringway-core", "ringway-ring"], never: RUNTIMES },
    Direction { directory: "controlplane", allowed: &["ringway-core"], never: &[] },
    Direction {
        directory: "server",
        allowed: &["ringway-core", "ringway-ring", "ringway-dataplane", "ringway-controlplane"],
        never: &[],
    },
    // It judges the server, so it shares nothing with it above the codecs.
    Direction { directory: "loadgen", allowed: &["ringway-core", "ringway-ring"], never: &[] },
    Direction { directory: "xtask", allowed: &[], never: RUNTIMES },
];

/// Every kind of dependency table.
const SECTIONS: [&str; 3] = ["dependencies", "build-dependencies", "dev-dependencies"];

/// Checks the manifest of one workspace member; `file` is `directory/Cargo.toml`.
pub(super) fn check(file: &str, text: &str) -> Vec<Finding> {
    let Some(direction) = DIRECTIONS.iter().find(|d| file.strip_suffix("/Cargo.toml") == Some(d.directory))
    else {
        return Vec::new();
    };
    let manifest: toml::Table = match text.parse() {
        Ok(manifest) => manifest,
        Err(error) => return vec![Finding::new(file, 0, format!("{error}"))],
    };
    let mut findings = Vec::new();
    for (section, name) in dependencies(&manifest) {
        let line = text.lines().position(|line| is_dependency_line(line, &name)).map_or(0, |index| index + 1);
        // A test may reach further than the code that it tests.
        let internal = name.starts_with("ringway-") && section != "dev-dependencies";
        if internal && !direction.allowed.contains(&name.as_str()) {
            findings.push(Finding::new(
                file,
                line,
                format!("{} must not import {name}", direction.directory),
            ));
        }
        if direction.never.contains(&name.as_str()) {
            findings.push(Finding::new(file, line, format!("{} must never use {name}", direction.directory)));
        }
    }
    findings
}

fn is_dependency_line(line: &str, name: &str) -> bool {
    line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
}

/// Section and package of every dependency, target-specific ones included.
fn dependencies(manifest: &toml::Table) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let tables = targets.into_iter().flat_map(|table| table.values()).filter_map(toml::Value::as_table);
    for table in tables.chain([manifest]) {
        for section in SECTIONS {
            let Some(entries) = table.get(section).and_then(toml::Value::as_table) else { continue };
            for (name, value) in entries {
                let package = value.get("package").and_then(toml::Value::as_str).unwrap_or(name);
                found.push((section, package.to_owned()));
            }
        }
    }
    found
}

/// Every package of the lock file comes from crates.io or from this workspace.
pub(super) fn check_lock(text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if let Some(source) = line.strip_prefix("source = ")
            && source != "\"registry+https://github.com/rust-lang/crates.io-index\""
        {
            findings.push(Finding::new(
                "Cargo.lock",
                index + 1,
                format!("a package that is not from crates.io: {source}"),
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{check, check_lock};

    #[test]
    fn directions_are_kept() {
        let bad = "[package]\nname = \"ringway-core\"\n[dependencies]\nahash.workspace = true\ntokio.workspace = true\n";
        let findings = check("core/Cargo.toml", bad);
        assert_eq!((findings.len(), findings[0].line), (1, 5));
        assert!(check("core/Cargo.toml", "[dependencies]\nahash.workspace = true\n").is_empty());
        assert_eq!(
            check("dataplane/Cargo.toml", "[dependencies]\nringway-controlplane.workspace = true\n").len(),
            1
        );
        assert_eq!(
            check("controlplane/Cargo.toml", "[dependencies]\nringway-ring = { path = \"../ring\" }\n").len(),
            1
        );
        assert_eq!(
            check("loadgen/Cargo.toml", "[dependencies]\nringway-dataplane.workspace = true\n").len(),
            1
        );
        assert!(
            check("server/Cargo.toml", "[dependencies]\nringway-dataplane.workspace = true\n").is_empty()
        );
    }

    #[test]
    fn a_renamed_or_target_dependency_does_not_slip_through() {
        let renamed = "[dependencies]\nrt = { package = \"tokio\", version = \"1\" }\n";
        assert_eq!(check("dataplane/Cargo.toml", renamed).len(), 1);
        let target = "[target.'cfg(unix)'.dependencies]\nserde = \"1\"\n";
        assert_eq!(check("ring/Cargo.toml", target).len(), 1);
    }

    #[test]
    fn tests_may_reach_further_but_not_to_another_runtime() {
        assert!(
            check("dataplane/Cargo.toml", "[dev-dependencies]\nringway-controlplane.workspace = true\n")
                .is_empty()
        );
        assert_eq!(check("dataplane/Cargo.toml", "[dev-dependencies]\ntokio.workspace = true\n").len(), 1);
    }

    #[test]
    fn the_lock_file_names_no_other_source() {
        assert!(
            check_lock("source = \"registry+https://github.com/rust-lang/crates.io-index\"\n").is_empty()
        );
        assert_eq!(check_lock("source = \"git+https://example.com/x\"\n").len(), 1);
    }
}
