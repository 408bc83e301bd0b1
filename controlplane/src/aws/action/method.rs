//! Methods (tables.md §8.3).

use std::collections::HashSet;

use super::parameters::{
    INVALID_NAME, MappingErrors, NO_CONTENT_TYPE, check_models, patch_entry, replace_only, request_parameter,
};
use super::resource;
use crate::aws::call::Call;
use crate::aws::exception::Exception;
use crate::aws::operation::{Body, Operation, Support};
use crate::aws::patch::{Op, PatchOperation};
use crate::aws::table::key;
use crate::aws::wire::{Method, Resource};
use crate::aws::{Answer, State};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "DeleteMethod",
        method: "DELETE",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}",
        status: 204,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(delete),
    },
    Operation {
        name: "GetMethod",
        method: "GET",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}",
        status: 200,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(get),
    },
    Operation {
        name: "PutMethod",
        method: "PUT",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}",
        status: 201,
        body: Body::Members(&[
            "authorizationType",
            "authorizerId",
            "apiKeyRequired",
            "operationName",
            "requestParameters",
            "requestModels",
            "requestValidatorId",
            "authorizationScopes",
        ]),
        query: &[],
        support: Support::Supported(put),
    },
    Operation {
        name: "UpdateMethod",
        method: "PATCH",
        uri: "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Supported(update),
    },
];

const VERBS: [&str; 8] = ["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD", "ANY"];
const AUTHORIZATION_TYPES: [&str; 4] = ["NONE", "AWS_IAM", "CUSTOM", "COGNITO_USER_POOLS"];
const INVALID_METHOD: &str = "Invalid Method identifier specified";
const INVALID_AUTHORIZER: &str = "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS \
                                  requires a valid authorizer.";

/// The method that a call names, or AWS's words for that it, its resource or its API is not there (tables.md §8.3).
pub(super) fn find<'s>(state: &'s State, call: &Call<'_>) -> Result<&'s Method, Exception> {
    let resource = resource::find(state, call, "resource_id")?;
    let found = resource.resource_methods.get(call.path("http_method"));
    found.ok_or_else(|| Exception::not_found(INVALID_METHOD))
}

/// Changes the method that a call names, and puts its resource back unless the change is refused.
pub(super) fn change<T>(
    state: &mut State,
    call: &Call<'_>,
    change: impl FnOnce(&State, &mut Method) -> Result<T, Exception>,
) -> Result<T, Exception> {
    let mut resource = resource::find(state, call, "resource_id")?.clone();
    let method = resource.resource_methods.get_mut(call.path("http_method"));
    let done = change(state, method.ok_or_else(|| Exception::not_found(INVALID_METHOD))?)?;
    put_back(state, call, resource);
    Ok(done)
}

fn put_back(state: &mut State, call: &Call<'_>, resource: Resource) {
    state.resources.put(key(call.path("restapi_id"), &resource.id), resource);
}

/// Refuses what is no verb of a method or of an integration (tables.md §8.3).
pub(super) fn check_verb(verb: &str) -> Result<(), Exception> {
    match VERBS.contains(&verb) {
        true => Ok(()),
        false => Err(Exception::bad_request(format!(
            "Invalid HttpMethod specified. Valid options are {}",
            VERBS.join(",")
        ))),
    }
}

fn put(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let verb = call.path("http_method");
    let members = call.members();
    let mut method = Method {
        http_method: verb.to_owned(),
        authorization_type: call.required("authorizationType")?.to_owned(),
        authorizer_id: members.owned("authorizerId")?,
        api_key_required: members.boolean("apiKeyRequired")?.unwrap_or_default(),
        request_validator_id: members.owned("requestValidatorId")?,
        operation_name: members.owned("operationName")?.filter(|name| !name.is_empty()),
        request_parameters: members.flag_map("requestParameters")?.unwrap_or_default(),
        request_models: members.text_map("requestModels")?.unwrap_or_default(),
        authorization_scopes: members.texts("authorizationScopes")?.unwrap_or_default(),
        ..Method::default()
    };
    let mut resource = resource::find(state, call, "resource_id")?.clone();
    check_verb(verb)?;
    if resource.resource_methods.contains_key(verb) {
        return Err(Exception::conflict("Method already exists for this resource"));
    }
    check(state, call.path("restapi_id"), &mut method)?;
    let answer = Answer::of(&method);
    resource.resource_methods.insert(verb.to_owned(), method);
    put_back(state, call, resource);
    Ok(answer)
}

fn get(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    Ok(Answer::of(find(state, call)?))
}

fn delete(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    find(state, call)?;
    let mut resource = resource::find(state, call, "resource_id")?.clone();
    resource.resource_methods.remove(call.path("http_method"));
    put_back(state, call, resource);
    Ok(Answer::Empty)
}

fn update(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let operations = call.patch_operations()?;
    change(state, call, |state, method| {
        for operation in &operations {
            patch(method, operation)?;
        }
        check(state, call.path("restapi_id"), method)?;
        Ok(Answer::of(method))
    })
}

fn patch(method: &mut Method, operation: &PatchOperation) -> Result<(), Exception> {
    let value = || operation.value.clone().unwrap_or_default();
    match operation.segments().as_slice() {
        [
            name @ ("authorizationType" | "authorizerId" | "apiKeyRequired" | "operationName"
            | "requestValidatorId"),
        ] => {
            replace_only(operation)?;
            match *name {
                "authorizationType" => method.authorization_type = value(),
                "authorizerId" => method.authorizer_id = operation.text(),
                "apiKeyRequired" => method.api_key_required = operation.boolean(),
                "operationName" => method.operation_name = operation.text(),
                // Without a value there is none; an empty one is unknown.
                _ => method.request_validator_id = operation.value.clone(),
            }
        }
        ["requestParameters", name] => {
            let required = operation.boolean();
            patch_entry(&mut method.request_parameters, name, required, operation, INVALID_NAME)?;
            forget_cache_key(method, name, operation);
        }
        ["requestModels", content_type] => {
            patch_entry(&mut method.request_models, content_type, value(), operation, NO_CONTENT_TYPE)?;
        }
        ["authorizationScopes"] => patch_scopes(&mut method.authorization_scopes, operation)?,
        _ => return Err(operation.invalid_path()),
    }
    Ok(())
}

/// To replace a parameter is to remove it and add it anew at AWS, and the integration loses it as a cache key. Told in public
/// (terraform-provider-aws#29991).
fn forget_cache_key(method: &mut Method, name: &str, operation: &PatchOperation) {
    if let Some(integration) = method.method_integration.as_mut().filter(|_| operation.op != Op::Add) {
        integration.cache_key_parameters.retain(|known| known != name);
    }
}

fn patch_scopes(scopes: &mut Vec<String>, operation: &PatchOperation) -> Result<(), Exception> {
    let scope = operation.value.clone().unwrap_or_default();
    match operation.op {
        Op::Add if scope.is_empty() || scopes.contains(&scope) => {}
        Op::Add => scopes.push(scope),
        Op::Remove => scopes.retain(|known| *known != scope),
        _ => {
            let message = "Invalid patch operation specified. Must be one of: [add, remove]";
            return Err(Exception::bad_request(message));
        }
    }
    Ok(())
}

/// Checks a method as a whole (tables.md §8.3).
fn check(state: &State, api: &str, method: &mut Method) -> Result<(), Exception> {
    check_authorization(state, api, method)?;
    if let Some(id) = &method.request_validator_id
        && state.request_validators.child(api, id).is_none()
    {
        return Err(Exception::bad_request("Invalid Request Validator identifier specified"));
    }
    check_models(state, api, &method.request_models)?;
    let mut errors = MappingErrors::default();
    let mut names = HashSet::new();
    for parameter in method.request_parameters.keys() {
        match request_parameter(parameter) {
            None => errors.expression(parameter),
            Some((_, name)) if names.insert(name) => {}
            Some(_) => {
                let message = "Parameter names must be unique across querystring, header and path";
                return Err(Exception::bad_request(message));
            }
        }
    }
    errors.finish()
}

fn check_authorization(state: &State, api: &str, method: &mut Method) -> Result<(), Exception> {
    let kind = method.authorization_type.as_str();
    if !AUTHORIZATION_TYPES.contains(&kind) {
        let options = AUTHORIZATION_TYPES.join(",");
        let message = format!("Invalid authorization type specified. Valid options are {options}");
        return Err(Exception::bad_request(message));
    }
    if kind == "CUSTOM" || kind == "COGNITO_USER_POOLS" {
        let id = method.authorizer_id.as_deref().unwrap_or_default();
        let found = state.authorizers.child(api, id);
        if found.is_none_or(|found| (found.kind == "COGNITO_USER_POOLS") != (kind == "COGNITO_USER_POOLS")) {
            return Err(Exception::bad_request(INVALID_AUTHORIZER));
        }
    } else {
        // Recorded: it is ignored (tables.md §7.1).
        method.authorizer_id = None;
    }
    if kind != "COGNITO_USER_POOLS" && !method.authorization_scopes.is_empty() {
        return Err(Exception::bad_request(
            "Invalid Method authorization type specified. Authorization Scopes are only valid for COGNITO_USER_POOLS authorization \
             type",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::aws::ControlPlane;
    use crate::aws::testing::{a_method, call, control_plane, good, refused};
    use crate::aws::wire::Authorizer;

    fn put(plane: &mut ControlPlane, verb: &str, body: Value) -> (u16, Value) {
        let path = a_method(plane);
        call(plane, "PUT", &path.replace("/GET", &format!("/{verb}")), body)
    }

    fn authorizer(plane: &mut ControlPlane, path: &str, id: &str, kind: &str) {
        let api = path.split('/').nth(2).unwrap();
        let row = Authorizer { id: id.into(), kind: kind.into(), ..Authorizer::default() };
        plane.state.authorizers.put(format!("{api}/{id}"), row);
    }

    #[test]
    fn a_life() {
        let mut plane = control_plane();
        let path = a_method(&mut plane);
        let shown = good(&mut plane, "GET", &path, json!(null));
        assert_eq!(shown, json!({"httpMethod": "GET", "authorizationType": "NONE", "apiKeyRequired": false}));
        let (exception, message) = refused(&mut plane, "PUT", &path, json!({"authorizationType": "NONE"}));
        assert_eq!(exception, "ConflictException");
        assert_eq!(message, "Method already exists for this resource");
        let body = json!({
            "authorizationType": "AWS_IAM",
            "authorizerId": "ignored",
            "apiKeyRequired": true,
            "operationName": "pets",
            "requestParameters": {"method.request.querystring.q": true},
            "requestModels": {"application/json": "Empty"},
        });
        let post = path.replace("/GET", "/POST");
        let made = good(&mut plane, "PUT", &post, body.clone());
        let mut expected = body;
        expected.as_object_mut().unwrap().remove("authorizerId");
        expected["httpMethod"] = json!("POST");
        assert_eq!(made, expected);
        assert_eq!(call(&mut plane, "DELETE", &post, json!(null)).0, 204);
        assert_eq!(refused(&mut plane, "GET", &post, json!(null)).1, "Invalid Method identifier specified");
        assert_eq!(refused(&mut plane, "DELETE", &post, json!(null)).0, "NotFoundException");
        let nowhere = post.replace("/resources/", "/resources/x");
        assert_eq!(
            refused(&mut plane, "GET", &nowhere, json!(null)).1,
            "Invalid Resource identifier specified"
        );
    }

    #[test]
    fn refuses_in_aws_words() {
        let mut plane = control_plane();
        let verbs =
            "Invalid HttpMethod specified. Valid options are GET,PUT,POST,DELETE,PATCH,OPTIONS,HEAD,ANY";
        let authorizer = "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS \
                          requires a valid authorizer.";
        let scopes = "Invalid Method authorization type specified. Authorization Scopes are only valid for COGNITO_USER_POOLS \
                      authorization type";
        let names = "Parameter names must be unique across querystring, header and path";
        let q = "method.request.querystring.a";
        for (verb, body, expected) in [
            ("wrong", json!({"authorizationType": "NONE"}), verbs),
            ("PUT", json!({"authorizationType": "CUSTOM"}), authorizer),
            ("PUT", json!({"authorizationType": "COGNITO_USER_POOLS", "authorizerId": "x"}), authorizer),
            ("PUT", json!({"authorizationType": "NONE", "authorizationScopes": ["a"]}), scopes),
            (
                "PUT",
                json!({"authorizationType": "NONE", "requestValidatorId": "x"}),
                "Invalid Request Validator identifier specified",
            ),
            (
                "PUT",
                json!({"authorizationType": "NONE", "requestModels": {"application/json": "petModel"}}),
                "Invalid model identifier specified: petModel",
            ),
            (
                "PUT",
                json!({"authorizationType": "NONE", "requestParameters": {q: true, "method.request.path.a": true}}),
                names,
            ),
            (
                "PUT",
                json!({"authorizationType": "NONE", "requestParameters": {"method.request.cookie.a": true}}),
                "Invalid mapping expression specified: Validation Result: warnings : [], errors : \
                 [Invalid mapping expression specified: method.request.cookie.a]",
            ),
        ] {
            let (status, answer) = put(&mut plane, verb, body);
            assert_eq!((status, &answer), (400, &json!(["BadRequestException", expected])));
        }
        assert_eq!(
            put(&mut plane, "PUT", json!({})).1,
            json!([
                "ValidationException",
                "1 validation error detected: Value null at 'putMethodInput.authorizationType' failed to satisfy constraint: \
                 Member must not be null"
            ])
        );
    }

    #[test]
    fn authorizers_and_scopes() {
        let mut plane = control_plane();
        let path = a_method(&mut plane);
        authorizer(&mut plane, &path, "lambda", "TOKEN");
        authorizer(&mut plane, &path, "pool", "COGNITO_USER_POOLS");
        let patch = |plane: &mut ControlPlane, operations: Value| {
            call(plane, "PATCH", &path, json!({"patchOperations": operations})).1
        };
        let kind = |kind: &str| json!({"op": "replace", "path": "/authorizationType", "value": kind});
        let id = |id: &str| json!({"op": "replace", "path": "/authorizerId", "value": id});
        let scope = |op: &str, scope: &str| json!({"op": op, "path": "/authorizationScopes", "value": scope});
        assert_eq!(patch(&mut plane, json!([kind("CUSTOM"), id("lambda")]))["authorizerId"], "lambda");
        assert_eq!(patch(&mut plane, json!([kind("COGNITO_USER_POOLS")]))[0], "BadRequestException");
        let scoped = patch(
            &mut plane,
            json!([
                kind("COGNITO_USER_POOLS"),
                id("pool"),
                scope("add", "a"),
                scope("add", "b"),
                scope("remove", "a")
            ]),
        );
        assert_eq!(scoped["authorizationScopes"], json!(["b"]));
        let open = patch(&mut plane, json!([kind("NONE"), id(""), scope("remove", "b")]));
        assert_eq!(open, json!({"httpMethod": "GET", "authorizationType": "NONE", "apiKeyRequired": false}));
        // Recorded: an unknown one is ignored while the type is NONE.
        assert!(patch(&mut plane, json!([id("unknown")])).get("authorizerId").is_none());
    }

    #[test]
    fn patches_every_path() {
        let mut plane = control_plane();
        let path = a_method(&mut plane);
        let api = path.split("/resources").next().unwrap();
        let validator = good(&mut plane, "POST", &format!("{api}/requestvalidators"), json!({"name": "v"}));
        let validator = validator["id"].as_str().unwrap();
        let operations = json!([
            {"op": "replace", "path": "/apiKeyRequired", "value": "true"},
            {"op": "replace", "path": "/operationName", "value": "pets"},
            {"op": "replace", "path": "/requestValidatorId", "value": validator},
            {"op": "add", "path": "/requestParameters/method.request.querystring.q", "value": "true"},
            {"op": "add", "path": "/requestParameters/method.request.header.h", "value": "false"},
            {"op": "replace", "path": "/requestParameters/method.request.querystring.q", "value": "false"},
            {"op": "add", "path": "/requestModels/application~1json", "value": "Empty"},
            {"op": "replace", "path": "/requestModels/application~1json", "value": "Error"},
        ]);
        assert_eq!(
            good(&mut plane, "PATCH", &path, json!({"patchOperations": operations})),
            json!({
                "httpMethod": "GET", "authorizationType": "NONE", "apiKeyRequired": true, "operationName": "pets",
                "requestValidatorId": validator,
                "requestParameters": {"method.request.querystring.q": false, "method.request.header.h": false},
                "requestModels": {"application/json": "Error"},
            })
        );
        let operations = json!([
            {"op": "replace", "path": "/apiKeyRequired", "value": "maybe"},
            {"op": "replace", "path": "/operationName"},
            {"op": "replace", "path": "/requestValidatorId"},
            {"op": "remove", "path": "/requestParameters/method.request.querystring.q"},
            {"op": "remove", "path": "/requestParameters/method.request.header.h"},
            {"op": "remove", "path": "/requestModels/application~1json"},
        ]);
        assert_eq!(
            good(&mut plane, "PATCH", &path, json!({"patchOperations": operations})),
            json!({"httpMethod": "GET", "authorizationType": "NONE", "apiKeyRequired": false})
        );
        let replace_only = "Invalid patch operation specified. Must be one of: [replace]";
        for (op, patched, expected) in [
            ("add", "/authorizationType", replace_only),
            ("remove", "/operationName", replace_only),
            ("replace", "/httpMethod", "Invalid patch path /httpMethod"),
            ("add", "/requestParameters", "Invalid patch path /requestParameters"),
            ("add", "/requestModels/application/json", "Invalid patch path /requestModels/application/json"),
            ("remove", "/requestParameters/method.request.header.n", "Invalid parameter name specified"),
            ("replace", "/requestModels/a~1b", "Content-Type specified was not found"),
            ("replace", "/requestValidatorId", "Invalid Request Validator identifier specified"),
        ] {
            let body = json!({"patchOperations": [{"op": op, "path": patched, "value": ""}]});
            assert_eq!(refused(&mut plane, "PATCH", &path, body).1, expected, "{op} {patched}");
        }
    }
}
