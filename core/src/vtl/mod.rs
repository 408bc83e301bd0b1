//! Mapping templates: Velocity 1.7 as API Gateway runs it (spec sheet §5).
//!
//! A [`Template`] is compiled once and rendered for each exchange. What it sees of the exchange comes from a [`Scope`], what it may
//! change goes to [`Overrides`]. References without a value print nothing and are true: AWS answers every failed lookup with an
//! empty text.
//!
//! ```
//! use ringway_core::vtl::{Overrides, Template};
//! # use ringway_core::vtl::{ContextValue, ParameterKind, Scope};
//! # struct Exchange;
//! # impl Scope for Exchange {
//! #     fn body(&self) -> &[u8] { br#"{"name": "Ann"}"# }
//! #     fn parameter(&self, _: ParameterKind, _: &str) -> Option<std::borrow::Cow<'_, str>> { None }
//! #     fn each_parameter(&self, _: ParameterKind, _: &mut dyn FnMut(&str, &str)) {}
//! #     fn stage_variable(&self, _: &str) -> Option<&str> { None }
//! #     fn each_stage_variable(&self, _: &mut dyn FnMut(&str, &str)) {}
//! #     fn context(&self, _: &str) -> ContextValue<'_> { ContextValue::Missing }
//! #     fn each_context(&self, _: &str, _: &mut dyn FnMut(&str)) {}
//! # }
//! let template = Template::compile("Hello $input.path('$.name')!").unwrap();
//! let mut out = Vec::new();
//! template.render(&Exchange, &mut Overrides::default(), &mut out).unwrap();
//! assert_eq!(out, b"Hello Ann!");
//! ```
//!
//! Everything is bounded (see `VTL_*` in [`crate::limits`]): no template can hang a core or exhaust its memory.

mod arena;
mod arithmetic;
mod ast;
mod builtins;
mod context;
mod encode;
mod error;
mod evaluate;
mod frames;
mod java_regex;
mod lint;
mod methods;
mod methods_text;
mod names;
mod parse;
mod parse_expression;

mod render;
mod scan;
mod scope;
mod state;
mod token;

pub use error::{CompileError, RenderError};
pub use lint::{Warning, lint};
pub use scope::{
    ContextValue, Observer, OverrideList, OverrideValue, Overrides, ParameterKind, Scope, Variables,
};

use ast::{Block, Macro, Unit};
use names::Names;
use parse::Shared;

/// A compiled template. Shared by all cores: nothing in it changes.
#[derive(Debug)]
pub struct Template {
    block: Block,
    names: Names,
    macros: Vec<Macro>,
    first_unit: u32,
    units: Vec<Unit>,
}

impl Template {
    /// Compiles a template.
    ///
    /// # Errors
    /// Says what Velocity does not accept, and where.
    pub fn compile(text: &str) -> Result<Template, CompileError> {
        Template::compile_within(text, Names::new(), 0, 0)
    }

    /// Compiles a template that is evaluated within another one, whose variables are `names`.
    fn compile_within(
        text: &str,
        names: Names,
        first_unit: u32,
        depth: usize,
    ) -> Result<Template, CompileError> {
        let mut shared = Shared { names, first_unit, units: Vec::new(), macros: Vec::new(), operators: 0 };
        let block = parse::compile_unit(text, None, depth, &mut shared)?;
        let Shared { names, units, macros, .. } = shared;
        Ok(Template { block, names, macros, first_unit, units })
    }

    /// Renders the template and appends the result to `out`.
    ///
    /// # Errors
    /// If a method fails or a limit is reached: AWS answers 500. `out` and `overrides` then have what was there up to that.
    pub fn render(
        &self,
        scope: &dyn Scope,
        overrides: &mut Overrides,
        out: &mut Vec<u8>,
    ) -> Result<(), RenderError> {
        state::render(self, scope, overrides, &Variables::default(), None, out)
    }

    /// As [`Template::render`], with variables that are set before, and somebody who is told what happens.
    ///
    /// # Errors
    /// See [`Template::render`].
    pub fn render_traced(
        &self,
        scope: &dyn Scope,
        overrides: &mut Overrides,
        variables: &Variables,
        observer: Option<&mut dyn Observer>,
        out: &mut Vec<u8>,
    ) -> Result<(), RenderError> {
        state::render(self, scope, overrides, variables, observer, out)
    }
}

#[cfg(test)]
mod tests;
