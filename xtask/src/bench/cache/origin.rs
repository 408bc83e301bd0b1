//! What stands before the backend of an arm: it says that answers may be kept, and counts who asks for them.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::{Outcome, process};

/// Requests by path.
type Asked = Arc<Mutex<BTreeMap<String, u64>>>;

/// A running origin; its threads end with this program.
pub(super) struct Origin {
    pub(super) address: SocketAddr,
    asked: Asked,
}

impl Origin {
    /// One that gets its bodies from `backend`.
    pub(super) fn start(backend: SocketAddr) -> Outcome<Self> {
        let listener = TcpListener::bind(process::free_address()?).map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let asked = Asked::default();
        let counted = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counted = Arc::clone(&counted);
                thread::spawn(move || serve(&stream, backend, &counted));
            }
        });
        Ok(Origin { address, asked })
    }

    /// How often `path` was asked for.
    pub(super) fn asked(&self, path: &str) -> u64 {
        self.asked.lock().ok().and_then(|asked| asked.get(path).copied()).unwrap_or(0)
    }
}

/// Requests without bodies, one after the other, until the peer goes or says what is not understood.
fn serve(stream: &TcpStream, backend: SocketAddr, asked: &Asked) -> Option<()> {
    let mut lines = BufReader::new(stream).lines();
    let mut out = stream;
    while let Some(Ok(line)) = lines.next() {
        let path = line.split(' ').nth(1)?.to_owned();
        while !lines.next()?.ok()?.is_empty() {}
        *asked.lock().ok()?.entry(path.clone()).or_insert(0) += 1;
        let answer =
            process::request(backend, &format!("GET {path} HTTP/1.1\r\nHost: {backend}\r\n")).ok()?;
        let head = format!(
            "HTTP/1.1 {} OK\r\nContent-Type: application/json\r\nCache-Control: max-age=3600\r\nContent-Length: {}\r\n\r\n",
            answer.status,
            answer.body.len()
        );
        out.write_all(&[head.as_bytes(), &answer.body].concat()).ok()?;
    }
    Some(())
}
