//! The waiting line of an open loop: requests whose time has come, and connections that are free.
//!
//! Nothing is stored for a request that waits. The schedule gives the intended times in order, so the line is what lies between the
//! schedule's place and now, however long it is, and whoever becomes free takes its head. Nothing is dropped while the run lasts.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Poll, Waker};

use ringway_ring::net::{Alarm, Runtime};

use crate::record::Nanos;
use crate::schedule::Schedule;

/// A request that a connection took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    /// Its intended time, on the clock of the runtime.
    pub(super) at: Nanos,
    /// Whether a connection was waiting for that time: then being late is the generator's own fault.
    pub(super) was_free: bool,
}

/// The line of one thread.
pub(super) struct Line {
    schedule: RefCell<Schedule>,
    /// The time that the schedule counts from.
    origin: Cell<Nanos>,
    open: Cell<bool>,
    /// Connections that wait for a request, the longest waiting first: all of them stay in use.
    free: RefCell<VecDeque<u32>>,
    slots: Vec<Slot>,
    /// Set while the dispatcher waits for a free connection.
    dispatcher: RefCell<Option<Waker>>,
}

#[derive(Default)]
struct Slot {
    given: Cell<Option<Due>>,
    waker: RefCell<Option<Waker>>,
}

impl Line {
    pub(super) fn new(schedule: Schedule, connections: usize) -> Self {
        Line {
            schedule: RefCell::new(schedule),
            origin: Cell::new(0),
            open: Cell::new(true),
            free: RefCell::new(VecDeque::with_capacity(connections)),
            slots: (0..connections).map(|_| Slot::default()).collect(),
            dispatcher: RefCell::new(None),
        }
    }

    /// The schedule counts from `origin`.
    pub(super) fn start(&self, origin: Nanos) {
        self.origin.set(origin);
    }

    /// Whether requests are still to be given out.
    #[inline]
    pub(super) fn has_more(&self) -> bool {
        self.open.get() && self.schedule.borrow().peek().is_some()
    }

    /// Gives nothing out any more.
    pub(super) fn close(&self) {
        self.open.set(false);
        self.slots.iter().for_each(Slot::wake);
        wake(&self.dispatcher);
    }

    /// How many requests were due from `begin` and before `end`, and were never taken. Empties the line up to there.
    pub(super) fn missed(&self, begin: Nanos, end: Nanos) -> u64 {
        let mut schedule = self.schedule.borrow_mut();
        schedule.take_before(begin.saturating_sub(self.origin.get()));
        schedule.take_before(end.saturating_sub(self.origin.get()))
    }

    fn next_at(&self) -> Option<Nanos> {
        let next = self.schedule.borrow().peek()?;
        Some(self.origin.get() + next)
    }

    /// The head of the line, if there is one.
    #[inline]
    pub(super) fn take(&self, now: Nanos) -> Option<Due> {
        let at = self.next_at().filter(|at| *at <= now && self.open.get())?;
        self.schedule.borrow_mut().advance();
        // If one is free, the dispatcher is late.
        Some(Due { at, was_free: !self.free.borrow().is_empty() })
    }

    /// The next request for connection `slot`, which is free from now on; `None` when there is none any more.
    #[inline]
    pub(super) async fn next(&self, slot: u32, now: Nanos) -> Option<Due> {
        if let Some(due) = self.take(now) {
            return Some(due);
        }
        if !self.has_more() {
            return None;
        }
        self.free.borrow_mut().push_back(slot);
        wake(&self.dispatcher);
        let place = &self.slots[slot as usize];
        poll_fn(|cx| {
            if let Some(due) = place.given.take() {
                return Poll::Ready(Some(due));
            }
            if !self.has_more() {
                return Poll::Ready(None);
            }
            place.wait(cx.waker());
            Poll::Pending
        })
        .await
    }

    /// Gives each request to a free connection when its time comes, until there are no more.
    pub(super) async fn dispatch<R: Runtime>(&self, runtime: &R, alarm: &R::Alarm) {
        while let Some(at) = self.next_at().filter(|_| self.open.get()) {
            if self.free.borrow().is_empty() {
                self.someone_free().await;
                continue;
            }
            alarm.set(at);
            alarm.wait().await;
            let now = runtime.now();
            while let Some(at) = self.next_at().filter(|at| *at <= now && self.open.get()) {
                let Some(slot) = self.free.borrow_mut().pop_front() else { break };
                self.schedule.borrow_mut().advance();
                let slot = &self.slots[slot as usize];
                slot.given.set(Some(Due { at, was_free: true }));
                slot.wake();
            }
        }
        // Those who still wait learn that there is nothing more.
        self.slots.iter().for_each(Slot::wake);
    }

    async fn someone_free(&self) {
        poll_fn(|cx| {
            if !self.free.borrow().is_empty() || !self.has_more() {
                return Poll::Ready(());
            }
            *self.dispatcher.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Slot {
    fn wait(&self, waker: &Waker) {
        let mut registered = self.waker.borrow_mut();
        if !registered.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *registered = Some(waker.clone());
        }
    }

    /// The waker stays: it is the same task each time.
    fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}

fn wake(waiting: &RefCell<Option<Waker>>) {
    let waker = waiting.borrow_mut().take();
    if let Some(waker) = waker {
        waker.wake();
    }
}
