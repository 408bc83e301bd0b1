//! `cargo xtask bench ab REV_A REV_B`: two builds of `ringway`, run in turn A B B A A B …, and the verdict of `ringload compare`.
//!
//! The unit is a run: a fresh process, loaded for some seconds. Requests of one run are no independent samples, and two processes of the
//! same build differ a little for as long as they live (where their memory lies), so that each pair starts both anew.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::json;

use super::arms::Site;
use super::compared::{self, Compared};
use super::revisions::{self, Build};
use super::slices::{self, PATIENCE, Slice};
use super::wrk;
use crate::options::Options;
use crate::report::{Comparison, Report, progress};
use crate::statistics::{Random, median};
use crate::{Outcome, packages};

/// Makes a build of the gateway waste time: see `dataplane/src/planted.rs`.
const PLANTED: &str = "ringway-dataplane/planted-slowdown";
/// How much it wastes.
const PLANTED_NANOS: &str = "RINGWAY_PLANTED_NANOS";
/// Runs of A from which the waste is calculated.
const CALIBRATION_RUNS: usize = 3;
/// Share of `--same` comparisons that have to come out as they should.
const RIGHT_SHARE: f64 = 0.95;
/// The pool of `--same`, as a multiple of the pairs of one comparison.
const POOL: usize = 4;

/// How far two runs of one side in a block may be apart (logarithm of their ratio). In steady times they differ by about 1 %.
const STEADY: f64 = 0.05;

/// How the pairs are run.
struct Plan {
    pairs: usize,
    seconds: u32,
    connections: usize,
    disturbance: f64,
}

/// What the command line asks for.
enum Question {
    /// Is B another than A?
    Compare,
    /// Is B, which is A and wastes this share of its time, worse?
    Planted(f64),
    /// How often do two times the same build come out the same, of so many comparisons?
    Same(usize),
}

/// A build and how it is started.
struct Side {
    build: Build,
    nanos: Option<u64>,
}

/// Runs of A and of B, side by side.
type Pair = [Slice; 2];

/// Builds, measures, compares.
pub(crate) fn run(options: &Options, report: &mut Report) -> Outcome<()> {
    let keys = ["pairs", "seconds", "connections", "disturbance", "plant", "same", "pool", "seed", "samples"];
    let revisions = options.only_with_words(&keys)?;
    let plan = Plan {
        pairs: options.get("pairs", 10usize)?.next_multiple_of(2),
        seconds: options.get("seconds", 3)?,
        connections: options.get("connections", 64)?,
        disturbance: options.get("disturbance", 0.08)?,
    };
    let question = question(options)?;
    let (a, b) = match (&question, revisions) {
        (Question::Compare, [a, b]) => (a.as_str(), b.as_str()),
        (Question::Compare, _) => return Err("two revisions are compared: bench ab REV_A REV_B".to_owned()),
        (_, []) => (revisions::WORK_TREE, revisions::WORK_TREE),
        (_, [revision]) => (revision.as_str(), revision.as_str()),
        _ => return Err("--plant and --same take one revision".to_owned()),
    };
    packages::ensure(&[packages::WRK, packages::TASKSET])?;
    let mut sides = [
        Side { build: revisions::build(a, &[])?, nanos: None },
        Side {
            build: match question {
                Question::Planted(_) => revisions::build(b, &[PLANTED])?,
                _ => revisions::build(b, &[])?,
            },
            nanos: None,
        },
    ];
    let site = Site::new("bench-ab", &["ringway-loadgen"])?;
    println!("\n{}", site.describe(&[("wrk", "-v")]));
    println!("A: {}\nB: {}", sides[0].build.name, sides[1].build.name);
    report.text("a", &sides[0].build.name);
    report.text("b", &sides[1].build.name);
    if let Question::Planted(share) = question {
        let nanos = calibrate(&site, &sides[0], &plan, share)?;
        println!("B wastes {nanos} ns in each request, {:.1} % of what one costs A", share * 100.0);
        report.figure("planted_nanos", nanos as f64);
        sides[1].nanos = Some(nanos);
    }
    match question {
        Question::Same(comparisons) => judge_instrument(&site, &sides, &plan, options, comparisons, report),
        _ => {
            let pairs = measure(&site, &sides, &plan, plan.pairs, report)?;
            let file = samples_file(&site, options)?;
            let compared = compared::compare(&site, &file, &samples(&pairs), true)?;
            judge(&compared, &question, report);
            Ok(())
        }
    }
}

fn question(options: &Options) -> Outcome<Question> {
    let (planted, same) = (options.get("plant", String::new())?, options.get("same", 0usize)?);
    match (planted.as_str(), same) {
        ("", 0) => Ok(Question::Compare),
        ("", count) => Ok(Question::Same(count)),
        (share, 0) => {
            let percent = share.strip_suffix('%').and_then(|number| number.parse::<f64>().ok());
            let percent = percent.filter(|percent| *percent > 0.0 && *percent <= 100.0);
            percent
                .map(|percent| Question::Planted(percent / 100.0))
                .ok_or_else(|| format!("--plant {share}: a share of a request's cost as `5%`"))
        }
        _ => Err("--plant and --same are two questions: ask one at a time".to_owned()),
    }
}

/// Where the samples are written: kept where `--samples` names a file.
fn samples_file(site: &Site, options: &Options) -> Outcome<PathBuf> {
    match options.get("samples", String::new())?.as_str() {
        "" => Ok(site.scratch.file("samples.ndjson")),
        path => Ok(std::env::current_dir().map_err(|error| error.to_string())?.join(path)),
    }
}

impl Side {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.build.program);
        command.envs(self.nanos.map(|nanos| (PLANTED_NANOS, nanos.to_string())));
        command
    }
}

/// `wanted` pairs, in blocks A B B A that nothing disturbed.
fn measure(
    site: &Site,
    sides: &[Side; 2],
    plan: &Plan,
    wanted: usize,
    report: &mut Report,
) -> Outcome<Vec<Pair>> {
    let script = wrk::write_script(&site.scratch)?;
    let (mut pairs, mut dropped) = (Vec::new(), 0usize);
    let started = Instant::now();
    for _ in 0..wanted * PATIENCE {
        if pairs.len() >= wanted {
            break;
        }
        match measure_block(site, sides, plan, &script)?.filter(is_steady) {
            Some(block) => pairs.extend(block),
            None => dropped += 1,
        }
        let blocks = format!("{} of {wanted} pairs, {dropped} blocks dropped", pairs.len());
        progress(&blocks, pairs.len(), wanted, started);
    }
    println!("{} pairs; {dropped} blocks dropped because the machine was disturbed in them", pairs.len());
    report.figure("pairs", pairs.len() as f64);
    report.figure("blocks_dropped", dropped as f64);
    match pairs.len() >= wanted {
        true => Ok(pairs),
        false => Err(format!("{dropped} blocks were disturbed: stop other processes")),
    }
}

/// A, B, B, A, each in a process of its own. `None`: another process disturbed one.
fn measure_block(site: &Site, sides: &[Side; 2], plan: &Plan, script: &Path) -> Outcome<Option<[Pair; 2]>> {
    let (mut runs, mut disturbed) = (Vec::new(), false);
    for side in [0, 1, 1, 0] {
        let run = measure_side(site, &sides[side], ["a", "b"][side], plan, script)?;
        disturbed |= run.is_none();
        runs.extend(run);
    }
    Ok(match (disturbed, runs.as_slice()) {
        (false, &[a, b, next_b, next_a]) => Some([[a, b], [next_a, next_b]]),
        _ => None,
    })
}

/// Whether each side came to about the same twice. A shared machine has faster and slower times, and a block in which they change says
/// nothing of the builds. The rule looks at each side alone, so that it favours neither.
fn is_steady(block: &[Pair; 2]) -> bool {
    let [[a, b], [next_a, next_b]] = block;
    let close = |one: &Slice, other: &Slice| (one.per_cpu_second / other.per_cpu_second).ln().abs() <= STEADY;
    close(a, next_a) && close(b, next_b)
}

/// One run of one side.
fn measure_side(site: &Site, side: &Side, name: &str, plan: &Plan, script: &Path) -> Outcome<Option<Slice>> {
    let arms = [site.start_build(name, &side.command())?];
    let sizes = slices::check_answers(site, &arms, wrk::PATH)?;
    let slice =
        slices::Plan { rounds: 1, seconds: plan.seconds, disturbance: plan.disturbance, path: wrk::PATH };
    let measured = slices::measure(site, &arms, &arms[0], script, plan.connections, &slice)?;
    if measured.counted.errors > 0 {
        return Err(format!("{}: {} requests failed", side.build.name, measured.counted.errors));
    }
    slices::check_bytes(&arms[0], &measured.counted, sizes[0])?;
    arms[0].take_log_lines()?;
    Ok((measured.others <= plan.disturbance).then_some(measured.slice))
}

/// `share` of the processor time that a request costs `side`, in nanoseconds.
fn calibrate(site: &Site, side: &Side, plan: &Plan, share: f64) -> Outcome<u64> {
    let script = wrk::write_script(&site.scratch)?;
    let mut rates = Vec::new();
    for _ in 0..CALIBRATION_RUNS * PATIENCE {
        rates.extend(measure_side(site, side, "a", plan, &script)?.map(|slice| slice.per_cpu_second));
        if rates.len() == CALIBRATION_RUNS {
            return Ok((1e9 / median(&rates) * share).round() as u64);
        }
    }
    Err("every calibration run was disturbed: stop other processes".to_owned())
}

/// One line per run, for `ringload compare --samples`.
fn samples(pairs: &[Pair]) -> String {
    let mut text = String::new();
    for (arm, slice) in pairs.iter().flat_map(|[a, b]| [("a", a), ("b", b)]) {
        let figures = json!({
            compared::JUDGED: slice.per_cpu_second,
            "requests_per_second": slice.rate,
            "p50_us": slice.p50,
            "p99_us": slice.p99,
        });
        let _ = writeln!(text, "{}", json!({ "arm": arm, "figures": figures }));
    }
    text
}

fn judge(compared: &Compared, question: &Question, report: &mut Report) {
    report.text("verdict", &compared.verdict);
    report.figure("change", compared.change);
    report.figure("change_low", compared.low);
    report.figure("change_high", compared.high);
    match question {
        Question::Planted(_) => {
            report.figure("planted_found", f64::from(compared.verdict == compared::WORSE));
            report.target("planted_found", Comparison::Equal, 1.0);
        }
        _ => {
            report.figure("worse", f64::from(compared.verdict == compared::WORSE));
            report.target("worse", Comparison::Equal, 0.0);
        }
    }
}

/// A against A, again and again: each comparison draws its pairs at random from one pool.
fn judge_instrument(
    site: &Site,
    sides: &[Side; 2],
    plan: &Plan,
    options: &Options,
    comparisons: usize,
    report: &mut Report,
) -> Outcome<()> {
    let pool = options.get("pool", plan.pairs * POOL)?;
    if pool < plan.pairs {
        return Err(format!("--pool {pool}: one comparison alone needs {} pairs", plan.pairs));
    }
    let pairs = measure(site, sides, plan, pool, report)?;
    let file = samples_file(site, options)?;
    let mut random = Random::new(options.get("seed", 1)?);
    let mut verdicts = Vec::new();
    for _ in 0..comparisons {
        let drawn: Vec<Pair> = random.order(pool)[..plan.pairs].iter().map(|&index| pairs[index]).collect();
        verdicts.push(compared::compare(site, &file, &samples(&drawn), false)?);
    }
    std::fs::write(&file, samples(&pairs)).map_err(|error| format!("{}: {error}", file.display()))?;
    for verdict in [compared::SAME, compared::BETTER, compared::WORSE, compared::NOISY] {
        let count = verdicts.iter().filter(|compared| compared.verdict == verdict).count();
        println!("{verdict}: {count} of {comparisons}");
        report.figure(verdict, count as f64);
    }
    let ratios: Vec<f64> = pairs.iter().map(|[a, b]| b.per_cpu_second / a.per_cpu_second).collect();
    report.figure("ratio_of_pool", median(&ratios));
    let right = (comparisons as f64 * RIGHT_SHARE).floor();
    report.target(compared::SAME, Comparison::AtLeast, right);
    report.target(compared::WORSE, Comparison::AtMost, comparisons as f64 - right);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Question, is_steady, question, samples};
    use crate::bench::slices::Slice;
    use crate::options::Options;

    fn asked(line: &str) -> Result<Question, String> {
        question(&Options::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())?)
    }

    #[test]
    fn one_question_at_a_time() {
        assert!(matches!(asked("ab"), Ok(Question::Compare)));
        assert!(matches!(asked("ab --same 20"), Ok(Question::Same(20))));
        assert!(
            matches!(asked("ab --plant 5%"), Ok(Question::Planted(share)) if (share - 0.05).abs() < 1e-9)
        );
        for wrong in ["ab --plant 5", "ab --plant -1%", "ab --plant x%", "ab --plant 5% --same 2"] {
            assert!(asked(wrong).is_err(), "{wrong}");
        }
    }

    fn slice(rate: f64) -> Slice {
        Slice { per_cpu_second: rate, rate, user: 0.5, p50: 1.0, p99: 2.0, p999: 3.0 }
    }

    #[test]
    fn a_block_in_which_the_machine_changed_is_dropped_and_one_of_unlike_sides_is_not() {
        let block = |a, b, next_b, next_a| [[slice(a), slice(b)], [slice(next_a), slice(next_b)]];
        assert!(is_steady(&block(100.0, 50.0, 51.0, 101.0)));
        assert!(!is_steady(&block(100.0, 100.0, 100.0, 90.0)));
        assert!(!is_steady(&block(100.0, 90.0, 100.0, 100.0)));
    }

    #[test]
    fn every_run_is_a_sample() {
        let text = samples(&[[slice(100.0), slice(50.0)]]);
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!((&lines[0]["arm"], &lines[1]["arm"]), (&"a".into(), &"b".into()));
        assert_eq!(lines[1]["figures"]["requests_per_cpu_second"], 50.0);
    }
}
