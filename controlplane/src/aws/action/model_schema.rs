//! Schemas of models: what AWS checks of them, their references to other models, and sample templates (tables.md §14.4).

use ringway_core::json_schema::Schema;
use ringway_core::limits::VTL_TEMPLATE_BYTES_MAX;
use serde_json::{Map, Value, json};

use crate::aws::State;
use crate::aws::exception::Exception;
use crate::aws::wire::Model;
use crate::openapi::model_of_url;

const JSON: &str = "application/json";

/// Checks the schema of a model that is to be put (tables.md §8.5).
pub(super) fn check(state: &State, api: &str, model: &Model) -> Result<(), Exception> {
    let text = model.schema.as_deref().unwrap_or_default();
    if text.is_empty() {
        return Err(Exception::bad_request(
            "Model schema must have at least 1 property or array items defined",
        ));
    }
    if model.content_type != JSON {
        return Ok(());
    }
    let Some(schema) = serde_json::from_str::<Value>(text).ok().filter(Value::is_object) else {
        return Err(invalid("Invalid model schema specified"));
    };
    let is_known = |name: &str| name == model.name || state.models.child(api, name).is_some();
    let unknown: Vec<String> = references(&schema)
        .into_iter()
        .filter(|name| !is_known(name))
        .map(|name| format!("Invalid model specified: {name}"))
        .collect();
    if !unknown.is_empty() {
        return Err(invalid(&unknown.join(", ")));
    }
    let others = state.models.children(api).filter(|(name, _)| *name != model.name).map(|(_, other)| other);
    let models: Vec<_> = others.chain([model]).map(compiled_form).collect();
    // AWS says no more than that it is invalid; where is worth knowing.
    Schema::compile(&model.name, &models)
        .map(drop)
        .map_err(|why| invalid(&format!("Invalid model schema specified: {why}")))
}

/// As AWS says it of models; told in many public reports (aws-apigateway-importer#126, #213).
fn invalid(errors: &str) -> Exception {
    Exception::bad_request(format!(
        "Invalid model specified: Validation Result: warnings : [], errors : [{errors}]"
    ))
}

fn compiled_form(model: &Model) -> ringway_core::model::Model {
    ringway_core::model::Model {
        name: model.name.clone(),
        content_type: model.content_type.clone(),
        description: None,
        schema: model.schema.clone().unwrap_or_default(),
    }
}

/// The models that a schema refers to.
pub(super) fn references(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![schema];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => {
                found.extend(
                    members.get("$ref").and_then(Value::as_str).and_then(model_of_ref).map(str::to_owned),
                );
                open.extend(members.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    found.sort();
    found.dedup();
    found
}

/// The model of `https://apigateway.amazonaws.com/restapis/{api}/models/{Name}`, which may have a pointer into it.
fn model_of_ref(text: &str) -> Option<&str> {
    model_of_url(text.split_once('#').map_or(text, |(url, _)| url))
}

fn schema_of(state: &State, api: &str, name: &str) -> Option<Value> {
    serde_json::from_str(state.models.child(api, name)?.schema.as_deref()?).ok()
}

/// The schema of a model with those that it refers to below its `definitions` (`flatten=true`): so circles stay possible.
pub(super) fn flatten(state: &State, api: &str, model: &Model) -> Option<String> {
    let text = model.schema.clone()?;
    let Ok(mut schema) = serde_json::from_str::<Value>(&text) else { return Some(text) };
    let mut open = references(&schema);
    if open.is_empty() {
        return Some(text);
    }
    // No name of the model's own definitions may be one of these.
    let own = schema.get("definitions").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut mark = String::new();
    while state.models.children(api).any(|(name, _)| own.contains_key(&format!("{name}{mark}"))) {
        mark.push('_');
    }
    let mut definitions = Map::new();
    while let Some(name) = open.pop() {
        if definitions.contains_key(&(name.clone() + &mark)) {
            continue;
        }
        let mut inner = schema_of(state, api, &name).unwrap_or_else(|| json!({}));
        open.extend(references(&inner));
        localize(&mut inner, &format!("#/definitions/{name}{mark}"), &mark);
        definitions.insert(name + &mark, inner);
    }
    localize(&mut schema, "#", &mark);
    definitions.extend(own);
    schema["definitions"] = Value::Object(definitions);
    serde_json::to_string_pretty(&schema).ok()
}

/// Rewrites the references of a schema that is put at `place`.
fn localize(schema: &mut Value, place: &str, mark: &str) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(target)) = members.get_mut("$ref") {
                if let Some(pointer) = target.strip_prefix('#') {
                    *target = format!("{place}{pointer}");
                } else if let Some(name) = model_of_ref(target) {
                    let pointer = target.split_once('#').map_or("", |(_, pointer)| pointer);
                    *target = format!("#/definitions/{name}{mark}{pointer}");
                }
            }
            members.values_mut().for_each(|member| localize(member, place, mark));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| localize(item, place, mark)),
        _ => {}
    }
}

/// Deepest nesting of a sample.
const SAMPLE_DEPTH: usize = 16;
/// What stands in AWS's samples where an array has to be found.
const ARRAY_NOTE: &str = concat!("##TO", "DO: Update this foreach loop to reference array from input json\n");

/// A sample mapping template for a model (`GetModelTemplate`): a constant for each property, a loop for each array.
pub(super) fn template(state: &State, api: &str, model: &Model) -> String {
    let text = "#set($inputRoot = $input.path('$'))\n".to_owned();
    let mut sample = Sample { state, api, open: vec![model.name.clone()], text };
    let schema = model.schema.as_deref().and_then(|schema| serde_json::from_str::<Value>(schema).ok());
    sample.schema(&schema.unwrap_or_default(), 0);
    sample.text
}

/// A sample while it is written.
struct Sample<'s> {
    state: &'s State,
    api: &'s str,
    /// The models that it is inside of: a circle ends where it would begin anew.
    open: Vec<String>,
    text: String,
}

impl Sample<'_> {
    fn schema(&mut self, schema: &Value, depth: usize) {
        // Models can refer to one another so often that no template could hold the sample.
        if depth == SAMPLE_DEPTH || self.text.len() > VTL_TEMPLATE_BYTES_MAX {
            return self.text.push_str("{ }");
        }
        let name = schema.get("$ref").and_then(Value::as_str).and_then(model_of_ref);
        if let Some(name) = name.filter(|name| !self.open.iter().any(|open| open == name)) {
            let target = schema_of(self.state, self.api, name).unwrap_or_default();
            self.open.push(name.to_owned());
            self.schema(&target, depth + 1);
            self.open.pop();
            return;
        }
        let kind = schema.get("type").and_then(Value::as_str);
        match (kind, schema.get("properties"), schema.get("items")) {
            (Some("array"), _, Some(items)) => self.array(items, depth),
            (Some("array"), ..) => self.text.push_str("[ ]"),
            (Some("string"), ..) => self.text.push_str("\"foo\""),
            (Some("boolean"), ..) => self.text.push_str("true"),
            (Some("integer" | "number"), ..) => self.text.push_str("42"),
            (Some("null"), ..) => self.text.push_str("null"),
            (_, Some(Value::Object(properties)), _) if !properties.is_empty() => {
                self.object(properties, depth);
            }
            _ => self.text.push_str("{ }"),
        }
    }

    fn array(&mut self, items: &Value, depth: usize) {
        self.text.push_str("[\n");
        self.text.push_str(ARRAY_NOTE);
        self.text.push_str("#foreach($elem in $inputRoot)\n");
        self.text.push_str(&"  ".repeat(depth + 1));
        self.schema(items, depth + 1);
        self.text.push_str("#if($foreach.hasNext),#end\n#end\n");
        self.text.push_str(&"  ".repeat(depth));
        self.text.push(']');
    }

    fn object(&mut self, properties: &Map<String, Value>, depth: usize) {
        self.text.push('{');
        for (index, (name, property)) in properties.iter().enumerate() {
            self.text.push_str(if index == 0 { "\n" } else { ",\n" });
            self.text.push_str(&"  ".repeat(depth + 1));
            self.text.push_str(&format!("{} : ", json!(name)));
            self.schema(property, depth + 1);
        }
        self.text.push_str(&format!("\n{}}}", "  ".repeat(depth)));
    }
}
