//! The variables of a template: each name has a slot.

use std::collections::HashMap;

/// The number of a variable.
pub(super) type Slot = u32;

/// Variables that every template has.
pub(super) const INPUT: Slot = 0;
pub(super) const UTIL: Slot = 1;
pub(super) const CONTEXT: Slot = 2;
pub(super) const STAGE_VARIABLES: Slot = 3;
pub(super) const FOREACH: Slot = 4;
pub(super) const VELOCITY_COUNT: Slot = 5;
pub(super) const VELOCITY_HAS_NEXT: Slot = 6;
pub(super) const BODY_CONTENT: Slot = 7;

const PREDEFINED: [&str; 8] = [
    "input",
    "util",
    "context",
    "stageVariables",
    "foreach",
    "velocityCount",
    "velocityHasNext",
    "bodyContent",
];

/// Names and their slots.
#[derive(Debug, Clone)]
pub(super) struct Names {
    slots: HashMap<Box<str>, Slot, ahash::RandomState>,
    names: Vec<Box<str>>,
}

impl Names {
    pub(super) fn new() -> Self {
        let mut names = Names { slots: HashMap::default(), names: Vec::new() };
        for name in PREDEFINED {
            names.slot(name);
        }
        names
    }

    /// The slot of `name`, a new one if it has none.
    pub(super) fn slot(&mut self, name: &str) -> Slot {
        if let Some(&slot) = self.slots.get(name) {
            return slot;
        }
        let slot = self.names.len() as Slot;
        self.names.push(name.into());
        self.slots.insert(name.into(), slot);
        slot
    }

    /// The slot of `name`, if the template knows it.
    pub(super) fn find(&self, name: &str) -> Option<Slot> {
        self.slots.get(name).copied()
    }

    pub(super) fn name(&self, slot: Slot) -> &str {
        &self.names[slot as usize]
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }
}
