//! Readers on all cores while answers are flushed, purged and asked for anew: nobody who asks afterwards gets what was before.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;

use super::gateway::Gateway;
use crate::Outcome;
use crate::report::{Comparison, Report, Table};

/// Connections that read all the time: so many that each core has some.
const READERS: usize = 16;
const PATH: &str = "/c/coherent";
const WAYS: [&str; 3] = ["flush", "purge?tag=all", "Cache-Control: max-age=0"];

/// Measures and judges.
pub(super) fn run(driver: &str, rounds: usize, report: &mut Report) -> Outcome<()> {
    let gateway = Gateway::start(driver, "tags = true, bytes = 67108864")?;
    let mut table = Table::new(&["by", "rounds", "reads", "hits", "old answers"]);
    let mut old_in_all = 0;
    for way in WAYS {
        let (floor, over) = (AtomicU64::new(0), AtomicBool::new(false));
        let (reads, hits, old) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| -> Outcome<()> {
            let reader = || -> Outcome<()> {
                let mut connection = gateway.connect()?;
                while !over.load(SeqCst) {
                    let least = floor.load(SeqCst);
                    let got = connection.ask(PATH, "")?;
                    let version = got.version.ok_or("an answer is not the backend's")?;
                    reads.fetch_add(1, SeqCst);
                    hits.fetch_add(u64::from(got.is_hit), SeqCst);
                    old.fetch_add(u64::from(version < least), SeqCst);
                }
                Ok(())
            };
            let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(reader)).collect();
            let changed = change(&gateway, way, rounds / WAYS.len(), &floor, &reads);
            over.store(true, SeqCst);
            for reader in readers {
                reader.join().map_err(|_| "a reader panicked".to_owned())??;
            }
            changed
        })?;
        old_in_all += old.load(SeqCst);
        let figures =
            [rounds as u64 / WAYS.len() as u64, reads.load(SeqCst), hits.load(SeqCst), old.load(SeqCst)];
        let name = way.split(['?', ':']).next().unwrap_or(way).to_owned();
        report.figure(
            format!("coherence_hits_{}", name.to_ascii_lowercase().replace('-', "_")),
            figures[2] as f64,
        );
        table.row([name].into_iter().chain(figures.map(|figure| figure.to_string())));
    }
    print!("\n{}", table.text());
    report.figure("coherence_rounds", rounds as f64);
    report.figure("coherence_old_answers", old_in_all as f64);
    report.target("coherence_old_answers", Comparison::Equal, 0.0);
    for way in ["flush", "purge", "cache_control"] {
        // Who keeps nothing is never wrong.
        report.target(format!("coherence_hits_{way}"), Comparison::AtLeast, rounds as f64);
    }
    Ok(())
}

/// Makes what is kept old, `rounds` times, with some reads in between.
fn change(gateway: &Gateway, way: &str, rounds: usize, floor: &AtomicU64, reads: &AtomicU64) -> Outcome<()> {
    let mut connection = gateway.connect()?;
    for _ in 0..rounds {
        let version = gateway.backend.next_version();
        if way.contains(": ") {
            let got = connection.ask(PATH, &format!("{way}\r\n"))?;
            if got.version != Some(version) {
                return Err(format!("who asked anew got version {:?} and not {version}", got.version));
            }
        } else {
            gateway.tell_cache(way)?;
        }
        floor.store(version, SeqCst);
        let enough = reads.load(SeqCst) + 4 * READERS as u64;
        while reads.load(SeqCst) < enough {
            thread::yield_now();
        }
    }
    Ok(())
}
