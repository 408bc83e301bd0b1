//! Which rate to try next: doubling until the objective is missed, then bisection, then confirmation. Pure; the steps are run elsewhere.

use serde::Serialize;

/// Runs at the knee that must meet the objective, after the one that found it.
const CONFIRMATIONS: u32 = 2;
/// Steps of a search. A target that meets the objective now and then makes no end of it.
pub(super) const STEPS_MAX: usize = 80;

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "result", content = "reason", rename_all = "snake_case")]
pub enum Outcome {
    /// The objective is met.
    Met,
    /// It is not, and why.
    Missed(String),
    /// The run says nothing about the target: the generator was the bottleneck.
    Invalid(String),
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Next {
    /// Run at this rate.
    Try(f64),
    /// The search is over.
    Done(Knee),
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "knee", rename_all = "snake_case")]
pub enum Knee {
    /// The highest rate that meets the objective, confirmed.
    Found {
        /// Requests per second.
        rate: f64,
        /// The lowest rate that misses it.
        missed_at: f64,
    },
    /// Even the highest rate of the search meets it, confirmed.
    AtLeast {
        /// Requests per second.
        rate: f64,
    },
    /// Even the lowest rate of the search misses it.
    Below {
        /// Requests per second.
        rate: f64,
        /// Why it was missed.
        reason: String,
    },
    /// The generator gives up before the target does.
    GeneratorBound {
        /// The rate that it could not send.
        rate: f64,
        /// The highest rate that met the objective, not confirmed.
        met_at: Option<f64>,
        /// Why the run is invalid.
        reason: String,
    },
    /// The same rates meet the objective at one time and miss it at another.
    Unsettled {
        /// The highest rate that has met it and was not refuted.
        met_at: Option<f64>,
    },
    /// Ended before it was over: by Ctrl-C, or because a run could not be made.
    Interrupted {
        /// The highest rate that met the objective, not confirmed.
        met_at: Option<f64>,
    },
}

/// A search under way.
#[derive(Debug)]
pub(super) struct Search {
    from: f64,
    to: f64,
    /// Ends the bisection: the rates around the knee differ by at most this share.
    precision: f64,
    /// Rates that met the objective, ascending, and have not been refuted.
    met: Vec<f64>,
    /// The lowest rate that missed it, and why.
    missed: Option<(f64, String)>,
    /// How often the highest rate that met it was confirmed.
    confirmed: u32,
    invalid: Option<(f64, String)>,
    steps: usize,
}

impl Search {
    pub(super) fn new(from: f64, to: f64, precision: f64) -> Search {
        Search { from, to, precision, met: Vec::new(), missed: None, confirmed: 0, invalid: None, steps: 0 }
    }

    pub(super) fn next(&self) -> Next {
        let highest = self.met.last().copied();
        if let Some((rate, reason)) = &self.invalid {
            return Next::Done(Knee::GeneratorBound { rate: *rate, met_at: highest, reason: reason.clone() });
        }
        match (highest, &self.missed) {
            (None, Some((rate, reason))) if *rate <= self.from => {
                Next::Done(Knee::Below { rate: *rate, reason: reason.clone() })
            }
            _ if self.steps >= STEPS_MAX => Next::Done(Knee::Unsettled { met_at: highest }),
            (None, _) => Next::Try(self.from),
            (Some(met), None) if met < self.to => Next::Try((met * 2.0).min(self.to)),
            (Some(met), Some((missed, _))) if *missed > met * (1.0 + self.precision) => {
                Next::Try((met * missed).sqrt())
            }
            (Some(met), _) if self.confirmed < CONFIRMATIONS => Next::Try(met),
            (Some(rate), Some((missed_at, _))) => Next::Done(Knee::Found { rate, missed_at: *missed_at }),
            (Some(rate), None) => Next::Done(Knee::AtLeast { rate }),
        }
    }

    /// Takes what came of the step that [`Search::next`] asked for.
    pub(super) fn record(&mut self, rate: f64, outcome: Outcome) {
        self.steps += 1;
        match outcome {
            Outcome::Met if self.met.last() == Some(&rate) => self.confirmed += 1,
            Outcome::Met => {
                self.met.push(rate);
                self.confirmed = 0;
            }
            Outcome::Missed(reason) => {
                // Refutes what a luckier run at this rate had found.
                self.met.retain(|met| *met < rate);
                self.missed = Some((rate, reason));
                self.confirmed = 0;
            }
            Outcome::Invalid(reason) => self.invalid = Some((rate, reason)),
        }
    }

    /// The end when the next step cannot be run.
    pub(super) fn interrupted(&self) -> Knee {
        Knee::Interrupted { met_at: self.met.last().copied() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches against a target of which `met` says, for the how-manieth step and a rate, whether it meets the objective.
    fn search(from: f64, to: f64, mut target: impl FnMut(usize, f64) -> Outcome) -> (Knee, Vec<f64>) {
        let mut search = Search::new(from, to, 0.05);
        let mut tried = Vec::new();
        loop {
            match search.next() {
                Next::Done(knee) => return (knee, tried),
                Next::Try(rate) => {
                    search.record(rate, target(tried.len(), rate));
                    tried.push(rate);
                }
            }
        }
    }

    fn limit(limit: f64) -> impl FnMut(usize, f64) -> Outcome {
        move |_, rate| if rate <= limit { Outcome::Met } else { Outcome::Missed("slow".into()) }
    }

    #[test]
    fn the_knee_is_found_within_the_precision_and_confirmed_twice() {
        for knee in [101.0, 777.0, 5000.0, 31_415.0, 49_000.0] {
            let (found, tried) = search(100.0, 50_000.0, limit(knee));
            let Knee::Found { rate, missed_at } = found else { panic!("{found:?}") };
            assert!(
                rate <= knee && missed_at > knee && missed_at <= rate * 1.05,
                "{knee}: {rate} {missed_at}"
            );
            assert!(tried.iter().filter(|tried| **tried == rate).count() == 3, "{tried:?}");
            assert!(tried.len() <= 20, "{tried:?}");
        }
    }

    #[test]
    fn the_ends_of_the_range_are_told_apart() {
        assert_eq!(search(100.0, 3000.0, limit(9999.0)).0, Knee::AtLeast { rate: 3000.0 });
        assert_eq!(
            search(100.0, 3000.0, limit(50.0)),
            (Knee::Below { rate: 100.0, reason: "slow".into() }, vec![100.0])
        );
        assert_eq!(search(100.0, 100.0, limit(100.0)), (Knee::AtLeast { rate: 100.0 }, vec![100.0; 3]));
    }

    #[test]
    fn a_generator_that_gives_up_ends_the_search_with_its_reason() {
        let (found, tried) = search(100.0, 50_000.0, |_, rate| {
            if rate > 3000.0 { Outcome::Invalid("thread 0 at 99 %".into()) } else { Outcome::Met }
        });
        assert_eq!(
            found,
            Knee::GeneratorBound { rate: 3200.0, met_at: Some(1600.0), reason: "thread 0 at 99 %".into() }
        );
        assert_eq!(tried, [100.0, 200.0, 400.0, 800.0, 1600.0, 3200.0]);
    }

    #[test]
    fn a_lucky_run_is_refuted_and_the_search_goes_on_below() {
        // At its first time each rate up to 1,500 is met, at later ones only up to 1,000.
        let mut seen: Vec<f64> = Vec::new();
        let (found, _) = search(100.0, 50_000.0, |_, rate| {
            let again = seen.contains(&rate);
            seen.push(rate);
            if rate <= 1000.0 || (rate <= 1500.0 && !again) {
                Outcome::Met
            } else {
                Outcome::Missed("slow".into())
            }
        });
        let Knee::Found { rate, .. } = found else { panic!("{found:?}") };
        assert!((900.0..=1000.0).contains(&rate), "{rate}");
    }

    #[test]
    fn a_target_of_moods_is_not_searched_for_ever() {
        let (found, tried) =
            search(
                100.0,
                50_000.0,
                |step, _| if step % 7 < 4 { Outcome::Met } else { Outcome::Missed("mood".into()) },
            );
        assert!(tried.len() <= STEPS_MAX, "{}", tried.len());
        assert!(!matches!(found, Knee::AtLeast { .. } | Knee::GeneratorBound { .. }), "{found:?}");
    }
}
