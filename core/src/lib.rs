//! The gateway as a function: codecs, model, snapshot, pipeline, telemetry.
//!
//! Nothing here touches a socket, a clock, a thread, a file or a random source: time and randomness are arguments.
#![forbid(unsafe_code)]

pub mod cache;
pub mod calendar;
pub mod error;
pub mod http1;
pub mod ids;
pub mod json;
pub mod json_path;
pub mod json_schema;
pub mod limit;
pub mod limits;
pub mod model;
pub mod pipeline;
pub mod snapshot;
pub mod telemetry;
pub mod vtl;
