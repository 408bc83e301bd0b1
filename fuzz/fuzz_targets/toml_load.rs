//! API files and the process configuration: no text panics, and every issue has a place.
#![no_main]

use std::io;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use ringway_controlplane::openapi::Account;
use ringway_controlplane::{Issue, api_file, process};

const BODY: &str = include_str!("../../config/apis/petstore-v1.openapi.yaml");

fuzz_target!(|text: &str| {
    let file = Path::new("x.toml");
    let reader = |path: &Path| match path.to_str() {
        Some("petstore-v1.openapi.yaml") => Ok(BODY.to_owned()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    check(api_file::parse(text, file, &reader, &Account::default()).err());
    check(process::parse(text, file).err());
});

fn check(issues: Option<Vec<Issue>>) {
    for issue in issues.iter().flatten() {
        assert!(issue.line > 0 && issue.column > 0, "{issue}");
    }
}
