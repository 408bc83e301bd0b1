//! The load generator `ringload`: sends HTTP requests at intended times, and says honestly what became of them.
//!
//! A run goes one way: [`plan`] (what to send) → [`schedule`] (when to send it: pure) → [`worker`] (one thread per core, sends and
//! checks) → [`record`] (what was measured) → [`report`] (text, JSON, HTML) → [`compare`] (a verdict between reports).
//! Nothing here depends on the data plane of the gateway: the instrument must not share the bugs of what it measures.
#![forbid(unsafe_code)]

pub mod check;
pub mod failure;
pub mod plan;
pub mod random;
pub mod record;
pub mod report;
