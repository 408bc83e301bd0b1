//! The binary `ringway`: the composition root, the command line and the admin server.
//!
//! The main thread is the control thread: a small tokio runtime for the admin server, the resolver, reloads and signals. Each
//! core is a thread of its own that runs the data plane and never waits for this one.
#![forbid(unsafe_code)]

mod admin;
mod admin_client;
mod aws_operations;
mod banner;
mod boot;
mod bounded;
mod cache;
mod check;
mod cli;
mod compare;
mod control_plane;
mod cores;
mod database;
mod demo;
mod explain;
mod export_config;
mod host;
mod invoke;
mod join;
mod log_writer;
mod metrics;
mod reload;
mod resolver;
mod sample_backend;
mod signals;
mod template;
mod usage;
mod warm_cache;
mod watch_files;
mod web_page;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;

// AddressSanitizer watches the system's allocator (`cargo xtask verify sanitizers`).
#[cfg(not(system_allocator))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, not errors; clap's own code for an error would be 2.
            let _ = error.print();
            return if error.use_stderr() { cli::EXIT_CONFIGURATION.into() } else { ExitCode::SUCCESS };
        }
    };
    let colors = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(colors).with_target(false).init();
    let code = match cli.command {
        cli::Command::Serve(arguments) => {
            boot::serve(&arguments.config, arguments.driver, arguments.insecure_no_auth, "")
        }
        cli::Command::Check(arguments) => check::run(&arguments.files),
        cli::Command::Template(command) => template::run(&command),
        cli::Command::Diff(arguments) => compare::diff(&arguments),
        cli::Command::Export(arguments) => compare::export_document(&arguments),
        cli::Command::ExportConfig(arguments) => export_config::export(&arguments),
        cli::Command::ImportConfig(arguments) => export_config::import(&arguments),
        cli::Command::Invoke(arguments) => invoke::run(&arguments),
        cli::Command::Explain(arguments) => explain::run(&arguments),
        cli::Command::Cache(command) => cache::run(&command),
        cli::Command::Usage(arguments) => usage::run(&arguments),
        cli::Command::Demo(arguments) => demo::run(&arguments),
        cli::Command::AwsOperations => aws_operations::run(),
    };
    code.into()
}
