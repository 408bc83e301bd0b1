//! Notices that configuration files have changed. Directories are watched, not files: editors and deployments replace files by renaming
//! others over them, and a watch on a file would stay with the old one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

use crate::reload::ReloadHandle;

/// How long a burst of changes may take: they are looked at together.
const DEBOUNCE: Duration = Duration::from_millis(200);
/// Files that may be configuration, so that one that a pattern such as `apis/*.toml` newly matches is noticed too.
const EXTENSIONS: [&str; 5] = ["toml", "yaml", "yml", "json", "csv"];

/// What tells one state of the files from another.
pub(crate) type Fingerprint = BTreeMap<PathBuf, (SystemTime, u64, u64)>;

/// The watched directories.
pub(crate) struct FileWatch {
    /// Absent where the kernel gives no watch: then only SIGHUP and `POST /reload` reload.
    watcher: Option<RecommendedWatcher>,
    directories: BTreeSet<PathBuf>,
    files: BTreeSet<PathBuf>,
    changed: Arc<Notify>,
}

impl FileWatch {
    /// Watches the directories of `files`.
    pub(crate) fn new(files: &[PathBuf]) -> Self {
        let changed = Arc::new(Notify::new());
        let on_event = changed.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.map_or(true, |event| is_change(event.kind)) {
                on_event.notify_one();
            }
        });
        let watcher = watcher
            .inspect_err(|error| {
                tracing::warn!("files are not watched ({error}); reload with SIGHUP or POST /reload");
            })
            .ok();
        let mut watch = FileWatch { watcher, directories: BTreeSet::new(), files: BTreeSet::new(), changed };
        watch.watch(files);
        watch
    }

    /// Watches the directories of `files`, and no others.
    pub(crate) fn watch(&mut self, files: &[PathBuf]) {
        self.files = files.iter().cloned().collect();
        let wanted: BTreeSet<PathBuf> = files.iter().map(|file| directory_of(file)).collect();
        if let Some(watcher) = &mut self.watcher {
            for gone in self.directories.difference(&wanted) {
                // A directory that was removed has no watch any more.
                let _ = watcher.unwatch(gone);
            }
            for new in wanted.difference(&self.directories) {
                if let Err(error) = watcher.watch(new, RecursiveMode::NonRecursive) {
                    tracing::warn!(
                        "{}: not watched ({error}); reload with SIGHUP or POST /reload",
                        new.display()
                    );
                }
            }
        }
        self.directories = wanted;
    }

    /// Tells `reload` of changes, from now on.
    pub(crate) fn notify(&self, reload: ReloadHandle) {
        let changed = self.changed.clone();
        tokio::spawn(async move {
            loop {
                changed.notified().await;
                tokio::time::sleep(DEBOUNCE).await;
                reload.files_may_have_changed();
            }
        });
    }

    /// The state of the files now. Events alone say too much (a log in the same directory, a `touch` by a reader).
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let listed = self
            .directories
            .iter()
            .filter_map(|directory| fs::read_dir(directory).ok())
            .flat_map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())))
            .filter(|path| {
                path.extension().and_then(|e| e.to_str()).is_some_and(|e| EXTENSIONS.contains(&e))
            });
        listed
            .chain(self.files.iter().cloned())
            .filter_map(|path| {
                // Follows links: a Kubernetes ConfigMap changes by a link to another directory.
                let metadata = fs::metadata(&path).ok()?;
                Some((path, (metadata.modified().ok()?, metadata.len(), metadata.ino())))
            })
            .collect()
    }
}

fn directory_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Reading a file is an event as well: only those that may leave another content count.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("ringway-watch-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        path
    }

    #[test]
    fn a_fingerprint_sees_replacement_and_new_files_and_ignores_others() {
        let directory = directory("fingerprint");
        let file = directory.join("a.toml");
        fs::write(&file, "x = 1").unwrap();
        let watch = FileWatch::new(std::slice::from_ref(&file));
        let first = watch.fingerprint();
        assert_eq!(first, watch.fingerprint());
        fs::write(directory.join("access.log"), "line").unwrap();
        assert_eq!(first, watch.fingerprint(), "a log is no configuration");
        let other = directory.join("a.toml.new");
        fs::write(&other, "x = 2").unwrap();
        fs::rename(&other, &file).unwrap();
        let second = watch.fingerprint();
        assert_ne!(first, second, "renamed over");
        fs::write(directory.join("b.toml"), "").unwrap();
        assert_ne!(second, watch.fingerprint(), "a new one");
        fs::remove_dir_all(directory).unwrap();
    }

    #[tokio::test]
    async fn a_rename_into_the_directory_is_an_event() {
        let directory = directory("event");
        let file = directory.join("a.toml");
        fs::write(&file, "x = 1").unwrap();
        let watch = FileWatch::new(std::slice::from_ref(&file));
        let other = directory.join("other");
        fs::write(&other, "x = 2").unwrap();
        fs::rename(&other, &file).unwrap();
        let seen = tokio::time::timeout(Duration::from_secs(10), watch.changed.notified()).await;
        assert!(seen.is_ok());
        fs::remove_dir_all(directory).unwrap();
    }
}
