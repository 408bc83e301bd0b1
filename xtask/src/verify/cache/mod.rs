//! `cargo xtask verify cache`: the caches of stages hit as often as one LRU of their size, keep to their budget, ask once for what many
//! miss, and never give again what was flushed, purged or asked for anew.

mod backend;
mod coherence;
mod gateway;
mod trace;

use crate::Outcome;
use crate::options::Options;
use crate::report::{Comparison, Report, Table};
use gateway::Gateway;

/// Cores of the gateway.
const CORES: usize = 2;
/// Points of hit ratio that an LRU may be better.
const POINTS: f64 = 2.0;

/// Measures and judges.
pub(crate) fn run(options: &Options, report: &mut Report) -> Outcome<()> {
    options.only(&["only", "driver", "rounds", "requests"])?;
    let only = options.get("only", "all".to_owned())?;
    let driver = options.get("driver", "auto".to_owned())?;
    let is_wanted = |part: &str| only == "all" || only == part;
    if is_wanted("table") {
        trace::table(report)?;
    }
    if is_wanted("trace") {
        trace::real(&driver, options.get("requests", 400_000)?, report)?;
    }
    if is_wanted("collapse") {
        collapse(&driver, report)?;
    }
    if is_wanted("coherence") {
        coherence::run(&driver, options.get("rounds", 600)?, report)?;
    }
    Ok(())
}

/// Clients of each core that miss the same answer at a time.
const MISSES_OF_CORE: usize = 1_000;
const ROUNDS: usize = 5;

/// As many requests that miss as connections of two cores are, all at once: how often the backend is asked.
fn collapse(driver: &str, report: &mut Report) -> Outcome<()> {
    let clients = CORES * MISSES_OF_CORE;
    let gateway = Gateway::start(driver, "collapse = true, bytes = 67108864")?;
    let mut table = Table::new(&["round", "clients", "asked of the backend", "at most", "other answers"]);
    let (mut over, mut wrong) = (0, 0);
    for round in 0..ROUNDS {
        let path = format!("/c/collapse{round}");
        gateway.backend.hold();
        let mut connections = (0..clients).map(|_| gateway.connect()).collect::<Outcome<Vec<_>>>()?;
        let before = gateway.figure("ringway_core_requests_total")?;
        for connection in &mut connections {
            connection.send(&path, "")?;
        }
        gateway.wait_for("ringway_core_requests_total", before + clients as f64)?;
        gateway.backend.let_go();
        let mut other = 0;
        for connection in &mut connections {
            other += usize::from(connection.receive()?.version.is_none());
        }
        let asked = gateway.backend.asked(&path);
        over += asked.saturating_sub(CORES as u64);
        wrong += other;
        table.row([round, clients, asked as usize, CORES, other].map(|figure| figure.to_string()));
    }
    print!("\n{}", table.text());
    report.figure("collapsed_rounds", ROUNDS as f64);
    report.figure("collapsed_clients", clients as f64);
    report.figure("collapsed_too_many_asked", over as f64);
    report.figure("collapsed_wrong_answers", wrong as f64);
    report.figure("collapsed_waited", gateway.figure("ringway_cache_waits_total")?);
    report.target("collapsed_too_many_asked", Comparison::Equal, 0.0);
    report.target("collapsed_wrong_answers", Comparison::Equal, 0.0);
    // Whoever does not wait has not collapsed anything.
    report.target("collapsed_waited", Comparison::AtLeast, (ROUNDS * (clients - 2 * CORES)) as f64);
    Ok(())
}
