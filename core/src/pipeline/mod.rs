//! What happens to one request, as a function: policy only, no socket, clock, thread or file.

mod cache;
mod context;
mod exchange;
mod explain;
mod gather;
mod http_request;
mod integrate;
mod media_type;
mod method_response;
mod mock;
mod payload;
pub mod percent;
mod respond;
mod route;
mod scope;
mod throttle;
mod transform;
mod validate;
mod values;

pub use cache::{CacheUse, refresh};
pub use exchange::{ErrorDetail, Exchange, Gathered, ResponseFraming};
pub use explain::{begin_log, serve_explained, stage_of};
pub use respond::{gateway_response, protocol_response};
pub use throttle::{Held, RateLimit, RateLimits, api_key_place};
pub use transform::encode_integration_request;

use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;

use crate::cache::{Entry, Flights, Wait, Waited};
use crate::error::GatewayError;
use crate::limit::{CoreLimits, QuotaRequest};
use crate::snapshot::{HttpCall, RoutePlan, Snapshot, StagePlan};

/// What the pipeline needs from the core that runs it.
pub trait Env {
    /// Received bytes of an integration's answer: its head, and what of its body came with it.
    type Lease: Deref<Target = [u8]>;

    /// An empty buffer to encode an answer into.
    fn buffer(&self) -> Vec<u8>;

    /// Appends the `Date` header line.
    fn date_line(&self, out: &mut Vec<u8>);

    /// Sends `exchange.integration_request` and the request body to the plan's endpoint and waits for the head of the final answer,
    /// which it parses into `exchange.answer`. Ends in the plan's timeout. A body that was read before is part of
    /// `exchange.integration_request`.
    fn invoke(
        &self,
        call: &HttpCall,
        exchange: &mut Exchange<'_>,
    ) -> impl Future<Output = Result<Self::Lease, GatewayError>>;

    /// Reads the whole body of the request, as the client coded it, for at most `nanos`. Called at most once, before
    /// [`Env::invoke`].
    fn read_body(
        &self,
        exchange: &mut Exchange<'_>,
        nanos: u64,
    ) -> impl Future<Output = Result<Vec<u8>, GatewayError>>;

    /// How far the time that this request has waited for its core is beyond half of the longest that one may: 0 is not at all, 255 is
    /// all of it.
    fn pressure(&self, exchange: &Exchange<'_>) -> u8;

    /// A look at the clock, for what the time of [`Exchange::now`] is too early for.
    fn clock(&self) -> u64;

    /// What the core knows of limits; `None`: nobody is limited here.
    fn limits(&self) -> Option<&CoreLimits>;

    /// What of caches is being asked for on this core; `None`: answers are neither taken from caches nor kept in them.
    fn caches(&self) -> Option<&Flights>;

    /// Waits for the answer that another request asks for, at most until `until`, or until the client has left. Returns the time, as
    /// [`Exchange::now`].
    fn wait(&self, wait: Wait, until: u64) -> impl Future<Output = Result<(Waited, u64), GatewayError>>;

    /// Asks for more of a quota, which is granted or refused some time later. False: too many wait.
    fn ask_for_quota(&self, request: QuotaRequest) -> bool;

    /// Waits for a moment, for a quota: about a millisecond. Returns the time, as [`Exchange::now`].
    fn pause(&self) -> impl Future<Output = u64>;

    /// Reads the whole body of the integration's answer, whose head is in `lease`. Ends in the timeout that began with [`Env::invoke`].
    fn read_answer(
        &self,
        exchange: &mut Exchange<'_>,
        lease: &Self::Lease,
    ) -> impl Future<Output = Result<Vec<u8>, GatewayError>>;
}

/// What is left to do after [`serve`].
pub enum Served<L> {
    /// The whole answer is in `exchange.out`.
    Complete,
    /// `exchange.out` holds the head; the body follows from the integration, its beginning in the lease after the head.
    Streaming(L),
    /// `exchange.out` holds the head; the body is that of the entry, which is held until it is sent.
    Kept(Arc<Entry>),
}

/// Where a request has led.
#[derive(Clone, Copy)]
pub(crate) struct Route<'s> {
    account_id: &'s str,
    stage: &'s StagePlan,
    plan: &'s RoutePlan,
}

/// Answers a request. Whatever happens, `exchange.out` holds the head of exactly one response afterwards.
pub async fn serve<'a, E: Env>(
    env: &E,
    snapshot: &'a Snapshot,
    exchange: &mut Exchange<'a>,
) -> Served<E::Lease> {
    match run(env, snapshot, exchange).await {
        Ok(served) => served,
        Err(error) => {
            respond::gateway_response(env, snapshot, exchange, error);
            Served::Complete
        }
    }
}

/// The order of these lines is the product.
async fn run<'a, E: Env>(
    env: &E,
    snapshot: &'a Snapshot,
    exchange: &mut Exchange<'a>,
) -> Result<Served<E::Lease>, GatewayError> {
    let route = route::resolve(snapshot, exchange)?;
    throttle::admit(env, snapshot, &route, exchange).await?;
    if let Some(validation) = &route.plan.validation {
        validate::parameters(validation, exchange)?;
    }
    if gather::is_needed(&route, exchange) {
        // Boxed: a request that only passes through should not be as large as this.
        Box::pin(gather::request(env, &route, exchange)).await?;
    }
    if let Some(validation) = &route.plan.validation {
        validate::body(validation, exchange)?;
    }
    let Some(plan) = &route.plan.cache else { return integrate::invoke(env, &route, exchange).await };
    match cache::lookup(env, &route, plan, exchange)? {
        cache::Looked::Served(served) => Ok(served),
        // Boxed: see above.
        looked => Box::pin(cache::ask(env, &route, looked, exchange)).await,
    }
}

#[cfg(test)]
mod tests;
