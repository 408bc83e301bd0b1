//! What keys have used, on disk: a file of its own, because it is written with every lease and has nothing to do with what is served.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use redb::{Database, Durability, ReadableDatabase, TableDefinition};
use ringway_controlplane::aws::DayUsage;
use ringway_core::model::QuotaPeriod;

use super::account::Row;
use super::period_of;
use crate::database;

/// Kind of a period, its number, whether it is the first of the key, requests reserved in it, and what was added to the limit.
type Period = (u8, u32, bool, u64, i64);
/// By plan and key.
const PERIODS: TableDefinition<'_, (&str, &str), Period> = TableDefinition::new("periods");
/// Plan, key and day since 1970: requests used, and those left at the end of it.
const DAYS: TableDefinition<'_, (&str, &str, u32), (u64, u64)> = TableDefinition::new("days");
/// What the file says of itself.
const ABOUT: TableDefinition<'_, &str, u64> = TableDefinition::new("about");
/// The member of [`ABOUT`] that is [`FORMAT`].
const FORMAT_KEY: &str = "usage-format";
/// Version of the tables.
const FORMAT: u64 = 1;

/// Something to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Write {
    pub(super) plan: Box<str>,
    pub(super) key: Box<str>,
    /// The period.
    pub(super) row: Row,
    /// The days that are not there yet, or are different.
    pub(super) days: Vec<(u32, DayUsage)>,
}

/// The period of a key with the last day that is known of it.
pub(super) type Stored = (Row, Option<(u32, DayUsage)>);

/// The file. A process has it alone.
pub(super) struct Store {
    database: Database,
    path: PathBuf,
}

impl Store {
    /// Opens the file, or makes an empty one.
    ///
    /// # Errors
    /// Names the file and says what is wrong with it.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        Self::open_file(path).map_err(|error| format!("the usage store {}: {error}", path.display()))
    }

    fn open_file(path: &Path) -> Result<Self, String> {
        let store = Store { database: database::open(path, begin)?, path: path.to_owned() };
        match store.format().map_err(|error| format!("it is not a usage store of Ringway: {error}"))? {
            Some(FORMAT) => Ok(store),
            Some(other) => Err(format!("its format is {other}, and this version knows {FORMAT} only")),
            None => Err("it is not a usage store of Ringway".to_owned()),
        }
    }

    fn format(&self) -> Result<Option<u64>, redb::Error> {
        let about = self.database.begin_read()?.open_table(ABOUT)?;
        Ok(about.get(FORMAT_KEY)?.map(|value| value.value()))
    }

    fn named<T>(&self, outcome: Result<T, redb::Error>) -> Result<T, String> {
        outcome.map_err(|error| format!("the usage store {}: {error}", self.path.display()))
    }

    /// The period of a key with the last day that is known of it.
    ///
    /// # Errors
    /// Names the file and says what is wrong with it.
    pub(super) fn row(&self, plan: &str, key: &str) -> Result<Option<Stored>, String> {
        let found = || {
            let reading = self.database.begin_read()?;
            let row = reading.open_table(PERIODS)?.get((plan, key))?.map(|row| row.value());
            let days = reading.open_table(DAYS)?;
            let last = days.range((plan, key, 0)..=(plan, key, u32::MAX))?.next_back().transpose()?;
            Ok((row, last.map(|(day, usage)| (day.value().2, to_usage(usage.value())))))
        };
        let (row, last) = self.named(found())?;
        let Some(row) = row else { return Ok(None) };
        let row = to_row(row)
            .ok_or_else(|| format!("the usage store {}: {plan} {key} has no period", self.path.display()))?;
        Ok(Some((row, last)))
    }

    /// The days of a key that are known.
    ///
    /// # Errors
    /// Names the file and says what is wrong with it.
    pub(super) fn days(
        &self,
        plan: &str,
        key: &str,
        days: RangeInclusive<u32>,
    ) -> Result<Vec<(u32, DayUsage)>, String> {
        let found = || {
            let table = self.database.begin_read()?.open_table(DAYS)?;
            let mut found = Vec::new();
            for entry in table.range((plan, key, *days.start())..=(plan, key, *days.end()))? {
                let (day, usage) = entry?;
                found.push((day.value().2, to_usage(usage.value())));
            }
            Ok(found)
        };
        self.named(found())
    }

    /// The keys of a plan, in the order of their ids, those after `after` and at most `most`.
    ///
    /// # Errors
    /// Names the file and says what is wrong with it.
    pub(super) fn keys(&self, plan: &str, after: &str, most: usize) -> Result<Vec<String>, String> {
        let found = || {
            let table = self.database.begin_read()?.open_table(PERIODS)?;
            let mut keys = Vec::new();
            for entry in table.range((plan, after)..)? {
                let (at, _) = entry?;
                let (of, key) = at.value();
                if of != plan || keys.len() == most {
                    break;
                }
                if key > after {
                    keys.push(key.to_owned());
                }
            }
            Ok(keys)
        };
        self.named(found())
    }

    /// Keeps all of `writes` or nothing. When it returns they are on the disk.
    ///
    /// # Errors
    /// What the disk said. The file is of no use until it is opened again.
    pub(super) fn apply(&self, writes: &[Write]) -> Result<(), String> {
        self.named(self.try_apply(writes))
    }

    fn try_apply(&self, writes: &[Write]) -> Result<(), redb::Error> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        {
            let mut periods = transaction.open_table(PERIODS)?;
            let mut days = transaction.open_table(DAYS)?;
            for Write { plan, key, row, days: logged } in writes {
                periods.insert((&**plan, &**key), from_row(row))?;
                for (day, usage) in logged {
                    days.insert((&**plan, &**key, *day), (usage.used, usage.remaining))?;
                }
            }
        }
        Ok(transaction.commit()?)
    }

    /// Forgets days before `day`, and keys whose last period ended before it, among the next `most` of each table after `from`.
    ///
    /// # Errors
    /// What the disk said. The file is of no use until it is opened again.
    pub(super) fn prune(&self, day: u32, from: &mut PruneFrom, most: usize) -> Result<(), String> {
        self.named(self.try_prune(day, from, most))
    }

    fn try_prune(&self, day: u32, from: &mut PruneFrom, most: usize) -> Result<(), redb::Error> {
        let reading = self.database.begin_read()?;
        let (mut old_periods, mut old_days, mut next) = (Vec::new(), Vec::new(), PruneFrom::default());
        let periods = reading.open_table(PERIODS)?;
        for (index, entry) in periods.range((&*from.period.0, &*from.period.1)..)?.enumerate() {
            let (at, row) = entry?;
            let at = (at.value().0.to_owned(), at.value().1.to_owned());
            if index == most {
                next.period = at;
                break;
            }
            if to_row(row.value()).is_some_and(|row| period_of(row.kind, day) > row.number) {
                old_periods.push(at);
            }
        }
        let days = reading.open_table(DAYS)?;
        for (index, entry) in days.range((&*from.day.0, &*from.day.1, from.day.2)..)?.enumerate() {
            let (at, _) = entry?;
            let at = (at.value().0.to_owned(), at.value().1.to_owned(), at.value().2);
            if index == most {
                next.day = at;
                break;
            }
            if at.2 < day {
                old_days.push(at);
            }
        }
        if !old_periods.is_empty() || !old_days.is_empty() {
            let transaction = self.database.begin_write()?;
            {
                let mut periods = transaction.open_table(PERIODS)?;
                for (plan, key) in &old_periods {
                    periods.remove((&**plan, &**key))?;
                }
                let mut days = transaction.open_table(DAYS)?;
                for (plan, key, day) in &old_days {
                    days.remove((&**plan, &**key, *day))?;
                }
            }
            transaction.commit()?;
        }
        *from = next;
        Ok(())
    }
}

/// Writes what a new file says of itself.
fn begin(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(PERIODS)?;
    transaction.open_table(DAYS)?;
    transaction.open_table(ABOUT)?.insert(FORMAT_KEY, FORMAT)?;
    Ok(transaction.commit()?)
}

/// Where pruning goes on.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PruneFrom {
    period: (String, String),
    day: (String, String, u32),
}

fn to_usage((used, remaining): (u64, u64)) -> DayUsage {
    DayUsage { used, remaining }
}

fn from_row(row: &Row) -> Period {
    let kind = match row.kind {
        QuotaPeriod::Day => 0,
        QuotaPeriod::Week => 1,
        QuotaPeriod::Month => 2,
    };
    (kind, row.number, row.is_first, row.reserved, row.adjustment)
}

fn to_row((kind, number, is_first, reserved, adjustment): Period) -> Option<Row> {
    let kind = match kind {
        0 => QuotaPeriod::Day,
        1 => QuotaPeriod::Week,
        2 => QuotaPeriod::Month,
        _ => return None,
    };
    Some(Row { kind, number, is_first, reserved, adjustment })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn usage(used: u64, remaining: u64) -> DayUsage {
        DayUsage { used, remaining }
    }

    fn write(key: &str, number: u32, days: &[(u32, DayUsage)]) -> Write {
        let row = Row { kind: QuotaPeriod::Day, number, is_first: true, reserved: 7, adjustment: -3 };
        Write { plan: "p".into(), key: key.into(), row, days: days.to_vec() }
    }

    #[test]
    fn what_was_applied_is_there_after_opening_it_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("usage.redb");
        let store = Store::open(&path).unwrap();
        let one = write("one", 9, &[(8, usage(1, 2)), (9, usage(3, 4))]);
        store.apply(&[one.clone(), write("two", 9, &[])]).unwrap();
        assert!(Store::open(&path).err().unwrap().contains("another process has it open"));
        drop(store);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let store = Store::open(&path).unwrap();
        assert_eq!(store.row("p", "one").unwrap(), Some((one.row.clone(), Some((9, usage(3, 4))))));
        assert_eq!(store.row("p", "two").unwrap(), Some((one.row, None)));
        assert_eq!(store.row("p", "three").unwrap(), None);
        assert_eq!(store.days("p", "one", 9..=20).unwrap(), [(9, usage(3, 4))]);
        assert_eq!(store.days("p", "tw", 0..=20).unwrap(), []);
        assert_eq!(store.keys("p", "", 9).unwrap(), ["one", "two"]);
        assert_eq!(store.keys("p", "one", 9).unwrap(), ["two"]);
        assert_eq!(store.keys("p", "", 1).unwrap(), ["one"]);
        assert!(store.keys("o", "", 9).unwrap().is_empty());
    }

    #[test]
    fn what_is_old_is_forgotten_part_by_part() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("usage.redb")).unwrap();
        let days = |days: &[u32]| days.iter().map(|day| (*day, usage(1, 1))).collect::<Vec<_>>();
        let writes =
            [write("a", 4, &days(&[3, 4])), write("b", 6, &days(&[4, 6])), write("c", 1, &days(&[1]))];
        store.apply(&writes).unwrap();
        let mut from = PruneFrom::default();
        store.prune(5, &mut from, 2).unwrap();
        assert_ne!(from, PruneFrom::default());
        assert_eq!(store.keys("p", "", 9).unwrap(), ["b", "c"]);
        store.prune(5, &mut from, 2).unwrap();
        store.prune(5, &mut from, 2).unwrap();
        assert_eq!(from, PruneFrom::default());
        assert_eq!(store.keys("p", "", 9).unwrap(), ["b"]);
        assert_eq!(store.days("p", "b", 0..=9).unwrap(), days(&[6]));
        assert!(store.days("p", "c", 0..=9).unwrap().is_empty());
    }

    #[test]
    fn a_file_that_is_not_a_usage_store_is_refused_by_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("usage.redb");
        std::fs::write(&path, "not a database, but long enough to have a header of one").unwrap();
        let message = Store::open(&path).err().unwrap();
        assert!(message.contains(path.to_str().unwrap()) && message.contains("cannot be read"), "{message}");
        std::fs::remove_file(&path).unwrap();
        // The store of the control plane is none either.
        drop(crate::control_plane::Store::open(&path).unwrap());
        assert!(Store::open(&path).err().unwrap().contains("not a usage store"));
        assert!(Store::open(&directory.path().join("none/u")).err().unwrap().contains("No such file"));
    }
}
