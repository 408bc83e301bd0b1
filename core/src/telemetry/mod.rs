//! Counters, histograms and access-log lines: written by one core, read by the admin thread.

pub mod access_log;
pub mod counters;
