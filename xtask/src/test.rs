//! `cargo xtask test`: every test of every crate.

use crate::packages::{self, Tool};
use crate::{Outcome, cargo};

/// Programs that tests call: clients that nobody here wrote. Without them those tests say that they are skipped.
const TOOLS: &[Tool] = &[
    Tool { program: "curl", package: "curl", why: "integration tests and the demo's lines are run with it" },
    packages::WRK,
];

/// AWS's SDK for Python, which calls the control plane in the tests; the version whose model of the service they compare with.
const BOTO3: &str = "boto3==1.43.11";
/// AWS's command line, which the tutorial is written for; of the same day as the SDK, with the same model.
const AWSCLI: &str = "awscli==1.45.11";

/// Installs what is missing and runs unit, integration, simulation and documentation tests.
pub(crate) fn run() -> Outcome<()> {
    packages::ensure(TOOLS)?;
    packages::ensure_python_package(BOTO3)?;
    packages::ensure_python_package(AWSCLI)?;
    cargo::run(&mut cargo::command(&["test", "--workspace"]))?;
    // With the shim between the kernel and the driver, which no other test should have.
    let faults = ["test", "--package", "ringway-ring", "--features", "driver-faults", "--test", "faults"];
    cargo::run(&mut cargo::command(&faults))
}
