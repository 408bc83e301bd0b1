//! The backend of every measurement: cheap, with keep-alive and pipelining, and exact in what it answers.
//!
//! | path | answer |
//! |---|---|
//! | `/bytes/N` | N bytes, at once |
//! | `/delay/MS` | the usual body after MS milliseconds |
//! | `/stall` | none, ever |
//! | any other | the usual body |
#![forbid(unsafe_code)]

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use clap::Parser;
use ringway_benches::http;
use ringway_benches::net::{self, Net, Program, Receive, Runtime, Send};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Answers HTTP/1.1 requests with fixed bodies. Paths: /bytes/N, /delay/MS, /stall; any other is answered at once.
#[derive(Parser)]
struct Options {
    /// Address to listen on.
    #[arg(long)]
    listen: SocketAddr,
    /// Bytes of the usual body.
    #[arg(long, default_value_t = 128)]
    bytes: usize,
    /// What to run on.
    #[arg(long, value_enum, default_value = "monoio")]
    runtime: Runtime,
}

/// Receive buffer of a connection; also the longest head.
const BUFFER: usize = 8 * 1024;
/// A large body is sent in parts of this size.
const PART: usize = 64 * 1024;
/// `/bytes/N` with a larger N is refused.
const BODY_MAX: usize = 1 << 30;

impl Program for Options {
    async fn run<N: Net>(self) -> io::Result<()> {
        let listener = N::listen(self.listen)?;
        let mut usual = head(200, self.bytes);
        usual.extend_from_slice(&http::body(self.bytes));
        let usual: Rc<[u8]> = usual.into();
        loop {
            let mut stream = N::accept(&listener).await?;
            let usual = Rc::clone(&usual);
            N::spawn(async move {
                // An error is the end of this connection and of nothing else.
                let _ = serve::<N>(&mut stream, &usual).await;
            });
        }
    }
}

fn head(status: u16, length: usize) -> Vec<u8> {
    format!("HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n")
        .into_bytes()
}

async fn serve<N: Net>(stream: &mut N::Stream, usual: &[u8]) -> io::Result<()> {
    let mut input = Vec::with_capacity(BUFFER);
    let mut output = Vec::with_capacity(BUFFER);
    loop {
        let mut taken = 0;
        while let Some(request) =
            http::request(&input[taken..]).map_err(|refusal| io::Error::other(format!("{refusal:?}")))?
        {
            let there = (input.len() - taken).min(request.total());
            let missing = request.total() - there;
            let (word, number) = split(request.target);
            taken += there;
            if missing > 0 {
                drain(stream, missing).await?;
            }
            match (word, number) {
                ("stall", _) => return wait_for_end(stream).await,
                ("delay", Some(millis)) => {
                    output = send(stream, output).await?;
                    N::sleep(millis as u64).await;
                    output.extend_from_slice(usual);
                }
                ("bytes", Some(length)) if length <= BODY_MAX => {
                    output.extend_from_slice(&head(200, length));
                    output = send_body(stream, output, length).await?;
                }
                _ => output.extend_from_slice(usual),
            }
        }
        if !output.is_empty() {
            output = send(stream, output).await?;
        }
        input.drain(..taken);
        if input.len() == input.capacity() {
            return Err(io::Error::other("a head larger than the buffer"));
        }
        let received;
        (received, input) = stream.receive(input).await;
        if received? == 0 {
            return Ok(());
        }
    }
}

/// `/word/number` in parts.
fn split(target: &str) -> (&str, Option<usize>) {
    let mut parts = target.trim_start_matches('/').splitn(2, '/');
    (parts.next().unwrap_or_default(), parts.next().and_then(|number| number.parse().ok()))
}

async fn send<S: Send>(stream: &mut S, bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    let (sent, mut bytes) = stream.send(bytes).await;
    sent?;
    bytes.clear();
    Ok(bytes)
}

/// Sends `output` and then `length` bytes of body. The pattern goes on across parts.
async fn send_body<S: Send>(stream: &mut S, output: Vec<u8>, length: usize) -> io::Result<Vec<u8>> {
    let output = send(stream, output).await?;
    // A multiple of the pattern's 36 bytes, so that each part begins where the last one ended.
    let mut part = http::body(length.min(PART / 36 * 36));
    let mut left = length;
    while left > 0 {
        part.truncate(left);
        left -= part.len();
        let sent;
        (sent, part) = stream.send(part).await;
        sent?;
    }
    Ok(output)
}

/// Receives and forgets `length` bytes of a request body.
async fn drain<S: Receive>(stream: &mut S, mut length: usize) -> io::Result<()> {
    while length > 0 {
        let (received, _) = stream.receive(Vec::with_capacity(length.min(BUFFER))).await;
        match received? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => length -= count,
        }
    }
    Ok(())
}

async fn wait_for_end<S: Receive>(stream: &mut S) -> io::Result<()> {
    while stream.receive(Vec::with_capacity(BUFFER)).await.0? > 0 {}
    Ok(())
}

fn main() -> io::Result<()> {
    let options = Options::parse();
    net::run(options.runtime, options)
}
