//! What happened in a world: everybody writes here, and what must not happen is noticed here.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use ringway_ring::sim::Rng;

use crate::conditions::Conditions;
use crate::figures::Figures;
use crate::request::{Request, Route};

/// A configuration that was published.
#[derive(Debug)]
pub(crate) struct Generation {
    /// Which backend and port answers a route, as an authority.
    pub(crate) authorities: HashMap<Route, String>,
}

/// The head of a request that reached a backend.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) at: u64,
    /// Of the configuration that sent it there.
    pub(crate) generation: usize,
}

/// One request and what became of it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) request: Rc<Request>,
    /// When the client began.
    pub(crate) begun: u64,
    /// Newest generation at that time.
    pub(crate) generation: usize,
    /// When its last byte was (or began to be) handed to the network; `None` if that never happened.
    pub(crate) whole_at: Option<u64>,
    /// When its client went away without waiting for the answer.
    pub(crate) left_at: Option<u64>,
    pub(crate) arrivals: Vec<Arrival>,
    /// How often a backend has carried it out.
    pub(crate) executions: usize,
}

/// The book of one world.
#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) conditions: Conditions,
    pub(crate) rng: Rng,
    entries: RefCell<Vec<Entry>>,
    /// Index is the generation; the first that is published is 1.
    pub(crate) generations: RefCell<Vec<Generation>>,
    pub(crate) published: Cell<usize>,
    pub(crate) drain_began: Cell<Option<u64>>,
    /// When backends closed kept connections without having said so.
    pub(crate) silent_closes: RefCell<Vec<u64>>,
    pub(crate) figures: RefCell<Figures>,
    /// Request ids that clients were told, with the status.
    pub(crate) told: RefCell<Vec<(String, u16)>>,
    ids: RefCell<HashSet<String>>,
    violations: RefCell<Vec<String>>,
    /// Whether to print what happens.
    traced: bool,
}

impl Book {
    pub(crate) fn new(conditions: Conditions, rng: Rng, traced: bool) -> Rc<Self> {
        Rc::new(Book {
            conditions,
            rng,
            entries: RefCell::default(),
            generations: RefCell::default(),
            published: Cell::new(0),
            drain_began: Cell::new(None),
            silent_closes: RefCell::default(),
            figures: RefCell::default(),
            told: RefCell::default(),
            ids: RefCell::default(),
            violations: RefCell::default(),
            traced,
        })
    }

    /// Something happened that must not.
    pub(crate) fn violation(&self, text: String) {
        self.violations.borrow_mut().push(text);
    }

    /// Prints what happened at `now`, if this run is traced.
    pub(crate) fn note(&self, now: u64, what: impl FnOnce() -> String) {
        if self.traced {
            println!("{:>14.6} s  {}", now as f64 / 1e9, what());
        }
    }

    pub(crate) fn first_violation(&self) -> Option<String> {
        self.violations.borrow().first().cloned()
    }

    /// Enters a request that `make` makes for its id and that a client begins to send now.
    pub(crate) fn enter(
        &self,
        now: u64,
        make: impl FnOnce(&Rng, &Conditions, usize) -> Request,
    ) -> Rc<Request> {
        let id = self.entries.borrow().len();
        let request = Rc::new(make(&self.rng, &self.conditions, id));
        self.entries.borrow_mut().push(Entry {
            request: request.clone(),
            begun: now,
            generation: self.published.get(),
            whole_at: None,
            left_at: None,
            arrivals: Vec::new(),
            executions: 0,
        });
        self.figures.borrow_mut().requests += 1;
        request
    }

    /// How many requests there are.
    pub(crate) fn requests(&self) -> usize {
        self.entries.borrow().len()
    }

    /// Reads or writes an entry.
    pub(crate) fn with<T>(&self, id: usize, look: impl FnOnce(&mut Entry) -> T) -> T {
        look(&mut self.entries.borrow_mut()[id])
    }

    /// The request that a backend was sent, by the text of its id.
    pub(crate) fn find(&self, id: &str) -> Option<Rc<Request>> {
        let id: usize = id.parse().ok()?;
        self.entries.borrow().get(id).map(|entry| entry.request.clone())
    }

    /// Whether the drain has begun.
    pub(crate) fn draining(&self) -> bool {
        self.drain_began.get().is_some()
    }

    /// A client was told a request id: no two answers have the same.
    pub(crate) fn tell(&self, id: &str, status: u16) {
        if !self.ids.borrow_mut().insert(id.to_owned()) {
            self.violation(format!("two answers have the request id {id}"));
        }
        self.told.borrow_mut().push((id.to_owned(), status));
    }
}
