//! Gateway responses (tables.md §8.6): all types are always there, customised or not.

use ringway_core::model::GatewayResponseType;
use serde_json::json;

use crate::aws::call::{Call, Members};
use crate::aws::exception::{Exception, Violation};
use crate::aws::operation::{Body, Operation, Support};
use crate::aws::page::page;
use crate::aws::patch::{Op, PatchOperation};
use crate::aws::table::key;
use crate::aws::wire::{GatewayResponse, Texts};
use crate::aws::{Answer, State};
use crate::openapi::expressions::gateway_response_source;
use crate::openapi::media_type::is_media_type;

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "DeleteGatewayResponse",
        method: "DELETE",
        uri: "/restapis/{restapi_id}/gatewayresponses/{response_type}",
        status: 202,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(delete),
    },
    Operation {
        name: "GetGatewayResponse",
        method: "GET",
        uri: "/restapis/{restapi_id}/gatewayresponses/{response_type}",
        status: 200,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(get),
    },
    Operation {
        name: "GetGatewayResponses",
        method: "GET",
        uri: "/restapis/{restapi_id}/gatewayresponses",
        status: 200,
        body: Body::Members(&[]),
        query: &["position", "limit"],
        support: Support::Supported(list),
    },
    Operation {
        name: "PutGatewayResponse",
        method: "PUT",
        uri: "/restapis/{restapi_id}/gatewayresponses/{response_type}",
        status: 201,
        body: Body::Members(&["statusCode", "responseParameters", "responseTemplates"]),
        query: &[],
        support: Support::Supported(put),
    },
    Operation {
        name: "UpdateGatewayResponse",
        method: "PATCH",
        uri: "/restapis/{restapi_id}/gatewayresponses/{response_type}",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Supported(update),
    },
];

/// AWS's own list, in its order.
const TYPES: &str = "REQUEST_TOO_LARGE, RESOURCE_NOT_FOUND, AUTHORIZER_CONFIGURATION_ERROR, MISSING_AUTHENTICATION_TOKEN, \
                     BAD_REQUEST_BODY, INVALID_SIGNATURE, INVALID_API_KEY, BAD_REQUEST_PARAMETERS, AUTHORIZER_FAILURE, \
                     UNAUTHORIZED, INTEGRATION_TIMEOUT, ACCESS_DENIED, DEFAULT_4XX, DEFAULT_5XX, WAF_FILTERED, QUOTA_EXCEEDED, \
                     THROTTLED, API_CONFIGURATION_ERROR, UNSUPPORTED_MEDIA_TYPE, INTEGRATION_FAILURE, EXPIRED_TOKEN";
/// Pattern of status codes.
const STATUS: &str = "[1-5]\\d\\d";
const TEMPLATE: &str = "{\"message\":$context.error.messageString}";
const PARAMETER: &str = "gatewayresponse.header.";

/// The API and the type that a call names. A type that AWS does not have is seen first.
fn named(state: &State, call: &Call<'_>) -> Result<(String, GatewayResponseType), Exception> {
    let name = call.path("response_type");
    let unknown = || Exception::validation(&[Violation::not_in(name, "responseType", TYPES)]);
    let kind = GatewayResponseType::parse(name).ok_or_else(unknown)?;
    Ok((state.rest_api(call.path("restapi_id"))?.id.clone(), kind))
}

fn customised<'s>(state: &'s State, api: &str, kind: GatewayResponseType) -> Option<&'s GatewayResponse> {
    state.gateway_responses.child(api, kind.as_str())
}

/// AWS's own response of a type.
fn built_in(kind: GatewayResponseType) -> GatewayResponse {
    GatewayResponse {
        response_type: kind.as_str().to_owned(),
        status_code: kind.status().map(|status| status.to_string()),
        response_parameters: Texts::new(),
        response_templates: default_templates(),
        default_response: true,
    }
}

fn default_templates() -> Texts {
    Texts::from([("application/json".to_owned(), TEMPLATE.to_owned())])
}

/// A type as it is shown: its own, else what DEFAULT_4XX or DEFAULT_5XX give it, else AWS's.
fn effective(state: &State, api: &str, kind: GatewayResponseType) -> GatewayResponse {
    if let Some(own) = customised(state, api, kind) {
        return own.clone();
    }
    let built_in = built_in(kind);
    match customised(state, api, kind.default_type()) {
        None => built_in,
        Some(default) => GatewayResponse {
            status_code: default.status_code.clone().or(built_in.status_code),
            response_parameters: default.response_parameters.clone(),
            response_templates: default.response_templates.clone(),
            ..built_in
        },
    }
}

fn get(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let (api, kind) = named(state, call)?;
    Ok(Answer::of(&effective(state, &api, kind)))
}

fn list(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let api = &state.rest_api(call.path("restapi_id"))?.id;
    let types = GatewayResponseType::ALL.iter();
    let rows: Vec<_> = types.map(|kind| (kind.as_str(), effective(state, api, *kind))).collect();
    page(call, rows.iter().map(|(name, row)| (*name, row)), |row| json!(row))
}

/// What is not given is AWS's own, and never that of DEFAULT_4XX or DEFAULT_5XX.
fn put(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let members = call.members();
    let status = members.owned("statusCode")?;
    if let Some(status) = status.as_deref().filter(|status| !is_status(status)) {
        let violation = Violation::pattern(status, "putGatewayResponseInput.statusCode", STATUS);
        return Err(Exception::validation(&[violation]));
    }
    let (api, kind) = named(state, call)?;
    let texts = |members: &Members<'_>, name: &str| {
        Ok::<_, Exception>(members.text_map(name)?.filter(|texts| !texts.is_empty()))
    };
    let mut row = GatewayResponse { default_response: false, ..built_in(kind) };
    row.status_code = status.or(row.status_code);
    for (name, value) in texts(&members, "responseParameters")?.unwrap_or_default() {
        check_parameter(&name, &value)?;
        row.response_parameters.insert(name, value);
    }
    if let Some(templates) = texts(&members, "responseTemplates")? {
        templates.keys().try_for_each(|media_type| check_media_type(media_type))?;
        row.response_templates = templates;
    }
    let answer = Answer::of(&row);
    state.gateway_responses.put(key(&api, kind.as_str()), row);
    Ok(answer)
}

/// `[1-5]\d\d`
fn is_status(text: &str) -> bool {
    text.len() == 3
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && (b'1'..=b'5').contains(&text.as_bytes()[0])
}

fn check_parameter(name: &str, value: &str) -> Result<(), Exception> {
    if name.strip_prefix(PARAMETER).is_none_or(str::is_empty) {
        return Err(validation_result(&format!("Invalid mapping expression parameter specified: {name}")));
    }
    match gateway_response_source(value) {
        Ok(_) => Ok(()),
        Err(_) => Err(validation_result(&format!("Invalid mapping expression specified: {value}"))),
    }
}

fn check_media_type(text: &str) -> Result<(), Exception> {
    match is_media_type(text) {
        true => Ok(()),
        false => Err(validation_result(&format!("Invalid content type specified: {text}"))),
    }
}

/// AWS's frame of what its importer finds (tables.md §8.4).
fn validation_result(error: &str) -> Exception {
    Exception::bad_request(format!("Validation Result: warnings : [], errors : [{error}]"))
}

fn delete(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let (api, kind) = named(state, call)?;
    match state.gateway_responses.remove(&key(&api, kind.as_str())) {
        Some(_) => Ok(Answer::Empty),
        None => Err(Exception::not_found("Gateway response type not defined on api")),
    }
}

/// A type that was not customised is so from then on (tables.md §7.1).
fn update(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let operations = call.patch_operations()?;
    let (api, kind) = named(state, call)?;
    let mut row = customised(state, &api, kind).cloned().unwrap_or_else(|| built_in(kind));
    for operation in &operations {
        patch(&mut row, operation)?;
    }
    row.default_response = false;
    let answer = Answer::of(&row);
    state.gateway_responses.put(key(&api, kind.as_str()), row);
    Ok(answer)
}

fn patch(row: &mut GatewayResponse, operation: &PatchOperation) -> Result<(), Exception> {
    match (operation.segments().as_slice(), operation.op) {
        (["statusCode"], Op::Replace) => {
            let status = operation.value.clone().unwrap_or_default();
            if !is_status(&status) {
                return Err(Exception::validation(&[Violation::pattern(&status, "statusCode", STATUS)]));
            }
            row.status_code = Some(status);
        }
        (["responseParameters", name], Op::Add | Op::Replace | Op::Remove) => {
            if operation.op != Op::Remove {
                check_parameter(name, &given(operation, "responseParameters")?)?;
            }
            change(&mut row.response_parameters, name, operation, "Invalid parameter name specified")?;
        }
        (["responseTemplates", name], Op::Add | Op::Replace | Op::Remove) => {
            if operation.op != Op::Remove {
                given(operation, "responseTemplates")?;
                check_media_type(name)?;
            }
            change(&mut row.response_templates, name, operation, "Content-Type specified was not found")?;
        }
        _ => return Err(operation.invalid_path()),
    }
    Ok(())
}

fn given(operation: &PatchOperation, member: &str) -> Result<String, Exception> {
    let missing = || Exception::bad_request(format!("Invalid null or empty value in {member}"));
    operation.text().ok_or_else(missing)
}

/// Adds, replaces or removes an entry; what is replaced or removed has to be there.
fn change(texts: &mut Texts, name: &str, operation: &PatchOperation, missing: &str) -> Result<(), Exception> {
    if operation.op != Op::Add && !texts.contains_key(name) {
        return Err(Exception::not_found(missing));
    }
    match operation.op {
        Op::Remove => texts.remove(name),
        _ => texts.insert(name.to_owned(), operation.value.clone().unwrap_or_default()),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{TEMPLATE, TYPES};
    use crate::aws::ControlPlane;
    use crate::aws::testing::{call, control_plane, good, refused};

    fn responses() -> (ControlPlane, String) {
        let mut plane = control_plane();
        let api = good(&mut plane, "POST", "/restapis", json!({"name": "a"}));
        let path = format!("/restapis/{}/gatewayresponses", api["id"].as_str().unwrap());
        (plane, path)
    }

    fn operation(op: &str, path: &str, value: &str) -> Value {
        json!({"patchOperations": [{"op": op, "path": path, "value": value}]})
    }

    fn status(listed: &Value, kind: &str) -> Value {
        let items = listed["item"].as_array().unwrap();
        items.iter().find(|item| item["responseType"] == kind).unwrap()["statusCode"].clone()
    }

    #[test]
    fn are_all_there() {
        let (mut plane, path) = responses();
        let listed = good(&mut plane, "GET", &path, json!(null));
        let items = listed["item"].as_array().unwrap();
        assert_eq!(items.len(), 21);
        assert_eq!(
            items[0],
            json!({
                "defaultResponse": true, "responseParameters": {}, "responseTemplates": {"application/json": TEMPLATE},
                "responseType": "ACCESS_DENIED", "statusCode": "403",
            })
        );
        assert_eq!(status(&listed, "INTEGRATION_TIMEOUT"), "504");
        let default = good(&mut plane, "GET", &format!("{path}/DEFAULT_4XX"), json!(null));
        assert!(default.get("statusCode").is_none() && default["defaultResponse"] == true);
    }

    #[test]
    fn puts_and_inherits() {
        let (mut plane, path) = responses();
        let parameters = json!({"gatewayresponse.header.X": "'*'"});
        let templates = json!({"text/plain": "sorry"});
        let body =
            json!({"statusCode": "599", "responseParameters": parameters, "responseTemplates": templates});
        let (put_status, put) = call(&mut plane, "PUT", &format!("{path}/DEFAULT_5XX"), body);
        assert_eq!((put_status, &put["defaultResponse"]), (201, &json!(false)));
        let inherited = good(&mut plane, "GET", &format!("{path}/AUTHORIZER_FAILURE"), json!(null));
        assert_eq!(
            inherited,
            json!({
                "responseType": "AUTHORIZER_FAILURE", "statusCode": "599", "defaultResponse": true,
                "responseParameters": parameters, "responseTemplates": templates,
            })
        );
        let own = json!({"responseParameters": {"gatewayresponse.header.Y": "method.request.header.Z"}});
        let own = good(&mut plane, "PUT", &format!("{path}/AUTHORIZER_FAILURE"), own);
        assert_eq!((&own["statusCode"], &own["defaultResponse"]), (&json!("500"), &json!(false)));
        assert_eq!(own["responseTemplates"], json!({"application/json": TEMPLATE}));
        let listed = good(&mut plane, "GET", &path, json!(null));
        assert_eq!(status(&listed, "AUTHORIZER_FAILURE"), "500");
        assert_eq!(status(&listed, "INTEGRATION_FAILURE"), "599");
        assert_eq!(status(&listed, "THROTTLED"), "429");
        assert_eq!(call(&mut plane, "DELETE", &format!("{path}/DEFAULT_5XX"), json!(null)).0, 202);
        assert_eq!(status(&good(&mut plane, "GET", &path, json!(null)), "INTEGRATION_FAILURE"), "504");
        let missing = refused(&mut plane, "DELETE", &format!("{path}/DEFAULT_5XX"), json!(null));
        assert_eq!(missing, ("NotFoundException".into(), "Gateway response type not defined on api".into()));
        let only_status = good(&mut plane, "PUT", &format!("{path}/THROTTLED"), json!({"statusCode": "430"}));
        assert_eq!(only_status["responseParameters"], json!({}));
    }

    #[test]
    fn refuses_to_put() {
        let (mut plane, path) = responses();
        let put = format!("{path}/THROTTLED");
        for (body, message) in [
            (
                json!({"statusCode": "600"}),
                "1 validation error detected: Value '600' at 'putGatewayResponseInput.statusCode' failed to satisfy \
                 constraint: Member must satisfy regular expression pattern: [1-5]\\d\\d",
            ),
            (
                json!({"responseTemplates": {"123": "x"}}),
                "Validation Result: warnings : [], errors : [Invalid content type specified: 123]",
            ),
            (
                json!({"responseParameters": {"header.X": "'x'"}}),
                "Validation Result: warnings : [], errors : [Invalid mapping expression parameter specified: header.X]",
            ),
            (
                json!({"responseParameters": {"gatewayresponse.header.X": "true"}}),
                "Validation Result: warnings : [], errors : [Invalid mapping expression specified: true]",
            ),
        ] {
            assert_eq!(refused(&mut plane, "PUT", &put, body).1, message);
        }
        let message = format!(
            "1 validation error detected: Value 'FAKE' at 'responseType' failed to satisfy constraint: Member must satisfy \
             enum value set: [{TYPES}]"
        );
        for method in ["GET", "PUT", "PATCH", "DELETE"] {
            let unknown = refused(&mut plane, method, "/restapis/x/gatewayresponses/FAKE", json!(null));
            assert_eq!(unknown.1, message);
            let unknown = refused(&mut plane, method, "/restapis/x/gatewayresponses/THROTTLED", json!(null));
            assert_eq!(unknown.1, "Invalid API identifier specified 123456789012:x");
        }
    }

    #[test]
    fn patches() {
        let (mut plane, path) = responses();
        let path = format!("{path}/THROTTLED");
        let mut patch = |op: &str, path_: &str, value: &str| {
            good(&mut plane, "PATCH", &path, operation(op, path_, value))
        };
        let found = patch("add", "/responseParameters/gatewayresponse.header.X", "'1'");
        assert_eq!((&found["defaultResponse"], &found["statusCode"]), (&json!(false), &json!("429")));
        let found = patch("replace", "/responseParameters/gatewayresponse.header.X", "'2'");
        assert_eq!(found["responseParameters"], json!({"gatewayresponse.header.X": "'2'"}));
        let found = patch("remove", "/responseParameters/gatewayresponse.header.X", "");
        assert_eq!(found["responseParameters"], json!({}));
        patch("add", "/responseTemplates/text~1plain", "no");
        patch("replace", "/responseTemplates/text~1plain", "yes");
        let found = patch("remove", "/responseTemplates/application~1json", "");
        assert_eq!(found["responseTemplates"], json!({"text/plain": "yes"}));
        assert_eq!(patch("replace", "/statusCode", "503")["statusCode"], "503");
        for (op, path_, value, exception, message) in [
            ("add", "/statusCode", "503", "BadRequestException", "Invalid patch path /statusCode"),
            ("remove", "/statusCode", "", "BadRequestException", "Invalid patch path /statusCode"),
            (
                "replace",
                "/responseParameters/gatewayresponse.header.Q",
                "'1'",
                "NotFoundException",
                "Invalid parameter name specified",
            ),
            (
                "replace",
                "/responseTemplates/text~1html",
                "x",
                "NotFoundException",
                "Content-Type specified was not found",
            ),
            (
                "add",
                "/responseTemplates/text~1html",
                "",
                "BadRequestException",
                "Invalid null or empty value in responseTemplates",
            ),
            (
                "add",
                "/responseParameters/gatewayresponse.header.Q",
                "",
                "BadRequestException",
                "Invalid null or empty value in responseParameters",
            ),
        ] {
            let found = refused(&mut plane, "PATCH", &path, operation(op, path_, value));
            assert_eq!(found, (exception.to_owned(), message.to_owned()));
        }
        let no_path = json!({"patchOperations": [{"op": "replace", "value": "x"}]});
        assert_eq!(refused(&mut plane, "PATCH", &path, no_path).1, "Invalid patch path null");
        assert_eq!(
            refused(&mut plane, "PATCH", &path, operation("wrong-op", "/statusCode", "x")).1,
            "1 validation error detected: Value 'wrong-op' at 'updateGatewayResponseInput.patchOperations.1.member.op' failed to \
             satisfy constraint: Member must satisfy enum value set: [add, remove, move, test, replace, copy]"
        );
    }
}
