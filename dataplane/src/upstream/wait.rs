//! The wait queue of a pool: exchanges that wait for a connection to become free, first come, first served.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

#[derive(Default)]
pub(super) struct WaitQueue {
    waiting: RefCell<VecDeque<Rc<Waiter>>>,
    /// Those that were called and have not come yet.
    called: Cell<usize>,
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

    /// Whether somebody who has just come may have one of the places that are `free`: none that those have waited for who came before.
    #[inline]
    pub(super) fn lets_pass(&self, free: impl FnOnce() -> usize) -> bool {
        let called = self.called.get();
        self.waiting.borrow().is_empty() && (called == 0 || free() > called)
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
        self.called.set(self.called.get() + 1);
        let waker = waiter.waker.borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.waiter.called.get() {
            self.queue.waiting.borrow_mut().retain(|waiter| !Rc::ptr_eq(waiter, &self.waiter));
            return;
        }
        self.queue.called.set(self.queue.called.get() - 1);
        if !self.served {
            self.queue.call();
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
    fn nobody_takes_what_another_has_waited_for() {
        let queue = WaitQueue::default();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(queue.lets_pass(|| 0));
        let mut first = pin!(queue.wait());
        assert!(first.as_mut().poll(&mut cx).is_pending());
        assert!(!queue.lets_pass(|| 9), "others wait");
        queue.call();
        assert!(!queue.lets_pass(|| 1), "the first is about to take it");
        assert!(queue.lets_pass(|| 2), "one is left");
        assert!(first.as_mut().poll(&mut cx).is_ready());
        assert!(queue.lets_pass(|| 0));
        {
            let mut second = pin!(queue.wait());
            assert!(second.as_mut().poll(&mut cx).is_pending());
            queue.call();
        }
        assert!(queue.lets_pass(|| 0), "it has left");
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
