//! `cargo xtask bench NAME`: Ringway beside its peers.

mod ab;
pub(crate) mod arms;
mod cache;
mod compared;
mod driver_ablation;
mod generators;
pub(crate) mod instructions;
mod loadgen;
mod offered;
pub(crate) mod openloop;
pub(crate) mod peers;
mod policy;
mod proxy;
mod rest;
mod revisions;
mod runtimes;
pub(crate) mod slices;
mod truth;
mod vtl;
pub(crate) mod wrk;

use std::process::ExitCode;

use crate::options::Options;
use crate::verify::{Check, dispatch};

const BENCHES: &[Check] = &[
    Check {
        name: "proxy",
        about: "the byte forwarder, Ringway, nginx and HAProxy side by side",
        run: proxy::run,
    },
    Check {
        name: "policy",
        about: "API keys, throttles, quotas and logs: the forwarder, Ringway without and with them, nginx, HAProxy and Envoy",
        run: policy::run,
    },
    Check {
        name: "cache",
        about: "hits of 1 KiB and 100 KiB: Ringway's stage cache, nginx's proxy_cache and Varnish",
        run: cache::run,
    },
    Check {
        name: "runtimes",
        about: "the same minimal proxy on the native driver, monoio, tokio and glommio",
        run: runtimes::run,
    },
    Check {
        name: "driver-ablation",
        about: "the native driver with operations that it does without, on small and large bodies",
        run: driver_ablation::run,
    },
    Check {
        name: "ab",
        about: "two revisions (REV_A REV_B; `.` is the work tree) in turn, and the verdict of ringload compare",
        run: ab::run,
    },
    Check {
        name: "loadgen",
        about: "ringload beside wrk, h2load, hey, oha and k6: requests per second of their own processor time",
        run: loadgen::run,
    },
    Check {
        name: "truth",
        about: "the latencies that ringload reports against known ones, with a freeze of two seconds; wrk beside it",
        run: truth::run,
    },
    Check {
        name: "rest",
        about: "what finding routes, templates and models cost in processor time",
        run: rest::run,
    },
    Check {
        name: "vtl",
        about: "one mapping template here, in Apache Velocity on a warm JVM, and in airspeed",
        run: vtl::run,
    },
    Check {
        name: "instructions",
        about: "instructions of the hot functions against their baselines (--bless writes new ones)",
        run: instructions::run,
    },
];

/// Runs the bench that the command line names.
pub(crate) fn run(options: &Options) -> ExitCode {
    dispatch("bench", BENCHES, options)
}
