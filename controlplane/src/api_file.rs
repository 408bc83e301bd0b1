//! API files: a RestApi with its stages, and the domain names that map to it, spelled as in the AWS SDK.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use ringway_core::model::{Api, Stage, is_stage_variable_name, is_stage_variable_value};

use crate::cursor::Cursor;
use crate::document;
use crate::domain_name::{self, MappedDomain};
use crate::issue::{Issue, Issues, Place, quoted};
use crate::openapi::{self, ImportedApi};

const KEYS: [&str; 4] = ["restApiId", "body", "stages", "domainNames"];
/// Properties of a RestApi that AWS has and that are not built.
const NOT_BUILT: [&str; 7] = [
    "apiKeySource",
    "binaryMediaTypes",
    "disableExecuteApiEndpoint",
    "endpointConfiguration",
    "minimumCompressionSize",
    "parameters",
    "policy",
];
const STAGE_KEYS: [&str; 5] = ["stageName", "body", "variables", "accessLogSettings", "description"];
/// Properties of a Stage (tables.md §9.2) that are not built.
const STAGE_NOT_BUILT: [&str; 9] = [
    "cacheClusterEnabled",
    "cacheClusterSize",
    "canarySettings",
    "clientCertificateId",
    "deploymentId",
    "documentationVersion",
    "methodSettings",
    "tracingEnabled",
    "webAclArn",
];

/// Most variables of a stage (tables.md §9.3).
const STAGE_VARIABLES_MAX: usize = 100;

/// Reads a file as text, so that a test or an embedded sample needs no disk.
pub type Reader<'r> = &'r dyn Fn(&Path) -> io::Result<String>;

/// What one API file says.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiFile {
    /// The API with its stages.
    pub api: Arc<Api>,
    /// The file itself and the documents that it names.
    pub files: Vec<PathBuf>,
    pub(crate) id_place: Place,
    pub(crate) domains: Vec<MappedDomain>,
}

/// Parses the API file `text`; paths in it are relative to `file`, and `reader` reads them.
///
/// # Errors
/// Every issue of the file and of the documents that it names.
pub fn parse(text: &str, file: &Path, reader: Reader<'_>) -> Result<ApiFile, Vec<Issue>> {
    let mut issues = Issues::new(file);
    let mut parsed = None;
    if let Some(root) = document::parse_toml(text, &mut issues) {
        let mut api_reader = ApiReader { issues: &mut issues, reader, id: "", bodies: BTreeMap::new() };
        parsed = api_reader.api_file(&Cursor::root(&root));
    }
    issues.into_result(parsed)
}

struct ApiReader<'i, 'f, 'a> {
    issues: &'i mut Issues<'f>,
    reader: Reader<'i>,
    id: &'a str,
    /// Each document that was read; `None` when it has issues. Several stages may name the same.
    bodies: BTreeMap<PathBuf, Option<Rc<ImportedApi>>>,
}

impl<'a> ApiReader<'_, '_, 'a> {
    fn api_file(&mut self, root: &Cursor<'a>) -> Option<ApiFile> {
        self.keys(root, &KEYS, &NOT_BUILT);
        let id = self.issues.required(root, "restApiId");
        let id_place = id.as_ref().unwrap_or(root).place(self.issues.file());
        // Without a valid id the documents can still be checked.
        let is_valid = id.as_ref().and_then(|id| self.rest_api_id(id)).map(|id| self.id = id).is_some();
        let main_body = root.get("body").map(|body| self.body(&body));
        let stages = self.stages(root, main_body.as_ref().map(Option::as_ref));
        let stage_names: Vec<&str> = stages.iter().map(|stage| stage.stage_name.as_str()).collect();
        let domains = match root.get("domainNames") {
            Some(domains) => domain_name::read(self.issues, &domains, self.id, &stage_names),
            None => Vec::new(),
        };
        let bodies = std::mem::take(&mut self.bodies);
        let name = main_body
            .flatten()
            .map(|body| body.name.clone())
            .or_else(|| bodies.values().flatten().next().map(|body| body.name.clone()))?;
        let files = std::iter::once(self.issues.file().to_owned()).chain(bodies.into_keys()).collect();
        let api = Arc::new(Api { id: self.id.to_owned(), name, stages });
        is_valid.then_some(ApiFile { api, files, id_place, domains })
    }

    fn keys(&mut self, cursor: &Cursor<'_>, known: &[&str], not_built: &[&str]) {
        for (key, member) in cursor.entries() {
            if not_built.contains(&key) {
                self.issues.at_key(&member, format!("`{key}` is not built yet"), None);
            } else if !known.contains(&key) {
                self.issues.unknown_key(&member, key, known.iter().copied());
            }
        }
    }

    fn rest_api_id(&mut self, cursor: &Cursor<'a>) -> Option<&'a str> {
        let id = self.issues.string(cursor)?;
        if is_rest_api_id(id) {
            return Some(id);
        }
        self.issues.at(cursor, format!("{} is not valid: 1 to 64 characters of `[a-z0-9]`", quoted(id)));
        None
    }

    /// Reads and imports the document that `cursor` names, once.
    fn body(&mut self, cursor: &Cursor<'_>) -> Option<Rc<ImportedApi>> {
        let name = self.issues.string(cursor)?;
        let path = beside(self.issues.file(), name);
        if let Some(body) = self.bodies.get(&path) {
            return body.clone();
        }
        let text = match (self.reader)(&path) {
            Ok(text) => text,
            Err(error) => {
                self.issues.at_with_help(
                    cursor,
                    format!("cannot read {}: {error}", path.display()),
                    "`body` names an OpenAPI document, relative to this file",
                );
                return None;
            }
        };
        let imported = openapi::import(&text, &path, self.id);
        let body = imported.map(Rc::new).map_err(|issues| self.issues.extend(issues)).ok();
        self.bodies.insert(path, body.clone());
        body
    }

    /// `main_body` is `None` without a `body`, and `Some(None)` when that has issues.
    fn stages(&mut self, root: &Cursor<'a>, main_body: Option<Option<&Rc<ImportedApi>>>) -> Vec<Stage> {
        let Some(cursor) = self.issues.required(root, "stages") else { return Vec::new() };
        let items = self.issues.sequence(&cursor).unwrap_or_default();
        if items.is_empty() {
            self.issues.at(&cursor, "an API needs at least one stage");
        }
        let mut stages: Vec<Stage> = Vec::new();
        for item in items {
            let Some(stage) = self.stage(&item, main_body) else { continue };
            if stages.iter().any(|other| other.stage_name == stage.stage_name) {
                let message = format!("the stage {} is there twice", quoted(&stage.stage_name));
                self.issues.at(&item.get("stageName").unwrap_or(item), message);
                continue;
            }
            stages.push(stage);
        }
        stages
    }

    fn stage(&mut self, cursor: &Cursor<'a>, main_body: Option<Option<&Rc<ImportedApi>>>) -> Option<Stage> {
        self.issues.mapping(cursor)?;
        self.keys(cursor, &STAGE_KEYS, &STAGE_NOT_BUILT);
        if let Some(description) = cursor.get("description") {
            self.issues.string(&description);
        }
        let stage_name = self.issues.required(cursor, "stageName").and_then(|name| self.stage_name(&name));
        let variables = self.variables(cursor);
        let access_log_format = self.access_log_format(cursor);
        let own_body = cursor.get("body").map(|body| self.body(&body));
        let body = match (&own_body, main_body) {
            (Some(body), _) => body.as_ref(),
            (None, Some(body)) => body,
            (None, None) => {
                self.issues
                    .at(cursor, "neither the stage nor the API has a `body`: there is nothing to serve");
                None
            }
        };
        let body = body?;
        let variables = variables?;
        for problem in body.stage_problems(&variables) {
            self.issues.at(&cursor.get("variables").unwrap_or_else(|| cursor.clone()), problem);
        }
        let deployment = body.deployment.clone();
        Some(Stage { stage_name: stage_name?, deployment, variables, access_log_format })
    }

    fn stage_name(&mut self, cursor: &Cursor<'_>) -> Option<String> {
        let name = self.issues.string(cursor)?;
        if is_stage_name(name) {
            return Some(name.to_owned());
        }
        let message = format!("{} is not valid: 1 to 128 characters of `[A-Za-z0-9_-]`", quoted(name));
        self.issues.at(cursor, message);
        None
    }

    /// The variables as far as they are valid; `None` when they are no table.
    fn variables(&mut self, stage: &Cursor<'_>) -> Option<BTreeMap<String, String>> {
        let Some(cursor) = stage.get("variables") else { return Some(BTreeMap::new()) };
        let members = self.issues.mapping(&cursor)?;
        if members.len() > STAGE_VARIABLES_MAX {
            let message = format!("{} variables; a stage has at most {STAGE_VARIABLES_MAX}", members.len());
            self.issues.at(&cursor, message);
        }
        let mut variables = BTreeMap::new();
        for (name, member) in members {
            if !is_stage_variable_name(name) {
                let message =
                    format!("{} is not valid: 1 to 64 letters, digits and underscores", quoted(name));
                self.issues.at_key(&member, message, None);
            }
            // Kept even where it is wrong: it is defined, and one fault is one issue.
            let value = self.issues.string(&member).unwrap_or("1");
            if !is_stage_variable_value(value) {
                let rule = "1 to 512 characters of `[A-Za-z0-9-._~:/?#&=,]`";
                self.issues.at(&member, format!("the value {} is not valid: {rule}", quoted(value)));
            }
            variables.insert(name.to_owned(), value.to_owned());
        }
        Some(variables)
    }

    fn access_log_format(&mut self, stage: &Cursor<'_>) -> Option<String> {
        let settings = stage.get("accessLogSettings")?;
        self.issues.mapping(&settings)?;
        self.keys(&settings, &["format"], &["destinationArn"]);
        let format = self.issues.required(&settings, "format")?;
        self.issues.access_log_format(&format).map(str::to_owned)
    }
}

/// `[a-z0-9]{1,64}`: AWS makes ten characters; a file may be more telling.
pub(crate) fn is_rest_api_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// `[A-Za-z0-9_-]{1,128}` (spec sheet §2).
pub(crate) fn is_stage_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// `name` relative to the directory of `file`.
pub(crate) fn beside(file: &Path, name: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(name)
}
