//! What a web page in the operator's browser could send to a server that asks nobody who they are.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, Method, header};

/// Why a request is refused: it comes under a name that only resolves to loopback (DNS rebinding), or it is a state-changing request
/// of another origin. curl, Prometheus, orchestrators and AWS's tools send neither.
pub(crate) fn refused(method: &Method, headers: &HeaderMap, loopback_only: bool) -> Option<&'static str> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
    if loopback_only && !names_loopback(host) {
        return Some("this server answers only to localhost and loopback addresses in the Host header\n");
    }
    let changes = !matches!(*method, Method::GET | Method::HEAD);
    (changes && headers.contains_key(header::ORIGIN))
        .then_some("this server takes no requests of web pages\n")
}

fn names_loopback(host: &str) -> bool {
    if let Ok(address) = host.parse::<SocketAddr>() {
        return address.ip().is_loopback();
    }
    let name = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(n, _)| n);
    let bare = name.strip_prefix('[').and_then(|n| n.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_hosts_are_answered() {
        for host in ["localhost", "localhost:9901", "127.0.0.1:9901", "127.8.0.1", "[::1]:9901", "[::1]"] {
            assert!(names_loopback(host), "{host}");
        }
        for host in
            ["", "evil.example:9901", "127.0.0.1.evil.example", "10.0.0.1:9901", "localhost.evil", "::"]
        {
            assert!(!names_loopback(host), "{host}");
        }
    }
}
