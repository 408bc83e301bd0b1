//! Authorizers (tables.md §4.6, §8.6).

use serde_json::json;

use crate::aws::call::Call;
use crate::aws::exception::{Exception, Violation};
use crate::aws::operation::{Body, Operation, Support};
use crate::aws::page::page;
use crate::aws::patch::{Op, PatchOperation};
use crate::aws::table::key;
use crate::aws::wire::Authorizer;
use crate::aws::{Answer, State};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateAuthorizer",
        method: "POST",
        uri: "/restapis/{restapi_id}/authorizers",
        status: 201,
        body: Body::Members(&[
            "name",
            "type",
            "providerARNs",
            "authType",
            "authorizerUri",
            "authorizerCredentials",
            "identitySource",
            "identityValidationExpression",
            "authorizerResultTtlInSeconds",
        ]),
        query: &[],
        support: Support::Supported(create),
    },
    Operation {
        name: "DeleteAuthorizer",
        method: "DELETE",
        uri: "/restapis/{restapi_id}/authorizers/{authorizer_id}",
        status: 202,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(delete),
    },
    Operation {
        name: "GetAuthorizer",
        method: "GET",
        uri: "/restapis/{restapi_id}/authorizers/{authorizer_id}",
        status: 200,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(get),
    },
    Operation {
        name: "GetAuthorizers",
        method: "GET",
        uri: "/restapis/{restapi_id}/authorizers",
        status: 200,
        body: Body::Members(&[]),
        query: &["position", "limit"],
        support: Support::Supported(list),
    },
    Operation {
        name: "UpdateAuthorizer",
        method: "PATCH",
        uri: "/restapis/{restapi_id}/authorizers/{authorizer_id}",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Supported(update),
    },
];

/// The types; AWS's order is not known.
const TYPES: [&str; 3] = ["TOKEN", "REQUEST", "COGNITO_USER_POOLS"];
const COGNITO: &str = "COGNITO_USER_POOLS";
/// Seconds that an answer is kept where the caller does not say, and at most (tables.md §4.6).
const TTL_DEFAULT: u32 = 300;
const TTL_LAST: u32 = 3600;
const PATHS: &str = "/name, /type, /authType, /authorizerUri, /authorizerCredentials, /identitySource, \
                     /identityValidationExpression, /authorizerResultTtlInSeconds, /providerARNs";

fn create(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let members = call.members();
    let (name, kind) = (members.owned("name")?, members.owned("type")?);
    let mut violations = Vec::new();
    if name.is_none() {
        violations.push(Violation::missing("createAuthorizerInput.name"));
    }
    match &kind {
        None => violations.push(Violation::missing("createAuthorizerInput.type")),
        Some(kind) if !TYPES.contains(&kind.as_str()) => {
            violations.push(Violation::not_in(kind, "createAuthorizerInput.type", &TYPES.join(", ")));
        }
        Some(_) => {}
    }
    let (true, Some(name), Some(kind)) = (violations.is_empty(), name, kind) else {
        return Err(Exception::validation(&violations));
    };
    let api = call.path("restapi_id");
    if state.rest_apis.get(api).is_none() {
        // As it is recorded: no 404.
        return Err(Exception::conflict(
            "Unable to complete operation due to concurrent modification. Please try again later.",
        ));
    }
    let text = |name: &str| Ok::<_, Exception>(members.owned(name)?.filter(|text| !text.is_empty()));
    let ttl = members.integer("authorizerResultTtlInSeconds")?;
    let authorizer = Authorizer {
        id: state.ids.short(),
        name,
        auth_type: Some(text("authType")?.unwrap_or_else(|| auth_type(&kind).to_owned())),
        provider_ar_ns: members.texts("providerARNs")?.unwrap_or_default(),
        authorizer_uri: text("authorizerUri")?,
        authorizer_credentials: text("authorizerCredentials")?,
        identity_source: text("identitySource")?,
        identity_validation_expression: text("identityValidationExpression")?,
        // AWS shows none of user pools that were not given one.
        authorizer_result_ttl_in_seconds: match ttl {
            None => (kind != COGNITO).then_some(TTL_DEFAULT),
            Some(ttl) => Some(checked_ttl(&ttl.to_string())?),
        },
        kind,
    };
    check(state, api, &authorizer)?;
    let answer = Answer::of(&authorizer);
    state.authorizers.put(key(api, &authorizer.id), authorizer);
    Ok(answer)
}

/// What documents say of an authorizer of this type.
fn auth_type(kind: &str) -> &'static str {
    if kind == COGNITO { "cognito_user_pools" } else { "custom" }
}

fn checked_ttl(text: &str) -> Result<u32, Exception> {
    let ttl = text.parse().ok().filter(|ttl| *ttl <= TTL_LAST);
    let message = "Invalid authorizerResultTtlInSeconds. Must be between 0 and 3600";
    ttl.ok_or_else(|| Exception::bad_request(message))
}

/// What has to hold of an authorizer that is new or was changed.
fn check(state: &State, api: &str, authorizer: &Authorizer) -> Result<(), Exception> {
    let name = &authorizer.name;
    if name.is_empty() {
        return Err(Exception::bad_request("Authorizer name must be non-empty"));
    }
    if state.authorizers.children(api).any(|(id, other)| other.name == *name && id != authorizer.id) {
        return Err(Exception::conflict(format!(
            "Authorizer name must be unique. Authorizer {name} already exists in this RestApi."
        )));
    }
    match authorizer.kind.as_str() {
        COGNITO => check_user_pools(&authorizer.provider_ar_ns)?,
        _ => check_uri(authorizer.authorizer_uri.as_deref())?,
    }
    let is_cached = authorizer.authorizer_result_ttl_in_seconds != Some(0);
    let Some(source) = &authorizer.identity_source else {
        let is_needed = authorizer.kind == "TOKEN" || (authorizer.kind == "REQUEST" && is_cached);
        let message = "Identity source is required for this authorizer type";
        return if is_needed { Err(Exception::bad_request(message)) } else { Ok(()) };
    };
    match authorizer.kind.as_str() {
        "REQUEST" => source.split(',').map(str::trim).try_for_each(check_source),
        _ => check_header(source),
    }
}

fn check_user_pools(arns: &[String]) -> Result<(), Exception> {
    if arns.is_empty() {
        return Err(Exception::bad_request("Authorizers of type COGNITO_USER_POOLS require providerARNs"));
    }
    let is_pool = |arn: &&String| {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        matches!(parts.as_slice(), ["arn", _, "cognito-idp", _, _, pool] if pool.starts_with("userpool/"))
    };
    match arns.iter().find(|arn| !is_pool(arn)) {
        None => Ok(()),
        Some(arn) => Err(Exception::bad_request(format!("Invalid Cognito User Pool ARN: {arn}"))),
    }
}

/// `arn:{partition}:apigateway:{region}:lambda:path/2015-03-31/functions/{function}/invocations`
fn check_uri(uri: Option<&str>) -> Result<(), Exception> {
    let parts: Vec<&str> = uri.unwrap_or_default().splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", _, "apigateway", _, "lambda", path]
            if path.starts_with("path/2015-03-31/functions/") && path.ends_with("/invocations") =>
        {
            Ok(())
        }
        _ => {
            let uri = uri.unwrap_or("null");
            Err(Exception::bad_request(format!(
                "Invalid Authorizer URI: {uri}. Authorizer URI should be a valid API Gateway ARN that represents a Lambda function \
                 invocation."
            )))
        }
    }
}

fn check_header(source: &str) -> Result<(), Exception> {
    match source.strip_prefix("method.request.header.").is_some_and(|name| !name.is_empty()) {
        true => Ok(()),
        false => Err(invalid_source(source)),
    }
}

/// One of the sources of a REQUEST authorizer; path parameters are none (tables.md §4.6).
fn check_source(source: &str) -> Result<(), Exception> {
    let prefixes = ["method.request.header.", "method.request.querystring.", "stageVariables.", "context."];
    let name = prefixes.iter().find_map(|prefix| source.strip_prefix(prefix));
    match name.is_some_and(|name| !name.is_empty()) {
        true => Ok(()),
        false => Err(invalid_source(source)),
    }
}

fn invalid_source(source: &str) -> Exception {
    Exception::bad_request(format!(
        "Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression specified: \
         {source}]"
    ))
}

fn find<'s>(state: &'s State, call: &Call<'_>) -> Result<&'s Authorizer, Exception> {
    let found = state.authorizers.child(call.path("restapi_id"), call.path("authorizer_id"));
    found.ok_or_else(|| Exception::not_found("Invalid Authorizer identifier specified"))
}

fn get(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    Ok(Answer::of(find(state, call)?))
}

fn list(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let api = state.rest_api(call.path("restapi_id"))?;
    page(call, state.authorizers.children(&api.id), |authorizer| json!(authorizer))
}

fn delete(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let id = find(state, call)?.id.clone();
    let api = call.path("restapi_id");
    for (_, resource) in state.resources.children(api) {
        let mut methods = resource.resource_methods.iter();
        if let Some((verb, _)) = methods.find(|(_, method)| method.authorizer_id.as_ref() == Some(&id)) {
            // The root is `//GET`, as in what AWS says of models (tables.md §8.5).
            return Err(Exception::conflict(format!(
                "Cannot delete authorizer '{id}', is referenced in method: {}/{verb}",
                resource.path
            )));
        }
    }
    state.authorizers.remove(&key(api, &id));
    Ok(Answer::Empty)
}

fn update(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let operations = call.patch_operations()?;
    let mut authorizer = find(state, call)?.clone();
    for operation in &operations {
        patch(&mut authorizer, operation)?;
    }
    let api = call.path("restapi_id");
    check(state, api, &authorizer)?;
    let answer = Answer::of(&authorizer);
    state.authorizers.put(key(api, &authorizer.id), authorizer);
    Ok(answer)
}

fn patch(authorizer: &mut Authorizer, operation: &PatchOperation) -> Result<(), Exception> {
    let value = operation.text();
    match (operation.segments().as_slice(), operation.op) {
        (["name"], Op::Replace) => authorizer.name = value.unwrap_or_default(),
        (["type"], Op::Replace) => match value {
            Some(kind) if TYPES.contains(&kind.as_str()) => authorizer.kind = kind,
            _ => {
                return Err(Exception::bad_request(format!(
                    "Invalid authorizer type specified. Valid options are {}",
                    TYPES.join(",")
                )));
            }
        },
        (["authType"], Op::Replace) => authorizer.auth_type = value,
        (["authorizerUri"], Op::Replace) => authorizer.authorizer_uri = value,
        (["authorizerCredentials"], Op::Replace) => authorizer.authorizer_credentials = value,
        (["identitySource"], Op::Replace) => authorizer.identity_source = value,
        (["identityValidationExpression"], Op::Replace) => authorizer.identity_validation_expression = value,
        (["authorizerResultTtlInSeconds"], Op::Replace) => {
            let ttl = checked_ttl(&value.unwrap_or_default())?;
            authorizer.authorizer_result_ttl_in_seconds = Some(ttl);
        }
        (["providerARNs"], Op::Add | Op::Replace | Op::Remove) => {
            let arns = &mut authorizer.provider_ar_ns;
            if operation.op == Op::Replace {
                arns.clear();
            }
            arns.retain(|known| Some(known) != value.as_ref());
            arns.extend(value.filter(|_| operation.op != Op::Remove));
        }
        _ => return Err(operation.refused_path(PATHS)),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::aws::ControlPlane;
    use crate::aws::table::key;
    use crate::aws::testing::{call, control_plane, good, refused};
    use crate::aws::wire::{Method, Resource};

    const URI: &str = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:123456789012:\
                       function:f/invocations";
    const SOURCE: &str = "method.request.header.Authorization";
    const POOL: &str = "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_a";

    fn api() -> (ControlPlane, String) {
        let mut plane = control_plane();
        let api = good(&mut plane, "POST", "/restapis", json!({"name": "a"}));
        let path = format!("/restapis/{}/authorizers", api["id"].as_str().unwrap());
        (plane, path)
    }

    fn token(name: &str) -> Value {
        json!({"name": name, "type": "TOKEN", "authorizerUri": URI, "identitySource": SOURCE})
    }

    #[test]
    fn creates_with_defaults() {
        let (mut plane, path) = api();
        let (status, created) = call(&mut plane, "POST", &path, token("a"));
        assert_eq!(status, 201);
        let mut expected = token("a");
        expected["id"] = created["id"].clone();
        expected["authType"] = json!("custom");
        expected["authorizerResultTtlInSeconds"] = json!(300);
        assert_eq!(created, expected);
        let pool = json!({"name": "b", "type": "COGNITO_USER_POOLS", "providerARNs": [POOL], "identitySource": SOURCE});
        let pool = good(&mut plane, "POST", &path, pool);
        assert_eq!(pool["authType"], "cognito_user_pools");
        assert!(pool.get("authorizerResultTtlInSeconds").is_none());
        let request =
            json!({"name": "c", "type": "REQUEST", "authorizerUri": URI, "authorizerResultTtlInSeconds": 0});
        good(&mut plane, "POST", &path, request);
        assert_eq!(good(&mut plane, "GET", &path, json!(null))["item"].as_array().unwrap().len(), 3);
        let one = format!("{path}/{}", created["id"].as_str().unwrap());
        assert_eq!(good(&mut plane, "GET", &one, json!(null)), created);
        assert_eq!(call(&mut plane, "DELETE", &one, json!(null)).0, 202);
        let missing = ("NotFoundException".to_owned(), "Invalid Authorizer identifier specified".to_owned());
        for method in ["GET", "PATCH", "DELETE"] {
            assert_eq!(refused(&mut plane, method, &one, json!(null)), missing);
        }
    }

    #[test]
    fn refuses_to_create() {
        let (mut plane, path) = api();
        good(&mut plane, "POST", &path, token("taken"));
        assert_eq!(
            refused(&mut plane, "POST", "/restapis/x/authorizers", token("a")),
            (
                "ConflictException".into(),
                "Unable to complete operation due to concurrent modification. Please try again later.".into()
            )
        );
        assert_eq!(
            refused(&mut plane, "GET", "/restapis/x/authorizers", json!(null)).1,
            "Invalid API identifier specified 123456789012:x"
        );
        let with = |member: &str, value: Value| {
            let mut body = token("a");
            body[member] = value;
            body
        };
        let source = |source: &str| {
            format!(
                "Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression \
                 specified: {source}]"
            )
        };
        let uri = |uri: &str| {
            format!(
                "Invalid Authorizer URI: {uri}. Authorizer URI should be a valid API Gateway ARN that represents a Lambda \
                 function invocation."
            )
        };
        for (body, message) in [
            (
                token("taken"),
                "Authorizer name must be unique. Authorizer taken already exists in this RestApi.".to_owned(),
            ),
            (token(""), "Authorizer name must be non-empty".into()),
            (with("authorizerUri", json!("arn:aws:lambda:x")), uri("arn:aws:lambda:x")),
            (with("authorizerUri", json!(null)), uri("null")),
            (with("identitySource", json!(null)), "Identity source is required for this authorizer type".into()),
            (with("identitySource", json!("context.x")), source("context.x")),
            (
                json!({"name": "a", "type": "REQUEST", "authorizerUri": URI}),
                "Identity source is required for this authorizer type".into(),
            ),
            (
                json!({
                    "name": "a", "type": "REQUEST", "authorizerUri": URI,
                    "identitySource": "context.x, method.request.path.id",
                }),
                source("method.request.path.id"),
            ),
            (
                with("authorizerResultTtlInSeconds", json!(3601)),
                "Invalid authorizerResultTtlInSeconds. Must be between 0 and 3600".into(),
            ),
            (
                with("type", json!("COGNITO_USER_POOLS")),
                "Authorizers of type COGNITO_USER_POOLS require providerARNs".into(),
            ),
            (
                json!({"name": "a", "type": "COGNITO_USER_POOLS", "providerARNs": ["x"]}),
                "Invalid Cognito User Pool ARN: x".into(),
            ),
            (
                json!({"type": "JWT"}),
                "2 validation errors detected: Value null at 'createAuthorizerInput.name' failed to satisfy constraint: Member \
                 must not be null; Value 'JWT' at 'createAuthorizerInput.type' failed to satisfy constraint: Member must \
                 satisfy enum value set: [TOKEN, REQUEST, COGNITO_USER_POOLS]"
                    .into(),
            ),
        ] {
            assert_eq!(refused(&mut plane, "POST", &path, body).1, message);
        }
    }

    #[test]
    fn patches() {
        let (mut plane, path) = api();
        good(&mut plane, "POST", &path, token("taken"));
        let id = good(&mut plane, "POST", &path, token("a"))["id"].as_str().unwrap().to_owned();
        let path = format!("{path}/{id}");
        let operation = |op: &str, path: &str, value: &str| json!({"patchOperations": [{"op": op, "path": path, "value": value}]});
        for (member, value) in [
            ("name", "b"),
            ("authType", "x"),
            ("authorizerCredentials", "arn:aws:iam::1:role/r"),
            ("identityValidationExpression", "^x"),
            ("authorizerUri", URI),
            ("type", "REQUEST"),
            ("identitySource", "method.request.querystring.q,stageVariables.v"),
        ] {
            let body = operation("replace", &format!("/{member}"), value);
            assert_eq!(good(&mut plane, "PATCH", &path, body)[member], value);
        }
        let ttl = operation("replace", "/authorizerResultTtlInSeconds", "60");
        assert_eq!(good(&mut plane, "PATCH", &path, ttl)["authorizerResultTtlInSeconds"], 60);
        for (op, arn, arns) in [
            ("add", POOL, json!([POOL])),
            ("replace", "arn:x", json!(["arn:x"])),
            ("add", POOL, json!(["arn:x", POOL])),
            ("remove", "arn:x", json!([POOL])),
        ] {
            let body = operation(op, "/providerARNs", arn);
            assert_eq!(good(&mut plane, "PATCH", &path, body)["providerARNs"], arns);
        }
        for (body, message) in [
            (
                operation("replace", "/name", "taken"),
                "Authorizer name must be unique. Authorizer taken already exists in this RestApi.",
            ),
            (
                operation("replace", "/type", "JWT"),
                "Invalid authorizer type specified. Valid options are TOKEN,REQUEST,COGNITO_USER_POOLS",
            ),
            (
                operation("replace", "/authorizerResultTtlInSeconds", "x"),
                "Invalid authorizerResultTtlInSeconds. Must be between 0 and 3600",
            ),
            (
                operation("replace", "/identitySource", ""),
                "Identity source is required for this authorizer type",
            ),
            (
                operation("add", "/name", "x"),
                "Invalid patch path  '/name' specified for op 'add'. Please choose supported operations",
            ),
        ] {
            assert_eq!(refused(&mut plane, "PATCH", &path, body).1, message);
        }
    }

    #[test]
    fn stays_while_it_is_used() {
        let (mut plane, path) = api();
        let id = good(&mut plane, "POST", &path, token("a"))["id"].as_str().unwrap().to_owned();
        let api = path.split('/').nth(2).unwrap().to_owned();
        let method = Method { authorizer_id: Some(id.clone()), ..Method::default() };
        let mut resource = Resource { id: "r".into(), path: "/pets".into(), ..Resource::default() };
        resource.resource_methods.insert("GET".into(), method);
        plane.state.resources.put(key(&api, "r"), resource);
        assert_eq!(
            refused(&mut plane, "DELETE", &format!("{path}/{id}"), json!(null)),
            (
                "ConflictException".into(),
                format!("Cannot delete authorizer '{id}', is referenced in method: /pets/GET")
            )
        );
    }
}
