//! Upstream connections of a core: kept, bounded, balanced.

mod connect;
mod peer;
mod pool;
mod wait;

pub(crate) use pool::{Lease, Pool};
