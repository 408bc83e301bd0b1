//! `cargo xtask ci`: the whole check, cheapest first, so that a slip is told early.

use std::time::Instant;

use crate::bench::instructions;
use crate::{Outcome, cargo, test, tidy};

type Step = fn() -> Outcome<()>;

/// Runs every step and stops at the first that fails.
pub(crate) fn run() -> Outcome<()> {
    let steps: [(&str, Step); 6] = [
        ("fmt", || cargo::run(&mut cargo::command(&["fmt", "--all", "--check"]))),
        ("tidy", tidy::run),
        ("clippy", clippy),
        ("deny", deny),
        ("test", test::run),
        ("instructions", instructions::check),
    ];
    for (name, step) in steps {
        println!("== {name}");
        let start = Instant::now();
        step().map_err(|message| format!("{name}: {message}"))?;
        println!("== {name}: ok after {} s", start.elapsed().as_secs());
    }
    Ok(())
}

fn clippy() -> Outcome<()> {
    cargo::run(&mut cargo::command(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

fn deny() -> Outcome<()> {
    if !cargo::has_subcommand("deny") {
        println!("cargo-deny is not installed: licenses and bans of deny.toml are not checked here");
        println!("(`cargo install cargo-deny --locked` installs it)");
        return Ok(());
    }
    // Advisories need a database from the network; licenses, bans and sources do not.
    cargo::run(&mut cargo::command(&["deny", "check", "licenses", "bans", "sources"]))
}
