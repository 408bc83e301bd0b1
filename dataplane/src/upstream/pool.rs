//! The pool of one endpoint on one core.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use ringway_core::error::GatewayError;
use ringway_core::snapshot::EndpointAddresses;
use ringway_core::telemetry::counters::CoreCounters;
use ringway_ring::net::{Runtime, Stream};

use super::connect::{Connected, connect};
use super::peer::{self, Idle, Peer};
use super::wait::WaitQueue;
use crate::core::Core;
use crate::settings::CoreSettings;

/// A connection used this recently (nanoseconds) is taken without a look at it, which is a system call that a busy core would make for
/// every request: if it is stale, the request is sent again where that is safe, and where it is not (`careful`), there is
/// always a look. What a faulty integration sends unasked within this time is not told from an answer; it is about one turn of a
/// busy core, which is how long proxies that wait for events do not see it either.
const FRESH_NANOS: u64 = 4_000_000;

/// Connections to one endpoint.
pub(crate) struct Pool<R: Runtime> {
    endpoint: Arc<EndpointAddresses>,
    /// Of its core: what is kept when the pool goes is counted off.
    counters: Arc<CoreCounters>,
    pub(super) peers: RefCell<Vec<Peer<R::Stream>>>,
    /// The list that `peers` was made from.
    resolved: RefCell<Arc<Vec<SocketAddr>>>,
    /// Connections in use, kept and being made.
    open: Cell<usize>,
    queue: WaitQueue,
}

impl<R: Runtime> Pool<R> {
    pub(crate) fn new(endpoint: Arc<EndpointAddresses>, counters: Arc<CoreCounters>) -> Self {
        Pool {
            endpoint,
            counters,
            peers: RefCell::new(Vec::new()),
            resolved: RefCell::new(Arc::new(Vec::new())),
            open: Cell::new(0),
            queue: WaitQueue::default(),
        }
    }

    /// A connection for one exchange: a kept one, unless `fresh`; else a new one; else the first that becomes free and that nobody has
    /// waited for longer. `careful` looks at a kept connection even if it was just used: for requests that cannot be sent twice. `now` is
    /// the core's clock.
    pub(crate) async fn acquire<'p>(
        &'p self,
        core: &'p Core<R>,
        now: u64,
        fresh: bool,
        careful: bool,
    ) -> Result<Lease<'p, R>, GatewayError> {
        if !fresh
            && self.lets_pass(core)
            && let Some(lease) = self.kept(core, now, careful)
        {
            return Ok(lease);
        }
        self.acquire_slow(core, fresh, careful).await
    }

    async fn acquire_slow<'p>(
        &'p self,
        core: &'p Core<R>,
        fresh: bool,
        careful: bool,
    ) -> Result<Lease<'p, R>, GatewayError> {
        self.refresh_addresses(&core.counters);
        let mut is_turn = self.lets_pass(core);
        loop {
            // Kept connections that were not taken (to another address, or not fresh) make room for one that is needed.
            let has_room = self.open.get() < core.settings.upstream_connections_max;
            if is_turn && (has_room || self.evict(&core.counters)) {
                let place = OpenPlace::take(self, &core.counters);
                let Connected { stream, addr } = connect(self, core).await?;
                place.keep();
                self.begin(addr);
                return Ok(Lease {
                    pool: self,
                    core,
                    stream: Rc::new(stream),
                    addr,
                    reused: false,
                    reusable: false,
                    finished: 0,
                });
            }
            if self.queue.len() >= core.settings.upstream_wait_queue_max {
                core.counters.upstream_queue_full.add(1);
                return Err(GatewayError::Overloaded);
            }
            let waiting = Waiting::count(&core.counters);
            self.queue.wait().await;
            drop(waiting);
            is_turn = true;
            if !fresh && let Some(lease) = self.kept(core, core.runtime.now(), careful) {
                return Ok(lease);
            }
        }
    }

    /// Whether an exchange that has just come need not wait for others.
    #[inline]
    fn lets_pass(&self, core: &Core<R>) -> bool {
        self.queue.lets_pass(|| {
            let idle: usize = self.peers.borrow().iter().map(|peer| peer.idle.len()).sum();
            idle + core.settings.upstream_connections_max.saturating_sub(self.open.get())
        })
    }

    /// Takes the most recently used connection of the chosen address that is still open.
    #[inline]
    fn kept<'p>(&'p self, core: &'p Core<R>, now: u64, careful: bool) -> Option<Lease<'p, R>> {
        let mut peers = self.peers.borrow_mut();
        let chosen = peer::choose(&peers, if peers.len() > 1 { core.random() } else { 0 }, now)?;
        let peer = &mut peers[chosen];
        while let Some(idle) = peer.idle.pop() {
            core.counters.upstream_idle.sub(1);
            let just_used = now.saturating_sub(idle.since) < FRESH_NANOS;
            if (just_used && !careful) || idle.stream.is_quiet() {
                peer.active += 1;
                let (stream, addr) = (idle.stream, peer.addr);
                return Some(Lease {
                    pool: self,
                    core,
                    stream,
                    addr,
                    reused: true,
                    reusable: false,
                    finished: 0,
                });
            }
            self.closed(&core.counters);
        }
        None
    }

    /// Closes a kept connection to make room.
    fn evict(&self, counters: &CoreCounters) -> bool {
        let evicted = self.peers.borrow_mut().iter_mut().find_map(|peer| peer.idle.pop());
        if evicted.is_some() {
            counters.upstream_idle.sub(1);
            self.closed(counters);
        }
        evicted.is_some()
    }

    /// Closes kept connections that are too old or that the peer has closed; called about once a second.
    pub(crate) fn sweep(&self, now: u64, settings: &CoreSettings, counters: &CoreCounters) {
        self.refresh_addresses(counters);
        let mut swept = 0;
        for peer in self.peers.borrow_mut().iter_mut() {
            let before = peer.idle.len();
            peer.idle.retain(|idle| {
                now.saturating_sub(idle.since) < settings.upstream_idle_timeout_nanos
                    && idle.stream.is_quiet()
            });
            swept += before - peer.idle.len();
        }
        for _ in 0..swept {
            counters.upstream_idle.sub(1);
            self.closed(counters);
        }
    }

    /// Follows the resolver: new addresses become peers, kept connections to gone ones are closed.
    fn refresh_addresses(&self, counters: &CoreCounters) {
        let addresses = self.endpoint.get();
        if Arc::ptr_eq(&addresses, &self.resolved.borrow()) {
            return;
        }
        let mut peers = self.peers.borrow_mut();
        let mut before = std::mem::take(&mut *peers);
        for addr in addresses.iter() {
            let known = before.iter().position(|peer| peer.addr == *addr);
            peers.push(known.map_or_else(|| Peer::new(*addr), |index| before.swap_remove(index)));
        }
        let gone: usize = before.iter().map(|peer| peer.idle.len()).sum();
        drop(peers);
        drop(before);
        for _ in 0..gone {
            counters.upstream_idle.sub(1);
            self.closed(counters);
        }
        *self.resolved.borrow_mut() = addresses;
    }

    /// Tells an address's health.
    pub(super) fn note(&self, addr: SocketAddr, success: bool, now: u64) {
        if let Some(peer) = self.peers.borrow_mut().iter_mut().find(|peer| peer.addr == addr) {
            peer.note(success, now);
        }
    }

    fn begin(&self, addr: SocketAddr) {
        if let Some(peer) = self.peers.borrow_mut().iter_mut().find(|peer| peer.addr == addr) {
            peer.active += 1;
        }
    }

    /// A connection is gone: its place is free.
    fn closed(&self, counters: &CoreCounters) {
        self.open.set(self.open.get() - 1);
        counters.upstream_connections.sub(1);
        self.queue.call();
    }

    /// An exchange has ended; its connection is kept, or closed.
    fn release(&self, core: &Core<R>, stream: Option<Rc<R::Stream>>, addr: SocketAddr, since: u64) {
        let mut peers = self.peers.borrow_mut();
        let peer = peers.iter_mut().find(|peer| peer.addr == addr);
        let kept = match (peer, stream) {
            (Some(peer), stream) => {
                peer.active = peer.active.saturating_sub(1);
                let keep = stream.filter(|_| !core.draining.get());
                let kept = keep.is_some();
                peer.idle.extend(keep.map(|stream| Idle { stream, since }));
                kept
            }
            (None, _) => false,
        };
        drop(peers);
        if kept {
            core.counters.upstream_idle.add(1);
            self.queue.call();
        } else {
            self.closed(&core.counters);
        }
    }
}

impl<R: Runtime> Drop for Pool<R> {
    /// No snapshot names the endpoint any more. Leases borrow the pool, so that only kept connections are left.
    fn drop(&mut self) {
        let idle: usize = self.peers.borrow().iter().map(|peer| peer.idle.len()).sum();
        self.counters.upstream_idle.sub(idle as u64);
        self.counters.upstream_connections.sub(self.open.get() as u64);
    }
}

/// A connection while it serves one exchange. Dropped without [`Lease::finish`], it is closed.
pub(crate) struct Lease<'p, R: Runtime> {
    pool: &'p Pool<R>,
    core: &'p Core<R>,
    stream: Rc<R::Stream>,
    addr: SocketAddr,
    /// Whether it served an exchange before, so that it may be stale.
    pub(crate) reused: bool,
    reusable: bool,
    /// When its exchange was complete.
    finished: u64,
}

impl<R: Runtime> Lease<'_, R> {
    /// The connection.
    #[inline]
    pub(crate) fn stream(&self) -> &Rc<R::Stream> {
        &self.stream
    }

    /// The exchange was complete on this connection at the time `now`: it may serve another if `reusable`.
    pub(crate) fn finish(mut self, reusable: bool, now: u64) {
        self.reusable = reusable;
        self.finished = now;
    }

    /// Tells the health of the address: an answer, or a connection that broke before one.
    pub(crate) fn note(&self, success: bool) {
        // A stale connection says nothing of the address.
        if success || !self.reused {
            self.pool.note(self.addr, success, self.core.runtime.wheel().now());
        }
    }
}

impl<R: Runtime> Drop for Lease<'_, R> {
    fn drop(&mut self) {
        let stream = self.reusable.then(|| self.stream.clone());
        self.pool.release(self.core, stream, self.addr, self.finished);
    }
}

/// A place for a connection that is being made; given back unless it was.
struct OpenPlace<'p, R: Runtime> {
    pool: &'p Pool<R>,
    counters: &'p CoreCounters,
}

impl<'p, R: Runtime> OpenPlace<'p, R> {
    fn take(pool: &'p Pool<R>, counters: &'p CoreCounters) -> Self {
        pool.open.set(pool.open.get() + 1);
        counters.upstream_connections.add(1);
        OpenPlace { pool, counters }
    }

    fn keep(self) {
        std::mem::forget(self);
    }
}

impl<R: Runtime> Drop for OpenPlace<'_, R> {
    fn drop(&mut self) {
        self.pool.closed(self.counters);
    }
}

/// Counts an exchange as waiting.
struct Waiting<'c>(&'c CoreCounters);

impl<'c> Waiting<'c> {
    fn count(counters: &'c CoreCounters) -> Self {
        counters.upstream_waiting.add(1);
        Waiting(counters)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.upstream_waiting.sub(1);
    }
}
