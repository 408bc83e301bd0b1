//! From what the control plane holds to what the data plane serves.

mod serving;

pub use serving::Serving;
