//! The runtime seam. One data plane runs on several bodies behind the traits of [`net`]:
//! `monoio` (io_uring, or epoll where io_uring is forbidden) and `sim` (in-memory network, virtual time).
//!
//! This is the only crate with `unsafe` code, and it knows nothing of HTTP, configuration or policy.

pub mod affinity;
pub mod block;
pub mod buf;
pub mod executor;
pub mod mailbox;
pub mod monoio;
pub mod net;
mod pages;
pub mod sim;
pub mod wheel;
