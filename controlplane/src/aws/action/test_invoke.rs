//! Test invocations: the host of the control plane runs them, because they call backends.

use super::resource;
use crate::aws::call::{Call, wrong_type};
use crate::aws::deploy::{TEST_STAGE, method_alone};
use crate::aws::exception::Exception;
use crate::aws::operation::{Body, Operation, Support};
use crate::aws::{Answer, State, TestInvocation};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "TestInvokeAuthorizer",
        method: "POST",
        uri: "/restapis/{restapi_id}/authorizers/{authorizer_id}",
        status: 200,
        body: Body::Members(&[
            "headers",
            "multiValueHeaders",
            "pathWithQueryString",
            "body",
            "stageVariables",
            "additionalContext",
        ]),
        query: &[],
        support: Support::Refused("authorizers are not built yet"),
    },
    Operation {
        name: "TestInvokeMethod",
        method: "POST",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}",
        status: 200,
        body: Body::Members(&[
            "pathWithQueryString",
            "body",
            "headers",
            "multiValueHeaders",
            "clientCertificateId",
            "stageVariables",
        ]),
        query: &[],
        support: Support::Supported(test_invoke),
    },
];

fn test_invoke(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let resource = resource::find(state, call, "resource_id")?;
    let verb = call.path("http_method");
    let method = resource.resource_methods.get(verb);
    let method = method.ok_or_else(|| Exception::not_found("Invalid Method identifier specified"))?;
    let members = call.members();
    if members.get("clientCertificateId").is_some() {
        return Err(Exception::bad_request(
            "clientCertificateId is not supported here: no backend is called with TLS yet",
        ));
    }
    let variables = members.text_map("stageVariables")?.unwrap_or_default();
    let api = state.rest_api(call.path("restapi_id"))?;
    let target = members.text("pathWithQueryString")?.unwrap_or("");
    let target = if target.is_empty() { resource.path.as_str() } else { target };
    let headers = headers(call)?;
    let is_safe = |text: &str| !text.bytes().any(|byte| byte.is_ascii_control());
    if !is_safe(target)
        || target.contains(' ')
        || !headers.iter().all(|(name, value)| is_safe(name) && is_safe(value))
    {
        return Err(Exception::bad_request("Invalid request: control characters and blanks cannot be sent"));
    }
    Ok(Answer::TestInvoke(Box::new(TestInvocation {
        method: if verb == "ANY" { "GET".to_owned() } else { verb.to_owned() },
        target: format!("/{TEST_STAGE}/{}", target.trim_start_matches('/')),
        headers,
        body: members.text("body")?.unwrap_or("").to_owned(),
        api: method_alone(state, api, resource, method, &variables)?,
    })))
}

/// `multiValueHeaders` wins over `headers`.
fn headers(call: &Call<'_>) -> Result<Vec<(String, String)>, Exception> {
    let members = call.members();
    let mut headers = Vec::new();
    let many = members.entries("multiValueHeaders")?;
    for (name, values) in many.into_iter().flatten() {
        for value in values.as_array().ok_or_else(|| wrong_type(values, "List"))? {
            let text = value.as_str().ok_or_else(|| wrong_type(value, "String"))?;
            headers.push((name.clone(), text.to_owned()));
        }
    }
    for (name, value) in members.text_map("headers")?.unwrap_or_default() {
        if !headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)) {
            headers.push((name, value));
        }
    }
    Ok(headers)
}
