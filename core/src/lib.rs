//! The gateway as a function: codecs, model, snapshot, pipeline, telemetry.
//!
//! Nothing here touches a socket, a clock, a thread, a file or a random source: time and randomness are arguments.
#![forbid(unsafe_code)]

pub mod model;
