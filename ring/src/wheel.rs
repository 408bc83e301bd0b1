//! A timer wheel for one core: arming is a store, firing wakes a task.
//!
//! Eight levels of 64 slots over ticks of about a millisecond cover every `u64` time, so there is no overflow list. An
//! entry sits at the level of the highest bit in which its tick differs from the current tick; therefore the lowest
//! level that holds anything holds the earliest entry, and the earliest slot is one `trailing_zeros`.
//!
//! Timers are *lazy*: a connection moves its deadline later with each request, and that only stores the new deadline. The entry
//! stays where it is, and when its slot comes up it is put back at the deadline it has by then.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use slab::Slab;

use crate::pages::shrink;

const TICK_SHIFT: u32 = 20;
/// Nanoseconds per tick, about a millisecond: how late a timer may fire.
pub const TICK_NS: u64 = 1 << TICK_SHIFT;

const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
/// 8 levels of 6 bits are 48 bits; ticks have 64 - 20 = 44.
const LEVELS: usize = 8;
/// The deadline of a timer that is not armed.
const NEVER: u64 = u64::MAX;
/// The tick of an entry that is in no slot; also the tick of [`NEVER`], so arming for it links nothing.
const UNLINKED: u64 = tick_of(NEVER);
/// The end of a list.
const NIL: u32 = u32::MAX;

/// The first tick that begins at or after `deadline`.
const fn tick_of(deadline: u64) -> u64 {
    deadline.div_ceil(TICK_NS)
}

/// The timers of one core. Clones are handles to the same wheel. All times are nanoseconds of [`crate::net::Runtime::now`].
#[derive(Clone)]
pub struct Wheel(Rc<RefCell<Inner>>);

struct Inner {
    now: u64,
    /// Everything due up to this tick has fired; every linked entry has a later one.
    tick: u64,
    entries: Slab<Entry>,
    /// First entry of each slot of each level.
    heads: [u32; LEVELS * SLOTS],
    /// One bit per slot that holds something.
    occupied: [u64; LEVELS],
    /// Wakers on their way out of `advance`; kept for its storage.
    fired: Vec<Waker>,
    /// Who sleeps until `host_tick` and must hear of earlier timers.
    host: Option<Waker>,
    host_tick: u64,
}

struct Entry {
    deadline: u64,
    /// The tick it is linked at, never later than that of `deadline` (unless that had already begun), or [`UNLINKED`].
    tick: u64,
    waker: Option<Waker>,
    prev: u32,
    next: u32,
    slot: u32,
}

impl Wheel {
    /// Gives the room of timers that are gone back.
    pub(crate) fn give_back(&self) {
        shrink(&mut self.0.borrow_mut().entries);
    }

    /// An empty wheel at time `now`.
    pub fn new(now: u64) -> Self {
        Wheel(Rc::new(RefCell::new(Inner {
            now,
            tick: now >> TICK_SHIFT,
            entries: Slab::new(),
            heads: [NIL; LEVELS * SLOTS],
            occupied: [0; LEVELS],
            fired: Vec::new(),
            host: None,
            host_tick: 0,
        })))
    }

    /// Moves time to `now` and wakes the task of every timer that is due. Time never moves back.
    pub fn advance(&self, now: u64) {
        let mut fired = {
            let mut inner = self.0.borrow_mut();
            inner.advance(now);
            if inner.fired.is_empty() {
                return;
            }
            std::mem::take(&mut inner.fired)
        };
        // Woken with the wheel released: a waker may arm or drop timers.
        for waker in fired.drain(..) {
            waker.wake();
        }
        self.0.borrow_mut().fired = fired;
    }

    /// The time of the last [`Wheel::advance`].
    pub fn now(&self) -> u64 {
        self.0.borrow().now
    }

    /// When [`Wheel::advance`] must be called next. It may be earlier than the first deadline, because entries are
    /// lazy and coarse while they are far away; it is never more than a tick after it.
    pub fn next_deadline(&self) -> Option<u64> {
        self.0.borrow().earliest().map(|(_, tick)| tick << TICK_SHIFT)
    }

    /// Wakes `host` once, as soon as a timer is armed that is due before what [`Wheel::next_deadline`] says now. A host
    /// registers each time before it sleeps.
    pub fn on_earlier(&self, host: &Waker) {
        {
            let mut inner = self.0.borrow_mut();
            inner.host_tick = inner.earliest().map_or(UNLINKED, |(_, tick)| tick);
            if inner.host.as_ref().is_some_and(|registered| registered.will_wake(host)) {
                return;
            }
        }
        let replaced = self.0.borrow_mut().host.replace(host.clone());
        // Dropped with the wheel released: the last reference to a task may own timers.
        drop(replaced);
    }

    /// How many timers exist, armed or not.
    pub fn timers(&self) -> usize {
        self.0.borrow().entries.len()
    }

    /// Resolves at `deadline`.
    pub fn sleep_until(&self, deadline: u64) -> Sleep {
        let timer = Timer::new(self);
        timer.arm(deadline);
        Sleep { timer }
    }
}

impl std::fmt::Debug for Wheel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let inner = self.0.borrow();
        write!(f, "Wheel({} timers at {} ns)", inner.entries.len(), inner.now)
    }
}

impl Inner {
    fn advance(&mut self, now: u64) {
        self.now = self.now.max(now);
        let target = self.now >> TICK_SHIFT;
        while let Some((slot, tick)) = self.earliest() {
            if tick > target {
                break;
            }
            self.tick = tick;
            self.turn(slot);
        }
        self.tick = target;
    }

    /// The earliest occupied slot and the tick at which it begins.
    fn earliest(&self) -> Option<(usize, u64)> {
        let level = self.occupied.iter().position(|bits| *bits != 0)?;
        let index = self.occupied[level].trailing_zeros();
        let shift = level as u32 * SLOT_BITS;
        let above = self.tick >> (shift + SLOT_BITS) << (shift + SLOT_BITS);
        Some((level * SLOTS + index as usize, above | u64::from(index) << shift))
    }

    /// Empties a slot whose time has come: entries fire, or move to where their deadline is by now.
    fn turn(&mut self, slot: usize) {
        let mut key = std::mem::replace(&mut self.heads[slot], NIL);
        self.occupied[slot / SLOTS] &= !(1 << (slot % SLOTS));
        while key != NIL {
            let entry = &mut self.entries[key as usize];
            let next = entry.next;
            let tick = tick_of(entry.deadline);
            entry.tick = UNLINKED;
            if tick <= self.tick {
                self.fired.extend(entry.waker.take());
            } else if tick < UNLINKED {
                self.link(key, tick);
            }
            key = next;
        }
    }

    /// Stores the deadline, and relinks only where that is earlier than the entry's place. Returns the host to wake.
    fn arm(&mut self, key: u32, deadline: u64) -> Option<Waker> {
        let entry = &mut self.entries[key as usize];
        entry.deadline = deadline;
        let tick = tick_of(deadline);
        if tick >= entry.tick {
            return None;
        }
        // A deadline that has passed fires on the next tick, not within `arm`.
        let tick = tick.max(self.tick + 1);
        self.unlink(key);
        self.link(key, tick);
        if tick < self.host_tick { self.host.take() } else { None }
    }

    /// Puts an unlinked entry into the slot of `tick`, which must be later than the current tick.
    fn link(&mut self, key: u32, tick: u64) {
        let level = (63 - (tick ^ self.tick).leading_zeros()) / SLOT_BITS;
        let index = (tick >> (level * SLOT_BITS)) as usize % SLOTS;
        let slot = level as usize * SLOTS + index;
        let next = std::mem::replace(&mut self.heads[slot], key);
        self.occupied[level as usize] |= 1 << index;
        if next != NIL {
            self.entries[next as usize].prev = key;
        }
        let entry = &mut self.entries[key as usize];
        entry.tick = tick;
        entry.slot = slot as u32;
        entry.prev = NIL;
        entry.next = next;
    }

    fn unlink(&mut self, key: u32) {
        let entry = &mut self.entries[key as usize];
        if entry.tick == UNLINKED {
            return;
        }
        entry.tick = UNLINKED;
        let (prev, next, slot) = (entry.prev, entry.next, entry.slot as usize);
        if next != NIL {
            self.entries[next as usize].prev = prev;
        }
        if prev != NIL {
            self.entries[prev as usize].next = next;
            return;
        }
        self.heads[slot] = next;
        if next == NIL {
            self.occupied[slot / SLOTS] &= !(1 << (slot % SLOTS));
        }
    }
}

/// One deadline. It belongs to a connection or a request for as long as that lives, and is armed again and again.
///
/// It wakes the task that polled it last, through [`Timer::guard`] or [`Timer::poll_expired`].
#[derive(Debug)]
pub struct Timer {
    wheel: Wheel,
    key: u32,
}

impl Timer {
    /// A timer that is not armed.
    pub fn new(wheel: &Wheel) -> Self {
        let entry = Entry { deadline: NEVER, tick: UNLINKED, waker: None, prev: NIL, next: NIL, slot: 0 };
        let key = wheel.0.borrow_mut().entries.insert(entry) as u32;
        Timer { wheel: wheel.clone(), key }
    }

    /// Sets the deadline in nanoseconds. A deadline that has passed already is expired at once, and wakes its
    /// task on the next tick.
    pub fn arm(&self, deadline: u64) {
        let host = self.wheel.0.borrow_mut().arm(self.key, deadline);
        if let Some(host) = host {
            host.wake();
        }
    }

    /// Takes the deadline away.
    pub fn disarm(&self) {
        self.wheel.0.borrow_mut().entries[self.key as usize].deadline = NEVER;
    }

    /// The deadline, if the timer is armed.
    pub fn deadline(&self) -> Option<u64> {
        let deadline = self.wheel.0.borrow().entries[self.key as usize].deadline;
        (deadline != NEVER).then_some(deadline)
    }

    /// Whether the deadline lay at or before the last [`Wheel::advance`]. It stays so until the timer is armed again or disarmed.
    pub fn is_expired(&self) -> bool {
        let inner = self.wheel.0.borrow();
        inner.entries[self.key as usize].deadline <= inner.now
    }

    /// Ready when the timer is expired; otherwise the task of `cx` is woken when it is.
    pub fn poll_expired(&self, cx: &mut Context<'_>) -> Poll<()> {
        {
            let inner = self.wheel.0.borrow();
            let entry = &inner.entries[self.key as usize];
            if entry.deadline <= inner.now {
                return Poll::Ready(());
            }
            if entry.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                return Poll::Pending;
            }
        }
        let waker = cx.waker().clone();
        let replaced = self.wheel.0.borrow_mut().entries[self.key as usize].waker.replace(waker);
        // Dropped with the wheel released: the last reference to a task may own timers.
        drop(replaced);
        Poll::Pending
    }

    /// `future`, unless this timer expires first. The timer may be armed, moved and disarmed while the guard waits.
    pub fn guard<F: Future>(&self, future: F) -> Guard<'_, F> {
        Guard { timer: self, future }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let entry = {
            let mut inner = self.wheel.0.borrow_mut();
            inner.unlink(self.key);
            inner.entries.remove(self.key as usize)
        };
        // With the wheel released, for its waker.
        drop(entry);
    }
}

/// The deadline came before the guarded future was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed;

impl std::fmt::Display for Elapsed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the deadline has passed")
    }
}

impl std::error::Error for Elapsed {}

/// A future with a deadline, from [`Timer::guard`]. The future is asked first, so a result that is ready wins over
/// a deadline that has passed.
#[must_use = "futures do nothing unless polled"]
pub struct Guard<'a, F> {
    timer: &'a Timer,
    future: F,
}

impl<F: Future> Future for Guard<'_, F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `future` is pinned whenever the guard is: it is never moved out, the guard has no `Drop` that could
        // move it, is not `repr(packed)`, and is `Unpin` only where `F` is. The guard is taken apart by `&mut`: a shared
        // reference to all of it, as `self.timer` would make, must not exist while the future borrows from itself.
        let (timer, future) = unsafe {
            let guard = self.get_unchecked_mut();
            (guard.timer, Pin::new_unchecked(&mut guard.future))
        };
        match future.poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => timer.poll_expired(cx).map(|()| Err(Elapsed)),
        }
    }
}

/// Resolves at its deadline; from [`Wheel::sleep_until`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Sleep {
    timer: Timer,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.timer.poll_expired(cx)
    }
}

#[cfg(test)]
mod tests;
