//! An answer that is kept, and the room that it takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const SECOND: u64 = 1_000_000_000;

/// An answer to be kept.
#[derive(Debug, Clone, Copy, Default)]
pub struct NewAnswer<'b> {
    /// Status.
    pub status: u16,
    /// Its header lines with their line ends, but for those that every response has of its own.
    pub lines: &'b [u8],
    /// Its body.
    pub body: &'b [u8],
    /// Nanoseconds that it had been in caches before it came here.
    pub age: u64,
    /// What it can be purged by; see [`Cache::tag_slot`](super::Cache::tag_slot).
    pub tags: &'b [u16],
}

/// For how many nanoseconds an answer may be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lifetime {
    /// While it is fresh.
    pub fresh: u64,
    /// Afterwards, while it is being asked for anew.
    pub while_revalidate: u64,
    /// Afterwards, where the integration fails.
    pub if_error: u64,
}

/// An answer that is kept.
#[derive(Debug)]
pub struct Entry {
    /// Key and header lines.
    head: Box<[u8]>,
    key_len: u32,
    body: Arc<[u8]>,
    /// Upper half of the hash of its key, never 0.
    pub(super) mark: u32,
    status: u16,
    /// Whether it was found since the clock hand passed.
    referenced: AtomicBool,
    /// Until when somebody asks for it anew.
    claimed: AtomicU64,
    /// When it was asked for, in nanoseconds of the cores' clock.
    began: u64,
    /// Nanoseconds that it was old then.
    age: u64,
    lifetime: Lifetime,
    /// Its place among all that was asked for, flushed and purged.
    pub(super) sequence: u64,
    /// Slots of its tags.
    pub(super) tags: Box<[u16]>,
    _room: Room,
}

/// Bytes that a cache has given away, until they are dropped.
#[derive(Debug)]
pub(super) struct Room {
    all: Arc<AtomicU64>,
    bytes: u64,
}

impl Room {
    /// `None`: there would be more than `most`.
    pub(super) fn take(all: &Arc<AtomicU64>, bytes: u64, most: u64) -> Option<Self> {
        let add = |known: u64| known.checked_add(bytes).filter(|sum| *sum <= most);
        all.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).ok()?;
        Some(Room { all: all.clone(), bytes })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Bytes of the counts of an `Arc`.
const COUNTS: usize = 16;

/// What the allocator takes for so many bytes: its classes are four for each power of two (mimalloc).
fn allocated(bytes: usize) -> usize {
    if bytes == 0 { 0 } else { bytes.next_multiple_of((bytes.next_power_of_two() / 8).max(16)) }
}

/// Which question an entry answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'k> {
    pub(super) key: &'k [u8],
    pub(super) mark: u32,
    pub(super) began: u64,
    pub(super) sequence: u64,
}

impl Entry {
    pub(super) fn new(asked: Asked<'_>, answer: &NewAnswer<'_>, lifetime: Lifetime, room: Room) -> Self {
        Entry {
            head: [asked.key, answer.lines].concat().into(),
            key_len: asked.key.len() as u32,
            body: answer.body.into(),
            mark: asked.mark,
            status: answer.status,
            referenced: AtomicBool::new(false),
            claimed: AtomicU64::new(0),
            began: asked.began,
            age: answer.age,
            lifetime,
            sequence: asked.sequence,
            tags: answer.tags.into(),
            _room: room,
        }
    }

    /// Bytes that such an entry is counted with.
    pub(super) fn size_of(key: &[u8], answer: &NewAnswer<'_>) -> u64 {
        let head = key.len() + answer.lines.len();
        let of_entry = allocated(size_of::<Entry>() + COUNTS) + allocated(size_of_val(answer.tags));
        (of_entry + allocated(head) + allocated(answer.body.len() + COUNTS)) as u64
    }

    /// Status of the answer.
    #[inline]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The key that it is kept under.
    #[inline]
    pub fn key(&self) -> &[u8] {
        &self.head[..self.key_len as usize]
    }

    /// Its header lines with their line ends.
    #[inline]
    pub fn lines(&self) -> &[u8] {
        &self.head[self.key_len as usize..]
    }

    /// Its body.
    #[inline]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Its body, to be sent from where it is. Who holds it holds the entry too for as long: only entries are counted.
    pub fn shared_body(&self) -> Arc<[u8]> {
        self.body.clone()
    }

    /// Slots of its tags.
    pub fn tags(&self) -> &[u16] {
        &self.tags
    }

    /// Nanoseconds since it was asked for; the clock does not step, but another core may have looked at it earlier.
    #[inline]
    fn resident(&self, now: u64) -> u64 {
        // Nothing is older than the clock, but for what was kept on a disk: the difference may pass 0.
        let elapsed = now.wrapping_sub(self.began);
        if elapsed > u64::MAX / 2 { 0 } else { elapsed }
    }

    /// Seconds since an integration made it, as `Age` says them (RFC 9111 §4.2.3).
    #[inline]
    pub fn age(&self, now: u64) -> u64 {
        (self.age + self.resident(now)) / SECOND
    }

    /// Its age in nanoseconds when it was asked for.
    pub fn first_age(&self) -> u64 {
        self.age
    }

    /// Whether it may be used at this time.
    #[inline]
    pub fn is_fresh(&self, now: u64) -> bool {
        self.resident(now) < self.lifetime.fresh
    }

    /// Whether it may be used while it is being asked for anew.
    pub fn serves_while_revalidate(&self, now: u64) -> bool {
        self.resident(now) < self.lifetime.fresh.saturating_add(self.lifetime.while_revalidate)
    }

    /// Whether it may be used where the integration fails.
    pub fn serves_if_error(&self, now: u64) -> bool {
        self.resident(now) < self.lifetime.fresh.saturating_add(self.lifetime.if_error)
    }

    /// Whether it is of no use any more.
    pub(super) fn is_over(&self, now: u64) -> bool {
        !self.is_fresh(now) && !self.serves_while_revalidate(now) && !self.serves_if_error(now)
    }

    /// What is left of its lifetime.
    pub fn rest(&self, now: u64) -> Lifetime {
        let (resident, all) = (self.resident(now), self.lifetime);
        let left = |span: u64| span.saturating_sub(resident.saturating_sub(all.fresh));
        Lifetime {
            fresh: all.fresh.saturating_sub(resident),
            while_revalidate: left(all.while_revalidate),
            if_error: left(all.if_error),
        }
    }

    /// Nanoseconds that it is old.
    pub fn age_nanos(&self, now: u64) -> u64 {
        self.age + self.resident(now)
    }

    /// Whether the caller is the one who asks for it anew, at most until `until`.
    pub fn claim(&self, now: u64, until: u64) -> bool {
        let claimed = self.claimed.load(Ordering::Relaxed);
        claimed <= now
            && self.claimed.compare_exchange(claimed, until, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Lets the next one ask from `at` on.
    pub fn release(&self, at: u64) {
        self.claimed.store(at, Ordering::Relaxed);
    }

    /// Notes that it is wanted. A store only where it was not noted, so that cores that all want it do not fight for its line.
    #[inline]
    pub(super) fn touch(&self) {
        if !self.referenced.load(Ordering::Relaxed) {
            self.referenced.store(true, Ordering::Relaxed);
        }
    }

    /// Whether it was wanted since the last time that this was asked.
    pub(super) fn take_reference(&self) -> bool {
        self.referenced.load(Ordering::Relaxed) && self.referenced.swap(false, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocations_are_counted_by_their_classes() {
        let classes =
            [(0, 0), (1, 16), (16, 16), (17, 32), (100, 112), (1_024, 1_024), (1_025, 1_280), (1_040, 1_280)];
        for (bytes, taken) in classes {
            assert_eq!(allocated(bytes), taken, "{bytes}");
        }
        assert_eq!(allocated(1_048_592), 1_310_720);
    }
}
