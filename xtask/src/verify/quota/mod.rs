//! `cargo xtask verify quota`: the gateway is killed while it spends quotas, and started again. Never does one request too many pass, and
//! what is lost is at most a lease of each core for each kill.

mod backend;
mod spenders;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bench::arms::api_file;
use crate::options::Options;
use crate::process::{self, Scratch, Server};
use crate::report::{Comparison, Report, Table, progress};
use crate::statistics::Random;
use crate::{Outcome, cargo};
use backend::{Backend, PATH};
use spenders::{Answers, CONNECTIONS, Key, spend};

const CORES: u64 = 2;
/// Quotas of the plans; each set of keys has one key in each.
const LIMITS: [u64; 4] = [200, 2_000, 10_000, 50_000];
/// Kills until the keys of a set are used up, and those of the next are taken.
const KILLS_OF_SET: usize = 20;
/// When it is killed, in milliseconds after clients began.
const KILLED_AFTER: std::ops::Range<usize> = 5..120;

/// What was seen of one limit in all rounds.
#[derive(Debug, Clone, Default)]
struct Seen {
    keys: u64,
    admitted: u64,
    /// Requests beyond the quota.
    over: u64,
    /// Requests of the quota that never passed, and the most that this may be.
    under: u64,
    under_most: u64,
    /// Times when more had passed than what the store had.
    not_durable: u64,
}

/// Measures and judges.
pub(crate) fn run(options: &Options, report: &mut Report) -> Outcome<()> {
    options.only(&["rounds", "seed", "driver"])?;
    let rounds: usize = options.get("rounds", 1_000)?;
    let seed: u64 = options.get("seed", u64::from(std::process::id()))?;
    let driver = options.get("driver", "auto".to_owned())?;
    let program = cargo::release(&["ringway"])?.join("ringway");
    // On a disk, where a commit takes as long as it takes there.
    let scratch = Scratch::on_disk("verify-quota")?;
    let sets = rounds.div_ceil(KILLS_OF_SET).max(1);
    let backend = Backend::start(sets * LIMITS.len())?;
    let gateway = Gateway::new(&program, &scratch, &backend, sets, &driver)?;
    println!(
        "\n{rounds} kills, {} keys of {} plans, {CORES} cores; seed {seed}",
        sets * LIMITS.len(),
        LIMITS.len()
    );
    let (mut random, mut seen) = (Random::new(seed), vec![Seen::default(); LIMITS.len()]);
    let (mut answers, mut done, started) = (Answers::default(), 0, Instant::now());
    let mut server = gateway.start()?;
    for set in 0..sets {
        let keys: Vec<Key> = (0..LIMITS.len()).map(|plan| key(set, plan)).collect();
        let kills = KILLS_OF_SET.min(rounds - done);
        for _ in 0..kills {
            let after = KILLED_AFTER.start + random.below(KILLED_AFTER.len());
            let after = Duration::from_millis(after as u64);
            answers.add(kill_while_spending(server, gateway.data, &keys, after)?);
            backend.settle()?;
            done += 1;
            server = gateway.start()?;
            for (plan, seen) in seen.iter_mut().enumerate() {
                let used = LIMITS[plan].saturating_sub(gateway.remaining(set, plan)?);
                seen.not_durable += u64::from(backend.seen(keys[plan].number) > used);
            }
        }
        answers.add(spend(gateway.data, &keys));
        for (plan, seen) in seen.iter_mut().enumerate() {
            seen.judge(LIMITS[plan], backend.seen(keys[plan].number), kills as u64);
        }
        progress(&format!("{done} of {rounds} kills"), done, rounds, started);
    }
    tell(&seen, answers, done, report);
    Ok(())
}

impl Seen {
    /// A key is used up: `passed` is all that ever will.
    fn judge(&mut self, limit: u64, passed: u64, kills: u64) {
        // A request may be admitted and not have reached the backend: one of each connection.
        let lost_most = kills * ((limit / 100).clamp(1, 10_000) * CORES + CONNECTIONS as u64);
        self.keys += 1;
        self.admitted += passed;
        self.over += passed.saturating_sub(limit);
        self.under += limit.saturating_sub(passed);
        self.under_most += lost_most.min(limit);
    }
}

fn tell(seen: &[Seen], answers: Answers, kills: usize, report: &mut Report) {
    let mut table = Table::new(&[
        "quota",
        "keys",
        "admitted",
        "over",
        "under",
        "under, at most",
        "passed before durable",
    ]);
    for (limit, seen) in LIMITS.iter().zip(seen) {
        let figures =
            [*limit, seen.keys, seen.admitted, seen.over, seen.under, seen.under_most, seen.not_durable];
        table.row(figures.map(|figure| figure.to_string()));
    }
    print!("\n{}", table.text());
    let sum = |of: fn(&Seen) -> u64| seen.iter().map(of).sum::<u64>() as f64;
    let worst = seen.iter().map(|seen| seen.under as f64 / seen.under_most.max(1) as f64).fold(0.0, f64::max);
    report.figure("quota_kills", kills as f64);
    report.figure("quota_admitted", sum(|seen| seen.admitted));
    report.figure("quota_over", sum(|seen| seen.over));
    report.figure("quota_not_durable", sum(|seen| seen.not_durable));
    report.figure("quota_under", sum(|seen| seen.under));
    report.figure("quota_under_of_bound", worst);
    report.figure("quota_refused_429", answers.exhausted as f64);
    report.figure("quota_unavailable_503", answers.unavailable as f64);
    report.figure("quota_wrong_answers", answers.wrong as f64);
    report.target("quota_over", Comparison::Equal, 0.0);
    report.target("quota_not_durable", Comparison::Equal, 0.0);
    report.target("quota_under_of_bound", Comparison::AtMost, 1.0);
    report.target("quota_wrong_answers", Comparison::Equal, 0.0);
    report.target("quota_unavailable_503", Comparison::Equal, 0.0);
    // Who refuses nothing has no quota.
    report.target("quota_refused_429", Comparison::AtLeast, 1.0);
}

fn kill_while_spending(
    mut server: Server,
    gateway: SocketAddr,
    keys: &[Key],
    after: Duration,
) -> Outcome<Answers> {
    thread::scope(|scope| {
        let spending = scope.spawn(|| spend(gateway, keys));
        thread::sleep(after);
        server.kill();
        spending.join().map_err(|_| "a client panicked".to_owned())
    })
}

fn key(set: usize, plan: usize) -> Key {
    Key { number: set * LIMITS.len() + plan, value: format!("value-of-key-{set:05}-{plan:05}") }
}

/// A gateway that is started again and again on the same files.
struct Gateway<'s> {
    data: SocketAddr,
    admin: SocketAddr,
    command: Command,
    scratch: &'s Scratch,
}

impl<'s> Gateway<'s> {
    fn new(
        program: &Path,
        scratch: &'s Scratch,
        backend: &Backend,
        sets: usize,
        driver: &str,
    ) -> Outcome<Self> {
        let (data, admin) = (process::free_address()?, process::free_address()?);
        scratch.write("quota.openapi.json", &document(backend.address))?;
        let api = api_file("quota", "quota.openapi.json", "live", "(none)");
        scratch.write("quota-api.toml", &api)?;
        scratch.write("quota-usage.toml", &usage_file(sets))?;
        let configuration = format!(
            "cores = {CORES}\nlisten = [\"{data}\"]\nadmin = \"{admin}\"\napis = [\"quota-api.toml\"]\nusage = [\"quota-usage.toml\"]\n\
             driver = \"{driver}\"\n\n[accessLog]\npath = \"off\"\n\n[quota]\nstore = \"quota.redb\"\n"
        );
        let path = scratch.write("quota.toml", &configuration)?;
        let mut command = Command::new(program);
        command.args(["serve", "--config"]).arg(path);
        Ok(Gateway { data, admin, command, scratch })
    }

    /// Starts it, and waits until it serves.
    fn start(&self) -> Outcome<Server> {
        let mut server = Server::start_unchecked("ringway", &self.command, None, self.data, self.scratch)?;
        let head = "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
        server.wait_until(|_| process::request(self.admin, head).is_ok_and(|answer| answer.status == 200))?;
        Ok(server)
    }

    /// What the store says is left of a key.
    fn remaining(&self, set: usize, plan: usize) -> Outcome<u64> {
        let target = format!("/usage?usagePlanId=plan{plan}&keyId={}", key_id(set, plan));
        let head = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        let answer = process::request(self.admin, &head)?;
        let shown: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let remaining = shown["items"][0]["days"][0]["remaining"].as_u64();
        remaining
            .ok_or_else(|| format!("{target}: {} {}", answer.status, String::from_utf8_lossy(&answer.body)))
    }
}

fn key_id(set: usize, plan: usize) -> String {
    format!("key{set}of{plan}")
}

/// Plans by their limit, and a key of each set in each of them.
fn usage_file(sets: usize) -> String {
    let mut text = String::new();
    for (plan, limit) in LIMITS.iter().enumerate() {
        text.push_str(&format!(
            "[[usagePlans]]\nid = \"plan{plan}\"\nname = \"{limit}\"\nquota = {{ limit = {limit}, period = \"MONTH\" }}\n\
             apiStages = [{{ apiId = \"quota\", stage = \"live\" }}]\n\n"
        ));
    }
    for (set, plan) in (0..sets).flat_map(|set| (0..LIMITS.len()).map(move |plan| (set, plan))) {
        let (id, value) = (key_id(set, plan), key(set, plan).value);
        text.push_str(&format!(
            "[[apiKeys]]\nid = \"{id}\"\nname = \"{id}\"\nvalue = \"{value}\"\nenabled = true\nusagePlanIds = [\"plan{plan}\"]\n\n"
        ));
    }
    text
}

/// Everything goes to the backend, by the same path, with a key.
fn document(backend: SocketAddr) -> String {
    let path = format!("{PATH}{{number}}");
    let parameter =
        serde_json::json!({"name": "number", "in": "path", "required": true, "schema": {"type": "string"}});
    serde_json::json!({
        "openapi": "3.0.1",
        "info": {"title": "quota", "version": "1"},
        "paths": {path.as_str(): {"get": {
            "parameters": [parameter],
            "security": [{"api_key": []}],
            "responses": {},
            "x-amazon-apigateway-integration": {
                "type": "http_proxy", "httpMethod": "GET", "uri": format!("http://{backend}{path}"),
                "requestParameters": {"integration.request.path.number": "method.request.path.number"}
            }
        }}},
        "components": {"securitySchemes": {"api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"}}}
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_or_lost_is_counted() {
        let mut seen = Seen::default();
        seen.judge(200, 201, 1);
        seen.judge(200, 190, 1);
        assert_eq!((seen.keys, seen.admitted, seen.over, seen.under), (2, 391, 1, 10));
        assert_eq!(seen.under_most, 2 * (2 * CORES + CONNECTIONS as u64));
    }
}
