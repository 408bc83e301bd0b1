//! The precise timer: a deadline that the core's wait ends at.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use slab::Slab;

use super::slots::Waiter;
use super::{Core, monotonic_nanos};
use crate::net::Alarm;

/// The deadline of an alarm that is not set.
const NEVER: u64 = u64::MAX;

/// The alarms of a core; there are few.
#[derive(Default)]
pub(super) struct Alarms(RefCell<Slab<Entry>>);

struct Entry {
    deadline: u64,
    waiter: Waiter,
}

impl Alarms {
    /// The first deadline that somebody waits for.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        let alarms = self.0.borrow();
        let awaited = alarms.iter().filter(|(_, entry)| entry.waiter.is_waiting());
        awaited.map(|(_, entry)| entry.deadline).min().filter(|deadline| *deadline != NEVER)
    }

    /// Wakes who waits for a deadline that has come.
    pub(super) fn fire(&self, now: u64) {
        for (_, entry) in self.0.borrow_mut().iter_mut() {
            if entry.deadline <= now {
                entry.waiter.wake();
            }
        }
    }
}

/// An alarm of one core.
pub struct NativeAlarm {
    core: Rc<Core>,
    key: usize,
}

impl NativeAlarm {
    pub(super) fn new(core: Rc<Core>) -> Self {
        let key = core.alarms.0.borrow_mut().insert(Entry { deadline: NEVER, waiter: Waiter::default() });
        NativeAlarm { core, key }
    }
}

impl Alarm for NativeAlarm {
    fn set(&self, deadline: u64) {
        self.core.alarms.0.borrow_mut()[self.key].deadline = deadline;
    }

    async fn wait(&self) {
        poll_fn(|cx| {
            let entry = &mut self.core.alarms.0.borrow_mut()[self.key];
            if entry.deadline <= monotonic_nanos() {
                return Poll::Ready(());
            }
            entry.waiter.wait(cx);
            Poll::Pending
        })
        .await;
    }
}

impl Drop for NativeAlarm {
    fn drop(&mut self) {
        let entry = self.core.alarms.0.borrow_mut().remove(self.key);
        // With the alarms released, for its waker.
        drop(entry);
    }
}
