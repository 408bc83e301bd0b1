//! What one key has used of one plan.

use super::{Bucket, Quota, UnderWay};

/// A key in a plan: shared by all cores, and by all snapshots that have both.
#[derive(Debug)]
#[repr(align(64))]
pub struct Client {
    /// Id of the plan.
    pub usage_plan_id: Box<str>,
    /// Id of the key.
    pub api_key_id: Box<str>,
    /// Its requests over all stages of the plan.
    pub throttle: Bucket,
    /// Its requests of the period.
    pub quota: Quota,
    /// Its requests that are under way, counted where the plan limits them.
    pub under_way: UnderWay,
}
