//! API keys and usage plans as a request finds them.

use std::sync::Arc;

use subtle::ConstantTimeEq;

use crate::limit::{Bucket, Client, TokenRate, UnderWay};
use crate::model::{API_KEY_PARTS, QuotaSettings, hash_of, part_of};

/// What an operator limits: of the whole account, and of whom the keys belong to.
#[derive(Debug, Default)]
pub struct UsageTables {
    /// Plans by slot; one that no configuration names any more is empty.
    pub plans: Vec<Option<UsagePlanTable>>,
    /// All keys.
    pub keys: KeyTable,
}

/// A usage plan.
#[derive(Debug)]
pub struct UsagePlanTable {
    /// Its id.
    pub id: Box<str>,
    /// For each key.
    pub throttle: Option<TokenRate>,
    /// For each key.
    pub quota: Option<QuotaSettings>,
    /// Requests of one key that may be under way.
    pub concurrency_limit: Option<u32>,
    /// 0 is shed first.
    pub priority: u8,
    /// Its stages.
    pub stages: Vec<PlanStage>,
}

/// A stage of a usage plan.
#[derive(Debug)]
pub struct PlanStage {
    /// Its index in the snapshot.
    pub stage: u32,
    /// Throttles of single methods.
    pub methods: Vec<MethodRate>,
}

/// The throttle of one method for each key.
#[derive(Debug)]
pub struct MethodRate {
    /// Index of the route in its stage.
    pub route: u32,
    /// Index in [`ClientPlan::methods`].
    pub bucket: u32,
    /// Its rate.
    pub rate: TokenRate,
}

/// What limits a route besides usage plans.
#[derive(Debug)]
pub struct RouteLimits {
    /// Whether it takes a key.
    pub api_key_required: bool,
    /// `throttlingRateLimit` and `throttlingBurstLimit` of the method settings.
    pub throttle: Option<Throttle>,
    /// How many requests may be under way, and how many are.
    pub concurrency: Option<(u32, Arc<UnderWay>)>,
}

/// A bucket with its rate.
#[derive(Debug, Clone)]
pub struct Throttle {
    /// Its rate.
    pub rate: TokenRate,
    /// The bucket: the same one in every snapshot.
    pub bucket: Arc<Bucket>,
}

/// Bytes of a value that lie in the table itself: AWS makes values of 40.
const INLINE: usize = 40;

/// A key.
#[derive(Debug)]
pub struct ApiKeyPlan {
    hash: u64,
    /// The value: its first bytes, and the rest of a longer one.
    head: [u8; INLINE],
    length: u8,
    /// `enabled`
    pub enabled: bool,
    tail: Box<[u8]>,
    /// Id of the key.
    pub id: Box<str>,
    /// Its first plan: most keys have one.
    pub first: Option<ClientPlan>,
    /// Its other plans.
    pub more: Box<[ClientPlan]>,
}

/// A key in a plan.
#[derive(Debug)]
pub struct ClientPlan {
    /// Slot of the plan.
    pub plan: u32,
    /// What it has used: the same in every snapshot.
    pub client: Arc<Client>,
    /// For the plan's throttles of single methods, in the order of [`MethodRate::bucket`].
    pub methods: Box<[Arc<Bucket>]>,
}

impl ApiKeyPlan {
    pub(super) fn new(value: &str, id: &str, enabled: bool, mut plans: Vec<ClientPlan>) -> Self {
        let bytes = value.as_bytes();
        let mut head = [0; INLINE];
        let inline = bytes.len().min(INLINE);
        head[..inline].copy_from_slice(&bytes[..inline]);
        let first = (!plans.is_empty()).then(|| plans.remove(0));
        ApiKeyPlan {
            hash: hash_of(bytes),
            head,
            length: bytes.len() as u8,
            enabled,
            tail: bytes[inline..].into(),
            id: id.into(),
            first,
            more: plans.into(),
        }
    }

    /// Its plans.
    pub fn plans(&self) -> impl Iterator<Item = &ClientPlan> {
        self.first.iter().chain(&self.more)
    }

    /// Whether its value is this one: how long that takes tells nothing but the length.
    #[inline]
    fn has_value(&self, value: &[u8]) -> bool {
        let length = usize::from(self.length);
        let inline = length.min(INLINE);
        value.len() == length
            && bool::from(self.head[..inline].ct_eq(&value[..inline]) & self.tail.ct_eq(&value[inline..]))
    }
}

/// Keys by value, in the parts of the model's [`ApiKeys`](crate::model::ApiKeys): one that did
/// not change is shared with the snapshot before.
#[derive(Debug)]
pub struct KeyTable {
    pub(super) parts: Vec<Arc<KeyPart>>,
}

impl Default for KeyTable {
    fn default() -> Self {
        KeyTable { parts: vec![Arc::default(); API_KEY_PARTS] }
    }
}

impl KeyTable {
    /// The key of this value, disabled ones too.
    #[inline]
    pub fn find(&self, value: &[u8]) -> Option<&ApiKeyPlan> {
        let hash = hash_of(value);
        self.parts[part_of(hash)].find(hash, value)
    }

    /// Parts that both tables share.
    #[cfg(test)]
    pub(crate) fn shares(&self, other: &KeyTable) -> usize {
        self.parts.iter().zip(&other.parts).filter(|(a, b)| Arc::ptr_eq(a, b)).count()
    }
}

/// Keys of one part: an open table of places in a list.
#[derive(Debug, Default)]
pub(super) struct KeyPart {
    /// One more than the index of a key, by the low bits of its hash; 0 is free. At least half are.
    places: Box<[u16]>,
    keys: Box<[ApiKeyPlan]>,
}

/// Most keys of a part: places are 16 bits wide. A hundred million keys are that many.
pub(super) const KEYS_OF_PART: usize = 30_000;

impl KeyPart {
    pub(super) fn new(keys: Vec<ApiKeyPlan>) -> Self {
        debug_assert!(keys.len() <= KEYS_OF_PART);
        let size = (keys.len() * 2).next_power_of_two();
        let mut places = vec![0; size].into_boxed_slice();
        for (index, key) in keys.iter().enumerate() {
            let mut place = key.hash as usize & (size - 1);
            while places[place] != 0 {
                place = (place + 1) & (size - 1);
            }
            places[place] = index as u16 + 1;
        }
        KeyPart { places, keys: keys.into() }
    }

    #[inline]
    pub(super) fn find(&self, hash: u64, value: &[u8]) -> Option<&ApiKeyPlan> {
        let mask = self.places.len().checked_sub(1)?;
        let mut place = hash as usize & mask;
        loop {
            let index = usize::from(self.places[place]).checked_sub(1)?;
            let key = &self.keys[index];
            if key.hash == hash && key.has_value(value) {
                return Some(key);
            }
            place = (place + 1) & mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_by_their_whole_value() {
        let value =
            |i: usize| format!("{i:040}{}", if i.is_multiple_of(3) { "-and-a-longer-one" } else { "" });
        let keys = (0..1000).map(|i| ApiKeyPlan::new(&value(i), &i.to_string(), true, Vec::new()));
        let part = KeyPart::new(keys.collect());
        let find = |value: &str| part.find(hash_of(value.as_bytes()), value.as_bytes()).map(|key| &*key.id);
        for i in 0..1000 {
            assert_eq!(find(&value(i)), Some(i.to_string().as_str()));
        }
        for unknown in [value(1000), value(3)[..40].to_owned(), value(3) + "x", value(4) + "x", String::new()]
        {
            assert_eq!(find(&unknown), None, "{unknown}");
        }
        assert!(KeyTable::default().find(b"anything at all of some length").is_none());
    }
}
