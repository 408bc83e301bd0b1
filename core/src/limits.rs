//! Every maximum in one place, with what happens when it is reached.
//!
//! AWS's own numbers are from the spec sheet §7 (*Limits*); where AWS states none, the number is ours and says why.

/// Bytes of a request target (AWS: URL 10,240 for Regional endpoints). Longer: see [`REQUEST_LINE_BYTES_MAX`].
pub const URL_BYTES_MAX: usize = 10_240;

/// Bytes of a request line without its line end: `OPTIONS`, two spaces, `HTTP/1.1` and the longest target. Longer: 414, close.
pub const REQUEST_LINE_BYTES_MAX: usize = URL_BYTES_MAX + 17;

/// Bytes of a method token. The longest registered one has 17 (`UPDATEREDIRECTREF`). Longer: 501, close (RFC 9112 §3).
pub const METHOD_BYTES_MAX: usize = 32;

/// Bytes of all header lines with their line ends, without the blank line (AWS: 10,240). More: 431, close; from a backend: 502.
pub const HEADER_BYTES_MAX: usize = 10_240;

/// Header lines of a message. More: 431, close; from a backend: 502. Ours: it bounds the parser's array on the stack.
pub const HEADERS_MAX: usize = 100;

/// Bytes of a status line without its line end. Longer: 502.
pub const STATUS_LINE_BYTES_MAX: usize = 1_024;

/// Options in all `Connection` fields of a message. More: 400, close; from a backend: 502. Ours: each one is searched for
/// among the headers, so this keeps that search short.
pub const CONNECTION_OPTIONS_MAX: usize = 16;

/// Bytes of a request body, by Content-Length or counted chunk by chunk (AWS: payload 10 MB). More: 413, close.
pub const BODY_BYTES_MAX: u64 = 10 * 1024 * 1024;

/// Bytes of the extensions of one chunk. More: 400, close; from a backend: its connection is closed. Ours: nobody uses them.
pub const CHUNK_EXTENSION_BYTES_MAX: usize = 256;

/// Bytes of the chunk extensions of a whole body. More: as [`CHUNK_EXTENSION_BYTES_MAX`].
pub const CHUNK_EXTENSIONS_TOTAL_BYTES_MAX: usize = 2_048;

/// Bytes of a trailer section with its line ends, without the blank line. More: 431, close; from a backend: its connection is
/// closed. Ours: trailers are checked and dropped.
pub const TRAILER_BYTES_MAX: usize = 4_096;

/// Path parameters of a resource. More: the API is refused when it is compiled. Ours: they live in a fixed array.
pub const PATH_PARAMETERS_MAX: usize = 16;

/// Bytes of a host name (RFC 1035 §2.3.4). A longer `Host` matches only the domain `*`.
pub const HOST_BYTES_MAX: usize = 255;

/// Segments of a base path. Mappings with more are refused at import; AWS limits the whole path to 300 characters.
pub const BASE_PATH_SEGMENTS_MAX: usize = 16;

/// Slots of a chunk of a core's metric tables, and how many chunks there may be: 65,536 slots. What finds no slot is
/// counted as `other`.
pub const METRIC_CHUNK_SLOTS: usize = 256;
/// See [`METRIC_CHUNK_SLOTS`].
pub const METRIC_CHUNKS_MAX: usize = 256;

/// Bytes of an upstream's target after its values are filled in. Longer: 414.
pub const TARGET_BYTES_MAX: usize = 16 * 1024;

/// 1xx answers before the final one. More: 502, and the connection is closed.
pub const INTERIM_RESPONSES_MAX: usize = 16;

/// Buffers of log lines a core may have under way to the writer. Full: lines are dropped and counted.
pub const LOG_BATCHES_MAX: usize = 16;

/// Bytes of a batch of log lines. Each one wakes the writer, which costs as much as a thousand lines where it shares the core's CPU.
pub const LOG_BATCH_BYTES: usize = 256 * 1024;
