//! A bounded mailbox from any thread to one core. It uses plain wakers, and so works on every runtime.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use atomic_waker::AtomicWaker;
use crossbeam::queue::ArrayQueue;

struct Shared<T> {
    queue: ArrayQueue<T>,
    waker: AtomicWaker,
    closed: AtomicBool,
}

/// The end that sends; clones send to the same mailbox.
pub struct MailboxSender<T>(Arc<Shared<T>>);

/// The end that receives. Dropping it closes the mailbox.
pub struct Mailbox<T>(Arc<Shared<T>>);

/// A mailbox that holds at most `capacity` messages, which must not be 0.
pub fn mailbox<T>(capacity: usize) -> (MailboxSender<T>, Mailbox<T>) {
    let shared = Arc::new(Shared {
        queue: ArrayQueue::new(capacity),
        waker: AtomicWaker::new(),
        closed: AtomicBool::new(false),
    });
    (MailboxSender(shared.clone()), Mailbox(shared))
}

impl<T> MailboxSender<T> {
    /// Sends without waiting. The message comes back if the mailbox is full or its receiver is gone
    /// ([`MailboxSender::is_closed`] tells which).
    pub fn try_send(&self, message: T) -> Result<(), T> {
        if self.is_closed() {
            return Err(message);
        }
        self.0.queue.push(message)?;
        self.0.waker.wake();
        Ok(())
    }

    /// Whether the receiver is gone.
    pub fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Acquire)
    }
}

impl<T> Clone for MailboxSender<T> {
    fn clone(&self) -> Self {
        MailboxSender(self.0.clone())
    }
}

impl<T> Mailbox<T> {
    /// The next message, if there is one.
    pub fn try_recv(&self) -> Option<T> {
        self.0.queue.pop()
    }

    /// Waits for the next message; forever, if there are no senders left. One task at a time may wait. Safe to drop.
    pub async fn recv(&self) -> T {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<T> {
        if let Some(message) = self.try_recv() {
            return Poll::Ready(message);
        }
        self.0.waker.register(cx.waker());
        // A message may have come before the waker was there to be woken.
        self.try_recv().map_or(Poll::Pending, Poll::Ready)
    }
}

impl<T> Drop for Mailbox<T> {
    fn drop(&mut self) {
        self.0.closed.store(true, Ordering::Release);
        // What is waiting is dropped on this core, not on that of the last sender.
        while self.try_recv().is_some() {}
    }
}

impl<T> std::fmt::Debug for MailboxSender<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MailboxSender({} of {})", self.0.queue.len(), self.0.queue.capacity())
    }
}

impl<T> std::fmt::Debug for Mailbox<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mailbox({} of {})", self.0.queue.len(), self.0.queue.capacity())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::task::Wake;

    use super::*;
    use crate::executor::Executor;

    #[test]
    fn messages_arrive_in_order_and_full_gives_them_back() {
        let (sender, mailbox) = mailbox(2);
        assert_eq!(sender.try_send(1), Ok(()));
        assert_eq!(sender.clone().try_send(2), Ok(()));
        assert_eq!(sender.try_send(3), Err(3));
        assert_eq!(mailbox.try_recv(), Some(1));
        assert_eq!(sender.try_send(4), Ok(()));
        assert_eq!((mailbox.try_recv(), mailbox.try_recv(), mailbox.try_recv()), (Some(2), Some(4), None));
    }

    #[test]
    fn a_closed_mailbox_refuses_and_drops_what_waits() {
        let (sender, mailbox) = mailbox(2);
        let message = Arc::new(());
        sender.try_send(message.clone()).unwrap();
        assert!(!sender.is_closed());
        drop(mailbox);
        assert_eq!(Arc::strong_count(&message), 1);
        assert!(sender.is_closed());
        assert!(sender.try_send(message).is_err());
    }

    #[test]
    fn sending_wakes_the_waiting_task() {
        let mut executor = Executor::new();
        let (sender, mailbox) = mailbox(4);
        let got = Rc::new(RefCell::new(Vec::new()));
        let log = got.clone();
        executor.spawn(async move {
            loop {
                let message = mailbox.recv().await;
                log.borrow_mut().push(message);
            }
        });
        assert_eq!(executor.run_ready(usize::MAX), 1);
        sender.try_send(1).unwrap();
        sender.try_send(2).unwrap();
        assert_eq!(executor.run_ready(usize::MAX), 1);
        sender.try_send(3).unwrap();
        executor.run_ready(usize::MAX);
        assert_eq!(*got.borrow(), [1, 2, 3]);
    }

    struct Unpark(std::thread::Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    #[test]
    fn threads_send_to_a_core_without_loss() {
        const EACH: u64 = if cfg!(miri) { 100 } else { 20_000 };
        let unpark = std::task::Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut executor = Executor::with_unpark(unpark);
        let (sender, mailbox) = mailbox(16);
        let senders: Vec<_> = (0..3)
            .map(|_| {
                let sender = sender.clone();
                std::thread::spawn(move || {
                    for number in 1..=EACH {
                        while sender.try_send(number).is_err() {
                            std::thread::yield_now();
                        }
                    }
                })
            })
            .collect();
        let sum = Rc::new(RefCell::new(0));
        let total = sum.clone();
        executor.spawn(async move {
            for _ in 0..3 * EACH {
                let number = mailbox.recv().await;
                *total.borrow_mut() += number;
            }
        });
        while executor.live_tasks() > 0 {
            if executor.run_ready(64) < 64 && executor.live_tasks() > 0 {
                std::thread::park();
            }
        }
        senders.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(*sum.borrow(), 3 * EACH * (EACH + 1) / 2);
    }
}
