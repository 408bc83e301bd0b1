use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

use super::{Net, Program, Receive, Send, Stream};

struct Tokio;

pub(super) fn run(program: impl Program) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, program.run::<Tokio>())
}

impl Net for Tokio {
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
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    fn spawn(task: impl Future<Output = ()> + 'static) {
        tokio::task::spawn_local(task);
    }

    async fn sleep(millis: u64) {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
}

impl Stream for TcpStream {
    type Receiver = OwnedReadHalf;
    type Sender = OwnedWriteHalf;

    fn split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        self.into_split()
    }
}

async fn receive(stream: &mut (impl AsyncRead + Unpin), mut buffer: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
    // `read_buf` would grow a full vector; here full means full.
    let room = buffer.capacity() - buffer.len();
    let result = (&mut *stream).take(room as u64).read_buf(&mut buffer).await;
    (result, buffer)
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), buffer: Vec<u8>) -> (io::Result<()>, Vec<u8>) {
    (stream.write_all(&buffer).await, buffer)
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
        let _ = AsyncWriteExt::shutdown(self).await;
    }
}

impl Receive for OwnedReadHalf {
    async fn receive(&mut self, buffer: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
        receive(self, buffer).await
    }
}

impl Send for OwnedWriteHalf {
    async fn send(&mut self, buffer: Vec<u8>) -> (io::Result<()>, Vec<u8>) {
        send(self, buffer).await
    }

    async fn finish(&mut self) {
        let _ = self.shutdown().await;
    }
}
