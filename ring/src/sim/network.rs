//! Who listens, who connects, and all connections.

use std::collections::{BTreeMap, VecDeque};
use std::io::{ErrorKind, Result};
use std::net::SocketAddr;
use std::task::{Context, Poll, Waker};

use super::connection::{CLIENT, Connection, SERVER};
use super::wire::{Event, Wire};

/// A host whose backlog is full drops the knock, and the connecting one knocks again after this.
const RETRY_NS: u64 = 1_000_000_000;

pub(super) struct Network {
    pub(super) wire: Wire,
    pub(super) connections: BTreeMap<u64, Connection>,
    listeners: BTreeMap<u64, Listening>,
    attempts: BTreeMap<u64, Attempt>,
    next_id: u64,
    next_port: u16,
}

struct Listening {
    addr: SocketAddr,
    backlog: usize,
    /// Connected and not accepted.
    waiting: VecDeque<u64>,
    waker: Option<Waker>,
    abandoned: bool,
}

struct Attempt {
    from: SocketAddr,
    to: SocketAddr,
    /// What will be answered; there is a connection from the knock on.
    outcome: std::result::Result<Option<u64>, ErrorKind>,
    answered: bool,
    waker: Option<Waker>,
}

impl Network {
    pub(super) fn new(wire: Wire) -> Self {
        Network {
            wire,
            connections: BTreeMap::new(),
            listeners: BTreeMap::new(),
            attempts: BTreeMap::new(),
            next_id: 1,
            next_port: 0,
        }
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    /// A port that connecting ends and listeners on port 0 get.
    fn port(&mut self) -> u16 {
        self.next_port = (self.next_port + 1) % 28_000;
        32_768 + self.next_port
    }

    pub(super) fn connection(&mut self, id: u64) -> (&mut Connection, &mut Wire) {
        let connection = self.connections.get_mut(&id).expect("a held end keeps its connection");
        (connection, &mut self.wire)
    }

    pub(super) fn listen(&mut self, mut addr: SocketAddr, backlog: u32) -> (u64, SocketAddr) {
        if addr.port() == 0 {
            addr.set_port(self.port());
        }
        let id = self.id();
        let backlog = backlog.max(1) as usize;
        let listening = Listening { addr, backlog, waiting: VecDeque::new(), waker: None, abandoned: false };
        self.listeners.insert(id, listening);
        (id, addr)
    }

    /// The listener is dropped; those who wait to be accepted are reset.
    pub(super) fn unlisten(&mut self, listener: u64) {
        let Some(listening) = self.listeners.remove(&listener) else { return };
        for id in listening.waiting {
            self.connection(id).0.set_abortive(SERVER);
            self.close(id, SERVER);
        }
    }

    pub(super) fn poll_accept(&mut self, listener: u64, cx: &Context<'_>) -> Poll<Result<u64>> {
        let listening = self.listeners.get_mut(&listener).expect("a held listener listens");
        if listening.waiting.is_empty() {
            listening.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if self.wire.rng.chance(self.wire.faults.accept_fails) {
            self.wire.record("fault: accept", listener, 0);
            return Poll::Ready(Err(std::io::Error::from_raw_os_error(libc::EMFILE)));
        }
        let id = listening.waiting.pop_front().expect("not empty");
        self.wire.record("accept", id, listener);
        Poll::Ready(Ok(id))
    }

    pub(super) fn begin_accept(&mut self, listener: u64) {
        let listening = self.listeners.get_mut(&listener).expect("a held listener listens");
        if listening.abandoned {
            let addr = listening.addr;
            self.wire.violation(format!(
                "accept on {addr} after a pending one was dropped, which may have lost a connection"
            ));
        }
    }

    pub(super) fn abandon_accept(&mut self, listener: u64) {
        if let Some(listening) = self.listeners.get_mut(&listener) {
            listening.abandoned = true;
        }
    }

    pub(super) fn connect(&mut self, mut from: SocketAddr, to: SocketAddr) -> u64 {
        from.set_port(self.port());
        let attempt = self.id();
        self.attempts.insert(attempt, Attempt { from, to, outcome: Ok(None), answered: false, waker: None });
        self.wire.record("connect", attempt, u64::from(to.port()));
        self.schedule_attempt(Event::Knock { attempt });
        attempt
    }

    fn schedule_attempt(&mut self, event: Event) {
        let at = self.wire.arrival();
        self.wire.schedule(at, event);
    }

    /// Ready with the connection whose client end the caller then holds.
    pub(super) fn poll_connect(&mut self, attempt: u64, cx: &Context<'_>) -> Poll<Result<u64>> {
        let waiting = self.attempts.get_mut(&attempt).expect("a connect is polled until it is ready");
        if !waiting.answered {
            waiting.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let outcome = waiting.outcome;
        self.attempts.remove(&attempt);
        Poll::Ready(outcome.map_err(Into::into).map(|id| id.expect("an answer is a connection or an error")))
    }

    /// The connect is dropped, perhaps between knock and answer.
    pub(super) fn abandon_connect(&mut self, attempt: u64) {
        let Some(attempt) = self.attempts.remove(&attempt) else { return };
        if let Ok(Some(id)) = attempt.outcome {
            self.connection(id).0.set_abortive(CLIENT);
            self.close(id, CLIENT);
        }
    }

    /// An end is dropped.
    pub(super) fn close(&mut self, id: u64, end: usize) {
        let (connection, wire) = self.connection(id);
        connection.close(end, wire);
        if connection.is_over() {
            self.connections.remove(&id);
        }
    }

    /// Lets everything arrive that is due.
    pub(super) fn deliver_due(&mut self) {
        while let Some(event) = self.wire.next_due() {
            match event {
                Event::Segment { connection, from } => {
                    if let Some(connection) = self.connections.get_mut(&connection) {
                        connection.deliver(from, &mut self.wire);
                    }
                }
                Event::Knock { attempt } => self.knock(attempt),
                Event::Answer { attempt } => {
                    if let Some(waiting) = self.attempts.get_mut(&attempt) {
                        waiting.answered = true;
                        waiting.waker.take().into_iter().for_each(Waker::wake);
                        self.wire.record("answer", attempt, u64::from(waiting.outcome.is_ok()));
                    }
                }
            }
        }
    }

    fn knock(&mut self, attempt: u64) {
        let Some(waiting) = self.attempts.get(&attempt) else { return };
        let (from, to) = (waiting.from, waiting.to);
        if self.wire.rng.chance(self.wire.faults.stall_connect) {
            self.wire.record("fault: connect never answered", attempt, 0);
            return;
        }
        let refused = self.wire.rng.chance(self.wire.faults.refuse);
        let listening = |listener: &&Listening| {
            let addr = listener.addr;
            !refused && addr.port() == to.port() && (addr.ip() == to.ip() || addr.ip().is_unspecified())
        };
        if !self.listeners.values().any(|listener| listening(&listener)) {
            self.wire.record("refused", attempt, u64::from(refused));
            self.resolve(attempt, Err(ErrorKind::ConnectionRefused));
            return;
        }
        let has_room = |listener: &Listening| listener.waiting.len() < listener.backlog;
        let mut open: Vec<&mut Listening> =
            self.listeners.values_mut().filter(|l| listening(&&**l) && has_room(l)).collect();
        if open.is_empty() {
            self.wire.record("backlog full", attempt, 0);
            self.wire.schedule(self.wire.now + RETRY_NS, Event::Knock { attempt });
            return;
        }
        let chosen = self.wire.rng.below(open.len() as u64) as usize;
        let id = self.next_id;
        self.next_id += 1;
        self.connections.insert(id, Connection::new(id, from, to));
        open[chosen].waiting.push_back(id);
        open[chosen].waker.take().into_iter().for_each(Waker::wake);
        self.wire.record("connected", id, chosen as u64);
        self.resolve(attempt, Ok(Some(id)));
    }

    fn resolve(&mut self, attempt: u64, outcome: std::result::Result<Option<u64>, ErrorKind>) {
        if let Some(waiting) = self.attempts.get_mut(&attempt) {
            waiting.outcome = outcome;
            self.schedule_attempt(Event::Answer { attempt });
        }
    }
}
