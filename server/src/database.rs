//! Files of redb: how one is opened, and what is wrong when it cannot be.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use redb::backends::FileBackend;
use redb::{Database, DatabaseError, StorageBackend};

/// Memory for the pages of a file.
const CACHE_BYTES: usize = 8 * 1024 * 1024;

pub(crate) const IN_USE: &str = "another process has it open, most likely a gateway; stop it first";

/// Opens a file, or makes an empty one that only its owner reads; whether it is empty.
///
/// # Errors
/// Says what is wrong with it.
pub(crate) fn open(path: &Path) -> Result<(Database, bool), String> {
    let text = |error: io::Error| error.to_string();
    let mut options = OpenOptions::new();
    let file =
        options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path).map_err(text)?;
    let is_empty = file.metadata().map_err(text)?.len() == 0;
    let backend = FileBackend::new(file).map_err(of)?;
    Ok((over(backend)?, is_empty))
}

/// A database whose bytes are in `backend`.
///
/// # Errors
/// Says what is wrong with it.
pub(crate) fn over(backend: impl StorageBackend) -> Result<Database, String> {
    Database::builder().set_cache_size(CACHE_BYTES).create_with_backend(backend).map_err(of)
}

fn of(error: DatabaseError) -> String {
    match error {
        DatabaseError::DatabaseAlreadyOpen => IN_USE.to_owned(),
        other => format!("it cannot be read: {other}"),
    }
}

/// Without it a new file may be gone after a power cut, however well it was written.
///
/// # Errors
/// Says why.
pub(crate) fn sync_directory(path: &Path) -> Result<(), String> {
    let directory = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(|error| error.to_string())
}
