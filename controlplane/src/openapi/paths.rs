//! `paths`: resources with their methods.

use std::collections::HashSet;

use ringway_core::limits::PATH_PARAMETERS_MAX;
use ringway_core::model::{Method, Resource};

use super::importer::Importer;
use super::operation;
use super::path::{ResourcePath, Siblings};
use crate::cursor::Cursor;
use crate::stable_id::stable_id;

impl<'a> Importer<'_, 'a> {
    pub(super) fn resources(&mut self, paths: &Cursor<'a>) -> Vec<Resource> {
        let prefix = self.path_prefix();
        let mut items = Vec::new();
        for (key, item) in self.members(paths).unwrap_or_default() {
            match key {
                key if key.starts_with("x-") => self.extension_or_unknown(key, &item, &[], &[]),
                "/$default" | "$default" => {
                    self.errors.at_key(
                        &item,
                        "the route `$default` is for HTTP APIs only (spec sheet §2)",
                        None,
                    );
                }
                "/" if !prefix.is_empty() => items.push((prefix.clone(), item)),
                key => items.push((format!("{prefix}{key}"), item)),
            }
        }
        let mut siblings = Siblings::default();
        let mut resources = Vec::new();
        let mut has_operation = false;
        for (text, item) in &items {
            let path = match ResourcePath::parse(text).and_then(|path| siblings.add(&path).map(|()| path)) {
                Ok(path) => path,
                Err(message) => {
                    has_operation = true;
                    self.errors.at_key(item, message, None);
                    continue;
                }
            };
            if path.variables().len() > PATH_PARAMETERS_MAX {
                let message =
                    format!("a path with more than {PATH_PARAMETERS_MAX} variables is not built yet");
                self.not_served.at_key(item, message, None);
            }
            self.paths.push(text.clone());
            let Some(methods) = self.path_item(item, &path, &mut has_operation) else { continue };
            // A resource without methods answers like a path that does not exist.
            if !methods.is_empty() {
                let id = stable_id(&[&self.options.api_id, text]);
                resources.push(Resource { id, path: text.clone(), methods });
            }
        }
        if !has_operation && !self.options.incomplete {
            self.errors.at(paths, "not valid: the API has no methods, and AWS deploys none without");
        }
        resources
    }

    fn path_item(
        &mut self,
        item: &Cursor<'a>,
        path: &ResourcePath<'_>,
        has_operation: &mut bool,
    ) -> Option<Vec<Method>> {
        // Something is meant to be here, and what is wrong with it is told.
        *has_operation |= item.get("$ref").is_some();
        let target = self.follow(item);
        let has_own = |(key, _): (&str, Cursor<'a>)| operation::verb(key).is_some() || key == "parameters";
        let item = match item.get("$ref") {
            Some(reference) if item.entries().any(has_own) => {
                self.errors.at_key(
                    &reference,
                    "not valid: a path has either `$ref` or operations of its own",
                    None,
                );
                item.clone()
            }
            _ => target?,
        };
        let parameters = item.get("parameters");
        let mut verbs = HashSet::new();
        let mut methods = Vec::new();
        let known = self.format.path_item_keys();
        for (key, member) in self.members(&item)? {
            if let Some(http_method) = operation::verb(key) {
                *has_operation = true;
                // A duplicate key is reported with the document; the first counts.
                if verbs.insert(http_method) {
                    methods.extend(self.operation(&member, http_method, path, parameters.as_ref()));
                }
            } else if key == "$ref" {
                // Reported above.
            } else if key == "trace" {
                self.errors.at_key(&member, "not valid: API Gateway has no TRACE method", None);
            } else {
                let all: Vec<&str> = known.iter().copied().chain(operation::KEYS).collect();
                if known.contains(&key) {
                    super::annotations::scan(self, &member);
                } else {
                    self.extension_or_unknown(key, &member, &["any-method"], &all);
                }
            }
        }
        Some(methods)
    }
}
