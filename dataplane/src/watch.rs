//! Waiting for an integration: cut by the deadline, and by the client when it leaves.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Poll;

use ringway_ring::net::Stream;
use ringway_ring::wheel::Timer;

/// A wait that is over within this time (nanoseconds) costs nothing but the wait: only a longer one also watches the client's socket.
pub(crate) const PATIENCE_NANOS: u64 = 50_000_000;

/// Why a wait was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The deadline passed.
    Timeout,
    /// The client closed its connection.
    ClientLeft,
}

/// Resolves when the client has closed its connection; never, where there is none.
async fn left<S: Stream>(client: Option<&S>) {
    match client {
        Some(client) => client.closed().await,
        None => std::future::pending().await,
    }
}

/// Runs `work` until it is done, `deadline` passes, or the client leaves: looked for while `watched` says so, for a client that sends is
/// watched by receiving from it. Cut work is to be dropped.
/// It comes pinned: a future that is moved into another one is in memory twice, for every connection.
pub(crate) async fn watch<S: Stream, F: Future>(
    timer: &Timer,
    now: u64,
    deadline: u64,
    client: Option<&S>,
    watched: impl Fn() -> bool,
    mut work: Pin<&mut F>,
) -> Result<F::Output, Cut> {
    timer.arm(deadline.min(now + PATIENCE_NANOS));
    if let Ok(output) = timer.guard(work.as_mut()).await {
        return Ok(output);
    }
    timer.arm(deadline);
    let mut closed = pin!(left(client));
    std::future::poll_fn(|cx| {
        if let Poll::Ready(output) = work.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        if timer.poll_expired(cx).is_ready() {
            return Poll::Ready(Err(Cut::Timeout));
        }
        match watched() {
            true => closed.as_mut().poll(cx).map(|()| Err(Cut::ClientLeft)),
            false => Poll::Pending,
        }
    })
    .await
}
