//! What an exchange leaves behind: counters, histograms, a line in the access log.

use ringway_core::cache::CacheStatus;
use ringway_core::error::GatewayError;
use ringway_core::http1::{HeaderId, Version};
use ringway_core::pipeline::{CacheUse, Exchange};
use ringway_core::snapshot::Snapshot;
use ringway_core::snapshot::host_map::without_port;
use ringway_core::telemetry::access_log::LogRecord;
use ringway_core::telemetry::counters::CoreCounters;
use ringway_ring::net::Runtime;

use crate::exchange::ExchangeEnv;

/// Status that is logged when the client left before there was an answer (nginx's).
pub(crate) const CLIENT_CLOSED_REQUEST: u16 = 499;

/// Times of an exchange: nanoseconds of the core's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) started: u64,
    pub(crate) ended: u64,
}

/// Counts and logs an exchange that has ended.
#[inline]
pub(crate) fn finish<R: Runtime>(env: &ExchangeEnv<'_, R>, exchange: &Exchange<'_>, times: Times) {
    let snapshot = &*env.adopted.snapshot;
    let (called, answered) = (env.called.get(), env.answered.get());
    let integration = answered.saturating_sub(called);
    if exchange.response_is_invalid {
        env.core.counters.invalid_responses.add(1);
    }
    if exchange.cache.status != CacheStatus::Off {
        cached(&env.core.counters, &exchange.cache);
    }
    if let Some(error) = exchange.error {
        refused(&env.core.counters, error);
    }
    count(&env.core.counters, snapshot, exchange, times, (called != 0).then_some(integration));
    if env.core.log.borrow().is_on() {
        log(env, snapshot, exchange, times, (called != 0).then_some(integration));
    }
    #[cfg(feature = "planted-slowdown")]
    crate::planted::slow_down();
}

/// Counts what a cache has done.
fn cached(counters: &CoreCounters, cache: &CacheUse<'_>) {
    match cache.status {
        CacheStatus::Off => {}
        CacheStatus::Hit => counters.cache_hits.add(1),
        CacheStatus::Stale => counters.cache_stale.add(1),
        CacheStatus::Miss | CacheStatus::Expired => counters.cache_misses.add(1),
        CacheStatus::Bypass => counters.cache_bypasses.add(1),
    }
    if cache.is_stored {
        counters.cache_stores.add(1);
    }
    if cache.has_waited {
        counters.cache_waits.add(1);
    }
}

/// Counts what limits have refused.
#[cold]
fn refused(counters: &CoreCounters, error: GatewayError) {
    match error {
        GatewayError::InvalidApiKey => counters.invalid_api_keys.add(1),
        GatewayError::Throttled => counters.throttled.add(1),
        GatewayError::QuotaExceeded => counters.quota_exceeded.add(1),
        GatewayError::QuotaUnavailable => counters.quota_unavailable.add(1),
        GatewayError::Shed => counters.shed.add(1),
        _ => {}
    }
}

fn count(
    counters: &CoreCounters,
    snapshot: &Snapshot,
    exchange: &Exchange<'_>,
    times: Times,
    integration: Option<u64>,
) {
    let total = times.ended.saturating_sub(times.started);
    let class = usize::from(exchange.status / 100).clamp(1, 5) - 1;
    let stage = exchange.stage.map(|stage| &*snapshot.stages[stage as usize]);
    match stage.zip(exchange.route) {
        Some((stage, route)) => {
            if let Some(route) = counters.route(stage.routes[route as usize].metric_slot) {
                route.classes[class].add(1);
            }
        }
        None => {
            counters.unrouted.add(1);
            // Slot 0 belongs to no route: its labels say `other`.
            if let Some(other) = counters.route(0) {
                other.classes[class].add(1);
            }
        }
    }
    if let Some(stage) = stage.and_then(|stage| counters.stage(stage.metric_slot)) {
        stage.overhead.record(total.saturating_sub(integration.unwrap_or(0)));
        if let Some(integration) = integration {
            stage.integration.record(integration);
        }
    }
}

fn log<R: Runtime>(
    env: &ExchangeEnv<'_, R>,
    snapshot: &Snapshot,
    exchange: &Exchange<'_>,
    times: Times,
    integration: Option<u64>,
) {
    let stage = exchange.stage.map(|stage| &*snapshot.stages[stage as usize]);
    let route = stage.zip(exchange.route).map(|(stage, route)| &stage.routes[route as usize]);
    let response = exchange.error.map(GatewayError::response);
    let user_agent = exchange.head.headers.iter().find(|header| header.id == HeaderId::UserAgent);
    let clock = env.core.clock.borrow();
    let record = LogRecord {
        request_id: &exchange.request_id,
        extended_request_id: &exchange.extended_request_id,
        source_ip: exchange.source_ip,
        user_agent: user_agent.map(|header| header.value.of(exchange.bytes)),
        request_time: clock.clf(),
        request_time_epoch: exchange.unix_millis,
        http_method: exchange.head.method_name.of(exchange.bytes),
        resource_path: route.map(|route| &*route.resource_path),
        resource_id: route.map(|route| &*route.resource_id),
        path: exchange.path(),
        protocol: match exchange.head.version {
            Version::Http10 => "HTTP/1.0",
            Version::Http11 => "HTTP/1.1",
        },
        status: exchange.status,
        response_length: exchange.body_bytes,
        response_latency: times.ended.saturating_sub(times.started) / 1_000_000,
        integration_latency: integration.map(|nanos| nanos / 1_000_000),
        integration_status: (exchange.error.is_none() && integration.is_some())
            .then_some(exchange.answer.status),
        integration_error: exchange.error.map(GatewayError::integration_error),
        api_id: stage.map(|stage| &*stage.api_id),
        stage: stage.map(|stage| &*stage.stage_name),
        deployment_id: stage.map(|stage| &*stage.deployment_id),
        domain_name: without_port(exchange.host()),
        account_id: &snapshot.account_id,
        api_key: exchange.api_key,
        cache_status: exchange.cache.status.as_str(),
        error_message: response.map(|_| exchange.error_message()),
        validation_error: exchange.error_detail.as_ref().map(|detail| &*detail.validation_error_string),
        is_canary: stage.is_some_and(|stage| stage.is_canary),
        error_response_type: response.map(|response| response.response_type),
    };
    let format = stage.map_or(&snapshot.default_log_format, |stage| &stage.log_format);
    env.core.log.borrow_mut().line(format, &record, &env.core.counters.log_dropped);
}
