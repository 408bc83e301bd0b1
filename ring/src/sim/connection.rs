//! One connection: two ends and a bounded pipe in each direction.

use std::collections::VecDeque;
use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::task::{Context, Poll, Waker};

use super::wire::{Event, Wire};
use crate::buf::Buf;

/// The end that connected; the other is [`SERVER`].
pub(super) const CLIENT: usize = 0;
/// The end that was accepted.
pub(super) const SERVER: usize = 1;

/// What an end can have pending.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Op {
    Recv,
    Send,
}

pub(super) struct Connection {
    id: u64,
    addrs: [SocketAddr; 2],
    ends: [End; 2],
    /// `pipes[end]` carries what that end sends.
    pipes: [Pipe; 2],
}

#[derive(Default)]
struct End {
    closed: bool,
    /// A reset has arrived.
    reset: bool,
    /// Its close will be a reset.
    abortive: bool,
    sent_fin: bool,
    recv: Pending,
    send: Pending,
    /// Those who wait for the other end to go.
    watchers: Vec<Waker>,
}

#[derive(Default)]
struct Pending {
    active: bool,
    /// It was dropped while it was active: bytes may be lost.
    abandoned: bool,
    waker: Option<Waker>,
}

#[derive(Default)]
struct Pipe {
    /// What has arrived, and then what is under way.
    bytes: VecDeque<u8>,
    arrived: usize,
    segments: VecDeque<Segment>,
    /// When the last segment arrives.
    last_arrival: u64,
    fin_arrived: bool,
    /// The other side has heard a false end; bytes that follow are answered by a reset.
    cut: bool,
}

enum Segment {
    Bytes(usize),
    Fin,
    Reset,
}

fn wake(waker: &mut Option<Waker>) {
    // These wakers only queue a task, so it does no harm that the network is borrowed.
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

fn remember(slot: &mut Option<Waker>, cx: &Context<'_>) {
    if !slot.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
        *slot = Some(cx.waker().clone());
    }
}

impl Connection {
    pub(super) fn new(id: u64, client: SocketAddr, server: SocketAddr) -> Self {
        Connection { id, addrs: [client, server], ends: Default::default(), pipes: Default::default() }
    }

    pub(super) fn addr(&self, end: usize) -> SocketAddr {
        self.addrs[end]
    }

    /// Neither end is held by anyone.
    pub(super) fn is_over(&self) -> bool {
        self.ends.iter().all(|end| end.closed)
    }

    fn pending(&mut self, end: usize, op: Op) -> &mut Pending {
        match op {
            Op::Recv => &mut self.ends[end].recv,
            Op::Send => &mut self.ends[end].send,
        }
    }

    /// An operation starts: here the rules of [`crate::net::Stream`] are checked.
    pub(super) fn begin(&mut self, end: usize, op: Op, wire: &mut Wire) {
        let pending = self.pending(end, op);
        let broken = match (pending.active, pending.abandoned) {
            (true, _) => Some("while another one is pending"),
            (_, true) => Some("after a pending one was dropped, which may have lost bytes"),
            _ => None,
        };
        pending.active = true;
        if let Some(rule) = broken {
            let (id, addr, peer) = (self.id, self.addrs[end], self.addrs[1 - end]);
            wire.violation(format!("connection {id}: {op:?} at {addr} (peer {peer}) {rule}"));
        }
    }

    pub(super) fn finish(&mut self, end: usize, op: Op) {
        self.pending(end, op).active = false;
    }

    pub(super) fn abandon(&mut self, end: usize, op: Op) {
        let pending = self.pending(end, op);
        pending.active = false;
        pending.abandoned = true;
    }

    pub(super) fn poll_recv(
        &mut self,
        end: usize,
        capacity: usize,
        cx: &Context<'_>,
        wire: &mut Wire,
    ) -> Poll<Result<Buf>> {
        let pipe = &mut self.pipes[1 - end];
        if pipe.arrived > 0 {
            let mut taken = pipe.arrived.min(capacity);
            if wire.rng.chance(wire.faults.short_read) {
                taken = wire.rng.between(1, taken as u64) as usize;
            }
            let buf = pipe.take(taken);
            wake(&mut self.ends[1 - end].send.waker);
            wire.record("recv", self.id, taken as u64);
            return Poll::Ready(Ok(buf));
        }
        if self.ends[end].reset {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        if pipe.fin_arrived {
            return Poll::Ready(Ok(Buf::default()));
        }
        remember(&mut self.ends[end].recv.waker, cx);
        Poll::Pending
    }

    /// Takes what fits; ready when all of `bytes` are taken.
    pub(super) fn poll_send(
        &mut self,
        end: usize,
        bytes: &mut Buf,
        cx: &Context<'_>,
        wire: &mut Wire,
    ) -> Poll<Result<()>> {
        if self.ends[end].sent_fin {
            return Poll::Ready(Err(Error::new(ErrorKind::BrokenPipe, "send after shutdown_send")));
        }
        if self.ends[end].reset {
            // A socket says either, depending on whether the reset was reported before.
            let kinds = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
            return Poll::Ready(Err(kinds[wire.rng.below(2) as usize].into()));
        }
        let space = wire.faults.send_buffer.saturating_sub(self.pipes[end].bytes.len());
        let mut taken = space.min(bytes.len());
        if taken > 0 && wire.rng.chance(wire.faults.short_write) {
            taken = wire.rng.between(1, taken as u64) as usize;
        }
        if taken > 0 {
            self.send_bytes(end, &bytes[..taken], wire);
            bytes.advance(taken);
        }
        if bytes.is_empty() {
            return Poll::Ready(Ok(()));
        }
        if taken < space {
            cx.waker().wake_by_ref(); // a short write goes on in a later turn
        } else {
            remember(&mut self.ends[end].send.waker, cx);
        }
        Poll::Pending
    }

    /// Hands bytes to the network, where the faults are.
    fn send_bytes(&mut self, end: usize, bytes: &[u8], wire: &mut Wire) {
        wire.record("send", self.id, bytes.len() as u64);
        if self.pipes[end].cut {
            return;
        }
        if wire.rng.chance(wire.faults.reset) {
            wire.record("fault: reset", self.id, end as u64);
            self.transmit(end, Segment::Reset, wire);
            self.transmit(1 - end, Segment::Reset, wire);
        } else if wire.rng.chance(wire.faults.half_close) {
            wire.record("fault: half-close", self.id, end as u64);
            self.pipes[end].cut = true;
            self.transmit(end, Segment::Fin, wire);
            self.transmit(1 - end, Segment::Reset, wire);
        } else {
            self.pipes[end].bytes.extend(bytes);
            self.transmit(end, Segment::Bytes(bytes.len()), wire);
        }
    }

    fn transmit(&mut self, end: usize, segment: Segment, wire: &mut Wire) {
        let mut at = wire.arrival();
        if wire.rng.chance(wire.faults.stall) {
            let stall = wire.rng.magnitude(wire.faults.stall_max.min(1_000_000), wire.faults.stall_max);
            wire.record("fault: stall", self.id, stall);
            at += stall;
        }
        let pipe = &mut self.pipes[end];
        at = at.max(pipe.last_arrival);
        pipe.last_arrival = at;
        pipe.segments.push_back(segment);
        wire.schedule(at, Event::Segment { connection: self.id, from: end });
    }

    /// The oldest segment of `from` arrives at the other end.
    pub(super) fn deliver(&mut self, from: usize, wire: &mut Wire) {
        let Some(segment) = self.pipes[from].segments.pop_front() else { return };
        let to = 1 - from;
        match segment {
            Segment::Bytes(count) if self.ends[to].closed || self.ends[to].reset => {
                let pipe = &mut self.pipes[from];
                pipe.bytes.drain(pipe.arrived..pipe.arrived + count);
                wake(&mut self.ends[from].send.waker);
                wire.record("discarded", self.id, count as u64);
                if !self.ends[from].closed && !self.ends[from].reset {
                    self.transmit(to, Segment::Reset, wire);
                }
            }
            Segment::Bytes(count) => {
                self.pipes[from].arrived += count;
                wake(&mut self.ends[to].recv.waker);
                wire.record("arrived", self.id, count as u64);
            }
            Segment::Fin => {
                self.pipes[from].fin_arrived = true;
                wire.record("fin", self.id, to as u64);
                self.peer_gone(to);
            }
            Segment::Reset => {
                self.ends[to].reset = true;
                if wire.rng.chance(wire.faults.reset_discards) {
                    self.pipes[from].discard_arrived();
                }
                wire.record("reset", self.id, to as u64);
                wake(&mut self.ends[to].send.waker);
                self.peer_gone(to);
            }
        }
    }

    fn peer_gone(&mut self, end: usize) {
        wake(&mut self.ends[end].recv.waker);
        self.ends[end].watchers.drain(..).for_each(Waker::wake);
    }

    pub(super) fn poll_closed(&mut self, end: usize, cx: &Context<'_>) -> Poll<()> {
        if self.ends[end].reset || self.pipes[1 - end].fin_arrived {
            return Poll::Ready(());
        }
        let watchers = &mut self.ends[end].watchers;
        if !watchers.iter().any(|waker| waker.will_wake(cx.waker())) {
            watchers.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// How many bytes have arrived at `end` and were not received.
    pub(super) fn unread(&self, end: usize) -> usize {
        self.pipes[1 - end].arrived
    }

    pub(super) fn is_quiet(&self, end: usize) -> bool {
        let it = &self.ends[end];
        !it.reset && !it.sent_fin && self.unread(end) == 0 && !self.pipes[1 - end].fin_arrived
    }

    pub(super) fn shutdown_send(&mut self, end: usize, wire: &mut Wire) {
        if !self.ends[end].sent_fin && !self.ends[end].reset {
            self.ends[end].sent_fin = true;
            self.transmit(end, Segment::Fin, wire);
        }
    }

    pub(super) fn set_abortive(&mut self, end: usize) {
        self.ends[end].abortive = true;
    }

    /// The end is dropped. As on Linux, unread bytes turn the close into a reset.
    pub(super) fn close(&mut self, end: usize, wire: &mut Wire) {
        let unread = self.unread(end);
        self.ends[end].closed = true;
        self.pipes[1 - end].discard_arrived();
        wake(&mut self.ends[1 - end].send.waker);
        wire.record("close", self.id, end as u64);
        if self.ends[end].reset {
            return;
        }
        if self.ends[end].abortive || unread > 0 {
            self.transmit(end, Segment::Reset, wire);
        } else {
            self.shutdown_send(end, wire);
        }
    }
}

impl Pipe {
    fn take(&mut self, count: usize) -> Buf {
        let mut buf = Buf::with_capacity(count);
        let (front, back) = self.bytes.as_slices();
        let first = count.min(front.len());
        buf.vec_mut().extend_from_slice(&front[..first]);
        buf.vec_mut().extend_from_slice(&back[..count - first]);
        self.bytes.drain(..count);
        self.arrived -= count;
        buf
    }

    fn discard_arrived(&mut self) {
        self.bytes.drain(..self.arrived);
        self.arrived = 0;
    }
}
