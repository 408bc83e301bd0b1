//! wrk as the load of a saturated slice, with what it measured read back from a script of ours.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{self, Scratch};
use crate::{Outcome, cargo};

/// What the load asks for.
pub(crate) const PATH: &str = "/pets/42";

/// Header lines as a browser sends them: about 300 bytes of request with the request line and Host.
pub(crate) const HEADERS: &[(&str, &str)] = &[
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ("Accept", "application/json, text/plain, */*"),
    ("Accept-Language", "en-US,en;q=0.5"),
    ("Accept-Encoding", "gzip, deflate, br"),
    ("Referer", "http://shop.example.com/pets"),
    ("Cookie", "session=1f0c5d2e9a7b4c63"),
];

/// What wrk counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Counted {
    pub(crate) requests: u64,
    /// Seconds from the first request to the last answer.
    pub(crate) seconds: f64,
    /// Bytes received.
    pub(crate) bytes: u64,
    /// Socket errors, timeouts and answers of 400 and above.
    pub(crate) errors: u64,
    /// Microseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

/// Writes the script that sets the headers and prints the result in one line.
pub(crate) fn write_script(scratch: &Scratch) -> Outcome<PathBuf> {
    scratch.write("wrk.lua", &format!("{}{DONE}", headers()))
}

/// As [`write_script`], with one of so many API keys in each request, at random, and others in each run; all requests are of the same
/// length.
pub(crate) fn write_keyed_script(scratch: &Scratch, keys: usize) -> Outcome<PathBuf> {
    let next = format!("math.random(0, {})", keys - 1);
    write_script_of_keys(scratch, &format!("wrk-{keys}.lua"), "math.randomseed(os.time())", &next)
}

/// As [`write_keyed_script`], with the keys in their order from `first` on, and the last again and again.
pub(crate) fn write_ordered_script(scratch: &Scratch, keys: usize, first: usize) -> Outcome<PathBuf> {
    let next = format!("math.min(next_key(), {})", keys - 1);
    let counter = format!("local key = {first} - 1\nlocal function next_key() key = key + 1 return key end");
    write_script_of_keys(scratch, &format!("wrk-{keys}-ordered.lua"), &counter, &next)
}

fn write_script_of_keys(scratch: &Scratch, name: &str, before: &str, next: &str) -> Outcome<PathBuf> {
    let requests = format!(
        r#"
{before}
local before, after
function init(args)
  wrk.headers["{KEY_HEADER}"] = "THE KEY"
  local whole = wrk.format()
  local first, last = whole:find("THE KEY", 1, true)
  before, after = whole:sub(1, first - 1), whole:sub(last + 1)
end
function request()
  return before .. string.format("{KEY_PREFIX}%010d", {next}) .. after
end
"#,
    );
    scratch.write(name, &format!("{}{requests}{DONE}", headers()))
}

/// Where callers say their API key.
pub(crate) const KEY_HEADER: &str = "x-api-key";
const KEY_PREFIX: &str = "ringway-bench-";

/// The value of an API key of the load: its number makes it.
pub(crate) fn api_key(number: usize) -> String {
    format!("{KEY_PREFIX}{number:010}")
}

fn headers() -> String {
    HEADERS.iter().map(|(name, value)| format!("wrk.headers[\"{name}\"] = \"{value}\"\n")).collect()
}

const DONE: &str = r#"
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d %d %d %d\n", summary.requests, summary.duration, summary.bytes,
    e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9), latency.max))
end
"#;

/// Loads `target` for `seconds` over `connections`, from `core`.
pub(crate) fn run(
    script: &Path,
    target: SocketAddr,
    path: &str,
    connections: usize,
    seconds: u32,
    core: usize,
) -> Outcome<Counted> {
    let mut command = Command::new("wrk");
    command.args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}s"), "-s"]).arg(script);
    command.arg(format!("http://{target}{path}"));
    let output = process::capture(&command, Some(core))?;
    parse(&output).ok_or_else(|| format!("`{}` printed no result:\n{output}", cargo::spell(&command)))
}

/// Reads the line of the script.
pub(crate) fn parse(output: &str) -> Option<Counted> {
    let line = output.lines().find_map(|line| line.strip_prefix("RESULT "))?;
    let numbers: Vec<u64> = line.split_whitespace().map(|word| word.parse().ok()).collect::<Option<_>>()?;
    let [requests, micros, bytes, errors, p50, p99, p999, max] = numbers.try_into().ok()?;
    Some(Counted {
        requests,
        seconds: micros as f64 / 1e6,
        bytes,
        errors,
        p50: p50 as f64,
        p99: p99 as f64,
        p999: p999 as f64,
        max: max as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn reads_the_line_of_the_script() {
        let counted = parse("Running 1s test\nRESULT 1000 1000000 260000 2 900 1500 2000 2500\n").unwrap();
        assert_eq!((counted.requests, counted.errors, counted.bytes), (1000, 2, 260_000));
        assert!(parse("RESULT 1 2\n").is_none() && parse("").is_none());
    }
}
