//! `cargo xtask bench proxy`.

use super::arms::{Arm, Site};
use super::offered;
use super::openloop::Offer;
use super::slices::{self, Plan, Series, Tally};
use crate::options::Options;
use crate::report::{Comparison, Report};
use crate::statistics::Random;
use crate::verify::memory;
use crate::{Outcome, packages};

/// Arms in the order of the table; ratios are to the first.
const ARMS: &[&str] = &["forwarder", "ringway", "nginx", "haproxy"];
/// Connection counts with targets.
const JUDGED: &[usize] = &[64, 256];
/// Of the forwarder, of HAProxy and of nginx, in requests per processor second.
const RATIOS: &[(&str, f64)] = &[("forwarder", 0.87), ("haproxy", 1.6), ("nginx", 1.75)];
/// How each arm logs, said above the tables.
const LOGS: &str = "\
access logs, JSON: ringway to a file; nginx to a file, buffer=64k flush=1s;
haproxy by its ring buffer to a TCP sink on the load core";
/// Share of nginx's saturated rate that is offered to all.
const OFFERED: f64 = 0.5;

/// Measures and judges.
pub(crate) fn run(options: &Options, report: &mut Report) -> Outcome<()> {
    options.only(&[
        "rounds",
        "connections",
        "slice",
        "disturbance",
        "arms",
        "seed",
        "idle",
        "offered-rounds",
    ])?;
    let plan = Plan {
        rounds: options.get("rounds", 12)?,
        seconds: options.get("slice", 1)?,
        disturbance: options.get("disturbance", 0.08)?,
    };
    let connections = options.get_list("connections", &[1, 64, 256])?;
    let wanted = options.get_list("arms", &ARMS.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())?;
    let (idle, offered_rounds) = (options.get("idle", 10_000)?, options.get("offered-rounds", 5)?);
    if let Some(unknown) = wanted.iter().find(|name| !ARMS.contains(&name.as_str())) {
        return Err(format!("there is no arm `{unknown}`; there are {}", ARMS.join(", ")));
    }
    let seed = options.get("seed", u64::from(std::process::id()))?;
    let mut random = Random::new(seed);
    packages::ensure(&[packages::NGINX, packages::HAPROXY, packages::WRK, packages::TASKSET])?;
    let built: &[&str] = if wanted.iter().any(|name| name == "ringway") { &["ringway"] } else { &[] };
    let site = Site::new("bench-proxy", built)?;
    let arms = start(&site, &wanted)?;
    let sizes = slices::check_answers(&site, &arms)?;
    println!("\n{}", site.describe(&[("nginx", "-v"), ("haproxy", "-v"), ("wrk", "-v")]));
    println!("{LOGS}");
    println!("{} rounds of {} s slices, order by seed {seed}", plan.rounds, plan.seconds);
    let mut tally = Tally::new(arms.len());
    for count in connections {
        let series = slices::run(&site, &arms, &sizes, count, &plan, &mut tally, &mut random)?;
        series.print(&arms, &mut random);
        judge(&series, &arms, report, &mut random);
        if JUDGED.contains(&count) && offered_rounds > 0 {
            compare_latency(&site, &arms, &series, offered_rounds, report, &mut random)?;
        }
    }
    // nginx and the sink flush at the latest after a second.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    for (arm, lines) in arms.iter().zip(&mut tally.lines) {
        *lines += arm.take_log_lines()?;
    }
    let shares = slices::check_logs(&arms, &tally.requests, &tally.lines)?;
    for (arm, share) in arms.iter().zip(shares).filter(|(arm, _)| arm.log.is_some()) {
        println!("{} logged {:.1} % of its requests", arm.name, share * 100.0);
        report.figure(format!("logged_{}", arm.name), share);
    }
    drop(arms);
    if idle > 0 {
        memory::measure_idle(&site, &wanted, idle, report)?;
    }
    Ok(())
}

fn start(site: &Site, wanted: &[String]) -> Outcome<Vec<Arm>> {
    let mut arms = Vec::new();
    // In the order of the table, whatever the order on the command line.
    for name in ARMS.iter().filter(|name| wanted.iter().any(|wanted| wanted == *name)) {
        arms.push(match *name {
            "forwarder" => site.start_bare(name, "forwarder", "monoio")?,
            "ringway" => site.start_ringway()?,
            "nginx" => site.start_nginx()?,
            _ => site.start_haproxy()?,
        });
    }
    Ok(arms)
}

fn position(arms: &[Arm], name: &str) -> Option<usize> {
    arms.iter().position(|arm| arm.name == name)
}

/// Ringway's ratios to the others, with their targets.
fn judge(series: &Series, arms: &[Arm], report: &mut Report, random: &mut Random) {
    let count = series.connections;
    for (index, arm) in arms.iter().enumerate() {
        report.figure(
            format!("per_cpu_second_{}_{count}", arm.name),
            series.median(index, |s| s.per_cpu_second),
        );
    }
    for (peer, bound) in RATIOS {
        let figure = format!("ratio_{peer}_{count}");
        if let (Some(ringway), Some(peer)) = (position(arms, "ringway"), position(arms, peer)) {
            let ratio = series.ratio(ringway, peer, random);
            println!("ringway / {}: {}", arms[peer].name, slices::spell(ratio));
            report.figure(&figure, ratio.median);
            report.figure(format!("{figure}_low"), ratio.low);
            report.figure(format!("{figure}_high"), ratio.high);
        }
        if JUDGED.contains(&count) {
            report.target(figure, Comparison::AtLeast, *bound);
        }
    }
}

/// The same load for Ringway and its peers, and whose slowest requests are slowest.
fn compare_latency(
    site: &Site,
    arms: &[Arm],
    series: &Series,
    rounds: usize,
    report: &mut Report,
    random: &mut Random,
) -> Outcome<()> {
    let count = series.connections;
    let Some(nginx) = position(arms, "nginx") else { return Ok(()) };
    let compared: Vec<&Arm> = arms.iter().filter(|arm| arm.log.is_some()).collect();
    let rate = (series.median(nginx, |slice| slice.rate) * OFFERED).round();
    let offer = Offer { connections: count, rate, seconds: 3.0 };
    let offered = offered::run(site, &compared, offer, rounds, random)?;
    offered.print(&compared);
    report.figure(format!("offered_rate_{count}"), rate);
    for (index, arm) in compared.iter().enumerate() {
        report.figure(format!("offered_p99_us_{}_{count}", arm.name), offered.median(index, |run| run.p99));
        report.figure(format!("offered_p999_us_{}_{count}", arm.name), offered.median(index, |run| run.p999));
    }
    for peer in ["nginx", "haproxy"] {
        let figure = format!("offered_p99_of_{peer}_{count}");
        let place = |name| compared.iter().position(|arm| arm.name == name);
        if let (Some(ringway), Some(peer)) = (place("ringway"), place(peer)) {
            let p99 = |arm| offered.median(arm, |run| run.p99);
            report.figure(&figure, p99(ringway) / p99(peer));
        }
        report.target(figure, Comparison::Below, 1.0);
    }
    Ok(())
}
