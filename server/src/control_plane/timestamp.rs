//! Times as signatures have them: `20150830T123600Z`.

use ringway_core::calendar::{SECONDS_OF_DAY, date, days};

/// Seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timestamp(pub(super) i64);

impl Timestamp {
    /// Reads a time of this form and no other.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' {
            return None;
        }
        let number = |from: usize, to: usize| {
            let digits = &bytes[from..to];
            let is_number = digits.iter().all(u8::is_ascii_digit);
            is_number.then(|| digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')))
        };
        let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
        let (hour, minute, second) = (number(9, 11)?, number(11, 13)?, number(13, 15)?);
        let days = days(year, month, day);
        // Whatever is no date is another one when it is written again.
        let is_date = (1..=12).contains(&month) && date(days) == (year, month, day);
        let is_time = hour < 24 && minute < 60 && second < 60;
        (is_date && is_time).then_some(Timestamp(days * SECONDS_OF_DAY + (hour * 60 + minute) * 60 + second))
    }
}

/// `seconds` since 1970 in this form.
pub(super) fn compact(seconds: i64) -> String {
    let (year, month, day) = date(seconds.div_euclid(SECONDS_OF_DAY));
    let rest = seconds.rem_euclid(SECONDS_OF_DAY);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written() {
        for (text, seconds) in [
            ("19700101T000000Z", 0),
            ("20150830T123600Z", 1_440_938_160),
            ("20240229T235959Z", 1_709_251_199),
            ("20000301T000000Z", 951_868_800),
            ("19691231T235959Z", -1),
        ] {
            assert_eq!(Timestamp::parse(text), Some(Timestamp(seconds)), "{text}");
            assert_eq!(compact(seconds), text);
        }
        for text in [
            "",
            "20230229T000000Z",
            "20231301T000000Z",
            "20230132T000000Z",
            "20230100T000000Z",
            "20230101T240000Z",
            "2023-01-01T00:00Z",
            "20230101t000000Z",
            "+2230101T000000Z",
            "20230101T000000é",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }
}
