//! `cargo xtask verify timeout`: requests whose backend stalls end after 29 seconds, to the millisecond, and leave nothing.

mod servers;

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::bench::arms::Site;
use crate::options::Options;
use crate::report::{Comparison, Report, Table, number};
use crate::verify::reload::raise_priority;
use crate::{Outcome, cargo, host, packages, process};
use servers::Front;

/// 99.9 % of the answers come so soon after the limit, in microseconds.
const LATE_MICROS: f64 = 3000.0;
/// 99th percentile of the healthy route: during the stall, as a multiple of before.
const HEALTHY_RATIO: f64 = 1.2;
/// Memory after a wave, as a multiple of after the wave before.
const MEMORY_RATIO: f64 = 1.05;
/// Connections are closed and buffers given back within this time.
const SETTLE: Duration = Duration::from_secs(5);
/// AWS's body (spec sheet, table of gateway responses).
const TIMED_OUT: &str = r#"{"message":"Endpoint request timed out"}"#;
/// Ringway has one timeout for the whole integration.
const PHASES: &str = "connect,accept,head,mid-head,mid-body,drip";
/// nginx and HAProxy have one for each step: a connect that hangs is another error there, and a drip goes on for ever.
const PEER_PHASES: &str = "accept,head,mid-head,mid-body";
/// What the simulation prints before its figures (tests/tests/simulation/stalled.rs).
const MARK: &str = "stalled: ";
const ARMS: &[&str] = &["ringway", "nginx", "haproxy", "simulation"];

/// How much is sent.
struct Amounts {
    count: usize,
    peer_count: usize,
    over: f64,
    rate: f64,
}

/// Measures and judges.
pub(crate) fn run(options: &Options, report: &mut Report) -> Outcome<()> {
    options.only(&["count", "peer-count", "over", "rate", "simulated", "arms"])?;
    let amounts = Amounts {
        count: options.get("count", 5000)?,
        peer_count: options.get("peer-count", 2000)?,
        over: options.get("over", 20.0)?,
        rate: options.get("rate", 1000.0)?,
    };
    let simulated: u64 = options.get("simulated", 1_000_000)?;
    let wanted = options.get_list("arms", &ARMS.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())?;
    let has = |name: &str| wanted.iter().any(|wanted| wanted == name);
    packages::ensure(&[packages::NGINX, packages::HAPROXY, packages::TASKSET])?;
    if wanted.iter().any(|name| name != "simulation") {
        let site = Site::new("verify-timeout", &["ringway", "ringway-loadgen"])?;
        println!("\n{}", site.describe(&[("nginx", "-v"), ("haproxy", "-v")]));
        println!(
            "requests sent evenly over {} s; {:.0} requests/s to a healthy route, for as long before the stall as during it",
            amounts.over, amounts.rate
        );
        println!(
            "gateways, backends and load all run with real-time priority where that is permitted: whatever else runs now and then \
             would count as theirs"
        );
        let mut table = Table::new(&[
            "gateway",
            "stalled",
            "right",
            "wrong",
            "early",
            "earliest s",
            "p50 us",
            "p99.9 us",
            "max us",
            "healthy p99 us",
            "in stall",
        ]);
        if has("ringway") {
            let seen = verify_ringway(&site, &amounts, report)?;
            seen.row("ringway", &seen.0["all"], &mut table);
            for phase in PHASES.split(',') {
                seen.row(&format!("  {phase}"), &seen.0["phases"][phase], &mut table);
            }
        }
        for peer in ["nginx", "haproxy"].into_iter().filter(|peer| has(peer)) {
            let front = Front::start_peer(&site, peer)?;
            let seen = stall(&site, &front, amounts.peer_count, PEER_PHASES, None, &amounts, true)?;
            seen.row(peer, &seen.0["all"], &mut table);
            report.figure(format!("over_us_p999_{peer}"), seen.over("p999"));
        }
        print!("\n{}", table.text());
        println!(
            "microseconds after 29 s, from the send to the last byte or the close; peers without the phases connect and drip"
        );
    }
    if has("simulation") {
        simulate(simulated, report)?;
    }
    Ok(())
}

/// Two equal waves: what is there after the second is held against what was there after the first.
fn verify_ringway(site: &Site, amounts: &Amounts, report: &mut Report) -> Outcome<Seen> {
    let front = Front::start_ringway(site)?;
    let wave = |healthy| stall(site, &front, amounts.count, PHASES, Some(TIMED_OUT), amounts, healthy);
    println!(
        "ringway: a first wave, so that memory and descriptors after it can be compared with those after the second"
    );
    wave(false)?;
    let before = Left::of(&front)?;
    let seen = wave(true)?;
    let after = Left::of(&front)?;
    println!("after the first wave: {before}\nafter the second:     {after}");
    report.figure("stalled", seen.all("count"));
    report.figure("right", seen.all("right"));
    report.figure("early", seen.all("early"));
    report.figure("earliest_s", seen.all("earliest_s"));
    for name in ["p50", "p99", "p999", "max"] {
        report.figure(format!("over_us_{name}"), seen.over(name));
    }
    report.figure("healthy_failed", seen.healthy("before", "failed") + seen.healthy("during", "failed"));
    for window in ["before", "during"] {
        report.figure(format!("healthy_p99_us_{window}"), seen.healthy(window, "service_p99_us"));
        report.figure(format!("healthy_intended_p99_us_{window}"), seen.healthy(window, "p99_us"));
    }
    // From the actual send: the load shares its core with the backend, and what it is late itself is not the gateway's.
    report.figure("healthy_p99_ratio", seen.0["healthy"]["service_p99_ratio"].as_f64().unwrap_or(f64::NAN));
    report.figure("connections_left", after.connections);
    report.figure("descriptors_more", after.descriptors - before.descriptors);
    report.figure("memory_ratio", after.resident / before.resident);
    if let Some(wrong) = seen.0["all"]["first_wrong"].as_str() {
        report.text("first_wrong", wrong);
    }
    report.target("stalled", Comparison::Equal, amounts.count as f64);
    report.target("right", Comparison::Equal, amounts.count as f64);
    report.target("early", Comparison::Equal, 0.0);
    report.target("earliest_s", Comparison::AtLeast, 29.0);
    report.target("over_us_p999", Comparison::AtMost, LATE_MICROS);
    report.target("healthy_failed", Comparison::Equal, 0.0);
    report.target("healthy_p99_ratio", Comparison::AtMost, HEALTHY_RATIO);
    report.target("connections_left", Comparison::Equal, 0.0);
    report.target("descriptors_more", Comparison::AtMost, 0.0);
    report.target("memory_ratio", Comparison::AtMost, MEMORY_RATIO);
    Ok(seen)
}

/// What a wave left behind, once it had time to go.
struct Left {
    /// Client and upstream connections and waiting requests, by the gateway's own count.
    connections: f64,
    descriptors: f64,
    resident: f64,
}

impl Left {
    fn of(front: &Front) -> Outcome<Self> {
        std::thread::sleep(SETTLE);
        let names = ["ringway_connections{", "ringway_upstream_connections{", "ringway_upstream_waiting{"];
        let metrics = front.metrics()?;
        let lines = metrics.lines().filter(|line| names.iter().any(|name| line.starts_with(name)));
        let values: Option<Vec<f64>> = lines.map(|line| line.rsplit_once(' ')?.1.parse().ok()).collect();
        let values = values.filter(|values| values.len() >= names.len()).ok_or("/metrics has no gauges")?;
        let descriptors = std::fs::read_dir(format!("/proc/{}/fd", front.server.pid()));
        Ok(Left {
            connections: values.iter().sum(),
            descriptors: descriptors.map_err(|error| format!("descriptors: {error}"))?.count() as f64,
            resident: host::memory(&front.server.pids()).resident as f64,
        })
    }
}

impl std::fmt::Display for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mib = self.resident / f64::from(1 << 20);
        write!(f, "{} connections, {} descriptors, {mib:.1} MiB", self.connections, self.descriptors)
    }
}

/// What `ringload stall --json` printed.
struct Seen(Value);

impl Seen {
    fn all(&self, key: &str) -> f64 {
        self.0["all"][key].as_f64().unwrap_or(f64::NAN)
    }

    fn over(&self, key: &str) -> f64 {
        self.0["all"]["over_us"][key].as_f64().unwrap_or(f64::NAN)
    }

    fn healthy(&self, window: &str, key: &str) -> f64 {
        self.0["healthy"][window][key].as_f64().unwrap_or(f64::NAN)
    }

    /// A line of the table from what was seen of all requests, or of those of a phase.
    fn row(&self, name: &str, of: &Value, table: &mut Table) {
        let float = |value: &Value| number(value.as_f64().unwrap_or(f64::NAN));
        table.row([
            name.to_owned(),
            of["count"].to_string(),
            of["right"].to_string(),
            of["wrong"].to_string(),
            of["early"].to_string(),
            format!("{:.6}", of["earliest_s"].as_f64().unwrap_or(f64::NAN)),
            float(&of["over_us"]["p50"]),
            float(&of["over_us"]["p999"]),
            float(&of["over_us"]["max"]),
            number(self.healthy("before", "service_p99_us")),
            number(self.healthy("during", "service_p99_us")),
        ]);
    }
}

/// One wave through `front`, with backends of its own: a queue that was filled does not empty.
fn stall(
    site: &Site,
    front: &Front,
    count: usize,
    phases: &str,
    body: Option<&str>,
    amounts: &Amounts,
    healthy: bool,
) -> Outcome<Seen> {
    let _queues = front.start_queues(site)?;
    let mut command = Command::new(site.binaries.join("ringload"));
    command.args(["stall", "--json", "--count", &count.to_string(), "--phases", phases]);
    command.args(["--over", &format!("{}ms", (amounts.over * 1000.0).round())]);
    for phase in phases.split(',') {
        command.args([format!("--url-{phase}"), format!("http://{}/{phase}", front.server.address)]);
    }
    if let Some(body) = body {
        command.args(["--expect-body", body]);
    }
    if healthy {
        command.args(["--healthy", &format!("http://{}/ok", front.server.address)]);
        command.args(["--healthy-rate", &amounts.rate.to_string()]);
    }
    // Exit code 1 is a verdict, and the verdict here is ours.
    let failed = |error: std::io::Error| format!("{}: {error}", cargo::spell(&command));
    let child = process::pinned(&command, Some(site.load_core))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    raise_priority(child.id());
    let output = child.wait_with_output().map_err(failed)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let said = || String::from_utf8_lossy(&output.stderr).into_owned();
    let seen = serde_json::from_str(text.trim()).map_err(|error| {
        format!("`{}` printed no JSON ({error}): {text}{}", cargo::spell(&command), said())
    })?;
    Ok(Seen(seen))
}

/// The same data plane in virtual time, a hundred thousand at once.
fn simulate(count: u64, report: &mut Report) -> Outcome<()> {
    let mut command = cargo::command(&[
        "test",
        "--release",
        "--package",
        "ringway-tests",
        "--test",
        "simulation",
        "stalled",
    ]);
    command.args(["--", "--nocapture"]).env("RINGWAY_SIM_STALLED", count.to_string());
    println!("$ RINGWAY_SIM_STALLED={count} {}", cargo::spell(&command));
    let output = command.output().map_err(|error| format!("{}: {error}", cargo::spell(&command)))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let figures = text.lines().find_map(|line| line.split_once(MARK)).map(|(_, rest)| rest);
    let Some(figures) = figures.filter(|_| output.status.success()) else {
        return Err(format!("the simulation failed:\n{text}{}", String::from_utf8_lossy(&output.stderr)));
    };
    println!("simulation: {figures}");
    let figures: Value = serde_json::from_str(figures).map_err(|error| format!("{figures}: {error}"))?;
    for name in ["requests", "at_once", "earliest_after_us", "latest_after_us", "memory_growth", "peak_mib"] {
        report.figure(format!("simulated_{name}"), figures[name].as_f64().unwrap_or(f64::NAN));
    }
    report.target("simulated_requests", Comparison::AtLeast, count as f64);
    report.target("simulated_earliest_after_us", Comparison::AtLeast, 0.0);
    report.target("simulated_latest_after_us", Comparison::AtMost, LATE_MICROS);
    Ok(())
}
