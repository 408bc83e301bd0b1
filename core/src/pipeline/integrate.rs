//! Calls what answers the route.

use super::{Env, Exchange};
use crate::error::GatewayError;
use crate::snapshot::{IntegrationPlan, MockResponse, RoutePlan};

/// An integration response, before it becomes a method response.
pub(super) enum Answer<'s, L> {
    /// From a backend: the head is in `exchange.answer`, its bytes in the lease.
    Http(L),
    /// From the gateway itself.
    Mock(&'s MockResponse),
}

/// One of the two places in which a request waits.
pub(super) async fn invoke<'s, E: Env>(
    env: &E,
    plan: &'s RoutePlan,
    exchange: &mut Exchange<'_>,
) -> Result<Answer<'s, E::Lease>, GatewayError> {
    match &plan.integration {
        IntegrationPlan::HttpProxy(proxy) => env.invoke(proxy, exchange).await.map(Answer::Http),
        IntegrationPlan::Mock(mock) => {
            mock.response.as_ref().map(Answer::Mock).ok_or(GatewayError::ApiConfigurationError)
        }
    }
}
