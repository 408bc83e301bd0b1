//! `cargo xtask verify fuzz`: every fuzz target for a while, from the committed seeds on.

use std::process::Command;
use std::sync::Mutex;

use crate::options::Options;
use crate::process::Scratch;
use crate::report::{Comparison, Report, Table, number};
use crate::{Outcome, cargo, host};

/// Runs every target for `--seconds` (five minutes); as many at once as there are cores.
pub(crate) fn run(options: &Options, report: &mut Report) -> Outcome<()> {
    options.only(&["seconds", "target", "jobs"])?;
    let seconds: u64 = options.get("seconds", 300)?;
    let jobs: usize = options.get("jobs", host::cores()?.len())?;
    ensure_cargo_fuzz()?;
    let mut targets = targets()?;
    let only: String = options.get("target", String::new())?;
    if !only.is_empty() {
        targets.retain(|target| *target == only);
    }
    if targets.is_empty() {
        return Err(format!("no fuzz target `{only}`; `cargo fuzz list` names them"));
    }
    cargo::run(&mut fuzz(&["build"]))?;
    println!("{} targets, {seconds} s each, {jobs} at a time", targets.len());
    let scratch = Scratch::new("fuzz")?;
    let waiting = Mutex::new(targets.clone());
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().ok().and_then(|mut waiting| waiting.pop());
                    let Some(target) = next else { return };
                    let fuzzed = run_target(&target, seconds, &scratch);
                    if let Ok(mut results) = results.lock() {
                        results.push((target, fuzzed));
                    }
                }
            });
        }
    });
    let mut results = results.into_inner().map_err(|_| "a fuzzing thread panicked")?;
    results.sort_by(|(first, _), (second, _)| first.cmp(second));
    let mut table = Table::new(&["target", "runs", "outcome"]);
    let mut clean = 0;
    for (target, fuzzed) in results {
        let fuzzed = fuzzed?;
        clean += usize::from(fuzzed.clean);
        table.row([
            target.clone(),
            number(fuzzed.runs),
            if fuzzed.clean { "clean" } else { "FAILED" }.to_owned(),
        ]);
        report.figure(format!("runs_{target}"), fuzzed.runs);
        if !fuzzed.clean {
            println!("{target}:\n{}", fuzzed.last_words);
        }
    }
    print!("\n{}", table.text());
    report.figure("seconds", seconds as f64);
    report.figure("clean_targets", clean as f64);
    report.target("clean_targets", Comparison::Equal, targets.len() as f64);
    Ok(())
}

fn ensure_cargo_fuzz() -> Outcome<()> {
    if cargo::has_subcommand("fuzz") {
        return Ok(());
    }
    println!("cargo-fuzz is missing: it drives libFuzzer; installing it");
    cargo::run(&mut cargo::command(&["install", "cargo-fuzz", "--locked"]))
}

/// A cargo-fuzz command. Its sanitizer flags need a nightly compiler, or the pinned one told to act as such.
fn fuzz(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    let nightly = Command::new("cargo").args(["+nightly", "--version"]).output();
    // This program runs under the pinned toolchain, whose variables would win over `+nightly`.
    command.current_dir(cargo::root()).env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").env_remove("RUSTC");
    if nightly.is_ok_and(|output| output.status.success()) {
        command.arg("+nightly");
    } else {
        command.env("RUSTC_BOOTSTRAP", "1");
    }
    command.arg("fuzz").args(arguments);
    command
}

fn targets() -> Outcome<Vec<String>> {
    let output = fuzz(&["list"]).output().map_err(|error| format!("cargo fuzz list: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo fuzz list: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(|line| line.trim().to_owned()).collect())
}

struct Fuzzed {
    runs: f64,
    clean: bool,
    last_words: String,
}

fn run_target(target: &str, seconds: u64, scratch: &Scratch) -> Outcome<Fuzzed> {
    // libFuzzer writes what it finds into the first directory: the committed seeds are only read.
    let found = scratch.file(target);
    std::fs::create_dir_all(&found).map_err(|error| format!("{}: {error}", found.display()))?;
    let mut command = fuzz(&["run", target]);
    command.arg(&found);
    let fuzz_directory = cargo::root().join("fuzz");
    let seeds = fuzz_directory.join("seeds").join(target);
    if seeds.is_dir() {
        command.arg(seeds);
    }
    command.args(["--", &format!("-max_total_time={seconds}"), "-print_final_stats=1"]);
    // Words of HTTP are noise to a target of another format, and no harm.
    command.arg(format!("-dict={}", fuzz_directory.join("http1.dict").display()));
    let output = command.output().map_err(|error| format!("{}: {error}", cargo::spell(&command)))?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let runs = text
        .lines()
        .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"))
        .and_then(|word| word.trim().parse().ok())
        .unwrap_or(0.0);
    let lines: Vec<&str> = text.lines().collect();
    let last_words = lines[lines.len().saturating_sub(40)..].join("\n");
    Ok(Fuzzed { runs, clean: output.status.success() && runs > 0.0, last_words })
}
