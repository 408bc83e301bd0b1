//! Hit ratios on Zipf traces, beside one LRU of the same bytes, and the memory that it takes.

use std::process::Command;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::POINTS;
use super::gateway::Gateway;
use crate::report::{Comparison, Report, Table};
use crate::{Outcome, cargo, process};

/// Connections that ask, for both cores.
const CONNECTIONS: usize = 16;
const RANKS: u32 = 100_000;
const EXPONENT: f64 = 0.9;
const BUDGET: u64 = 32 * 1024 * 1024;
/// What the process takes beyond the budget of the cache: an eighth of it that the allocator rounds up, and its own buffers.
const ROUNDED_UP: f64 = 0.125;
const PROCESS_MIB: f64 = 24.0;

/// The table alone, on two threads.
pub(super) fn table(report: &mut Report) -> Outcome<()> {
    let program = cargo::release(&["ringway-benches"])?.join("cache_trace");
    let text = process::capture(&Command::new(program), None)?;
    let mut table =
        Table::new(&["exponent", "share of all", "bodies", "cache", "LRU", "points", "of budget"]);
    let (mut rows, mut behind, mut fullest) = (0.0, f64::MIN, 0.0_f64);
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).map_err(|error| format!("{line}: {error}"))?;
        let number = |name: &str| row[name].as_f64().ok_or_else(|| format!("{line}: no {name}"));
        let points = 100.0 * (number("ours")? - number("lru")?);
        let full = number("most")? / number("budget")?;
        (rows, behind, fullest) = (rows + 1.0, behind.max(-points), fullest.max(full));
        table.row([
            number("exponent")?.to_string(),
            format!("1/{}", number("share")?),
            row["bodies"].as_str().unwrap_or_default().to_owned(),
            format!("{:.4}", number("ours")?),
            format!("{:.4}", number("lru")?),
            format!("{points:+.2}"),
            format!("{full:.4}"),
        ]);
    }
    print!("\n{}", table.text());
    report.figure("table_traces", rows);
    report.figure("table_points_behind_lru", behind);
    report.figure("table_most_of_budget", fullest);
    report.target("table_traces", Comparison::AtLeast, 30.0);
    report.target("table_points_behind_lru", Comparison::AtMost, POINTS);
    report.target("table_most_of_budget", Comparison::AtMost, 1.0);
    Ok(())
}

/// The gateway on two cores.
pub(super) fn real(driver: &str, requests: usize, report: &mut Report) -> Outcome<()> {
    let gateway = Gateway::start(driver, &format!("bytes = {BUDGET}"))?;
    let figure = |name: &str| gateway.figure(name);
    let before = figure("ringway_cache_bytes")?;
    let mut first = gateway.connect()?;
    // Before anything is kept that counts: pages of code, buffers of the cores.
    for number in 0..200 {
        first.ask(&format!("/c/warm{number}"), "")?;
    }
    let size = ((figure("ringway_cache_bytes")? - before) / 200.0).round() as u64;
    gateway.tell_cache("flush")?;
    let resident = figure("process_resident_memory_bytes")?;

    let (trace, lru) = trace(requests, BUDGET / size)?;
    let (next, hits, most) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let (mut most_resident, done) = (0.0_f64, AtomicUsize::new(0));
    let asking = || {
        let asked = ask(&gateway, &trace, &next, &hits);
        done.fetch_add(1, SeqCst);
        asked
    };
    thread::scope(|scope| -> Outcome<()> {
        let clients: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(asking)).collect();
        while done.load(SeqCst) < CONNECTIONS {
            most.fetch_max(figure("ringway_cache_bytes")? as u64, SeqCst);
            most_resident = most_resident.max(figure("process_resident_memory_bytes")?);
            thread::sleep(Duration::from_millis(50));
        }
        for client in clients {
            client.join().map_err(|_| "a client panicked".to_owned())??;
        }
        Ok(())
    })?;
    // The warm-up's entries are in the way of nobody: the hand takes them first.
    let ratio = |hits: u64| hits as f64 / trace.len() as f64;
    let (ours, lru) = (ratio(hits.load(SeqCst)), ratio(lru));
    let behind = 100.0 * (lru - ours);
    let grown = (most_resident - resident) / f64::from(1 << 20);
    let bound = BUDGET as f64 * (1.0 + ROUNDED_UP) / f64::from(1 << 20) + PROCESS_MIB;
    let mut table = Table::new(&[
        "requests",
        "entry",
        "evicted",
        "cache",
        "LRU",
        "points",
        "of budget",
        "resident MiB more",
        "at most",
    ]);
    let full = most.load(SeqCst) as f64 / BUDGET as f64;
    table.row([
        trace.len().to_string(),
        size.to_string(),
        figure("ringway_cache_evictions_total")?.to_string(),
        format!("{ours:.4}"),
        format!("{lru:.4}"),
        format!("{:+.2}", -behind),
        format!("{full:.4}"),
        format!("{grown:.1}"),
        format!("{bound:.1}"),
    ]);
    print!("\n{}", table.text());
    report.figure("gateway_hit_ratio", ours);
    report.figure("gateway_points_behind_lru", behind);
    report.figure("gateway_most_of_budget", full);
    report.figure("gateway_evictions", figure("ringway_cache_evictions_total")?);
    report.figure("gateway_resident_mib", grown);
    report.target("gateway_points_behind_lru", Comparison::AtMost, POINTS);
    report.target("gateway_most_of_budget", Comparison::AtMost, 1.0);
    // A cache that is not full shows nothing.
    report.target("gateway_evictions", Comparison::AtLeast, 1_000.0);
    report.target("gateway_resident_mib", Comparison::AtMost, bound.ceil());
    Ok(())
}

/// Asks for one key of the trace after the other, with the others who do.
fn ask(gateway: &Gateway, trace: &[u32], next: &AtomicUsize, hits: &AtomicU64) -> Outcome<()> {
    let mut connection = gateway.connect()?;
    while let Some(rank) = trace.get(next.fetch_add(1, SeqCst)) {
        let got = connection.ask(&format!("/c/{rank:06}"), "")?;
        got.version.ok_or("an answer is not the backend's")?;
        hits.fetch_add(u64::from(got.is_hit), SeqCst);
    }
    Ok(())
}

/// Ranks by Zipf's law, and hits of one LRU that holds so many entries.
fn trace(requests: usize, entries: u64) -> Outcome<(Vec<u32>, u64)> {
    let program = cargo::release(&["ringway-benches"])?.join("cache_trace");
    let mut command = Command::new(program);
    command.args([requests.to_string(), RANKS.to_string(), EXPONENT.to_string(), entries.to_string()]);
    let text = process::capture(&command, None)?;
    let printed: Value = serde_json::from_str(&text).map_err(|error| format!("cache_trace: {error}"))?;
    let ranks = printed["ranks"].as_array().into_iter().flatten().filter_map(Value::as_u64);
    let ranks: Vec<u32> = ranks.map(|rank| rank as u32).collect();
    match printed["lruHits"].as_u64().filter(|_| ranks.len() == requests) {
        Some(hits) => Ok((ranks, hits)),
        None => Err("cache_trace printed no trace".to_owned()),
    }
}
