//! `cargo xtask bench instructions`: how many instructions each hot function takes, counted by callgrind and held against
//! `benches/baselines/instructions.toml`. Counts do not depend on what else the machine does, so that CI can judge them at 2 %.
//!
//! They do depend on the compiler, on the C library's `memcpy`, and on which SIMD code httparse and memchr pick: a baseline judges only
//! the environment that it names.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::options::Options;
use crate::report::{Comparison, Report, Table};
use crate::{Outcome, cargo, host, packages};

/// More than this, up or down, is a change. Fewer instructions are welcome, but the baseline has to follow.
const TOLERANCE: f64 = 0.02;
/// Callgrind counts in this function and in what it calls.
const COUNTED: &str = "--toggle-collect=*hot::collected*";

const HEADER: &str = "\
# Instructions of one call of each hot function (benches/src/hot), counted by callgrind.
# Written by `cargo xtask bench instructions --bless`; `cargo xtask ci` fails where a count differs by more than 2 %.
";

/// What counts depend on besides the code.
type Environment = BTreeMap<String, String>;
/// Instructions per call, by function.
type Counts = BTreeMap<String, f64>;

struct Baseline {
    environment: Environment,
    counts: Counts,
}

/// `bench instructions`: fails where nothing can be judged.
pub(crate) fn run(options: &Options, report: &mut Report) -> Outcome<()> {
    options.only(&["bless"])?;
    packages::ensure(&[packages::VALGRIND])?;
    let environment = environment()?;
    let counts = count()?;
    if options.flag("bless") {
        write_baseline(&environment, &counts)?;
        println!("wrote {}", path().display());
    }
    let baseline = read_baseline()?;
    print_table(&baseline.counts, &counts);
    for (name, count) in &counts {
        report.figure(name, *count);
    }
    let others = differences(&baseline.environment, &environment);
    if !others.is_empty() {
        return Err(format!("the baseline was counted elsewhere and judges nothing here: {others}"));
    }
    judge(&baseline.counts, &counts, report)
}

/// The step of `ci`: as `bench instructions`, but where the environment is another one, or valgrind cannot be had outside of CI, it
/// says so and passes.
pub(crate) fn check() -> Outcome<()> {
    if let Err(error) = packages::ensure(&[packages::VALGRIND]) {
        if std::env::var_os("CI").is_some() {
            return Err(error);
        }
        println!("SKIPPED: instructions are not counted here: {error}");
        return Ok(());
    }
    let baseline = read_baseline()?;
    let others = differences(&baseline.environment, &environment()?);
    if !others.is_empty() {
        println!("SKIPPED: the instruction baseline was counted elsewhere and judges nothing here: {others}");
        return Ok(());
    }
    let counts = count()?;
    print_table(&baseline.counts, &counts);
    let mut report = Report::new("instructions");
    judge(&baseline.counts, &counts, &mut report)?;
    match report.finish() {
        true => Ok(()),
        false => Err(format!(
            "instruction counts changed by more than {:.0} %: if that is meant, run `cargo xtask bench instructions --bless` \
             and commit {}",
            TOLERANCE * 100.0,
            path().display()
        )),
    }
}

fn path() -> PathBuf {
    Path::new("benches/baselines/instructions.toml").to_owned()
}

/// Every function must have a baseline and every baseline a function, and they must agree.
fn judge(baseline: &Counts, counts: &Counts, report: &mut Report) -> Outcome<()> {
    let missing: Vec<&str> =
        counts.keys().filter(|name| !baseline.contains_key(*name)).map(|n| &**n).collect();
    let gone: Vec<&str> = baseline.keys().filter(|name| !counts.contains_key(*name)).map(|n| &**n).collect();
    if !missing.is_empty() || !gone.is_empty() {
        return Err(format!(
            "without a baseline: [{}]; baselines of no function: [{}]; run `cargo xtask bench instructions --bless`",
            missing.join(", "),
            gone.join(", ")
        ));
    }
    for (name, count) in counts {
        let figure = format!("change {name}");
        report.figure(&figure, (count / baseline[name] - 1.0).abs());
        report.target(figure, Comparison::AtMost, TOLERANCE);
    }
    Ok(())
}

fn print_table(baseline: &Counts, counts: &Counts) {
    let mut table = Table::new(&["instructions per call", "measured", "baseline", "change"]);
    for (name, count) in counts {
        let (known, change) = match baseline.get(name) {
            Some(known) => (format!("{known:.1}"), format!("{:+.2} %", (count / known - 1.0) * 100.0)),
            None => ("none".to_owned(), String::new()),
        };
        table.row([name.clone(), format!("{count:.1}"), known, change]);
    }
    print!("\n{}", table.text());
}

/// Builds the functions as they are shipped, and counts each.
fn count() -> Outcome<Counts> {
    let arguments = ["build", "--release", "--package", "ringway-benches", "--bin", "instructions"];
    cargo::run(&mut cargo::command(&arguments))?;
    let directory = cargo::target_directory()?.join("release");
    // By a short relative path: the program's arguments lie on its stack and move what is there.
    let list = output(Command::new("./instructions").current_dir(&directory))?;
    let mut counts = Counts::new();
    for line in list.stdout.lines() {
        let (name, calls) = line.split_once(' ').ok_or_else(|| format!("`{line}` is no function"))?;
        let calls: f64 = calls.parse().map_err(|_| format!("`{line}` has no number of calls"))?;
        let mut command = Command::new("valgrind");
        command.current_dir(&directory).args(["--tool=callgrind", "--callgrind-out-file=/dev/null", COUNTED]);
        let counted = output(command.args(["./instructions", name]))?;
        let instructions = parse(&counted.stderr)
            .ok_or_else(|| format!("{name}: callgrind counted nothing; it said:\n{}", counted.stderr))?;
        counts.insert(name.to_owned(), instructions / calls);
    }
    Ok(counts)
}

struct Output {
    stdout: String,
    stderr: String,
}

fn output(command: &mut Command) -> Outcome<Output> {
    let spelled = cargo::spell(command);
    let output = command.output().map_err(|error| format!("{spelled}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    match output.status.success() {
        true => Ok(Output { stdout, stderr }),
        false => Err(format!("`{spelled}` failed ({}): {stderr}", output.status)),
    }
}

/// Reads `==123== Collected : 4567`.
fn parse(text: &str) -> Option<f64> {
    let (_, number) = text.lines().find_map(|line| line.split_once("Collected : "))?;
    number.trim().parse().ok().filter(|count| *count > 0.0)
}

/// What counts depend on, as it is here.
fn environment() -> Outcome<Environment> {
    let compiler = output(Command::new("rustc").current_dir(cargo::root()).arg("-vV"))?.stdout;
    let line = |key: &str| compiler.lines().find_map(|line| line.strip_prefix(key)).unwrap_or("?").to_owned();
    let simd = ["avx2", "sse4_2"].into_iter().find(|feature| host::has_cpu_feature(feature));
    let libc = output(Command::new("getconf").arg("GNU_LIBC_VERSION"))?.stdout.trim().to_owned();
    Ok(Environment::from([
        ("rustc".to_owned(), line("release: ")),
        ("target".to_owned(), line("host: ")),
        ("simd".to_owned(), simd.unwrap_or("none").to_owned()),
        ("libc".to_owned(), libc),
        ("valgrind".to_owned(), packages::version("valgrind", "--version")),
    ]))
}

/// `rustc is 1.96.0 and was 1.95.0, …`
fn differences(baseline: &Environment, here: &Environment) -> String {
    let others: Vec<String> = here
        .iter()
        .filter(|(key, value)| baseline.get(*key) != Some(value))
        .map(|(key, value)| {
            format!("{key} is {value} and was {}", baseline.get(key).map_or("not stated", |known| known))
        })
        .collect();
    others.join(", ")
}

fn read_baseline() -> Outcome<Baseline> {
    let text = std::fs::read_to_string(cargo::root().join(path())).map_err(|error| {
        format!("{}: {error}; `cargo xtask bench instructions --bless` writes it", path().display())
    })?;
    parse_baseline(&text).map_err(|error| format!("{}: {error}", path().display()))
}

fn parse_baseline(text: &str) -> Outcome<Baseline> {
    let document: toml::Table = text.parse().map_err(|error| format!("{error}"))?;
    let table = |key: &str| {
        document.get(key).and_then(toml::Value::as_table).ok_or_else(|| format!("there is no table [{key}]"))
    };
    let mut baseline = Baseline { environment: Environment::new(), counts: Counts::new() };
    for (key, value) in table("environment")? {
        let value = value.as_str().ok_or_else(|| format!("environment.{key} is no text"))?;
        baseline.environment.insert(key.clone(), value.to_owned());
    }
    for (name, value) in table("instructions")? {
        let value = value.as_float().filter(|count| *count > 0.0);
        baseline.counts.insert(name.clone(), value.ok_or_else(|| format!("{name} has no positive count"))?);
    }
    Ok(baseline)
}

fn write_baseline(environment: &Environment, counts: &Counts) -> Outcome<()> {
    let text = spell_baseline(environment, counts);
    std::fs::write(cargo::root().join(path()), text).map_err(|error| format!("{}: {error}", path().display()))
}

fn spell_baseline(environment: &Environment, counts: &Counts) -> String {
    let mut text = format!("{HEADER}\n[environment]\n");
    for (key, value) in environment {
        let _ = writeln!(text, "{key} = {value:?}");
    }
    text.push_str("\n[instructions]\n");
    for (name, count) in counts {
        let _ = writeln!(text, "{name:?} = {count:.1}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Counts, Environment, differences, judge, parse, parse_baseline, spell_baseline};
    use crate::report::Report;

    fn counts(pairs: &[(&str, f64)]) -> Counts {
        pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    fn met(baseline: &[(&str, f64)], measured: &[(&str, f64)]) -> Result<bool, String> {
        let mut report = Report::new("instructions");
        judge(&counts(baseline), &counts(measured), &mut report).map(|()| report.met())
    }

    #[test]
    fn two_percent_either_way_is_a_change() {
        let baseline = [("a/b", 1000.0), ("c", 10.0)];
        assert_eq!(met(&baseline, &[("a/b", 1019.0), ("c", 10.1)]), Ok(true));
        assert_eq!(met(&baseline, &[("a/b", 1021.0), ("c", 10.0)]), Ok(false));
        assert_eq!(met(&baseline, &[("a/b", 979.0), ("c", 10.0)]), Ok(false));
    }

    #[test]
    fn functions_and_baselines_must_match() {
        assert!(met(&[("a", 1.0)], &[("a", 1.0), ("new", 1.0)]).unwrap_err().contains("new"));
        assert!(met(&[("a", 1.0), ("old", 1.0)], &[("a", 1.0)]).unwrap_err().contains("old"));
    }

    #[test]
    fn reads_what_callgrind_says() {
        assert_eq!(parse("==7== Events    : Ir\n==7== Collected : 4567\n==7== \n"), Some(4567.0));
        assert_eq!(parse("==7== Collected : 0\n"), None, "the function was not found");
        assert_eq!(parse("nothing"), None);
    }

    #[test]
    fn a_baseline_reads_as_it_was_written() {
        let environment = Environment::from([("rustc".to_owned(), "1.95.0".to_owned())]);
        let text = spell_baseline(&environment, &counts(&[("a/b", 1000.25), ("c", 10.0)]));
        let baseline = parse_baseline(&text).unwrap();
        assert_eq!(baseline.counts, counts(&[("a/b", 1000.2), ("c", 10.0)]));
        assert_eq!(differences(&baseline.environment, &environment), "");
        let other = Environment::from([("rustc".to_owned(), "1.96.0".to_owned())]);
        assert_eq!(differences(&baseline.environment, &other), "rustc is 1.96.0 and was 1.95.0");
        assert!(parse_baseline("[instructions]\n").is_err());
        assert!(parse_baseline("[environment]\n[instructions]\na = 0.0\n").is_err());
    }
}
