//! What the cache of a stage does beyond AWS's: all of it off by itself.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Settings of the cache of a stage; ours, not AWS's.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CacheSettings {
    /// Whether one of the requests of a core that miss the same answer asks the integration and the others wait for what it gets.
    pub collapse: bool,
    /// Seconds for which an answer that is not fresh any more is given while it is being asked for anew.
    pub stale_while_revalidate_seconds: u32,
    /// Seconds for which an answer that is not fresh any more is given where the integration fails.
    pub stale_if_error_seconds: u32,
    /// Whether answers can be purged by what their `Cache-Tag` and `Surrogate-Key` say.
    pub tags: bool,
    /// By status, for how many seconds answers are fresh, in place of `cacheTtlInSeconds`; 0: they are not kept.
    pub status_ttl_seconds: BTreeMap<u16, u32>,
    /// Where a drain writes what the cache holds, and a start reads it.
    pub warm_file: Option<PathBuf>,
}
