//! Our own load at a constant rate, for latencies: see `benches/src/bin/openloop.rs`.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::Value;

use super::arms::Site;
use super::wrk;
use crate::report::number;
use crate::{Outcome, process};

/// What to offer.
pub(crate) struct Offer {
    pub(crate) connections: usize,
    /// Requests per second.
    pub(crate) rate: f64,
    pub(crate) seconds: f64,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    pub(crate) rate: f64,
    pub(crate) sent: u64,
    pub(crate) failed: u64,
    pub(crate) closed: u64,
    pub(crate) first_failure: String,
    /// Microseconds from the time at which a request should have been sent.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
    /// How late the load itself was, in microseconds.
    pub(crate) lateness_p99: f64,
}

impl Answered {
    /// The columns of [`Answered::cells`].
    pub(crate) const COLUMNS: [&str; 7] =
        ["requests", "failed", "closed", "p50 us", "p99 us", "p99.9 us", "max us"];

    /// What goes into a row of a table; the first failure, which has no place in one, is said.
    pub(crate) fn cells(&self) -> [String; 7] {
        if self.failed + self.closed > 0 {
            println!("first failure: {}", self.first_failure);
        }
        let counts = [self.sent, self.failed, self.closed].map(|count| count.to_string());
        let [sent, failed, closed] = counts;
        let [p50, p99, p999, max] = [self.p50, self.p99, self.p999, self.max].map(number);
        [sent, failed, closed, p50, p99, p999, max]
    }
}

/// The command line for `offer`; without `extra` it asks for the path of the other slices.
pub(crate) fn command(site: &Site, target: SocketAddr, offer: &Offer, extra: &[&str]) -> Command {
    let mut command = Command::new(site.binaries.join("openloop"));
    command.args(["--target", &target.to_string(), "--connections", &offer.connections.to_string()]);
    command.args(["--rate", &offer.rate.to_string(), "--seconds", &offer.seconds.to_string()]);
    for (name, value) in wrk::HEADERS {
        command.args(["--header", &format!("{name}: {value}")]);
    }
    if extra.is_empty() {
        command.args(["--path", wrk::PATH]);
    }
    command.args(extra);
    command
}

/// Offers load to `target` from the core of loads.
pub(crate) fn run(site: &Site, target: SocketAddr, offer: &Offer) -> Outcome<Answered> {
    let output = process::capture(&command(site, target, offer, &[]), Some(site.load_core))?;
    parse(&output)
}

/// Reads what openloop prints.
pub(crate) fn parse(output: &str) -> Outcome<Answered> {
    let line = output.trim();
    let value: Value =
        serde_json::from_str(line).map_err(|error| format!("openloop printed `{line}`: {error}"))?;
    let float = |key: &str| value[key].as_f64().ok_or_else(|| format!("openloop printed no {key}: {line}"));
    let count = |key: &str| value[key].as_u64().ok_or_else(|| format!("openloop printed no {key}: {line}"));
    Ok(Answered {
        rate: float("answered_rate")?,
        sent: count("sent")?,
        failed: count("failed")?,
        closed: count("closed")?,
        first_failure: value["first_failure"].as_str().unwrap_or("none").to_owned(),
        p50: float("p50")?,
        p99: float("p99")?,
        p999: float("p999")?,
        max: float("max")?,
        lateness_p99: float("lateness_p99")?,
    })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn reads_the_object() {
        let text = concat!(
            r#"{"answered_rate":9.5,"sent":10,"failed":1,"closed":0,"first_failure":"x","#,
            r#""p50":1.0,"p99":2.0,"p999":3.0,"max":4.0,"lateness_p99":0.5}"#
        );
        let answered = parse(text).unwrap();
        assert_eq!((answered.failed, answered.first_failure.as_str()), (1, "x"));
        assert!(parse("{}").unwrap_err().contains("answered_rate"));
    }
}
