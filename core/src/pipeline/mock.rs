//! MOCK: the request template yields a status code, and that selects the answer (spec sheet §4).

use super::method_response::{self, Answer};
use super::{Env, Exchange, Route, integrate, media_type};
use crate::error::GatewayError;
use crate::json::{self, Value};
use crate::snapshot::{MockPlan, ResponsePlan};

/// Writes the answer.
pub(super) fn answer<E: Env>(
    env: &E,
    route: &Route<'_>,
    plan: &MockPlan,
    exchange: &mut Exchange<'_>,
) -> Result<(), GatewayError> {
    let response = match integrate::template(&plan.request, media_type::of_request(exchange))? {
        Some(template) => {
            let rendered = integrate::render(route, template, exchange)?;
            selected(plan, &rendered)
        }
        // Without a request template the default response answers.
        None => plan.responses.default.as_ref(),
    };
    let response = response.ok_or(GatewayError::ApiConfigurationError)?;
    method_response::write(
        env,
        route,
        exchange,
        response,
        Answer { bytes: b"", headers: &[], body: Vec::new() },
    )
}

/// The response for `statusCode` of lax JSON; `None`: there is no such response, or it is no such text.
fn selected<'p>(plan: &'p MockPlan, rendered: &[u8]) -> Option<&'p ResponsePlan> {
    let Ok(Value::Map(members)) = json::parse(rendered) else { return None };
    let status: u16 = match members.get_text("statusCode")? {
        Value::Integer(status) => status.try_into().ok()?,
        Value::Text(status) => status.trim().parse().ok()?,
        _ => return None,
    };
    plan.responses.select(itoa::Buffer::new().format(status))
}
