//! Quotas: what a key may still ask for in a period, never more than what a ledger has made durable.
//!
//! A core takes requests from what was granted; when little is left it asks for more, which goes to a [`QuotaRequest`] that somebody
//! outside answers with [`Quota::grant`] once it is on disk. Whatever ends the process loses at most what was granted and not taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};

use super::Client;
use crate::calendar::{SECONDS_OF_DAY, date, days};
use crate::model::{QuotaPeriod, QuotaSettings};

/// The day, the week and the month of a moment: numbers that only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Periods {
    day: u32,
    week: u32,
    month: u32,
}

impl Periods {
    /// Those of a second since 1970, in UTC.
    pub fn at(unix_seconds: u64) -> Self {
        let day = (unix_seconds / SECONDS_OF_DAY as u64) as i64;
        let (year, month, _) = date(day);
        // 1970 began on a Thursday; weeks begin with Sunday.
        Periods { day: day as u32, week: ((day + 4) / 7) as u32, month: (year * 12 + month - 1) as u32 }
    }

    /// The number of a period.
    #[inline]
    pub fn of(&self, period: QuotaPeriod) -> u32 {
        match period {
            QuotaPeriod::Day => self.day,
            QuotaPeriod::Week => self.week,
            QuotaPeriod::Month => self.month,
        }
    }
}

/// The first day since 1970 of a period.
pub fn first_day(period: QuotaPeriod, number: u32) -> i64 {
    let number = i64::from(number);
    match period {
        QuotaPeriod::Day => number,
        QuotaPeriod::Week => number * 7 - 4,
        QuotaPeriod::Month => days(number / 12, number % 12 + 1, 1),
    }
}

/// What a core gets of a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// A request. `more`: it is time to ask for more.
    Request {
        /// Whether the caller has to send a [`QuotaRequest`].
        more: bool,
    },
    /// Nothing is left in this period.
    Exhausted,
    /// Nothing is granted yet: ask, if `ask`, and try again.
    Wait {
        /// Whether the caller has to send a [`QuotaRequest`].
        ask: bool,
    },
    /// What is granted cannot be made durable: the quota holds, and nothing passes.
    Unavailable,
}

/// Nobody has asked for more.
const NONE: u8 = 0;
/// Somebody has, while there still was something: it may wait for others.
const EARLY: u8 = 1;
/// Somebody has, who waits for it.
const URGENT: u8 = 2;

/// The quota of one key in one plan.
#[derive(Debug, Default)]
pub struct Quota {
    /// The period in the upper half, the granted requests that nobody has taken yet in the lower.
    granted: AtomicU64,
    /// Below this many left, more are asked for.
    low: AtomicU32,
    /// The period after the last one that is known to be used up, and the limit it was held against.
    exhausted_before: AtomicU32,
    exhausted_limit: AtomicU64,
    /// What was left of the period when it was last granted of, see [`Quota::set_remaining`].
    remaining: AtomicU64,
    /// What request for more is under way: [`NONE`], [`EARLY`] or [`URGENT`].
    asked: AtomicU8,
    /// Whether the last one failed.
    unavailable: AtomicBool,
}

/// Somebody needs more of a quota.
#[derive(Debug, Clone)]
pub struct QuotaRequest {
    /// Whose.
    pub client: Arc<Client>,
    /// The period in which it is needed.
    pub period: u32,
    /// The quota of its plan.
    pub settings: QuotaSettings,
}

impl Quota {
    /// Bytes of what most requests look at.
    #[cfg(test)]
    pub(super) const TAKEN: usize = {
        use std::mem::offset_of;
        let ends = [offset_of!(Quota, granted) + 8, offset_of!(Quota, low) + 4];
        if ends[0] > ends[1] { ends[0] } else { ends[1] }
    };

    /// Takes a request of `period`, of which `limit` are allowed. A clock that was set back does not bring an earlier period back: the
    /// later one goes on.
    #[inline]
    pub fn take(&self, period: u32, limit: u64) -> Taken {
        let mut known = self.granted.load(Ordering::Relaxed);
        while (known >> 32) as u32 >= period && known as u32 > 0 {
            match self.granted.compare_exchange_weak(known, known - 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => {
                    let low = known as u32 <= self.low.load(Ordering::Relaxed);
                    let more = low && self.exhausted_before.load(Ordering::Relaxed) <= (known >> 32) as u32;
                    return Taken::Request { more: more && self.ask(EARLY) };
                }
                Err(other) => known = other,
            }
        }
        self.without(period.max((known >> 32) as u32), limit)
    }

    #[cold]
    fn without(&self, period: u32, limit: u64) -> Taken {
        // A limit that was changed since is asked about again.
        let exhausted = self.exhausted_before.load(Ordering::Acquire) > period;
        if exhausted && self.exhausted_limit.load(Ordering::Relaxed) == limit {
            // It is said after the last grant, which may have come meanwhile.
            return match self.granted.load(Ordering::Relaxed) {
                granted if (granted >> 32) as u32 >= period && granted as u32 > 0 => {
                    Taken::Wait { ask: false }
                }
                _ => Taken::Exhausted,
            };
        }
        let ask = self.ask(URGENT);
        match self.unavailable.load(Ordering::Relaxed) {
            // Each failure is answered at once, and tried again behind it.
            true if !ask => Taken::Unavailable,
            _ => Taken::Wait { ask },
        }
    }

    /// Whether to send a request: nobody has sent one that is as urgent.
    fn ask(&self, urgency: u8) -> bool {
        self.asked.load(Ordering::Relaxed) < urgency
            && self.asked.fetch_max(urgency, Ordering::Acquire) < urgency
    }

    /// Gives a request back that was taken for nothing.
    pub fn give_back(&self, period: u32) {
        let give = |known: u64| ((known >> 32) as u32 == period).then_some(known + 1);
        let _ = self.granted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, give);
    }

    /// Answers a request: `count` more of `period` are durable, and more are to be asked for when `low` are left. `exhausted`: they are
    /// the last ones of this limit. Returns what an earlier period had left, which nobody can take any more.
    pub fn grant(&self, period: u32, count: u32, low: u32, exhausted: Option<u64>) -> u32 {
        let mut left = 0;
        let _ = self.granted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |known| {
            let same = (known >> 32) as u32 == period;
            left = if same { 0 } else { known as u32 };
            let before = if same { known as u32 } else { 0 };
            Some((u64::from(period) << 32) | u64::from(before.saturating_add(count)))
        });
        self.low.store(low, Ordering::Relaxed);
        self.unavailable.store(false, Ordering::Relaxed);
        self.exhausted_limit.store(exhausted.unwrap_or(0), Ordering::Relaxed);
        self.exhausted_before.store(if exhausted.is_some() { period + 1 } else { 0 }, Ordering::Release);
        self.asked.store(NONE, Ordering::Release);
        left
    }

    /// What is left of the period beyond what is granted: for those who are told. Whoever grants sets it.
    pub fn set_remaining(&self, requests: u64) {
        self.remaining.store(requests, Ordering::Relaxed);
    }

    /// What is left of the period, as far as this process knows: a request that comes first finds nothing.
    pub fn remaining(&self) -> u64 {
        self.remaining.load(Ordering::Relaxed) + u64::from(self.left().1)
    }

    /// Answers a request: it could not be made durable.
    pub fn refuse(&self) {
        self.unavailable.store(true, Ordering::Relaxed);
        self.asked.store(NONE, Ordering::Release);
    }

    /// Whether the last request could not be made durable.
    pub fn is_unavailable(&self) -> bool {
        self.unavailable.load(Ordering::Relaxed)
    }

    /// Takes back all that was granted and nobody has taken: the period and how much. For an end, and for changes of what is left.
    pub fn revoke(&self) -> (u32, u32) {
        let known = self.granted.fetch_and(u64::MAX << 32, Ordering::Relaxed);
        self.exhausted_before.store(0, Ordering::Release);
        ((known >> 32) as u32, known as u32)
    }

    /// The period, and the granted requests that nobody has taken yet.
    pub fn left(&self) -> (u32, u32) {
        let known = self.granted.load(Ordering::Relaxed);
        ((known >> 32) as u32, known as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_begin_at_midnight_on_sundays_and_on_first_days() {
        let at = |day: i64| Periods::at((day * SECONDS_OF_DAY) as u64);
        for period in [QuotaPeriod::Day, QuotaPeriod::Week, QuotaPeriod::Month] {
            for day in 19_000..19_800 {
                let first = first_day(period, at(day).of(period));
                assert!(first <= day && at(first).of(period) == at(day).of(period), "{period:?} {day}");
                assert_eq!(at(first - 1).of(period) + 1, at(first).of(period), "{period:?} {day}");
            }
        }
        // 2023-11-12 was a Sunday.
        assert_eq!(first_day(QuotaPeriod::Week, at(days(2023, 11, 14)).week), days(2023, 11, 12));
        assert_eq!(first_day(QuotaPeriod::Month, at(days(2023, 11, 14)).month), days(2023, 11, 1));
    }

    #[test]
    fn gives_what_was_granted_and_asks_in_time() {
        let quota = Quota::default();
        assert_eq!(quota.take(7, 100), Taken::Wait { ask: true });
        assert_eq!(quota.take(7, 100), Taken::Wait { ask: false });
        assert_eq!(quota.grant(7, 3, 1, None), 0);
        assert_eq!(quota.take(7, 100), Taken::Request { more: false });
        assert_eq!(quota.take(7, 100), Taken::Request { more: false });
        assert_eq!(quota.take(7, 100), Taken::Request { more: true });
        // That one did not wait; this one does, and says so.
        assert_eq!(quota.take(7, 100), Taken::Wait { ask: true });
        assert_eq!(quota.take(7, 100), Taken::Wait { ask: false });
        quota.grant(7, 1, 0, Some(100));
        assert_eq!(quota.take(7, 100), Taken::Request { more: false });
        assert_eq!(quota.take(7, 100), Taken::Exhausted);
        assert_eq!(quota.take(7, 101), Taken::Wait { ask: true });
        quota.grant(7, 0, 0, Some(101));
        assert_eq!(quota.take(7, 101), Taken::Exhausted);
        assert_eq!(quota.take(8, 100), Taken::Wait { ask: true });
        assert_eq!(quota.grant(8, 5, 2, None), 0);
        // The clock was set back.
        assert_eq!(quota.take(7, 100), Taken::Request { more: false });
        assert_eq!(quota.revoke(), (8, 4));
        assert_eq!(quota.take(8, 100), Taken::Wait { ask: true });
    }

    #[test]
    fn says_that_it_cannot_be_made_durable() {
        let quota = Quota::default();
        assert_eq!(quota.take(1, 100), Taken::Wait { ask: true });
        quota.refuse();
        // The next one tries again, and the others do not wait for it.
        assert_eq!(quota.take(1, 100), Taken::Wait { ask: true });
        assert_eq!(quota.take(1, 100), Taken::Unavailable);
        quota.grant(1, 1, 0, None);
        assert_eq!(quota.take(1, 100), Taken::Request { more: false });
    }

    #[test]
    fn what_a_period_leaves_is_not_spent_in_the_next() {
        let quota = Quota::default();
        quota.grant(1, 10, 2, None);
        assert_eq!(quota.take(2, 100), Taken::Wait { ask: true });
        assert_eq!(quota.grant(2, 4, 1, None), 10);
        quota.give_back(1);
        assert_eq!(quota.left(), (2, 4));
        quota.give_back(2);
        assert_eq!(quota.left(), (2, 5));
    }
}
