//! API keys (tables.md §8.8, §9.6).

use serde_json::Value;

use crate::aws::call::Call;
use crate::aws::exception::Exception;
use crate::aws::operation::{Body, Operation, Support};
use crate::aws::page::page;
use crate::aws::patch::{Op, PatchOperation};
use crate::aws::table::key;
use crate::aws::wire::ApiKey;
use crate::aws::{Answer, State};

use super::{api_key_import, tags};
use crate::usage::value_problem;

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateApiKey",
        method: "POST",
        uri: "/apikeys",
        status: 201,
        body: Body::Members(&[
            "name",
            "description",
            "enabled",
            "generateDistinctId",
            "value",
            "stageKeys",
            "customerId",
            "tags",
        ]),
        query: &[],
        support: Support::Supported(create),
    },
    Operation {
        name: "DeleteApiKey",
        method: "DELETE",
        uri: "/apikeys/{api_Key}",
        status: 202,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(delete),
    },
    Operation {
        name: "GetApiKey",
        method: "GET",
        uri: "/apikeys/{api_Key}",
        status: 200,
        body: Body::Members(&[]),
        query: &["includeValue"],
        support: Support::Supported(get),
    },
    Operation {
        name: "GetApiKeys",
        method: "GET",
        uri: "/apikeys",
        status: 200,
        body: Body::Members(&[]),
        query: &["position", "limit", "name", "customerId", "includeValues"],
        support: Support::Supported(list),
    },
    Operation {
        name: "ImportApiKeys",
        method: "POST",
        uri: "/apikeys?mode=import",
        status: 201,
        body: Body::Document,
        query: &["format", "failonwarnings"],
        support: Support::Supported(api_key_import::import),
    },
    Operation {
        name: "UpdateApiKey",
        method: "PATCH",
        uri: "/apikeys/{api_Key}",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Supported(update),
    },
];

/// Characters of a name at most (tables.md §8.8).
const NAME_LENGTH: usize = 1024;
/// Characters of a value at least, and at most (tables.md §9.6).
const VALUE_LENGTH: std::ops::RangeInclusive<usize> = 20..=128;
/// Characters of a description at most.
const DESCRIPTION_LENGTH: usize = 125_000;

fn create(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let members = call.members();
    let text = |name: &str| Ok::<_, Exception>(members.owned(name)?.filter(|text| !text.is_empty()));
    let (name, description, value) = (text("name")?, text("description")?, text("value")?);
    let enabled = members.boolean("enabled")?.unwrap_or_default();
    let is_distinct = members.boolean("generateDistinctId")?.unwrap_or(true);
    name.as_deref().map_or(Ok(()), check_name)?;
    value.as_deref().map_or(Ok(()), check_value)?;
    description.as_deref().map_or(Ok(()), check_description)?;
    if members.list("stageKeys")?.is_some_and(|stages| !stages.is_empty()) {
        // The predecessor of usage plans, deprecated in the service's model.
        return Err(Exception::bad_request(
            "stageKeys is not supported here: add the key to a usage plan of the stage",
        ));
    }
    if value.as_deref().is_some_and(|value| state.api_key_with(value).is_some()) {
        return Err(Exception::conflict("API Key already exists"));
    }
    let value = value.unwrap_or_else(|| state.ids.key_value());
    let row = ApiKey {
        id: if is_distinct { state.ids.long() } else { value.clone() },
        value: Some(value),
        name,
        customer_id: text("customerId")?,
        description,
        enabled,
        created_date: call.now,
        last_updated_date: call.now,
        stage_keys: Vec::new(),
        tags: tags::read(&members)?,
    };
    let answer = Answer::of(&row);
    state.api_keys.put(row.id.clone(), row);
    Ok(answer)
}

pub(super) fn check_name(name: &str) -> Result<(), Exception> {
    match name.chars().count() <= NAME_LENGTH {
        true => Ok(()),
        false => Err(Exception::bad_request("Invalid API Key name, can be at most 1024 characters.")),
    }
}

pub(super) fn check_value(value: &str) -> Result<(), Exception> {
    let length = value.chars().count();
    if length > *VALUE_LENGTH.end() {
        return Err(Exception::bad_request("API Key value exceeds maximum size of 128 characters"));
    }
    if length < *VALUE_LENGTH.start() {
        return Err(Exception::bad_request("API Key value should be at least 20 characters"));
    }
    // A header could not carry it. AWS does not tell its words.
    value_problem(value).map_or(Ok(()), |problem| Err(Exception::bad_request(problem)))
}

pub(super) fn check_description(description: &str) -> Result<(), Exception> {
    match description.chars().count() <= DESCRIPTION_LENGTH {
        true => Ok(()),
        false => Err(Exception::bad_request("Invalid API Key description specified.")),
    }
}

/// The key of this id, or AWS's words for that there is none.
pub(super) fn find<'s>(state: &'s State, id: &str) -> Result<&'s ApiKey, Exception> {
    state.api_keys.get(id).ok_or_else(|| Exception::not_found("Invalid API Key identifier specified"))
}

fn get(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let row = find(state, call.path("api_Key"))?;
    Ok(Answer::Json(show(tags::shown(row), call.query_flag("includeValue"))))
}

fn show(mut row: Value, with_value: bool) -> Value {
    if let Some(members) = row.as_object_mut().filter(|_| !with_value) {
        members.remove("value");
    }
    row
}

/// `name` is `nameQuery`: what names begin with, in their case (tables.md §8.8).
fn list(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let (prefix, customer) = (call.query("name").unwrap_or_default(), call.query("customerId"));
    let rows = state.api_keys.iter().filter(|(_, row)| {
        row.name.as_deref().unwrap_or_default().starts_with(prefix)
            && customer.is_none_or(|customer| row.customer_id.as_deref() == Some(customer))
    });
    let with_values = call.query_flag("includeValues");
    page(call, rows, |row| show(tags::hidden(row), with_values))
}

fn delete(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let id = find(state, call.path("api_Key"))?.id.clone();
    state.api_keys.remove(&id);
    let plans: Vec<String> = state.plans_of(&id).map(str::to_owned).collect();
    for plan in plans {
        state.usage_plan_keys.remove(&key(&plan, &id));
    }
    Ok(Answer::Empty)
}

fn update(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let operations = call.patch_operations()?;
    let mut row = find(state, call.path("api_Key"))?.clone();
    for operation in &operations {
        patch(&mut row, operation)?;
    }
    row.last_updated_date = call.now;
    let shown = show(tags::shown(&row), false);
    state.api_keys.put(row.id.clone(), row);
    Ok(Answer::Json(shown))
}

fn patch(row: &mut ApiKey, operation: &PatchOperation) -> Result<(), Exception> {
    match (operation.segments().as_slice(), operation.op) {
        (["description"], Op::Replace) => {
            row.description = operation.text();
            row.description.as_deref().map_or(Ok(()), check_description)?;
        }
        (["enabled"], Op::Replace) => row.enabled = operation.boolean(),
        (["name"], Op::Replace) => {
            row.name = operation.text();
            row.name.as_deref().map_or(Ok(()), check_name)?;
        }
        (["customerId"], Op::Replace) => row.customer_id = operation.text(),
        _ => return Err(operation.refused_path("/description, /enabled, /name, /customerId")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::aws::ControlPlane;
    use crate::aws::testing::{call, control_plane, good, refused};

    const VALUE: &str = "abcdefghijklmnopqrstuvwxyz";

    fn operation(op: &str, path: &str, value: &str) -> Value {
        json!({"patchOperations": [{"op": op, "path": path, "value": value}]})
    }

    fn create(plane: &mut ControlPlane, body: Value) -> String {
        good(plane, "POST", "/apikeys", body)["id"].as_str().unwrap().to_owned()
    }

    #[test]
    fn creates_with_defaults() {
        let mut plane = control_plane();
        let (status, created) = call(&mut plane, "POST", "/apikeys", json!({"name": ""}));
        assert_eq!(status, 201);
        assert_eq!(created["value"].as_str().unwrap().len(), 40);
        assert_eq!(created["enabled"], false);
        assert_eq!(created["stageKeys"], json!([]));
        assert!(created.get("name").is_none() && created.get("tags").is_none());
        let path = format!("/apikeys/{}", created["id"].as_str().unwrap());
        let found = good(&mut plane, "GET", &path, json!(null));
        assert!(found.get("value").is_none());
        assert_eq!(found["tags"], json!({}));
        let found = good(&mut plane, "GET", &format!("{path}?includeValue=true"), json!(null));
        assert_eq!(found["value"], created["value"]);
        assert_eq!(call(&mut plane, "DELETE", &path, json!(null)).0, 202);
        let missing = ("NotFoundException".to_owned(), "Invalid API Key identifier specified".to_owned());
        for method in ["GET", "DELETE"] {
            assert_eq!(refused(&mut plane, method, &path, json!(null)), missing);
        }
        assert_eq!(refused(&mut plane, "PATCH", &path, operation("replace", "/name", "a")), missing);
    }

    #[test]
    fn may_have_its_value_as_id() {
        let mut plane = control_plane();
        assert_eq!(create(&mut plane, json!({"value": VALUE, "generateDistinctId": false})), VALUE);
    }

    #[test]
    fn refuses_to_create() {
        let mut plane = control_plane();
        create(&mut plane, json!({"value": VALUE}));
        let stage = json!([{"restApiId": "a", "stageName": "b"}]);
        for (body, exception, message) in [
            (json!({"value": VALUE}), "ConflictException", "API Key already exists"),
            (
                json!({"value": "a".repeat(19)}),
                "BadRequestException",
                "API Key value should be at least 20 characters",
            ),
            (
                json!({"value": "a".repeat(129)}),
                "BadRequestException",
                "API Key value exceeds maximum size of 128 characters",
            ),
            (
                json!({"name": "a".repeat(1025)}),
                "BadRequestException",
                "Invalid API Key name, can be at most 1024 characters.",
            ),
            (
                json!({"description": "a".repeat(125_001)}),
                "BadRequestException",
                "Invalid API Key description specified.",
            ),
            (
                json!({"stageKeys": stage}),
                "BadRequestException",
                "stageKeys is not supported here: add the key to a usage plan of the stage",
            ),
        ] {
            let found = refused(&mut plane, "POST", "/apikeys", body);
            assert_eq!(found, (exception.to_owned(), message.to_owned()));
        }
    }

    #[test]
    fn lists_by_prefix_and_customer() {
        let mut plane = control_plane();
        create(&mut plane, json!({"name": "Pets", "customerId": "c", "value": VALUE, "tags": {"k": "v"}}));
        create(&mut plane, json!({"name": "Cats"}));
        let mut names = |query: &str| {
            let found = good(&mut plane, "GET", &format!("/apikeys{query}"), json!(null));
            let items = found["item"].as_array().unwrap().clone();
            assert!(items.iter().all(|item| item.get("tags").is_none()));
            items
        };
        assert_eq!(names("").len(), 2);
        assert_eq!(names("?name=Pe").len(), 1);
        for query in ["?name=pe", "?name=ets", "?name=et", "?customerId=d"] {
            assert_eq!(names(query).len(), 0, "{query}");
        }
        assert!(names("?customerId=c")[0].get("value").is_none());
        assert_eq!(names("?customerId=c&includeValues=true")[0]["value"], VALUE);
    }

    #[test]
    fn patches() {
        let mut plane = control_plane();
        let path = format!("/apikeys/{}", create(&mut plane, json!({"enabled": true})));
        for (member, value) in [("name", "n"), ("description", "d"), ("customerId", "c")] {
            let body = operation("replace", &format!("/{member}"), value);
            let patched = good(&mut plane, "PATCH", &path, body);
            assert_eq!(patched[member], value);
            assert!(patched.get("value").is_none());
        }
        let patched = good(&mut plane, "PATCH", &path, operation("replace", "/enabled", "maybe"));
        assert_eq!(patched["enabled"], false);
        let list = "Must be one of: [/description, /enabled, /name, /customerId]";
        for (body, message) in [
            (
                operation("replace", "/id", "x"),
                format!("Invalid patch path  '/id' specified for op 'replace'. {list}"),
            ),
            (
                operation("add", "/stages", "a/b"),
                "Invalid patch path  '/stages' specified for op 'add'. Please choose supported operations"
                    .into(),
            ),
            (
                operation("replace", "/description", &"a".repeat(125_001)),
                "Invalid API Key description specified.".into(),
            ),
            (
                operation("replace", "/name", &"a".repeat(1025)),
                "Invalid API Key name, can be at most 1024 characters.".into(),
            ),
        ] {
            assert_eq!(refused(&mut plane, "PATCH", &path, body).1, message);
        }
    }
}
