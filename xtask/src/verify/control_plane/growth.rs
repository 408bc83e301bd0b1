//! An API of thousands of methods: the last call takes as long as the first, and the data plane does not notice.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::{Client, id};
use super::gateway::Gateway;
use crate::bench::arms::{Site, api_file};
use crate::bench::openloop::{self, Answered, Offer};
use crate::options::Options;
use crate::report::{Comparison, Report, Table, number, progress};
use crate::statistics::median;
use crate::verify::reload::{raise_priority, raise_thread};
use crate::{Outcome, host, packages, process};

/// Methods of each resource.
const VERBS: &[&str] = &["GET", "POST", "PUT", "DELETE"];
/// Resources whose calls are compared: so many first ones and so many last ones.
const COMPARED: usize = 100;
/// Time of a call for the last resources, as a multiple of that for the first.
const GROWTH_RATIO: f64 = 1.5;
/// Time of a deployment of everything.
const DEPLOY_MS: f64 = 1000.0;
/// Deployments of everything that are timed.
const DEPLOYMENTS: usize = 3;
/// Slowest request of another API in a thousand: with calls of the control plane, as a multiple of without.
const P999_RATIO: f64 = 1.1;
/// Calls beside the load: as many as a gateway takes unless its configuration says otherwise. Load, backend and the client share a core
/// with the control plane here: with all that it can do, what is measured is that core.
const CALLS_PER_SECOND: f64 = 100.0;
/// The load's warm-up.
const WARM_UP: Duration = Duration::from_millis(500);

/// Measures and judges.
pub(super) fn run(options: &Options, report: &mut Report) -> Outcome<()> {
    let resources: usize = options.get("resources", 2000)?;
    let pairs: usize = options.get("pairs", 5)?;
    let calls: f64 = options.get("calls", CALLS_PER_SECOND)?;
    let offer = Offer {
        connections: options.get("connections", 64)?,
        rate: options.get("rate", 5000.0)?,
        seconds: options.get("seconds", 10.0)?,
    };
    if resources < 2 * COMPARED {
        return Err(format!("--resources {resources}: at least {} are needed", 2 * COMPARED));
    }
    packages::ensure(&[packages::TASKSET])?;
    let site = Site::new("verify-growth", &["ringway"])?;
    let api = api_file("benchmarks", "bench.openapi.json", "bench", "(none)");
    let api = site.scratch.write("bench.toml", &api)?;
    site.scratch.write("bench.openapi.json", &site.openapi())?;
    // In memory: a disk's time for each commit would hide what grows.
    let store = site.scratch.file("store.redb");
    let program = site.binaries.join("ringway");
    let driver = options.get("driver", "auto".to_owned())?;
    let gateway = Gateway::new(&program, &site.scratch, &store, &[&api], &driver)?;
    // On both cores: its one data core takes the first, and the control plane leaves it alone.
    let mut server = gateway.start(&site.scratch)?;
    server.wait_until(|_| Client::connect(gateway.control).is_ok())?;
    println!("\n{}", site.describe(&[]));
    println!("{resources} resources of {} methods, all below the root; the store is in memory", VERBS.len());
    let large = grow(&gateway, resources, report)?;
    println!(
        "{:.0} requests/s on {} connections; {pairs} pairs of {} s without and with {calls} calls/s and a deployment",
        offer.rate, offer.connections, offer.seconds
    );
    let threads = Threads::of(server.pid())?;
    threads.prefer(&site);
    report.figure("load_threads_beside_data", threads.beside(site.proxy_core) as f64);
    report.target("load_threads_beside_data", Comparison::Equal, 0.0);
    beside_load(&site, &gateway, &large, &offer, (pairs, calls), report)
}

/// Times of calls in microseconds, by operation, in their order.
type Times = BTreeMap<&'static str, Vec<f64>>;

/// Makes an API, one resource after the other, as a client of AWS does.
struct Maker {
    client: Client,
    api: String,
    root: String,
    times: Times,
    started: Instant,
    /// Calls a second, and since when; without it one follows the other.
    pace: Option<(Instant, f64)>,
}

impl Maker {
    fn new(gateway: &Gateway, name: &str) -> Outcome<Self> {
        let mut client =
            Client::connect(gateway.control).map_err(|error| format!("the control plane: {error}"))?;
        let answer = client.good("POST", "/restapis", &json!({ "name": name }))?;
        let (api, root) = (id(&answer, "id")?, id(&answer, "rootResourceId")?);
        Ok(Maker { client, api, root, times: Times::new(), started: Instant::now(), pace: None })
    }

    fn call(&mut self, operation: &'static str, method: &str, path: &str, body: &Value) -> Outcome<Value> {
        if let Some((since, rate)) = self.pace {
            let due = since + Duration::from_secs_f64(self.count() as f64 / rate);
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        let started = Instant::now();
        let answer = self.client.good(method, path, body)?;
        self.times.entry(operation).or_default().push(started.elapsed().as_secs_f64() * 1e6);
        Ok(answer)
    }

    /// A resource with its methods; calls end early once `until` says so.
    fn resource(&mut self, part: &str, until: &AtomicBool) -> Outcome<()> {
        let resources = format!("/restapis/{}/resources", self.api);
        let parent = format!("{resources}/{}", self.root);
        let answer = self.call("CreateResource", "POST", &parent, &json!({ "pathPart": part }))?;
        let resource = format!("{resources}/{}", id(&answer, "id")?);
        let integration = json!({
            "type": "MOCK",
            "requestTemplates": { "application/json": "{\"statusCode\": 200}" },
        });
        let response =
            json!({ "responseTemplates": { "application/json": "{\"id\": \"$context.requestId\"}" } });
        for verb in VERBS {
            let method = format!("{resource}/methods/{verb}");
            let calls = [
                ("PutMethod", "", json!({ "authorizationType": "NONE" })),
                ("PutMethodResponse", "/responses/200", json!({})),
                ("PutIntegration", "/integration", integration.clone()),
                ("PutIntegrationResponse", "/integration/responses/200", response.clone()),
            ];
            for (operation, place, body) in calls {
                if until.load(Ordering::Relaxed) {
                    return Ok(());
                }
                self.call(operation, "PUT", &format!("{method}{place}"), &body)?;
            }
        }
        Ok(())
    }

    fn count(&self) -> usize {
        self.times.values().map(Vec::len).sum()
    }

    fn deploy(&mut self) -> Outcome<()> {
        let path = format!("/restapis/{}/deployments", self.api);
        self.call("CreateDeployment", "POST", &path, &json!({ "stageName": "live" })).map(drop)
    }
}

/// Makes the API and deploys it.
fn grow(gateway: &Gateway, resources: usize, report: &mut Report) -> Outcome<Maker> {
    let mut maker = Maker::new(gateway, "large")?;
    let (started, step) = (Instant::now(), resources.div_ceil(5));
    for number in 0..resources {
        maker.resource(&format!("items{number}"), &AtomicBool::new(false))?;
        if (number + 1) % step == 0 {
            progress(&format!("{} of {resources} resources", number + 1), number + 1, resources, started);
        }
    }
    let mut table = Table::new(&["operation", "calls", "first us", "last us", "ratio"]);
    let (mut all, mut worst) = ([Vec::new(), Vec::new()], f64::NAN);
    for (operation, times) in &maker.times {
        let compared = COMPARED * times.len() / resources;
        let parts = [&times[..compared], &times[times.len() - compared..]];
        let [first, last] = parts.map(median);
        worst = worst.max(last / first);
        all.iter_mut().zip(parts).for_each(|(all, part)| all.extend_from_slice(part));
        let cells = [times.len().to_string(), number(first), number(last), format!("{:.2}", last / first)];
        table.row([vec![(*operation).to_owned()], cells.to_vec()].concat());
    }
    print!("\n{}", table.text());
    for _ in 0..DEPLOYMENTS {
        maker.deploy()?;
    }
    let deployments: Vec<f64> =
        maker.times["CreateDeployment"].iter().map(|micros| micros / 1000.0).collect();
    println!("CreateDeployment: {deployments:.0?} ms");
    if gateway.ask(&maker.api, "/live/items0").is_none() {
        return Err("the deployed API does not answer".to_owned());
    }
    let [first, last] = all.map(|times| median(&times));
    report.figure("growth_methods", (resources * VERBS.len()) as f64);
    report.figure("growth_call_us_first", first);
    report.figure("growth_call_us_last", last);
    report.figure("growth_ratio", last / first);
    report.figure("growth_ratio_worst_operation", worst);
    report.figure("growth_deploy_ms", deployments.iter().copied().fold(0.0, f64::max));
    report.target("growth_ratio", Comparison::AtMost, GROWTH_RATIO);
    report.target("growth_ratio_worst_operation", Comparison::AtMost, GROWTH_RATIO);
    report.target("growth_deploy_ms", Comparison::AtMost, DEPLOY_MS);
    Ok(maker)
}

/// The threads of the gateway: by id, whether they are data cores, and the CPUs that they may run on.
struct Threads(Vec<(u32, bool, Vec<usize>)>);

impl Threads {
    fn of(pid: u32) -> Outcome<Self> {
        let tasks = format!("/proc/{pid}/task");
        let entries = fs::read_dir(&tasks).map_err(|error| format!("{tasks}: {error}"))?;
        let threads = entries.filter_map(|entry| {
            let path = entry.ok()?.path();
            let name = fs::read_to_string(path.join("comm")).ok()?;
            let cores = host::allowed_cores(&path.join("status")).ok()?;
            Some((path.file_name()?.to_str()?.parse().ok()?, name.starts_with("ringway-core"), cores))
        });
        Ok(Threads(threads.collect()))
    }

    /// How many could take the data plane's core from it.
    fn beside(&self, core: usize) -> usize {
        self.0.iter().filter(|(_, is_data, cores)| !is_data && cores.contains(&core)).count()
    }

    /// Lets backend, load and data plane go before everything else of this machine: what other processes do would count as the control
    /// plane's, which drives them from the other core. The gateway's own threads keep to that by themselves: see [`Threads::beside`].
    fn prefer(&self, site: &Site) {
        let data = self.0.iter().filter(|(_, is_data, _)| *is_data).map(|(thread, ..)| *thread);
        let all: Vec<bool> = data.map(raise_thread).chain([raise_priority(site.backend.pid())]).collect();
        if all.contains(&false) {
            println!(
                "no real-time priority (chrt is not permitted): what else runs on this machine counts too"
            );
        }
    }
}

/// The load on another API, without and with calls of the control plane in turn.
fn beside_load(
    site: &Site,
    gateway: &Gateway,
    large: &Maker,
    offer: &Offer,
    (pairs, calls_per_second): (usize, f64),
    report: &mut Report,
) -> Outcome<()> {
    if !raise_priority(site.backend.pid()) {
        println!(
            "backend and load share their core with the control plane without priority (chrt is not permitted)"
        );
    }
    let columns = [&["run", "calls"], Answered::COLUMNS.as_slice(), &["late us"]].concat();
    let mut table = Table::new(&columns);
    let (mut without, mut with, mut calls_made) = (Vec::new(), Vec::new(), 0);
    for pair in 0..pairs {
        for is_writing in [false, true] {
            let beside = is_writing.then(|| Beside {
                name: format!("beside{pair}"),
                core: site.load_core,
                calls_per_second,
                deploy_after: Duration::from_secs_f64(offer.seconds / 3.0),
            });
            let (answered, calls) = load(site, gateway, large, offer, beside.as_ref())?;
            calls_made += calls;
            let first = [if is_writing { "with calls" } else { "without" }.to_owned(), calls.to_string()];
            let lateness = number(answered.lateness_p99);
            table.row(first.into_iter().chain(answered.cells()).chain([lateness]));
            if is_writing { &mut with } else { &mut without }.push(answered);
        }
        eprintln!("{} of {pairs} pairs", pair + 1);
    }
    print!("\n{}", table.text());
    let p999 = |runs: &[Answered]| median(&runs.iter().map(|run| run.p999).collect::<Vec<_>>());
    // Of each pair, because the machine changes from one minute to the next.
    let ratios: Vec<f64> =
        with.iter().zip(&without).map(|(with, without)| with.p999 / without.p999).collect();
    println!("p99.9 with calls over without, by pair: {ratios:.2?}");
    report.figure("load_calls_per_second", calls_made as f64 / (offer.seconds * pairs as f64));
    report.figure("load_failed", with.iter().map(|run| run.failed + run.closed).sum::<u64>() as f64);
    report.figure("load_p999_us_without", p999(&without));
    report.figure("load_p999_us_with", p999(&with));
    report.figure("load_p999_ratio", median(&ratios));
    report.target("load_failed", Comparison::Equal, 0.0);
    report.target("load_p999_ratio", Comparison::AtMost, P999_RATIO);
    Ok(())
}

/// What is done beside the load.
struct Beside {
    /// Name of the API that is made.
    name: String,
    /// Where the client runs.
    core: usize,
    calls_per_second: f64,
    /// When the large API is deployed.
    deploy_after: Duration,
}

/// One run of load, and the calls that were made meanwhile.
fn load(
    site: &Site,
    gateway: &Gateway,
    large: &Maker,
    offer: &Offer,
    beside: Option<&Beside>,
) -> Outcome<(Answered, usize)> {
    let command = openloop::command(site, gateway.data, offer, &[]);
    let child = process::pinned(&command, Some(site.load_core))
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("openloop: {error}"))?;
    raise_priority(child.id());
    let is_over = AtomicBool::new(false);
    let (output, calls) = thread::scope(|scope| {
        let worker = beside.map(|beside| scope.spawn(|| call_until(gateway, large, beside, &is_over)));
        let output = child.wait_with_output();
        is_over.store(true, Ordering::Relaxed);
        let calls = worker.map_or(Ok(Ok(0)), thread::ScopedJoinHandle::join);
        (output, calls.unwrap_or_else(|_| Err("the client of the control plane panicked".to_owned())))
    });
    let output = output.map_err(|error| format!("openloop: {error}"))?;
    Ok((openloop::parse(&String::from_utf8_lossy(&output.stdout))?, calls?))
}

/// Makes another API, and deploys the large one once meanwhile; how many calls that were.
fn call_until(gateway: &Gateway, large: &Maker, beside: &Beside, is_over: &AtomicBool) -> Outcome<usize> {
    stay_on(beside.core)?;
    let mut maker = Maker::new(gateway, &beside.name)?;
    thread::sleep(WARM_UP);
    maker.pace = Some((Instant::now(), beside.calls_per_second));
    let is_ended = || is_over.load(Ordering::Relaxed);
    let mut is_deployed = false;
    for number in 0.. {
        if is_ended() {
            break;
        }
        if !is_deployed && maker.started.elapsed() > beside.deploy_after {
            is_deployed = true;
            let path = format!("/restapis/{}/deployments", large.api);
            maker.call("CreateDeployment", "POST", &path, &json!({ "stageName": "live" }))?;
        }
        maker.resource(&format!("items{number}"), is_over)?;
    }
    if !is_deployed {
        return Err("the load was over before the deployment".to_owned());
    }
    Ok(maker.count())
}

/// Keeps the calling thread off the core of the data plane.
fn stay_on(core: usize) -> Outcome<()> {
    let own = fs::read_link("/proc/thread-self").map_err(|error| format!("/proc/thread-self: {error}"))?;
    let thread = own.file_name().unwrap_or_default();
    let mut command = Command::new("taskset");
    command.args(["-c", "-p", &core.to_string()]).arg(thread);
    process::capture(&command, None).map(drop)
}
