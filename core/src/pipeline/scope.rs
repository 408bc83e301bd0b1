//! What templates see of an exchange (tables.md §5.1, §5.5).

use std::borrow::Cow;

use super::{Exchange, context, percent};
use crate::snapshot::{ContextVariable, RoutePlan, StagePlan};
use crate::vtl::{ContextValue, ParameterKind, Scope};

/// An exchange with the plan that it follows.
pub(super) struct TemplateScope<'s, 'a> {
    pub(super) exchange: &'s Exchange<'a>,
    pub(super) account_id: &'s str,
    pub(super) stage: &'s StagePlan,
    pub(super) route: &'s RoutePlan,
    /// `$input.body`: the body of the request, or that of the integration's answer.
    pub(super) body: &'s [u8],
}

impl TemplateScope<'_, '_> {
    /// A path parameter without its percent-encoding.
    fn path_parameter(&self, name: &str) -> Option<Cow<'_, str>> {
        let index = self.route.path_parameters.iter().position(|known| **known == *name)?;
        Some(percent::decode(self.exchange.parameters.get(index, self.exchange.path()), false))
    }

    fn query_parameter(&self, name: &str) -> Option<Cow<'_, str>> {
        let values = self.exchange.query_parameters();
        let last = values.filter(|(key, _)| percent::decode(key, true) == name).last();
        last.map(|(_, value)| percent::decode(value, true))
    }

    /// Hop-by-hop fields are not there for templates (tables.md §3.1). Names have their case.
    fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        let bytes = self.exchange.bytes;
        let named = |header: &&crate::http1::Header| {
            header.name.of(bytes) == name.as_bytes() && !super::transform::is_invisible(header)
        };
        let header = self.exchange.head.headers.iter().rev().find(named)?;
        Some(String::from_utf8_lossy(header.value.of(bytes)))
    }
}

impl Scope for TemplateScope<'_, '_> {
    fn body(&self) -> &[u8] {
        self.body
    }

    fn parameter(&self, of: ParameterKind, name: &str) -> Option<Cow<'_, str>> {
        match of {
            ParameterKind::Path => self.path_parameter(name),
            ParameterKind::Querystring => self.query_parameter(name),
            ParameterKind::Header => self.header(name),
        }
    }

    fn each_parameter(&self, of: ParameterKind, each: &mut dyn FnMut(&str, &str)) {
        let bytes = self.exchange.bytes;
        match of {
            ParameterKind::Path => {
                for name in &self.route.path_parameters {
                    each(name, &self.path_parameter(name).unwrap_or_default());
                }
            }
            ParameterKind::Querystring => {
                for (name, value) in self.exchange.query_parameters() {
                    each(&percent::decode(name, true), &percent::decode(value, true));
                }
            }
            ParameterKind::Header => {
                for header in &self.exchange.head.headers {
                    if !super::transform::is_invisible(header) {
                        let (name, value) = (header.name.of(bytes), header.value.of(bytes));
                        each(&String::from_utf8_lossy(name), &String::from_utf8_lossy(value));
                    }
                }
            }
        }
    }

    fn stage_variable(&self, name: &str) -> Option<&str> {
        self.stage.variables.get(name).map(String::as_str)
    }

    fn each_stage_variable(&self, each: &mut dyn FnMut(&str, &str)) {
        self.stage.variables.iter().for_each(|(name, value)| each(name, value));
    }

    fn each_context(&self, of: &str, each: &mut dyn FnMut(&str)) {
        ContextVariable::members(of).for_each(each);
    }

    fn context(&self, name: &str) -> ContextValue<'_> {
        let text = |text| ContextValue::Text(Cow::Borrowed(text));
        let Some(variable) = ContextVariable::parse(name) else {
            return if ContextVariable::is_object(name) {
                ContextValue::Object
            } else {
                ContextValue::Missing
            };
        };
        match variable {
            ContextVariable::AccountId => text(self.account_id),
            ContextVariable::ApiId => text(&self.stage.api_id),
            ContextVariable::DeploymentId => text(&self.stage.deployment_id),
            ContextVariable::IsCanaryRequest => ContextValue::Boolean(self.stage.is_canary),
            ContextVariable::ResourceId => text(&self.route.resource_id),
            ContextVariable::ResourcePath => text(&self.route.resource_path),
            ContextVariable::Stage => text(&self.stage.stage_name),
            ContextVariable::RequestTimeEpoch => ContextValue::Number(self.exchange.unix_millis as i64),
            other => {
                let mut value = Vec::new();
                match context::write(other, self.exchange, &mut value) {
                    true => ContextValue::Text(Cow::Owned(String::from_utf8_lossy(&value).into_owned())),
                    false => ContextValue::Missing,
                }
            }
        }
    }
}
