//! Reports as JSON files. The fields are described in `docs/ringload-report.md`.

use std::fmt;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Distribution, Report, SCHEMA, SCHEMA_VERSION};
use crate::record::LONGEST;

/// Longest report that is read: a day of seconds and every bucket of twenty kinds of request fit.
const FILE_MAX: u64 = 256 * 1024 * 1024;

/// Writes a report to a file, whole or not at all; `-` is the standard output.
pub fn write(report: &Report, path: &Path) -> io::Result<()> {
    let mut text = serde_json::to_vec(report)?;
    text.push(b'\n');
    write_file(path, &text)
}

/// Writes a file whole or not at all: into a new file beside it, which then takes its name. `-` is the standard output; a device or
/// pipe is written to as it is.
pub fn write_file(path: &Path, content: &[u8]) -> io::Result<()> {
    if path.as_os_str() == "-" {
        let mut out = io::stdout().lock();
        out.write_all(content)?;
        return out.flush();
    }
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return fs::OpenOptions::new().write(true).open(path)?.write_all(content);
    }
    let mut name =
        path.file_name().ok_or_else(|| io::Error::other("this is not the name of a file"))?.to_os_string();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = fs::File::create(&part).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&part, path)).inspect_err(|_| {
        let _ = fs::remove_file(&part); // the first error is the one to tell
    })
}

/// Why a report cannot be used, with the file and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.message)
    }
}

impl std::error::Error for ReadError {}

/// Reads a report.
///
/// # Errors
/// The file cannot be read, is not JSON, is not a report, has a schema version that this build does not know, or contradicts itself.
pub fn read(path: &Path) -> Result<Report, ReadError> {
    read_bounded(path)
        .and_then(|text| parse(&text))
        .map_err(|message| ReadError { path: path.to_path_buf(), message })
}

/// The text of a file of at most [`FILE_MAX`] bytes.
pub(crate) fn read_bounded(path: &Path) -> Result<String, String> {
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    let mut text = String::new();
    file.take(FILE_MAX + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > FILE_MAX {
        return Err(format!("longer than {FILE_MAX} bytes, which no report of ringload is"));
    }
    Ok(text)
}

#[derive(Deserialize)]
struct Head {
    schema: Option<String>,
    version: Option<u32>,
}

fn parse(text: &str) -> Result<Report, String> {
    let head: Head =
        serde_json::from_str(text).map_err(|error| format!("not a report of ringload: {error}"))?;
    match (head.schema.as_deref(), head.version) {
        (Some(SCHEMA), Some(SCHEMA_VERSION)) => {}
        (Some(SCHEMA), Some(version)) if version > SCHEMA_VERSION => {
            return Err(format!(
                "has version {version} of the schema, and this ringload reads version {SCHEMA_VERSION}: \
                 use the newer ringload that wrote it"
            ));
        }
        (Some(SCHEMA), Some(version)) => {
            return Err(format!(
                "has version {version} of the schema, and this ringload reads version {SCHEMA_VERSION}: run it again"
            ));
        }
        (Some(SCHEMA), None) => return Err("has no \"version\"".to_string()),
        (Some(other), _) => {
            return Err(format!("not a report of ringload: \"schema\" is {other:?}, not {SCHEMA:?}"));
        }
        (None, _) => return Err(format!("not a report of ringload: it has no \"schema\": {SCHEMA:?}")),
    }
    let report: Report = serde_json::from_str(text).map_err(|error| error.to_string())?;
    check(&report)?;
    Ok(report)
}

/// A report that was edited or cut must not yield figures.
fn check(report: &Report) -> Result<(), String> {
    let latency = &report.latency;
    let distributions = [
        ("/latency/intended", &latency.intended),
        ("/latency/service", &latency.service),
        ("/latency/connect", &latency.connect),
        ("/latency/tls", &latency.tls),
        ("/latency/first_byte", &latency.first_byte),
        ("/latency/last_byte", &latency.last_byte),
        ("/generator/lateness", &report.generator.lateness),
    ];
    for (place, distribution) in distributions {
        check_buckets(distribution).map_err(|message| format!("{place}/buckets: {message}"))?;
    }
    for (index, request) in report.requests.iter().enumerate() {
        check_buckets(&request.latency)
            .map_err(|message| format!("/requests/{index}/latency/buckets: {message}"))?;
    }
    Ok(())
}

fn check_buckets(distribution: &Distribution) -> Result<(), String> {
    let buckets = &distribution.buckets;
    if let Some(pair) = buckets.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
        return Err(format!("{} comes before {}; values must ascend", pair[0].0, pair[1].0));
    }
    // The last bucket of an hour ends a little later.
    if let Some((value, _)) = buckets.last().filter(|(value, _)| *value > LONGEST + LONGEST / 500) {
        return Err(format!("{value} ns is longer than ringload measures ({LONGEST} ns)"));
    }
    let sum = buckets.iter().try_fold(0_u64, |sum, (_, count)| sum.checked_add(*count));
    if sum != Some(distribution.count) {
        return Err(format!("the counts do not add up to \"count\", {}", distribution.count));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_report_survives_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.json");
        let report = sample::report();
        write(&report, &path).unwrap();
        write(&report, &path).unwrap();
        assert_eq!(read(&path).unwrap(), report);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing else is left behind");
    }

    #[test]
    fn a_full_disk_is_told_and_leaves_nothing() {
        assert_eq!(
            write(&sample::report(), Path::new("/dev/full")).unwrap_err().raw_os_error(),
            Some(libc::ENOSPC)
        );
        let directory = tempfile::tempdir().unwrap();
        assert!(write(&sample::report(), &directory.path().join("none/a.json")).is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    fn refusal(text: &str) -> String {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("r.json");
        fs::write(&path, text).unwrap();
        let error = read(&path).unwrap_err();
        assert_eq!(error.path, path);
        error.message
    }

    #[test]
    fn what_is_not_a_report_is_refused_with_the_reason() {
        assert!(refusal("").starts_with("not a report of ringload: EOF"));
        assert!(refusal("{\"a\":1}").contains("it has no \"schema\""));
        assert!(refusal("{\"schema\":\"k6\",\"version\":1}").contains("\"schema\" is \"k6\""));
        assert!(refusal("{\"schema\":\"ringload-report\"}").contains("has no \"version\""));
        assert!(
            refusal("{\"schema\":\"ringload-report\",\"version\":99}").contains("use the newer ringload")
        );
        assert!(refusal("{\"schema\":\"ringload-report\",\"version\":1}").contains("missing field `run`"));
        let whole = serde_json::to_string(&sample::report()).unwrap();
        assert!(refusal(&whole[..whole.len() / 2]).contains("line 1 column"));
    }

    #[test]
    fn an_edited_histogram_is_refused_with_its_place() {
        let mut report = sample::report();
        report.latency.service.buckets[0].1 += 1;
        assert!(
            refusal(&serde_json::to_string(&report).unwrap())
                .starts_with("/latency/service/buckets: the counts do not add up")
        );
        let mut report = sample::report();
        report.requests[1].latency.buckets.swap(0, 1);
        assert!(
            refusal(&serde_json::to_string(&report).unwrap()).starts_with("/requests/1/latency/buckets: ")
        );
        let mut report = sample::report();
        report.latency.intended.buckets.last_mut().unwrap().0 = u64::MAX;
        assert!(refusal(&serde_json::to_string(&report).unwrap()).contains("longer than ringload measures"));
    }
}
