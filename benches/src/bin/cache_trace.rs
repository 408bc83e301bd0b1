//! The table of `cargo xtask verify cache`: hits of the cache's own table on two threads, beside those of one LRU of the same bytes that
//! sees the same requests. Prints a JSON line for each trace; or, with `REQUESTS RANKS EXPONENT ENTRIES`, one trace and the hits of an LRU
//! of that many entries, for the gateway to be asked.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

use ringway_benches::zipf::{Lru, zipf};
use ringway_core::cache::{Cache, Lifetime, NewAnswer};

const THREADS: usize = 2;
const RANKS: u32 = 50_000;
const REQUESTS: usize = 1_000_000;
const HOUR: u64 = 3_600_000_000_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [requests, ranks, exponent, entries] = arguments.as_slice() {
        let number = |text: &str| text.parse::<u64>().expect("a number");
        let exponent = exponent.parse().expect("a number");
        trace(number(requests) as usize, number(ranks) as u32, exponent, number(entries));
        return;
    }
    for exponent in [0.7, 0.8, 0.9, 1.0, 1.2] {
        for share in [5, 20, 100] {
            for mixed in [false, true] {
                line(exponent, share, mixed);
            }
        }
    }
}

fn trace(requests: usize, ranks: u32, exponent: f64, entries: u64) {
    let trace = zipf(requests, ranks, exponent, 7);
    let mut lru = Lru::new(entries);
    let hits = trace.iter().filter(|rank| lru.get(**rank, 1)).count();
    println!("{}", serde_json::json!({"ranks": trace, "lruHits": hits}));
}

/// Bytes of the body of a key: all the same, or from 100 bytes to 16 KiB.
fn body_len(rank: u32, mixed: bool) -> usize {
    if mixed { 100 << ((rank.wrapping_mul(0x9E37_79B9) >> 24) % 8) } else { 1024 }
}

fn line(exponent: f64, share: u64, mixed: bool) {
    let lifetime = Lifetime { fresh: HOUR, ..Lifetime::default() };
    let lines = [b'x'; 200];
    let bodies = vec![b'y'; 16 * 1024];
    // What the cache counts an entry with.
    let probe = Cache::new(1 << 30);
    let size = |len: usize| {
        let before = probe.bytes();
        let key = 0u32.to_be_bytes();
        let answer = NewAnswer { status: 200, lines: &lines, body: &bodies[..len], ..NewAnswer::default() };
        probe.insert(probe.ticket(probe.hash(&key), 0), &key, &answer, lifetime);
        let size = probe.bytes() - before;
        probe.remove(probe.renewing_ticket(probe.hash(&key), 0), &key);
        size
    };
    let sizes: Vec<u64> = (0..RANKS).map(|rank| size(body_len(rank, mixed))).collect();
    let budget = sizes.iter().sum::<u64>() / share;
    let trace = zipf(REQUESTS, RANKS, exponent, 42);
    let mut lru = Lru::new(budget);
    let expected = trace.iter().filter(|rank| lru.get(**rank, sizes[**rank as usize])).count();
    let (cache, hits, most) = (Cache::new(budget), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for first in 0..THREADS {
            let (cache, hits, most, trace, lines, bodies) = (&cache, &hits, &most, &trace, &lines, &bodies);
            scope.spawn(move || {
                for (now, rank) in trace.iter().enumerate().skip(first).step_by(THREADS) {
                    let key = rank.to_be_bytes();
                    let hash = cache.hash(&key);
                    if cache.find(hash, &key).is_some() {
                        hits.fetch_add(1, Relaxed);
                        continue;
                    }
                    let body = &bodies[..body_len(*rank, mixed)];
                    let answer = NewAnswer { status: 200, lines, body, ..NewAnswer::default() };
                    cache.insert(cache.ticket(hash, now as u64), &key, &answer, lifetime);
                    most.fetch_max(cache.bytes(), Relaxed);
                }
            });
        }
    });
    let ratio = |hits: u64| hits as f64 / trace.len() as f64;
    println!(
        "{}",
        serde_json::json!({
            "exponent": exponent,
            "share": share,
            "bodies": if mixed { "100 B to 12.5 KiB" } else { "1 KiB" },
            "ours": ratio(hits.load(Relaxed)),
            "lru": ratio(expected as u64),
            "budget": budget,
            "most": most.load(Relaxed),
        })
    );
}
