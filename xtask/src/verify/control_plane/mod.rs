//! `cargo xtask verify control-plane`: the operations of the AWS control plane, what it keeps when it is killed, and how it grows.

mod client;
mod gateway;
mod growth;
mod kill;
mod operations;
mod picture;
mod writer;

use crate::Outcome;
use crate::options::Options;
use crate::report::Report;

const PARTS: &[&str] = &["operations", "kill", "growth"];

/// Measures and judges.
pub(crate) fn run(options: &Options, report: &mut Report) -> Outcome<()> {
    options.only(&[
        "only",
        "rounds",
        "seed",
        "resources",
        "calls",
        "pairs",
        "seconds",
        "rate",
        "connections",
        "driver",
    ])?;
    let all: Vec<String> = PARTS.iter().map(|&part| part.to_owned()).collect();
    let wanted = options.get_list("only", &all)?;
    if let Some(unknown) = wanted.iter().find(|part| !PARTS.contains(&part.as_str())) {
        return Err(format!("there is no part `{unknown}`; there are {}", PARTS.join(", ")));
    }
    let has = |part: &str| wanted.iter().any(|wanted| wanted == part);
    if has("operations") {
        operations::run(report)?;
    }
    if has("kill") {
        kill::run(options, report)?;
    }
    if has("growth") {
        growth::run(options, report)?;
    }
    Ok(())
}
