//! Waiting in virtual time.

use std::future::Future;

use ringway_ring::net::Runtime;
use ringway_ring::sim::SimRuntime;
use ringway_ring::wheel::Timer;

/// Waits for so many nanoseconds.
pub(crate) async fn sleep(runtime: &SimRuntime, nanoseconds: u64) {
    if nanoseconds > 0 {
        runtime.wheel().sleep_until(runtime.now() + nanoseconds).await;
    }
}

/// Gives `future` up after so many nanoseconds.
pub(crate) async fn within<F: Future>(
    runtime: &SimRuntime,
    nanoseconds: u64,
    future: F,
) -> Option<F::Output> {
    let timer = Timer::new(runtime.wheel());
    timer.arm(runtime.now() + nanoseconds);
    timer.guard(future).await.ok()
}
