//! API key, usage plan, throttles and quota: whether a request may go on (tables.md §4.4, §9.6).
//!
//! The levels are those of AWS, in its order: the plan's for a key and method, the plan's for a key, the method settings' for a method,
//! the account's. A request that one of them refuses spends nothing at another. The quota comes last: a request that is throttled is
//! not counted.

use super::{Env, Exchange, Route};
use crate::calendar::SECONDS_OF_DAY;
use crate::error::GatewayError;
use crate::http1::{HeaderId, RequestHead};
use crate::limit::quota::{QuotaRequest, Taken, first_day};
use crate::limit::{CoreLimits, Level, Place};
use crate::limits::{API_KEY_BYTES_MAX, QUOTA_WAIT_NANOS_MAX};
use crate::model::{DEFAULT_PRIORITY, QuotaSettings};
use crate::snapshot::{ApiKeyPlan, ClientRef, PlanStage, RouteLimits, Snapshot, UsagePlanTable};

/// Throttles of one request.
const LEVELS: usize = 4;

/// Who calls: a key in the plan that opens the stage to it.
#[derive(Clone, Copy)]
struct Caller<'a> {
    plan: &'a UsagePlanTable,
    stage: &'a PlanStage,
    client: ClientRef<'a>,
}

/// What a request holds while it is under way.
#[derive(Debug, Default)]
pub struct Held<'a> {
    _route: Option<Place<'a>>,
    _client: Option<Place<'a>>,
}

/// What an answer may tell of the limits that a request has met.
#[derive(Debug, Default, Clone, Copy)]
pub struct RateLimits {
    /// Requests a second and in a burst that the narrowest throttle of the caller allows, and what it has left.
    pub throttle: Option<RateLimit>,
    /// Requests of the period, and what is known to be left.
    pub quota: Option<RateLimit>,
    /// Seconds after which a refused request may be tried again.
    pub retry_after: Option<u64>,
}

/// One limit.
#[derive(Debug, Clone, Copy)]
pub struct RateLimit {
    /// Requests that it allows in `window`.
    pub limit: u64,
    /// Seconds.
    pub window: u64,
    /// Requests that are left.
    pub remaining: u64,
    /// Seconds until there are more.
    pub reset: u64,
}

/// Lets a request pass, or says which limit it has met.
#[inline]
pub(super) async fn admit<'a, E: Env>(
    env: &E,
    snapshot: &'a Snapshot,
    route: &Route<'a>,
    exchange: &mut Exchange<'a>,
) -> Result<(), GatewayError> {
    let limits = route.plan.limits.as_deref();
    let pressure = env.pressure(exchange);
    if limits.is_none() && snapshot.account_throttle.is_none() {
        return shed(pressure, None);
    }
    let Some(core) = env.limits() else { return Ok(()) };
    let caller = match limits {
        Some(RouteLimits { api_key_required: true, .. }) => Some(caller(snapshot, exchange)?),
        _ => None,
    };
    // Before it costs anybody anything.
    shed(pressure, caller)?;
    let levels = levels(snapshot, limits, caller, exchange.route.unwrap_or_default());
    let held = enter(limits, caller)?;
    let quota = caller.and_then(|caller| caller.plan.quota.map(|settings| (caller, settings)));
    let mut spent = spend(core, quota, &levels, exchange.now, exchange.unix_millis);
    if let Spent::Refused(GatewayError::Throttled) = spent {
        // A core looks at its clock once a turn: tokens may have come since.
        exchange.now = env.clock();
        spent = spend(core, quota, &levels, exchange.now, exchange.unix_millis);
    }
    let outcome = match (spent, quota) {
        (Spent::Refused(error), _) => Err(error),
        (Spent::Admitted { ask: Some(period) }, Some(quota)) => {
            request_more(env, quota, period);
            Ok(())
        }
        // Boxed: only a key that nobody has used for long waits.
        (Spent::Wait { ask, period }, Some(quota)) => {
            Box::pin(wait(env, core, quota, ask.then_some(period), &levels, exchange)).await
        }
        (Spent::Admitted { .. } | Spent::Wait { .. }, _) => Ok(()),
    };
    if snapshot.rate_limit_headers {
        tell(core, caller, &levels, outcome, exchange);
    }
    outcome?;
    exchange.held = held;
    Ok(())
}

/// Refuses who goes last, where not all can be served in time.
#[inline]
fn shed(pressure: u8, caller: Option<Caller<'_>>) -> Result<(), GatewayError> {
    let priority = caller.map_or(DEFAULT_PRIORITY, |caller| caller.plan.priority);
    if pressure > priority { Err(GatewayError::Shed) } else { Ok(()) }
}

/// Where the key of a request is looked for, if it names one: of many keys it is not in any cache, and can be fetched while the request is
/// looked at.
#[inline]
pub fn api_key_place<'a>(
    snapshot: &'a Snapshot,
    head: &RequestHead,
    bytes: &[u8],
) -> Option<&'a Option<ApiKeyPlan>> {
    let keys = &snapshot.usage.keys;
    if keys.is_empty() { None } else { keys.place(api_key(head, bytes)?) }
}

/// What the request names as its key: the last that it names.
#[inline]
fn api_key<'a>(head: &RequestHead, bytes: &'a [u8]) -> Option<&'a [u8]> {
    let header = head.headers.iter().rev().find(|header| header.id == HeaderId::XApiKey)?;
    let value = header.value.of(bytes);
    (!value.is_empty() && value.len() <= API_KEY_BYTES_MAX).then_some(value)
}

/// The key of the request, if it is one that opens the stage.
#[inline]
fn caller<'a>(snapshot: &'a Snapshot, exchange: &mut Exchange<'a>) -> Result<Caller<'a>, GatewayError> {
    let value = api_key(exchange.head, exchange.bytes).ok_or(GatewayError::InvalidApiKey)?;
    let key = snapshot.usage.keys.find(value).filter(|key| key.enabled);
    let key = key.ok_or(GatewayError::InvalidApiKey)?;
    let index = exchange.stage.unwrap_or_default();
    let found = key.plans().find_map(|client| {
        let plan = snapshot.usage.plans.get(client.plan as usize)?.as_ref()?;
        let stage = plan.stages.iter().find(|stage| stage.stage == index)?;
        Some(Caller { plan, stage, client })
    });
    let caller = found.ok_or(GatewayError::InvalidApiKey)?;
    exchange.api_key = Some(key);
    Ok(caller)
}

#[inline]
fn levels<'a>(
    snapshot: &'a Snapshot,
    limits: Option<&'a RouteLimits>,
    caller: Option<Caller<'a>>,
    route: u32,
) -> [Option<Level<'a>>; LEVELS] {
    let of_method = caller.and_then(|caller| {
        let method = caller.stage.methods.iter().find(|method| method.route == route)?;
        Some(Level { bucket: caller.client.method(method.bucket)?, rate: &method.rate })
    });
    let of_client = caller.and_then(|Caller { plan, client, .. }| {
        Some(Level { bucket: &client.client.throttle, rate: plan.throttle.as_ref()? })
    });
    let of_route = limits.and_then(|limits| limits.throttle.as_ref());
    let shared =
        |throttle: &'a crate::snapshot::Throttle| Level { bucket: &throttle.bucket, rate: &throttle.rate };
    [of_method, of_client, of_route.map(shared), snapshot.account_throttle.as_ref().map(shared)]
}

/// The places that the route and the key have for requests that are under way (ours, not AWS's).
#[inline]
fn enter<'a>(limits: Option<&'a RouteLimits>, caller: Option<Caller<'a>>) -> Result<Held<'a>, GatewayError> {
    let mut held = Held::default();
    if let Some((limit, under_way)) = limits.and_then(|limits| limits.concurrency.as_ref()) {
        held._route = Some(under_way.enter(*limit).ok_or(GatewayError::Throttled)?);
    }
    if let Some((caller, limit)) = caller.and_then(|caller| Some((caller, caller.plan.concurrency_limit?))) {
        held._client = Some(caller.client.client.under_way.enter(limit).ok_or(GatewayError::Throttled)?);
    }
    Ok(held)
}

/// What came of one attempt.
enum Spent {
    Admitted {
        /// The period for which more of the quota is to be asked for.
        ask: Option<u32>,
    },
    Refused(GatewayError),
    Wait {
        ask: bool,
        period: u32,
    },
}

/// Takes one of the quota and a token at every level, or nothing.
#[inline]
fn spend(
    core: &CoreLimits,
    quota: Option<(Caller<'_>, QuotaSettings)>,
    levels: &[Option<Level<'_>>; LEVELS],
    now: u64,
    unix_millis: u64,
) -> Spent {
    let Some((caller, settings)) = quota else {
        let admitted = core.leases.admit(levels, now);
        return admitted.map_or(Spent::Refused(GatewayError::Throttled), |()| Spent::Admitted { ask: None });
    };
    if core.leases.look(levels, now).is_err() {
        return Spent::Refused(GatewayError::Throttled);
    }
    let quota = &caller.client.client.quota;
    let period = core.periods(unix_millis / 1000).of(settings.period);
    match quota.take(period, settings.limit) {
        Taken::Request { more } => match core.leases.admit(levels, now) {
            Ok(()) => Spent::Admitted { ask: more.then_some(period) },
            Err(_) => {
                quota.give_back(period);
                Spent::Refused(GatewayError::Throttled)
            }
        },
        Taken::Exhausted => Spent::Refused(GatewayError::QuotaExceeded),
        Taken::Wait { ask } => Spent::Wait { ask, period },
        Taken::Unavailable => Spent::Refused(GatewayError::QuotaUnavailable),
    }
}

/// Asks for more of a quota. Nobody to ask, or too many who do: it is refused, and the next request asks again.
#[cold]
fn request_more<E: Env>(env: &E, (caller, settings): (Caller<'_>, QuotaSettings), period: u32) {
    let client = caller.client.client.clone();
    if !env.ask_for_quota(QuotaRequest { client, period, settings }) {
        caller.client.client.quota.refuse();
    }
}

/// Waits until something of the quota is granted, for a bounded time.
async fn wait<E: Env>(
    env: &E,
    core: &CoreLimits,
    quota: (Caller<'_>, QuotaSettings),
    mut ask: Option<u32>,
    levels: &[Option<Level<'_>>; LEVELS],
    exchange: &mut Exchange<'_>,
) -> Result<(), GatewayError> {
    let began = exchange.now;
    let mut has_asked = false;
    loop {
        if let Some(period) = ask {
            has_asked = true;
            request_more(env, quota, period);
        }
        exchange.now = env.pause().await;
        let waited = exchange.now.saturating_sub(began);
        let unix_millis = exchange.unix_millis + waited / 1_000_000;
        match spend(core, Some(quota), levels, exchange.now, unix_millis) {
            Spent::Admitted { ask } => {
                if let Some(period) = ask {
                    request_more(env, quota, period);
                }
                return Ok(());
            }
            Spent::Refused(error) => return Err(error),
            Spent::Wait { .. } if waited > QUOTA_WAIT_NANOS_MAX => {
                return Err(GatewayError::QuotaUnavailable);
            }
            // It has been told that it cannot be: whoever comes next tries again.
            Spent::Wait { ask: true, .. } if has_asked && quota.0.client.client.quota.is_unavailable() => {
                quota.0.client.client.quota.refuse();
                return Err(GatewayError::QuotaUnavailable);
            }
            Spent::Wait { ask: wanted, period } => ask = wanted.then_some(period),
        }
    }
}

/// Notes what the answer tells of limits.
#[cold]
fn tell(
    core: &CoreLimits,
    caller: Option<Caller<'_>>,
    levels: &[Option<Level<'_>>; LEVELS],
    outcome: Result<(), GatewayError>,
    exchange: &mut Exchange<'_>,
) {
    let now = exchange.now;
    let seconds = |nanos: u64| nanos.div_ceil(1_000_000_000);
    // Who calls without a key has no limit of its own.
    let own = &levels[..if caller.is_some() { 3 } else { 0 }];
    let narrowest = own.iter().flatten().min_by_key(|level| core.leases.available(level, now));
    let throttle = narrowest.map(|level| RateLimit {
        limit: u64::from(level.rate.burst()),
        window: seconds(level.rate.nanos_until_full()),
        remaining: u64::from(core.leases.available(level, now)),
        reset: seconds(level.bucket.nanos_until_token(level.rate, now)),
    });
    let quota = caller.and_then(|caller| {
        let settings = caller.plan.quota?;
        let unix_seconds = exchange.unix_millis / 1000;
        let period = core.periods(unix_seconds).of(settings.period);
        let begin = |period| first_day(settings.period, period) * SECONDS_OF_DAY;
        let end = begin(period + 1);
        Some(RateLimit {
            limit: settings.limit,
            window: (end - begin(period)) as u64,
            remaining: caller.client.client.quota.remaining(),
            reset: (end as u64).saturating_sub(unix_seconds),
        })
    });
    let retry_after = match outcome {
        Err(GatewayError::Throttled) => {
            let waits = levels.iter().flatten().map(|level| level.bucket.nanos_until_token(level.rate, now));
            Some(waits.max().map_or(1, |nanos| seconds(nanos).max(1)))
        }
        Err(GatewayError::QuotaExceeded) => quota.map(|quota| quota.reset),
        _ => None,
    };
    exchange.rate_limits = Some(Box::new(RateLimits { throttle, quota, retry_after }));
}
