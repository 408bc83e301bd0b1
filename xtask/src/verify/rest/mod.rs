//! `cargo xtask verify rest`: recorded behaviour, real documents, and real Velocity.

pub(crate) mod differential;
mod templates;

use std::path::PathBuf;

use crate::options::Options;
use crate::report::{Comparison, Report};
use crate::{Outcome, cargo, process};

/// Tests that replay vectors: what they are called in the report, package, and arguments of `cargo test`.
const REPLAYS: &[(&str, &str, &[&str])] = &[
    ("templates", "ringway-core", &["--test", "vtl_recorded"]),
    ("pipeline", "ringway-core", &["--lib", "pipeline::tests"]),
    ("documents", "ringway-controlplane", &["--test", "vectors"]),
    ("imports", "ringway-controlplane", &["--test", "recorded"]),
];

/// Replays all vectors, then compares templates (`--count`, `--seed`) with the oracle.
pub(crate) fn run(options: &Options, report: &mut Report) -> Outcome<()> {
    options.only(&["count", "seed"])?;
    let vectors = vectors()?;
    let mut failed = 0.0;
    for (name, package, arguments) in REPLAYS {
        let mut command = cargo::command(&["test", "--package", package]);
        command.args(*arguments).args(["--", "--nocapture", "--test-threads=1"]);
        command.env("RINGWAY_VECTORS", &vectors);
        println!("$ {}", cargo::spell(&command));
        let (passed, text) = process::both_outputs(&mut command)?;
        // What the tests count stands on lines of its own, beside the harness's.
        for line in text.lines().filter(|line| counts(line)) {
            println!("  {}", line.trim_start_matches("test "));
        }
        let tests = text.lines().filter(|line| line.trim_end().ends_with("ok")).count();
        report.figure(format!("tests_{name}"), tests as f64);
        report.target(format!("tests_{name}"), Comparison::AtLeast, 1.0);
        if !passed {
            println!("{text}");
            failed += 1.0;
        }
    }
    report.figure("failed", failed);
    report.target("failed", Comparison::Equal, 0.0);
    differential::compare_all(options, report)
}

/// Whether a line of a test's output says how many of something there were.
fn counts(line: &str) -> bool {
    ["agree", "compile", "as expected", "import", "round trips", "refused: {"]
        .iter()
        .any(|word| line.contains(word))
        && line.contains(|c: char| c.is_ascii_digit())
        && !line.contains("Compiling")
}

fn vectors() -> Outcome<PathBuf> {
    let default = || cargo::root().join("../shared/vectors");
    let path = std::env::var_os("RINGWAY_VECTORS").map_or_else(default, PathBuf::from);
    match path.is_dir() {
        true => path.canonicalize().map_err(|error| error.to_string()),
        false => Err(format!("no vectors in {}: set RINGWAY_VECTORS to their directory", path.display())),
    }
}
