//! Host, base path, stage, resource, method.

use super::Exchange;
use super::exchange::verb;
use crate::error::GatewayError;
use crate::http1::{HeaderId, Method};
use crate::ids::is_uuid;
use crate::snapshot::route_tree::Match;
use crate::snapshot::{RoutePlan, Snapshot};

/// Finds the plan of a request.
pub(super) fn resolve<'s>(
    snapshot: &'s Snapshot,
    exchange: &mut Exchange<'_>,
) -> Result<&'s RoutePlan, GatewayError> {
    let overrides = |id| matches!(id, HeaderId::XHttpMethodOverride | HeaderId::XAmznRequestId);
    if exchange.head.headers.iter().any(|header| overrides(header.id)) {
        apply_overrides(exchange);
    }
    let path = exchange.path();
    let place = snapshot.hosts.find(exchange.host(), path).ok_or(GatewayError::Forbidden)?;
    exchange.stage = Some(place.stage);
    let stage = &snapshot.stages[place.stage as usize];
    match stage.tree.find(path, place.resource_from, exchange.http_method) {
        Match::Route { plan, parameters } => {
            exchange.route = Some(plan);
            exchange.parameters = parameters;
            Ok(&stage.routes[plan as usize])
        }
        // AWS tells a missing method from a missing path in no way (tables.md §12.2).
        Match::NoMethod | Match::NoResource => Err(GatewayError::MissingAuthenticationToken),
    }
}

/// Headers by which a client changes what it asks: the verb, and its own request id (tables.md §3.4).
#[cold]
fn apply_overrides(exchange: &mut Exchange<'_>) {
    for header in &exchange.head.headers {
        let value = header.value.of(exchange.bytes);
        match header.id {
            HeaderId::XHttpMethodOverride => exchange.http_method = verb(Method::of(value)),
            HeaderId::XAmznRequestId if is_uuid(value) => exchange.request_id.copy_from_slice(value),
            _ => {}
        }
    }
}
