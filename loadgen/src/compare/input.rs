//! Where the runs come from: reports of ringload, or lines of JSON that something else wrote.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::figures::{Arm, Figure, Sample, THRESHOLD, Unit};
use super::{Args, Problem};
use crate::report::Report;
use crate::report::json::{self, read_bounded};
use crate::report::words::printable;

/// Runs of a comparison, both sides together.
const RUNS_MAX: usize = 2000;
/// Figures of one sample.
const FIGURES_MAX: usize = 100;

/// The runs of both sides.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) figures: Vec<Figure>,
    /// In the order in which they were made.
    pub(super) samples: Vec<Sample>,
    pub(super) sides: [String; 2],
    /// Runs that may not be trusted, in words.
    pub(super) invalid: Vec<String>,
    /// For the plots; none where samples were given.
    pub(super) reports: Vec<(Arm, Report)>,
}

/// Reads what the command line names.
pub(super) fn read(args: &Args) -> Result<Input, Problem> {
    if let Some(path) = &args.samples {
        return read_samples(args, path);
    }
    if let Some(name) = args.higher_is_better.iter().chain(&args.lower_is_better).next() {
        return Err(Problem::Usage(format!(
            "--higher-is-better and --lower-is-better ({name}) are for --samples; what is better is known of reports"
        )));
    }
    let sides = match args.sides.as_slice() {
        [] if !args.a.is_empty() => [args.a.clone(), args.b.clone()],
        [a, b] => [vec![a.clone()], vec![b.clone()]],
        _ => {
            return Err(Problem::Usage(
                "name two sides: `ringload compare A B`, or --a and --b, or --samples; see --help".into(),
            ));
        }
    };
    let [a, b] = sides;
    read_reports(args, [expand(&a)?, expand(&b)?])
}

/// The files of a side: a directory stands for its `*.json`, `*` in a file name for any characters.
fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Problem> {
    let mut files = Vec::new();
    for path in paths {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let (directory, pattern) = match (path.is_dir(), name.contains('*') && !path.exists()) {
            (true, _) => (path.as_path(), "*.json"),
            (false, true) => (
                path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")),
                name,
            ),
            (false, false) => {
                files.push(path.clone());
                continue;
            }
        };
        let unreadable = |error: std::io::Error| Problem::Data(format!("{}: {error}", directory.display()));
        let mut found = Vec::new();
        for entry in fs::read_dir(directory).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            if entry.file_name().to_str().is_some_and(|name| matches(pattern, name)) {
                found.push(entry.path());
            }
        }
        if found.is_empty() {
            return Err(Problem::Data(format!("{}: no file there is called {pattern}", directory.display())));
        }
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

/// Whether a name fits a pattern in which `*` stands for any characters.
fn matches(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn read_reports(args: &Args, sides: [Vec<PathBuf>; 2]) -> Result<Input, Problem> {
    let figures = figures_of_reports(args)?;
    if sides.iter().map(Vec::len).sum::<usize>() > RUNS_MAX {
        return Err(Problem::Usage(format!("more than {RUNS_MAX} runs")));
    }
    let mut runs: Vec<(Arm, PathBuf, Report)> = Vec::new();
    for (arm, paths) in [Arm::A, Arm::B].into_iter().zip(sides) {
        for path in paths {
            let report = json::read(&path).map_err(|error| Problem::Data(error.to_string()))?;
            runs.push((arm, path, report));
        }
    }
    if !args.force {
        same_plan(&runs)?;
    }
    let sides = [(Arm::A, "A"), (Arm::B, "B")].map(|(arm, name)| side_name(&runs, arm, name));
    runs.sort_by_key(|(_, _, report)| report.run.started_unix_ms);
    let samples = runs.iter().map(|(arm, path, report)| Sample {
        arm: *arm,
        source: path.display().to_string(),
        values: figures.iter().map(|figure| figure.value(report)).collect(),
    });
    let invalid = runs.iter().filter(|(_, _, report)| !report.valid).map(|(_, path, report)| {
        format!("{} is invalid: {}", path.display(), printable(&report.invalid_reasons.join("; ")))
    });
    let (samples, invalid) = (samples.collect(), invalid.collect());
    let reports = runs.into_iter().map(|(arm, _, report)| (arm, report)).collect();
    Ok(Input { figures, samples, sides, invalid, reports })
}

fn same_plan(runs: &[(Arm, PathBuf, Report)]) -> Result<(), Problem> {
    let Some(((_, first_path, first), others)) = runs.split_first() else { return Ok(()) };
    for (_, path, report) in others {
        if let Some(difference) = first.difference(report) {
            let (a, b) = (first_path.display(), path.display());
            return Err(Problem::Data(format!(
                "{a} and {b} are runs of different plans: {difference}. --force compares them all the same"
            )));
        }
    }
    Ok(())
}

/// The label of the runs of a side, where they agree on one.
fn side_name(runs: &[(Arm, PathBuf, Report)], arm: Arm, fallback: &str) -> String {
    let mut labels = runs.iter().filter(|run| run.0 == arm).map(|(_, _, report)| report.run.label.as_str());
    match labels.next() {
        Some(label) if !label.is_empty() && labels.all(|other| other == label) => {
            format!("{fallback}: {label}")
        }
        _ => fallback.to_string(),
    }
}

fn figures_of_reports(args: &Args) -> Result<Vec<Figure>, Problem> {
    let default = |figure: Figure| match args.threshold {
        Some(threshold) if figure.is_ratio() => Figure { threshold, ..figure },
        _ => figure,
    };
    if args.figures.is_empty() {
        return Ok(Figure::defaults().into_iter().map(default).collect());
    }
    let known = |name: &str| {
        let figure = Figure::of_reports(name)
            .ok_or_else(|| format!("reports have no figure {name:?}; they have {}", Figure::names()))?;
        Ok(default(figure))
    };
    args.figures
        .iter()
        .map(|argument| Figure::named(argument, known))
        .collect::<Result<_, _>>()
        .map_err(Problem::Usage)
}

/// A line of a file of samples.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    arm: Arm,
    figures: BTreeMap<String, f64>,
}

fn read_samples(args: &Args, path: &Path) -> Result<Input, Problem> {
    let data = |message: String| Problem::Data(format!("{}{message}", path.display()));
    let text = read_bounded(path).map_err(|message| data(format!(": {message}")))?;
    let mut lines: Vec<(usize, Line)> = Vec::new();
    for (number, text) in (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty()) {
        let line: Line = serde_json::from_str(text).map_err(|error| data(format!(":{number}: {error}")))?;
        if lines.len() == RUNS_MAX || line.figures.len() > FIGURES_MAX {
            return Err(data(format!(
                ":{number}: more than {RUNS_MAX} runs, or {FIGURES_MAX} figures of one"
            )));
        }
        lines.push((number, line));
    }
    let Some((_, first)) = lines.first() else { return Err(data(" has no samples".into())) };
    let figures = figures_of_samples(args, first)?;
    let mut samples = Vec::with_capacity(lines.len());
    for (number, line) in &lines {
        let values = figures.iter().map(|figure| match line.figures.get(&figure.name) {
            Some(value) => Ok(Some(*value)),
            None => {
                Err(data(format!(":{number}: there is no figure {:?}, which another line has", figure.name)))
            }
        });
        samples.push(Sample {
            arm: line.arm,
            source: format!("{}:{number}", path.display()),
            values: values.collect::<Result<_, _>>()?,
        });
    }
    Ok(Input { figures, samples, sides: ["A".into(), "B".into()], invalid: Vec::new(), reports: Vec::new() })
}

/// The figures that are asked for, or else all of the first line.
fn figures_of_samples(args: &Args, first: &Line) -> Result<Vec<Figure>, Problem> {
    let known = |name: &str| {
        if !first.figures.contains_key(name) {
            let there: Vec<&str> = first.figures.keys().map(String::as_str).collect();
            return Err(format!("the samples have no figure {name:?}; they have {}", there.join(", ")));
        }
        of_samples(args, name)
    };
    let directed = args.higher_is_better.iter().chain(&args.lower_is_better);
    if let Some(unknown) = directed.map(String::as_str).find(|name| !first.figures.contains_key(*name)) {
        return known(unknown).map(|_| Vec::new()).map_err(Problem::Usage);
    }
    let names: Vec<&str> = match args.figures.as_slice() {
        [] => first.figures.keys().map(String::as_str).collect(),
        named => named.iter().map(String::as_str).collect(),
    };
    names
        .into_iter()
        .map(|argument| Figure::named(argument, known))
        .collect::<Result<_, _>>()
        .map_err(Problem::Usage)
}

/// What is better must be said of a figure that is not one of ringload's own: a guess would turn a verdict around.
fn of_samples(args: &Args, name: &str) -> Result<Figure, String> {
    let is_in = |list: &[String]| list.iter().any(|listed| listed == name);
    let own = Figure::of_reports(name);
    let higher_is_better = match (is_in(&args.higher_is_better), is_in(&args.lower_is_better), &own) {
        (true, true, _) => return Err(format!("{name:?} is both --higher-is-better and --lower-is-better")),
        (true, false, _) => true,
        (false, true, _) => false,
        (false, false, Some(own)) => own.higher_is_better,
        (false, false, None) => {
            return Err(format!("say what is better: --higher-is-better {name} or --lower-is-better {name}"));
        }
    };
    let plain = Figure {
        name: name.to_string(),
        higher_is_better,
        unit: Unit::Number,
        threshold: THRESHOLD,
        counts: true,
    };
    let figure = Figure { higher_is_better, ..own.unwrap_or(plain) };
    let threshold = args.threshold.filter(|_| figure.is_ratio()).unwrap_or(figure.threshold);
    Ok(Figure { threshold, ..figure })
}
