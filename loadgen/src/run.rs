//! `ringload run`: from the command line to the report.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ringway_ring::probe::DriverChoice;
use ringway_ring::start::Driver;

use crate::cli::RunArgs;
use crate::exit::{Exit, Refusal};
use crate::plan::{self, IssueKind, Load, Plan, PlanIssue};
use crate::report::build::build;
use crate::report::live::{Live, Mode, PlanSummary};
use crate::report::text::{self, Style};
use crate::report::{Report, Run, html, json};
use crate::resolve::{self, Reached};
use crate::stop::Interrupts;
use crate::team::{self, Team};
use crate::validity::{Evidence, judge};
use crate::worker::WorkerOutcome;
use crate::{cores, host, words};

/// Runs the plan that the options give, and says how it ended.
pub fn run(args: &RunArgs) -> Exit {
    match prepare(args).and_then(|prepared| measure(args, prepared)) {
        Ok(exit) => exit,
        Err(refusal) => {
            eprintln!("ringload run: {}", refusal.message);
            refusal.exit
        }
    }
}

/// Everything that can be wrong before the first request is.
struct Prepared {
    plan: Arc<Plan>,
    reached: Reached,
    driver: Driver,
    interrupts: Interrupts,
}

fn prepare(args: &RunArgs) -> Result<Prepared, Refusal> {
    let plan = load_plan(args)?;
    for file in [&args.json, &args.html].into_iter().flatten() {
        can_be_written(file)?;
    }
    host::allow_descriptors(plan.connections, plan.threads)?;
    let reached = resolve::reach(&plan.target, plan.timeouts.connect)?;
    let driver = cores::driver(args.driver).map_err(|why| Refusal::new(Exit::Unavailable, why))?;
    let interrupts = Interrupts::listen()
        .map_err(|error| Refusal::new(Exit::Unavailable, format!("cannot listen for Ctrl-C: {error}")))?;
    Ok(Prepared { plan: Arc::new(plan), reached, driver, interrupts })
}

fn load_plan(args: &RunArgs) -> Result<Plan, Refusal> {
    let overrides = args.overrides()?;
    let plan = match (&args.plan, &args.url) {
        (Some(file), _) => plan::load(file).and_then(|file| file.into_plan(&overrides)),
        (None, Some(url)) => plan::from_command_line(url, &overrides),
        (None, None) => return Err(Refusal::new(Exit::Usage, "give --url or --plan")),
    };
    plan.map_err(|issues| refuse(&issues))
}

/// All that is wrong with a plan; the first thing decides the exit code.
fn refuse(issues: &[PlanIssue]) -> Refusal {
    let exit = match issues.first().map(|issue| issue.kind) {
        Some(IssueKind::Missing) => Exit::NoInput,
        Some(IssueKind::Invalid) => Exit::Data,
        Some(IssueKind::Usage) | None => Exit::Usage,
    };
    let lines: Vec<String> = issues.iter().map(ToString::to_string).collect();
    Refusal::new(exit, lines.join("\n"))
}

/// Says before a long run what would go wrong after it.
fn can_be_written(file: &Path) -> Result<(), Refusal> {
    let directory = file.parent().filter(|directory| !directory.as_os_str().is_empty());
    match directory {
        Some(directory) if !directory.is_dir() => {
            let message = format!("{}: there is no directory {}", file.display(), directory.display());
            Err(Refusal::new(Exit::Output, message))
        }
        _ => Ok(()),
    }
}

/// Runs, reports, and judges.
fn measure(args: &RunArgs, prepared: Prepared) -> Result<Exit, Refusal> {
    let Prepared { plan, reached, driver, mut interrupts } = prepared;
    let mode = if args.quiet { Mode::Off } else { Mode::choose(args.plain) };
    let summary = PlanSummary {
        target: plan.target.url.clone(),
        load: words::load(&plan),
        warmup: plan.warmup,
        duration: plan.duration,
        requests_max: plan.requests_max,
    };
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let fallback = args.driver == DriverChoice::Auto;
    let team = Team::start(plan.clone(), reached.address, driver, !args.paced, fallback)?;
    let mut live = Live::new(mode, summary);
    let finished = team.run(&mut interrupts, &mut live);
    live.finish();
    let finished = finished?;
    let report = report(args, &plan, &reached, driver, started, &finished);
    let written = deliver(args, &report);
    Ok(if !written {
        Exit::Output
    } else if finished.interrupted {
        Exit::Interrupted
    } else if !report.valid {
        Exit::Invalid
    } else if report.counts.failed + report.counts.missed > 0 && !args.allow_failures {
        Exit::Failures
    } else {
        Exit::Ok
    })
}

fn report(
    args: &RunArgs,
    plan: &Plan,
    reached: &Reached,
    driver: Driver,
    started: Duration,
    finished: &team::Finished,
) -> Report {
    let outcomes = &finished.outcomes;
    let measured: Vec<_> = outcomes.iter().map(|outcome| outcome.measured.clone()).collect();
    let cpu: Vec<_> = outcomes.iter().map(|outcome| outcome.cpu).collect();
    let mut lateness = crate::record::durations();
    for of_thread in &measured {
        lateness.add(&of_thread.lateness).expect("all histograms of a run have the same bounds");
    }
    let mut verdict = judge(&Evidence {
        load: &plan.load,
        cpu: &cpu,
        waited_share: greatest(outcomes, |outcome| outcome.waited_share),
        lateness: &lateness,
        late: measured.iter().map(|of_thread| of_thread.counts.late).sum(),
        sent: measured.iter().map(|of_thread| of_thread.counts.sent).sum(),
    });
    verdict.notes.extend(notes(plan, reached, finished));
    let seconds = greatest(outcomes, |outcome| outcome.measured_for as f64 / 1e9);
    let run = Run {
        ringload: env!("CARGO_PKG_VERSION").into(),
        label: args.label.clone(),
        started_unix_ms: started.as_millis() as u64,
        seconds,
        target: plan.target.url.clone(),
        load: words::load(plan),
        mode: words::mode(&plan.load).into(),
        intended_per_second: words::intended_per_second(plan, seconds),
        connections: plan.connections,
        pipeline: plan.pipeline,
        threads: plan.threads,
        seed: plan.seed,
        driver: if args.paced { driver.describe() } else { format!("{}, sends unpaced", driver.describe()) },
        host: host::describe(),
        merged: 1,
    };
    build(run, &measured, &cpu, finished.series.clone(), verdict)
}

fn greatest(outcomes: &[WorkerOutcome], of: impl Fn(&WorkerOutcome) -> f64) -> f64 {
    outcomes.iter().map(of).fold(0.0, f64::max)
}

fn notes(plan: &Plan, reached: &Reached, finished: &team::Finished) -> Vec<String> {
    let mut notes = plan.notes.clone();
    notes.extend(finished.notes.iter().cloned());
    if finished.interrupted {
        notes.push("ended early by a signal".into());
    }
    if reached.of > 1 {
        notes.push(format!(
            "the target has {} addresses; all requests went to {}",
            reached.of, reached.address
        ));
    }
    let missed: u64 = finished.outcomes.iter().map(|outcome| outcome.measured.counts.missed).sum();
    if missed > 0 {
        notes.push(format!(
            "{missed} requests were due and never sent, because every connection was busy to the end: the latencies leave them out"
        ));
    }
    if matches!(plan.load, Load::Closed) {
        notes.push(
            "closed loop: latency is service time and does not show what those wait who come during a stall"
                .into(),
        );
    }
    notes
}

/// Prints and writes the report; false when a file could not be written, and the report was printed as JSON instead.
fn deliver(args: &RunArgs, report: &Report) -> bool {
    let mut failed = Vec::new();
    let mut try_to = |file: &Path, written: io::Result<()>| {
        if let Err(error) = written {
            failed.push(format!("cannot write {}: {error}", file.display()));
        }
    };
    let is_stdout = |file: &Path| file.as_os_str() == "-";
    if !args.json.as_deref().is_some_and(is_stdout) && !args.html.as_deref().is_some_and(is_stdout) {
        print!("{}", text::render(report, Style::of(&io::stdout())));
    }
    if let Some(file) = &args.html {
        try_to(file, json::write_file(file, html::page(&[report]).as_bytes()));
    }
    if let Some(file) = &args.json {
        try_to(file, json::write(report, file));
    }
    for message in &failed {
        eprintln!("ringload run: {message}");
    }
    if !failed.is_empty() {
        eprintln!("ringload run: the report follows as JSON, so that what was measured is not lost");
        let _ = json::write(report, Path::new("-"));
    }
    failed.is_empty()
}
