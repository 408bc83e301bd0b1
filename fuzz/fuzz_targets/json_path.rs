//! JSONPath: no path and no body panics. The path is the first line, the body the rest.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringway_core::json::{Style, Value, parse_text, write_json};
use ringway_core::json_path::JsonPath;

const BODY: &str =
    r#"{"a": [{"b": 1, "c": "x"}, {"b": null}, [1, 2, [3]]], "d": {"e": {"f": [true, "y"]}}, "g h": -1.5}"#;

fuzz_target!(|text: &str| {
    let (path, body) = text.split_once('\n').unwrap_or((text, BODY));
    let Ok(path) = JsonPath::compile(path) else { return };
    let Ok(body) = parse_text(if body.is_empty() { BODY } else { body }) else { return };
    let Ok(Some(found)) = path.evaluate(&body) else { return };
    assert!(path.is_definite() || matches!(found, Value::List(_)));
    let mut json = Vec::new();
    assert!(write_json(&found, Style::Plain, &mut json) || json.len() > 400);
});
