//! The command line of ringload.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use ringway_ring::probe::DriverChoice;

use crate::exit::{Exit, Refusal};
use crate::plan::quantity::{parse_duration, parse_rate};
use crate::plan::{Arrivals, Overrides, Rate, Source};
use crate::{backend, compare, knee, report, run, stall};

const EXAMPLES: &str = "\
Examples:
  ringload backend --listen 127.0.0.1:9000
  ringload run --url http://127.0.0.1:9000/ --rate 5000 --duration 30s --html report.html
  ringload compare --a main-*.json --b mine-*.json
`ringload COMMAND --help` explains each command.";

/// A load generator that can be trusted: open loop, honest latency, answers that are checked.
#[derive(Debug, Parser)]
#[command(name = "ringload", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<RunArgs>),
    Backend(backend::Args),
    Stall(stall::Args),
    Compare(compare::Args),
    FindKnee(knee::Args),
    Merge(report::merge::Args),
}

const RUN_HELP: &str = "\
Load:
  without --rate       closed loop: each connection sends as soon as it has its answer. The most a target can do;
                       its latencies are service times, and hide what a stall does to those who wait
  --rate 5000          open loop: 5,000 requests a second are due whatever the target does, and latency counts from
                       the time they were due
  --rate 100..1000/30s,1000/60s   a ramp of 30 s, then a step of 60 s
  --poisson            arrivals as of many independent clients, instead of evenly spaced ones

Examples:
  ringload run --url http://127.0.0.1:8080/hello
  ringload run --url http://127.0.0.1:8080/hello --rate 2000 --duration 1m --warmup 5s --connections 200 --json run.json
  ringload run --url http://127.0.0.1:8080/ --rate 500 --method POST --header 'Content-Type: application/json' \\
               --body '{\"id\": \"{{uuid}}\"}' --expect-status 201
  ringload run --plan checkout.toml --html report.html
  ringload run --url http://127.0.0.1:8080 --openapi api.yaml --rate 300
  ringload run --url http://127.0.0.1:8080 --access-log access.log --speed 2

Exit codes:
  0 all is well · 1 requests failed or were never sent · 2 invalid: the generator was the bottleneck · 64 usage ·
  65 bad plan file · 66 plan file missing · 68 host name not resolved · 69 target unreachable · 74 report not
  written (it is then printed) · 130 ended by Ctrl-C, report written";

/// Send requests, and report what became of them
#[derive(Debug, clap::Args)]
#[command(after_help = RUN_HELP)]
pub struct RunArgs {
    /// Where to send: http://host:port/path. Beside --plan, http://host:port of another target
    #[arg(long, required_unless_present = "plan")]
    pub url: Option<String>,
    /// Plan file (TOML), see docs/ringload-plan.md
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Open loop at this many requests per second, or a profile of them
    #[arg(long, value_parser = parse_rate, value_name = "RATE")]
    pub rate: Option<Rate>,
    /// Poisson arrivals instead of evenly spaced ones
    #[arg(long)]
    pub poisson: bool,
    /// How long to measure [default: 10s]
    #[arg(long, short, value_parser = parse_duration)]
    pub duration: Option<Duration>,
    /// Time before that, whose answers count for nothing but failures
    #[arg(long, value_parser = parse_duration)]
    pub warmup: Option<Duration>,
    /// End after this many requests
    #[arg(long, value_name = "N")]
    pub requests: Option<u64>,
    /// Connections over all threads [default: 64]
    #[arg(long, short, value_name = "N")]
    pub connections: Option<usize>,
    /// Requests sent on a connection before the first of their answers is awaited
    #[arg(long, value_name = "N")]
    pub pipeline: Option<usize>,
    /// Requests after which a connection is closed and opened anew
    #[arg(long, value_name = "N")]
    pub churn: Option<u64>,
    /// Generator threads, each pinned to a CPU [default: one for each CPU]
    #[arg(long, short, value_name = "N")]
    pub threads: Option<usize>,
    /// Time from the send to the end of the answer; longer is a timeout [default: 60s]
    #[arg(long, value_parser = parse_duration, value_name = "TIME")]
    pub timeout: Option<Duration>,
    /// Time without a byte while an answer is awaited; longer is a stall [default: not checked]
    #[arg(long, value_parser = parse_duration, value_name = "TIME")]
    pub stall: Option<Duration>,
    /// Time to open a connection [default: 5s]
    #[arg(long, value_parser = parse_duration, value_name = "TIME")]
    pub connect_timeout: Option<Duration>,
    /// Header of every request, as "Name: value" (repeat for more)
    #[arg(long, short = 'H', value_parser = header, value_name = "LINE")]
    pub header: Vec<(String, String)>,
    /// Method [default: GET, with a body POST]
    #[arg(long, short = 'X')]
    pub method: Option<String>,
    /// Body, or @FILE with it
    #[arg(long, value_name = "TEXT|@FILE")]
    pub body: Option<String>,
    /// Accepted statuses, as 200,201 [default: every status below 400]
    #[arg(long, value_delimiter = ',', value_name = "STATUS")]
    pub expect_status: Vec<u16>,
    /// Make the requests from the paths and examples of an OpenAPI document
    #[arg(long, value_name = "FILE")]
    pub openapi: Option<PathBuf>,
    /// Replay a HAR file
    #[arg(long, value_name = "FILE", conflicts_with = "openapi")]
    pub har: Option<PathBuf>,
    /// Replay an access log
    #[arg(long, value_name = "FILE", conflicts_with_all = ["openapi", "har"])]
    pub access_log: Option<PathBuf>,
    /// Speed of a replay: 2 is twice as fast [default: 1]
    #[arg(long, value_name = "FACTOR")]
    pub speed: Option<f64>,
    /// Seed of everything random [default: 1]
    #[arg(long)]
    pub seed: Option<u64>,
    /// How to talk to the kernel: auto, native, monoio or epoll
    #[arg(long, default_value = "auto")]
    pub driver: DriverChoice,
    /// Keep the system's TCP congestion control, which may hold sends back to pace them; without this it is reno, which does not
    #[arg(long)]
    pub paced: bool,
    /// A name for this run, for comparisons
    #[arg(long, default_value = "")]
    pub label: String,
    /// Write the report as JSON; `-` is the standard output, in place of the text
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the report as one HTML page
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Exit with 0 though requests have failed
    #[arg(long)]
    pub allow_failures: bool,
    /// One line a second instead of the live view
    #[arg(long)]
    pub plain: bool,
    /// Nothing while it runs
    #[arg(long, conflicts_with = "plain")]
    pub quiet: bool,
}

impl RunArgs {
    /// What they say about the plan.
    pub fn overrides(&self) -> Result<Overrides, Refusal> {
        let source = match (&self.openapi, &self.har, &self.access_log) {
            (Some(file), _, _) => Some(Source::OpenApi(file.clone())),
            (_, Some(file), _) => Some(Source::Har(file.clone())),
            (_, _, Some(file)) => Some(Source::AccessLog(file.clone())),
            (None, None, None) => None,
        };
        Ok(Overrides {
            target: self.plan.as_ref().and(self.url.clone()),
            duration: self.duration,
            warmup: self.warmup,
            requests_max: self.requests,
            rate: self.rate.clone(),
            arrivals: self.poisson.then_some(Arrivals::Poisson),
            speed: self.speed,
            connections: self.connections,
            pipeline: self.pipeline,
            requests_per_connection: self.churn,
            threads: self.threads,
            seed: self.seed,
            connect_timeout: self.connect_timeout,
            request_timeout: self.timeout,
            stall: self.stall,
            headers: self.header.clone(),
            method: self.method.clone(),
            body: self.body.as_deref().map(body).transpose()?,
            expect_statuses: self.expect_status.clone(),
            source,
        })
    }
}

fn header(line: &str) -> Result<(String, String), String> {
    let (name, value) = line.split_once(':').ok_or("write it as \"Name: value\"")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// The text, or the content of the file after an `@`.
fn body(text: &str) -> Result<Vec<u8>, Refusal> {
    let Some(file) = text.strip_prefix('@') else { return Ok(text.as_bytes().to_vec()) };
    std::fs::read(file).map_err(|error| Refusal::new(Exit::NoInput, format!("--body: {file}: {error}")))
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, not errors; clap's own code for an error would be 2.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { ExitCode::SUCCESS };
        }
    };
    match cli.command {
        Command::Run(args) => run::run(&args).into(),
        Command::Backend(args) => backend::run(args),
        Command::Stall(args) => stall::run(args),
        Command::Compare(args) => compare::run(args),
        Command::FindKnee(args) => knee::run(args),
        Command::Merge(args) => report::merge::run(args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<RunArgs, String> {
        let words = ["ringload", "run"].into_iter().chain(line.split(' '));
        match Cli::try_parse_from(words).map_err(|error| error.to_string())?.command {
            Command::Run(args) => Ok(*args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_commands_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_become_overrides() {
        let args = parse(
            "--url http://a/ --rate 100..200/30s --poisson --warmup 2s --churn 5 --expect-status 200,201 -H X-A:b:c --body hello",
        )
        .unwrap();
        let overrides = args.overrides().unwrap();
        assert!(matches!(overrides.rate, Some(Rate::Profile(ref profile)) if profile[0].to == 200.0));
        assert_eq!(overrides.arrivals, Some(Arrivals::Poisson));
        assert_eq!(overrides.warmup, Some(Duration::from_secs(2)));
        assert_eq!(overrides.requests_per_connection, Some(5));
        assert_eq!(overrides.expect_statuses, [200, 201]);
        assert_eq!(overrides.headers, [("X-A".to_owned(), "b:c".to_owned())]);
        assert_eq!(overrides.body.as_deref(), Some(b"hello".as_slice()));
        assert_eq!(overrides.target, None, "the URL says it");
        let beside = parse("--plan p.toml --url http://b").unwrap().overrides().unwrap();
        assert_eq!(beside.target.as_deref(), Some("http://b"));
    }

    #[test]
    fn wrong_options_are_refused_with_what_to_write() {
        for (line, words) in [
            ("--rate 5", "--url"),
            ("--url http://a --rate fast", "requests per second"),
            ("--url http://a --duration 5", "30s"),
            ("--url http://a --header broken", "Name: value"),
            ("--url http://a --har a --access-log b", "cannot be used with"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(words), "{line}: {error}");
        }
        let missing = parse("--url http://a --body @no-such-file").unwrap().overrides().unwrap_err();
        assert_eq!(missing.exit, Exit::NoInput);
    }
}
