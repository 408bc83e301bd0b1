//! Flushing and purging the caches of stages: the admin server's part, and `ringway cache`.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use ringway_core::cache::Cache;
use ringway_core::pipeline::percent;
use ringway_core::snapshot::Snapshot;
use ringway_core::snapshot::publish::Publisher;
use serde_json::json;

use crate::admin::Admin;
use crate::admin_client;
use crate::cli::{CacheCommand, CacheTarget, EXIT_UNAVAILABLE};

/// Empties the cache of a stage, or of all stages of an API; returns how many that are. When it returns, no core answers with what was
/// kept before, or asked for before.
pub(crate) fn flush(publisher: &Publisher, api: &str, stage: Option<&str>) -> usize {
    let caches = of(&publisher.current().1, api, stage);
    caches.iter().for_each(|cache| cache.flush());
    caches.len()
}

/// The caches of a stage or of an API. A canary has that of its stage.
fn of(snapshot: &Snapshot, api: &str, stage: Option<&str>) -> Vec<Arc<Cache>> {
    let stages = snapshot.stages.iter().filter(|plan| !plan.is_canary && *plan.api_id == *api);
    let named = stages.filter(|plan| stage.is_none_or(|stage| *plan.stage_name == *stage));
    named.filter_map(|plan| plan.cache.clone()).collect()
}

/// `POST /apis/{api}/stages/{stage}/cache/flush`
pub(crate) async fn flush_stage(
    State(admin): State<Arc<Admin>>,
    Path((api, stage)): Path<(String, String)>,
) -> Response {
    answer(known(&admin, &api, Some(&stage), false).map(|()| {
        flush(&admin.publisher, &api, Some(&stage));
        json!({"api": api, "stage": stage})
    }))
}

/// `POST /apis/{api}/cache/flush`
pub(crate) async fn flush_api(State(admin): State<Arc<Admin>>, Path(api): Path<String>) -> Response {
    answer(known(&admin, &api, None, false).map(|()| {
        let stages = flush(&admin.publisher, &api, None);
        json!({"api": api, "stages": stages})
    }))
}

/// `POST /apis/{api}/stages/{stage}/cache/purge?tag=T`
pub(crate) async fn purge_stage(
    State(admin): State<Arc<Admin>>,
    Path((api, stage)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    answer(purge(&admin, &api, Some(&stage), query.as_deref()))
}

/// `POST /apis/{api}/cache/purge?tag=T`
pub(crate) async fn purge_api(
    State(admin): State<Arc<Admin>>,
    Path(api): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    answer(purge(&admin, &api, None, query.as_deref()))
}

type Answer = Result<serde_json::Value, (StatusCode, String)>;

fn answer(answer: Answer) -> Response {
    match answer {
        Ok(said) => Json(said).into_response(),
        Err((status, problem)) => (status, problem + "\n").into_response(),
    }
}

fn purge(admin: &Admin, api: &str, stage: Option<&str>, query: Option<&str>) -> Answer {
    let tags = tags(query.unwrap_or_default()).map_err(|problem| (StatusCode::BAD_REQUEST, problem))?;
    known(admin, api, stage, true)?;
    let caches = of(&admin.publisher.current().1, api, stage);
    for cache in &caches {
        tags.iter().for_each(|tag| cache.purge(tag));
    }
    let tags: Vec<_> = tags.iter().map(|tag| String::from_utf8_lossy(tag)).collect();
    Ok(json!({"api": api, "stages": caches.len(), "tags": tags}))
}

/// The tags of a query string: `tag=T`, which may be there several times.
fn tags(query: &str) -> Result<Vec<Vec<u8>>, String> {
    let mut tags = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("tag", tag)) if !tag.is_empty() => {
                tags.push(percent::decode(tag.as_bytes(), true).into_owned().into_bytes())
            }
            _ => return Err(format!("{pair:?} is not understood: there is `tag=NAME`")),
        }
    }
    if tags.is_empty() { Err("which tag? `?tag=NAME`".to_owned()) } else { Ok(tags) }
}

/// Whether what is named has a cache, whose answers have tags where that matters.
fn known(admin: &Admin, api: &str, stage: Option<&str>, by_tag: bool) -> Result<(), (StatusCode, String)> {
    let status = admin.status.load();
    let not_found = |problem: String| Err((StatusCode::NOT_FOUND, problem));
    let Some(found) = status.apis.iter().find(|known| known.id == api) else {
        return not_found(format!("there is no API {api}: GET /apis lists them"));
    };
    let mut stages =
        found.stages.iter().filter(|known| stage.is_none_or(|name| known.stage_name == name)).peekable();
    let name = stage.map_or(format!("API {api}"), |stage| format!("stage {stage} of API {api}"));
    if stages.peek().is_none() {
        return not_found(format!("there is no {name}: GET /apis lists them"));
    }
    let mut cached = stages.filter(|stage| stage.cache_bytes.is_some()).peekable();
    if cached.peek().is_none() {
        return Err((StatusCode::CONFLICT, format!("{name} has no cache: `cacheClusterEnabled` is off")));
    }
    match by_tag && cached.all(|stage| !stage.cache.tags) {
        true => Err((StatusCode::CONFLICT, format!("answers of {name} have no tags: `cache.tags` is off"))),
        false => Ok(()),
    }
}

/// Runs `ringway cache` and returns the exit code.
pub(crate) fn run(command: &CacheCommand) -> u8 {
    let (target, what) = match command {
        CacheCommand::Flush(target) => (target, "cache/flush".to_owned()),
        CacheCommand::Purge { target, tags } => {
            let mut query = String::new();
            for tag in tags {
                let mut encoded = Vec::new();
                percent::encode(tag.as_bytes(), &mut encoded);
                query += if query.is_empty() { "?tag=" } else { "&tag=" };
                query += &String::from_utf8_lossy(&encoded);
            }
            (target, format!("cache/purge{query}"))
        }
    };
    let CacheTarget { admin, api, stage } = target;
    let place = stage.as_ref().map_or(format!("apis/{api}"), |stage| format!("apis/{api}/stages/{stage}"));
    match admin_client::ask("POST", &format!("{}/{place}/{what}", admin.trim_end_matches('/'))) {
        Ok(said) => {
            println!("{said}");
            0
        }
        Err(message) => {
            eprintln!("ringway: {message}");
            EXIT_UNAVAILABLE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_named_one_by_one() {
        assert_eq!(tags("tag=a%20b&tag=c").unwrap(), [b"a b".to_vec(), b"c".to_vec()]);
        for query in ["", "tag=", "tags=a", "tag", "tag=a&x=y"] {
            assert!(tags(query).is_err(), "{query:?}");
        }
    }
}
