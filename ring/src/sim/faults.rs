//! What goes wrong in a simulated network, and how often.

/// The behaviour of a simulated network. Times are nanoseconds, the rest are probabilities from 0 to 1; those of
/// faults are 0 by default.
#[derive(Debug, Clone, PartialEq)]
pub struct Faults {
    /// Least latency of a segment.
    pub latency_min: u64,
    /// Greatest latency of a segment. Segments of one direction never overtake each other.
    pub latency_max: u64,
    /// Bytes that a direction holds, sent and not yet received: a sender waits when it is full.
    pub send_buffer: usize,
    /// A receive yields fewer bytes than have arrived.
    pub short_read: f64,
    /// A send takes only a part of its bytes now, and the rest in a later turn.
    pub short_write: f64,
    /// A segment is lost with its connection: both ends see a reset.
    pub reset: f64,
    /// An end that sees a reset loses the bytes that had arrived before it.
    pub reset_discards: f64,
    /// A segment and all that follow are replaced by the end of the stream, as when the sending process dies.
    pub half_close: f64,
    /// A segment, and all that follow, are held up.
    pub stall: f64,
    /// For how long at most; every magnitude from a millisecond is equally likely.
    pub stall_max: u64,
    /// A connect is refused although somebody listens.
    pub refuse: f64,
    /// A connect is never answered.
    pub stall_connect: f64,
    /// An accept fails as when descriptors run out (EMFILE).
    pub accept_fails: f64,
    /// `closed()` resolves up to a second late while unread bytes wait, as the trait allows.
    pub late_closed: f64,
}

impl Default for Faults {
    /// A local network where nothing goes wrong.
    fn default() -> Self {
        Faults {
            latency_min: 20_000,
            latency_max: 200_000,
            send_buffer: 64 * 1024,
            short_read: 0.0,
            short_write: 0.0,
            reset: 0.0,
            reset_discards: 0.0,
            half_close: 0.0,
            stall: 0.0,
            stall_max: 60_000_000_000,
            refuse: 0.0,
            stall_connect: 0.0,
            accept_fails: 0.0,
            late_closed: 0.0,
        }
    }
}

impl Faults {
    /// Everything goes wrong, each thing rarely enough that most exchanges still end well.
    pub fn chaos() -> Self {
        Faults {
            latency_max: 5_000_000,
            short_read: 0.3,
            short_write: 0.3,
            reset: 0.01,
            reset_discards: 0.5,
            half_close: 0.01,
            stall: 0.01,
            refuse: 0.02,
            stall_connect: 0.01,
            accept_fails: 0.02,
            late_closed: 0.3,
            ..Faults::default()
        }
    }
}
