//! `ringload` as the load: in a closed loop for the peak, at a rate or with a crowd of connections for an overload.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Instant;

use serde_json::Value;

use super::site::{ANSWER_BYTES, PLANS, Plans, Work, key};
use crate::bench::arms::Site;
use crate::process::{self, Server};
use crate::report::number;
use crate::{Outcome, cargo, host};

/// One run.
pub(super) struct Load {
    pub(super) target: SocketAddr,
    pub(super) work: Work,
    pub(super) plans: Plans,
    pub(super) connections: usize,
    /// Requests per second; `None`: as fast as they are answered.
    pub(super) rate: Option<f64>,
    pub(super) seconds: u32,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Ran {
    connections: usize,
    /// Requests per second that were due; in a closed loop, that were sent.
    pub(super) offered: f64,
    /// Right answers per second.
    pub(super) goodput: f64,
    /// Answers 429 and 503 per second.
    refused: f64,
    /// Whatever else was wrong.
    pub(super) broken: u64,
    /// Of right answers, in microseconds from their sending.
    pub(super) p50: f64,
    pub(super) p99: f64,
    max: f64,
    /// Shares of the requests of each plan that were answered right.
    pub(super) served: [f64; 2],
    /// Share of its core that the gateway used.
    pub(super) core: f64,
    /// Share of one core that other processes used.
    pub(super) others: f64,
    /// Whether the load kept up.
    valid: bool,
}

/// Seconds that are left out at the beginning. Not ringload's own warm-up: under overload its requests would be those that are served
/// first, in the time that is measured, and count for nothing.
const WARM_UP: u32 = 1;
/// What a gateway may say instead of an answer.
const REFUSALS: [&str; 2] = ["429", "503"];

impl Load {
    fn plan(&self) -> String {
        let rate = self.rate.map(|rate| format!("rate = {rate:.0}\n")).unwrap_or_default();
        let mut text = format!(
            "target = \"http://{}\"\nduration = \"{}s\"\n{rate}connections = {}\nthreads = 1\n",
            self.target,
            self.seconds + WARM_UP,
            self.connections
        );
        let expect = format!("{{ status = 200, body_length = {} }}", ANSWER_BYTES);
        for (name, _, weight) in PLANS {
            let headers = match self.plans {
                Plans::None => String::new(),
                Plans::Two => format!("headers = {{ x-api-key = \"{}\" }}\n", key(name)),
            };
            let path = self.work.path();
            let _ = write!(
                text,
                "\n[[requests]]\nname = \"{name}\"\nweight = {weight}\npath = \"{path}\"\n{headers}expect = {expect}\n"
            );
        }
        text
    }

    /// Loads `gateway` from the core of loads.
    pub(super) fn run(&self, site: &Site, gateway: &Server) -> Outcome<Ran> {
        let plan = site.scratch.write("overload.plan.toml", &self.plan())?;
        let file = site.scratch.file("overload.report.json");
        let mut command = std::process::Command::new(site.binaries.join("ringload"));
        command.args(["run", "--quiet", "--allow-failures", "--plan"]).arg(plan).arg("--json").arg(&file);
        let spelled = cargo::spell(&command);
        let all = [gateway.pids(), site.backend.pids()].concat();
        let ours = || host::cpu(&all).nanos + host::own_cpu();
        let (start, before, ours_before, busy_before) =
            (Instant::now(), host::cpu(&gateway.pids()), ours(), host::busy());
        let output = process::pinned(&command, Some(site.load_core))
            .output()
            .map_err(|error| format!("{spelled}: {error}"))?;
        let (used, others) = (
            host::cpu(&gateway.pids()).since(before).nanos,
            (host::busy() - busy_before).saturating_sub(ours() - ours_before),
        );
        let elapsed = start.elapsed().as_nanos() as f64;
        let (core, others) = (used as f64 / elapsed, others as f64 / elapsed);
        // 2: the load did not keep up; its report says so.
        if !matches!(output.status.code(), Some(0 | 2)) {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("`{spelled}` failed ({}): {said}", output.status));
        }
        let text = std::fs::read_to_string(&file).map_err(|error| format!("{spelled}: {error}"))?;
        let ran = serde_json::from_str(&text).ok().and_then(|report| self.read(&report, core, others));
        ran.ok_or_else(|| format!("{spelled} wrote no report: {text}"))
    }

    fn read(&self, report: &Value, core: f64, others: f64) -> Option<Ran> {
        let counts = &report["counts"];
        let seconds = report["run"]["seconds"].as_f64()?;
        let failed = counts["failed"].as_u64()?;
        let offered =
            if self.rate.is_some() { counts["intended"].as_u64()? } else { counts["sent"].as_u64()? };
        let series = report["series"].as_array()?;
        let measured = series.iter().filter(|second| {
            let second = second["second"].as_i64().unwrap_or(-1);
            (i64::from(WARM_UP)..i64::from(WARM_UP + self.seconds)).contains(&second)
        });
        let ok: u64 = measured.filter_map(|second| second["ok"].as_u64()).sum();
        let refused: u64 = REFUSALS.iter().filter_map(|status| counts["statuses"][status].as_u64()).sum();
        let service = &report["latency"]["service"];
        let served = PLANS.map(|(name, _, _)| {
            let kind = report["requests"].as_array()?.iter().find(|kind| kind["name"] == name)?;
            let (ok, failed) = (kind["ok"].as_f64()?, kind["failed"].as_f64()?);
            Some(ok / (ok + failed).max(1.0))
        });
        Some(Ran {
            connections: self.connections,
            offered: offered as f64 / seconds,
            goodput: ok as f64 / f64::from(self.seconds),
            refused: refused as f64 / seconds,
            broken: failed.saturating_sub(refused),
            p50: service["p50"].as_f64()?,
            p99: service["p99"].as_f64()?,
            max: service["max"].as_f64()?,
            served: [served[0]?, served[1]?],
            core,
            others,
            valid: report["valid"].as_bool()?,
        })
    }
}

impl Ran {
    /// The columns of [`Ran::cells`].
    pub(super) const COLUMNS: [&str; 12] = [
        "run",
        "connections",
        "offered/s",
        "right/s",
        "of peak",
        "refused/s",
        "broken",
        "p50 us",
        "p99 us",
        "max us",
        "of its core",
        "load kept up",
    ];

    /// A row of the table.
    pub(super) fn cells(&self, name: &str, peak: f64) -> [String; 12] {
        [
            name.to_owned(),
            self.connections.to_string(),
            number(self.offered),
            number(self.goodput),
            format!("{:.2}", self.goodput / peak),
            number(self.refused),
            self.broken.to_string(),
            number(self.p50),
            number(self.p99),
            number(self.max),
            format!("{:.0} %", self.core * 100.0),
            if self.valid { "yes" } else { "no" }.to_owned(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::site::{Plans, Work};
    use super::Load;

    fn load(rate: Option<f64>) -> Load {
        let target = "127.0.0.1:80".parse().unwrap();
        Load { target, work: Work::Mapped, plans: Plans::Two, connections: 8, rate, seconds: 2 }
    }

    #[test]
    fn plans_are_toml_with_a_rate_only_where_there_is_one() {
        let plan: toml::Value = toml::from_str(&load(Some(3000.4)).plan()).unwrap();
        assert_eq!(plan["rate"].as_integer(), Some(3000));
        assert_eq!(plan["requests"][1]["weight"].as_integer(), Some(4));
        assert!(!load(None).plan().contains("rate"));
    }

    #[test]
    fn what_is_refused_is_not_broken() {
        let kind = |name, ok, failed| json!({ "name": name, "ok": ok, "failed": failed });
        let report = json!({
            "run": { "seconds": 3.0 },
            "valid": false,
            "series": [{ "second": 0, "ok": 100 }, { "second": 1, "ok": 15 }, { "second": 2, "ok": 25 }, { "second": 3, "ok": 9 }],
            "counts": { "intended": 300, "sent": 150, "ok": 40, "failed": 60, "statuses": { "200": 40, "503": 50, "429": 5, "500": 5 } },
            "latency": { "service": { "p50": 1.0, "p99": 2.0, "max": 3.0 } },
            "requests": [kind("second", 20, 60), kind("first", 20, 0)],
        });
        let ran = load(None).read(&report, 0.5, 0.0).unwrap();
        assert_eq!((ran.broken, ran.valid), (5, false));
        assert!((ran.goodput - 20.0).abs() < 1e-9 && (ran.refused - 55.0 / 3.0).abs() < 1e-9);
        assert!((ran.offered - 50.0).abs() < 1e-9);
        assert!((load(Some(100.0)).read(&report, 0.5, 0.0).unwrap().offered - 100.0).abs() < 1e-9);
        assert!((ran.served[0] - 1.0).abs() < 1e-9 && (ran.served[1] - 0.25).abs() < 1e-9);
        assert!(load(None).read(&json!({}), 0.0, 0.0).is_none());
    }
}
