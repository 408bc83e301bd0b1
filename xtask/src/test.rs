//! `cargo xtask test`: every test of every crate.

use crate::packages::{self, Tool};
use crate::{Outcome, cargo};

/// Programs that tests call: clients that nobody here wrote. Without them those tests say that they are skipped.
const TOOLS: &[Tool] = &[
    Tool { program: "curl", package: "curl", why: "integration tests and the demo's lines are run with it" },
    packages::WRK,
];

/// Installs what is missing and runs unit, integration, simulation and documentation tests.
pub(crate) fn run() -> Outcome<()> {
    packages::ensure(TOOLS)?;
    cargo::run(&mut cargo::command(&["test", "--workspace"]))?;
    // With the shim between the kernel and the driver, which no other test should have.
    let faults = ["test", "--package", "ringway-ring", "--features", "driver-faults", "--test", "faults"];
    cargo::run(&mut cargo::command(&faults))
}
