//! How long a call of each hot function takes that is named: nanoseconds, as a line of JSON. `cargo xtask bench rest` runs it.
#![forbid(unsafe_code)]

use std::time::Instant;

use clap::Parser;
use ringway_benches::hot;
use serde_json::json;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Times hot functions of the gateway.
#[derive(Parser)]
struct Options {
    /// `group/case`, as `bench instructions` shows them
    #[arg(required = true)]
    names: Vec<String>,
    /// Batches of calls; the median of them counts
    #[arg(long, default_value_t = 41)]
    batches: usize,
}

fn main() {
    let options = Options::parse();
    let mut times = serde_json::Map::new();
    for function in
        hot::functions().iter().filter(|function| options.names.iter().any(|name| name == function.name))
    {
        let mut prepared = (function.prepare)();
        let mut batches: Vec<f64> = (0..options.batches.max(1))
            .map(|_| {
                let started = Instant::now();
                prepared.run(function.calls);
                started.elapsed().as_nanos() as f64 / function.calls as f64
            })
            .collect();
        batches.sort_by(f64::total_cmp);
        times.insert(function.name.to_owned(), json!(batches[batches.len() / 2]));
    }
    println!("{}", serde_json::Value::from(times));
}
