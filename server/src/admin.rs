//! The admin server: health, metrics, reload, explanations of live requests. It lives on the control thread and touches no core.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Json, Response};
use axum::routing::{get, post};
use ringway_controlplane::export::{ExportOptions, Extensions, export};
use ringway_core::snapshot::publish::Publisher;
use ringway_core::telemetry::counters::CoreCounters;
use ringway_core::telemetry::explanations::Explanations;
use ringway_ring::native::RingCounters;
use serde_json::json;
use tokio::net::TcpListener;

use crate::bounded::Bounded;
use crate::cache;
use crate::explain;
use crate::host::ProcessFigures;
use crate::metrics::{self, Scrape};
use crate::reload::{ReloadHandle, Status};
use crate::usage::{self, UsageHandle};
use crate::web_page;

/// Connections at a time; others wait in the backlog.
const CONNECTIONS_MAX: usize = 64;
/// Longest request body. No path of today reads one.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// How long `POST /reload` waits for the outcome.
const RELOAD_WAIT: Duration = Duration::from_secs(30);

/// What the admin server shows and starts.
pub(crate) struct Admin {
    /// One per core.
    pub(crate) cores: Vec<Arc<CoreCounters>>,
    pub(crate) rings: Vec<Arc<RingCounters>>,
    /// Which live requests are explained, and how.
    pub(crate) explanations: Arc<Explanations>,
    /// Whether the process is on its way out.
    pub(crate) draining: AtomicBool,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) status: Arc<ArcSwap<Status>>,
    pub(crate) reload: ReloadHandle,
    pub(crate) log_write_errors: Arc<AtomicU64>,
    /// `native`, `monoio` or `epoll`.
    pub(crate) driver: &'static str,
    /// What keys have used.
    pub(crate) usage: UsageHandle,
    /// Whether requests have to name a loopback host, see [`guard`].
    pub(crate) loopback_only: bool,
}

/// Serves for as long as the process lives. Called once every core listens: until then connections wait in the backlog, and
/// so to be answered by `/readyz` at all means to be ready, or to be draining.
pub(crate) async fn serve(listener: TcpListener, admin: Arc<Admin>) {
    let bounded = Bounded::new(listener, CONNECTIONS_MAX);
    // Accept errors are retried inside; there is no other way for it to end.
    let _ = axum::serve(bounded, router(admin)).await;
}

fn router(admin: Arc<Admin>) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(scrape))
        .route("/reload", post(reload))
        .route("/apis", get(apis))
        .route("/apis/{api}/cache/flush", post(cache::flush_api))
        .route("/apis/{api}/cache/purge", post(cache::purge_api))
        .route("/apis/{api}/stages/{stage}", get(stage))
        .route("/apis/{api}/stages/{stage}/cache/flush", post(cache::flush_stage))
        .route("/apis/{api}/stages/{stage}/cache/purge", post(cache::purge_stage))
        .route("/apis/{api}/stages/{stage}/explain", get(explain::collected).post(explain::arm))
        .route("/usage", get(usage::usage))
        .route("/usage/remaining", post(usage::remaining))
        .layer(middleware::from_fn_with_state(admin.clone(), guard))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(admin)
}

/// Refuses what a web page in the operator's browser could send.
async fn guard(State(admin): State<Arc<Admin>>, request: Request, next: Next) -> Response {
    match web_page::refused(request.method(), request.headers(), admin.loopback_only) {
        Some(help) => (StatusCode::FORBIDDEN, help).into_response(),
        None => next.run(request).await,
    }
}

async fn index(State(admin): State<Arc<Admin>>) -> Html<String> {
    let status = admin.status.load();
    let (version, generation) = (env!("CARGO_PKG_VERSION"), admin.publisher.generation());
    let last = match &status.last {
        Ok(published) => format!("{} APIs, {} routes", published.apis, published.routes),
        Err(refused) => format!(
            "the last reload was <strong>refused</strong> with {} issue(s); see <a href=\"/readyz\">/readyz</a>",
            refused.issues.len()
        ),
    };
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Ringway</title>\
         <style>body{{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}}</style>\
         <h1>Ringway {version}</h1><p>Generation {generation}: {last}. {} core(s) on {}.</p><ul>\
         <li><a href=\"/healthz\">/healthz</a> the process lives\
         <li><a href=\"/readyz\">/readyz</a> it takes requests; the last reload\
         <li><a href=\"/metrics\">/metrics</a> Prometheus text\
         <li><a href=\"/apis\">/apis</a> what is served; /apis/ID/stages/NAME as an OpenAPI document\
         <li><code>/usage?usagePlanId=ID</code> what keys have used of the quota of a plan\
         <li><code>curl -X POST http://HOST:PORT/reload</code> loads the API files again\
         <li><code>curl -X POST http://HOST:PORT/apis/ID/stages/NAME/explain</code> explains the next request; GET shows its log\
         <li><code>curl -X POST http://HOST:PORT/apis/ID/stages/NAME/cache/flush</code> empties its cache</ul>\n",
        admin.cores.len(),
        admin.driver,
    ))
}

async fn readyz(State(admin): State<Arc<Admin>>) -> Response {
    let draining = admin.draining.load(Relaxed);
    let status = admin.status.load();
    let issues = status.last.as_ref().err().map(|refused| &refused.issues);
    let body = json!({
        "ready": !draining,
        "draining": draining,
        "generation": admin.publisher.generation(),
        "cores": admin.cores.len(),
        "lastReload": {
            "successful": status.last.is_ok(),
            "unixSeconds": status.last_seconds,
            "issues": issues.map_or_else(Vec::new, Clone::clone),
        },
    });
    let code = if draining { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (code, Json(body)).into_response()
}

async fn scrape(State(admin): State<Arc<Admin>>) -> Response {
    let status = admin.status.load_full();
    let page = metrics::render(&Scrape {
        cores: &admin.cores,
        rings: &admin.rings,
        routes: &status.routes,
        stages: &status.stages,
        plans: &admin.publisher.current().1.stages,
        generation: admin.publisher.generation(),
        last_reload_successful: status.last.is_ok(),
        last_reload_success_seconds: status.success_seconds,
        reloads: status.attempts,
        log_write_errors: admin.log_write_errors.load(Relaxed),
        usage_store: admin.usage.counters(),
        driver: admin.driver,
        process: ProcessFigures::read(),
    });
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], page).into_response()
}

async fn reload(State(admin): State<Arc<Admin>>) -> Response {
    let message =
        |code: StatusCode, message: &str| (code, Json(json!({ "message": message }))).into_response();
    match tokio::time::timeout(RELOAD_WAIT, admin.reload.reload()).await {
        Ok(Some(Ok(published))) => Json(published).into_response(),
        Ok(Some(Err(refused))) => (StatusCode::UNPROCESSABLE_ENTITY, Json(refused)).into_response(),
        Ok(None) => message(StatusCode::SERVICE_UNAVAILABLE, "too many reloads are waiting: try again"),
        Err(_) => {
            message(StatusCode::GATEWAY_TIMEOUT, "the reload takes long: GET /readyz tells its outcome")
        }
    }
}

/// The APIs with their stages.
async fn apis(State(admin): State<Arc<Admin>>) -> Response {
    let status = admin.status.load();
    let apis = status.apis.iter().map(|api| {
        let stages = api
            .stages
            .iter()
            .map(|stage| json!({"stageName": stage.stage_name, "deploymentId": stage.deployment.id}));
        json!({"id": api.id, "name": api.name, "stages": stages.collect::<Vec<_>>()})
    });
    Json(json!({ "items": apis.collect::<Vec<_>>() })).into_response()
}

/// What a stage serves, as an OpenAPI document with AWS's extensions.
async fn stage(State(admin): State<Arc<Admin>>, Path((api, stage)): Path<(String, String)>) -> Response {
    let status = admin.status.load();
    let stages = status.apis.iter().filter(|known| known.id == api).flat_map(|api| &api.stages);
    let Some(stage) = stages.into_iter().find(|known| known.stage_name == stage) else {
        return (StatusCode::NOT_FOUND, "no such stage; GET /apis lists them\n").into_response();
    };
    let options = ExportOptions {
        extensions: Extensions::APIGATEWAY,
        stage_name: Some(stage.stage_name.clone()),
        ..ExportOptions::default()
    };
    match export(&stage.deployment.rest_api, &options) {
        Ok(document) => ([(header::CONTENT_TYPE, "application/json")], document.to_pretty()).into_response(),
        Err(problems) => (StatusCode::CONFLICT, problems.join("\n")).into_response(),
    }
}
