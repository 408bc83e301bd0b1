//! What we write: status lines, header lines, chunks. Appends to a vector; nothing is formatted.

/// The end of a chunk's data.
pub const CHUNK_END: &[u8] = b"\r\n";
/// The end of a chunked body without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
/// The interim response to `Expect: 100-continue` (RFC 9110 §15.2.1).
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Appends a chunk's size line. `len` is not 0: that is [`LAST_CHUNK`].
pub fn chunk_head(len: usize, out: &mut Vec<u8>) {
    debug_assert_ne!(len, 0, "an empty chunk ends the body");
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut line = [0u8; 18];
    line[16..].copy_from_slice(b"\r\n");
    let mut at = 16;
    let mut rest = len;
    loop {
        at -= 1;
        line[at] = HEX[rest & 15];
        rest >>= 4;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&line[at..]);
}

/// Appends a header line. Neither part may have a line end: names and values come from parsed heads or checked configuration.
pub fn header(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    debug_assert!(super::token::is_token(name) && value.iter().all(|&byte| super::token::is_text(byte)));
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Appends a Content-Length line.
pub fn content_length(n: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"Content-Length: ");
    out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Appends the status line of HTTP/1.1 with its line end. An unregistered status has an empty reason.
///
/// `status` has three digits; anything else is a mistake of ours and is sent as 500.
pub fn status_line(status: u16, out: &mut Vec<u8>) {
    debug_assert!((100..=999).contains(&status), "status {status}");
    if let Some(line) = known(status) {
        out.extend_from_slice(line);
        return;
    }
    let status = if (100..=999).contains(&status) { status } else { 500 };
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(itoa::Buffer::new().format(status).as_bytes());
    out.extend_from_slice(b" \r\n");
}

/// The status lines of the registered status codes (IANA HTTP Status Code Registry).
macro_rules! status_lines {
    ($($status:literal $reason:literal)*) => {
        fn known(status: u16) -> Option<&'static [u8]> {
            match status {
                $($status => Some(concat!("HTTP/1.1 ", $status, " ", $reason, "\r\n").as_bytes()),)*
                _ => None,
            }
        }
    };
}

status_lines! {
    100 "Continue"
    101 "Switching Protocols"
    102 "Processing"
    103 "Early Hints"
    200 "OK"
    201 "Created"
    202 "Accepted"
    203 "Non-Authoritative Information"
    204 "No Content"
    205 "Reset Content"
    206 "Partial Content"
    207 "Multi-Status"
    208 "Already Reported"
    226 "IM Used"
    300 "Multiple Choices"
    301 "Moved Permanently"
    302 "Found"
    303 "See Other"
    304 "Not Modified"
    305 "Use Proxy"
    307 "Temporary Redirect"
    308 "Permanent Redirect"
    400 "Bad Request"
    401 "Unauthorized"
    402 "Payment Required"
    403 "Forbidden"
    404 "Not Found"
    405 "Method Not Allowed"
    406 "Not Acceptable"
    407 "Proxy Authentication Required"
    408 "Request Timeout"
    409 "Conflict"
    410 "Gone"
    411 "Length Required"
    412 "Precondition Failed"
    413 "Content Too Large"
    414 "URI Too Long"
    415 "Unsupported Media Type"
    416 "Range Not Satisfiable"
    417 "Expectation Failed"
    421 "Misdirected Request"
    422 "Unprocessable Content"
    423 "Locked"
    424 "Failed Dependency"
    425 "Too Early"
    426 "Upgrade Required"
    428 "Precondition Required"
    429 "Too Many Requests"
    431 "Request Header Fields Too Large"
    451 "Unavailable For Legal Reasons"
    500 "Internal Server Error"
    501 "Not Implemented"
    502 "Bad Gateway"
    503 "Service Unavailable"
    504 "Gateway Timeout"
    505 "HTTP Version Not Supported"
    506 "Variant Also Negotiates"
    507 "Insufficient Storage"
    508 "Loop Detected"
    511 "Network Authentication Required"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn chunk_heads_are_hexadecimal() {
        for len in [1, 9, 10, 15, 16, 255, 256, 4095, 65_536, usize::MAX] {
            assert_eq!(written(|out| chunk_head(len, out)), format!("{len:x}\r\n"));
        }
    }

    #[test]
    fn status_lines_are_those_of_the_registry() {
        assert_eq!(written(|out| status_line(200, out)), "HTTP/1.1 200 OK\r\n");
        assert_eq!(written(|out| status_line(504, out)), "HTTP/1.1 504 Gateway Timeout\r\n");
        assert_eq!(written(|out| status_line(299, out)), "HTTP/1.1 299 \r\n");
        for status in 100..=999 {
            let line = written(|out| status_line(status, out));
            assert!(line.starts_with(&format!("HTTP/1.1 {status} ")) && line.ends_with("\r\n"), "{line:?}");
        }
    }

    #[test]
    fn lines() {
        assert_eq!(written(|out| header(b"Via", b"", out)), "Via: \r\n");
        assert_eq!(written(|out| header(b"a", b"b c", out)), "a: b c\r\n");
        assert_eq!(written(|out| content_length(0, out)), "Content-Length: 0\r\n");
        assert_eq!(written(|out| content_length(u64::MAX, out)), "Content-Length: 18446744073709551615\r\n");
    }
}
