//! What came of it: figures, as a table and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::args::{Phase, Scenario};
use super::healthy::Load;
use super::request::{Ending, Seen};

/// The share of the answers that must come in time.
const IN_TIME: f64 = 0.999;

/// All that was seen.
pub(super) struct Summary {
    after: u64,
    within: u64,
    /// In the order of the command line.
    phases: Vec<(Phase, Figures)>,
    all: Figures,
    healthy: Option<[Load; 2]>,
}

/// Of one phase, or of all.
#[derive(Debug, Default)]
struct Figures {
    count: usize,
    answered: usize,
    cut: usize,
    /// Wrong ones by kind.
    wrong: BTreeMap<&'static str, usize>,
    first_wrong: Option<String>,
    /// Times of the right ones in nanoseconds, sorted.
    took: Vec<u64>,
}

impl Figures {
    fn add(&mut self, phase: Phase, seen: &Seen) {
        self.count += 1;
        let wrong = match &seen.ending {
            Ending::Answered if phase.may_be_answered() => {
                self.answered += 1;
                None
            }
            Ending::Cut if phase.may_be_cut() => {
                self.cut += 1;
                None
            }
            Ending::Answered => Some(("answered", "an answer, though the head was sent already".to_owned())),
            Ending::Cut => {
                Some(("cut", "a close within an answer of the backend that nobody expected".to_owned()))
            }
            Ending::Failed(failure, why) => Some((failure.name(), why.clone())),
        };
        match wrong {
            None => self.took.push(seen.took_nanos),
            Some((kind, why)) => {
                *self.wrong.entry(kind).or_default() += 1;
                self.first_wrong.get_or_insert_with(|| format!("{}: {kind}: {why}", phase.name()));
            }
        }
    }

    fn early(&self, after: u64) -> usize {
        self.took.partition_point(|took| *took < after)
    }

    /// Microseconds after the limit; negative is early.
    fn over_micros(&self, after: u64, share: f64) -> f64 {
        quantile(&self.took, share).map_or(f64::NAN, |took| (took as f64 - after as f64) / 1000.0)
    }

    fn json(&self, after: u64) -> Value {
        json!({
            "count": self.count,
            "right": self.took.len(),
            "wrong": self.count - self.took.len(),
            "answered": self.answered,
            "cut": self.cut,
            "early": self.early(after),
            "wrong_by_kind": self.wrong,
            "first_wrong": self.first_wrong,
            "earliest_s": self.took.first().map(|took| *took as f64 / 1e9),
            "over_us": {
                "p50": self.over_micros(after, 0.5),
                "p99": self.over_micros(after, 0.99),
                "p999": self.over_micros(after, IN_TIME),
                "max": self.over_micros(after, 1.0),
            },
        })
    }
}

/// The smallest value that is not below this share of `sorted` (nearest rank).
fn quantile(sorted: &[u64], share: f64) -> Option<u64> {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

impl Summary {
    pub(super) fn new(scenario: &Scenario, seen: &[(Phase, Seen)], healthy: Option<[Load; 2]>) -> Self {
        let mut phases: Vec<(Phase, Figures)> =
            scenario.phases.iter().map(|(phase, _)| (*phase, Figures::default())).collect();
        let mut all = Figures::default();
        for (phase, seen) in seen {
            all.add(*phase, seen);
            let of_phase = phases.iter_mut().find(|(known, _)| known == phase);
            of_phase.expect("only phases of the scenario are sent").1.add(*phase, seen);
        }
        all.took.sort_unstable();
        phases.iter_mut().for_each(|(_, figures)| figures.took.sort_unstable());
        let healthy = healthy.map(|loads| {
            loads.map(|mut load| {
                load.latencies.sort_unstable();
                load.service.sort_unstable();
                load.lateness.sort_unstable();
                load
            })
        });
        let nanos = |duration: Duration| duration.as_nanos() as u64;
        Summary { after: nanos(scenario.after), within: nanos(scenario.within), phases, all, healthy }
    }

    /// Whether every request ended right and in its time, and the healthy route answered.
    pub(super) fn is_right(&self) -> bool {
        let late = quantile(&self.all.took, IN_TIME).is_none_or(|took| took > self.after + self.within);
        let healthy = self.healthy.as_ref().is_none_or(|loads| loads.iter().all(|load| load.failed == 0));
        self.all.took.len() == self.all.count && self.all.early(self.after) == 0 && !late && healthy
    }

    pub(super) fn json(&self) -> Value {
        let phases: serde_json::Map<String, Value> = self
            .phases
            .iter()
            .map(|(phase, figures)| (phase.name().to_owned(), figures.json(self.after)))
            .collect();
        let healthy = self.healthy.as_ref().map(|[before, during]| {
            json!({
                "before": load_json(before),
                "during": load_json(during),
                "service_p99_ratio": micros(&during.service, 0.99) / micros(&before.service, 0.99),
            })
        });
        json!({
            "expect_after_s": self.after as f64 / 1e9,
            "within_us": self.within as f64 / 1e3,
            "all": self.all.json(self.after),
            "phases": phases,
            "healthy": healthy,
            "right": self.is_right(),
        })
    }

    /// The same for people.
    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "{:<10}{:>8}{:>10}{:>8}{:>8}{:>8}{:>14}{:>12}{:>12}{:>12}\n",
            "phase",
            "count",
            "answered",
            "cut",
            "wrong",
            "early",
            "earliest s",
            "p50 us",
            "p99.9 us",
            "max us"
        );
        let rows = self.phases.iter().map(|(phase, figures)| (phase.name(), figures));
        for (name, figures) in rows.chain([("all", &self.all)]) {
            let earliest =
                figures.took.first().map_or("-".to_owned(), |took| format!("{:.6}", *took as f64 / 1e9));
            let over = |share| format!("{:.0}", figures.over_micros(self.after, share));
            let _ = writeln!(
                text,
                "{name:<10}{:>8}{:>10}{:>8}{:>8}{:>8}{earliest:>14}{:>12}{:>12}{:>12}",
                figures.count,
                figures.answered,
                figures.cut,
                figures.count - figures.took.len(),
                figures.early(self.after),
                over(0.5),
                over(IN_TIME),
                over(1.0)
            );
        }
        let _ = writeln!(text, "microseconds are counted from {} s", self.after as f64 / 1e9);
        if let Some(wrong) = &self.all.first_wrong {
            let _ = writeln!(text, "first wrong: {wrong}");
        }
        for (name, load) in ["before", "during"].into_iter().zip(self.healthy.iter().flatten()) {
            let at = |share| micros(&load.latencies, share);
            let _ = writeln!(
                text,
                "healthy {name} the stall: {} answers, {} failed; p50 {:.0} us, p99 {:.0}, p99.9 {:.0}, max {:.0}; from \
                 the actual send p99 {:.0}; sent late p99 {:.0}{}",
                load.latencies.len(),
                load.failed,
                at(0.5),
                at(0.99),
                at(0.999),
                at(1.0),
                micros(&load.service, 0.99),
                micros(&load.lateness, 0.99),
                load.first_failure.as_ref().map_or(String::new(), |why| format!("; first failure: {why}")),
            );
        }
        text.push_str(if self.is_right() { "right\n" } else { "NOT RIGHT\n" });
        text
    }
}

fn micros(sorted: &[u64], share: f64) -> f64 {
    quantile(sorted, share).map_or(f64::NAN, |nanos| nanos as f64 / 1000.0)
}

fn load_json(load: &Load) -> Value {
    json!({
        "answered": load.latencies.len(),
        "failed": load.failed,
        "first_failure": load.first_failure,
        "p50_us": micros(&load.latencies, 0.5),
        "p99_us": micros(&load.latencies, 0.99),
        "p999_us": micros(&load.latencies, 0.999),
        "max_us": micros(&load.latencies, 1.0),
        "service_p99_us": micros(&load.service, 0.99),
        "lateness_p99_us": micros(&load.lateness, 0.99),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;

    #[test]
    fn ranks_are_the_nearest() {
        let sorted: Vec<u64> = (1..=1000).collect();
        assert_eq!(quantile(&sorted, 0.999), Some(999));
        assert_eq!(quantile(&sorted, 1.0), Some(1000));
        assert_eq!(quantile(&sorted[..1], 0.5), Some(1));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn what_is_right_depends_on_the_phase() {
        let seen = |ending| Seen { took_nanos: 5, ending };
        let right = |phase, ending| {
            let mut figures = Figures::default();
            figures.add(phase, &seen(ending));
            figures.took.len() == 1
        };
        assert!(right(Phase::Head, Ending::Answered) && !right(Phase::Head, Ending::Cut));
        assert!(right(Phase::MidBody, Ending::Cut) && !right(Phase::MidBody, Ending::Answered));
        assert!(right(Phase::Drip, Ending::Cut) && right(Phase::Drip, Ending::Answered));
        assert!(!right(Phase::Drip, Ending::Failed(Failure::Timeout, "x".into())));
    }
}
