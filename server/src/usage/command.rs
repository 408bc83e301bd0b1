//! `ringway usage`: what keys have used, and what they have left, of a running gateway.

use std::fmt::Write;

use ringway_core::pipeline::percent;
use serde_json::Value;

use crate::admin_client;
use crate::cli::{EXIT_UNAVAILABLE, UsageArgs};

/// Shows usage, or changes it first.
pub(crate) fn run(arguments: &UsageArgs) -> u8 {
    match show(arguments) {
        Ok(text) => {
            print!("{text}");
            0
        }
        Err(message) => {
            eprintln!("ringway: {message}");
            EXIT_UNAVAILABLE
        }
    }
}

fn show(arguments: &UsageArgs) -> Result<String, String> {
    let UsageArgs { admin, plan, key, start_date, end_date, set_remaining, json } = arguments;
    let url = format!("{}/usage", admin.trim_end_matches('/'));
    let mut common = parameter("usagePlanId", plan);
    if let Some(key) = key {
        common += &parameter("keyId", key);
    }
    if let Some(remaining) = set_remaining {
        admin_client::ask("POST", &format!("{url}/remaining?{common}remaining={remaining}"))?;
    }
    for (name, date) in [("startDate", start_date), ("endDate", end_date)] {
        if let Some(date) = date {
            common += &parameter(name, date);
        }
    }
    let mut pages = Vec::new();
    let mut after = String::new();
    loop {
        let page = admin_client::ask("GET", &format!("{url}?{common}{}", parameter("after", &after)))?;
        let page: Value = serde_json::from_str(&page).map_err(|error| format!("{url}: {error}"))?;
        let position = page["position"].as_str().map(str::to_owned);
        pages.push(page);
        match position {
            Some(position) => after = position,
            None => break,
        }
    }
    Ok(if *json { as_json(pages) } else { table(&pages) })
}

fn parameter(name: &str, value: &str) -> String {
    let mut encoded = Vec::new();
    percent::encode(value.as_bytes(), &mut encoded);
    format!("{name}={}&", String::from_utf8_lossy(&encoded))
}

/// The pages as one.
fn as_json(pages: Vec<Value>) -> String {
    let mut whole = Value::Null;
    for mut page in pages {
        let items = page["items"].take();
        match (whole["items"].as_array_mut(), items) {
            (Some(known), Value::Array(items)) => known.extend(items),
            (_, items) => {
                page["items"] = items;
                whole = page;
            }
        }
    }
    if let Some(members) = whole.as_object_mut() {
        members.remove("position");
    }
    format!("{whole:#}\n")
}

/// A line for each key and day.
fn table(pages: &[Value]) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut text_of_all = String::new();
    let quota = &pages[0]["quota"];
    let _ = writeln!(
        text_of_all,
        "usage plan {}: {} requests a {}",
        text(&pages[0]["usagePlanId"]),
        quota["limit"],
        text(&quota["period"])
    );
    let items = || pages.iter().flat_map(|page| page["items"].as_array().into_iter().flatten());
    let width = items().map(|item| text(&item["keyId"]).len()).max().unwrap_or(0).max("KEY".len());
    let _ =
        writeln!(text_of_all, "{:<width$}  {:<10}  {:>12}  {:>12}", "KEY", "DATE (UTC)", "USED", "REMAINING");
    for item in items() {
        for day in item["days"].as_array().into_iter().flatten() {
            let (key, date) = (text(&item["keyId"]), text(&day["date"]));
            let (used, remaining) = (day["used"].to_string(), day["remaining"].to_string());
            let _ = writeln!(text_of_all, "{key:<width$}  {date:<10}  {used:>12}  {remaining:>12}");
        }
    }
    if items().next().is_none() {
        text_of_all.push_str("no key of it has been used\n");
    }
    text_of_all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pages_are_shown_as_one() {
        let page = |key: &str| {
            let days = [json!({"date": "2023-11-14", "used": 3, "remaining": 97})];
            json!({"usagePlanId": "gold", "quota": {"limit": 100, "offset": 0, "period": "DAY"},
                "items": [{"keyId": key, "days": days}], "position": key})
        };
        let pages = vec![page("one"), page("a-long-key")];
        let shown = table(&pages);
        let expected = "usage plan gold: 100 requests a DAY\n\
            KEY         DATE (UTC)          USED     REMAINING\n\
            one         2023-11-14             3            97\n\
            a-long-key  2023-11-14             3            97\n";
        assert_eq!(shown, expected);
        let whole: Value = serde_json::from_str(&as_json(pages)).unwrap();
        assert_eq!(whole["items"].as_array().unwrap().len(), 2);
        assert_eq!((&whole["items"][1]["keyId"], &whole["position"]), (&json!("a-long-key"), &Value::Null));
        let empty = json!({"usagePlanId": "gold", "quota": {}, "items": []});
        assert!(table(&[empty]).ends_with("no key of it has been used\n"));
    }
}
