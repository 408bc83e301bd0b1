//! A value that a schema allows: what the document gives as an example, or the plainest value of its type.

use serde_json::{Map, Value};

use super::super::issue::PlanIssue;
use super::document::At;

/// Deepest value.
const DEPTH_MAX: usize = 32;
/// Most values made for one schema.
const VALUES_MAX: usize = 10_000;
/// Most items of a list.
const ITEMS_MAX: u64 = 1_000;
/// Longest text.
const TEXT_MAX: u64 = 64 * 1024;

/// Makes a value of `schema`.
pub(super) fn sample(schema: &At<'_>) -> Result<Value, PlanIssue> {
    Maker { depth: 0, values: 0, references: Vec::new() }.value(schema)
}

/// What the schema itself gives: an example, a default, the only value, or the first of a list.
pub(super) fn given(schema: &At<'_>) -> Option<Value> {
    let first = |key| schema.value.get(key)?.as_array()?.first();
    let value =
        schema.value.get("example").or_else(|| first("examples")).or_else(|| schema.value.get("x-example"));
    value
        .or_else(|| schema.value.get("default"))
        .or_else(|| schema.value.get("const"))
        .or_else(|| first("enum"))
        .cloned()
}

struct Maker<'d> {
    depth: usize,
    values: usize,
    /// References that are being followed, to see when they go round in a circle.
    references: Vec<&'d str>,
}

impl<'d> Maker<'d> {
    fn value(&mut self, schema: &At<'d>) -> Result<Value, PlanIssue> {
        self.values += 1;
        if self.values > VALUES_MAX || self.depth > DEPTH_MAX {
            return Err(schema
                .place
                .issue("the schema is too large to make a value of")
                .help("give an `example`"));
        }
        if let Some(value) = given(schema) {
            return Ok(value);
        }
        self.depth += 1;
        let value = match schema.text("$ref") {
            Some(reference) if self.references.contains(&reference) => {
                Err(schema.place.issue("the schema needs itself without end").help("give an `example`"))
            }
            Some(reference) => {
                self.references.push(reference);
                let value = schema.resolve().and_then(|target| self.value(&target));
                self.references.pop();
                value
            }
            None => self.composed(schema),
        };
        self.depth -= 1;
        value
    }

    /// `allOf`, `oneOf` and `anyOf`, with what stands beside them.
    fn composed(&mut self, schema: &At<'d>) -> Result<Value, PlanIssue> {
        if let Some(all) = schema.member("allOf") {
            let mut merged = self.object_or_none(schema)?.unwrap_or(Value::Null);
            for part in all.items() {
                match (&mut merged, self.value(&part)?) {
                    (Value::Object(merged), Value::Object(more)) => merged.extend(more),
                    (merged, value) => *merged = value,
                }
            }
            return Ok(merged);
        }
        let choices = ["oneOf", "anyOf"].into_iter().find_map(|key| schema.member(key));
        let Some(choices) = choices else { return self.typed(schema) };
        let mut first_error = None;
        for choice in choices.items() {
            match (self.value(&choice), self.object_or_none(schema)?) {
                (Ok(Value::Object(value)), Some(Value::Object(mut own))) => {
                    own.extend(value);
                    return Ok(Value::Object(own));
                }
                (Ok(value), _) => return Ok(value),
                (Err(issue), _) => first_error = first_error.or(Some(issue)),
            }
        }
        Err(first_error.unwrap_or_else(|| choices.place.issue("there is nothing to choose from")))
    }

    fn object_or_none(&mut self, schema: &At<'d>) -> Result<Option<Value>, PlanIssue> {
        schema.member("properties").map(|_| self.object(schema)).transpose()
    }

    fn typed(&mut self, schema: &At<'d>) -> Result<Value, PlanIssue> {
        match type_of(schema) {
            "object" => self.object(schema),
            "array" => self.array(schema),
            "integer" => integer(schema),
            "number" => number(schema),
            "boolean" => Ok(true.into()),
            "null" => Ok(Value::Null),
            "string" => text(schema),
            other => {
                Err(schema.place.issue(format!("there is no type {}", super::super::issue::quoted(other))))
            }
        }
    }

    /// Every property that can be filled; a required one must be. What the target sets itself (`readOnly`) is not sent.
    fn object(&mut self, schema: &At<'d>) -> Result<Value, PlanIssue> {
        let required: Vec<&str> =
            schema.value["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mut object = Map::new();
        let properties = schema.member("properties");
        for (name, property) in properties.iter().flat_map(At::members) {
            let is_read_only = property.resolve().is_ok_and(|property| property.is_true("readOnly"));
            if property.is_true("readOnly") || is_read_only {
                continue;
            }
            match self.value(&property) {
                Ok(value) => {
                    object.insert(name.to_owned(), value);
                }
                Err(issue) if required.contains(&name) => return Err(issue),
                Err(_) => {}
            }
        }
        for name in required.into_iter().filter(|name| !has_property(schema, name)) {
            object.insert(name.to_owned(), "string".into());
        }
        Ok(Value::Object(object))
    }

    fn array(&mut self, schema: &At<'d>) -> Result<Value, PlanIssue> {
        let least = schema.value["minItems"].as_u64().unwrap_or(0);
        let most = schema.value["maxItems"].as_u64().unwrap_or(u64::MAX);
        let Some(items) = schema.member("items").filter(|_| most > 0) else {
            return Ok(Value::Array(Vec::new()));
        };
        if least > ITEMS_MAX || (least > 1 && schema.is_true("uniqueItems")) {
            return Err(schema
                .place
                .issue(format!("a list of {least} items is not made up"))
                .help("give an `example`"));
        }
        match self.value(&items) {
            Ok(item) => Ok(Value::Array(vec![item; least.max(1) as usize])),
            Err(_) if least == 0 => Ok(Value::Array(Vec::new())),
            Err(issue) => Err(issue),
        }
    }
}

fn has_property(schema: &At<'_>, name: &str) -> bool {
    schema.value["properties"].get(name).is_some()
}

/// The type, or what the other keywords say of it. Of several types (OpenAPI 3.1) the first that is not null.
fn type_of<'d>(schema: &At<'d>) -> &'d str {
    match &schema.value["type"] {
        Value::String(name) => return name,
        Value::Array(names) => {
            let names = || names.iter().filter_map(Value::as_str);
            return names().find(|name| *name != "null").or_else(|| names().next()).unwrap_or("string");
        }
        _ => {}
    }
    let has = |key: &str| schema.value.get(key).is_some();
    match () {
        () if has("properties") || has("required") || has("additionalProperties") => "object",
        () if has("items") => "array",
        () if has("minimum") || has("maximum") || has("multipleOf") => "number",
        () => "string",
    }
}

/// Bounds as OpenAPI 3.0 (`exclusiveMinimum: true` beside `minimum`) and 3.1 (`exclusiveMinimum: 5`) write them.
fn bounds(schema: &At<'_>, step: f64) -> (f64, f64) {
    let bound = |key: &str, exclusive: &str, step: f64| match (
        schema.value[key].as_f64(),
        &schema.value[exclusive],
    ) {
        (Some(bound), Value::Bool(true)) => Some(bound + step),
        (bound, exclusive) => exclusive.as_f64().map(|bound| bound + step).or(bound),
    };
    (
        bound("minimum", "exclusiveMinimum", step).unwrap_or(f64::NEG_INFINITY),
        bound("maximum", "exclusiveMaximum", -step).unwrap_or(f64::INFINITY),
    )
}

/// 1, or what is next to it within the bounds.
fn integer(schema: &At<'_>) -> Result<Value, PlanIssue> {
    let (least, most) = bounds(schema, 1.0);
    let step = schema.value["multipleOf"].as_f64().filter(|step| *step > 0.0).unwrap_or(1.0);
    let wanted = 1f64.max(least.ceil()).min(most.floor());
    let value = (wanted / step).ceil() * step;
    let value = if value > most { (most / step).floor() * step } else { value };
    let fits = value >= least && value <= most && value.fract() == 0.0 && value.abs() < 9e15;
    if fits { Ok((value as i64).into()) } else { Err(no_number(schema)) }
}

fn number(schema: &At<'_>) -> Result<Value, PlanIssue> {
    let (least, most) = bounds(schema, 0.001);
    let step = schema.value["multipleOf"].as_f64().filter(|step| *step > 0.0);
    let value = 1.5f64.max(least).min(most);
    let value = step.map_or(value, |step| (value / step).ceil() * step);
    let number = serde_json::Number::from_f64(value).filter(|_| value >= least && value <= most);
    number.map(Value::Number).ok_or_else(|| no_number(schema))
}

fn no_number(schema: &At<'_>) -> PlanIssue {
    schema.place.issue("no number was found that the schema allows").help("give an `example`")
}

fn text(schema: &At<'_>) -> Result<Value, PlanIssue> {
    if schema.value.get("pattern").is_some() {
        let issue = schema.place.issue("a text with a `pattern` is not made up");
        return Err(issue.help("give an `example`"));
    }
    let text = match schema.text("format") {
        Some("date") => "2026-01-31",
        Some("date-time") => "2026-01-31T12:00:00Z",
        Some("time") => "12:00:00Z",
        Some("duration") => "PT1M",
        Some("uuid") => "3fa85f64-5717-4562-b3fc-2c963f66afa6",
        Some("email" | "idn-email") => "someone@example.com",
        Some("uri" | "url" | "iri" | "uri-reference" | "iri-reference") => "http://example.com/",
        Some("hostname" | "idn-hostname") => "example.com",
        Some("ipv4") => "192.0.2.1",
        Some("ipv6") => "2001:db8::1",
        Some("byte") => "c3RyaW5n",
        _ => "string",
    };
    let least = schema.value["minLength"].as_u64().unwrap_or(0);
    let most = schema.value["maxLength"].as_u64().unwrap_or(u64::MAX);
    if least > TEXT_MAX || least > most {
        return Err(schema
            .place
            .issue(format!("a text of {least} characters is not made up"))
            .help("give an `example`"));
    }
    let length = text.len() as u64;
    if (least..=most).contains(&length) {
        return Ok(text.into());
    }
    // Longer or shorter than asked for: a format would break.
    if text != "string" {
        let issue = schema.place.issue(format!(
            "{} is not made up in the length that is asked for",
            super::super::issue::quoted(text)
        ));
        return Err(issue.help("give an `example`"));
    }
    Ok(text.chars().cycle().take(length.clamp(least, most) as usize).collect::<String>().into())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    fn made(schema: Value) -> Result<Value, String> {
        let root = json!({ "s": schema, "defs": {
            "Pet": { "type": "object", "required": ["name"], "properties": {
                "id": { "type": "integer", "readOnly": true },
                "name": { "type": "string", "example": "Rex" },
                "parent": { "$ref": "#/defs/Pet" }
            } },
            "Endless": { "required": ["next"], "properties": { "next": { "$ref": "#/defs/Endless" } } }
        } });
        let at = At::root(&root, Path::new("d")).member("s").unwrap();
        sample(&at).map_err(|issue| issue.to_string())
    }

    #[test]
    fn what_is_given_comes_first() {
        assert_eq!(made(json!({"type": "integer", "example": 7, "default": 8})), Ok(json!(7)));
        assert_eq!(made(json!({"type": "integer", "examples": [9], "default": 8})), Ok(json!(9)));
        assert_eq!(made(json!({"type": "integer", "default": 8, "enum": [1]})), Ok(json!(8)));
        assert_eq!(made(json!({"const": "c", "enum": ["a"]})), Ok(json!("c")));
        assert_eq!(made(json!({"enum": ["a", "b"]})), Ok(json!("a")));
        assert_eq!(
            made(json!({"$ref": "#/defs/Pet", "example": {"name": "own"}})),
            Ok(json!({"name": "own"}))
        );
    }

    #[test]
    fn types_and_bounds() {
        assert_eq!(made(json!({"type": "integer"})), Ok(json!(1)));
        assert_eq!(made(json!({"type": "integer", "minimum": 10, "exclusiveMinimum": true})), Ok(json!(11)));
        assert_eq!(made(json!({"type": "integer", "exclusiveMinimum": 10, "multipleOf": 4})), Ok(json!(12)));
        assert_eq!(made(json!({"type": "integer", "maximum": -5})), Ok(json!(-5)));
        assert_eq!(made(json!({"type": "number", "maximum": 0.5})), Ok(json!(0.5)));
        assert_eq!(made(json!({"type": ["null", "boolean"]})), Ok(json!(true)));
        assert_eq!(made(json!({"type": "string", "format": "date"})), Ok(json!("2026-01-31")));
        assert_eq!(made(json!({"type": "string", "minLength": 8})), Ok(json!("stringst")));
        assert_eq!(made(json!({"type": "string", "maxLength": 2})), Ok(json!("st")));
        assert_eq!(made(json!({"items": {"type": "null"}, "minItems": 2})), Ok(json!([null, null])));
        assert_eq!(made(json!({})), Ok(json!("string")));
    }

    #[test]
    fn composition_and_recursion() {
        assert_eq!(made(json!({"$ref": "#/defs/Pet"})), Ok(json!({"name": "Rex"})));
        assert_eq!(
            made(json!({"allOf": [{"$ref": "#/defs/Pet"}, {"properties": {"tag": {"type": "boolean"}}}]})),
            Ok(json!({"name": "Rex", "tag": true}))
        );
        assert_eq!(made(json!({"oneOf": [{"$ref": "#/defs/Endless"}, {"type": "integer"}]})), Ok(json!(1)));
        assert_eq!(
            made(
                json!({"properties": {"a": {"type": "integer"}}, "anyOf": [{"properties": {"b": {"const": 2}}}]})
            ),
            Ok(json!({"a": 1, "b": 2}))
        );
        assert_eq!(made(json!({"required": ["x"]})), Ok(json!({"x": "string"})));
    }

    #[test]
    fn what_cannot_be_made_says_where() {
        assert_eq!(
            made(
                json!({"type": "object", "required": ["p"], "properties": {"p": {"type": "string", "pattern": "^a"}}})
            ),
            Err("d: /s/properties/p: a text with a `pattern` is not made up\n  help: give an `example`"
                .to_owned())
        );
        assert_eq!(
            made(json!({"$ref": "#/defs/Endless"})),
            Err("d: /defs/Endless/properties/next: the schema needs itself without end\n  help: give an `example`".to_owned())
        );
        assert_eq!(made(json!({"type": "file"})), Err("d: /s: there is no type `file`".to_owned()));
        assert_eq!(
            made(json!({"type": "integer", "minimum": 2, "maximum": 1})),
            Err("d: /s: no number was found that the schema allows\n  help: give an `example`".to_owned())
        );
        assert_eq!(
            made(json!({"type": "string", "format": "uuid", "maxLength": 5})),
            Err("d: /s: `3fa85f64-5717-4562-b3fc-2c963f66afa6` is not made up in the length that is asked for\n  \
                 help: give an `example`".to_owned())
        );
    }

    #[test]
    fn size_is_bounded() {
        // Thirty levels, each twice the one below: a billion values.
        let mut schema = json!({"type": "integer"});
        for _ in 0..30 {
            schema = json!({"properties": {"a": schema, "b": {"$ref": "#/s"}}, "required": ["a"]});
        }
        assert!(made(schema).is_ok());
        let mut schema = json!({"type": "integer"});
        for _ in 0..40 {
            schema = json!({"properties": {"a": schema}, "required": ["a"]});
        }
        assert!(made(schema).unwrap_err().contains("too large"));
    }
}
