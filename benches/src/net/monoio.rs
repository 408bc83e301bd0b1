use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use monoio::buf::IoBufMut;
use monoio::io::{
    AsyncReadRent, AsyncWriteRent, AsyncWriteRentExt, OwnedReadHalf, OwnedWriteHalf, Splitable,
};
use monoio::net::{TcpListener, TcpStream};
use monoio::{IoUringDriver, LegacyDriver, RuntimeBuilder};

use super::{Net, Program, Receive, Send, Stream};

struct Monoio;

pub(super) fn run_uring(program: impl Program, flags: bool) -> io::Result<()> {
    let mut builder = RuntimeBuilder::<IoUringDriver>::new().with_entries(4096);
    if flags {
        let mut ring = io_uring_06::IoUring::builder();
        ring.setup_single_issuer().setup_defer_taskrun().setup_coop_taskrun();
        builder = builder.uring_builder(ring);
    }
    builder.enable_timer().build()?.block_on(program.run::<Monoio>())
}

pub(super) fn run_epoll(program: impl Program) -> io::Result<()> {
    RuntimeBuilder::<LegacyDriver>::new().enable_timer().build()?.block_on(program.run::<Monoio>())
}

impl Net for Monoio {
    type Stream = TcpStream;
    type Listener = TcpListener;

    fn listen(address: SocketAddr) -> io::Result<TcpListener> {
        TcpListener::from_std(super::listening_socket(address)?)
    }

    async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect_addr(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    fn spawn(task: impl Future<Output = ()> + 'static) {
        drop(monoio::spawn(task));
    }

    async fn sleep(millis: u64) {
        monoio::time::sleep(Duration::from_millis(millis)).await;
    }
}

impl Stream for TcpStream {
    type Receiver = OwnedReadHalf<TcpStream>;
    type Sender = OwnedWriteHalf<TcpStream>;

    fn split(self) -> (Self::Receiver, Self::Sender) {
        self.into_split()
    }
}

async fn receive(stream: &mut impl AsyncReadRent, buffer: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
    if buffer.is_empty() {
        return stream.read(buffer).await;
    }
    let (filled, capacity) = (buffer.len(), buffer.capacity());
    let (result, slice) = stream.read(buffer.slice_mut(filled..capacity)).await;
    (result, slice.into_inner())
}

async fn send(stream: &mut impl AsyncWriteRent, buffer: Vec<u8>) -> (io::Result<()>, Vec<u8>) {
    let (result, buffer) = stream.write_all(buffer).await;
    (result.map(|_| ()), buffer)
}

impl Receive for TcpStream {
    async fn receive(&mut self, buffer: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
        receive(self, buffer).await
    }
}

impl Send for TcpStream {
    async fn send(&mut self, buffer: Vec<u8>) -> (io::Result<()>, Vec<u8>) {
        send(self, buffer).await
    }

    async fn finish(&mut self) {
        // The peer may be gone already: then there is nobody to tell.
        let _ = AsyncWriteRent::shutdown(self).await;
    }
}

impl Receive for OwnedReadHalf<TcpStream> {
    async fn receive(&mut self, buffer: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
        receive(self, buffer).await
    }
}

impl Send for OwnedWriteHalf<TcpStream> {
    async fn send(&mut self, buffer: Vec<u8>) -> (io::Result<()>, Vec<u8>) {
        send(self, buffer).await
    }

    async fn finish(&mut self) {
        let _ = self.shutdown().await;
    }
}
