//! Request validation (tables.md §14.3): parameters before the body.

use super::exchange::ErrorDetail;
use super::{Exchange, media_type};
use crate::error::GatewayError;
use crate::model::RequestParameterPlace;
use crate::snapshot::ValidationPlan;

/// Every required parameter is there and not blank.
pub(super) fn parameters(plan: &ValidationPlan, exchange: &mut Exchange<'_>) -> Result<(), GatewayError> {
    let missing: Vec<&str> = plan
        .parameters
        .iter()
        .filter(|(place, name)| !is_present(*place, name, exchange))
        .map(|(_, name)| &**name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!("Missing required request parameters: [{}]", missing.join(", "));
    exchange.error_detail =
        Some(Box::new(ErrorDetail { validation_error_string: message.clone(), message: Some(message) }));
    Err(GatewayError::BadRequestParameters)
}

fn is_present(place: RequestParameterPlace, name: &str, exchange: &Exchange<'_>) -> bool {
    let value = match place {
        // The route would not have matched without it.
        RequestParameterPlace::Path => return true,
        RequestParameterPlace::Header => exchange.header(name.as_bytes()),
        RequestParameterPlace::Querystring => exchange.query_parameter(name.as_bytes()),
    };
    value.is_some_and(|value| !value.trim_ascii().is_empty())
}

/// The body fits the model of its media type; a type without one is not validated.
pub(super) fn body(plan: &ValidationPlan, exchange: &mut Exchange<'_>) -> Result<(), GatewayError> {
    let Some(models) = &plan.bodies else { return Ok(()) };
    let Some(schema) = media_type::find(models, media_type::of_request(exchange)) else { return Ok(()) };
    let checked = schema.check(exchange.gathered.as_ref().map_or(&b""[..], |gathered| &gathered.body));
    checked.map_err(|validation_error_string| {
        exchange.error_detail = Some(Box::new(ErrorDetail { message: None, validation_error_string }));
        GatewayError::BadRequestBody
    })
}
