//! `cargo xtask bench vtl`: the same mapping template in Ringway, in Apache Velocity on a warm JVM, and in airspeed, which is what
//! emulators of API Gateway use.
//!
//! Every arm is one process that has compiled the template and is told how often to render: each time it reads the body's JSON, renders,
//! and compares what came out with the same file, byte for byte. It counts the processor time of the thread that renders. The arms
//! take turns, because machines drift.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::options::Options;
use crate::packages::{self, Tool};
use crate::process::Scratch;
use crate::report::{Comparison, Report, Table, number, progress};
use crate::statistics::median;
use crate::verify::rest::differential::{JAR_DIRECTORY, oracle};
use crate::{Outcome, cargo, host};

/// How often Ringway renders in the time in which a peer does once.
const OF_VELOCITY: f64 = 5.0;
const OF_AIRSPEED: f64 = 100.0;
/// Each arm runs as long, and as often, before anything counts; airspeed has nothing to warm up that would take so many calls.
const WARM_TIME: Duration = Duration::from_secs(6);
const WARM_CALLS: u64 = 50_000;
/// What one arm does at a time in a round.
const TURN: Duration = Duration::from_millis(200);

const PYTHON: Tool = Tool { program: "python3", package: "python3-venv", why: "runs airspeed" };
const AIRSPEED: &str = "airspeed==0.7.1";

const VELOCITY_ARM: &str = include_str!("vtl/VelocityArm.java");
const AIRSPEED_ARM: &str = include_str!("vtl/airspeed_arm.py");

const NOTES: &str = "\
Nanoseconds of processor time of the rendering thread; the JVM's compiling and collecting of garbage are not counted. A rendering reads
the body's JSON; `without the body` is a rendering less the reading of the body alone, measured in the same round. Ratios are medians of
those of the rounds, with the least and the greatest.";

/// Measures and judges.
pub(crate) fn run(options: &Options, report: &mut Report) -> Outcome<()> {
    options.only(&["rounds"])?;
    let rounds: usize = options.get("rounds", 21)?;
    let scratch = Scratch::new("bench-vtl")?;
    let mut commands = [velocity(&scratch)?, airspeed(&scratch)?, ringway()?];
    let [velocity, airspeed, ringway] = &mut commands;
    let mut arms = [
        Arm::start("ringway", ringway, WARM_CALLS)?,
        Arm::start("velocity", velocity, WARM_CALLS)?,
        Arm::start("airspeed", airspeed, 0)?,
    ];
    println!("\n{}", host::describe());
    let started = Instant::now();
    for round in 0..rounds {
        progress(&format!("round {} of {rounds}", round + 1), round, rounds, started);
        for arm in &mut arms {
            arm.turn()?;
        }
    }
    print_table(&arms, report);
    println!("{NOTES}");
    report.target("times_velocity", Comparison::AtLeast, OF_VELOCITY);
    report.target("times_airspeed", Comparison::AtLeast, OF_AIRSPEED);
    Ok(())
}

fn print_table(arms: &[Arm; 3], report: &mut Report) {
    let ours = &arms[0];
    let mut table = Table::new(&[
        "engine",
        "ns a rendering",
        "ringway is faster",
        "without the body",
        "ringway is faster",
    ]);
    for arm in arms {
        let bare = arm.without_body();
        report.figure(format!("nanos_{}", arm.name), median(&arm.renders));
        report.figure(format!("nanos_{}_without_body", arm.name), median(&bare));
        let ratios = [ratios(&arm.renders, &ours.renders), ratios(&bare, &ours.without_body())];
        if arm.name != ours.name {
            for (ratios, suffix) in ratios.iter().zip(["", "_without_body"]) {
                report.figure(format!("times_{}{suffix}", arm.name), median(ratios));
            }
        }
        let [whole, rest] = ratios.map(|ratios| spread(&ratios));
        table.row([arm.name.to_owned(), number(median(&arm.renders)), whole, number(median(&bare)), rest]);
    }
    print!("\n{}", table.text());
}

fn ratios(over: &[f64], under: &[f64]) -> Vec<f64> {
    over.iter().zip(under).map(|(over, under)| over / under).collect()
}

/// The median, the least and the greatest.
fn spread(ratios: &[f64]) -> String {
    let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = ratios.iter().copied().fold(0.0, f64::max);
    format!("{:.1} ({least:.1} to {greatest:.1})", median(ratios))
}

/// An engine in a process of its own, and what it has taken, by round.
struct Arm {
    name: &'static str,
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Calls of a turn.
    calls: [u64; 2],
    renders: Vec<f64>,
    parses: Vec<f64>,
}

const RENDER: &str = "render";
const PARSE: &str = "parse";

impl Arm {
    /// Starts it and warms it up.
    fn start(name: &'static str, command: &mut Command, warm_calls: u64) -> Outcome<Self> {
        let line = cargo::spell(command);
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{line}: {error}"))?;
        let (Some(questions), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(format!("{line}: no pipes"));
        };
        let answers = BufReader::new(answers);
        let mut arm =
            Arm { name, process, questions, answers, calls: [0; 2], renders: Vec::new(), parses: Vec::new() };
        eprintln!("warming up {name}");
        arm.calls = [arm.warm_up(RENDER, warm_calls)?, arm.warm_up(PARSE, warm_calls)?];
        Ok(arm)
    }

    /// Returns how many calls fill a turn.
    fn warm_up(&mut self, task: &str, warm_calls: u64) -> Outcome<u64> {
        let started = Instant::now();
        let (mut calls, mut batch, mut nanos) = (0, 1, 0.0);
        while calls < warm_calls || started.elapsed() < WARM_TIME {
            nanos = self.ask(task, batch)?;
            calls += batch;
            batch = (TURN.as_nanos() as f64 / nanos).ceil().clamp(1.0, 2.0 * calls as f64) as u64;
        }
        println!("{}: {calls} calls of {task} to warm up, at last {nanos:.0} ns each", self.name);
        Ok(batch)
    }

    fn turn(&mut self) -> Outcome<()> {
        let render = self.ask(RENDER, self.calls[0])?;
        let parse = self.ask(PARSE, self.calls[1])?;
        self.renders.push(render);
        self.parses.push(parse);
        Ok(())
    }

    /// Nanoseconds of one of `calls`.
    fn ask(&mut self, task: &str, calls: u64) -> Outcome<f64> {
        let failed = |error: String| format!("{}: {error}", self.name);
        let mut answer = String::new();
        writeln!(self.questions, "{task} {calls}")
            .and_then(|()| self.answers.read_line(&mut answer))
            .map_err(|error| failed(error.to_string()))?;
        answer.trim().parse().map_err(|_| failed(format!("no time for {task}: `{}`", answer.trim())))
    }

    fn without_body(&self) -> Vec<f64> {
        self.renders.iter().zip(&self.parses).map(|(render, parse)| render - parse).collect()
    }
}

impl Drop for Arm {
    fn drop(&mut self) {
        // Nothing is lost with it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn ringway() -> Outcome<Command> {
    Ok(Command::new(cargo::release(&["ringway-benches"])?.join("vtl_arm")))
}

/// With the same classes for `$input` and `$util` as the oracle of `verify rest`.
fn velocity(scratch: &Scratch) -> Outcome<Command> {
    let oracle = oracle()?;
    let source = scratch.write("VelocityArm.java", VELOCITY_ARM)?;
    let classes = scratch.file("classes");
    let libraries = format!("{JAR_DIRECTORY}/*");
    let mut compile = Command::new("javac");
    compile.args(["-nowarn", "-Xlint:none", "-cp", &libraries, "-d"]).arg(&classes).arg(oracle).arg(&source);
    cargo::run(&mut compile)?;
    let mut command = Command::new("java");
    command.args(["-cp", &format!("{libraries}:{}", classes.display()), "VelocityArm"]).args(inputs());
    Ok(command)
}

/// Installed once, beside what cargo builds.
fn airspeed(scratch: &Scratch) -> Outcome<Command> {
    packages::ensure(&[PYTHON])?;
    let environment = cargo::target_directory()?.join("airspeed");
    let python = environment.join("bin/python");
    if !has_airspeed(&python) {
        cargo::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
        cargo::run(Command::new(&python).args(["-m", "pip", "install", "--quiet", AIRSPEED]))?;
    }
    let mut command = Command::new(python);
    command.arg(scratch.write("airspeed_arm.py", AIRSPEED_ARM)?).args(inputs());
    Ok(command)
}

fn has_airspeed(python: &Path) -> bool {
    let import = Command::new(python).args(["-c", "import airspeed"]).stderr(Stdio::null()).status();
    import.is_ok_and(|status| status.success())
}

/// The template, the body and what has to come out, as Ringway's arm has them built in.
fn inputs() -> [PathBuf; 3] {
    ["vtl", "json", "out"].map(|kind| cargo::root().join(format!("benches/src/hot/mapping.{kind}")))
}
