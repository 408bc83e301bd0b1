//! Request validators (tables.md §8.5).

use serde_json::to_value;

use crate::aws::call::Call;
use crate::aws::exception::Exception;
use crate::aws::operation::{Body, Operation, Support};
use crate::aws::page::page;
use crate::aws::patch::Op;
use crate::aws::table::key;
use crate::aws::wire::RequestValidator;
use crate::aws::{Answer, State};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateRequestValidator",
        method: "POST",
        uri: "/restapis/{restapi_id}/requestvalidators",
        status: 201,
        body: Body::Members(&["name", "validateRequestBody", "validateRequestParameters"]),
        query: &[],
        support: Support::Supported(create),
    },
    Operation {
        name: "DeleteRequestValidator",
        method: "DELETE",
        uri: "/restapis/{restapi_id}/requestvalidators/{requestvalidator_id}",
        status: 202,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(delete),
    },
    Operation {
        name: "GetRequestValidator",
        method: "GET",
        uri: "/restapis/{restapi_id}/requestvalidators/{requestvalidator_id}",
        status: 200,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(get),
    },
    Operation {
        name: "GetRequestValidators",
        method: "GET",
        uri: "/restapis/{restapi_id}/requestvalidators",
        status: 200,
        body: Body::Members(&[]),
        query: &["position", "limit"],
        support: Support::Supported(list),
    },
    Operation {
        name: "UpdateRequestValidator",
        method: "PATCH",
        uri: "/restapis/{restapi_id}/requestvalidators/{requestvalidator_id}",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Supported(update),
    },
];

/// The validator that a call names, or AWS's words for that it or its API is not there (tables.md §8.5).
fn find<'s>(state: &'s State, call: &Call<'_>) -> Result<&'s RequestValidator, Exception> {
    let found = state.request_validators.child(call.path("restapi_id"), call.path("requestvalidator_id"));
    found.ok_or_else(|| Exception::not_found("Invalid Request Validator identifier specified"))
}

fn create(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let api = call.path("restapi_id");
    let members = call.members();
    let mut validator = RequestValidator {
        id: String::new(),
        name: members.owned("name")?,
        validate_request_body: members.boolean("validateRequestBody")?.unwrap_or_default(),
        validate_request_parameters: members.boolean("validateRequestParameters")?.unwrap_or_default(),
    };
    // Recorded: not the words of the other operations, and 400 (tables.md §8.5).
    state.rest_api(api).map_err(|_| Exception::bad_request("Invalid REST API identifier specified"))?;
    check_name(validator.name.as_deref())?;
    validator.id = state.ids.short();
    let answer = Answer::of(&validator);
    state.request_validators.put(key(api, &validator.id), validator);
    Ok(answer)
}

fn check_name(name: Option<&str>) -> Result<(), Exception> {
    match name {
        Some(name) if name.trim().is_empty() => {
            Err(Exception::bad_request("Request Validator name cannot be blank"))
        }
        _ => Ok(()),
    }
}

fn get(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    Ok(Answer::of(find(state, call)?))
}

fn list(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let api = state.rest_api(call.path("restapi_id"))?;
    page(call, state.request_validators.children(&api.id), |row| to_value(row).unwrap_or_default())
}

fn delete(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let api = call.path("restapi_id");
    let id = find(state, call)?.id.clone();
    for (_, resource) in state.resources.children(api) {
        let mut methods = resource.resource_methods.values();
        if let Some(method) = methods.find(|method| method.request_validator_id.as_ref() == Some(&id)) {
            let user = format!("{}/{}", resource.path, method.http_method);
            let message =
                format!("Cannot delete request validator '{id}', is referenced in method request: {user}");
            return Err(Exception::conflict(message));
        }
    }
    state.request_validators.remove(&key(api, &id));
    Ok(Answer::Empty)
}

fn update(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let operations = call.patch_operations()?;
    let mut validator = find(state, call)?.clone();
    for operation in &operations {
        match (operation.segments().as_slice(), operation.op) {
            (["name"], Op::Replace) => {
                let name = operation.value.clone().unwrap_or_default();
                check_name(Some(&name))?;
                validator.name = Some(name);
            }
            (["validateRequestParameters"], Op::Replace) => {
                validator.validate_request_parameters = operation.boolean();
            }
            (["validateRequestBody"], Op::Replace) => validator.validate_request_body = operation.boolean(),
            _ => {
                let paths = "/name, /validateRequestParameters, /validateRequestBody";
                return Err(operation.refused_path(paths));
            }
        }
    }
    let answer = Answer::of(&validator);
    state.request_validators.put(key(call.path("restapi_id"), &validator.id), validator);
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::aws::testing::{ACCOUNT, a_method, call, control_plane, good, refused};

    #[test]
    fn a_life() {
        let mut plane = control_plane();
        let method = a_method(&mut plane);
        let validators = method.split("/resources").next().unwrap().to_owned() + "/requestvalidators";
        let made =
            good(&mut plane, "POST", &validators, json!({"name": "body", "validateRequestBody": true}));
        let id = made["id"].as_str().unwrap();
        assert_eq!(
            made,
            json!({"id": id, "name": "body", "validateRequestBody": true, "validateRequestParameters": false})
        );
        let path = format!("{validators}/{id}");
        assert_eq!(good(&mut plane, "GET", &path, json!(null)), made);
        assert_eq!(good(&mut plane, "GET", &validators, json!(null)), json!({"item": [made]}));
        let operations = json!([
            {"op": "replace", "path": "/name", "value": "all"},
            {"op": "replace", "path": "/validateRequestParameters", "value": "true"},
            {"op": "replace", "path": "/validateRequestBody"},
        ]);
        assert_eq!(
            good(&mut plane, "PATCH", &path, json!({"patchOperations": operations})),
            json!({"id": id, "name": "all", "validateRequestBody": false, "validateRequestParameters": true})
        );
        let operations = json!([{"op": "replace", "path": "/requestValidatorId", "value": id}]);
        good(&mut plane, "PATCH", &method, json!({"patchOperations": operations}));
        assert_eq!(refused(&mut plane, "DELETE", &path, json!(null)).0, "ConflictException");
        good(&mut plane, "DELETE", &method, json!(null));
        assert_eq!(call(&mut plane, "DELETE", &path, json!(null)).0, 202);
        let unknown = "Invalid Request Validator identifier specified";
        assert_eq!(refused(&mut plane, "GET", &path, json!(null)).1, unknown);
        assert_eq!(refused(&mut plane, "DELETE", &path, json!(null)).1, unknown);
    }

    #[test]
    fn refuses_in_aws_words() {
        let mut plane = control_plane();
        let unknown = "/restapis/nobody/requestvalidators";
        assert_eq!(
            refused(&mut plane, "POST", unknown, json!({"name": "a"})),
            ("BadRequestException".to_owned(), "Invalid REST API identifier specified".to_owned())
        );
        assert_eq!(
            refused(&mut plane, "GET", unknown, json!(null)).1,
            format!("Invalid API identifier specified {ACCOUNT}:nobody")
        );
        let method = a_method(&mut plane);
        let validators = method.split("/resources").next().unwrap().to_owned() + "/requestvalidators";
        let made = good(&mut plane, "POST", &validators, json!({"name": "a"}));
        let path = format!("{validators}/{}", made["id"].as_str().unwrap());
        let choose = "Please choose supported operations";
        for (op, at, value, expected) in [
            (
                "replace",
                "/wrong",
                "",
                "Invalid patch path  '/wrong' specified for op 'replace'. Must be one of: [/name, /validateRequestParameters, \
                 /validateRequestBody]"
                    .to_owned(),
            ),
            ("add", "/name", "b", format!("Invalid patch path  '/name' specified for op 'add'. {choose}")),
            ("remove", "/name", "", format!("Invalid patch path  '/name' specified for op 'remove'. {choose}")),
            ("replace", "/name", " ", "Request Validator name cannot be blank".to_owned()),
        ] {
            let body = json!({"patchOperations": [{"op": op, "path": at, "value": value}]});
            assert_eq!(refused(&mut plane, "PATCH", &path, body).1, expected);
        }
    }
}
