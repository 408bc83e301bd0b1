//! Base path mappings (tables.md §12.3).
//!
//! The base path of the root is called `(none)`. Base paths of several segments come from API mappings (apigatewayv2) alone.

use serde_json::json;

use crate::aws::call::Call;
use crate::aws::exception::{Exception, Violation};
use crate::aws::operation::{Body, Operation, Support};
use crate::aws::page::page;
use crate::aws::patch::Op;
use crate::aws::table::key;
use crate::aws::wire::BasePathMapping;
use crate::aws::{Answer, State};
use crate::domain_name::base_path_problem;

use super::domain_name;

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateBasePathMapping",
        method: "POST",
        uri: "/domainnames/{domain_name}/basepathmappings",
        status: 201,
        body: Body::Members(&["basePath", "restApiId", "stage"]),
        query: &["domainNameId"],
        support: Support::Supported(create),
    },
    Operation {
        name: "DeleteBasePathMapping",
        method: "DELETE",
        uri: "/domainnames/{domain_name}/basepathmappings/{base_path}",
        status: 202,
        body: Body::Members(&[]),
        query: &["domainNameId"],
        support: Support::Supported(delete),
    },
    Operation {
        name: "GetBasePathMapping",
        method: "GET",
        uri: "/domainnames/{domain_name}/basepathmappings/{base_path}",
        status: 200,
        body: Body::Members(&[]),
        query: &["domainNameId"],
        support: Support::Supported(get),
    },
    Operation {
        name: "GetBasePathMappings",
        method: "GET",
        uri: "/domainnames/{domain_name}/basepathmappings",
        status: 200,
        body: Body::Members(&[]),
        query: &["domainNameId", "position", "limit"],
        support: Support::Supported(list),
    },
    Operation {
        name: "UpdateBasePathMapping",
        method: "PATCH",
        uri: "/domainnames/{domain_name}/basepathmappings/{base_path}",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &["domainNameId"],
        support: Support::Supported(update),
    },
];

const NONE: &str = "(none)";

fn create(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let members = call.members();
    let missing = || Exception::validation(&[Violation::missing("createBasePathMappingInput.restApiId")]);
    let rest_api_id = members.owned("restApiId")?.ok_or_else(missing)?;
    let domain = domain_name::find(state, call)?.domain_name.clone();
    let mapping = BasePathMapping {
        base_path: checked_base_path(members.text("basePath")?)?,
        rest_api_id,
        stage: members.owned("stage")?.filter(|stage| !stage.is_empty()),
    };
    check_target(state, &mapping)?;
    check_is_free(state, &domain, &mapping.base_path)?;
    let answer = Answer::of(&mapping);
    state.base_path_mappings.put(key(&domain, &mapping.base_path), mapping);
    Ok(answer)
}

fn checked_base_path(text: Option<&str>) -> Result<String, Exception> {
    let text = text.filter(|text| !text.is_empty() && *text != NONE);
    let Some(text) = text else { return Ok(NONE.to_owned()) };
    if text.contains('/') {
        return Err(Exception::bad_request(
            "API Gateway V1 doesn't support the slash character (/) in base path mappings. To create a multi-level base path \
             mapping, use API Gateway V2.",
        ));
    }
    match base_path_problem(text) {
        None => Ok(text.to_owned()),
        Some(problem) => {
            Err(Exception::bad_request(format!("Invalid base path specified: {text}: {problem}")))
        }
    }
}

/// The API and the stage have to exist.
fn check_target(state: &State, mapping: &BasePathMapping) -> Result<(), Exception> {
    if state.rest_apis.get(&mapping.rest_api_id).is_none() {
        return Err(Exception::bad_request("Invalid REST API identifier specified"));
    }
    let is_there = |stage: &String| state.stages.child(&mapping.rest_api_id, stage).is_some();
    match mapping.stage.as_ref().is_none_or(is_there) {
        true => Ok(()),
        false => Err(Exception::bad_request("Invalid stage identifier specified")),
    }
}

fn check_is_free(state: &State, domain: &str, base_path: &str) -> Result<(), Exception> {
    match state.base_path_mappings.child(domain, base_path) {
        None => Ok(()),
        Some(_) => Err(Exception::conflict("Base path already exists for this domain name")),
    }
}

/// The key of the mapping that a call names, and the mapping.
fn find<'s>(state: &'s State, call: &Call<'_>) -> Result<(String, &'s BasePathMapping), Exception> {
    let key = key(&domain_name::find(state, call)?.domain_name, call.path("base_path"));
    let found = state.base_path_mappings.get(&key);
    let missing = || Exception::not_found("Invalid base path mapping identifier specified");
    Ok((key, found.ok_or_else(missing)?))
}

fn get(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    Ok(Answer::of(find(state, call)?.1))
}

fn list(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let domain = domain_name::find(state, call)?;
    page(call, state.base_path_mappings.children(&domain.domain_name), |mapping| json!(mapping))
}

fn delete(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let (key, _) = find(state, call)?;
    state.base_path_mappings.remove(&key);
    Ok(Answer::Empty)
}

fn update(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let operations = call.patch_operations()?;
    let (old, mapping) = find(state, call)?;
    let mut mapping = mapping.clone();
    for operation in &operations {
        match (operation.segments().as_slice(), operation.op) {
            (["basePath"], Op::Replace) => {
                mapping.base_path = checked_base_path(operation.value.as_deref())?;
            }
            // Both ways of writing it are in use.
            (["restapiId" | "restApiId"], Op::Replace) => {
                mapping.rest_api_id = operation.value.clone().unwrap_or_default();
            }
            (["stage"], Op::Replace) => mapping.stage = operation.text(),
            _ => return Err(operation.refused_path("/basePath, /restapiId, /stage")),
        }
    }
    check_target(state, &mapping)?;
    let domain = call.path("domain_name");
    let new = key(domain, &mapping.base_path);
    if new != old {
        check_is_free(state, domain, &mapping.base_path)?;
        state.base_path_mappings.remove(&old);
    }
    let answer = Answer::of(&mapping);
    state.base_path_mappings.put(new, mapping);
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::aws::ControlPlane;
    use crate::aws::table::key;
    use crate::aws::testing::{call, control_plane, good, refused};
    use crate::aws::wire::{BasePathMapping, Stage};

    const MAPPINGS: &str = "/domainnames/a.b/basepathmappings";

    /// A domain, and an API with a stage `s`.
    fn domain() -> (ControlPlane, String) {
        let mut plane = control_plane();
        let arn = "arn:aws:acm:us-east-1:1:certificate/c";
        good(&mut plane, "POST", "/domainnames", json!({"domainName": "a.b", "certificateArn": arn}));
        let api = good(&mut plane, "POST", "/restapis", json!({"name": "a"}));
        let api = api["id"].as_str().unwrap().to_owned();
        plane.state.stages.put(key(&api, "s"), Stage { stage_name: "s".into(), ..Stage::default() });
        (plane, api)
    }

    fn operation(op: &str, path: &str, value: &str) -> Value {
        json!({"patchOperations": [{"op": op, "path": path, "value": value}]})
    }

    #[test]
    fn maps() {
        let (mut plane, api) = domain();
        let (status, created) = call(&mut plane, "POST", MAPPINGS, json!({"restApiId": api, "stage": "s"}));
        assert_eq!((status, &created), (201, &json!({"basePath": "(none)", "restApiId": api, "stage": "s"})));
        for base_path in ["", "(none)"] {
            let body = json!({"restApiId": api, "basePath": base_path});
            assert_eq!(
                refused(&mut plane, "POST", MAPPINGS, body),
                ("ConflictException".into(), "Base path already exists for this domain name".into())
            );
        }
        good(&mut plane, "POST", MAPPINGS, json!({"restApiId": api, "basePath": "a+b"}));
        let listed = good(&mut plane, "GET", MAPPINGS, json!(null));
        assert_eq!(listed["item"].as_array().unwrap().len(), 2);
        assert_eq!(good(&mut plane, "GET", &format!("{MAPPINGS}/%28none%29"), json!(null)), created);
        let other = good(&mut plane, "GET", &format!("{MAPPINGS}/a%2Bb"), json!(null));
        assert!(other.get("stage").is_none());
        // As apigatewayv2 makes them.
        let deep = BasePathMapping { base_path: "a/b".into(), rest_api_id: api, stage: None };
        plane.state.base_path_mappings.put("a.b/a/b", deep);
        assert_eq!(good(&mut plane, "GET", &format!("{MAPPINGS}/a%2Fb"), json!(null))["basePath"], "a/b");
        assert_eq!(call(&mut plane, "DELETE", &format!("{MAPPINGS}/a%2Fb"), json!(null)).0, 202);
        for method in ["GET", "DELETE", "PATCH"] {
            assert_eq!(
                refused(&mut plane, method, &format!("{MAPPINGS}/a%2Fb"), json!(null)),
                ("NotFoundException".into(), "Invalid base path mapping identifier specified".into())
            );
        }
        good(&mut plane, "DELETE", "/domainnames/a.b", json!(null));
        assert_eq!(plane.state.base_path_mappings.iter().count(), 0);
    }

    #[test]
    fn refuses_to_create() {
        let (mut plane, api) = domain();
        for (body, message) in [
            (
                json!({}),
                "1 validation error detected: Value null at 'createBasePathMappingInput.restApiId' failed to satisfy constraint: \
                 Member must not be null",
            ),
            (json!({"restApiId": "x"}), "Invalid REST API identifier specified"),
            (json!({"restApiId": api, "stage": "x"}), "Invalid stage identifier specified"),
            (
                json!({"restApiId": api, "basePath": "a/b"}),
                "API Gateway V1 doesn't support the slash character (/) in base path mappings. To create a multi-level base \
                 path mapping, use API Gateway V2.",
            ),
            (
                json!({"restApiId": api, "basePath": "ping"}),
                "Invalid base path specified: ping: `ping` and `sping` are reserved for health checks",
            ),
        ] {
            assert_eq!(refused(&mut plane, "POST", MAPPINGS, body).1, message);
        }
        let body = json!({"restApiId": api});
        let unknown = refused(&mut plane, "POST", "/domainnames/x.y/basepathmappings", body);
        assert_eq!(unknown, ("NotFoundException".into(), "Invalid domain name identifier specified".into()));
    }

    #[test]
    fn patches() {
        let (mut plane, api) = domain();
        good(&mut plane, "POST", MAPPINGS, json!({"restApiId": api, "basePath": "v1"}));
        good(&mut plane, "POST", MAPPINGS, json!({"restApiId": api, "basePath": "v2"}));
        let other = good(&mut plane, "POST", "/restapis", json!({"name": "b"}))["id"].clone();
        let v1 = format!("{MAPPINGS}/v1");
        assert_eq!(good(&mut plane, "PATCH", &v1, operation("replace", "/stage", "s"))["stage"], "s");
        for (body, message) in [
            (operation("replace", "/basePath", "v2"), "Base path already exists for this domain name"),
            (operation("replace", "/restapiId", "x"), "Invalid REST API identifier specified"),
            (
                operation("replace", "/restapiId", other.as_str().unwrap()),
                "Invalid stage identifier specified",
            ),
            (operation("replace", "/stage", "x"), "Invalid stage identifier specified"),
            (
                operation("replace", "/x", "x"),
                "Invalid patch path  '/x' specified for op 'replace'. Must be one of: [/basePath, /restapiId, /stage]",
            ),
        ] {
            assert_eq!(refused(&mut plane, "PATCH", &v1, body).1, message);
        }
        good(&mut plane, "PATCH", &v1, operation("replace", "/stage", ""));
        let body = operation("replace", "/restapiId", other.as_str().unwrap());
        assert_eq!(good(&mut plane, "PATCH", &v1, body)["restApiId"], other);
        assert_eq!(
            good(&mut plane, "PATCH", &v1, operation("replace", "/basePath", ""))["basePath"],
            "(none)"
        );
        assert_eq!(call(&mut plane, "GET", &v1, json!(null)).0, 404);
        assert_eq!(call(&mut plane, "GET", &format!("{MAPPINGS}/(none)"), json!(null)).0, 200);
    }
}
