//! The gateway itself on two cores, with more requests than its throttle admits: all of them on one core, on both, and on another core
//! every second.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::SHARE;
use crate::bench::arms::api_file;
use crate::process::{self, Scratch, Server};
use crate::report::{Comparison, Report, Table, progress};
use crate::{Outcome, cargo};

/// Rates and bursts; each has a path of its own. This machine cannot offer much more than the last.
const THROTTLES: [(u32, u32); 7] =
    [(1, 1), (10, 10), (100, 1), (1_000, 100), (3_000, 1_000), (10_000, 10_000), (50_000, 1_000)];
const LOADS: [&str; 3] = ["one", "all", "moving"];
/// Connections of each core.
const CONNECTIONS: usize = 4;
/// Connections that are opened until each core has enough of them.
const TRIES: usize = 400;

/// Measures and judges.
pub(super) fn run(seconds: u64, report: &mut Report) -> Outcome<()> {
    let program = cargo::release(&["ringway"])?.join("ringway");
    let scratch = Scratch::new("verify-throttle")?;
    let (data, admin) = (process::free_address()?, process::free_address()?);
    let mut command = Command::new(program);
    command.args(["serve", "--config"]).arg(configuration(&scratch, data, admin)?);
    let mut server = Server::start_unchecked("ringway", &command, None, data, &scratch)?;
    let head = "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    server.wait_until(|_| process::request(admin, head).is_ok_and(|answer| answer.status == 200))?;

    let mut table = Table::new(&["rate", "burst", "load", "offered", "admitted", "at least", "at most"]);
    let (mut outside, mut short, mut rows) = (0.0, 0.0, 0.0);
    let started = Instant::now();
    let wanted = THROTTLES.len() * LOADS.len();
    for (rate, burst) in THROTTLES {
        for (index, load) in LOADS.into_iter().enumerate() {
            let cores = Cores::connect(data, admin)?;
            let seen =
                cores.offer(&format!("/r{rate}b{burst}l{index}"), load, Duration::from_secs(seconds))?;
            let (rate, burst) = (f64::from(rate), f64::from(burst));
            // Tokens came while requests did: at most from the moment that they were let go to the last answer. At least those that a
            // bucket gives that sees the same requests, each when it was sent or when it was answered: one that is paused with its
            // machine loses what does not fit into its burst, as any bucket does.
            let most = rate * seen.outer + burst;
            let ideal = [|span: &Span| span.0, |span: &Span| span.1]
                .map(|moment| ideal_bucket(&seen.spans, moment, rate, burst))
                .into_iter()
                .fold(f64::INFINITY, f64::min);
            let slack = (most * SHARE).max(2.0);
            let least = ideal - slack;
            rows += 1.0;
            outside += f64::from(u8::from(seen.admitted > most + slack));
            short += f64::from(u8::from(seen.admitted < least));
            let cells = [rate, burst].map(|n| n.to_string()).into_iter().chain([load.to_owned()]);
            let figures =
                [seen.spans.len() as f64, seen.admitted, least, most + slack].map(|n| format!("{n:.0}"));
            table.row(cells.chain(figures));
            progress("throttles", rows as usize, wanted, started);
        }
    }
    print!("\n{}", table.text());
    report.figure("real", rows);
    report.figure("real_over", outside);
    report.figure("real_starved", short);
    report.target("real", Comparison::AtLeast, wanted as f64);
    report.target("real_over", Comparison::Equal, 0.0);
    report.target("real_starved", Comparison::Equal, 0.0);
    Ok(())
}

fn configuration(scratch: &Scratch, data: SocketAddr, admin: SocketAddr) -> Outcome<std::path::PathBuf> {
    let mut paths = serde_json::Map::new();
    let mut settings = String::new();
    for (rate, burst) in THROTTLES {
        for index in 0..LOADS.len() {
            let path = format!("/r{rate}b{burst}l{index}");
            settings.push_str(&format!(
                "[stages.methodSettings.\"{path}/GET\"]\nthrottlingRateLimit = {rate}\nthrottlingBurstLimit = {burst}\n"
            ));
            paths.insert(path, mock());
        }
    }
    paths.insert("/free".to_owned(), mock());
    let document = serde_json::json!({
        "openapi": "3.0.1", "info": {"title": "throttle", "version": "1"}, "paths": paths,
    });
    scratch.write("throttle.openapi.json", &document.to_string())?;
    let api = api_file("throttle", "throttle.openapi.json", "live", "(none)");
    let (stages, domains) = api.split_once("[[domainNames]]").ok_or("an API file has domain names")?;
    scratch.write("throttle-api.toml", &format!("{stages}{settings}[[domainNames]]{domains}"))?;
    scratch.write(
        "throttle.toml",
        &format!(
            "cores = 2\nlisten = [\"{data}\"]\nadmin = \"{admin}\"\napis = [\"throttle-api.toml\"]\n\n[accessLog]\npath = \"off\"\n"
        ),
    )
}

fn mock() -> serde_json::Value {
    serde_json::json!({"get": {
        "responses": {"200": {"description": "it passed"}},
        "x-amazon-apigateway-integration": {
            "type": "mock", "requestTemplates": {"application/json": "{\"statusCode\": 200}"},
            "responses": {"default": {"statusCode": "200"}}
        }
    }})
}

/// Connections by the core that serves them.
struct Cores([Vec<TcpStream>; 2]);

/// When a request was sent and answered, in seconds from the first moment.
type Span = (f64, f64);

/// What was offered and admitted, and the longest time that it may have taken, in seconds.
#[derive(Debug, Default)]
struct Seen {
    spans: Vec<Span>,
    admitted: f64,
    outer: f64,
}

/// What a bucket admits that is full at the first of the requests and sees each at its `moment`.
fn ideal_bucket(spans: &[Span], moment: impl Fn(&Span) -> f64, rate: f64, burst: f64) -> f64 {
    let mut moments: Vec<f64> = spans.iter().map(moment).collect();
    moments.sort_unstable_by(f64::total_cmp);
    let (mut tokens, mut last, mut admitted) = (burst, moments.first().copied().unwrap_or(0.0), 0.0);
    for now in moments {
        tokens = (tokens + rate * (now - last)).min(burst);
        last = now;
        if tokens >= 1.0 {
            tokens -= 1.0;
            admitted += 1.0;
        }
    }
    admitted
}

impl Cores {
    /// Opens connections until each core has its share: the kernel chooses the core, and the gateway's counters tell which it was.
    fn connect(data: SocketAddr, admin: SocketAddr) -> Outcome<Self> {
        let mut cores = Cores([Vec::new(), Vec::new()]);
        for _ in 0..TRIES {
            let before = requests(admin)?;
            let stream = TcpStream::connect(data).map_err(|error| error.to_string())?;
            stream.set_nodelay(true).map_err(|error| error.to_string())?;
            one(&stream, &mut BufReader::new(&stream), "/free")?;
            let after = requests(admin)?;
            let core = usize::from(after[1] > before[1]);
            if cores.0[core].len() < CONNECTIONS {
                cores.0[core].push(stream);
            }
            if cores.0.iter().all(|streams| streams.len() == CONNECTIONS) {
                return Ok(cores);
            }
        }
        Err("one of the cores is given no connections".into())
    }

    fn offer(&self, target: &str, load: &str, time: Duration) -> Outcome<Seen> {
        let began = Instant::now();
        let is_due = |core: usize| match load {
            "one" => core == 0,
            "all" => true,
            _ => began.elapsed().as_secs() as usize % 2 == core,
        };
        thread::scope(|scope| {
            let mut threads = Vec::new();
            for (core, streams) in self.0.iter().enumerate() {
                for stream in streams {
                    threads.push(scope.spawn(move || {
                        let (mut spans, mut admitted) = (Vec::new(), 0_u64);
                        let mut reader = BufReader::new(stream);
                        while began.elapsed() < time {
                            if !is_due(core) {
                                thread::sleep(Duration::from_millis(1));
                                continue;
                            }
                            let sent = began.elapsed().as_secs_f64();
                            admitted += u64::from(one(stream, &mut reader, target)? == 200);
                            spans.push((sent, began.elapsed().as_secs_f64()));
                        }
                        Ok::<_, String>((spans, admitted))
                    }));
                }
            }
            let mut seen = Seen::default();
            for thread in threads {
                let (spans, admitted) = thread.join().map_err(|_| "a client panicked".to_owned())??;
                seen.spans.extend(spans);
                seen.admitted += admitted as f64;
            }
            seen.outer = began.elapsed().as_secs_f64();
            Ok(seen)
        })
    }
}

/// Sends a request and returns the status of its answer.
fn one(stream: &TcpStream, reader: &mut BufReader<&TcpStream>, target: &str) -> Outcome<u16> {
    let exchange = |reader: &mut BufReader<&TcpStream>| -> std::io::Result<u16> {
        (&*stream).write_all(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())?;
        let (mut line, mut status, mut length) = (String::new(), 0, 0);
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
                status = rest.get(..3).and_then(|code| code.parse().ok()).unwrap_or(0);
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or(0);
            }
            if line == "\r\n" {
                break;
            }
        }
        reader.take(length).read_to_end(&mut Vec::new())?;
        Ok(status)
    };
    match exchange(reader).map_err(|error| format!("{target}: {error}"))? {
        status @ (200 | 429) => Ok(status),
        other => Err(format!("{target}: answered with {other}")),
    }
}

/// Requests of each core.
fn requests(admin: SocketAddr) -> Outcome<[f64; 2]> {
    let head = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    let page = process::request(admin, head)?;
    let page = String::from_utf8_lossy(&page.body).into_owned();
    let of = |core: usize| {
        let prefix = format!("ringway_core_requests_total{{core=\"{core}\"}} ");
        let line = page.lines().find_map(|line| line.strip_prefix(prefix.as_str()));
        line.and_then(|value| value.parse().ok()).ok_or_else(|| format!("the metrics have no {prefix}"))
    };
    Ok([of(0)?, of(1)?])
}
