//! The seam's traits over the simulated network.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;

use super::alarm::{Alarms, SimAlarm};
use super::connection::{CLIENT, Op, SERVER};
use super::network::Network;
use super::{START_NS, UNIX_MILLIS};
use crate::buf::Buf;
use crate::executor::Spawner;
use crate::net::{Listener, Runtime, Stream};
use crate::wheel::Wheel;

/// What all cores of a world share.
pub(super) struct Shared {
    pub(super) network: RefCell<Network>,
    pub(super) wheel: Wheel,
    pub(super) alarms: Alarms,
    pub(super) spawner: Spawner,
}

struct Core {
    addr: IpAddr,
    tasks: Cell<usize>,
    streams: Cell<usize>,
}

/// Counts something of a core for as long as it lives.
struct Counted {
    core: Rc<Core>,
    counter: fn(&Core) -> &Cell<usize>,
}

impl Counted {
    fn new(core: &Rc<Core>, counter: fn(&Core) -> &Cell<usize>) -> Self {
        counter(core).set(counter(core).get() + 1);
        Counted { core: core.clone(), counter }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let counter = (self.counter)(&self.core);
        counter.set(counter.get() - 1);
    }
}

/// One simulated core, from [`super::World::core`].
#[derive(Clone)]
pub struct SimRuntime {
    shared: Rc<Shared>,
    core: Rc<Core>,
}

impl SimRuntime {
    pub(super) fn new(shared: Rc<Shared>, index: u16) -> Self {
        let [high, low] = index.to_be_bytes();
        let addr = IpAddr::V4(Ipv4Addr::new(10, 0, high, low));
        SimRuntime { shared, core: Rc::new(Core { addr, tasks: Cell::new(0), streams: Cell::new(0) }) }
    }

    /// The address that the connections of this core come from.
    pub fn addr(&self) -> IpAddr {
        self.core.addr
    }

    /// How many tasks of this core have not ended.
    pub fn live_tasks(&self) -> usize {
        self.core.tasks.get()
    }

    /// How many streams this core holds.
    pub fn open_streams(&self) -> usize {
        self.core.streams.get()
    }

    fn stream(&self, connection: u64, end: usize) -> SimStream {
        let counted = Counted::new(&self.core, |core| &core.streams);
        SimStream { shared: self.shared.clone(), connection, end, _counted: counted }
    }
}

impl Runtime for SimRuntime {
    type Stream = SimStream;
    type Listener = SimListener;
    type Alarm = SimAlarm;

    fn now(&self) -> u64 {
        self.shared.network.borrow().wire.now
    }

    fn unix_millis(&self) -> u64 {
        UNIX_MILLIS + (self.now() - START_NS) / 1_000_000
    }

    fn wheel(&self) -> &Wheel {
        &self.shared.wheel
    }

    fn alarm(&self) -> io::Result<SimAlarm> {
        Ok(SimAlarm::new(self.shared.clone()))
    }

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        let counted = Counted::new(&self.core, |core| &core.tasks);
        self.shared.spawner.spawn(async move {
            let _counted = counted;
            task.await;
        });
    }

    fn listen(&self, addr: SocketAddr, backlog: u32) -> io::Result<SimListener> {
        let (id, addr) = self.shared.network.borrow_mut().listen(addr, backlog);
        Ok(SimListener { runtime: self.clone(), id, addr })
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<SimStream> {
        let from = SocketAddr::new(self.core.addr, 0);
        let attempt =
            Attempt { shared: &self.shared, id: self.shared.network.borrow_mut().connect(from, to) };
        let connected = poll_fn(|cx| self.shared.network.borrow_mut().poll_connect(attempt.id, cx)).await;
        Ok(self.stream(connected?, CLIENT))
    }
}

/// Tells the network when a connect is dropped before its answer.
struct Attempt<'a> {
    shared: &'a Shared,
    id: u64,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.shared.network.borrow_mut().abandon_connect(self.id);
    }
}

/// A simulated listening socket.
pub struct SimListener {
    runtime: SimRuntime,
    id: u64,
    addr: SocketAddr,
}

impl Listener for SimListener {
    type Stream = SimStream;

    async fn accept(&self) -> io::Result<SimStream> {
        let network = &self.runtime.shared.network;
        network.borrow_mut().begin_accept(self.id);
        let mut claim = Claim::new(|| network.borrow_mut().abandon_accept(self.id));
        let accepted = poll_fn(|cx| network.borrow_mut().poll_accept(self.id, cx)).await;
        claim.finish();
        Ok(self.runtime.stream(accepted?, SERVER))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.addr)
    }
}

impl Drop for SimListener {
    fn drop(&mut self) {
        self.runtime.shared.network.borrow_mut().unlisten(self.id);
    }
}

/// Runs its closure if it is dropped before the operation has ended.
struct Claim<F: FnMut()> {
    abandon: F,
    finished: bool,
}

impl<F: FnMut()> Claim<F> {
    fn new(abandon: F) -> Self {
        Claim { abandon, finished: false }
    }

    fn finish(&mut self) {
        self.finished = true;
    }
}

impl<F: FnMut()> Drop for Claim<F> {
    fn drop(&mut self) {
        if !self.finished {
            (self.abandon)();
        }
    }
}

/// One end of a simulated connection.
pub struct SimStream {
    shared: Rc<Shared>,
    connection: u64,
    end: usize,
    _counted: Counted,
}

impl SimStream {
    /// Runs `operation` under the rule that dropping it while it is pending forbids further ones of its kind.
    async fn claimed<T>(&self, op: Op, operation: impl Future<Output = T>) -> T {
        let network = &self.shared.network;
        {
            let mut network = network.borrow_mut();
            let (connection, wire) = network.connection(self.connection);
            connection.begin(self.end, op, wire);
        }
        let mut claim =
            Claim::new(|| network.borrow_mut().connection(self.connection).0.abandon(self.end, op));
        let output = operation.await;
        claim.finish();
        network.borrow_mut().connection(self.connection).0.finish(self.end, op);
        output
    }

    async fn receive(&self, capacity: usize) -> io::Result<Buf> {
        assert!(capacity > 0, "an empty buffer would mean the end of the stream");
        poll_fn(|cx| {
            let mut network = self.shared.network.borrow_mut();
            let (connection, wire) = network.connection(self.connection);
            connection.poll_recv(self.end, capacity, cx, wire)
        })
        .await
    }

    async fn transmit(&self, mut bytes: Buf) -> io::Result<()> {
        poll_fn(|cx| {
            let mut network = self.shared.network.borrow_mut();
            let (connection, wire) = network.connection(self.connection);
            connection.poll_send(self.end, &mut bytes, cx, wire)
        })
        .await
    }

    /// How much later than the event `closed` reports it.
    fn closed_delay(&self) -> Option<u64> {
        let mut network = self.shared.network.borrow_mut();
        let (connection, wire) = network.connection(self.connection);
        let late = connection.unread(self.end) > 0 && wire.rng.chance(wire.faults.late_closed);
        late.then(|| wire.rng.below(1_000_000_000))
    }
}

impl Stream for SimStream {
    async fn recv(&self, capacity: usize) -> io::Result<Buf> {
        self.claimed(Op::Recv, self.receive(capacity)).await
    }

    async fn send(&self, bytes: Buf) -> io::Result<()> {
        self.claimed(Op::Send, self.transmit(bytes)).await
    }

    async fn send_both(&self, first: Buf, second: Buf) -> io::Result<()> {
        self.claimed(Op::Send, async {
            self.transmit(first).await?;
            self.transmit(second).await
        })
        .await
    }

    async fn send_recv(&self, bytes: Buf, capacity: usize) -> io::Result<Buf> {
        // Both are submitted at once: dropped while it still sends, it may have received as well.
        self.claimed(Op::Recv, async {
            self.claimed(Op::Send, self.transmit(bytes)).await?;
            self.receive(capacity).await
        })
        .await
    }

    async fn closed(&self) {
        poll_fn(|cx| {
            self.shared.network.borrow_mut().connection(self.connection).0.poll_closed(self.end, cx)
        })
        .await;
        if let Some(delay) = self.closed_delay() {
            let now = self.shared.network.borrow().wire.now;
            self.shared.wheel.sleep_until(now + delay).await;
        }
    }

    fn is_quiet(&self) -> bool {
        self.shared.network.borrow_mut().connection(self.connection).0.is_quiet(self.end)
    }

    fn shutdown_send(&self) {
        let mut network = self.shared.network.borrow_mut();
        let (connection, wire) = network.connection(self.connection);
        connection.shutdown_send(self.end, wire);
    }

    fn set_abortive(&self) {
        self.shared.network.borrow_mut().connection(self.connection).0.set_abortive(self.end);
    }

    fn peer_addr(&self) -> SocketAddr {
        self.shared.network.borrow_mut().connection(self.connection).0.addr(1 - self.end)
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        self.shared.network.borrow_mut().close(self.connection, self.end);
    }
}
