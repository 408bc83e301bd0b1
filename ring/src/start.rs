//! Starting a core: its CPU, its driver, its runtime.

use std::future::Future;
use std::io;
use std::sync::Arc;

use ::monoio::time::TimeDriver;
use ::monoio::{IoUringDriver, LegacyDriver, RuntimeBuilder};

use crate::monoio::MonoioRuntime;
use crate::native::RingCounters;
use crate::net::Runtime;
use crate::probe::RingFlags;
use crate::{affinity, native};

/// The driver a core runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// io_uring, with the driver of this crate.
    Native,
    /// io_uring through monoio, with these flags.
    Monoio(RingFlags),
    /// epoll through monoio.
    Epoll,
}

impl Driver {
    /// As an option and in labels.
    pub fn name(self) -> &'static str {
        match self {
            Driver::Native => "native",
            Driver::Monoio(_) => "monoio",
            Driver::Epoll => "epoll",
        }
    }

    /// With its flags, for people.
    pub fn describe(self) -> String {
        match self {
            Driver::Native => "native io_uring".into(),
            Driver::Monoio(flags) => format!("io_uring through monoio ({})", flags.names()),
            Driver::Epoll => "epoll".into(),
        }
    }
}

/// How to run a core.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The driver, as chosen after a probe.
    pub driver: Driver,
    /// The CPU to pin the thread to.
    pub cpu: Option<usize>,
    /// Entries of the submission queue.
    pub entries: u32,
    /// Whether connections that are made from here do without pacing: they are given TCP's oldest congestion control (reno) in place of the
    /// system's, which may hold a send back with a timer. For those who measure.
    pub unpaced: bool,
    /// What a native driver counts.
    pub counters: Arc<RingCounters>,
}

/// Entries of monoio's queue, which suit thousands of connections per core.
const MONOIO_ENTRIES: u32 = 4096;
/// Entries of the native driver's: what one turn submits. More only spreads over more cache lines.
const NATIVE_ENTRIES: u32 = 512;

impl RunOptions {
    /// On this driver, with as many entries as suit it.
    pub fn on(driver: Driver) -> Self {
        let entries = if driver == Driver::Native { NATIVE_ENTRIES } else { MONOIO_ENTRIES };
        RunOptions { driver, cpu: None, entries, unpaced: false, counters: Arc::default() }
    }
}

/// What a core does, on whichever runtime it is given.
pub trait CoreMain {
    /// What it returns.
    type Output;
    /// Runs it.
    fn run<R: Runtime>(self, runtime: R) -> impl Future<Output = Self::Output>;
}

/// Runs `main` on the calling thread until it ends. Tasks that are left are dropped. An error: the driver cannot be set up (then `main` was
/// dropped without having run), or it has failed since.
pub fn run_on_core<M: CoreMain>(options: &RunOptions, main: M) -> io::Result<M::Output> {
    if let Some(cpu) = options.cpu {
        affinity::pin_to(cpu)?;
    }
    match options.driver {
        Driver::Native => native::run(options, |runtime| main.run(runtime)),
        Driver::Monoio(flags) => {
            let builder = RuntimeBuilder::<TimeDriver<IoUringDriver>>::new().with_entries(options.entries);
            let mut runtime = builder.uring_builder(flags.builder()).build()?;
            runtime.block_on(async { Ok(main.run(MonoioRuntime::start(false, options.unpaced)?).await) })
        }
        Driver::Epoll => {
            let builder = RuntimeBuilder::<TimeDriver<LegacyDriver>>::new().with_entries(options.entries);
            let mut runtime = builder.build()?;
            runtime.block_on(async { Ok(main.run(MonoioRuntime::start(true, options.unpaced)?).await) })
        }
    }
}

/// As [`run_on_core`], but on epoll where the driver cannot be set up, which `refused` is told first: a probe is a small ring, and the
/// real one may still be refused, for its memory for example.
pub fn run_with_fallback<M: CoreMain>(
    options: &RunOptions,
    main: M,
    refused: impl FnOnce(&io::Error),
) -> io::Result<M::Output> {
    let mut main = Some(main);
    match run_on_core(options, Once(&mut main)) {
        Err(error) if main.is_some() && options.driver != Driver::Epoll => {
            refused(&error);
            let epoll = RunOptions { driver: Driver::Epoll, entries: MONOIO_ENTRIES, ..options.clone() };
            run_on_core(&epoll, Once(&mut main))
        }
        result => result,
    }
}

/// What is taken out once it runs.
struct Once<'a, M>(&'a mut Option<M>);

impl<M: CoreMain> CoreMain for Once<'_, M> {
    type Output = M::Output;

    async fn run<R: Runtime>(self, runtime: R) -> M::Output {
        self.0.take().expect("it runs once").run(runtime).await
    }
}
