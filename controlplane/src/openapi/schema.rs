//! Schemas of a document as models (tables.md §10.1, §14.4).

use std::collections::{HashMap, HashSet};

use ringway_core::model::Model;

use super::importer::Importer;
use super::templates::check_model;
use crate::cursor::{Cursor, intrinsic};
use crate::document::Value;
use crate::issue::{Issue, Place, quoted};
use crate::json::Json;
use crate::stable_id::stable_id;

/// A reference to a model as AWS keeps it (tables.md §10.1), without the name.
const MODEL_URL: &str = "https://apigateway.amazonaws.com/restapis/{apiId}/models/";

const JSON: &str = "application/json";

/// The models of every API (tables.md §14.4).
const DEFAULTS: [(&str, &str); 2] = [
    (
        "Empty",
        r#"{"$schema":"http://json-schema.org/draft-04/schema#","title":"Empty Schema","type":"object"}"#,
    ),
    (
        "Error",
        concat!(
            r#"{"$schema":"http://json-schema.org/draft-04/schema#","title":"Error Schema","type":"object","#,
            r#""properties":{"message":{"type":"string"}}}"#
        ),
    ),
];

/// A name that no model of a document can have.
const ALL: &str = "*";
/// Most models that are compiled one by one to find those that do not.
const CHECKED_ALONE_MAX: usize = 100;

/// Keys of a schema whose members have names of their own, each with a schema.
const NAMES: [&str; 5] = ["properties", "patternProperties", "definitions", "$defs", "dependentSchemas"];
/// Keys of a schema below which anything may stand.
const FREE_FORM: [&str; 5] = ["example", "examples", "default", "enum", "const"];

/// The models of an API while it is imported.
#[derive(Default)]
pub(super) struct Models {
    list: Vec<Model>,
    /// Also those whose schema has an error.
    names: HashSet<String>,
    /// Names of the models that were made of schemas without one, by schema.
    generated: HashMap<String, String>,
    /// Those that operations name, in their order, with the first place that does.
    used: Vec<(String, Place)>,
    used_names: HashSet<String>,
}

impl Models {
    pub(super) fn take(&mut self) -> Vec<Model> {
        std::mem::take(&mut self.list)
    }

    fn add(&mut self, name: &str, schema: String) {
        self.names.insert(name.to_owned());
        let (name, content_type) = (name.to_owned(), JSON.to_owned());
        self.list.push(Model { name, content_type, description: None, schema });
    }

    /// The model with this schema; AWS makes one of a schema without a name, called MODEL with an id.
    fn generate(&mut self, schema: String) -> String {
        if let Some(name) = self.generated.get(&schema) {
            return name.clone();
        }
        let mut parts = vec![schema.as_str()];
        let name = loop {
            let name = format!("MODEL{}", stable_id(&parts));
            if !self.names.contains(&name) {
                break name;
            }
            // An export of such a model, imported again, has both the name and the schema.
            if self.list.iter().any(|model| model.name == name && model.schema == schema) {
                break name;
            }
            parts.push("");
        };
        self.generated.insert(schema.clone(), name.clone());
        if !self.names.contains(&name) {
            self.add(&name, schema);
        }
        name
    }
}

/// What the members of a node are.
#[derive(Clone, Copy)]
enum Part {
    Schema,
    Names,
    Free,
}

impl<'a> Importer<'_, 'a> {
    /// Reads the schemas that have a name.
    pub(super) fn named_schemas(&mut self) {
        let Some(schemas) = self.root.at_pointer(self.format.schemas()) else { return };
        let members = self.members(&schemas).unwrap_or_default();
        // All names first: schemas refer to one another, in circles too.
        self.models.names = members.iter().map(|(name, _)| (*name).to_owned()).collect();
        for (name, schema) in members {
            if !is_model_name(name) {
                let message = format!("not valid: Model name must be alphanumeric: {}", quoted(name));
                self.errors.at_key(&schema, message, None);
            } else if let Some(json) = self.schema(&schema) {
                self.models.add(name, json.to_compact());
            }
        }
    }

    /// The name of the model that a schema of a body is.
    pub(super) fn model_of(&mut self, schema: &Cursor<'a>) -> Option<String> {
        if self.errors.is_intrinsic(schema, "a schema") {
            return None;
        }
        self.errors.mapping(schema)?;
        let name = match schema.get("$ref") {
            Some(reference) => self.referenced_model(&reference)?.to_owned(),
            None => {
                let json = self.schema(schema)?;
                self.models.generate(json.to_compact())
            }
        };
        if self.models.used_names.insert(name.clone()) {
            self.models.used.push((name.clone(), schema.place(self.errors.file())));
        }
        Some(name)
    }

    /// Reports the models that operations name and that do not compile.
    pub(super) fn check_models(&mut self) {
        let Models { list, used, .. } = &self.models;
        // Together first: each alone would compile those again that it refers to.
        let all: Vec<String> =
            used.iter().map(|(name, _)| format!(r#"{{"$ref":"{MODEL_URL}{name}"}}"#)).collect();
        let schema = format!(r#"{{"allOf":[{{}},{}]}}"#, all.join(","));
        let mut models = list.clone();
        models.push(Model { name: ALL.to_owned(), content_type: JSON.to_owned(), description: None, schema });
        let Some((_, first)) = used.first() else { return };
        let Err(whole) = check_model(ALL, &models) else { return };
        let mut is_told = false;
        for (name, place) in used.iter().take(CHECKED_ALONE_MAX) {
            if let Err(message) = check_model(name, list) {
                self.not_served.push(Issue::new(place.clone(), format!("cannot be used: {message}")));
                is_told = true;
            }
        }
        if !is_told {
            self.not_served.push(Issue::new(first.clone(), format!("not all models can be used: {whole}")));
        }
    }

    fn schema(&mut self, cursor: &Cursor<'a>) -> Option<Json> {
        let before = self.errors.count();
        let json = self.schema_part(cursor, Part::Schema);
        (self.errors.count() == before).then_some(json)
    }

    fn schema_part(&mut self, cursor: &Cursor<'a>, part: Part) -> Json {
        if intrinsic(cursor).is_some() {
            self.errors.is_intrinsic(cursor, "a schema");
            return Json::Null;
        }
        match &cursor.node().value {
            Value::Sequence(_) => {
                Json::Array(cursor.items().map(|item| self.schema_part(&item, part)).collect())
            }
            Value::Mapping(_) => {
                let members = cursor
                    .entries()
                    .map(|(key, member)| (key.to_owned(), self.schema_member(key, &member, part)));
                Json::Object(members.collect())
            }
            Value::Unsupported(_) => {
                // Reported when the document was parsed.
                self.errors.touch();
                Json::Null
            }
            _ => Json::of_node(cursor.node()),
        }
    }

    fn schema_member(&mut self, key: &str, member: &Cursor<'a>, part: Part) -> Json {
        match part {
            Part::Free => self.schema_part(member, Part::Free),
            Part::Names => self.schema_part(member, Part::Schema),
            Part::Schema if key == "$ref" => match self.referenced_model(member) {
                Some(name) => Json::String(format!("{MODEL_URL}{name}")),
                None => Json::Null,
            },
            Part::Schema if NAMES.contains(&key) => self.schema_part(member, Part::Names),
            Part::Schema if FREE_FORM.contains(&key) || key.starts_with("x-") => {
                self.schema_part(member, Part::Free)
            }
            Part::Schema => self.schema_part(member, Part::Schema),
        }
    }

    /// AWS makes these two in every API (tables.md §14.4), so a document may refer to them without defining them.
    fn default_model(&mut self, name: &str) {
        let default = DEFAULTS.iter().find(|(default, _)| *default == name);
        if let Some((name, schema)) = default.filter(|_| !self.models.names.contains(name)) {
            self.models.add(name, (*schema).to_owned());
        }
    }

    fn referenced_model(&mut self, reference: &Cursor<'a>) -> Option<&'a str> {
        let text = self.errors.string(reference)?;
        let local = text.strip_prefix('#').and_then(|pointer| pointer.strip_prefix(self.format.schemas()));
        let name = match local {
            Some(rest) => rest.strip_prefix('/'),
            None => model_of_url(text),
        };
        name.into_iter().for_each(|name| self.default_model(name));
        match name {
            Some(name) if self.models.names.contains(name) => Some(name),
            // AWS's own words (tables.md §8.3).
            Some(name) if is_model_name(name) => {
                self.errors.at(reference, format!("Invalid model identifier specified: {name}"));
                None
            }
            _ => {
                let place = self.format.schemas();
                let message =
                    format!("not valid: {} does not name a model; `#{place}/Name` does", quoted(text));
                self.errors.at(reference, message);
                None
            }
        }
    }
}

/// The name in AWS's form of a reference to a model.
pub(crate) fn model_of_url(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("https://apigateway.amazonaws.com/restapis/")?;
    let (_, name) = rest.split_once("/models/")?;
    is_model_name(name).then_some(name)
}

/// Letters and digits (tables.md §10.1).
pub(crate) fn is_model_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
