//! Gateway responses of a stage, compiled (spec sheet §1).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::context::ContextVariable;
use super::target::{ParameterValue, Scope};
use crate::model::{GatewayResponse, GatewayResponseSource, GatewayResponseType};

/// Those of a stage that differ from AWS's own.
#[derive(Debug, Default)]
pub struct GatewayResponses {
    by_type: BTreeMap<GatewayResponseType, Arc<GatewayResponsePlan>>,
}

/// One of them.
#[derive(Debug)]
pub struct GatewayResponsePlan {
    /// `None` keeps that of the error.
    pub status: Option<u16>,
    /// Header names and values.
    pub headers: Vec<(Box<str>, ParameterValue)>,
    /// Bodies by media type; none: AWS's own.
    pub templates: Vec<(Box<str>, SimpleTemplate)>,
}

/// Text with values: no VTL.
#[derive(Debug)]
pub struct SimpleTemplate {
    /// In order.
    pub parts: Vec<SimplePart>,
}

/// A piece of a [`SimpleTemplate`].
#[derive(Debug)]
pub enum SimplePart {
    /// As it is.
    Literal(Box<str>),
    /// What the exchange holds.
    Value(ParameterValue),
}

impl GatewayResponses {
    /// The customised one for a type: its own, else that of its default (tables.md §8.6).
    pub fn find(&self, kind: GatewayResponseType) -> Option<&GatewayResponsePlan> {
        let found = self.by_type.get(&kind).or_else(|| self.by_type.get(&kind.default_type()));
        found.map(|plan| &**plan)
    }

    /// Compiles those of a deployment.
    pub(super) fn compile(responses: &[GatewayResponse], scope: &Scope<'_>) -> Result<Self, String> {
        let mut by_type = BTreeMap::new();
        for response in responses {
            let plan = compile(response, scope)
                .map_err(|error| format!("gateway response {}: {error}", response.response_type.as_str()))?;
            by_type.insert(response.response_type, Arc::new(plan));
        }
        Ok(GatewayResponses { by_type })
    }
}

fn compile(response: &GatewayResponse, scope: &Scope<'_>) -> Result<GatewayResponsePlan, String> {
    let headers = response.response_parameters.iter().map(|(name, source)| {
        let value = match source {
            GatewayResponseSource::Path(name) => ParameterValue::NamedPath(name.as_str().into()),
            GatewayResponseSource::Query(name) => ParameterValue::Query(name.as_bytes().into()),
            GatewayResponseSource::Header(name) => ParameterValue::Header(name.as_bytes().into()),
            GatewayResponseSource::Static(text) => ParameterValue::Static(text.as_bytes().into()),
            GatewayResponseSource::StageVariable(name) => scope.stage_variable(name),
            GatewayResponseSource::Context(name) => scope.context(name)?,
        };
        Ok((name.as_str().into(), value))
    });
    let templates = response
        .response_templates
        .iter()
        .map(|(media_type, text)| (media_type.to_ascii_lowercase().into(), simple_template(text, scope)));
    Ok(GatewayResponsePlan {
        status: response.status_code,
        headers: headers.collect::<Result<_, String>>()?,
        templates: templates.collect(),
    })
}

/// Compiles text with `$context.…`, `$stageVariables.…` and `$method.request.…`; anything else is itself, an unknown variable too.
fn simple_template(text: &str, scope: &Scope<'_>) -> SimpleTemplate {
    let mut parts = Vec::new();
    let (mut literal, mut rest) = (0, 0);
    while let Some(dollar) = text[rest..].find('$').map(|at| rest + at) {
        let braced = text[dollar + 1..].starts_with('{');
        let start = dollar + 1 + usize::from(braced);
        let length = text[start..].find(|c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c));
        let name = text[start..start + length.unwrap_or(text.len() - start)].trim_end_matches('.');
        let end = start + name.len() + usize::from(braced);
        match reference(name, scope).filter(|_| !braced || text[start + name.len()..].starts_with('}')) {
            Some(value) => {
                if literal < dollar {
                    parts.push(SimplePart::Literal(text[literal..dollar].into()));
                }
                parts.push(SimplePart::Value(value));
                (literal, rest) = (end, end);
            }
            None => rest = dollar + 1,
        }
    }
    if literal < text.len() {
        parts.push(SimplePart::Literal(text[literal..].into()));
    }
    SimpleTemplate { parts }
}

fn reference(name: &str, scope: &Scope<'_>) -> Option<ParameterValue> {
    if let Some(name) = name.strip_prefix("context.") {
        // AWS's `$context.error.messageString` and all others; what it does not know stays text.
        return ContextVariable::parse(name).and_then(|_| scope.context(name).ok());
    }
    if let Some(name) = name.strip_prefix("stageVariables.") {
        return Some(scope.stage_variable(name));
    }
    let (place, name) = name.strip_prefix("method.request.")?.split_once('.')?;
    match place {
        "path" => Some(ParameterValue::NamedPath(name.into())),
        "querystring" => Some(ParameterValue::Query(name.as_bytes().into())),
        "header" => Some(ParameterValue::Header(name.as_bytes().into())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GatewayResponseType as Type;

    fn scope_variables() -> BTreeMap<String, String> {
        [("v".to_owned(), "1".to_owned())].into()
    }

    #[test]
    fn templates_are_text_with_values() {
        let variables = scope_variables();
        let scope = Scope::of_stage("a1", "1", "dev", "d1", &variables);
        let template = simple_template(
            r#"{"m":$context.error.messageString,"v":"${stageVariables.v}$","x":$context.nothing}"#,
            &scope,
        );
        let shown: Vec<String> = template
            .parts
            .iter()
            .map(|part| match part {
                SimplePart::Literal(text) => text.to_string(),
                SimplePart::Value(ParameterValue::Static(text)) => {
                    format!("<{}>", String::from_utf8_lossy(text))
                }
                SimplePart::Value(_) => "<?>".to_owned(),
            })
            .collect();
        assert_eq!(shown, ["{\"m\":", "<?>", ",\"v\":\"", "<1>", "$\",\"x\":$context.nothing}"]);
    }

    #[test]
    fn a_default_stands_in_for_what_is_not_customised() {
        let variables = scope_variables();
        let scope = Scope::of_stage("a1", "1", "dev", "d1", &variables);
        let response = |response_type, status| GatewayResponse {
            response_type,
            status_code: Some(status),
            response_parameters: Vec::new(),
            response_templates: Vec::new(),
        };
        let all = [response(Type::Default5xx, 599), response(Type::AuthorizerFailure, 555)];
        let responses = GatewayResponses::compile(&all, &scope).unwrap();
        assert_eq!(responses.find(Type::AuthorizerFailure).unwrap().status, Some(555));
        assert_eq!(responses.find(Type::IntegrationTimeout).unwrap().status, Some(599));
        assert!(responses.find(Type::Throttled).is_none());
    }
}
