//! `cargo xtask test`: every test of every crate.

use std::process::Command;

use crate::packages::{self, Tool};
use crate::{Outcome, cargo};

/// Programs that tests call: clients that nobody here wrote. Without them those tests say that they are skipped.
const TOOLS: &[Tool] = &[
    Tool { program: "curl", package: "curl", why: "integration tests and the demo's lines are run with it" },
    packages::WRK,
];

/// AWS's SDK for Python, which calls the control plane in the tests; the version whose model of the service they compare with.
const BOTO3: &str = "boto3==1.43.11";

/// Installs what is missing and runs unit, integration, simulation and documentation tests.
pub(crate) fn run() -> Outcome<()> {
    packages::ensure(TOOLS)?;
    ensure_boto3()?;
    cargo::run(&mut cargo::command(&["test", "--workspace"]))?;
    // With the shim between the kernel and the driver, which no other test should have.
    let faults = ["test", "--package", "ringway-ring", "--features", "driver-faults", "--test", "faults"];
    cargo::run(&mut cargo::command(&faults))
}

/// Puts it into `target/tools`, where the integration tests look for it: nothing of the host changes.
fn ensure_boto3() -> Outcome<()> {
    packages::ensure(&[packages::PYTHON, packages::PIP])?;
    let directory = cargo::target_directory()?.join("tools").join("boto3");
    let name = BOTO3.replace("==", "-");
    if directory.join(format!("{name}.dist-info")).is_dir() {
        return Ok(());
    }
    println!("{BOTO3} is missing: installing it from PyPI");
    let mut install = Command::new("python3");
    install.args(["-m", "pip", "install", "--quiet", "--upgrade", BOTO3, "--target"]);
    cargo::run(install.arg(directory))
}
