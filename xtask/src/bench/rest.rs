//! `cargo xtask bench rest`: what REST APIs cost in processor time of one core: finding routes, templates and models.

use serde_json::Value;

use crate::options::Options;
use crate::report::{Comparison, Report, Table, number};
use crate::{Outcome, cargo, process};

const TRANSFORMED: &str = "serve/transformed";
const FUNCTIONS: [&str; 6] = [
    "route_match/10",
    "route_match/1000",
    "route_match/10000",
    "serve/mock",
    "serve/http_proxy",
    TRANSFORMED,
];
/// A kilobyte of JSON, validated and transformed, and an answer of as much transformed, in microseconds.
const TRANSFORMED_MICROS: f64 = 15.0;
/// What finding one of 10,000 routes may cost of finding one of 10.
const ROUTES_RATIO: f64 = 2.0;

/// Measures and judges.
pub(crate) fn run(options: &Options, report: &mut Report) -> Outcome<()> {
    options.only(&["batches"])?;
    let batches: usize = options.get("batches", 41)?;
    let binaries = cargo::release(&["ringway-benches"])?;
    let mut command = std::process::Command::new(binaries.join("times"));
    command.args(["--batches", &batches.to_string()]).args(FUNCTIONS);
    let text = process::capture(&command, None)?;
    let times: Value = serde_json::from_str(text.trim()).map_err(|error| format!("{text}: {error}"))?;
    let nanos = |name: &str| times[name].as_f64().ok_or_else(|| format!("no time for {name}"));
    let mut table = Table::new(&["function", "ns a call"]);
    for name in FUNCTIONS {
        table.row([name.to_owned(), number(nanos(name)?)]);
        report.figure(format!("nanos_{name}"), nanos(name)?);
    }
    print!("{}", table.text());
    report.figure("transformed_micros", nanos(TRANSFORMED)? / 1000.0);
    report.target("transformed_micros", Comparison::AtMost, TRANSFORMED_MICROS);
    report.figure("routes_10000_of_10", nanos("route_match/10000")? / nanos("route_match/10")?);
    report.target("routes_10000_of_10", Comparison::Below, ROUTES_RATIO);
    Ok(())
}
