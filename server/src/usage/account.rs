//! What one key has of the quota of one plan: arithmetic without a store, a clock or a thread.

use std::time::Duration;

use ringway_controlplane::aws::DayUsage;
use ringway_core::model::{QuotaPeriod, QuotaSettings};

/// Parts of a quota that a core's lease is at most one of.
const LEASE_PART: u64 = 100;
/// Requests of a core's lease at most.
const LEASE_LARGEST: u64 = 10_000;
/// A first lease is this part of the largest.
const FIRST_PART: u64 = 16;
/// A lease that lasts less than this was too small, and the next is [`GROWTH`] times as large.
const SHORT: Duration = Duration::from_secs(1);
const GROWTH: u64 = 4;
/// A lease that lasts longer than this was too large, and the next is half of it.
const LONG: Duration = Duration::from_secs(30);

/// A key's period, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) kind: QuotaPeriod,
    /// Which one.
    pub(super) number: u32,
    /// Whether it is the first in which the key was used: the offset of the quota is subtracted in that one (tables.md §9.6).
    pub(super) is_first: bool,
    /// Requests that were granted in it, spent or not.
    pub(super) reserved: u64,
    /// What UpdateUsage added to the limit of this period.
    pub(super) adjustment: i64,
}

/// A key's period and its last day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) row: Row,
    /// The last day on which something was granted or spent.
    day: u32,
    /// Of the reserved requests, those of that day.
    day_used: u64,
    /// Days before it whose figures are not stored yet.
    earlier: Vec<(u32, DayUsage)>,
}

impl Account {
    /// A key that was never used.
    pub(super) fn new(kind: QuotaPeriod, number: u32, day: u32) -> Self {
        let row = Row { kind, number, is_first: true, reserved: 0, adjustment: 0 };
        Account { row, day, day_used: 0, earlier: Vec::new() }
    }

    /// As it was stored, with the last day that is known of it.
    pub(super) fn stored(row: Row, last: Option<(u32, DayUsage)>, day: u32) -> Self {
        let (day, day_used) = last.map_or((day, 0), |(day, usage)| (day, usage.used));
        Account { row, day, day_used, earlier: Vec::new() }
    }

    /// Requests of this period, granted or not.
    pub(super) fn limit(&self, settings: &QuotaSettings) -> u64 {
        let offset = if self.row.is_first { settings.offset } else { 0 };
        settings.limit.saturating_sub(offset).saturating_add_signed(self.row.adjustment)
    }

    /// Requests of this period that were not granted yet.
    pub(super) fn remaining(&self, settings: &QuotaSettings) -> u64 {
        self.limit(settings).saturating_sub(self.row.reserved)
    }

    /// Goes on to a later day or period, if it is one: neither comes back when the clock is set back. `left`: what is granted and not
    /// taken, which goes along to a later day. The caller has given back what an earlier period left.
    pub(super) fn turn(&mut self, number: u32, day: u32, left: u64, settings: &QuotaSettings) {
        let begins = number > self.row.number;
        if day > self.day {
            let usage = self.day_usage(left, settings);
            if usage.used > 0 {
                self.earlier.push((self.day, usage));
            }
            self.day = day;
            self.day_used = self.day_used.min(left);
        }
        if begins {
            let kind = self.row.kind;
            self.row = Row { kind, number, is_first: false, reserved: 0, adjustment: 0 };
        }
    }

    /// The quota has another kind of period now, of which `used` are known to be used.
    pub(super) fn change_period(&mut self, kind: QuotaPeriod, number: u32, used: u64, is_first: bool) {
        self.row = Row { kind, number, is_first, reserved: used, adjustment: 0 };
    }

    /// The last day, of which `left` requests are not taken yet.
    fn day_usage(&self, left: u64, settings: &QuotaSettings) -> DayUsage {
        DayUsage {
            used: self.day_used.saturating_sub(left),
            remaining: self.limit(settings).saturating_sub(self.row.reserved.saturating_sub(left)),
        }
    }

    /// The days that may be different from what is stored, of which `left` requests are not taken yet.
    pub(super) fn days(&self, left: u64, settings: &QuotaSettings) -> Vec<(u32, DayUsage)> {
        let mut days = self.earlier.clone();
        days.push((self.day, self.day_usage(left, settings)));
        days
    }

    /// Whether days before the last are not stored yet.
    pub(super) fn has_earlier(&self) -> bool {
        !self.earlier.is_empty()
    }

    /// What [`Account::days`] shows is stored.
    pub(super) fn is_stored(&mut self) {
        self.earlier.clear();
    }

    /// `count` more are granted.
    pub(super) fn reserve(&mut self, count: u64) {
        self.row.reserved += count;
        self.day_used += count;
    }

    /// `count` that were granted are not taken and cannot be any more.
    pub(super) fn give_back(&mut self, count: u64) {
        self.row.reserved = self.row.reserved.saturating_sub(count);
        self.day_used = self.day_used.saturating_sub(count);
    }

    /// Whatever was used, `remaining` are left of this period. Nothing may be granted and not taken.
    pub(super) fn set_remaining(&mut self, remaining: u64, settings: &QuotaSettings) {
        self.row.adjustment = 0;
        let (wanted, limit) = (self.row.reserved.saturating_add(remaining), self.limit(settings));
        let clamp = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.row.adjustment = if wanted >= limit { clamp(wanted - limit) } else { -clamp(limit - wanted) };
    }
}

/// How much a key gets at a time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Leasing {
    /// For all cores; 0: there was none yet.
    size: u64,
    /// When it was granted.
    at_millis: u64,
}

/// What is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) count: u64,
    /// More are to be asked for when so many are left.
    pub(super) low: u64,
}

/// What may be granted and not taken at most: a lease for each core, which is a hundredth of the limit, at least 1 and at most 10,000.
/// That much of a key's quota is lost when the process is killed.
pub(super) fn outstanding_most(limit: u64, cores: usize) -> u64 {
    (limit / LEASE_PART).clamp(1, LEASE_LARGEST) * cores.max(1) as u64
}

impl Leasing {
    /// How long the last lease has lasted: what is asked for when half of it is left is needed in about as much.
    pub(super) fn lasted(&self, now_millis: u64) -> Duration {
        Duration::from_millis(now_millis.saturating_sub(self.at_millis))
    }

    /// The next lease of a key that has `left` of the last and of whose quota `remaining` may be granted.
    pub(super) fn next(&mut self, now_millis: u64, most: u64, left: u64, remaining: u64) -> Lease {
        let lasted = self.lasted(now_millis);
        self.size = match self.size {
            0 => most / FIRST_PART,
            size if lasted < SHORT => size * GROWTH,
            size if lasted > LONG => size / 2,
            size => size,
        }
        .clamp(1, most);
        self.at_millis = now_millis;
        let count = self.size.min(most.saturating_sub(left)).min(remaining);
        Lease { count, low: ((left + count) / 2).max(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(limit: u64, offset: u64) -> QuotaSettings {
        QuotaSettings { limit, offset, period: QuotaPeriod::Week }
    }

    fn usage(used: u64, remaining: u64) -> DayUsage {
        DayUsage { used, remaining }
    }

    #[test]
    fn the_offset_counts_in_the_first_period_alone() {
        let quota = settings(100, 30);
        let mut account = Account::new(QuotaPeriod::Week, 5, 40);
        assert_eq!(account.remaining(&quota), 70);
        account.reserve(10);
        assert_eq!(account.remaining(&quota), 60);
        account.turn(6, 47, 0, &quota);
        assert_eq!(account.remaining(&quota), 100);
    }

    #[test]
    fn periods_and_days_do_not_come_back() {
        let quota = settings(100, 0);
        let mut account = Account::new(QuotaPeriod::Week, 5, 40);
        account.reserve(10);
        // Four of them are taken on the next day, and a part of the lease after it.
        account.turn(5, 41, 4, &quota);
        account.reserve(6);
        assert_eq!(account.days(3, &quota), [(40, usage(6, 94)), (41, usage(7, 87))]);
        account.is_stored();
        account.turn(4, 33, 0, &quota);
        assert_eq!((account.row.number, account.days(3, &quota)), (5, vec![(41, usage(7, 87))]));
        // A new period: what is left of the old one was given back.
        account.give_back(3);
        account.turn(6, 48, 0, &quota);
        account.reserve(1);
        assert_eq!(account.days(0, &quota), [(41, usage(7, 87)), (48, usage(1, 99))]);
    }

    #[test]
    fn what_is_left_can_be_set_and_holds_until_the_period_ends() {
        let quota = settings(100, 30);
        let mut account = Account::new(QuotaPeriod::Week, 5, 40);
        account.reserve(50);
        for remaining in [1_000, 0, 7] {
            account.set_remaining(remaining, &quota);
            assert_eq!(account.remaining(&quota), remaining);
        }
        account.reserve(7);
        assert_eq!(account.remaining(&quota), 0);
        // A limit that is changed later moves it.
        assert_eq!(account.remaining(&settings(105, 30)), 5);
        account.turn(6, 47, 0, &quota);
        assert_eq!(account.remaining(&quota), 100);
        account.set_remaining(u64::MAX, &quota);
        assert!(account.remaining(&quota) > 1 << 62);
    }

    #[test]
    fn a_lease_grows_and_shrinks_and_never_exceeds_its_bounds() {
        for (limit, cores, most) in [(1, 2, 2), (300, 2, 6), (10_000, 1, 100), (u64::MAX, 4, 40_000)] {
            assert_eq!(outstanding_most(limit, cores), most);
        }
        let mut leasing = Leasing::default();
        assert_eq!(leasing.next(0, 1_600, 0, 9_999), Lease { count: 100, low: 50 });
        assert_eq!(leasing.next(10, 1_600, 50, 9_999), Lease { count: 400, low: 225 });
        assert_eq!(leasing.next(20, 1_600, 200, 9_999), Lease { count: 1_400, low: 800 });
        assert_eq!(leasing.next(5_000, 1_600, 800, 9_999), Lease { count: 800, low: 800 });
        assert_eq!(leasing.next(90_000, 1_600, 800, 9_999), Lease { count: 800, low: 800 });
        assert_eq!(leasing.next(180_000, 1_600, 0, 9_999), Lease { count: 400, low: 200 });
        assert_eq!(leasing.next(180_001, 1_600, 0, 3), Lease { count: 3, low: 1 });
        assert_eq!(leasing.next(180_001, 1_600, 1_600, 3).count, 0);
        // The clock was set back.
        assert_eq!(Leasing { size: 0, at_millis: 50 }.next(1, 2, 0, 9).count, 1);
    }
}
