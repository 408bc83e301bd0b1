//! `cargo xtask bench NAME`: Ringway beside its peers.

pub(crate) mod arms;
pub(crate) mod instructions;
mod offered;
pub(crate) mod openloop;
mod proxy;
mod runtimes;
mod slices;
mod wrk;

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
        name: "runtimes",
        about: "the same minimal proxy on monoio, tokio and glommio",
        run: runtimes::run,
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
