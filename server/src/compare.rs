//! `ringway diff` and `ringway export`: what two APIs differ in, and an API as a document.

use std::path::Path;

use ringway_controlplane::diff::{self, ChangeKind};
use ringway_controlplane::export::{ExportOptions, Extensions, Format, export};
use ringway_controlplane::openapi::{self, ImportOptions};
use ringway_core::model::RestApi;

use crate::admin_client;
use crate::check::plural;
use crate::cli::{DiffArgs, EXIT_CONFIGURATION, ExportArgs};

/// Exit code of a diff that found something, as that of `diff`.
const EXIT_DIFFERENT: u8 = 1;

/// Prints what makes the second of the first.
pub(crate) fn diff(arguments: &DiffArgs) -> u8 {
    let (old, new) = match (api(&arguments.old), api(&arguments.new)) {
        (Ok(old), Ok(new)) => (old, new),
        (old, new) => return refuse([old.err(), new.err()].into_iter().flatten()),
    };
    let changes = diff::diff(&old, &new);
    if arguments.json {
        println!("{}", diff::to_json(&changes).to_pretty());
    } else {
        changes.iter().for_each(|change| println!("{change}"));
        let count = |kind| changes.iter().filter(|change| change.kind == kind).count();
        let (added, removed) = (count(ChangeKind::Added), count(ChangeKind::Removed));
        let changed = count(ChangeKind::Changed);
        println!(
            "{}: {added} added, {removed} removed, {changed} changed",
            plural(changes.len(), "difference")
        );
    }
    if changes.is_empty() { 0 } else { EXIT_DIFFERENT }
}

/// Prints an API as a document.
pub(crate) fn export_document(arguments: &ExportArgs) -> u8 {
    let written = api(&arguments.api).and_then(|api| document(&api, arguments));
    match written {
        Ok(text) => {
            println!("{}", text.trim_end());
            0
        }
        Err(message) => refuse([message].into_iter()),
    }
}

fn document(api: &RestApi, arguments: &ExportArgs) -> Result<String, String> {
    let format = Format::parse(&arguments.format).ok_or("the format is `oas30` or `swagger`")?;
    let extensions = Extensions::parse(&arguments.extensions)?;
    let stage_name = arguments.stage.clone();
    let options = ExportOptions { format, extensions, host: None, stage_name };
    let json = export(api, &options).map_err(|problems| problems.join("\n"))?;
    Ok(if arguments.yaml { json.to_yaml() } else { json.to_pretty() })
}

fn refuse(messages: impl Iterator<Item = String>) -> u8 {
    messages.for_each(|message| eprintln!("ringway: {message}"));
    EXIT_CONFIGURATION
}

/// The API that `name` says: an OpenAPI document, `FILE.toml#STAGE` of an API file, or `http://ADMIN/apis/ID/stages/NAME`: what runs.
fn api(name: &str) -> Result<RestApi, String> {
    if name.starts_with("http://") {
        let text = admin_client::ask("GET", name)?;
        let imported = openapi::import(&text, Path::new(name), &ImportOptions::new("diff"));
        return imported.map(|imported| imported.rest_api).map_err(spell);
    }
    if let Some((file, stage)) = name.rsplit_once('#') {
        let loaded = ringway_controlplane::load(&[file.into()]).map_err(spell)?;
        let stages: Vec<_> = loaded.configuration.apis.iter().flat_map(|api| &api.stages).collect();
        let found = stages.iter().find(|other| other.stage_name == stage);
        return found.map(|stage| stage.deployment.rest_api.clone()).ok_or_else(|| {
            let names: Vec<&str> = stages.iter().map(|stage| stage.stage_name.as_str()).collect();
            format!("{file} has no stage {stage}; it has {}", names.join(", "))
        });
    }
    let imported = ringway_controlplane::import_file(Path::new(name), &ImportOptions::new("diff"));
    imported.map(|imported| imported.rest_api).map_err(spell)
}

fn spell(issues: Vec<ringway_controlplane::Issue>) -> String {
    issues.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
