//! OpenAPI import: no text panics, and every issue has a place. Text that begins with a brace is JSON, any other YAML.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use ringway_controlplane::openapi::import;

fuzz_target!(|text: &str| match import(text, Path::new("x"), "fuzz") {
    Ok(api) => assert!(!api.deployment.id.is_empty()),
    Err(issues) => {
        assert!(!issues.is_empty());
        for issue in issues {
            assert!(issue.line > 0 && issue.column > 0, "{issue}");
        }
    }
});
