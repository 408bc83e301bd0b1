//! A backend that stands still for a while, as one does in a long garbage collection: a known truth to hold a load generator
//! against.

use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use super::delay::nanos;

/// When to freeze, from the first request, and for how long: `AT,FOR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FreezeTimes {
    at_nanos: u64,
    for_nanos: u64,
}

impl FromStr for FreezeTimes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (at, length) = text
            .split_once(',')
            .ok_or_else(|| format!("`{text}`: write AT,FOR, such as 9s,2s (from the first request)"))?;
        Ok(FreezeTimes { at_nanos: nanos(at)?, for_nanos: nanos(length)? })
    }
}

/// The freeze of one process: all threads stand still at the same time.
#[derive(Debug)]
pub(super) struct Freeze {
    times: FreezeTimes,
    /// When the first request came; 0 before.
    first: AtomicU64,
}

impl Freeze {
    pub(super) fn new(times: FreezeTimes) -> Self {
        Freeze { times, first: AtomicU64::new(0) }
    }

    /// When an answer goes out that would go out at `due`: at the end of the freeze if that lies in it. The first call starts the clock.
    pub(super) fn thaw(&self, arrived: u64, due: u64) -> u64 {
        let begun = self.first.compare_exchange(0, arrived, Ordering::Relaxed, Ordering::Relaxed);
        let first = begun.map_or_else(|first| first, |_| arrived);
        let from = first.saturating_add(self.times.at_nanos);
        let to = from.saturating_add(self.times.for_nanos);
        if (from..to).contains(&due) { to } else { due }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_falls_into_the_freeze_waits_for_its_end() {
        let freeze = Freeze::new("9s,2s".parse().unwrap());
        let second = 1_000_000_000;
        assert_eq!(freeze.thaw(5 * second, 5 * second), 5 * second);
        // From 14 s to 16 s, counted from the first request at 5 s.
        assert_eq!(freeze.thaw(13 * second, 14 * second - 1), 14 * second - 1);
        assert_eq!(freeze.thaw(13 * second, 14 * second), 16 * second);
        assert_eq!(freeze.thaw(15 * second, 16 * second - 1), 16 * second);
        assert_eq!(freeze.thaw(16 * second, 16 * second), 16 * second);
        assert!("2s".parse::<FreezeTimes>().unwrap_err().contains("AT,FOR"));
    }
}
