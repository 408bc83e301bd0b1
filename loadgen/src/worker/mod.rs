//! One thread of the generator: its connections, its waiting line, its record, and the conductor that begins and ends the run.
//!
//! Generic over the runtime, so that the simulation runs the same code in virtual time.

mod answer;
mod clock;
mod conductor;
mod connection;
mod kinds;
mod line;
mod tally;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::task::{Poll, Waker};
use std::time::Duration;

use ringway_ring::mailbox::Mailbox;
use ringway_ring::net::Runtime;

pub use conductor::run_worker;
pub use kinds::{GROUPS_MAX, Groups};

use crate::plan::Plan;
use crate::record::{Interval, Measured, Nanos, ThreadCpu};
use crate::schedule::Shard;
use kinds::Kinds;
use line::Line;
use tally::Tally;

/// What a thread is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The run begins, warm-up first, at this time of the runtime's clock.
    Start(Nanos),
    /// Send nothing more, and wait a moment for what is in flight.
    Stop,
    /// End now.
    Abort,
}

/// What a thread tells while it runs.
#[derive(Debug)]
pub enum News {
    /// Its connections are open, or have been tried; the time on the runtime's clock.
    Ready(Nanos),
    /// A second is over.
    Second(Interval),
}

/// What the system says the calling thread has used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// User and system CPU time.
    pub cpu: Nanos,
    /// Time that it was ready to run and did not: others had its CPU.
    pub waited: Nanos,
}

/// What a thread is given.
pub struct WorkerHost {
    /// The run.
    pub plan: Arc<Plan>,
    /// How its requests are gathered in the report.
    pub groups: Arc<Groups>,
    /// The times of a replay.
    pub replay_times: Arc<[Nanos]>,
    /// When the measured time ends, counted from its beginning. None: when everything was sent and answered.
    pub duration: Option<Duration>,
    /// The address that the target's name was resolved to.
    pub target: SocketAddr,
    /// Which share of the load it takes.
    pub shard: Shard,
    /// What it is told.
    pub orders: Mailbox<Order>,
    /// Where it tells; when that is full, the news is lost and counted.
    pub news: SyncSender<News>,
    /// Asks the system.
    pub usage: fn() -> Usage,
}

/// What a thread has measured.
#[derive(Debug)]
pub struct WorkerOutcome {
    /// Its record.
    pub measured: Measured,
    /// What it cost in the measured time.
    pub cpu: ThreadCpu,
    /// The greatest share of its CPU that it used in any one second.
    pub busiest_second: f64,
    /// The share of the measured time that it waited for its CPU.
    pub waited_share: f64,
    /// How long was measured.
    pub measured_for: Nanos,
    /// News that nobody took in time: the series has holes.
    pub lost_news: u64,
}

/// What the tasks of a thread share.
struct Worker<R: Runtime> {
    runtime: R,
    plan: Arc<Plan>,
    target: SocketAddr,
    kinds: Kinds,
    tally: RefCell<Tally>,
    /// The waiting line; none in a closed loop.
    line: Option<Line>,
    /// Closed loop: nothing is sent from here on.
    end: Cell<Nanos>,
    /// Closed loop: how many may still be sent.
    left: Cell<u64>,
    /// Requests that connections have taken, from then until their end.
    in_flight: Cell<usize>,
    /// Of those, the ones that could not be sent before the run was over.
    never_sent: Cell<u64>,
    stopped: Cell<bool>,
    /// Connections that have tried to open once.
    opened: Cell<usize>,
    started: Cell<bool>,
    /// Tasks that wait for the start.
    waiting: RefCell<Vec<Waker>>,
    conductor: RefCell<Option<Waker>>,
}

impl<R: Runtime> Worker<R> {
    /// Whether there is something to send, or will be.
    #[inline]
    fn has_more(&self, now: Nanos) -> bool {
        match &self.line {
            Some(line) => line.has_more(),
            None => now < self.end.get() && self.left.get() > 0,
        }
    }

    /// Closed loop: how many requests, at most `most`, to send now.
    #[inline]
    fn take_closed(&self, now: Nanos, most: usize) -> usize {
        if now >= self.end.get() {
            return 0;
        }
        let count = (most as u64).min(self.left.get());
        self.left.set(self.left.get() - count);
        count as usize
    }

    /// Nothing more is sent.
    fn stop_sending(&self) {
        self.stopped.set(true);
        self.end.set(0);
        if let Some(line) = &self.line {
            line.close();
        }
    }

    fn is_stopped(&self) -> bool {
        self.stopped.get()
    }

    /// A connection has taken so many requests.
    #[inline]
    fn taken(&self, count: usize) {
        self.in_flight.set(self.in_flight.get() + count);
    }

    /// So many of them have come to their end.
    #[inline]
    fn ended(&self, count: usize) {
        self.in_flight.set(self.in_flight.get() - count);
    }

    fn never_sent(&self, count: usize) {
        self.ended(count);
        self.never_sent.set(self.never_sent.get() + count as u64);
    }

    #[inline]
    fn is_over(&self, now: Nanos) -> bool {
        self.in_flight.get() == 0 && !self.has_more(now)
    }

    /// Wakes the conductor when there is nothing left to do.
    #[inline]
    fn notify_if_over(&self, now: Nanos) {
        if self.is_over(now) {
            self.wake_conductor();
        }
    }

    fn wake_conductor(&self) {
        let waker = self.conductor.borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// A connection has tried to open.
    fn opened(&self) {
        self.opened.set(self.opened.get() + 1);
        self.wake_conductor();
    }

    /// Waits for the start.
    async fn until_started(&self) {
        poll_fn(|cx| {
            if self.started.get() {
                return Poll::Ready(());
            }
            self.waiting.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn start(&self) {
        self.started.set(true);
        let waiting = std::mem::take(&mut *self.waiting.borrow_mut());
        waiting.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
pub(crate) mod tests;
