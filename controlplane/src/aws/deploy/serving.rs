//! What the data plane serves of the control plane.

use std::sync::Arc;

use ringway_core::model::{Api, DomainName};

use crate::aws::ControlPlane;

/// What the data plane serves.
#[derive(Debug, Default)]
pub struct Serving {
    /// APIs with their stages. One that has not changed is the same allocation as before.
    pub apis: Vec<Arc<Api>>,
    /// Custom domain names with their mappings.
    pub domain_names: Vec<DomainName>,
}

impl ControlPlane {
    /// What is to be served, the draft included.
    ///
    /// # Errors
    /// Says what cannot be served.
    pub fn serving(&mut self) -> Result<Serving, Vec<String>> {
        // No operation makes a stage yet.
        Ok(Serving::default())
    }
}
