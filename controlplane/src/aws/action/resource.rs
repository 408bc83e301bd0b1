//! Resources (tables.md §8.2).

use ringway_core::limits::URL_BYTES_MAX;
use serde_json::{Value, json};

use crate::aws::call::Call;
use crate::aws::exception::Exception;
use crate::aws::operation::{Body, Operation, Support};
use crate::aws::page::page;
use crate::aws::patch::Op;
use crate::aws::table::key;
use crate::aws::wire::Resource;
use crate::aws::{Answer, State};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateResource",
        method: "POST",
        uri: "/restapis/{restapi_id}/resources/{parent_id}",
        status: 201,
        body: Body::Members(&["pathPart"]),
        query: &[],
        support: Support::Supported(create),
    },
    Operation {
        name: "DeleteResource",
        method: "DELETE",
        uri: "/restapis/{restapi_id}/resources/{resource_id}",
        status: 202,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(delete),
    },
    Operation {
        name: "GetResource",
        method: "GET",
        uri: "/restapis/{restapi_id}/resources/{resource_id}",
        status: 200,
        body: Body::Members(&[]),
        query: &["embed"],
        support: Support::Supported(get),
    },
    Operation {
        name: "GetResources",
        method: "GET",
        uri: "/restapis/{restapi_id}/resources",
        status: 200,
        body: Body::Members(&[]),
        query: &["position", "limit", "embed"],
        support: Support::Supported(list),
    },
    Operation {
        name: "UpdateResource",
        method: "PATCH",
        uri: "/restapis/{restapi_id}/resources/{resource_id}",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Supported(update),
    },
];

const INVALID_RESOURCE: &str = "Invalid Resource identifier specified";

/// The resource that a call names, or AWS's words for that it or its API is not there (tables.md §8.2).
pub(super) fn find<'s>(
    state: &'s State,
    call: &Call<'_>,
    parameter: &str,
) -> Result<&'s Resource, Exception> {
    let found = state.resources.child(call.path("restapi_id"), call.path(parameter));
    found.ok_or_else(|| Exception::not_found(INVALID_RESOURCE))
}

fn create(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let api = call.path("restapi_id");
    let parent = find(state, call, "parent_id")?.clone();
    let part = call.required("pathPart")?;
    check_place(state, api, &parent, part, "")?;
    let resource = Resource {
        id: state.ids.short(),
        path: below(&parent, part),
        parent_id: Some(parent.id),
        path_part: Some(part.to_owned()),
        ..Resource::default()
    };
    let answer = Answer::of(&resource);
    state.resources.put(key(api, &resource.id), resource);
    Ok(answer)
}

/// Whether a resource named `part` may lie below `parent`; `id` is the resource itself, where it is there already.
fn check_place(state: &State, api: &str, parent: &Resource, part: &str, id: &str) -> Result<(), Exception> {
    check_part(part)?;
    check_length(&below(parent, part))?;
    if let Some(greedy) = parent.path_part.as_deref().filter(|part| part.ends_with("+}")) {
        let message = format!("Cannot create a child of a resource with a greedy path variable: {greedy}");
        return Err(Exception::bad_request(message));
    }
    let siblings = state.resources.children(api).map(|(_, row)| row);
    for sibling in siblings.filter(|row| row.parent_id.as_ref() == Some(&parent.id) && row.id != id) {
        let name = sibling.path_part.as_deref().unwrap_or_default();
        if name == part {
            let message = format!("Another resource with the same parent already has this name: {part}");
            return Err(Exception::conflict(message));
        }
        if name.starts_with('{') && part.starts_with('{') {
            return Err(Exception::bad_request(format!(
                "A sibling ({name}) of this resource already has a variable path part -- only one is allowed"
            )));
        }
    }
    Ok(())
}

fn check_part(part: &str) -> Result<(), Exception> {
    let inner = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
    let name = inner.map_or(part, |inner| inner.strip_suffix('+').unwrap_or(inner));
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:,".contains(&byte);
    if !name.is_empty() && name.bytes().all(is_allowed) {
        return Ok(());
    }
    Err(Exception::bad_request(
        "Resource's path part only allow a-zA-Z0-9._-:, or a valid greedy path variable and curly braces at the beginning and the end.",
    ))
}

/// What is longer could never be called; and renaming a resource copies its name into every path below. The words are ours.
fn check_length(path: &str) -> Result<(), Exception> {
    match path.len() <= URL_BYTES_MAX {
        true => Ok(()),
        false => Err(Exception::bad_request(format!(
            "The path of a resource can be at most {URL_BYTES_MAX} characters, which is the most that a URL may have"
        ))),
    }
}

fn below(parent: &Resource, part: &str) -> String {
    format!("{}/{part}", parent.path.strip_suffix('/').unwrap_or(&parent.path))
}

fn delete(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let api = call.path("restapi_id");
    let resource = find(state, call, "resource_id")?;
    if resource.parent_id.is_none() {
        return Err(Exception::bad_request("Root resource cannot be deleted."));
    }
    let prefix = format!("{}/", resource.path);
    let ids = state.resources.children(api).filter(|(_, row)| row.path.starts_with(&prefix));
    let mut ids: Vec<String> = ids.map(|(id, _)| id.to_owned()).collect();
    ids.push(resource.id.clone());
    for id in ids {
        state.resources.remove(&key(api, &id));
    }
    Ok(Answer::Empty)
}

fn get(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    Ok(Answer::Json(show(find(state, call, "resource_id")?, embeds_methods(call))))
}

fn list(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let api = state.rest_api(call.path("restapi_id"))?;
    let with_methods = embeds_methods(call);
    page(call, state.resources.children(&api.id), |resource| show(resource, with_methods))
}

fn embeds_methods(call: &Call<'_>) -> bool {
    call.query_all("embed").contains(&"methods")
}

/// Without `embed=methods` only the verbs are told.
fn show(resource: &Resource, with_methods: bool) -> Value {
    let mut value = serde_json::to_value(resource).unwrap_or_default();
    if let Some(methods) = value.get_mut("resourceMethods").and_then(Value::as_object_mut) {
        methods.values_mut().filter(|_| !with_methods).for_each(|method| *method = json!({}));
    }
    value
}

fn update(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let api = call.path("restapi_id").to_owned();
    let operations = call.patch_operations()?;
    let mut resource = find(state, call, "resource_id")?.clone();
    for operation in &operations {
        let value = operation.value.clone().unwrap_or_default();
        match (operation.segments().as_slice(), operation.op) {
            ([name @ ("pathPart" | "parentId")], Op::Replace) if resource.parent_id.is_none() => {
                return Err(Exception::bad_request(format!("Root resource cannot update its {name}.")));
            }
            (["pathPart"], Op::Replace) => resource.path_part = Some(value),
            (["parentId"], Op::Replace) => resource.parent_id = Some(value),
            _ => return Err(operation.refused_path("/parentId, /pathPart")),
        }
    }
    let (Some(parent_id), Some(part)) = (&resource.parent_id, &resource.path_part) else {
        return Ok(Answer::Json(show(&resource, false)));
    };
    let parent = state.resources.child(&api, parent_id).cloned();
    let parent = parent.ok_or_else(|| Exception::not_found(INVALID_RESOURCE))?;
    let old = resource.path.clone();
    if parent.id == resource.id || parent.path.starts_with(&format!("{old}/")) {
        return Err(Exception::bad_request("Resources cannot be cyclical."));
    }
    check_place(state, &api, &parent, part, &resource.id)?;
    resource.path = below(&parent, part);
    move_descendants(state, &api, &old, &resource.path)?;
    let shown = show(&resource, false);
    state.resources.put(key(&api, &resource.id), resource);
    Ok(Answer::Json(shown))
}

fn move_descendants(state: &mut State, api: &str, from: &str, to: &str) -> Result<(), Exception> {
    let prefix = format!("{from}/");
    let below = state.resources.children(api).filter(|(_, row)| row.path.starts_with(&prefix));
    let below: Vec<Resource> = below.map(|(_, row)| row.clone()).collect();
    for mut resource in below {
        resource.path = format!("{to}/{}", &resource.path[prefix.len()..]);
        check_length(&resource.path)?;
        state.resources.put(key(api, &resource.id), resource);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::aws::testing::{call, control_plane, good, refused};

    #[test]
    fn a_tree() {
        let mut plane = control_plane();
        let api = good(&mut plane, "POST", "/restapis", json!({"name": "a"}));
        let resources = format!("/restapis/{}/resources", api["id"].as_str().unwrap());
        let root = api["rootResourceId"].as_str().unwrap();
        let create = |plane: &mut _, parent: &str, part: &str| {
            let resource = good(plane, "POST", &format!("{resources}/{parent}"), json!({"pathPart": part}));
            resource["id"].as_str().unwrap().to_owned()
        };
        let pets = create(&mut plane, root, "pets");
        let pet = create(&mut plane, &pets, "{id}");
        let proxy = create(&mut plane, root, "{proxy+}");
        let message = |plane: &mut _, parent: &str, part: &str| {
            refused(plane, "POST", &format!("{resources}/{parent}"), json!({"pathPart": part}))
        };
        assert_eq!(
            message(&mut plane, root, "{other}").1,
            "A sibling ({proxy+}) of this resource already has a variable path part -- only one is allowed"
        );
        assert_eq!(
            message(&mut plane, &proxy, "x").1,
            "Cannot create a child of a resource with a greedy path variable: {proxy+}"
        );
        assert_eq!(message(&mut plane, root, "pets").0, "ConflictException");
        assert_eq!(message(&mut plane, "nobody", "x").1, "Invalid Resource identifier specified");

        let rename = json!({"patchOperations": [{"op": "replace", "path": "/pathPart", "value": "cats"}]});
        assert_eq!(good(&mut plane, "PATCH", &format!("{resources}/{pets}"), rename)["path"], "/cats");
        assert_eq!(good(&mut plane, "GET", &format!("{resources}/{pet}"), json!(null))["path"], "/cats/{id}");
        let long =
            json!({"patchOperations": [{"op": "replace", "path": "/pathPart", "value": "a".repeat(10_236)}]});
        let (_, told) = refused(&mut plane, "PATCH", &format!("{resources}/{pets}"), long);
        assert!(told.starts_with("The path of a resource can be at most 10240 characters"), "{told}");
        let cyclic = json!({"patchOperations": [{"op": "replace", "path": "/parentId", "value": pet}]});
        assert_eq!(
            refused(&mut plane, "PATCH", &format!("{resources}/{pets}"), cyclic).1,
            "Resources cannot be cyclical."
        );
        let wrong = json!({"patchOperations": [{"op": "replace", "path": "/invalid", "value": "x"}]});
        assert_eq!(
            refused(&mut plane, "PATCH", &format!("{resources}/{pets}"), wrong).1,
            "Invalid patch path  '/invalid' specified for op 'replace'. Must be one of: [/parentId, /pathPart]"
        );
        assert_eq!(call(&mut plane, "DELETE", &format!("{resources}/{pets}"), json!(null)).0, 202);
        assert_eq!(call(&mut plane, "GET", &format!("{resources}/{pet}"), json!(null)).0, 404);
    }
}
