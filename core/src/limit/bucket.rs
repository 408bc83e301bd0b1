//! Token buckets: one atomic word each.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::model::ThrottleSettings;

/// Parts of a nanosecond that times are kept in: a token of 100,000 a second is 160,000 of them, so that rounding changes no rate by
/// more than 0.001 %. 64 bits of them are 36 years.
const PARTS: u64 = 16;
/// What cores hold at most is what comes in this time, all of them together: 0.1 % of a second's tokens.
const LEASE_SECONDS: f64 = 0.001;

/// Rate and size of a bucket, as a request needs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenRate {
    /// Time in which a token comes, in parts of a nanosecond.
    interval: u64,
    /// Tokens that the bucket holds; 0 lets nothing pass.
    burst: u32,
    lease: u32,
}

impl TokenRate {
    /// The rate that `cores` cores share. A rate of 0 lets nothing pass; a bucket of 0 that is refilled holds one token, because nothing
    /// could ever pass it otherwise (AWS documents neither).
    pub fn new(settings: ThrottleSettings, cores: usize) -> Self {
        let ThrottleSettings { rate_limit, burst_limit } = settings;
        if rate_limit <= 0.0 {
            return TokenRate { interval: u64::MAX, burst: 0, lease: 1 };
        }
        let (cores, burst) = (cores.max(1) as f64, burst_limit.max(1));
        let lease = (rate_limit * LEASE_SECONDS / cores).min(f64::from(burst) / (8.0 * cores));
        TokenRate {
            interval: (1e9 * PARTS as f64 / rate_limit).round().max(1.0) as u64,
            burst,
            lease: lease.max(1.0) as u32,
        }
    }

    /// Tokens that a core takes at once: one, or so many that all cores together hold no more than what comes in a millisecond, and
    /// no more than an eighth of the burst.
    #[inline]
    pub fn lease(&self) -> u32 {
        self.lease
    }

    /// Tokens that the bucket holds.
    pub fn burst(&self) -> u32 {
        self.burst
    }

    /// Nanoseconds in which an empty bucket becomes full.
    pub fn nanos_until_full(&self) -> u64 {
        self.capacity().div_ceil(PARTS)
    }

    /// Time in which an empty bucket becomes full, in parts.
    #[inline]
    fn capacity(&self) -> u64 {
        self.interval.saturating_mul(u64::from(self.burst))
    }
}

/// A token bucket that all cores share: the time at which it is full again, so that refilling it is looking at the clock (the generic cell
/// rate algorithm).
///
/// # Bound
/// In every stretch of time `t`, at most `rate × t + burst` tokens are taken from it, and all that come are there for whoever asks.
/// Where the rate is so high that [`TokenRate::lease`] is more than one, cores hold tokens that they took before: what is admitted in a
/// stretch differs by at most those, 0.1 % of a second's rate for all cores together.
#[derive(Debug)]
#[repr(align(32))] // never in two lines of the processor's cache
pub struct Bucket {
    /// What [`Leases`](super::Leases) know it by.
    id: u64,
    /// When it is full again, in parts of a nanosecond of the cores' clock. In the past: it is full.
    full_at: AtomicU64,
    /// The rate that `full_at` was reckoned with; an interval of 0: none yet.
    interval: AtomicU64,
    burst: AtomicU32,
}

impl Bucket {
    /// A full bucket; no two have the same id.
    pub fn new(id: u64) -> Self {
        Bucket { id, full_at: AtomicU64::new(0), interval: AtomicU64::new(0), burst: AtomicU32::new(0) }
    }

    /// Its id.
    #[inline]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Tokens that are there at `now`, in nanoseconds.
    #[inline]
    pub fn available(&self, rate: &TokenRate, now: u64) -> u32 {
        self.adapt(rate, now);
        available(rate, self.full_at.load(Relaxed), now)
    }

    /// Takes up to `wanted` tokens; returns how many.
    #[inline]
    pub fn take(&self, rate: &TokenRate, wanted: u32, now: u64) -> u32 {
        self.adapt(rate, now);
        let mut known = self.full_at.load(Relaxed);
        loop {
            let taken = available(rate, known, now).min(wanted);
            if taken == 0 {
                return 0;
            }
            let next = known.max(now * PARTS).saturating_add(rate.interval.saturating_mul(u64::from(taken)));
            match self.full_at.compare_exchange_weak(known, next, Relaxed, Relaxed) {
                Ok(_) => return taken,
                Err(other) => known = other,
            }
        }
    }

    /// Gives a token back that was taken for nothing.
    pub fn give_back(&self, rate: &TokenRate) {
        let give = |full_at: u64| Some(full_at.saturating_sub(rate.interval));
        let _ = self.full_at.fetch_update(Relaxed, Relaxed, give);
    }

    /// Nanoseconds until there is a token.
    pub fn nanos_until_token(&self, rate: &TokenRate, now: u64) -> u64 {
        let full_at = self.full_at.load(Relaxed);
        let empty_for = full_at.saturating_add(rate.interval).saturating_sub(rate.capacity());
        empty_for.saturating_sub(now * PARTS).div_ceil(PARTS)
    }

    /// Keeps the tokens when the rate has changed: as many are gone as before, and no more than there could be.
    #[inline]
    fn adapt(&self, rate: &TokenRate, now: u64) {
        if self.interval.load(Relaxed) != rate.interval || self.burst.load(Relaxed) != rate.burst {
            self.convert(rate, now);
        }
    }

    #[cold]
    fn convert(&self, rate: &TokenRate, now: u64) {
        let before = self.interval.swap(rate.interval, Relaxed);
        self.burst.store(rate.burst, Relaxed);
        if before == 0 {
            return;
        }
        let now = now * PARTS;
        let _ = self.full_at.fetch_update(Relaxed, Relaxed, |full_at| {
            let gone = full_at.saturating_sub(now) / before;
            Some(now + gone.min(u64::from(rate.burst)).saturating_mul(rate.interval).min(rate.capacity()))
        });
    }
}

#[inline]
fn available(rate: &TokenRate, full_at: u64, now: u64) -> u32 {
    let missing = full_at.saturating_sub(now * PARTS);
    let tokens = rate.capacity().saturating_sub(missing) / rate.interval;
    tokens.min(u64::from(rate.burst)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn rate(rate_limit: f64, burst_limit: u32, cores: usize) -> TokenRate {
        TokenRate::new(ThrottleSettings { rate_limit, burst_limit }, cores)
    }

    #[test]
    fn admits_the_burst_and_then_the_rate() {
        for (per_second, burst) in [(1.0, 1), (7.0, 3), (100.0, 1), (3_333.0, 500), (100_000.0, 10_000)] {
            let (rate, bucket) = (rate(per_second, burst, 1), Bucket::new(0));
            let mut taken = 0;
            // A bucket of one is full most of the time where requests come seldom.
            let step = (SECOND as f64 / per_second / if burst == 1 { 2_000.0 } else { 3.0 }) as u64;
            let mut now = SECOND;
            while now < 11 * SECOND {
                taken += u64::from(bucket.take(&rate, 1, now));
                now += step;
            }
            let expected = per_second * 10.0 + f64::from(burst);
            assert!(
                (taken as f64 - expected).abs() <= (expected * 0.001).max(1.0),
                "{per_second} {burst}: {taken}"
            );
        }
    }

    #[test]
    fn is_full_after_a_pause_and_no_more() {
        let (rate, bucket) = (rate(10.0, 5, 1), Bucket::new(0));
        assert_eq!(bucket.take(&rate, 100, SECOND), 5);
        assert_eq!(
            (bucket.take(&rate, 1, SECOND), bucket.nanos_until_token(&rate, SECOND)),
            (0, SECOND / 10)
        );
        assert_eq!(bucket.take(&rate, 100, 1000 * SECOND), 5);
        bucket.give_back(&rate);
        assert_eq!(bucket.take(&rate, 100, 1000 * SECOND), 1);
    }

    #[test]
    fn keeps_its_fill_when_the_rate_changes() {
        let (slow, fast, small) = (rate(10.0, 100, 1), rate(1000.0, 100, 1), rate(10.0, 5, 1));
        let bucket = Bucket::new(0);
        assert_eq!(bucket.take(&slow, 60, SECOND), 60);
        assert_eq!(bucket.available(&fast, SECOND), 40);
        assert_eq!(bucket.available(&slow, SECOND), 40);
        // As empty as it can be.
        assert_eq!(bucket.available(&small, SECOND), 0);
        assert_eq!(bucket.available(&small, SECOND + SECOND / 10), 1);
    }

    #[test]
    fn leases_are_one_until_a_thousandth_of_a_second_has_more() {
        for (per_second, burst, cores, lease) in [
            (1.0, 1, 16, 1),
            (1_999.0, 5_000, 1, 1),
            (10_000.0, 5_000, 1, 10),
            (10_000.0, 5_000, 2, 5),
            (100_000.0, 10_000, 16, 6),
            (100_000.0, 8, 1, 1),
        ] {
            assert_eq!(rate(per_second, burst, cores).lease(), lease, "{per_second} {burst} {cores}");
        }
    }

    #[test]
    fn nothing_passes_a_rate_of_zero() {
        for burst in [0, 10] {
            assert_eq!(Bucket::new(0).take(&rate(0.0, burst, 1), 1, SECOND), 0);
        }
        assert_eq!(Bucket::new(0).take(&rate(1.0, 0, 1), 9, SECOND), 1);
    }

    #[test]
    fn many_threads_take_no_token_twice() {
        let (rate, bucket) = (rate(1e6, 1_000, 4), Bucket::new(0));
        let taken: u64 = std::thread::scope(|scope| {
            let thread = || {
                let take = |now| u64::from(bucket.take(&rate, rate.lease(), now));
                (0..200_000).map(|i| take(SECOND + i * 500)).sum::<u64>()
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(thread)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        // A tenth of a second.
        let (most, least) = (101_000, 99_000);
        assert!((least..=most).contains(&taken), "{taken}");
    }
}
