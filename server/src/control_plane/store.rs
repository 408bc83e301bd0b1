//! What the control plane holds, on disk: one file, one table of rows as AWS shows them, one transaction for each request that
//! changes something.

use std::fs::{File, TryLockError};
use std::io::Read;
use std::path::{Path, PathBuf};

use redb::backends::InMemoryBackend;
use redb::{Database, Durability, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition};
use ringway_controlplane::aws::Write;

use super::seal::{KeySource, Sealer};
use crate::database::{self, IN_USE};

/// Rows as JSON, by table and key.
const ROWS: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("rows");
/// What the file says of itself.
const ABOUT: TableDefinition<'_, &str, u64> = TableDefinition::new("about");
/// The member of [`ABOUT`] that is [`FORMAT`].
const FORMAT_KEY: &str = "format";
/// Version of the tables and their rows.
const FORMAT: u64 = 2;
/// The version before: its secrets are not sealed, and are when it is opened.
const FORMAT_UNSEALED: u64 = 1;
/// The member of [`ABOUT`] that is [`Sealer::fingerprint`].
const SEALER_KEY: &str = "sealer";

/// The file. A process has it alone.
pub(crate) struct Store {
    database: Database,
    path: PathBuf,
    /// `None`: the copy of a file whose secrets are not sealed.
    sealer: Option<Sealer>,
}

impl Store {
    /// Opens the file, or makes an empty one.
    ///
    /// # Errors
    /// Names the file and says what is wrong with it.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let name = |error: String| format!("the store {}: {error}", path.display());
        Self::open_file(path).map_err(name)
    }

    fn open_file(path: &Path) -> Result<Self, String> {
        let key = KeySource::of(path);
        // A new file is sealed from its first row on.
        let is_new = path.metadata().map_or(true, |metadata| metadata.len() == 0);
        let fresh = is_new.then(|| key.sealer(true)).transpose()?;
        let database = database::open(path, |database| match &fresh {
            Some(sealer) => begin(database, sealer),
            None => Err(redb::Error::Corrupted("it was emptied meanwhile".to_owned())),
        })?;
        let mut store = Store { database, path: path.to_owned(), sealer: None };
        match store.format()? {
            FORMAT_UNSEALED => {
                let sealer = key.sealer(true)?;
                store.seal_all(&sealer)?;
                store.sealer = Some(sealer);
            }
            _ => store.unlock(&key)?,
        }
        Ok(store)
    }

    /// Takes the key that the secrets are sealed with.
    fn unlock(&mut self, key: &KeySource) -> Result<(), String> {
        let sealer = key.sealer(false)?;
        if self.about(SEALER_KEY)? != Some(sealer.fingerprint) {
            return Err(format!("its secrets are sealed with another key than that of {}", key.name()));
        }
        self.sealer = Some(sealer);
        Ok(())
    }

    /// What a file holds, in memory: nothing is written to the file, which a gateway may have left at any point.
    ///
    /// # Errors
    /// Names the file and says what is wrong with it.
    pub(crate) fn copy_of(path: &Path) -> Result<Self, String> {
        let name = |error: String| format!("the store {}: {error}", path.display());
        Self::copy_of_file(path).map_err(name)
    }

    fn copy_of_file(path: &Path) -> Result<Self, String> {
        let mut file = File::open(path).map_err(|error| error.to_string())?;
        match file.try_lock_shared() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(IN_USE.to_owned()),
            Err(TryLockError::Error(error)) => return Err(error.to_string()),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        let memory = InMemoryBackend::new();
        let copied = memory.set_len(bytes.len() as u64).and_then(|()| memory.write(0, &bytes));
        copied.map_err(|error| error.to_string())?;
        let mut store = Store { database: database::over(memory)?, path: path.to_owned(), sealer: None };
        if store.format()? == FORMAT {
            store.unlock(&KeySource::of(path))?;
        }
        Ok(store)
    }

    /// The format, if this version knows it.
    fn format(&self) -> Result<u64, String> {
        match self.about(FORMAT_KEY).map_err(|error| format!("it is not a store of Ringway: {error}"))? {
            Some(format @ (FORMAT | FORMAT_UNSEALED)) => Ok(format),
            Some(other) => Err(format!("its format is {other}, and this version knows {FORMAT} at most")),
            None => Err("it is not a store of Ringway, or its making was cut off".to_owned()),
        }
    }

    /// Seals the secrets of a file of the format before.
    fn seal_all(&self, sealer: &Sealer) -> Result<(), String> {
        let mut sealed = Vec::new();
        self.read(|table, key, row| {
            sealed.extend(sealer.seal(table, key, row).map(|row| (table.to_owned(), key.to_owned(), row)));
            Ok(())
        })?;
        let write = || -> Result<(), redb::Error> {
            let mut transaction = self.database.begin_write()?;
            transaction.set_durability(Durability::Immediate)?;
            {
                let mut rows = transaction.open_table(ROWS)?;
                for (table, key, row) in &sealed {
                    rows.insert((table.as_str(), key.as_str()), row.as_slice())?;
                }
            }
            about_now(&transaction, sealer)?;
            Ok(transaction.commit()?)
        };
        write().map_err(|error| error.to_string())
    }

    fn about(&self, member: &str) -> Result<Option<u64>, String> {
        let read = || -> Result<_, redb::Error> {
            let about = self.database.begin_read()?.open_table(ABOUT)?;
            Ok(about.get(member)?.map(|value| value.value()))
        };
        read().map_err(|error| error.to_string())
    }

    /// Calls `row` with the table, key and value of every row.
    ///
    /// # Errors
    /// The first of `row`, or of the file, which it names.
    pub(crate) fn read(
        &self,
        mut row: impl FnMut(&str, &str, &[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        let name = |error: &dyn std::fmt::Display| format!("the store {}: {error}", self.path.display());
        let rows = self.database.begin_read().map_err(|error| name(&error))?;
        let rows = rows.open_table(ROWS).map_err(|error| name(&error))?;
        for entry in rows.iter().map_err(|error| name(&error))? {
            let (key, value) = entry.map_err(|error| name(&error))?;
            let (table, key) = key.value();
            let unsealed = self.sealer.as_ref().map(|sealer| sealer.unseal(table, key, value.value()));
            let unsealed = unsealed.transpose().map_err(|error| name(&error))?.flatten();
            row(table, key, unsealed.as_deref().unwrap_or(value.value())).map_err(|error| name(&error))?;
        }
        Ok(())
    }

    /// Keeps all of `writes` or nothing. When it returns they are on the disk.
    ///
    /// # Errors
    /// What the disk said.
    pub(crate) fn apply(&self, writes: &[Write]) -> Result<(), String> {
        self.try_apply(writes).map_err(|error| format!("the store {}: {error}", self.path.display()))
    }

    fn try_apply(&self, writes: &[Write]) -> Result<(), redb::Error> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        {
            let mut rows = transaction.open_table(ROWS)?;
            for Write { table, key, value } in writes {
                let sealed = value.as_ref().and_then(|row| self.sealer.as_ref()?.seal(table, key, row));
                match sealed.as_ref().or(value.as_ref()) {
                    Some(value) => drop(rows.insert((*table, key.as_str()), value.as_slice())?),
                    None => drop(rows.remove((*table, key.as_str()))?),
                }
            }
        }
        Ok(transaction.commit()?)
    }
}

/// What a file of this version says of itself.
fn about_now(transaction: &redb::WriteTransaction, sealer: &Sealer) -> Result<(), redb::Error> {
    let mut about = transaction.open_table(ABOUT)?;
    about.insert(FORMAT_KEY, FORMAT)?;
    about.insert(SEALER_KEY, sealer.fingerprint)?;
    Ok(())
}

/// Writes what a new file says of itself.
fn begin(database: &Database, sealer: &Sealer) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(ROWS)?;
    about_now(&transaction, sealer)?;
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn write(key: &str, value: Option<&str>) -> Write {
        Write { table: "rest_apis", key: key.into(), value: value.map(|value| value.as_bytes().to_vec()) }
    }

    fn rows(store: &Store) -> Vec<(String, String)> {
        let mut rows = Vec::new();
        let collect = |table: &str, key: &str, value: &[u8]| {
            rows.push((format!("{table}/{key}"), String::from_utf8(value.to_vec()).unwrap()));
            Ok(())
        };
        store.read(collect).unwrap();
        rows
    }

    fn refused(path: &Path) -> String {
        let message = Store::open(path).err().expect("it is refused");
        assert!(message.contains(path.to_str().unwrap()), "{message}");
        message
    }

    #[test]
    fn what_was_applied_is_there_after_opening_it_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("apis.redb");
        let store = Store::open(&path).unwrap();
        store.apply(&[write("a", Some("1")), write("b", Some("2")), write("c", Some("3"))]).unwrap();
        store.apply(&[write("a", None), write("b", Some("4"))]).unwrap();
        assert!(refused(&path).contains("another process has it open"));
        drop(store);
        let expected =
            [("rest_apis/b", "4"), ("rest_apis/c", "3")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(rows(&Store::open(&path).unwrap()), expected);
    }

    #[test]
    fn a_copy_leaves_the_file_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("apis.redb");
        let copy = |path: &Path| Store::copy_of(path).map(|store| rows(&store));
        assert!(copy(&path).unwrap_err().contains("No such file"));
        let store = Store::open(&path).unwrap();
        store.apply(&[write("a", Some("1"))]).unwrap();
        assert!(copy(&path).unwrap_err().contains("stop it first"));
        // As after `kill -9`.
        let killed = directory.path().join("killed.redb");
        std::fs::copy(&path, &killed).unwrap();
        std::fs::copy(path.with_added_extension("key"), killed.with_added_extension("key")).unwrap();
        drop(store);
        for path in [path, killed] {
            let before = std::fs::read(&path).unwrap();
            assert_eq!(copy(&path).unwrap(), [("rest_apis/a".to_owned(), "1".to_owned())]);
            assert!(std::fs::read(&path).unwrap() == before);
        }
    }

    #[test]
    fn a_file_that_is_not_a_store_is_refused_by_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("apis.redb");
        std::fs::write(&path, "not a database, but long enough to have a header of one").unwrap();
        assert!(refused(&path).contains("cannot be read"));
        std::fs::remove_file(&path).unwrap();
        drop(Database::create(&path).unwrap());
        assert!(refused(&path).contains("not a store of Ringway"));
        std::fs::remove_file(&path).unwrap();
        let store = Store::open(&path).unwrap();
        let transaction = store.database.begin_write().unwrap();
        transaction.open_table(ABOUT).unwrap().insert(FORMAT_KEY, FORMAT + 1).unwrap();
        transaction.commit().unwrap();
        drop(store);
        assert!(refused(&path).contains("its format is 3"));
        assert!(refused(&directory.path().join("none/apis.redb")).contains("No such file"));
    }

    #[test]
    fn a_row_that_cannot_be_read_names_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("apis.redb");
        let store = Store::open(&path).unwrap();
        store.apply(&[write("a", Some("{"))]).unwrap();
        let message = store.read(|table, key, _| Err(format!("{table} {key}: cut off"))).unwrap_err();
        assert!(message.contains("apis.redb: rest_apis a: cut off"), "{message}");
    }

    fn key_row(value: &str) -> Write {
        let row = format!(r#"{{"enabled":true,"id":"k","value":"{value}"}}"#);
        Write { table: "api_keys", key: "k".into(), value: Some(row.into_bytes()) }
    }

    fn holds(path: &Path, text: &str) -> bool {
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    }

    #[test]
    fn no_value_of_a_key_is_in_the_file() {
        const VALUE: &str = "a-secret-of-twenty-characters";
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("apis.redb");
        let store = Store::open(&path).unwrap();
        store.apply(&[key_row(VALUE)]).unwrap();
        let expected = rows(&store);
        assert!(expected[0].1.contains(VALUE));
        drop(store);
        assert!(!holds(&path, VALUE));
        assert_eq!(rows(&Store::open(&path).unwrap()), expected);
        let key = path.with_added_extension("key");
        assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        // Without its key, or with another, it is of no use to anybody.
        let text = std::fs::read_to_string(&key).unwrap();
        std::fs::write(&key, "0".repeat(64)).unwrap();
        assert!(refused(&path).contains("sealed with another key than that of"));
        std::fs::write(&key, "0".repeat(63)).unwrap();
        assert!(refused(&path).contains("does not have 64 hexadecimal digits"));
        std::fs::remove_file(&key).unwrap();
        assert!(refused(&path).contains("its key cannot be read"));
        assert!(Store::copy_of(&path).err().unwrap().contains("its key cannot be read"));
        assert!(!key.exists(), "a new key would open nothing");
        std::fs::write(&key, text).unwrap();
        assert_eq!(rows(&Store::copy_of(&path).unwrap()), expected);
    }

    #[test]
    fn a_file_of_the_version_before_is_sealed_when_it_is_opened() {
        const VALUE: &str = "a-secret-of-twenty-characters";
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("apis.redb");
        let mut store = Store::open(&path).unwrap();
        store.sealer = None;
        store.apply(&[key_row(VALUE), write("a", Some("1"))]).unwrap();
        let transaction = store.database.begin_write().unwrap();
        {
            let mut about = transaction.open_table(ABOUT).unwrap();
            about.insert(FORMAT_KEY, FORMAT_UNSEALED).unwrap();
            about.remove(SEALER_KEY).unwrap();
        }
        transaction.commit().unwrap();
        drop(store);
        std::fs::remove_file(path.with_added_extension("key")).unwrap();
        let plain = rows(&Store::copy_of(&path).unwrap());
        assert!(plain[0].1.contains(VALUE) && !path.with_added_extension("key").exists());
        let mut store = Store::open(&path).unwrap();
        assert_eq!(rows(&store), plain);
        store.sealer = None;
        let stored = rows(&store);
        assert!(stored[0].1.contains("sealed") && !stored[0].1.contains(VALUE));
        assert_eq!(stored[1], plain[1]);
    }
}
