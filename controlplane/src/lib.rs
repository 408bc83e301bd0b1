//! From files to a validated configuration: OpenAPI documents, API files and the process configuration.
//!
//! Whatever is wrong is an [`Issue`] with file, line, column and JSON pointer, and all of them are reported, not the
//! first. What AWS supports and Ringway does not is "not built yet": it is imported, exported and compared, and not served. What AWS
//! refuses too is "not valid", or said in AWS's own words.
#![forbid(unsafe_code)]

mod access_log;
pub mod api_file;
mod api_keys_csv;
pub mod aws;
mod body;
mod cache_settings;
mod cursor;
pub mod diff;
mod document;
mod domain_name;
pub mod export;
mod issue;
mod json;
mod load;
pub mod openapi;
pub mod process;
mod stable_id;
mod stage;
mod stage_settings;
mod throttle;
mod usage;

pub use issue::{Issue, Place};
pub use json::Json;
pub use load::{
    ApiFiles, Beside, Loaded, Loader, check, check_aws, import_file, load, load_process, load_with,
};
pub use usage::plan_problems;
