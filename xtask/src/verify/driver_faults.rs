//! `cargo xtask verify driver-faults`: the native driver on the real kernel; a shim makes its answers late, mixed up and too many.

use crate::options::Options;
use crate::report::{Comparison, Report};
use crate::{Outcome, cargo, process};

/// What a fault prints when it has had its named outcome (ring/tests/faults.rs).
const MARK: &str = "FAULTS ";
/// Faults that are injected.
const FAULTS: usize = 9;

/// Runs every fault with every seed.
pub(crate) fn run(options: &Options, report: &mut Report) -> Outcome<()> {
    options.only(&["requests", "seeds"])?;
    let requests: u64 = options.get("requests", 1_000_000)?;
    let seeds: u64 = options.get("seeds", 2)?;
    println!(
        "{requests} requests in each mixed run, every tenth cancelled at a random moment; {seeds} seeds"
    );
    let (mut outcomes, mut failed) = (0, 0);
    for seed in 1..=seeds {
        let mut command = cargo::command(&["test", "--release", "--package", "ringway-ring"]);
        command.args([
            "--features",
            "driver-faults",
            "--test",
            "faults",
            "--",
            "--nocapture",
            "--test-threads=1",
        ]);
        command
            .env("RINGWAY_FAULT_REQUESTS", requests.to_string())
            .env("RINGWAY_FAULT_SEED", seed.to_string());
        println!("$ RINGWAY_FAULT_REQUESTS={requests} RINGWAY_FAULT_SEED={seed} {}", cargo::spell(&command));
        let (passed, text) = process::both_outputs(&mut command)?;
        for line in text.lines().filter_map(|line| line.split_once(MARK).map(|(_, rest)| rest)) {
            println!("  {line}");
            outcomes += 1;
        }
        if !passed {
            println!("{text}");
            failed += 1;
        }
    }
    report.figure("seeds", seeds as f64);
    report.figure("requests", requests as f64);
    report.figure("outcomes", f64::from(outcomes));
    report.figure("failed", f64::from(failed));
    report.target("outcomes", Comparison::Equal, (FAULTS as u64 * seeds) as f64);
    report.target("failed", Comparison::Equal, 0.0);
    Ok(())
}
