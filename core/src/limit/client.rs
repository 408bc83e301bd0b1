//! What one key has used of one plan.

use super::{Bucket, Quota, UnderWay};

/// A key in a plan: shared by all cores, and by all snapshots that have both. What a request changes is in the first line.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Client {
    /// Its requests over all stages of the plan.
    pub throttle: Bucket,
    /// Its requests of the period.
    pub quota: Quota,
    /// Its requests that are under way, counted where the plan limits them.
    pub under_way: UnderWay,
    /// Id of the plan.
    pub usage_plan_id: Box<str>,
    /// Id of the key.
    pub api_key_id: Box<str>,
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    #[test]
    fn what_every_request_changes_is_in_one_line() {
        assert!(offset_of!(Client, throttle) + size_of::<Bucket>() <= 64);
        assert!(offset_of!(Client, quota) + Quota::TAKEN <= 64);
    }
}
