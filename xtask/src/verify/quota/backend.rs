//! A backend that counts: what it has seen was admitted.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::Outcome;

/// What comes before the number of the key in a path.
pub(super) const PATH: &str = "/k/";
/// How long connections of a gateway that is gone may still have something to say.
const PATIENCE: Duration = Duration::from_secs(10);

/// Counts requests by the number in their path, `/k/17`, on as many connections as there are.
pub(super) struct Backend {
    pub(super) address: SocketAddr,
    seen: Arc<Vec<AtomicU64>>,
    open: Arc<AtomicUsize>,
}

impl Backend {
    /// For this many keys. Its threads end with the process.
    pub(super) fn start(keys: usize) -> Outcome<Self> {
        let failed = |error: std::io::Error| format!("the backend: {error}");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let seen: Arc<Vec<AtomicU64>> = Arc::new((0..keys).map(|_| AtomicU64::new(0)).collect());
        let open = Arc::<AtomicUsize>::default();
        let backend = Backend { address, seen: seen.clone(), open: open.clone() };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, open) = (seen.clone(), open.clone());
                open.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || {
                    // The gateway is killed: its connections end anyhow.
                    let _ = answer(&stream, &seen);
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Ok(backend)
    }

    /// What it has seen of a key, once it has read all that a gateway that is gone has sent.
    pub(super) fn seen(&self, key: usize) -> u64 {
        self.seen[key].load(Ordering::SeqCst)
    }

    /// Waits until it has read all that a gateway that was killed has sent.
    pub(super) fn settle(&self) -> Outcome<()> {
        let start = Instant::now();
        while self.open.load(Ordering::SeqCst) > 0 {
            if start.elapsed() > PATIENCE {
                return Err("connections to the backend do not end with the gateway".to_owned());
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

fn answer(stream: &TcpStream, seen: &[AtomicU64]) -> std::io::Result<()> {
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
        let key = path.strip_prefix(PATH).and_then(|number| number.parse::<usize>().ok());
        if let Some(count) = key.and_then(|key| seen.get(key)) {
            count.fetch_add(1, Ordering::SeqCst);
        }
        (&*stream).write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")?;
    }
}
