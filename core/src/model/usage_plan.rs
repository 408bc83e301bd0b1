//! API keys and usage plans: who may call how often (tables.md §9.6).

use std::fmt;
use std::sync::Arc;

use ahash::RandomState;

use super::HttpMethod;

/// `throttle`: a token bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ThrottleSettings {
    /// `rateLimit`: requests per second that the bucket is refilled by. Not negative, finite.
    pub rate_limit: f64,
    /// `burstLimit`: requests that the bucket holds.
    pub burst_limit: u32,
}

/// `quota`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaSettings {
    /// Requests of a period.
    pub limit: u64,
    /// Requests subtracted from the limit in the first period of a key; below the limit.
    pub offset: u64,
    /// The period.
    pub period: QuotaPeriod,
}

/// `period` of a quota. All of them begin at 00:00 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QuotaPeriod {
    /// DAY
    Day,
    /// WEEK: begins with Sunday.
    Week,
    /// MONTH: begins with its first day.
    Month,
}

impl QuotaPeriod {
    /// `DAY`, `WEEK` or `MONTH`.
    pub fn as_str(self) -> &'static str {
        match self {
            QuotaPeriod::Day => "DAY",
            QuotaPeriod::Week => "WEEK",
            QuotaPeriod::Month => "MONTH",
        }
    }
}

/// The priority of requests without a plan, and of plans that say nothing else.
pub const DEFAULT_PRIORITY: u8 = 128;

/// A usage plan.
#[derive(Debug, Clone, PartialEq)]
pub struct UsagePlan {
    /// Its id.
    pub id: String,
    /// `name`
    pub name: String,
    /// The stages that its keys open.
    pub api_stages: Vec<ApiStage>,
    /// For each key, over all of its stages.
    pub throttle: Option<ThrottleSettings>,
    /// For each key, over all of its stages.
    pub quota: Option<QuotaSettings>,
    /// Requests of one key that may be under way at a time; ours, not AWS's.
    pub concurrency_limit: Option<u32>,
    /// Who goes first when a core has more to do than it can: 0 is shed first, 255 never; see [`DEFAULT_PRIORITY`]. Ours, not AWS's.
    pub priority: u8,
}

/// A stage of a usage plan.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiStage {
    /// `apiId`
    pub api_id: String,
    /// `stage`
    pub stage: String,
    /// For each key and method.
    pub throttles: Vec<MethodThrottle>,
}

/// A throttle of one method.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodThrottle {
    /// `/pets/{petId}`
    pub resource_path: String,
    /// The method.
    pub http_method: HttpMethod,
    /// For each key.
    pub throttle: ThrottleSettings,
}

/// An API key. Its value is a secret: it is shown by nothing but those whom it is asked of.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: String,
    /// `value`: 20 to 128 bytes.
    pub value: Box<str>,
    /// `enabled`
    pub enabled: bool,
    /// Ids of its usage plans.
    pub usage_plans: Vec<String>,
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ApiKey");
        shown.field("id", &self.id).field("enabled", &self.enabled).field("usage_plans", &self.usage_plans);
        shown.finish_non_exhaustive()
    }
}

/// Parts of an [`ApiKeys`]: each change of a key copies one of them.
pub const API_KEY_PARTS: usize = 4096;

/// All API keys, by value. Clones share what did not change, so that one key of a million can be changed without looking at the others.
#[derive(Debug, Clone)]
pub struct ApiKeys {
    parts: Vec<Arc<Vec<Arc<ApiKey>>>>,
    count: usize,
}

impl Default for ApiKeys {
    fn default() -> Self {
        ApiKeys { parts: vec![Arc::default(); API_KEY_PARTS], count: 0 }
    }
}

impl PartialEq for ApiKeys {
    fn eq(&self, other: &Self) -> bool {
        let same = |(a, b): (&Arc<Vec<_>>, &Arc<Vec<_>>)| Arc::ptr_eq(a, b) || a == b;
        self.parts.iter().zip(&other.parts).all(same)
    }
}

/// The hash of a key's value. It may be known: who looks values up does not choose those that are there.
#[inline]
pub fn hash_of(value: &[u8]) -> u64 {
    const FIXED: RandomState = RandomState::with_seeds(1, 2, 3, 4);
    FIXED.hash_one(value)
}

/// The part of an [`ApiKeys`] that keys of this hash are in.
#[inline]
pub fn part_of(hash: u64) -> usize {
    (hash >> 32) as usize % API_KEY_PARTS
}

impl ApiKeys {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds a key, or replaces that of the same value.
    pub fn insert(&mut self, key: impl Into<Arc<ApiKey>>) {
        let key = key.into();
        let part = Arc::make_mut(&mut self.parts[part_of(hash_of(key.value.as_bytes()))]);
        match part.iter_mut().find(|known| known.value == key.value) {
            Some(known) => *known = key,
            None => {
                part.push(key);
                self.count += 1;
            }
        }
    }

    /// Takes over one of [`parts`](Self::parts), whose keys have to belong there.
    pub fn set_part(&mut self, index: usize, part: Arc<Vec<Arc<ApiKey>>>) {
        self.count = self.count - self.parts[index].len() + part.len();
        self.parts[index] = part;
    }

    /// Parts that are as they were `before` become the same allocation again.
    pub fn share_with(&mut self, before: &ApiKeys) {
        for (part, before) in self.parts.iter_mut().zip(&before.parts) {
            if part == before {
                *part = before.clone();
            }
        }
    }

    /// Removes the key of this value.
    pub fn remove(&mut self, value: &str) {
        let part = &mut self.parts[part_of(hash_of(value.as_bytes()))];
        if let Some(index) = part.iter().position(|known| *known.value == *value) {
            Arc::make_mut(part).swap_remove(index);
            self.count -= 1;
        }
    }

    /// The key of this value.
    pub fn get(&self, value: &str) -> Option<&Arc<ApiKey>> {
        self.parts[part_of(hash_of(value.as_bytes()))].iter().find(|known| *known.value == *value)
    }

    /// All keys.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<ApiKey>> {
        self.parts.iter().flat_map(|part| part.iter())
    }

    /// The parts: one that did not change is the same allocation.
    pub fn parts(&self) -> &[Arc<Vec<Arc<ApiKey>>>] {
        &self.parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str, value: &str) -> ApiKey {
        ApiKey { id: id.into(), value: value.into(), enabled: true, usage_plans: Vec::new() }
    }

    #[test]
    fn a_change_copies_one_part() {
        let mut keys = ApiKeys::default();
        for i in 0..10_000 {
            keys.insert(key(&i.to_string(), &format!("value-{i:020}")));
        }
        let before = keys.clone();
        keys.insert(key("other", "value-00000000000000000007"));
        keys.remove("value-00000000000000000008");
        keys.remove("unknown");
        assert_eq!((keys.len(), before.len(), keys.iter().count()), (9_999, 10_000, 9_999));
        assert_eq!(keys.get("value-00000000000000000007").unwrap().id, "other");
        assert_eq!(before.get("value-00000000000000000007").unwrap().id, "7");
        assert!(keys.get("value-00000000000000000008").is_none());
        let copied = keys.parts().iter().zip(before.parts()).filter(|(a, b)| !Arc::ptr_eq(a, b)).count();
        assert!(copied <= 2, "{copied}");
        assert!(keys != before && keys == keys.clone());
    }

    #[test]
    fn what_is_as_before_is_shared() {
        let keys = |last: &str| {
            let mut keys = ApiKeys::default();
            (0..1000).for_each(|i| keys.insert(key(&i.to_string(), &format!("value-{i:020}"))));
            keys.insert(key("last", last));
            keys
        };
        let before = keys("value-of-the-last-before");
        let mut after = keys("value-of-the-last-after-");
        after.share_with(&before);
        let shared = after.parts().iter().zip(before.parts()).filter(|(a, b)| Arc::ptr_eq(a, b)).count();
        assert!((API_KEY_PARTS - 2..API_KEY_PARTS).contains(&shared), "{shared}");
        let index = part_of(hash_of(b"value-of-the-last-after-"));
        after.set_part(index, before.parts()[index].clone());
        assert!(after.get("value-of-the-last-after-").is_none());
        assert_eq!((after.len(), after.iter().count()), (1000, 1000));
    }

    #[test]
    fn a_value_is_not_shown() {
        assert!(!format!("{:?}", key("id", "a-secret-of-twenty-bytes")).contains("secret"));
    }
}
