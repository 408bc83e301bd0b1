//! Tests of the binary as its users meet it. One binary for all of them: it links once.
#![forbid(unsafe_code)]

mod client;
mod command_line;
mod demo;
mod export_config;
mod serving;
mod tutorial;
