//! Documentation parts and versions (tables.md §8.5).

use std::path::Path;

use serde_json::json;

use crate::aws::call::{Call, Members};
use crate::aws::deploy;
use crate::aws::exception::{Exception, Violation};
use crate::aws::operation::{Body, Operation, Support};
use crate::aws::page::page;
use crate::aws::patch::Op;
use crate::aws::table::key;
use crate::aws::wire::{DocumentationPart, DocumentationPartLocation, DocumentationVersion};
use crate::aws::{Answer, State};
use crate::openapi;

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateDocumentationPart",
        method: "POST",
        uri: "/restapis/{restapi_id}/documentation/parts",
        status: 201,
        body: Body::Members(&["location", "properties"]),
        query: &[],
        support: Support::Supported(create_part),
    },
    Operation {
        name: "CreateDocumentationVersion",
        method: "POST",
        uri: "/restapis/{restapi_id}/documentation/versions",
        status: 201,
        body: Body::Members(&["documentationVersion", "stageName", "description"]),
        query: &[],
        support: Support::Supported(create_version),
    },
    Operation {
        name: "DeleteDocumentationPart",
        method: "DELETE",
        uri: "/restapis/{restapi_id}/documentation/parts/{part_id}",
        status: 202,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(delete_part),
    },
    Operation {
        name: "DeleteDocumentationVersion",
        method: "DELETE",
        uri: "/restapis/{restapi_id}/documentation/versions/{doc_version}",
        status: 202,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(delete_version),
    },
    Operation {
        name: "GetDocumentationPart",
        method: "GET",
        uri: "/restapis/{restapi_id}/documentation/parts/{part_id}",
        status: 200,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(get_part),
    },
    Operation {
        name: "GetDocumentationParts",
        method: "GET",
        uri: "/restapis/{restapi_id}/documentation/parts",
        status: 200,
        body: Body::Members(&[]),
        query: &["type", "name", "path", "position", "limit", "locationStatus"],
        support: Support::Supported(list_parts),
    },
    Operation {
        name: "GetDocumentationVersion",
        method: "GET",
        uri: "/restapis/{restapi_id}/documentation/versions/{doc_version}",
        status: 200,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(get_version),
    },
    Operation {
        name: "GetDocumentationVersions",
        method: "GET",
        uri: "/restapis/{restapi_id}/documentation/versions",
        status: 200,
        body: Body::Members(&[]),
        query: &["position", "limit"],
        support: Support::Supported(list_versions),
    },
    Operation {
        name: "ImportDocumentationParts",
        method: "PUT",
        uri: "/restapis/{restapi_id}/documentation/parts",
        status: 200,
        body: Body::Document,
        query: &["mode", "failonwarnings"],
        support: Support::Supported(import_parts),
    },
    Operation {
        name: "UpdateDocumentationPart",
        method: "PATCH",
        uri: "/restapis/{restapi_id}/documentation/parts/{part_id}",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Supported(update_part),
    },
    Operation {
        name: "UpdateDocumentationVersion",
        method: "PATCH",
        uri: "/restapis/{restapi_id}/documentation/versions/{doc_version}",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Supported(update_version),
    },
];

/// AWS's order.
const TYPES: &str = "RESPONSE_BODY, RESPONSE, METHOD, MODEL, AUTHORIZER, RESPONSE_HEADER, RESOURCE, PATH_PARAMETER, \
                     REQUEST_BODY, QUERY_PARAMETER, API, REQUEST_HEADER";

fn find_part<'s>(state: &'s State, call: &Call<'_>) -> Result<&'s DocumentationPart, Exception> {
    let found = state.documentation_parts.child(call.path("restapi_id"), call.path("part_id"));
    found.ok_or_else(|| Exception::not_found("Invalid Documentation part identifier specified"))
}

fn create_part(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let (members, input) = (call.members(), call.input());
    let mut violations = Vec::new();
    let known = ["type", "path", "method", "statusCode", "name"];
    let location = match members.structure("location", &known)? {
        Some(location) => read_location(&location, &input, &mut violations)?,
        None => {
            violations.push(Violation::missing(format!("{input}.location")));
            DocumentationPartLocation::default()
        }
    };
    let properties = members.owned("properties")?;
    if properties.is_none() {
        violations.push(Violation::missing(format!("{input}.properties")));
    }
    if !violations.is_empty() {
        return Err(Exception::validation(&violations));
    }
    let api = state.rest_api(call.path("restapi_id"))?.id.clone();
    let properties = checked(properties)?;
    if state.documentation_parts.children(&api).any(|(_, row)| row.location == location) {
        return Err(Exception::conflict(format!(
            "Documentation part already exists for the specified location: {}.",
            shown(&location)
        )));
    }
    let part = DocumentationPart { id: state.ids.short(), location, properties };
    let answer = Answer::of(&part);
    state.documentation_parts.put(key(&api, &part.id), part);
    Ok(answer)
}

fn read_location(
    location: &Members<'_>,
    input: &str,
    violations: &mut Vec<Violation>,
) -> Result<DocumentationPartLocation, Exception> {
    let kind = location.owned("type")?;
    match kind.as_deref() {
        None => violations.push(Violation::missing(format!("{input}.location.type"))),
        Some(kind) if !TYPES.split(", ").any(|known| known == kind) => {
            violations.push(Violation::not_in(kind, format!("{input}.location.type"), TYPES));
        }
        Some(_) => {}
    }
    Ok(DocumentationPartLocation {
        kind: kind.unwrap_or_default(),
        path: location.owned("path")?,
        method: location.owned("method")?,
        status_code: location.owned("statusCode")?,
        name: location.owned("name")?,
    })
}

/// `type 'METHOD', path '/', method 'GET'`
fn shown(location: &DocumentationPartLocation) -> String {
    let DocumentationPartLocation { kind, path, method, status_code, name } = location;
    let members = [
        ("type", Some(kind)),
        ("path", path.as_ref()),
        ("method", method.as_ref()),
        ("statusCode", status_code.as_ref()),
        ("name", name.as_ref()),
    ];
    let told = members.iter().filter_map(|(what, value)| value.map(|value| format!("{what} '{value}'")));
    told.collect::<Vec<_>>().join(", ")
}

fn checked(properties: Option<String>) -> Result<String, Exception> {
    properties
        .filter(|properties| !properties.is_empty())
        .ok_or_else(|| Exception::bad_request("Documentation part properties must be non-empty"))
}

fn delete_part(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    // Recorded: here the API is told first.
    state.rest_api(call.path("restapi_id"))?;
    let id = find_part(state, call)?.id.clone();
    state.documentation_parts.remove(&key(call.path("restapi_id"), &id));
    Ok(Answer::Empty)
}

fn get_part(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    find_part(state, call).map(Answer::of)
}

fn list_parts(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let api = state.rest_api(call.path("restapi_id"))?;
    match call.query("locationStatus") {
        None | Some("DOCUMENTED") => {}
        Some("UNDOCUMENTED") => {
            return Err(Exception::bad_request("locationStatus UNDOCUMENTED is not supported here"));
        }
        Some(other) => {
            let violation = Violation::not_in(other, "locationStatus", "DOCUMENTED, UNDOCUMENTED");
            return Err(Exception::validation(&[violation]));
        }
    }
    let is = |name: &str, value: Option<&String>| {
        call.query(name).is_none_or(|wanted| value.is_some_and(|value| value == wanted))
    };
    let parts = state.documentation_parts.children(&api.id).filter(|(_, row)| {
        let location = &row.location;
        // `path` finds what lies below it too.
        let below = call.query("path").is_none_or(|path| {
            location.path.as_deref().is_some_and(|known| {
                known == path || known.starts_with(&format!("{}/", path.trim_end_matches('/')))
            })
        });
        is("type", Some(&location.kind)) && is("name", location.name.as_ref()) && below
    });
    page(call, parts, |part| json!(part))
}

fn update_part(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let operations = call.patch_operations()?;
    let mut part = find_part(state, call)?.clone();
    for operation in &operations {
        match (operation.segments().as_slice(), operation.op) {
            (["properties"], Op::Replace) => part.properties = checked(operation.value.clone())?,
            _ => return Err(operation.refused_path("/properties")),
        }
    }
    let answer = Answer::of(&part);
    state.documentation_parts.put(key(call.path("restapi_id"), &part.id), part);
    Ok(answer)
}

/// What a document has under `x-amazon-apigateway-documentation`; AWS also makes parts of descriptions elsewhere, which are not read.
fn import_parts(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let mode = call.query("mode").filter(|mode| !mode.is_empty()).unwrap_or("merge");
    if !["merge", "overwrite"].contains(&mode) {
        return Err(Exception::validation(&[Violation::not_in(mode, "mode", "overwrite, merge")]));
    }
    let api = state.rest_api(call.path("restapi_id"))?.id.clone();
    let unreadable = || Exception::bad_request("Unable to build importer with provided input.");
    let text = std::str::from_utf8(call.document).map_err(|_| unreadable())?;
    let (parts, issues) = openapi::documentation_parts(text, Path::new("body")).map_err(|_| unreadable())?;
    let warnings: Vec<String> =
        issues.iter().map(|issue| format!("{}: {}", issue.pointer, issue.message)).collect();
    if call.query_flag("failonwarnings") && !warnings.is_empty() {
        return Err(Exception::bad_request(format!(
            "Warnings found during import:\n\t{}",
            warnings.join("\n\t")
        )));
    }
    if mode == "overwrite" {
        state.documentation_parts.remove_children(&api);
    }
    let ids = deploy::documentation_parts(state, &api, &parts);
    let mut answer = json!({ "ids": ids });
    if !warnings.is_empty() {
        answer["warnings"] = json!(warnings);
    }
    Ok(Answer::Json(answer))
}

fn find_version<'s>(state: &'s State, call: &Call<'_>) -> Result<&'s DocumentationVersion, Exception> {
    let api = state.rest_api(call.path("restapi_id"))?;
    let found = state.documentation_versions.child(&api.id, call.path("doc_version"));
    found.ok_or_else(|| Exception::not_found("Invalid Documentation version specified"))
}

/// A version is its name: exports take the parts of the deployment.
fn create_version(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let members = call.members();
    let version = call.required("documentationVersion")?.to_owned();
    let api = state.rest_api(call.path("restapi_id"))?.id.clone();
    if version.is_empty() {
        return Err(Exception::bad_request("Documentation version must be non-empty"));
    }
    if state.documentation_versions.child(&api, &version).is_some() {
        return Err(Exception::conflict(format!("Documentation version already exists: {version}")));
    }
    if let Some(name) = members.text("stageName")?.filter(|name| !name.is_empty()) {
        let stage = state.stages.child(&api, name).cloned();
        let mut stage = stage.ok_or_else(|| Exception::not_found("Invalid stage identifier specified"))?;
        stage.documentation_version = Some(version.clone());
        stage.last_updated_date = call.now;
        state.stages.put(key(&api, name), stage);
    }
    let description = members.owned("description")?.filter(|text| !text.is_empty());
    let row = DocumentationVersion { version, created_date: call.now, description };
    let answer = Answer::of(&row);
    state.documentation_versions.put(key(&api, &row.version), row);
    Ok(answer)
}

fn delete_version(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let version = find_version(state, call)?.version.clone();
    state.documentation_versions.remove(&key(call.path("restapi_id"), &version));
    Ok(Answer::Empty)
}

fn get_version(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    find_version(state, call).map(Answer::of)
}

fn list_versions(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let api = state.rest_api(call.path("restapi_id"))?;
    page(call, state.documentation_versions.children(&api.id), |version| json!(version))
}

fn update_version(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let operations = call.patch_operations()?;
    let mut row = find_version(state, call)?.clone();
    for operation in &operations {
        match (operation.segments().as_slice(), operation.op) {
            (["description"], Op::Replace) => row.description = operation.text(),
            _ => return Err(operation.refused_path("/description")),
        }
    }
    let answer = Answer::of(&row);
    state.documentation_versions.put(key(call.path("restapi_id"), &row.version), row);
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::aws::testing::{call, control_plane, deploy, good, mocked_api, refused};

    #[test]
    fn parts() {
        let mut plane = control_plane();
        let api = mocked_api(&mut plane);
        let parts = format!("/restapis/{api}/documentation/parts");
        let body = |kind: &str| json!({"location": {"type": kind, "path": "/"}, "properties": "{\"a\":1}"});
        let (status, part) = call(&mut plane, "POST", &parts, body("METHOD"));
        assert_eq!(status, 201);
        let id = part["id"].as_str().unwrap();
        assert_eq!(
            part,
            json!({"id": id, "location": {"type": "METHOD", "path": "/"}, "properties": "{\"a\":1}"})
        );
        assert_eq!(
            refused(&mut plane, "POST", &parts, body("METHOD")).1,
            "Documentation part already exists for the specified location: type 'METHOD', path '/'."
        );
        assert_eq!(
            refused(&mut plane, "POST", &parts, body("INVALID")).1,
            "1 validation error detected: Value 'INVALID' at 'createDocumentationPartInput.location.type' failed to satisfy \
             constraint: Member must satisfy enum value set: [RESPONSE_BODY, RESPONSE, METHOD, MODEL, AUTHORIZER, \
             RESPONSE_HEADER, RESOURCE, PATH_PARAMETER, REQUEST_BODY, QUERY_PARAMETER, API, REQUEST_HEADER]"
        );
        let of = format!("{parts}/{id}");
        let patch = |path: &str, value: &str| json!({"patchOperations": [{"op": "replace", "path": path, "value": value}]});
        assert_eq!(good(&mut plane, "PATCH", &of, patch("/properties", "{}"))["properties"], "{}");
        assert_eq!(
            refused(&mut plane, "PATCH", &of, patch("/invalidPath", "x")).1,
            "Invalid patch path  '/invalidPath' specified for op 'replace'. Must be one of: [/properties]"
        );
        let document = json!({"openapi": "3.0.0", "x-amazon-apigateway-documentation": {"documentationParts": [
            {"location": {"type": "API"}, "properties": {"description": "d"}},
            {"location": {"type": "METHOD", "path": "/"}, "properties": {}}
        ]}});
        let merged = good(&mut plane, "PUT", &parts, document.clone());
        assert_eq!(merged["ids"][1], id, "what is there keeps its id");
        let over = good(&mut plane, "PUT", &format!("{parts}?mode=overwrite"), document);
        assert!(!over["ids"].as_array().unwrap().contains(&json!(id)));
        assert_eq!(
            refused(&mut plane, "PUT", &parts, json!("x")).1,
            "Unable to build importer with provided input."
        );
        let listed = good(&mut plane, "GET", &format!("{parts}?type=API"), json!(null));
        assert_eq!(listed["item"].as_array().unwrap().len(), 1);
        assert_eq!(
            refused(&mut plane, "GET", &of, json!(null)).1,
            "Invalid Documentation part identifier specified"
        );
    }

    #[test]
    fn versions() {
        let mut plane = control_plane();
        let api = mocked_api(&mut plane);
        deploy(&mut plane, &api, Some("prod"));
        let versions = format!("/restapis/{api}/documentation/versions");
        let body = json!({"documentationVersion": "1", "stageName": "prod"});
        let (status, version) = call(&mut plane, "POST", &versions, body.clone());
        assert_eq!((status, version), (201, json!({"version": "1", "createdDate": 1_700_000_000})));
        assert_eq!(refused(&mut plane, "POST", &versions, body).0, "ConflictException");
        let stage = good(&mut plane, "GET", &format!("/restapis/{api}/stages/prod"), json!(null));
        assert_eq!(stage["documentationVersion"], "1");
        assert_eq!(call(&mut plane, "DELETE", &format!("{versions}/1"), json!(null)).0, 202);
        assert_eq!(refused(&mut plane, "GET", &format!("{versions}/1"), json!(null)).0, "NotFoundException");
    }
}
