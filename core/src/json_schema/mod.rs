//! Models as compiled JSON schemas, draft 4 (spec sheet §12, tables.md §14.3).
//!
//! The validation itself is the `jsonschema` crate's. Ours is what AWS adds: references from model to model, and the words of
//! `$context.error.validationErrorString`.

mod document;
mod instance;
mod messages;

use std::collections::BTreeMap;
use std::fmt;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Map, Value, json};

use document::Document;
use instance::{Instance, InstanceNode};

use crate::limits::PATTERN_STEPS_MAX;
use crate::model::Model;

const DRAFT_4: &str = "http://json-schema.org/draft-04/schema#";

/// A compiled model.
pub struct Schema {
    validator: Validator<Instance>,
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Schema")
    }
}

impl Schema {
    /// Compiles the model `name` with those that it refers to.
    ///
    /// # Errors
    /// Says which model does not exist or is no schema.
    pub fn compile(name: &str, models: &[Model]) -> Result<Schema, String> {
        let mut definitions = BTreeMap::new();
        let mut wanted = vec![name.to_owned()];
        while let Some(name) = wanted.pop() {
            if definitions.contains_key(&name) {
                continue;
            }
            let model = models.iter().find(|model| model.name == name);
            let model = model.ok_or_else(|| format!("Invalid model identifier specified: {name}"))?;
            let mut schema = serde_json::from_str(&model.schema)
                .map_err(|error| format!("the model {name} is not JSON: {error}"))?;
            localize(&mut schema, &name, &mut wanted);
            definitions.insert(name, schema);
        }
        let whole = json!({
            "$schema": DRAFT_4,
            "definitions": definitions.into_iter().collect::<Map<String, Value>>(),
            "allOf": [{ "$ref": reference(name) }],
        });
        let validator = jsonschema::options_for::<Instance>()
            .with_draft(Draft::Draft4)
            .should_validate_formats(true)
            .with_pattern_options(PatternOptions::fancy_regex().backtrack_limit(PATTERN_STEPS_MAX))
            .offline()
            .build(&whole)
            .map_err(|error| format!("the model {name}: {error}"))?;
        Ok(Schema { validator })
    }

    /// Checks a body.
    ///
    /// # Errors
    /// The text of `$context.error.validationErrorString`: what is wrong, in brackets.
    pub fn check(&self, body: &[u8]) -> Result<(), String> {
        let document = Document::read(body).ok_or_else(|| "[the body is not valid JSON]".to_owned())?;
        let instance = InstanceNode::root(&document);
        match self.validator.is_valid(instance) {
            true => Ok(()),
            false => Err(messages::describe(self.validator.iter_errors(instance))),
        }
    }
}

/// The place of a model in the compiled document.
fn reference(name: &str) -> String {
    format!("#/definitions/{name}")
}

/// Makes the references of model `name` those of the compiled document, and drops what would change their base; adds the models that it
/// refers to.
fn localize(schema: &mut Value, name: &str, wanted: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            for key in ["id", "$id", "$schema"] {
                if members.get(key).is_some_and(Value::is_string) {
                    members.remove(key);
                }
            }
            if let Some(Value::String(target)) = members.get_mut("$ref") {
                if let Some(pointer) = target.strip_prefix('#') {
                    *target = reference(name) + pointer;
                } else if let Some((_, rest)) = target.rsplit_once("/models/") {
                    let (model, pointer) = rest.split_once('#').unwrap_or((rest, ""));
                    wanted.push(model.to_owned());
                    *target = reference(model) + pointer;
                }
            }
            members.values_mut().for_each(|member| localize(member, name, wanted));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| localize(item, name, wanted)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(name: &str, schema: &str) -> Model {
        Model {
            name: name.into(),
            content_type: "application/json".into(),
            description: None,
            schema: schema.into(),
        }
    }

    fn check(schema: &str, body: &str) -> Result<(), String> {
        Schema::compile("M", &[model("M", schema)]).unwrap().check(body.as_bytes())
    }

    #[test]
    fn what_is_wrong_is_said_in_the_words_of_aws() {
        let schema = r#"{"type":"object","required":["type","price"],"properties":{
            "type":{"type":"string","enum":["dog","cat"]},"price":{"type":"number","minimum":25,"maximum":500},
            "name":{"type":"string","minLength":2,"pattern":"^[a-z]+$"}},"additionalProperties":false}"#;
        assert_eq!(check(schema, r#"{"type":"dog","price":30}"#), Ok(()));
        for (body, expected) in [
            ("{}", r#"[object has missing required properties (["price","type"])]"#),
            (
                r#"{"type":"bird","price":30}"#,
                r#"[instance value ("bird") not found in enum (possible values: ["dog","cat"])]"#,
            ),
            (
                r#"{"type":"dog","price":1}"#,
                "[numeric instance is lower than the required minimum (minimum: 25, found: 1)]",
            ),
            (
                r#"{"type":"dog","price":"1"}"#,
                r#"[instance type (string) does not match any allowed primitive type (allowed: ["integer","number"])]"#,
            ),
            (
                r#"{"type":"dog","price":30,"x":1}"#,
                r#"[object instance has properties which are not allowed by the schema: ["x"]]"#,
            ),
            ("[", "[the body is not valid JSON]"),
        ] {
            assert_eq!(check(schema, body), Err(expected.to_owned()), "{body}");
        }
    }

    #[test]
    fn models_refer_to_each_other_even_in_circles() {
        let models = [
            model(
                "Tree",
                r#"{"type":"object","properties":{"children":{"type":"array","items":
                {"$ref":"https://apigateway.amazonaws.com/restapis/abc/models/Node"}}}}"#,
            ),
            model(
                "Node",
                r##"{"definitions":{"name":{"type":"string"}},"type":"object","required":["name"],"properties":
                {"name":{"$ref":"#/definitions/name"},"tree":{"$ref":"https://apigateway.amazonaws.com/restapis/abc/models/Tree"}}}"##,
            ),
        ];
        let schema = Schema::compile("Tree", &models).unwrap();
        assert_eq!(schema.check(br#"{"children":[{"name":"a","tree":{"children":[]}}]}"#), Ok(()));
        assert!(schema.check(br#"{"children":[{"name":"a","tree":{"children":[{"name":1}]}}]}"#).is_err());
        let missing = Schema::compile("Tree", &models[..1]).unwrap_err();
        assert!(missing.contains("Node"), "{missing}");
    }

    #[test]
    fn hostile_bodies_and_schemas_end() {
        let deep = "[".repeat(100_000);
        assert!(check("{}", &deep).is_err());
        assert!(check(r#"{"pattern":"^(a+)+$"}"#, &format!("\"{}!\"", "a".repeat(5_000))).is_err());
        let circle = model("M", r##"{"$ref":"#"}"##);
        if let Ok(schema) = Schema::compile("M", &[circle]) {
            let _ = schema.check(b"{}");
        }
    }
}
