//! OpenAPI export: whatever imports comes back from its export the same, in each format and syntax.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use ringway_controlplane::diff::diff;
use ringway_controlplane::export::{ExportOptions, Extensions, Format, export};
use ringway_controlplane::openapi::{ImportOptions, import};

/// What a document stands for is bounded, and an export writes it out; larger inputs would only meet that bound.
const BYTES_MAX: usize = 16 * 1024;

fuzz_target!(|text: &str| {
    let options = ImportOptions { name: Some("fuzz".into()), ..ImportOptions::new("fuzz") };
    if text.len() > BYTES_MAX {
        return;
    }
    let Ok(imported) = import(text, Path::new("x"), &options) else { return };
    for format in [Format::Swagger2, Format::OpenApi30] {
        let export_options =
            ExportOptions { format, extensions: Extensions::APIGATEWAY, ..ExportOptions::default() };
        let json = export(&imported.rest_api, &export_options).expect("an imported API has only JSON models");
        for (name, text) in [("x.json", json.to_pretty()), ("x.yaml", json.to_yaml())] {
            match import(&text, Path::new(name), &options) {
                Ok(again) => {
                    assert_eq!(diff(&imported.rest_api, &again.rest_api), [], "{text}");
                    assert_eq!(imported.rest_api, again.rest_api, "{text}");
                }
                // A schema stands three levels deeper in one format than in the other.
                Err(issues) if issues.iter().any(|issue| issue.message.contains("nested deeper")) => {}
                Err(issues) => panic!("{issues:#?}\n{text}"),
            }
        }
    }
});
