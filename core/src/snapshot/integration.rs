//! Integrations, compiled: which endpoint, which values, which templates.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::plan::{TemplatePlan, TemplatePlans};
use super::target::{Scope, compile_target, parse_uri};
use super::{
    EndpointAddresses, HttpCall, HttpPlan, IntegrationPlan, MockPlan, Registry, RequestTransformation,
    ResponsePlan, ResponseSelection, TargetPart,
};
use crate::model::{
    HttpMethod, Integration, IntegrationResponse, IntegrationType, ParameterTarget, Templates,
    compile_selection_pattern, substitute_stage_variables,
};
use crate::vtl::Template;

type Endpoints = BTreeMap<u32, Arc<EndpointAddresses>>;

/// Compiles an integration; the endpoints that it calls are added to `endpoints`.
pub(super) fn compile(
    registry: &mut Registry,
    endpoints: &mut Endpoints,
    scope: &Scope<'_>,
    integration: &Integration,
) -> Result<IntegrationPlan, String> {
    let transformed = || Ok::<_, String>((request(integration)?, responses(integration, scope)?));
    Ok(match integration.kind {
        IntegrationType::HttpProxy => {
            IntegrationPlan::HttpProxy(call(registry, endpoints, scope, integration)?)
        }
        IntegrationType::Http => {
            let (request, responses) = transformed()?;
            let call = call(registry, endpoints, scope, integration)?;
            IntegrationPlan::Http(Box::new(HttpPlan { call, request, responses }))
        }
        IntegrationType::Mock => {
            let (request, responses) = transformed()?;
            IntegrationPlan::Mock(Box::new(MockPlan { request, responses }))
        }
        kind @ (IntegrationType::Aws | IntegrationType::AwsProxy) => {
            return Err(format!("{} integrations are not built yet", kind.as_str()));
        }
    })
}

fn call(
    registry: &mut Registry,
    endpoints: &mut Endpoints,
    scope: &Scope<'_>,
    integration: &Integration,
) -> Result<HttpCall, String> {
    let uri = integration.uri.as_deref().ok_or("an HTTP integration has a uri")?;
    let uri = substitute_stage_variables(uri, scope.variables)?;
    let uri = parse_uri(&uri)?;
    let mut query_parameters = Vec::new();
    let mut header_parameters = Vec::new();
    let mut path_values = HashMap::new();
    for parameter in &integration.request_parameters {
        let value = scope.value(&parameter.source)?;
        match &parameter.target {
            ParameterTarget::Path(name) => drop(path_values.insert(name.as_str(), value)),
            ParameterTarget::Query(name) => query_parameters.push((percent_encoded(name), value)),
            ParameterTarget::Header(name) => header_parameters.push((name.as_bytes().into(), value)),
        }
    }
    // Templates can replace what a path parameter stands for, and a proxy has none.
    let overridable = integration.kind == IntegrationType::Http;
    let target = compile_target(uri.target, |name| {
        let value = path_values
            .get(name)
            .cloned()
            .ok_or_else(|| format!("{{{name}}} of the URI has no integration.request.path.{name}"))?;
        Ok(match overridable {
            true => TargetPart::Overridable(name.into(), value),
            false => TargetPart::Value(value),
        })
    })?;
    let api_id = scope.api_id;
    let head = format!(" HTTP/1.1\r\nHost: {}\r\nX-Amzn-Apigateway-Api-Id: {api_id}\r\n", uri.authority);
    let (slot, endpoint) = registry.endpoint(uri.host, uri.port);
    endpoints.entry(slot).or_insert(endpoint);
    Ok(HttpCall {
        endpoint: slot,
        method: integration.http_method.filter(|method| *method != HttpMethod::Any),
        target,
        target_has_query: uri.target.contains('?'),
        query_parameters,
        header_parameters,
        head: head.into_bytes().into(),
        user_agent: format!("User-Agent: AmazonAPIGateway_{api_id}\r\n").into_bytes().into(),
        timeout_nanos: integration.timeout.as_nanos() as u64,
    })
}

fn request(integration: &Integration) -> Result<RequestTransformation, String> {
    Ok(RequestTransformation {
        templates: templates(&integration.request_templates, "request")?,
        passthrough: integration.passthrough_behavior,
        content_handling: integration.content_handling,
    })
}

fn templates(templates: &Templates, of: &str) -> Result<TemplatePlans, String> {
    let compile = |(media_type, text): &(String, String)| {
        let template = Template::compile(text)
            .map_err(|error| format!("the {of} template for {media_type}: {error}"))?;
        let plan = match text.contains(['$', '#']) {
            true => TemplatePlan::Template(Box::new(template)),
            false => TemplatePlan::Text(text.as_str().into()),
        };
        Ok((media_type.to_ascii_lowercase().into(), plan))
    };
    templates.iter().map(compile).collect()
}

fn responses(integration: &Integration, scope: &Scope<'_>) -> Result<ResponseSelection, String> {
    let mut selection = ResponseSelection { patterns: Vec::new(), default: None };
    for response in &integration.responses {
        let plan = response_plan(response, scope)?;
        match response.selection_pattern.as_deref().filter(|pattern| !pattern.is_empty()) {
            None => selection.default = selection.default.or(Some(plan)),
            Some(pattern) => {
                let regex = compile_selection_pattern(pattern)
                    .map_err(|error| format!("the selection pattern {pattern}: {error}"))?;
                selection.patterns.push((regex, plan));
            }
        }
    }
    Ok(selection)
}

fn response_plan(response: &IntegrationResponse, scope: &Scope<'_>) -> Result<ResponsePlan, String> {
    let mut headers = Vec::new();
    for parameter in &response.response_parameters {
        let name = &parameter.header;
        // Dropped in every direction (tables.md §3.3).
        if name.eq_ignore_ascii_case("transfer-encoding") {
            continue;
        }
        let shown = if is_remapped(name) { format!("x-amzn-Remapped-{name}") } else { name.clone() };
        headers.push((shown.into(), scope.header_value(&parameter.source)?));
    }
    Ok(ResponsePlan {
        status: response.status_code,
        headers,
        templates: templates(&response.response_templates, "response")?,
        content_handling: response.content_handling,
    })
}

/// Headers that a non-proxy integration response may not set under their own name (tables.md §3.3).
fn is_remapped(name: &str) -> bool {
    const NAMES: [&str; 14] = [
        "Connection",
        "Content-Length",
        "Date",
        "Server",
        "Authorization",
        "Content-MD5",
        "Expect",
        "Host",
        "Max-Forwards",
        "Proxy-Authenticate",
        "Trailer",
        "Upgrade",
        "User-Agent",
        "WWW-Authenticate",
    ];
    NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn percent_encoded(name: &str) -> Box<[u8]> {
    let mut out = Vec::with_capacity(name.len());
    crate::pipeline::percent::encode(name.as_bytes(), &mut out);
    out.into()
}
