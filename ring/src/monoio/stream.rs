//! A TCP stream: direct reads while it is busy, none but a readiness wait while it is idle.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::rc::Rc;

use monoio::BufResult;
use monoio::buf::{IoBuf, IoBufMut, IoVecBuf};
use monoio::io::{AsyncReadRent, AsyncWriteRent, CancelHandle, CancelableAsyncReadRent, Canceller};
use monoio::net::TcpStream;
use slab::Slab;

use super::Core;
use crate::buf::Buf;
use crate::clock::monotonic_nanos;
use crate::net::Stream;
use crate::sockets;

/// How long [`Stream::closed`] sleeps when unread bytes keep the socket readable.
const CLOSED_POLL_NANOS: u64 = 500_000_000;

/// A connected TCP stream.
pub struct MonoioStream {
    socket: UnsafeCell<TcpStream>,
    /// Its slot among the reads that give their buffers back; `None` for connections that were made from here: they are read
    /// only while an answer is due, so that their buffers are as bounded as the exchanges are, and what makes a read
    /// cancelable costs a twentieth of a proxied request's time in user space.
    reads: Option<usize>,
    core: Rc<Core>,
}

impl MonoioStream {
    /// A connection that a client made.
    pub(super) fn accepted(socket: TcpStream, core: Rc<Core>) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        let reads = Some(core.idle_reads.register());
        core.crowd.arrived();
        Ok(MonoioStream { socket: UnsafeCell::new(socket), reads, core })
    }

    /// A connection that was made from here.
    pub(super) fn connected(socket: TcpStream, core: Rc<Core>) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        if core.unpaced {
            sockets::set_unpaced(socket.as_raw_fd());
        }
        Ok(MonoioStream { socket: UnsafeCell::new(socket), reads: None, core })
    }

    /// The socket, for one operation of each direction at a time.
    #[allow(clippy::mut_from_ref)]
    fn socket(&self) -> &mut TcpStream {
        // SAFETY: monoio's read and write take `&mut` but only clone the descriptor's `Rc` out of the stream, which is what its
        // own `Split` relies on; the stream is not `Sync`, so no two threads come here.
        unsafe { &mut *self.socket.get() }
    }

    fn fd(&self) -> i32 {
        self.socket().as_raw_fd()
    }

    /// One direct read. `None`: it was pending for so long that its buffer was taken back.
    async fn direct_read(&self, capacity: usize) -> io::Result<Option<Buf>> {
        let buf = Buf::with_capacity(capacity);
        let Some(slot) = self.reads else {
            let (result, buf) = self.socket().read(buf).await;
            return result.map(|_| Some(buf));
        };
        let (_pending, handle) = self.core.begin_read(slot);
        let (result, buf) = self.socket().cancelable_read(buf, handle).await;
        match result {
            Ok(_) => Ok(Some(buf)),
            Err(error) if error.raw_os_error() == Some(libc::ECANCELED) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends what is left of `bytes` after a first operation.
    async fn send_rest(&self, first: BufResult<usize, Buf>) -> io::Result<()> {
        let (mut result, mut bytes) = first;
        loop {
            match result {
                Ok(0) if !bytes.is_empty() => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => bytes.advance(n),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if bytes.is_empty() {
                return Ok(());
            }
            (result, bytes) = self.socket().write(bytes).await;
        }
    }
}

impl Stream for MonoioStream {
    async fn recv(&self, capacity: usize) -> io::Result<Buf> {
        loop {
            if let Some(buf) = self.direct_read(capacity).await? {
                return Ok(buf);
            }
            self.socket().readable(false).await?;
        }
    }

    async fn send(&self, bytes: Buf) -> io::Result<()> {
        let first = self.socket().write(bytes).await;
        self.send_rest(first).await
    }

    async fn send_both(&self, first: Buf, second: Buf) -> io::Result<()> {
        let (result, pair) = self.socket().writev(Pair::new(first, second)).await;
        let Pair { first, second, .. } = pair;
        let n = result?;
        if n < first.len() {
            self.send_rest((Ok(n), first)).await?;
            self.send(second).await
        } else {
            let sent = n - first.len();
            drop(first);
            self.send_rest((Ok(sent), second)).await
        }
    }

    async fn send_recv(&self, bytes: Buf, capacity: usize) -> io::Result<Buf> {
        if self.core.epoll {
            self.send(bytes).await?;
            return self.recv(capacity).await;
        }
        // Submitted here, looked at when the read is done: the task wakes once. A write to a client that could not be completed at
        // once is looked at when the sweeper ends the read; one to a peer that was connected from here finds an empty send
        // queue, because a connection is only used again after its answer, and if not, the exchange has its deadline.
        let write = self.socket().write(bytes);
        let read = self.direct_read(capacity).await;
        let sent = self.send_rest(write.await).await;
        match read? {
            // The peer answered what it has seen; whether it saw everything is its own affair.
            Some(buf) if !buf.is_empty() => Ok(buf),
            Some(end) => sent.map(|()| end),
            None => {
                sent?;
                self.socket().readable(false).await?;
                self.recv(capacity).await
            }
        }
    }

    async fn closed(&self) {
        loop {
            if self.socket().readable(false).await.is_err() {
                return;
            }
            match sockets::peek(self.fd()) {
                Ok(0) => return,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(_) => return,
                Ok(_) => {}
            }
            // Unread bytes keep the socket readable: look for the hang-up behind them from time to time.
            if sockets::has_hung_up(self.fd()) {
                return;
            }
            let wheel = &self.core.wheel;
            wheel.sleep_until(monotonic_nanos() + CLOSED_POLL_NANOS).await;
        }
    }

    fn since_last_bytes(&self) -> u64 {
        sockets::since_last_bytes(self.fd())
    }

    fn is_quiet(&self) -> bool {
        sockets::has_nothing_to_read(self.fd())
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

impl Drop for MonoioStream {
    fn drop(&mut self) {
        if let Some(slot) = self.reads {
            self.core.idle_reads.unregister(slot);
            self.core.crowd.left();
            if self.core.crowd.has_shrunk() {
                self.core.wake_sweeper();
            }
        }
    }
}

/// The direct reads of a core: which are pending, and since which sweep.
#[derive(Default)]
pub(super) struct IdleReads {
    slots: RefCell<Slab<ReadSlot>>,
    direct: Cell<usize>,
    /// Number of the current sweep; never 0.
    sweeps: Cell<u32>,
}

struct ReadSlot {
    /// The sweep during which the pending read began; 0 when none is pending.
    since: u32,
    /// Made for the first read of a busy time, and given up with the last: an idle connection does not hold it.
    canceller: Option<Canceller>,
}

impl IdleReads {
    fn register(&self) -> usize {
        self.slots.borrow_mut().insert(ReadSlot { since: 0, canceller: None })
    }

    fn unregister(&self, slot: usize) {
        self.slots.borrow_mut().remove(slot);
    }

    /// Pending direct reads.
    pub(super) fn direct(&self) -> usize {
        self.direct.get()
    }

    /// Cancels the reads that were pending a whole sweep ago; returns how many.
    pub(super) fn sweep(&self) -> usize {
        let now = self.sweeps.get();
        let mut cancelled = 0;
        for (_, slot) in self.slots.borrow_mut().iter_mut() {
            if slot.since != 0 && slot.since < now {
                // The handle of the pending read stays cancelled; the next one belongs to a fresh canceller.
                drop(slot.canceller.take().map(Canceller::cancel));
                slot.since = u32::MAX; // cancelled once is enough
                cancelled += 1;
            }
        }
        self.sweeps.set(if now >= u32::MAX - 1 { 1 } else { now + 1 });
        cancelled
    }
}

/// A direct read that is under way; ends with it, also when its future is dropped.
struct PendingRead<'a> {
    reads: &'a IdleReads,
    slot: usize,
}

impl Drop for PendingRead<'_> {
    fn drop(&mut self) {
        self.reads.direct.set(self.reads.direct.get() - 1);
        self.reads.slots.borrow_mut()[self.slot].since = 0;
    }
}

impl Core {
    #[inline]
    fn begin_read(&self, slot: usize) -> (PendingRead<'_>, CancelHandle) {
        self.wake_sweeper();
        let reads = &self.idle_reads;
        reads.direct.set(reads.direct.get() + 1);
        let mut slots = reads.slots.borrow_mut();
        slots[slot].since = reads.sweeps.get().max(1);
        let handle = slots[slot].canceller.get_or_insert_with(Canceller::new).handle();
        (PendingRead { reads, slot }, handle)
    }
}

// SAFETY: the bytes live on the heap and neither move nor change while the operation owns the `Buf`.
unsafe impl IoBuf for Buf {
    fn read_ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn bytes_init(&self) -> usize {
        self.len()
    }
}

// SAFETY: the pointer is to the start of a heap allocation of `spare_capacity` bytes that stays where it is while the operation
// owns the `Buf`; `set_init` is called with a count of bytes that the kernel has written.
unsafe impl IoBufMut for Buf {
    fn write_ptr(&mut self) -> *mut u8 {
        self.vec_mut().as_mut_ptr()
    }

    fn bytes_total(&mut self) -> usize {
        self.vec_mut().capacity()
    }

    unsafe fn set_init(&mut self, n: usize) {
        // SAFETY: the caller promises that the first `n` bytes were written, and `n` is at most the capacity.
        unsafe { self.vec_mut().set_len(n) }
    }
}

/// Two buffers as one vectored operation.
struct Pair {
    first: Buf,
    second: Buf,
    /// On the heap, because the kernel reads it after this struct has moved into the operation.
    iovecs: Box<[libc::iovec; 2]>,
}

impl Pair {
    fn new(first: Buf, second: Buf) -> Self {
        let of = |buf: &Buf| libc::iovec { iov_base: buf.as_ptr().cast_mut().cast(), iov_len: buf.len() };
        let iovecs = Box::new([of(&first), of(&second)]);
        Pair { first, second, iovecs }
    }
}

// SAFETY: the iovecs live on the heap and point to heap bytes of buffers that the same struct owns and does not touch.
unsafe impl IoVecBuf for Pair {
    fn read_iovec_ptr(&self) -> *const libc::iovec {
        self.iovecs.as_ptr()
    }

    fn read_iovec_len(&self) -> usize {
        self.iovecs.len()
    }
}
