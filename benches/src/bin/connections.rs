//! Many connections that do little: idle ones, slow uploads, clients that do not read. `cargo xtask verify memory`
//! looks at the server's memory meanwhile.
//!
//! Prints `{"ready": N, ...}` once all connections stand, waits for the end of its standard input, and prints what
//! became of them.
#![forbid(unsafe_code)]

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use clap::{Parser, Subcommand};
use ringway_benches::http;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};

/// Opens many connections and keeps them.
#[derive(Parser)]
struct Options {
    /// Address of the server.
    #[arg(long)]
    target: SocketAddr,
    /// How many connections to open.
    #[arg(long)]
    count: usize,
    /// Path to request.
    #[arg(long, default_value = "/")]
    path: String,
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Clone, Copy, Subcommand)]
enum Kind {
    /// One request and its answer, then nothing; one more of both at the end.
    Idle,
    /// A request head that announces a body, then one byte of it per second.
    Upload,
    /// A request whose answer is never read.
    Unread,
}

/// Ports of one source address that are used at most; then the next address of the loopback network is taken.
const PORTS: usize = 10_000;
/// Connections that are being opened at one time.
const OPENING: usize = 256;
/// Idle connections that have their last exchange at one time: all at once would be a storm, and no idleness.
static LAST: Semaphore = Semaphore::const_new(OPENING);
/// Announced by uploads; far more than they ever send.
const UPLOAD_LENGTH: usize = 100_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let options: &'static Options = Box::leak(Box::new(Options::parse()));
    let (stop, stopped) = watch::channel(false);
    let (opened, mut stands) = mpsc::channel(OPENING);
    let mut tasks = Vec::with_capacity(options.count);
    let (mut ready, mut refused) = (0, None);
    let mut awaited = 0;
    for index in 0..options.count {
        tasks.push(tokio::spawn(hold(options, index, opened.clone(), stopped.clone())));
        if index + 1 - awaited >= OPENING {
            count(stands.recv().await, &mut ready, &mut refused);
            awaited += 1;
        }
    }
    while awaited < options.count {
        count(stands.recv().await, &mut ready, &mut refused);
        awaited += 1;
    }
    println!("{}", json!({ "ready": ready, "first_refusal": refused }));
    tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink())).await??;
    stop.send_replace(true);
    let (mut good, mut first_failure) = (0, None);
    for task in tasks {
        match task.await? {
            Ok(()) => good += 1,
            Err(error) => _ = first_failure.get_or_insert_with(|| error.to_string()),
        }
    }
    println!("{}", json!({ "good": good, "first_failure": first_failure }));
    Ok(())
}

fn count(outcome: Option<Result<(), String>>, ready: &mut usize, refused: &mut Option<String>) {
    match outcome {
        Some(Ok(())) => *ready += 1,
        Some(Err(error)) => _ = refused.get_or_insert(error),
        None => {}
    }
}

/// One connection from its opening to its end; `Ok` if nothing went wrong on it.
async fn hold(
    options: &Options,
    index: usize,
    opened: mpsc::Sender<Result<(), String>>,
    mut stopped: watch::Receiver<bool>,
) -> io::Result<()> {
    let begun = begin(options, index).await;
    let told = begun.as_ref().map(|_| ()).map_err(ToString::to_string);
    // The receiver lives as long as main.
    let _ = opened.send(told).await;
    let mut stream = begun?;
    match options.kind {
        Kind::Idle => {
            tokio::select! {
                end = unasked(&mut stream) => Err(end),
                () = stop_of(&mut stopped) => {
                    // Never closed.
                    let _turn = LAST.acquire().await;
                    exchange(&mut stream, options).await
                }
            }
        }
        Kind::Upload => loop {
            tokio::select! {
                end = unasked(&mut stream) => break Err(end),
                () = stop_of(&mut stopped) => break Ok(()),
                () = tokio::time::sleep(Duration::from_secs(1)) => stream.write_all(b"x").await?,
            }
        },
        Kind::Unread => {
            stop_of(&mut stopped).await;
            Ok(())
        }
    }
}

async fn stop_of(stopped: &mut watch::Receiver<bool>) {
    // An error means that main is gone: that is a stop too.
    let _ = stopped.wait_for(|stop| *stop).await;
}

/// Waits for what should not come: an answer too early, or the end.
async fn unasked(stream: &mut TcpStream) -> io::Error {
    if let Err(error) = stream.readable().await {
        return error;
    }
    let mut bytes = [0; 512];
    match stream.try_read(&mut bytes) {
        Ok(0) => io::ErrorKind::UnexpectedEof.into(),
        Ok(length) => {
            io::Error::other(format!("the server said unasked: {}", bytes[..length].escape_ascii()))
        }
        Err(error) => error,
    }
}

/// An address of the loopback network that no other process of these uses: the ports of the load before may still be waiting for the last
/// packets, and to find a free one among them takes longer than the whole measurement.
fn source(index: usize) -> Ipv4Addr {
    let process = std::process::id();
    Ipv4Addr::new(127, 16 + (process >> 8) as u8 % 200, process as u8, 1 + (index / PORTS) as u8)
}

async fn begin(options: &Options, index: usize) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((IpAddr::V4(source(index)), 0).into())?;
    if matches!(options.kind, Kind::Unread) {
        // Otherwise this side's kernel takes megabytes of what should weigh on the server.
        socket.set_recv_buffer_size(4096)?;
    }
    let mut stream = socket.connect(options.target).await?;
    stream.set_nodelay(true)?;
    match options.kind {
        Kind::Idle => exchange(&mut stream, options).await?,
        Kind::Upload => stream.write_all(head("POST", options, UPLOAD_LENGTH).as_bytes()).await?,
        Kind::Unread => stream.write_all(head("GET", options, 0).as_bytes()).await?,
    }
    Ok(stream)
}

fn head(method: &str, options: &Options, length: usize) -> String {
    let (path, host) = (&options.path, options.target);
    let length = if length > 0 { format!("Content-Length: {length}\r\n") } else { String::new() };
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: connections\r\nAccept: */*\r\n{length}\r\n"
    )
}

/// One request and its whole answer, which must be a 200.
async fn exchange(stream: &mut TcpStream, options: &Options) -> io::Result<()> {
    stream.write_all(head("GET", options, 0).as_bytes()).await?;
    // On the heap and only for as long as the exchange lasts: there are thousands of these tasks.
    let mut input = Vec::with_capacity(4096);
    loop {
        if stream.read_buf(&mut input).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match http::response(&input) {
            Ok(Some(answer)) if answer.total() > input.len() => {}
            Ok(Some(answer)) if answer.status == 200 => return Ok(()),
            Ok(None) => {}
            Ok(Some(answer)) => return Err(io::Error::other(format!("status {}", answer.status))),
            Err(refusal) => return Err(io::Error::other(format!("an answer that is {refusal:?}"))),
        }
    }
}
