//! `cargo xtask bench loadgen`: how many requests each generator makes of a second of its own processor time.
//!
//! The generator has one core and the backend the other. Generators alternate in short slices, because a machine drifts by more than
//! they differ. The time to start is the generator's own: it is part of what it costs.

use std::process::Command;
use std::time::{Duration, Instant};

use super::arms::Site;
use super::generators::{Generator, Load};
use super::slices::{PATIENCE, spell};
use crate::options::Options;
use crate::process::{self, Server};
use crate::report::{Comparison, Report, Table, number};
use crate::statistics::{Random, interval, median, paired_ratios};
use crate::{Outcome, cargo, host, packages};

/// Of each of these, ringload's closed loop makes at least so many times the requests.
const RATIOS: &[(&str, f64)] = &[("wrk", 1.3), ("oha", 2.0)];
/// What the open loop may cost, as a multiple of the closed one.
const OPEN_COST: f64 = 1.10;
/// The rate of the open loop, as a share of what the closed one reached last.
const OPEN_SHARE: f64 = 0.8;
/// ringload's exit codes for an open loop that did not keep to its rate: requests were never sent, or it was the bottleneck itself.
const LATE: [i32; 2] = [1, 2];
/// ringload's exit code for a run that says of itself that it does not count, because something else had the processor.
const INVALID: i32 = 2;

/// Where the open loop stands among the generators.
const OPEN: usize = 1;

struct Plan {
    rounds: usize,
    seconds: u32,
    connections: usize,
    disturbance: f64,
}

/// One slice of one generator.
struct Slice {
    /// Right answers per second of the generator's processor time.
    per_cpu_second: f64,
    /// Right answers per second.
    rate: f64,
    /// Share of its core that the generator used.
    share: f64,
}

/// Measures and judges.
pub(crate) fn run(options: &Options, report: &mut Report) -> Outcome<()> {
    options.only(&["rounds", "slice", "connections", "disturbance", "seed", "generators"])?;
    let plan = Plan {
        rounds: options.get("rounds", 8)?,
        seconds: options.get("slice", 2)?,
        connections: options.get("connections", 64)?,
        disturbance: options.get("disturbance", 0.08)?,
    };
    let peers: Vec<String> = Generator::PEERS.iter().map(|peer| peer.name().to_owned()).collect();
    let wanted = options.get_list("generators", &peers)?;
    if let Some(unknown) = wanted.iter().find(|name| !peers.contains(name)) {
        return Err(format!("there is no generator `{unknown}`; there are {}", peers.join(", ")));
    }
    let seed = options.get("seed", u64::from(std::process::id()))?;
    let mut random = Random::new(seed);
    packages::ensure(&[packages::TASKSET])?;
    let present = install(&wanted, report);
    let site = Site::new("bench-loadgen", &["ringway-loadgen"])?;
    let backend = start_backend(&site)?;
    let load = Load {
        target: backend.address,
        connections: plan.connections,
        seconds: plan.seconds,
        binaries: &site.binaries,
        scratch: &site.scratch,
    };
    println!(
        "\n{}; generators on core {}, ringload backend on core {}",
        host::describe(),
        site.proxy_core,
        site.load_core
    );
    present.iter().for_each(|peer| println!("{}", peer.version()));
    let first = first_rate(&site, &backend, &load)?;
    let generators = [&[Generator::Closed, open(first)], present.as_slice()].concat();
    println!("{} rounds of {} s slices, order by seed {seed}", plan.rounds, plan.seconds);
    let slices = rounds(&site, &backend, &generators, &load, &plan, &mut random)?;
    print_and_judge(&generators, &slices, report, &mut random);
    Ok(())
}

/// The open loop beside a closed one of `rate`.
fn open(rate: f64) -> Generator {
    Generator::Open((rate * OPEN_SHARE).round())
}

/// Installs the peers; one that cannot be had is named, and its targets are not met.
fn install(wanted: &[String], report: &mut Report) -> Vec<Generator> {
    let mut present = Vec::new();
    for peer in Generator::PEERS.into_iter().filter(|peer| wanted.iter().any(|name| name == peer.name())) {
        match peer.ensure() {
            Ok(()) => present.push(peer),
            Err(error) => {
                println!("NOT MEASURED: {}: {error}", peer.name());
                report.text(format!("missing_{}", peer.name()), error);
            }
        }
    }
    present
}

/// Our own backend: the cheapest at hand, so that the generator's core is the narrow place, or close to it.
fn start_backend(site: &Site) -> Outcome<Server> {
    let address = process::free_address()?;
    let mut command = Command::new(site.binaries.join("ringload"));
    command.args(["backend", "--threads", "1", "--listen", &address.to_string()]);
    Server::start("ringload-backend", &command, Some(site.load_core), address, &site.scratch)
}

struct Measured {
    slice: Slice,
    /// Share of one core that other processes used.
    others: f64,
}

/// The rate of a closed loop, to begin with.
fn first_rate(site: &Site, backend: &Server, load: &Load<'_>) -> Outcome<f64> {
    for _ in 0..PATIENCE {
        if let Some(measured) = measure(site, backend, Generator::Closed, load)? {
            return Ok(measured.slice.rate);
        }
    }
    Err(format!("{PATIENCE} closed loops in a row were disturbed: the machine is too busy to measure on"))
}

/// `None`: the open loop did not keep to its rate, or a run says of itself that it was disturbed.
fn measure(
    site: &Site,
    backend: &Server,
    generator: Generator,
    load: &Load<'_>,
) -> Outcome<Option<Measured>> {
    std::thread::sleep(Duration::from_millis(100));
    let command = generator.command(load)?;
    let servers = || host::cpu(&backend.pids()).nanos;
    let (start, own, servers_before, busy) = (Instant::now(), host::own_cpu(), servers(), host::busy());
    let output = capture(&command, generator, site.proxy_core)?;
    // Its processor time is this process's now, as of a child that has ended; this process itself slept.
    let (cpu, servers, busy) = (host::own_cpu() - own, servers() - servers_before, host::busy() - busy);
    let elapsed = start.elapsed().as_nanos() as f64;
    let counted = generator.count(load, &output.text)?;
    if cpu == 0 || counted.ok == 0 || counted.failed > 0 {
        return Err(format!(
            "{}: {} right answers and {} failures",
            generator.name(),
            counted.ok,
            counted.failed
        ));
    }
    if output.late {
        return Ok(None);
    }
    let slice = Slice {
        per_cpu_second: counted.ok as f64 * 1e9 / cpu as f64,
        rate: counted.ok as f64 / f64::from(load.seconds),
        share: cpu as f64 / elapsed,
    };
    Ok(Some(Measured { slice, others: busy.saturating_sub(cpu + servers) as f64 / elapsed }))
}

/// What a generator printed.
struct Output {
    text: String,
    /// It was an open loop that did not keep to its rate, or a run that says of itself that it was disturbed.
    late: bool,
}

fn capture(command: &Command, generator: Generator, core: usize) -> Outcome<Output> {
    let spelled = cargo::spell(command);
    let output =
        process::pinned(command, Some(core)).output().map_err(|error| format!("{spelled}: {error}"))?;
    let code = output.status.code().unwrap_or(-1);
    let late = match generator {
        Generator::Open(_) => LATE.contains(&code),
        Generator::Closed => code == INVALID,
        _ => false,
    };
    match code == 0 || late {
        true => Ok(Output { text: String::from_utf8_lossy(&output.stdout).into_owned(), late }),
        false => Err(format!(
            "`{spelled}` failed ({}): {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}

/// Slices by generator, then by round; `None` where another process disturbed one.
fn rounds(
    site: &Site,
    backend: &Server,
    generators: &[Generator],
    load: &Load<'_>,
    plan: &Plan,
    random: &mut Random,
) -> Outcome<Vec<Vec<Option<Slice>>>> {
    let mut slices: Vec<Vec<Option<Slice>>> = generators.iter().map(|_| Vec::new()).collect();
    let good = |slices: &[Vec<Option<Slice>>]| {
        slices.iter().map(|column| column.iter().flatten().count()).min().unwrap_or(0)
    };
    let (mut generators, mut disturbed, mut late) = (generators.to_vec(), 0, 0);
    for _ in 0..plan.rounds * PATIENCE {
        if good(&slices) >= plan.rounds {
            break;
        }
        slices.iter_mut().for_each(|column| column.push(None));
        for index in random.order(generators.len()) {
            let Some(measured) = measure(site, backend, generators[index], load)? else {
                late += 1;
                continue;
            };
            // The machine has faster and slower times: the open loop keeps to its share of the closed one's last rate.
            if generators[index] == Generator::Closed {
                generators[OPEN] = open(measured.slice.rate);
            }
            if measured.others > plan.disturbance {
                disturbed += 1;
            } else if let Some(last) = slices[index].last_mut() {
                *last = Some(measured.slice);
            }
        }
    }
    println!(
        "dropped: {disturbed} slices that other processes disturbed, {late} that ringload called invalid or late"
    );
    if good(&slices) < plan.rounds {
        println!("not every generator has {} good slices: what is missing meets no target", plan.rounds);
    }
    Ok(slices)
}

fn print_and_judge(
    generators: &[Generator],
    slices: &[Vec<Option<Slice>>],
    report: &mut Report,
    random: &mut Random,
) {
    let column = |index: usize, figure: fn(&Slice) -> f64| -> Vec<Option<f64>> {
        slices[index].iter().map(|slice| slice.as_ref().map(figure)).collect()
    };
    let middle = |index, figure| median(&column(index, figure).into_iter().flatten().collect::<Vec<_>>());
    let mut table =
        Table::new(&["generator", "slices", "requests/cpu-s", "requests/s", "of its core", "ringload is"]);
    for (index, generator) in generators.iter().enumerate() {
        let per_cpu_second = |index| column(index, |slice| slice.per_cpu_second);
        let ratio = interval(&paired_ratios(&per_cpu_second(0), &per_cpu_second(index)), random);
        table.row([
            generator.name().to_owned(),
            slices[index].iter().flatten().count().to_string(),
            number(middle(index, |slice| slice.per_cpu_second)),
            number(middle(index, |slice| slice.rate)),
            format!("{:.0} %", middle(index, |slice| slice.share) * 100.0),
            format!("{} x", spell(ratio)),
        ]);
        let name = generator.name();
        report.figure(format!("per_cpu_second_{name}"), middle(index, |slice| slice.per_cpu_second));
        match generator {
            Generator::Closed => {}
            Generator::Open(_) => report.figure("open_cost", ratio.median),
            _ => report.figure(format!("ratio_{name}"), ratio.median),
        }
    }
    print!("\n{}", table.text());
    println!(
        "(medians of slices; `ringload is`: its closed loop against the row, median of pairs, 95 % interval)"
    );
    for (peer, bound) in RATIOS {
        report.target(format!("ratio_{peer}"), Comparison::AtLeast, *bound);
    }
    report.target("open_cost", Comparison::AtMost, OPEN_COST);
}
