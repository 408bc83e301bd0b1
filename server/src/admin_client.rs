//! Asks the admin server of a running gateway.

use std::io::{Read, Write};
use std::net::TcpStream;

/// Sends a request without a body to `url` (`http://HOST:PORT/PATH`) and returns the body of the answer, if its status is 200.
pub(crate) fn ask(method: &str, url: &str) -> Result<String, String> {
    let rest = url.strip_prefix("http://").ok_or_else(|| format!("{url}: it begins with http://"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(host)?;
        // It answers and closes.
        write!(stream, "{method} /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    };
    let text = ask().map_err(|error| format!("{url}: {error}"))?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| format!("{url}: no HTTP answer"))?;
    match head.split(' ').nth(1) {
        Some("200") => Ok(body.to_owned()),
        _ => Err(format!("{url}: {}: {}", head.lines().next().unwrap_or_default(), body.trim())),
    }
}
