//! Requests that are under way at a time.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// How many are: of a route or of a key, on all cores.
#[derive(Debug, Default)]
pub struct UnderWay(AtomicU32);

impl UnderWay {
    /// Takes one of `limit` places; `None`: there is none. The place is given back when what is returned is dropped.
    #[inline]
    pub fn enter(&self, limit: u32) -> Option<Place<'_>> {
        let place = Place(self);
        // Dropping it counts down again.
        (self.0.fetch_add(1, Relaxed) < limit).then_some(place)
    }

    /// How many there are now.
    pub fn count(&self) -> u32 {
        self.0.load(Relaxed)
    }
}

/// A request that is under way.
#[derive(Debug)]
pub struct Place<'s>(&'s UnderWay);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_given_back() {
        let under_way = UnderWay::default();
        let places: Vec<_> = (0..4).map(|_| under_way.enter(3)).collect();
        assert_eq!(places.iter().filter(|place| place.is_some()).count(), 3);
        assert_eq!(under_way.count(), 3);
        drop(places);
        assert_eq!(under_way.count(), 0);
        assert!(under_way.enter(0).is_none());
        assert_eq!(under_way.count(), 0);
    }
}
