//! How ringload ends: exit codes, those above 63 as in sysexits.h.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Ok,
    /// Requests have failed, or were never sent.
    Failures,
    /// The generator was the bottleneck: the figures say nothing about the target.
    Invalid,
    /// The command line is wrong.
    Usage,
    /// A file says something that is not valid.
    Data,
    /// A file that was named is not there or cannot be read.
    NoInput,
    /// The name of the target cannot be resolved.
    NoHost,
    /// The target cannot be reached, or the system lacks what is needed.
    Unavailable,
    /// A thread of the generator has ended unasked.
    Software,
    /// The report could not be written.
    Output,
    /// Ended by Ctrl-C; the report was written.
    Interrupted,
}

impl Exit {
    /// The exit code of the process.
    pub fn code(self) -> u8 {
        match self {
            Exit::Ok => 0,
            Exit::Failures => 1,
            Exit::Invalid => 2,
            Exit::Usage => 64,
            Exit::Data => 65,
            Exit::NoInput => 66,
            Exit::NoHost => 68,
            Exit::Unavailable => 69,
            Exit::Software => 70,
            Exit::Output => 74,
            Exit::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

/// Why a command cannot go on: what is wrong, where, and what to do; and how it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// How it ends.
    pub exit: Exit,
    /// What to say.
    pub message: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Refusal { exit, message: message.into() }
    }
}
