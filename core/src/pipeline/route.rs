//! Host, base path, stage, resource, method.

use super::exchange::verb;
use super::{Exchange, Route};
use crate::error::GatewayError;
use crate::http1::{HeaderId, Method};
use crate::ids::is_uuid;
use crate::snapshot::route_tree::Match;
use crate::snapshot::{CANARY_WHOLE, Snapshot};

/// Finds the plan of a request.
pub(super) fn resolve<'s>(
    snapshot: &'s Snapshot,
    exchange: &mut Exchange<'_>,
) -> Result<Route<'s>, GatewayError> {
    let overrides = |id| matches!(id, HeaderId::XHttpMethodOverride | HeaderId::XAmznRequestId);
    if exchange.head.headers.iter().any(|header| overrides(header.id)) {
        apply_overrides(exchange);
    }
    let path = exchange.path();
    let hosts = &snapshot.hosts;
    let place = hosts
        .find(exchange.host(), path)
        .or_else(|| hosts.find_path_address(exchange.host(), path))
        .ok_or(GatewayError::Forbidden)?;
    let mut index = place.stage;
    let share = snapshot.stages[index as usize].canary_share;
    // The canary of a stage is the next of the snapshot.
    index += u32::from(share > 0 && exchange.id.below(CANARY_WHOLE) < share);
    exchange.stage = Some(index);
    let stage = &*snapshot.stages[index as usize];
    match stage.tree.find(path, place.resource_from, exchange.http_method) {
        Match::Route { plan, parameters } => {
            exchange.route = Some(plan);
            exchange.parameters = parameters;
            Ok(Route { account_id: &snapshot.account_id, stage, plan: &stage.routes[plan as usize] })
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
