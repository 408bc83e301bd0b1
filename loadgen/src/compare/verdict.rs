//! The rule that turns a change and its uncertainty into a word.

use serde::Serialize;

use super::figures::{Arm, Figure, Sample, are_interleaved};
use super::statistics::{Effect, holm};

/// The chance of a false alarm in a whole comparison, and of calling a figure the same that is not.
pub const ALPHA: f64 = 0.05;

/// What is said of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// B is better by more than the threshold, and not by chance.
    Better,
    /// B differs by less than the threshold, up or down.
    Same,
    /// B is worse by more than the threshold, and not by chance.
    Worse,
    /// These runs cannot tell.
    TooNoisy,
}

impl Verdict {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Verdict::Better => "better",
            Verdict::Same => "same",
            Verdict::Worse => "worse",
            Verdict::TooNoisy => "too noisy",
        }
    }
}

/// A figure, compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judged {
    /// Its name.
    pub name: String,
    /// What is said of it.
    pub verdict: Verdict,
    /// Why it is too noisy, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether its verdict decides the exit code.
    pub counts: bool,
    /// Whether more is better.
    pub higher_is_better: bool,
    /// The mean of A: geometric where the change is a ratio. None where a run has no value.
    pub a: Option<f64>,
    /// The mean of B.
    pub b: Option<f64>,
    /// The change from A to B: `B/A - 1`, or `B - A` for a share. None where there are too few runs.
    pub change: Option<f64>,
    /// The 95 % interval of the change.
    pub interval: Option<(f64, f64)>,
    /// Changes within this much are none.
    pub threshold: f64,
    /// The chance of such a change where there is none, for all figures together (Holm).
    pub p: Option<f64>,
}

/// Judges each figure. The samples are in the order in which they were made; of a figure that a sample has no value of, nothing is said.
pub fn judge(figures: &[Figure], samples: &[Sample]) -> Vec<Judged> {
    let interleaved = are_interleaved(samples);
    let effects: Vec<Result<Effect, String>> = figures
        .iter()
        .enumerate()
        .map(|(index, figure)| effect(figure, index, samples, interleaved))
        .collect();
    let p_values: Vec<f64> = effects.iter().flatten().map(Effect::p_value).collect();
    let mut adjusted = holm(&p_values).into_iter();
    let judged = figures.iter().zip(effects).enumerate().map(|(index, (figure, effect))| {
        let p = if effect.is_ok() { adjusted.next() } else { None };
        describe(
            figure,
            [Arm::A, Arm::B].map(|arm| mean(figure, index, samples, arm)),
            effect.map(|effect| (effect, p.unwrap_or(1.0))),
        )
    });
    judged.collect()
}

fn effect(figure: &Figure, index: usize, samples: &[Sample], interleaved: bool) -> Result<Effect, String> {
    let mut sides = [Vec::new(), Vec::new()];
    for sample in samples {
        sides[sample.arm as usize].push(on_scale(figure, index, sample)?);
    }
    let [a, b] = sides;
    let effect = if interleaved { Effect::paired(&a, &b) } else { Effect::unpaired(&a, &b) };
    effect.ok_or_else(|| {
        "one run cannot tell a change from noise: make at least two a side, better ten, interleaved"
            .to_string()
    })
}

/// The value of a sample on the scale on which values are added: logarithms of what is compared by ratios.
fn on_scale(figure: &Figure, index: usize, sample: &Sample) -> Result<f64, String> {
    match (figure.is_ratio(), sample.values.get(index).copied().flatten()) {
        (_, None) => {
            Err(format!("{} has no {}: nothing was answered as it should be", sample.source, figure.name))
        }
        (true, Some(value)) if value > 0.0 => Ok(value.ln()),
        (true, Some(value)) => {
            Err(format!("{} has {value} as {}, and no ratio to it can be told", sample.source, figure.name))
        }
        (false, Some(value)) => Ok(value),
    }
}

fn mean(figure: &Figure, index: usize, samples: &[Sample], arm: Arm) -> Option<f64> {
    let of_arm = samples.iter().filter(|sample| sample.arm == arm);
    let values: Vec<f64> =
        of_arm.map(|sample| on_scale(figure, index, sample)).collect::<Result<_, _>>().ok()?;
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    Some(if figure.is_ratio() { mean.exp() } else { mean })
}

fn describe(figure: &Figure, means: [Option<f64>; 2], effect: Result<(Effect, f64), String>) -> Judged {
    let as_change = |value: f64| if figure.is_ratio() { value.exp_m1() } else { value };
    let (verdict, reason, effect) = match effect {
        Ok((effect, p)) => {
            let verdict = verdict(figure, &effect, p);
            let reason = (verdict == Verdict::TooNoisy).then(|| why_noisy(figure, &effect));
            (verdict, reason, Some((effect, p)))
        }
        Err(reason) => (Verdict::TooNoisy, Some(reason), None),
    };
    Judged {
        name: figure.name.clone(),
        verdict,
        reason,
        counts: figure.counts,
        higher_is_better: figure.higher_is_better,
        a: means[0],
        b: means[1],
        change: effect.map(|(effect, _)| as_change(effect.mean)),
        interval: effect
            .map(|(effect, _)| effect.interval(1.0 - ALPHA))
            .map(|(low, high)| (as_change(low), as_change(high))),
        threshold: figure.threshold,
        p: effect.map(|(_, p)| p),
    }
}

/// The threshold on the scale on which effects are: symmetric for ratios, so that B against A is judged as A against B.
fn bound(figure: &Figure) -> f64 {
    if figure.is_ratio() { figure.threshold.ln_1p() } else { figure.threshold }
}

/// *Same*: the 90 % interval lies within the threshold (two one-sided tests at 5 %). *Better*, *worse*: the estimate lies beyond the
/// threshold, and the change is not by chance at 5 % for all figures together.
fn verdict(figure: &Figure, effect: &Effect, p: f64) -> Verdict {
    let bound = bound(figure);
    let (low, high) = effect.interval(1.0 - 2.0 * ALPHA);
    if -bound <= low && high <= bound {
        Verdict::Same
    } else if p < ALPHA && effect.mean.abs() > bound {
        if (effect.mean > 0.0) == figure.higher_is_better { Verdict::Better } else { Verdict::Worse }
    } else {
        Verdict::TooNoisy
    }
}

/// Why, and how many runs would probably do.
fn why_noisy(figure: &Figure, effect: &Effect) -> String {
    let (low, high) = effect.interval(1.0 - 2.0 * ALPHA);
    let (half, bound) = (f64::midpoint(high, -low), bound(figure));
    // Of the room that the estimate leaves, or that it has beyond the threshold.
    let room = (bound - effect.mean.abs()).abs().max(bound / 3.0);
    let runs = (effect.degrees + 1.0) * (half / room).powi(2);
    if runs <= 200.0 {
        format!(
            "the interval is too wide for this threshold; about {} runs a side may do",
            (runs.ceil() as u64).max(effect.degrees as u64 + 2)
        )
    } else {
        "the interval is far too wide for this threshold: find out what disturbs the runs, or make them longer".to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::super::noise::Noise;
    use super::*;

    const TRIALS: usize = 1000;

    fn throughput() -> Figure {
        Figure::of_reports("ok_per_second").unwrap()
    }

    fn samples(a: &[f64], b: &[f64]) -> Vec<Sample> {
        let sample = |arm, value: &f64| Sample { arm, source: "s".into(), values: vec![Some(*value)] };
        a.iter().zip(b).flat_map(|(a, b)| [sample(Arm::A, a), sample(Arm::B, b)]).collect()
    }

    fn word(figure: &Figure, a: &[f64], b: &[f64]) -> Verdict {
        judge(std::slice::from_ref(figure), &samples(a, b))[0].verdict
    }

    #[test]
    fn each_verdict_has_its_case() {
        let base = [100.0, 101.0, 99.0, 100.5, 99.5];
        let times = |factor: f64| base.map(|value| value * factor * (1.0 + 0.001 * (value - 100.0)));
        let higher = throughput();
        let lower = Figure::of_reports("p50").unwrap();
        assert_eq!(word(&higher, &base, &times(1.0)), Verdict::Same);
        assert_eq!(word(&higher, &base, &times(0.98)), Verdict::Same, "a change, but within the threshold");
        assert_eq!(word(&higher, &base, &times(0.9)), Verdict::Worse);
        assert_eq!(word(&higher, &base, &times(1.1)), Verdict::Better);
        assert_eq!(word(&lower, &base, &times(1.1)), Verdict::Worse);
        assert_eq!(word(&lower, &base, &times(0.9)), Verdict::Better);
        assert_eq!(word(&higher, &base, &[130.0, 70.0, 110.0, 90.0, 80.0]), Verdict::TooNoisy);
        assert_eq!(word(&higher, &[100.0], &[50.0]), Verdict::TooNoisy, "one run a side");
        assert_eq!(
            word(&higher, &base, &[100.0, 100.0, 100.0, 100.0, 0.0]),
            Verdict::TooNoisy,
            "no ratio to zero"
        );
    }

    #[test]
    fn failures_are_compared_by_their_difference() {
        let share = Figure::of_reports("failure_share").unwrap();
        let none = [0.0; 4];
        assert_eq!(word(&share, &none, &none), Verdict::Same);
        assert_eq!(word(&share, &none, &[0.000_1, 0.0, 0.000_2, 0.0]), Verdict::Same);
        assert_eq!(word(&share, &none, &[0.010, 0.011, 0.009, 0.010]), Verdict::Worse);
        assert_eq!(word(&share, &[0.010, 0.011, 0.009, 0.010], &none), Verdict::Better);
    }

    /// Runs of a machine that drifts by 4 % over the session, and of which one in thirty is disturbed.
    fn session(noise: &mut Noise, pairs: usize, spread: f64, change: f64) -> [Vec<f64>; 2] {
        let mut sides = [Vec::new(), Vec::new()];
        for run in 0..2 * pairs {
            let arm = [0, 1, 1, 0][run % 4]; // A B B A
            let drift = 0.04 * run as f64 / (2 * pairs) as f64;
            let disturbed = if noise.below(30) == 0 { -0.03 * noise.uniform() } else { 0.0 };
            let value = drift + disturbed + spread * noise.normal() + if arm == 1 { change } else { 0.0 };
            sides[arm].push(50_000.0 * value.exp());
        }
        sides
    }

    fn share_of(verdict: Verdict, pairs: usize, spread: f64, change: f64) -> f64 {
        let mut noise = Noise::new(20_240 + pairs as u64);
        let figure = throughput();
        let hits = (0..TRIALS).filter(|_| {
            let [a, b] = session(&mut noise, pairs, spread, change);
            word(&figure, &a, &b) == verdict
        });
        hits.count() as f64 / TRIALS as f64
    }

    #[test]
    fn two_sessions_of_one_build_come_out_the_same() {
        for (pairs, spread) in [(8, 0.010), (8, 0.0125), (10, 0.0125), (10, 0.015)] {
            let same = share_of(Verdict::Same, pairs, spread, 0.0);
            assert!(same >= 0.95, "{pairs} pairs, noise {spread}: same in {same}");
        }
    }

    #[test]
    fn a_planted_five_percent_comes_out_worse() {
        for (pairs, spread) in [(8, 0.010), (8, 0.0125), (8, 0.015), (10, 0.015)] {
            let worse = share_of(Verdict::Worse, pairs, spread, 0.95_f64.ln());
            assert!(worse >= 0.98, "{pairs} pairs, noise {spread}: worse in {worse}");
        }
    }

    #[test]
    fn noise_is_called_noise() {
        for (pairs, spread) in [(2, 0.05), (3, 0.03), (5, 0.05), (10, 0.10)] {
            let (worse, better) =
                (share_of(Verdict::Worse, pairs, spread, 0.0), share_of(Verdict::Better, pairs, spread, 0.0));
            assert!(worse + better <= 0.06, "{pairs} pairs, noise {spread}: {worse} worse, {better} better");
            let same_though_worse = share_of(Verdict::Same, pairs, spread, 0.95_f64.ln());
            assert!(same_though_worse <= 0.02, "{pairs} pairs, noise {spread}: {same_though_worse}");
        }
    }

    #[test]
    fn a_whole_comparison_raises_few_false_alarms() {
        let figures: Vec<Figure> = (0..6).map(|_| throughput()).collect();
        let mut noise = Noise::new(5);
        let alarms = (0..TRIALS).filter(|_| {
            let sides: Vec<[Vec<f64>; 2]> =
                figures.iter().map(|_| session(&mut noise, 5, 0.05, 0.0)).collect();
            let sample = |arm: Arm, run: usize| Sample {
                arm,
                source: String::new(),
                values: sides.iter().map(|side| Some(side[arm as usize][run])).collect(),
            };
            let samples: Vec<Sample> =
                (0..5).flat_map(|run| [sample(Arm::A, run), sample(Arm::B, run)]).collect();
            judge(&figures, &samples)
                .iter()
                .any(|judged| matches!(judged.verdict, Verdict::Worse | Verdict::Better))
        });
        let share = alarms.count() as f64 / TRIALS as f64;
        assert!(share <= 0.065, "{share}");
    }

    #[test]
    fn pairs_take_drift_out_and_blocks_do_not() {
        let figure = throughput();
        let mut noise = Noise::new(11);
        let [a, b] = session(&mut noise, 10, 0.002, 0.0);
        let interleaved = samples(&a, &b);
        let mut blocks = interleaved.clone();
        blocks.sort_by_key(|sample| sample.arm as usize);
        let width = |samples: &[Sample]| {
            let (low, high) = judge(std::slice::from_ref(&figure), samples)[0].interval.unwrap();
            high - low
        };
        assert!(width(&interleaved) < width(&blocks) / 2.0);
    }

    #[test]
    fn the_reason_names_the_run_or_what_to_do() {
        let judged = judge(&[throughput()], &samples(&[100.0], &[100.0]));
        assert!(judged[0].reason.as_ref().unwrap().contains("at least two a side"));
        let judged = judge(&[throughput()], &samples(&[100.0, 105.0, 96.0], &[102.0, 97.0, 105.0]));
        let reason = judged[0].reason.as_ref().unwrap();
        assert!(reason.contains("runs a side may do"), "{reason}");
        let mut missing = samples(&[100.0, 100.0], &[100.0, 100.0]);
        missing[1].values[0] = None;
        missing[1].source = "b1.json".into();
        assert!(
            judge(&[throughput()], &missing)[0]
                .reason
                .as_ref()
                .unwrap()
                .starts_with("b1.json has no ok_per_second")
        );
    }
}
