//! The tokens that a core holds, and the one decision over all levels of a request.

use std::cell::Cell;

use super::quota::Periods;
use super::{Bucket, TokenRate};
use crate::calendar::SECONDS_OF_DAY;

/// Buckets whose tokens a core holds at a time; those that collide are asked token by token, which is exact too.
const PLACES: usize = 1024;

/// A bucket with its rate.
#[derive(Debug, Clone, Copy)]
pub struct Level<'s> {
    /// The bucket.
    pub bucket: &'s Bucket,
    /// Its rate.
    pub rate: &'s TokenRate,
}

/// Tokens of one bucket.
#[derive(Debug, Clone, Copy, Default)]
struct Lease {
    bucket: u64,
    tokens: u32,
}

/// What a core knows of limits by itself.
#[derive(Debug, Default)]
pub struct CoreLimits {
    /// Its tokens.
    pub leases: Leases,
    /// The day that `periods` are those of.
    day: Cell<u64>,
    periods: Cell<Periods>,
}

impl CoreLimits {
    /// The periods of a moment, in seconds since 1970: reckoned once a day.
    #[inline]
    pub fn periods(&self, unix_seconds: u64) -> Periods {
        let day = unix_seconds / SECONDS_OF_DAY as u64;
        if day != self.day.get() {
            self.day.set(day);
            self.periods.set(Periods::at(unix_seconds));
        }
        self.periods.get()
    }
}

/// What one core has taken of buckets and not spent.
#[derive(Debug)]
pub struct Leases(Box<[Cell<Lease>]>);

impl Default for Leases {
    fn default() -> Self {
        Leases((0..PLACES).map(|_| Cell::default()).collect())
    }
}

impl Leases {
    /// Takes a token at every level, or none at any: then the level that has none is returned.
    ///
    /// # Errors
    /// The index of the level that refuses.
    #[inline]
    pub fn admit(&self, levels: &[Option<Level<'_>>], now: u64) -> Result<(), usize> {
        // Looking first: a level that has nothing refuses before another has given anything.
        self.look(levels, now)?;
        for (i, level) in levels.iter().enumerate() {
            if !level.as_ref().is_none_or(|level| self.take(level, now)) {
                // Another core was faster.
                levels[..i].iter().flatten().for_each(|level| self.give_back(level));
                return Err(i);
            }
        }
        Ok(())
    }

    /// Whether every level has a token now.
    ///
    /// # Errors
    /// The index of the level that has none.
    #[inline]
    pub fn look(&self, levels: &[Option<Level<'_>>], now: u64) -> Result<(), usize> {
        let empty =
            levels.iter().position(|level| level.as_ref().is_some_and(|level| !self.has_token(level, now)));
        empty.map_or(Ok(()), Err)
    }

    fn place(&self, bucket: &Bucket) -> &Cell<Lease> {
        &self.0[bucket.id() as usize % PLACES]
    }

    #[inline]
    fn held(&self, bucket: &Bucket) -> u32 {
        let lease = self.place(bucket).get();
        if lease.bucket == bucket.id() { lease.tokens } else { 0 }
    }

    #[inline]
    fn has_token(&self, level: &Level<'_>, now: u64) -> bool {
        (level.rate.lease() > 1 && self.held(level.bucket) > 0) || level.bucket.available(level.rate, now) > 0
    }

    #[inline]
    fn take(&self, level: &Level<'_>, now: u64) -> bool {
        let Level { bucket, rate } = level;
        if rate.lease() == 1 {
            return bucket.take(rate, 1, now) == 1;
        }
        let place = self.place(bucket);
        let lease = place.get();
        if lease.tokens > 0 {
            if lease.bucket != bucket.id() {
                return bucket.take(rate, 1, now) == 1;
            }
            place.set(Lease { tokens: lease.tokens - 1, ..lease });
            return true;
        }
        let taken = bucket.take(rate, rate.lease(), now);
        if taken > 0 {
            place.set(Lease { bucket: bucket.id(), tokens: taken - 1 });
        }
        taken > 0
    }

    /// Gives back a token that was taken for a request that is not admitted.
    #[cold]
    fn give_back(&self, level: &Level<'_>) {
        let place = self.place(level.bucket);
        let lease = place.get();
        match level.rate.lease() > 1 && lease.bucket == level.bucket.id() {
            true => place.set(Lease { tokens: lease.tokens + 1, ..lease }),
            false => level.bucket.give_back(level.rate),
        }
    }

    /// Tokens that are at hand for a level, here and in the bucket.
    pub fn available(&self, level: &Level<'_>, now: u64) -> u32 {
        self.held(level.bucket) + level.bucket.available(level.rate, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ThrottleSettings;

    const SECOND: u64 = 1_000_000_000;

    fn rate(rate_limit: f64, burst_limit: u32) -> TokenRate {
        TokenRate::new(ThrottleSettings { rate_limit, burst_limit }, 1)
    }

    #[test]
    fn a_refusal_at_one_level_costs_nothing_at_another() {
        let (wide, narrow) = (rate(10.0, 10), rate(1.0, 2));
        let (one, two) = (Bucket::new(1), Bucket::new(2));
        let levels =
            [Some(Level { bucket: &one, rate: &wide }), None, Some(Level { bucket: &two, rate: &narrow })];
        let leases = Leases::default();
        let outcomes: Vec<_> = (0..6).map(|_| leases.admit(&levels, SECOND)).collect();
        assert_eq!(outcomes, [Ok(()), Ok(()), Err(2), Err(2), Err(2), Err(2)]);
        assert_eq!((one.available(&wide, SECOND), two.available(&narrow, SECOND)), (8, 0));
    }

    #[test]
    fn leased_tokens_are_spent_one_by_one() {
        let rate = rate(100_000.0, 10_000);
        assert_eq!(rate.lease(), 100);
        let (bucket, other) = (Bucket::new(5), Bucket::new(5 + PLACES as u64));
        let leases = Leases::default();
        let level = Level { bucket: &bucket, rate: &rate };
        for i in 1..=250 {
            assert_eq!(leases.admit(&[Some(level)], SECOND), Ok(()));
            assert_eq!(leases.available(&level, SECOND), 10_000 - i);
        }
        assert_eq!(bucket.available(&rate, SECOND), 9_700);
        // A bucket of the same place is asked for each token.
        let second = Level { bucket: &other, rate: &rate };
        assert_eq!(leases.admit(&[Some(second)], SECOND), Ok(()));
        assert_eq!((other.available(&rate, SECOND), leases.held(&bucket)), (9_999, 50));
        leases.give_back(&level);
        leases.give_back(&second);
        assert_eq!((other.available(&rate, SECOND), leases.held(&bucket)), (10_000, 51));
    }
}
