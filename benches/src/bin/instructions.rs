//! Calls one hot function under callgrind, which counts the instructions of `ringway_benches::hot::collected` and of what it calls.
//! `cargo xtask bench instructions` runs it.
//!
//! Nothing may depend on the run: the input is fixed, buffers are taken before the count begins, and look-ups are spread over so many
//! keys that the random keys of hash maps even out. The allocator is the system's, because mimalloc chooses addresses at random, and
//! how much `memcmp` does depends on alignment.
#![forbid(unsafe_code)]

use clap::Parser;
use ringway_benches::hot;

/// Runs a hot function of the gateway, for callgrind.
#[derive(Parser)]
struct Options {
    /// `group/case`; without it, every name is printed with the calls that are counted.
    name: Option<String>,
}

fn main() {
    let options = Options::parse();
    let functions = hot::functions();
    let Some(name) = options.name else {
        functions.iter().for_each(|function| println!("{} {}", function.name, function.calls));
        return;
    };
    let Some(function) = functions.iter().find(|function| function.name == name) else {
        eprintln!("there is no function `{name}`; without a name all of them are printed");
        std::process::exit(2);
    };
    (function.prepare)().run(function.calls);
}
