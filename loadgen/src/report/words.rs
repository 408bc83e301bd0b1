//! Figures in words: durations, counts, shares and times as people read them.

/// A duration given in microseconds, with three significant digits: `812 µs`, `1.02 ms`, `12.3 s`.
pub(crate) fn duration(micros: f64) -> String {
    let (value, unit) = match micros {
        // As soon as three digits would round up to the next unit.
        m if m < 999.5 => (m, "µs"),
        m if m < 999_500.0 => (m / 1e3, "ms"),
        m => (m / 1e6, "s"),
    };
    format!("{} {unit}", three_digits(value))
}

fn three_digits(value: f64) -> String {
    match value {
        v if v >= 99.95 => format!("{v:.0}"),
        v if v >= 9.995 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

/// A whole number with commas between thousands.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A rate or another positive figure: whole from 100 on, with three significant digits below.
pub(crate) fn figure(value: f64) -> String {
    if value >= 99.95 { count(value.round() as u64) } else { three_digits(value) }
}

/// A share as a percentage: `0 %`, `0.003 %`, `12.5 %`. What is not nothing is never shown as nothing.
pub(crate) fn share(share: f64) -> String {
    match share * 100.0 {
        0.0 => "0 %".to_string(),
        p if p < 0.001 => "< 0.001 %".to_string(),
        p if p < 0.1 => format!("{p:.3} %"),
        p if p < 10.0 => format!("{p:.2} %"),
        p => format!("{p:.1} %"),
    }
}

/// Bytes in powers of 1,000.
pub(crate) fn bytes(bytes: u64) -> String {
    match bytes as f64 {
        b if b < 999.5 => format!("{bytes} B"),
        b if b < 999.5e3 => format!("{} kB", three_digits(b / 1e3)),
        b if b < 999.5e6 => format!("{} MB", three_digits(b / 1e6)),
        b => format!("{} GB", figure(b / 1e9)),
    }
}

/// A time as `2026-07-01 12:00:00 UTC`.
pub(crate) fn utc(unix_ms: u64) -> String {
    let seconds = unix_ms / 1000;
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    // The proleptic Gregorian calendar in years that begin in March, so that the leap day is the last of its year.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC",
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    )
}

/// Text of unknown origin on one line of a terminal: control characters, which could move the cursor or colour the rest, are spelled out.
pub(crate) fn printable(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// The text, cut to `width` characters with an ellipsis.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_string();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// A percentage as people type it: `3%`, `0.5 %`, as a share.
pub(crate) fn parse_share(text: &str) -> Result<f64, String> {
    let number = text
        .trim()
        .strip_suffix('%')
        .ok_or_else(|| format!("{text:?} has no percent sign: write it like 3%"))?;
    match number.trim().parse::<f64>() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent / 100.0),
        _ => Err(format!("{text:?} is not a percentage from 0% to 100%")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits() {
        for (micros, text) in [
            (0.0, "0.00 µs"),
            (0.128, "0.13 µs"),
            (12.34, "12.3 µs"),
            (999.4, "999 µs"),
            (999.6, "1.00 ms"),
            (9_996.0, "10.0 ms"),
            (123_456.0, "123 ms"),
            (999_600.0, "1.00 s"),
            (29_003_000.0, "29.0 s"),
            (3_600_000_000.0, "3600 s"),
        ] {
            assert_eq!(duration(micros), text);
        }
    }

    #[test]
    fn numbers_are_grouped_and_shares_never_vanish() {
        assert_eq!([count(0), count(999), count(1000), count(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([figure(3.1372), figure(42.04), figure(12_345.6)], ["3.14", "42.0", "12,346"]);
        assert_eq!(
            [share(0.0), share(0.000_001), share(0.000_03), share(0.5)],
            ["0 %", "< 0.001 %", "0.003 %", "50.0 %"]
        );
        assert_eq!(
            [bytes(999), bytes(1_500), bytes(12_000_000), bytes(2_340_000_000_000)],
            ["999 B", "1.50 kB", "12.0 MB", "2,340 GB"]
        );
    }

    #[test]
    fn times_follow_the_calendar() {
        for (ms, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_400_000, "2000-02-29 00:00:00 UTC"),
            (1_709_251_199_999, "2024-02-29 23:59:59 UTC"),
            (1_735_689_600_000, "2025-01-01 00:00:00 UTC"),
            (4_107_542_400_000, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(utc(ms), text);
        }
    }

    #[test]
    fn a_terminal_takes_no_orders_from_a_server() {
        assert_eq!(printable("a\u{1b}[31mb\r\nc"), "a\\u{1b}[31mb\\r\\nc");
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("äöü", 3), "äöü");
    }

    #[test]
    fn shares_are_typed_with_a_percent_sign() {
        assert_eq!(parse_share("3%"), Ok(0.03));
        assert_eq!(parse_share(" 0.5 % "), Ok(0.005));
        for wrong in ["3", "x%", "-1%", "101%", "nan%"] {
            assert!(parse_share(wrong).is_err(), "{wrong}");
        }
    }
}
