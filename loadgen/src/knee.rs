//! `ringload find-knee`: the highest rate at which a target still meets an objective.

mod search;

use std::fmt::Write as _;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;

use crate::exit::Exit;
use crate::plan::quantity::parse_duration;
use crate::report::json::{read, write_file};
use crate::report::text::{Color, Style, print};
use crate::report::words::{duration, figure, parse_share, printable, share};
use crate::report::{Distribution, Report};
pub use search::{Knee, Outcome};
use search::{Next, Search};

/// Exit code where the lowest rate misses the objective, or the rates do not settle.
const EXIT_MISSED: u8 = 1;
/// Characters of what a failed run printed that are shown.
const SHOWN_MAX: usize = 4000;

const HELP: &str = "\
Each step is an open loop at a constant rate, run as `ringload run` with the options after `--`. The rate
doubles until the objective is missed, then the gap is bisected, and the rate found has to meet the objective
twice more. Objectives are kept in quotes, because of the `<`: FIGURE<DURATION with mean, p50, p75, p90, p95,
p99, p99.9, p99.99 or max of the latency from the intended send.

Examples:
  ringload find-knee --url http://127.0.0.1:8080/pets --objective 'p99<10ms' --from 100 --to 50000
  ringload find-knee --objective 'p50<2ms' --objective 'p99.9<50ms' --failures 0% -- --plan shop.toml --connections 200

Exit codes:
  0    found, or the objective is met up to --to
  1    the objective is missed even at --from, or a rate meets it at one time and not at another
  2    the generator was the bottleneck before the target was
  64   the command line is not valid
  70   a run could not be made; where `ringload run` gives a reason in its exit code, that one
  74   the result cannot be written
  130  ended by Ctrl-C";

/// Find the highest rate that meets a latency objective
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// Where to send; not needed where the options after `--` name a plan
    #[arg(long)]
    pub url: Option<String>,
    /// What has to hold, such as 'p99<10ms'; may be repeated
    #[arg(long = "objective", required = true, value_name = "FIGURE<DURATION", value_parser = parse_objective)]
    pub objectives: Vec<Objective>,
    /// Requests that may fail or stay unsent
    #[arg(long, default_value = "0.1%", value_name = "PERCENT", value_parser = parse_share)]
    pub failures: f64,
    /// Lowest rate, in requests per second
    #[arg(long, default_value_t = 100.0, value_name = "RATE", value_parser = parse_limit)]
    pub from: f64,
    /// Highest rate, in requests per second
    #[arg(long, default_value_t = 100_000.0, value_name = "RATE", value_parser = parse_limit)]
    pub to: f64,
    /// Measured time of a step
    #[arg(long, default_value = "5s", value_name = "DURATION", value_parser = parse_duration)]
    pub step_duration: Duration,
    /// Time before that, so that connections are open when it begins
    #[arg(long, default_value = "1s", value_name = "DURATION", value_parser = parse_duration)]
    pub step_warmup: Duration,
    /// How close the rates around the knee have to be
    #[arg(long, default_value = "5%", value_name = "PERCENT", value_parser = parse_precision)]
    pub precision: f64,
    /// Write the steps and the result as JSON; `-` is the standard output, in place of the table
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Options of `ringload run`
    #[arg(last = true, value_name = "RUN-OPTION")]
    pub run_options: Vec<String>,
}

/// A limit on a figure of the latency.
#[derive(Debug, Clone, PartialEq)]
pub struct Objective {
    figure: String,
    /// Microseconds.
    limit: f64,
}

fn parse_objective(text: &str) -> Result<Objective, String> {
    let (name, limit) =
        text.split_once('<').ok_or_else(|| format!("{text:?} is no objective: write it like 'p99<10ms'"))?;
    let objective =
        Objective { figure: name.trim().to_string(), limit: parse_duration(limit)?.as_secs_f64() * 1e6 };
    match objective.value(&Distribution::default()) {
        Some(_) => Ok(objective),
        None => Err(format!("{name:?} is not one of mean, p50, p75, p90, p95, p99, p99.9, p99.99, max")),
    }
}

fn parse_limit(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.001..=100_000_000.0).contains(&rate) => Ok(rate),
        _ => Err("a rate is a number of requests per second".to_string()),
    }
}

fn parse_precision(text: &str) -> Result<f64, String> {
    parse_share(text)
        .and_then(|share| if share >= 0.005 { Ok(share) } else { Err("the least is 0.5%".to_string()) })
}

impl Objective {
    fn value(&self, of: &Distribution) -> Option<f64> {
        Some(match self.figure.as_str() {
            "mean" => of.mean,
            "p50" => of.p50,
            "p75" => of.p75,
            "p90" => of.p90,
            "p95" => of.p95,
            "p99" => of.p99,
            "p99.9" => of.p999,
            "p99.99" => of.p9999,
            "max" => of.max,
            _ => return None,
        })
    }

    fn words(&self) -> String {
        format!("{} < {}", self.figure, duration(self.limit))
    }
}

/// Whether a run meets the objective. A run that is invalid says nothing.
fn judge(report: &Report, objectives: &[Objective], failures: f64) -> Outcome {
    if !report.valid {
        return Outcome::Invalid(report.invalid_reasons.join("; "));
    }
    let failed = report.counts.failure_share();
    if failed > failures {
        return Outcome::Missed(format!("{} failed or were not sent", share(failed)));
    }
    if report.latency.intended.count == 0 {
        return Outcome::Missed("nothing was answered".to_string());
    }
    let missed = objectives.iter().find_map(|objective| {
        let value = objective.value(&report.latency.intended)?;
        (value >= objective.limit).then(|| format!("{} is {}", objective.figure, duration(value)))
    });
    missed.map_or(Outcome::Met, Outcome::Missed)
}

/// A step, for the table and the JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Step {
    rate: f64,
    ok_per_second: f64,
    p50: f64,
    p99: f64,
    p999: f64,
    max: f64,
    failure_share: f64,
    #[serde(flatten)]
    outcome: Outcome,
}

impl Step {
    fn of(rate: f64, report: &Report, outcome: Outcome) -> Step {
        let latency = &report.latency.intended;
        Step {
            rate,
            ok_per_second: report.ok_per_second,
            p50: latency.p50,
            p99: latency.p99,
            p999: latency.p999,
            max: latency.max,
            failure_share: report.counts.failure_share(),
            outcome,
        }
    }
}

/// The result as JSON.
#[derive(Serialize)]
struct Found<'a> {
    schema: &'static str,
    version: u32,
    objectives: Vec<String>,
    failures_max: f64,
    steps: &'a [Step],
    #[serde(flatten)]
    knee: &'a Knee,
}

/// A run that left no report, with the exit code to pass on.
struct NotRun {
    message: String,
    code: u8,
}

/// Searches, prints the table as it grows, writes the JSON.
pub fn run(args: Args) -> ExitCode {
    if args.from > args.to {
        eprintln!("ringload find-knee: --from {} is above --to {}", args.from, args.to);
        return Exit::Usage.into();
    }
    let stop = Arc::new(AtomicBool::new(false));
    // The run under way gets the same Ctrl-C, ends, and what was found so far is still told.
    if let Err(error) = signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&stop)) {
        eprintln!("ringload find-knee: cannot handle Ctrl-C: {error}");
        return Exit::Software.into();
    }
    let directory = std::env::temp_dir().join(format!("ringload-knee-{}", std::process::id()));
    if let Err(error) = DirBuilder::new().mode(0o700).create(&directory) {
        eprintln!("ringload find-knee: cannot create {}: {error}", directory.display());
        return Exit::Software.into();
    }
    let to_stdout = args.json.as_ref().is_some_and(|path| path.as_os_str() == "-");
    let style = Style::of(&std::io::stdout());
    let show = |text: String| {
        if !to_stdout {
            print(&text);
        }
    };
    show(head(&args, style));
    let result =
        search_knee(&args, &stop, |rate| step(&args, rate, &directory), |step| show(line(step, style)));
    let _ = std::fs::remove_dir_all(&directory); // it is in the directory for temporary files
    let (knee, steps, failed) = result;
    if let Some(failed) = &failed {
        eprintln!("ringload find-knee: {}", failed.message);
    }
    show(conclusion(&knee));
    let code = failed.map_or(exit_code(&knee), |failed| failed.code);
    write_json(&args, &knee, &steps).unwrap_or(ExitCode::from(code))
}

/// The search with the steps made by `step`, each shown when it is over.
fn search_knee(
    args: &Args,
    stop: &AtomicBool,
    mut step: impl FnMut(f64) -> Result<Report, NotRun>,
    mut show: impl FnMut(&Step),
) -> (Knee, Vec<Step>, Option<NotRun>) {
    let mut search = Search::new(args.from, args.to, args.precision);
    let mut steps = Vec::new();
    loop {
        let rate = match search.next() {
            Next::Done(knee) => return (knee, steps, None),
            Next::Try(_) if stop.load(Ordering::Relaxed) => return (search.interrupted(), steps, None),
            Next::Try(rate) => rate,
        };
        match step(rate) {
            // The report of a run that was cut short says less than it seems to.
            Ok(_) if stop.load(Ordering::Relaxed) => return (search.interrupted(), steps, None),
            Ok(report) => {
                let outcome = judge(&report, &args.objectives, args.failures);
                let step = Step::of(rate, &report, outcome.clone());
                show(&step);
                steps.push(step);
                search.record(rate, outcome);
            }
            Err(failed) => return (search.interrupted(), steps, Some(failed)),
        }
    }
}

/// One run of this same program at a rate.
fn step(args: &Args, rate: f64, directory: &Path) -> Result<Report, NotRun> {
    let file = directory.join("step.json");
    let cannot = |message: String| NotRun { message, code: Exit::Software.code() };
    let program =
        std::env::current_exe().map_err(|error| cannot(format!("cannot find this program: {error}")))?;
    let mut command = Command::new(program);
    command.arg("run").args(args.url.iter().flat_map(|url| ["--url", url.as_str()])).args(&args.run_options);
    command.arg("--rate").arg(rate_argument(rate)).arg("--json").arg(&file).arg("--quiet");
    command
        .arg("--duration")
        .arg(milliseconds(args.step_duration))
        .arg("--warmup")
        .arg(milliseconds(args.step_warmup));
    let output = command.output().map_err(|error| cannot(format!("cannot run a step: {error}")))?;
    match output.status.code() {
        // Failures and an invalid run are for the objective to judge.
        Some(0..=2) => {}
        Some(code) if code == i32::from(Exit::Interrupted.code()) => {
            return Err(NotRun { message: "ended by Ctrl-C".to_string(), code: Exit::Interrupted.code() });
        }
        code => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said: String =
                said.trim().chars().rev().take(SHOWN_MAX).collect::<Vec<_>>().into_iter().rev().collect();
            let code = code.and_then(|code| u8::try_from(code).ok()).unwrap_or(Exit::Software.code());
            return Err(NotRun { message: format!("the run at {}/s failed:\n{said}", figure(rate)), code });
        }
    }
    let report = read(&file)
        .map_err(|error| cannot(format!("the run at {}/s left no report: {error}", figure(rate))))?;
    let _ = std::fs::remove_file(&file); // so that the next step cannot be judged by this report
    Ok(report)
}

/// Whole where that is fine enough.
fn rate_argument(rate: f64) -> String {
    if rate >= 1000.0 { format!("{rate:.0}") } else { format!("{rate:.3}") }
}

fn milliseconds(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}

fn head(args: &Args, style: Style) -> String {
    let objectives: Vec<String> = args.objectives.iter().map(Objective::words).collect();
    let mut out = String::new();
    let target = args.url.as_deref().unwrap_or("the plan");
    let title =
        format!("{}, at most {} failed: {}", objectives.join(", "), share(args.failures), printable(target));
    let _ = writeln!(out, "{}\n", style.paint(Color::Bold, &title));
    let names = format!(
        "  {:>10}{:>11}{:>11}{:>11}{:>11}{:>11}{:>11}  objective",
        "rate", "ok/s", "p50", "p99", "p99.9", "max", "failed"
    );
    let _ = writeln!(out, "{}", style.paint(Color::Dim, &names));
    out
}

fn line(step: &Step, style: Style) -> String {
    let outcome = match &step.outcome {
        Outcome::Met => style.paint(Color::Green, "met"),
        Outcome::Missed(reason) => style.paint(Color::Red, &format!("missed: {}", printable(reason))),
        // It ends the search, and the conclusion says why.
        Outcome::Invalid(_) => style.paint(Color::Yellow, "invalid"),
    };
    let mut out = format!("  {:>10}{:>11}", figure(step.rate), figure(step.ok_per_second));
    for value in [step.p50, step.p99, step.p999, step.max] {
        let _ = write!(out, "{:>11}", duration(value));
    }
    let _ = writeln!(out, "{:>11}  {outcome}", share(step.failure_share));
    out
}

fn conclusion(knee: &Knee) -> String {
    let met = |rate: &Option<f64>| {
        rate.map_or("no rate met the objective".to_string(), |rate| {
            format!("met at {}/s, not confirmed", figure(rate))
        })
    };
    let text = match knee {
        Knee::Found { rate, missed_at } => {
            format!(
                "the knee is at {}/s: met three times there, missed at {}/s",
                figure(*rate),
                figure(*missed_at)
            )
        }
        Knee::AtLeast { rate } => format!(
            "met three times at {}/s, the highest rate of the search; try a higher --to",
            figure(*rate)
        ),
        Knee::Below { rate, reason } => {
            format!(
                "missed at {}/s already, the lowest rate of the search ({})",
                figure(*rate),
                printable(reason)
            )
        }
        Knee::GeneratorBound { rate, met_at, reason } => {
            let reason = printable(reason);
            format!("the generator was the bottleneck at {}/s ({reason}); {}", figure(*rate), met(met_at))
        }
        Knee::Unsettled { met_at } => {
            format!("the same rates meet the objective at one time and miss it at another; {}", met(met_at))
        }
        Knee::Interrupted { met_at } => format!("the search was not over; {}", met(met_at)),
    };
    format!("\n{text}\n")
}

fn exit_code(knee: &Knee) -> u8 {
    match knee {
        Knee::Found { .. } | Knee::AtLeast { .. } => 0,
        Knee::Below { .. } | Knee::Unsettled { .. } => EXIT_MISSED,
        Knee::GeneratorBound { .. } => Exit::Invalid.code(),
        Knee::Interrupted { .. } => Exit::Interrupted.code(),
    }
}

/// The exit code where writing fails.
fn write_json(args: &Args, knee: &Knee, steps: &[Step]) -> Option<ExitCode> {
    let path = args.json.as_ref()?;
    let found = Found {
        schema: "ringload-knee",
        version: 1,
        objectives: args.objectives.iter().map(Objective::words).collect(),
        failures_max: args.failures,
        steps,
        knee,
    };
    let text = serde_json::to_string_pretty(&found).map_err(std::io::Error::from);
    let error = text.and_then(|text| write_file(path, (text + "\n").as_bytes())).err()?;
    eprintln!("ringload find-knee: cannot write {}: {error}", path.display());
    Some(Exit::Output.into())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::report::sample;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn arguments(options: &[&str]) -> Result<Args, clap::Error> {
        Cli::try_parse_from(["find-knee"].iter().chain(options)).map(|cli| cli.args)
    }

    /// A target whose p99 grows with the rate: 10 ms at 4,000 a second.
    fn target(rate: f64) -> Report {
        let mut report = sample::report();
        report.latency.intended.p99 = rate * 2.5;
        report
    }

    fn silent(_: &Step) {}

    #[test]
    fn objectives_are_read_and_wrong_ones_refused() {
        let args = arguments(&[
            "--objective",
            "p99<10ms",
            "--objective",
            "p99.9 < 1.5s",
            "--",
            "--connections",
            "9",
        ])
        .unwrap();
        assert_eq!(args.objectives[0], Objective { figure: "p99".into(), limit: 10_000.0 });
        assert_eq!(args.objectives[1].words(), "p99.9 < 1.50 s");
        assert_eq!(
            (args.failures, args.run_options.as_slice()),
            (0.001, ["--connections".to_string(), "9".to_string()].as_slice())
        );
        for wrong in ["p99", "p98<1ms", "p99<fast", "p99<"] {
            assert!(arguments(&["--objective", wrong]).is_err(), "{wrong}");
        }
        assert!(arguments(&[]).is_err());
    }

    #[test]
    fn a_run_is_judged_by_validity_then_failures_then_latency() {
        let objectives = [parse_objective("p99<300ms").unwrap(), parse_objective("max<500ms").unwrap()];
        let mut report = sample::report();
        assert_eq!(judge(&report, &objectives[..1], 0.001), Outcome::Met);
        assert!(
            matches!(judge(&report, &objectives, 0.001), Outcome::Missed(reason) if reason.starts_with("max is 501 ms"))
        );
        assert!(
            matches!(judge(&report, &objectives, 0.0), Outcome::Missed(reason) if reason == "0.006 % failed or were not sent")
        );
        report.valid = false;
        report.invalid_reasons = vec!["late".into()];
        assert_eq!(judge(&report, &objectives, 0.0), Outcome::Invalid("late".into()));
    }

    #[test]
    fn a_search_over_runs_finds_the_knee_and_shows_each_step() {
        let args = arguments(&["--objective", "p99<10ms", "--to", "50000"]).unwrap();
        let mut shown = 0;
        let (knee, steps, failed) =
            search_knee(&args, &AtomicBool::new(false), |rate| Ok(target(rate)), |_| shown += 1);
        let Knee::Found { rate, missed_at } = knee else { panic!("{knee:?}") };
        assert!(rate < 4000.0 && missed_at >= 4000.0 && failed.is_none());
        assert_eq!((shown, exit_code(&knee)), (steps.len(), 0));
        let text = line(&steps[0], Style::PLAIN);
        assert!(
            text.starts_with("         100      5,000     983 µs     250 µs ")
                && text.ends_with(" 0.006 %  met\n"),
            "{text}"
        );
        assert!(conclusion(&knee).contains("met three times there"));
    }

    #[test]
    fn a_run_that_fails_or_ctrl_c_keeps_what_was_found() {
        let args = arguments(&["--objective", "p99<10ms"]).unwrap();
        let stop = AtomicBool::new(false);
        let unreachable = |rate: f64| {
            if rate < 500.0 { Ok(target(rate)) } else { Err(NotRun { message: "refused".into(), code: 69 }) }
        };
        let (knee, steps, failed) = search_knee(&args, &stop, unreachable, silent);
        assert_eq!(
            (knee, steps.len(), failed.unwrap().code),
            (Knee::Interrupted { met_at: Some(400.0) }, 3, 69)
        );
        let interrupted = |rate: f64| {
            stop.store(rate > 150.0, Ordering::Relaxed);
            Ok(target(rate))
        };
        let (knee, steps, _) = search_knee(&args, &stop, interrupted, silent);
        assert_eq!(
            (exit_code(&knee), knee, steps.len()),
            (130, Knee::Interrupted { met_at: Some(100.0) }, 1)
        );
    }

    #[test]
    fn the_json_has_the_steps_and_the_knee() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("knee.json");
        let args = arguments(&["--objective", "p99<10ms", "--json", path.to_str().unwrap()]).unwrap();
        let (knee, steps, _) = search_knee(&args, &AtomicBool::new(false), |rate| Ok(target(rate)), silent);
        assert!(write_json(&args, &knee, &steps).is_none());
        let json: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!((json["schema"].as_str(), json["knee"].as_str()), (Some("ringload-knee"), Some("found")));
        assert_eq!(json["steps"].as_array().unwrap().len(), steps.len());
        assert_eq!(
            (json["steps"][0]["result"].as_str(), json["steps"][0]["rate"].as_f64()),
            (Some("met"), Some(100.0))
        );
        let args = arguments(&["--objective", "p99<10ms", "--json", "/dev/full"]).unwrap();
        assert!(write_json(&args, &knee, &steps).is_some());
    }
}
