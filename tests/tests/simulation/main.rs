//! The whole data plane in simulated worlds: several cores with the real pipeline between scripted clients and backends, on a network
//! that delays, tears and fails, in virtual time. One seed decides everything, so a failure replays.
//!
//! `RINGWAY_SIM_SEEDS=N` runs N seeds instead of 256; `RINGWAY_SIM_SEED=S` replays one and prints its trace.
//! `RINGWAY_SIM_STALLED=N` lets N requests stall instead of 10,000 (module `stalled`).

mod backend;
mod book;
mod client;
mod conditions;
mod corpus;
mod dice;
mod figures;
mod gateway;
mod judge;
mod limits;
mod message;
mod request;
mod seed;
mod stalled;
mod time;
mod trials;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use figures::Figures;
use seed::Seen;

/// Seeds of an ordinary test run.
const SEEDS: u64 = 256;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

/// Runs a seed; a panic is a violation too.
fn run(seed: u64, traced: bool) -> Result<Seen, String> {
    catch_unwind(AssertUnwindSafe(|| seed::run(seed, traced))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
    })
}

fn replay(seed: u64) -> String {
    let features = if cfg!(feature = "planted-bug") { "--features planted-bug " } else { "" };
    format!(
        "seed {seed}; replay: RINGWAY_SIM_SEED={seed} cargo test -p ringway-tests {features}--test simulation -- \
         --nocapture"
    )
}

#[test]
fn the_data_plane_keeps_its_promises() {
    if let Some(seed) = number("RINGWAY_SIM_SEED") {
        let seen = run(seed, true).unwrap_or_else(|panic| panic!("{panic} ({})", replay(seed)));
        println!("{}", seen.report);
        println!("{}", seen.figures.to_json());
        assert_eq!(seen.violation, None, "{}", replay(seed));
        return;
    }
    let (figures, failure) = sweep(number("RINGWAY_SIM_SEEDS").unwrap_or(SEEDS));
    println!("simulation: {}", figures.to_json());
    if let Some((seed, violation)) = failure {
        panic!("{violation} ({})", replay(seed));
    }
}

/// Runs `seeds` seeds on all processors; stops at a failure. Returns the failure of the lowest seed.
fn sweep(seeds: u64) -> (Figures, Option<(u64, String)>) {
    let next = AtomicU64::new(0);
    let total = Mutex::new(Figures::default());
    let failure: Mutex<Option<(u64, String)>> = Mutex::new(None);
    let work = || {
        let mut figures = Figures::default();
        while failure.lock().unwrap().is_none() {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                break;
            }
            let violation = match run(seed, false) {
                Ok(seen) => {
                    figures.add(&seen.figures);
                    seen.violation
                }
                Err(panic) => Some(format!("panic: {panic}")),
            };
            if let Some(violation) = violation {
                let mut failure = failure.lock().unwrap();
                if failure.as_ref().is_none_or(|(known, _)| seed < *known) {
                    *failure = Some((seed, violation));
                }
            }
        }
        total.lock().unwrap().add(&figures);
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    (total.into_inner().unwrap(), failure.into_inner().unwrap())
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 0..12 {
        let (first, second) = (run(seed, false), run(seed, false));
        let compare =
            |seen: Result<Seen, String>| seen.map(|seen| (seen.trace, seen.figures, seen.violation));
        assert_eq!(compare(first), compare(second), "seed {seed}");
    }
}
