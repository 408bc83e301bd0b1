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

/// Runs each function as a test for each driver. Where the kernel has not what a driver needs, its test says so and does nothing.
macro_rules! on_each_driver {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[test]
            fn native() {
                if crate::support::has("native") {
                    super::$name("native");
                }
            }

            #[test]
            fn monoio() {
                if crate::support::has("monoio") {
                    super::$name("monoio");
                }
            }

            #[test]
            fn epoll() {
                super::$name("epoll");
            }
        }
    )+};
}
pub(crate) use on_each_driver;

/// Whether this kernel has what `--driver NAME` needs.
pub(crate) fn has(driver: &str) -> bool {
    let choice = driver.parse().expect("the name of a driver");
    match ringway_ring::probe::probe().choose(choice) {
        Ok(_) => true,
        Err(why) => {
            eprintln!("SKIPPED: {why}");
            false
        }
    }
}
