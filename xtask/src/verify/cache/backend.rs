//! A backend whose answers have a version: `/c/NAME` is answered with the newest one, with a body of a kilobyte.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::Outcome;

/// Bytes of a body.
pub(super) const BODY: usize = 1024;

/// It answers as long as the process lives.
pub(super) struct Backend {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    version: AtomicU64,
    held: AtomicBool,
    asked: Mutex<HashMap<String, u64>>,
}

impl Backend {
    pub(super) fn start() -> Outcome<Self> {
        let failed = |error: std::io::Error| format!("the backend: {error}");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::<Shared>::default();
        let backend = Backend { address, shared: shared.clone() };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = shared.clone();
                // The gateway closes its connections when it likes.
                thread::spawn(move || drop(answer(&stream, &shared)));
            }
        });
        Ok(backend)
    }

    /// Answers are of the next version from now on; returns it.
    pub(super) fn next_version(&self) -> u64 {
        self.shared.version.fetch_add(1, SeqCst) + 1
    }

    /// Answers nobody until [`Backend::let_go`].
    pub(super) fn hold(&self) {
        self.shared.held.store(true, SeqCst);
    }

    pub(super) fn let_go(&self) {
        self.shared.held.store(false, SeqCst);
    }

    /// How often a path was asked for.
    pub(super) fn asked(&self, path: &str) -> u64 {
        self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner).get(path).copied().unwrap_or(0)
    }
}

fn answer(stream: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    let (mut head, mut line) = (String::new(), String::new());
    loop {
        head.clear();
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
        loop {
            line.clear();
            match reader.read_line(&mut line)? {
                0 => return Ok(()),
                2 => break,
                _ => {}
            }
        }
        let path = head.split(' ').nth(1).unwrap_or_default();
        *shared.asked.lock().unwrap_or_else(PoisonError::into_inner).entry(path.to_owned()).or_default() += 1;
        while shared.held.load(SeqCst) {
            thread::sleep(Duration::from_millis(1));
        }
        let version = shared.version.load(SeqCst);
        let body = format!("{version:<BODY$}");
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\nCache-Tag: all\r\n\r\n");
        (&*stream).write_all((head + &body).as_bytes())?;
    }
}
