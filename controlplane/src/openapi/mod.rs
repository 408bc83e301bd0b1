//! OpenAPI 3.0 and Swagger 2.0 with the `x-amazon-apigateway-*` extensions (spec sheet §13, tables.md §10).
//!
//! What changes how an API is served is either built or an issue at its place. What only describes the API (info,
//! schemas, documented responses, servers …) is accepted: AWS stores it and serves no request differently for it, with
//! `basepath=ignore`, its default.

mod annotations;
mod http_proxy;
mod integration;
mod mock;
mod operation;
mod parameters;
mod path;
mod stage_use;
mod uri;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use ringway_core::model::{Deployment, Resource};

use crate::cursor::Cursor;
use crate::document;
use crate::issue::{Issue, Issues, quoted};
use crate::stable_id::stable_id;

use path::{ResourcePath, Siblings};
use stage_use::StageUse;

/// An imported document.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedApi {
    /// `info.title`, which AWS makes the name of the RestApi.
    pub name: String,
    /// The resources; the id follows from the text, so the same document is the same deployment.
    pub deployment: Arc<Deployment>,
    /// What depends on the variables of the stage.
    stage_uses: Vec<StageUse>,
}

impl ImportedApi {
    /// What is wrong with serving this document in a stage with `variables`; each message names its use.
    pub(crate) fn stage_problems(
        &self,
        variables: &std::collections::BTreeMap<String, String>,
    ) -> Vec<String> {
        stage_use::problems(&self.stage_uses, variables)
    }
}

/// Imports the document `text`; `file` names it in issues and `api_id` goes into the ids of its resources.
///
/// # Errors
/// Every issue, in the order of the lines.
pub fn import(text: &str, file: &Path, api_id: &str) -> Result<ImportedApi, Vec<Issue>> {
    let mut issues = Issues::new(file);
    let mut imported = None;
    if let Some(root) = document::parse(text, &mut issues) {
        let mut importer = Importer { issues: &mut issues, stage_uses: Vec::new(), api_id };
        imported = importer.api(&Cursor::root(&root)).map(|(name, resources)| ImportedApi {
            name,
            deployment: Arc::new(Deployment { id: stable_id(&[api_id, text]), resources }),
            stage_uses: importer.stage_uses,
        });
    }
    issues.into_result(imported)
}

struct Importer<'i, 'f> {
    issues: &'i mut Issues<'f>,
    stage_uses: Vec<StageUse>,
    api_id: &'i str,
}

/// The two formats differ, for what is served, only in which keys they know.
#[derive(Clone, Copy)]
enum Format {
    Swagger2,
    OpenApi3,
}

impl Format {
    fn root_keys(self) -> &'static [&'static str] {
        match self {
            Self::Swagger2 => &[
                "swagger",
                "info",
                "host",
                "basePath",
                "schemes",
                "consumes",
                "produces",
                "paths",
                "definitions",
                "parameters",
                "responses",
                "securityDefinitions",
                "security",
                "tags",
                "externalDocs",
            ],
            Self::OpenApi3 => {
                &["openapi", "info", "servers", "paths", "components", "security", "tags", "externalDocs"]
            }
        }
    }

    fn path_item_keys(self) -> &'static [&'static str] {
        match self {
            Self::Swagger2 => &["parameters"],
            Self::OpenApi3 => &["parameters", "summary", "description", "servers"],
        }
    }

    fn operation_keys(self) -> &'static [&'static str] {
        match self {
            Self::Swagger2 => &[
                "tags",
                "summary",
                "description",
                "externalDocs",
                "operationId",
                "consumes",
                "produces",
                "parameters",
                "responses",
                "schemes",
                "deprecated",
                "security",
            ],
            Self::OpenApi3 => &[
                "tags",
                "summary",
                "description",
                "externalDocs",
                "operationId",
                "parameters",
                "requestBody",
                "responses",
                "callbacks",
                "deprecated",
                "security",
                "servers",
            ],
        }
    }
}

impl Importer<'_, '_> {
    fn api(&mut self, root: &Cursor<'_>) -> Option<(String, Vec<Resource>)> {
        self.issues.mapping(root)?;
        let format = self.format(root)?;
        annotations::check_keys(self.issues, root, format.root_keys());
        for (key, part) in root.entries() {
            match key {
                "security" => annotations::check_security(self.issues, &part),
                "paths" => {}
                key if format.root_keys().contains(&key) => annotations::scan(self.issues, &part),
                _ => {}
            }
        }
        let name = self.name(root);
        let paths = self.issues.required(root, "paths")?;
        let resources = self.resources(&paths, format)?;
        Some((name?, resources))
    }

    fn format(&mut self, root: &Cursor<'_>) -> Option<Format> {
        match (root.get("openapi"), root.get("swagger")) {
            (Some(version), None) => match version.scalar_text() {
                Some(text) if text == "3.0" || text.starts_with("3.0.") => return Some(Format::OpenApi3),
                Some(text) if text == "3.1" || text.starts_with("3.1.") => self.issues.at_with_help(
                    &version,
                    format!("OpenAPI {} is not built yet", quoted(text)),
                    "write the document in OpenAPI 3.0 or Swagger 2.0",
                ),
                _ => self.issues.at(&version, "not valid: `openapi` has to be `\"3.0.x\"`"),
            },
            (None, Some(version)) if version.scalar_text() == Some("2.0") => return Some(Format::Swagger2),
            (None, Some(version)) => self.issues.at(&version, "not valid: `swagger` has to be `\"2.0\"`"),
            (Some(_), Some(version)) => {
                self.issues.at_key(&version, "a document has either `openapi` or `swagger`, not both", None);
            }
            (None, None) => self.issues.at_with_help(
                root,
                "not an OpenAPI document: neither `openapi` nor `swagger` is there",
                "begin with `openapi: \"3.0.1\"` or `swagger: \"2.0\"`",
            ),
        }
        None
    }

    fn name(&mut self, root: &Cursor<'_>) -> Option<String> {
        let info = self.issues.required(root, "info")?;
        self.issues.mapping(&info)?;
        let title = self.issues.required(&info, "title")?;
        let text = self.issues.string(&title)?;
        if text.is_empty() {
            self.issues.at(&title, "the title is empty: it is the name of the RestApi");
        }
        Some(text.to_owned())
    }

    fn resources(&mut self, paths: &Cursor<'_>, format: Format) -> Option<Vec<Resource>> {
        let mut resources = Vec::new();
        let mut siblings = Siblings::default();
        for (key, item) in self.issues.mapping(paths)? {
            if key.starts_with("x-") {
                annotations::check_extension(self.issues, &item, key);
                continue;
            }
            let path = match ResourcePath::parse(key).and_then(|path| {
                siblings.add(&path)?;
                Ok(path)
            }) {
                Ok(path) => path,
                Err(message) => {
                    self.issues.at_key(&item, message, None);
                    continue;
                }
            };
            let methods = self.path_item(&item, &path, format);
            // A resource without methods answers like a path that does not exist.
            if !methods.is_empty() {
                let id = stable_id(&[self.api_id, key]);
                resources.push(Resource { id, path: key.to_owned(), methods });
            }
        }
        if !paths.entries().any(|(_, item)| operation::has_operation(&item)) {
            self.issues.at(paths, "not valid: the API has no methods, and AWS deploys none without");
        }
        Some(resources)
    }

    fn path_item(
        &mut self,
        item: &Cursor<'_>,
        path: &ResourcePath<'_>,
        format: Format,
    ) -> Vec<ringway_core::model::Method> {
        let Some(members) = self.issues.mapping(item) else { return Vec::new() };
        let mut verbs = HashSet::new();
        let mut methods = Vec::new();
        for (key, member) in members {
            if let Some(http_method) = operation::verb(key) {
                // A duplicate key is reported with the document; the first counts.
                if verbs.insert(http_method) {
                    methods.extend(self.operation(&member, http_method, path, format));
                }
            } else if key.starts_with("x-") {
                annotations::check_extension(self.issues, &member, key);
            } else if format.path_item_keys().contains(&key) {
                annotations::scan(self.issues, &member);
            } else if key == "$ref" {
                self.issues.at(&member, "`$ref` in a path is not built yet; write the operations here");
            } else if key == "trace" {
                self.issues.at(&member, "not valid: API Gateway has no TRACE method");
            } else {
                let known = format.path_item_keys().iter().copied().chain(operation::KEYS);
                self.issues.unknown_key(&member, key, known);
            }
        }
        methods
    }
}
