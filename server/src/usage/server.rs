//! Usage on the admin server: `GET /usage` and `POST /usage/remaining`.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use ringway_controlplane::aws::{date_of, day_of};
use ringway_core::model::QuotaSettings;
use ringway_core::pipeline::percent;
use serde_json::{Value, json};

use super::{DAYS_KEPT, KEYS_SHOWN, Keys, Query, UsageHandle};
use crate::admin::Admin;
use crate::reload::unix_seconds;

/// `GET /usage?usagePlanId=ID&keyId=ID&startDate=yyyy-MM-dd&endDate=yyyy-MM-dd`: dates are today where they are left out, in UTC. Without
/// a key, those that were ever used, so many at a time: `position` of the answer is `after` of the next request.
pub(crate) async fn usage(State(admin): State<Arc<Admin>>, RawQuery(query): RawQuery) -> Response {
    let usage = admin.usage.clone();
    answer(move || read(&usage, &query.unwrap_or_default())).await
}

/// `POST /usage/remaining?usagePlanId=ID&keyId=ID&remaining=N`: what the key may still ask for in this period.
pub(crate) async fn remaining(State(admin): State<Arc<Admin>>, RawQuery(query): RawQuery) -> Response {
    let usage = admin.usage.clone();
    answer(move || set(&usage, &query.unwrap_or_default())).await
}

/// The store is a disk: the control thread does not wait for it.
async fn answer(ask: impl FnOnce() -> Result<Value, (StatusCode, String)> + Send + 'static) -> Response {
    let gone = || (StatusCode::INTERNAL_SERVER_ERROR, "the usage ledger has failed".to_owned());
    match tokio::task::spawn_blocking(ask).await.unwrap_or_else(|_| Err(gone())) {
        Ok(value) => Json(value).into_response(),
        Err((status, problem)) => {
            let headers = [
                (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ];
            (status, headers, problem + "\n").into_response()
        }
    }
}

fn read(usage: &UsageHandle, query: &str) -> Result<Value, (StatusCode, String)> {
    let asked = Asked::parse(query, &["usagePlanId", "keyId", "startDate", "endDate", "after"])?;
    let (plan, quota) = asked.plan(usage)?;
    let today = (unix_seconds() / 86_400) as u32;
    let (start, end) = (asked.day("startDate", today)?, asked.day("endDate", today)?);
    if end < start || end - start >= DAYS_KEPT {
        return Err(bad(format!(
            "`endDate` is not before `startDate`, and both are within {DAYS_KEPT} days"
        )));
    }
    let keys = match asked.get("keyId") {
        Some(key) => Keys::Named(vec![key.to_owned()]),
        None => Keys::After(asked.get("after").unwrap_or_default().to_owned()),
    };
    let is_page = matches!(keys, Keys::After(_));
    let query = Query { plan: plan.to_owned(), keys, days: start..=end };
    let found = usage.read(query, quota).map_err(|problem| (StatusCode::SERVICE_UNAVAILABLE, problem))?;
    let position = found.last().filter(|_| is_page && found.len() == KEYS_SHOWN).map(|(key, _)| key.clone());
    let items = found.into_iter().map(|(key, figures)| {
        let days = (start..=end).zip(figures).map(|(day, figure)| {
            json!({"date": date_of(i64::from(day)), "used": figure.used, "remaining": figure.remaining})
        });
        json!({"keyId": key, "days": days.collect::<Vec<_>>()})
    });
    Ok(json!({
        "usagePlanId": plan,
        "quota": {"limit": quota.limit, "offset": quota.offset, "period": quota.period.as_str()},
        "items": items.collect::<Vec<_>>(),
        "position": position,
    }))
}

fn set(usage: &UsageHandle, query: &str) -> Result<Value, (StatusCode, String)> {
    let asked = Asked::parse(query, &["usagePlanId", "keyId", "remaining"])?;
    let (plan, quota) = asked.plan(usage)?;
    let key = asked.get("keyId").ok_or_else(|| bad("`keyId` is missing".to_owned()))?;
    let remaining = asked.get("remaining").and_then(|text| text.parse::<u64>().ok());
    let remaining = remaining.ok_or_else(|| bad("`remaining` is a number of requests".to_owned()))?;
    let outcome = usage.set_remaining(plan, key, quota, remaining);
    outcome.map_err(|problem| (StatusCode::SERVICE_UNAVAILABLE, problem))?;
    Ok(json!({"usagePlanId": plan, "keyId": key, "remaining": remaining}))
}

fn bad(problem: String) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, problem)
}

/// The parameters of a request.
#[derive(Debug)]
struct Asked(Vec<(String, String)>);

impl Asked {
    fn parse(query: &str, known: &[&str]) -> Result<Self, (StatusCode, String)> {
        let mut asked = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if !known.contains(&name) {
                return Err(bad(format!("`{name}` is not known: there are {}", known.join(", "))));
            }
            let value = percent::decode(value.as_bytes(), true).into_owned();
            asked.push((name.to_owned(), value));
        }
        Ok(Asked(asked))
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().rev().find(|(known, value)| known == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    fn plan(&self, usage: &UsageHandle) -> Result<(&str, QuotaSettings), (StatusCode, String)> {
        let plan = self.get("usagePlanId").ok_or_else(|| bad("`usagePlanId` is missing".to_owned()))?;
        match usage.quota(plan) {
            Some(quota) => Ok((plan, quota)),
            None => {
                let problem = format!("there is no usage plan {plan} with a quota: nothing is counted");
                Err((StatusCode::NOT_FOUND, problem))
            }
        }
    }

    fn day(&self, name: &str, today: u32) -> Result<u32, (StatusCode, String)> {
        let Some(text) = self.get(name) else { return Ok(today) };
        let day = day_of(text).and_then(|day| u32::try_from(day).ok());
        day.ok_or_else(|| bad(format!("`{name}` is a date such as 2023-11-14, and {text:?} is not")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_read_and_nothing_else() {
        let asked =
            Asked::parse("keyId=a%20b&startDate=2023-11-14&endDate=", &["keyId", "startDate", "endDate"]);
        let asked = asked.unwrap();
        assert_eq!(asked.get("keyId"), Some("a b"));
        assert_eq!(asked.day("startDate", 1), Ok(19_675));
        assert_eq!(asked.day("endDate", 7), Ok(7));
        assert!(Asked::parse("key=1", &["keyId"]).unwrap_err().1.contains("`key` is not known"));
        let (_, usage) = super::super::Ledger::new("unused".into());
        for (query, problem) in [
            ("", "`usagePlanId` is missing"),
            ("usagePlanId=p", "there is no usage plan p with a quota"),
            ("plan=p", "`plan` is not known"),
        ] {
            assert!(read(&usage, query).unwrap_err().1.contains(problem), "{query}");
            assert!(set(&usage, query).unwrap_err().1.contains(problem), "{query}");
        }
    }
}
