//! Models as schemas of a document.

use super::Format;
use crate::json::Json;
use crate::openapi::model_of_url;

/// The keys below which a text is no reference, as in the import.
const FREE_FORM: [&str; 5] = ["example", "examples", "default", "enum", "const"];
const NAMES: [&str; 5] = ["properties", "patternProperties", "definitions", "$defs", "dependentSchemas"];

/// The schema of a model; references to models become references into the document.
pub(super) fn schema_json(text: &str, format: Format) -> Json {
    let mut json = Json::parse(text).unwrap_or(Json::Null);
    local_references(&mut json, format);
    json
}

/// A reference to a model from outside of the schemas.
pub(super) fn reference(name: &str, format: Format) -> Json {
    let place = match format {
        Format::Swagger2 => "definitions",
        Format::OpenApi30 => "components/schemas",
    };
    let mut reference = Json::object();
    reference.insert("$ref", format!("#/{place}/{name}"));
    reference
}

fn local_references(json: &mut Json, format: Format) {
    match json {
        Json::Array(items) => items.iter_mut().for_each(|item| local_references(item, format)),
        Json::Object(members) => {
            for (key, member) in members {
                let name = match member {
                    Json::String(text) if key == "$ref" => model_of_url(text).map(str::to_owned),
                    _ => None,
                };
                match (name, member) {
                    (Some(name), member) => {
                        let local = reference(&name, format);
                        *member = local.get("$ref").cloned().unwrap_or(Json::Null);
                    }
                    (None, Json::Object(named)) if NAMES.contains(&key.as_str()) => {
                        named.iter_mut().for_each(|(_, schema)| local_references(schema, format));
                    }
                    (None, _) if FREE_FORM.contains(&key.as_str()) || key.starts_with("x-") => {}
                    (None, member) => local_references(member, format),
                }
            }
        }
        _ => {}
    }
}
