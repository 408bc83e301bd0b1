//! The documents that an API file names: read once each, imported, joined where a body is made of several.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use ringway_core::model::Deployment;

use crate::api_file::{Reader, beside};
use crate::cursor::Cursor;
use crate::document::Value;
use crate::issue::Issues;
use crate::openapi::{self, ImportOptions, Imported};
use crate::stable_id::stable_id;

/// What a stage serves.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) deployment: Arc<Deployment>,
    imported: Imported,
}

impl Body {
    /// What is wrong with serving it in a stage with `variables`; each message names its use.
    pub(crate) fn stage_problems(&self, variables: &BTreeMap<String, String>) -> Vec<String> {
        self.imported.stage_problems(variables)
    }
}

/// The bodies of an API file.
pub(crate) struct Bodies<'r> {
    reader: Reader<'r>,
    /// How documents are imported.
    pub(crate) options: ImportOptions,
    /// Each document that was read, with its text; `None` when it has issues. Several stages may name the same.
    documents: BTreeMap<PathBuf, Option<Rc<(String, Imported)>>>,
    /// Bodies by the documents that they are made of: stages of the same body share its deployment.
    bodies: BTreeMap<Vec<PathBuf>, Rc<Body>>,
}

impl<'r> Bodies<'r> {
    pub(crate) fn new(reader: Reader<'r>) -> Self {
        Self {
            reader,
            options: ImportOptions::default(),
            documents: BTreeMap::new(),
            bodies: BTreeMap::new(),
        }
    }

    /// Every document that was found.
    pub(crate) fn files(&self) -> impl Iterator<Item = PathBuf> {
        self.documents.keys().cloned()
    }

    /// The body that `cursor` names: a file, or a list of files of which each is merged into those before it (`mode=merge`).
    pub(crate) fn body(&mut self, issues: &mut Issues<'_>, cursor: &Cursor<'_>) -> Option<Rc<Body>> {
        let names: Vec<Cursor<'_>> = match cursor.node().value {
            Value::Sequence(_) => cursor.items().collect(),
            _ => vec![cursor.clone()],
        };
        if names.is_empty() {
            issues.at(cursor, "`body` names no document");
        }
        let documents: Vec<_> = names.iter().map(|name| self.document(issues, name)).collect();
        let (paths, documents): (Vec<_>, Vec<_>) =
            documents.into_iter().collect::<Option<Vec<_>>>()?.into_iter().unzip();
        if let Some(body) = self.bodies.get(&paths) {
            return Some(body.clone());
        }
        let mut parts: Vec<&str> = vec![&self.options.api_id];
        parts.extend(documents.iter().map(|document| document.0.as_str()));
        // What else the deployment depends on; AWS's defaults leave the id as it was.
        let settings = format!(
            "{:?} {} {:?}",
            self.options.base_path, self.options.ignore_documentation, self.options.name
        );
        if settings != "Ignore false None" {
            parts.push(&settings);
        }
        let id = stable_id(&parts);
        let imported = documents.iter().map(|document| document.1.clone()).reduce(Imported::merged)?;
        if documents.len() > 1 && openapi::needs_key_of_authorizer(&imported.rest_api) {
            // One document may have the methods and another the source.
            issues.at(cursor, openapi::KEY_OF_AUTHORIZER);
            return None;
        }
        let deployment = Arc::new(Deployment { id, rest_api: imported.rest_api.clone() });
        let body = Rc::new(Body { deployment, imported });
        self.bodies.insert(paths, body.clone());
        Some(body)
    }

    /// Reads and imports the document that `cursor` names, once.
    fn document(
        &mut self,
        issues: &mut Issues<'_>,
        cursor: &Cursor<'_>,
    ) -> Option<(PathBuf, Rc<(String, Imported)>)> {
        let name = issues.string(cursor)?;
        let path = beside(issues.file(), name);
        if let Some(document) = self.documents.get(&path) {
            return document.clone().map(|document| (path, document));
        }
        let text = match (self.reader)(&path) {
            Ok(text) => text,
            Err(error) => {
                issues.at_with_help(
                    cursor,
                    format!("cannot read {}: {error}", path.display()),
                    "`body` names an OpenAPI document, relative to this file",
                );
                return None;
            }
        };
        let imported = openapi::import_to_serve(&text, &path, &self.options);
        let document =
            imported.map(|imported| Rc::new((text, imported))).map_err(|more| issues.extend(more)).ok();
        self.documents.insert(path.clone(), document.clone());
        document.map(|document| (path, document))
    }
}
