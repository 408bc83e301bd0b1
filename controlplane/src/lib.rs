//! From files to a validated configuration: OpenAPI documents, API files and the process configuration.
//!
//! Whatever is wrong is an [`Issue`] with file, line, column and JSON pointer, and all of them are reported, not the
//! first. What AWS supports and Ringway does not is refused as "not built yet"; what AWS refuses too is "not valid".
#![forbid(unsafe_code)]

mod access_log;
pub mod api_file;
mod cursor;
mod document;
mod domain_name;
mod issue;
mod load;
pub mod openapi;
pub mod process;
mod stable_id;

pub use issue::{Issue, Place};
pub use load::{Loaded, Loader, check, load, load_process, load_with};
