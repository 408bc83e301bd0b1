//! From paths to a [`Configuration`], and `check`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ringway_core::model::{Configuration, DomainName};

use crate::api_file::{self, ApiFile, Reader};
use crate::document;
use crate::domain_name;
use crate::issue::{Issue, Issues, quoted};
use crate::openapi::{self, Account, ImportOptions, Imported};
use crate::process::{self, ProcessConfig};
use crate::usage::{self, Joined, KEYS_FILE_BYTES, UsageFile};

/// A configuration and the files that it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// What to serve.
    pub configuration: Configuration,
    /// Every file that was read, for a watch.
    pub files: Vec<PathBuf>,
}

/// What there is beside the files.
#[derive(Debug, Clone, Copy)]
pub enum Beside<'c> {
    /// Nothing: what files name has to be in files.
    Nothing,
    /// A control plane of which nothing is known: the plans of usage files may name its stages.
    Unknown,
    /// What a control plane has.
    Known(&'c Configuration),
}

/// API files and usage files that fit together, see [`aws::ControlPlane::import_files`](crate::aws::ControlPlane::import_files).
#[derive(Debug)]
pub struct ApiFiles {
    pub(crate) files: Vec<Arc<ApiFile>>,
    pub(crate) domain_names: Vec<DomainName>,
    pub(crate) usage: Joined,
}

/// Loads API files and everything that they name.
///
/// # Errors
/// Every issue of every file.
pub fn load(paths: &[PathBuf]) -> Result<Loaded, Vec<Issue>> {
    Loader::default().load(paths)
}

/// As [`load`], with the files from `reader`.
///
/// # Errors
/// Every issue of every file.
pub fn load_with(paths: &[PathBuf], reader: Reader<'_>) -> Result<Loaded, Vec<Issue>> {
    Loader::default().load_with(paths, reader)
}

/// Loads again and again, and imports only what is different: an API file whose text and whose documents' texts are the same as the
/// last time is the same [`ringway_core::model::Api`], by its allocation.
///
/// Texts are compared, not times or hashes: reading is cheap next to importing, and there is nothing to be wrong about.
#[derive(Debug, Default)]
pub struct Loader {
    account: Account,
    apis: BTreeMap<PathBuf, Known<ApiFile>>,
    usage: BTreeMap<PathBuf, Known<UsageFile>>,
    joined: Joined,
}

/// A file as it was imported.
#[derive(Debug)]
struct Known<F> {
    /// Every text that importing it read.
    texts: Vec<(PathBuf, String)>,
    file: Arc<F>,
}

impl<F> Known<F> {
    fn is_current(&self, reader: Reader<'_>) -> bool {
        self.texts.iter().all(|(path, text)| reader(path).is_ok_and(|now| now == *text))
    }
}

impl Loader {
    /// A loader of APIs that belong to `account`: what `${AWS::Region}` and the like stand for.
    pub fn new(account: Account) -> Self {
        Loader { account, ..Loader::default() }
    }

    /// As [`load`].
    ///
    /// # Errors
    /// Every issue of every file.
    pub fn load(&mut self, paths: &[PathBuf]) -> Result<Loaded, Vec<Issue>> {
        self.load_with(paths, &read)
    }

    /// As [`load_with`].
    ///
    /// # Errors
    /// Every issue of every file.
    pub fn load_with(&mut self, paths: &[PathBuf], reader: Reader<'_>) -> Result<Loaded, Vec<Issue>> {
        self.load_all(paths, &[], Beside::Nothing, reader)
    }

    /// Loads all that `process` names, to be served with what is beside it.
    ///
    /// # Errors
    /// Every issue of every file.
    pub fn load_process(
        &mut self,
        process: &ProcessConfig,
        beside: Beside<'_>,
    ) -> Result<Loaded, Vec<Issue>> {
        self.load_all(&process.api_files()?, &process.usage_files()?, beside, &read)
    }

    /// As [`load_process`](Loader::load_process), of these API files and usage files, with the files from `reader`.
    ///
    /// # Errors
    /// Every issue of every file.
    pub fn load_all(
        &mut self,
        apis: &[PathBuf],
        usage: &[PathBuf],
        beside: Beside<'_>,
        reader: Reader<'_>,
    ) -> Result<Loaded, Vec<Issue>> {
        let (apis, usage) = match (self.files(apis, reader), self.usage_files(usage, reader)) {
            (Ok(apis), Ok(usage)) => (apis, usage),
            (apis, usage) => return Err([apis.err(), usage.err()].into_iter().flatten().flatten().collect()),
        };
        let mut loaded = join(&apis)?;
        let joined = Joined::new(usage, &self.joined)?;
        match usage::check_stages(&joined.files, &loaded.configuration.apis, beside) {
            issues if issues.is_empty() => {}
            issues => return Err(issues),
        }
        loaded.configuration.usage_plans.clone_from(&joined.plans);
        loaded.configuration.api_keys = joined.keys.clone();
        loaded.files.extend(joined.read());
        self.joined = joined;
        Ok(loaded)
    }

    /// As [`load`](Loader::load), to become rows of a control plane.
    ///
    /// # Errors
    /// Every issue of every file.
    pub fn api_files(&mut self, paths: &[PathBuf]) -> Result<ApiFiles, Vec<Issue>> {
        self.api_files_with(paths, &read)
    }

    /// As [`api_files`](Loader::api_files), with the files from `reader`.
    ///
    /// # Errors
    /// Every issue of every file.
    pub fn api_files_with(&mut self, paths: &[PathBuf], reader: Reader<'_>) -> Result<ApiFiles, Vec<Issue>> {
        // What cannot be read is told where it is parsed.
        let is_usage =
            |path: &&PathBuf| reader(path).is_ok_and(|text| matches!(kind(&text, path), Kind::Usage));
        let (usage, apis): (Vec<_>, Vec<_>) = paths.iter().partition(is_usage);
        let [usage, apis] = [usage, apis].map(|paths| paths.into_iter().cloned().collect::<Vec<_>>());
        let files = self.files(&apis, reader)?;
        let loaded = join(&files)?.configuration;
        let usage = Joined::new(self.usage_files(&usage, reader)?, &Joined::default())?;
        match usage::check_stages(&usage.files, &loaded.apis, Beside::Unknown) {
            issues if issues.is_empty() => Ok(ApiFiles { files, domain_names: loaded.domain_names, usage }),
            issues => Err(issues),
        }
    }

    fn files(&mut self, paths: &[PathBuf], reader: Reader<'_>) -> Result<Vec<Arc<ApiFile>>, Vec<Issue>> {
        let account = &self.account;
        current(&mut self.apis, paths, reader, &|text, path, reader| {
            api_file::parse(text, path, reader, account)
        })
    }

    fn usage_files(
        &mut self,
        paths: &[PathBuf],
        reader: Reader<'_>,
    ) -> Result<Vec<Arc<UsageFile>>, Vec<Issue>> {
        current(&mut self.usage, paths, reader, &usage::parse)
    }
}

/// Parses a file.
type Parse<'p, F> = &'p dyn Fn(&str, &Path, Reader<'_>) -> Result<F, Vec<Issue>>;

/// The files as they are now: those of `known` that have not changed, and the others read again. `known` has them afterwards.
fn current<F>(
    known: &mut BTreeMap<PathBuf, Known<F>>,
    paths: &[PathBuf],
    reader: Reader<'_>,
    parse: Parse<'_, F>,
) -> Result<Vec<Arc<F>>, Vec<Issue>> {
    let mut issues = Vec::new();
    let mut files = Vec::new();
    for (index, path) in paths.iter().enumerate() {
        // Two patterns may name the same file.
        if paths[..index].contains(path) {
            continue;
        }
        if let Some(known) = known.get(path).filter(|known| known.is_current(reader)) {
            files.push(known.file.clone());
            continue;
        }
        match import(path, reader, parse) {
            Ok(imported) => {
                files.push(imported.file.clone());
                known.insert(path.clone(), imported);
            }
            Err(more) => issues.extend(more),
        }
    }
    known.retain(|path, _| paths.contains(path));
    // With a file missing, what others say about it would only be confusing.
    if issues.is_empty() { Ok(files) } else { Err(issues) }
}

fn import<F>(path: &Path, reader: Reader<'_>, parse: Parse<'_, F>) -> Result<Known<F>, Vec<Issue>> {
    let texts = RefCell::new(Vec::new());
    let recorder = |path: &Path| {
        let text = reader(path)?;
        texts.borrow_mut().push((path.to_owned(), text.clone()));
        Ok(text)
    };
    let text = read_with(path, &recorder)?;
    let file = Arc::new(parse(&text, path, &recorder)?);
    Ok(Known { texts: texts.take(), file })
}

/// Makes one configuration of several files.
fn join(files: &[Arc<ApiFile>]) -> Result<Loaded, Vec<Issue>> {
    let mut issues = Vec::new();
    for (index, file) in files.iter().enumerate() {
        if let Some(first) = files[..index].iter().find(|other| other.api.id == file.api.id) {
            let message =
                format!("the restApiId {} is already used at {}", quoted(&file.api.id), first.id_place);
            issues.push(Issue::new(file.id_place.clone(), message));
        }
    }
    let known: Vec<_> = files
        .iter()
        .map(|file| {
            let stages = file.api.stages.iter().map(|stage| stage.stage_name.as_str()).collect();
            (file.api.id.as_str(), stages)
        })
        .collect();
    let domains = files.iter().flat_map(|file| file.domains.clone()).collect();
    match domain_name::join(domains, &known) {
        Ok(domain_names) if issues.is_empty() => {
            let mut read = Vec::new();
            let mut apis = Vec::new();
            for file in files {
                read.extend(file.files.iter().cloned());
                apis.push(file.api.clone());
            }
            read.sort();
            read.dedup();
            Ok(Loaded {
                configuration: Configuration { apis, domain_names, ..Configuration::default() },
                files: read,
            })
        }
        Ok(_) => Err(issues),
        Err(more) => {
            issues.extend(more);
            Err(issues)
        }
    }
}

/// Loads the process configuration at `path`.
///
/// # Errors
/// Every issue of the file.
pub fn load_process(path: &Path) -> Result<ProcessConfig, Vec<Issue>> {
    process::parse(&read_with(path, &read)?, path)
}

/// Checks one file of any kind: a process configuration with all of its API files and usage files, an API file with its documents, a
/// usage file by itself, or an OpenAPI document by itself. Its content decides which it is.
pub fn check(path: &Path) -> Vec<Issue> {
    let result = read_with(path, &read).and_then(|text| match kind(&text, path) {
        Kind::Process => process::parse(&text, path).and_then(|process| {
            // Its store belongs to the gateway that may be running.
            let beside = match process.control_plane.listen {
                Some(_) => Beside::Unknown,
                None => Beside::Nothing,
            };
            Loader::new(process.account()).load_process(&process, beside).map(drop)
        }),
        Kind::Usage => usage::parse(&text, path, &read).and_then(|file| {
            let joined = Joined::new(vec![Arc::new(file)], &Joined::default());
            joined.map(drop)
        }),
        Kind::Api => api_file::parse(&text, path, &read, &Account::default()).map(drop),
        // The id only goes into the ids of resources.
        Kind::OpenApi => {
            let options = ImportOptions { account: Some(Account::default()), ..ImportOptions::new("check") };
            openapi::import_to_serve(&text, path, &options).map(drop)
        }
    });
    result.err().unwrap_or_default()
}

/// AWS's own verdict on an OpenAPI document, as far as it is known: every error that an import would raise, and none that only this
/// gateway has. An empty list is a document that AWS takes.
pub fn check_aws(path: &Path) -> Vec<Issue> {
    let options = ImportOptions { strict_aws: true, ..ImportOptions::new("check") };
    let result = read_with(path, &read).and_then(|text| openapi::import(&text, path, &options));
    result.err().unwrap_or_default()
}

/// Imports the OpenAPI document at `path`, to export or to compare it.
///
/// # Errors
/// Every error of the document.
pub fn import_file(path: &Path, options: &ImportOptions) -> Result<Imported, Vec<Issue>> {
    read_with(path, &read).and_then(|text| openapi::import(&text, path, options))
}

enum Kind {
    Process,
    Api,
    Usage,
    OpenApi,
}

fn kind(text: &str, path: &Path) -> Kind {
    let is_toml = document::has_extension(path, &["toml"]);
    let mut ignored = Issues::new(path);
    match document::parse_toml(text, &mut ignored) {
        // A TOML file that does not parse is reported by either reader.
        None if is_toml => Kind::Process,
        None => Kind::OpenApi,
        Some(root) => {
            let root = crate::cursor::Cursor::root(&root);
            let has = |keys: &[&str]| keys.iter().any(|key| root.get(key).is_some());
            if has(&["restApiId", "body", "stages", "domainNames"]) {
                Kind::Api
            } else if has(&["usagePlans", "apiKeys", "apiKeysFile"]) {
                Kind::Usage
            } else {
                Kind::Process
            }
        }
    }
}

fn read_with(path: &Path, reader: Reader<'_>) -> Result<String, Vec<Issue>> {
    reader(path).map_err(|error| vec![Issue::whole_file(path, format!("cannot read the file: {error}"))])
}

/// Reads a file, but never more than the largest that is accepted.
fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    // One byte more, so that whoever parses it sees that the file is too large.
    File::open(path)?.take(KEYS_FILE_BYTES as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}
