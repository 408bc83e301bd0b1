//! From rows to API files. What was written is loaded again and compared with what is served, so that every difference is told.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use ringway_core::model::{self, Api, Deployment};

use super::{comparable, left_out, usage, written};
use crate::api_file;
use crate::aws::deploy::document;
use crate::aws::wire::RestApi;
use crate::aws::{ControlPlane, State};
use crate::diff::diff;
use crate::document::FILE_BYTES_MAX;
use crate::json::Json;
use crate::openapi::{self, Account, ImportOptions};

/// What the control plane holds, as files.
#[derive(Debug, Default)]
pub struct Exported {
    /// Path, relative to the directory of the files, and text.
    pub files: Vec<(String, String)>,
    /// What the files do not hold, each by its name.
    pub left_out: Vec<String>,
}

impl ControlPlane {
    /// Writes every API with stages as `{restApiId}.toml` with a document for each deployment that a stage or its canary serves, and
    /// every other API as its document `{restApiId}.json`. Usage plans are in `usage/plans.toml`; the API keys with their values are in
    /// `usage/keys.csv`, where `with_keys` asks for them.
    ///
    /// # Errors
    /// Says what of the rows cannot be served: the store is not whole.
    pub fn export_files(&mut self, with_keys: bool) -> Result<Exported, Vec<String>> {
        let serving = self.serving()?;
        self.commit();
        let mut exported = Exported::default();
        for (id, row) in self.state.rest_apis.iter() {
            let served = serving.apis.iter().find(|api| api.id == id && !api.stages.is_empty());
            match served {
                Some(served) => with_stages(&self.state, row, served, &mut exported),
                None => without_stages(&self.state, row, &mut exported),
            }
        }
        usage::export(&self.state, &serving, with_keys, &mut exported);
        exported.left_out.extend(left_out::beside_apis(&self.state));
        Ok(exported)
    }
}

fn name(api: &RestApi) -> String {
    format!("API {} ({})", api.id, api.name)
}

/// The API as it is now, deployed or not.
fn draft(state: &State, api: &RestApi) -> Result<model::RestApi, Vec<String>> {
    let text = document(state, api)?.to_compact();
    let options = ImportOptions { incomplete: true, takes_idle: true, ..ImportOptions::new(&api.id) };
    let imported = openapi::import(&text, Path::new("api.json"), &options)
        .map_err(|issues| issues.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    Ok(imported.rest_api)
}

fn without_stages(state: &State, api: &RestApi, into: &mut Exported) {
    let name = name(api);
    match document(state, api) {
        Ok(document) => {
            let path = format!("{}.json", api.id);
            into.left_out
                .push(format!("{name}: it has no stages, so it is the document {path} and no API file"));
            into.files.push((path, text(&document)));
        }
        Err(problems) => {
            let told = |problem| format!("{name}: it has no stages, and no document can say: {problem}");
            into.left_out.extend(problems.into_iter().map(told));
        }
    }
    into.left_out.extend(left_out::of_api(state, api, &name));
}

fn with_stages(state: &State, api: &RestApi, served: &Api, into: &mut Exported) {
    let name = name(api);
    let deployments = deployments(served);
    let draft = draft(state, api);
    let Some(main) = main(state, api, &deployments, draft.as_ref().ok()) else { return };
    match &draft {
        Ok(draft) => not_deployed(&name, &main.rest_api, draft, &mut into.left_out),
        Err(problems) => {
            let told = |problem| format!("{name}: what is not deployed; no document can say: {problem}");
            into.left_out.extend(problems.iter().map(told));
        }
    }
    let mut files = Vec::new();
    for id in deployments.keys() {
        let frozen = state.frozen_apis.child(&api.id, id).map_or("", |frozen| &frozen.document);
        // Always JSON: the control plane wrote it.
        let mut document = Json::parse(frozen).unwrap_or(Json::Null);
        if *id == main.id && main.rest_api.name != api.name {
            let old = &main.rest_api.name;
            into.left_out.push(format!("{name}: its name was {old} when {id} was deployed"));
            set_title(&mut document, &api.name);
        }
        files.push((written::document_path(&api.id, id), text(&document)));
    }
    into.left_out.extend(left_out::of_api(state, api, &name));
    into.left_out.extend(left_out::of_settings(state, served, &name));
    let used: Vec<&str> = deployments.keys().copied().collect();
    into.left_out.extend(left_out::of_deployments(state, api, &name, &used));
    let path = format!("{}.toml", api.id);
    let file = checked_file(state, api, served, &main.id, &path, &files, &mut into.left_out);
    into.files.push((path, file));
    into.files.append(&mut files);
}

/// What stages and canaries serve, by id.
fn deployments(served: &Api) -> BTreeMap<&str, &Arc<Deployment>> {
    let canaries = served.stages.iter().filter_map(|stage| stage.canary.as_ref());
    let all =
        served.stages.iter().map(|stage| &stage.deployment).chain(canaries.map(|canary| &canary.deployment));
    all.map(|deployment| (deployment.id.as_str(), deployment)).collect()
}

/// The deployment that stands for the API: the one that is as the API is now, else the newest.
fn main<'d>(
    state: &State,
    api: &RestApi,
    deployments: &BTreeMap<&str, &'d Arc<Deployment>>,
    draft: Option<&model::RestApi>,
) -> Option<&'d Deployment> {
    let rank = |deployment: &&&'d Arc<Deployment>| {
        let row = state.deployments.child(&api.id, &deployment.id);
        let is_draft = draft.is_some_and(|draft| diff(&deployment.rest_api, draft).is_empty());
        (is_draft, row.map_or(0, |row| row.created_date))
    };
    deployments.values().max_by_key(rank).map(|deployment| &***deployment)
}

/// What the API has that its documents do not have, and the other way round. Orders that mean nothing are not compared: rows do not
/// keep those of documents that people wrote.
fn not_deployed(name: &str, deployed: &model::RestApi, draft: &model::RestApi, left_out: &mut Vec<String>) {
    let changes = diff(deployed, draft).into_iter().map(|change| change.to_string()).collect::<Vec<_>>();
    let lines = changes.iter().flat_map(|change| change.lines());
    left_out.extend(lines.map(|line| format!("{name}: what is not deployed: {line}")));
}

fn set_title(document: &mut Json, title: &str) {
    if let Json::Object(root) = document
        && let Some((_, Json::Object(info))) = root.iter_mut().find(|(name, _)| name == "info")
        && let Some((_, member)) = info.iter_mut().find(|(name, _)| name == "title")
    {
        *member = title.into();
    }
}

/// For people, unless it is then too long for a file.
fn text(document: &Json) -> String {
    let text = document.to_pretty();
    if text.len() <= FILE_BYTES_MAX { text } else { document.to_compact() }
}

/// The API file, loaded as any is; where that yields something else than the rows do, that is told.
fn checked_file(
    state: &State,
    api: &RestApi,
    served: &Api,
    main: &str,
    path: &str,
    documents: &[(String, String)],
    left_out: &mut Vec<String>,
) -> String {
    let reader = |path: &Path| {
        let document = documents.iter().find(|(name, _)| Path::new(name) == path);
        document.map(|(_, text)| text.clone()).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    };
    let load = |text: &str| api_file::parse(text, Path::new(path), &reader, &Account::default());
    let mut file = written::api_file(state, api, served, main, false);
    let mut loaded = load(&file);
    // What does nothing is an issue of a file, unless the file says otherwise.
    if loaded.is_err() {
        file = written::api_file(state, api, served, main, true);
        loaded = load(&file);
    }
    let name = name(api);
    match loaded {
        Ok(loaded) => left_out.extend(differences(&name, served, &loaded.api)),
        Err(issues) => {
            left_out.extend(issues.iter().map(|issue| format!("{name}: the file is not valid: {issue}")));
        }
    }
    file
}

/// What files say otherwise than rows. There is nothing known that would be, but it is never to be silent.
pub(super) fn differences(name: &str, rows: &Api, files: &Api) -> Vec<String> {
    let (rows, files) = (comparable(rows), comparable(files));
    if rows == files {
        return Vec::new();
    }
    let mut lines = Vec::new();
    for (before, after) in rows.stages.iter().zip(&files.stages) {
        let place = format!("{name}, stage {}: the files differ", before.stage_name);
        let canaries = before.canary.as_ref().zip(after.canary.as_ref());
        let canaries = canaries.map(|(before, after)| (&before.deployment, &after.deployment));
        for (before, after) in [(&before.deployment, &after.deployment)].into_iter().chain(canaries) {
            let changes = diff(&before.rest_api, &after.rest_api);
            lines.extend(changes.iter().map(|change| format!("{place}: {change}")));
        }
    }
    if lines.is_empty() {
        lines.push(format!("{name}: the files differ from what is served"));
    }
    lines
}
