//! The gateway over real sockets: the binary as users start it, on both drivers, between a client and a backend that do as they are told.

#![forbid(unsafe_code)]

mod admin;
mod aws;
mod bad_messages;
mod bodies;
mod cache;
mod cache_beyond;
mod command_line;
mod demo;
mod drain;
mod explain;
mod external;
mod headers;
mod hostile_bodies;
mod leaving;
mod limits;
mod proxying;
mod reload;
mod stale;
mod support;
mod timeouts;
mod transformations;

// The corpora and their reader are shared with the codec's unit tests.
#[path = "../../corpus/http1/reader.rs"]
mod reader;
