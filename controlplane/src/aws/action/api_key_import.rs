//! ImportApiKeys: API keys from a CSV file (tables.md §9.6).
//!
//! AWS does not tell its words for what is wrong with a row; these are ours.

use serde_json::json;

use crate::api_keys_csv::{KeyRow, KeysFile};
use crate::aws::call::Call;
use crate::aws::exception::{Exception, Violation};
use crate::aws::wire::ApiKey;
use crate::aws::{Answer, State};

use super::{api_key, usage_plan_key};

/// Characters of an imported value: fewer are refused here than CreateApiKey takes (tables.md §16).
const KEY_LENGTH: std::ops::RangeInclusive<usize> = 30..=128;

/// Rows that cannot be imported are warned of, and left out; with `failonwarnings` nothing is imported then.
pub(super) fn import(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    match call.query("format") {
        Some("csv") => {}
        Some(other) => return Err(Exception::validation(&[Violation::not_in(other, "format", "csv")])),
        None => return Err(Exception::validation(&[Violation::missing("format")])),
    }
    let text = std::str::from_utf8(call.document);
    let text =
        text.map_err(|_| Exception::bad_request("Unable to import API keys: the file is not UTF-8"))?;
    let rows = KeysFile::new(text).map_err(|name| {
        Exception::bad_request(format!("Unable to import API keys: the file has no column {name}"))
    })?;
    let (mut ids, mut warnings): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for (index, row) in rows.enumerate() {
        let warn = |exception: Exception| format!("Row {}: {}", index + 1, exception.message);
        match import_row(state, call.now, row) {
            Ok((id, more)) => {
                warnings.extend(more.into_iter().map(warn));
                // The last of several rows of one key wins.
                ids.retain(|known| *known != id);
                ids.push(id);
            }
            Err(exception) => warnings.push(warn(exception)),
        }
    }
    if call.query_flag("failonwarnings") && !warnings.is_empty() {
        return Err(Exception::bad_request(warnings.join("; ")));
    }
    Ok(Answer::Json(json!({ "ids": ids, "warnings": warnings })))
}

/// The id of the key, and the plans that it could not be added to.
fn import_row(state: &mut State, now: i64, row: KeyRow) -> Result<(String, Vec<Exception>), Exception> {
    let KeyRow { name, value, description, enabled, usage_plan_ids, .. } = row;
    if !KEY_LENGTH.contains(&value.chars().count()) {
        let (least, most) = (KEY_LENGTH.start(), KEY_LENGTH.end());
        return Err(Exception::bad_request(format!("Key must have {least} to {most} characters")));
    }
    api_key::check_value(&value)?;
    api_key::check_name(&name)?;
    api_key::check_description(&description)?;
    let enabled = enabled.map_err(Exception::bad_request)?;
    let known = state.api_key_with(&value).cloned();
    let known = known.unwrap_or_else(|| ApiKey {
        id: state.ids.long(),
        value: Some(value),
        created_date: now,
        ..ApiKey::default()
    });
    let text = |text: String| Some(text).filter(|text| !text.is_empty());
    let key =
        ApiKey { name: text(name), description: text(description), enabled, last_updated_date: now, ..known };
    let id = key.id.clone();
    state.api_keys.put(id.clone(), key);
    let refused = usage_plan_ids.iter().filter_map(|plan| match state.usage_plan_keys.child(plan, &id) {
        Some(_) => None,
        None => usage_plan_key::add(state, plan, &id).err(),
    });
    let refused: Vec<Exception> = refused.collect();
    Ok((id, refused))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::aws::testing::{control_plane, good};
    use crate::aws::{ControlPlane, Request};

    fn import(plane: &mut ControlPlane, query: &str, file: &str) -> (u16, Value) {
        let query = format!("mode=import&{query}");
        let request = Request {
            method: "POST",
            path: "/apikeys",
            query: &query,
            accept: "application/json",
            body: file.as_bytes(),
        };
        let response = plane.handle(&request, 1_700_000_000).response;
        plane.commit();
        (response.status, serde_json::from_slice(&response.body).unwrap())
    }

    #[test]
    fn imports_and_overwrites() {
        let mut plane = control_plane();
        let plan = good(&mut plane, "POST", "/usageplans", json!({"name": "p"}))["id"].clone();
        let (one, two) = ("1".repeat(30), "2".repeat(30));
        let file = format!(
            "enabled,KEY,Name,Other,UsagePlanIds\nFALSE,{one},first,x,\"{0},nobody\"\n,{two},second,,{0}\n,short,third,,\n",
            plan.as_str().unwrap()
        );
        let (status, answer) = import(&mut plane, "format=csv", &file);
        assert_eq!(status, 201, "{answer}");
        assert_eq!(
            answer["warnings"],
            json!(["Row 1: Invalid Usage Plan ID specified", "Row 3: Key must have 30 to 128 characters"])
        );
        let ids = answer["ids"].as_array().unwrap();
        assert_eq!(ids.len(), 2);
        let path = format!("/apikeys/{}?includeValue=true", ids[0].as_str().unwrap());
        let key = good(&mut plane, "GET", &path, json!(null));
        assert_eq!(
            (&key["enabled"], &key["value"], &key["name"]),
            (&json!(false), &json!(one), &json!("first"))
        );
        let keys = format!("/usageplans/{}/keys", plan.as_str().unwrap());
        assert_eq!(good(&mut plane, "GET", &keys, json!(null))["item"].as_array().unwrap().len(), 2);

        let file = format!("Name,Key,Description\nagain,{one},d\n");
        let (_, answer) = import(&mut plane, "format=csv&failonwarnings=true", &file);
        assert_eq!(answer, json!({"ids": [ids[0]], "warnings": []}));
        let key = good(&mut plane, "GET", &path, json!(null));
        assert_eq!((&key["enabled"], &key["name"]), (&json!(true), &json!("again")));
    }

    #[test]
    fn refuses() {
        let mut plane = control_plane();
        let file = format!("Name,Key\na,{}\nb,short", "1".repeat(30));
        for (query, file, message) in [
            ("format=csv", "Name\na", "Unable to import API keys: the file has no column Key"),
            ("format=csv&failonwarnings=true", file.as_str(), "Row 2: Key must have 30 to 128 characters"),
            (
                "format=xml",
                "",
                "1 validation error detected: Value 'xml' at 'format' failed to satisfy constraint: Member must satisfy \
                 enum value set: [csv]",
            ),
            (
                "",
                "",
                "1 validation error detected: Value null at 'format' failed to satisfy constraint: Member must not be null",
            ),
        ] {
            let (status, answer) = import(&mut plane, query, file);
            assert_eq!((status, &answer["message"]), (400, &json!(message)));
        }
        assert_eq!(good(&mut plane, "GET", "/apikeys", json!(null)), json!({"item": []}));
    }
}
