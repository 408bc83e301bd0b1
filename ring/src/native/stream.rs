//! A TCP stream: a slot of the driver.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{IntoRawFd, RawFd};
use std::rc::Rc;
use std::task::{Context, Poll};

use super::Core;
use super::driver::Driver;
use super::ops::{self, Kind, Tag};
use super::slots::{Awaited, Connection, End, Extra, QUEUE_MAX, Receiving};
use crate::block::Hint;
use crate::buf::{Buf, SMALL};
use crate::net::Stream;
use crate::sockets;

/// How long [`Stream::closed`] sleeps when unread bytes have stopped the receive that would tell of the end.
const CLOSED_POLL_NANOS: u64 = 500_000_000;

/// A connected TCP stream.
pub struct NativeStream {
    core: Rc<Core>,
    slot: u32,
}

impl NativeStream {
    /// A connection that a client made; its descriptor is the stream's from now on.
    pub(super) fn accepted(core: Rc<Core>, fd: RawFd) -> Self {
        NativeStream::new(core, fd)
    }

    fn new(core: Rc<Core>, fd: RawFd) -> Self {
        core.crowd.arrived();
        let slot = {
            let mut driver = core.driver.borrow_mut();
            let generation = driver.next_generation();
            let slot = driver.connections.insert(Connection::new(fd, generation));
            #[cfg(feature = "driver-trials")]
            driver.trial_register(slot, fd);
            slot as u32
        };
        NativeStream { core, slot }
    }

    /// Connects to `to`.
    pub(super) async fn connect(core: Rc<Core>, to: SocketAddr) -> io::Result<Self> {
        let socket = sockets::for_connecting(&to, core.unpaced)?;
        let stream = NativeStream::new(core, socket.into_raw_fd());
        stream.core.driver.borrow_mut().begin_connect(stream.slot(), to);
        poll_fn(|cx| stream.core.driver.borrow_mut().poll_sent(stream.slot(), cx)).await?;
        Ok(stream)
    }

    fn slot(&self) -> usize {
        self.slot as usize
    }

    fn fd(&self) -> RawFd {
        self.core.driver.borrow().connections[self.slot()].fd
    }
}

impl Stream for NativeStream {
    async fn recv(&self, capacity: usize) -> io::Result<Buf> {
        poll_fn(|cx| self.core.driver.borrow_mut().poll_received(self.slot(), capacity, cx)).await
    }

    async fn send(&self, bytes: Buf) -> io::Result<()> {
        self.send_both(bytes, Buf::default()).await
    }

    async fn send_both(&self, first: Buf, second: Buf) -> io::Result<()> {
        let mut message = Some((first, second));
        poll_fn(|cx| {
            let mut driver = self.core.driver.borrow_mut();
            if let Some(blocked) = driver.poll_send(self.slot(), &mut message, cx) {
                return blocked;
            }
            driver.poll_sent(self.slot(), cx)
        })
        .await
    }

    async fn send_recv(&self, bytes: Buf, capacity: usize) -> io::Result<Buf> {
        let mut message = Some((bytes, Buf::default()));
        poll_fn(|cx| {
            let mut driver = self.core.driver.borrow_mut();
            if let Some(blocked) = driver.poll_send(self.slot(), &mut message, cx) {
                return blocked;
            }
            driver.poll_answered(self.slot(), capacity, cx)
        })
        .await
    }

    async fn closed(&self) {
        loop {
            let seen = poll_fn(|cx| self.core.driver.borrow_mut().poll_closed(self.slot(), cx)).await;
            if seen || sockets::has_hung_up(self.fd()) {
                return;
            }
            let wheel = &self.core.wheel;
            wheel.sleep_until(super::monotonic_nanos() + CLOSED_POLL_NANOS).await;
        }
    }

    fn since_last_bytes(&self) -> u64 {
        sockets::since_last_bytes(self.fd())
    }

    fn is_quiet(&self) -> bool {
        let fd = {
            let driver = self.core.driver.borrow();
            let connection = &driver.connections[self.slot()];
            if connection.end != End::Open || connection.send_error != 0 || !connection.received.is_empty() {
                return false;
            }
            connection.fd
        };
        sockets::has_nothing_to_read(fd)
    }

    fn shutdown_send(&self) {
        sockets::shutdown_send(self.fd());
    }

    fn set_abortive(&self) {
        sockets::set_abortive(self.fd());
    }

    fn peer_addr(&self) -> SocketAddr {
        sockets::peer_addr(self.fd())
    }
}

impl Drop for NativeStream {
    fn drop(&mut self) {
        self.core.driver.borrow_mut().let_go(self.slot());
        self.core.crowd.left();
    }
}

/// An error that ended a connection.
fn failed<T>(error: i32) -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::Error::from_raw_os_error(error)))
}

impl Driver {
    fn begin_connect(&mut self, slot: usize, to: SocketAddr) {
        let connection = &mut self.connections[slot];
        let address = Box::new(socket2::SockAddr::from(to));
        let tag = Tag::new(Kind::Connect, slot, connection.generation);
        let entry = ops::connect(connection.fd, &address, tag);
        connection.extra = Some(Extra::Address(address));
        connection.sending_now = true;
        connection.in_flight += 1;
        self.begin(entry);
    }

    /// Received bytes, or the end, or their coming is waited for.
    fn poll_received(&mut self, slot: usize, capacity: usize, cx: &Context<'_>) -> Poll<io::Result<Buf>> {
        debug_assert!(capacity > 0, "an empty buffer would mean the end of the stream");
        if let Some(buf) = self.take_received(slot) {
            return Poll::Ready(Ok(buf));
        }
        let connection = &mut self.connections[slot];
        match connection.end {
            End::Open => {}
            End::Closed => return Poll::Ready(Ok(Buf::default())),
            End::Failed(error) => return failed(error),
        }
        connection.waiters.wait(Awaited::Received, cx);
        connection.hint = Hint::of_this_task();
        connection.bulk = capacity > SMALL;
        match connection.receiving {
            Receiving::Off => {
                let bulk = connection.bulk;
                self.start_receiving(slot, bulk);
            }
            // The receive that would go on for ever is for messages: a body in bulk is asked for piece by piece.
            Receiving::Armed if connection.bulk => self.stop_receiving(slot),
            _ => {}
        }
        Poll::Pending
    }

    /// Begins to send `message`, if that was not done yet. `Some`: not now, or not at all.
    fn poll_send<T>(
        &mut self,
        slot: usize,
        message: &mut Option<(Buf, Buf)>,
        cx: &Context<'_>,
    ) -> Option<Poll<io::Result<T>>> {
        message.as_ref()?;
        let connection = &mut self.connections[slot];
        if connection.sending_now {
            connection.waiters.wait(Awaited::Sent, cx);
            return Some(Poll::Pending);
        }
        if connection.send_error != 0 {
            return Some(failed(connection.send_error));
        }
        let (first, second) = message.take()?;
        // An empty message is sent when it begins.
        if !(first.is_empty() && second.is_empty()) {
            connection.set_message(first, second);
            self.submit_send(slot);
        }
        None
    }

    /// Whether what was begun has been sent.
    pub(super) fn poll_sent(&mut self, slot: usize, cx: &Context<'_>) -> Poll<io::Result<()>> {
        let connection = &mut self.connections[slot];
        if connection.sending_now {
            connection.waiters.wait(Awaited::Sent, cx);
            return Poll::Pending;
        }
        match connection.send_error {
            0 => Poll::Ready(Ok(())),
            error => failed(error),
        }
    }

    /// The peer's next bytes after a message was begun: that it sent them means that it has seen what it wanted to see. Its end means
    /// nothing of the kind, so that the message has to be sent first.
    fn poll_answered(&mut self, slot: usize, capacity: usize, cx: &Context<'_>) -> Poll<io::Result<Buf>> {
        match self.poll_received(slot, capacity, cx) {
            Poll::Ready(Ok(end)) if end.is_empty() => self.poll_sent(slot, cx).map_ok(|()| Buf::default()),
            Poll::Pending => match self.connections[slot].send_error {
                0 => Poll::Pending,
                error => failed(error),
            },
            ready => ready,
        }
    }

    /// `true`: the peer has closed its side. `false`: received bytes stand in the way of knowing.
    fn poll_closed(&mut self, slot: usize, cx: &Context<'_>) -> Poll<bool> {
        let connection = &mut self.connections[slot];
        if connection.end != End::Open {
            return Poll::Ready(true);
        }
        connection.waiters.wait(Awaited::Closed, cx);
        match connection.receiving {
            Receiving::Off if connection.received.len() >= QUEUE_MAX => Poll::Ready(false),
            Receiving::Off => {
                self.start_receiving(slot, false);
                Poll::Pending
            }
            _ => Poll::Pending,
        }
    }
}
