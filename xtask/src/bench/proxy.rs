//! `cargo xtask bench proxy`.

use super::arms::{Arm, Site};
use super::offered;
use super::openloop::Offer;
use super::peers::Additions;
use super::slices::{self, Plan, Series, Tally};
use super::wrk;
use crate::options::Options;
use crate::report::{Comparison, Report};
use crate::statistics::Random;
use crate::verify::memory;
use crate::{Outcome, packages};

/// Arms in the order of the table; ratios are to the first.
const ARMS: &[&str] = &["forwarder", "ringway", "nginx", "haproxy"];
/// Connection counts with targets.
const JUDGED: &[usize] = &[64, 256];
/// Of the forwarder, of HAProxy and of nginx, in requests per processor second: on the native driver, and on the others.
const RATIOS_NATIVE: &[(&str, f64)] = &[("forwarder", 0.94), ("haproxy", 1.8), ("nginx", 1.9)];
const RATIOS: &[(&str, f64)] = &[("forwarder", 0.87), ("haproxy", 1.6), ("nginx", 1.75)];
/// A body in bulk, and over how many connections it is asked for.
const BULK_PATH: &str = "/bytes/1048576";
const BULK_CONNECTIONS: usize = 16;
/// Of nginx, in answers with such a body.
const BULK_RATIO: f64 = 1.2;
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
        "bulk-rounds",
        "driver",
    ])?;
    let plan = Plan {
        rounds: options.get("rounds", 12)?,
        seconds: options.get("slice", 1)?,
        disturbance: options.get("disturbance", 0.08)?,
        path: wrk::PATH,
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
    let driver = options.get("driver", "native".to_owned())?;
    let site = Site::new("bench-proxy", built)?.on(&driver);
    let arms = start(&site, &wanted)?;
    let sizes = slices::check_answers(&site, &arms, plan.path)?;
    println!("\n{}", site.describe(&[("nginx", "-v"), ("haproxy", "-v"), ("wrk", "-v")]));
    println!("ringway and the forwarder on the driver `{driver}`\n{LOGS}");
    println!("{} rounds of {} s slices, order by seed {seed}", plan.rounds, plan.seconds);
    let mut tally = Tally::new(arms.len());
    for count in connections {
        let series = slices::run(&site, &arms, &sizes, count, &plan, &mut tally, &mut random)?;
        series.print(&arms, &mut random);
        judge(&site, &series, &arms, report, &mut random);
        if JUDGED.contains(&count) && offered_rounds > 0 {
            compare_latency(&site, &arms, &series, offered_rounds, report, &mut random)?;
        }
    }
    let bulk_rounds = options.get("bulk-rounds", 5)?;
    if bulk_rounds > 0 {
        let plan = Plan { rounds: bulk_rounds, path: BULK_PATH, ..plan };
        bulk(&site, &arms, &plan, &mut tally, report, &mut random)?;
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
            "forwarder" => site.start_bare(name, "forwarder", forwarder_runtime(&site.driver))?,
            "ringway" => site.start_ringway()?,
            "nginx" => site.start_nginx(&Additions::default())?,
            _ => site.start_haproxy(&Additions::default())?,
        });
    }
    Ok(arms)
}

/// The runtime of the forwarder that is the limit of Ringway on `driver`.
pub(super) fn forwarder_runtime(driver: &str) -> &'static str {
    match driver {
        "native" => "native",
        "epoll" => "monoio-epoll",
        _ => "monoio",
    }
}

pub(super) fn position(arms: &[Arm], name: &str) -> Option<usize> {
    arms.iter().position(|arm| arm.name == name)
}

/// Ringway's ratios to the others, with their targets.
fn judge(site: &Site, series: &Series, arms: &[Arm], report: &mut Report, random: &mut Random) {
    let count = series.connections;
    for (index, arm) in arms.iter().enumerate() {
        report.figure(
            format!("per_cpu_second_{}_{count}", arm.name),
            series.median(index, |s| s.per_cpu_second),
        );
    }
    let ratios = if site.driver == "native" { RATIOS_NATIVE } else { RATIOS };
    for (peer, bound) in ratios {
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
    if let (1, Some(ringway), Some(nginx)) = (count, position(arms, "ringway"), position(arms, "nginx")) {
        let p50 = |arm| series.median(arm, |slice| slice.p50);
        report.figure("p50_of_nginx_1", p50(ringway) / p50(nginx));
        report.target("p50_of_nginx_1", Comparison::AtMost, 1.0);
    }
}

/// Bodies of a mebibyte.
fn bulk(
    site: &Site,
    arms: &[Arm],
    plan: &Plan,
    tally: &mut Tally,
    report: &mut Report,
    random: &mut Random,
) -> Outcome<()> {
    let sizes = slices::check_answers(site, arms, plan.path)?;
    let series = slices::run(site, arms, &sizes, BULK_CONNECTIONS, plan, tally, random)?;
    println!("\nbodies of 1 MiB");
    series.print(arms, random);
    for (index, arm) in arms.iter().enumerate() {
        report.figure(
            format!("per_cpu_second_{}_bulk", arm.name),
            series.median(index, |slice| slice.per_cpu_second),
        );
    }
    if let (Some(ringway), Some(nginx)) = (position(arms, "ringway"), position(arms, "nginx")) {
        report.figure("ratio_nginx_bulk", series.ratio(ringway, nginx, random).median);
    }
    report.target("ratio_nginx_bulk", Comparison::AtLeast, BULK_RATIO);
    Ok(())
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
        if let (Some(ringway), Some(of)) = (place("ringway"), place(peer)) {
            let p99 = |arm| offered.median(arm, |run| run.p99);
            let p999 = |arm| offered.median(arm, |run| run.p999);
            report.figure(&figure, p99(ringway) / p99(of));
            report.figure(format!("offered_p999_of_{peer}_{count}"), p999(ringway) / p999(of));
        }
        report.target(figure, Comparison::Below, 1.0);
        report.target(format!("offered_p999_of_{peer}_{count}"), Comparison::Below, 1.0);
    }
    Ok(())
}
