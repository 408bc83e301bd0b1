//! Request targets and hosts (RFC 9112 §3.2, RFC 9110 §7.2).

use std::net::Ipv6Addr;

use super::error::ProtocolError;
use super::head::Span;
use super::token::is_host_char;

/// The parts of a request target.
pub(super) struct Target {
    pub(super) path: Span,
    pub(super) query: Option<Span>,
    /// Only of the absolute form.
    pub(super) authority: Option<Span>,
}

impl Target {
    /// Reads the target at `span`, where httparse left no control character and no space. `OPTIONS *` has the path `*`; an absolute
    /// target without a path has the path `/`.
    pub(super) fn parse(bytes: &[u8], span: Span, is_options: bool) -> Result<Target, ProtocolError> {
        let text = span.of(bytes);
        if !text.is_ascii() {
            return Err(ProtocolError::Target);
        }
        match text.first() {
            Some(b'/') => Target::split(bytes, span, None),
            Some(b'*') if text.len() == 1 && is_options => {
                Ok(Target { path: span, query: None, authority: None })
            }
            Some(b'*') if text.len() == 1 => Err(ProtocolError::AsteriskForm),
            _ => Target::absolute(bytes, span),
        }
    }

    fn absolute(bytes: &[u8], span: Span) -> Result<Target, ProtocolError> {
        let text = span.of(bytes);
        let colon = text.iter().position(|&byte| byte == b':').ok_or(ProtocolError::Target)?;
        let rest = text[colon..].strip_prefix(b"://").ok_or(ProtocolError::Target)?;
        let scheme = &text[..colon];
        if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
            return Err(ProtocolError::Scheme);
        }
        let authority_len = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
        let start = span.start + colon as u32 + 3;
        let authority = Span { start, end: start + authority_len as u32 };
        if !is_host(authority.of(bytes)) {
            return Err(ProtocolError::Host);
        }
        let mut target = Target::split(bytes, Span { start: authority.end, end: span.end }, Some(authority))?;
        if target.path.is_empty() {
            // RFC 9112 §3.2.2 makes it "/": the last slash of "://" is one, and a span can only point.
            target.path = Span { start: start - 1, end: start };
        }
        Ok(target)
    }

    fn split(bytes: &[u8], span: Span, authority: Option<Span>) -> Result<Target, ProtocolError> {
        let text = span.of(bytes);
        let Some(at) = memchr::memchr2(b'?', b'#', text) else {
            return Ok(Target { path: span, query: None, authority });
        };
        if memchr::memchr(b'#', &text[at..]).is_some() {
            return Err(ProtocolError::Target);
        }
        let mark = span.start + at as u32;
        let path = Span { start: span.start, end: mark };
        Ok(Target { path, query: Some(Span { start: mark + 1, end: span.end }), authority })
    }
}

/// Whether `text` is a host name, an IPv4 address or a bracketed IPv6 address, with an optional port of 1 to 65535.
///
/// Stricter than RFC 3986: a name has letters, digits and `-._~` only (no percent-encoding, no `sub-delims`), is not empty,
/// and a colon needs a port after it. There is no user information (RFC 9110 §4.2.4).
pub(super) fn is_host(text: &[u8]) -> bool {
    if let Some(rest) = text.strip_prefix(b"[") {
        let Some(end) = rest.iter().position(|&byte| byte == b']') else { return false };
        let address =
            std::str::from_utf8(&rest[..end]).ok().and_then(|address| address.parse::<Ipv6Addr>().ok());
        return address.is_some() && is_port_suffix(&rest[end + 1..]);
    }
    let name_len = text.iter().position(|&byte| !is_host_char(byte)).unwrap_or(text.len());
    name_len > 0 && is_port_suffix(&text[name_len..])
}

fn is_port_suffix(text: &[u8]) -> bool {
    match text {
        [] => true,
        [b':', digits @ ..] if matches!(digits.len(), 1..=5) && digits.iter().all(u8::is_ascii_digit) => {
            let port = digits.iter().fold(0u32, |port, digit| port * 10 + u32::from(digit - b'0'));
            (1..=65_535).contains(&port)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for good in [
            "a",
            "example.com",
            "a_b.c-d~e",
            "a.",
            "127.0.0.1:8080",
            "h:1",
            "h:65535",
            "[::1]",
            "[2001:db8::1]:443",
        ] {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        let bad = [
            "",
            ":80",
            "h:",
            "h:0",
            "h:65536",
            "h:123456",
            "h:8a",
            "h:+1",
            "u@h",
            "u:p@h",
            "h h",
            "h,i",
            "h/",
            "h?",
            "h%41",
            "[::1",
            "::1",
            "[]",
            "[::1]x",
            "[::1]:",
            "[::g]",
            "[fe80::1%eth0]",
            "[127.0.0.1]",
            "a[::1]",
            "h:80:80",
            "h\\",
        ];
        for bad in bad {
            assert!(!is_host(bad.as_bytes()), "{bad}");
        }
    }
}
