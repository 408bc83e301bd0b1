//! One address of an endpoint: its kept connections and its health.

use std::net::SocketAddr;
use std::rc::Rc;

/// Failures in a row after which an address rests.
const FAILURES_MAX: u32 = 3;
/// How long it rests, in nanoseconds.
const REST_NANOS: u64 = 10_000_000_000;

/// A kept connection and when it was last used (time of the wheel).
pub(super) struct Idle<S> {
    pub(super) stream: Rc<S>,
    pub(super) since: u64,
}

/// An address of an endpoint.
pub(super) struct Peer<S> {
    pub(super) addr: SocketAddr,
    /// Last in, first out: the most recently used connection is the warmest, and the others can age.
    pub(super) idle: Vec<Idle<S>>,
    /// Connections that serve an exchange.
    pub(super) active: u32,
    failures: u32,
    rests_until: u64,
}

impl<S> Peer<S> {
    pub(super) fn new(addr: SocketAddr) -> Self {
        Peer { addr, idle: Vec::new(), active: 0, failures: 0, rests_until: 0 }
    }

    /// Passive health: what exchanges and connects tell.
    pub(super) fn note(&mut self, success: bool, now: u64) {
        if success {
            self.failures = 0;
            return;
        }
        self.failures += 1;
        if self.failures >= FAILURES_MAX {
            self.failures = 0;
            self.rests_until = now + REST_NANOS;
        }
    }

    fn is_resting(&self, now: u64) -> bool {
        now < self.rests_until
    }
}

/// Power of two choices: of two random peers the one with fewer exchanges; resting ones only when all rest.
pub(super) fn choose<S>(peers: &[Peer<S>], random: u64, now: u64) -> Option<usize> {
    match peers.len() {
        0 => return None,
        1 => return Some(0),
        _ => {}
    }
    let mut awake = 0;
    for peer in peers {
        awake += usize::from(!peer.is_resting(now));
    }
    let nth = |n: usize| match awake {
        0 => n,
        _ => (0..peers.len()).filter(|i| !peers[*i].is_resting(now)).nth(n).unwrap_or(0),
    };
    let candidates = if awake == 0 { peers.len() } else { awake };
    let first = (random as u32 as usize) % candidates;
    if candidates == 1 {
        return Some(nth(0));
    }
    // Another one than the first, each with the same chance.
    let second = (first + 1 + (random >> 32) as usize % (candidates - 1)) % candidates;
    let (first, second) = (nth(first), nth(second));
    Some(if peers[second].active < peers[first].active { second } else { first })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers(n: u16) -> Vec<Peer<()>> {
        (0..n).map(|i| Peer::new(SocketAddr::from(([127, 0, 0, 1], 9000 + i)))).collect()
    }

    #[test]
    fn the_less_busy_of_two_is_taken() {
        let mut peers = peers(2);
        peers[0].active = 5;
        for random in 0..64u64 {
            assert_eq!(choose(&peers, random | (random << 32), 0), Some(1));
        }
        assert_eq!(choose::<()>(&[], 1, 0), None);
    }

    #[test]
    fn all_peers_get_their_share() {
        let peers = peers(4);
        let mut counts = [0; 4];
        let mut ids = ringway_core::ids::IdSource::new(3);
        for _ in 0..4_000 {
            counts[choose(&peers, ids.next_u64(), 0).unwrap()] += 1;
        }
        assert!(counts.iter().all(|n| (800..1_200).contains(n)), "{counts:?}");
    }

    #[test]
    fn failing_peers_rest_unless_all_do() {
        let mut peers = peers(3);
        for _ in 0..FAILURES_MAX {
            peers[1].note(false, 100);
        }
        for random in 0..1_000u64 {
            assert_ne!(choose(&peers, random.wrapping_mul(0x9e37_79b9_7f4a_7c15), 101), Some(1));
        }
        let later = 100 + REST_NANOS;
        assert!(
            (0..1_000u64).any(|r| choose(&peers, r.wrapping_mul(0x9e37_79b9_7f4a_7c15), later) == Some(1))
        );
        for peer in &mut peers {
            for _ in 0..FAILURES_MAX {
                peer.note(false, 100);
            }
        }
        assert!(choose(&peers, 7, 101).is_some());
    }
}
