//! Method responses (tables.md §8.3).

use super::method;
use super::parameters::{
    INVALID_NAME, MappingErrors, NO_CONTENT_TYPE, check_models, check_status_code, patch_entry,
    response_header, status_code_violation,
};
use crate::aws::call::Call;
use crate::aws::exception::Exception;
use crate::aws::operation::{Body, Operation, Support};
use crate::aws::patch::PatchOperation;
use crate::aws::wire::MethodResponse;
use crate::aws::{Answer, State};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "DeleteMethodResponse",
        method: "DELETE",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/responses/{status_code}",
        status: 204,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(delete),
    },
    Operation {
        name: "GetMethodResponse",
        method: "GET",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/responses/{status_code}",
        status: 200,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(get),
    },
    Operation {
        name: "PutMethodResponse",
        method: "PUT",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/responses/{status_code}",
        status: 201,
        body: Body::Members(&["responseParameters", "responseModels"]),
        query: &[],
        support: Support::Supported(put),
    },
    Operation {
        name: "UpdateMethodResponse",
        method: "PATCH",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/responses/{status_code}",
        status: 201,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Supported(update),
    },
];

const INVALID_STATUS_CODE: &str = "Invalid Response status code specified";

fn put(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    check_status_code(call)?;
    let members = call.members();
    let response = MethodResponse {
        status_code: call.path("status_code").to_owned(),
        response_parameters: members.flag_map("responseParameters")?.unwrap_or_default(),
        response_models: members.text_map("responseModels")?.unwrap_or_default(),
    };
    method::change(state, call, |state, method| {
        if method.method_responses.contains_key(&response.status_code) {
            return Err(Exception::conflict("Response already exists for this resource"));
        }
        check(state, call.path("restapi_id"), &response)?;
        let answer = Answer::of(&response);
        method.method_responses.insert(response.status_code.clone(), response);
        Ok(answer)
    })
}

fn get(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    check_status_code(call)?;
    let response = method::find(state, call)?.method_responses.get(call.path("status_code"));
    Ok(Answer::of(response.ok_or_else(|| Exception::not_found(INVALID_STATUS_CODE))?))
}

fn delete(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    check_status_code(call)?;
    method::change(state, call, |_, method| {
        let removed = method.method_responses.remove(call.path("status_code"));
        removed.map(|_| Answer::Empty).ok_or_else(|| Exception::not_found(INVALID_STATUS_CODE))
    })
}

fn update(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let code = call.path("status_code");
    let operations = call.patch_operations_and(status_code_violation(code).into_iter().collect())?;
    method::change(state, call, |state, method| {
        let response = method.method_responses.get_mut(code);
        let response = response.ok_or_else(|| Exception::not_found(INVALID_STATUS_CODE))?;
        for operation in &operations {
            patch(response, operation)?;
        }
        check(state, call.path("restapi_id"), response)?;
        Ok(Answer::of(response))
    })
}

fn patch(response: &mut MethodResponse, operation: &PatchOperation) -> Result<(), Exception> {
    match operation.segments().as_slice() {
        ["responseParameters", name] => {
            let required = operation.boolean();
            patch_entry(&mut response.response_parameters, name, required, operation, INVALID_NAME)
        }
        ["responseModels", content_type] => {
            let model = operation.value.clone().unwrap_or_default();
            patch_entry(&mut response.response_models, content_type, model, operation, NO_CONTENT_TYPE)
        }
        _ => Err(operation.invalid_path()),
    }
}

/// Checks a method response as a whole (tables.md §8.3).
fn check(state: &State, api: &str, response: &MethodResponse) -> Result<(), Exception> {
    let mut errors = MappingErrors::default();
    for parameter in response.response_parameters.keys().filter(|key| response_header(key).is_none()) {
        errors.expression(parameter);
    }
    errors.finish()?;
    check_models(state, api, &response.response_models)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::aws::testing::{a_method, call, control_plane, good, refused};

    #[test]
    fn a_life() {
        let mut plane = control_plane();
        let path = a_method(&mut plane);
        let response = format!("{path}/responses/200");
        assert_eq!(
            refused(&mut plane, "GET", &response, json!(null)).1,
            "Invalid Response status code specified"
        );
        let body = json!({
            "responseParameters": {"method.response.header.X-A": true},
            "responseModels": {"application/json": "Error"},
        });
        let made = good(&mut plane, "PUT", &response, body.clone());
        assert_eq!(made["statusCode"], "200");
        assert_eq!(made["responseParameters"], body["responseParameters"]);
        assert_eq!(good(&mut plane, "GET", &response, json!(null)), made);
        let (exception, message) = refused(&mut plane, "PUT", &response, json!({}));
        assert_eq!(
            (exception.as_str(), message.as_str()),
            ("ConflictException", "Response already exists for this resource")
        );

        let operations = json!([
            {"op": "add", "path": "/responseParameters/method.response.header.X-B", "value": "false"},
            {"op": "replace", "path": "/responseParameters/method.response.header.X-A", "value": "false"},
            {"op": "replace", "path": "/responseModels/application~1json", "value": "Empty"},
        ]);
        let (status, patched) = call(&mut plane, "PATCH", &response, json!({"patchOperations": operations}));
        assert_eq!(status, 201);
        assert_eq!(
            patched,
            json!({
                "statusCode": "200",
                "responseParameters": {"method.response.header.X-A": false, "method.response.header.X-B": false},
                "responseModels": {"application/json": "Empty"},
            })
        );
        let operations = json!([
            {"op": "remove", "path": "/responseParameters/method.response.header.X-A"},
            {"op": "remove", "path": "/responseParameters/method.response.header.X-B"},
            {"op": "remove", "path": "/responseModels/application~1json"},
        ]);
        let patched = good(&mut plane, "PATCH", &response, json!({"patchOperations": operations}));
        assert_eq!(patched, json!({"statusCode": "200"}));
        assert_eq!(call(&mut plane, "DELETE", &response, json!(null)).0, 204);
        assert_eq!(refused(&mut plane, "DELETE", &response, json!(null)).0, "NotFoundException");
    }

    #[test]
    fn refuses_in_aws_words() {
        let mut plane = control_plane();
        let path = a_method(&mut plane);
        let response = format!("{path}/responses/200");
        good(&mut plane, "PUT", &response, json!({}));
        for (op, path, expected) in [
            ("replace", "/responseParameters/method.response.header.N", "Invalid parameter name specified"),
            ("remove", "/responseParameters/method.response.header.N", "Invalid parameter name specified"),
            ("replace", "/responseModels/application~1json", "Content-Type specified was not found"),
            ("remove", "/responseModels/application~1json", "Content-Type specified was not found"),
            (
                "add",
                "/wrong/method.response.header.my-header",
                "Invalid patch path /wrong/method.response.header.my-header",
            ),
            ("add", "/responseModels/application~1json", "Invalid model identifier specified: m"),
        ] {
            let body = json!({"patchOperations": [{"op": op, "path": path, "value": "m"}]});
            assert_eq!(refused(&mut plane, "PATCH", &response, body).1, expected, "{op} {path}");
        }
        let pattern = r"Member must satisfy regular expression pattern: [1-5]\d\d";
        let wrong = format!("{path}/responses/wrong");
        for (verb, body) in [("PUT", json!({})), ("GET", json!(null)), ("DELETE", json!(null))] {
            let (exception, message) = refused(&mut plane, verb, &wrong, body);
            assert_eq!(exception, "ValidationException");
            assert_eq!(
                message,
                format!(
                    "1 validation error detected: Value 'wrong' at 'statusCode' failed to satisfy constraint: {pattern}"
                )
            );
        }
        let body = json!({"patchOperations": [{"op": "wrong_op", "path": "/x"}]});
        assert_eq!(
            refused(&mut plane, "PATCH", &wrong, body).1,
            format!(
                "2 validation errors detected: Value 'wrong_op' at 'updateMethodResponseInput.patchOperations.1.member.op' failed to \
                 satisfy constraint: Member must satisfy enum value set: [add, remove, move, test, replace, copy]; Value 'wrong' at \
                 'statusCode' failed to satisfy constraint: {pattern}"
            )
        );
        let body = json!({"responseParameters": {"method.response.body.x": true}});
        assert!(
            refused(&mut plane, "PUT", &format!("{path}/responses/201"), body)
                .1
                .contains(": method.response.body.x]")
        );
        let other = path.replace("/GET", "/PUT");
        assert_eq!(
            refused(&mut plane, "PUT", &format!("{other}/responses/200"), json!({})).1,
            "Invalid Method identifier specified"
        );
    }
}
