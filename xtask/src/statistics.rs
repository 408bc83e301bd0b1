//! Medians, ratios of pairs and their intervals.

/// A small seeded generator (SplitMix64): orders of arms and resampling need no more.
pub(crate) struct Random(u64);

impl Random {
    /// A generator that yields the same numbers for the same seed.
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// The numbers below `length` in random order.
    pub(crate) fn order(&mut self, length: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..length).collect();
        for last in (1..length).rev() {
            order.swap(last, self.below(last + 1));
        }
        order
    }
}

/// The median; NaN of nothing.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => sorted[odd / 2],
        even => f64::midpoint(sorted[even / 2 - 1], sorted[even / 2]),
    }
}

/// A median with the 95 % interval of its bootstrap.
#[derive(Clone, Copy)]
pub(crate) struct Interval {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

const RESAMPLES: usize = 2000;

/// The bootstrap interval of the median of `values`.
pub(crate) fn interval(values: &[f64], random: &mut Random) -> Interval {
    if values.is_empty() {
        return Interval { median: f64::NAN, low: f64::NAN, high: f64::NAN };
    }
    let mut medians: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let sample: Vec<f64> = values.iter().map(|_| values[random.below(values.len())]).collect();
            median(&sample)
        })
        .collect();
    medians.sort_by(f64::total_cmp);
    let at = |share: f64| medians[((RESAMPLES - 1) as f64 * share).round() as usize];
    Interval { median: median(values), low: at(0.025), high: at(0.975) }
}

/// The ratios of two arms in the rounds in which both were measured.
pub(crate) fn paired_ratios(over: &[Option<f64>], under: &[Option<f64>]) -> Vec<f64> {
    over.iter().zip(under).filter_map(|(over, under)| Some((*over)? / (*under)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Random, interval, median, paired_ratios};

    #[test]
    fn medians() {
        assert_eq!(median(&[3.0, 1.0, 2.0]).to_bits(), 2.0f64.to_bits());
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]).to_bits(), 2.5f64.to_bits());
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn an_interval_holds_its_median_and_narrows() {
        let mut random = Random::new(1);
        let few: Vec<f64> = (0..8).map(|_| 1.0 + random.below(1000) as f64 / 1000.0).collect();
        let many: Vec<f64> = (0..200).map(|_| 1.0 + random.below(1000) as f64 / 1000.0).collect();
        let (few, many) = (interval(&few, &mut random), interval(&many, &mut random));
        assert!(few.low <= few.median && few.median <= few.high);
        assert!(many.low <= many.median && many.median <= many.high);
        assert!(many.high - many.low < few.high - few.low);
    }

    #[test]
    fn pairs_need_both() {
        let ratios = paired_ratios(&[Some(2.0), None, Some(3.0)], &[Some(1.0), Some(1.0), None]);
        assert_eq!(ratios, vec![2.0]);
    }

    #[test]
    fn an_order_is_a_permutation_and_seeded() {
        let mut order = Random::new(7).order(9);
        assert_eq!(order, Random::new(7).order(9));
        order.sort_unstable();
        assert_eq!(order, (0..9).collect::<Vec<_>>());
    }
}
