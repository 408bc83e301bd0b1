//! What is written in a language of its own: mapping templates (VTL), JSONPath, JSON schemas. All are compiled when a deployment is; here
//! it is only asked whether they will, because only here is their place known.

use ringway_core::json_path::JsonPath;
use ringway_core::json_schema::Schema;
use ringway_core::model::Model;
use ringway_core::snapshot::ContextVariable;
use ringway_core::vtl::Template;

/// Whether `text` is a mapping template that compiles; the error says where in it.
pub(crate) fn check_template(text: &str) -> Result<(), String> {
    Template::compile(text).map(drop).map_err(|error| error.to_string())
}

/// Whether `text` is a JSONPath that compiles.
pub(crate) fn check_json_path(text: &str) -> Result<(), String> {
    JsonPath::compile(text).map(drop).map_err(|error| error.to_string())
}

/// Whether the model `name` compiles, with those that it refers to.
pub(super) fn check_model(name: &str, models: &[Model]) -> Result<(), String> {
    Schema::compile(name, models).map(drop)
}

/// Whether `$context` has this variable (tables.md §5.1).
pub(crate) fn is_context_variable(name: &str) -> bool {
    ContextVariable::parse(name).is_some()
}
