//! OpenAPI documents with the `x-amazon-apigateway-*` extensions, as REST APIs (spec sheet §13, tables.md §10).
//!
//! Whatever a document says becomes one of four things: a part of the [`RestApi`]; an error, where AWS refuses it too or where it
//! cannot be understood; "not served", where it is kept but this gateway would not do what it says; or a warning, where it has no
//! effect at AWS either. What only describes the API (summaries, examples, tags of operations) is skipped.

mod annotations;
pub(crate) mod arn;
mod base_path;
mod bodies;
mod documentation;
pub(crate) mod expressions;
mod format;
mod gateway_responses;
mod importer;
mod integration;
mod integration_responses;
pub(crate) mod mappings;
pub(crate) mod media_type;
mod merge;
mod operation;
mod parameters;
pub(crate) mod path;
mod paths;
mod pseudo_parameters;
mod quotas;
mod root;
mod schema;
mod security;
mod stage_use;
pub(crate) mod templates;
pub(crate) mod uri;
mod validators;

use std::collections::BTreeMap;
use std::path::Path;

use ringway_core::model::{DocumentationPart, HttpMethod, RestApi};

use crate::cursor::Cursor;
use crate::document;
use crate::issue::{Issue, Issues, sorted};

pub use base_path::BasePathMode;
use importer::Importer;
pub use merge::merge;
pub use pseudo_parameters::Account;
pub(crate) use schema::{is_model_name, model_of_url};
pub(crate) use security::{KEY_OF_AUTHORIZER, needs_key_of_authorizer};
use stage_use::StageUse;

/// What an import is told besides the document (tables.md §10.1).
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// Goes into the ids of the resources.
    pub api_id: String,
    /// The name of the API where the document has no `info.title`: CloudFormation gives it outside of the document.
    pub name: Option<String>,
    /// What becomes of the base path of the document.
    pub base_path: BasePathMode,
    /// Whether documentation parts are left out (`ignore=documentation`).
    pub ignore_documentation: bool,
    /// Whether a warning is an error (`failonwarnings`).
    pub fail_on_warnings: bool,
    /// Whether the errors are those of AWS: its quotas (tables.md §15) and its checks of mappings count too.
    pub strict_aws: bool,
    /// What `${AWS::Region}` and the like stand for; without it, they stay as they are written, and `Fn::Sub` is an error.
    pub account: Option<Account>,
    /// Whether the API may lack what a deployment needs, methods and their integrations: AWS's control plane imports a part at a time. What
    /// nothing reads is a warning then, because it has no deployment to be refused at.
    pub incomplete: bool,
    /// Whether what does nothing at AWS either, or only fails calls there, is taken without a word, as AWS's control plane takes it.
    pub takes_idle: bool,
}

impl ImportOptions {
    /// AWS's defaults for an API.
    pub fn new(api_id: impl Into<String>) -> Self {
        Self { api_id: api_id.into(), ..Self::default() }
    }
}

/// An imported document.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The API.
    pub rest_api: RestApi,
    /// What has no effect, and AWS imports nevertheless.
    pub warnings: Vec<Issue>,
    /// What is kept in the API, but would not be served as the document says.
    pub not_served: Vec<Issue>,
    /// Every path, also those without methods: AWS makes resources of them.
    pub paths: Vec<String>,
    /// The methods that have no integration ([`ImportOptions::incomplete`]); a MOCK stands in its place.
    pub without_integration: Vec<(String, HttpMethod)>,
    /// What depends on the variables of the stage.
    stage_uses: Vec<StageUse>,
}

impl Imported {
    /// What is wrong with serving this document in a stage with `variables`; each message names its use.
    pub(crate) fn stage_problems(&self, variables: &BTreeMap<String, String>) -> Vec<String> {
        stage_use::problems(&self.stage_uses, variables)
    }

    /// This API with everything of `newer`, which wins (`mode=merge`).
    pub(crate) fn merged(mut self, newer: Imported) -> Imported {
        self.rest_api = merge(self.rest_api, newer.rest_api);
        self.warnings.extend(newer.warnings);
        self.not_served.extend(newer.not_served);
        // A use of a method that was replaced asks for too much, never for too little.
        self.stage_uses.extend(newer.stage_uses);
        self.paths.extend(newer.paths);
        self.without_integration.extend(newer.without_integration);
        self
    }
}

/// Imports the document `text`; `file` names it in issues.
///
/// # Errors
/// Every error, in the order of the lines. With [`ImportOptions::strict_aws`], those that AWS would raise, in its words where they are
/// known.
pub fn import(text: &str, file: &Path, options: &ImportOptions) -> Result<Imported, Vec<Issue>> {
    let outcome = read(text, file, options);
    match outcome.imported {
        Some(imported) if outcome.errors.is_empty() => Ok(imported),
        _ => Err(outcome.errors),
    }
}

/// As [`import`], where the document is to be served: what would not be served is an error like any other.
///
/// # Errors
/// Every issue but warnings, in the order of the lines.
pub fn import_to_serve(text: &str, file: &Path, options: &ImportOptions) -> Result<Imported, Vec<Issue>> {
    let outcome = read(text, file, options);
    let mut issues = outcome.errors;
    issues.extend(outcome.not_served);
    match outcome.imported {
        Some(imported) if issues.is_empty() => Ok(imported),
        _ => Err(sorted(issues)),
    }
}

/// The documentation parts of a document, whatever else it says, and the warnings about them.
///
/// # Errors
/// Every error of the text and of the parts.
pub(crate) fn documentation_parts(
    text: &str,
    file: &Path,
) -> Result<(Vec<DocumentationPart>, Vec<Issue>), Vec<Issue>> {
    let mut errors = Issues::new(file);
    let Some(root) = document::parse(text, &mut errors) else { return Err(errors.into_list()) };
    let root = Cursor::root(&root);
    let Some(format) = format::of(&mut errors, &root) else { return Err(errors.into_list()) };
    let options = ImportOptions { incomplete: true, ..ImportOptions::default() };
    let mut importer = Importer::new(root.clone(), format, &options, errors);
    let parts = importer.documentation(&root);
    let Importer { errors, warnings, .. } = importer;
    errors.into_result(Some(parts)).map(|parts| (parts, warnings.into_list()))
}

/// Whether the text is a document of a known format, whatever it says.
pub(crate) fn is_document(text: &str, file: &Path) -> bool {
    let mut errors = Issues::new(file);
    document::parse(text, &mut errors)
        .is_some_and(|root| format::of(&mut errors, &Cursor::root(&root)).is_some())
}

struct Outcome {
    imported: Option<Imported>,
    errors: Vec<Issue>,
    /// Also where there are errors, so that a reader sees everything at once.
    not_served: Vec<Issue>,
}

fn read(text: &str, file: &Path, options: &ImportOptions) -> Outcome {
    let mut errors = Issues::new(file);
    let Some(mut root) = document::parse(text, &mut errors) else {
        return Outcome { imported: None, errors: errors.into_list(), not_served: Vec::new() };
    };
    if let Some(account) = &options.account {
        account.substitute(&mut root);
    }
    let root = Cursor::root(&root);
    let Some(format) = format::of(&mut errors, &root) else {
        return Outcome { imported: None, errors: errors.into_list(), not_served: Vec::new() };
    };
    let mut importer = Importer::new(root, format, options, errors);
    let rest_api = importer.rest_api();
    let Importer { mut errors, warnings, not_served, stage_uses, paths, without_integration, .. } = importer;
    let warnings = warnings.into_list();
    if options.fail_on_warnings {
        errors.extend(warnings.clone());
    }
    let (errors, not_served) = (errors.into_list(), not_served.into_list());
    let imported = rest_api.map(|rest_api| Imported {
        rest_api,
        warnings,
        not_served: not_served.clone(),
        paths,
        without_integration,
        stage_uses,
    });
    Outcome { imported, errors, not_served }
}
