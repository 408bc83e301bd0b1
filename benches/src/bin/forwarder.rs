//! A byte forwarder that parses nothing: for each client connection one upstream connection, bytes copied both ways.
//! No proxy on the same runtime can be cheaper, so it is the yardstick of every ratio.
#![forbid(unsafe_code)]

use std::io;
use std::net::SocketAddr;

use clap::Parser;
use ringway_benches::net::{self, Net, Program, Receive, Runtime, Send, Stream};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Forwards bytes and parses nothing.
#[derive(Parser)]
struct Options {
    /// Address to listen on.
    #[arg(long)]
    listen: SocketAddr,
    /// Address to forward to.
    #[arg(long)]
    upstream: SocketAddr,
    /// What to run on.
    #[arg(long, value_enum, default_value = "monoio")]
    runtime: Runtime,
}

/// Bytes that one direction of one connection reads at a time.
const BUFFER: usize = 16 * 1024;

impl Program for Options {
    async fn run<N: Net>(self) -> io::Result<()> {
        let listener = N::listen(self.listen)?;
        loop {
            let client = N::accept(&listener).await?;
            let upstream = self.upstream;
            N::spawn(async move {
                let Ok(server) = N::connect(upstream).await else { return };
                let (from_client, to_client) = client.split();
                let (from_server, to_server) = server.split();
                N::spawn(copy(from_client, to_server));
                copy(from_server, to_client).await;
            });
        }
    }
}

async fn copy(mut from: impl Receive, mut to: impl Send) {
    let mut buffer = Vec::with_capacity(BUFFER);
    loop {
        let (received, filled) = from.receive(buffer).await;
        if !matches!(received, Ok(1..)) {
            to.finish().await;
            return;
        }
        let (sent, returned) = to.send(filled).await;
        if sent.is_err() {
            return;
        }
        buffer = returned;
        buffer.clear();
    }
}

fn main() -> io::Result<()> {
    let options = Options::parse();
    net::run(options.runtime, options)
}
