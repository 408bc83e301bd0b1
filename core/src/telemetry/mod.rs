//! Counters, histograms, access-log lines and explanations: written by one core, read by the admin thread.

pub mod access_log;
pub mod counters;
pub mod execution_log;
pub mod explanations;
