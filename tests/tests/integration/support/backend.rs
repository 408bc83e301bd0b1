//! A backend that a test scripts: a thread for each connection, a count of everything.

use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use super::wire::Head;
use super::{PATIENCE, eventually};

/// A listening backend. Dropping it fails the test where a script has panicked.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    ended: AtomicUsize,
    bytes: AtomicUsize,
    panics: AtomicUsize,
    requests: Mutex<Vec<Request>>,
}

/// A request that arrived whole.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
    /// Number of its connection, from 0.
    pub(crate) connection: usize,
}

/// A connection of the gateway, on its own thread.
pub(crate) struct Connection {
    reader: BufReader<Counted>,
    pub(crate) index: usize,
}

/// Counts received bytes.
struct Counted {
    stream: TcpStream,
    seen: Arc<Seen>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let n = self.stream.read(into)?;
        self.seen.bytes.fetch_add(n, SeqCst);
        Ok(n)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if thread::panicking() {
            self.reader.get_ref().seen.panics.fetch_add(1, SeqCst);
        }
        // Closed here, so that whoever sees the count knows that the gateway was told.
        let _ = self.stream().shutdown(Shutdown::Both);
        self.reader.get_ref().seen.ended.fetch_add(1, SeqCst);
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        let panics = self.seen.panics.load(SeqCst);
        assert!(
            panics == 0 || thread::panicking(),
            "{panics} connections of the backend panicked: see above"
        );
    }
}

impl Backend {
    /// Runs `script` for each connection and closes it afterwards.
    pub(crate) fn start(script: impl Fn(&mut Connection) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let backend = Backend { address: listener.local_addr().unwrap(), seen: Arc::default() };
        let (seen, script) = (backend.seen.clone(), Arc::new(script));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                let index = seen.connections.fetch_add(1, SeqCst);
                let reader = BufReader::new(Counted { stream, seen: seen.clone() });
                let script = script.clone();
                thread::spawn(move || script(&mut Connection { reader, index }));
            }
        });
        backend
    }

    /// Answers request after request with the bytes that `answer` gives.
    pub(crate) fn answering(answer: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::start(move |connection| {
            while let Some(request) = connection.request() {
                if !connection.send(answer(&request)) {
                    return;
                }
            }
        })
    }

    /// Answers each request with 200 and `text`.
    pub(crate) fn saying(text: &'static str) -> Self {
        Self::answering(move |_| answer(200, text.as_bytes()))
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(SeqCst)
    }

    /// Connections that are open now.
    pub(crate) fn open(&self) -> usize {
        self.connections() - self.seen.ended.load(SeqCst)
    }

    /// Received bytes so far.
    pub(crate) fn bytes(&self) -> usize {
        self.seen.bytes.load(SeqCst)
    }

    /// Requests that arrived whole, in order.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen.requests.lock().unwrap().clone()
    }

    /// The only request that arrived.
    pub(crate) fn only_request(&self) -> Request {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.remove(0)
    }

    pub(crate) fn wait_until_all_ended(&self) {
        eventually("the backend's connections end", || self.open() == 0);
    }
}

impl Connection {
    fn stream(&self) -> &TcpStream {
        &self.reader.get_ref().stream
    }

    /// Reads a head alone. `None`: the connection ended, or what came is no head.
    pub(crate) fn head(&mut self) -> Option<Head> {
        Head::read(&mut self.reader).ok().flatten()
    }

    /// Reads a whole request and notes it. `None`: the connection ended before.
    pub(crate) fn request(&mut self) -> Option<Request> {
        let head = self.head()?;
        let body = head.read_body(&mut self.reader, false).ok()?;
        let mut words = head.first_line.split(' ');
        let (method, target, version) = (words.next()?.to_owned(), words.next()?.to_owned(), words.next()?);
        assert_eq!((version, words.next()), ("HTTP/1.1", None), "{}", head.first_line);
        let request = Request { method, target, head, body, connection: self.index };
        self.reader.get_ref().seen.requests.lock().unwrap().push(request.clone());
        Some(request)
    }

    /// Sends; false when the gateway takes no more.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream().write_all(bytes.as_ref()).is_ok()
    }

    /// Waits until the gateway ends the connection and returns how much it sent before it.
    pub(crate) fn wait_for_end(&mut self) -> usize {
        let (mut sent, mut bytes) = (0, [0; 4096]);
        while let Ok(n @ 1..) = self.reader.read(&mut bytes) {
            sent += n;
        }
        sent
    }
}

/// An answer with its length.
pub(crate) fn answer(status: u16, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status} Scripted\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// A gate that a script waits at until the test opens it.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    pub(crate) fn wait(&self) {
        let closed = self.0.0.lock().unwrap();
        drop(self.0.1.wait_timeout_while(closed, PATIENCE * 2, |open| !*open).unwrap());
    }
}
