//! The load generator `ringload`: sends HTTP requests at intended times, and says honestly what became of them.
//!
//! A run goes one way: [`plan`] (what to send) → [`schedule`] (when to send it: pure) → [`worker`] (one thread per core, sends and
//! checks) → [`record`] (what was measured) → [`report`] (text, JSON, HTML) → [`compare`] (a verdict between reports).
//! Nothing here depends on the data plane of the gateway: the instrument must not share the bugs of what it measures.
#![forbid(unsafe_code)]

pub mod backend;
pub mod check;
pub mod cli;
pub mod compare;
mod cores;
pub mod exit;
pub mod failure;
mod host;
pub mod knee;
pub mod plan;
mod precise;
pub mod random;
pub mod record;
pub mod report;
pub mod resolve;
pub mod run;
pub mod schedule;
pub mod stall;
pub mod stop;
mod team;
pub mod validity;
mod words;
pub mod worker;
