//! Cores, connections and upstream pools: moves bytes between the runtime (`ring`) and the gateway's policy (`core`).
//!
//! Written against the traits of [`ringway_ring::net`], so that monoio, epoll and the simulation run the same code.
#![forbid(unsafe_code)]

mod accept;
mod adopted;
mod clock;
mod connection;
mod core;
mod exchange;
mod explain;
mod gather;
mod head;
pub mod log;
#[cfg(feature = "planted-slowdown")]
mod planted;
mod queue;
mod record;
mod refresh;
mod relay;
mod request_body;
mod settings;
mod upstream;
mod watch;

pub use core::{CoreHost, CoreMessage, run_core};
pub use log::{LogSink, LogSource, log_channel};
pub use settings::CoreSettings;
