//! What happens to one request, as a function: policy only, no socket, clock, thread or file.

mod exchange;
mod integrate;
pub mod percent;
mod respond;
mod route;
mod transform;

pub use exchange::{Exchange, ResponseFraming};
pub use respond::{gateway_response, protocol_response};
pub use transform::encode_integration_request;

use std::future::Future;
use std::ops::Deref;

use crate::error::GatewayError;
use crate::snapshot::{HttpProxyPlan, Snapshot};

/// What the pipeline needs from the core that runs it.
pub trait Env {
    /// Received bytes of an integration's answer: its head, and what of its body came with it.
    type Lease: Deref<Target = [u8]>;

    /// An empty buffer to encode an answer into.
    fn buffer(&self) -> Vec<u8>;

    /// Appends the `Date` header line.
    fn date_line(&self, out: &mut Vec<u8>);

    /// Sends `exchange.integration_request` and the request body to the plan's endpoint and waits for the head of the final answer,
    /// which it parses into `exchange.answer`. Ends in the plan's timeout.
    fn invoke(
        &self,
        plan: &HttpProxyPlan,
        exchange: &mut Exchange<'_>,
    ) -> impl Future<Output = Result<Self::Lease, GatewayError>>;
}

/// What is left to do after [`serve`].
pub enum Served<L> {
    /// The whole answer is in `exchange.out`.
    Complete,
    /// `exchange.out` holds the head; the body follows from the integration, its beginning in the lease after the head.
    Streaming(L),
}

/// Answers a request. Whatever happens, `exchange.out` holds the head of exactly one response afterwards.
pub async fn serve<E: Env>(env: &E, snapshot: &Snapshot, exchange: &mut Exchange<'_>) -> Served<E::Lease> {
    match run(env, snapshot, exchange).await {
        Ok(served) => served,
        Err(error) => {
            respond::gateway_response(env, exchange, error);
            Served::Complete
        }
    }
}

/// The order of these lines is the product.
async fn run<E: Env>(
    env: &E,
    snapshot: &Snapshot,
    exchange: &mut Exchange<'_>,
) -> Result<Served<E::Lease>, GatewayError> {
    let plan = route::resolve(snapshot, exchange)?;
    transform::integration_request(plan, exchange)?;
    let answer = integrate::invoke(env, plan, exchange).await?;
    transform::method_response(env, plan, exchange, answer)
}

#[cfg(test)]
mod tests;
