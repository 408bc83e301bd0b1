//! How long requests wait for their core: a turn of its loop answers all that has come, one after the other.

use std::cell::Cell;

/// Requests of a turn before its clock is looked at: so few take no time that matters.
const UNTIMED: u32 = 64;

/// The requests of the turn that is under way.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    arrival: Cell<u64>,
    served: Cell<u32>,
}

impl Queue {
    /// How far a request that came at `arrival` is beyond half of `longest`, see [`ringway_core::pipeline::Env::pressure`]. `now` is called
    /// only where many came at once.
    #[inline]
    pub(crate) fn pressure(&self, arrival: u64, longest: u64, now: impl FnOnce() -> u64) -> u8 {
        if self.arrival.replace(arrival) != arrival {
            self.served.set(0);
            return 0;
        }
        let served = self.served.get() + 1;
        self.served.set(served);
        if served < UNTIMED || longest == 0 {
            return 0;
        }
        let half = (longest / 2).max(1);
        let beyond = now().saturating_sub(arrival).saturating_sub(half);
        (u128::from(beyond) * 256 / u128::from(half)).min(255) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pressure_grows_from_half_of_the_longest_wait_on() {
        let queue = Queue::default();
        let pressure = |now: u64| queue.pressure(1_000, 100, || 1_000 + now);
        assert!((0..=UNTIMED).all(|i| i == UNTIMED || pressure(1_000_000) == 0));
        for (waited, expected) in [(0, 0), (50, 0), (51, 5), (75, 128), (100, 255), (100_000, 255)] {
            assert_eq!(pressure(waited), expected, "{waited}");
        }
        // Without a bound, and in the next turn.
        assert_eq!(queue.pressure(1_000, 0, || u64::MAX), 0);
        assert_eq!(queue.pressure(2_000, 100, || u64::MAX), 0);
    }
}
