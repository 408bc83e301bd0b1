//! Ctrl-C and SIGTERM: the first ends the sending and keeps the report, the second ends at once.

use std::io;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// The signals that ask for an end. From here on they do not end the process by themselves.
pub struct Interrupts(Signals);

impl Interrupts {
    /// Listens from now on, for the rest of the process.
    pub fn listen() -> io::Result<Self> {
        Signals::new([SIGINT, SIGTERM]).map(Interrupts)
    }

    /// Waits for the first.
    pub fn wait(&mut self) {
        let _ = self.0.forever().next();
    }

    /// How many have come since the last look. Does not wait.
    pub fn take(&mut self) -> usize {
        self.0.pending().count()
    }
}
