//! Where HAProxy's log lines go, since it cannot write a file itself: datagrams in, lines to a file out.
#![forbid(unsafe_code)]

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// Appends every datagram to a file, one line each.
#[derive(Parser)]
struct Options {
    /// UDP address to receive on.
    #[arg(long)]
    listen: SocketAddr,
    /// File to append to.
    #[arg(long)]
    file: PathBuf,
}

/// Lines are written once this much has come, or nothing more for a while.
const BATCH: usize = 64 * 1024;

fn main() -> io::Result<()> {
    let options = Options::parse();
    let socket =
        socket2::Socket::new(socket2::Domain::for_address(options.listen), socket2::Type::DGRAM, None)?;
    // As much as the system gives: a full buffer loses lines.
    socket.set_recv_buffer_size(8 << 20)?;
    socket.bind(&options.listen.into())?;
    let socket: UdpSocket = socket.into();
    socket.set_read_timeout(Some(Duration::from_millis(200)))?;
    let mut file = OpenOptions::new().create(true).append(true).open(options.file)?;
    let mut lines = Vec::with_capacity(2 * BATCH);
    let mut datagram = vec![0; BATCH];
    loop {
        let idle = match socket.recv(&mut datagram) {
            Ok(length) => {
                lines.extend_from_slice(datagram[..length].trim_ascii_end());
                lines.push(b'\n');
                false
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => true,
            Err(error) => return Err(error),
        };
        if lines.len() >= BATCH || (idle && !lines.is_empty()) {
            file.write_all(&lines)?;
            lines.clear();
        }
    }
}
