//! A mapping template with twenty references and a loop over five lines, on a body of a kilobyte: what `cargo xtask bench vtl` compares.

use std::borrow::Cow;
use std::hint::black_box;

use ringway_core::json;
use ringway_core::vtl::{ContextValue, Overrides, ParameterKind, Scope, Template};

use super::{Prepared, Row};

pub(super) const FUNCTIONS: &[Row] = &[("vtl/render", 512, render), ("vtl/parse", 512, parse)];

const TEMPLATE: &str = include_str!("mapping.vtl");
const BODY: &str = include_str!("mapping.json");
/// What Velocity 1.7 writes.
const OUTPUT: &str = include_str!("mapping.out");

/// What the template asks for.
struct Order;

impl Scope for Order {
    fn body(&self) -> &[u8] {
        BODY.as_bytes()
    }

    fn parameter(&self, of: ParameterKind, name: &str) -> Option<Cow<'_, str>> {
        (of == ParameterKind::Querystring && name == "channel").then_some(Cow::Borrowed("web"))
    }

    fn each_parameter(&self, _: ParameterKind, _: &mut dyn FnMut(&str, &str)) {}

    fn stage_variable(&self, name: &str) -> Option<&str> {
        (name == "table").then_some("orders")
    }

    fn each_stage_variable(&self, _: &mut dyn FnMut(&str, &str)) {}

    fn context(&self, name: &str) -> ContextValue<'_> {
        match name {
            "requestId" => ContextValue::Text("r-1".into()),
            "stage" => ContextValue::Text("prod".into()),
            "identity" => ContextValue::Object,
            "identity.sourceIp" => ContextValue::Text("192.0.2.7".into()),
            _ => ContextValue::Missing,
        }
    }

    fn each_context(&self, _: &str, _: &mut dyn FnMut(&str)) {}
}

/// Reads the body and renders the compiled template into a new buffer, as for each request.
fn render() -> Prepared {
    let template = Template::compile(TEMPLATE).expect("a template");
    Prepared::new(OUTPUT.len(), move || {
        let mut out = Vec::new();
        let rendered = template.render(black_box(&Order), &mut Overrides::default(), &mut out);
        if rendered.is_ok() && out == OUTPUT.as_bytes() { out.len() } else { 0 }
    })
}

/// The part of that which is not the template's.
fn parse() -> Prepared {
    Prepared::new(1, || usize::from(black_box(json::parse(black_box(BODY.as_bytes()))).is_ok()))
}
