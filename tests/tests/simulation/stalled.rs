//! Integrations that stall, by the ten thousand: each request ends at its integration timeout, and nothing is left of it.
//!
//! They come in waves of at most 100,000 at a time, so that a million fits into a few gigabytes.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ringway_core::http1::{BodyLength, HeadLimits, Method, Parsed, ResponseHead, Scan, parse_response};
use ringway_core::model::{HttpMethod, Integration, IntegrationType, Method as ApiMethod, Resource};
use ringway_core::snapshot::publish::Publisher;
use ringway_core::snapshot::{Registry, compile};
use ringway_core::telemetry::counters::CoreCounters;
use ringway_dataplane::{CoreHost, CoreSettings, LogSink, run_core};
use ringway_ring::buf::{Buf, SMALL};
use ringway_ring::mailbox::{MailboxSender, mailbox};
use ringway_ring::net::{Listener, Runtime, Stream};
use ringway_ring::sim::{Faults, Outcome, SimListener, SimRuntime, SimStream, World};
use ringway_ring::wheel::TICK_NS;
use serde_json::json;

use crate::client::gateway as gateway_address;
use crate::conditions::SECOND;
use crate::gateway::{compile_settings, configuration};
use crate::number;
use crate::time::sleep;

/// Requests of an ordinary test run.
const STALLED: u64 = 10_000;
/// Requests that stall at the same time.
const WAVE_MAX: u64 = 100_000;
/// The time over which those of a wave come.
const OVER: u64 = 5 * SECOND;
/// AWS's integration timeout (spec sheet §7).
const TIMEOUT: u64 = 29 * SECOND;
const CORES: usize = 2;
/// From so many waves on, memory after the last is held against memory after the middle one.
const WAVES_COMPARED: usize = 6;
/// Of about 2 GB that stays with the allocator, this is less than a hundred bytes for each request in between.
const GROWTH_MAX: f64 = 1.02;
const TIMED_OUT: &[u8] = br#"{"message":"Endpoint request timed out"}"#;
/// The whole answer that no backend ever sends to its end.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nand then it stood still";
/// Where the head of [`ANSWER`] ends.
const HEAD: usize = 43;

/// Where a backend stands still.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    /// Its queue is full: connects are not answered.
    Connect,
    /// It never accepts.
    Accept,
    /// It sends nothing.
    Head,
    /// It stops within the head.
    MidHead,
    /// It stops within the body.
    MidBody,
    /// It goes on sending, a few bytes a second.
    Drip,
}

impl Phase {
    const ALL: [Phase; 6] =
        [Phase::Connect, Phase::Accept, Phase::Head, Phase::MidHead, Phase::MidBody, Phase::Drip];

    fn address(self) -> SocketAddr {
        ([10, 9, 0, 1], 9000 + self as u16).into()
    }

    fn path(self) -> String {
        format!("/{self:?}")
    }

    /// Whether the head of the backend's answer has been passed on when the time is over.
    fn is_begun(self) -> bool {
        matches!(self, Phase::MidBody | Phase::Drip)
    }
}

/// How the requests ended.
#[derive(Debug, Default)]
struct Tally {
    answered: Cell<u64>,
    cut: Cell<u64>,
    /// Nanoseconds after the timeout at which the last byte or the close came: least and most.
    least: Cell<u64>,
    most: Cell<u64>,
    wrong: RefCell<Option<String>>,
}

impl Tally {
    fn ended(&self) -> u64 {
        self.answered.get() + self.cut.get()
    }

    fn wrong(&self, what: impl FnOnce() -> String) {
        self.wrong.borrow_mut().get_or_insert_with(what);
    }
}

struct Stall {
    world: World,
    backend: SimRuntime,
    client: SimRuntime,
    cores: Vec<(SimRuntime, Arc<CoreCounters>)>,
    /// Keeps the cores from draining.
    _mailboxes: Vec<MailboxSender<ringway_dataplane::CoreMessage>>,
    /// What is there when no request is: tasks of each core, and timers of all.
    tasks: Vec<usize>,
    timers: usize,
    tally: Rc<Tally>,
}

#[test]
fn stalled_requests_end_at_their_timeout_and_leave_nothing() {
    let count = number("RINGWAY_SIM_STALLED").unwrap_or(STALLED);
    let mut stall = Stall::new();
    let mut left = count;
    let mut resident = Vec::new();
    while left > 0 {
        let wave = left.min(WAVE_MAX);
        stall.wave(wave);
        left -= wave;
        resident.push(resident_bytes());
    }
    let tally = &stall.tally;
    assert_eq!(tally.ended(), count);
    // A sixth each, as they are dealt out in turn: those whose answer had begun are cut.
    let begun: u64 = waves(count)
        .map(|wave| (0..wave).filter(|n| Phase::ALL[*n as usize % 6].is_begun()).count() as u64)
        .sum();
    assert_eq!((tally.answered.get(), tally.cut.get()), (count - begun, begun));
    // Waves of the first half fill the allocator's lists; those of the second find them.
    let (middle, last) = (resident[resident.len() / 2], resident[resident.len() - 1]);
    let growth = last as f64 / middle as f64;
    println!(
        "stalled: {}",
        json!({
            "requests": count,
            "at_once": count.min(WAVE_MAX),
            "answered": tally.answered.get(),
            "cut": tally.cut.get(),
            "earliest_after_us": tally.least.get() as f64 / 1e3,
            "latest_after_us": tally.most.get() as f64 / 1e3,
            "memory_growth": growth,
            "peak_mib": peak_mib(),
            "virtual_seconds": stall.world.now() / SECOND,
        })
    );
    if resident.len() >= WAVES_COMPARED {
        assert!(growth <= GROWTH_MAX, "memory grows from wave to wave: {resident:?}");
    }
}

fn waves(count: u64) -> impl Iterator<Item = u64> {
    (0..count.div_ceil(WAVE_MAX)).map(move |n| (count - n * WAVE_MAX).min(WAVE_MAX))
}

impl Stall {
    fn new() -> Self {
        let mut world = World::new(29, Faults::default());
        let mut registry = Registry::new();
        let resources = Phase::ALL.into_iter().map(resource).collect();
        let snapshot =
            compile(&configuration(resources), &compile_settings(), &mut registry).expect("it is right");
        let publisher = Publisher::new(snapshot);
        let (mut cores, mut mailboxes) = (Vec::new(), Vec::new());
        let ready = Arc::new(AtomicUsize::new(0));
        for index in 0..CORES {
            let (sender, mailbox) = mailbox(4);
            let counters = Arc::new(CoreCounters::default());
            counters.reserve(registry.route_labels().len(), registry.stage_labels().len());
            let host = CoreHost {
                index,
                listen: vec![gateway_address()],
                settings: settings(),
                publisher: publisher.clone(),
                counters: counters.clone(),
                log: LogSink::off(),
                explanations: Arc::default(),
                quota_requests: None,
                mailbox,
                ready: ready.clone(),
                seed: index as u64,
            };
            let runtime = world.core();
            let core = runtime.clone();
            runtime.spawn(async move { run_core(core, host).await.expect("a simulated core listens") });
            cores.push((runtime, counters));
            mailboxes.push(sender);
        }
        let is_ready = || ready.load(Ordering::Acquire) == CORES;
        assert_eq!(world.run_until(is_ready, SECOND), Outcome::Done);
        let (backend, client) = (world.core(), world.core());
        for phase in [Phase::Head, Phase::MidHead, Phase::MidBody, Phase::Drip] {
            let listener = backend.listen(phase.address(), u32::MAX).unwrap();
            backend.spawn(serve(backend.clone(), listener, phase));
        }
        assert_eq!(world.run_for(SECOND), Outcome::Done);
        let tasks = cores.iter().map(|(runtime, _)| runtime.live_tasks()).collect();
        let timers = cores[0].0.wheel().timers();
        let tally = Rc::new(Tally { least: Cell::new(u64::MAX), ..Tally::default() });
        Stall { world, backend, client, cores, _mailboxes: mailboxes, tasks, timers, tally }
    }

    /// So many requests at a time, from the first to the last trace of them.
    fn wave(&mut self, count: u64) {
        let queue = self.backend.listen(Phase::Accept.address(), u32::MAX).unwrap();
        let full = self.backend.listen(Phase::Connect.address(), 1).unwrap();
        let filler = self.fill(Phase::Connect.address());
        let (start, before) = (self.world.now(), self.tally.ended());
        for index in 0..count {
            let (runtime, tally) = (self.client.clone(), self.tally.clone());
            let due = start + OVER * index / count;
            self.client.spawn(async move {
                runtime.wheel().sleep_until(due).await;
                ask(&runtime, Phase::ALL[(index % 6) as usize], &tally).await;
            });
        }
        let tally = self.tally.clone();
        let done = || tally.wrong.borrow().is_some() || tally.ended() - before == count;
        let outcome = self.world.run_until(done, OVER + TIMEOUT + 10 * SECOND);
        assert_eq!(*tally.wrong.borrow(), None);
        assert_eq!(outcome, Outcome::Done, "{} of {count} have ended", tally.ended() - before);
        // What waited to be accepted was held by the queue alone.
        drop((full, queue, filler));
        assert_eq!(self.world.run_for(5 * SECOND), Outcome::Done);
        self.check_nothing_is_left();
    }

    /// A connection that takes the only place in the queue of `address`: every connect after it waits.
    fn fill(&mut self, address: SocketAddr) -> Rc<RefCell<Option<SimStream>>> {
        let held: Rc<RefCell<Option<SimStream>>> = Rc::default();
        let (client, hold) = (self.client.clone(), held.clone());
        self.client.spawn(async move {
            let connected = client.connect(address).await;
            *hold.borrow_mut() = Some(connected.expect("the queue has one place"));
        });
        assert_eq!(self.world.run_until(|| held.borrow().is_some(), SECOND), Outcome::Done);
        held
    }

    fn check_nothing_is_left(&self) {
        assert_eq!(self.world.violations(), Vec::<String>::new());
        for ((runtime, counters), tasks) in self.cores.iter().zip(&self.tasks) {
            let gauges = [
                ("connections", &counters.connections),
                ("connections_idle", &counters.connections_idle),
                ("upstream_connections", &counters.upstream_connections),
                ("upstream_idle", &counters.upstream_idle),
                ("upstream_waiting", &counters.upstream_waiting),
            ];
            for (name, gauge) in gauges {
                assert_eq!(gauge.get(), 0, "the gauge {name}");
            }
            assert_eq!((runtime.live_tasks(), runtime.open_streams()), (*tasks, 0));
        }
        assert_eq!(self.world.open_connections(), 0);
        assert_eq!(self.client.live_tasks(), 0);
        assert_eq!(self.cores[0].0.wheel().timers(), self.timers);
        let timeouts: u64 = self.cores.iter().map(|(_, counters)| counters.timeouts.get()).sum();
        assert_eq!(timeouts, self.tally.ended(), "each timeout is counted");
    }
}

fn settings() -> CoreSettings {
    CoreSettings {
        connections_max: WAVE_MAX as usize,
        backlog: u32::MAX,
        upstream_connections_max: WAVE_MAX as usize,
        // The integration timeout is what ends a connect here.
        connect_timeout_nanos: 2 * TIMEOUT,
        ..CoreSettings::default()
    }
}

fn resource(phase: Phase) -> Resource {
    let integration = Integration {
        uri: Some(format!("http://{}/", phase.address())),
        http_method: Some(HttpMethod::Get),
        timeout: Duration::from_nanos(TIMEOUT),
        ..Integration::new(IntegrationType::HttpProxy)
    };
    Resource {
        id: format!("r{}", phase as usize),
        path: phase.path(),
        methods: vec![ApiMethod::new(HttpMethod::Get, integration)],
    }
}

/// A backend that accepts, and stalls each request.
async fn serve(runtime: SimRuntime, listener: SimListener, phase: Phase) {
    loop {
        let stream = listener.accept().await.expect("no fault is injected");
        runtime.spawn(stand_still(runtime.clone(), stream, phase));
    }
}

async fn stand_still(runtime: SimRuntime, stream: SimStream, phase: Phase) {
    // The request is shorter than a segment.
    let Ok(request) = stream.recv(SMALL).await else { return };
    assert!(request.starts_with(b"GET / HTTP/1.1\r\n"), "{:?}", String::from_utf8_lossy(&request));
    drop(request);
    let begun = match phase {
        Phase::MidHead => &ANSWER[..HEAD - 10],
        Phase::MidBody => ANSWER,
        _ => b"",
    };
    if !begun.is_empty() && stream.send(Buf::copy_of(begun)).await.is_err() {
        return;
    }
    if phase == Phase::Drip {
        // The head is complete after six seconds; what follows is body, without an end.
        for part in ANSWER.chunks(8).chain(std::iter::repeat(&b"drip"[..])) {
            if stream.send(Buf::copy_of(part)).await.is_err() {
                return;
            }
            sleep(&runtime, SECOND).await;
        }
    }
    stream.closed().await;
}

/// One request on a connection of its own, judged.
async fn ask(runtime: &SimRuntime, phase: Phase, tally: &Tally) {
    let stream = runtime.connect(gateway_address()).await.expect("the gateway has room");
    let request = format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", phase.path());
    let sent = runtime.now();
    let mut received = stream.send_recv(Buf::copy_of(request.as_bytes()), SMALL).await;
    let mut answer = Vec::new();
    let whole = loop {
        match received {
            Ok(bytes) if !bytes.is_empty() => answer.extend_from_slice(&bytes),
            _ => break false,
        }
        if is_whole(&answer) {
            break true;
        }
        received = stream.recv(SMALL).await;
    };
    let took = runtime.now() - sent;
    // A tick of the wheel, and the way there and back.
    let slack = TICK_NS + 2 * Faults::default().latency_max;
    if !(TIMEOUT..=TIMEOUT + slack).contains(&took) {
        return tally.wrong(|| format!("{phase:?} ended after {took} ns"));
    }
    tally.least.set(tally.least.get().min(took - TIMEOUT));
    tally.most.set(tally.most.get().max(took - TIMEOUT));
    let text = String::from_utf8_lossy(&answer);
    match whole {
        true if text.starts_with("HTTP/1.1 504 ") && answer.ends_with(TIMED_OUT) && !phase.is_begun() => {
            tally.answered.set(tally.answered.get() + 1);
        }
        false if text.starts_with("HTTP/1.1 200 OK\r\n") && phase.is_begun() => {
            tally.cut.set(tally.cut.get() + 1)
        }
        _ => tally.wrong(|| format!("{phase:?} was answered {text:?}")),
    }
}

/// Whether head and body are there.
fn is_whole(answer: &[u8]) -> bool {
    let mut head = ResponseHead::default();
    let parsed = parse_response(answer, &mut Scan::default(), &HeadLimits::default(), Method::Get, &mut head);
    match (parsed.expect("the gateway sends HTTP"), head.body) {
        (Parsed::Complete, BodyLength::Length(length)) => answer.len() as u64 >= head.len as u64 + length,
        _ => false,
    }
}

/// Resident memory of this process.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux tells");
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number of pages");
    pages * 4096
}

/// The most resident memory this process has had, in MiB.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the peak is told");
    let kib: u64 = line.split_whitespace().next().and_then(|kib| kib.parse().ok()).expect("in kB");
    kib / 1024
}
