//! The hot functions by the clock: `cargo bench -p ringway-benches`. For exact comparisons count instructions instead:
//! `cargo xtask bench instructions`.
#![forbid(unsafe_code)]

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use ringway_benches::hot;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn all(criterion: &mut Criterion) {
    for function in hot::functions() {
        let mut prepared = (function.prepare)();
        prepared.run(64);
        criterion.bench_function(function.name, |bencher| bencher.iter(&mut *prepared.call));
    }
}

// Short: a second or so for each function.
criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .sample_size(20);
    targets = all
}
criterion_main!(benches);
