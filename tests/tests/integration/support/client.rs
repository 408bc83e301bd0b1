//! A client that sends what it is told, byte for byte, and reads answers strictly.

use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread::{self, JoinHandle};

use super::PATIENCE;
use super::wire::Head;

/// One connection.
pub(crate) struct Client {
    reader: BufReader<TcpStream>,
}

/// An answer with its whole body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client {
    pub(crate) fn connect(to: SocketAddr) -> Self {
        Self::try_connect(to).unwrap()
    }

    pub(crate) fn try_connect(to: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Client { reader: BufReader::new(stream) })
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        self.reader.get_ref()
    }

    pub(crate) fn send(&self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).unwrap();
    }

    pub(crate) fn try_send(&self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream().write_all(bytes.as_ref())
    }

    /// Reads a head alone: an interim answer, or one whose body the test reads itself.
    pub(crate) fn head(&mut self) -> io::Result<(u16, Head)> {
        let head = Head::read(&mut self.reader)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let status = head.first_line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        let invalid = || io::Error::new(io::ErrorKind::InvalidData, format!("{:?}", head.first_line));
        Ok((status.ok_or_else(invalid)?, head))
    }

    /// Reads the answer to a request of `method`.
    pub(crate) fn try_answer(&mut self, method: &str) -> io::Result<Answer> {
        let (status, head) = self.head()?;
        let bodiless = method == "HEAD" || status < 200 || status == 204 || status == 304;
        let body = if bodiless { Vec::new() } else { head.read_body(&mut self.reader, true)? };
        Ok(Answer { status, head, body })
    }

    pub(crate) fn answer(&mut self, method: &str) -> Answer {
        self.try_answer(method).unwrap_or_else(|error| panic!("no answer: {error}"))
    }

    /// Sends a request in one piece and reads its answer; a body is sent with its length.
    pub(crate) fn ask(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let head = format!("{method} {path} HTTP/1.1\r\nHost: test.example\r\n{headers}{length}\r\n");
        // A gateway that refuses the head need not take the body.
        let _ = self.try_send([head.as_bytes(), body].concat());
        self.answer(method)
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, "", b"")
    }

    /// Waits for the end of the connection: a close or a reset, with nothing before it.
    pub(crate) fn expect_end(&mut self) {
        let rest = self.read_rest();
        assert!(rest.is_empty(), "{:?} instead of a close", String::from_utf8_lossy(&rest));
    }

    /// Reads so many bytes of a body.
    pub(crate) fn read_bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.reader.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Whatever else comes, until the connection ends.
    pub(crate) fn read_rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.reader.read_to_end(&mut rest) {
            Err(error) if error.kind() != io::ErrorKind::ConnectionReset => {
                panic!("the connection stays open: {error}")
            }
            _ => rest,
        }
    }

    /// Sends on a thread of its own, so that an answer can be read meanwhile; whether all of it was taken.
    pub(crate) fn send_beside(&self, bytes: Vec<u8>) -> JoinHandle<bool> {
        let stream = self.stream().try_clone().unwrap();
        thread::spawn(move || (&stream).write_all(&bytes).is_ok())
    }

    /// Leaves: a close that the other side sees at once.
    pub(crate) fn leave(self) {
        let _ = self.stream().shutdown(Shutdown::Both);
    }
}

/// One request on a connection of its own.
pub(crate) fn once(to: SocketAddr, method: &str, path: &str) -> Answer {
    let mut client = Client::connect(to);
    client.send(format!("{method} {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n\r\n"));
    client.answer(method)
}
