//! What the driver knows of a connection and of a listener, from the descriptor to its last completion.

use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::task::{Context, Waker};

use io_uring::squeue::Entry;

use super::ops::{self, Kind, Tag};
use crate::block::Hint;
use crate::buf::Buf;

/// Received buffers that a connection's owner may be behind; then receiving stops until it has taken them.
pub(super) const QUEUE_MAX: usize = 4;
/// The same for connections that were accepted and nobody took yet.
pub(super) const ACCEPTED_MAX: usize = 256;

/// How a connection receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Receiving {
    /// It does not.
    Off,
    /// Into small buffers, until further notice.
    Armed,
    /// Once, into a large buffer.
    Bulk,
    /// One of the two is being told to stop.
    Stopping { bulk: bool },
    /// It waits for the kernel to have buffers again.
    Starved,
}

/// Whether and how a connection's incoming side has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It has not.
    Open,
    /// The peer sends no more.
    Closed,
    /// With this error of the system.
    Failed(i32),
}

/// What a task waits for on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Awaited {
    /// Bytes, or their end.
    Received,
    /// The end of what is sent, or of connecting.
    Sent,
    /// The end of the connection.
    Closed,
}

/// The tasks that wait. Nearly always it is one, and the same as the last time, so that its waker stays; the others have a place
/// of their own, for the time that they wait.
#[derive(Default)]
pub(super) struct Waiters {
    waker: Option<Waker>,
    others: Option<Box<[Option<Waker>; 3]>>,
    /// What `waker` waits for: a bit for each.
    waiting: u8,
}

impl Waiters {
    pub(super) fn wait(&mut self, awaited: Awaited, cx: &Context<'_>) {
        let bit = 1 << awaited as u8;
        if !self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            if self.waiting & !bit != 0 {
                self.others.get_or_insert_default()[awaited as usize] = Some(cx.waker().clone());
                self.waiting &= !bit;
                return;
            }
            self.waker = Some(cx.waker().clone());
        }
        self.waiting |= bit;
        if let Some(others) = &mut self.others {
            others[awaited as usize] = None;
        }
    }

    pub(super) fn wake(&mut self, awaited: Awaited) {
        let bit = 1 << awaited as u8;
        if self.waiting & bit != 0 {
            self.waiting &= !bit;
            self.waker.iter().for_each(Waker::wake_by_ref);
        } else if let Some(others) = &mut self.others {
            others[awaited as usize].take().into_iter().for_each(Waker::wake);
            if others.iter().all(Option::is_none) {
                self.others = None;
            }
        }
    }
}

/// A task that waits; its waker stays for the next time, because it is nearly always the same.
#[derive(Default)]
pub(super) struct Waiter {
    waker: Option<Waker>,
    waiting: bool,
}

impl Waiter {
    pub(super) fn wait(&mut self, cx: &Context<'_>) {
        self.waiting = true;
        if !self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            self.waker = Some(cx.waker().clone());
        }
    }

    pub(super) fn wake(&mut self) {
        if std::mem::take(&mut self.waiting) {
            self.waker.iter().for_each(Waker::wake_by_ref);
        }
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.waiting
    }
}

/// Received bytes in their order; more than one buffer is rare.
#[derive(Default)]
pub(super) struct Received {
    first: Option<Buf>,
    /// Boxed, because there are thousands of connections and hardly ever a second buffer.
    #[allow(clippy::box_collection)]
    more: Option<Box<VecDeque<Buf>>>,
}

impl Received {
    pub(super) fn push(&mut self, buf: Buf) {
        match self.first {
            None => self.first = Some(buf),
            Some(_) => self.more.get_or_insert_default().push_back(buf),
        }
    }

    pub(super) fn pop(&mut self) -> Option<Buf> {
        let first = self.first.take()?;
        if let Some(more) = &mut self.more {
            self.first = more.pop_front();
            if self.first.is_none() {
                self.more = None;
            }
        }
        Some(first)
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.more.as_ref().map_or(0, |more| more.len())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }
}

/// Two buffers and what the kernel needs to send them as one message. It does not move while that is under way.
pub(super) struct Vectored {
    message: libc::msghdr,
    iovecs: [libc::iovec; 2],
    second: Buf,
}

impl Vectored {
    fn new(second: Buf) -> Box<Self> {
        let nothing = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
        // SAFETY: a message of zeros is a valid one: no name, no vectors, no control data.
        let message = unsafe { std::mem::zeroed() };
        Box::new(Vectored { message, iovecs: [nothing; 2], second })
    }

    /// The message that sends `first` and then the second buffer.
    fn point_to(&mut self, first: &Buf) -> *const libc::msghdr {
        let of = |buf: &Buf| libc::iovec { iov_base: buf.as_ptr().cast_mut().cast(), iov_len: buf.len() };
        self.iovecs = [of(first), of(&self.second)];
        self.message.msg_iov = self.iovecs.as_mut_ptr();
        self.message.msg_iovlen = self.iovecs.len() as _;
        &raw const self.message
    }
}

/// What the outgoing operation of a connection needs to stay where it is.
pub(super) enum Extra {
    /// Two buffers; the first is in [`Connection::sending`].
    Vectored(Box<Vectored>),
    /// Where to connect to; the kernel reads it.
    Address(#[allow(dead_code)] Box<socket2::SockAddr>),
}

/// A connection: its descriptor, and what its operations use until their last completions.
pub(super) struct Connection {
    pub(super) fd: RawFd,
    pub(super) generation: u32,
    /// Operations whose last completion has not come.
    pub(super) in_flight: u16,
    pub(super) receiving: Receiving,
    /// Whether a stream refers to it.
    pub(super) held: bool,
    /// Whether a send or a connect is under way.
    pub(super) sending_now: bool,
    /// Whether the waiting receive asked for more than a small buffer.
    pub(super) bulk: bool,
    pub(super) end: End,
    /// Error of the system that ended the outgoing side; 0 where none did.
    pub(super) send_error: i32,
    pub(super) received: Received,
    #[cfg(feature = "driver-trials")]
    pub(super) zero_copy_sent: i32,
    pub(super) sending: Buf,
    pub(super) extra: Option<Extra>,
    pub(super) waiters: Waiters,
    /// What who receives works on.
    pub(super) hint: Hint,
}

impl Connection {
    pub(super) fn new(fd: RawFd, generation: u32) -> Self {
        Connection {
            fd,
            generation,
            in_flight: 0,
            receiving: Receiving::Off,
            held: true,
            sending_now: false,
            bulk: false,
            end: End::Open,
            send_error: 0,
            received: Received::default(),
            #[cfg(feature = "driver-trials")]
            zero_copy_sent: 0,
            sending: Buf::default(),
            extra: None,
            waiters: Waiters::default(),
            hint: Hint::default(),
        }
    }

    /// The receive that is under way.
    pub(super) fn receive_tag(&self, slot: usize) -> Tag {
        let kind = match self.receiving {
            Receiving::Bulk | Receiving::Stopping { bulk: true } => Kind::ReceiveBulk,
            _ => Kind::Receive,
        };
        Tag::new(kind, slot, self.generation)
    }

    /// The outgoing operation that is under way.
    pub(super) fn send_tag(&self, slot: usize) -> Tag {
        let kind = match &self.extra {
            Some(Extra::Address(_)) => Kind::Connect,
            _ => Kind::Send,
        };
        Tag::new(kind, slot, self.generation)
    }

    /// Sets what is to be sent: `first` and then `second`.
    pub(super) fn set_message(&mut self, first: Buf, second: Buf) {
        debug_assert!(!self.sending_now);
        self.sending_now = true;
        self.sending = first;
        self.extra = (!second.is_empty()).then(|| Extra::Vectored(Vectored::new(second)));
    }

    /// The operation that sends what is left.
    pub(super) fn send_entry(&mut self, tag: Tag) -> Entry {
        match &mut self.extra {
            Some(Extra::Vectored(vectored)) => {
                ops::send_vectored(self.fd, vectored.point_to(&self.sending), tag)
            }
            _ => ops::send(self.fd, &self.sending, tag),
        }
    }

    /// Takes `sent` bytes off what is to be sent; returns whether anything is left.
    pub(super) fn advance(&mut self, sent: usize) -> bool {
        let of_first = sent.min(self.sending.len());
        self.sending.advance(of_first);
        let second = match &mut self.extra {
            Some(Extra::Vectored(vectored)) => {
                vectored.second.advance(sent - of_first);
                vectored.second.len()
            }
            _ => 0,
        };
        !self.sending.is_empty() || second > 0
    }

    /// The incoming side is over: whoever waits for it hears of it.
    pub(super) fn ended(&mut self, end: End) {
        if self.end == End::Open {
            self.end = end;
        }
        self.waiters.wake(Awaited::Received);
        self.waiters.wake(Awaited::Closed);
    }
}

/// A listening socket.
pub(super) struct Listening {
    pub(super) socket: socket2::Socket,
    pub(super) generation: u32,
    /// Whether an accept is under way.
    pub(super) armed: bool,
    /// Whether it was told to stop.
    pub(super) stopping: bool,
    /// Whether a listener refers to it.
    pub(super) held: bool,
    pub(super) accepted: VecDeque<RawFd>,
    /// Error that ended the last accept and was not told yet; 0 for none.
    pub(super) error: i32,
    pub(super) acceptor: Waiter,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn received_buffers_come_out_in_order() {
        let mut received = Received::default();
        assert!(received.pop().is_none());
        for round in 0..3u8 {
            for number in 0..5 {
                received.push(Buf::copy_of(&[round, number]));
            }
            assert_eq!(received.len(), 5);
            for number in 0..5 {
                assert_eq!(&received.pop().unwrap()[..], [round, number]);
            }
            assert!(received.is_empty() && received.more.is_none());
        }
    }

    struct Count(std::sync::atomic::AtomicU32);

    impl std::task::Wake for Count {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }

    #[test]
    fn each_task_is_woken_for_what_it_waits_for_and_once() {
        let tasks = [(); 2].map(|()| std::sync::Arc::new(Count(0.into())));
        let wakers = tasks.clone().map(Waker::from);
        let [one, other] = [Context::from_waker(&wakers[0]), Context::from_waker(&wakers[1])];
        let counts = || tasks.each_ref().map(|task| task.0.load(std::sync::atomic::Ordering::Relaxed));
        let mut waiters = Waiters::default();
        waiters.wake(Awaited::Received);
        waiters.wait(Awaited::Received, &one);
        waiters.wait(Awaited::Sent, &one);
        waiters.wait(Awaited::Closed, &other);
        waiters.wake(Awaited::Sent);
        assert_eq!(counts(), [1, 0]);
        waiters.wake(Awaited::Closed);
        waiters.wake(Awaited::Closed);
        assert_eq!(counts(), [1, 1]);
        assert!(waiters.others.is_none());
        // Another task takes the wait over while the first waits for something else, and back.
        waiters.wait(Awaited::Closed, &one);
        waiters.wait(Awaited::Received, &other);
        waiters.wake(Awaited::Received);
        assert_eq!(counts(), [1, 2]);
        waiters.wait(Awaited::Received, &other);
        waiters.wait(Awaited::Received, &one);
        waiters.wake(Awaited::Received);
        assert_eq!(counts(), [2, 2]);
    }
}
