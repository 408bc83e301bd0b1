//! The simulation's own tests, and what they share.

mod faults;
mod rules;
mod worlds;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io::{ErrorKind, Result};
use std::net::SocketAddr;
use std::rc::Rc;

use super::*;
use crate::buf::{Buf, SMALL};
use crate::net::{Alarm, Listener, Runtime, Stream};
use crate::wheel::{Elapsed, Timer};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1000 * MS;

fn addr() -> SocketAddr {
    "10.9.0.1:80".parse().unwrap()
}

/// A result that a task leaves for the test.
struct Slot<T>(Rc<RefCell<Option<T>>>);

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        Slot(self.0.clone())
    }
}

impl<T> Slot<T> {
    fn is_set(&self) -> bool {
        self.0.borrow().is_some()
    }

    fn take(&self) -> Option<T> {
        self.0.borrow_mut().take()
    }
}

/// Starts `task` on `core`; its output appears in the slot.
fn start<T: 'static>(core: &SimRuntime, task: impl Future<Output = T> + 'static) -> Slot<T> {
    let slot = Slot(Rc::default());
    let result = slot.clone();
    core.spawn(async move {
        let output = task.await;
        *result.0.borrow_mut() = Some(output);
    });
    slot
}

/// Runs until `slot` is set.
fn finish<T>(world: &mut World, slot: &Slot<T>) -> T {
    let outcome = world.run_until(|| slot.is_set(), 3600 * SECOND);
    assert_eq!(outcome, Outcome::Done, "{}", world.report());
    slot.take().unwrap()
}

/// A connection between two new cores: the client's end and the server's.
fn pair(world: &mut World) -> (SimRuntime, SimStream, SimRuntime, SimStream) {
    let (client, server) = (world.core(), world.core());
    let listener = server.listen(addr(), 8).unwrap();
    let accepted = start(&server, async move { listener.accept().await.unwrap() });
    let runtime = client.clone();
    let connected = start(&client, async move { runtime.connect(addr()).await.unwrap() });
    let both = (finish(world, &accepted), finish(world, &connected));
    (client, both.1, server, both.0)
}

/// Bytes whose order shows.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index % 251) as u8).collect()
}

/// Receives until the end of the stream.
async fn recv_all(stream: &SimStream) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let buf = stream.recv(SMALL).await?;
        if buf.is_empty() {
            return Ok(all);
        }
        all.extend_from_slice(&buf);
    }
}

/// Gives `future` up after `span` nanoseconds.
async fn within<F: Future>(
    runtime: &SimRuntime,
    span: u64,
    future: F,
) -> std::result::Result<F::Output, Elapsed> {
    let timer = Timer::new(runtime.wheel());
    timer.arm(runtime.now() + span);
    timer.guard(future).await
}

async fn sleep(runtime: &SimRuntime, span: u64) {
    runtime.wheel().sleep_until(runtime.now() + span).await;
}
