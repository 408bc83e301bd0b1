//! A core: one pinned thread with its connections, pools, counters and ids.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam::channel::Sender;
use ringway_core::cache::Flights;
use ringway_core::http1::{HeadLimits, RequestHead, ResponseHead, Scan};
use ringway_core::ids::{IdSource, RequestId};
use ringway_core::limit::{CoreLimits, QuotaRequest};
use ringway_core::snapshot::publish::Publisher;
use ringway_core::telemetry::counters::CoreCounters;
use ringway_core::telemetry::explanations::Explanations;
use ringway_ring::block::Block;
use ringway_ring::mailbox::Mailbox;
use ringway_ring::net::{Listener, Runtime};
use ringway_ring::wheel::Timer;
use slab::Slab;

use crate::accept;
use crate::adopted::Adopted;
use crate::clock::WallClock;
use crate::log::LogSink;
use crate::queue::Queue;
use crate::settings::CoreSettings;

/// How often a core looks after itself: log batches, newer snapshots, pools.
const HOUSEKEEPING_NANOS: u64 = 100_000_000;
/// Every how many of those pools are swept.
const POOL_SWEEP_TURNS: u64 = 10;
/// A connection begins to wait while its last answer is being sent. A drain closes it only after this time: by then the answer is
/// gone, unless the client does not take it.
const ANSWER_SENT_NANOS: u64 = 250_000_000;
/// Workspaces a core keeps for coming requests.
const WORKSPACES_MAX: usize = 512;
/// How many stay when there are no requests.
const WORKSPACES_KEPT: usize = 16;

/// Connections for which there is always room.
const CONNECTIONS_KEPT: usize = 1024;

/// What a core is started with.
pub struct CoreHost {
    /// Its number, from 0.
    pub index: usize,
    /// Addresses to listen on.
    pub listen: Vec<SocketAddr>,
    /// Settings.
    pub settings: CoreSettings,
    /// Where snapshots come from.
    pub publisher: Arc<Publisher>,
    /// What it counts.
    pub counters: Arc<CoreCounters>,
    /// Where its log lines go.
    pub log: LogSink,
    /// Which requests an operator wants explained.
    pub explanations: Arc<Explanations>,
    /// Who makes quotas durable; full: a request is refused. `None`: nobody does, and nothing that has a quota passes.
    pub quota_requests: Option<Sender<QuotaRequest>>,
    /// Where messages come from.
    pub mailbox: Mailbox<CoreMessage>,
    /// Counted up when the core listens.
    pub ready: Arc<AtomicUsize>,
    /// A random number of its own, for request ids and choices.
    pub seed: u64,
}

/// What a core is told while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CoreMessage {
    /// Stop accepting, close idle connections, finish what is under way, end.
    Drain {
        /// How long exchanges under way may take from now.
        deadline_millis: u64,
    },
}

/// The state that the tasks of a core share.
pub(crate) struct Core<R: Runtime> {
    pub(crate) runtime: R,
    pub(crate) settings: CoreSettings,
    pub(crate) head_limits: HeadLimits,
    pub(crate) counters: Arc<CoreCounters>,
    pub(crate) connections: RefCell<Slab<Rc<Slot>>>,
    pub(crate) draining: Cell<bool>,
    pub(crate) clock: RefCell<WallClock>,
    pub(crate) log: RefCell<LogSink>,
    pub(crate) explanations: Arc<Explanations>,
    /// What it holds of throttles.
    pub(crate) limits: CoreLimits,
    /// What of caches is being asked for.
    pub(crate) flights: Flights,
    /// Answers that are being asked for anew with nobody waiting; at most `REFRESHES_MAX`.
    pub(crate) refreshes: Cell<usize>,
    pub(crate) quota_requests: Option<Sender<QuotaRequest>>,
    pub(crate) queue: Queue,
    publisher: Arc<Publisher>,
    generation: Cell<u64>,
    adopted: RefCell<Rc<Adopted<R>>>,
    ids: RefCell<IdSource>,
    workspaces: RefCell<Stock>,
    /// Bytes of all bodies that exchanges have gathered; at most `GATHERED_BYTES_MAX`.
    pub(crate) gathered_bytes: Cell<usize>,
    /// Wall clock minus monotonic clock, in nanoseconds.
    unix_offset: Cell<u64>,
}

/// What other tasks need of a connection.
pub(crate) struct Slot {
    pub(crate) timer: Timer,
    /// Since when it waits for a request, in time of the wheel; [`NOT_IDLE`] while it serves one.
    pub(crate) idle_since: Cell<u64>,
}

/// See [`Slot::idle_since`].
pub(crate) const NOT_IDLE: u64 = u64::MAX;

/// What a request works in: from the core's stock while it is under way, so that an idle connection has none.
#[derive(Default)]
pub(crate) struct Workspace {
    /// Holds the request's own future.
    pub(crate) block: Block,
    pub(crate) scratch: Box<Scratch>,
}

/// Workspaces that no request has.
#[derive(Default)]
struct Stock {
    kept: Vec<Workspace>,
    /// How many lay here unused since the last look.
    least: usize,
}

impl Stock {
    /// Lets go of those that nobody needed since the last look, but for a few.
    fn shrink(&mut self) {
        self.kept.truncate((self.kept.len() - self.least).max(WORKSPACES_KEPT));
        self.least = self.kept.len();
    }
}

/// Parsed heads.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) request: RequestHead,
    pub(crate) request_scan: Scan,
    pub(crate) answer: ResponseHead,
}

/// Runs a core until it has drained.
pub async fn run_core<R: Runtime>(runtime: R, host: CoreHost) -> std::io::Result<()> {
    let mut listeners = Vec::new();
    for addr in &host.listen {
        listeners.push(runtime.listen(*addr, host.settings.backlog)?);
    }
    debug_assert!(listeners.iter().all(|listener| listener.local_addr().is_ok()));
    let ready = host.ready.clone();
    let (core, mailbox) = Core::new(runtime, host);
    let core = Rc::new(core);
    let accepting = accept::start(&core, listeners);
    core.runtime.spawn(housekeeping(core.clone()));
    ready.fetch_add(1, Ordering::Release);
    let CoreMessage::Drain { deadline_millis } = mailbox.recv().await;
    drop(accepting);
    core.drain(deadline_millis).await;
    core.log.borrow_mut().flush(&core.counters.log_dropped);
    // The tasks that are left hold the core: the writer is told by taking its end away.
    *core.log.borrow_mut() = LogSink::off();
    Ok(())
}

impl<R: Runtime> Core<R> {
    fn new(runtime: R, host: CoreHost) -> (Self, Mailbox<CoreMessage>) {
        let (generation, snapshot) = host.publisher.current();
        host.counters.generation.add(generation - host.counters.generation.get());
        let unix_offset = unix_offset(&runtime);
        let head_limits =
            HeadLimits { body_bytes_max: host.settings.body_bytes_max, ..HeadLimits::default() };
        let core = Core {
            clock: RefCell::new(WallClock::new(runtime.unix_millis() / 1000)),
            runtime,
            settings: host.settings,
            head_limits,
            connections: RefCell::new(Slab::new()),
            draining: Cell::new(false),
            log: RefCell::new(host.log),
            explanations: host.explanations,
            limits: CoreLimits::default(),
            flights: Flights::default(),
            refreshes: Cell::new(0),
            quota_requests: host.quota_requests,
            queue: Queue::default(),
            publisher: host.publisher,
            generation: Cell::new(generation),
            adopted: RefCell::new(Rc::new(Adopted::new(snapshot, None, &host.counters))),
            counters: host.counters,
            ids: RefCell::new(IdSource::new(host.seed)),
            workspaces: RefCell::default(),
            gathered_bytes: Cell::new(0),
            unix_offset: Cell::new(unix_offset),
        };
        (core, host.mailbox)
    }

    /// The snapshot for a request that begins now: one atomic load, unless there is a newer one.
    #[inline]
    pub(crate) fn snapshot(&self) -> Rc<Adopted<R>> {
        if self.publisher.generation() != self.generation.get() {
            self.adopt();
        }
        self.adopted.borrow().clone()
    }

    #[cold]
    fn adopt(&self) {
        let (generation, snapshot) = self.publisher.current();
        let before = self.adopted.borrow().clone();
        let adopted = Rc::new(Adopted::new(snapshot, Some(&before), &self.counters));
        *self.adopted.borrow_mut() = adopted;
        self.counters.generation.add(generation - self.generation.get());
        self.generation.set(generation);
    }

    /// The next request id.
    #[inline]
    pub(crate) fn next_id(&self) -> RequestId {
        self.ids.borrow_mut().next_id()
    }

    /// A random number, for choices.
    pub(crate) fn random(&self) -> u64 {
        self.ids.borrow_mut().next_u64()
    }

    /// Milliseconds since 1970 at the monotonic time `now`.
    #[inline]
    pub(crate) fn unix_millis(&self, now: u64) -> u64 {
        now.wrapping_add(self.unix_offset.get()) / 1_000_000
    }

    #[inline]
    pub(crate) fn take_workspace(&self) -> Workspace {
        let mut stock = self.workspaces.borrow_mut();
        let workspace = stock.kept.pop().unwrap_or_default();
        stock.least = stock.least.min(stock.kept.len());
        workspace
    }

    #[inline]
    pub(crate) fn give_workspace(&self, workspace: Workspace) {
        let mut stock = self.workspaces.borrow_mut();
        if stock.kept.len() < WORKSPACES_MAX {
            stock.kept.push(workspace);
        }
    }

    /// Lets exchanges under way end, then gives up on the rest.
    async fn drain(&self, deadline_millis: u64) {
        self.draining.set(true);
        let deadline = self.runtime.now().saturating_add(deadline_millis.saturating_mul(1_000_000));
        loop {
            let now = self.runtime.now();
            for (_, slot) in self.connections.borrow().iter() {
                if now.saturating_sub(slot.idle_since.get()) >= ANSWER_SENT_NANOS {
                    slot.timer.arm(0);
                }
            }
            if self.connections.borrow().is_empty() || now >= deadline {
                return;
            }
            // Connections end one by one; looking again soon is simpler than being told, and nothing else is left to do.
            self.runtime.wheel().sleep_until(now + 5_000_000).await;
        }
    }
}

/// Lets go of the room that a burst of connections has left, once few are there.
fn shrink<T>(connections: &mut Slab<T>) {
    if connections.capacity() > CONNECTIONS_KEPT.max(connections.len() * 4) {
        connections.shrink_to_fit();
    }
}

fn unix_offset<R: Runtime>(runtime: &R) -> u64 {
    (runtime.unix_millis() * 1_000_000).wrapping_sub(runtime.now())
}

/// What a core does for itself while requests come and go.
async fn housekeeping<R: Runtime>(core: Rc<Core<R>>) {
    let mut turn: u64 = 0;
    loop {
        core.runtime.wheel().sleep_until(core.runtime.now() + HOUSEKEEPING_NANOS).await;
        core.unix_offset.set(unix_offset(&core.runtime));
        core.log.borrow_mut().flush(&core.counters.log_dropped);
        // Adopting here lets go of an old snapshot on a core that has no traffic.
        let adopted = core.snapshot();
        turn += 1;
        if turn.is_multiple_of(POOL_SWEEP_TURNS) {
            core.workspaces.borrow_mut().shrink();
            shrink(&mut core.connections.borrow_mut());
            let now = core.runtime.wheel().now();
            for pool in &adopted.pools {
                pool.sweep(now, &core.settings, &core.counters);
            }
        }
    }
}
