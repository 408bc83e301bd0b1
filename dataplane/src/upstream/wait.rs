//! The wait queue of a pool: exchanges that wait for a connection to become free, first come, first served.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

#[derive(Default)]
pub(super) struct WaitQueue {
    waiting: RefCell<VecDeque<Rc<Waiter>>>,
}

#[derive(Default)]
struct Waiter {
    called: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

/// A place in the queue. Dropped after it was called, it calls the next one: a call is never lost.
struct Place<'q> {
    queue: &'q WaitQueue,
    waiter: Rc<Waiter>,
    served: bool,
}

impl WaitQueue {
    pub(super) fn len(&self) -> usize {
        self.waiting.borrow().len()
    }

    /// Waits to be called.
    pub(super) async fn wait(&self) {
        let waiter = Rc::new(Waiter::default());
        self.waiting.borrow_mut().push_back(waiter.clone());
        let mut place = Place { queue: self, waiter, served: false };
        poll_fn(|cx| {
            if place.waiter.called.get() {
                return Poll::Ready(());
            }
            *place.waiter.waker.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
        place.served = true;
    }

    /// Calls the first in the queue.
    pub(super) fn call(&self) {
        let Some(waiter) = self.waiting.borrow_mut().pop_front() else { return };
        waiter.called.set(true);
        let waker = waiter.waker.borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.served {
            return;
        }
        if self.waiter.called.get() {
            self.queue.call();
        } else {
            self.queue.waiting.borrow_mut().retain(|waiter| !Rc::ptr_eq(waiter, &self.waiter));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::Context;

    #[test]
    fn calls_go_in_order_and_pass_on_when_the_called_one_has_left() {
        let queue = WaitQueue::default();
        let mut cx = Context::from_waker(Waker::noop());
        let mut second = pin!(queue.wait());
        {
            let mut first = pin!(queue.wait());
            assert!(first.as_mut().poll(&mut cx).is_pending());
            assert!(second.as_mut().poll(&mut cx).is_pending());
            assert_eq!(queue.len(), 2);
            queue.call();
            assert!(second.as_mut().poll(&mut cx).is_pending());
        }
        assert!(second.as_mut().poll(&mut cx).is_ready());
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn who_leaves_uncalled_is_forgotten() {
        let queue = WaitQueue::default();
        let mut cx = Context::from_waker(Waker::noop());
        {
            let mut only = pin!(queue.wait());
            assert!(only.as_mut().poll(&mut cx).is_pending());
        }
        assert_eq!(queue.len(), 0);
        queue.call();
    }
}
