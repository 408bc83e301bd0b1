//! Templates: no template and no body panics or hangs. The template is what comes before the first NUL, the body the rest.
#![no_main]

use std::borrow::Cow;

use libfuzzer_sys::fuzz_target;
use ringway_core::limits::VTL_OUTPUT_BYTES_MAX;
use ringway_core::vtl::{ContextValue, Overrides, ParameterKind, Scope, Template, lint};

struct Exchange<'a>(&'a [u8]);

impl Scope for Exchange<'_> {
    fn body(&self) -> &[u8] {
        self.0
    }

    fn parameter(&self, of: ParameterKind, name: &str) -> Option<Cow<'_, str>> {
        (of == ParameterKind::Header && name == "h").then_some(Cow::Borrowed("v"))
    }

    fn each_parameter(&self, of: ParameterKind, f: &mut dyn FnMut(&str, &str)) {
        f(of.key(), "v");
    }

    fn stage_variable(&self, name: &str) -> Option<&str> {
        (name == "s").then_some("v")
    }

    fn each_stage_variable(&self, f: &mut dyn FnMut(&str, &str)) {
        f("s", "v");
    }

    fn context(&self, name: &str) -> ContextValue<'_> {
        match name {
            "stage" => ContextValue::Text("dev".into()),
            "identity" => ContextValue::Object,
            "identity.sourceIp" => ContextValue::Number(7),
            _ => ContextValue::Missing,
        }
    }

    fn each_context(&self, of: &str, f: &mut dyn FnMut(&str)) {
        f(if of.is_empty() { "identity" } else { "sourceIp" });
    }
}

fuzz_target!(|bytes: &[u8]| {
    let split = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    let Ok(text) = std::str::from_utf8(&bytes[..split]) else { return };
    let lines = text.lines().count() as u32 + 1;
    let template = match Template::compile(text) {
        Ok(template) => template,
        Err(error) => {
            assert!((1..=lines).contains(&error.line) && error.column > 0, "{error}");
            return;
        }
    };
    for warning in lint(&template) {
        assert!((1..=lines).contains(&warning.line), "{warning}");
    }
    let mut out = Vec::new();
    let body = bytes.get(split + 1..).unwrap_or_default();
    let rendered = template.render(&Exchange(body), &mut Overrides::default(), &mut out);
    assert!(out.len() <= VTL_OUTPUT_BYTES_MAX + bytes.len() * 8 || rendered.is_err());
});
