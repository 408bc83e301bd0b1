//! Integration responses (tables.md §8.4).

use super::integration;
use super::integration_check::{CONTENT_HANDLINGS, check_response};
use super::parameters::{
    INVALID_NAME, NO_CONTENT_TYPE, check_status_code, one_of, patch_entry, replace_only,
    status_code_violation,
};
use super::{method, resource};
use crate::aws::call::Call;
use crate::aws::exception::Exception;
use crate::aws::operation::{Body, Operation, Support};
use crate::aws::patch::PatchOperation;
use crate::aws::wire::IntegrationResponse;
use crate::aws::{Answer, State};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "DeleteIntegrationResponse",
        method: "DELETE",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/integration/responses/{status_code}",
        status: 204,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(delete),
    },
    Operation {
        name: "GetIntegrationResponse",
        method: "GET",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/integration/responses/{status_code}",
        status: 200,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(get),
    },
    Operation {
        name: "PutIntegrationResponse",
        method: "PUT",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/integration/responses/{status_code}",
        status: 201,
        body: Body::Members(&[
            "selectionPattern",
            "responseParameters",
            "responseTemplates",
            "contentHandling",
        ]),
        query: &[],
        support: Support::Supported(put),
    },
    Operation {
        name: "UpdateIntegrationResponse",
        method: "PATCH",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/integration/responses/{status_code}",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Supported(update),
    },
];

const INVALID_STATUS_CODE: &str = "Invalid Response status code specified";

/// Also replaces one (tables.md §8.4).
fn put(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let code = call.path("status_code");
    let members = call.members();
    let mut violations: Vec<_> = status_code_violation(code).into_iter().collect();
    let content_handling = one_of(call, &members, "contentHandling", &CONTENT_HANDLINGS, &mut violations)?;
    if !violations.is_empty() {
        return Err(Exception::validation(&violations));
    }
    let response = IntegrationResponse {
        status_code: code.to_owned(),
        selection_pattern: members.owned("selectionPattern")?.filter(|pattern| !pattern.is_empty()),
        response_parameters: members.text_map("responseParameters")?.unwrap_or_default(),
        response_templates: members.text_map("responseTemplates")?.unwrap_or_default(),
        content_handling,
    };
    method::change(state, call, |_, method| {
        // Told in public by many (carrot/terraform-api-gateway-method-module#3).
        let integration = method.method_integration.as_ref();
        let integration =
            integration.ok_or_else(|| Exception::not_found("No integration defined for method"))?;
        check_response(method, integration, &response, code)?;
        let answer = Answer::of(&response);
        integration::of_mut(method)?.integration_responses.insert(code.to_owned(), response);
        Ok(answer)
    })
}

fn get(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    check_status_code(call)?;
    let integration = integration::of(method::find(state, call)?)?;
    let response = integration.integration_responses.get(call.path("status_code"));
    Ok(Answer::of(response.ok_or_else(|| Exception::not_found(INVALID_STATUS_CODE))?))
}

fn delete(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    check_status_code(call)?;
    let resource = resource::find(state, call, "resource_id")?;
    if !resource.resource_methods.contains_key(call.path("http_method")) {
        // Recorded: here a method that is missing is an integration that is missing (tables.md §8.4).
        return Err(Exception::not_found("Invalid Integration identifier specified"));
    }
    method::change(state, call, |_, method| {
        let removed = integration::of_mut(method)?.integration_responses.remove(call.path("status_code"));
        removed.map(|_| Answer::Empty).ok_or_else(|| Exception::not_found(INVALID_STATUS_CODE))
    })
}

fn update(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let code = call.path("status_code");
    let operations = call.patch_operations_and(status_code_violation(code).into_iter().collect())?;
    method::change(state, call, |_, method| {
        let integration = integration::of(method)?;
        let response = integration.integration_responses.get(code);
        let mut response = response.ok_or_else(|| Exception::not_found(INVALID_STATUS_CODE))?.clone();
        for operation in &operations {
            patch(&mut response, operation)?;
        }
        check_response(method, integration, &response, code)?;
        let new = response.status_code.clone();
        if new != code && integration.integration_responses.contains_key(&new) {
            return Err(Exception::conflict("Response already exists for this resource"));
        }
        let answer = Answer::of(&response);
        let responses = &mut integration::of_mut(method)?.integration_responses;
        responses.remove(code);
        responses.insert(new, response);
        Ok(answer)
    })
}

fn patch(response: &mut IntegrationResponse, operation: &PatchOperation) -> Result<(), Exception> {
    let value = || operation.value.clone().unwrap_or_default();
    match operation.segments().as_slice() {
        ["responseParameters", name] => {
            patch_entry(&mut response.response_parameters, name, value(), operation, INVALID_NAME)
        }
        ["responseTemplates", content_type] => {
            patch_entry(&mut response.response_templates, content_type, value(), operation, NO_CONTENT_TYPE)
        }
        ["selectionPattern"] => {
            response.selection_pattern = operation.text();
            replace_only(operation)
        }
        ["contentHandling"] => {
            response.content_handling = operation.text();
            replace_only(operation)
        }
        ["statusCode"] => {
            response.status_code = value();
            let violation = status_code_violation(&response.status_code);
            violation.map_or(Ok(()), |violation| Err(Exception::validation(&[violation])))?;
            replace_only(operation)
        }
        _ => Err(operation.invalid_path()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::aws::ControlPlane;
    use crate::aws::testing::{a_method, call, control_plane, good, refused};

    /// A method with a MOCK integration and the method responses 200, which declares `X-A`, and 404; the path of the method.
    fn a_mock(plane: &mut ControlPlane) -> String {
        let method = a_method(plane);
        let parameters = json!({"responseParameters": {"method.response.header.X-A": false}});
        good(plane, "PUT", &format!("{method}/responses/200"), parameters);
        good(plane, "PUT", &format!("{method}/responses/404"), json!({}));
        good(plane, "PUT", &format!("{method}/integration"), json!({"type": "MOCK"}));
        method
    }

    #[test]
    fn a_life() {
        let mut plane = control_plane();
        let method = a_mock(&mut plane);
        let path = format!("{method}/integration/responses/200");
        assert_eq!(
            refused(&mut plane, "GET", &path, json!(null)).1,
            "Invalid Response status code specified"
        );
        let body = json!({
            "selectionPattern": "2..", "responseParameters": {"method.response.header.X-A": "'a'"},
            "responseTemplates": {"application/json": "{}", "text/plain": ""}, "contentHandling": "CONVERT_TO_TEXT",
        });
        let made = good(&mut plane, "PUT", &path, body.clone());
        let mut expected = body;
        expected["statusCode"] = json!("200");
        expected["responseTemplates"]["text/plain"] = json!(null);
        assert_eq!(made, expected);
        assert_eq!(good(&mut plane, "GET", &path, json!(null)), made);
        let shown = good(&mut plane, "GET", &method, json!(null));
        assert_eq!(shown["methodIntegration"]["integrationResponses"]["200"], made);
        assert_eq!(call(&mut plane, "PUT", &path, json!({})), (201, json!({"statusCode": "200"})));
        // Another without a pattern.
        let other = path.replace("200", "404");
        assert_eq!(
            refused(&mut plane, "PUT", &other, json!({"selectionPattern": ""})),
            (
                "ConflictException".to_owned(),
                "Integration response with selection pattern default already exists".to_owned()
            )
        );
        assert_eq!(call(&mut plane, "DELETE", &path, json!(null)).0, 204);
        assert_eq!(
            refused(&mut plane, "DELETE", &path, json!(null)).1,
            "Invalid Response status code specified"
        );
    }

    #[test]
    fn refuses_in_aws_words() {
        let mut plane = control_plane();
        let method = a_mock(&mut plane);
        let path = format!("{method}/integration/responses/200");
        let mapping = |error: &str| {
            format!(
                "Invalid mapping expression specified: Validation Result: warnings : [], errors : [{error}]"
            )
        };
        for (body, expected) in [
            (
                json!({"responseTemplates": {"a/b": 1}}),
                "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an String".to_owned(),
            ),
            (
                json!({"responseTemplates": {"123": "a"}}),
                "Validation Result: warnings : [], errors : [Invalid content type specified: 123]".to_owned(),
            ),
            (
                json!({"responseParameters": {"method.response.header.X": "'a'"}}),
                mapping("Invalid mapping expression parameter specified: method.response.header.X"),
            ),
            (
                json!({"responseParameters": {"method.response.header.X-A": "true"}}),
                mapping("Invalid mapping expression specified: true"),
            ),
            (
                json!({"responseParameters": {"X-A": "'a'"}}),
                mapping("Invalid mapping expression specified: X-A"),
            ),
        ] {
            assert_eq!(refused(&mut plane, "PUT", &path, body).1, expected);
        }
        let (_, message) = refused(&mut plane, "PUT", &path, json!({"selectionPattern": "a)"}));
        assert!(message.starts_with("Invalid selection pattern specified: "), "{message}");
        assert_eq!(
            refused(&mut plane, "PUT", &path.replace("200", "500"), json!({})).1,
            "Invalid Response status code specified"
        );
        let wrong = path.replace("200", "wrong");
        for (verb, body) in
            [("PUT", json!({})), ("GET", json!(null)), ("DELETE", json!(null)), ("PATCH", json!({}))]
        {
            let (_, message) = refused(&mut plane, verb, &wrong, body);
            assert!(
                message.contains(r"Value 'wrong' at 'statusCode'")
                    && message.ends_with(r"pattern: [1-5]\d\d")
            );
        }
        let other = path.replace("/GET", "/PUT");
        assert_eq!(refused(&mut plane, "GET", &other, json!(null)).1, "Invalid Method identifier specified");
        assert_eq!(
            refused(&mut plane, "DELETE", &other, json!(null)).1,
            "Invalid Integration identifier specified"
        );
        good(&mut plane, "DELETE", &format!("{method}/integration"), json!(null));
        assert_eq!(
            refused(&mut plane, "GET", &path, json!(null)).1,
            "Invalid Integration identifier specified"
        );
        assert_eq!(refused(&mut plane, "PUT", &path, json!({})).1, "No integration defined for method");
        let other = path.replace("/resources/", "/resources/x");
        assert_eq!(
            refused(&mut plane, "DELETE", &other, json!(null)).1,
            "Invalid Resource identifier specified"
        );
    }

    #[test]
    fn patches_every_path() {
        let mut plane = control_plane();
        let method = a_mock(&mut plane);
        let path = format!("{method}/integration/responses/200");
        good(&mut plane, "PUT", &path, json!({}));
        let patch = |plane: &mut ControlPlane, path: &str, operations: Value| {
            good(plane, "PATCH", path, json!({"patchOperations": operations}))
        };
        let header = "/responseParameters/method.response.header.X-A";
        let operations = json!([
            {"op": "replace", "path": "/selectionPattern", "value": "2.."},
            {"op": "replace", "path": "/contentHandling", "value": "CONVERT_TO_BINARY"},
            {"op": "add", "path": "/responseTemplates/application~1json", "value": "{}"},
            {"op": "replace", "path": "/responseTemplates/application~1json", "value": "[]"},
            {"op": "add", "path": header, "value": "'a'"},
            {"op": "replace", "path": header, "value": "integration.response.header.B"},
        ]);
        assert_eq!(
            patch(&mut plane, &path, operations),
            json!({
                "statusCode": "200", "selectionPattern": "2..", "contentHandling": "CONVERT_TO_BINARY",
                "responseTemplates": {"application/json": "[]"},
                "responseParameters": {"method.response.header.X-A": "integration.response.header.B"},
            })
        );
        let operations = json!([
            {"op": "replace", "path": "/selectionPattern", "value": ""},
            {"op": "replace", "path": "/contentHandling", "value": ""},
            {"op": "remove", "path": "/responseTemplates/application~1json"},
            {"op": "remove", "path": header},
            {"op": "replace", "path": "/statusCode", "value": "404"},
        ]);
        assert_eq!(patch(&mut plane, &path, operations), json!({"statusCode": "404"}));
        assert_eq!(refused(&mut plane, "GET", &path, json!(null)).0, "NotFoundException");
        let path = path.replace("200", "404");
        for (op, at, expected) in [
            ("add", "/selectionPattern", "Invalid patch operation specified. Must be one of: [replace]"),
            ("replace", "/responseTemplates", "Invalid patch path /responseTemplates"),
            ("remove", header, "Invalid parameter name specified"),
            ("remove", "/responseTemplates/a~1b", "Content-Type specified was not found"),
        ] {
            let body = json!({"patchOperations": [{"op": op, "path": at, "value": "x"}]});
            assert_eq!(refused(&mut plane, "PATCH", &path, body).1, expected, "{op} {at}");
        }
    }
}
