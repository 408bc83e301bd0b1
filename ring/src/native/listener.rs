//! A listening socket of one core.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::task::{Context, Poll};

use io_uring::cqueue;

use super::Core;
use super::driver::{Completion, Driver, close_now};
use super::ops::{self, Kind, Tag};
use super::slots::{ACCEPTED_MAX, Listening, Waiter};
use super::stream::NativeStream;
use crate::net::Listener;
use crate::sockets;

/// A listening socket: a slot of the driver.
pub struct NativeListener {
    core: Rc<Core>,
    slot: usize,
}

impl NativeListener {
    pub(super) fn new(core: Rc<Core>, addr: SocketAddr, backlog: u32) -> io::Result<Self> {
        let socket = sockets::listening(&addr, backlog)?;
        let slot = {
            let mut driver = core.driver.borrow_mut();
            let generation = driver.next_generation();
            driver.listeners.insert(Listening {
                socket,
                generation,
                armed: false,
                stopping: false,
                held: true,
                accepted: VecDeque::new(),
                error: 0,
                acceptor: Waiter::default(),
            })
        };
        Ok(NativeListener { core, slot })
    }
}

impl Listener for NativeListener {
    type Stream = NativeStream;

    async fn accept(&self) -> io::Result<NativeStream> {
        let fd = poll_fn(|cx| self.core.driver.borrow_mut().poll_accepted(self.slot, cx)).await?;
        Ok(NativeStream::accepted(self.core.clone(), fd))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        let driver = self.core.driver.borrow();
        let address = driver.listeners[self.slot].socket.local_addr()?;
        address.as_socket().ok_or_else(|| io::ErrorKind::Unsupported.into())
    }
}

impl Drop for NativeListener {
    fn drop(&mut self) {
        self.core.driver.borrow_mut().let_go_of_listener(self.slot);
    }
}

impl Driver {
    fn poll_accepted(&mut self, slot: usize, cx: &Context<'_>) -> Poll<io::Result<i32>> {
        let listening = &mut self.listeners[slot];
        if let Some(fd) = listening.accepted.pop_front() {
            return Poll::Ready(Ok(fd));
        }
        match std::mem::take(&mut listening.error) {
            0 => {}
            error => return Poll::Ready(Err(io::Error::from_raw_os_error(error))),
        }
        listening.acceptor.wait(cx);
        if !listening.armed {
            self.start_accepting(slot);
        }
        Poll::Pending
    }

    pub(super) fn accept_completed(&mut self, slot: usize, tag: Tag, completion: Completion) {
        let listening =
            self.listeners.get_mut(slot).filter(|listening| listening.generation == tag.generation);
        let Some(listening) = listening else {
            if completion.result >= 0 {
                close_now(completion.result);
            }
            self.counters.stale.add(1);
            return;
        };
        if !cqueue::more(completion.flags) {
            (listening.armed, listening.stopping) = (false, false);
        }
        match completion.result {
            fd @ 0.. if listening.held => {
                listening.accepted.push_back(fd);
                if listening.accepted.len() >= ACCEPTED_MAX {
                    self.stop_accepting(slot);
                }
            }
            fd @ 0.. => close_now(fd),
            error if -error == libc::ECANCELED => {}
            error => listening.error = -error,
        }
        let listening = &mut self.listeners[slot];
        listening.acceptor.wake();
        if !listening.held && !listening.armed {
            self.listeners.remove(slot);
        }
    }

    /// Begins to accept.
    pub(super) fn start_accepting(&mut self, slot: usize) {
        let listening = &mut self.listeners[slot];
        listening.armed = true;
        let tag = Tag::new(Kind::Accept, slot, listening.generation);
        let fd = listening.socket.as_raw_fd();
        self.begin(ops::accept(fd, tag));
    }

    pub(super) fn stop_accepting(&mut self, slot: usize) {
        let listening = &mut self.listeners[slot];
        if listening.armed && !std::mem::replace(&mut listening.stopping, true) {
            let tag = Tag::new(Kind::Accept, slot, listening.generation);
            self.begin(ops::cancel(tag));
        }
    }

    /// Nobody refers to the listener any more.
    pub(super) fn let_go_of_listener(&mut self, slot: usize) {
        let listening = &mut self.listeners[slot];
        listening.held = false;
        listening.accepted.drain(..).for_each(close_now);
        match listening.armed {
            true => self.stop_accepting(slot),
            false => drop(self.listeners.remove(slot)),
        }
    }
}
