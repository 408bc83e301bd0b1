//! The backend in a simulated network: what it sends, and when.

use std::net::SocketAddr;

use ringway_ring::buf::Buf;
use ringway_ring::net::Stream;
use ringway_ring::sim::{Faults, Outcome, SimRuntime, World};

use super::args::tests::setup;
use super::*;

const MS: u64 = 1_000_000;
const GET: &str = "GET / HTTP/1.1\r\nHost: b\r\n\r\n";
/// A body of 128 bytes, as the backend makes it.
const BODY: &str = "0123456789abcdefghijklmnopqrstuvwxyz";

/// What a client saw: bytes as they came, each part with its time since the request, and how it ended.
#[derive(Debug, Default, Clone, PartialEq)]
struct Saw {
    parts: Vec<(u64, String)>,
    end: Option<(u64, &'static str)>,
}

impl Saw {
    fn text(&self) -> String {
        self.parts.iter().map(|(_, text)| text.as_str()).collect()
    }
}

/// A backend in a world without latency, so that times are its own.
struct Bench {
    world: World,
    core: Rc<Core<SimRuntime>>,
    address: SocketAddr,
}

impl Bench {
    fn new(words: &[&str]) -> Self {
        let faults = Faults { latency_min: 0, latency_max: 0, ..Faults::default() };
        Self::with_faults(words, faults)
    }

    fn with_faults(words: &[&str], faults: Faults) -> Self {
        let mut world = World::new(1, faults);
        let runtime = world.core();
        let setup = setup(words).unwrap();
        let address = SocketAddr::from(([10, 0, 0, 1], 9000));
        let listener = runtime.listen(address, setup.backlog).unwrap();
        let core = Rc::new(Core {
            precise: Precise::start(&runtime).unwrap(),
            random: RefCell::new(SmallRandom::stream(setup.seed, 0)),
            open: Cell::new(0),
            runtime: runtime.clone(),
            setup,
            counters: Arc::default(),
        });
        runtime.spawn(accept(core.clone(), listener));
        Bench { world, core, address }
    }

    /// Sends `request` on a new connection and looks at what comes for `nanos`.
    fn ask(&mut self, request: &str, nanos: u64) -> Saw {
        let saw = self.begin(request);
        assert_eq!(self.world.run_for(nanos), Outcome::Done);
        assert_eq!(self.world.violations(), Vec::<String>::new());
        saw.borrow().clone()
    }

    fn begin(&mut self, request: &str) -> Rc<RefCell<Saw>> {
        let saw: Rc<RefCell<Saw>> = Rc::default();
        let (runtime, address, request) = (self.world.core(), self.address, request.to_owned());
        let seen = saw.clone();
        runtime.clone().spawn(async move {
            let stream = runtime.connect(address).await.unwrap();
            let start = runtime.now();
            stream.send(Buf::copy_of(request.as_bytes())).await.unwrap();
            let end = loop {
                match stream.recv(64 * 1024).await {
                    Ok(bytes) if bytes.is_empty() => break "closed",
                    Ok(bytes) => {
                        let text = String::from_utf8(bytes.to_vec()).unwrap();
                        seen.borrow_mut().parts.push((runtime.now() - start, text));
                    }
                    Err(_) => break "reset",
                }
            };
            seen.borrow_mut().end = Some((runtime.now() - start, end));
        });
        saw
    }

    fn counted(&self, name: &str) -> u64 {
        totals(std::slice::from_ref(&self.core.counters))[name].as_u64().unwrap()
    }
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn equal_requests_different_ones_and_pieces_are_answered_in_order() {
    for short in [0.0, 0.5] {
        let faults = Faults {
            latency_min: 0,
            latency_max: 0,
            short_read: short,
            short_write: short,
            ..Faults::default()
        };
        let words =
            ["--body-bytes", "3", "--route", "/b=status:201,body-bytes:1", "--route", "/big=body-bytes:9000"];
        let mut bench = Bench::with_faults(&words, faults);
        let other = "POST /b?x HTTP/1.1\r\nHost: b\r\nContent-Length: 5\r\n\r\nhello";
        let big = "GET /big HTTP/1.1\r\nHost: b\r\n\r\n";
        let requests = [GET, GET, GET, other, other, GET, big, big, GET].concat();
        let big: String = BODY.chars().cycle().take(9000).collect();
        let (two, one) = (ok("012"), "HTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\n0".to_owned());
        let expected = [&two, &two, &two, &one, &one, &two, &ok(&big), &ok(&big), &two];
        let expected: String = expected.into_iter().map(String::as_str).collect();
        let saw = bench.ask(&requests, 1000 * MS);
        assert_eq!(saw.text(), expected);
        assert_eq!(saw.end, None, "the connection is kept");
        assert_eq!(bench.counted("requests"), 9);
        assert_eq!(bench.counted("bytes_sent"), expected.len() as u64);
        assert_eq!(bench.counted("bytes_received"), requests.len() as u64);
    }
}

#[test]
fn answers_are_late_by_their_delay_exactly() {
    let mut bench =
        Bench::new(&["--delay", "fixed:5ms", "--route", "/slow=delay:fixed:2500ms", "--body-bytes", "1"]);
    let saw = bench.ask(GET, 100 * MS);
    assert_eq!(saw.parts, [(5 * MS, ok("0"))]);
    // Both came at once: each counts from there.
    let saw = bench.ask(&[GET, GET].concat(), 100 * MS);
    assert_eq!(saw.parts.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [5 * MS]);
    let saw = bench.ask("GET /slow HTTP/1.1\r\nHost: b\r\n\r\n", 3000 * MS);
    assert_eq!(saw.parts.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [2500 * MS]);
}

#[test]
fn a_freeze_holds_back_what_is_due_in_it() {
    let mut bench = Bench::new(&["--freeze", "10ms,20ms", "--delay", "fixed:2ms", "--body-bytes", "1"]);
    let first = bench.begin(GET);
    assert_eq!(bench.world.run_for(9 * MS), Outcome::Done);
    // Due at 11 ms, and at 32 ms.
    let frozen = bench.begin(GET);
    assert_eq!(bench.world.run_for(21 * MS), Outcome::Done);
    let after = bench.ask(GET, 100 * MS);
    assert_eq!(first.borrow().parts, [(2 * MS, ok("0"))]);
    assert_eq!(frozen.borrow().parts, [(21 * MS, ok("0"))]);
    assert_eq!(after.parts, [(2 * MS, ok("0"))]);
}

#[test]
fn an_answer_stalls_drips_or_is_cut() {
    let routes = [
        "/none=stall-after:0",
        "/head=stall-after:20",
        "/body=stall-after:60,body-bytes:100",
        "/reset=reset-after:20",
        "/drip=drip:15/1s,body-bytes:1",
    ];
    let words: Vec<&str> = routes.iter().flat_map(|route| ["--route", route]).collect();
    let mut bench = Bench::new(&words);
    let mut ask = |path: &str| bench.ask(&format!("GET {path} HTTP/1.1\r\nHost: b\r\n\r\n"), 60_000 * MS);
    let whole: String = ok(&BODY.repeat(3)[..100]);
    assert_eq!(ask("/none"), Saw::default());
    assert_eq!(ask("/head").text(), ok("")[..20]);
    let body = ask("/body");
    assert_eq!(body.text(), whole[..60]);
    assert_eq!(body.end, None);
    let reset = ask("/reset");
    assert_eq!((reset.text().as_str(), reset.end), (&ok("")[..20], Some((0, "reset"))));
    let drip = ask("/drip");
    let times: Vec<u64> = drip.parts.iter().map(|(at, _)| at / MS).collect();
    assert_eq!((drip.text(), times), (ok("0"), vec![0, 1000, 2000]));
    assert_eq!((bench.counted("stalled"), bench.counted("resets")), (3, 1));
}

#[test]
fn a_stalled_connection_ends_with_its_client() {
    let mut bench = Bench::new(&["--stall-after", "0", "--delay", "fixed:10s"]);
    let (runtime, address) = (bench.world.core(), bench.address);
    runtime.clone().spawn(async move {
        for _ in 0..3 {
            let stream = runtime.connect(address).await.unwrap();
            stream.send(Buf::copy_of(GET.as_bytes())).await.unwrap();
            runtime.wheel().sleep_until(runtime.now() + 5 * MS).await;
        }
    });
    assert_eq!(bench.world.run_for(100 * MS), Outcome::Done);
    assert_eq!((bench.counted("connections"), bench.counted("connections_open")), (3, 0));
    assert_eq!(bench.world.open_connections(), 0);
}

#[test]
fn shares_are_kept_and_repeated_by_their_seed() {
    let words = ["--error-share", "0.1:503", "--reset-share", "0.05", "--body-bytes", "1"];
    let count = |seed: &str| {
        let mut bench = Bench::new(&[&words[..], &["--seed", seed]].concat());
        for _ in 0..2000 {
            bench.ask(GET, MS);
        }
        (bench.counted("errors"), bench.counted("resets"), bench.counted("requests"))
    };
    let (errors, resets, requests) = count("7");
    assert_eq!(requests, 2000);
    // 200 and 100 are expected, with standard deviations of 13 and 10.
    assert!((150..=250).contains(&errors) && (60..=140).contains(&resets), "{errors} {resets}");
    assert_eq!(count("7"), (errors, resets, requests));
    assert_ne!(count("8"), (errors, resets, requests));
}

#[test]
fn connections_close_when_told_to_and_heads_have_no_bodies() {
    let mut bench = Bench::new(&["--close-after", "2", "--body-bytes", "1"]);
    let closing = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n0";
    let saw = bench.ask(&GET.repeat(3), 2000 * MS);
    assert_eq!((saw.text(), saw.end.unwrap().1), (ok("0") + closing, "closed"));
    let mut bench = Bench::new(&["--body-bytes", "1"]);
    let saw = bench.ask("GET / HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n", 2000 * MS);
    assert_eq!((saw.text().as_str(), saw.end), (closing, Some((0, "closed"))));
    let head = bench.ask("HEAD / HTTP/1.1\r\nHost: b\r\n\r\nHEAD / HTTP/1.1\r\nHost: b\r\n\r\n", MS);
    assert_eq!(head.text(), "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n".repeat(2));
    let mut bench = Bench::new(&["--body-bytes", "3", "--chunked", "--header", "X-A: b"]);
    let chunked = "HTTP/1.1 200 OK\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n012\r\n0\r\n\r\n";
    assert_eq!(bench.ask(GET, MS).text(), chunked);
}

#[test]
fn an_echo_tells_what_came() {
    let mut bench = Bench::new(&["--echo"]);
    let post =
        "POST / HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
    assert_eq!(bench.ask(post, MS).text(), ok("hello"));
    let saw = bench.ask("PATCH /p?q=1 HTTP/1.1\r\nHost: b\r\n\r\n", MS).text();
    let told: Value = serde_json::from_str(saw.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(told, json!({ "method": "PATCH", "path": "/p", "query": "q=1", "headers": [["Host", "b"]] }));
    let large = "x".repeat(2 * 1024 * 1024);
    let request = format!("PUT / HTTP/1.1\r\nHost: b\r\nContent-Length: {}\r\n\r\n{large}", large.len());
    let saw = bench.ask(&request, 5000 * MS);
    assert!(saw.text().starts_with("HTTP/1.1 413 ") && saw.end.is_some(), "{saw:?}");
    let expecting = "PUT / HTTP/1.1\r\nHost: b\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi";
    assert_eq!(bench.ask(expecting, MS).text(), "HTTP/1.1 100 Continue\r\n\r\n".to_owned() + &ok("hi"));
}

#[test]
fn what_is_not_http_is_refused() {
    let mut bench = Bench::new(&[]);
    let saw = bench.ask("GET / HTTP/1.1\nHost: b\n\n", 3000 * MS);
    assert!(saw.text().starts_with("HTTP/1.1 400 ") && saw.end.is_some(), "{saw:?}");
    assert_eq!((bench.counted("protocol_errors"), bench.counted("requests")), (1, 0));
}

#[test]
fn too_many_connections_are_closed_and_counted() {
    let mut bench = Bench::new(&["--connections-max", "1"]);
    assert_eq!(bench.ask(GET, MS).end, None);
    assert_eq!(bench.ask(GET, MS).parts, []);
    assert_eq!((bench.counted("connections"), bench.counted("connections_refused")), (1, 1));
}

#[test]
fn never_accepting_and_never_reading_are_told_apart() {
    for (word, connections) in [("--stall-accept", 0), ("--stall-read", 1)] {
        let mut bench = Bench::new(&[word]);
        assert_eq!(bench.ask(GET, 60_000 * MS), Saw::default());
        assert_eq!((bench.counted("connections"), bench.counted("requests")), (connections, 0));
    }
}
