//! `--record FILE`: what was measured, when, of what and where, as one line of JSON per run (NDJSON), so that figures can be
//! followed over months.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::report::Report;
use crate::{Outcome, cargo, host};

/// Appends `report` to `file`, which is made if it is not there.
pub(crate) fn append(file: &Path, report: &Report) -> Outcome<()> {
    let mut line = entry(report)?.to_string();
    line.push('\n');
    // One write: two runs that end at once do not mix their lines.
    let written = OpenOptions::new()
        .create(true)
        .append(true)
        .open(file)
        .and_then(|mut file| file.write_all(line.as_bytes()));
    written.map_err(|error| format!("--record {}: {error}", file.display()))
}

/// The object of a report's last line, with where it comes from.
fn entry(report: &Report) -> Outcome<Value> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|_| "the clock stands before 1970")?;
    let mut entry = report.json();
    entry["time"] = json!(spell_time(now.as_secs()));
    entry["revision"] = json!(git(&["rev-parse", "HEAD"])?);
    entry["dirty"] = json!(!git(&["status", "--porcelain"])?.is_empty());
    entry["machine"] = json!({
        "cpu": host::cpu_model(),
        "cores": host::cores()?.len(),
        "kernel": host::kernel(),
        "host": fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim(),
    });
    Ok(entry)
}

/// What git says, without the line end.
pub(crate) fn git(arguments: &[&str]) -> Outcome<String> {
    let spelled = format!("git {}", arguments.join(" "));
    let output = Command::new("git")
        .current_dir(cargo::root())
        .args(arguments)
        .output()
        .map_err(|error| format!("{spelled}: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => Err(format!("{spelled}: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}

/// RFC 3339 in UTC.
fn spell_time(unix_seconds: u64) -> String {
    let (mut days, seconds) = (unix_seconds / 86_400, unix_seconds % 86_400);
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", month + 1, days + 1)
}

#[cfg(test)]
mod tests {
    use super::{append, spell_time};
    use crate::process::Scratch;
    use crate::report::{Comparison, Report};

    #[test]
    fn times_are_dates() {
        assert_eq!(spell_time(0), "1970-01-01T00:00:00Z");
        assert_eq!(spell_time(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(spell_time(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(spell_time(1_735_689_599), "2024-12-31T23:59:59Z");
        assert_eq!(spell_time(4_107_542_400), "2100-03-01T00:00:00Z");
    }

    #[test]
    fn every_run_is_a_line() {
        let scratch = Scratch::new("history-test").unwrap();
        let file = scratch.file("runs.ndjson");
        let mut report = Report::new("x");
        report.figure("ratio", 0.9);
        report.target("ratio", Comparison::AtLeast, 0.8);
        append(&file, &report).unwrap();
        append(&file, &report).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!((&lines[1]["name"], &lines[1]["met"]), (&"x".into(), &true.into()));
        assert_eq!(lines[1]["figures"]["ratio"], 0.9);
        assert!(lines[1]["dirty"].is_boolean() && lines[1]["machine"]["kernel"].is_string());
        assert_eq!(lines[1]["revision"].as_str().unwrap().len(), 40);
        assert!(append(&scratch.file("no/such/directory"), &report).is_err());
    }
}
