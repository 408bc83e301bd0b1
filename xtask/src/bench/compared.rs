//! `ringload compare` over samples of ours: the statistics of a verdict live there and nowhere else.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::arms::Site;
use crate::{Outcome, cargo};

/// The figure that a comparison is judged by: what a request costs.
pub(crate) const JUDGED: &str = "requests_per_cpu_second";
/// The verdicts.
pub(crate) const SAME: &str = "same";
pub(crate) const BETTER: &str = "better";
pub(crate) const WORSE: &str = "worse";
pub(crate) const NOISY: &str = "too_noisy";

/// What came of the judged figure.
#[derive(Debug, PartialEq)]
pub(crate) struct Compared {
    pub(crate) verdict: String,
    /// `B/A - 1`, with its interval.
    pub(crate) change: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// Compares the arms of `samples`, which are left in `file`; `show` prints the table.
pub(crate) fn compare(site: &Site, file: &Path, samples: &str, show: bool) -> Outcome<Compared> {
    let place = |error: std::io::Error| format!("{}: {error}", file.display());
    std::fs::write(file, samples).map_err(place)?;
    let json = site.scratch.file("compared.json");
    let mut command = Command::new(site.binaries.join("ringload"));
    command.arg("compare").arg("--samples").arg(file).arg("--json").arg(&json);
    command.args(["--figure", JUDGED, "--higher-is-better", JUDGED]);
    let spelled = cargo::spell(&command);
    let output = command.output().map_err(|error| format!("{spelled}: {error}"))?;
    if show {
        print!("\n{}", String::from_utf8_lossy(&output.stdout));
    }
    // 1: a figure is worse; 2: one is too noisy. Both are verdicts.
    if !matches!(output.status.code(), Some(0..=2)) {
        return Err(format!(
            "`{spelled}` failed ({}): {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    let text = std::fs::read_to_string(&json).map_err(|error| format!("{spelled}: {error}"))?;
    parse(&text).ok_or_else(|| format!("{spelled} wrote no verdict on {JUDGED}: {text}"))
}

fn parse(text: &str) -> Option<Compared> {
    let document: Value = serde_json::from_str(text).ok()?;
    let figure = document["figures"].as_array()?.iter().find(|figure| figure["name"] == JUDGED)?;
    let bound = |index: usize| figure["interval"][index].as_f64();
    Some(Compared {
        verdict: figure["verdict"].as_str()?.to_owned(),
        change: figure["change"].as_f64()?,
        low: bound(0)?,
        high: bound(1)?,
    })
}

#[cfg(test)]
mod tests {
    use super::{Compared, parse};

    #[test]
    fn reads_the_judged_figure() {
        let text = r#"{"verdict":"same","figures":[
            {"name":"requests_per_cpu_second","verdict":"too_noisy","change":-0.05,"interval":[-0.07,-0.03]}]}"#;
        let compared = Compared { verdict: "too_noisy".into(), change: -0.05, low: -0.07, high: -0.03 };
        assert_eq!(parse(text), Some(compared));
        assert_eq!(parse(r#"{"figures":[]}"#), None);
    }
}
