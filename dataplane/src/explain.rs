//! Live requests that an operator wants explained: served as all others are, with an execution log beside them.

use std::rc::Rc;

use ringway_core::pipeline::{self, Exchange, Served};
use ringway_core::telemetry::execution_log::ExecutionLog;
use ringway_core::telemetry::explanations::Claim;
use ringway_ring::net::Runtime;

use crate::exchange::ExchangeEnv;
use crate::relay::{Relayed, relay};

/// A place for the log of this request, if it is one that is to be explained. One load and a branch where none is.
#[inline]
pub(crate) fn claim<R: Runtime>(env: &ExchangeEnv<'_, R>, exchange: &mut Exchange<'_>) -> Option<Claim> {
    if env.core.explanations.is_armed() { claim_of_stage(env, exchange) } else { None }
}

#[cold]
fn claim_of_stage<R: Runtime>(env: &ExchangeEnv<'_, R>, exchange: &mut Exchange<'_>) -> Option<Claim> {
    let now = exchange.unix_millis;
    let (stage, path) = pipeline::stage_of(&env.adopted.snapshot, exchange)?;
    env.core.explanations.claim(&stage.api_id, &stage.stage_name, path, now)
}

/// Serves and relays as usual, and hands the log in. Allocates: this is for the requests that are explained, and no other.
pub(crate) async fn serve<'a, R: Runtime>(
    env: &ExchangeEnv<'a, R>,
    exchange: &mut Exchange<'a>,
    claim: Claim,
) -> Relayed {
    let snapshot = &env.adopted.snapshot;
    let log = Rc::new(pipeline::begin_log(snapshot, exchange, &[]));
    if let Some(body) = env.body.borrow_mut().as_mut() {
        body.log = Some(log.clone());
    }
    *env.log.borrow_mut() = Some(log.clone());
    let relayed = match pipeline::serve_explained(env, snapshot, exchange, &log).await {
        Served::Complete => Relayed::Encoded,
        Served::Kept(entry) => Relayed::Kept(entry),
        Served::Streaming(answer) => relay(env, exchange, answer).await,
    };
    note_ending(env, &relayed, &log);
    claim.fill(log.text());
    relayed
}

/// What went wrong after the answer had begun.
fn note_ending<R: Runtime>(env: &ExchangeEnv<'_, R>, relayed: &Relayed, log: &ExecutionLog) {
    if env.client_left.get() {
        log.failure("the client closed the connection before it had its answer");
    } else if matches!(relayed, Relayed::Cut) {
        log.failure("the answer broke off after its head had been sent to the client");
    }
}
