//! The binary `ringload`. Its place in the workspace is kept; the load generator itself is the next thing to be built.
#![forbid(unsafe_code)]

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// EX_UNAVAILABLE of sysexits.h.
const UNAVAILABLE: u8 = 69;

fn main() -> ExitCode {
    eprintln!("ringload is not built yet: measure with wrk or h2load, or with `cargo xtask bench proxy`");
    ExitCode::from(UNAVAILABLE)
}
