//! A small random generator for what is sent: fast, seeded, and good enough that no target can tell.

/// Weyl increment and mixing constants of SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014).
const INCREMENT: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64: eight bytes of state, a few instructions a number. Not for secrets.
#[derive(Debug, Clone)]
pub struct SmallRandom {
    state: u64,
}

impl SmallRandom {
    /// The generator of a seed.
    pub fn new(seed: u64) -> Self {
        SmallRandom { state: seed }
    }

    /// The generator of one of several users of the same seed, such as threads; their numbers have nothing to do with each other.
    pub fn stream(seed: u64, stream: u64) -> Self {
        SmallRandom { state: mix(seed ^ mix(stream.wrapping_add(INCREMENT))) }
    }

    /// 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(INCREMENT);
        mix(self.state)
    }

    /// A number below `limit`; 0 when `limit` is 0. The error of its share is below `limit` / 2⁶⁴.
    #[inline]
    pub fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(limit)) >> 64) as u64
    }

    /// A number in 0 ≤ x < 1, of 53 random bits.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }
}

#[inline]
fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_numbers_of_splitmix64() {
        // The first outputs for seed 1234567 as the authors of the reference implementation publish them.
        let mut random = SmallRandom::new(1_234_567);
        assert_eq!(random.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(random.next_u64(), 3_203_168_211_198_807_973);
        assert_eq!(random.next_u64(), 9_817_491_932_198_370_423);
    }

    #[test]
    fn covers_its_range_evenly() {
        let mut random = SmallRandom::stream(7, 3);
        let mut counts = [0u32; 10];
        for _ in 0..100_000 {
            counts[random.below(10) as usize] += 1;
        }
        // 10,000 expected, standard deviation 95.
        assert!(counts.iter().all(|&count| (9_500..=10_500).contains(&count)), "{counts:?}");
        assert_eq!(random.below(0), 0);
        assert_eq!(random.below(1), 0);
        let mean = (0..100_000).map(|_| random.unit()).sum::<f64>() / 100_000.0;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
    }

    #[test]
    fn streams_differ_and_repeat() {
        let first = |seed, stream| SmallRandom::stream(seed, stream).next_u64();
        assert_eq!(first(1, 0), first(1, 0));
        assert_ne!(first(1, 0), first(1, 1));
        assert_ne!(first(1, 0), first(2, 0));
    }
}
