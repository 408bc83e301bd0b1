//! `ringload merge`: one report of the reports of several hosts that loaded one target together.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use super::build::per;
use super::text::{self, Style};
use super::words::printable;
use super::{Counts, Distribution, Generator, Latencies, Report, RequestReport, Run, Second, html, json};
use crate::exit::Exit;

/// Reports that are merged at once.
const REPORTS_MAX: usize = 1000;
/// Hosts are expected to start this close together; a wider gap becomes a note.
const START_SPREAD_MS: u64 = 1000;

const HELP: &str = "\
Counts and histograms add up exactly: the percentiles are those of all requests together, not an average.
The reports have to be of one plan, run at the same time: `ringload run` on each host with the same options,
started together. Rates add up. In the series, which has no histograms, the percentiles of a second are
those of its slowest host.

Example:
  ringload merge host1.json host2.json --json both.json --html both.html";

/// Merge the reports of several hosts into one
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// Reports (JSON), two or more
    #[arg(required = true, num_args = 2.., value_name = "REPORT")]
    pub reports: Vec<PathBuf>,
    /// Write the merged report as JSON; `-` is the standard output, in place of the text
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the merged report as one HTML page
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Merge reports of different plans or times too
    #[arg(long)]
    pub force: bool,
}

/// Merges, writes the files, and prints the text.
pub fn run(args: Args) -> ExitCode {
    let merged = match read_and_merge(&args) {
        Ok(merged) => merged,
        Err(message) => {
            eprintln!("ringload merge: {message}");
            return Exit::Data.into();
        }
    };
    let to_stdout = args.json.as_ref().is_some_and(|path| path.as_os_str() == "-");
    if !to_stdout {
        text::print(&text::render(&merged, Style::of(&std::io::stdout())));
    }
    let json = args.json.iter().map(|path| (path, json::write(&merged, path)));
    let html = args.html.iter().map(|path| (path, json::write_file(path, html::page(&[&merged]).as_bytes())));
    let mut code = ExitCode::SUCCESS;
    for (path, written) in json.chain(html) {
        if let Err(error) = written {
            eprintln!("ringload merge: cannot write {}: {error}", path.display());
            code = Exit::Output.into();
        }
    }
    code
}

fn read_and_merge(args: &Args) -> Result<Report, String> {
    if args.reports.len() > REPORTS_MAX {
        return Err(format!("{} reports; at most {REPORTS_MAX} are merged at once", args.reports.len()));
    }
    let reports: Vec<Report> = args
        .reports
        .iter()
        .map(|path| json::read(path))
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    if !args.force {
        for (report, path) in reports.iter().zip(&args.reports).skip(1) {
            if let Some(difference) =
                reports[0].difference(report).or_else(|| target_difference(&reports[0], report))
            {
                let (first, this) = (args.reports[0].display(), path.display());
                return Err(format!(
                    "{first} and {this} are not of one plan: {difference}. --force merges them all the same"
                ));
            }
        }
        if let Some(apart) = times_apart(&reports) {
            return Err(format!("{apart}. --force merges them all the same"));
        }
    }
    Ok(merge(&reports))
}

impl Report {
    /// In what these two are runs of different plans, in words; None where they can be compared. The target may differ: two builds listen
    /// on two ports.
    pub fn difference(&self, other: &Report) -> Option<String> {
        let (a, b) = (&self.run, &other.run);
        let names = |report: &Report| {
            report.requests.iter().map(|request| request.name.clone()).collect::<Vec<_>>().join(", ")
        };
        let facts = [
            ("load", a.load.clone(), b.load.clone()),
            ("mode", a.mode.clone(), b.mode.clone()),
            ("connections", a.connections.to_string(), b.connections.to_string()),
            ("pipelining", a.pipeline.to_string(), b.pipeline.to_string()),
            ("requests", names(self), names(other)),
        ];
        let (what, a, b) = facts.into_iter().find(|(_, a, b)| a != b)?;
        Some(printable(&format!("{what} is {a:?} in one and {b:?} in the other")))
    }
}

fn target_difference(a: &Report, b: &Report) -> Option<String> {
    let (a, b) = (&a.run.target, &b.run.target);
    (a != b).then(|| printable(&format!("target is {a:?} in one and {b:?} in the other")))
}

/// Rates add up only where all ran at once.
fn times_apart(reports: &[Report]) -> Option<String> {
    let latest_start = reports.iter().map(|report| report.run.started_unix_ms).max()?;
    let ended =
        |report: &Report| report.run.started_unix_ms.saturating_add((report.run.seconds * 1000.0) as u64);
    let earliest_end = reports.iter().map(ended).min()?;
    (latest_start >= earliest_end)
        .then(|| "these runs were not at the same time: one had ended before another began, so their rates do not add up".to_string())
}

/// One report of several. Exact but for the percentiles of single seconds, which are those of the slowest host.
///
/// # Panics
/// Where there is no report.
pub fn merge(reports: &[Report]) -> Report {
    let mut counts = Counts::default();
    reports.iter().for_each(|report| counts.add(&report.counts));
    let run = merge_runs(reports);
    let all = |of: fn(&Report) -> &Distribution| merge_distributions(reports.iter().map(of));
    let answers: u64 = counts.statuses.values().fold(0, |sum, number| sum.saturating_add(*number));
    let cpu_seconds: f64 = reports.iter().map(|report| report.generator.cpu_seconds).sum();
    let of_host = |of: fn(&Report) -> &Vec<String>| -> Vec<String> {
        reports
            .iter()
            .flat_map(|report| of(report).iter().map(|text| format!("{}: {text}", report.run.host)))
            .collect()
    };
    let mut notes = of_host(|report| &report.notes);
    notes.extend(spread_note(reports));
    Report {
        schema: reports[0].schema.clone(),
        version: reports[0].version,
        valid: reports.iter().all(|report| report.valid),
        invalid_reasons: of_host(|report| &report.invalid_reasons),
        notes,
        ok_per_second: per(counts.ok, run.seconds),
        run,
        generator: Generator {
            cpu_seconds,
            busiest_thread: reports.iter().map(|report| report.generator.busiest_thread).fold(0.0, f64::max),
            requests_per_cpu_second: per(answers, cpu_seconds),
            lateness: all(|report| &report.generator.lateness),
        },
        counts,
        latency: Latencies {
            intended: all(|report| &report.latency.intended),
            service: all(|report| &report.latency.service),
            connect: all(|report| &report.latency.connect),
            tls: all(|report| &report.latency.tls),
            first_byte: all(|report| &report.latency.first_byte),
            last_byte: all(|report| &report.latency.last_byte),
        },
        requests: merge_requests(reports),
        series: merge_series(reports),
        failure_examples: reports
            .iter()
            .flat_map(|report| report.failure_examples.iter().take(10).cloned())
            .take(20)
            .collect(),
    }
}

fn merge_distributions<'a>(distributions: impl Iterator<Item = &'a Distribution>) -> Distribution {
    let histograms: Vec<_> = distributions.map(Distribution::histogram).collect();
    Distribution::of(&super::build::sum(histograms.iter()))
}

fn merge_runs(reports: &[Report]) -> Run {
    let runs = || reports.iter().map(|report| &report.run);
    let distinct = |of: fn(&Run) -> &String| {
        let mut seen: Vec<&str> = Vec::new();
        for text in runs().map(of).filter(|text| !text.is_empty()) {
            if !seen.contains(&text.as_str()) {
                seen.push(text);
            }
        }
        seen.join("; ")
    };
    Run {
        ringload: distinct(|run| &run.ringload),
        label: distinct(|run| &run.label),
        started_unix_ms: runs().map(|run| run.started_unix_ms).min().unwrap_or(0),
        seconds: runs().map(|run| run.seconds).fold(0.0, f64::max),
        target: distinct(|run| &run.target),
        load: format!("{} reports, each: {}", reports.len(), distinct(|run| &run.load)),
        mode: distinct(|run| &run.mode),
        intended_per_second: runs().map(|run| run.intended_per_second).sum(),
        connections: runs().map(|run| run.connections).sum(),
        pipeline: runs().map(|run| run.pipeline).max().unwrap_or(1),
        threads: runs().map(|run| run.threads).sum(),
        seed: reports[0].run.seed,
        driver: distinct(|run| &run.driver),
        host: distinct(|run| &run.host),
        merged: runs().map(|run| run.merged).sum(),
    }
}

fn spread_note(reports: &[Report]) -> Option<String> {
    let starts = || reports.iter().map(|report| report.run.started_unix_ms);
    let spread = starts().max()? - starts().min()?;
    (spread > START_SPREAD_MS).then(|| {
        format!(
            "the hosts started {:.1} s apart, so the total rate was not the same all the time",
            spread as f64 / 1000.0
        )
    })
}

/// Kinds of request by name, in the order in which they first appear.
fn merge_requests(reports: &[Report]) -> Vec<RequestReport> {
    let mut merged: Vec<RequestReport> = Vec::new();
    for request in reports.iter().flat_map(|report| &report.requests) {
        match merged.iter_mut().find(|there| there.name == request.name) {
            Some(there) => {
                there.ok = there.ok.saturating_add(request.ok);
                there.failed = there.failed.saturating_add(request.failed);
                there.latency = merge_distributions([&there.latency, &request.latency].into_iter());
            }
            None => merged.push(request.clone()),
        }
    }
    merged
}

/// Seconds on one time axis, that of the host that started first.
fn merge_series(reports: &[Report]) -> Vec<Second> {
    let first = reports.iter().map(|report| report.run.started_unix_ms).min().unwrap_or(0);
    let mut merged: BTreeMap<i64, Second> = BTreeMap::new();
    for report in reports {
        let later = ((report.run.started_unix_ms - first) as f64 / 1000.0).round() as i64;
        for second in &report.series {
            let at = second.second.saturating_add(later);
            merged
                .entry(at)
                .and_modify(|sum| add_second(sum, second))
                .or_insert_with(|| Second { second: at, ..second.clone() });
        }
    }
    merged.into_values().collect()
}

fn add_second(sum: &mut Second, part: &Second) {
    for (sum, part) in [(&mut sum.sent, part.sent), (&mut sum.ok, part.ok), (&mut sum.failed, part.failed)] {
        *sum = sum.saturating_add(part);
    }
    for (sum, part) in sum.classes.iter_mut().zip(part.classes) {
        *sum = sum.saturating_add(part);
    }
    let percentiles = [
        (&mut sum.p50, part.p50),
        (&mut sum.p90, part.p90),
        (&mut sum.p99, part.p99),
        (&mut sum.p999, part.p999),
        (&mut sum.max, part.max),
    ];
    for (slowest, of_part) in percentiles {
        *slowest = slowest.max(of_part);
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::record::durations;

    #[test]
    fn a_merge_of_parts_is_the_whole() {
        // One histogram, dealt to three hosts: the merged figures have to be those of the undivided one, not an average.
        let mut whole = durations();
        let mut parts = [durations(), durations(), durations()];
        for request in 0..30_000_u64 {
            let nanos =
                200_000 + (request * 7919) % 50_000_000 + u64::from(request % 1000 == 0) * 900_000_000;
            whole.record(nanos).unwrap();
            parts[(request % 7 / 3) as usize].record(nanos).unwrap();
        }
        let hosts: Vec<Report> = parts
            .iter()
            .map(|part| {
                let mut report = sample::report();
                report.latency.intended = Distribution::of(part);
                report
            })
            .collect();
        assert_eq!(merge(&hosts).latency.intended, Distribution::of(&whole));
    }

    #[test]
    fn counts_rates_and_kinds_add_up() {
        let (a, mut b) = (sample::report(), sample::report());
        b.run.host = "bench-2".into();
        b.counts.failures = BTreeMap::from([("closed".into(), 7)]);
        b.valid = false;
        b.invalid_reasons = vec!["late".into()];
        let merged = merge(&[a.clone(), b]);
        assert_eq!((merged.counts.ok, merged.counts.failed), (300_000, 14));
        assert_eq!(merged.counts.failures["closed"] + merged.counts.failures["stall"], 10);
        assert_eq!((merged.ok_per_second, merged.run.intended_per_second), (10_000.0, Some(10_000.0)));
        assert_eq!((merged.run.connections, merged.run.threads, merged.run.merged), (128, 4, 2));
        assert_eq!(merged.run.host, "bench-1, AMD EPYC 7B13, Linux 6.18; bench-2");
        assert_eq!(
            (merged.requests.len(), merged.requests[0].ok, merged.requests[0].latency.count),
            (2, 200_000, 200_000)
        );
        assert_eq!(merged.requests[0].latency.p99, a.requests[0].latency.p99);
        assert_eq!(
            (merged.series.len(), merged.series[3].ok, merged.series[3].p99),
            (30, 10_000, a.series[3].p99)
        );
        assert_eq!((merged.valid, merged.invalid_reasons), (false, vec!["bench-2: late".to_string()]));
        assert!((merged.generator.requests_per_cpu_second - 300_006.0 / 12.8).abs() < 1e-6);
    }

    #[test]
    fn hosts_that_start_apart_share_one_time_axis() {
        let (a, mut b) = (sample::report(), sample::report());
        b.run.started_unix_ms += 2_100;
        let merged = merge(&[a, b]);
        assert_eq!((merged.series.len(), merged.series[0].ok, merged.series[2].ok), (32, 5000, 10_000));
        assert!(merged.notes.last().unwrap().starts_with("the hosts started 2.1 s apart"));
    }

    type Change = fn(&mut Report);

    fn arguments(reports: &[&Report]) -> (tempfile::TempDir, Args) {
        let directory = tempfile::tempdir().unwrap();
        let paths = (0..).zip(reports).map(|(index, report)| {
            let path = directory.path().join(format!("{index}.json"));
            json::write(report, &path).unwrap();
            path
        });
        let reports = paths.collect();
        (directory, Args { reports, json: None, html: None, force: false })
    }

    #[test]
    fn reports_of_different_plans_or_times_are_refused() {
        let a = sample::report();
        let changes: [(Change, &str); 5] = [
            (|b| b.run.load = "closed loop".into(), "load is "),
            (|b| b.run.target = "http://other:1".into(), "target is "),
            (|b| b.run.connections = 1, "connections is \"64\" in one and \"1\" in the other"),
            (|b| b.requests[1].name = "GET /".into(), "requests is "),
            (|b| b.run.started_unix_ms += 40_000, "not at the same time"),
        ];
        for (change, reason) in changes {
            let mut b = a.clone();
            change(&mut b);
            let (_directory, mut args) = arguments(&[&a, &b]);
            let message = read_and_merge(&args).unwrap_err();
            assert!(message.contains(reason) && message.contains("--force"), "{message}");
            args.force = true;
            assert_eq!(read_and_merge(&args).unwrap().run.merged, 2);
        }
        let (_directory, args) = arguments(&[&a, &a]);
        assert_eq!(read_and_merge(&args).unwrap(), merge(&[a.clone(), a]));
    }

    #[test]
    fn a_merged_report_merges_again() {
        let a = sample::report();
        let twice = merge(&[merge(&[a.clone(), a.clone()]), a.clone()]);
        assert_eq!((twice.run.merged, twice.counts.ok), (3, 450_000));
        assert_eq!(twice.latency.intended, merge(&[a.clone(), a.clone(), a]).latency.intended);
    }
}
