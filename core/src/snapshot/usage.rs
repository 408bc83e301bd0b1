//! API keys and usage plans as a request finds them.

use std::iter;
use std::sync::Arc;

use subtle::{Choice, ConstantTimeEq};

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
    /// Index for [`ClientRef::method`].
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

/// Eight bytes of a value at a time that lie in the table itself: AWS makes values of 40.
const WORDS: usize = 5;
const INLINE: usize = 8 * WORDS;

/// A key. Of a million keys the next one is in none of the processor's caches, so that what a request waits for is how many lines it
/// takes, and how many of them are only known from another: what tells a key from others and leads to what it has used is one line, and
/// what most requests do not need is the next.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct ApiKeyPlan {
    /// The value: its first bytes, and zeros after those of a shorter one.
    head: [u64; WORDS],
    /// Upper bits of its hash.
    mark: u16,
    length: u8,
    /// `enabled`
    pub enabled: bool,
    /// Slot of its first plan: most keys have one.
    plan: u32,
    /// What it has used of that plan.
    client: Option<Arc<Client>>,
    /// For that plan's throttles of single methods.
    methods: MethodBuckets,
    id: Box<str>,
    tail: Box<[u8]>,
    /// Other plans.
    more: Box<[ClientPlan]>,
}

/// Buckets of single methods: the first, and the others.
#[derive(Debug, Default)]
#[repr(C)]
struct MethodBuckets(Option<Arc<Bucket>>, Box<[Arc<Bucket>]>);

impl MethodBuckets {
    fn new(mut buckets: Vec<Arc<Bucket>>) -> Self {
        let first = (!buckets.is_empty()).then(|| buckets.remove(0));
        MethodBuckets(first, buckets.into())
    }
}

/// A key in a plan, as it is compiled.
#[derive(Debug)]
pub(super) struct ClientPlan {
    /// Slot of the plan.
    plan: u32,
    /// What it has used: the same in every snapshot.
    client: Arc<Client>,
    methods: MethodBuckets,
}

impl ClientPlan {
    /// With buckets for the plan's throttles of single methods, in the order of [`MethodRate::bucket`].
    pub(super) fn new(plan: u32, client: Arc<Client>, methods: Vec<Arc<Bucket>>) -> Self {
        ClientPlan { plan, client, methods: MethodBuckets::new(methods) }
    }
}

/// A key in a plan, as it is found.
#[derive(Debug, Clone, Copy)]
pub struct ClientRef<'a> {
    /// Slot of the plan.
    pub plan: u32,
    /// What it has used.
    pub client: &'a Arc<Client>,
    methods: &'a MethodBuckets,
}

impl<'a> ClientRef<'a> {
    /// The bucket for a throttle of a single method, see [`MethodRate::bucket`].
    #[inline]
    pub fn method(&self, index: u32) -> Option<&'a Arc<Bucket>> {
        match (index as usize).checked_sub(1) {
            None => self.methods.0.as_ref(),
            Some(index) => self.methods.1.get(index),
        }
    }
}

impl ApiKeyPlan {
    pub(super) fn new(value: &str, id: &str, enabled: bool, mut plans: Vec<ClientPlan>) -> Self {
        let bytes = value.as_bytes();
        let first = (!plans.is_empty()).then(|| plans.remove(0));
        let (plan, client, methods) = match first {
            Some(ClientPlan { plan, client, methods }) => (plan, Some(client), methods),
            None => (0, None, MethodBuckets::default()),
        };
        ApiKeyPlan {
            head: words(bytes),
            mark: mark_of(hash_of(bytes)),
            length: bytes.len() as u8,
            enabled,
            plan,
            client,
            methods,
            id: id.into(),
            tail: bytes.get(INLINE..).unwrap_or_default().into(),
            more: plans.into(),
        }
    }

    /// Id of the key.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its plans.
    #[inline]
    pub fn plans(&self) -> impl Iterator<Item = ClientRef<'_>> {
        let first =
            self.client.as_ref().map(|client| ClientRef { plan: self.plan, client, methods: &self.methods });
        // The second line is not looked at before the first plan has turned out to be another stage's.
        let more = iter::once_with(|| self.more.iter()).flatten();
        let more =
            more.map(|ClientPlan { plan, client, methods }| ClientRef { plan: *plan, client, methods });
        first.into_iter().chain(more)
    }

    /// What most requests of the key change, for a core that has something else to do meanwhile.
    #[inline]
    pub fn changed(&self) -> (Option<&Client>, Option<&Bucket>) {
        (self.client.as_deref(), self.methods.0.as_deref())
    }

    /// Whether its value is this one: how long that takes tells nothing but the length.
    #[inline]
    fn has_value(&self, value: &[u8]) -> bool {
        value.len() == usize::from(self.length)
            && bool::from(self.head.ct_eq(&words(value)) & self.tail_is(value))
    }

    #[inline]
    fn tail_is(&self, value: &[u8]) -> Choice {
        match value.get(INLINE..) {
            None | Some([]) => Choice::from(1),
            Some(tail) => self.tail.ct_eq(tail),
        }
    }
}

/// The first bytes of a value, and zeros after a shorter one.
#[inline]
fn words(value: &[u8]) -> [u64; WORDS] {
    let mut bytes = [0; INLINE];
    let length = value.len().min(INLINE);
    bytes[..length].copy_from_slice(&value[..length]);
    let mut words = [0; WORDS];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u64::from_ne_bytes(*bytes);
    }
    words
}

#[inline]
fn mark_of(hash: u64) -> u16 {
    (hash >> 48) as u16
}

/// Keys by value, in the parts of the model's [`ApiKeys`](crate::model::ApiKeys): one that did
/// not change is shared with the snapshot before.
#[derive(Debug)]
pub struct KeyTable {
    pub(super) parts: Vec<KeyPart>,
    is_empty: bool,
}

impl Default for KeyTable {
    fn default() -> Self {
        KeyTable::new(vec![KeyPart::default(); API_KEY_PARTS])
    }
}

impl KeyTable {
    /// Of [`API_KEY_PARTS`] parts.
    pub(super) fn new(parts: Vec<KeyPart>) -> Self {
        let is_empty = parts.iter().all(|part| part.0.is_empty());
        KeyTable { parts, is_empty }
    }

    /// Whether there are no keys.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// The key of this value, disabled ones too.
    #[inline]
    pub fn find(&self, value: &[u8]) -> Option<&ApiKeyPlan> {
        let hash = hash_of(value);
        self.parts[part_of(hash)].find(hash, value)
    }

    /// Where the key of this value is looked for first, for a core that has something else to do meanwhile.
    #[inline]
    pub fn place(&self, value: &[u8]) -> Option<&Option<ApiKeyPlan>> {
        let hash = hash_of(value);
        let places = &self.parts[part_of(hash)].0;
        places.get(place_of(hash, places.len()))
    }

    /// Parts that both tables share.
    #[cfg(test)]
    pub(crate) fn shares(&self, other: &KeyTable) -> usize {
        self.parts.iter().zip(&other.parts).filter(|(a, b)| Arc::ptr_eq(&a.0, &b.0)).count()
    }
}

/// Keys of one part: an open table, a third of whose places are free.
#[derive(Debug, Clone, Default)]
pub(super) struct KeyPart(Arc<[Option<ApiKeyPlan>]>);

/// Most keys of a part; a hundred million keys are that many.
pub(super) const KEYS_OF_PART: usize = 30_000;

impl KeyPart {
    /// Keys with the hashes of their values.
    pub(super) fn new(keys: Vec<(u64, ApiKeyPlan)>) -> Self {
        debug_assert!(keys.len() <= KEYS_OF_PART);
        let size = if keys.is_empty() { 0 } else { keys.len() + keys.len() / 2 + 1 };
        let mut places: Vec<Option<ApiKeyPlan>> = Vec::new();
        places.resize_with(size, || None);
        for (hash, key) in keys {
            let mut place = place_of(hash, size);
            while places[place].is_some() {
                place = (place + 1) % size;
            }
            places[place] = Some(key);
        }
        KeyPart(places.into())
    }

    #[inline]
    pub(super) fn find(&self, hash: u64, value: &[u8]) -> Option<&ApiKeyPlan> {
        let places = &*self.0;
        if places.is_empty() {
            return None;
        }
        let mut place = place_of(hash, places.len());
        loop {
            let key = places[place].as_ref()?;
            if key.mark == mark_of(hash) && key.has_value(value) {
                return Some(key);
            }
            place = if place + 1 == places.len() { 0 } else { place + 1 };
        }
    }
}

/// By the low bits of a hash: any number of places, without a division.
#[inline]
fn place_of(hash: u64, size: usize) -> usize {
    ((u64::from(hash as u32) * size as u64) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    #[test]
    fn keys_are_found_by_their_whole_value() {
        let value =
            |i: usize| format!("{i:040}{}", if i.is_multiple_of(3) { "-and-a-longer-one" } else { "" });
        let key = |i: usize| ApiKeyPlan::new(&value(i), &i.to_string(), true, Vec::new());
        let part = KeyPart::new((0..1000).map(|i| (hash_of(value(i).as_bytes()), key(i))).collect());
        assert_eq!(size_of_val(&*part.0), 1501 * 128, "two lines for each");
        assert_eq!(offset_of!(ApiKeyPlan, methods.0) + 8, 64, "and all that is needed in the first");
        let find = |value: &str| part.find(hash_of(value.as_bytes()), value.as_bytes()).map(ApiKeyPlan::id);
        for i in 0..1000 {
            assert_eq!(find(&value(i)), Some(i.to_string().as_str()));
        }
        let table = KeyTable::new(vec![part.clone(); API_KEY_PARTS]);
        let is_first = |i: &usize| {
            let place = table.place(value(*i).as_bytes()).unwrap();
            place.as_ref().is_some_and(|key| key.has_value(value(*i).as_bytes()))
        };
        assert!((0..1000).filter(is_first).count() > 500, "most are where they are looked for first");
        assert!(!table.is_empty() && KeyTable::default().is_empty());
        assert!(KeyTable::default().place(b"anything").is_none());
        for unknown in [value(1000), value(3)[..40].to_owned(), value(3) + "x", value(4) + "x", String::new()]
        {
            assert_eq!(find(&unknown), None, "{unknown}");
        }
        assert!(KeyTable::default().find(b"anything at all of some length").is_none());
    }
}
