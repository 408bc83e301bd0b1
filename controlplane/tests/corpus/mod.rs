//! What several tests need: the real documents, and the comparison of an API with its export.
#![allow(dead_code)] // each test uses its part

pub(crate) mod computed;

use std::fs;
use std::path::{Path, PathBuf};

use ringway_controlplane::Issue;
use ringway_controlplane::export::{ExportOptions, Extensions, Format, export};
use ringway_controlplane::openapi::{ImportOptions, Imported, import};

/// The documents of the vectors, if they are there.
pub(crate) fn documents() -> Option<Vec<PathBuf>> {
    let vectors = std::env::var_os("RINGWAY_VECTORS").map_or("../../shared/vectors".into(), PathBuf::from);
    let mut files: Vec<PathBuf> =
        fs::read_dir(vectors.join("openapi")).ok()?.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.retain(|path| path.file_name().is_some_and(|name| name != "index.json"));
    files.sort();
    Some(files)
}

/// As CloudFormation would import it, which gives the name outside of the document.
pub(crate) fn options() -> ImportOptions {
    ImportOptions { name: Some("vector".into()), ..ImportOptions::new("vectors") }
}

/// Imports `text` as JSON.
pub(crate) fn import_json(text: &str) -> Result<Imported, Vec<Issue>> {
    import(text, Path::new("document.json"), &options())
}

/// Exports an API in both formats and both syntaxes, imports each again and compares; how many came back equal.
pub(crate) fn round_trips(imported: &Imported) -> usize {
    let api = &imported.rest_api;
    let mut count = 0;
    for format in [Format::Swagger2, Format::OpenApi30] {
        let host = Some("vectors.execute-api.us-east-1.amazonaws.com".to_owned());
        for (host, stage_name) in [(None, None), (host, Some("prod".to_owned()))] {
            let options = ExportOptions { format, extensions: Extensions::APIGATEWAY, host, stage_name };
            let json = export(api, &options).unwrap();
            for (name, text) in
                [("e.json", json.to_pretty()), ("e.json", json.to_compact()), ("e.yaml", json.to_yaml())]
            {
                let again = import(&text, Path::new(name), &self::options())
                    .unwrap_or_else(|issues| panic!("{name} {format:?}: {issues:#?}\n{text}"));
                assert_eq!(&again.rest_api, api, "{name} {format:?}\n{text}");
                count += 1;
            }
        }
    }
    count
}
