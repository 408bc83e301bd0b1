//! Files of redb: how one is opened, and what is wrong when it cannot be.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use redb::backends::FileBackend;
use redb::{Database, DatabaseError, StorageBackend};

/// Memory for the pages of a file.
const CACHE_BYTES: usize = 8 * 1024 * 1024;

pub(crate) const IN_USE: &str = "another process has it open, most likely a gateway; stop it first";

/// Opens a file that only its owner reads, or makes one, in which `begin` writes what a new one says of itself. A file that is there
/// was made to its end, whenever the process that made it was killed.
///
/// # Errors
/// Says what is wrong with it.
pub(crate) fn open(
    path: &Path,
    begin: impl Fn(&Database) -> Result<(), redb::Error>,
) -> Result<Database, String> {
    let begin = |database: &Database| begin(database).map_err(|error| error.to_string());
    if !path.exists() {
        make(path, &begin)?;
    }
    let file = OpenOptions::new().read(true).write(true).open(path).map_err(text)?;
    let is_empty = file.metadata().map_err(text)?.len() == 0;
    let database = over(FileBackend::new(file).map_err(of)?)?;
    if is_empty {
        begin(&database)?;
    }
    Ok(database)
}

/// Makes a file under another name first. Where somebody else was faster, theirs stays.
fn make(path: &Path, begin: &impl Fn(&Database) -> Result<(), String>) -> Result<(), String> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let fresh = path.with_file_name(name);
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(true).mode(0o600).open(&fresh);
    let database = over(FileBackend::new(file.map_err(text)?).map_err(of)?)?;
    begin(&database)?;
    drop(database);
    let linked = match fs::hard_link(&fresh, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(text(error)),
        _ => Ok(()),
    };
    let removed = fs::remove_file(&fresh).map_err(text);
    linked.and(removed).and_then(|()| sync_directory(path).map_err(text))
}

fn text(error: io::Error) -> String {
    error.to_string()
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
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use redb::{ReadableDatabase, TableDefinition};

    use super::*;

    const TABLE: TableDefinition<'_, &str, u64> = TableDefinition::new("table");

    fn begin(database: &Database) -> Result<(), redb::Error> {
        let transaction = database.begin_write()?;
        transaction.open_table(TABLE)?.insert("made", 1)?;
        Ok(transaction.commit()?)
    }

    #[test]
    fn a_file_is_there_when_it_is_made_to_its_end_and_not_before() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.redb");
        // As a kill would leave it.
        let cut_off = |_: &Database| Err(redb::Error::Corrupted("killed".into()));
        assert!(open(&path, cut_off).unwrap_err().contains("killed"));
        assert!(!path.exists());
        drop(open(&path, begin).unwrap());
        let files: Vec<_> = fs::read_dir(&directory).unwrap().map(|file| file.unwrap().file_name()).collect();
        assert_eq!(files, ["a.redb"]);
        let database = open(&path, |_| panic!("it is made already")).unwrap();
        let made = database.begin_read().unwrap().open_table(TABLE).unwrap();
        assert_eq!(made.get("made").unwrap().unwrap().value(), 1);
        // An empty file is made in its place.
        let empty = directory.path().join("empty.redb");
        File::create(&empty).unwrap();
        drop(open(&empty, begin).unwrap());
        drop(open(&empty, |_| panic!("it is made already")).unwrap());
    }
}
