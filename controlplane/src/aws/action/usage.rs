//! What keys have used of the quota of their plan (tables.md §9.6). The operations stand in the table of
//! [`usage_plan`](super::usage_plan).
//!
//! Requests are counted where the plan has a quota, by whoever hosts the control plane ([`Usage`](crate::aws::Usage)): a key of another
//! plan has used nothing.

use std::ops::RangeInclusive;

use ringway_core::calendar::SECONDS_OF_DAY;
use ringway_core::model;
use serde_json::{Map, Value, json};

use crate::aws::call::Call;
use crate::aws::exception::{Exception, ExceptionType, Violation};
use crate::aws::page::page;
use crate::aws::patch::Op;
use crate::aws::wire::QuotaSettings;
use crate::aws::{Answer, DayUsage, State, UsageChange, date_of, day_of};

use super::{usage_plan, usage_plan_key};

/// Days of an answer at most.
const DAYS: u32 = 366;
/// What is left where there is no quota; AWS's own number is not known.
const UNLIMITED: i64 = -1;

pub(super) fn get(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let days = days_of(call)?;
    let plan = usage_plan::find(state, call.path("usageplanId"))?;
    let keys = state.usage_plan_keys.children(&plan.id);
    let keys = keys.filter(|(id, _)| call.query("keyId").is_none_or(|wanted| wanted == *id));
    // A page of ids, whose list becomes a map.
    let Answer::Json(mut paged) = page(call, keys, |row| json!(row.id))? else { return Ok(Answer::Empty) };
    let ids: Vec<&str> = paged["item"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let logs = logs(state, &plan.id, plan.quota.as_ref(), &ids, days.clone())?;
    let values = ids.iter().map(|id| (*id).to_owned()).zip(logs.into_iter().map(|log| json!(log))).collect();
    let mut answer = usage(&plan.id, &days, values);
    if let Some(position) = paged.get_mut("position") {
        answer["position"] = position.take();
    }
    Ok(Answer::Json(answer))
}

fn usage(plan: &str, days: &RangeInclusive<u32>, values: Map<String, Value>) -> Value {
    json!({
        "usagePlanId": plan,
        "startDate": date_of(i64::from(*days.start())),
        "endDate": date_of(i64::from(*days.end())),
        "values": values,
    })
}

/// What each of `keys` has used and what it had left, day by day.
fn logs(
    state: &State,
    plan: &str,
    quota: Option<&QuotaSettings>,
    keys: &[&str],
    days: RangeInclusive<u32>,
) -> Result<Vec<Vec<[i64; 2]>>, Exception> {
    let Some(quota) = quota else {
        return Ok(keys.iter().map(|_| days.clone().map(|_| [0, UNLIMITED]).collect()).collect());
    };
    let unknown = |_| Exception::new(ExceptionType::Internal, "Service Unavailable");
    let figures = state.usage.read(plan, counted(quota), keys, days).map_err(unknown)?;
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let pair = |day: DayUsage| [number(day.used), number(day.remaining)];
    Ok(figures.into_iter().map(|days| days.into_iter().map(pair).collect()).collect())
}

/// A quota as those who count have it. What is stored was checked (tables.md §9.6).
fn counted(quota: &QuotaSettings) -> model::QuotaSettings {
    let number = |number: i64| u64::try_from(number).unwrap_or(0);
    model::QuotaSettings {
        limit: number(quota.limit),
        offset: number(quota.offset),
        period: match quota.period.as_str() {
            "WEEK" => model::QuotaPeriod::Week,
            "MONTH" => model::QuotaPeriod::Month,
            _ => model::QuotaPeriod::Day,
        },
    }
}

/// `remaining` of a key, until the period of its quota ends.
pub(super) fn update(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let operations = call.patch_operations()?;
    let plan = call.path("usageplanId").to_owned();
    let key = usage_plan_key::find(state, call)?.id.clone();
    let quota = usage_plan::find(state, &plan)?.quota.clone();
    let today = u32::try_from(call.now.div_euclid(SECONDS_OF_DAY)).unwrap_or(0);
    let mut remaining = None;
    for operation in &operations {
        let (["remaining"], Op::Replace) = (operation.segments().as_slice(), operation.op) else {
            return Err(operation.refused_path("/remaining"));
        };
        let requests: Option<u64> = operation.value.as_deref().and_then(|value| value.parse().ok());
        // It is shown as a signed number.
        let Some(requests) = requests.filter(|requests| i64::try_from(*requests).is_ok()) else {
            let value = operation.value.as_deref().unwrap_or("null");
            return Err(Exception::bad_request(format!("Invalid remaining quota specified: {value}")));
        };
        if quota.is_none() {
            return Err(Exception::bad_request(format!("Usage Plan {plan} has no quota")));
        }
        remaining = Some(requests);
    }
    let days = today..=today;
    let mut logs = logs(state, &plan, quota.as_ref(), &[&key], days.clone())?;
    let shown = |logs: Vec<Vec<[i64; 2]>>| {
        let values = logs.into_iter().map(|log| (key.clone(), json!(log))).collect();
        usage(&plan, &days, values)
    };
    let (Some(remaining), Some(quota)) = (remaining, quota) else { return Ok(Answer::Json(shown(logs))) };
    logs.iter_mut().flatten().for_each(|day| day[1] = remaining as i64);
    let change = UsageChange {
        usage_plan_id: plan.clone(),
        api_key_id: key.clone(),
        quota: counted(&quota),
        remaining,
    };
    Ok(Answer::UsageChange(change, shown(logs)))
}

fn days_of(call: &Call<'_>) -> Result<RangeInclusive<u32>, Exception> {
    let (start, end) = (call.query("startDate"), call.query("endDate"));
    let mut violations = Vec::new();
    if start.is_none() {
        violations.push(Violation::missing("startDate"));
    }
    if end.is_none() {
        violations.push(Violation::missing("endDate"));
    }
    let (Some(start), Some(end)) = (start, end) else { return Err(Exception::validation(&violations)) };
    let read = |text: &str| {
        let invalid =
            || Exception::bad_request(format!("Invalid date specified: {text}. It must be yyyy-MM-dd"));
        day_of(text).and_then(|day| u32::try_from(day).ok()).ok_or_else(invalid)
    };
    let (start, end) = (read(start)?, read(end)?);
    if end < start {
        return Err(Exception::bad_request("The start date must not be after the end date"));
    }
    if end - start >= DAYS {
        return Err(Exception::bad_request(format!("At most {DAYS} days can be asked for at once")));
    }
    Ok(start..=end)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::ops::RangeInclusive;
    use std::sync::{Arc, Mutex};

    use ringway_core::model;
    use serde_json::{Value, json};

    use crate::aws::testing::{control_plane, good, refused};
    use crate::aws::{ControlPlane, DayUsage, Request, Usage, UsageChange, day_of};

    /// Figures by plan, key and day; what is not there is unused.
    type Counted = Arc<Mutex<HashMap<(String, String, u32), DayUsage>>>;

    struct Counter(Counted);

    impl Usage for Counter {
        fn read(
            &self,
            plan: &str,
            quota: model::QuotaSettings,
            keys: &[&str],
            days: RangeInclusive<u32>,
        ) -> Result<Vec<Vec<DayUsage>>, String> {
            let counted = self.0.lock().map_err(|_| "poisoned".to_owned())?;
            let unused = DayUsage { used: 0, remaining: quota.limit };
            let figure = |key: &str, day: u32| {
                *counted.get(&(plan.to_owned(), key.to_owned(), day)).unwrap_or(&unused)
            };
            Ok(keys.iter().map(|key| days.clone().map(|day| figure(key, day)).collect()).collect())
        }
    }

    /// A control plane with what it is told about usage.
    fn counting() -> (ControlPlane, Counted) {
        let counted = Counted::default();
        (control_plane().with_usage(Box::new(Counter(counted.clone()))), counted)
    }

    /// A plan with a key.
    fn plan(plane: &mut ControlPlane, quota: Value) -> (String, String) {
        let text = |value: Value| value["id"].as_str().unwrap().to_owned();
        let key = text(good(plane, "POST", "/apikeys", json!({})));
        let plan = text(good(plane, "POST", "/usageplans", json!({"name": "p", "quota": quota})));
        let body = json!({"keyId": key, "keyType": "API_KEY"});
        good(plane, "POST", &format!("/usageplans/{plan}/keys"), body);
        (format!("/usageplans/{plan}"), key)
    }

    #[test]
    fn is_what_the_host_has_counted() {
        let (mut plane, counted) = counting();
        let (path, key) = plan(&mut plane, json!({"limit": 9, "period": "WEEK"}));
        let plan_id = path.strip_prefix("/usageplans/").unwrap();
        let day = day_of("2023-11-13").unwrap() as u32;
        let figure = DayUsage { used: 3, remaining: 6 };
        counted.lock().unwrap().insert((plan_id.into(), key.clone(), day), figure);
        let usage = format!("{path}/usage?startDate=2023-11-12&endDate=2023-11-14");
        let found = good(&mut plane, "GET", &usage, json!(null));
        assert_eq!((&found["startDate"], &found["endDate"]), (&json!("2023-11-12"), &json!("2023-11-14")));
        assert_eq!(found["values"], json!({key.as_str(): [[0, 9], [3, 6], [0, 9]]}));
        let one = good(&mut plane, "GET", &format!("{usage}&keyId={key}"), json!(null));
        assert_eq!(one["values"], found["values"]);
        let none = good(&mut plane, "GET", &format!("{usage}&keyId=x"), json!(null));
        assert_eq!(none["values"], json!({}));
    }

    #[test]
    fn what_is_left_is_changed_by_the_host() {
        let (mut plane, _) = counting();
        let (path, key) = plan(&mut plane, json!({"limit": 9, "offset": 1, "period": "WEEK"}));
        let operation = |value: &str| json!({"op": "replace", "path": "/remaining", "value": value});
        let body = json!({"patchOperations": [operation("3"), operation("20")]}).to_string();
        let target = format!("{path}/keys/{key}/usage");
        let request =
            Request { method: "PATCH", path: &target, query: "", accept: "", body: body.as_bytes() };
        // 2023-11-14
        let handled = plane.handle(&request, 1_700_000_000);
        let quota = model::QuotaSettings { limit: 9, offset: 1, period: model::QuotaPeriod::Week };
        let usage_plan_id = path.strip_prefix("/usageplans/").unwrap().to_owned();
        let change = UsageChange { usage_plan_id, api_key_id: key.clone(), quota, remaining: 20 };
        assert_eq!(handled.usage_change, Some(change));
        assert!(handled.writes.is_empty() && !handled.serving_changed);
        let shown: Value = serde_json::from_slice(&handled.response.body).unwrap();
        assert_eq!((&shown["startDate"], &shown["endDate"]), (&json!("2023-11-14"), &json!("2023-11-14")));
        assert_eq!(shown["values"], json!({key.as_str(): [[0, 20]]}));
        // Nothing asked for, nothing changed.
        let request = Request { body: b"{}", ..request };
        assert_eq!(plane.handle(&request, 1_700_000_000).usage_change, None);
    }

    #[test]
    fn what_the_host_does_not_know_is_nobody_s_fault() {
        struct Broken;
        impl Usage for Broken {
            fn read(
                &self,
                _: &str,
                _: model::QuotaSettings,
                _: &[&str],
                _: RangeInclusive<u32>,
            ) -> Result<Vec<Vec<DayUsage>>, String> {
                Err("no disk".to_owned())
            }
        }
        let mut plane = control_plane().with_usage(Box::new(Broken));
        let (path, _) = plan(&mut plane, json!({"limit": 9, "period": "WEEK"}));
        let usage = format!("{path}/usage?startDate=2023-11-12&endDate=2023-11-14");
        assert_eq!(refused(&mut plane, "GET", &usage, json!(null)).0, "ServiceUnavailableException");
    }

    #[test]
    fn refuses() {
        let mut plane = control_plane();
        let (path, key) = plan(&mut plane, json!(null));
        for (query, message) in [
            (
                "startDate=2023-11-14",
                "1 validation error detected: Value null at 'endDate' failed to satisfy constraint: Member must not be null",
            ),
            ("startDate=x&endDate=2023-11-14", "Invalid date specified: x. It must be yyyy-MM-dd"),
            ("startDate=2023-11-15&endDate=2023-11-14", "The start date must not be after the end date"),
            ("startDate=2022-11-15&endDate=2023-11-16", "At most 366 days can be asked for at once"),
        ] {
            assert_eq!(refused(&mut plane, "GET", &format!("{path}/usage?{query}"), json!(null)).1, message);
        }
        let unknown = "/usageplans/x/usage?startDate=2023-11-14&endDate=2023-11-14";
        assert_eq!(refused(&mut plane, "GET", unknown, json!(null)).1, "Invalid Usage Plan ID specified");
        let quota_less = good(
            &mut plane,
            "GET",
            &format!("{path}/usage?startDate=2023-11-14&endDate=2023-11-14"),
            json!(null),
        );
        assert_eq!(quota_less["values"][&key], json!([[0, -1]]));
        let usage = format!("{path}/keys/{key}/usage");
        let operation = |path: &str, value: &str| json!({"patchOperations": [{"op": "replace", "path": path, "value": value}]});
        let plan = path.strip_prefix("/usageplans/").unwrap();
        for (body, message) in [
            (operation("/remaining", "1"), format!("Usage Plan {plan} has no quota")),
            (operation("/remaining", "-1"), "Invalid remaining quota specified: -1".into()),
            (
                operation("/used", "1"),
                "Invalid patch path  '/used' specified for op 'replace'. Must be one of: [/remaining]".into(),
            ),
        ] {
            assert_eq!(refused(&mut plane, "PATCH", &usage, body).1, message);
        }
        let missing =
            refused(&mut plane, "PATCH", &format!("{path}/keys/x/usage"), operation("/remaining", "1"));
        assert_eq!(missing.1, "Invalid Usage Plan Key identifier specified");
    }
}
