//! The traits the data plane is written against.
//!
//! Everything runs on one pinned thread (a *core*): handles are cheap to clone and neither `Send` nor `Sync`.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use crate::buf::Buf;
use crate::wheel::Wheel;

/// What a core asks of its runtime.
pub trait Runtime: Clone + 'static {
    /// A connected byte stream.
    type Stream: Stream;
    /// A listening socket.
    type Listener: Listener<Stream = Self::Stream>;
    /// A precise timer.
    type Alarm: Alarm;

    /// Monotonic time in nanoseconds since a fixed point in the past of this process.
    fn now(&self) -> u64;
    /// When what woke the running task was seen: at most [`Runtime::now`], on the same clock, and for a body that looks at the clock once
    /// a turn without another look. The right time for what has arrived; not for what is done now.
    fn arrival(&self) -> u64 {
        self.now()
    }
    /// Wall-clock time in milliseconds since 1970-01-01 UTC.
    fn unix_millis(&self) -> u64;
    /// The core's timer wheel; its times are those of [`Runtime::now`].
    fn wheel(&self) -> &Wheel;
    /// A timer for deadlines that a tick of the wheel is too coarse for; each takes a descriptor.
    fn alarm(&self) -> io::Result<Self::Alarm>;
    /// Starts a task on this core.
    fn spawn(&self, task: impl Future<Output = ()> + 'static);
    /// Listens on `addr`; each core listens on the same address (SO_REUSEPORT).
    fn listen(&self, addr: SocketAddr, backlog: u32) -> io::Result<Self::Listener>;
    /// Connects to `to`, TCP_NODELAY set. Safe to drop.
    fn connect(&self, to: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>>;
}

/// A timer that fires within some 50 µs of its deadline while the core is not busy; the wheel may be a millisecond late.
pub trait Alarm: 'static {
    /// Sets the deadline, as a time of [`Runtime::now`], in place of the last one. A wait that is pending follows it. At most a system
    /// call, none where the deadline stays the same.
    fn set(&self, deadline: u64);
    /// Resolves when the deadline that was set last has come, never before; at once when it has passed, and never where none
    /// was set. One task at a time may wait. Safe to drop.
    fn wait(&self) -> impl Future<Output = ()>;
}

/// A listening socket of one core.
pub trait Listener: 'static {
    /// What it accepts.
    type Stream: Stream;
    /// Waits for the next connection, TCP_NODELAY set. Dropping the future while it is pending may lose a
    /// connection: do so only when the listener is being closed.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>>;
    /// The bound address (the port that the system chose where 0 was asked for).
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

/// A connected byte stream. At most one receive and one send are pending at a time, and both may be.
/// Dropping the stream closes the connection once pending operations have ended.
pub trait Stream: 'static {
    /// Waits for bytes and yields them in a leased buffer of at most `capacity` bytes; an empty buffer is the end of
    /// the stream. An idle connection holds no buffer while it waits. Dropping the pending future may lose
    /// bytes: the connection must then be closed.
    fn recv(&self, capacity: usize) -> impl Future<Output = io::Result<Buf>>;

    /// Sends all of `bytes`. Dropping the pending future may lose bytes: the connection must then be closed.
    fn send(&self, bytes: Buf) -> impl Future<Output = io::Result<()>>;

    /// Sends all of `first` and then all of `second`, in one operation where the body can.
    fn send_both(&self, first: Buf, second: Buf) -> impl Future<Output = io::Result<()>>;

    /// Sends all of a small message (at most one buffer) and waits for the peer's next bytes: both operations are submitted in one turn, so
    /// that the task wakes once. Outcome and drop rules as [`Stream::recv`] and [`Stream::send`].
    fn send_recv(&self, bytes: Buf, capacity: usize) -> impl Future<Output = io::Result<Buf>>;

    /// Resolves when the peer has closed its side or reset the connection. Consumes no bytes; safe to drop. May resolve up to a second late
    /// when unread bytes are waiting.
    fn closed(&self) -> impl Future<Output = ()>;

    /// How long ago the peer's last bytes came to this host, in nanoseconds, as precisely as the kernel knows (4 ms): what waits for a
    /// core waits where the core does not see it, in the socket. One system call; 0 where nobody knows.
    fn since_last_bytes(&self) -> u64 {
        0
    }

    /// Whether the connection is open with nothing to read: fit to be taken from a pool. One non-blocking system call.
    fn is_quiet(&self) -> bool;

    /// Sends FIN: nothing more will be sent.
    fn shutdown_send(&self);

    /// Makes the close that follows abortive (RST): for messages that were cut short and have no other way to say so.
    fn set_abortive(&self);

    /// The address of the peer.
    fn peer_addr(&self) -> SocketAddr;
}
