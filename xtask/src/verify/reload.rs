//! `cargo xtask verify reload`: configuration swaps under load lose nothing and cost next to nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::bench::arms::{Gateway, Site, api_file};
use crate::bench::openloop::{self, Answered, Offer};
use crate::options::Options;
use crate::report::{Comparison, Report, Table};
use crate::statistics::median;
use crate::{Outcome, packages, process};

/// REST APIs that the routes are spread over.
const APIS: usize = 10;
/// Slowest request in a thousand: with swaps, as a multiple of without.
const P999_RATIO: f64 = 1.2;

/// Measures and judges.
pub(crate) fn run(options: &Options, report: &mut Report) -> Outcome<()> {
    options.only(&["routes", "swaps", "seconds", "pairs", "rate", "connections", "driver"])?;
    let routes: usize = options.get("routes", 10_000)?;
    let swaps_per_second: f64 = options.get("swaps", 50.0)?;
    let pairs: usize = options.get("pairs", 5)?;
    let offer = Offer {
        connections: options.get("connections", 64)?,
        rate: options.get("rate", 5000.0)?,
        seconds: options.get("seconds", 10.0)?,
    };
    packages::ensure(&[packages::TASKSET])?;
    let driver = options.get("driver", "native".to_owned())?;
    let site = Site::new("verify-reload", &["ringway"])?.on(&driver);
    let corpus = Corpus::write(&site, routes)?;
    // On both cores: its one data core takes the first, and the control thread compiles where there is room.
    let apis: Vec<&Path> = corpus.api_files.iter().map(PathBuf::as_path).collect();
    let gateway = site.start_gateway(&apis, None)?;
    println!("\n{}", site.describe(&[]));
    println!(
        "{routes} routes in {APIS} APIs; {:.0} requests/s on {} connections; {swaps_per_second} swaps/s; {pairs} pairs of {} s",
        offer.rate, offer.connections, offer.seconds
    );
    let first = raise_priority(site.backend.pid());
    if !first {
        println!(
            "backend and load share their core with the compiling thread without priority (chrt is not permitted)"
        );
    }
    let mut table = Table::new(&[&["run", "swaps"], Answered::COLUMNS.as_slice()].concat());
    let (mut without, mut with) = (Vec::new(), Vec::new());
    let (mut swaps, mut slowest) = (0, Duration::ZERO);
    for _ in 0..pairs {
        for swapping in [false, true] {
            let rate = if swapping { swaps_per_second } else { 0.0 };
            let run = load(&site, &gateway, &corpus, &offer, rate)?;
            swaps += run.swaps;
            slowest = slowest.max(run.slowest);
            let first = [if swapping { "with swaps" } else { "without" }.to_owned(), run.swaps.to_string()];
            table.row(first.into_iter().chain(run.answered.cells()));
            if swapping { &mut with } else { &mut without }.push(run.answered);
        }
    }
    print!("\n{}", table.text());
    println!("slowest swap, from request to answer: {} ms", slowest.as_millis());
    let p999 = |runs: &[Answered]| median(&runs.iter().map(|run| run.p999).collect::<Vec<_>>());
    report.figure("swaps_per_second", swaps as f64 / (offer.seconds * pairs as f64));
    report.figure("failed", with.iter().map(|run| run.failed).sum::<u64>() as f64);
    report.figure("closed", with.iter().map(|run| run.closed).sum::<u64>() as f64);
    report.figure("p999_us_without", p999(&without));
    report.figure("p999_us_with", p999(&with));
    // Of each pair, because the machine changes from one minute to the next; their median, because something else runs for tens of
    // milliseconds in one run or another.
    let ratios: Vec<f64> =
        with.iter().zip(&without).map(|(with, without)| with.p999 / without.p999).collect();
    println!("p99.9 with swaps over without, by pair: {ratios:.2?}");
    report.figure("p999_ratio", median(&ratios));
    report.figure("slowest_swap_ms", slowest.as_millis() as f64);
    report.figure("routes", routes as f64);
    // The last swap of a run may end just after it.
    report.target("swaps_per_second", Comparison::AtLeast, swaps_per_second * 0.99);
    report.target("failed", Comparison::Equal, 0.0);
    report.target("closed", Comparison::Equal, 0.0);
    report.target("p999_ratio", Comparison::AtMost, P999_RATIO);
    Ok(())
}

/// The API files, and two versions of each OpenAPI document to swap.
struct Corpus {
    api_files: Vec<PathBuf>,
    /// The document that an API file names, and what it is replaced by in turn.
    documents: Vec<(PathBuf, [PathBuf; 2])>,
    /// Every path that is served, one a line.
    paths: PathBuf,
}

impl Corpus {
    fn write(site: &Site, routes: usize) -> Outcome<Self> {
        let each = routes.div_ceil(APIS);
        let (mut api_files, mut documents, mut paths) = (Vec::new(), Vec::new(), String::new());
        for api in 0..APIS {
            let body = format!("api{api}.openapi.json");
            // Both answer alike, by another backend path, so that every request has one right answer.
            let versions = ["pets", "orders"].map(|target| document(site, api, each, target));
            let first = site.scratch.write(&format!("api{api}.first.json"), &versions[0])?;
            let second = site.scratch.write(&format!("api{api}.second.json"), &versions[1])?;
            documents.push((site.scratch.write(&body, &versions[0])?, [first, second]));
            let file = api_file(&format!("reloaded{api}"), &body, "live", &format!("api{api}"));
            api_files.push(site.scratch.write(&format!("api{api}.toml"), &file)?);
            for route in 0..each {
                paths.push_str(&format!("/api{api}/items{route}/7\n"));
            }
        }
        Ok(Corpus { api_files, documents, paths: site.scratch.write("paths.txt", &paths)? })
    }

    /// Replaces one document by its other version, as an editor does: whole or not at all.
    fn swap(&self, number: usize) -> Outcome<()> {
        let (document, versions) = &self.documents[number % self.documents.len()];
        let version = &versions[(number / self.documents.len() + 1) % 2];
        let fresh = document.with_extension("fresh");
        // A copy and no link: renaming a link onto a link of the same file does nothing, and leaves it behind.
        fs::copy(version, &fresh)
            .and_then(|_| fs::rename(&fresh, document))
            .map_err(|error| format!("{}: {error}", document.display()))
    }
}

fn document(site: &Site, api: usize, routes: usize, target: &str) -> String {
    let paths: Map<String, Value> = (0..routes)
        .map(|route| {
            let operation = json!({
                "parameters": [{ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } }],
                "responses": {},
                "x-amazon-apigateway-integration": {
                    "type": "http_proxy",
                    "httpMethod": "GET",
                    "uri": format!("http://{}/{target}/{{id}}", site.backend.address),
                    "requestParameters": { "integration.request.path.id": "method.request.path.id" },
                }
            });
            (format!("/items{route}/{{id}}"), json!({ "get": operation }))
        })
        .collect();
    json!({ "openapi": "3.0.1", "info": { "title": format!("api{api}"), "version": "1" }, "paths": paths })
        .to_string()
}

struct Loaded {
    answered: Answered,
    swaps: usize,
    slowest: Duration,
}

/// One run of load, with `rate` swaps a second meanwhile.
fn load(site: &Site, gateway: &Gateway, corpus: &Corpus, offer: &Offer, rate: f64) -> Outcome<Loaded> {
    let paths = corpus.paths.display().to_string();
    let command = openloop::command(site, gateway.server.address, offer, &["--paths", &paths]);
    let mut child = process::pinned(&command, Some(site.load_core))
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("openloop: {error}"))?;
    raise_priority(child.id());
    let swapped =
        if rate > 0.0 { swap_until_done(&mut child, gateway, corpus, rate) } else { Ok((0, Duration::ZERO)) };
    if swapped.is_err() {
        // Without its swaps the run is worth nothing.
        let _ = child.kill();
    }
    let output = child.wait_with_output().map_err(|error| format!("openloop: {error}"))?;
    let (swaps, slowest) = swapped?;
    Ok(Loaded { answered: openloop::parse(&String::from_utf8_lossy(&output.stdout))?, swaps, slowest })
}

/// Swaps on schedule until the load has ended: how many, and the slowest.
fn swap_until_done(
    child: &mut std::process::Child,
    gateway: &Gateway,
    corpus: &Corpus,
    rate: f64,
) -> Outcome<(usize, Duration)> {
    // The load's warm-up.
    std::thread::sleep(Duration::from_millis(500));
    let (start, mut swaps, mut slowest) = (Instant::now(), 0, Duration::ZERO);
    let mut generation = 0;
    while matches!(child.try_wait(), Ok(None)) {
        let due = start + Duration::from_secs_f64(swaps as f64 / rate);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        corpus.swap(swaps)?;
        let begun = Instant::now();
        let now = reload(gateway)?;
        if now <= generation {
            return Err(format!("a reload of a changed file left generation {generation} at {now}"));
        }
        generation = now;
        slowest = slowest.max(begun.elapsed());
        swaps += 1;
    }
    Ok((swaps, slowest))
}

/// Asks the admin server to reload and returns the generation that serves now.
fn reload(gateway: &Gateway) -> Outcome<u64> {
    let admin = gateway.admin;
    let head =
        format!("POST /reload HTTP/1.1\r\nHost: {admin}\r\nContent-Length: 0\r\nConnection: close\r\n");
    let answer = process::request(admin, &head)?;
    let text = String::from_utf8_lossy(&answer.body);
    let value: Value = serde_json::from_str(&text).unwrap_or_default();
    match value["generation"].as_u64() {
        Some(generation) if answer.status == 200 => Ok(generation),
        _ => Err(format!("POST /reload answered {}: {text}", answer.status)),
    }
}

/// Lets a process of the load go before the thread that compiles on the same core, as it would on a core of its own.
pub(super) fn raise_priority(pid: u32) -> bool {
    chrt(&["--all-tasks"], pid)
}

/// As [`raise_priority`], for one thread of a process.
pub(super) fn raise_thread(thread: u32) -> bool {
    chrt(&[], thread)
}

fn chrt(options: &[&str], id: u32) -> bool {
    let id = id.to_string();
    let chrt = Command::new("chrt")
        .args(options)
        .args(["--fifo", "--pid", "10", &id])
        .stderr(Stdio::null())
        .status();
    chrt.is_ok_and(|status| status.success())
}
