//! Bodies that models check: no text panics, and a body is JSON exactly where serde_json says so.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use ringway_core::json_schema::Schema;
use ringway_core::model::Model;
use serde::de::IgnoredAny;
use serde_json::Value;

/// Any body is valid that is JSON.
static ANY: LazyLock<Schema> = LazyLock::new(|| compile("{}"));
/// Looks at all that a body can have.
static PARTICULAR: LazyLock<Schema> = LazyLock::new(|| {
    compile(
        r##"{"type": ["object", "array"], "minProperties": 1, "required": ["a"], "additionalProperties": false,
            "patternProperties": {"^[b-y]+$": {"$ref": "#"}}, "uniqueItems": true, "maxItems": 9,
            "items": {"anyOf": [{"$ref": "#"}, {"enum": [1, "1", 1.5, null, [], {}]}, {"type": "integer", "multipleOf": 3}]},
            "properties": {"a": {"oneOf": [{"type": "string", "minLength": 2, "format": "date-time"}, {"type": "number", "maximum": 1e9}]},
                           "z": {"not": {"type": "boolean"}}}}"##,
    )
});

fn compile(schema: &str) -> Schema {
    let model = Model {
        name: "M".to_owned(),
        content_type: "application/json".to_owned(),
        description: None,
        schema: schema.to_owned(),
    };
    Schema::compile("M", &[model]).expect("the schemas of this target are schemas")
}

fuzz_target!(|body: &[u8]| {
    let is_json = ANY.check(body).is_ok();
    match serde_json::from_slice::<Value>(body) {
        Ok(_) => assert!(is_json),
        Err(error) => {
            let error = error.to_string();
            // serde_json makes numbers of what is only looked at here, and reads one level less.
            let stricter =
                ["number out of range", "recursion limit exceeded"].iter().any(|why| error.starts_with(why));
            assert!(!is_json || (stricter && serde_json::from_slice::<IgnoredAny>(body).is_ok()), "{error}");
        }
    }
    assert!(is_json || PARTICULAR.check(body).is_err());
});
