//! Limits that hold: token buckets and quotas that all cores share without a lock, and what a core holds of them.
//!
//! A [`Bucket`] is exact in itself. Where its rate is high, a core takes several tokens at a time and keeps the rest for its next
//! requests ([`Leases`]). A [`Quota`] gives only what has been made durable before.

mod bucket;
mod client;
mod leases;
pub mod quota;
mod under_way;

pub use bucket::{Bucket, TokenRate};
pub use client::Client;
pub use leases::{CoreLimits, Leases, Level};
pub use quota::{Periods, Quota, QuotaRequest, Taken};
pub use under_way::{Place, UnderWay};
