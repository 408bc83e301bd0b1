//! The words in which AWS says what is wrong with a body. They are those of the Java validator that it uses.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;

/// Errors that are named at most: a large array may have one for each item.
const NAMED: usize = 16;

/// All errors in brackets. Properties that are missing in one object are one error.
pub(super) fn describe<'i>(errors: impl Iterator<Item = ValidationError<'i>>) -> String {
    let mut messages: Vec<String> = Vec::new();
    let mut missing: Vec<(String, Vec<String>)> = Vec::new();
    for error in errors.take(NAMED) {
        match error.kind() {
            Kind::Required { property } => {
                let place = error.instance_path().to_string();
                match missing.iter_mut().find(|(known, _)| *known == place) {
                    Some((_, names)) => names.push(property.to_string()),
                    None => missing.push((place, vec![property.to_string()])),
                }
            }
            kind => messages.push(message(kind, error.instance())),
        }
    }
    let missing = missing.into_iter().map(|(_, mut names)| {
        names.sort();
        format!("object has missing required properties ([{}])", names.join(","))
    });
    let all: Vec<String> = missing.chain(messages).collect();
    format!("[{}]", all.join(", "))
}

fn message(kind: &Kind, instance: &Value) -> String {
    match kind {
        Kind::Type { kind } => format!(
            "instance type ({}) does not match any allowed primitive type (allowed: [{}])",
            type_of(instance),
            allowed(kind)
        ),
        Kind::Enum { options } => {
            format!("instance value ({instance}) not found in enum (possible values: {options})")
        }
        Kind::AdditionalProperties { unexpected } => {
            let mut names: Vec<String> =
                unexpected.iter().map(|name| Value::from(name.as_str()).to_string()).collect();
            names.sort();
            format!(
                "object instance has properties which are not allowed by the schema: [{}]",
                names.join(",")
            )
        }
        Kind::Minimum { limit } => format!(
            "numeric instance is lower than the required minimum (minimum: {limit}, found: {instance})"
        ),
        Kind::Maximum { limit } => format!(
            "numeric instance is greater than the required maximum (maximum: {limit}, found: {instance})"
        ),
        Kind::ExclusiveMinimum { limit } => {
            format!("numeric instance is not strictly greater than the required minimum {limit}")
        }
        Kind::ExclusiveMaximum { limit } => {
            format!("numeric instance is not strictly lower than the required maximum {limit}")
        }
        Kind::MinLength { limit } => format!(
            "string {instance} is too short (length: {}, required minimum: {limit})",
            length(instance)
        ),
        Kind::MaxLength { limit } => {
            format!("string {instance} is too long (length: {}, maximum allowed: {limit})", length(instance))
        }
        Kind::MinItems { limit } => format!(
            "array is too short: must have at least {limit} elements but instance has {} elements",
            length(instance)
        ),
        Kind::MaxItems { limit } => format!(
            "array is too long: must have at most {limit} elements but instance has {} elements",
            length(instance)
        ),
        Kind::MinProperties { limit } => format!(
            "object has too few properties (found {} but schema requires at least {limit})",
            length(instance)
        ),
        Kind::MaxProperties { limit } => format!(
            "object has too many properties (found {} but schema requires at most {limit})",
            length(instance)
        ),
        Kind::Pattern { pattern } => {
            format!("ECMA 262 regex {} does not match input string {instance}", Value::from(pattern.as_str()))
        }
        Kind::UniqueItems => "array must not contain duplicate elements".to_owned(),
        Kind::MultipleOf { multiple_of } => {
            format!("remainder of division is not zero ({instance} / {multiple_of})")
        }
        Kind::OneOfNotValid { context } => {
            format!("instance failed to match exactly one schema (matched 0 out of {})", context.len())
        }
        Kind::OneOfMultipleValid { context } => {
            let matched = context.iter().filter(|errors| errors.is_empty()).count();
            format!(
                "instance failed to match exactly one schema (matched {matched} out of {})",
                context.len()
            )
        }
        Kind::AnyOf { context } => {
            format!("instance failed to match at least one required schema among {}", context.len())
        }
        Kind::Not { .. } => "instance matched a schema which it should not have".to_owned(),
        Kind::Format { format } => format!("string {instance} is invalid against the format {format}"),
        _ => "instance does not match the schema".to_owned(),
    }
}

/// Draft 4's own names.
fn type_of(instance: &Value) -> &'static str {
    match instance {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Type names in quotes, in order; an integer is a number as well.
fn allowed(kind: &TypeKind) -> String {
    let mut names: Vec<String> = match kind {
        TypeKind::Single(name) => vec![name.to_string()],
        TypeKind::Multiple(names) => names.iter().map(|name| name.to_string()).collect(),
    };
    if names.iter().any(|name| name == "number") {
        names.push("integer".to_owned());
    }
    names.sort();
    names.dedup();
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(",")
}

/// Characters, items or members.
fn length(instance: &Value) -> usize {
    match instance {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.len(),
        Value::Object(members) => members.len(),
        _ => 0,
    }
}
