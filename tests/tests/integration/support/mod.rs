//! What the tests are made of: the real binary, a scripted backend, a client that sends bytes.

pub(crate) mod backend;
pub(crate) mod client;
pub(crate) mod gateway;
pub(crate) mod metrics;
pub(crate) mod wire;

use std::thread;
use std::time::{Duration, Instant};

/// Only a hang takes this long. Below AWS's integration timeout of 29 s, so that the two are told apart.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `condition` holds.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "it does not come: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Runs each function as two tests, one for each driver. Where the kernel forbids io_uring, that half says so and does nothing.
macro_rules! on_both_drivers {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[test]
            fn io_uring() {
                if crate::support::has_io_uring() {
                    super::$name("io_uring");
                }
            }

            #[test]
            fn epoll() {
                super::$name("epoll");
            }
        }
    )+};
}
pub(crate) use on_both_drivers;

/// Whether this kernel has what `--driver io_uring` needs.
pub(crate) fn has_io_uring() -> bool {
    let report = ringway_ring::monoio::probe();
    if report.io_uring.is_none() {
        eprintln!("SKIPPED: no io_uring here: {}", report.missing.join("; "));
    }
    report.io_uring.is_some()
}
