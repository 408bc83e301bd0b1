//! A token bucket for the whole control plane, as AWS has one for each account and operation (tables.md §15).

use std::time::Instant;

/// Tokens that come with time.
#[derive(Debug)]
pub(super) struct Throttle {
    per_second: f64,
    burst: f64,
    tokens: f64,
    at: Instant,
}

impl Throttle {
    /// A full one; none where `per_second` is 0.
    pub(super) fn new(per_second: u32, burst: u32, now: Instant) -> Option<Self> {
        let (rate, burst) = (f64::from(per_second), f64::from(burst));
        (per_second > 0).then_some(Throttle { per_second: rate, burst, tokens: burst, at: now })
    }

    /// Takes a token, if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + elapsed * self.per_second).min(self.burst);
        self.at = now;
        let is_one = self.tokens >= 1.0;
        if is_one {
            self.tokens -= 1.0;
        }
        is_one
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_is_taken_at_once_and_comes_back_with_time() {
        let start = Instant::now();
        let mut throttle = Throttle::new(10, 3, start).unwrap();
        let taken = |throttle: &mut Throttle, millis| {
            let now = start + Duration::from_millis(millis);
            (0..10).filter(|_| throttle.take(now)).count()
        };
        assert_eq!(taken(&mut throttle, 0), 3);
        assert_eq!(taken(&mut throttle, 99), 0);
        assert_eq!(taken(&mut throttle, 201), 2);
        assert_eq!(taken(&mut throttle, 60_000), 3);
        assert!(Throttle::new(0, 3, start).is_none());
    }
}
