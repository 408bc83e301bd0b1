//! The waiting line of an open loop: requests whose time has come, and connections that are free.
//!
//! Nothing is stored for a request that waits. The schedule gives the intended times in order, so the line is what lies between the
//! schedule's place and now, however long it is, and whoever becomes free takes its head. Nothing is dropped while the run lasts.
//!
//! A timer of its own for each request costs more than the request itself where thousands are due in a second, because the thread sleeps
//! and wakes for each. So while answers come so fast that the thread is awake anyway, each of them is the occasion to send what is due,
//! and the timer only sees to it that no request waits long for such an occasion.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Poll, Waker};

use ringway_ring::net::{Alarm, Runtime};

use crate::record::Nanos;
use crate::schedule::Schedule;

/// So many answers in a window of this length (nanoseconds) are occasions enough to send what is due in the next window.
const OCCASIONS: u32 = 40;
const WINDOW: Nanos = 1_000_000;
/// How long, at most, a request waits for an occasion before the timer fires.
const OCCASION_WAIT: Nanos = 250_000;

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
    /// The current window of answers: when it began, and how many came in it.
    window: Cell<Nanos>,
    answers: Cell<u32>,
    /// Until then answers are expected to come fast.
    occasions_until: Cell<Nanos>,
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
            window: Cell::new(0),
            answers: Cell::new(0),
            occasions_until: Cell::new(0),
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
        self.note_answer(now);
        if let Some(due) = self.take(now) {
            self.hand_out(now);
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

    /// Sees to it that each request is given to a free connection when its time comes, until there are no more.
    pub(super) async fn dispatch<R: Runtime>(&self, runtime: &R, alarm: &R::Alarm) {
        let mut now = runtime.now();
        while let Some(at) = self.next_at().filter(|_| self.open.get()) {
            if self.free.borrow().is_empty() {
                self.someone_free().await;
                now = runtime.now();
                continue;
            }
            if at > now {
                let wait = if now < self.occasions_until.get() { OCCASION_WAIT } else { 0 };
                alarm.set(at + wait);
                alarm.wait().await;
                now = runtime.now();
            }
            self.hand_out(now);
        }
        // Those who still wait learn that there is nothing more.
        self.slots.iter().for_each(Slot::wake);
    }

    /// Gives what is due to the connections that are free.
    #[inline]
    fn hand_out(&self, now: Nanos) {
        while let Some(at) = self.next_at().filter(|at| *at <= now && self.open.get()) {
            let Some(slot) = self.free.borrow_mut().pop_front() else { break };
            self.schedule.borrow_mut().advance();
            let slot = &self.slots[slot as usize];
            slot.given.set(Some(Due { at, was_free: true }));
            slot.wake();
        }
    }

    /// Notes that a connection became free.
    #[inline]
    fn note_answer(&self, now: Nanos) {
        let count = self.answers.get() + 1;
        let length = now.saturating_sub(self.window.get());
        if length < WINDOW {
            return self.answers.set(count);
        }
        // A window that ends late is one in which too few came.
        let fast = count >= OCCASIONS && length < 2 * WINDOW;
        self.occasions_until.set(if fast { now + WINDOW } else { 0 });
        self.window.set(now);
        self.answers.set(0);
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
