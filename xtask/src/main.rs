//! `cargo xtask`: everything that is done to this repository besides building it.
//!
//! Light on purpose (std, serde_json, toml), so that `cargo xtask ci` starts after seconds on a fresh machine.
#![forbid(unsafe_code)]

mod bench;
mod cargo;
mod ci;
mod history;
mod host;
mod options;
mod packages;
mod process;
mod report;
mod statistics;
mod test;
mod tidy;
mod verify;

use std::process::ExitCode;

use options::Options;

/// What a command yields: its value, or a message for a person that says what went wrong and what to do.
type Outcome<T> = Result<T, String>;

const HELP: &str = "\
cargo xtask COMMAND

  ci                    fmt, clippy, tidy, test and cargo-deny (where installed): what CI runs
  tidy                  the rules of this repository that neither rustc nor clippy can check
  test                  installs the test tools it needs, then runs every crate's tests
  verify NAME           checks one promise of SPECIFICATION.md (--list names them)
  bench NAME            measures Ringway beside its peers (--list names them)

verify and bench print a table and then, as the last line, one JSON object
{\"name\", \"figures\", \"targets\", \"met\"}. Exit 0 only where every target is met, 1 where one is not
or the measurement failed, 2 for a command line that is not understood. With --record FILE that object is also
appended to FILE, with time, revision and machine.

  cargo xtask bench proxy --rounds 4 --connections 64
  cargo xtask bench instructions --bless
  cargo xtask bench ab HEAD~1 HEAD --record runs.ndjson
  cargo xtask verify fuzz --seconds 60
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some((command, rest)) = words.split_first() else {
        eprint!("{HELP}");
        return ExitCode::from(2);
    };
    let options = match Options::parse(rest) {
        Ok(options) => options,
        Err(message) => return usage(&message),
    };
    let checked = match command.as_str() {
        "ci" => options.only(&[]).map(|()| ci::run()),
        "tidy" => options.only(&[]).map(|()| tidy::run()),
        "test" => options.only(&[]).map(|()| test::run()),
        "verify" => return verify::run(&options),
        "bench" => return bench::run(&options),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        other => Err(format!("there is no command `{other}`")),
    };
    match checked {
        Err(message) => usage(&message),
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(message)) => {
            eprintln!("xtask {command}: {message}");
            ExitCode::FAILURE
        }
    }
}

/// A command line that is not understood: says why, and what is.
fn usage(message: &str) -> ExitCode {
    eprintln!("xtask: {message}\n\n{HELP}");
    ExitCode::from(2)
}
