//! Where HAProxy's log lines go, since it cannot write a file itself: its ring buffer sends them over TCP, one a line.
#![forbid(unsafe_code)]

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use clap::Parser;

/// Appends what comes over TCP to a file, one connection after the other.
#[derive(Parser)]
struct Options {
    /// Address to listen on.
    #[arg(long)]
    listen: SocketAddr,
    /// File to append to.
    #[arg(long)]
    file: PathBuf,
}

fn main() -> io::Result<()> {
    let options = Options::parse();
    let listener = TcpListener::bind(options.listen)?;
    let mut file = OpenOptions::new().create(true).append(true).open(options.file)?;
    let mut bytes = vec![0; 256 * 1024];
    loop {
        let (mut stream, _) = listener.accept()?;
        loop {
            let length = stream.read(&mut bytes)?;
            if length == 0 {
                break;
            }
            file.write_all(&bytes[..length])?;
        }
    }
}
