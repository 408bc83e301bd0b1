//! Usage files: usage plans and API keys, spelled as in the AWS SDK (tables.md §9.6).

mod join;
mod keys;
mod plans;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ringway_core::model::{ApiKey, UsagePlan};

use crate::api_file::Reader;
use crate::cursor::Cursor;
use crate::document;
use crate::issue::{Issue, Issues, Place};

pub use join::plan_problems;
pub(crate) use join::{Joined, check_stages};
pub(crate) use keys::{KEYS_FILE_BYTES, value_problem};
pub(crate) use plans::{is_usage_id, period_of};

const KEYS: [&str; 3] = ["usagePlans", "apiKeys", "apiKeysFile"];

/// What one usage file says.
#[derive(Debug)]
pub(crate) struct UsageFile {
    pub(crate) plans: Vec<PlanEntry>,
    pub(crate) keys: Vec<KeyEntry>,
    /// The file itself, and the file of keys that it names.
    pub(crate) files: Vec<PathBuf>,
}

/// A usage plan, and where it stands.
#[derive(Debug)]
pub(crate) struct PlanEntry {
    pub(crate) plan: Arc<UsagePlan>,
    /// Nothing that is served depends on it.
    pub(crate) description: Option<String>,
    pub(crate) place: Place,
    /// For each of its stages.
    stages: Vec<StagePlaces>,
}

#[derive(Debug)]
struct StagePlaces {
    stage: Place,
    /// For each of its throttles.
    methods: Vec<Place>,
}

/// An API key, and where it stands. There may be a million.
#[derive(Debug)]
pub(crate) struct KeyEntry {
    pub(crate) key: Arc<ApiKey>,
    pub(crate) name: Box<str>,
    pub(crate) description: Option<Box<str>>,
    /// In [`UsageFile::files`].
    file: usize,
    line: u32,
    /// Of `apiKeys`; a row of a file of keys has none.
    index: Option<usize>,
}

impl UsageFile {
    /// Where a key stands, with `member` below it.
    fn place(&self, entry: &KeyEntry, member: &str) -> Place {
        Place {
            file: self.files[entry.file].clone(),
            line: entry.line,
            column: 1,
            pointer: entry.index.map(|index| format!("/apiKeys/{index}{member}")).unwrap_or_default(),
        }
    }
}

/// Parses the usage file `text`. Whether the stages of its plans exist is for [`check_stages`] to say.
///
/// # Errors
/// Every issue of the file and of the file of keys that it names.
pub(crate) fn parse(text: &str, file: &Path, reader: Reader<'_>) -> Result<UsageFile, Vec<Issue>> {
    let mut issues = Issues::new(file);
    let parsed = document::parse_toml(text, &mut issues).map(|root| {
        let root = Cursor::root(&root);
        issues.known_keys(&root, &KEYS);
        let mut usage = UsageFile { plans: Vec::new(), keys: Vec::new(), files: vec![file.to_owned()] };
        plans::read(&mut issues, &root, &mut usage);
        keys::read(&mut issues, &root, reader, &mut usage);
        usage
    });
    issues.into_result(parsed)
}
