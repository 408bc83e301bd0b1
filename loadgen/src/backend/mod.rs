//! `ringload backend`: a fast upstream that behaves as it is told, so that one binary makes a whole test bench.

mod answer;
mod args;
mod behavior;
mod connection;
mod delay;
mod freeze;

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::thread;

use ringway_core::telemetry::counters::Counter;
use ringway_ring::net::{Listener, Runtime};
use ringway_ring::start::{CoreMain, RunOptions, run_on_core};
use serde_json::{Map, Value, json};

use crate::cores;
use crate::exit::Exit;
use crate::precise::Precise;
use crate::random::SmallRandom;
use crate::stop::Interrupts;
use args::{Accepting, Setup};
use connection::{Core, Counters};

pub use args::Args;

/// How long a thread rests when no connection can be accepted, for want of descriptors for example.
const EXHAUSTED_REST_NANOS: u64 = 100_000_000;

/// Serves until SIGTERM or Ctrl-C.
pub fn run(args: Args) -> ExitCode {
    let setup = match Setup::new(args) {
        Ok(setup) => setup,
        Err(error) => return fail(Exit::Usage, &error),
    };
    match serve(&setup) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(Exit::Unavailable, &error),
    }
}

fn fail(exit: Exit, error: &str) -> ExitCode {
    eprintln!("ringload backend: {error}");
    exit.into()
}

fn serve(setup: &Arc<Setup>) -> Result<(), String> {
    let mut interrupts = Interrupts::listen().map_err(|error| format!("signals: {error}"))?;
    cores::expect_descriptors(setup.connections_max);
    let address = cores::free_address(setup.listen)?;
    let driver = cores::driver(setup.driver)?;
    let (tell, told) = mpsc::channel();
    let mut counters = Vec::new();
    for (index, options) in cores::options(driver, setup.threads, false).into_iter().enumerate() {
        let counted = Arc::new(Counters::default());
        counters.push(counted.clone());
        let (setup, tell) = (setup.clone(), tell.clone());
        thread::Builder::new()
            .name(format!("backend-{index}"))
            .spawn(move || run_thread(index, &options, address, setup, counted, &tell))
            .map_err(|error| format!("thread {index}: {error}"))?;
    }
    for _ in &counters {
        told.recv().expect("a thread tells before it ends").map_err(|error| format!("{address}: {error}"))?;
    }
    println!("listening on {address}");
    interrupts.wait();
    // The threads end with the process.
    println!("{}", totals(&counters));
    Ok(())
}

/// Runs a thread for as long as the process lives; tells whether it listens.
fn run_thread(
    index: usize,
    options: &RunOptions,
    address: SocketAddr,
    setup: Arc<Setup>,
    counters: Arc<Counters>,
    tell: &mpsc::Sender<io::Result<()>>,
) {
    let ran = run_on_core(options, Answers { index, address, setup, counters, tell });
    if let Ok(Err(error)) | Err(error) = ran {
        let _ = tell.send(Err(error));
    }
}

/// What a thread needs to answer.
struct Answers<'a> {
    index: usize,
    address: SocketAddr,
    setup: Arc<Setup>,
    counters: Arc<Counters>,
    tell: &'a mpsc::Sender<io::Result<()>>,
}

impl CoreMain for Answers<'_> {
    type Output = io::Result<()>;

    async fn run<R: Runtime>(self, runtime: R) -> io::Result<()> {
        let Answers { index, address, setup, counters, tell } = self;
        let listener = runtime.listen(address, setup.backlog)?;
        let core = Rc::new(Core {
            precise: Precise::start(&runtime)?,
            random: RefCell::new(SmallRandom::stream(setup.seed, index as u64)),
            open: Cell::new(0),
            runtime,
            setup,
            counters,
        });
        // The process waits for each thread to tell.
        let _ = tell.send(Ok(()));
        accept(core, listener).await;
        Ok(())
    }
}

/// Accepts for ever.
async fn accept<R: Runtime>(core: Rc<Core<R>>, listener: R::Listener) {
    if core.setup.accepting == Accepting::NeverAccepts {
        let _listening = listener;
        return std::future::pending().await;
    }
    loop {
        match listener.accept().await {
            Ok(stream) if core.open.get() < core.setup.connections_max => {
                core.counters.connections.add(1);
                core.runtime.spawn(hold(core.clone(), stream));
            }
            Ok(_) => core.counters.connections_refused.add(1),
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(_) => core.runtime.wheel().sleep_until(core.runtime.now() + EXHAUSTED_REST_NANOS).await,
        }
    }
}

/// A connection and its place among the open ones.
async fn hold<R: Runtime>(core: Rc<Core<R>>, stream: R::Stream) {
    core.open.set(core.open.get() + 1);
    core.counters.connections_open.add(1);
    match core.setup.accepting {
        Accepting::Serves => connection::serve(core.clone(), stream).await,
        _ => ringway_ring::net::Stream::closed(&stream).await,
    }
    core.open.set(core.open.get() - 1);
    core.counters.connections_open.sub(1);
}

/// A counter by its name and where it is.
type Named = (&'static str, fn(&Counters) -> &Counter);

const NAMED: [Named; 10] = [
    ("requests", |c| &c.requests),
    ("connections", |c| &c.connections),
    ("connections_open", |c| &c.connections_open),
    ("connections_refused", |c| &c.connections_refused),
    ("bytes_received", |c| &c.bytes_received),
    ("bytes_sent", |c| &c.bytes_sent),
    ("errors", |c| &c.errors),
    ("stalled", |c| &c.stalled),
    ("resets", |c| &c.resets),
    ("protocol_errors", |c| &c.protocol_errors),
];

/// The counters of all threads as one JSON object.
fn totals(threads: &[Arc<Counters>]) -> Value {
    let sum =
        |get: fn(&Counters) -> &Counter| threads.iter().map(|counters| get(counters).get()).sum::<u64>();
    Value::Object(
        NAMED.iter().map(|(name, get)| ((*name).to_owned(), json!(sum(*get)))).collect::<Map<_, _>>(),
    )
}

#[cfg(test)]
mod tests;
