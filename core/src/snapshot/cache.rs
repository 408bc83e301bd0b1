//! How the answers of a route are cached (tables.md §9.5).

use std::collections::HashMap;
use std::sync::Arc;

use super::target::Scope;
use super::{IntegrationPlan, ParameterValue};
use crate::cache::{Cache, Lifetime};
use crate::model::{
    CacheSettings, CanarySettings, HttpMethod, Integration, Method, ParameterSource, Resource,
    ResponseTransferMode, Stage, UnauthorizedCacheControl, settings_of,
};

/// How the answers of a route are cached.
#[derive(Debug)]
pub struct CachePlan {
    /// Where they are.
    pub cache: Arc<Cache>,
    /// What every key begins with: deployment, namespace, and whether the canary keeps to itself.
    pub prefix: Box<[u8]>,
    /// What of a request is in its key.
    pub parameters: Vec<ParameterValue>,
    /// Types of the response templates, where `Accept` chooses; empty: it has no say.
    pub media_types: Vec<Box<str>>,
    /// Whether only GET and HEAD are cached, of a method that answers every verb.
    pub only_get: bool,
    /// `cacheTtlInSeconds`, and for how long an answer may be used afterwards.
    pub lifetime: Lifetime,
    /// By status, for how many nanoseconds its answers are fresh instead; 0: they are not kept.
    pub status_ttl_nanos: Vec<(u16, u64)>,
    /// Whether one request of a core asks for an answer that several miss.
    pub collapse: bool,
    /// Whether answers have tags.
    pub tags: bool,
    /// `requireAuthorizationForCacheControl`. Nobody is authorised: no authorizer is built yet.
    pub requires_authorization: bool,
    /// `unauthorizedCacheControlHeaderStrategy`
    pub unauthorized: UnauthorizedCacheControl,
    /// Whether answers have a trace id of the gateway's.
    pub has_trace: bool,
}

impl CachePlan {
    /// For how long answers with this status are kept; `None`: they are not. Where the stage does not say it, those are that RFC 9110
    /// §15.1 lets caches keep by themselves, but parts (206), and what says that the request or the backend is at fault for now (405, 414,
    /// 429, 5xx). AWS keeps whatever the method returned.
    pub fn lifetime(&self, status: u16) -> Option<Lifetime> {
        if let Some((_, fresh)) = self.status_ttl_nanos.iter().find(|(known, _)| *known == status) {
            return (*fresh > 0).then_some(Lifetime { fresh: *fresh, ..self.lifetime });
        }
        matches!(status, 200..=205 | 207..=299 | 300 | 301 | 308 | 404 | 410).then_some(self.lifetime)
    }
}

/// The caches of stages, kept across reloads.
#[derive(Debug, Default)]
pub(super) struct CacheRegistry {
    by_stage: HashMap<(String, String), Arc<Cache>>,
}

impl CacheRegistry {
    /// The cache of a stage: the one it has, unless its size is another, which empties it as on AWS (tables.md §9.5).
    pub(super) fn of(&mut self, api: &str, stage: &str, bytes: u64) -> Arc<Cache> {
        let known = self.by_stage.entry((api.to_owned(), stage.to_owned()));
        let cache = known.or_insert_with(|| Arc::new(Cache::new(bytes)));
        if cache.budget() != bytes {
            *cache = Arc::new(Cache::new(bytes));
        }
        cache.clone()
    }

    /// Forgets what no snapshot uses any more.
    pub(super) fn retire(&mut self) {
        self.by_stage.retain(|_, cache| Arc::strong_count(cache) > 1);
    }
}

/// Whether a method of a stage with a cache is cached: GET unless its settings say no, another one only where its own settings say so
/// (tables.md §9.5). What `*/*` says is for GET.
fn is_cached(stage: &Stage, resource: &Resource, verb: HttpMethod, enabled: Option<bool>) -> bool {
    if verb == HttpMethod::Get {
        return enabled != Some(false);
    }
    let named = |(path, method): &(String, HttpMethod)| *path == resource.path && *method == verb;
    let own = stage.method_settings.iter().find(|entry| entry.method.as_ref().is_some_and(named));
    own.is_some_and(|entry| entry.settings.caching_enabled == Some(true))
}

/// Compiles how a method is cached; `None`: it is not.
pub(super) fn compile(
    cache: &Arc<Cache>,
    stage: &Stage,
    is_canary: bool,
    scope: &Scope<'_>,
    resource: &Resource,
    method: &Method,
    plan: &IntegrationPlan,
) -> Result<Option<CachePlan>, String> {
    let settings = settings_of(&stage.method_settings, &resource.path, method.http_method);
    let is_cached = is_cached(stage, resource, method.http_method, settings.caching_enabled);
    let integration = &method.integration;
    // What is streamed is neither transformed nor cached (spec sheet §4).
    let is_streamed = integration.response_transfer_mode == ResponseTransferMode::Stream;
    if !is_cached || settings.cache_ttl_seconds == 0 || is_streamed {
        return Ok(None);
    }
    let beyond = &stage.cache;
    let nanos = |seconds: u32| u64::from(seconds) * 1_000_000_000;
    let parameters = integration.cache_key_parameters.iter();
    let parameters = parameters.map(|name| scope.value(&source(name, integration)?));
    // With variables of its own it gives other answers, though its deployment may be that of the stage.
    let shares =
        |canary: &CanarySettings| canary.use_stage_cache && canary.stage_variable_overrides.is_empty();
    let is_apart = is_canary && !stage.canary.as_ref().is_some_and(shares);
    let namespace = integration.cache_namespace.as_deref().unwrap_or(&resource.id);
    let names = integration.cache_key_parameters.iter().map(String::as_str);
    let own = if is_apart { "canary" } else { "" };
    Ok(Some(CachePlan {
        cache: cache.clone(),
        prefix: prefix([scope.deployment_id, namespace, own].into_iter().chain(names)),
        parameters: parameters.collect::<Result<_, String>>()?,
        media_types: media_types(plan),
        only_get: method.http_method == HttpMethod::Any,
        lifetime: Lifetime {
            fresh: nanos(settings.cache_ttl_seconds),
            while_revalidate: nanos(beyond.stale_while_revalidate_seconds),
            if_error: nanos(beyond.stale_if_error_seconds),
        },
        status_ttl_nanos: status_ttl_nanos(beyond),
        collapse: beyond.collapse,
        tags: beyond.tags,
        requires_authorization: settings.require_authorization_for_cache_control,
        unauthorized: settings.unauthorized_cache_control,
        has_trace: matches!(plan, IntegrationPlan::Http(_)),
    }))
}

/// Texts with their lengths, so that no two lists of them look the same.
fn prefix<'t>(texts: impl Iterator<Item = &'t str>) -> Box<[u8]> {
    let mut prefix = Vec::new();
    for text in texts {
        prefix.extend_from_slice(&(text.len() as u32).to_le_bytes());
        prefix.extend_from_slice(text.as_bytes());
    }
    prefix.into()
}

fn status_ttl_nanos(settings: &CacheSettings) -> Vec<(u16, u64)> {
    let all = settings.status_ttl_seconds.iter();
    all.map(|(status, seconds)| (*status, u64::from(*seconds) * 1_000_000_000)).collect()
}

/// What `cacheKeyParameters` names: a parameter of the method request, or what a mapping makes one of the integration request of.
fn source(name: &str, integration: &Integration) -> Result<ParameterSource, String> {
    let (of, own) = name.split_once('.').unwrap_or((name, ""));
    if of == "integration" {
        let mapped = integration.request_parameters.iter().find(|mapped| mapped.target.to_string() == name);
        return mapped.map(|mapped| mapped.source.clone()).ok_or_else(|| {
            format!("the cache key parameter {name} is no parameter that the integration maps")
        });
    }
    let own = own.strip_prefix("request.").filter(|_| of == "method");
    match own.and_then(|own| own.split_once('.')) {
        Some(("path", name)) => Ok(ParameterSource::Path(name.to_owned())),
        Some(("querystring", name)) => Ok(ParameterSource::Query(name.to_owned())),
        Some(("multivaluequerystring", name)) => Ok(ParameterSource::MultiValueQuery(name.to_owned())),
        Some(("header", name)) => Ok(ParameterSource::Header(name.to_owned())),
        Some(("multivalueheader", name)) => Ok(ParameterSource::MultiValueHeader(name.to_owned())),
        _ => Err(format!("the cache key parameter {name} is none of a method or an integration request")),
    }
}

/// What `Accept` may choose: the types of all response templates of an integration that has any, or whose bodies may be converted.
fn media_types(plan: &IntegrationPlan) -> Vec<Box<str>> {
    let responses = match plan {
        IntegrationPlan::HttpProxy(_) => return Vec::new(),
        IntegrationPlan::Http(plan) => &plan.responses,
        IntegrationPlan::Mock(plan) => &plan.responses,
    };
    let all = responses.patterns.iter().map(|(_, response)| response).chain(&responses.default);
    let mut types: Vec<Box<str>> =
        all.flat_map(|response| response.templates.iter().map(|(kind, _)| kind.clone())).collect();
    // What no template is for is JSON.
    types.push("application/json".into());
    types.sort();
    types.dedup();
    types
}
