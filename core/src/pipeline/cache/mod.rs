//! Answers that are kept, and those that are given from what is kept (tables.md §9.5).
//!
//! What may be stored is decided by the stage, not by `Cache-Control`, `Set-Cookie` or `Vary` of the answer: as AWS does it.

mod keep;
mod key;

use std::ops::Deref;
use std::sync::Arc;

use super::transform::encode_trace_id;
use super::{Env, Exchange, ResponseFraming, Route, Served, integrate, respond};
use crate::cache::{CacheStatus, Entry, Found, Outcome, Turn, Wait, Waited};
use crate::error::GatewayError;
use crate::http1::{BodyLength, HeaderId, Method, encode};
use crate::limits::{CACHE_KEY_BYTES_MAX, CACHED_BYTES_MAX};
use crate::model::UnauthorizedCacheControl;
use crate::snapshot::{CachePlan, IntegrationPlan, Snapshot};
use keep::{Keep, keep};
use key::{cached_verb, encode_key, wants_new};

/// What AWS adds to a cached answer whose client wanted another; its own text is not known (tables.md §9.5).
const WARNING: &[u8] = b"199 - \"Cache-Control: max-age=0 is not authorized\"";
/// After how many nanoseconds somebody else may ask anew where the one who did has failed.
const REFRESH_AGAIN_NANOS: u64 = 1_000_000_000;
/// Bytes of a body from which on it is sent from the cache itself: less are copied in a shorter time than they are counted.
const SHARED_BODY_BYTES: usize = 4096;
/// What the cache has had to do with a request.
#[derive(Debug, Default)]
pub struct CacheUse<'a> {
    /// What it did.
    pub status: CacheStatus,
    /// Whether the answer was kept.
    pub is_stored: bool,
    /// Whether another request asked for the answer, and this one waited for it.
    pub has_waited: bool,
    /// Whether what answered is too old, and this request is the one after which it is to be asked for anew.
    pub is_to_refresh: bool,
    /// Whether nobody waits for the answer but the cache.
    is_refresh: bool,
    keep: Option<Box<Keep<'a>>>,
}

/// What came of looking.
pub(super) enum Looked<L> {
    /// It holds the answer.
    Served(Served<L>),
    /// The integration has to be asked, and what it says may be kept.
    Ask,
    /// Another request asks already.
    Wait(Wait),
}

/// Answers from the cache, where it holds the answer.
#[inline]
pub(super) fn lookup<'a, E: Env>(
    env: &E,
    route: &Route<'a>,
    plan: &'a CachePlan,
    exchange: &mut Exchange<'a>,
) -> Result<Looked<E::Lease>, GatewayError> {
    let Some(verb) = cached_verb(plan, exchange).filter(|_| env.caches().is_some()) else {
        return Ok(Looked::Ask);
    };
    let wants_new = wants_new(exchange);
    let may_want = !plan.requires_authorization;
    if wants_new && !may_want && plan.unauthorized == UnauthorizedCacheControl::FailWith403 {
        return Err(GatewayError::Forbidden);
    }
    // The buffer of the integration request: nothing is in it yet.
    let mut key = std::mem::take(&mut exchange.integration_request);
    encode_key(route, plan, verb, exchange, &mut key);
    let looked = match key.len() <= CACHE_KEY_BYTES_MAX {
        true => answer(env, route, plan, wants_new.then_some(may_want), &key, exchange),
        false => Looked::Ask,
    };
    key.clear();
    exchange.integration_request = key;
    Ok(looked)
}

/// Answers with the entry for a key, or notes what is to be kept under it. `wants_new`: whether a client that wants a new one may.
fn answer<'a, E: Env>(
    env: &E,
    route: &Route<'a>,
    plan: &'a CachePlan,
    wants_new: Option<bool>,
    key: &[u8],
    exchange: &mut Exchange<'a>,
) -> Looked<E::Lease> {
    let hash = plan.cache.hash(key);
    let found = plan.cache.find(hash, key);
    let now = exchange.now;
    let status = match &found {
        _ if wants_new == Some(true) => CacheStatus::Bypass,
        Some(entry) if entry.is_fresh(now) => CacheStatus::Hit,
        Some(entry) if entry.serves_while_revalidate(now) && !exchange.cache.is_refresh => CacheStatus::Stale,
        Some(_) => CacheStatus::Expired,
        None => CacheStatus::Miss,
    };
    exchange.cache.status = status;
    let stale = match (status, found) {
        (CacheStatus::Hit | CacheStatus::Stale, Some(entry)) => {
            if status == CacheStatus::Stale {
                // A request with a body would have to be sent again with it.
                let can_ask = exchange.head.body == BodyLength::None && exchange.head.method != Method::Head;
                exchange.cache.is_to_refresh = can_ask && entry.claim(now, now + refresh_nanos(route));
            }
            let warns = wants_new.is_some()
                && plan.unauthorized == UnauthorizedCacheControl::SucceedWithResponseHeader;
            return Looked::Served(encode_hit(env, plan, Kept::Found(entry), warns, exchange));
        }
        (CacheStatus::Expired, Some(entry)) if entry.serves_if_error(now) => Some(entry.keep()),
        _ => None,
    };
    // To HEAD an answer has no body that could be kept.
    if exchange.head.method == Method::Head {
        return Looked::Ask;
    }
    let ticket = match status {
        CacheStatus::Bypass => plan.cache.renewing_ticket(hash, now),
        _ => plan.cache.ticket(hash, now),
    };
    let mut keep = Keep {
        plan,
        hash,
        ticket,
        key: key.into(),
        lines: Vec::new(),
        age: 0,
        tags: Vec::new(),
        body: Vec::new(),
        stale,
        lead: None,
    };
    let may_wait = plan.collapse && status != CacheStatus::Bypass && !exchange.body_pending;
    let turn = env.caches().filter(|_| may_wait).map(|flights| flights.begin(keep.address(), hash));
    let looked = match turn {
        None => Looked::Ask,
        Some(Turn::Lead(lead)) => {
            keep.lead = Some(lead);
            Looked::Ask
        }
        Some(Turn::Wait(wait)) => Looked::Wait(wait),
    };
    exchange.cache.keep = Some(Box::new(keep));
    looked
}

/// Asks the integration, or waits for the one who does.
pub(super) async fn ask<'a, E: Env>(
    env: &E,
    route: &Route<'a>,
    looked: Looked<E::Lease>,
    exchange: &mut Exchange<'a>,
) -> Result<Served<E::Lease>, GatewayError> {
    match looked {
        Looked::Served(served) => return Ok(served),
        Looked::Ask => {}
        Looked::Wait(other) => {
            if let Some(served) = wait(env, route, other, exchange).await? {
                return Ok(served);
            }
        }
    }
    let invoked = integrate::invoke(env, route, exchange).await;
    settle(env, route, exchange, invoked)
}

/// Waits for the answer that another request asks for. `None`: this one has to ask.
async fn wait<'a, E: Env>(
    env: &E,
    route: &Route<'a>,
    mut wait: Wait,
    exchange: &mut Exchange<'a>,
) -> Result<Option<Served<E::Lease>>, GatewayError> {
    let until = exchange.now + refresh_nanos(route);
    exchange.cache.has_waited = true;
    loop {
        let waited = match env.wait(wait, until).await {
            Ok((waited, now)) => {
                exchange.now = now;
                waited
            }
            Err(error) => return stale_or(env, exchange, error).map(Some),
        };
        let Some(keep) = &mut exchange.cache.keep else { return Ok(None) };
        let (plan, hash, now) = (keep.plan, keep.hash, exchange.now);
        // The one who has failed may not have been the only one who asked: other cores do too.
        let found = match waited {
            Waited::Pass => None,
            Waited::Look | Waited::Lead(_) => {
                plan.cache.find(hash, &keep.key).filter(|entry| entry.is_fresh(now))
            }
        };
        keep.ticket = plan.cache.ticket(hash, now);
        if let Some(entry) = found {
            if let Waited::Lead(lead) = waited {
                lead.finish(Outcome::Kept);
            }
            exchange.cache.keep = None;
            exchange.cache.status = CacheStatus::Hit;
            return Ok(Some(encode_hit(env, plan, Kept::Found(entry), false, exchange)));
        }
        match waited {
            Waited::Pass => return Ok(None),
            Waited::Lead(lead) => {
                keep.lead = Some(lead);
                return Ok(None);
            }
            Waited::Look => match env.caches().map(|flights| flights.begin(keep.address(), hash)) {
                None => return Ok(None),
                Some(Turn::Lead(lead)) => {
                    keep.lead = Some(lead);
                    return Ok(None);
                }
                Some(Turn::Wait(next)) => wait = next,
            },
        }
    }
}

/// How long the integration may take, in nanoseconds.
fn refresh_nanos(route: &Route<'_>) -> u64 {
    match &route.plan.integration {
        IntegrationPlan::HttpProxy(call) => call.timeout_nanos,
        IntegrationPlan::Http(plan) => plan.call.timeout_nanos,
        IntegrationPlan::Mock(_) => 1_000_000_000,
    }
}

/// Whether an answer of an HTTP_PROXY integration is read as a whole before anybody gets it: others wait for it, who should not depend on
/// how fast this client reads; or nobody but the cache wants it.
#[inline]
pub(super) fn is_awaited(exchange: &Exchange<'_>) -> bool {
    let is_led = exchange.cache.keep.as_ref().is_some_and(|keep| keep.lead.is_some());
    match exchange.answer.body {
        BodyLength::Length(length) => {
            length <= CACHED_BYTES_MAX as u64 && (is_led || exchange.cache.is_refresh)
        }
        _ => exchange.cache.is_refresh,
    }
}

/// What the integration has said, or what was kept where it has failed.
fn settle<E: Env>(
    env: &E,
    route: &Route<'_>,
    exchange: &mut Exchange<'_>,
    invoked: Result<Served<E::Lease>, GatewayError>,
) -> Result<Served<E::Lease>, GatewayError> {
    match invoked {
        Ok(served) => {
            let has_failed = exchange.status >= 500;
            if has_failed && exchange.cache.keep.as_ref().is_some_and(|keep| keep.stale.is_some()) {
                // Its connection goes with what is left of its answer.
                let failed = std::mem::take(&mut exchange.out);
                drop((failed, served));
                return stale_or(env, exchange, GatewayError::BadIntegrationResponse);
            }
            keep(route, exchange, &served);
            Ok(served)
        }
        Err(error) => stale_or(env, exchange, error),
    }
}

/// The answer that is too old and may be given where the integration fails (RFC 5861 §4), or the error.
fn stale_or<E: Env>(
    env: &E,
    exchange: &mut Exchange<'_>,
    error: GatewayError,
) -> Result<Served<E::Lease>, GatewayError> {
    // Who waits for this one asks next.
    let keep = exchange.cache.keep.take();
    let of_integration = matches!(
        error,
        GatewayError::IntegrationFailure(_)
            | GatewayError::IntegrationTimeout
            | GatewayError::BadIntegrationResponse
            | GatewayError::Overloaded
    );
    let stale = keep.and_then(|keep| Some((keep.plan, keep.stale?))).filter(|_| of_integration);
    let Some((plan, entry)) = stale else { return Err(error) };
    exchange.cache.status = CacheStatus::Stale;
    Ok(encode_hit(env, plan, Kept::Held(entry), false, exchange))
}

/// Asks for an answer anew that nobody waits for but the cache; the exchange is that of a request which was answered with what is too old.
/// Returns whether there is a new one.
pub async fn refresh<'a, E: Env>(env: &E, snapshot: &'a Snapshot, exchange: &mut Exchange<'a>) -> bool {
    exchange.cache.is_refresh = true;
    let Ok(route) = super::route::resolve(snapshot, exchange) else { return false };
    let Some(plan) = route.plan.cache.as_deref() else { return false };
    if !matches!(lookup(env, &route, plan, exchange), Ok(Looked::Ask | Looked::Wait(_))) {
        return false;
    }
    let invoked = match super::gather::is_needed(&route, exchange) {
        true => super::gather::request(env, &route, exchange).await,
        false => Ok(()),
    };
    let (hash, key) = match &exchange.cache.keep {
        Some(keep) => (keep.hash, keep.key.clone()),
        None => return false,
    };
    let invoked = match invoked {
        Ok(()) => integrate::invoke(env, &route, exchange).await,
        Err(error) => Err(error),
    };
    if let Ok(served @ Served::Complete) = &invoked {
        keep(&route, exchange, served);
    }
    exchange.cache.keep = None;
    if !exchange.cache.is_stored
        && let Some(entry) = plan.cache.find(hash, &key)
    {
        // Not at once: who has just failed may fail again.
        entry.release(exchange.now + REFRESH_AGAIN_NANOS);
    }
    exchange.cache.is_stored
}

/// An entry that answers.
enum Kept {
    Found(Found),
    Held(Arc<Entry>),
}

impl Deref for Kept {
    type Target = Entry;

    fn deref(&self) -> &Entry {
        match self {
            Kept::Found(entry) => entry,
            Kept::Held(entry) => entry,
        }
    }
}

/// Writes the answer of an entry. What is large stays where it is.
fn encode_hit<E: Env>(
    env: &E,
    plan: &CachePlan,
    entry: Kept,
    warns: bool,
    exchange: &mut Exchange<'_>,
) -> Served<E::Lease> {
    exchange.status = entry.status();
    exchange.close |= exchange.body_pending;
    let mut out = env.buffer();
    encode::status_line(exchange.status, &mut out);
    env.date_line(&mut out);
    respond::request_ids(exchange, &mut out);
    if plan.has_trace {
        let trace = exchange.head.headers.iter().find(|header| header.id == HeaderId::XAmznTraceId);
        encode_trace_id(exchange, trace.map(|trace| trace.value.of(exchange.bytes)), &mut out);
    }
    out.extend_from_slice(entry.lines());
    encode::header(b"Age", itoa::Buffer::new().format(entry.age(exchange.now)).as_bytes(), &mut out);
    if warns {
        encode::header(b"Warning", WARNING, &mut out);
    }
    if entry.body().len() < SHARED_BODY_BYTES || exchange.head.method == Method::Head {
        respond::complete(exchange, entry.body(), out);
        return Served::Complete;
    }
    encode::content_length(entry.body().len() as u64, &mut out);
    respond::end_of_head(exchange, &mut out);
    exchange.body_bytes = entry.body().len() as u64;
    exchange.framing = ResponseFraming::Complete;
    exchange.out = out;
    Served::Kept(match entry {
        Kept::Found(entry) => entry.keep(),
        Kept::Held(entry) => entry,
    })
}
