//! Ringway's arm of `cargo xtask bench vtl`: for each line `render N` or `parse N` does so N times and answers the nanoseconds of one.
//! The arms of the other engines do the same; all of them count the processor time of the thread and check every rendering.
#![forbid(unsafe_code)]

use ringway_benches::hot;
use rustix::time::{ClockId, clock_gettime};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    for line in std::io::stdin().lines() {
        let line = line.expect("standard input can be read");
        let (task, calls) = line.split_once(' ').expect("a task and a number");
        println!("{}", measure(task, calls.parse().expect("a number")));
    }
}

/// Nanoseconds of one call.
fn measure(task: &str, calls: u32) -> f64 {
    let name = format!("vtl/{task}");
    let functions = hot::functions();
    let function = functions.iter().find(|function| function.name == name).expect("a function of that name");
    let mut prepared = (function.prepare)();
    let started = thread_nanos();
    for _ in 0..calls {
        assert_eq!((prepared.call)(), prepared.expected, "a wrong answer");
    }
    (thread_nanos() - started) / f64::from(calls)
}

fn thread_nanos() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}
