//! What a cache did for a request.

/// `$context.cacheStatus` (ours, not AWS's).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CacheStatus {
    /// The method is not cached, or the request was answered before the cache was asked.
    #[default]
    Off,
    /// A fresh answer was there.
    Hit,
    /// None was there.
    Miss,
    /// One was there and is not fresh any more: the integration answered.
    Expired,
    /// One that is not fresh any more answered: it is being asked for anew, or the integration failed.
    Stale,
    /// The caller asked for a new one (`Cache-Control: max-age=0`), and the integration answered.
    Bypass,
}

impl CacheStatus {
    /// As logs show it; `-`: [`CacheStatus::Off`].
    pub fn as_str(self) -> &'static str {
        match self {
            CacheStatus::Off => "-",
            CacheStatus::Hit => "HIT",
            CacheStatus::Miss => "MISS",
            CacheStatus::Expired => "EXPIRED",
            CacheStatus::Stale => "STALE",
            CacheStatus::Bypass => "BYPASS",
        }
    }
}
