//! `cargo xtask verify throttle`: throttles admit what they say, whichever cores the requests come to.
//!
//! Simulated: up to 16 cores in virtual time, beside one ideal bucket that sees the same requests. Real: the gateway on two cores.

mod real;

use std::process::Command;

use serde_json::Value;

use crate::options::Options;
use crate::report::{Comparison, Report, Table};
use crate::{Outcome, cargo, process};

/// How many may be admitted beyond rate × time + burst, and fewer than an ideal bucket admits of the same requests: a thousandth of what is
/// admitted, or a request of each core, whichever is more. (Requests at random find a small bucket full now and then, even an ideal one.)
const SHARE: f64 = 0.001;

/// Runs both parts, or the one that `--only` names.
pub(crate) fn run(options: &Options, report: &mut Report) -> Outcome<()> {
    options.only(&["only", "seconds"])?;
    let only = options.get("only", "both".to_owned())?;
    if matches!(only.as_str(), "both" | "simulated") {
        simulated(report)?;
    }
    if matches!(only.as_str(), "both" | "real") {
        real::run(options.get("seconds", 10)?, report)?;
    }
    Ok(())
}

fn simulated(report: &mut Report) -> Outcome<()> {
    let program = cargo::release(&["ringway-benches"])?.join("throttle_sim");
    let text = process::capture(&Command::new(program), None)?;
    let mut table = Table::new(&[
        "rate",
        "burst",
        "cores",
        "load",
        "seconds",
        "admitted",
        "ideal",
        "rate × time + burst",
    ]);
    let (mut rows, mut under, mut over) = (0.0, f64::MIN, f64::MIN);
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).map_err(|error| format!("{line}: {error}"))?;
        let number = |name: &str| row[name].as_f64().ok_or_else(|| format!("{line}: no {name}"));
        let (admitted, ideal) = (number("admitted")?, number("ideal")?);
        let allowed = (ideal * SHARE).max(number("cores")?).max(1.0);
        rows += 1.0;
        under = under.max((ideal - admitted) / allowed);
        over = over.max((admitted - number("most")?) / allowed);
        let cells = ["rate", "burst", "cores", "load", "seconds", "admitted", "ideal", "most"];
        table.row(cells.map(|name| row[name].to_string().trim_matches('"').to_owned()));
    }
    print!("\n{}", table.text());
    report.figure("simulated", rows);
    report.figure("simulated_under_of_bound", under);
    report.figure("simulated_over_of_bound", over);
    report.target("simulated", Comparison::AtLeast, 390.0);
    report.target("simulated_under_of_bound", Comparison::AtMost, 1.0);
    report.target("simulated_over_of_bound", Comparison::AtMost, 1.0);
    Ok(())
}
