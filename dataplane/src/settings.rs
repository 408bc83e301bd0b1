//! What a core is told by the process's configuration.

/// Settings of one core. Times in nanoseconds.
#[derive(Debug, Clone)]
pub struct CoreSettings {
    /// Client connections the core holds. Full: a further one is closed at once and counted.
    pub connections_max: usize,
    /// Connections waiting to be accepted, per listener.
    pub backlog: u32,
    /// How long a kept connection may wait for its next request.
    pub idle_timeout_nanos: u64,
    /// How long the head of a request may take from its first byte.
    pub head_timeout_nanos: u64,
    /// Largest request body. Larger: 413.
    pub body_bytes_max: u64,
    /// Upstream connections per endpoint. Full: exchanges wait.
    pub upstream_connections_max: usize,
    /// Exchanges that may wait for a connection, per endpoint. Full: 503.
    pub upstream_wait_queue_max: usize,
    /// How long a kept upstream connection may stay unused.
    pub upstream_idle_timeout_nanos: u64,
    /// How long a connect may take.
    pub connect_timeout_nanos: u64,
    /// How long a request may wait for its core before it is refused, those of low priority from half of it on. 0: however long.
    pub queue_time_nanos: u64,
}

const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MILLISECOND;

impl Default for CoreSettings {
    fn default() -> Self {
        CoreSettings {
            connections_max: 16_384,
            backlog: 4_096,
            idle_timeout_nanos: 75 * SECOND,
            head_timeout_nanos: 10 * SECOND,
            body_bytes_max: ringway_core::limits::BODY_BYTES_MAX,
            upstream_connections_max: 1_024,
            upstream_wait_queue_max: 16_384,
            upstream_idle_timeout_nanos: 60 * SECOND,
            connect_timeout_nanos: 5 * SECOND,
            queue_time_nanos: 500 * MILLISECOND,
        }
    }
}
