use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_lite::io::{ReadHalf, WriteHalf};
use futures_lite::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use glommio::net::{TcpListener, TcpStream};
use glommio::{LocalExecutorBuilder, Placement};

use super::{Net, Program, Receive, Send, Stream};

struct Glommio;

fn other(error: impl std::fmt::Display) -> io::Error {
    io::Error::other(error.to_string())
}

pub(super) fn run(program: impl Program) -> io::Result<()> {
    let executor = LocalExecutorBuilder::new(Placement::Unbound).make().map_err(other)?;
    executor.run(program.run::<Glommio>())
}

impl Net for Glommio {
    type Stream = TcpStream;
    type Listener = TcpListener;

    fn listen(address: SocketAddr) -> io::Result<TcpListener> {
        // glommio takes no socket that is listening already, so its backlog is its own.
        TcpListener::bind(address).map_err(other)
    }

    async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
        let stream = listener.accept().await.map_err(other)?;
        stream.set_nodelay(true).map_err(other)?;
        Ok(stream)
    }

    async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address).await.map_err(other)?;
        stream.set_nodelay(true).map_err(other)?;
        Ok(stream)
    }

    fn spawn(task: impl Future<Output = ()> + 'static) {
        glommio::spawn_local(task).detach();
    }

    async fn sleep(millis: u64) {
        glommio::timer::sleep(Duration::from_millis(millis)).await;
    }
}

impl Stream for TcpStream {
    type Receiver = ReadHalf<TcpStream>;
    type Sender = WriteHalf<TcpStream>;

    fn split(self) -> (ReadHalf<TcpStream>, WriteHalf<TcpStream>) {
        futures_lite::io::split(self)
    }
}

async fn receive(stream: &mut (impl AsyncRead + Unpin), mut buffer: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
    // Its reads want initialised bytes.
    let filled = buffer.len();
    buffer.resize(buffer.capacity(), 0);
    let result = stream.read(&mut buffer[filled..]).await;
    buffer.truncate(filled + result.as_ref().copied().unwrap_or(0));
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
        let _ = AsyncWriteExt::close(self).await;
    }
}

impl Receive for ReadHalf<TcpStream> {
    async fn receive(&mut self, buffer: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
        receive(self, buffer).await
    }
}

impl Send for WriteHalf<TcpStream> {
    async fn send(&mut self, buffer: Vec<u8>) -> (io::Result<()>, Vec<u8>) {
        send(self, buffer).await
    }

    async fn finish(&mut self) {
        let _ = self.close().await;
    }
}
