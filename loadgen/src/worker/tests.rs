//! Tests of the worker in the simulation, and what its parts share.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use ringway_ring::buf::{Buf, SMALL};
use ringway_ring::mailbox::{MailboxSender, mailbox};
use ringway_ring::net::{Alarm, Listener, Runtime, Stream};
use ringway_ring::sim::{Faults, Outcome, SimRuntime, SimStream, World};

use super::*;
use crate::check::{BodyCheck, Check};
use crate::failure::Failure;
use crate::plan::{Arrivals, Load, Part, Plan, Request, Requests, Segment, Target, Template, Timeouts};
use crate::schedule::replay_times;

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A request to `/`.
pub(crate) fn request(name: &str) -> Request {
    let message = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec();
    Request {
        name: name.into(),
        weight: 1.0,
        message: Template { parts: vec![Part::Fixed(message)] },
        is_head: false,
        check: Check::default(),
    }
}

/// A closed loop of a second on one connection.
pub(crate) fn plan() -> Plan {
    Plan {
        target: Target { url: "http://a".into(), host: "a".into(), port: 80, authority: "a".into() },
        load: Load::Closed,
        duration: Some(Duration::from_secs(1)),
        warmup: Duration::ZERO,
        requests_max: None,
        connections: 1,
        pipeline: 1,
        requests_per_connection: None,
        requests: Requests::Mix(vec![request("a")]),
        timeouts: Timeouts::default(),
        threads: 1,
        seed: 1,
        notes: Vec::new(),
    }
}

fn open_plan(rate: f64, seconds: u64, connections: usize) -> Plan {
    let duration = Duration::from_secs(seconds);
    let profile = vec![Segment { duration, from: rate, to: rate }];
    Plan {
        load: Load::Open { profile, arrivals: Arrivals::Uniform },
        duration: Some(duration),
        connections,
        ..plan()
    }
}

/// What the backend does with a request.
#[derive(Clone)]
enum Act {
    /// Answers with these bytes after so many nanoseconds.
    Answer(Vec<u8>, u64),
    /// Sends these bytes and closes.
    Close(Vec<u8>),
    /// Sends these bytes and resets.
    Reset(Vec<u8>),
    /// Sends these bytes, then nothing for ever.
    Stall(Vec<u8>),
}

fn answer(delay: u64) -> Act {
    Act::Answer(OK.to_vec(), delay)
}

/// Decides by the number of the request and the time since the first.
type Decide = Rc<dyn Fn(u64, u64) -> Act>;

struct Backend {
    runtime: SimRuntime,
    decide: Decide,
    requests: Cell<u64>,
    begin: Cell<u64>,
    accepted: Cell<u64>,
}

impl Backend {
    fn start(runtime: SimRuntime, addr: SocketAddr, decide: Decide) -> Rc<Self> {
        let listener = runtime.listen(addr, 1024).unwrap();
        let backend = Rc::new(Backend {
            runtime: runtime.clone(),
            decide,
            requests: Cell::new(0),
            begin: Cell::new(0),
            accepted: Cell::new(0),
        });
        let accepting = backend.clone();
        runtime.spawn(async move {
            loop {
                let Ok(stream) = listener.accept().await else { continue };
                accepting.accepted.set(accepting.accepted.get() + 1);
                let serving = accepting.clone();
                accepting.runtime.spawn(async move { serving.serve(stream).await });
            }
        });
        backend
    }

    async fn serve(&self, stream: SimStream) {
        let alarm = self.runtime.alarm().unwrap();
        let mut input = Vec::new();
        loop {
            while let Some(end) = input.windows(4).position(|four| four == b"\r\n\r\n") {
                input.drain(..end + 4);
                let number = self.requests.replace(self.requests.get() + 1);
                let now = self.runtime.now();
                if number == 0 {
                    self.begin.set(now);
                }
                let (bytes, after) = match (self.decide)(number, now - self.begin.get()) {
                    Act::Answer(bytes, delay) => {
                        alarm.set(now + delay);
                        alarm.wait().await;
                        (bytes, None)
                    }
                    Act::Close(bytes) => (bytes, Some(0)),
                    Act::Reset(bytes) => (bytes, Some(1)),
                    Act::Stall(bytes) => (bytes, Some(2)),
                };
                if !bytes.is_empty() && stream.send(Buf::copy_of(&bytes)).await.is_err() {
                    return;
                }
                match after {
                    None => {}
                    Some(0) => return,
                    Some(1) => {
                        // Only once what was sent is there: a reset may overtake it.
                        self.runtime.wheel().sleep_until(self.runtime.now() + 5 * MS).await;
                        return stream.set_abortive();
                    }
                    Some(_) => return stream.closed().await,
                }
            }
            match stream.recv(SMALL).await {
                Ok(bytes) if !bytes.is_empty() => input.extend_from_slice(&bytes),
                _ => return,
            }
        }
    }
}

/// A run in the simulation.
struct Trial {
    world: World,
    backend: Rc<Backend>,
    orders: Vec<MailboxSender<Order>>,
    news: Receiver<News>,
    outcomes: Rc<RefCell<Vec<Option<WorkerOutcome>>>>,
    threads: usize,
}

impl Trial {
    fn new(plan: Plan, decide: impl Fn(u64, u64) -> Act + 'static) -> Self {
        Trial::with(plan, Faults::default(), decide)
    }

    fn with(plan: Plan, faults: Faults, decide: impl Fn(u64, u64) -> Act + 'static) -> Self {
        let mut world = World::new(plan.seed, faults);
        let addr: SocketAddr = "10.9.0.1:80".parse().unwrap();
        let backend = Backend::start(world.core(), addr, Rc::new(decide));
        let plan = Arc::new(plan);
        let (groups, replay) = (Arc::new(Groups::new(&plan.requests)), replay_times(&plan));
        let (sender, news) = sync_channel(10_000);
        let outcomes: Rc<RefCell<Vec<Option<WorkerOutcome>>>> = Rc::default();
        let mut orders = Vec::new();
        for index in 0..plan.threads {
            let (order, mailbox) = mailbox(8);
            orders.push(order);
            let host = WorkerHost {
                plan: plan.clone(),
                groups: groups.clone(),
                replay_times: replay.clone(),
                duration: plan.duration.filter(|_| !matches!(plan.load, Load::Replay { .. })),
                target: addr,
                shard: Shard { index, of: plan.threads },
                orders: mailbox,
                news: sender.clone(),
                usage: Usage::default,
            };
            let (core, done) = (world.core(), outcomes.clone());
            core.clone().spawn(async move {
                let outcome = run_worker(core, host).await.unwrap();
                done.borrow_mut().push(outcome);
            });
        }
        Trial { world, backend, orders, news, outcomes, threads: plan.threads }
    }

    /// Starts all threads once they are ready; returns the time of the start.
    fn start(&mut self) -> u64 {
        let mut ready = Vec::new();
        let outcome = self.world.run_until(
            || {
                ready.extend(self.news.try_iter().map(|news| match news {
                    News::Ready(now) => now,
                    other => panic!("{other:?} before the start"),
                }));
                ready.len() == self.threads
            },
            60 * SECOND,
        );
        assert_eq!(outcome, Outcome::Done, "{}", self.world.report());
        let start = ready.iter().max().unwrap() + 2 * MS;
        self.order(Order::Start(start));
        start
    }

    fn order(&self, order: Order) {
        self.orders.iter().for_each(|orders| orders.try_send(order).unwrap());
    }

    fn finish(&mut self) -> Vec<WorkerOutcome> {
        let outcome = self.world.run_until(|| self.outcomes.borrow().len() == self.threads, 3600 * SECOND);
        assert_eq!(outcome, Outcome::Done, "{}", self.world.report());
        assert_eq!(self.world.violations(), Vec::<String>::new());
        self.outcomes.borrow_mut().drain(..).map(|outcome| outcome.expect("it ran")).collect()
    }
}

/// Runs a plan of one thread to its end.
fn run(plan: Plan, decide: impl Fn(u64, u64) -> Act + 'static) -> (WorkerOutcome, Trial) {
    let mut trial = Trial::new(plan, decide);
    trial.start();
    let outcome = trial.finish().pop().unwrap();
    (outcome, trial)
}

fn failures(outcome: &WorkerOutcome) -> Vec<(Failure, u64)> {
    let counts = &outcome.measured.counts.failed;
    Failure::ALL.into_iter().zip(*counts).filter(|(_, count)| *count > 0).collect()
}

/// Milliseconds at a quantile.
fn at(histogram: &hdrhistogram::Histogram<u64>, quantile: f64) -> f64 {
    histogram.value_at_quantile(quantile) as f64 / 1e6
}

mod failing;
mod pacing;
