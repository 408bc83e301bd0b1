//! The runtime seam. One data plane runs on several bodies behind the traits of [`net`]:
//! `native` (io_uring, with a driver of our own), `monoio` (io_uring on older kernels, or epoll where io_uring is forbidden) and `sim`
//! (in-memory network, virtual time). `native` and `sim` share the executor and the timer wheel.
//!
//! This is the only crate with `unsafe` code, and it knows nothing of HTTP, configuration or policy.

pub mod affinity;
pub mod block;
pub mod buf;
pub mod clock;
pub mod executor;
pub mod mailbox;
pub mod monoio;
pub mod native;
pub mod net;
mod pages;
pub mod prefetch;
pub mod probe;
pub mod sim;
mod sockets;
pub mod start;
pub mod wheel;
