//! `cargo xtask verify overload`: three times the load that one core can serve, and what becomes of what it served.
//!
//! Peak and overload are measured in turn, so that a machine that changes its pace changes both. Latencies count from the sending of a
//! request: what waits in the load for a free connection has not reached the gateway.

mod load;
mod site;

use crate::bench::arms::Site;
use crate::bench::slices::PATIENCE;
use crate::options::Options;
use crate::report::{Comparison, Report, Table, number};
use crate::statistics::median;
use crate::verify::reload::raise_priority;
use crate::{Outcome, packages};
use load::{Load, Ran};
use site::{Plans, Work};

/// Load offered, as a multiple of the peak.
const OVERLOAD: f64 = 3.0;
/// Right answers under overload, as a share of the peak.
const GOODPUT: f64 = 0.9;
/// Share of the requests of the first plan that are answered right, where that plan alone would fit.
const FIRST_SERVED: f64 = 0.95;
/// Connections to the backend: the default of the process file.
const UPSTREAM_CONNECTIONS: usize = 1024;
/// Share of its core that the gateway has to use at its peak: below it, the peak is that of the load.
const BUSY: f64 = 0.9;
/// What is offered, as the rows and figures name it.
const OPEN: &str = "open";
const CROWD: &str = "crowd";

/// Measures and judges.
pub(crate) fn run(options: &Options, report: &mut Report) -> Outcome<()> {
    options.only(&[
        "rounds",
        "seconds",
        "connections",
        "crowd",
        "upstream",
        "disturbance",
        "work",
        "plans",
        "driver",
    ])?;
    let settings = Settings {
        rounds: options.get("rounds", 5)?,
        seconds: options.get("seconds", 5)?,
        connections: options.get_list("connections", &[16, 64, 256])?,
        crowd: options.get("crowd", 4000)?,
        upstream: options.get("upstream", UPSTREAM_CONNECTIONS)?,
        disturbance: options.get("disturbance", 0.08)?,
    };
    let works = options.get_list("work", &Work::ALL.map(Work::name).map(str::to_owned))?;
    let plans = if options.get("plans", true)? { Plans::Two } else { Plans::None };
    packages::ensure(&[packages::TASKSET])?;
    let site = Site::new("verify-overload", &["ringway", "ringway-loadgen"])?;
    let site = site.on(&options.get("driver", "native".to_owned())?);
    println!("\n{}", site.describe(&[]));
    println!("{} rounds of {} s runs, {plans:?} plans", settings.rounds, settings.seconds);
    if !raise_priority(site.backend.pid()) {
        println!("the backend shares its core with the load without priority (chrt is not permitted)");
    }
    for name in works {
        let work = Work::named(&name)?;
        measure(&site, work, plans, &settings, report)?;
    }
    Ok(())
}

struct Settings {
    rounds: usize,
    seconds: u32,
    /// Those of a closed loop among which the peak is found.
    connections: Vec<usize>,
    /// Those of an overload.
    crowd: usize,
    /// Most connections to the backend.
    upstream: usize,
    /// A round in which other processes used more of a core than this share is dropped.
    disturbance: f64,
}

/// The peak of one kind of work, and what is left of it.
fn measure(site: &Site, work: Work, plans: Plans, settings: &Settings, report: &mut Report) -> Outcome<()> {
    let gateway = site::start(site, work, plans, settings.upstream)?;
    let load = |connections, rate| Load {
        target: gateway.server.address,
        work,
        plans,
        connections,
        rate,
        seconds: settings.seconds,
    };
    let mut table = Table::new(&Ran::COLUMNS);
    // Which number of connections gets most out of it.
    let mut best = (0, 0.0);
    for &connections in &settings.connections {
        let ran = load(connections, None).run(site, &gateway.server)?;
        table.row(ran.cells("search", ran.goodput));
        if ran.goodput > best.1 {
            best = (connections, ran.goodput);
        }
    }
    let (mut peaks, mut opens, mut crowds) = (Vec::new(), Vec::new(), Vec::new());
    let mut dropped = 0;
    for _ in 0..settings.rounds * PATIENCE {
        if peaks.len() == settings.rounds {
            break;
        }
        let peak = load(best.0, None).run(site, &gateway.server)?;
        let open = load(settings.crowd, Some(peak.goodput * OVERLOAD)).run(site, &gateway.server)?;
        let crowd = load(settings.crowd, None).run(site, &gateway.server)?;
        if [&peak, &open, &crowd].iter().any(|ran| ran.others > settings.disturbance) {
            dropped += 1;
            continue;
        }
        for (name, ran) in [("peak", &peak), (OPEN, &open), (CROWD, &crowd)] {
            table.row(ran.cells(name, peak.goodput));
        }
        peaks.push(peak);
        opens.push(open);
        crowds.push(crowd);
        eprintln!("{}: {} of {} rounds, {dropped} dropped", work.name(), peaks.len(), settings.rounds);
    }
    if peaks.len() < settings.rounds {
        return Err(format!("{dropped} rounds were disturbed: stop other processes"));
    }
    println!("\n{}: {}\n{}", work.name(), work.about(), table.text().trim_end());
    let busy = median(&peaks.iter().map(|ran| ran.core).collect::<Vec<_>>());
    report.figure(format!("core_{}", work.name()), busy);
    report.target(format!("core_{}", work.name()), Comparison::AtLeast, BUSY);
    for (name, overloaded) in [(OPEN, &opens), (CROWD, &crowds)] {
        judge(work, plans, name, &peaks, overloaded, report);
    }
    Ok(())
}

/// One kind of overload beside the peaks that were measured in turn with it.
fn judge(work: Work, plans: Plans, name: &str, peaks: &[Ran], overloaded: &[Ran], report: &mut Report) {
    let of_each = |figure: fn(&Ran) -> f64| median(&overloaded.iter().map(figure).collect::<Vec<_>>());
    let ratios: Vec<f64> =
        overloaded.iter().zip(peaks).map(|(ran, peak)| ran.goodput / peak.goodput).collect();
    let place = format!("{}_{name}", work.name());
    println!("{place}: goodput of its peak, by round: {ratios:.2?}");
    report.figure(format!("goodput_{place}"), median(&ratios));
    report.figure(format!("offered_{place}"), of_each(|ran| ran.offered));
    report.figure(format!("p50_us_{place}"), of_each(|ran| ran.p50));
    report.figure(format!("p99_us_{place}"), of_each(|ran| ran.p99));
    report.figure(format!("broken_{place}"), overloaded.iter().map(|ran| ran.broken).sum::<u64>() as f64);
    report.target(format!("goodput_{place}"), Comparison::AtLeast, GOODPUT);
    // Refused or served, but never broken.
    report.target(format!("broken_{place}"), Comparison::Equal, 0.0);
    if name == OPEN {
        let reached = overloaded.iter().zip(peaks).map(|(ran, peak)| ran.offered / peak.goodput);
        let reached = median(&reached.collect::<Vec<_>>());
        println!("{place}: {} times the peak was offered (aim: {OVERLOAD})", number(reached));
        report.figure(format!("overload_{place}"), reached);
        if plans == Plans::Two {
            report.figure(format!("first_served_{place}"), of_each(|ran| ran.served[0]));
            report.figure(format!("second_served_{place}"), of_each(|ran| ran.served[1]));
            report.target(format!("first_served_{place}"), Comparison::AtLeast, FIRST_SERVED);
        }
    }
}
