//! What the measuring programs in `src/bin` share. `cargo xtask bench` and `cargo xtask verify` build and run them.
//!
//! - [`net`]: one small seam over monoio, tokio and glommio, so that the same logic runs on each.
//! - [`hot`]: the gateway's hot functions, to be timed and counted.
//! - [`http`]: just enough HTTP/1.1 to find where messages end.
//! - [`zipf`]: traces of requests to caches.
#![forbid(unsafe_code)]

pub mod hot;
pub mod http;
pub mod net;
pub mod zipf;
