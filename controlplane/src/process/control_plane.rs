//! `[controlPlane]` of `ringway.toml`: where the AWS control plane listens, what it keeps, and who may call it.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::read::{address, file};
use crate::api_file::beside;
use crate::cursor::Cursor;
use crate::issue::Issues;

const KEYS: [&str; 5] = ["listen", "store", "credentials", "requestsPerSecond", "burst"];
/// Requests per second, and in a burst, at most.
const RATE_LIMIT: u64 = 1_000_000;
/// The store where none is named, beside the process file.
const DEFAULT_STORE: &str = "ringway.redb";

/// The AWS control plane of a process.
#[derive(Debug, Clone, PartialEq)]
pub struct ControlPlaneConfig {
    /// Where it listens; `None`: there is none.
    pub listen: Option<SocketAddr>,
    /// The database file, relative to the working directory.
    pub store: PathBuf,
    /// A credentials file as AWS's tools have it, relative to the working directory.
    pub credentials: Option<PathBuf>,
    /// Requests that it answers in a second, in the long run; 0 is no limit.
    pub requests_per_second: u32,
    /// Requests that it answers at once.
    pub burst: u32,
}

impl Default for ControlPlaneConfig {
    fn default() -> Self {
        Self {
            listen: None,
            store: DEFAULT_STORE.into(),
            credentials: None,
            requests_per_second: 100,
            burst: 200,
        }
    }
}

/// Reads `[controlPlane]`, where it is there.
pub(super) fn read(issues: &mut Issues<'_>, root: &Cursor<'_>, into: &mut ControlPlaneConfig) {
    into.store = beside(issues.file(), DEFAULT_STORE);
    let Some(cursor) = root.get("controlPlane") else { return };
    if issues.mapping(&cursor).is_none() {
        return;
    }
    issues.known_keys(&cursor, &KEYS);
    into.listen = cursor.get("listen").and_then(|cursor| address(issues, &cursor));
    if let Some(path) = file(issues, &cursor, "store") {
        into.store = path;
    }
    into.credentials = file(issues, &cursor, "credentials");
    rate(issues, &cursor, "requestsPerSecond", 0, &mut into.requests_per_second);
    rate(issues, &cursor, "burst", 1, &mut into.burst);
}

fn rate(issues: &mut Issues<'_>, parent: &Cursor<'_>, key: &str, least: u64, into: &mut u32) {
    if let Some(cursor) = parent.get(key)
        && let Some(value) = issues.integer(&cursor, least, RATE_LIMIT)
    {
        *into = value as u32;
    }
}
