//! URIs of HTTP integrations (tables.md §9.3 and §13.1).

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use ringway_core::model::{stage_variables_of, substitute_stage_variables};

use super::path::is_parameter_name;

const SCHEME: &str = "http://";

/// Why AWS takes `text` for no HTTP endpoint, if so: `Invalid HTTP endpoint specified for URI` (tables.md §8.4).
pub(crate) fn endpoint_fault(text: &str) -> Option<&'static str> {
    let lower = text.to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix("http://").or_else(|| lower.strip_prefix("https://")) else {
        return Some("it has to begin with `http://`; the scheme cannot come from a stage variable");
    };
    (rest.is_empty() || rest.starts_with(['/', '?', '#', ':'])).then_some("the host is missing")
}

/// Checks a URI that may refer to stage variables.
pub(crate) fn check_template(uri: &str) -> Result<(), String> {
    if !uri.starts_with(SCHEME) {
        return Err("it has to begin with `http://`; the scheme cannot come from a stage variable".into());
    }
    // What the variables hold is known per stage; `1` can stand in a host, as a port, in a path and in a query.
    let names = stage_variables_of(uri)?;
    let stand_ins: BTreeMap<String, String> =
        names.into_iter().map(|name| (name.to_owned(), "1".to_owned())).collect();
    check(&substitute_stage_variables(uri, &stand_ins)?)
}

/// Checks a URI without references to stage variables: `http://host[:port][/path][?query]`, with `{name}` placeholders
/// in path and query.
pub(super) fn check(uri: &str) -> Result<(), String> {
    let Some(rest) = uri.strip_prefix(SCHEME) else { return Err("it has to begin with `http://`".into()) };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    check_authority(authority)?;
    check_target(target)
}

fn check_authority(authority: &str) -> Result<(), String> {
    if authority.contains('@') {
        return Err("a user name in the URI is not supported".into());
    }
    let (host, port) = match authority.rfind(':') {
        Some(colon) if !authority.ends_with(']') => (&authority[..colon], Some(&authority[colon + 1..])),
        _ => (authority, None),
    };
    if let Some(port) = port
        && !(port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0))
    {
        return Err(format!("the port {} is not between 1 and 65535", crate::issue::quoted(port)));
    }
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return match address.parse::<Ipv6Addr>() {
            Ok(_) => Ok(()),
            Err(_) => Err(format!("{} is no IPv6 address", crate::issue::quoted(address))),
        };
    }
    check_host(host)
}

fn check_host(host: &str) -> Result<(), String> {
    const HOST_BYTES_MAX: usize = 253;
    if host.is_empty() {
        return Err("the host is missing".into());
    }
    if host.contains(['{', '}']) {
        return Err("a `{name}` in the host is not built yet; use a stage variable".into());
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    // One dot may close a name: it is then absolute.
    let labels = host.strip_suffix('.').unwrap_or(host);
    if host.len() > HOST_BYTES_MAX || !labels.split('.').all(label) {
        return Err(format!("{} is no host name", crate::issue::quoted(host)));
    }
    Ok(())
}

fn check_target(target: &str) -> Result<(), String> {
    if target.contains('#') {
        return Err("a fragment (`#`) is never sent to a backend".into());
    }
    let mut rest = target;
    while let Some(open) = rest.find('{') {
        let inner = &rest[open + 1..];
        let name = inner.split_once('}').map(|(name, _)| name).filter(|name| is_parameter_name(name));
        let Some(name) = name else {
            return Err(
                "each `{` has to begin a `{name}`; a greedy variable is written without its `+`".into()
            );
        };
        check_characters(&rest[..open])?;
        rest = &inner[name.len() + 1..];
    }
    check_characters(rest)
}

/// The characters that a path or query may have (RFC 3986 §3.3, §3.4), and complete percent escapes.
fn check_characters(text: &str) -> Result<(), String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&byte);
    if let Some(character) = text.chars().find(|&character| !u8::try_from(character).is_ok_and(allowed)) {
        return Err(format!("the character `{}` has to be percent-encoded", character.escape_debug()));
    }
    let mut rest = text;
    while let Some((_, escape)) = rest.split_once('%') {
        if !escape.bytes().take(2).filter(u8::is_ascii_hexdigit).count().eq(&2) {
            return Err("a `%` has to be followed by two hexadecimal digits".into());
        }
        rest = escape;
    }
    Ok(())
}

/// The names of the `{name}` placeholders, references to stage variables excluded; the URI has been checked.
pub(super) fn placeholders(uri: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = uri;
    while let Some(open) = rest.find('{') {
        let Some(length) = rest[open..].find('}') else { break };
        if !rest[..open].ends_with('$') || !rest[open..].starts_with("{stageVariables.") {
            names.push(&rest[open + 1..open + length]);
        }
        rest = &rest[open + length + 1..];
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepted() {
        for uri in [
            "http://example.com",
            "http://example.com.:80/pets/{petId}?a={b}&c=%20",
            "http://127.0.0.1:9001/",
            "http://[::1]:8080/x",
            "http://[::1]?q",
            "http://${stageVariables.backend}/pets",
            "http://${stageVariables.a}.example.com:${stageVariables.port}/${stageVariables.p}?q=${stageVariables.q}",
            "http://my_service/v1",
        ] {
            assert_eq!(check_template(uri), Ok(()), "{uri}");
        }
    }

    #[test]
    fn refused() {
        for (uri, expected) in [
            ("ftp://h/", "begin with"),
            ("${stageVariables.url}/x", "begin with"),
            ("http://", "host is missing"),
            ("http:///x", "host is missing"),
            ("http://:80/", "host is missing"),
            ("http://h:0/", "port"),
            ("http://h:65536/", "port"),
            ("http://h:+1/", "port"),
            ("http://h:/", "port"),
            ("http://[::g]/", "IPv6"),
            ("http://u:p@h/", "user name"),
            ("http://a..b/", "host name"),
            ("http://{h}/", "not built yet"),
            ("http://h/a b", "percent-encoded"),
            ("http://h/é", "percent-encoded"),
            ("http://h/%2", "two hexadecimal"),
            ("http://h/%", "two hexadecimal"),
            ("http://h/#x", "fragment"),
            ("http://h#x", "fragment"),
            ("http://h/{proxy+}", "without its `+`"),
            ("http://h/{", "begin a"),
            ("http://h/}", "percent-encoded"),
            ("http://h/${x}", "stageVariables"),
        ] {
            let message = check_template(uri).err().unwrap_or_default();
            assert!(message.contains(expected), "{uri}: {message}");
        }
    }

    #[test]
    fn lists_placeholders() {
        let uri = "http://${stageVariables.h}/a/{b}/${stageVariables.c}?d=${stageVariables.e}{f}";
        assert_eq!(placeholders(uri), ["b", "f"]);
    }
}
