//! API files: a RestApi with its stages, and the domain names that map to it, spelled as in the AWS SDK.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use ringway_core::model::{Api, Deployment};

use crate::body::{Bodies, Body};
use crate::cursor::Cursor;
use crate::document;
use crate::domain_name::{self, MappedDomain};
use crate::issue::{Issue, Issues, Place, quoted};
use crate::openapi::{Account, BasePathMode, ImportOptions};

const KEYS: [&str; 8] =
    ["restApiId", "name", "body", "parameters", "failOnWarnings", "takesIdle", "stages", "domainNames"];
/// Properties of a RestApi that AWS has and that stand in the document here.
const IN_THE_DOCUMENT: [&str; 6] = [
    "apiKeySource",
    "binaryMediaTypes",
    "disableExecuteApiEndpoint",
    "endpointConfiguration",
    "minimumCompressionSize",
    "policy",
];

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
    /// What its own `body` is, also where every stage has another.
    pub(crate) main: Option<Arc<Deployment>>,
    /// Descriptions of stages by their names: nothing that is served depends on them.
    pub(crate) descriptions: BTreeMap<String, String>,
}

/// Parses the API file `text`; paths in it are relative to `file`, and `reader` reads them. Its documents are those of `account`.
///
/// # Errors
/// Every issue of the file and of the documents that it names.
pub fn parse(text: &str, file: &Path, reader: Reader<'_>, account: &Account) -> Result<ApiFile, Vec<Issue>> {
    let mut issues = Issues::new(file);
    let mut parsed = None;
    if let Some(root) = document::parse_toml(text, &mut issues) {
        let bodies = Bodies::new(reader);
        parsed = ApiReader { issues: &mut issues, id: "", account, bodies }.api_file(&Cursor::root(&root));
    }
    issues.into_result(parsed)
}

pub(crate) struct ApiReader<'i, 'f, 'a> {
    pub(crate) issues: &'i mut Issues<'f>,
    id: &'a str,
    account: &'i Account,
    pub(crate) bodies: Bodies<'i>,
}

impl<'a> ApiReader<'_, '_, 'a> {
    fn api_file(&mut self, root: &Cursor<'a>) -> Option<ApiFile> {
        self.keys(root, &KEYS);
        let id = self.issues.required(root, "restApiId");
        let id_place = id.as_ref().unwrap_or(root).place(self.issues.file());
        // Without a valid id the documents can still be checked.
        let is_valid = id.as_ref().and_then(|id| self.rest_api_id(id)).map(|id| self.id = id).is_some();
        self.bodies.options = self.import_options(root);
        let main_body = root.get("body").map(|body| self.bodies.body(self.issues, &body));
        let stages = self.stages(root, main_body.as_ref().map(Option::as_ref));
        let stage_names: Vec<&str> = stages.iter().map(|stage| stage.stage_name.as_str()).collect();
        let domains = match root.get("domainNames") {
            Some(domains) => domain_name::read(self.issues, &domains, self.id, &stage_names),
            None => Vec::new(),
        };
        let name_of = |body: &Rc<Body>| body.deployment.rest_api.name.clone();
        let first_stage = stages.first().map(|stage| stage.deployment.rest_api.name.clone());
        let main_body = main_body.flatten();
        let name = main_body.as_ref().map(name_of).or(first_stage)?;
        let main = main_body.map(|body| body.deployment.clone());
        let files = std::iter::once(self.issues.file().to_owned()).chain(self.bodies.files()).collect();
        let api = Arc::new(Api { id: self.id.to_owned(), name, stages });
        is_valid.then_some(ApiFile { api, files, id_place, domains, main, descriptions: descriptions(root) })
    }

    pub(crate) fn keys(&mut self, cursor: &Cursor<'_>, known: &[&str]) {
        for (key, member) in cursor.entries() {
            if IN_THE_DOCUMENT.contains(&key) {
                let message = format!("`{key}` is not built yet here");
                let help = "write it into the document, as an extension `x-amazon-apigateway-…`";
                self.issues.at_key(&member, message, Some(help.into()));
            } else if !known.contains(&key) {
                self.issues.unknown_key(&member, key, known.iter().copied());
            }
        }
    }

    /// `parameters` are those of AWS's import (tables.md §10.1), as CloudFormation spells them too.
    fn import_options(&mut self, root: &Cursor<'a>) -> ImportOptions {
        let mut options =
            ImportOptions { account: Some(self.account.clone()), ..ImportOptions::new(self.id) };
        options.name = root.get("name").and_then(|name| self.issues.string(&name)).map(str::to_owned);
        if let Some(flag) = root.get("failOnWarnings") {
            options.fail_on_warnings = self.issues.boolean(&flag).unwrap_or_default();
        }
        // Ours, not AWS's: what an export of the control plane may need.
        if let Some(flag) = root.get("takesIdle") {
            options.takes_idle = self.issues.boolean(&flag).unwrap_or_default();
        }
        let Some(parameters) = root.get("parameters") else { return options };
        for (key, member) in self.issues.mapping(&parameters).unwrap_or_default() {
            let value = self.issues.string(&member);
            match (key, value) {
                (_, None) => {}
                ("basepath", Some(text)) => match BasePathMode::parse(text) {
                    Some(mode) => options.base_path = mode,
                    None => self.issues.at(
                        &member,
                        format!("{} is not valid: `ignore`, `prepend` or `split`", quoted(text)),
                    ),
                },
                ("ignore", Some("documentation")) => options.ignore_documentation = true,
                ("ignore", Some(text)) => {
                    self.issues.at(&member, format!("{} is not valid: `documentation`", quoted(text)));
                }
                (key, _) => self.issues.unknown_key(&member, key, ["basepath", "ignore"]),
            }
        }
        options
    }

    fn rest_api_id(&mut self, cursor: &Cursor<'a>) -> Option<&'a str> {
        let id = self.issues.string(cursor)?;
        if is_rest_api_id(id) {
            return Some(id);
        }
        self.issues.at(cursor, format!("{} is not valid: 1 to 64 characters of `[a-z0-9]`", quoted(id)));
        None
    }
}

fn descriptions(root: &Cursor<'_>) -> BTreeMap<String, String> {
    let stages = root.get("stages");
    let text = |stage: &Cursor<'_>, key: &str| stage.get(key)?.scalar_text().map(str::to_owned);
    let described = |stage: Cursor<'_>| Some((text(&stage, "stageName")?, text(&stage, "description")?));
    stages.iter().flat_map(Cursor::items).filter_map(described).collect()
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
