//! JSON as mapping templates and body mappings see it: read laxly, kept as a tree that templates may change, printed the two ways
//! that API Gateway prints it.
//!
//! The spec sheet (§5) found AWS to behave as json-smart does: objects keep their order, arrays print as JSON text and objects in
//! Java's way (`{a=b}`), numbers print as Java prints them, and a body that is not quite JSON is read all the same.

mod number;
mod parse;
mod print;
mod value;

pub use number::{BigNumber, write_double};
pub use parse::{JsonError, parse, parse_text};
pub use print::{Style, write_json, write_text};
pub use value::{List, ListKind, Map, Text, Value};

#[cfg(test)]
mod tests;
