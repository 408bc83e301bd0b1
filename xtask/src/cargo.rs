//! Calls of cargo, and where its results lie.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;

/// The root of this repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository's root")
}

/// A cargo command in the root, by the cargo that runs this program.
///
/// Without what that has told this program of its own package: build scripts (that of the crate `ring`) run again where it changes, so that
/// each turn between `cargo build` and `cargo xtask` would build everything above them anew.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root()).args(arguments);
    for (name, _) in std::env::vars_os() {
        let is_of_package = name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"));
        if is_of_package {
            command.env_remove(name);
        }
    }
    command
}

/// As [`command`], by the nightly toolchain of rustup: the variables of the pinned one, under which this program runs, would win over
/// `+nightly`.
pub(crate) fn nightly(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(root()).arg("+nightly").args(arguments);
    command.env_remove("RUSTUP_TOOLCHAIN").env_remove("RUSTC").env_remove("CARGO");
    command
}

/// Runs `command` with its output passed through as it comes.
pub(crate) fn run(command: &mut Command) -> Outcome<()> {
    let line = spell(command);
    println!("$ {line}");
    let status = command.status().map_err(|error| format!("{line}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{line}` failed ({status})")) }
}

/// The program and its arguments as one would type them, without the path of the program.
pub(crate) fn spell(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let mut line = program.to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

/// Whether `cargo NAME` is installed.
pub(crate) fn has_subcommand(name: &str) -> bool {
    command(&[name, "--version"]).output().is_ok_and(|output| output.status.success())
}

/// Builds `packages` in release mode and returns the directory of the binaries.
///
/// One by one: together, each would have the features of its dependencies that another one asks for, and be built anew for each set.
pub(crate) fn release(packages: &[&str]) -> Outcome<PathBuf> {
    for package in packages {
        run(&mut command(&["build", "--release", "--bins", "--package", package]))?;
    }
    Ok(target_directory()?.join("release"))
}

/// Where cargo puts what it builds.
pub(crate) fn target_directory() -> Outcome<PathBuf> {
    let output = command(&["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))?;
    let directory =
        metadata["target_directory"].as_str().ok_or("cargo metadata names no target_directory")?;
    Ok(PathBuf::from(directory))
}
