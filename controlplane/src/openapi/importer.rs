//! What every part of the import has at hand: the document, the options, the lists of issues, references.

use std::collections::HashMap;

use ringway_core::model::{Authorizer, HttpMethod, RequestValidator};

use super::ImportOptions;
use super::format::Format;
use super::schema::Models;
use super::security::Kind;
use super::stage_use::StageUse;
use crate::cursor::{Cursor, intrinsic, is_intrinsic};
use crate::document::{NODES_MAX, Value, nodes_of};
use crate::issue::{Issues, quoted};
use crate::json::Json;

/// Most references that lead to one another.
const REFERENCES_MAX: usize = 32;

pub(super) struct Importer<'f, 'a> {
    pub(super) root: Cursor<'a>,
    pub(super) format: Format,
    pub(super) options: &'f ImportOptions,
    /// What AWS refuses, or what cannot be understood.
    pub(super) errors: Issues<'f>,
    /// What has no effect at AWS either.
    pub(super) warnings: Issues<'f>,
    /// What is kept but would not be served as it is written.
    pub(super) not_served: Issues<'f>,
    pub(super) stage_uses: Vec<StageUse>,
    /// Every path, with methods or without.
    pub(super) paths: Vec<String>,
    /// Methods that have no integration, where that is allowed.
    pub(super) without_integration: Vec<(String, HttpMethod)>,
    pub(super) models: Models,
    pub(super) authorizers: Vec<Authorizer>,
    /// By name.
    pub(super) schemes: HashMap<&'a str, Kind>,
    pub(super) validators: Vec<RequestValidator>,
    /// Nodes that references and inherited lists may still stand for.
    budget: usize,
}

impl<'f, 'a> Importer<'f, 'a> {
    pub(super) fn new(
        root: Cursor<'a>,
        format: Format,
        options: &'f ImportOptions,
        errors: Issues<'f>,
    ) -> Self {
        let file = errors.file();
        Self {
            root,
            format,
            options,
            errors,
            warnings: Issues::new(file),
            not_served: Issues::new(file),
            stage_uses: Vec::new(),
            paths: Vec::new(),
            without_integration: Vec::new(),
            models: Models::default(),
            authorizers: Vec::new(),
            schemes: HashMap::new(),
            validators: Vec::new(),
            budget: NODES_MAX,
        }
    }

    /// The members of a mapping; a CloudFormation function among them is an error and left out.
    pub(super) fn members(&mut self, cursor: &Cursor<'a>) -> Option<Vec<(&'a str, Cursor<'a>)>> {
        if self.errors.is_intrinsic(cursor, "a mapping") {
            return None;
        }
        let mut members = self.errors.mapping(cursor)?;
        members.retain(|(key, member)| {
            let is_function = is_intrinsic(key) && *key != "Ref";
            if is_function {
                self.errors.unknown_key(member, key, []);
            }
            !is_function
        });
        Some(members)
    }

    /// The members of the mapping `key` of `cursor`; nothing where it is absent.
    pub(super) fn members_of(&mut self, cursor: &Cursor<'a>, key: &str) -> Vec<(&'a str, Cursor<'a>)> {
        cursor.get(key).and_then(|member| self.members(&member)).unwrap_or_default()
    }

    /// The strings of the list `key` of `cursor`; nothing where it is absent.
    pub(super) fn strings_of(&mut self, cursor: &Cursor<'a>, key: &str) -> Vec<String> {
        let Some(list) = cursor.get(key) else { return Vec::new() };
        let items = self.errors.sequence(&list).unwrap_or_default();
        items.iter().filter_map(|item| self.errors.string(item)).map(str::to_owned).collect()
    }

    /// The string `key` of `cursor`; an empty one is none.
    pub(super) fn text_of(&mut self, cursor: &Cursor<'a>, key: &str) -> Option<String> {
        let text = self.errors.string(&cursor.get(key)?)?;
        (!text.is_empty()).then(|| self.resolved(text))
    }

    /// Where to report what the model has no place for.
    pub(super) fn lost(&mut self) -> &mut Issues<'f> {
        match self.options.incomplete {
            true => &mut self.warnings,
            false => &mut self.not_served,
        }
    }

    /// Reports what does nothing at AWS either, unless it is taken as AWS takes it.
    pub(super) fn idle(&mut self, cursor: &Cursor<'_>, message: impl Into<String>, help: &str) {
        if !self.options.takes_idle {
            self.not_served.at_key(cursor, message, Some(help.into()));
        }
    }

    /// Reports a key that nothing reads: it may be a slip of the pen, and then what it says is not served.
    pub(super) fn unknown_key(&mut self, cursor: &Cursor<'a>, key: &str, known: &[&str]) {
        let issues = if is_intrinsic(key) { &mut self.errors } else { self.lost() };
        issues.unknown_key(cursor, key, known.iter().copied());
    }

    /// `text` with AWS's own variables (tables.md §10.1) in their place.
    pub(super) fn resolved(&self, text: &str) -> String {
        match &self.options.account {
            Some(account) => account.resolved(text),
            None => text.to_owned(),
        }
    }

    /// What a `$ref` of the node leads to, however many there are; the node itself when it has none.
    pub(super) fn follow(&mut self, cursor: &Cursor<'a>) -> Option<Cursor<'a>> {
        let mut here = cursor.clone();
        for _ in 0..REFERENCES_MAX {
            let Some(reference) = here.get("$ref") else { return Some(here) };
            let text = self.errors.string(&reference)?;
            let Some(pointer) = text.strip_prefix('#') else {
                self.errors.at_with_help(
                    &reference,
                    format!("not valid: {} is not a reference into this document", quoted(text)),
                    "AWS reads a single document; write what it refers to below `components` or `definitions`",
                );
                return None;
            };
            let Some(target) = self.root.at_pointer(pointer).filter(|_| pointer.starts_with('/')) else {
                self.errors.at(&reference, format!("not valid: {} is not in this document", quoted(text)));
                return None;
            };
            self.spend(&reference, nodes_of(target.node()))?;
            here = target;
        }
        self.errors
            .at(cursor, format!("not valid: more than {REFERENCES_MAX} references lead to one another"));
        None
    }

    /// Counts what is read again and again: a document of megabytes could otherwise stand for any number of nodes.
    pub(super) fn spend(&mut self, cursor: &Cursor<'a>, nodes: usize) -> Option<()> {
        match self.budget.checked_sub(nodes) {
            Some(left) => {
                self.budget = left;
                Some(())
            }
            None => {
                // Told once; what follows would say the same.
                if self.budget > 0 {
                    let message =
                        format!("references and inherited lists stand for more than {NODES_MAX} nodes");
                    self.errors.at(cursor, message);
                }
                self.budget = 0;
                None
            }
        }
    }

    /// A part that is kept as JSON text; CloudFormation functions in it are errors.
    pub(super) fn json(&mut self, cursor: &Cursor<'a>) -> Option<Json> {
        let before = self.errors.count();
        self.check_functions(cursor);
        (self.errors.count() == before).then(|| Json::of_node(cursor.node()))
    }

    fn check_functions(&mut self, cursor: &Cursor<'a>) {
        if let Value::Unsupported(_) = cursor.node().value {
            // Reported when the document was parsed; here it only must not become `null`.
            self.errors.touch();
        } else if intrinsic(cursor).is_some() {
            self.errors.is_intrinsic(cursor, "a value");
        } else {
            cursor.entries().for_each(|(_, member)| self.check_functions(&member));
            cursor.items().for_each(|item| self.check_functions(&item));
        }
    }
}
