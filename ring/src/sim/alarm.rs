//! Alarms in virtual time: exact to the nanosecond.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use super::runtime::Shared;
use crate::net::Alarm;

/// The alarms that are waited for, by deadline and then by number.
#[derive(Default)]
pub(super) struct Alarms {
    waiting: RefCell<BTreeMap<(u64, u64), Waker>>,
    made: Cell<u64>,
}

impl Alarms {
    /// When the first one fires.
    pub(super) fn next_at(&self) -> Option<u64> {
        self.waiting.borrow().first_key_value().map(|((deadline, _), _)| *deadline)
    }

    /// Wakes the tasks of all that are due.
    pub(super) fn fire(&self, now: u64) {
        while self.next_at().is_some_and(|deadline| deadline <= now) {
            let first = self.waiting.borrow_mut().pop_first();
            if let Some((_, waker)) = first {
                waker.wake();
            }
        }
    }
}

/// A simulated alarm.
pub struct SimAlarm {
    shared: Rc<Shared>,
    number: u64,
    deadline: Cell<u64>,
}

impl SimAlarm {
    pub(super) fn new(shared: Rc<Shared>) -> Self {
        let number = shared.alarms.made.get() + 1;
        shared.alarms.made.set(number);
        SimAlarm { shared, number, deadline: Cell::new(u64::MAX) }
    }

    fn key(&self) -> (u64, u64) {
        (self.deadline.get(), self.number)
    }
}

impl Alarm for SimAlarm {
    fn set(&self, deadline: u64) {
        let waker = self.shared.alarms.waiting.borrow_mut().remove(&self.key());
        self.deadline.set(deadline);
        if let Some(waker) = waker {
            let replaced = self.shared.alarms.waiting.borrow_mut().insert(self.key(), waker);
            drop(replaced);
        }
    }

    async fn wait(&self) {
        poll_fn(|cx| {
            if self.deadline.get() <= self.shared.network.borrow().wire.now {
                return Poll::Ready(());
            }
            let replaced = self.shared.alarms.waiting.borrow_mut().insert(self.key(), cx.waker().clone());
            drop(replaced);
            Poll::Pending
        })
        .await;
    }
}

impl Drop for SimAlarm {
    fn drop(&mut self) {
        let waker = self.shared.alarms.waiting.borrow_mut().remove(&self.key());
        // Dropped with the alarms released: the last reference to a task may own others.
        drop(waker);
    }
}
