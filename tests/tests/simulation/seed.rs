//! One seed: builds its world, lets it run to its end, and judges what is left.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::rc::Rc;

use ringway_core::limits::REQUEST_BODY_NANOS_MAX;
use ringway_ring::net::Runtime;
use ringway_ring::sim::{Faults, Outcome, Rng, World};

use crate::book::Book;
use crate::conditions::{Conditions, MS, SECOND};
use crate::figures::Figures;
use crate::gateway::{self, Gateway};
use crate::request::Route;
use crate::{backend, client, limits};

/// Longest virtual time of a world in which clients still ask.
const LIMIT: u64 = 1200 * SECOND;

/// What a seed has shown.
pub(crate) struct Seen {
    pub(crate) figures: Figures,
    /// Equal for equal runs.
    pub(crate) trace: u64,
    /// The first thing that must not happen.
    pub(crate) violation: Option<String>,
    /// The conditions and the latest events of the network.
    pub(crate) report: String,
}

/// Runs a seed; a traced one prints what happens.
pub(crate) fn run(seed: u64, traced: bool) -> Seen {
    let rng = Rng::new(seed ^ 0x51e3_d0c4_aa17_93b5);
    let conditions = Conditions::new(&rng);
    let mut world = World::new(seed, conditions.faults.clone());
    let book = Book::new(conditions, rng, traced);
    let gateway = Gateway::start(&mut world, &book);
    backend::start(&mut world, &book);
    let living = Rc::new(Cell::new(0));
    let mut run = Run { world, book, gateway, living, log: RefCell::default() };
    if let Err(violation) = run.play() {
        run.book.violation(violation);
    }
    run.seen()
}

struct Run {
    world: World,
    book: Rc<Book>,
    gateway: Rc<Gateway>,
    /// Clients that have not ended.
    living: Rc<Cell<usize>>,
    log: RefCell<Vec<u8>>,
}

impl Run {
    fn play(&mut self) -> Result<(), String> {
        let gateway = self.gateway.clone();
        self.until(|| gateway.is_ready(), SECOND, "the cores do not listen")?;
        self.start_clients();
        let operator = self.world.core();
        operator.spawn(gateway::operate(gateway.clone(), operator.clone()));
        let living = self.living.clone();
        self.until(|| living.get() == 0, LIMIT, "clients do not come to an end")?;
        gateway.drain();
        let began = self.book.drain_began.get().unwrap_or(0);
        let deadline = self.book.conditions.drain_millis * MS;
        let (ended, cores) = (gateway.ended.clone(), gateway.cores.len());
        let left = (began + deadline + 10 * MS).saturating_sub(self.world.now()).max(MS);
        self.until(|| ended.get() == cores, left, "the cores do not end in their time")?;
        self.settle()
    }

    fn start_clients(&mut self) {
        for _ in 0..self.book.conditions.clients {
            let runtime = self.world.core();
            self.living.set(self.living.get() + 1);
            let (book, living) = (self.book.clone(), self.living.clone());
            runtime.clone().spawn(async move {
                client::live(book, runtime).await;
                living.set(living.get() - 1);
            });
        }
    }

    /// Lets the world run until `done`, or until something happened that must not.
    fn until(&mut self, done: impl Fn() -> bool, limit: u64, otherwise: &str) -> Result<(), String> {
        let (book, gateway, log) = (&self.book, &self.gateway, &self.log);
        let outcome = self.world.run_until(
            || {
                gateway.take_log(&mut log.borrow_mut());
                gateway.grant();
                book.first_violation().is_some() || done()
            },
            limit,
        );
        match (outcome, book.first_violation()) {
            (_, Some(violation)) => Err(violation),
            (Outcome::Done, None) => Ok(()),
            (outcome, None) => Err(format!("{otherwise}: {outcome:?}")),
        }
    }

    /// Good weather: all that is under way ends, and nothing may be left.
    fn settle(&mut self) -> Result<(), String> {
        self.world.set_faults(Faults::default());
        let limit = self.world.now() + 200 * SECOND;
        while self.world.open_connections() > 0 && self.world.now() < limit {
            self.until(|| false, SECOND, "").or_else(|outcome| match outcome.contains("TimeLimit") {
                true => Ok(()),
                false => Err(outcome),
            })?;
        }
        // Housekeeping takes note of what has changed.
        let _ = self.world.run_for(5 * SECOND);
        self.gateway.take_log(&mut self.log.borrow_mut());
        self.check_what_is_left()?;
        self.check_counters()?;
        self.check_log()
    }

    fn check_what_is_left(&self) -> Result<(), String> {
        if let Some(violation) = self.world.violations().first() {
            return Err(format!("the runtime is misused: {violation}"));
        }
        let open = self.world.open_connections();
        if open > 0 {
            return Err(format!("{open} connections are open after everything has ended"));
        }
        for core in &self.gateway.cores {
            let (tasks, streams) = (core.runtime.live_tasks(), core.runtime.open_streams());
            // Housekeeping lives as long as the runtime.
            if (tasks, streams) != (1, 0) {
                return Err(format!("a core that has ended holds {tasks} tasks and {streams} streams"));
            }
        }
        let timers = self.gateway.cores[0].runtime.wheel().timers();
        if timers > self.gateway.cores.len() {
            return Err(format!("{timers} timers are left"));
        }
        match self.gateway.held_snapshots() {
            0 => Ok(()),
            held => Err(format!("{held} replaced snapshots are still held")),
        }
    }

    fn check_counters(&self) -> Result<(), String> {
        for core in &self.gateway.cores {
            let counters = &core.counters;
            let gauges = [
                ("connections", counters.connections.get()),
                ("connections_idle", counters.connections_idle.get()),
                ("upstream_connections", counters.upstream_connections.get()),
                ("upstream_idle", counters.upstream_idle.get()),
                ("upstream_waiting", counters.upstream_waiting.get()),
            ];
            if let Some((name, value)) = gauges.iter().find(|(_, value)| *value != 0) {
                return Err(format!("the gauge {name} is {} at the end", *value as i64));
            }
            let of_slot =
                |slot| counters.route(slot).map_or(0, |route| route.classes.iter().map(|n| n.get()).sum());
            let counted: u64 = (0..256).map(of_slot).sum();
            // Slot 0 counts what belongs to no route.
            if (counted, of_slot(0)) != (counters.requests.get(), counters.unrouted.get()) {
                return Err(format!("{counted} of {} requests are counted", counters.requests.get()));
            }
            if counters.generation.get() as usize != self.book.published.get() {
                return Err(format!("a core serves generation {}", counters.generation.get()));
            }
        }
        Ok(())
    }

    /// The log has one line for each request; it agrees with what clients were told, and integrations end in their time.
    fn check_log(&self) -> Result<(), String> {
        let log = String::from_utf8_lossy(&self.log.borrow()).into_owned();
        let mut lines: HashMap<&str, Vec<&str>> = HashMap::new();
        let mut limited = Vec::new();
        for line in log.lines() {
            let fields: Vec<&str> = line.split(' ').collect();
            self.check_times(&fields).map_err(|what| format!("{what}: {line}"))?;
            limited.extend(limits::line(&fields));
            if lines.insert(fields[0], fields).is_some() {
                return Err(format!("two log lines have the request id of {line}"));
            }
        }
        limits::check(&self.book, limited)?;
        let (requests, dropped) =
            (self.gateway.sum(|c| c.requests.get()), self.gateway.sum(|c| c.log_dropped.get()));
        if self.gateway.cut_off.get() {
            return Ok(());
        }
        if (lines.len() as u64, dropped) != (requests, 0) {
            return Err(format!("{} log lines for {requests} requests, {dropped} dropped", lines.len()));
        }
        for (id, status) in self.book.told.borrow().iter() {
            let logged = lines.get(id.as_str()).map(|fields| fields[1]);
            if logged != Some(&status.to_string()) {
                return Err(format!("the client was told {status} for {id}, and the log says {logged:?}"));
            }
        }
        Ok(())
    }

    /// In milliseconds, rounded down; a timer fires up to a tick late.
    fn check_times(&self, fields: &[&str]) -> Result<(), String> {
        let [_, _, resource, integration, total, error, _] = fields else {
            return Err("a log line has not seven fields".to_owned());
        };
        let conditions = &self.book.conditions;
        let timeout = match *resource == Route::Fast.resource() {
            true => conditions.timeout_of(Route::Fast),
            false => conditions.timeout_of(Route::Any),
        };
        let (timeout, head) = (timeout / MS, conditions.settings.head_timeout_nanos / MS);
        let integration: u64 = integration.parse().unwrap_or(0);
        let total: u64 = total.parse().map_err(|_| "no latency")?;
        if *error == "INTEGRATION_TIMEOUT" && !(timeout..=timeout + 2).contains(&integration) {
            return Err(format!("a timeout of {timeout} ms came after {integration} ms"));
        }
        // What is mocked waits for the whole body first.
        let is_mocked = [Route::Mock, Route::Limited].iter().any(|route| *resource == route.resource());
        let longest = if is_mocked { REQUEST_BODY_NANOS_MAX / MS } else { timeout };
        if integration > timeout + 2 || total > head + longest + 4 {
            return Err(format!("an exchange outlived its timeout of {timeout} ms"));
        }
        Ok(())
    }

    fn seen(self) -> Seen {
        let mut figures = self.book.figures.borrow().clone();
        figures.seeds = 1;
        figures.timeouts = self.gateway.sum(|counters| counters.timeouts.get());
        figures.retries = self.gateway.sum(|counters| counters.upstream_retries.get());
        figures.upstream_connections = self.gateway.sum(|counters| counters.upstream_connects.get());
        figures.faults_injected = self.world.faults_injected();
        figures.virtual_seconds = self.world.now() / SECOND;
        let mut report = String::new();
        let _ = writeln!(report, "{:#?}", self.book.conditions);
        report.push_str(&self.world.report());
        Seen { figures, trace: self.world.trace_hash(), violation: self.book.first_violation(), report }
    }
}
