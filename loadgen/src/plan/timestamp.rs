//! Times of recordings, as nanoseconds since 1970.

/// Reads RFC 3339 (`2026-01-31T23:59:59.123+01:00`), as HAR has it.
pub(super) fn rfc3339(text: &str) -> Option<i128> {
    let (date, rest) = (text.get(..10)?, text.get(10..)?);
    let time = rest.strip_prefix(['T', 't', ' '])?;
    let zone = time.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = time.split_at(zone);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut date = date.split('-').map(number);
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let offset = match zone {
        "Z" | "z" => 0,
        _ => offset(zone.get(..1)?, zone.get(1..)?.split_once(':')?)?,
    };
    let seconds = days(year, month, day)? * 86_400 + seconds(clock)? - offset;
    Some(i128::from(seconds) * 1_000_000_000 + i128::from(nanos(fraction)?))
}

/// Reads `10/Oct/2000:13:55:36 -0700`, as the Common Log Format has it.
pub(super) fn common_log(text: &str) -> Option<i128> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (date, rest) = text.split_once(':')?;
    let (clock, zone) = rest.split_once(' ')?;
    let mut date = date.split('/');
    let (day, month, year) = (number(date.next()?)?, date.next()?, number(date.next()?)?);
    let month = MONTHS.iter().position(|name| *name == month)? as i64 + 1;
    let offset = offset(zone.get(..1)?, (zone.get(1..3)?, zone.get(3..)?))?;
    let seconds = days(year, month, day)? * 86_400 + seconds(clock)? - offset;
    Some(i128::from(seconds) * 1_000_000_000)
}

fn number(text: &str) -> Option<i64> {
    (text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Nanoseconds of the digits after the point; those beyond the ninth do not count.
fn nanos(fraction: &str) -> Option<u32> {
    let is_number = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| format!("{:0<9}", fraction.get(..9).unwrap_or(fraction)).parse().ok())?
}

/// Seconds of `hh:mm:ss`; 60 is a leap second.
fn seconds(clock: &str) -> Option<i64> {
    let mut parts = clock.split(':').map(number);
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let is_valid = hour < 24 && minute < 60 && second <= 60 && parts.next().is_none();
    is_valid.then_some(hour * 3_600 + minute * 60 + second)
}

fn offset(sign: &str, (hours, minutes): (&str, &str)) -> Option<i64> {
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let offset = (hours < 24 && minutes < 60).then_some(hours * 3_600 + minutes * 60)?;
    match sign {
        "+" => Some(offset),
        "-" => Some(-offset),
        _ => None,
    }
}

/// Days since 1970-01-01 in the Gregorian calendar, counting years from March so that the leap day is their last.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    const LENGTHS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = LENGTHS.get(usize::try_from(month - 1).ok()?)? + i64::from(is_leap && month == 2);
    if year < 1970 || !(1..=length).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let of_months = (153 * month + 2) / 5;
    Some(365 * year + year / 4 - year / 100 + year / 400 + of_months + day - 1 - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i128 = 1_000_000_000;

    #[test]
    fn known_times() {
        // Compared with `date -u -d TEXT +%s`.
        assert_eq!(rfc3339("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(rfc3339("2000-02-29T12:00:00.5Z"), Some(951_825_600 * SECOND + 500_000_000));
        assert_eq!(
            rfc3339("2026-01-31T23:59:59.123456789+01:30"),
            Some(1_769_898_599 * SECOND + 123_456_789)
        );
        assert_eq!(rfc3339("2023-01-19T21:13:26-05:00"), Some(1_674_180_806 * SECOND));
        assert_eq!(common_log("19/Jan/2023:21:13:26 +0000"), Some(1_674_162_806 * SECOND));
        assert_eq!(common_log("10/Oct/2000:13:55:36 -0700"), Some(971_211_336 * SECOND));
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in [
            "",
            "2026",
            "2026-02-29T00:00:00Z",
            "2026-01-01",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00+5",
            "2026-01-01T00:00:00.Z",
            "1969-12-31T23:59:59Z",
            "2026-01-0éT00:00:00Z",
            "2026-01-01T00:00:00+é0:00",
        ] {
            assert_eq!(rfc3339(text), None, "{text}");
        }
        for text in [
            "",
            "1/Foo/2000:00:00:00 +0000",
            "32/Jan/2000:00:00:00 +0000",
            "1/Jan/2000:00:00:00",
            "1/Jan/2000:00:00:00 +00é",
        ] {
            assert_eq!(common_log(text), None, "{text}");
        }
    }
}
