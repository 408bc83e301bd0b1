//! `cargo xtask bench truth`: the latencies that ringload reports against those that a backend is known to have.
//!
//! The backend delays each answer by a known distribution and stands still for two seconds. What clients that come at even times see
//! follows from that by arithmetic. A closed loop comes to other figures, because it asks nothing while it waits.

use std::process::Command;

use serde_json::Value;

use super::arms::Site;
use super::wrk;
use crate::options::Options;
use crate::process::{self, Server};
use crate::report::{Comparison, Report, Table, number};
use crate::{Outcome, host, packages};

/// Seconds from the first request at which the backend freezes, and for how long.
const FREEZE_AT: f64 = 9.0;
const FREEZE_FOR: f64 = 2.0;
/// Delays are spread evenly between these, in seconds.
const DELAY: (f64, f64) = (0.030, 0.050);
/// Arithmetic is done on so many delays for each request, evenly spread.
const DELAY_STEPS: usize = 200;
/// How far a reported figure may be from the truth, as a share of it.
const TOLERANCE: f64 = 0.01;
/// More than are ever under way at once, so that no request waits for a connection.
const CONNECTIONS_PER_RATE: f64 = FREEZE_FOR * 1.5;
/// Of the closed loops beside it.
const CLOSED_CONNECTIONS: u32 = 64;

const NOTES: &str = "\
ringload: open loop, RATE requests/s, a connection for each request that can be under way; closed loop: ringload on 64 connections;
wrk: as it comes, on 64 connections: an answer after more than 2 s is a timeout and in no percentile; wrk 10 s: with --timeout 10s. wrk
makes up for the requests that it did not send by inventing as many evenly spaced ones, which fits a freeze of all connections at once.";

/// Latencies in microseconds: p50, p99, p99.9, the greatest.
type Figures = [f64; 4];
const NAMES: [&str; 4] = ["p50", "p99", "p999", "max"];

/// Measures and judges.
pub(crate) fn run(options: &Options, report: &mut Report) -> Outcome<()> {
    options.only(&["rate", "seconds"])?;
    let (rate, seconds) = (options.get("rate", 500u32)?, options.get("seconds", 20u32)?);
    if f64::from(seconds) <= FREEZE_AT + FREEZE_FOR {
        return Err(format!(
            "--seconds {seconds}: the freeze ends {} s after the start",
            FREEZE_AT + FREEZE_FOR
        ));
    }
    packages::ensure(&[packages::WRK, packages::TASKSET])?;
    let site = Site::new("bench-truth", &["ringway-loadgen"])?;
    println!(
        "\n{}\ndelays evenly between {:.0} and {:.0} ms; the backend stands still from {FREEZE_AT} s for {FREEZE_FOR} s of {seconds} s",
        host::describe(),
        DELAY.0 * 1e3,
        DELAY.1 * 1e3
    );
    let truth = truth(f64::from(rate), f64::from(seconds));
    let columns = [
        ("ringload", ringload(&site, Some(rate), seconds)?),
        ("closed", ringload(&site, None, seconds)?),
        ("wrk", closed_loop(&site, seconds, &[])?),
        ("wrk_10s", closed_loop(&site, seconds, &["--timeout", "10s"])?),
    ];
    let mut table = Table::new(&[
        "us",
        "truth",
        "ringload",
        "off by",
        "closed loop",
        "off by",
        "wrk",
        "off by",
        "wrk 10 s",
        "off by",
    ]);
    for (index, name) in NAMES.iter().enumerate() {
        let mut row = vec![(*name).to_owned(), number(truth[index])];
        report.figure(format!("truth_{name}_us"), truth[index]);
        for (column, figures) in &columns {
            let off = (figures[index] / truth[index] - 1.0).abs();
            row.extend([number(figures[index]), format!("{:.2} %", off * 100.0)]);
            report.figure(format!("{column}_{name}_us"), figures[index]);
            report.figure(format!("{column}_off_{name}"), off);
        }
        table.row(row);
        report.target(format!("ringload_off_{name}"), Comparison::AtMost, TOLERANCE);
    }
    print!("\n{}", table.text());
    println!("{}", NOTES.replace("RATE", &rate.to_string()));
    Ok(())
}

/// What clients see who ask `rate` times a second at even times: with delay `d`, a request of time `t` is answered at `t + d`, or at the
/// end of the freeze if that lies in it.
fn truth(rate: f64, seconds: f64) -> Figures {
    let requests = (rate * seconds) as usize;
    let mut latencies = Vec::with_capacity(requests * DELAY_STEPS);
    for request in 0..requests {
        let asked = request as f64 / rate;
        for step in 0..DELAY_STEPS {
            let delay = DELAY.0 + (DELAY.1 - DELAY.0) * (step as f64 + 0.5) / DELAY_STEPS as f64;
            let due = asked + delay;
            let frozen = (FREEZE_AT..FREEZE_AT + FREEZE_FOR).contains(&due);
            latencies.push(if frozen { FREEZE_AT + FREEZE_FOR - asked } else { delay });
        }
    }
    latencies.sort_by(f64::total_cmp);
    let at = |share: f64| latencies[((latencies.len() as f64 * share).ceil() as usize).max(1) - 1] * 1e6;
    [at(0.5), at(0.99), at(0.999), at(1.0)]
}

/// A new backend: its freeze is counted from its first request.
fn start_backend(site: &Site) -> Outcome<Server> {
    let address = process::free_address()?;
    let mut command = Command::new(site.binaries.join("ringload"));
    command.args(["backend", "--threads", "1", "--listen", &address.to_string()]);
    command.args(["--delay", &format!("uniform:{:.0}ms..{:.0}ms", DELAY.0 * 1e3, DELAY.1 * 1e3)]);
    command.args(["--freeze", &format!("{FREEZE_AT}s,{FREEZE_FOR}s")]);
    // A connection to see whether it listens makes no request.
    Server::start("ringload-backend", &command, Some(site.load_core), address, &site.scratch)
}

/// What ringload reports: of an open loop at `rate`, or of a closed one.
fn ringload(site: &Site, rate: Option<u32>, seconds: u32) -> Outcome<Figures> {
    let backend = start_backend(site)?;
    let file = site.scratch.file("truth.json");
    let mut command = Command::new(site.binaries.join("ringload"));
    command.args(["run", "--quiet", "--threads", "1", "--duration", &format!("{seconds}s")]);
    command.args(["--url", &format!("http://{}/", backend.address), "--json"]).arg(&file);
    let connections = match rate {
        Some(rate) => {
            command.args(["--rate", &rate.to_string()]);
            (f64::from(rate) * CONNECTIONS_PER_RATE).ceil() as u32
        }
        None => CLOSED_CONNECTIONS,
    };
    command.args(["--connections", &connections.to_string()]);
    process::capture(&command, Some(site.proxy_core))?;
    let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let report: Value =
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    if report["valid"] != true || report["counts"]["failed"] != 0 || report["counts"]["missed"] != 0 {
        return Err(format!("the run is not valid: {} {}", report["counts"], report["invalid_reasons"]));
    }
    let mut figures = Figures::default();
    for (name, figure) in NAMES.iter().zip(&mut figures) {
        *figure = report["latency"]["intended"][name]
            .as_f64()
            .ok_or_else(|| format!("the report has no {name}"))?;
    }
    Ok(figures)
}

/// What wrk reports.
fn closed_loop(site: &Site, seconds: u32, options: &[&str]) -> Outcome<Figures> {
    let backend = start_backend(site)?;
    let mut command = Command::new("wrk");
    command.args(["-t1", &format!("-c{CLOSED_CONNECTIONS}"), &format!("-d{seconds}s")]).args(options);
    command.arg("-s").arg(wrk::write_script(&site.scratch)?).arg(format!("http://{}/", backend.address));
    let output = process::capture(&command, Some(site.proxy_core))?;
    let counted = wrk::parse(&output).ok_or_else(|| format!("wrk printed no result:\n{output}"))?;
    Ok([counted.p50, counted.p99, counted.p999, counted.max])
}

#[cfg(test)]
mod tests {
    use super::truth;

    #[test]
    fn the_truth_of_a_freeze_is_arithmetic() {
        let [p50, p99, p999, max] = truth(500.0, 20.0);
        // A tenth of the requests waits for the end of the freeze, evenly between 0 and about 2 s; the others take 30 to 50 ms.
        assert!((39_000.0..42_000.0).contains(&p50), "{p50}");
        assert!((1_830_000.0..1_850_000.0).contains(&p99), "{p99}");
        assert!((2_010_000.0..2_030_000.0).contains(&p999), "{p999}");
        assert!((2_045_000.0..2_050_000.0).contains(&max), "{max}");
    }
}
