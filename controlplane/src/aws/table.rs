//! The rows of one kind, with what has changed since the last commit.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A kind of row.
pub trait Row: Serialize + DeserializeOwned {
    /// Name of its table, in the store too.
    const TABLE: &'static str;
    /// Whether the data plane depends on it.
    const SERVED: bool = false;

    /// What it is found by besides its key, where it is found by something: see [`Table::placed`].
    fn place(&self, key: &str) -> Option<String> {
        let _ = key;
        None
    }
}

/// What the store has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Name of the table.
    pub table: &'static str,
    /// Key of the row.
    pub key: String,
    /// The row as JSON; `None` removes it.
    pub value: Option<Vec<u8>>,
}

/// Rows by key. Rows that belong to another are kept under `parent/child`, so that they lie together.
#[derive(Debug)]
pub struct Table<T> {
    rows: BTreeMap<String, Arc<T>>,
    /// The rows that were changed, as they were at the last commit.
    before: BTreeMap<String, Option<Arc<T>>>,
    /// Places and the keys of the rows there.
    places: BTreeSet<(String, String)>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table { rows: BTreeMap::new(), before: BTreeMap::new(), places: BTreeSet::new() }
    }
}

/// The key of a row that belongs to another.
pub(crate) fn key(parent: &str, child: &str) -> String {
    format!("{parent}/{child}")
}

impl<T: Row> Table<T> {
    /// The row under `key`.
    pub fn get(&self, key: &str) -> Option<&T> {
        self.rows.get(key).map(|row| &**row)
    }

    /// As [`get`](Table::get), for those who keep it.
    pub fn shared(&self, key: &str) -> Option<Arc<T>> {
        self.rows.get(key).cloned()
    }

    /// The row `child` of `parent`.
    pub fn child(&self, parent: &str, child: &str) -> Option<&T> {
        self.get(&key(parent, child))
    }

    /// All rows, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.rows.iter().map(|(key, row)| (key.as_str(), &**row))
    }

    /// The rows of `parent`, by the last part of their key.
    pub fn children<'t>(&'t self, parent: &str) -> impl Iterator<Item = (&'t str, &'t T)> {
        let prefix = key(parent, "");
        let length = prefix.len();
        // `0` follows `/`.
        let end = Bound::Excluded(format!("{parent}0"));
        self.rows.range((Bound::Included(prefix), end)).map(move |(key, row)| (&key[length..], &**row))
    }

    /// As [`iter`](Table::iter), for those who keep the rows.
    pub fn iter_shared(&self) -> impl Iterator<Item = (&str, &Arc<T>)> {
        self.rows.iter().map(|(key, row)| (key.as_str(), row))
    }

    /// The rows whose place begins with `prefix`, by place.
    pub(crate) fn placed(&self, prefix: String) -> impl Iterator<Item = (&str, &T)> {
        let begins = (Bound::Included((prefix.clone(), String::new())), Bound::Unbounded);
        let found = self.places.range(begins).take_while(move |(place, _)| place.starts_with(&prefix));
        found.filter_map(|(place, key)| Some((place.as_str(), self.get(key)?)))
    }

    pub(crate) fn put(&mut self, key: impl Into<String>, row: T) {
        let key = key.into();
        let old = self.set(&key, Some(Arc::new(row)));
        self.before.entry(key).or_insert(old);
    }

    /// Puts or removes a row, and its place with it; the row that was there.
    fn set(&mut self, key: &str, row: Option<Arc<T>>) -> Option<Arc<T>> {
        let place = row.as_ref().and_then(|row| row.place(key));
        let old = match row {
            Some(row) => self.rows.insert(key.to_owned(), row),
            None => self.rows.remove(key),
        };
        let old_place = old.as_ref().and_then(|row| row.place(key));
        if place != old_place {
            old_place.map(|place| self.places.remove(&(place, key.to_owned())));
            self.places.extend(place.map(|place| (place, key.to_owned())));
        }
        old
    }

    pub(crate) fn remove(&mut self, key: &str) -> Option<Arc<T>> {
        let old = self.set(key, None)?;
        self.before.entry(key.to_owned()).or_insert_with(|| Some(old.clone()));
        Some(old)
    }

    /// Removes everything that belongs to `parent`.
    pub(crate) fn remove_children(&mut self, parent: &str) {
        let keys: Vec<String> = self.children(parent).map(|(child, _)| key(parent, child)).collect();
        for key in keys {
            self.remove(&key);
        }
    }

    pub(crate) fn writes(&self, into: &mut Vec<Write>) {
        into.extend(self.before.keys().map(|key| Write {
            table: T::TABLE,
            key: key.clone(),
            value: self.rows.get(key).map(|row| serde_json::to_vec(&**row).unwrap_or_default()),
        }));
    }

    pub(crate) fn is_changed(&self) -> bool {
        !self.before.is_empty()
    }

    /// The keys of what has changed since the last commit, with the rows that were there.
    pub(crate) fn changes(&self) -> impl Iterator<Item = (&str, Option<&T>)> {
        self.before.iter().map(|(key, row)| (key.as_str(), row.as_deref()))
    }

    pub(crate) fn commit(&mut self) {
        self.before.clear();
    }

    pub(crate) fn roll_back(&mut self) {
        for (key, row) in std::mem::take(&mut self.before) {
            self.set(&key, row);
        }
    }

    pub(crate) fn load(&mut self, key: &str, value: &[u8]) -> Result<(), String> {
        let row = serde_json::from_slice(value).map_err(|error| format!("{} {key}: {error}", T::TABLE))?;
        self.set(key, Some(Arc::new(row)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::{Row, Table};

    #[derive(Serialize, Deserialize)]
    struct Placed(String);

    impl Row for Placed {
        const TABLE: &'static str = "placed";

        fn place(&self, _: &str) -> Option<String> {
            (!self.0.is_empty()).then(|| self.0.clone())
        }
    }

    fn placed(table: &Table<Placed>, prefix: &str) -> Vec<String> {
        table.placed(prefix.to_owned()).map(|(place, _)| place.to_owned()).collect()
    }

    #[test]
    fn rows_are_found_by_their_place_and_never_where_they_were() {
        let mut table = Table::default();
        for (key, place) in [("1", "a/x"), ("2", "a/y"), ("3", "b/x"), ("4", "")] {
            table.put(key, Placed(place.to_owned()));
        }
        table.commit();
        assert_eq!(placed(&table, "a/"), ["a/x", "a/y"]);
        table.put("1", Placed("b/z".to_owned()));
        table.put("5", Placed("a/y".to_owned()));
        table.remove("3");
        table.remove("2");
        assert_eq!(
            (placed(&table, "a/"), placed(&table, "b/")),
            (vec!["a/y".to_owned()], vec!["b/z".to_owned()])
        );
        table.roll_back();
        assert_eq!(
            (placed(&table, "a/"), placed(&table, "b/")),
            (vec!["a/x".into(), "a/y".into()], vec!["b/x".into()])
        );
        let mut again = Table::<Placed>::default();
        table.iter().for_each(|(key, row)| again.load(key, &serde_json::to_vec(row).unwrap()).unwrap());
        assert_eq!(placed(&again, ""), placed(&table, ""));
    }
}
