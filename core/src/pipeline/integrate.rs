//! Calls what answers the route, each kind of integration in its own way.

use super::method_response::{self, Answer};
use super::{Env, Exchange, Route, Served, cache, media_type, mock, payload, respond, transform};
use crate::error::GatewayError;
use crate::model::PassthroughBehavior;
use crate::snapshot::{HttpCall, HttpPlan, IntegrationPlan, RequestTransformation, TemplatePlan};

/// One of the two places in which a request waits.
pub(super) async fn invoke<E: Env>(
    env: &E,
    route: &Route<'_>,
    exchange: &mut Exchange<'_>,
) -> Result<Served<E::Lease>, GatewayError> {
    match &route.plan.integration {
        IntegrationPlan::HttpProxy(call) => {
            transform::integration_request(call, exchange)?;
            let lease = env.invoke(call, exchange).await?;
            if method_response::may_compress(route.stage, exchange, route.plan) {
                return Box::pin(proxy_whole(env, route, exchange, lease, true)).await;
            }
            if cache::is_awaited(exchange) {
                return Box::pin(proxy_whole(env, route, exchange, lease, false)).await;
            }
            transform::proxy_response(env, exchange, &lease);
            Ok(Served::Streaming(lease))
        }
        IntegrationPlan::Http(plan) => Box::pin(http(env, route, plan, exchange)).await,
        IntegrationPlan::Mock(plan) => mock::answer(env, route, plan, exchange).map(|()| Served::Complete),
    }
}

/// HTTP: the gateway writes the request, and the answer.
async fn http<E: Env>(
    env: &E,
    route: &Route<'_>,
    plan: &HttpPlan,
    exchange: &mut Exchange<'_>,
) -> Result<Served<E::Lease>, GatewayError> {
    integration_body(route, &plan.request, exchange)?;
    let HttpPlan { call, responses, .. } = plan;
    let lease = call_backend(env, call, exchange).await?;
    let body = env.read_answer(exchange, &lease).await?;
    let status = exchange.answer.status;
    let response = responses.select(itoa::Buffer::new().format(status));
    let response = response.ok_or(GatewayError::ApiConfigurationError)?;
    // The answer is written into the exchange that its fields lie in.
    let headers = std::mem::take(&mut exchange.answer.headers);
    let answer = Answer { bytes: &lease, headers: &headers, body };
    let written = method_response::write(env, route, exchange, response, answer);
    exchange.answer.headers = headers;
    written.map(|()| Served::Complete)
}

async fn call_backend<E: Env>(
    env: &E,
    call: &HttpCall,
    exchange: &mut Exchange<'_>,
) -> Result<E::Lease, GatewayError> {
    transform::integration_request(call, exchange)?;
    env.invoke(call, exchange).await
}

/// A proxied answer that is read as a whole: because it may be large enough to be compressed, or because others wait for it.
async fn proxy_whole<E: Env>(
    env: &E,
    route: &Route<'_>,
    exchange: &mut Exchange<'_>,
    lease: E::Lease,
    may_compress: bool,
) -> Result<Served<E::Lease>, GatewayError> {
    let body = env.read_answer(exchange, &lease).await?;
    let coding = method_response::coding(route.stage, exchange, body.len()).filter(|_| may_compress);
    respond::proxied(env, exchange, &lease, &body, coding);
    Ok(Served::Complete)
}

/// What the request's body becomes: its template's text, or itself, or nothing that may pass (tables.md §1, §2).
pub(super) fn integration_body(
    route: &Route<'_>,
    plan: &RequestTransformation,
    exchange: &mut Exchange<'_>,
) -> Result<(), GatewayError> {
    let media_type = media_type::of_request(exchange);
    let binary = media_type::is_binary(&route.stage.payload.binary_media_types, media_type);
    let template = template(plan, media_type)?;
    let gathered = exchange.gathered.get_or_insert_default();
    let body = std::mem::take(&mut gathered.body);
    let converted = payload::to_integration(body, binary, plan.content_handling)?;
    gathered.body = converted;
    let Some(template) = template else { return Ok(()) };
    let rendered = render(route, template, exchange)?;
    exchange.gathered.get_or_insert_default().integration_body = Some(rendered);
    Ok(())
}

/// The template for a media type; `None`: the body passes as it is.
pub(super) fn template<'p>(
    plan: &'p RequestTransformation,
    media_type: &[u8],
) -> Result<Option<&'p TemplatePlan>, GatewayError> {
    let found = media_type::find(&plan.templates, media_type);
    let passes = match plan.passthrough {
        PassthroughBehavior::WhenNoMatch => true,
        PassthroughBehavior::WhenNoTemplates => plan.templates.is_empty(),
        PassthroughBehavior::Never => false,
    };
    match found.is_some() || passes {
        true => Ok(found),
        false => Err(GatewayError::UnsupportedMediaType),
    }
}

/// Renders a request template; what it overrides goes into the exchange.
pub(super) fn render(
    route: &Route<'_>,
    template: &TemplatePlan,
    exchange: &mut Exchange<'_>,
) -> Result<Vec<u8>, GatewayError> {
    let template = match template {
        TemplatePlan::Text(text) => return Ok(text.as_bytes().to_vec()),
        TemplatePlan::Template(template) => template,
    };
    let gathered = exchange.gathered.get_or_insert_default();
    let (mut overrides, body) = (std::mem::take(&mut gathered.overrides), std::mem::take(&mut gathered.body));
    let mut out = Vec::new();
    let scope = method_response::template_scope(route, exchange, &body);
    let rendered = template.render(&scope, &mut overrides, &mut out);
    let gathered = exchange.gathered.get_or_insert_default();
    (gathered.overrides, gathered.body) = (overrides, body);
    rendered.map_err(|_| GatewayError::ApiConfigurationError)?;
    Ok(out)
}
