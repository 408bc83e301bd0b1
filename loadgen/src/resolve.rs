//! From the name of a target to an address that answers. Blocks: nothing is running yet.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::exit::{Exit, Refusal};
use crate::plan::Target;

/// Addresses of a name that are tried. A name with more is used by the first of them.
const ADDRESSES_MAX: usize = 16;

/// An address of the target that took a connection, and how many it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// Where the run goes.
    pub address: SocketAddr,
    /// How many addresses the name has.
    pub of: usize,
}

/// Resolves the target's name and opens a connection, which is closed again at once, to the first of its addresses that takes one.
pub fn reach(target: &Target, timeout: Duration) -> Result<Reached, Refusal> {
    let addresses = resolve(target)?;
    let mut refusals = Vec::new();
    for address in &addresses {
        match TcpStream::connect_timeout(address, timeout.max(Duration::from_millis(1))) {
            Ok(_) => return Ok(Reached { address: *address, of: addresses.len() }),
            Err(error) => refusals.push(format!("{address}: {}", explain(&error, timeout))),
        }
    }
    let message = format!("the target {} cannot be reached:\n  {}", target.url, refusals.join("\n  "));
    Err(Refusal::new(Exit::Unavailable, message))
}

fn resolve(target: &Target) -> Result<Vec<SocketAddr>, Refusal> {
    let refuse = |why: String| {
        let message = format!(
            "the host name {:?} of the target {} cannot be resolved: {why}\n  \
             check its spelling, /etc/resolv.conf and /etc/hosts, or give an address",
            target.host, target.url
        );
        Err(Refusal::new(Exit::NoHost, message))
    };
    match (target.host.as_str(), target.port).to_socket_addrs() {
        Ok(found) => {
            let found: Vec<_> = found.take(ADDRESSES_MAX).collect();
            if found.is_empty() { refuse("it has no address".into()) } else { Ok(found) }
        }
        Err(error) => refuse(error.to_string()),
    }
}

fn explain(error: &io::Error, timeout: Duration) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused: nobody listens there".into(),
        io::ErrorKind::TimedOut => {
            format!("no answer to the connect within {timeout:?}: a firewall, or a host that is down")
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn target(host: &str, port: u16) -> Target {
        let url = format!("http://{host}:{port}");
        Target { authority: url.clone(), url, host: host.into(), port }
    }

    #[test]
    fn the_first_address_that_takes_a_connection_is_used() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let reached = reach(&target("127.0.0.1", port), Duration::from_secs(5)).unwrap();
        assert_eq!(reached, Reached { address: listener.local_addr().unwrap(), of: 1 });
        drop(listener);
        let refusal = reach(&target("127.0.0.1", port), Duration::from_secs(5)).unwrap_err();
        assert_eq!(refusal.exit, Exit::Unavailable);
        assert!(refusal.message.contains("nobody listens there"), "{}", refusal.message);
    }

    #[test]
    fn a_name_that_does_not_exist_is_told_apart() {
        // Reserved never to exist (RFC 6761 §6.4).
        let refusal = reach(&target("ringload.invalid", 80), Duration::from_secs(5)).unwrap_err();
        assert_eq!(refusal.exit, Exit::NoHost);
        assert!(refusal.message.contains("\"ringload.invalid\""), "{}", refusal.message);
    }
}
