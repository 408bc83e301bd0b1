//! What is compared: figures, their directions and thresholds, and their values in the runs of both sides.

use serde::{Deserialize, Serialize};

use crate::report::{Distribution, Report};

/// Threshold of a figure that has none of its own.
pub const THRESHOLD: f64 = 0.03;

/// What values are, which decides how they are shown and related.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Microseconds.
    Duration,
    /// Parts of one, compared by their difference because they may be zero. All else is positive and compared by ratios.
    Share,
    /// Anything else.
    Number,
}

/// A figure to compare.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Its name.
    pub name: String,
    /// Whether more is better.
    pub higher_is_better: bool,
    /// What its values are.
    pub unit: Unit,
    /// A change within this much, up or down, is none: a share of the value, or a difference.
    pub threshold: f64,
    /// Whether its verdict decides the exit code.
    pub counts: bool,
}

/// A figure of reports. `by_default`: whether it is shown without being asked for, and then counts.
struct Known {
    name: &'static str,
    higher_is_better: bool,
    unit: Unit,
    threshold: f64,
    by_default: Option<bool>,
}

const fn known(name: &'static str, unit: Unit, threshold: f64, by_default: Option<bool>) -> Known {
    Known { name, higher_is_better: matches!(unit, Unit::Number), unit, threshold, by_default }
}

const OF_REPORTS: [Known; 8] = [
    known("ok_per_second", Unit::Number, THRESHOLD, Some(true)),
    known("requests_per_cpu_second", Unit::Number, THRESHOLD, None),
    known("p50", Unit::Duration, THRESHOLD, Some(true)),
    known("p90", Unit::Duration, 0.05, Some(true)),
    known("p99", Unit::Duration, 0.10, Some(true)),
    // Few requests make these; from run to run they vary too much to decide anything unless somebody asks for it.
    known("p999", Unit::Duration, 0.20, Some(false)),
    known("max", Unit::Duration, 0.50, Some(false)),
    known("failure_share", Unit::Share, 0.001, Some(true)),
];

impl Figure {
    /// A figure of reports by its name.
    pub fn of_reports(name: &str) -> Option<Figure> {
        let known = OF_REPORTS.iter().find(|known| known.name == name)?;
        Some(Figure {
            name: name.to_string(),
            higher_is_better: known.higher_is_better,
            unit: known.unit,
            threshold: known.threshold,
            counts: true,
        })
    }

    /// The figures that are compared where none are named.
    pub fn defaults() -> Vec<Figure> {
        let compared = OF_REPORTS.iter().filter_map(|known| Some((known.name, known.by_default?)));
        compared.filter_map(|(name, counts)| Some(Figure { counts, ..Figure::of_reports(name)? })).collect()
    }

    /// The names that [`Figure::of_reports`] knows.
    pub fn names() -> String {
        OF_REPORTS.each_ref().map(|known| known.name).join(", ")
    }

    /// Whether values are compared by their ratio, else by their difference.
    pub fn is_ratio(&self) -> bool {
        self.unit != Unit::Share
    }

    /// Its value in a report. None where nothing was answered, so that there is none.
    pub fn value(&self, report: &Report) -> Option<f64> {
        let latency = main_latency(report);
        let answered = |value: f64| (latency.count > 0).then_some(value);
        match self.name.as_str() {
            "ok_per_second" => Some(report.ok_per_second),
            "requests_per_cpu_second" => Some(report.generator.requests_per_cpu_second),
            "p50" => answered(latency.p50),
            "p90" => answered(latency.p90),
            "p99" => answered(latency.p99),
            "p999" => answered(latency.p999),
            "max" => answered(latency.max),
            "failure_share" => Some(report.counts.failure_share()),
            _ => None,
        }
    }
}

/// From the intended send; in a closed loop, which has no intended times, from the actual one.
fn main_latency(report: &Report) -> &Distribution {
    if report.run.mode == "closed" { &report.latency.service } else { &report.latency.intended }
}

/// A side of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arm {
    /// The build before the change.
    A,
    /// The build with it.
    B,
}

/// One run: its side, where it comes from, and the values of the compared figures in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its side.
    pub arm: Arm,
    /// File, or file and line.
    pub source: String,
    /// One per figure.
    pub values: Vec<Option<f64>>,
}

/// Whether runs, in the order in which they were made, form pairs of neighbours with one of each side: A B, B A, A B …
pub fn are_interleaved(samples: &[Sample]) -> bool {
    samples.len().is_multiple_of(2) && samples.chunks(2).all(|pair| pair[0].arm != pair[1].arm)
}
