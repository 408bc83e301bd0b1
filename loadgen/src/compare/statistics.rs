//! The change between two sides, with its uncertainty. The unit is the run: requests of one run share its luck and are not independent.
//!
//! Student's t on logarithms of ratios, over pairs where the runs were interleaved, else with Welch's degrees of freedom. At the five to
//! twenty runs that people make it covers what it claims; the percentile bootstrap does not (a test here shows it).

/// Steps of the bisection for a quantile: enough for every bit of the result.
const BISECTIONS: usize = 200;
/// Terms of the continued fraction; it converges in a few dozen.
const TERMS_MAX: usize = 300;

/// An estimated change: its mean, the standard error of that, and the degrees of freedom of the error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// The estimate.
    pub mean: f64,
    /// Its standard error.
    pub error: f64,
    /// Degrees of freedom.
    pub degrees: f64,
}

impl Effect {
    /// The mean difference `b - a` over pairs; None with fewer than two.
    pub fn paired(a: &[f64], b: &[f64]) -> Option<Effect> {
        let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| b - a).collect();
        let (mean, variance) = moments(&differences)?;
        let n = differences.len() as f64;
        Some(Effect { mean, error: (variance / n).sqrt(), degrees: n - 1.0 })
    }

    /// The difference of the means of two independent samples that may vary differently (Welch); None with fewer than two values a side.
    pub fn unpaired(a: &[f64], b: &[f64]) -> Option<Effect> {
        let ((mean_a, variance_a), (mean_b, variance_b)) = (moments(a)?, moments(b)?);
        let (of_a, of_b) = (variance_a / a.len() as f64, variance_b / b.len() as f64);
        let sum = of_a + of_b;
        let degrees = sum * sum / (of_a * of_a / (a.len() - 1) as f64 + of_b * of_b / (b.len() - 1) as f64);
        let degrees = if degrees.is_finite() { degrees } else { (a.len() + b.len() - 2) as f64 }; // no variance at all
        Some(Effect { mean: mean_b - mean_a, error: sum.sqrt(), degrees })
    }

    /// The interval that holds the true change with this confidence.
    pub fn interval(&self, confidence: f64) -> (f64, f64) {
        let half =
            if self.error > 0.0 { quantile(0.5 + confidence / 2.0, self.degrees) * self.error } else { 0.0 };
        (self.mean - half, self.mean + half)
    }

    /// How probable at least this much of a change, up or down, is where there is none.
    pub fn p_value(&self) -> f64 {
        match (self.error > 0.0, self.mean == 0.0) {
            (true, _) => two_sided(self.mean / self.error, self.degrees),
            (false, true) => 1.0,
            (false, false) => 0.0,
        }
    }
}

fn moments(values: &[f64]) -> Option<(f64, f64)> {
    if values.len() < 2 {
        return None;
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    Some((mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0)))
}

/// p-values that allow for all of them having been looked at (Holm): the chance of even one false alarm stays what it is for one.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut greatest = 0.0_f64;
    for (rank, index) in order.into_iter().enumerate() {
        greatest = greatest.max((p_values.len() - rank) as f64 * p_values[index]).min(1.0);
        adjusted[index] = greatest;
    }
    adjusted
}

/// Both tails of Student's t beyond `t`.
fn two_sided(t: f64, degrees: f64) -> f64 {
    incomplete_beta(degrees / 2.0, 0.5, degrees / (degrees + t * t))
}

/// The value below which Student's t lies with probability `p`, one half or more.
fn quantile(p: f64, degrees: f64) -> f64 {
    let beyond = 2.0 * (1.0 - p);
    let (mut low, mut high) = (0.0, 1.0);
    while two_sided(high, degrees) > beyond && high < 1e12 {
        high *= 2.0;
    }
    for _ in 0..BISECTIONS {
        let middle = f64::midpoint(low, high);
        if two_sided(middle, degrees) > beyond { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// The regularized incomplete beta function (DLMF 8.17), by its continued fraction (8.17.22).
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(b, a, 1.0 - x); // where the fraction converges fast
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp() / a;
    front * beta_fraction(a, b, x)
}

/// Evaluated from the front by the modified method of Lentz.
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    let away_from_zero = |v: f64| if v.abs() < 1e-300 { 1e-300 } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for term in 1..TERMS_MAX {
        let m = term as f64;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let before = value;
        for numerator in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + numerator * d);
            c = away_from_zero(1.0 + numerator / c);
            value *= c * d;
        }
        if (value / before - 1.0).abs() < 1e-15 {
            break;
        }
    }
    value
}

/// The logarithm of the gamma function for positive numbers: Stirling's series (DLMF 5.11.1) above 10, the recurrence below.
fn ln_gamma(x: f64) -> f64 {
    if x < 10.0 {
        return ln_gamma(x + 1.0) - x.ln();
    }
    let series = 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3)) + 1.0 / (1260.0 * x.powi(5))
        - 1.0 / (1680.0 * x.powi(7));
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series
}

#[cfg(test)]
mod tests {
    use super::super::noise::Noise;
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (p, degrees, value) in [
            (0.975, 1.0, 12.7062),
            (0.975, 2.0, 4.30265),
            (0.95, 4.0, 2.13185),
            (0.975, 7.0, 2.36462),
            (0.95, 9.0, 1.83311),
            (0.995, 9.0, 3.24984),
            (0.975, 30.0, 2.04227),
            (0.975, 100_000.0, 1.95999),
        ] {
            assert!(
                (quantile(p, degrees) / value - 1.0).abs() < 1e-5,
                "{p} {degrees}: {}",
                quantile(p, degrees)
            );
            assert!((two_sided(value, degrees) - 2.0 * (1.0 - p)).abs() < 1e-5);
        }
        assert!((quantile(0.975, 3.7) - 2.8673).abs() < 2e-3, "{}", quantile(0.975, 3.7));
    }

    #[test]
    fn effects_are_those_of_a_worked_example() {
        // Welch: means 20.8 and 23, standard errors from variances 4.7 and 5 over 5 and 4 values.
        let (a, b) = ([20.0, 22.0, 19.0, 24.0, 19.0], [23.0, 25.0, 20.0, 24.0]);
        let effect = Effect::unpaired(&a, &b).unwrap();
        assert!((effect.mean - 2.2).abs() < 1e-12);
        let expected = (4.7_f64 / 5.0 + 14.0 / 3.0 / 4.0).sqrt();
        assert!((effect.error - expected).abs() < 1e-12);
        let paired = Effect::paired(&[1.0, 2.0, 3.0], &[2.0, 4.0, 4.0]).unwrap();
        assert!(
            (paired.mean - 4.0 / 3.0).abs() < 1e-12
                && (paired.error - 1.0 / 3.0).abs() < 1e-12
                && paired.degrees == 2.0
        );
        assert_eq!(Effect::paired(&[1.0], &[2.0]), None);
        assert_eq!(Effect::unpaired(&[1.0, 2.0], &[2.0]), None);
    }

    #[test]
    fn no_variance_is_certainty() {
        let none = Effect::paired(&[0.0, 0.0], &[0.0, 0.0]).unwrap();
        assert_eq!((none.interval(0.95), none.p_value()), ((0.0, 0.0), 1.0));
        let all = Effect::unpaired(&[0.0, 0.0], &[1.0, 1.0]).unwrap();
        assert_eq!((all.interval(0.95), all.p_value()), ((1.0, 1.0), 0.0));
    }

    #[test]
    fn many_looks_are_paid_for() {
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (value, expected) in adjusted.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((value - expected).abs() < 1e-12, "{adjusted:?}");
        }
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
    }

    type Method = fn(&[f64], &[f64], &mut Noise) -> (f64, f64);

    /// The share of 4,000 experiments without a change in which the interval holds zero.
    fn coverage(runs: usize, interval: Method) -> f64 {
        let mut noise = Noise::new(7);
        let held = (0..4000).filter(|_| {
            let mut side = || (0..runs).map(|_| 0.015 * noise.normal()).collect::<Vec<f64>>();
            let (a, b) = (side(), side());
            let (low, high) = interval(&a, &b, &mut noise);
            low <= 0.0 && 0.0 <= high
        });
        held.count() as f64 / 4000.0
    }

    fn bootstrap(a: &[f64], b: &[f64], noise: &mut Noise) -> (f64, f64) {
        let n = a.len();
        let mut means: Vec<f64> = (0..400)
            .map(|_| (0..n).map(|_| noise.below(n)).map(|i| b[i] - a[i]).sum::<f64>() / n as f64)
            .collect();
        means.sort_by(f64::total_cmp);
        (means[10], means[389])
    }

    #[test]
    fn intervals_cover_what_they_claim_where_a_bootstrap_does_not() {
        for runs in [5, 10] {
            let paired = coverage(runs, |a, b, _| Effect::paired(a, b).unwrap().interval(0.95));
            let unpaired = coverage(runs, |a, b, _| Effect::unpaired(a, b).unwrap().interval(0.95));
            assert!(
                (0.94..=0.965).contains(&paired) && (0.94..=0.97).contains(&unpaired),
                "{runs}: {paired} {unpaired}"
            );
        }
        let resampled = [5, 10].map(|runs| coverage(runs, bootstrap));
        assert!(resampled[0] < 0.87 && resampled[1] < 0.925, "{resampled:?}");
    }
}
