use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use ringway_ring::buf::{Buf, SMALL};
use ringway_ring::native::{self, NativeListener, NativeRuntime, NativeStream};
use ringway_ring::net::{Listener as _, Runtime as _, Stream as _};
use ringway_ring::start::{Driver, RunOptions};

use super::{Net, Program, Receive, Send, Stream};

pub(super) struct Native;

thread_local! {
    /// The runtime of this thread: the seam of the arms has no handle to pass it by.
    static RUNTIME: RefCell<Option<NativeRuntime>> = const { RefCell::new(None) };
}

fn runtime() -> NativeRuntime {
    RUNTIME.with_borrow(|runtime| runtime.clone().expect("inside of `run`"))
}

pub(super) fn run(program: impl Program) -> io::Result<()> {
    native::run(&RunOptions::on(Driver::Native), |runtime| {
        RUNTIME.set(Some(runtime));
        async {
            let result = program.run::<Native>().await;
            RUNTIME.take();
            result
        }
    })?
}

impl Net for Native {
    type Stream = NativeStream;
    type Listener = NativeListener;

    fn listen(address: SocketAddr) -> io::Result<NativeListener> {
        runtime().listen(address, 4096)
    }

    async fn accept(listener: &NativeListener) -> io::Result<NativeStream> {
        listener.accept().await
    }

    async fn connect(address: SocketAddr) -> io::Result<NativeStream> {
        runtime().connect(address).await
    }

    fn spawn(task: impl Future<Output = ()> + 'static) {
        runtime().spawn(task);
    }

    async fn sleep(millis: u64) {
        let runtime = runtime();
        runtime.wheel().sleep_until(runtime.now() + millis * 1_000_000).await;
    }
}

/// One half of a connection: both refer to it.
pub struct Half(Rc<NativeStream>);

impl Stream for NativeStream {
    type Receiver = Half;
    type Sender = Half;

    fn split(self) -> (Half, Half) {
        let stream = Rc::new(self);
        (Half(stream.clone()), Half(stream))
    }
}

async fn receive(stream: &NativeStream, mut buffer: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
    match stream.recv(SMALL).await {
        Err(error) => (Err(error), buffer),
        // The runtime owns receive buffers: the one that came takes the place of the empty one.
        Ok(bytes) if buffer.is_empty() => {
            drop(Buf::from(buffer));
            (Ok(bytes.len()), bytes.into_vec())
        }
        Ok(bytes) => {
            buffer.extend_from_slice(&bytes);
            (Ok(bytes.len()), buffer)
        }
    }
}

async fn send(stream: &NativeStream, buffer: Vec<u8>) -> (io::Result<()>, Vec<u8>) {
    // The buffer goes back to the runtime's pool, from where the next bytes come.
    (stream.send(Buf::from(buffer)).await, Vec::new())
}

impl Receive for NativeStream {
    async fn receive(&mut self, buffer: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
        receive(self, buffer).await
    }
}

impl Send for NativeStream {
    async fn send(&mut self, buffer: Vec<u8>) -> (io::Result<()>, Vec<u8>) {
        send(self, buffer).await
    }

    async fn finish(&mut self) {
        self.shutdown_send();
    }
}

impl Receive for Half {
    async fn receive(&mut self, buffer: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
        receive(&self.0, buffer).await
    }
}

impl Send for Half {
    async fn send(&mut self, buffer: Vec<u8>) -> (io::Result<()>, Vec<u8>) {
        send(&self.0, buffer).await
    }

    async fn finish(&mut self) {
        self.0.shutdown_send();
    }
}
