//! `[quota]` of `ringway.toml`: where it is kept what API keys have used of their quotas.

use std::path::PathBuf;

use super::read::file;
use crate::api_file::beside;
use crate::cursor::Cursor;
use crate::issue::Issues;

const KEYS: [&str; 1] = ["store"];
/// The store where none is named, beside the process file.
const DEFAULT_STORE: &str = "usage.redb";

/// What API keys have used of a process.
#[derive(Debug, Clone, PartialEq)]
pub struct QuotaConfig {
    /// The database file, relative to the working directory.
    pub store: PathBuf,
}

impl Default for QuotaConfig {
    fn default() -> Self {
        Self { store: DEFAULT_STORE.into() }
    }
}

/// Reads `[quota]`, where it is there.
pub(super) fn read(issues: &mut Issues<'_>, root: &Cursor<'_>, into: &mut QuotaConfig) {
    into.store = beside(issues.file(), DEFAULT_STORE);
    let Some(cursor) = root.get("quota") else { return };
    if issues.mapping(&cursor).is_none() {
        return;
    }
    issues.known_keys(&cursor, &KEYS);
    if let Some(path) = file(issues, &cursor, "store") {
        into.store = path;
    }
}
