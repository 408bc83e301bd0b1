//! The seeded random numbers of a simulation.

use std::cell::Cell;

/// Splitmix64: small, fast, and the same on every machine. Shared by reference within one thread.
#[derive(Debug)]
pub struct Rng(Cell<u64>);

impl Rng {
    /// The sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Rng(Cell::new(seed))
    }

    /// The next number.
    pub fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which must not be 0.
    pub fn below(&self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&self, low: u64, high: u64) -> u64 {
        assert!(low <= high, "no number lies between {low} and {high}");
        low + self.below((high - low).saturating_add(1))
    }

    /// A number from `low` to `high` with every magnitude about equally likely.
    pub fn magnitude(&self, low: u64, high: u64) -> u64 {
        let span = 64 - (high / low.max(1)).leading_zeros();
        let top = low.max(1).saturating_mul(1 << self.below(u64::from(span.max(1))));
        self.between(low, top.saturating_mul(2).clamp(low, high))
    }

    /// True with the probability `probability`. Certain and impossible cases draw no number.
    pub fn chance(&self, probability: f64) -> bool {
        if probability <= 0.0 {
            return false;
        }
        probability >= 1.0 || ((self.next() >> 11) as f64) < probability * (1u64 << 53) as f64
    }
}
