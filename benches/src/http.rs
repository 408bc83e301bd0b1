//! Just enough HTTP/1.1 for arms, backend and load: where a message ends. Lengths only, no chunked coding: the arms meet
//! nothing else, and say so when they do.

use std::str;

/// Most header lines of a message.
const HEADERS: usize = 64;

/// Why bytes are no message that is understood here.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Not HTTP/1.1.
    Malformed,
    /// A transfer coding.
    TransferEncoding,
}

/// The first message of a buffer.
#[derive(Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Request target; empty for responses.
    pub target: &'a str,
    /// Status; 0 for requests.
    pub status: u16,
    /// Bytes of the head, the empty line included.
    pub head: usize,
    /// Bytes of the body.
    pub body: usize,
}

impl Message<'_> {
    /// Bytes of head and body.
    pub fn total(&self) -> usize {
        self.head + self.body
    }
}

/// The request that `bytes` begin with, once its head is complete.
pub fn request(bytes: &[u8]) -> Result<Option<Message<'_>>, Refusal> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => {
            let target = request.path.unwrap_or_default();
            Ok(Some(Message { target, status: 0, head, body: body_length(request.headers)? }))
        }
        Ok(httparse::Status::Partial) => Ok(None),
        Err(_) => Err(Refusal::Malformed),
    }
}

/// The response that `bytes` begin with, once its head is complete.
pub fn response(bytes: &[u8]) -> Result<Option<Message<'_>>, Refusal> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => {
            let status = response.code.unwrap_or_default();
            Ok(Some(Message { target: "", status, head, body: body_length(response.headers)? }))
        }
        Ok(httparse::Status::Partial) => Ok(None),
        Err(_) => Err(Refusal::Malformed),
    }
}

fn body_length(headers: &[httparse::Header<'_>]) -> Result<usize, Refusal> {
    let mut length = 0;
    for header in headers {
        // Lengths first: most names are of another length than these two.
        match header.name.len() {
            14 if header.name.eq_ignore_ascii_case("content-length") => {
                let text = str::from_utf8(header.value).map_err(|_| Refusal::Malformed)?;
                length = text.parse().map_err(|_| Refusal::Malformed)?;
            }
            17 if header.name.eq_ignore_ascii_case("transfer-encoding") => {
                return Err(Refusal::TransferEncoding);
            }
            _ => {}
        }
    }
    Ok(length)
}

/// `length` bytes of body: the same for the same length, so that answers can be compared.
pub fn body(length: usize) -> Vec<u8> {
    (0..length).map(|index| b"0123456789abcdefghijklmnopqrstuvwxyz"[index % 36]).collect()
}

#[cfg(test)]
mod tests {
    use super::{Refusal, body, request, response};

    #[test]
    fn finds_where_messages_end() {
        let bytes = b"POST /a HTTP/1.1\r\nHost: x\r\ncontent-length: 3\r\n\r\nabcGET";
        for cut in 0..bytes.len() - 6 {
            assert_eq!(request(&bytes[..cut]), Ok(None), "{cut} bytes");
        }
        let message = request(bytes).unwrap().unwrap();
        assert_eq!((message.target, message.total()), ("/a", bytes.len() - 3));
        let message = response(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().unwrap();
        assert_eq!((message.status, message.body), (204, 0));
    }

    #[test]
    fn refuses_what_it_does_not_understand() {
        assert_eq!(request(b"\0\0\0"), Err(Refusal::Malformed));
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(response(chunked), Err(Refusal::TransferEncoding));
        assert_eq!(response(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), Err(Refusal::Malformed));
    }

    #[test]
    fn bodies_are_the_same_for_the_same_length() {
        assert_eq!(body(38), b"0123456789abcdefghijklmnopqrstuvwxyz01");
    }
}
