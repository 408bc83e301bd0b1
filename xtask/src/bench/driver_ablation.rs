//! `cargo xtask bench driver-ablation`: operations that the native driver does without, each tried on small and on large bodies.

use std::process::Command;

use super::arms::Site;
use super::revisions::{self, WORK_TREE};
use super::slices::{self, Plan, Tally};
use super::wrk;
use crate::options::Options;
use crate::report::{Comparison, Report, Table};
use crate::statistics::Random;
use crate::{Outcome, packages};

/// What makes the driver try (ring/src/native/trials.rs).
const FEATURE: &str = "ringway-ring/driver-trials";
/// The first is the driver as it is, and the second the same once more: what lies between them is noise.
const TRIALS: &[&str] = &[
    "none",
    "none-again",
    "direct-descriptors",
    "skip-completions",
    "registered-ring",
    "busy-polling",
    "bundles",
    "zero-copy",
    "entries-64",
    "entries-4096",
];
/// What is asked for, over how many connections.
const LOADS: &[(&str, &str, usize)] =
    &[("small", wrk::PATH, 64), ("small_256", wrk::PATH, 256), ("bulk", "/bytes/1048576", 16)];

/// How far the driver may be from itself: beyond it the table says nothing.
const NOISE: f64 = 0.05;

/// Measures. It is the table that decides what is kept; the target is that it can be read.
pub(crate) fn run(options: &Options, report: &mut Report) -> Outcome<()> {
    options.only(&["rounds", "slice", "disturbance", "seed"])?;
    let seed = options.get("seed", u64::from(std::process::id()))?;
    let mut random = Random::new(seed);
    packages::ensure(&[packages::WRK, packages::TASKSET])?;
    let build = revisions::build(WORK_TREE, &[FEATURE])?;
    let site = Site::new("bench-driver-ablation", &[])?.on("native");
    let mut arms = Vec::new();
    for trial in TRIALS {
        let mut program = Command::new(&build.program);
        program.env("RINGWAY_DRIVER_TRIAL", trial.trim_end_matches("-again"));
        arms.push(site.start_build(trial, &program)?);
    }
    println!("\n{}", site.describe(&[("wrk", "-v")]));
    let mut tally = Tally::new(arms.len());
    let mut table = Table::new(&["trial", "small bodies, 64", "small bodies, 256", "bodies of 1 MiB, 16"]);
    let mut noise: f64 = 0.0;
    let mut rows: Vec<Vec<String>> = TRIALS.iter().map(|trial| vec![(*trial).to_owned()]).collect();
    for (load, path, connections) in LOADS {
        let plan = Plan {
            rounds: options.get("rounds", 10)?,
            seconds: options.get("slice", 1)?,
            disturbance: options.get("disturbance", 0.08)?,
            path,
        };
        let sizes = slices::check_answers(&site, &arms, path)?;
        let series = slices::run(&site, &arms, &sizes, *connections, &plan, &mut tally, &mut random)?;
        noise = noise.max((series.ratio(1, 0, &mut random).median - 1.0).abs());
        for (index, row) in rows.iter_mut().enumerate() {
            let ratio = series.ratio(index, 0, &mut random);
            report.figure(format!("{load}_{}", TRIALS[index]), ratio.median);
            row.push(slices::spell(ratio));
        }
    }
    rows.into_iter().for_each(|row| table.row(row));
    report.figure("noise", noise);
    report.target("noise", Comparison::AtMost, NOISE);
    println!("requests per processor second, of the driver as it is; order by seed {seed}\n{}", table.text());
    Ok(())
}
