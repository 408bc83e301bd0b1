//! Requests whose body is read as a whole before anything else happens.

use super::exchange::ErrorDetail;
use super::payload::{Coding, decompress};
use super::{Env, Exchange, Route, values};
use crate::error::GatewayError;
use crate::http1::{BodyLength, HeaderId};
use crate::limits::REQUEST_BODY_NANOS_MAX;
use crate::snapshot::{HttpCall, IntegrationPlan, ParameterValue, TargetPart};

/// Whether something reads the body: a template, a model, a mapping, or the gateway because it has to undo a content coding.
#[inline]
pub(super) fn is_needed(route: &Route<'_>, exchange: &Exchange<'_>) -> bool {
    match &route.plan.integration {
        IntegrationPlan::HttpProxy(call) => {
            route.plan.validation.as_ref().is_some_and(|validation| validation.bodies.is_some())
                || (exchange.head.body != BodyLength::None && reads_proxied_body(call, exchange))
        }
        IntegrationPlan::Http(_) | IntegrationPlan::Mock(_) => true,
    }
}

/// The backend is not told of a content coding (tables.md §3.1), so that it is undone.
fn reads_proxied_body(call: &HttpCall, exchange: &Exchange<'_>) -> bool {
    exchange.head.headers.iter().any(|header| header.id == HeaderId::ContentEncoding) || maps_body(call)
}

/// Reads the body and undoes its content coding (tables.md §14.2).
pub(super) async fn request<E: Env>(
    env: &E,
    route: &Route<'_>,
    exchange: &mut Exchange<'_>,
) -> Result<(), GatewayError> {
    let coding = match exchange.header(b"content-encoding").map(<[u8]>::trim_ascii) {
        None => Coding::Identity,
        Some(name) => Coding::of(name).ok_or(GatewayError::UnsupportedMediaType)?,
    };
    let body = match exchange.head.body {
        BodyLength::None => Vec::new(),
        _ => env.read_body(exchange, REQUEST_BODY_NANOS_MAX).await?,
    };
    let is_transformed = !matches!(route.plan.integration, IntegrationPlan::HttpProxy(_));
    let gathered = exchange.gathered.get_or_insert_default();
    gathered.is_transformed = is_transformed;
    gathered.body = if body.is_empty() { body } else { decompress(body, coding)? };
    let call = match &route.plan.integration {
        IntegrationPlan::HttpProxy(call) => Some(call),
        IntegrationPlan::Http(plan) => Some(&plan.call),
        IntegrationPlan::Mock(_) => None,
    };
    if call.is_some_and(maps_body) && values::is_broken_json(&gathered.body) {
        let message = "Invalid JSON in request body".to_owned();
        let validation_error_string = message.clone();
        exchange.error_detail =
            Some(Box::new(ErrorDetail { message: Some(message), validation_error_string }));
        return Err(GatewayError::BadRequestBody);
    }
    Ok(())
}

/// Whether a mapping takes its value from the body.
fn maps_body(call: &HttpCall) -> bool {
    let from_body = |value: &ParameterValue| matches!(value, ParameterValue::Body(_));
    let in_target = call.target.iter().any(|part| match part {
        TargetPart::Value(value) | TargetPart::Overridable(_, value) => from_body(value),
        TargetPart::Literal(_) => false,
    });
    in_target
        || call.query_parameters.iter().any(|(_, value)| from_body(value))
        || call.header_parameters.iter().any(|(_, value)| from_body(value))
}
