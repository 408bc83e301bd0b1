//! The core's wall clock: the date texts of the current second, formatted once.

use ringway_core::http1::DateCache;

/// Texts of one second.
pub(crate) struct WallClock {
    second: u64,
    date: DateCache,
    /// `dd/MMM/yyyy:HH:mm:ss +0000`
    clf: [u8; 26],
}

impl WallClock {
    pub(crate) fn new(unix_seconds: u64) -> Self {
        let mut clock = WallClock { second: u64::MAX, date: DateCache::default(), clf: [0; 26] };
        clock.set(unix_seconds);
        clock
    }

    /// Moves to a second.
    #[inline]
    pub(crate) fn set(&mut self, unix_seconds: u64) {
        if self.second != unix_seconds {
            self.format(unix_seconds);
        }
    }

    #[cold]
    fn format(&mut self, unix_seconds: u64) {
        self.second = unix_seconds;
        // `Date: Sun, 06 Nov 1994 08:49:37 GMT` holds all that `06/Nov/1994:08:49:37 +0000` shows.
        let line = self.date.line(unix_seconds);
        let text = &line[b"Date: Sun, ".len()..];
        self.clf[0..2].copy_from_slice(&text[0..2]);
        self.clf[3..6].copy_from_slice(&text[3..6]);
        self.clf[7..11].copy_from_slice(&text[7..11]);
        self.clf[12..20].copy_from_slice(&text[12..20]);
        (self.clf[2], self.clf[6], self.clf[11]) = (b'/', b'/', b':');
        self.clf[20..].copy_from_slice(b" +0000");
    }

    /// The `Date` header line.
    #[inline]
    pub(crate) fn date_line(&mut self) -> &[u8] {
        self.date.line(self.second)
    }

    /// `$context.requestTime`
    #[inline]
    pub(crate) fn clf(&self) -> &[u8; 26] {
        &self.clf
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_texts_show_the_same_second() {
        let mut clock = WallClock::new(784_111_777);
        assert_eq!(clock.clf(), b"06/Nov/1994:08:49:37 +0000");
        assert!(clock.date_line().ends_with(b"Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
        clock.set(784_111_778);
        assert_eq!(clock.clf(), b"06/Nov/1994:08:49:38 +0000");
    }
}
