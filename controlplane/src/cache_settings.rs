//! `cache` of a stage: what its cache does beyond AWS's (docs/cache.md).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ringway_core::model::{CacheSettings, Stage};

use crate::api_file::ApiReader;
use crate::cursor::Cursor;
use crate::issue::quoted;

const KEYS: [&str; 7] = [
    "bytes",
    "collapse",
    "staleWhileRevalidateSeconds",
    "staleIfErrorSeconds",
    "tags",
    "statusTtlSeconds",
    "warmFile",
];

/// Bytes of a cache: less would hold next to nothing beside its table.
const BYTES_LEAST: u64 = 64 * 1024;
const BYTES_MOST: u64 = 1 << 40;
/// Seconds for which something stale is given, at most: a week.
const STALE_LAST: u64 = 7 * 86_400;
/// Seconds that something is fresh, at most (tables.md §9.1).
const TTL_LAST: u64 = 3600;

impl<'a> ApiReader<'_, '_, 'a> {
    /// Reads the settings into a stage that has its `cache_bytes`.
    pub(crate) fn cache_settings(&mut self, cursor: &Cursor<'a>, stage: &mut Stage) {
        let Some(cursor) = cursor.get("cache") else { return };
        if self.issues.mapping(&cursor).is_none() {
            return;
        }
        self.stage_keys(&cursor, &KEYS, &[]);
        if stage.cache_bytes.is_none() {
            self.issues.at(&cursor, "there is a cache only with `cacheClusterEnabled = true`");
        }
        let issues = &mut *self.issues;
        if let Some(bytes) =
            cursor.get("bytes").and_then(|bytes| issues.integer(&bytes, BYTES_LEAST, BYTES_MOST))
        {
            stage.cache_bytes = stage.cache_bytes.map(|_| bytes);
        }
        let mut flag =
            |name: &str| cursor.get(name).and_then(|flag| issues.boolean(&flag)).unwrap_or_default();
        let (collapse, tags) = (flag("collapse"), flag("tags"));
        let mut seconds = |name: &str| {
            let given = cursor.get(name).and_then(|seconds| issues.integer(&seconds, 0, STALE_LAST));
            given.unwrap_or_default() as u32
        };
        stage.cache = CacheSettings {
            collapse,
            tags,
            stale_while_revalidate_seconds: seconds("staleWhileRevalidateSeconds"),
            stale_if_error_seconds: seconds("staleIfErrorSeconds"),
            status_ttl_seconds: self.status_ttl_seconds(&cursor),
            warm_file: self.warm_file(&cursor),
        };
    }

    fn status_ttl_seconds(&mut self, cache: &Cursor<'a>) -> BTreeMap<u16, u32> {
        let mut all = BTreeMap::new();
        let Some(cursor) = cache.get("statusTtlSeconds") else { return all };
        for (key, member) in self.issues.mapping(&cursor).unwrap_or_default() {
            let status = key.parse().ok().filter(|status| (200..=599).contains(status));
            let Some(status) = status.filter(|status| !matches!(status, 206 | 304)) else {
                let message =
                    format!("{} is no status that can be kept: 200 to 599, but 206 and 304", quoted(key));
                self.issues.at_key(&member, message, None);
                continue;
            };
            if let Some(seconds) = self.issues.integer(&member, 0, TTL_LAST) {
                all.insert(status, seconds as u32);
            }
        }
        all
    }

    /// Relative to the API file.
    fn warm_file(&mut self, cache: &Cursor<'a>) -> Option<PathBuf> {
        let cursor = cache.get("warmFile")?;
        let name = self.issues.string(&cursor)?;
        if name.is_empty() {
            self.issues.at(&cursor, "the name of a file is missing");
            return None;
        }
        let directory = self.issues.file().parent().unwrap_or(Path::new(""));
        Some(directory.join(name))
    }
}
