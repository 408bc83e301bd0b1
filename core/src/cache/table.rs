//! Where entries are: a set-associative table without a lock, that readers only load from.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};

use ahash::RandomState;
use arc_swap::{ArcSwapOption, Guard};

use super::entry::{Asked, Entry, Lifetime, NewAnswer, Room};
use crate::limits::CACHED_BYTES_MAX;

/// Places of a set.
const WAYS: usize = 8;
/// Bytes of the budget for which there is a place: entries smaller than that run out of places before they run out of bytes.
const BYTES_OF_WAY: u64 = 512;
/// Sets of a table, at most: 16,777,216 places in 192 MiB. Larger caches hold no more answers, but larger ones.
const MOST_SETS: u64 = 1 << 21;
/// Numbers that tags, and keys that are asked for anew, are hashed to. Two tags with one number are purged together.
const SLOTS: usize = 4096;
/// How often an insert tries again where other cores change the same set.
const TRIES: usize = 16;
/// No entry takes more than this share of the budget: it would push out everything else.
const LARGEST_SHARE: u64 = 4;

/// The answers of a stage, for all cores.
///
/// What it holds is bounded by its budget: the table, and each entry with all its allocations as the allocator makes them, from before it
/// is made until the last reader lets go of it. Beyond the budget there are 64 KiB for tags and keys that were asked for anew, and pages
/// that the allocator keeps for later.
///
/// A reader takes no lock and writes nothing that is shared, but a flag of an entry that is not set yet. One that stores exchanges
/// pointers, and none waits for another. Recency is the second chance of a clock hand.
#[derive(Debug)]
pub struct Cache {
    sets: Box<[Set]>,
    hasher: RandomState,
    budget: u64,
    bytes: Arc<AtomicU64>,
    /// Set that the clock hand looks at next.
    hand: AtomicUsize,
    /// Counts what is asked for, flushed and purged.
    sequence: AtomicU64,
    /// Entries that were asked for before this are flushed.
    flushed: AtomicU64,
    /// By slot of a tag, its last purge.
    purged: Box<[AtomicU64]>,
    /// By slot of a key, when it was last asked for anew.
    renewed: Box<[AtomicU64]>,
    evictions: AtomicU64,
}

#[derive(Debug, Default)]
#[repr(align(32))]
struct Set {
    /// Marks of the entries; 0: nothing is there.
    marks: [AtomicU32; WAYS],
    ways: [ArcSwapOption<Entry>; WAYS],
}

/// An entry, held without a count: to be let go of soon.
pub struct Found(Guard<Option<Arc<Entry>>>);

impl Found {
    /// The entry with a count of its own: to be held for as long as it takes.
    pub fn keep(self) -> Arc<Entry> {
        Guard::into_inner(self.0).expect("it was there when it was found")
    }
}

impl Deref for Found {
    type Target = Entry;

    #[inline]
    fn deref(&self) -> &Entry {
        self.0.as_ref().expect("it was there when it was found")
    }
}

/// When an answer was asked for: what is flushed, purged or asked for anew afterwards is newer than it.
#[derive(Debug, Clone, Copy)]
pub struct Ticket {
    hash: u64,
    began: u64,
    sequence: u64,
}

type Held = Guard<Option<Arc<Entry>>>;

fn address(held: &Held) -> usize {
    held.as_ref().map_or(0, |entry| Arc::as_ptr(entry).addr())
}

fn mark(hash: u64) -> u32 {
    // The set is chosen by the upper bits.
    (hash as u32).max(1)
}

impl Set {
    /// Replaces what a way holds, if it still is `known`.
    fn replace(&self, way: usize, known: &Held, with: Option<Arc<Entry>>) -> bool {
        let before = self.ways[way].compare_and_swap(known, with);
        let done = address(&before) == address(known);
        if done {
            self.remark(way);
        }
        done
    }

    /// Makes the mark that of the entry: whoever changes the entry does so afterwards, and looks again.
    fn remark(&self, way: usize) {
        loop {
            let held = self.ways[way].load();
            self.marks[way].store(held.as_ref().map_or(0, |entry| entry.mark), Ordering::SeqCst);
            fence(Ordering::SeqCst);
            if address(&self.ways[way].load()) == address(&held) {
                return;
            }
        }
    }
}

impl Cache {
    /// An empty cache of this many bytes.
    pub fn new(budget: u64) -> Self {
        let sets = (budget / BYTES_OF_WAY / WAYS as u64).clamp(1, MOST_SETS);
        let slots = || (0..SLOTS).map(|_| AtomicU64::new(0)).collect();
        let sets: Box<[Set]> = (0..sets).map(|_| Set::default()).collect();
        Cache {
            bytes: Arc::new(AtomicU64::new(size_of_val(&*sets) as u64)),
            sets,
            hasher: RandomState::new(),
            budget,
            hand: AtomicUsize::new(0),
            sequence: AtomicU64::new(0),
            flushed: AtomicU64::new(0),
            purged: slots(),
            renewed: slots(),
            evictions: AtomicU64::new(0),
        }
    }

    /// Bytes that it may hold.
    pub fn budget(&self) -> u64 {
        self.budget
    }

    /// Bytes that its table and its entries are counted with now.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Entries that had to make room for others.
    pub fn evictions(&self) -> u64 {
        self.evictions.load(Ordering::Relaxed)
    }

    /// The hash of a key.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash_one(key)
    }

    /// The entry for a key with this hash, fresh or not, unless it was flushed or purged.
    #[inline]
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<Found> {
        let (set, mark) = (self.set(hash), mark(hash));
        for (known, way) in set.marks.iter().zip(&set.ways) {
            if known.load(Ordering::Acquire) != mark {
                continue;
            }
            let held = way.load();
            if let Some(entry) = &*held
                && entry.key() == key
                && self.is_live(entry)
            {
                entry.touch();
                return Some(Found(held));
            }
        }
        None
    }

    /// To be taken before an integration is asked for what is to be kept under a key with this hash.
    pub fn ticket(&self, hash: u64, now: u64) -> Ticket {
        let sequence = self.sequence.fetch_add(1, Ordering::SeqCst) + 1;
        Ticket { hash, began: now, sequence }
    }

    /// As [`Cache::ticket`], for who wants no older answer to be kept from now on.
    pub fn renewing_ticket(&self, hash: u64, now: u64) -> Ticket {
        let ticket = self.ticket(hash, now);
        self.renewed[hash as usize % SLOTS].fetch_max(ticket.sequence, Ordering::SeqCst);
        ticket
    }

    /// Keeps an answer, for times that begin when it was asked for. False: a newer one is there or was asked for, it was flushed or purged
    /// meanwhile, it is too large, or there is no room.
    pub fn insert(&self, ticket: Ticket, key: &[u8], answer: &NewAnswer<'_>, lifetime: Lifetime) -> bool {
        let size = Entry::size_of(key, answer);
        let is_old = || self.renewed[ticket.hash as usize % SLOTS].load(Ordering::SeqCst) > ticket.sequence;
        if size > self.budget / LARGEST_SHARE || answer.body.len() > CACHED_BYTES_MAX || is_old() {
            return false;
        }
        let Some(room) = self.room(size, ticket.began) else { return false };
        let Ticket { hash, began, sequence } = ticket;
        let asked = Asked { key, mark: mark(hash), began, sequence };
        let entry = Arc::new(Entry::new(asked, answer, lifetime, room));
        if !self.is_live(&entry) || !self.put(hash, &entry) {
            return false;
        }
        // What was asked for anew since the look above may have been kept, and lost its place, before this entry was there.
        if is_old() {
            self.remove_older(hash, key, sequence + 1);
            return false;
        }
        true
    }

    /// Forgets what was kept under a key before this ticket was taken.
    pub fn remove(&self, ticket: Ticket, key: &[u8]) {
        self.remove_older(ticket.hash, key, ticket.sequence);
    }

    /// Forgets everything, at once: answers that are under way are not kept either.
    pub fn flush(&self) {
        let sequence = self.sequence.fetch_add(1, Ordering::SeqCst) + 1;
        self.flushed.fetch_max(sequence, Ordering::SeqCst);
    }

    /// Forgets what has this tag, and what else has its slot; answers that are under way and have it are not kept either.
    pub fn purge(&self, tag: &[u8]) {
        let sequence = self.sequence.fetch_add(1, Ordering::SeqCst) + 1;
        self.purged[self.tag_slot(tag) as usize].fetch_max(sequence, Ordering::SeqCst);
    }

    /// The slot of a tag: the same in every process, because [`dump`](super::dump) writes it (FNV-1a).
    pub fn tag_slot(&self, tag: &[u8]) -> u16 {
        let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = tag.iter().fold(0xcbf2_9ce4_8422_2325, fold);
        ((hash ^ (hash >> 32)) % SLOTS as u64) as u16
    }

    pub(super) fn has_slot(&self, slot: u16) -> bool {
        usize::from(slot) < SLOTS
    }

    /// Whether an entry fits without another having to go.
    pub(super) fn has_room_for(&self, key: &[u8], answer: &NewAnswer<'_>) -> bool {
        self.bytes() + Entry::size_of(key, answer) <= self.budget
    }

    /// Everything that it holds and may still be used, one by one, in no order.
    pub fn entries(&self, now: u64) -> impl Iterator<Item = Arc<Entry>> {
        let ways = self.sets.iter().flat_map(|set| &set.ways);
        ways.filter_map(ArcSwapOption::load_full)
            .filter(move |entry| self.is_live(entry) && !entry.is_over(now))
    }

    #[inline]
    fn set(&self, hash: u64) -> &Set {
        // The upper bits of the product with the number of sets: any number of them, without a division.
        &self.sets[((u128::from(hash) * self.sets.len() as u128) >> 64) as usize]
    }

    /// Whether it was neither flushed nor purged.
    #[inline]
    fn is_live(&self, entry: &Entry) -> bool {
        let purged = |slot: &u16| self.purged[*slot as usize].load(Ordering::Acquire) > entry.sequence;
        entry.sequence > self.flushed.load(Ordering::Acquire) && !entry.tags.iter().any(purged)
    }

    /// Puts an entry in its set and every other one of its key out of it. False: a newer one is there.
    fn put(&self, hash: u64, entry: &Arc<Entry>) -> bool {
        let set = self.set(hash);
        for _ in 0..TRIES {
            let (way, known) = self.place(set, entry);
            // A full set may hold a newer answer to the same question.
            if known.as_ref().is_some_and(|known| {
                known.key() == entry.key() && self.is_live(known) && known.sequence > entry.sequence
            }) {
                return false;
            }
            if !set.replace(way, &known, Some(entry.clone())) {
                continue;
            }
            // Another core may have put its answer to the same question into another way: each of the two looks after it has put.
            fence(Ordering::SeqCst);
            return !self.remove_older(hash, entry.key(), entry.sequence);
        }
        false
    }

    /// The way for an entry: where its key is, else a free one, else the one that is worth least.
    fn place(&self, set: &Set, entry: &Entry) -> (usize, Held) {
        let mut free = None;
        for way in 0..WAYS {
            let held = set.ways[way].load();
            match &*held {
                Some(known) if known.key() == entry.key() => return (way, held),
                Some(_) => {}
                None => free = free.or(Some((way, held))),
            }
        }
        free.unwrap_or_else(|| {
            self.evictions.fetch_add(1, Ordering::Relaxed);
            let way = self.victim(set, entry);
            (way, set.ways[way].load())
        })
    }

    /// Removes entries of a key that are older than `sequence`. True: a newer one is there, and what is this old has gone too.
    fn remove_older(&self, hash: u64, key: &[u8], sequence: u64) -> bool {
        let set = self.set(hash);
        let newest = |held: &Held| {
            held.as_ref()
                .filter(|known| known.key() == key && self.is_live(known))
                .map_or(0, |known| known.sequence)
        };
        let most = set.ways.iter().map(|way| newest(&way.load())).max().unwrap_or(0).max(sequence);
        for way in 0..WAYS {
            loop {
                let held = set.ways[way].load();
                let is_older = held.as_ref().is_some_and(|known| known.key() == key && known.sequence < most);
                if !is_older || set.replace(way, &held, None) {
                    break;
                }
            }
        }
        most > sequence
    }

    /// The way of a full set that is worth least.
    fn victim(&self, set: &Set, new: &Entry) -> usize {
        let first = new.sequence as usize;
        for step in 0..2 * WAYS {
            let way = (first + step) % WAYS;
            let is_wanted = set.ways[way]
                .load()
                .as_ref()
                .is_some_and(|entry| self.is_live(entry) && entry.take_reference());
            if !is_wanted {
                return way;
            }
        }
        first % WAYS
    }

    /// Room within the budget, for which the clock hand moves on. `None`: what is counted is not in the table, but in the hands of readers.
    fn room(&self, size: u64, now: u64) -> Option<Room> {
        for _ in 0..=2 * self.sets.len() {
            if let Some(room) = Room::take(&self.bytes, size, self.budget) {
                return Some(room);
            }
            let set = &self.sets[self.hand.fetch_add(1, Ordering::Relaxed) % self.sets.len()];
            for way in (0..WAYS).filter(|way| set.marks[*way].load(Ordering::Relaxed) != 0) {
                let held = set.ways[way].load();
                let Some(entry) = &*held else { continue };
                let is_wanted = self.is_live(entry) && !entry.is_over(now) && entry.take_reference();
                if !is_wanted && set.replace(way, &held, None) {
                    self.evictions.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        Room::take(&self.bytes, size, self.budget)
    }
}
