//! A shim between the kernel and the driver, for tests: completions come late and in another order, and the queues are full.
//!
//! What the kernel promises is kept: completions of one operation stay in their order.

use std::cell::Cell;
use std::io;

use super::driver::Completion;
use crate::sim::Rng;

/// What goes wrong, each with its share of a thousand.
#[derive(Debug, Clone, Copy, Default)]
pub struct FaultPlan {
    /// Completions that are held back for a turn, and then again by the same share.
    pub delayed: u32,
    /// Batches whose completions change places.
    pub reordered: u32,
    /// Operations that find the submission queue full.
    pub submission_full: u32,
    /// Small buffers that the kernel is given; 0 for as many as ever.
    pub buffers: u16,
    /// After so many calls to the kernel the ring fails for good; 0 for never.
    pub dies_after: u64,
    /// Error of the system that setting up a ring ends with; 0 for none.
    pub setup_error: i32,
    /// What chance is made from.
    pub seed: u64,
}

thread_local! {
    static PLAN: Cell<Option<FaultPlan>> = const { Cell::new(None) };
}

/// What goes wrong with the drivers that this thread sets up from now on.
pub fn set_plan(plan: Option<FaultPlan>) {
    PLAN.set(plan);
}

/// The error that setting up a ring ends with, if it does.
pub(super) fn setup_error() -> Option<io::Error> {
    let code = PLAN.get()?.setup_error;
    (code != 0).then(|| io::Error::from_raw_os_error(code))
}

/// The state of the shim.
#[derive(Default)]
pub(super) struct Faults {
    plan: FaultPlan,
    rng: Option<Rng>,
    held: Vec<Completion>,
    calls: u64,
}

impl Faults {
    pub(super) fn of_this_thread() -> Self {
        let Some(plan) = PLAN.get() else { return Faults::default() };
        Faults { plan, rng: Some(Rng::new(plan.seed)), held: Vec::new(), calls: 0 }
    }

    fn chance(&self, thousandth: u32) -> bool {
        self.rng.as_ref().is_some_and(|rng| rng.below(1000) < u64::from(thousandth))
    }

    /// How many small buffers the kernel is given at most.
    pub(super) fn buffers(&self) -> Option<u16> {
        (self.plan.buffers > 0).then_some(self.plan.buffers)
    }

    /// Whether completions are held back: then the driver must not wait for ever.
    pub(super) fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    pub(super) fn submission_is_full(&self) -> bool {
        self.chance(self.plan.submission_full)
    }

    pub(super) fn enter(&mut self) -> io::Result<()> {
        self.calls += 1;
        if self.plan.dies_after > 0 && self.calls >= self.plan.dies_after {
            return Err(io::Error::other("the ring has died (fault injection)"));
        }
        Ok(())
    }

    /// Holds back some completions and lets others go before their turn.
    pub(super) fn completions(&mut self, batch: &mut Vec<Completion>) {
        let fresh = std::mem::take(batch);
        let mut held = Vec::new();
        for completion in std::mem::take(&mut self.held).into_iter().chain(fresh) {
            let waits = held.iter().any(|other: &Completion| other.tag == completion.tag);
            match waits || self.chance(self.plan.delayed) {
                true => held.push(completion),
                false => batch.push(completion),
            }
        }
        self.held = held;
        if self.chance(self.plan.reordered) {
            self.shuffle(batch);
        }
    }

    /// Another order, in which the completions of one operation keep theirs.
    fn shuffle(&self, batch: &mut Vec<Completion>) {
        let Some(rng) = &self.rng else { return };
        let mut rest = std::mem::take(batch);
        while !rest.is_empty() {
            let chosen = rng.below(rest.len() as u64) as usize;
            let tag = rest[chosen].tag;
            let first = rest.iter().position(|other| other.tag == tag).unwrap_or(chosen);
            batch.push(rest.remove(first));
        }
    }
}
