//! `cargo xtask verify NAME`: one promise of SPECIFICATION.md at a time.

mod cache;
mod control_plane;
mod driver_faults;
mod fuzz;
pub(crate) mod memory;
mod overload;
mod quota;
mod reload;
pub(crate) mod rest;
mod sanitizers;
mod sim;
mod throttle;
mod timeout;

use std::process::ExitCode;

use crate::options::Options;
use crate::report::Report;
use crate::{Outcome, history, usage};

/// Something that `verify` or `bench` runs by name.
pub(crate) struct Check {
    /// What it is called on the command line and in its report.
    pub(crate) name: &'static str,
    /// One line for `--list`.
    pub(crate) about: &'static str,
    /// Measures; figures and targets go into the report.
    pub(crate) run: fn(&Options, &mut Report) -> Outcome<()>,
}

const CHECKS: &[Check] = &[
    Check {
        name: "memory",
        about: "memory of idle, slow and unread connections, beside nginx",
        run: memory::run,
    },
    Check {
        name: "overload",
        about: "three times the load that a core can serve: what is left of its peak, and for whom",
        run: overload::run,
    },
    Check {
        name: "reload",
        about: "50 configuration swaps a second under load lose nothing",
        run: reload::run,
    },
    Check {
        name: "cache",
        about: "stage caches: hit ratio beside an LRU, memory, one question for 1,000 misses, nothing old after a flush",
        run: cache::run,
    },
    Check {
        name: "sanitizers",
        about: "the runtime under Miri, and with the whole gateway under AddressSanitizer",
        run: sanitizers::run,
    },
    Check {
        name: "sim",
        about: "10,000 seeds of the simulation, and the planted bug is found",
        run: sim::run,
    },
    Check {
        name: "timeout",
        about: "5,000 stalled requests end after 29 s to the millisecond, and leave nothing",
        run: timeout::run,
    },
    Check {
        name: "driver-faults",
        about: "the native driver with late completions, full queues, no buffers, a ring that dies",
        run: driver_faults::run,
    },
    Check {
        name: "rest",
        about: "recorded AWS behaviour, real OpenAPI documents, and 10,000 templates beside real Velocity",
        run: rest::run,
    },
    Check {
        name: "control-plane",
        about: "every AWS operation is there, nothing is lost by kill -9, and 8,000 methods cost the data plane nothing",
        run: control_plane::run,
    },
    Check {
        name: "quota",
        about: "1,000 kill -9 while quotas are spent: never one over, at most a lease of each core under (--rounds N)",
        run: quota::run,
    },
    Check {
        name: "throttle",
        about: "throttles admit rate × time + burst, on 1 to 16 simulated cores and 2 real ones (--only simulated|real)",
        run: throttle::run,
    },
    Check { name: "fuzz", about: "each fuzz target for five minutes (--seconds N)", run: fuzz::run },
];

/// Runs the check that the command line names.
pub(crate) fn run(options: &Options) -> ExitCode {
    dispatch("verify", CHECKS, options)
}

/// Lists `checks`, or runs the named one and prints its report.
pub(crate) fn dispatch(command: &str, checks: &[Check], options: &Options) -> ExitCode {
    if options.flag("list") {
        for check in checks {
            println!("{:<16} {}", check.name, check.about);
        }
        return ExitCode::SUCCESS;
    }
    let Some(name) = options.name() else {
        return usage(&format!("{command} needs a name; `cargo xtask {command} --list` lists them"));
    };
    let Some(check) = checks.iter().find(|check| check.name == name) else {
        return usage(&format!("there is no {command} `{name}`; `cargo xtask {command} --list` lists them"));
    };
    let mut report = Report::new(check.name);
    if let Err(message) = (check.run)(options, &mut report) {
        eprintln!("{command} {name}: {message}");
        report.fail(&message);
    }
    let recorded = options.record().map_or(Ok(()), |path| history::append(path, &report));
    if let Err(message) = &recorded {
        eprintln!("{command} {name}: {message}");
    }
    if report.finish() && recorded.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
