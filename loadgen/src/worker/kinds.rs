//! Which request is next, and what is known of each kind.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use ringway_ring::buf::Buf;

use super::answer::Memo;
use crate::plan::{Plan, Request, Requests};
use crate::random::SmallRandom;
use crate::schedule::Shard;

/// Entries of the report by kind of request: each holds a histogram. Kinds beyond them count together.
pub const GROUPS_MAX: usize = 1_000;
/// The name of the entry for the kinds beyond [`GROUPS_MAX`].
const OTHERS: &str = "others";

/// How kinds of request are gathered in the report: each of a mix by itself, those of a replay by their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    /// Their names, in the order of the plan.
    pub names: Vec<String>,
    /// The group of each request of the plan.
    of: Vec<u32>,
}

impl Groups {
    /// The groups of a plan.
    pub fn new(requests: &Requests) -> Self {
        let names: Vec<&str> = match requests {
            Requests::Mix(kinds) => kinds.iter().map(|request| request.name.as_str()).collect(),
            Requests::Replay(entries) => entries.iter().map(|(_, request)| request.name.as_str()).collect(),
        };
        let mut groups = Groups { names: Vec::new(), of: Vec::with_capacity(names.len()) };
        let mut known = ahash::AHashMap::new();
        for name in names {
            let next = groups.names.len();
            let group = *known.entry(name).or_insert_with(|| {
                if next < GROUPS_MAX {
                    groups.names.push(name.to_owned());
                } else if next == GROUPS_MAX {
                    groups.names.push(OTHERS.to_owned());
                }
                next.min(GROUPS_MAX)
            });
            groups.of.push(group as u32);
        }
        groups
    }
}

/// The requests of one thread.
pub(super) struct Kinds {
    plan: Arc<Plan>,
    groups: Arc<Groups>,
    order: Order,
    random: RefCell<SmallRandom>,
    /// Number of the next request, and how far it is to the one after: other threads have those between.
    sequence: Cell<u64>,
    step: u64,
    /// One per kind of a mix; none in a replay, where each entry comes once.
    memos: Vec<RefCell<Memo>>,
}

enum Order {
    One,
    /// The upper end of each kind's share of 0..1.
    Weighted(Vec<f64>),
    /// Of a recording, from its beginning again after its end.
    Recorded {
        next: Cell<usize>,
    },
}

impl Kinds {
    pub(super) fn new(plan: Arc<Plan>, groups: Arc<Groups>, shard: Shard) -> Self {
        let (order, memos) = match &plan.requests {
            Requests::Mix(kinds) => {
                let total: f64 = kinds.iter().map(|kind| kind.weight).sum();
                let mut sum = 0.0;
                let ends = kinds.iter().map(|kind| {
                    sum += kind.weight;
                    sum / total
                });
                let order = if kinds.len() == 1 { Order::One } else { Order::Weighted(ends.collect()) };
                (order, kinds.iter().map(|_| RefCell::default()).collect())
            }
            Requests::Replay(_) => (Order::Recorded { next: Cell::new(shard.index) }, Vec::new()),
        };
        let random = RefCell::new(SmallRandom::stream(plan.seed, shard.index as u64));
        let sequence = Cell::new(shard.index as u64);
        Kinds { plan, groups, order, random, sequence, step: shard.of as u64, memos }
    }

    /// The kind of the next request.
    #[inline]
    pub(super) fn next(&self) -> u32 {
        match &self.order {
            Order::One => 0,
            Order::Weighted(ends) => {
                let drawn = self.random.borrow_mut().unit();
                // A kind of weight 0 ends where the one before it does, and is passed over.
                ends.partition_point(|end| *end <= drawn).min(ends.len() - 1) as u32
            }
            Order::Recorded { next } => {
                let entry = next.get() % self.groups.of.len();
                next.set(next.get() + self.step as usize);
                entry as u32
            }
        }
    }

    #[inline]
    pub(super) fn request(&self, kind: u32) -> &Request {
        match &self.plan.requests {
            Requests::Mix(kinds) => &kinds[kind as usize],
            Requests::Replay(entries) => &entries[kind as usize].1,
        }
    }

    #[inline]
    pub(super) fn group(&self, kind: u32) -> usize {
        self.groups.of[kind as usize] as usize
    }

    #[inline]
    pub(super) fn memo(&self, kind: u32) -> Option<&RefCell<Memo>> {
        self.memos.get(kind as usize)
    }

    /// Appends the next message of a kind.
    #[inline]
    pub(super) fn render(&self, kind: u32, out: &mut Buf) {
        let sequence = self.sequence.get();
        self.sequence.set(sequence + self.step);
        self.request(kind).message.render(&mut self.random.borrow_mut(), sequence, out.vec_mut());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::tests::{plan, request};

    fn kinds(requests: Requests, shard: Shard) -> Kinds {
        let mut plan = plan();
        plan.requests = requests;
        let groups = Arc::new(Groups::new(&plan.requests));
        Kinds::new(Arc::new(plan), groups, shard)
    }

    #[test]
    fn a_mix_is_drawn_by_weight() {
        let weights = [3.0, 0.0, 1.0, 6.0];
        let mix =
            weights.iter().map(|weight| crate::plan::Request { weight: *weight, ..request("a") }).collect();
        let kinds = kinds(Requests::Mix(mix), Shard { index: 0, of: 1 });
        let mut counts = [0u32; 4];
        (0..100_000).for_each(|_| counts[kinds.next() as usize] += 1);
        // Four standard deviations are about 600.
        for (count, expected) in counts.iter().zip([30_000, 0, 10_000, 60_000u32]) {
            assert!(count.abs_diff(expected) < 600, "{counts:?}");
        }
        assert_eq!(counts[1], 0);
    }

    #[test]
    fn a_recording_is_shared_out_in_order_and_begins_again() {
        let entries = ["a", "b", "a", "c", "b"].map(|name| (std::time::Duration::ZERO, request(name)));
        let kinds = kinds(Requests::Replay(entries.into()), Shard { index: 1, of: 2 });
        let taken: Vec<u32> = (0..4).map(|_| kinds.next()).collect();
        assert_eq!(taken, [1, 3, 0, 2]);
        assert_eq!(kinds.groups.names, ["a", "b", "c"]);
        assert_eq!((kinds.group(0), kinds.group(2), kinds.group(3)), (0, 0, 2));
        assert!(kinds.memo(0).is_none());
    }

    #[test]
    fn kinds_beyond_the_limit_count_together() {
        let mix = (0..GROUPS_MAX + 20).map(|index| request(&index.to_string())).collect();
        let groups = Groups::new(&Requests::Mix(mix));
        assert_eq!(groups.names.len(), GROUPS_MAX + 1);
        assert_eq!(groups.names[GROUPS_MAX], OTHERS);
        assert_eq!(groups.of[GROUPS_MAX - 1] as usize, GROUPS_MAX - 1);
        assert_eq!(groups.of[GROUPS_MAX + 19] as usize, GROUPS_MAX);
    }

    #[test]
    fn sequence_numbers_of_threads_do_not_meet() {
        let numbers = |index| {
            let parts = vec![crate::plan::Part::Field(crate::plan::Field::Sequence)];
            let message = crate::plan::Template { parts };
            let mix = vec![crate::plan::Request { message, ..request("a") }];
            let kinds = kinds(Requests::Mix(mix), Shard { index, of: 2 });
            let mut out = Buf::with_capacity(64);
            (0..3).for_each(|_| kinds.render(0, &mut out));
            String::from_utf8(out.to_vec()).unwrap()
        };
        assert_eq!(numbers(0), "000000000000000000000000000000020000000000000004");
        assert_eq!(numbers(1), "000000000000000100000000000000030000000000000005");
    }
}
