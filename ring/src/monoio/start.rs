//! Starting a core: its CPU, its driver, its runtime.

use std::future::Future;
use std::io;

use monoio::time::TimeDriver;
use monoio::{IoUringDriver, LegacyDriver, RuntimeBuilder};

use super::{MonoioRuntime, RingFlags};
use crate::affinity;

/// The driver a core runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// io_uring with these flags.
    IoUring(RingFlags),
    /// epoll.
    Epoll,
}

/// How to run a core.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The driver, as chosen after a probe.
    pub driver: Driver,
    /// The CPU to pin the thread to.
    pub cpu: Option<usize>,
    /// Entries of the submission queue; the completion queue has twice as many.
    pub entries: u32,
}

/// Entries that suit thousands of connections per core.
const ENTRIES_DEFAULT: u32 = 4096;

impl Default for RunOptions {
    fn default() -> Self {
        RunOptions { driver: Driver::IoUring(RingFlags::Plain), cpu: None, entries: ENTRIES_DEFAULT }
    }
}

/// Runs `main` on the calling thread until it ends. Tasks that are left are dropped.
pub fn run_on_core<F, M>(options: &RunOptions, main: M) -> io::Result<F::Output>
where
    F: Future,
    M: FnOnce(MonoioRuntime) -> F,
{
    if let Some(cpu) = options.cpu {
        affinity::pin_to(cpu)?;
    }
    match options.driver {
        Driver::IoUring(flags) => {
            let builder = RuntimeBuilder::<TimeDriver<IoUringDriver>>::new().with_entries(options.entries);
            let mut runtime = builder.uring_builder(flags.builder()).build()?;
            Ok(runtime.block_on(async { main(MonoioRuntime::start(false)).await }))
        }
        Driver::Epoll => {
            let builder = RuntimeBuilder::<TimeDriver<LegacyDriver>>::new().with_entries(options.entries);
            let mut runtime = builder.build()?;
            Ok(runtime.block_on(async { main(MonoioRuntime::start(true)).await }))
        }
    }
}
