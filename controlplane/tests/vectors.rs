//! Real OpenAPI documents from public repositories: none panics, and every issue names a place that exists.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ringway_controlplane::openapi::import;
use serde_json::Value;

fn documents() -> Option<Vec<PathBuf>> {
    let vectors = std::env::var_os("RINGWAY_VECTORS").map_or("../../shared/vectors".into(), PathBuf::from);
    let mut files: Vec<PathBuf> =
        fs::read_dir(vectors.join("openapi")).ok()?.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.retain(|path| path.file_name().is_some_and(|name| name != "index.json"));
    files.sort();
    Some(files)
}

/// Whether `pointer` or its parent is in the document: a missing member has no place of its own.
fn resolves(document: &Value, pointer: &str) -> bool {
    let parent = pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
    document.pointer(pointer).or_else(|| document.pointer(parent)).is_some()
}

/// The refusals of AWS are the same for any client, so what is only "not built yet" is told apart.
fn kind(message: &str) -> &'static str {
    if message.contains("not built yet") {
        "not built yet"
    } else if message.contains("CloudFormation") {
        "CloudFormation"
    } else {
        "other"
    }
}

#[test]
fn real_documents() {
    let Some(files) = documents() else {
        println!("skipped: no vectors; set RINGWAY_VECTORS to their directory");
        return;
    };
    assert!(files.len() >= 165, "only {} documents", files.len());
    let mut imported = Vec::new();
    let mut by_kind: BTreeMap<&str, usize> = BTreeMap::new();
    let mut others: BTreeMap<String, usize> = BTreeMap::new();
    let mut issues_total = 0;
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        let lines = text.lines().count();
        // As YAML, the same text has to say the same at the same places, tabs and surrogates aside.
        let name = Path::new(file.file_name().unwrap());
        match import(&text, name, "vectors") {
            Ok(api) => {
                assert!(!api.deployment.resources.is_empty(), "{}", file.display());
                imported.push(name.display().to_string());
            }
            Err(issues) => {
                assert!(!issues.is_empty(), "{}", file.display());
                for issue in &issues {
                    let line = issue.line as usize;
                    assert!((1..=lines.max(1)).contains(&line) && issue.column > 0, "{issue}");
                    assert!(resolves(&document, &issue.pointer), "{issue}");
                    *by_kind.entry(kind(&issue.message)).or_default() += 1;
                    if kind(&issue.message) == "other" {
                        *others.entry(issue.message.clone()).or_default() += 1;
                    }
                }
                issues_total += issues.len();
            }
        }
    }
    println!("{} of {} documents import: {}", imported.len(), files.len(), imported.join(" "));
    println!("{issues_total} issues in the others: {by_kind:?}");
    for (message, count) in &others {
        println!("{count:5}  {message}");
    }
    assert!(!imported.is_empty(), "not one document imports");
}

/// The same text read as YAML gives the same result: JSON is a part of YAML as far as these documents go.
#[test]
fn as_yaml() {
    let Some(files) = documents() else {
        println!("skipped: no vectors; set RINGWAY_VECTORS to their directory");
        return;
    };
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        let (json, yaml) = (Path::new("x.json"), Path::new("x.yaml"));
        match (import(&text, json, "vectors"), import(&text, yaml, "vectors")) {
            (Ok(from_json), Ok(from_yaml)) => assert_eq!(from_json.deployment, from_yaml.deployment),
            (Err(from_json), Err(from_yaml)) => {
                let places = |issues: &[ringway_controlplane::Issue]| -> Vec<_> {
                    issues
                        .iter()
                        .map(|issue| (issue.line, issue.column, issue.pointer.clone(), issue.message.clone()))
                        .collect()
                };
                assert_eq!(places(&from_json), places(&from_yaml), "{}", file.display());
            }
            (from_json, from_yaml) => {
                panic!("{}: {from_json:?} as JSON, {from_yaml:?} as YAML", file.display())
            }
        }
    }
}
