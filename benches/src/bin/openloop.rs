//! Load at a constant rate. Each request has a time at which it should be sent, whatever became of those before it, and
//! its latency counts from that time: a server that stalls cannot hide the requests that had to wait.
#![forbid(unsafe_code)]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;
use hdrhistogram::Histogram;
use ringway_benches::http;
use rustix::event::epoll;
use rustix::time::Timespec;
use serde_json::json;

/// Sends requests at a constant rate and prints one JSON object of latencies (microseconds) and failures.
#[derive(Parser)]
struct Options {
    /// Address of the server.
    #[arg(long)]
    target: SocketAddr,
    /// Path to request; several are taken in turn.
    #[arg(long, default_value = "/")]
    path: Vec<String>,
    /// File with one path per line, instead of --path.
    #[arg(long)]
    paths: Option<PathBuf>,
    /// Header line to send, as "Name: value".
    #[arg(long)]
    header: Vec<String>,
    /// Connections; request i goes out on connection i modulo this.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Requests per second.
    #[arg(long)]
    rate: f64,
    /// Seconds to measure.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Seconds before that count for failures, not for latencies.
    #[arg(long, default_value_t = 0.5)]
    warmup: f64,
    /// Bytes of the body that every answer must have; its bytes are compared.
    #[arg(long, default_value_t = 128)]
    expect: usize,
}

/// How long answers that are missing at the end are waited for.
const GRACE: Duration = Duration::from_secs(3);
const INPUT: usize = 64 * 1024;

struct Connection {
    stream: TcpStream,
    input: Vec<u8>,
    /// The request that is unanswered.
    waiting: Option<u64>,
    /// The next request of this connection.
    next: u64,
}

#[derive(Default)]
struct Counts {
    sent: u64,
    answered: u64,
    /// Wrong status or body, or no answer at all.
    failed: u64,
    /// Connections that the server closed.
    closed: u64,
    /// Why the first failure failed.
    first_failure: Option<String>,
}

impl Counts {
    fn fail(&mut self, why: impl FnOnce() -> String) {
        self.failed += 1;
        self.first_failure.get_or_insert_with(why);
    }
}

struct Load {
    options: Options,
    epoll: rustix::fd::OwnedFd,
    requests: Vec<Vec<u8>>,
    body: Vec<u8>,
    connections: Vec<Connection>,
    start: Instant,
    period: f64,
    /// Requests below this one are warm-up.
    first_measured: u64,
    /// Requests from this one on are not sent.
    end: u64,
    latencies: Histogram<u64>,
    /// How late this program itself was in sending on a connection that was free.
    lateness: Histogram<u64>,
    counts: Counts,
}

impl Load {
    fn new(options: Options) -> io::Result<Self> {
        let paths = match &options.paths {
            Some(file) => std::fs::read_to_string(file)?.lines().map(str::to_owned).collect(),
            None => options.path.clone(),
        };
        let headers: String = options.header.iter().map(|line| format!("{line}\r\n")).collect();
        let requests: Vec<Vec<u8>> = paths
            .iter()
            .map(|path| {
                format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", options.target).into_bytes()
            })
            .collect();
        if requests.is_empty()
            || !(options.rate > 0.0 && options.rate.is_finite())
            || options.connections == 0
        {
            return Err(io::Error::other("there must be a path, a rate and a connection"));
        }
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let connections = (0..options.connections)
            .map(|index| connect(&epoll, options.target, index, index as u64))
            .collect::<io::Result<_>>()?;
        let histogram = || Histogram::new_with_bounds(1, 120_000_000_000, 3).map_err(io::Error::other);
        Ok(Load {
            body: http::body(options.expect),
            epoll,
            requests,
            connections,
            start: Instant::now(),
            period: 1e9 / options.rate,
            first_measured: (options.warmup * options.rate) as u64,
            end: ((options.warmup + options.seconds) * options.rate) as u64,
            latencies: histogram()?,
            lateness: histogram()?,
            counts: Counts::default(),
            options,
        })
    }

    /// When request `index` should be sent, in nanoseconds from the start.
    fn intended(&self, index: u64) -> u64 {
        (index as f64 * self.period) as u64
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    fn run(&mut self) -> io::Result<()> {
        self.start = Instant::now();
        let mut events = Vec::with_capacity(1024);
        let mut cursor = 0;
        loop {
            while cursor < self.end && self.intended(cursor) <= self.now() {
                let index = (cursor % self.connections.len() as u64) as usize;
                if self.connections[index].waiting.is_none() && self.connections[index].next == cursor {
                    let late = self.now() - self.intended(cursor);
                    self.lateness.saturating_record(late);
                    self.send(index)?;
                }
                cursor += 1;
            }
            let waiting = self.connections.iter().any(|connection| connection.waiting.is_some());
            let limit = self.intended(self.end) + GRACE.as_nanos() as u64;
            if cursor == self.end && (!waiting || self.now() > limit) {
                break;
            }
            let wake = if cursor < self.end { self.intended(cursor) } else { limit };
            let pause = wake.saturating_sub(self.now());
            let timeout =
                Timespec { tv_sec: (pause / 1_000_000_000) as i64, tv_nsec: (pause % 1_000_000_000) as i64 };
            events.clear();
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&timeout)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                self.readable(event.data.u64() as usize)?;
            }
        }
        for index in 0..self.connections.len() {
            if self.connections[index].waiting.is_some() {
                self.counts.fail(|| "no answer before the end".to_owned());
            }
        }
        Ok(())
    }

    /// Sends the next request of a connection that waits for nothing.
    fn send(&mut self, index: usize) -> io::Result<()> {
        let connection = &mut self.connections[index];
        let number = connection.next;
        let request = &self.requests[(number % self.requests.len() as u64) as usize];
        connection.waiting = Some(number);
        connection.next += self.options.connections as u64;
        self.counts.sent += 1;
        // A request is far smaller than an empty socket buffer, so a part of it is never left over.
        match connection.stream.write(request) {
            Ok(length) if length == request.len() => Ok(()),
            Ok(_) => self.lost(index, "a request was not taken whole"),
            Err(error) => self.lost(index, &format!("sending: {error}")),
        }
    }

    fn readable(&mut self, index: usize) -> io::Result<()> {
        let connection = &mut self.connections[index];
        let filled = connection.input.len();
        connection.input.resize(INPUT.max(filled + 4096), 0);
        match connection.stream.read(&mut connection.input[filled..]) {
            Ok(0) => return self.lost(index, "the server closed the connection"),
            Ok(length) => connection.input.truncate(filled + length),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                connection.input.truncate(filled);
                return Ok(());
            }
            Err(error) => return self.lost(index, &format!("receiving: {error}")),
        }
        let message = match http::response(&connection.input) {
            Ok(None) => return Ok(()),
            Ok(Some(message)) if message.total() > connection.input.len() => return Ok(()),
            Ok(Some(message)) => message,
            Err(refusal) => return self.lost(index, &format!("an answer that is {refusal:?}")),
        };
        let Some(number) = connection.waiting.take() else {
            return self.lost(index, "an answer that nothing asked for");
        };
        let (status, total) = (message.status, message.total());
        let right = status == 200 && connection.input[message.head..total] == self.body;
        connection.input.drain(..total);
        self.counts.answered += 1;
        if !right {
            self.counts.fail(|| format!("status {status} or a wrong body"));
        }
        let (now, intended) = (self.now(), self.intended(number));
        if number >= self.first_measured {
            self.latencies.saturating_record(now.saturating_sub(intended).max(1));
        }
        let next = self.connections[index].next;
        if next < self.end && self.intended(next) <= now {
            return self.send(index);
        }
        Ok(())
    }

    /// Counts a connection that was closed or broken, with the request on it, and opens another in its place.
    fn lost(&mut self, index: usize, why: &str) -> io::Result<()> {
        self.counts.closed += 1;
        if self.connections[index].waiting.is_some() {
            self.counts.fail(|| why.to_owned());
        } else {
            self.counts.first_failure.get_or_insert_with(|| why.to_owned());
        }
        // What came due meanwhile is sent when its turn comes next, late: the schedule does not forget it.
        let next = self.connections[index].next;
        self.connections[index] = connect(&self.epoll, self.options.target, index, next)?;
        Ok(())
    }

    fn report(&self) -> serde_json::Value {
        let micros = |nanos: u64| nanos as f64 / 1000.0;
        let at = |quantile: f64| micros(self.latencies.value_at_quantile(quantile));
        json!({
            "offered_rate": self.options.rate,
            "answered_rate": self.latencies.len() as f64 / self.options.seconds,
            "sent": self.counts.sent,
            "answered": self.counts.answered,
            "failed": self.counts.failed,
            "closed": self.counts.closed,
            "first_failure": self.counts.first_failure,
            "p50": at(0.5),
            "p90": at(0.9),
            "p99": at(0.99),
            "p999": at(0.999),
            "max": micros(self.latencies.max()),
            "lateness_p99": micros(self.lateness.value_at_quantile(0.99)),
        })
    }
}

fn connect(
    epoll: &rustix::fd::OwnedFd,
    target: SocketAddr,
    index: usize,
    next: u64,
) -> io::Result<Connection> {
    let stream = TcpStream::connect(target)?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    epoll::add(epoll, &stream, epoll::EventData::new_u64(index as u64), epoll::EventFlags::IN)?;
    Ok(Connection { stream, input: Vec::with_capacity(INPUT), waiting: None, next })
}

fn main() -> io::Result<()> {
    // The kernel's default slack of 50 microseconds is more than what is measured here.
    rustix::thread::set_current_timer_slack(NonZeroU64::new(1))?;
    let mut load = Load::new(Options::parse())?;
    load.run()?;
    println!("{}", load.report());
    Ok(())
}
