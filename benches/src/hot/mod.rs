//! The hot functions of the gateway, each ready to be called again and again: criterion times them (`benches/hot.rs`), and
//! `cargo xtask bench instructions` counts their instructions (`src/bin/instructions.rs`).
//!
//! Every call returns a number that is known beforehand (bytes written, headers found), so that a function that has stopped doing its
//! work is an error and not a gain.

mod access_log;
mod bodies;
mod heads;
mod pipeline;
mod routes;
mod vtl;

use std::hint::black_box;

/// A hot function with its input.
pub struct Function {
    /// Its name: `group/case`.
    pub name: &'static str,
    /// How many calls are counted: enough to make the loop itself vanish, and a multiple of the inputs it goes through.
    pub calls: usize,
    /// Makes it ready.
    pub prepare: fn() -> Prepared,
}

/// A function that is ready to be called.
pub struct Prepared {
    /// Calls it once.
    pub call: Box<dyn FnMut() -> usize>,
    /// What every call returns.
    pub expected: usize,
}

/// All of them, in the order of tables.
pub fn functions() -> Vec<Function> {
    [
        heads::FUNCTIONS,
        routes::FUNCTIONS,
        pipeline::FUNCTIONS,
        bodies::FUNCTIONS,
        access_log::FUNCTIONS,
        vtl::FUNCTIONS,
    ]
    .into_iter()
    .flatten()
    .map(|&(name, calls, prepare)| Function { name, calls, prepare })
    .collect()
}

/// A row of a group's table, in the order of [`Function`]'s fields.
type Row = (&'static str, usize, fn() -> Prepared);

/// Calls before the ones that count.
const WARM_UP: usize = 64;

impl Prepared {
    fn new(expected: usize, call: impl FnMut() -> usize + 'static) -> Self {
        Prepared { call: Box::new(call), expected }
    }

    /// Calls it `calls` times and checks the answers. A few calls come before: what happens only at first does not count.
    pub fn run(&mut self, calls: usize) {
        for _ in 0..WARM_UP {
            assert_eq!((self.call)(), self.expected, "a wrong answer while warming up");
        }
        assert_eq!(collected(&mut *self.call, calls), calls * self.expected, "a wrong answer");
    }
}

/// Callgrind counts instructions in here and nowhere else: see `src/bin/instructions.rs`.
#[inline(never)]
fn collected(call: &mut dyn FnMut() -> usize, calls: usize) -> usize {
    let mut sum = 0;
    for _ in 0..calls {
        sum += black_box(call());
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::functions;

    #[test]
    fn every_function_answers_as_expected_and_has_a_name_of_its_own() {
        let mut names = Vec::new();
        for function in functions() {
            (function.prepare)().run(64);
            names.push(function.name);
        }
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
