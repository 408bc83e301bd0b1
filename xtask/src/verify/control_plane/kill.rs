//! The process is killed while it writes, and started again: what was answered is there, nothing is there by half, and it serves soon.

use std::thread;
use std::time::{Duration, Instant};

use super::client::Client;
use super::gateway::{self, Gateway};
use super::picture::{self, NUMBER_PATH};
use super::writer::Writer;
use crate::Outcome;
use crate::options::Options;
use crate::process::{Scratch, Server};
use crate::report::{Comparison, Report, progress};
use crate::statistics::{Random, median};

/// Writers at a time, each with an API of its own.
const WRITERS: usize = 2;
/// When it is killed, in milliseconds after the writers' start.
const KILLED_AFTER: std::ops::Range<usize> = 20..400;
/// From the start of the process to an answer of the data plane.
const SERVE_MS: f64 = 1000.0;
/// Fewer answered writes in a round, on average, would prove nothing.
const WRITES_EACH: usize = 20;

/// What was seen in all rounds.
#[derive(Default)]
struct Seen {
    lost: usize,
    torn: usize,
    /// Writes without an answer that are there, and that are not.
    kept: usize,
    gone: usize,
    serve_ms: Vec<f64>,
}

/// Measures and judges.
pub(super) fn run(options: &Options, report: &mut Report) -> Outcome<()> {
    let rounds: usize = options.get("rounds", 50)?;
    let seed: u64 = options.get("seed", u64::from(std::process::id()))?;
    let program = gateway::program()?;
    // On a disk, where a commit takes as long as it takes there.
    let scratch = Scratch::on_disk("verify-kill")?;
    let store = scratch.file("store.redb");
    let gateway = Gateway::new(&program, &scratch, &store, &[], &options.get("driver", "auto".to_owned())?)?;
    println!("\n{rounds} rounds of {WRITERS} writers and kill -9; seed {seed}; store {}", store.display());
    let mut random = Random::new(seed);
    let mut server = gateway.start(&scratch)?;
    server.wait_until(|_| Client::connect(gateway.control).is_ok())?;
    let mut client = connect(&gateway)?;
    let mut writers = Vec::new();
    for number in 0..WRITERS {
        let random = Random::new(seed.wrapping_add(1 + number as u64));
        let mut writer = Writer::new(&mut client, &format!("killed{number}"), random)?;
        writer.answered = picture::take(&mut client, &gateway, &writer.api)?;
        writers.push(writer);
    }
    let mut seen = Seen::default();
    let started = Instant::now();
    for round in 0..rounds {
        let after = KILLED_AFTER.start + random.below(KILLED_AFTER.len());
        write_and_kill(server, &gateway, &mut writers, Duration::from_millis(after as u64))?;
        server = restart(&gateway, &scratch, &writers, &mut seen)?;
        let mut client = connect(&gateway)?;
        for writer in &mut writers {
            check(&mut client, &gateway, writer, &mut seen)?;
        }
        if (round + 1) % 5 == 0 {
            let what = format!("{} of {rounds} rounds, {} writes", round + 1, count(&writers));
            progress(&what, round + 1, rounds, started);
        }
    }
    tell(&seen, rounds, count(&writers), report);
    Ok(())
}

fn tell(seen: &Seen, rounds: usize, answered: u64, report: &mut Report) {
    println!(
        "{answered} writes were answered; of those without an answer {} are there and {} are not",
        seen.kept, seen.gone
    );
    report.figure("kill_rounds", rounds as f64);
    report.figure("kill_answered", answered as f64);
    report.figure("kill_unanswered_kept", seen.kept as f64);
    report.figure("kill_unanswered_gone", seen.gone as f64);
    report.figure("kill_lost", seen.lost as f64);
    report.figure("kill_torn", seen.torn as f64);
    report.figure("kill_serve_ms_median", median(&seen.serve_ms));
    report.figure("kill_serve_ms_max", seen.serve_ms.iter().copied().fold(0.0, f64::max));
    report.target("kill_answered", Comparison::AtLeast, (rounds * WRITES_EACH) as f64);
    report.target("kill_lost", Comparison::Equal, 0.0);
    report.target("kill_torn", Comparison::Equal, 0.0);
    report.target("kill_serve_ms_max", Comparison::AtMost, SERVE_MS);
}

fn count(writers: &[Writer]) -> u64 {
    writers.iter().map(|writer| writer.count).sum()
}

fn connect(gateway: &Gateway) -> Outcome<Client> {
    Client::connect(gateway.control).map_err(|error| format!("the control plane: {error}"))
}

fn write_and_kill(
    mut server: Server,
    gateway: &Gateway,
    writers: &mut [Writer],
    after: Duration,
) -> Outcome<()> {
    thread::scope(|scope| {
        let threads: Vec<_> =
            writers.iter_mut().map(|writer| scope.spawn(|| writer.write(gateway.control))).collect();
        thread::sleep(after);
        server.kill();
        threads.into_iter().try_for_each(|one| one.join().map_err(|_| "a writer panicked".to_owned())?)
    })
}

/// Starts it again, and waits until the data plane answers for every API.
fn restart(gateway: &Gateway, scratch: &Scratch, writers: &[Writer], seen: &mut Seen) -> Outcome<Server> {
    let started = Instant::now();
    let mut server = gateway.start(scratch)?;
    for writer in writers {
        server.wait_until(|_| gateway.ask(&writer.api, NUMBER_PATH).is_some())?;
    }
    seen.serve_ms.push(started.elapsed().as_secs_f64() * 1000.0);
    server.wait_until(|_| Client::connect(gateway.control).is_ok())?;
    Ok(server)
}

/// Holds what is there against what the writer knows, which from then on is what is there.
fn check(client: &mut Client, gateway: &Gateway, writer: &mut Writer, seen: &mut Seen) -> Outcome<()> {
    let there = picture::take(client, gateway, &writer.api)?;
    let verdict = picture::judge(&writer.answered, writer.unanswered.as_ref(), &there);
    if verdict.is_torn() {
        seen.torn += 1;
        println!("torn: there is {:?}, and not {:?}", verdict.applied, verdict.missing);
    }
    for lost in &verdict.lost {
        println!("lost: {lost}");
    }
    seen.lost += verdict.lost.len();
    if writer.unanswered.take().is_some() {
        *if verdict.applied.is_empty() { &mut seen.gone } else { &mut seen.kept } += 1;
    }
    writer.answered = there;
    Ok(())
}
