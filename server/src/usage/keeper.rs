//! The store through failures: one that failed is opened again after a while, and until then everything that needs it is told why.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::StoreCounters;
use super::store::{Store, Write};

/// How soon a store that failed is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// How often the log tells of failures.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// A store that may fail.
pub(super) struct Keeper {
    path: PathBuf,
    /// After an error a file is of no use until it is opened again.
    store: Option<Store>,
    failed: Option<Failure>,
    said: Option<Instant>,
    counters: Arc<StoreCounters>,
}

struct Failure {
    message: String,
    at: Instant,
}

impl Keeper {
    pub(super) fn new(path: PathBuf, counters: Arc<StoreCounters>) -> Self {
        Keeper { path, store: None, failed: None, said: None, counters }
    }

    /// Opens the store, if it is not open.
    ///
    /// # Errors
    /// Names the file and says what is wrong with it.
    pub(super) fn open(&mut self) -> Result<(), String> {
        if self.store.is_none() {
            self.store = Some(Store::open(&self.path)?);
        }
        Ok(())
    }

    /// Lets go of the file.
    pub(super) fn close(&mut self) {
        self.store = None;
    }

    pub(super) fn is_open(&self) -> bool {
        self.store.is_some()
    }

    /// Keeps all of `writes` or nothing.
    ///
    /// # Errors
    /// Names the file and says what is wrong with it.
    pub(super) fn apply(&mut self, writes: &[Write]) -> Result<(), String> {
        if writes.is_empty() {
            return Ok(());
        }
        self.with(|store| store.apply(writes))?;
        self.counters.commits.fetch_add(1, Relaxed);
        Ok(())
    }

    /// Does something with the store.
    ///
    /// # Errors
    /// Names the file and says what is wrong with it; the same as before where it was tried a moment ago.
    pub(super) fn with<T>(&mut self, act: impl FnOnce(&Store) -> Result<T, String>) -> Result<T, String> {
        if self.store.is_none()
            && let Some(failure) = &self.failed
            && failure.at.elapsed() < RETRY_AFTER
        {
            return Err(failure.message.clone());
        }
        let done = self.open().and_then(|()| match &self.store {
            Some(store) => act(store),
            None => Err("the usage store is not open".to_owned()),
        });
        match done {
            Ok(done) => {
                if self.failed.take().is_some() {
                    tracing::info!("the usage store {} works again", self.path.display());
                    self.said = None;
                }
                Ok(done)
            }
            Err(message) => {
                self.fail(message.clone());
                Err(message)
            }
        }
    }

    fn fail(&mut self, message: String) {
        self.store = None;
        self.counters.errors.fetch_add(1, Relaxed);
        if self.said.is_none_or(|said| said.elapsed() >= SAY_EVERY) {
            tracing::error!(
                "{message}; until it can be written, keys whose quota has nothing granted left are answered with 503"
            );
            self.said = Some(Instant::now());
        }
        self.failed = Some(Failure { message, at: Instant::now() });
    }
}
