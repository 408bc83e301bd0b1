//! Parameters of an operation: a value for each, and how it is written into the request.

use serde_json::Value;

use super::super::issue::{PlanIssue, quoted};
use super::document::At;
use super::schema::{given, sample};

/// The parameters of one request, written out.
#[derive(Debug, Default)]
pub(super) struct Filled<'d> {
    /// Name in the path, and its text.
    pub(super) path: Vec<(&'d str, String)>,
    /// `name=value`
    pub(super) query: Vec<String>,
    pub(super) headers: Vec<(&'d str, String)>,
    /// `name=value`
    pub(super) cookies: Vec<String>,
    /// Swagger 2.0's `formData`, encoded.
    pub(super) form: Vec<String>,
}

/// Headers that OpenAPI says are described elsewhere (OpenAPI 3.0.3, "Parameter Object", `in`).
const DESCRIBED_ELSEWHERE: [&str; 3] = ["accept", "content-type", "authorization"];

/// How a value of several parts is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// One `name=value` for each part.
    Exploded,
    /// Parts with this between them.
    Joined(&'static str),
    /// `name[part]=value`
    DeepObject,
}

impl<'d> Filled<'d> {
    /// Fills in a parameter. Optional ones are sent only when the document has a value for them.
    pub(super) fn add(&mut self, parameter: &At<'d>) -> Result<(), PlanIssue> {
        let name =
            parameter.text("name").ok_or_else(|| parameter.place.issue("a parameter without a `name`"))?;
        let place = parameter.text("in").unwrap_or_default();
        let is_elsewhere = || DESCRIBED_ELSEWHERE.iter().any(|other| other.eq_ignore_ascii_case(name));
        if place == "header" && is_elsewhere() {
            return Ok(());
        }
        let Some(value) = value(parameter, place == "path")? else { return Ok(()) };
        let style = style(parameter, place)?;
        match place {
            "path" => self.path.push((name, joined(&value, style, &encoded))),
            "query" => self.query.extend(pairs(name, &value, style)),
            "formData" => self.form.extend(pairs(name, &value, style)),
            "cookie" => self.cookies.push(format!("{name}={}", joined(&value, Style::Joined(","), &encoded))),
            "header" => self.headers.push((name, joined(&value, style, &str::to_owned))),
            other => {
                let message = format!("there are no parameters in {}", quoted(other));
                return Err(parameter
                    .member("in")
                    .map_or(parameter.place.clone(), |at| at.place)
                    .issue(message));
            }
        }
        Ok(())
    }
}

/// The value of a parameter; None for an optional one of which the document gives none.
fn value(parameter: &At<'_>, is_path: bool) -> Result<Option<Value>, PlanIssue> {
    if let Some(value) = example(parameter)? {
        return Ok(Some(value));
    }
    let is_required = is_path || parameter.is_true("required");
    let schema = match parameter.member("schema") {
        Some(schema) => schema,
        None => match parameter.member("content").and_then(|content| content.members().into_iter().next()) {
            // A media type: the value is its text.
            Some((_, media)) => {
                let Some(value) = media_value(&media, is_required)? else { return Ok(None) };
                return Ok(Some(if value.is_string() { value } else { value.to_string().into() }));
            }
            // Swagger 2.0: the parameter is its own schema.
            None => parameter.clone(),
        },
    };
    let resolved = schema.resolve()?;
    match given(&schema).or_else(|| given(&resolved).filter(|_| is_required || has_example(&resolved))) {
        Some(value) if is_required || has_example(&resolved) || has_example(&schema) => Ok(Some(value)),
        _ if is_required => sample(&schema).map(Some),
        _ => Ok(None),
    }
}

fn has_example(schema: &At<'_>) -> bool {
    ["example", "examples", "x-example"].iter().any(|key| schema.value.get(key).is_some())
}

/// `example`, or the first of `examples`, of a parameter or a media type.
pub(super) fn example(at: &At<'_>) -> Result<Option<Value>, PlanIssue> {
    if let Some(value) = at.value.get("example").or_else(|| at.value.get("x-example")) {
        return Ok(Some(value.clone()));
    }
    let Some((_, first)) = at.member("examples").and_then(|examples| examples.members().into_iter().next())
    else {
        return Ok(None);
    };
    let first = first.resolve()?;
    match (first.value.get("value"), first.value.get("externalValue")) {
        (Some(value), _) => Ok(Some(value.clone())),
        (None, Some(_)) => Err(first.place.issue("an `externalValue` is not fetched").help("give a `value`")),
        (None, None) => Err(first.place.issue("an example without a `value`")),
    }
}

/// The value of a media type; None when it has neither an example nor a schema, or is not needed.
pub(super) fn media_value(media: &At<'_>, is_required: bool) -> Result<Option<Value>, PlanIssue> {
    if let Some(value) = example(media)? {
        return Ok(Some(value));
    }
    match media.member("schema") {
        Some(schema) if is_required => sample(&schema).map(Some),
        _ => Ok(None),
    }
}

/// OpenAPI 3's `style` and `explode`, or Swagger 2.0's `collectionFormat`.
fn style(parameter: &At<'_>, place: &str) -> Result<Style, PlanIssue> {
    if let Some(format) = parameter.text("collectionFormat") {
        return match format {
            "csv" => Ok(Style::Joined(",")),
            "ssv" => Ok(Style::Joined("%20")),
            "tsv" => Ok(Style::Joined("%09")),
            "pipes" => Ok(Style::Joined("%7C")),
            "multi" => Ok(Style::Exploded),
            other => Err(parameter.place.issue(format!("there is no collectionFormat {}", quoted(other)))),
        };
    }
    // Without a schema or content it is Swagger 2.0, whose default is `csv`.
    let is_form_by_default = matches!(place, "query" | "cookie") && parameter.value.get("schema").is_some();
    let name = parameter.text("style").unwrap_or(if is_form_by_default { "form" } else { "simple" });
    let explodes = parameter.value.get("explode").and_then(Value::as_bool).unwrap_or(name == "form");
    match (name, place) {
        ("form", "query" | "cookie") if explodes => Ok(Style::Exploded),
        ("form", "query" | "cookie") => Ok(Style::Joined(",")),
        ("simple", _) => Ok(Style::Joined(",")),
        ("spaceDelimited", "query") => Ok(Style::Joined("%20")),
        ("pipeDelimited", "query") => Ok(Style::Joined("%7C")),
        ("deepObject", "query") => Ok(Style::DeepObject),
        _ => {
            let message =
                format!("the style {} of a parameter in {} is not built yet", quoted(name), quoted(place));
            Err(parameter.place.issue(message))
        }
    }
}

/// The text of a value without parts.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// All parts in one text.
fn joined(value: &Value, style: Style, encode: &dyn Fn(&str) -> String) -> String {
    let separator = if let Style::Joined(separator) = style { separator } else { "," };
    let parts: Vec<String> = match value {
        Value::Array(items) => items.iter().map(|item| encode(&scalar(item))).collect(),
        Value::Object(members) => {
            members.iter().flat_map(|(key, value)| [encode(key), encode(&scalar(value))]).collect()
        }
        other => return encode(&scalar(other)),
    };
    parts.join(separator)
}

/// `name=value` for a query or a form.
pub(super) fn form(members: &Value) -> Vec<String> {
    let members = members.as_object().into_iter().flatten();
    members.flat_map(|(name, value)| pairs(name, value, Style::Exploded)).collect()
}

fn pairs(name: &str, value: &Value, style: Style) -> Vec<String> {
    let pair = |name: &str, value: &Value| format!("{}={}", encoded(name), encoded(&scalar(value)));
    match (value, style) {
        (Value::Array(items), Style::Exploded) => items.iter().map(|item| pair(name, item)).collect(),
        (Value::Object(members), Style::Exploded) => {
            members.iter().map(|(key, value)| pair(key, value)).collect()
        }
        (Value::Object(members), Style::DeepObject) => {
            members.iter().map(|(key, value)| pair(&format!("{name}[{key}]"), value)).collect()
        }
        _ => vec![format!("{}={}", encoded(name), joined(value, style, &encoded))],
    }
}

/// Percent-encodes everything but unreserved characters (RFC 3986 §2.3).
pub(super) fn encoded(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' => result.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => result.push(char::from(byte)),
            _ => result.push_str(&format!("%{byte:02X}")),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    fn filled(parameter: Value) -> Result<String, String> {
        let at = At::root(&parameter, Path::new("d"));
        let mut filled = Filled::default();
        filled.add(&at).map_err(|issue| issue.to_string())?;
        let Filled { path, query, headers, cookies, form } = filled;
        let named = |list: Vec<(&str, String)>| {
            list.into_iter().map(|(name, value)| format!("{name}: {value}")).collect()
        };
        let all: Vec<Vec<String>> = vec![named(path), query, named(headers), cookies, form];
        Ok(all.concat().join("&"))
    }

    fn query(value: Value) -> String {
        let mut parameter = json!({"name": "q", "in": "query", "schema": {}});
        parameter.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        filled(parameter).unwrap()
    }

    #[test]
    fn styles() {
        assert_eq!(query(json!({"example": "a b&c"})), "q=a%20b%26c");
        assert_eq!(query(json!({"example": [1, "x y"]})), "q=1&q=x%20y");
        assert_eq!(query(json!({"example": [1, 2], "explode": false})), "q=1,2");
        assert_eq!(query(json!({"example": [1, 2], "style": "pipeDelimited"})), "q=1%7C2");
        assert_eq!(query(json!({"example": {"a": 1, "b": 2}})), "a=1&b=2");
        assert_eq!(
            query(json!({"example": {"a": 1, "b": 2}, "style": "deepObject"})),
            "q%5Ba%5D=1&q%5Bb%5D=2"
        );
        assert_eq!(query(json!({"examples": {"one": {"value": true}}})), "q=true");
        assert_eq!(
            filled(json!({"name": "i", "in": "path", "schema": {"example": "é/1"}})).unwrap(),
            "i: %C3%A9%2F1"
        );
        assert_eq!(filled(json!({"name": "h", "in": "header", "example": ["a", "b"]})).unwrap(), "h: a,b");
        assert_eq!(filled(json!({"name": "c", "in": "cookie", "example": "v;"})).unwrap(), "c=v%3B");
        let swagger = json!({"name": "s", "in": "query", "type": "array", "x-example": ["a", "b"], "collectionFormat": "multi"});
        assert_eq!(filled(swagger).unwrap(), "s=a&s=b");
        let swagger =
            json!({"name": "s", "in": "query", "type": "array", "required": true, "items": {"enum": ["a"]}});
        assert_eq!(filled(swagger).unwrap(), "s=a");
    }

    #[test]
    fn optional_ones_need_an_example() {
        let parameter =
            |required, schema| json!({"name": "q", "in": "query", "required": required, "schema": schema});
        assert_eq!(filled(parameter(false, json!({"type": "integer", "default": 5}))).unwrap(), "");
        assert_eq!(filled(parameter(true, json!({"type": "integer", "default": 5}))).unwrap(), "q=5");
        assert_eq!(filled(parameter(false, json!({"type": "integer", "example": 6}))).unwrap(), "q=6");
        assert_eq!(
            filled(parameter(true, json!({"type": "string", "format": "date"}))).unwrap(),
            "q=2026-01-31"
        );
        assert_eq!(filled(json!({"name": "Accept", "in": "header", "example": "x"})).unwrap(), "");
        let media = json!({"name": "q", "in": "query", "required": true, "content": {"application/json": {"example": {"a": 1}}}});
        assert_eq!(filled(media).unwrap(), "q=%7B%22a%22%3A1%7D");
    }

    #[test]
    fn refusals_say_where() {
        let message = |parameter| filled(parameter).unwrap_err();
        assert_eq!(message(json!({"in": "query"})), "d: a parameter without a `name`");
        assert_eq!(
            message(json!({"name": "a", "in": "matrix", "example": 1})),
            "d: /in: there are no parameters in `matrix`"
        );
        assert_eq!(
            message(json!({"name": "a", "in": "path", "style": "matrix", "example": 1})),
            "d: the style `matrix` of a parameter in `path` is not built yet"
        );
        assert_eq!(
            message(json!({"name": "a", "in": "path", "schema": {"type": "string", "pattern": "x"}})),
            "d: /schema: a text with a `pattern` is not made up\n  help: give an `example`"
        );
        assert_eq!(
            message(json!({"name": "a", "in": "query", "examples": {"x": {"externalValue": "http://e"}}})),
            "d: /examples/x: an `externalValue` is not fetched\n  help: give a `value`"
        );
    }
}
