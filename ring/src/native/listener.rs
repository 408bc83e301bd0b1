//! A listening socket of one core.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::Core;
use super::driver::Driver;
use super::slots::{Listening, Waiter};
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
}
