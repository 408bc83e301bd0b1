//! Thousands of random templates, rendered by real Velocity and by ours.
//!
//! The oracle is Apache Velocity 1.7 with Jayway JsonPath and commons-lang, arranged as API Gateway arranges them; its source is kept
//! beside the vectors (`RINGWAY_ORACLE` names another directory). Ours is the test `vtl_differential` of the core.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::templates::{self, Random};
use crate::options::Options;
use crate::packages::Tool;
use crate::process::Scratch;
use crate::report::{Comparison, Report};
use crate::{Outcome, cargo, packages};

/// What the oracle needs. The libraries come as jars, which have no program to look for: they are installed with the JDK.
const JAVA: Tool =
    Tool { program: "javac", package: "openjdk-17-jdk-headless", why: "runs the template oracle" };

/// The oracle's libraries: the jar that shows that one is there, and its package.
const JARS: [(&str, &str); 7] = [
    ("velocity.jar", "velocity"),
    ("json-path.jar", "libjsonpath-java"),
    ("json-smart.jar", "libjson-smart-java"),
    ("asm.jar", "libasm-java"),
    ("slf4j-api.jar", "libslf4j-java"),
    ("commons-lang.jar", "libcommons-lang-java"),
    ("commons-collections3.jar", "libcommons-collections3-java"),
];

/// Where Debian puts jars.
pub(crate) const JAR_DIRECTORY: &str = "/usr/share/java";

/// What came of a run.
#[derive(Debug, Clone, Copy)]
struct Figures {
    /// Templates that were rendered by both.
    pub(crate) templates: usize,
    /// Those that came out differently.
    pub(crate) differences: usize,
    /// Those that fail in both.
    pub(crate) failing: usize,
    /// Those that cannot be compared, such as printed identities of objects.
    pub(crate) not_compared: usize,
}

/// `--count N` templates from `--seed N` on.
pub(super) fn compare_all(options: &Options, report: &mut Report) -> Outcome<()> {
    let figures = run(options.get("count", 10_000)?, options.get("seed", 1)?)?;
    println!("{figures:?}");
    report.figure("templates", figures.templates as f64);
    report.figure("failing_in_both", figures.failing as f64);
    report.figure("not_compared", figures.not_compared as f64);
    report.figure("differences", figures.differences as f64);
    report.target("differences", Comparison::AtMost, 0.0);
    Ok(())
}

/// Renders `count` templates made from `seed` with both, and prints the first differences.
fn run(count: usize, seed: u64) -> Outcome<Figures> {
    let oracle = oracle()?;
    let scratch = Scratch::new("vtl")?;
    let mut random = Random(seed);
    let cases: Vec<Value> = (0..count).map(|number| templates::case(&mut random, number)).collect();
    let mut text = String::new();
    for case in &cases {
        text.push_str(&case.to_string());
        text.push('\n');
    }
    let questions = scratch.write("cases.jsonl", &text)?;
    let answers = scratch.file("answers.jsonl");
    let status = Command::new("java")
        .args(["-Xss4m", "-XX:TieredStopAtLevel=1", "-cp", &format!("{JAR_DIRECTORY}/*")])
        .arg(oracle)
        .stdin(File::open(&questions).map_err(|error| error.to_string())?)
        .stdout(File::create(&answers).map_err(|error| error.to_string())?)
        .stderr(Stdio::null())
        .status()
        .map_err(|error| format!("java: {error}"))?;
    if !status.success() {
        return Err(format!("the oracle failed: {status}"));
    }
    let joined = join(&cases, &answers, &scratch)?;
    compare(&joined)
}

/// Cases with their answers, one a line.
fn join(cases: &[Value], answers: &PathBuf, scratch: &Scratch) -> Outcome<PathBuf> {
    let path = scratch.file("joined.jsonl");
    let mut joined = File::create(&path).map_err(|error| error.to_string())?;
    let answers = BufReader::new(File::open(answers).map_err(|error| error.to_string())?);
    let mut count = 0;
    for (case, answer) in cases.iter().zip(answers.lines()) {
        let answer: Value = answer
            .map_err(|error| error.to_string())
            .and_then(|line| serde_json::from_str(&line).map_err(|error| format!("{error}: {line}")))?;
        let mut case = case.clone();
        for key in ["out", "err", "overrides"] {
            if let Some(value) = answer.get(key) {
                case[key] = value.clone();
            }
        }
        writeln!(joined, "{case}").map_err(|error| error.to_string())?;
        count += 1;
    }
    if count == cases.len() {
        Ok(path)
    } else {
        Err(format!("the oracle answered {count} of {} cases", cases.len()))
    }
}

/// Renders with ours, in the test that does so.
fn compare(joined: &PathBuf) -> Outcome<Figures> {
    let mut command = cargo::command(&["test", "-p", "ringway-core", "--test", "vtl_differential"]);
    let output = command
        .args(["--", "--nocapture"])
        .env("RINGWAY_DIFFERENTIAL", joined)
        .env("RUST_BACKTRACE", "0")
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let summary = text.lines().find(|line| line.contains(" templates, ") && line.contains(" differences, "));
    let Some(summary) = summary else { return Err(format!("no summary in:\n{text}")) };
    if !output.status.success() {
        println!("{text}");
    }
    let numbers: Vec<usize> = summary.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    match numbers[..] {
        [templates, differences, not_compared, failing] => {
            Ok(Figures { templates, differences, failing, not_compared })
        }
        _ => Err(format!("unreadable: {summary}")),
    }
}

/// The oracle's source, with everything it needs installed.
pub(crate) fn oracle() -> Outcome<PathBuf> {
    let directory = std::env::var_os("RINGWAY_ORACLE")
        .map_or_else(|| cargo::root().join("../shared/tools/vtl-oracle"), PathBuf::from);
    let source = directory.join("ApigwOracle.java");
    if fs::metadata(&source).is_err() {
        return Err(format!("no oracle at {}; set RINGWAY_ORACLE to its directory", directory.display()));
    }
    packages::ensure(&[JAVA])?;
    let missing: Vec<&str> = JARS
        .iter()
        .filter(|(jar, _)| fs::metadata(format!("{JAR_DIRECTORY}/{jar}")).is_err())
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(source);
    }
    let by_hand = format!("apt-get install --no-install-recommends {}", missing.join(" "));
    if !packages::is_root() {
        return Err(format!("the template oracle needs libraries; run `sudo {by_hand}` and try again"));
    }
    println!("installing {} for the template oracle", missing.join(" "));
    cargo::run(
        Command::new("apt-get").args(["install", "--yes", "-qq", "--no-install-recommends"]).args(&missing),
    )?;
    Ok(source)
}
