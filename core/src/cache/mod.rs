//! The response cache of a stage: answers by key, within a number of bytes, shared by all cores.

mod entry;
mod flight;
mod status;
mod table;
mod warm;

pub use entry::{Entry, Lifetime, NewAnswer};
pub use flight::{Flights, Lead, Outcome, Turn, Wait, Waited};
pub use status::CacheStatus;
pub use table::{Cache, Found, Ticket};
pub use warm::{Damaged, dump, load};

#[cfg(test)]
mod tests;
