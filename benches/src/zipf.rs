//! Requests whose keys follow Zipf's law, and what caches are held against on them.

use std::collections::{BTreeMap, HashMap};

/// The least recently used goes first.
#[derive(Debug)]
pub struct Lru {
    budget: u64,
    bytes: u64,
    clock: u64,
    used: HashMap<u32, (u64, u64)>,
    order: BTreeMap<u64, u32>,
}

impl Lru {
    /// One of this many bytes.
    pub fn new(budget: u64) -> Self {
        Lru { budget, bytes: 0, clock: 0, used: HashMap::new(), order: BTreeMap::new() }
    }

    /// Whether `key` is there; afterwards it is, with this many bytes.
    pub fn get(&mut self, key: u32, size: u64) -> bool {
        self.clock += 1;
        let known = self.used.insert(key, (self.clock, size));
        match known {
            Some((before, _)) => drop(self.order.remove(&before)),
            None => self.bytes += size,
        }
        self.order.insert(self.clock, key);
        while self.bytes > self.budget {
            let Some((_, oldest)) = self.order.pop_first() else { break };
            if let Some((_, size)) = self.used.remove(&oldest) {
                self.bytes -= size;
            }
        }
        known.is_some()
    }
}

/// `count` ranks below `ranks`, the lower the more often, from a generator with this seed.
pub fn zipf(count: usize, ranks: u32, exponent: f64, seed: u64) -> Vec<u32> {
    let mut sum = 0.0;
    let cumulated: Vec<f64> = (1..=ranks)
        .map(|rank| {
            sum += f64::from(rank).powf(-exponent);
            sum
        })
        .collect();
    let mut state = seed;
    let mut next = || {
        // SplitMix64.
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    };
    let rank = |target: f64| cumulated.partition_point(|known| *known < target) as u32;
    (0..count).map(|_| rank(next() * sum).min(ranks - 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut lru = Lru::new(3);
        let seen: Vec<bool> = [1, 2, 3, 1, 4, 2, 1, 4, 3].iter().map(|key| lru.get(*key, 1)).collect();
        assert_eq!(seen, [false, false, false, true, false, false, true, true, false]);
    }

    #[test]
    fn low_ranks_are_frequent() {
        let trace = zipf(100_000, 1_000, 1.0, 1);
        let count = |rank: u32| trace.iter().filter(|known| **known == rank).count() as f64;
        // Rank 1 has 1/H(1000) = 13.4 % of them, rank 10 a tenth of that.
        assert!((count(0) / 13_359.0 - 1.0).abs() < 0.05, "{}", count(0));
        assert!((count(9) / 1_335.9 - 1.0).abs() < 0.15, "{}", count(9));
    }
}
