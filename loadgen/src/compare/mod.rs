//! `ringload compare`: a verdict between two builds, from several runs of each.

pub mod figures;
mod input;
#[cfg(test)]
mod noise;
mod output;
pub mod statistics;
#[cfg(test)]
mod tests;
pub mod verdict;

use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use crate::exit::Exit;
use crate::report::Report;
use crate::report::json::write_file;
use crate::report::text::{Style, print};
use crate::report::words::parse_share;
use figures::{Arm, Figure, are_interleaved};
use verdict::{Judged, Verdict, judge};

const EXIT_WORSE: u8 = 1;
const EXIT_NOISY: u8 = 2;

const HELP: &str = "\
A is the build before a change, B the one with it. A side is files, a directory (its *.json), or a pattern
in quotes ('runs/a-*.json'). Make the runs interleaved, A B B A A B B A ..., ten a side: neighbours become
pairs, and what the machine does slowly cancels out. Two runs a side are the least.

Figures of reports: ok_per_second, requests_per_cpu_second, p50, p90, p99, p999, max, failure_share.
Without --figure all but requests_per_cpu_second are shown; p999 and max do not count.

Verdicts:
  same       the 90 % interval of the change lies within the threshold
  better,    the change is beyond the threshold, and not by chance (5 % for all figures together)
  worse
  too noisy  these runs cannot tell

Exit codes:
  0   no figure that counts is worse or too noisy
  1   at least one is worse
  2   none is worse, but at least one is too noisy (0 with --noisy-ok)
  64  the command line is not valid
  65  a report cannot be read, or is of another plan
  74  a result cannot be written

Examples:
  ringload compare --a base-*.json --b head-*.json --html compare.html
  ringload compare runs/base runs/head --figure p99=5% --figure ok_per_second
  ringload compare --samples ab.ndjson --higher-is-better requests_per_cpu_second
      with lines like {\"arm\":\"a\",\"figures\":{\"requests_per_cpu_second\":41250}}";

/// Say whether build B is better, the same or worse than build A
#[derive(Debug, Default, clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// The two sides: A, then B
    #[arg(value_name = "SIDE", num_args = 0..=2, conflicts_with_all = ["a", "b", "samples"])]
    pub sides: Vec<PathBuf>,
    /// Reports of A
    #[arg(long, num_args = 1.., value_name = "REPORT", requires = "b")]
    pub a: Vec<PathBuf>,
    /// Reports of B
    #[arg(long, num_args = 1.., value_name = "REPORT", requires = "a")]
    pub b: Vec<PathBuf>,
    /// Runs measured by something else: a line of JSON for each, in the order in which they were made
    #[arg(long, value_name = "FILE", conflicts_with_all = ["a", "b"])]
    pub samples: Option<PathBuf>,
    /// Compare this figure only, with its own threshold if one is given; may be repeated
    #[arg(long = "figure", value_name = "NAME[=PERCENT]")]
    pub figures: Vec<String>,
    /// A change within this much is none, for ratios without a threshold of their own [default: 3%, p90 5%, p99 10%, p999 20%, max 50%]
    #[arg(long, value_name = "PERCENT", value_parser = parse_threshold)]
    pub threshold: Option<f64>,
    /// Of this figure of --samples more is better; may be repeated
    #[arg(long, value_name = "NAME")]
    pub higher_is_better: Vec<String>,
    /// Of this figure of --samples less is better; may be repeated
    #[arg(long, value_name = "NAME")]
    pub lower_is_better: Vec<String>,
    /// Exit 0 where figures are too noisy and none is worse
    #[arg(long)]
    pub noisy_ok: bool,
    /// Compare runs of different plans too
    #[arg(long)]
    pub force: bool,
    /// Write the comparison as JSON; `-` is the standard output, in place of the text
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the comparison as one HTML page, with the runs of both sides laid over one another
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Write the comparison as Markdown, for a comment on a pull request; `-` is the standard output, in place of the text
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
}

fn parse_threshold(text: &str) -> Result<f64, String> {
    parse_share(text).and_then(|share| {
        if share > 0.0 { Ok(share) } else { Err("a threshold of 0% is never kept".to_string()) }
    })
}

/// What went wrong, with the exit code for it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Problem {
    Usage(String),
    Data(String),
}

/// Two sides, compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// `ringload-comparison`.
    pub schema: &'static str,
    /// Version of this form.
    pub version: u32,
    /// The worst verdict that counts.
    pub verdict: Verdict,
    /// Names of the sides.
    pub sides: [String; 2],
    /// Runs of each.
    pub runs: [usize; 2],
    /// Whether the runs were made in neighbouring pairs, which are compared as such.
    pub interleaved: bool,
    /// What a reader should know.
    pub notes: Vec<String>,
    /// Each figure.
    pub figures: Vec<Judged>,
}

/// Compares, writes the files, prints the text, and says it in the exit code.
pub fn run(args: Args) -> ExitCode {
    match input::read(&args).and_then(|input| Ok((compare(&input)?, input))) {
        Ok((comparison, input)) => finish(&args, &comparison, &input.reports),
        Err(problem) => {
            let (message, code) = match problem {
                Problem::Usage(message) => (message, Exit::Usage.code()),
                Problem::Data(message) => (message, Exit::Data.code()),
            };
            eprintln!("ringload compare: {message}");
            ExitCode::from(code)
        }
    }
}

fn finish(args: &Args, comparison: &Comparison, reports: &[(Arm, Report)]) -> ExitCode {
    let is_stdout = |path: &Option<PathBuf>| path.as_ref().is_some_and(|path| path.as_os_str() == "-");
    if !is_stdout(&args.json) && !is_stdout(&args.markdown) {
        print(&output::text(comparison, Style::of(&std::io::stdout())));
    }
    let json = || {
        serde_json::to_string_pretty(comparison).map_or_else(|error| error.to_string(), |text| text + "\n")
    };
    let mut code = exit_code(comparison.verdict, args.noisy_ok);
    let outputs: [(&Option<PathBuf>, &dyn Fn() -> String); 3] = [
        (&args.json, &json),
        (&args.markdown, &|| output::markdown(comparison)),
        (&args.html, &|| output::html(comparison, reports)),
    ];
    for (path, content) in outputs {
        let Some(path) = path else { continue };
        if let Err(error) = write_file(path, content().as_bytes()) {
            eprintln!("ringload compare: cannot write {}: {error}", path.display());
            code = Exit::Output.code();
        }
    }
    ExitCode::from(code)
}

fn exit_code(verdict: Verdict, noisy_ok: bool) -> u8 {
    match verdict {
        Verdict::Worse => EXIT_WORSE,
        Verdict::TooNoisy if !noisy_ok => EXIT_NOISY,
        _ => 0,
    }
}

fn compare(input: &input::Input) -> Result<Comparison, Problem> {
    let samples = &input.samples;
    let runs = [Arm::A, Arm::B].map(|arm| samples.iter().filter(|sample| sample.arm == arm).count());
    if let Some(missing) = ["A", "B"].iter().zip(runs).find(|(_, runs)| *runs == 0) {
        return Err(Problem::Data(format!("side {} has no run", missing.0)));
    }
    let interleaved = are_interleaved(samples);
    let mut notes = Vec::new();
    if !interleaved && runs.iter().sum::<usize>() > 2 {
        notes.push(
            "the runs were not interleaved (A B B A ...): what the machine did meanwhile looks like a change of the build"
                .to_string(),
        );
    }
    let mut figures = judge(&input.figures, samples);
    if !input.invalid.is_empty() {
        distrust(&mut figures, &input.invalid);
        notes.extend(input.invalid.iter().cloned());
    }
    let verdict = overall(&figures);
    let sides = input.sides.clone();
    Ok(Comparison {
        schema: "ringload-comparison",
        version: 1,
        verdict,
        sides,
        runs,
        interleaved,
        notes,
        figures,
    })
}

/// An invalid run measured the generator: nothing can be said about the target.
fn distrust(figures: &mut [Judged], invalid: &[String]) {
    for figure in figures {
        figure.verdict = Verdict::TooNoisy;
        figure.reason = Some(format!(
            "{} of the runs measured the generator, not the target: make them again",
            invalid.len()
        ));
    }
}

/// The worst verdict of the figures that count.
fn overall(figures: &[Judged]) -> Verdict {
    let any = |verdict| figures.iter().any(|figure| figure.counts && figure.verdict == verdict);
    [Verdict::Worse, Verdict::TooNoisy, Verdict::Better]
        .into_iter()
        .find(|verdict| any(*verdict))
        .unwrap_or(Verdict::Same)
}

impl Figure {
    /// What `--figure NAME[=PERCENT]` names, among figures that are known.
    fn named(argument: &str, known: impl Fn(&str) -> Result<Figure, String>) -> Result<Figure, String> {
        let (name, threshold) = match argument.split_once('=') {
            Some((name, percent)) => (name, Some(parse_threshold(percent)?)),
            None => (argument, None),
        };
        let figure = known(name)?;
        Ok(Figure { threshold: threshold.unwrap_or(figure.threshold), ..figure })
    }
}
