//! Notices that configuration files have changed. Directories are watched, not files: editors and deployments replace files by renaming
//! others over them, and a watch on a file would stay with the old one. A file that is written is looked at when it is closed: a log in
//! the same directory would wake a thread with each of its lines.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::future::poll_fn;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use futures_core::Stream;
use inotify::{EventStream, Inotify, WatchDescriptor, WatchMask, Watches};

use crate::reload::ReloadHandle;

/// How long a burst of changes may take: they are looked at together.
const DEBOUNCE: Duration = Duration::from_millis(200);
/// Files that may be configuration, so that one that a pattern such as `apis/*.toml` newly matches is noticed too.
const EXTENSIONS: [&str; 5] = ["toml", "yaml", "yml", "json", "csv"];

/// Room for the events of one read.
const EVENTS: usize = 4096;

/// What tells one state of the files from another.
pub(crate) type Fingerprint = BTreeMap<PathBuf, (SystemTime, u64, u64)>;

/// The watched directories.
pub(crate) struct FileWatch {
    /// Absent where the kernel gives no watch: then only SIGHUP and `POST /reload` reload.
    watches: Option<Watches>,
    /// Until `notify` waits for its events.
    inotify: Option<Inotify>,
    directories: BTreeMap<PathBuf, Option<WatchDescriptor>>,
    files: BTreeSet<PathBuf>,
}

impl FileWatch {
    /// Watches the directories of `files`.
    pub(crate) fn new(files: &[PathBuf]) -> Self {
        let inotify = Inotify::init()
            .inspect_err(|error| {
                tracing::warn!("files are not watched ({error}); reload with SIGHUP or POST /reload");
            })
            .ok();
        let watches = inotify.as_ref().map(Inotify::watches);
        let mut watch = FileWatch { watches, inotify, directories: BTreeMap::new(), files: BTreeSet::new() };
        watch.watch(files);
        watch
    }

    /// Watches the directories of `files`, and no others.
    pub(crate) fn watch(&mut self, files: &[PathBuf]) {
        self.files = files.iter().cloned().collect();
        let wanted: BTreeSet<PathBuf> = files.iter().map(|file| directory_of(file)).collect();
        let watches = &mut self.watches;
        self.directories.retain(|directory, watched| {
            let stays = wanted.contains(directory);
            if let (Some(watches), Some(descriptor)) = (&mut *watches, watched.take_if(|_| !stays)) {
                // A directory that was removed has no watch any more.
                let _ = watches.remove(descriptor);
            }
            stays
        });
        for new in wanted {
            self.directories.entry(new).or_insert_with_key(|new| {
                let failed = |error: &io::Error| {
                    let place = new.display();
                    tracing::warn!("{place}: not watched ({error}); reload with SIGHUP or POST /reload");
                };
                watches.as_mut()?.add(new, changes()).inspect_err(failed).ok()
            });
        }
    }

    /// Tells `reload` of changes, from now on.
    pub(crate) fn notify(&mut self, reload: ReloadHandle) {
        let Some(inotify) = self.inotify.take() else { return };
        tokio::spawn(async move {
            let mut events = match inotify.into_event_stream([0; EVENTS]) {
                Ok(events) => events,
                Err(error) => {
                    tracing::warn!("files are not watched ({error}); reload with SIGHUP or POST /reload");
                    return;
                }
            };
            while some(&mut events).await {
                tokio::time::sleep(DEBOUNCE).await;
                reload.files_may_have_changed();
            }
        });
    }

    /// The state of the files now. Events alone say too much (a log in the same directory, a `touch` by a reader).
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let listed = self
            .directories
            .keys()
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

/// What may leave another content. A write is none (`MODIFY`): a file is looked at when its writer closes it.
fn changes() -> WatchMask {
    WatchMask::CREATE
        | WatchMask::CLOSE_WRITE
        | WatchMask::MOVED_FROM
        | WatchMask::MOVED_TO
        | WatchMask::DELETE
        | WatchMask::ATTRIB
        | WatchMask::DELETE_SELF
        | WatchMask::MOVE_SELF
}

/// Takes the events that there are, or waits for the next ones; `false` when there will be none.
async fn some(events: &mut EventStream<[u8; EVENTS]>) -> bool {
    let mut is_some = false;
    poll_fn(|context| {
        loop {
            match Pin::new(&mut *events).poll_next(context) {
                Poll::Ready(Some(Ok(_))) => is_some = true,
                // What could not be read may have been a change.
                Poll::Ready(Some(Err(_))) => return Poll::Ready(true),
                Poll::Ready(None) => return Poll::Ready(is_some),
                Poll::Pending if is_some => return Poll::Ready(true),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::io::Write;

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
    async fn files_that_come_are_events_and_lines_of_a_log_are_none() {
        let directory = directory("event");
        let file = directory.join("a.toml");
        fs::write(&file, "x = 1").unwrap();
        let mut log = fs::File::create(directory.join("access.log")).unwrap();
        let mut watch = FileWatch::new(std::slice::from_ref(&file));
        let mut events = watch.inotify.take().unwrap().into_event_stream([0; EVENTS]).unwrap();
        let second = Duration::from_secs(1);

        log.write_all(b"a line\n").unwrap();
        assert!(tokio::time::timeout(second, some(&mut events)).await.is_err(), "a line is no event");
        let other = directory.join("other");
        fs::write(&other, "x = 2").unwrap();
        assert!(tokio::time::timeout(10 * second, some(&mut events)).await.unwrap(), "closed");
        fs::rename(&other, &file).unwrap();
        assert!(tokio::time::timeout(10 * second, some(&mut events)).await.unwrap(), "renamed over");

        watch.watch(&[]);
        assert!(watch.directories.is_empty());
        fs::remove_dir_all(directory).unwrap();
    }
}
