//! OpenAPI import: no text panics, and every issue has a place. Text that begins with a brace is JSON, any other YAML.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use ringway_controlplane::openapi::{BasePathMode, ImportOptions, import};

fuzz_target!(|text: &str| {
    for strict_aws in [false, true] {
        let base_path = if strict_aws { BasePathMode::Split } else { BasePathMode::Ignore };
        let options = ImportOptions { strict_aws, base_path, ..ImportOptions::new("fuzz") };
        let issues = match import(text, Path::new("x"), &options) {
            Ok(imported) => {
                assert!(!imported.rest_api.resources.is_empty() && !imported.rest_api.name.is_empty());
                imported.not_served.into_iter().chain(imported.warnings).collect()
            }
            Err(issues) => {
                assert!(!issues.is_empty());
                issues
            }
        };
        for issue in issues {
            assert!(issue.line > 0 && issue.column > 0, "{issue}");
        }
    }
});
