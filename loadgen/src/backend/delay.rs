//! How long an answer takes: distributions of delays, spelled on the command line.

use std::fs;
use std::str::FromStr;
use std::sync::Arc;

use crate::plan::quantity::parse_duration;
use crate::random::SmallRandom;

/// Longest delay. The tail of a distribution beyond it counts as this.
const DELAY_MAX_NANOS: u64 = 3_600_000_000_000;
/// Delays that a file may list. More: refused at the start.
const FILE_DELAYS_MAX: usize = 1_000_000;
/// Bytes of a file of delays. More: refused at the start.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A distribution of delays, in nanoseconds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Delay {
    /// At once.
    None,
    /// Always this long.
    Fixed(u64),
    /// Anything in between is equally likely.
    Uniform { from: u64, to: u64 },
    /// Exponential with this mean.
    Exponential { mean: f64 },
    /// The logarithm is normal with standard deviation `sigma` around that of the median.
    LogNormal { median: f64, sigma: f64 },
    /// One of these, each equally likely.
    Listed(Arc<[u64]>),
}

impl Delay {
    /// The next delay in nanoseconds.
    pub(crate) fn sample(&self, random: &mut SmallRandom) -> u64 {
        let nanos = match self {
            Delay::None => return 0,
            Delay::Fixed(nanos) => return *nanos,
            Delay::Uniform { from, to } => return from + ((to - from) as f64 * random.unit()) as u64,
            Delay::Listed(delays) => return delays[random.below(delays.len() as u64) as usize],
            Delay::Exponential { mean } => -mean * (1.0 - random.unit()).ln(),
            Delay::LogNormal { median, sigma } => median * (sigma * normal(random)).exp(),
        };
        // A float that is too large becomes the largest integer.
        (nanos as u64).min(DELAY_MAX_NANOS)
    }
}

impl FromStr for Delay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        match kind {
            "none" if rest.is_empty() => Ok(Delay::None),
            "fixed" => Ok(Delay::Fixed(delay(rest)?)),
            "uniform" => {
                let (from, to) = rest.split_once("..").ok_or_else(|| spelled(text))?;
                let (from, to) = (delay(from)?, delay(to)?);
                if from > to {
                    return Err(format!("`{text}`: {rest} ends before it begins"));
                }
                Ok(Delay::Uniform { from, to })
            }
            "exp" => Ok(Delay::Exponential { mean: delay(rest)? as f64 }),
            "lognormal" => {
                let (median, sigma) = rest.split_once(':').ok_or_else(|| spelled(text))?;
                let sigma: f64 = sigma.parse().map_err(|_| spelled(text))?;
                if !(0.0..=10.0).contains(&sigma) {
                    return Err(format!("`{text}`: sigma must lie between 0 and 10"));
                }
                Ok(Delay::LogNormal { median: delay(median)? as f64, sigma })
            }
            "file" => listed(rest),
            _ => Err(spelled(text)),
        }
    }
}

fn spelled(text: &str) -> String {
    format!(
        "`{text}` is no delay: write none, fixed:5ms, uniform:1ms..9ms, exp:5ms (its mean), lognormal:5ms:0.5 (median and sigma) \
         or file:PATH (a delay such as 5ms on each line)"
    )
}

fn delay(text: &str) -> Result<u64, String> {
    let nanos = nanos(text)?;
    if nanos > DELAY_MAX_NANOS {
        return Err(format!("`{text}` is longer than an hour"));
    }
    Ok(nanos)
}

fn listed(path: &str) -> Result<Delay, String> {
    let length = fs::metadata(path).map_err(|error| format!("{path}: {error}"))?.len();
    if length > FILE_BYTES_MAX {
        return Err(format!("{path}: {length} bytes are more than {FILE_BYTES_MAX}"));
    }
    let text = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let mut delays = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        if delays.len() == FILE_DELAYS_MAX {
            return Err(format!("{path}:{}: more than {FILE_DELAYS_MAX} delays", index + 1));
        }
        delays.push(delay(line).map_err(|error| format!("{path}:{}: {error}", index + 1))?);
    }
    if delays.is_empty() {
        return Err(format!("{path}: no delay in it"));
    }
    Ok(Delay::Listed(delays.into()))
}

/// A number of the standard normal distribution (Box and Muller).
fn normal(random: &mut SmallRandom) -> f64 {
    // 1 - u lies in (0, 1], where the logarithm is finite.
    let radius = (-2.0 * (1.0 - random.unit()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.unit()).cos()
}

/// Nanoseconds of a duration as it is spelled everywhere: `250us`, `5ms`, `1m30s`.
pub(crate) fn nanos(text: &str) -> Result<u64, String> {
    parse_duration(text).map(|duration| duration.as_nanos() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: f64 = 1e6;

    fn sorted(text: &str, count: usize) -> Vec<u64> {
        let delay: Delay = text.parse().unwrap();
        let mut random = SmallRandom::new(7);
        let mut delays: Vec<u64> = (0..count).map(|_| delay.sample(&mut random)).collect();
        delays.sort_unstable();
        delays
    }

    /// Whether the quantile of 100,000 samples lies within 3 % of the true one.
    fn expect(text: &str, quantile: f64, truth: f64) {
        let delays = sorted(text, 100_000);
        let seen = delays[(quantile * delays.len() as f64) as usize] as f64;
        assert!((seen / truth - 1.0).abs() < 0.03, "{text} at {quantile}: {seen}, not {truth}");
    }

    #[test]
    fn distributions_have_their_quantiles() {
        expect("fixed:5ms", 0.5, 5.0 * MS);
        expect("uniform:1ms..9ms", 0.5, 5.0 * MS);
        expect("uniform:1ms..9ms", 0.99, 8.92 * MS);
        expect("exp:5ms", 0.5, 5.0 * MS * std::f64::consts::LN_2);
        expect("exp:5ms", 0.99, 5.0 * MS * 100f64.ln());
        expect("lognormal:5ms:0.5", 0.5, 5.0 * MS);
        // The 99 % point of the standard normal distribution is 2.3263.
        expect("lognormal:5ms:0.5", 0.99, 5.0 * MS * (0.5 * 2.3263f64).exp());
        assert!(sorted("exp:1h", 10_000).last() <= Some(&DELAY_MAX_NANOS));
        assert_eq!(sorted("none", 3), [0, 0, 0]);
    }

    #[test]
    fn a_seed_repeats_its_delays() {
        assert_eq!(sorted("exp:5ms", 100), sorted("exp:5ms", 100));
    }

    #[test]
    fn a_file_lists_delays() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "1ms\n\n2ms\n").unwrap();
        let path = file.path().display();
        let delays = sorted(&format!("file:{path}"), 1000);
        assert_eq!((delays[0], delays[999]), (1_000_000, 2_000_000));
        fs::write(file.path(), "1ms\ntwo\n").unwrap();
        let error = format!("file:{path}").parse::<Delay>().unwrap_err();
        assert!(error.contains(&format!("{path}:2: `two`")), "{error}");
        fs::write(file.path(), "\n").unwrap();
        assert!(format!("file:{path}").parse::<Delay>().unwrap_err().contains("no delay"));
    }

    #[test]
    fn what_is_no_delay_is_refused_with_help() {
        for text in [
            "5ms",
            "fixed:5",
            "fixed:",
            "uniform:9ms..1ms",
            "uniform:1ms",
            "exp:2h",
            "lognormal:5ms",
            "lognormal:5ms:x",
        ] {
            assert!(text.parse::<Delay>().is_err(), "{text}");
        }
        assert!("gauss:5ms".parse::<Delay>().unwrap_err().contains("lognormal:5ms:0.5"));
    }
}
