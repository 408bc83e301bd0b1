//! `cargo xtask verify memory`: what many connections that do little cost in user space.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::bench::arms::{Arm, Site};
use crate::bench::peers::Additions;
use crate::bench::wrk;
use crate::options::Options;
use crate::report::{Comparison, Report, Table, number};
use crate::{Outcome, host, packages, process};

/// Bytes of an idle keep-alive connection: on the native driver, and on the others.
const IDLE_BOUND_NATIVE: f64 = 1200.0;
const IDLE_BOUND: f64 = 2048.0;
/// The process itself, in the stated bounds of storms.
const PROCESS_MIB: f64 = 32.0;
/// A slow upload: a small buffer of each direction and what is kept per connection. 189 MiB for 8,000 and the process.
const UPLOAD_KIB: f64 = 20.0;
/// A client that does not read: a large buffer of each direction. 157 MiB for 1,000 and the process.
const UNREAD_KIB: f64 = 128.0;
/// An answer that no socket buffer holds.
const UNREAD_PATH: &str = "/bytes/20000000";
/// Memory after a burst, of that before.
const BURST_BOUND: f64 = 1.1;
/// A little more than kept connections to a backend stay unused: those of the burst are gone then.
const UPSTREAM_IDLE: Duration = Duration::from_secs(65);
/// How long the burst lasts.
const BURST_SECONDS: u32 = 6;
/// How long a storm is looked at: shorter than the 29 s after which an upload that slow is answered 504.
const STORM: Duration = Duration::from_secs(15);
/// Idle connections give their buffers back within a fraction of a second, allocators their pages a little later.
const SETTLE: Duration = Duration::from_secs(3);

const ARMS: &[&str] = &["ringway", "nginx"];

/// Measures and judges.
pub(crate) fn run(options: &Options, report: &mut Report) -> Outcome<()> {
    options.only(&["idle", "uploads", "unread", "burst", "arms", "driver"])?;
    let burst = options.get("burst", 9000)?;
    let (idle, uploads, unread) =
        (options.get("idle", 10_000)?, options.get("uploads", 8000)?, options.get("unread", 1000)?);
    let wanted = options.get_list("arms", &ARMS.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())?;
    packages::ensure(&[packages::NGINX, packages::WRK, packages::TASKSET])?;
    let built: &[&str] = if wanted.iter().any(|name| name == "ringway") { &["ringway"] } else { &[] };
    let driver = options.get("driver", "native".to_owned())?;
    let site = Site::new("verify-memory", built)?.on(&driver);
    println!("\n{}", site.describe(&[("nginx", "-v")]));
    measure_idle(&site, &wanted, idle, report)?;
    let storms = [
        Storm { name: "uploads", count: uploads, kind: "upload", path: "/pets/1", bound_kib: UPLOAD_KIB },
        Storm { name: "unread", count: unread, kind: "unread", path: UNREAD_PATH, bound_kib: UNREAD_KIB },
    ];
    for storm in &storms {
        weather(&site, &wanted, storm, report)?;
    }
    measure_burst(&site, &wanted, burst, report)
}

/// Full load over many connections, which then are gone: what memory is left, of what there was before. Both times a little load has just
/// been there, so that it is not the first requests that are compared.
fn measure_burst(site: &Site, wanted: &[String], connections: usize, report: &mut Report) -> Outcome<()> {
    let script = wrk::write_script(&site.scratch)?;
    let mut table =
        Table::new(&["burst", "connections", "before MiB", "peak MiB", "afterwards MiB", "ratio"]);
    for arm in fresh(site, wanted) {
        let arm = arm?;
        let pids = arm.server.pids();
        let load = |connections, seconds| {
            wrk::run(&script, arm.address(), wrk::PATH, connections, seconds, site.load_core)
        };
        let resident = || {
            std::thread::sleep(SETTLE);
            host::memory(&pids).resident
        };
        load(64, 3)?;
        let before = resident();
        for pid in &pids {
            host::forget_peak(*pid)?;
        }
        let served = load(connections, BURST_SECONDS)?;
        let peak: u64 = pids.iter().map(|pid| host::peak_resident(*pid)).sum();
        if served.requests < connections as u64 {
            return Err(format!("{}: {} requests over {connections} connections", arm.name, served.requests));
        }
        std::thread::sleep(UPSTREAM_IDLE);
        load(64, 3)?;
        let after = resident();
        let ratio = after as f64 / before as f64;
        let name = arm.name.clone();
        table.row([name, connections.to_string(), mib(before), mib(peak), mib(after), format!("{ratio:.3}")]);
        report.figure(format!("burst_memory_ratio_{}", arm.name), ratio);
        report.figure(format!("burst_peak_mib_{}", arm.name), peak as f64 / f64::from(1 << 20));
    }
    report.target("burst_memory_ratio_ringway", Comparison::AtMost, BURST_BOUND);
    print!("\n{}", table.text());
    Ok(())
}

/// Idle keep-alive connections on fresh servers: bytes of each. `bench proxy` prints the same line.
pub(crate) fn measure_idle(site: &Site, wanted: &[String], count: usize, report: &mut Report) -> Outcome<()> {
    let mut table =
        Table::new(&["idle connections", "count", "before MiB", "with MiB", "bytes each", "anonymous each"]);
    for arm in fresh(site, wanted) {
        let arm = arm?;
        warm_up(arm.address())?;
        let before = host::memory(&arm.server.pids());
        let mut held = Held::open(site, arm.address(), "idle", "/pets/42", count)?;
        std::thread::sleep(SETTLE);
        let after = host::memory(&arm.server.pids());
        held.expect_good(&arm.name, count)?;
        let each = |after: u64, before: u64| (after as f64 - before as f64) / count as f64;
        let resident = each(after.resident, before.resident);
        table.row([
            arm.name.clone(),
            count.to_string(),
            mib(before.resident),
            mib(after.resident),
            number(resident),
            number(each(after.anonymous, before.anonymous)),
        ]);
        report.figure(format!("idle_bytes_{}", arm.name), resident);
    }
    report.figure("idle_connections", count as f64);
    let bound = if site.driver == "native" { IDLE_BOUND_NATIVE } else { IDLE_BOUND };
    report.target("idle_bytes_ringway", Comparison::AtMost, bound);
    println!("\n{}", table.text().trim_end());
    println!(
        "each had one answer before and one after; nginx allocates its table of connections at its start: not counted"
    );
    Ok(())
}

struct Storm {
    name: &'static str,
    count: usize,
    kind: &'static str,
    path: &'static str,
    /// Of one connection.
    bound_kib: f64,
}

/// The peak of each fresh server while the connections of `storm` stand.
fn weather(site: &Site, wanted: &[String], storm: &Storm, report: &mut Report) -> Outcome<()> {
    let mut table =
        Table::new(&[storm.name, "standing", "before MiB", "peak MiB", "KiB each", "afterwards MiB"]);
    for arm in fresh(site, wanted) {
        let mut arm = arm?;
        warm_up(arm.address())?;
        let before = host::memory(&arm.server.pids()).resident;
        let pids = arm.server.pids();
        for pid in &pids {
            host::forget_peak(*pid)?;
        }
        let mut held = Held::open(site, arm.address(), storm.kind, storm.path, storm.count)
            .map_err(|error| format!("{}: {error}; it wrote:\n{}", arm.name, arm.server.written()))?;
        std::thread::sleep(STORM);
        let peak: u64 = pids.iter().map(|pid| host::peak_resident(*pid)).sum();
        let good = held.finish()?;
        std::thread::sleep(SETTLE);
        if !arm.server.is_running() {
            return Err(format!(
                "{} ended in a storm of {}:\n{}",
                arm.name,
                storm.name,
                arm.server.written()
            ));
        }
        warm_up(arm.address())?;
        table.row([
            arm.name.clone(),
            good.count.to_string(),
            mib(before),
            mib(peak),
            number(peak.saturating_sub(before) as f64 / 1024.0 / storm.count as f64),
            mib(host::memory(&arm.server.pids()).resident),
        ]);
        if let Some(why) = good.first_failure {
            println!("{}: a connection did not stand: {why}\n{}", arm.name, arm.server.written());
        }
        report.figure(format!("{}_peak_mib_{}", storm.name, arm.name), peak as f64 / f64::from(1 << 20));
        report.figure(format!("{}_standing_{}", storm.name, arm.name), good.count as f64);
    }
    let bound = PROCESS_MIB + storm.bound_kib * storm.count as f64 / 1024.0;
    report.target(format!("{}_peak_mib_ringway", storm.name), Comparison::AtMost, bound.ceil());
    report.target(format!("{}_standing_ringway", storm.name), Comparison::Equal, storm.count as f64);
    print!("\n{}", table.text());
    Ok(())
}

/// Starts one server after the other, each when the one before is gone.
fn fresh<'a>(site: &'a Site, wanted: &'a [String]) -> impl Iterator<Item = Outcome<Arm>> + 'a {
    ARMS.iter().filter(|name| wanted.iter().any(|wanted| wanted == *name)).map(|name| match *name {
        "ringway" => site.start_ringway(),
        _ => site.start_nginx(&Additions::default()),
    })
}

/// A few requests, so that pages of code and first allocations are there before anything is counted.
fn warm_up(address: SocketAddr) -> Outcome<()> {
    for _ in 0..200 {
        let answer = process::request(address, &format!("GET /pets/42 HTTP/1.1\r\nHost: {address}\r\n"))?;
        if answer.status != 200 {
            return Err(format!("{address} answers {} to a plain request", answer.status));
        }
    }
    Ok(())
}

fn mib(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / f64::from(1 << 20))
}

/// Connections that stand: see `benches/src/bin/connections.rs`.
struct Held {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

struct Good {
    count: u64,
    first_failure: Option<String>,
}

impl Held {
    /// Opens `count` connections and waits until all of them stand.
    fn open(site: &Site, target: SocketAddr, kind: &str, path: &str, count: usize) -> Outcome<Self> {
        let mut command = Command::new(site.binaries.join("connections"));
        command.args(["--target", &target.to_string(), "--count", &count.to_string(), "--path", path, kind]);
        let mut child = process::pinned(&command, Some(site.load_core))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("connections: {error}"))?;
        let stdout = child.stdout.take().ok_or("connections has no output")?;
        let mut held = Held { child, lines: BufReader::new(stdout) };
        let line = held.line()?;
        if line["ready"].as_u64() != Some(count as u64) {
            return Err(format!("not all of {count} connections could be opened: {line}"));
        }
        Ok(held)
    }

    fn line(&mut self) -> Outcome<Value> {
        let mut line = String::new();
        self.lines.read_line(&mut line).map_err(|error| format!("connections: {error}"))?;
        if line.is_empty() {
            return Err(format!("connections ended early: {:?}", self.child.wait()));
        }
        serde_json::from_str(&line).map_err(|error| format!("connections printed `{}`: {error}", line.trim()))
    }

    /// Ends the connections and returns how many had stood to the end.
    fn finish(&mut self) -> Outcome<Good> {
        drop(self.child.stdin.take());
        let line = self.line()?;
        let count = line["good"].as_u64().ok_or_else(|| format!("connections printed {line}"))?;
        Ok(Good { count, first_failure: line["first_failure"].as_str().map(str::to_owned) })
    }

    fn expect_good(&mut self, name: &str, count: usize) -> Outcome<()> {
        let good = self.finish()?;
        if good.count == count as u64 {
            return Ok(());
        }
        let why = good.first_failure.unwrap_or_default();
        Err(format!("{name}: {} of {count} connections answered after their idle time: {why}", good.count))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
