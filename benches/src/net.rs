//! One seam over the runtimes that are compared. It costs nothing: every body compiles to that runtime's own calls.
//!
//! Buffers are passed by value because io_uring owns them while an operation is under way.

mod glommio;
mod monoio;
mod native;
mod tokio;

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use clap::ValueEnum;

/// A runtime to run a [`Program`] on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Runtime {
    /// Ringway's own driver on io_uring.
    Native,
    /// monoio on io_uring with SINGLE_ISSUER, DEFER_TASKRUN and COOP_TASKRUN.
    Monoio,
    /// monoio on io_uring as it comes.
    MonoioPlain,
    /// monoio on epoll.
    MonoioEpoll,
    /// tokio's single-threaded runtime (epoll).
    Tokio,
    /// glommio (io_uring).
    Glommio,
}

/// What runs on a runtime: one thread, until its future ends.
pub trait Program: Sized + 'static {
    /// Runs with the operations of runtime `N`.
    fn run<N: Net>(self) -> impl Future<Output = io::Result<()>> + 'static;
}

/// Runs `program` on `runtime` on this thread.
pub fn run(runtime: Runtime, program: impl Program) -> io::Result<()> {
    match runtime {
        Runtime::Native => native::run(program),
        Runtime::Monoio => monoio::run_uring(program, true),
        Runtime::MonoioPlain => monoio::run_uring(program, false),
        Runtime::MonoioEpoll => monoio::run_epoll(program),
        Runtime::Tokio => tokio::run(program),
        Runtime::Glommio => glommio::run(program),
    }
}

/// The operations of one runtime. Streams have TCP_NODELAY set.
pub trait Net: 'static {
    /// A connection.
    type Stream: Stream;
    /// A listening socket.
    type Listener: 'static;
    /// Listens on `address`.
    fn listen(address: SocketAddr) -> io::Result<Self::Listener>;
    /// Waits for a connection.
    fn accept(listener: &Self::Listener) -> impl Future<Output = io::Result<Self::Stream>>;
    /// Connects to `address`.
    fn connect(address: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>>;
    /// Starts a task on this thread.
    fn spawn(task: impl Future<Output = ()> + 'static);
    /// Waits for `millis` milliseconds.
    fn sleep(millis: u64) -> impl Future<Output = ()>;
}

/// A connection that is read and written by one task, or split for two.
pub trait Stream: Receive + Send {
    /// The half that receives.
    type Receiver: Receive;
    /// The half that sends.
    type Sender: Send;
    /// Both halves.
    fn split(self) -> (Self::Receiver, Self::Sender);
}

/// Receives bytes.
pub trait Receive: 'static {
    /// Appends what comes to `buffer`, up to its capacity. 0 is the end of the stream.
    fn receive(&mut self, buffer: Vec<u8>) -> impl Future<Output = (io::Result<usize>, Vec<u8>)>;
}

/// Sends bytes.
pub trait Send: 'static {
    /// Sends all of `buffer` and gives it back.
    fn send(&mut self, buffer: Vec<u8>) -> impl Future<Output = (io::Result<()>, Vec<u8>)>;
    /// Says that nothing more will be sent.
    fn finish(&mut self) -> impl Future<Output = ()>;
}

/// A non-blocking listening socket as every arm uses it, so that none has a longer backlog than another.
fn listening_socket(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(4096)?;
    Ok(socket.into())
}
