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

/// Bytes of an API key (AWS: 20 to 128). A longer one is no key: 403.
pub const API_KEY_BYTES_MAX: usize = 128;

/// Nanoseconds that a request waits for a part of its quota to be made durable. Longer: 503. Ours: a disk answers in milliseconds.
pub const QUOTA_WAIT_NANOS_MAX: u64 = 2_000_000_000;

/// Bytes of a body that is cached (AWS: 1,048,576; tables.md §9.5). A larger one passes and is not cached.
pub const CACHED_BODY_BYTES_MAX: u64 = 1_048_576;

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

/// Bytes of all bodies that one core has gathered at a time, for templates, validation and conversion. More: 503. Ours: AWS's payload limit
/// bounds one body, and a core serves thousands of connections.
pub const GATHERED_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Steps back that a `pattern` of a schema may cause. More: the value does not match. Ours: it bounds the time of one match.
pub const PATTERN_STEPS_MAX: usize = 100_000;

/// Bytes of a request body after its content coding is undone (AWS: payload 10 MB). More: 413.
pub const DECODED_BYTES_MAX: usize = BODY_BYTES_MAX as usize;

/// Nanoseconds that a request body may take where it is read as a whole. Longer: 408. Ours: as long as an integration may (spec sheet §7).
pub const REQUEST_BODY_NANOS_MAX: u64 = 29_000_000_000;

/// Nesting of objects and arrays in JSON text, and of values that are printed or compared (json-smart: 400). Deeper: the text is
/// no JSON, the value does not print; a template fails with 500.
pub const JSON_DEPTH_MAX: usize = 400;

/// Nesting of a body that is held against a model. Deeper: it is no valid JSON, a 400.
pub const VALIDATED_DEPTH_MAX: usize = 128;

/// Values that are copied for one message about a body that does not fit its model. The message shows no more of them.
pub const REPORTED_VALUES_MAX: usize = 10_000;

/// Bytes of a number in JSON text (json-smart: 1,000). Longer: the text is no JSON.
pub const JSON_NUMBER_BYTES_MAX: usize = 1_000;

/// Bytes of a JSONPath expression. Longer: it is malformed. Ours: real ones have a few dozen.
pub const JSON_PATH_BYTES_MAX: usize = 4_096;

/// Nesting of brackets in the filters of a JSONPath expression. Deeper: it is malformed. Ours: it bounds the stack.
pub const JSON_PATH_DEPTH_MAX: usize = 32;

/// Values that a JSONPath expression may visit in one evaluation. More: it fails. Ours: several `..` multiply.
pub const JSON_PATH_VISITS_MAX: u32 = 2_000_000;

/// Bytes that a regular expression of a template or a path may take when compiled. More: the call fails. Ours: it bounds memory.
pub const VTL_REGEX_BYTES_MAX: usize = 256 * 1024;

/// Bytes of a mapping template (AWS: 300 KB). Longer: it does not compile.
pub const VTL_TEMPLATE_BYTES_MAX: usize = 300 * 1024;

/// Nesting of blocks, brackets and texts in quotes when a template is compiled, and of macro calls, evaluations and blocks when it is
/// rendered. Deeper: it does not compile, or fails with 500. Ours: it bounds the stack.
pub const VTL_DEPTH_MAX: usize = 64;

/// Operators of one statement of a template, texts in quotes included. More: it does not compile. Ours: it bounds the stack.
pub const VTL_OPERATORS_MAX: usize = 256;

/// Rounds of a `#foreach` (AWS: 1,000). The loop ends there, as in AWS's Velocity.
pub const VTL_LOOP_ROUNDS_MAX: u32 = 1_000;

/// Calls of macros within each other (Velocity: 20). Deeper: the template fails with 500.
pub const VTL_MACRO_DEPTH_MAX: u32 = 20;

/// Steps of one rendering: nodes, references, calls, and the bytes and items they touch, by the hundred. More: 500. Ours: about 0.1 s.
pub const VTL_STEPS_MAX: u32 = 1_000_000;

/// Bytes that a template may write (AWS: payload 10 MB). More: 500.
pub const VTL_OUTPUT_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Bytes of the texts, lists and maps that one rendering makes, whether they still exist or not. More: 500. Ours: it bounds memory.
pub const VTL_VALUE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Templates that one rendering may `#evaluate`. More: 500. Ours: each one is compiled.
pub const VTL_EVALUATIONS_MAX: u32 = 1_000;

/// `timeoutInMillis` of an integration, and its default (AWS: 29 seconds). More: refused at import.
pub const INTEGRATION_TIMEOUT_MILLIS_MAX: u64 = 29_000;

/// Bytes of an event of an execution log (AWS: 1,024). Longer: it is cut.
pub const LOG_EVENT_BYTES_MAX: usize = 1_024;

/// Live requests that one arming of a stage's switch explains. More: refused. Ours: a log has at most about twenty events of
/// [`LOG_EVENT_BYTES_MAX`], so that this bounds the logs of a stage to 2 MB.
pub const EXPLAINED_REQUESTS_MAX: u32 = 100;

/// Seconds that a stage's switch may be armed. More: refused. Ours: a switch that is forgotten should not cost anything for long.
pub const EXPLAINED_SECONDS_MAX: u32 = 600;

/// Stages whose live requests are explained, or were and still have their logs. More: the logs of the oldest finished one go; where
/// none is finished, refused. Ours: it bounds memory to 32 MB.
pub const EXPLAINED_STAGES_MAX: usize = 16;

/// Bytes of the body of an answer that is cached (AWS: 1,048,576). Larger: it passes and is not kept.
pub const CACHED_BYTES_MAX: usize = 1_048_576;

/// Bytes of a cache key. Longer: the request is served as if its method were not cached. Ours: it bounds what an entry takes beside its
/// answer.
pub const CACHE_KEY_BYTES_MAX: usize = 6 * 1024;

/// Answers that a core asks for anew while those that are too old are given. More: it is not done, and a later request tries. Ours.
pub const REFRESHES_MAX: usize = 256;

/// Tags of an answer. More: it passes and is not kept, because it could not be purged. Ours: each one is compared on every hit.
pub const CACHE_TAGS_MAX: usize = 32;
