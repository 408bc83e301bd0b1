//! A client of the control plane that knows of each request whether it was answered.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::Outcome;
use crate::process::{content_length, head_length};

/// Longer than anything that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// One connection.
pub(super) struct Client {
    address: SocketAddr,
    stream: TcpStream,
}

impl Client {
    /// Connects.
    pub(super) fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Client { address, stream })
    }

    /// Sends a request and reads its whole answer: status and body. An error leaves open whether the request was heard.
    pub(super) fn call(&mut self, method: &str, path: &str, body: &Value) -> io::Result<(u16, Value)> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        self.stream.write_all(request.as_bytes())?;
        let (status, body) = self.read()?;
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }

    /// As [`call`](Client::call), for what has to succeed.
    pub(super) fn good(&mut self, method: &str, path: &str, body: &Value) -> Outcome<Value> {
        match self.call(method, path, body) {
            Ok((200..300, answer)) => Ok(answer),
            Ok((status, answer)) => Err(format!("{method} {path} was answered {status}: {answer}")),
            Err(error) => Err(format!("{method} {path}: {error}")),
        }
    }

    fn read(&mut self) -> io::Result<(u16, Vec<u8>)> {
        let mut answer = Vec::new();
        let mut part = [0; 16 * 1024];
        loop {
            if let Some(head) = head_length(&answer) {
                let status = std::str::from_utf8(&answer[9..12]).ok().and_then(|text| text.parse().ok());
                let status = status.ok_or(ErrorKind::InvalidData)?;
                // An answer without a length has no body here: 204.
                let end = head + content_length(&answer[..head]).unwrap_or(0);
                if answer.len() >= end {
                    return Ok((status, answer[head..end].to_vec()));
                }
            }
            match self.stream.read(&mut part)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                count => answer.extend_from_slice(&part[..count]),
            }
        }
    }
}

/// An id in an answer.
pub(super) fn id(answer: &Value, name: &str) -> Outcome<String> {
    let id = answer[name].as_str().ok_or_else(|| format!("an answer has no `{name}`: {answer}"))?;
    Ok(id.to_owned())
}
