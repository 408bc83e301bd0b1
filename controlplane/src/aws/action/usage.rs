//! What keys have used of the quota of their plan (tables.md §9.6). The operations stand in the table of
//! [`usage_plan`](super::usage_plan).
//!
//! Requests are not counted here yet: every key has used nothing, and has left what its quota or UpdateUsage gives it.

use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

use crate::aws::call::Call;
use crate::aws::exception::{Exception, Violation};
use crate::aws::page::page;
use crate::aws::patch::Op;
use crate::aws::table::key;
use crate::aws::wire::{QuotaSettings, Remaining, UsagePlanKey};
use crate::aws::{Answer, State};

use super::{usage_plan, usage_plan_key};

/// Days of an answer at most.
const DAYS: i64 = 366;
const SECONDS_OF_DAY: i64 = 24 * 60 * 60;
/// What is left where there is no quota; AWS's own number is not known.
const UNLIMITED: i64 = -1;

pub(super) fn get(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let days = days_of(call)?;
    let plan = usage_plan::find(state, call.path("usageplanId"))?;
    let keys = state.usage_plan_keys.children(&plan.id);
    let keys = keys.filter(|(id, _)| call.query("keyId").is_none_or(|wanted| wanted == *id));
    // A page of pairs, whose list becomes a map.
    let Answer::Json(mut paged) =
        page(call, keys, |row| json!([row.id, log(plan.quota.as_ref(), row, days.clone())]))?
    else {
        return Ok(Answer::Empty);
    };
    let mut values = Map::new();
    for pair in paged["item"].as_array().into_iter().flatten() {
        values.insert(pair[0].as_str().unwrap_or_default().to_owned(), pair[1].clone());
    }
    let mut answer = usage(&plan.id, &days, values);
    if let Some(position) = paged.get_mut("position") {
        answer["position"] = position.take();
    }
    Ok(Answer::Json(answer))
}

fn usage(plan: &str, days: &RangeInclusive<i64>, values: Map<String, Value>) -> Value {
    json!({
        "usagePlanId": plan,
        "startDate": date(*days.start()),
        "endDate": date(*days.end()),
        "values": values,
    })
}

/// What was used and what is left, day by day.
fn log(quota: Option<&QuotaSettings>, row: &UsagePlanKey, days: RangeInclusive<i64>) -> Vec<[i64; 2]> {
    let remaining = |day: i64| {
        let Some(quota) = quota else { return UNLIMITED };
        match &row.remaining {
            Some(left) if day >= left.day && period(quota, day) == period(quota, left.day) => left.requests,
            _ => quota.limit,
        }
    };
    days.map(|day| [0, remaining(day)]).collect()
}

/// Which period of the quota a day is in. Weeks begin with Sunday, months with their first day, each later by the offset.
fn period(quota: &QuotaSettings, day: i64) -> i64 {
    let day = day - quota.offset;
    match quota.period.as_str() {
        // 1970 began on a Thursday.
        "WEEK" => (day + 4).div_euclid(7),
        "MONTH" => {
            let (year, month, _) = civil(day);
            year * 12 + month
        }
        _ => day,
    }
}

/// `remaining` of a key, until the period of its quota ends.
pub(super) fn update(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let operations = call.patch_operations()?;
    let plan = call.path("usageplanId").to_owned();
    let mut row = usage_plan_key::find(state, call)?.clone();
    let quota = usage_plan::find(state, &plan)?.quota.clone();
    let today = call.now.div_euclid(SECONDS_OF_DAY);
    for operation in &operations {
        let (["remaining"], Op::Replace) = (operation.segments().as_slice(), operation.op) else {
            return Err(operation.refused_path("/remaining"));
        };
        let requests: Option<i64> = operation.value.as_deref().and_then(|value| value.parse().ok());
        let Some(requests) = requests.filter(|requests| *requests >= 0) else {
            let value = operation.value.as_deref().unwrap_or("null");
            return Err(Exception::bad_request(format!("Invalid remaining quota specified: {value}")));
        };
        if quota.is_none() {
            return Err(Exception::bad_request(format!("Usage Plan {plan} has no quota")));
        }
        row.remaining = Some(Remaining { requests, day: today });
    }
    let days = today..=today;
    let mut values = Map::new();
    values.insert(row.id.clone(), json!(log(quota.as_ref(), &row, days.clone())));
    let answer = usage(&plan, &days, values);
    state.usage_plan_keys.put(key(&plan, &row.id), row);
    Ok(Answer::Json(answer))
}

fn days_of(call: &Call<'_>) -> Result<RangeInclusive<i64>, Exception> {
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
        day_of(text).ok_or_else(invalid)
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

/// The day since 1970 of `yyyy-MM-dd`; `None` where there is no such day.
fn day_of(text: &str) -> Option<i64> {
    let number = |part: &str, length: usize| {
        let is_number = part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { part.parse::<i64>().ok() } else { None }
    };
    let mut parts = text.split('-');
    let (year, month, day) =
        (number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    // Years that begin with March have their leap day at the end.
    let (shifted, months) = (year - i64::from(month <= 2), (month + 9) % 12);
    let days = shifted * 365 + shifted.div_euclid(4) - shifted.div_euclid(100) + shifted.div_euclid(400);
    let days = days + (153 * months + 2) / 5 + day - 1 - DAYS_BEFORE_1970;
    (parts.next().is_none() && civil(days) == (year, month, day)).then_some(days)
}

/// Days from the first of March of the year 0 to 1970.
const DAYS_BEFORE_1970: i64 = 719_468;

/// Year, month and day.
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + DAYS_BEFORE_1970;
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let months = (5 * day + 2) / 153;
    let month = (months + 2) % 12 + 1;
    (era * 400 + year + i64::from(month <= 2), month, day - (153 * months + 2) / 5 + 1)
}

fn date(day: i64) -> String {
    let (year, month, day) = civil(day);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{civil, date, day_of, period};
    use crate::aws::ControlPlane;
    use crate::aws::testing::{control_plane, good, refused};
    use crate::aws::wire::QuotaSettings;

    #[test]
    fn dates() {
        for (day, text) in
            [(0, "1970-01-01"), (-1, "1969-12-31"), (19_675, "2023-11-14"), (11_016, "2000-02-29")]
        {
            assert_eq!((date(day).as_str(), day_of(text)), (text, Some(day)));
        }
        for day in (-200_000..200_000).step_by(13) {
            assert_eq!(day_of(&date(day)), Some(day), "{:?}", civil(day));
        }
        for text in ["2023-02-29", "2023-13-01", "2023-1-01", "2023-01-01-01", "x", ""] {
            assert_eq!(day_of(text), None, "{text}");
        }
    }

    #[test]
    fn periods() {
        let same = |period_name: &str, offset: i64, one: &str, two: &str| {
            let quota = QuotaSettings { limit: 1, offset, period: period_name.into() };
            period(&quota, day_of(one).unwrap()) == period(&quota, day_of(two).unwrap())
        };
        // 2023-11-12 was a Sunday.
        assert!(same("WEEK", 0, "2023-11-12", "2023-11-18") && !same("WEEK", 0, "2023-11-11", "2023-11-12"));
        assert!(same("WEEK", 1, "2023-11-13", "2023-11-19") && !same("WEEK", 1, "2023-11-12", "2023-11-13"));
        assert!(
            same("MONTH", 0, "2023-11-01", "2023-11-30") && !same("MONTH", 0, "2023-11-30", "2023-12-01")
        );
        assert!(!same("MONTH", 9, "2023-11-09", "2023-11-10"));
        assert!(!same("DAY", 0, "2023-11-09", "2023-11-10"));
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
    fn is_nothing_until_it_is_counted() {
        let mut plane = control_plane();
        let (path, key) = plan(&mut plane, json!({"limit": 9, "period": "WEEK"}));
        let usage = format!("{path}/usage?startDate=2023-11-13&endDate=2023-11-19");
        let found = good(&mut plane, "GET", &usage, json!(null));
        assert_eq!(found["startDate"], "2023-11-13");
        assert_eq!(found["endDate"], "2023-11-19");
        assert_eq!(found["values"][&key], json!([[0, 9], [0, 9], [0, 9], [0, 9], [0, 9], [0, 9], [0, 9]]));
        let more = json!({"patchOperations": [{"op": "replace", "path": "/remaining", "value": "20"}]});
        let patched = good(&mut plane, "PATCH", &format!("{path}/keys/{key}/usage"), more);
        assert_eq!(patched["startDate"], "2023-11-14");
        assert_eq!(patched["values"], json!({key.as_str(): [[0, 20]]}));
        let found = good(&mut plane, "GET", &format!("{usage}&keyId={key}"), json!(null));
        assert_eq!(
            found["values"][&key],
            json!([[0, 9], [0, 20], [0, 20], [0, 20], [0, 20], [0, 20], [0, 9]])
        );
        let none = good(&mut plane, "GET", &format!("{usage}&keyId=x"), json!(null));
        assert_eq!(none["values"], json!({}));
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
