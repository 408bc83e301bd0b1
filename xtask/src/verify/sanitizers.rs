//! `cargo xtask verify sanitizers`: the runtime's unsafe code under Miri and AddressSanitizer (nightly).

use crate::options::Options;
use crate::report::{Comparison, Report};
use crate::{Outcome, cargo, process};

/// What Miri can run: everything that asks nothing of the kernel but memory.
const MIRI: &[&str] = &["executor", "wheel", "block", "mailbox", "native::buffers", "native::slots"];
/// What runs with AddressSanitizer: the runtimes over real sockets, and the whole gateway. Package and test.
const ADDRESS: &[(&str, &str)] = &[("ringway-ring", "streams"), ("ringway-tests", "integration")];

/// Holds the resident memory of the gateway to a bound; the sanitizer's shadow would be counted with it.
const MEASURES_MEMORY: &str = "a_client_that_does_not_read_stops_the_backend";

/// Runs both, or one of them.
pub(crate) fn run(options: &Options, report: &mut Report) -> Outcome<()> {
    options.only(&["only"])?;
    let only: String = options.get("only", String::new())?;
    let mut failed = 0;
    if only != "address" {
        let passed = miri(&mut failed)?;
        report.figure("miri_tests", passed);
        report.target("miri_tests", Comparison::AtLeast, 20.0);
    }
    if only != "miri" {
        let passed = address(&mut failed)?;
        report.figure("address_tests", passed);
        report.target("address_tests", Comparison::AtLeast, 100.0);
    }
    report.figure("failed", f64::from(failed));
    report.target("failed", Comparison::Equal, 0.0);
    Ok(())
}

fn miri(failed: &mut u32) -> Outcome<f64> {
    let mut passed = 0.0;
    for part in MIRI {
        let mut command = cargo::nightly(&["miri", "test", "--package", "ringway-ring", "--lib"]);
        command.args(["--target-dir", &directory("miri")?, "--", part]);
        command.env("MIRIFLAGS", "-Zmiri-disable-isolation -Zmiri-permissive-provenance");
        passed += test(command, failed)?;
    }
    Ok(passed)
}

fn address(failed: &mut u32) -> Outcome<f64> {
    let mut passed = 0.0;
    for (package, name) in ADDRESS {
        // With a target named, build scripts and procedural macros are built without.
        let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let mut command =
            cargo::nightly(&["test", "--target", &triple, "--package", package, "--test", name]);
        command.args(["--target-dir", &directory("address")?, "--", "--skip", MEASURES_MEMORY]);
        // The sanitizer has an allocator of its own, which the gateway's would hide everything from.
        command.env("RUSTFLAGS", "-Zsanitizer=address --cfg system_allocator");
        command.env("LSAN_OPTIONS", format!("suppressions={}", suppressions()?));
        // The gateway itself is built by the test.
        command.env("RINGWAY_TEST_TARGET", &triple);
        passed += test(command, failed)?;
    }
    Ok(passed)
}

/// Leaks that are not ours: monoio's runtime does not free all of itself when it ends, which is when its process does.
fn suppressions() -> Outcome<String> {
    let file = cargo::target_directory()?.join("leaks-of-others");
    std::fs::write(&file, "leak:monoio::\n").map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(file.display().to_string())
}

fn directory(name: &str) -> Outcome<String> {
    Ok(cargo::target_directory()?.join(name).display().to_string())
}

/// Runs tests; returns how many passed, and counts a failure.
fn test(mut command: std::process::Command, failed: &mut u32) -> Outcome<f64> {
    println!("$ {}", cargo::spell(&command));
    let (good, text) = process::both_outputs(&mut command)?;
    if !good {
        println!("{text}");
        *failed += 1;
    }
    let passed = text.lines().filter(|line| line.starts_with("test ") && line.ends_with("... ok")).count();
    println!("  {passed} passed");
    if passed == 0 {
        *failed += 1;
    }
    Ok(passed as f64)
}
