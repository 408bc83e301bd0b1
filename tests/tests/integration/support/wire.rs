//! Heads and bodies of HTTP/1.1 as a strict peer reads them. Written apart from the gateway's codec: it must not share its mistakes.

use std::io::{self, BufRead, Read};

/// Longest line a peer of these tests takes.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// A first line and its header lines, each byte as the character of its number.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Head {
    pub(crate) first_line: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Head {
    /// Reads up to the blank line. `None`: the connection ended before the first byte.
    pub(crate) fn read(reader: &mut impl BufRead) -> io::Result<Option<Head>> {
        let Some(first_line) = line(reader)? else { return Ok(None) };
        let mut headers = Vec::new();
        loop {
            let text = line(reader)?.ok_or_else(|| broken("the end of the connection in a head"))?;
            if text.is_empty() {
                return Ok(Some(Head { first_line, headers }));
            }
            let (name, value) = text.split_once(':').ok_or_else(|| broken(&format!("header {text:?}")))?;
            if name.is_empty() || name.contains([' ', '\t']) {
                return Err(broken(&format!("header name {name:?}")));
            }
            headers.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
        }
    }

    /// The values of a field, in order.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let same = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        same.map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a field that may be there once.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let values = self.all(name);
        assert!(values.len() < 2, "{name} is there twice: {self:?}");
        values.first().copied()
    }

    /// Reads the body that this head announces; `until_close` is what no announcement means.
    pub(crate) fn read_body(&self, reader: &mut impl BufRead, until_close: bool) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        match (self.get("Transfer-Encoding"), self.get("Content-Length")) {
            (Some(_), Some(_)) => return Err(broken("both Transfer-Encoding and Content-Length")),
            (Some("chunked"), None) => return read_chunks(reader),
            (Some(other), None) => return Err(broken(&format!("Transfer-Encoding: {other}"))),
            (None, Some(length)) => {
                body = vec![0; length.parse().map_err(|_| broken(&format!("Content-Length: {length}")))?];
                reader.read_exact(&mut body)?;
            }
            (None, None) if until_close => drop(reader.read_to_end(&mut body)?),
            (None, None) => {}
        }
        Ok(body)
    }
}

/// Reads a chunked body. Trailers and extensions are errors: the gateway never sends any.
fn read_chunks(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    let ended = || broken("the end of the connection in a chunked body");
    loop {
        let size = line(reader)?.ok_or_else(ended)?;
        let size = usize::from_str_radix(&size, 16).map_err(|_| broken(&format!("chunk size {size:?}")))?;
        let start = body.len();
        body.resize(start + size, 0);
        reader.read_exact(&mut body[start..])?;
        let end = line(reader)?.ok_or_else(ended)?;
        if !end.is_empty() {
            return Err(broken(&format!("{end:?} after a chunk of {size}")));
        }
        if size == 0 {
            return Ok(body);
        }
    }
}

/// One line without its CRLF.
fn line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let text =
        bytes.strip_suffix(b"\r\n").ok_or_else(|| broken(&format!("a line without end: {bytes:?}")))?;
    Ok(Some(text.iter().map(|byte| char::from(*byte)).collect()))
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// `bytes` in chunks of `size` bytes, the last chunk included.
pub(crate) fn chunked(bytes: &[u8], size: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / size * 8 + 16);
    for chunk in bytes.chunks(size) {
        out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

/// `len` bytes that look random; another `seed`, other bytes.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut out = Vec::with_capacity(len + 8);
    while out.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out.truncate(len);
    out
}
