//! `cargo xtask bench policy`: what API keys, throttles and quotas cost, here and elsewhere.

mod ours;
mod theirs;

use std::time::Instant;

use super::arms::{Arm, Site};
use super::proxy::{forwarder_runtime, position};
use super::slices::{self, Plan, Series, Tally};
use super::wrk;
use crate::options::Options;
use crate::report::{Comparison, Report, progress};
use crate::statistics::Random;
use crate::{Outcome, packages};

/// Arms in the order of the table; ratios are to the first.
const ARMS: &[&str] = &["forwarder", "plain", "ringway", "million", "nginx", "haproxy", "envoy"];
/// API keys that the load uses; each is in the plan, map or table of every arm.
const KEYS: usize = 1000;
/// Those of the arm `million`.
const MANY_KEYS: usize = 1_000_000;
/// Connection counts with targets.
const JUDGED: &[usize] = &[64, 256];
/// Requests per processor second of the arm `ringway`, as a multiple of those of the others.
const RATIOS: &[(&str, f64)] =
    &[("forwarder", 0.88), ("plain", 0.95), ("nginx", 2.0), ("haproxy", 1.7), ("envoy", 5.0)];
/// Processor time of a request that the limits may cost with [`MANY_KEYS`], as a share of what one costs without any.
const MANY_COST: f64 = 0.03;
/// What each arm does, said above the tables.
const ABOUT: &str = "\
plain: ringway with its access log and metrics; ringway: an API key, throttles of plan, plan's method, stage and account, and a quota;
million: as ringway, with a million keys; nginx: map of keys, limit_req by key; haproxy: map of keys, stick table of rates by key;
envoy: api_key_auth, local_ratelimit by key. All log JSON: nginx with buffer=64k flush=1s, haproxy by its ring buffer to a TCP sink";

/// Measures and judges.
pub(crate) fn run(options: &Options, report: &mut Report) -> Outcome<()> {
    options.only(&["rounds", "connections", "slice", "disturbance", "arms", "seed", "driver", "keys"])?;
    let plan = Plan {
        rounds: options.get("rounds", 12)?,
        seconds: options.get("slice", 1)?,
        disturbance: options.get("disturbance", 0.08)?,
        path: wrk::PATH,
    };
    let connections = options.get_list("connections", JUDGED)?;
    let wanted = options.get_list("arms", &ARMS.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())?;
    if let Some(unknown) = wanted.iter().find(|name| !ARMS.contains(&name.as_str())) {
        return Err(format!("there is no arm `{unknown}`; there are {}", ARMS.join(", ")));
    }
    let many = options.get("keys", MANY_KEYS)?;
    let seed = options.get("seed", u64::from(std::process::id()))?;
    let mut random = Random::new(seed);
    packages::ensure(&[packages::NGINX, packages::HAPROXY, packages::WRK, packages::TASKSET])?;
    let driver = options.get("driver", "native".to_owned())?;
    let site = Site::new("bench-policy", &["ringway"])?.on(&driver);
    let arms = start(&site, &wanted, many)?;
    let sizes = slices::check_answers(&site, &arms, plan.path)?;
    check_refusals(&arms, plan.path)?;
    println!("\n{}", site.describe(&[("nginx", "-v"), ("haproxy", "-v"), ("wrk", "-v")]));
    println!("{}; ringway and the forwarder on the driver `{driver}`\n{ABOUT}", theirs::ENVOY);
    println!("{} rounds of {} s slices, order by seed {seed}", plan.rounds, plan.seconds);
    let mut tally = Tally::new(arms.len());
    for (index, arm) in
        arms.iter().enumerate().filter(|(_, arm)| ["ringway", "million"].contains(&&*arm.name))
    {
        use_each_key(&site, arm, if arm.name == "million" { many } else { KEYS }, index, &mut tally)?;
    }
    for count in connections {
        let series = slices::run(&site, &arms, &sizes, count, &plan, &mut tally, &mut random)?;
        series.print(&arms, &mut random);
        judge(&series, &arms, report, &mut random);
    }
    // Buffers are flushed at the latest after a second.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    for (arm, lines) in arms.iter().zip(&mut tally.lines) {
        *lines += arm.take_log_lines()?;
    }
    let shares = slices::check_logs(&arms, &tally.requests, &tally.lines)?;
    for (arm, share) in arms.iter().zip(shares).filter(|(arm, _)| arm.log.is_some()) {
        println!("{} logged {:.1} % of its requests", arm.name, share * 100.0);
        report.figure(format!("logged_{}", arm.name), share);
    }
    Ok(())
}

fn start(site: &Site, wanted: &[String], many: usize) -> Outcome<Vec<Arm>> {
    let mut arms = Vec::new();
    // In the order of the table, whatever the order on the command line.
    for name in ARMS.iter().filter(|name| wanted.iter().any(|wanted| wanted == *name)) {
        let arm = match *name {
            "forwarder" => site.start_bare(name, "forwarder", forwarder_runtime(&site.driver))?,
            "plain" => site.start_ringway_without_limits(name)?,
            "ringway" => site.start_ringway_with_limits(name, KEYS)?,
            "million" => site.start_ringway_with_limits(name, many)?,
            "nginx" => site.start_nginx(&theirs::nginx(site, KEYS)?)?,
            "haproxy" => site.start_haproxy(&theirs::haproxy(site, KEYS)?)?,
            _ => site.start_envoy(KEYS)?,
        };
        // The same requests for all, whether somebody looks at the key or not.
        arms.push(arm.with_keys(if *name == "million" { many } else { KEYS }));
    }
    Ok(arms)
}

/// Asks with each key once: the first request of a key waits until some of its quota is durable, which is not what is measured.
fn use_each_key(site: &Site, arm: &Arm, keys: usize, index: usize, tally: &mut Tally) -> Outcome<()> {
    let (mut used, started) = (0, Instant::now());
    while used < keys {
        let script = wrk::write_ordered_script(&site.scratch, keys, used)?;
        let counted = wrk::run(&script, arm.address(), wrk::PATH, JUDGED[0], 5, site.load_core)?;
        if counted.errors > 0 {
            return Err(format!("{}: {} errors while each key was used once", arm.name, counted.errors));
        }
        // Requests that were under way at the end may not have been counted.
        used += (counted.requests as usize).saturating_sub(JUDGED[0]).max(1);
        tally.requests[index] += counted.requests;
        tally.lines[index] += arm.take_log_lines()?;
        progress(&format!("{}: keys used once", arm.name), used.min(keys), keys, started);
    }
    Ok(())
}

/// An arm that lets anybody through has no keys.
fn check_refusals(arms: &[Arm], path: &str) -> Outcome<()> {
    let unknown = wrk::api_key(usize::MAX / 2);
    for arm in arms.iter().filter(|arm| !["forwarder", "plain"].contains(&arm.name.as_str())) {
        for key in [None, Some(unknown.as_str())] {
            let status = slices::ask(arm.address(), path, key)?.status;
            // 401 is Envoy's word for it.
            if ![401, 403].contains(&status) {
                let key = if key.is_some() { "an unknown key" } else { "no key" };
                return Err(format!("{} answers {status} to {key}: it is no arm", arm.name));
            }
        }
    }
    Ok(())
}

/// Ringway's ratios to the others, with their targets.
fn judge(series: &Series, arms: &[Arm], report: &mut Report, random: &mut Random) {
    let count = series.connections;
    for (index, arm) in arms.iter().enumerate() {
        let median = series.median(index, |slice| slice.per_cpu_second);
        report.figure(format!("per_cpu_second_{}_{count}", arm.name), median);
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
    let figure = format!("million_keys_cost_{count}");
    if let (Some(plain), Some(million)) = (position(arms, "plain"), position(arms, "million")) {
        // Of requests per processor second to processor seconds per request.
        let cost = series.ratio(plain, million, random);
        let [median, low, high] = [cost.median, cost.low, cost.high].map(|ratio| (ratio - 1.0) * 100.0);
        println!(
            "limits with a million keys cost {median:.1} % ({low:.1}-{high:.1}) of plain's processor time"
        );
        report.figure(&figure, cost.median - 1.0);
        report.figure(format!("{figure}_low"), cost.low - 1.0);
        report.figure(format!("{figure}_high"), cost.high - 1.0);
    }
    if JUDGED.contains(&count) {
        report.target(figure, Comparison::AtMost, MANY_COST);
    }
}
