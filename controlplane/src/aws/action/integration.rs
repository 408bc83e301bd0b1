//! Integrations (tables.md §8.4).

use ringway_core::limits::INTEGRATION_TIMEOUT_MILLIS_MAX;

use super::integration_check::{CONTENT_HANDLINGS, check, is_http};
use super::integration_patch::patch;
use super::method;
use super::parameters::one_of;
use crate::aws::call::Call;
use crate::aws::exception::{Exception, Violation};
use crate::aws::operation::{Body, Operation, Support};
use crate::aws::wire::{Integration, Method, TlsConfig};
use crate::aws::{Answer, State};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "DeleteIntegration",
        method: "DELETE",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/integration",
        status: 204,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(delete),
    },
    Operation {
        name: "GetIntegration",
        method: "GET",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/integration",
        status: 200,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(get),
    },
    Operation {
        name: "PutIntegration",
        method: "PUT",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/integration",
        status: 201,
        body: Body::Members(&[
            "type",
            "httpMethod",
            "uri",
            "connectionType",
            "connectionId",
            "credentials",
            "requestParameters",
            "requestTemplates",
            "passthroughBehavior",
            "cacheNamespace",
            "cacheKeyParameters",
            "contentHandling",
            "timeoutInMillis",
            "tlsConfig",
            "responseTransferMode",
            "integrationTarget",
        ]),
        query: &[],
        support: Support::Supported(put),
    },
    Operation {
        name: "UpdateIntegration",
        method: "PATCH",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/integration",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Supported(update),
    },
];

/// In AWS's order.
const TYPES: [&str; 5] = ["HTTP", "MOCK", "AWS_PROXY", "HTTP_PROXY", "AWS"];
const INVALID_INTEGRATION: &str = "Invalid Integration identifier specified";

/// The integration of a method, or AWS's words for that there is none (tables.md §8.4).
pub(super) fn of(method: &Method) -> Result<&Integration, Exception> {
    method.method_integration.as_ref().ok_or_else(|| Exception::not_found(INVALID_INTEGRATION))
}

/// As [`of`], to change it.
pub(super) fn of_mut(method: &mut Method) -> Result<&mut Integration, Exception> {
    method.method_integration.as_mut().ok_or_else(|| Exception::not_found(INVALID_INTEGRATION))
}

/// Replaces what was there, responses and all.
fn put(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let integration = read(call)?;
    method::change(state, call, |state, method| {
        check(state, method, &integration)?;
        let answer = Answer::of(&integration);
        method.method_integration = Some(integration);
        Ok(answer)
    })
}

/// The integration of a body, with AWS's defaults (tables.md §8.4).
fn read(call: &Call<'_>) -> Result<Integration, Exception> {
    let members = call.members();
    let mut violations = Vec::new();
    let kind = one_of(call, &members, "type", &TYPES, &mut violations)?;
    if kind.is_none() {
        violations.push(Violation::missing("putIntegrationInput.type"));
    }
    let connections = ["VPC_LINK", "INTERNET"];
    let connection_type = one_of(call, &members, "connectionType", &connections, &mut violations)?;
    let content_handling = one_of(call, &members, "contentHandling", &CONTENT_HANDLINGS, &mut violations)?;
    let modes = ["BUFFERED", "STREAM"];
    let response_transfer_mode = one_of(call, &members, "responseTransferMode", &modes, &mut violations)?;
    if !violations.is_empty() {
        return Err(Exception::validation(&violations));
    }
    let timeout = members.integer("timeoutInMillis")?.unwrap_or(INTEGRATION_TIMEOUT_MILLIS_MAX as i64);
    let tls_config = members.structure("tlsConfig", &["insecureSkipVerification"])?;
    let mut integration = Integration {
        kind: kind.unwrap_or_default(),
        http_method: members.owned("httpMethod")?.filter(|verb| !verb.is_empty()),
        uri: members.owned("uri")?,
        connection_type,
        connection_id: members.owned("connectionId")?,
        credentials: members.owned("credentials")?.filter(|role| !role.is_empty()),
        request_parameters: members.text_map("requestParameters")?.unwrap_or_default(),
        request_templates: members.text_map("requestTemplates")?.unwrap_or_default(),
        passthrough_behavior: members.owned("passthroughBehavior")?.unwrap_or_default(),
        content_handling,
        // What is negative is in no range either.
        timeout_in_millis: u32::try_from(timeout).unwrap_or_default(),
        cache_namespace: members.owned("cacheNamespace")?,
        cache_key_parameters: members.texts("cacheKeyParameters")?.unwrap_or_default(),
        tls_config: match tls_config {
            None => None,
            Some(config) => Some(TlsConfig {
                insecure_skip_verification: config.boolean("insecureSkipVerification")?.unwrap_or_default(),
            }),
        },
        response_transfer_mode,
        integration_target: members.owned("integrationTarget")?,
        ..Integration::default()
    };
    fill(&mut integration, call.path("resource_id"));
    Ok(integration)
}

/// Fills what is left open with AWS's defaults (tables.md §8.4).
fn fill(integration: &mut Integration, resource_id: &str) {
    if integration.passthrough_behavior.is_empty() {
        integration.passthrough_behavior = "WHEN_NO_MATCH".to_owned();
    }
    if is_http(&integration.kind) {
        integration.connection_type.get_or_insert_with(|| "INTERNET".to_owned());
    }
    integration.cache_namespace.get_or_insert_with(|| resource_id.to_owned());
}

fn get(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    Ok(Answer::of(of(method::find(state, call)?)?))
}

fn delete(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    method::change(state, call, |_, method| {
        of(method)?;
        method.method_integration = None;
        Ok(Answer::Empty)
    })
}

fn update(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let operations = call.patch_operations()?;
    method::change(state, call, |state, method| {
        let mut integration = of(method)?.clone();
        for operation in &operations {
            patch(&mut integration, operation)?;
        }
        fill(&mut integration, call.path("resource_id"));
        check(state, method, &integration)?;
        let answer = Answer::of(&integration);
        method.method_integration = Some(integration);
        Ok(answer)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::aws::ControlPlane;
    use crate::aws::testing::{a_method, call, control_plane, good, refused};

    const LAMBDA: &str = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:0:function:f/invocations";

    fn patch(plane: &mut ControlPlane, path: &str, operations: Value) -> Value {
        good(plane, "PATCH", path, json!({"patchOperations": operations}))
    }

    /// A method that declares `querystring.q`, and the path of its integration.
    fn a_place(plane: &mut ControlPlane) -> (String, String) {
        let method = a_method(plane);
        patch(
            plane,
            &method,
            json!([{"op": "add", "path": "/requestParameters/method.request.querystring.q"}]),
        );
        let integration = format!("{method}/integration");
        (method, integration)
    }

    #[test]
    fn a_life() {
        let mut plane = control_plane();
        let (method, path) = a_place(&mut plane);
        assert_eq!(
            refused(&mut plane, "GET", &path, json!(null)).1,
            "Invalid Integration identifier specified"
        );
        assert_eq!(refused(&mut plane, "DELETE", &path, json!(null)).0, "NotFoundException");
        let namespace = path.split('/').nth(4).unwrap();
        let made = good(
            &mut plane,
            "PUT",
            &path,
            json!({"type": "MOCK", "requestTemplates": {"application/json": ""}}),
        );
        assert_eq!(
            made,
            json!({
                "type": "MOCK", "passthroughBehavior": "WHEN_NO_MATCH", "timeoutInMillis": 29000, "cacheNamespace": namespace,
                "cacheKeyParameters": [], "requestTemplates": {"application/json": null},
            })
        );
        let body = json!({
            "type": "HTTP", "httpMethod": "POST", "uri": "https://example.com/{id}", "timeoutInMillis": 50,
            "requestParameters": {"integration.request.path.id": "method.request.querystring.q"},
            "cacheKeyParameters": ["method.request.querystring.q"], "contentHandling": "CONVERT_TO_TEXT",
            "passthroughBehavior": "NEVER", "tlsConfig": {"insecureSkipVerification": true},
            "credentials": "arn:aws:iam::123456789012:role/r", "cacheNamespace": "n",
        });
        let made = good(&mut plane, "PUT", &path, body.clone());
        let mut expected = body;
        expected["connectionType"] = json!("INTERNET");
        assert_eq!(made, expected);
        assert_eq!(good(&mut plane, "GET", &path, json!(null)), made);
        assert_eq!(good(&mut plane, "GET", &method, json!(null))["methodIntegration"], made);
        let proxy = json!({"type": "AWS_PROXY", "httpMethod": "POST", "uri": LAMBDA});
        assert!(good(&mut plane, "PUT", &path, proxy).get("connectionType").is_none());
        assert_eq!(call(&mut plane, "DELETE", &path, json!(null)).0, 204);
        let other = path.replace("/GET", "/PUT");
        assert_eq!(
            refused(&mut plane, "PUT", &other, json!({"type": "MOCK"})).1,
            "Invalid Method identifier specified"
        );
        let other = path.replace("/resources/", "/resources/x");
        assert_eq!(
            refused(&mut plane, "PUT", &other, json!({"type": "MOCK"})).1,
            "Invalid Resource identifier specified"
        );
    }

    #[test]
    fn refuses_in_aws_words() {
        let mut plane = control_plane();
        let (_, path) = a_place(&mut plane);
        let mapping = |error: &str| {
            format!(
                "Invalid mapping expression specified: Validation Result: warnings : [], errors : [{error}]"
            )
        };
        let proxy_only = "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations.";
        let header = "integration.request.header.X";
        for (body, expected) in [
            (json!({"type": "HTTP", "uri": "http://h/"}), "Enumeration value for HttpMethod must be non-empty".to_owned()),
            (json!({"type": "AWS", "uri": LAMBDA}), "Enumeration value for HttpMethod must be non-empty".to_owned()),
            (json!({"type": "HTTP", "httpMethod": "GET", "uri": "h"}), "Invalid HTTP endpoint specified for URI".to_owned()),
            (json!({"type": "HTTP_PROXY", "httpMethod": "GET"}), "Invalid HTTP endpoint specified for URI".to_owned()),
            (
                json!({"type": "HTTP", "httpMethod": "GET", "uri": "https://h/a b"}),
                "Invalid HTTP endpoint specified for URI: the character ` ` has to be percent-encoded".to_owned(),
            ),
            (json!({"type": "AWS", "httpMethod": "POST", "uri": "bad-arn:x"}), "Invalid ARN specified in the request".to_owned()),
            (
                json!({"type": "AWS", "httpMethod": "POST", "uri": "arn:aws:iam::0:role/r"}),
                "AWS ARN for integration must contain path or action".to_owned(),
            ),
            (
                json!({"type": "AWS_PROXY", "httpMethod": "POST", "uri": "arn:aws:apigateway:us-east-1:dynamodb:action/PutItem"}),
                proxy_only.to_owned(),
            ),
            (json!({"type": "MOCK", "credentials": "me"}), "Invalid ARN specified in the request".to_owned()),
            (
                json!({"type": "MOCK", "timeoutInMillis": 29001}),
                "Timeout should be between 50 ms and 29000 ms".to_owned(),
            ),
            (json!({"type": "MOCK", "timeoutInMillis": -1}), "Timeout should be between 50 ms and 29000 ms".to_owned()),
            (
                json!({"type": "MOCK", "passthroughBehavior": "ALWAYS"}),
                "Invalid PassthroughBehavior specified. Valid options are WHEN_NO_MATCH,WHEN_NO_TEMPLATES,NEVER".to_owned(),
            ),
            (json!({"type": "MOCK", "cacheKeyParameters": ["x"]}), "Invalid cache key parameter specified".to_owned()),
            (
                json!({"type": "HTTP", "httpMethod": "GET", "uri": "http://h/", "connectionType": "VPC_LINK", "connectionId": "x"}),
                "Invalid Vpc Link identifier specified".to_owned(),
            ),
            (
                json!({"type": "MOCK", "requestParameters": {header: "true"}}),
                mapping("Invalid mapping expression specified: true"),
            ),
            (
                json!({"type": "MOCK", "requestParameters": {"x": "'a'", header: "context.nothing"}}),
                mapping(
                    "Invalid mapping expression specified: context.nothing, Invalid mapping expression specified: x",
                ),
            ),
            (
                json!({"type": "MOCK", "requestParameters": {header: "method.request.querystring.x"}}),
                mapping("Invalid mapping expression parameter specified: method.request.querystring.x"),
            ),
            (
                json!({"type": "MOCK", "requestTemplates": {"123": "a"}}),
                "Validation Result: warnings : [], errors : [Invalid content type specified: 123]".to_owned(),
            ),
        ] {
            let found = refused(&mut plane, "PUT", &path, body.clone());
            assert_eq!(found, ("BadRequestException".to_owned(), expected), "{body}");
        }
        let template = json!({"type": "MOCK", "requestTemplates": {"application/json": "a\n#if("}});
        let (_, message) = refused(&mut plane, "PUT", &path, template);
        let place =
            "Invalid mapping template specified: requestTemplates['application/json'], line 2, column ";
        assert!(message.starts_with(place), "{message}");
    }

    #[test]
    fn refuses_what_the_model_of_the_service_refuses() {
        let mut plane = control_plane();
        let (_, path) = a_place(&mut plane);
        assert_eq!(
            refused(&mut plane, "PUT", &path, json!({"type": "HTTPS_PROXY"})).1,
            "1 validation error detected: Value 'HTTPS_PROXY' at 'putIntegrationInput.type' failed to satisfy constraint: Member \
             must satisfy enum value set: [HTTP, MOCK, AWS_PROXY, HTTP_PROXY, AWS]"
        );
        let both = json!({"connectionType": "x", "contentHandling": "y"});
        assert!(
            refused(&mut plane, "PUT", &path, both)
                .1
                .starts_with("3 validation errors detected: Value null at")
        );
        let header = "integration.request.header.X";
        assert_eq!(
            refused(&mut plane, "PUT", &path, json!({"type": "MOCK", "requestParameters": {header: true}})),
            (
                "SerializationException".to_owned(),
                "class java.lang.Boolean can not be converted to an String".to_owned()
            )
        );
    }

    #[test]
    fn patches_every_path() {
        let mut plane = control_plane();
        let (method, path) = a_place(&mut plane);
        good(&mut plane, "PUT", &path, json!({"type": "MOCK"}));
        let query = "method.request.querystring.q";
        let mut operations: Vec<Value> = [
            ("type", "HTTP"),
            ("uri", "http://${stageVariables.h}/"),
            ("httpMethod", "PUT"),
            ("credentials", "arn:aws:iam::0:role/r"),
            ("passthroughBehavior", "NEVER"),
            ("contentHandling", "CONVERT_TO_BINARY"),
            ("timeoutInMillis", "1000"),
            ("cacheNamespace", "n"),
            ("connectionType", "VPC_LINK"),
            ("connectionId", "${stageVariables.link}"),
            ("tlsConfig/insecureSkipVerification", "true"),
            ("responseTransferMode", "BUFFERED"),
            ("integrationTarget", "arn:aws:x"),
        ]
        .map(|(name, value)| json!({"op": "replace", "path": format!("/{name}"), "value": value}))
        .into();
        operations.push(json!({"op": "add", "path": "/requestTemplates/application~1json", "value": "{}"}));
        operations.push(
            json!({"op": "add", "path": "/requestParameters/integration.request.header.X", "value": query}),
        );
        operations.push(json!({"op": "add", "path": format!("/cacheKeyParameters/{query}"), "value": ""}));
        assert_eq!(
            patch(&mut plane, &path, json!(operations)),
            json!({
                "type": "HTTP", "uri": "http://${stageVariables.h}/", "httpMethod": "PUT", "credentials": "arn:aws:iam::0:role/r",
                "passthroughBehavior": "NEVER", "contentHandling": "CONVERT_TO_BINARY", "timeoutInMillis": 1000,
                "cacheNamespace": "n", "connectionType": "VPC_LINK", "connectionId": "${stageVariables.link}",
                "tlsConfig": {"insecureSkipVerification": true}, "responseTransferMode": "BUFFERED",
                "integrationTarget": "arn:aws:x", "requestTemplates": {"application/json": "{}"},
                "requestParameters": {"integration.request.header.X": query}, "cacheKeyParameters": [query],
            })
        );
        // Told in public: a parameter of the method that is replaced is no cache key any more.
        patch(
            &mut plane,
            &method,
            json!([{"op": "replace", "path": format!("/requestParameters/{query}"), "value": "true"}]),
        );
        assert_eq!(good(&mut plane, "GET", &path, json!(null))["cacheKeyParameters"], json!([]));
        let operations = json!([
            {"op": "replace", "path": "/contentHandling", "value": ""},
            {"op": "replace", "path": "/connectionType", "value": ""},
            {"op": "replace", "path": "/connectionId", "value": ""},
            {"op": "replace", "path": "/requestTemplates/application~1json", "value": "[]"},
            {"op": "replace", "path": "/requestParameters/integration.request.header.X", "value": "'a'"},
            {"op": "add", "path": "/cacheKeyParameters/integration.request.header.X"},
        ]);
        let patched = patch(&mut plane, &path, operations);
        assert_eq!(patched["connectionType"], "INTERNET");
        assert!(patched.get("contentHandling").is_none() && patched.get("connectionId").is_none());
        assert_eq!(patched["requestTemplates"], json!({"application/json": "[]"}));
        assert_eq!(patched["cacheKeyParameters"], json!(["integration.request.header.X"]));
        let operations = json!([
            {"op": "remove", "path": "/cacheKeyParameters/integration.request.header.X", "value": ""},
            {"op": "remove", "path": "/requestTemplates/application~1json"},
            {"op": "remove", "path": "/requestParameters/integration.request.header.X"},
        ]);
        let patched = patch(&mut plane, &path, operations);
        assert!(patched.get("requestTemplates").is_none() && patched.get("requestParameters").is_none());
        let replace_only = "Invalid patch operation specified. Must be one of: [replace]";
        for (op, at, expected) in [
            ("add", "/uri", replace_only),
            ("remove", "/tlsConfig/insecureSkipVerification", replace_only),
            ("replace", "/nothing", "Invalid patch path /nothing"),
            (
                "add",
                "/requestTemplates/application/json",
                "Invalid patch path /requestTemplates/application/json",
            ),
            ("remove", "/requestParameters/integration.request.header.N", "Invalid parameter name specified"),
            ("remove", "/cacheKeyParameters/x", "Invalid parameter name specified"),
            ("replace", "/requestTemplates/a~1b", "Content-Type specified was not found"),
            ("replace", "/timeoutInMillis", "Timeout should be between 50 ms and 29000 ms"),
        ] {
            let body = json!({"patchOperations": [{"op": op, "path": at, "value": "x"}]});
            assert_eq!(refused(&mut plane, "PATCH", &path, body).1, expected, "{op} {at}");
        }
    }
}
