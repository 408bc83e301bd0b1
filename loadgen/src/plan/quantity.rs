//! Durations and rates as people write them: `1m30s`, `100..1000/30s`.

use std::time::Duration;

use super::{Rate, Segment};

/// Longest duration of anything in a plan.
pub const DURATION_MAX: Duration = Duration::from_secs(30 * 86_400);
/// Highest rate, in requests per second.
pub const RATE_MAX: f64 = 100_000_000.0;
/// Most segments of a rate profile.
pub const SEGMENTS_MAX: usize = 10_000;

const UNITS: [(&str, u64); 6] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Reads `500ms`, `30s`, `1m30s`, `1.5h`: numbers, each with a unit of `ns`, `us`, `ms`, `s`, `m` or `h`. Zero is `0s`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("{} is no duration; write it like `500ms`, `30s` or `1m30s`", super::issue::quoted(text));
    let mut nanos = 0u64;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        nanos = scaled(number, *scale).and_then(|part| nanos.checked_add(part)).ok_or_else(wrong)?;
        rest = after;
    }
    let duration = Duration::from_nanos(nanos);
    match duration <= DURATION_MAX {
        true => Ok(duration),
        false => Err(format!("{} is too long; 30 days (720h) is the most", super::issue::quoted(text))),
    }
}

/// `number` (digits with at most one point between them) times `scale`, exact to the nanosecond.
fn scaled(number: &str, scale: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if fraction.is_empty() || fraction.len() > 9 || fraction.contains('.') {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let thousandths = fraction.parse::<u64>().ok()?.checked_mul(scale)?;
    whole.checked_mul(scale)?.checked_add(thousandths / 10u64.pow(fraction.len() as u32))
}

/// Reads a rate of the command line: `500` (requests per second), or segments with commas between them, each `RATE/DURATION` (constant) or
/// `FROM..TO/DURATION` (a ramp): `100..1000/30s,1000/60s`.
pub fn parse_rate(text: &str) -> Result<Rate, String> {
    if !text.contains(['/', ',']) {
        let rate = number(text)?;
        return if rate > 0.0 {
            Ok(Rate::Constant(rate))
        } else {
            Err("a rate of 0 sends nothing".to_owned())
        };
    }
    let segments = text.split(',').map(segment).collect::<Result<Vec<_>, _>>()?;
    check_profile(&segments)?;
    Ok(Rate::Profile(segments))
}

fn segment(text: &str) -> Result<Segment, String> {
    let (rates, duration) = text.split_once('/').ok_or_else(|| {
        format!(
            "{} is no segment of a rate; write it like `500/30s` or `100..1000/30s`",
            super::issue::quoted(text)
        )
    })?;
    let (from, to) = rates.split_once("..").unwrap_or((rates, rates));
    let duration = parse_duration(duration)?;
    Ok(Segment { duration, from: number(from)?, to: number(to)? })
}

fn number(text: &str) -> Result<f64, String> {
    let wrong = || {
        format!("{} is no rate; write requests per second like `500` or `0.5`", super::issue::quoted(text))
    };
    check_rate(text.trim().parse().map_err(|_| wrong())?)
}

/// A rate within its limits.
pub(super) fn check_rate(rate: f64) -> Result<f64, String> {
    match rate.is_finite() && (0.0..=RATE_MAX).contains(&rate) {
        true => Ok(rate),
        false => Err(format!("the rate {rate} is not within 0 and 100,000,000 requests per second")),
    }
}

/// A profile that sends something and ends.
pub(super) fn check_profile(segments: &[Segment]) -> Result<(), String> {
    if segments.is_empty() || segments.len() > SEGMENTS_MAX {
        return Err(format!("{} segments; a rate profile has 1 to {SEGMENTS_MAX}", segments.len()));
    }
    if segments.iter().any(|segment| segment.duration.is_zero()) {
        return Err("a segment of a rate profile lasts longer than 0s".to_owned());
    }
    if segments.iter().map(|segment| segment.duration).sum::<Duration>() > DURATION_MAX {
        return Err("the rate profile is too long; 30 days (720h) is the most".to_owned());
    }
    if segments.iter().all(|segment| segment.from == 0.0 && segment.to == 0.0) {
        return Err("the rate is 0 all the time: nothing would be sent".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let nanos = |text| parse_duration(text).map(|duration| duration.as_nanos());
        assert_eq!(nanos("500ms"), Ok(500_000_000));
        assert_eq!(nanos("1m30s"), Ok(90_000_000_000));
        assert_eq!(nanos("1.5h"), Ok(5_400_000_000_000));
        assert_eq!(nanos("0.000000001s"), Ok(1));
        assert_eq!(nanos(" 0s "), Ok(0));
        assert_eq!(nanos("10us5ns"), Ok(10_005));
        for wrong in [
            "",
            "5",
            "s",
            "5 s",
            "1.s",
            ".5s",
            "1.2.3s",
            "-1s",
            "1d",
            "1S",
            "99999999999999999999s",
            "1s5",
            "é",
        ] {
            let message = format!("`{wrong}` is no duration; write it like `500ms`, `30s` or `1m30s`");
            assert_eq!(parse_duration(wrong), Err(message));
        }
        assert_eq!(parse_duration("721h"), Err("`721h` is too long; 30 days (720h) is the most".to_owned()));
    }

    #[test]
    fn rates() {
        let seconds = |seconds, from, to| Segment { duration: Duration::from_secs(seconds), from, to };
        assert_eq!(parse_rate("500"), Ok(Rate::Constant(500.0)));
        assert_eq!(parse_rate("0.5"), Ok(Rate::Constant(0.5)));
        let profile = Rate::Profile(vec![seconds(30, 100.0, 1000.0), seconds(60, 1000.0, 1000.0)]);
        assert_eq!(parse_rate("100..1000/30s,1000/60s"), Ok(profile));
        let message = |text| parse_rate(text).unwrap_err();
        assert_eq!(message("fast"), "`fast` is no rate; write requests per second like `500` or `0.5`");
        assert_eq!(message("0"), "a rate of 0 sends nothing");
        assert_eq!(message("0/5s"), "the rate is 0 all the time: nothing would be sent");
        assert_eq!(message("-1"), "the rate -1 is not within 0 and 100,000,000 requests per second");
        assert_eq!(message("NaN"), "the rate NaN is not within 0 and 100,000,000 requests per second");
        assert_eq!(message("5/0s"), "a segment of a rate profile lasts longer than 0s");
        assert_eq!(
            message("5/1s,7"),
            "`7` is no segment of a rate; write it like `500/30s` or `100..1000/30s`"
        );
        assert_eq!(message("5/9"), "`9` is no duration; write it like `500ms`, `30s` or `1m30s`");
        assert_eq!(message("1/720h,1/1s"), "the rate profile is too long; 30 days (720h) is the most");
    }
}
