//! The Date field (RFC 9110 §5.6.7, §6.6.1), written once per second.

use crate::calendar;

const WEEKDAYS: [&[u8; 3]; 7] = [b"Sun", b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat"];
const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
const DAY_SECONDS: u64 = 86_400;
/// The last second of the year 9999: the format has four digits for a year.
const LATEST_SECONDS: u64 = 253_402_300_799;

/// The Date line of the current second. One per core.
#[derive(Debug, Clone)]
pub struct DateCache {
    unix_seconds: u64,
    line: [u8; 37],
}

impl Default for DateCache {
    fn default() -> Self {
        DateCache { unix_seconds: 0, line: line(0) }
    }
}

impl DateCache {
    /// The whole header line, `Date: Sun, 06 Nov 1994 08:49:37 GMT` and its line end, of `unix_seconds`.
    pub fn line(&mut self, unix_seconds: u64) -> &[u8] {
        if unix_seconds != self.unix_seconds {
            self.unix_seconds = unix_seconds;
            self.line = line(unix_seconds);
        }
        &self.line
    }
}

fn line(unix_seconds: u64) -> [u8; 37] {
    let seconds = unix_seconds.min(LATEST_SECONDS);
    let days = seconds / DAY_SECONDS;
    let (year, month, day) = civil(days);
    let mut out = *b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    out[6..9].copy_from_slice(WEEKDAYS[((days + 4) % 7) as usize]); // 1 January 1970 was a Thursday
    two_digits(&mut out[11..13], day);
    out[14..17].copy_from_slice(MONTHS[month as usize]);
    two_digits(&mut out[18..20], year / 100);
    two_digits(&mut out[20..22], year % 100);
    two_digits(&mut out[23..25], seconds % DAY_SECONDS / 3600);
    two_digits(&mut out[26..28], seconds % 3600 / 60);
    two_digits(&mut out[29..31], seconds % 60);
    out
}

fn two_digits(out: &mut [u8], number: u64) {
    out[0] = b'0' + (number / 10) as u8;
    out[1] = b'0' + (number % 10) as u8;
}

/// Year, month from 0, day from 1, of a day since 1970.
fn civil(days: u64) -> (u64, u64, u64) {
    let (year, month, day) = calendar::date(days as i64);
    (year as u64, month as u64 - 1, day as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(unix_seconds: u64) -> String {
        String::from_utf8(DateCache::default().line(unix_seconds).to_vec()).unwrap()
    }

    #[test]
    fn known_dates() {
        let known = [
            (0, "Thu, 01 Jan 1970 00:00:00"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37"), // the example of RFC 9110
            (951_782_399, "Mon, 28 Feb 2000 23:59:59"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00"), // a leap year, though divisible by 100
            (951_868_800, "Wed, 01 Mar 2000 00:00:00"),
            (1_078_012_800, "Sun, 29 Feb 2004 00:00:00"),
            (1_709_251_199, "Thu, 29 Feb 2024 23:59:59"),
            (1_735_689_599, "Tue, 31 Dec 2024 23:59:59"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00"), // no leap year
            (LATEST_SECONDS, "Fri, 31 Dec 9999 23:59:59"),
            (u64::MAX, "Fri, 31 Dec 9999 23:59:59"),
        ];
        for (unix_seconds, text) in known {
            assert_eq!(date(unix_seconds), format!("Date: {text} GMT\r\n"));
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let is_leap =
            |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let (mut year, mut month, mut day) = (1970, 0, 1);
        for days in 0..200_000 {
            assert_eq!(civil(days), (year, month, day));
            let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            day += 1;
            if day > lengths[month as usize] {
                (month, day) = (month + 1, 1);
            }
            if month == 12 {
                (year, month) = (year + 1, 0);
            }
        }
    }

    #[test]
    fn the_line_changes_with_the_second() {
        let mut cache = DateCache::default();
        assert_eq!(cache.line(59)[29..31], *b"59");
        assert_eq!(cache.line(59)[29..31], *b"59");
        assert_eq!(cache.line(60)[26..31], *b"01:00");
        assert_eq!(cache.line(0)[26..31], *b"00:00");
    }
}
