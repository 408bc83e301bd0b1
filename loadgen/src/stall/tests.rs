//! The scenario against simulated gateways: one that does right, and some that do not.

use std::net::SocketAddr;

use ringway_ring::buf::Buf;
use ringway_ring::net::{Listener, Stream};
use ringway_ring::sim::{Faults, Outcome, SimRuntime, World};
use serde_json::{Value, json};

use super::*;
use crate::stall::args::tests::scenario;

const SECOND: u64 = 1_000_000_000;
const ANSWER: &str = "HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 2\r\n\r\nno";
const BEGUN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nbegun";

/// A gateway that says `first`, waits until so long after the request, says `last` and closes.
fn gateway(world: &mut World, address: SocketAddr, first: &'static str, after: u64, last: &'static str) {
    let runtime = world.core();
    let listener = runtime.listen(address, 128).unwrap();
    runtime.clone().spawn(async move {
        while let Ok(stream) = listener.accept().await {
            runtime.spawn(answer(runtime.clone(), stream, first, after, last));
        }
    });
}

async fn answer<S: Stream>(runtime: SimRuntime, stream: S, first: &str, after: u64, last: &str) {
    let request = stream.recv(4096).await.unwrap();
    assert!(request.starts_with(b"GET /x HTTP/1.1\r\n"), "{request:?}");
    let due = runtime.now() + after;
    for (text, at) in [(first, 0), (last, due)] {
        runtime.wheel().sleep_until(at).await;
        if !text.is_empty() {
            stream.send(Buf::copy_of(text.as_bytes())).await.unwrap();
        }
    }
}

/// What `words` report of gateways that answer the phases `head` and `mid-body`.
fn report(
    words: &[&str],
    head: (&'static str, u64, &'static str),
    body: (&'static str, u64, &'static str),
) -> Value {
    let mut world = World::new(3, Faults::default());
    let addresses = [1, 2].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    gateway(&mut world, addresses[0], head.0, head.1, head.2);
    gateway(&mut world, addresses[1], body.0, body.1, body.2);
    let fixed = [
        "--url-head",
        "http://127.0.0.1:1/x",
        "--url-mid-body",
        "http://127.0.0.1:2/x",
        "--phases",
        "head,mid-body",
        "--count",
        "100",
        "--expect-body",
        "no",
    ];
    let scenario = Rc::new(scenario(&[&fixed, words].concat()).unwrap());
    let (runtime, asked) = (world.core(), scenario.clone());
    let seen: Rc<RefCell<Option<AllSeen>>> = Rc::default();
    let places: Vec<(Phase, Place)> = (scenario.phases.iter().zip(addresses))
        .map(|((phase, url), address)| (*phase, Place { address, request: url.request.clone() }))
        .collect();
    let kept = seen.clone();
    runtime.clone().spawn(async move {
        let begin = runtime.now() + SECOND;
        *kept.borrow_mut() = Some(stall(runtime, &asked, &places, begin).await.unwrap());
    });
    assert_eq!(
        world.run_until(|| seen.borrow().is_some(), 100 * SECOND),
        Outcome::Done,
        "{}",
        world.report()
    );
    assert_eq!(world.violations(), Vec::<String>::new());
    Summary::new(&scenario, &seen.take().unwrap(), None).json()
}

#[test]
fn a_gateway_that_keeps_to_the_limit_is_right() {
    let report = report(&[], ("", 29 * SECOND, ANSWER), (BEGUN, 29 * SECOND, ""));
    assert_eq!(report["right"], json!(true), "{report:#}");
    let all = &report["all"];
    assert_eq!((&all["answered"], &all["cut"], &all["early"]), (&json!(50), &json!(50), &json!(0)));
    // The network takes up to 0.2 ms each way, a tick of the wheel 1.05 ms.
    let over = all["over_us"]["p999"].as_f64().unwrap();
    assert!((0.0..2000.0).contains(&over), "{over}");
    assert!(all["earliest_s"].as_f64().unwrap() >= 29.0);
}

#[test]
fn a_gateway_that_is_early_or_late_is_not() {
    let early = report(&[], ("", 28 * SECOND, ANSWER), (BEGUN, 29 * SECOND, ""));
    assert_eq!((&early["right"], &early["all"]["early"]), (&json!(false), &json!(50)));
    assert_eq!(early["phases"]["mid-body"]["early"], json!(0));
    let late = report(&[], ("", 29 * SECOND + 4_000_000, ANSWER), (BEGUN, 29 * SECOND, ""));
    assert_eq!((&late["right"], &late["all"]["wrong"]), (&json!(false), &json!(0)));
    let tolerated =
        report(&["--within", "6ms"], ("", 29 * SECOND + 4_000_000, ANSWER), (BEGUN, 29 * SECOND, ""));
    assert_eq!(tolerated["right"], json!(true));
}

#[test]
fn a_gateway_that_answers_otherwise_is_not() {
    let wrong = |head, body, kind: &str, phase: &str| {
        let report = report(&["--expect-after", "5s"], head, body);
        assert_eq!(report["right"], json!(false));
        assert_eq!(report["phases"][phase]["wrong_by_kind"][kind], json!(50), "{report:#}");
        assert_eq!(report["all"]["wrong"], json!(50));
    };
    let (head, body) = (("", 5 * SECOND, ANSWER), (BEGUN, 5 * SECOND, ""));
    let other_status = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\nno";
    wrong(("", 5 * SECOND, other_status), body, "status", "head");
    wrong(("", 5 * SECOND, "HTTP/1.1 504 x\r\nContent-Length: 2\r\n\r\nna"), body, "body", "head");
    wrong(("", 5 * SECOND, &ANSWER[..40]), body, "closed", "head");
    wrong(("", 5 * SECOND, &ANSWER[..ANSWER.len() - 1]), body, "short_body", "head");
    wrong(("", 5 * SECOND, ""), body, "closed", "head");
    wrong(("", 5 * SECOND, "what"), body, "protocol", "head");
    wrong((BEGUN, 5 * SECOND, ""), body, "cut", "head");
    wrong(head, ("", 5 * SECOND, ANSWER), "answered", "mid-body");
    wrong(head, (BEGUN, 50 * SECOND, ""), "timeout", "mid-body");
}
