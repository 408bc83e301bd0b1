//! Targets: `http://host:port`.

use super::Target;
use super::issue::quoted;

/// Splits `http://host:port/path?query` into its target and the path with the query (`/` where there is none).
pub(super) fn parse(url: &str) -> Result<(Target, String), String> {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
        None => ("http".to_owned(), url),
    };
    match scheme.as_str() {
        "http" => {}
        "https" | "wss" => {
            return Err(format!(
                "{} needs TLS, which ringload does not speak yet; use `http://`",
                quoted(url)
            ));
        }
        "ws" => return Err(format!("{} is a WebSocket, which ringload does not speak yet", quoted(url))),
        _ => return Err(format!("{} is no URL of a target; write `http://host:port`", quoted(url))),
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.contains('@') {
        return Err(
            "a target has no user name or password; give the header `authorization` instead".to_owned()
        );
    }
    let (host, port) = split_port(authority).ok_or_else(|| {
        format!("{} is no host with a port; write `host`, `host:8080` or `[::1]:8080`", quoted(authority))
    })?;
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let url = format!("http://{host}:{port}");
    let authority = if port == 80 { host.to_owned() } else { format!("{host}:{port}") };
    Ok((Target { url, host: bare, port, authority }, path))
}

/// The host, an IPv6 address in its brackets, and the port: 80 where none is given (RFC 9110 §4.2.1).
fn split_port(authority: &str) -> Option<(&str, u16)> {
    let (host, port) = match authority.rfind(']') {
        Some(end) => authority.split_at(end + 1),
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port = match port.strip_prefix(':') {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok()?,
        None if port.is_empty() => 80,
        _ => return None,
    };
    let is_address = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
    let is_name = !host.is_empty()
        && host.len() <= 253
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    (port != 0 && (is_address || is_name)).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str, host: &str, port: u16, authority: &str) -> Target {
        Target { url: url.to_owned(), host: host.to_owned(), port, authority: authority.to_owned() }
    }

    #[test]
    fn splits() {
        let local = target("http://localhost:8080", "localhost", 8080, "localhost:8080");
        assert_eq!(parse("http://localhost:8080/a?b=c").unwrap(), (local.clone(), "/a?b=c".to_owned()));
        assert_eq!(parse("localhost:8080").unwrap(), (local.clone(), "/".to_owned()));
        assert_eq!(parse("HTTP://localhost:8080?x").unwrap(), (local, "/?x".to_owned()));
        assert_eq!(parse("http://[::1]").unwrap().0, target("http://[::1]:80", "::1", 80, "[::1]"));
        assert_eq!(parse("http://[::1]:81/").unwrap().0, target("http://[::1]:81", "::1", 81, "[::1]:81"));
        assert_eq!(parse("http://a.b:80").unwrap().0, target("http://a.b:80", "a.b", 80, "a.b"));
    }

    #[test]
    fn refuses_with_reason() {
        let message = |url: &str| parse(url).unwrap_err();
        assert_eq!(
            message("https://a"),
            "`https://a` needs TLS, which ringload does not speak yet; use `http://`"
        );
        assert_eq!(message("ws://a"), "`ws://a` is a WebSocket, which ringload does not speak yet");
        assert_eq!(message("ftp://a"), "`ftp://a` is no URL of a target; write `http://host:port`");
        assert_eq!(
            message("http://me:pw@a"),
            "a target has no user name or password; give the header `authorization` instead"
        );
        for authority in
            ["", "a:", "a:0", "a:99999", "a:+1", ":80", "[::1", "[x]", "::1", "a b", "a\r\nb", "é", "a:1:2"]
        {
            assert_eq!(
                message(&format!("http://{authority}/")),
                format!(
                    "{} is no host with a port; write `host`, `host:8080` or `[::1]:8080`",
                    quoted(authority)
                )
            );
        }
    }
}
