//! Seeded noise for the tests of the verdicts.

use crate::random::SmallRandom;

/// What simulated runs need.
pub(super) struct Noise(SmallRandom);

impl Noise {
    pub(super) fn new(seed: u64) -> Self {
        Noise(SmallRandom::new(seed))
    }

    /// From 0 to 1.
    pub(super) fn uniform(&mut self) -> f64 {
        self.0.unit()
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0.below(bound as u64) as usize
    }

    /// Standard normal (Box and Muller).
    pub(super) fn normal(&mut self) -> f64 {
        let (radius, angle) = (self.uniform().max(1e-300), self.uniform());
        (-2.0 * radius.ln()).sqrt() * (2.0 * std::f64::consts::PI * angle).cos()
    }
}
