//! Real OpenAPI documents from public repositories: each imports and survives a round trip, or is refused for a reason that is right.

mod corpus;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use corpus::computed::computed;
use corpus::{documents, import_json, options, round_trips};
use ringway_controlplane::Issue;
use ringway_controlplane::openapi::{ImportOptions, import};
use serde_json::Value;

/// Whether `pointer` or its parent is in the document: a missing member has no place of its own.
fn resolves(document: &Value, pointer: &str) -> bool {
    let parent = pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
    document.pointer(pointer).or_else(|| document.pointer(parent)).is_some()
}

/// Why a document is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    /// It is a template: CloudFormation computes values before AWS sees the document.
    CloudFormation,
    /// It describes an HTTP API.
    HttpApi,
    /// AWS refuses it too, in these words or for what they say.
    Aws,
    /// The model has no place for it yet.
    NotBuilt,
    Other,
}

fn reason(issue: &Issue) -> Reason {
    /// Messages of AWS, and what AWS does not deploy.
    const AWS: [&str; 9] = [
        "Invalid",
        "No integration defined for method",
        "Enumeration value for HttpMethod must be non-empty",
        "Member must satisfy",
        "only supports Lambda function and Firehose",
        "AWS ARN for integration must contain path or action",
        "has characters other than",
        "AWS deploys none without",
        "not valid: ",
    ];
    let message = &issue.message;
    if message.contains("CloudFormation") {
        Reason::CloudFormation
    } else if message.contains("for HTTP APIs only") {
        Reason::HttpApi
    } else if message.contains("not built yet") {
        Reason::NotBuilt
    } else if AWS.iter().any(|text| message.contains(text)) {
        Reason::Aws
    } else {
        Reason::Other
    }
}

#[derive(Default)]
struct Tally {
    imported: Vec<String>,
    /// Documents by the first of their reasons, CloudFormation before HTTP APIs before AWS.
    refused: BTreeMap<Reason, Vec<String>>,
    not_served: BTreeMap<String, usize>,
    /// Imported documents that AWS would refuse.
    strictly_refused: Vec<String>,
    warnings: usize,
    round_trips: usize,
}

impl Tally {
    fn add(&mut self, name: &str, text: &str) {
        let document: Value = serde_json::from_str(text).unwrap();
        let lines = text.lines().count();
        let strict = ImportOptions { strict_aws: true, ..options() };
        match import_json(text) {
            Ok(imported) => {
                if import(text, Path::new("document.json"), &strict).is_err() {
                    self.strictly_refused.push(name.to_owned());
                }
                assert!(!imported.rest_api.resources.is_empty(), "{name}");
                for issue in &imported.not_served {
                    check_place(issue, &document, lines);
                    *self.not_served.entry(issue.message.clone()).or_default() += 1;
                }
                imported.warnings.iter().for_each(|issue| check_place(issue, &document, lines));
                self.warnings += imported.warnings.len();
                self.round_trips += round_trips(&imported);
                self.imported.push(name.to_owned());
            }
            Err(issues) => {
                issues.iter().for_each(|issue| check_place(issue, &document, lines));
                let first = issues.iter().map(reason).min().unwrap();
                self.refused.entry(first).or_default().push(name.to_owned());
                if first != Reason::CloudFormation {
                    println!("{name} is refused:");
                    issues.iter().for_each(|issue| println!("  {issue}"));
                }
            }
        }
    }

    fn counts(&self) -> BTreeMap<Reason, usize> {
        self.refused.iter().map(|(reason, names)| (*reason, names.len())).collect()
    }

    fn print(&self, what: &str) {
        println!(
            "{what}: {} import, {} round trips, {} warnings",
            self.imported.len(),
            self.round_trips,
            self.warnings
        );
        println!("  refused: {:?}; imported, but refused by AWS: {:?}", self.counts(), self.strictly_refused);
        for (message, count) in &self.not_served {
            println!("{count:5}  {message}");
        }
    }
}

fn check_place(issue: &Issue, document: &Value, lines: usize) {
    let line = issue.line as usize;
    assert!((1..=lines.max(1)).contains(&line) && issue.column > 0, "{issue}");
    assert!(resolves(document, &issue.pointer), "{issue}");
}

#[test]
fn real_documents() {
    let Some(files) = documents() else {
        println!("skipped: no vectors; set RINGWAY_VECTORS to their directory");
        return;
    };
    assert!(files.len() >= 165, "only {} documents", files.len());
    let (mut as_they_are, mut deployed) = (Tally::default(), Tally::default());
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        let name = file.file_name().unwrap().to_string_lossy();
        as_they_are.add(&name, &text);
        let document: Value = serde_json::from_str(&text).unwrap();
        deployed.add(&name, &serde_json::to_string_pretty(&computed(&document)).unwrap());
    }
    as_they_are.print("as they are");
    deployed.print("with what CloudFormation computes in its place");
    if files.len() > 165 {
        return;
    }
    // Each refusal was looked at: templates; routes, authorizers and integrations that only HTTP APIs have; and of AWS's, operations
    // without an integration, APIs without methods, CORS texts without quotes, `{proxy++}`, URIs that are no ARN.
    use Reason::{Aws, CloudFormation, HttpApi};
    assert_eq!(as_they_are.counts(), BTreeMap::from([(CloudFormation, 139), (HttpApi, 8), (Aws, 2)]));
    assert_eq!((as_they_are.imported.len(), as_they_are.round_trips), (16, 16 * 12));
    assert_eq!(deployed.counts(), BTreeMap::from([(HttpApi, 33), (Aws, 21)]));
    assert_eq!((deployed.imported.len(), deployed.round_trips), (111, 111 * 12));
}

/// The same text read as YAML gives the same result: JSON is a part of YAML as far as these documents go.
#[test]
fn as_yaml() {
    let Some(files) = documents() else {
        println!("skipped: no vectors; set RINGWAY_VECTORS to their directory");
        return;
    };
    let places = |issues: &[Issue]| -> Vec<_> {
        let place = |issue: &Issue| (issue.line, issue.column, issue.pointer.clone(), issue.message.clone());
        issues.iter().map(place).collect()
    };
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        let (json, yaml) = (Path::new("x.json"), Path::new("x.yaml"));
        match (import(&text, json, &options()), import(&text, yaml, &options())) {
            (Ok(from_json), Ok(from_yaml)) => {
                assert_eq!(from_json.rest_api, from_yaml.rest_api);
                assert_eq!(places(&from_json.not_served), places(&from_yaml.not_served));
                assert_eq!(places(&from_json.warnings), places(&from_yaml.warnings));
            }
            (Err(from_json), Err(from_yaml)) => {
                assert_eq!(places(&from_json), places(&from_yaml), "{}", file.display());
            }
            (from_json, from_yaml) => {
                panic!("{}: {from_json:?} as JSON, {from_yaml:?} as YAML", file.display())
            }
        }
    }
}
