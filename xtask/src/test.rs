//! `cargo xtask test`: every test of every crate.

use crate::packages::{self, Tool};
use crate::{Outcome, cargo};

/// Programs that tests call.
const TOOLS: &[Tool] = &[Tool {
    program: "curl",
    package: "curl",
    why: "integration tests drive the gateway with a client that nobody here wrote",
}];

/// Installs what is missing and runs unit, integration, simulation and documentation tests.
pub(crate) fn run() -> Outcome<()> {
    packages::ensure(TOOLS)?;
    cargo::run(&mut cargo::command(&["test", "--workspace"]))
}
