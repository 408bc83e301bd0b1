//! `cargo xtask verify sim`: many seeds of the simulation, and the proof that it finds a bug that is there.

use serde_json::Value;

use crate::options::Options;
use crate::report::{Comparison, Report, Table};
use crate::{Outcome, cargo, process};

/// What the simulation prints before its figures (tests/tests/simulation).
const MARK: &str = "simulation: ";

/// Characters of a violation that are shown.
const VIOLATION_SHOWN: usize = 300;

/// Runs the seeds, then the planted bug.
pub(crate) fn run(options: &Options, report: &mut Report) -> Outcome<()> {
    options.only(&["seeds", "planted-seeds"])?;
    let seeds: u64 = options.get("seeds", 10_000)?;
    let planted_seeds: u64 = options.get("planted-seeds", 256)?;
    println!("{seeds} seeds; then {planted_seeds} seeds with the planted bug, which must be found");
    let clean = simulate(seeds, &[])?;
    let planted = simulate(planted_seeds, &["--features", "planted-bug"])?;
    let mut table = Table::new(&["simulation", "figure"]);
    for (name, value) in clean.figures.as_object().into_iter().flatten() {
        if let Some(number) = value.as_f64() {
            report.figure(name.clone(), number);
            table.row([name.clone(), value.to_string()]);
        }
    }
    print!("\n{}", table.text());
    report.figure("failed", f64::from(u8::from(!clean.passed)));
    report.figure("planted_bug_found", f64::from(u8::from(!planted.passed && planted.violation.is_some())));
    if let Some(line) = &planted.violation {
        let line: String = line.chars().take(VIOLATION_SHOWN).collect();
        println!("the planted bug was found: {line}");
        report.text("planted_bug", line);
    }
    report.target("seeds", Comparison::AtLeast, seeds as f64);
    report.target("failed", Comparison::Equal, 0.0);
    report.target("planted_bug_found", Comparison::Equal, 1.0);
    Ok(())
}

struct Simulated {
    passed: bool,
    figures: Value,
    /// What was broken, with the seed that shows it.
    violation: Option<String>,
}

fn simulate(seeds: u64, features: &[&str]) -> Outcome<Simulated> {
    let mut command =
        cargo::command(&["test", "--release", "--package", "ringway-tests", "--test", "simulation"]);
    command.args(features).args(["--", "--nocapture"]).env("RINGWAY_SIM_SEEDS", seeds.to_string());
    println!("$ RINGWAY_SIM_SEEDS={seeds} {}", cargo::spell(&command));
    let (passed, text) = process::both_outputs(&mut command)?;
    let ran = text.lines().any(|line| line.starts_with("running ") && !line.starts_with("running 0 "));
    // A build that fails finds no bug.
    if !ran {
        return Err(format!("no test ran:\n{text}"));
    }
    if !passed && features.is_empty() {
        println!("{text}");
    }
    let figures = text.lines().find_map(|line| line.split_once(MARK).map(|(_, rest)| rest));
    let figures = figures.map_or(Ok(Value::Null), serde_json::from_str);
    let figures = figures.map_err(|error| format!("the line `{MARK}` is no JSON: {error}"))?;
    let violation = text.lines().find(|line| line.contains("RINGWAY_SIM_SEED=")).map(|l| l.trim().to_owned());
    Ok(Simulated { passed, figures, violation })
}
