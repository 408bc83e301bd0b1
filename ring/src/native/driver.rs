//! One io_uring and everything that it works on.
//!
//! The driver owns descriptors and buffers from the submission of an operation until its last completion; streams and futures only refer to
//! it by slot. A future that is dropped abandons its result, and no more. What nobody refers to any longer is taken back in one place,
//! [`Driver::reclaim`].

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use io_uring::squeue::Entry;
use io_uring::types::{SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue};
use slab::Slab;

use super::buffers::BufferGroup;
use super::counters::RingCounters;
use super::ops::{self, Kind, Tag};
use super::setup;
use super::slots::{Awaited, Connection, End, Listening, QUEUE_MAX, Receiving};
use crate::buf::Buf;
use crate::pages::shrink;

/// Received buffers that nobody has taken yet, of all connections. Beyond that each connection may be one buffer behind, not
/// [`QUEUE_MAX`].
const QUEUED_MAX: usize = 1024;
/// Bytes after which a receive ends by itself, to be begun again once they are taken.
pub(super) const RECEIVE_LIMIT: u32 = (QUEUE_MAX * crate::buf::SMALL) as u32;
/// How long a driver that is dropped waits for its operations to end.
const FINISH_TURNS: usize = 1000;
/// The read that other threads complete.
const WAKE: Tag = Tag { kind: Kind::Wake, slot: 0, generation: 0 };
/// IORING_ENTER_GETEVENTS, which the crate keeps to itself.
const GETEVENTS: u32 = 1;

/// What the kernel says of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Completion {
    pub(super) tag: u64,
    pub(super) result: i32,
    pub(super) flags: u32,
}

/// What a driver holds at a moment: figures for tests and for those who look for leaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Live {
    /// Operations whose last completion has not come; one of them waits for other threads as long as the core lives.
    pub operations: usize,
    /// Connections whose descriptor is open.
    pub connections: usize,
    /// Received buffers that nobody has taken yet.
    pub queued: usize,
}

/// How long [`Driver::enter`] waits for completions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// Not at all.
    No,
    /// This long, in nanoseconds.
    For(u64),
    /// Until there is one.
    Forever,
}

/// See the module.
pub(super) struct Driver {
    // Dropped before what the kernel writes to.
    pub(super) ring: IoUring,
    /// Entries that found the submission queue full, in their order: at most a handful for each connection.
    backlog: VecDeque<Entry>,
    batch: Vec<Completion>,
    pub(super) connections: Slab<Connection>,
    pub(super) listeners: Slab<Listening>,
    small: BufferGroup,
    pub(super) bulk: BufferGroup,
    /// Whether large buffers were ever asked for: until then the kernel has none.
    bulk_used: bool,
    /// Connections whose receive found no buffer, oldest first.
    starved: VecDeque<(usize, u32)>,
    /// Received buffers that nobody has taken yet.
    pub(super) queued: usize,
    /// Operations whose last completion has not come, those that are only waited for at the end included.
    pub(super) in_flight: usize,
    generation: u32,
    /// Whether the kernel has a limit for the bytes of a receive that goes on.
    limits_receives: bool,
    /// Set at the end: wake-ups are no longer waited for.
    finishing: bool,
    event: OwnedFd,
    event_count: Box<u64>,
    pub(super) counters: Arc<RingCounters>,
    #[cfg(feature = "driver-faults")]
    pub(super) faults: super::faults::Faults,
    #[cfg(feature = "driver-trials")]
    pub(super) trial: super::trials::Trial,
    #[cfg(feature = "driver-trials")]
    pub(super) registered: Option<i32>,
}

impl Driver {
    /// A driver on `ring`, woken by other threads through the eventfd `event`.
    pub(super) fn new(ring: IoUring, event: OwnedFd, counters: Arc<RingCounters>) -> io::Result<Self> {
        let (small, bulk) = (BufferGroup::small()?, BufferGroup::bulk()?);
        small.register(&ring.submitter())?;
        bulk.register(&ring.submitter())?;
        let mut driver = Driver {
            ring,
            backlog: VecDeque::new(),
            batch: Vec::new(),
            connections: Slab::new(),
            listeners: Slab::new(),
            small,
            bulk,
            bulk_used: false,
            starved: VecDeque::new(),
            queued: 0,
            in_flight: 0,
            generation: 0,
            limits_receives: setup::limits_receives(),
            finishing: false,
            event,
            event_count: Box::new(0),
            counters,
            #[cfg(feature = "driver-faults")]
            faults: super::faults::Faults::of_this_thread(),
            #[cfg(feature = "driver-trials")]
            trial: super::trials::Trial::from_environment(),
            #[cfg(feature = "driver-trials")]
            registered: None,
        };
        #[cfg(feature = "driver-trials")]
        driver.trial_set_up()?;
        #[cfg(feature = "driver-faults")]
        if let Some(buffers) = driver.faults.buffers() {
            driver.small.keep(buffers);
        }
        driver.small.refill();
        driver.read_event();
        Ok(driver)
    }

    /// A generation for a new tenant of a slot.
    pub(super) fn next_generation(&mut self) -> u32 {
        self.generation = (self.generation + 1) & ops::GENERATION_MASK;
        self.generation
    }

    /// What is not taken back yet.
    pub(super) fn live(&self) -> Live {
        Live { operations: self.in_flight, connections: self.connections.len(), queued: self.queued }
    }

    fn read_event(&mut self) {
        let entry = ops::read_event(self.event.as_raw_fd(), &raw mut *self.event_count, WAKE);
        self.begin(entry);
    }

    /// Submits an operation with the next [`Driver::enter`]. What it refers to must be kept until its last completion.
    pub(super) fn begin(&mut self, entry: Entry) {
        #[cfg(feature = "driver-trials")]
        let entry = self.trial_begin(entry);
        self.in_flight += 1;
        if self.backlog.is_empty() {
            if self.push(&entry) {
                return;
            }
            // Full: the kernel takes what is there. Where it does not (it wants its completions to be read first), the entry waits.
            let _ = self.ring.submit();
            if self.push(&entry) {
                return;
            }
        }
        self.counters.submission_full.add(1);
        self.backlog.push_back(entry);
    }

    fn push(&mut self, entry: &Entry) -> bool {
        #[cfg(feature = "driver-faults")]
        if self.faults.submission_is_full() {
            return false;
        }
        // SAFETY: entries come from `ops`, and what they point to is owned by a slot of this driver until the last completion: the
        // buffers of a connection are neither replaced nor freed while `sending_now` says that an operation uses them.
        unsafe { self.ring.submission().push(entry) }.is_ok()
    }

    /// Submits what has begun and waits for completions; one system call, unless the submission queue was too small.
    pub(super) fn enter(&mut self, wait: Wait) -> io::Result<()> {
        #[cfg(feature = "driver-faults")]
        let wait = if self.faults.holds() { Wait::For(100_000) } else { wait };
        while let Some(entry) = self.backlog.pop_front() {
            if !self.push(&entry) {
                self.backlog.push_front(entry);
                // What does not fit is submitted before anything is waited for.
                return self.call(Wait::No);
            }
        }
        self.call(wait)
    }

    fn call(&mut self, wait: Wait) -> io::Result<()> {
        #[cfg(feature = "driver-faults")]
        self.faults.enter()?;
        let submitter = self.ring.submitter();
        let result = match wait {
            #[cfg(feature = "driver-trials")]
            wait if self.registered.is_some() => {
                let submit = self.ring.submission().len() as u32;
                super::trials::enter_registered(self.registered.unwrap_or(0), submit, wait)
            }
            Wait::Forever => submitter.submit_and_wait(1),
            Wait::For(nanos) => {
                let duration = Duration::from_nanos(nanos);
                let timespec = Timespec::from(duration);
                submitter.submit_with_args(1, &SubmitArgs::new().timespec(&timespec))
            }
            Wait::No => {
                let count = self.ring.submission().len() as u32;
                // SAFETY: no argument is passed. GETEVENTS makes the kernel run the work that it deferred.
                unsafe { self.ring.submitter().enter::<libc::sigset_t>(count, 0, GETEVENTS, None) }
            }
        };
        match result {
            Ok(_) => Ok(()),
            Err(error) => match error.raw_os_error() {
                // The time is over; a signal; no room for completions, or no memory for requests, until the completions are read.
                Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN) => Ok(()),
                _ => Err(error),
            },
        }
    }

    /// Takes what has completed and wakes who waited for it. Returns how many completions there were.
    pub(super) fn complete(&mut self) -> usize {
        let mut batch = std::mem::take(&mut self.batch);
        {
            let queue = self.ring.completion();
            batch.extend(queue.map(|entry| Completion {
                tag: entry.user_data(),
                result: entry.result(),
                flags: entry.flags(),
            }));
            // The kernel keeps what found no room, and gives it with the next call.
            if self.ring.submission().cq_overflow() {
                self.counters.completion_overflow.add(1);
            }
        }
        #[cfg(feature = "driver-faults")]
        self.faults.completions(&mut batch);
        let count = batch.len();
        for completion in batch.drain(..) {
            self.completed(completion);
        }
        self.batch = batch;
        self.refill();
        count
    }

    fn completed(&mut self, completion: Completion) {
        let Some(tag) = Tag::unpack(completion.tag) else { return };
        if !cqueue::more(completion.flags) {
            self.in_flight -= 1;
        }
        #[cfg(feature = "driver-trials")]
        if self.trial_completed(tag, completion) {
            return;
        }
        let slot = tag.slot as usize;
        match tag.kind {
            Kind::Receive | Kind::ReceiveBulk => self.receive_completed(slot, tag, completion),
            Kind::Send | Kind::Connect => self.send_completed(slot, tag, completion.result),
            Kind::Accept => self.accept_completed(slot, tag, completion),
            Kind::Wake if !self.finishing => self.read_event(),
            Kind::Cancel if completion.result < 0 => self.cancel_again(slot, tag),
            Kind::Wake | Kind::Cancel | Kind::Close => {}
        }
    }

    /// The connection that a completion is for. `None`: its slot has another tenant.
    pub(super) fn connection(&mut self, slot: usize, generation: u32) -> Option<&mut Connection> {
        self.connections.get_mut(slot).filter(|connection| connection.generation == generation)
    }

    fn receive_completed(&mut self, slot: usize, tag: Tag, completion: Completion) {
        let group = if tag.kind == Kind::Receive { &mut self.small } else { &mut self.bulk };
        let len = usize::try_from(completion.result).unwrap_or(0);
        let buf = cqueue::buffer_select(completion.flags).and_then(|id| group.take(id, len));
        let queued = self.queued;
        let Some(connection) = self.connection(slot, tag.generation) else {
            self.counters.stale.add(1);
            return;
        };
        let last = !cqueue::more(completion.flags);
        if last {
            connection.in_flight -= 1;
            connection.receiving = Receiving::Off;
        }
        if !connection.held {
            return self.reclaim(slot);
        }
        match (completion.result, buf) {
            (1.., Some(buf)) => {
                connection.hint.fetch();
                connection.received.push(buf);
                connection.waiters.wake(Awaited::Received);
                if last {
                    // Who watches for the end begins anew.
                    connection.waiters.wake(Awaited::Closed);
                }
                let behind = connection.received.len();
                self.queued += 1;
                if behind >= QUEUE_MAX || queued >= QUEUED_MAX {
                    self.stop_receiving(slot);
                }
            }
            (0, _) => connection.ended(End::Closed),
            (result, _) if -result == libc::ENOBUFS => {
                connection.receiving = Receiving::Starved;
                self.starved.push_back((slot, tag.generation));
                self.counters.buffers_empty.add(1);
            }
            (result, _) if [libc::ECANCELED, libc::EINTR, libc::EAGAIN].contains(&-result) => {
                // Whoever waits asks again, and so begins what it needs now.
                connection.waiters.wake(Awaited::Received);
                connection.waiters.wake(Awaited::Closed);
            }
            (result, _) => connection.ended(End::Failed(-result)),
        }
    }

    /// Begins to receive into small buffers, or once into a large one.
    pub(super) fn start_receiving(&mut self, slot: usize, bulk: bool) {
        let connection = &mut self.connections[slot];
        debug_assert!(matches!(connection.receiving, Receiving::Off | Receiving::Starved));
        connection.receiving = if bulk { Receiving::Bulk } else { Receiving::Armed };
        connection.in_flight += 1;
        let tag = connection.receive_tag(slot);
        let fd = connection.fd;
        if bulk {
            self.bulk_used = true;
            self.bulk.refill();
            #[cfg(feature = "driver-trials")]
            if let Some(entry) = self.trial.receive_bulk(slot, fd, tag) {
                return self.begin(entry);
            }
            self.begin(ops::receive_bulk(fd, crate::buf::LARGE as u32, tag));
            return;
        }
        #[cfg(feature = "driver-trials")]
        if let Some(entry) = self.trial.receive(slot, tag) {
            return self.begin(entry);
        }
        if self.limits_receives {
            self.begin(ops::receive(fd, RECEIVE_LIMIT, tag));
        } else {
            self.begin(ops::receive_once(fd, crate::buf::SMALL as u32, tag));
        }
    }

    /// Tells a receive to stop. What it has received until then is not lost.
    pub(super) fn stop_receiving(&mut self, slot: usize) {
        let connection = &mut self.connections[slot];
        if !matches!(connection.receiving, Receiving::Armed | Receiving::Bulk) {
            return;
        }
        let tag = connection.receive_tag(slot);
        connection.receiving = Receiving::Stopping { bulk: connection.receiving == Receiving::Bulk };
        self.counters.receives_stopped.add(1);
        self.begin(ops::cancel(tag));
    }

    /// A cancel did not find its operation: it has ended, or it was just being run, and goes on.
    fn cancel_again(&mut self, slot: usize, tag: Tag) {
        if let Some(listening) = self.listeners.get_mut(slot)
            && listening.generation == tag.generation
        {
            if std::mem::take(&mut listening.stopping) {
                self.stop_accepting(slot);
            }
            return;
        }
        let Some(connection) = self.connection(slot, tag.generation) else { return };
        let receive = matches!(connection.receiving, Receiving::Stopping { .. });
        let receive = receive.then(|| connection.receive_tag(slot));
        let send = (connection.sending_now && !connection.held).then(|| connection.send_tag(slot));
        for operation in receive.into_iter().chain(send) {
            self.begin(ops::cancel(operation));
        }
    }

    /// The next received buffer.
    pub(super) fn take_received(&mut self, slot: usize) -> Option<Buf> {
        let buf = self.connections[slot].received.pop()?;
        self.queued -= 1;
        Some(buf)
    }

    /// Replaces the buffers that the kernel has used, and lets those go on who waited for that: as many as there are buffers, oldest
    /// first.
    fn refill(&mut self) {
        let mut fresh = self.small.refill();
        if self.bulk_used {
            fresh += self.bulk.refill();
        }
        if self.starved.is_empty() {
            return;
        }
        for _ in 0..fresh.max(1) {
            let Some((slot, generation)) = self.starved.pop_front() else { return };
            let Some(connection) = self.connection(slot, generation) else { continue };
            if connection.held && connection.receiving == Receiving::Starved {
                let bulk = connection.bulk;
                self.start_receiving(slot, bulk);
            }
        }
    }

    /// Gives the memory of a busy time back. The buffers that the kernel has lie scattered in what the burst took and would keep all of it,
    /// so that they are exchanged for others. It runs between two calls to the kernel: no receive can want one meanwhile.
    pub(super) fn give_back(&mut self) {
        let submitter = self.ring.submitter();
        let withdrawn = [&mut self.small, &mut self.bulk].map(|group| group.withdraw(&submitter).is_ok());
        crate::buf::give_back();
        for (group, withdrawn) in [&mut self.small, &mut self.bulk].into_iter().zip(withdrawn) {
            if withdrawn {
                // What could be registered before can be again; else receives find no buffer, and say so.
                let _ = group.register(&submitter);
            }
        }
        self.bulk_used = false;
        shrink(&mut self.connections);
        self.small.refill();
    }

    pub(super) fn send_completed(&mut self, slot: usize, tag: Tag, result: i32) {
        let Some(connection) = self.connection(slot, tag.generation) else {
            self.counters.stale.add(1);
            return;
        };
        connection.in_flight -= 1;
        let sent = match result {
            0.. => result as usize,
            _ if tag.kind == Kind::Send && [libc::EINTR, libc::EAGAIN].contains(&-result) => 0,
            _ => {
                connection.send_error = -result;
                usize::MAX
            }
        };
        if tag.kind == Kind::Send && sent != usize::MAX && connection.held && connection.advance(sent) {
            self.counters.sends_resumed.add(1);
            return self.submit_send(slot);
        }
        connection.sending_now = false;
        connection.sending = Buf::default();
        connection.extra = None;
        connection.waiters.wake(Awaited::Sent);
        if connection.send_error != 0 {
            connection.waiters.wake(Awaited::Received);
        }
        if !connection.held {
            self.reclaim(slot);
        }
    }

    /// Submits what the connection has to send.
    pub(super) fn submit_send(&mut self, slot: usize) {
        let connection = &mut self.connections[slot];
        connection.in_flight += 1;
        let tag = Tag::new(Kind::Send, slot, connection.generation);
        let entry = connection.send_entry(tag);
        #[cfg(feature = "driver-trials")]
        let entry = self.trial_send(slot, tag).unwrap_or(entry);
        self.begin(entry);
    }

    /// Nobody refers to the connection any more: what it does is told to stop.
    pub(super) fn let_go(&mut self, slot: usize) {
        let connection = &mut self.connections[slot];
        connection.held = false;
        self.queued -= connection.received.len();
        connection.received = Default::default();
        let sending = connection.sending_now.then(|| connection.send_tag(slot));
        self.stop_receiving(slot);
        if let Some(tag) = sending {
            self.begin(ops::cancel(tag));
        }
        self.reclaim(slot);
    }

    /// The one place where a connection's descriptor and memory are taken back: nobody refers to it, and no operation uses it.
    pub(super) fn reclaim(&mut self, slot: usize) {
        let connection = &self.connections[slot];
        if connection.held || connection.in_flight > 0 {
            return;
        }
        let connection = self.connections.remove(slot);
        #[cfg(feature = "driver-trials")]
        self.trial.register(&self.ring, slot, -1);
        self.begin(ops::close(connection.fd, Tag::new(Kind::Close, slot, connection.generation)));
    }

    /// Ends everything and waits for it. What the kernel has not let go of by then is leaked, not freed.
    fn finish(&mut self) {
        for slot in self.listeners.iter().map(|(slot, _)| slot).collect::<Vec<_>>() {
            self.let_go_of_listener(slot);
        }
        for slot in self.connections.iter().map(|(slot, _)| slot).collect::<Vec<_>>() {
            if self.connections[slot].held {
                self.let_go(slot);
            }
        }
        self.finishing = true;
        self.begin(ops::cancel(WAKE));
        for _ in 0..FINISH_TURNS {
            if self.in_flight == 0 {
                break;
            }
            if self.enter(Wait::For(1_000_000)).is_err() {
                break;
            }
            self.complete();
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.finish();
        if self.in_flight > 0 {
            // The ring has failed. Its descriptors can be closed, for the kernel has references of its own; not so its memory.
            self.connections.iter().for_each(|(_, connection)| close_now(connection.fd));
            self.small.leak();
            self.bulk.leak();
            std::mem::forget(std::mem::take(&mut self.connections));
            std::mem::forget(std::mem::take(&mut self.event_count));
        }
    }
}

pub(super) fn close_now(fd: RawFd) {
    // SAFETY: the descriptor is a connection's, and this driver is the only one that knows it and does not use it again.
    unsafe { libc::close(fd) };
}
