//! How long requests wait for their core: those of a turn for each other, and all of them in their sockets before it.

use std::cell::Cell;

/// Requests of a turn before its clock is looked at: so few take no time that matters.
const UNTIMED: u32 = 64;

/// Requests of which one is asked how long its bytes have waited in their socket, as long as that is little.
const ASKED: u32 = 64;

/// The requests of the turn that is under way, and what is known of the wait before it.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    turn: Cell<u64>,
    served: Cell<u32>,
    asked: Cell<u32>,
    /// What the last one that was asked had waited.
    waited: Cell<u64>,
}

impl Queue {
    /// How far a request of the turn that began at `turn` is beyond half of `longest`, see [`ringway_core::pipeline::Env::pressure`].
    /// `now` is called only where many are served in one turn; `waited`, the time since its bytes came if that tells, for one of many, and
    /// for each while that is an eighth of `longest`.
    #[inline]
    pub(crate) fn pressure(
        &self,
        turn: u64,
        longest: u64,
        now: impl FnOnce() -> u64,
        waited: impl FnOnce() -> Option<u64>,
    ) -> u8 {
        if self.turn.replace(turn) != turn {
            self.served.set(0);
        }
        let served = self.served.get() + 1;
        self.served.set(served);
        let asked = self.asked.get().wrapping_add(1);
        self.asked.set(asked);
        let is_asked = asked.is_multiple_of(ASKED) || self.waited.get() >= longest / 8;
        if longest == 0 || (served <= UNTIMED && !is_asked) {
            return 0;
        }
        if is_asked && let Some(waited) = waited() {
            self.waited.set(waited);
        }
        let in_turn = if served <= UNTIMED { 0 } else { now().saturating_sub(turn) };
        let half = (longest / 2).max(1);
        let beyond = in_turn.max(self.waited.get()).saturating_sub(half);
        (u128::from(beyond) * 256 / u128::from(half)).min(255) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pressure_grows_from_half_of_the_longest_wait_on() {
        let queue = Queue::default();
        let pressure = |now: u64| queue.pressure(1_000, 100, || 1_000 + now, || Some(0));
        assert!((0..UNTIMED).all(|_| pressure(1_000_000) == 0));
        for (waited, expected) in [(0, 0), (50, 0), (51, 5), (75, 128), (100, 255), (100_000, 255)] {
            assert_eq!(pressure(waited), expected, "{waited}");
        }
        // Without a bound, and in the next turn.
        assert_eq!(queue.pressure(1_000, 0, || u64::MAX, || Some(u64::MAX)), 0);
        assert_eq!(queue.pressure(2_000, 100, || u64::MAX, || None), 0);
    }

    #[test]
    fn one_of_many_is_asked_for_its_wait_and_each_while_it_is_long() {
        let queue = Queue::default();
        let (asked, wait) = (Cell::new(0), Cell::new(10));
        let waited = || {
            asked.set(asked.get() + 1);
            Some(wait.get())
        };
        let pressure = |turn: u32| queue.pressure(u64::from(turn), 100, || 0, waited);
        assert!((0..10 * ASKED).all(|turn| pressure(turn) == 0));
        assert_eq!(asked.take(), 10);
        wait.set(75);
        let refused = (0..2 * ASKED).filter(|turn| pressure(*turn) == 128).count() as u32;
        assert!(refused > ASKED && asked.take() >= refused, "{refused}");
        wait.set(0);
        assert!((0..ASKED).all(|turn| pressure(turn) == 0), "it is over with the first that has not waited");
        assert_eq!(asked.take(), 2);
    }
}
