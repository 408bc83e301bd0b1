//! REST APIs (tables.md §8.1).

use serde_json::Value;

use crate::aws::call::{Call, Members};
use crate::aws::exception::{Exception, Violation};
use crate::aws::operation::{Body, Operation, Support};
use crate::aws::page::page;
use crate::aws::patch::{Op, PatchOperation};
use crate::aws::table::key;
use crate::aws::wire::{EndpointConfiguration, Model, Resource, RestApi};
use crate::aws::{Answer, State};

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateRestApi",
        method: "POST",
        uri: "/restapis",
        status: 201,
        body: Body::Members(&[
            "name",
            "description",
            "version",
            "cloneFrom",
            "binaryMediaTypes",
            "minimumCompressionSize",
            "apiKeySource",
            "endpointConfiguration",
            "policy",
            "tags",
            "disableExecuteApiEndpoint",
            "securityPolicy",
            "endpointAccessMode",
        ]),
        query: &[],
        support: Support::Supported(create),
    },
    Operation {
        name: "DeleteRestApi",
        method: "DELETE",
        uri: "/restapis/{restapi_id}",
        status: 202,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(delete),
    },
    Operation {
        name: "GetRestApi",
        method: "GET",
        uri: "/restapis/{restapi_id}",
        status: 200,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(get),
    },
    Operation {
        name: "GetRestApis",
        method: "GET",
        uri: "/restapis",
        status: 200,
        body: Body::Members(&[]),
        query: &["position", "limit"],
        support: Support::Supported(list),
    },
    Operation {
        name: "UpdateRestApi",
        method: "PATCH",
        uri: "/restapis/{restapi_id}",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Supported(update),
    },
];

/// AWS's order of the types of endpoints.
const ENDPOINT_TYPES: &str = "PRIVATE, EDGE, REGIONAL";
/// Bytes; `minimumCompressionSize` at most.
const COMPRESSION_SIZE_LAST: u32 = 10_485_760;

fn create(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let members = call.members();
    let mut violations = Vec::new();
    let name = members.owned("name")?;
    if name.is_none() {
        violations.push(Violation::missing("createRestApiInput.name"));
    }
    let source = members.text("apiKeySource")?.unwrap_or("HEADER");
    if !["HEADER", "AUTHORIZER"].contains(&source) {
        violations.push(Violation::not_in(source, "createRestApiInput.apiKeySource", "HEADER, AUTHORIZER"));
    }
    let endpoint = EndpointInput::read(&members, "createRestApiInput", &mut violations)?;
    if !violations.is_empty() {
        return Err(Exception::validation(&violations));
    }
    let description = members.owned("description")?;
    if description.as_deref() == Some("") {
        return Err(Exception::bad_request("Description cannot be an empty string"));
    }
    if name.as_deref() == Some("") {
        return Err(Exception::bad_request("Name cannot be an empty string"));
    }
    let size = members.integer("minimumCompressionSize")?;
    let api = RestApi {
        id: state.ids.long(),
        name: name.unwrap_or_default(),
        description,
        created_date: call.now,
        version: members.owned("version")?,
        binary_media_types: members.texts("binaryMediaTypes")?.unwrap_or_default(),
        minimum_compression_size: size.map(|size| compression_size(&size.to_string())).transpose()?,
        api_key_source: source.to_owned(),
        endpoint_configuration: endpoint.configuration()?,
        policy: members
            .owned("policy")?
            .filter(|policy| !policy.is_empty())
            .map(checked_policy)
            .transpose()?,
        tags: members.text_map("tags")?.unwrap_or_default(),
        disable_execute_api_endpoint: members.boolean("disableExecuteApiEndpoint")?.unwrap_or_default(),
        root_resource_id: state.ids.long(),
        security_policy: members.owned("securityPolicy")?,
        endpoint_access_mode: members.owned("endpointAccessMode")?,
        ..RestApi::default()
    };
    match members.text("cloneFrom")? {
        Some(from) => clone_children(state, from, &api)?,
        None => add_defaults(state, &api),
    }
    let shown = show(&api, !api.tags.is_empty());
    state.rest_apis.put(api.id.clone(), api);
    Ok(Answer::Json(shown))
}

/// What every new API has: a root, and the models `Empty` and `Error` (tables.md §14.4).
pub(super) fn add_defaults(state: &mut State, api: &RestApi) {
    let root = Resource { id: api.root_resource_id.clone(), path: "/".into(), ..Resource::default() };
    state.resources.put(key(&api.id, &root.id), root);
    for (name, description, schema) in DEFAULT_MODELS {
        let model = Model {
            id: state.ids.short(),
            name: name.into(),
            description: Some(description.into()),
            schema: Some(schema.into()),
            content_type: "application/json".into(),
        };
        state.models.put(key(&api.id, name), model);
    }
}

/// Copies what belongs to the API `from`; deployments and stages stay with it.
fn clone_children(state: &mut State, from: &str, api: &RestApi) -> Result<(), Exception> {
    let root = state.rest_api(from)?.root_resource_id.clone();
    let renamed = |id: &str| if id == root { api.root_resource_id.clone() } else { id.to_owned() };
    let resources: Vec<Resource> = state.resources.children(from).map(|(_, row)| row.clone()).collect();
    for mut resource in resources {
        resource.id = renamed(&resource.id);
        resource.parent_id = resource.parent_id.as_deref().map(renamed);
        state.resources.put(key(&api.id, &resource.id), resource);
    }
    macro_rules! copy {
        ($($table:ident),*) => {
            $(let rows: Vec<_> = state.$table.children(from).map(|(id, row)| (key(&api.id, id), row.clone())).collect();
            for (key, row) in rows {
                state.$table.put(key, row);
            })*
        };
    }
    copy!(models, request_validators, gateway_responses, authorizers, documentation_parts);
    Ok(())
}

fn delete(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let id = call.path("restapi_id").to_owned();
    state.rest_api(&id)?;
    if state.base_path_mappings.iter().any(|(_, mapping)| mapping.rest_api_id == id) {
        return Err(Exception::bad_request(
            "Please remove all base path mappings related to the API in your account before deleting the API.",
        ));
    }
    state.rest_apis.remove(&id);
    remove_children(state, &id);
    state.deployments.remove_children(&id);
    state.frozen_apis.remove_children(&id);
    state.stages.remove_children(&id);
    state.documentation_versions.remove_children(&id);
    Ok(Answer::Empty)
}

/// Removes what an import writes anew.
pub(super) fn remove_children(state: &mut State, id: &str) {
    state.resources.remove_children(id);
    state.models.remove_children(id);
    state.request_validators.remove_children(id);
    state.gateway_responses.remove_children(id);
    state.authorizers.remove_children(id);
    state.documentation_parts.remove_children(id);
}

fn get(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    Ok(Answer::Json(show(state.rest_api(call.path("restapi_id"))?, true)))
}

fn list(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    page(call, state.rest_apis.iter(), |api| show(api, true))
}

/// As AWS shows it: the policy with its quotes escaped, tags where asked for.
pub(super) fn show(api: &RestApi, with_tags: bool) -> Value {
    let mut value = serde_json::to_value(api).unwrap_or_default();
    if let Some(policy) = &api.policy {
        value["policy"] = Value::String(policy.replace('\\', "\\\\").replace('"', "\\\""));
    }
    if let Some(object) = value.as_object_mut().filter(|_| !with_tags) {
        object.remove("tags");
    }
    value
}

fn update(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let operations = call.patch_operations()?;
    let mut api = state.rest_api(call.path("restapi_id"))?.clone();
    for operation in &operations {
        patch(&mut api, operation)?;
    }
    let shown = show(&api, true);
    state.rest_apis.put(api.id.clone(), api);
    Ok(Answer::Json(shown))
}

fn patch(api: &mut RestApi, operation: &PatchOperation) -> Result<(), Exception> {
    let value = || operation.text();
    match (operation.segments().as_slice(), operation.op) {
        (["name"], Op::Replace) => match value() {
            Some(name) => api.name = name,
            None => return Err(Exception::bad_request("Name cannot be an empty string")),
        },
        (["description"], Op::Replace | Op::Remove) => {
            api.description = value().filter(|_| operation.op == Op::Replace);
        }
        (["version"], Op::Replace) => api.version = value(),
        (["policy"], Op::Replace) => api.policy = value().map(checked_policy).transpose()?,
        (["apiKeySource"], Op::Replace) => match operation.value.as_deref() {
            Some(source @ ("HEADER" | "AUTHORIZER")) => api.api_key_source = source.to_owned(),
            _ => {
                return Err(Exception::bad_request(
                    "Invalid API key source. Valid options are HEADER,AUTHORIZER",
                ));
            }
        },
        (["disableExecuteApiEndpoint"], Op::Replace) => {
            api.disable_execute_api_endpoint = operation.boolean()
        }
        (["securityPolicy"], Op::Replace) => api.security_policy = value(),
        (["endpointAccessMode"], Op::Replace) => api.endpoint_access_mode = value(),
        (["minimumCompressionSize"], Op::Replace) => {
            api.minimum_compression_size = value().map(|size| compression_size(&size)).transpose()?;
        }
        (["minimumCompressionSize"] | ["endpointConfiguration", "ipAddressType"], op)
            if op != Op::Replace =>
        {
            return Err(Exception::bad_request(
                "Invalid patch operation specified. Must be one of: [replace]",
            ));
        }
        (["binaryMediaTypes", name], op) => {
            let types = &mut api.binary_media_types;
            types.retain(|known| known != name);
            match op {
                Op::Add => types.push((*name).to_owned()),
                Op::Replace => types.push(value().unwrap_or_else(|| (*name).to_owned())),
                Op::Remove => {}
                _ => return Err(operation.invalid_path()),
            }
        }
        (["endpointConfiguration", rest @ ..], _) => {
            patch_endpoint(&mut api.endpoint_configuration, rest, operation)?;
        }
        _ => return Err(operation.invalid_path()),
    }
    Ok(())
}

/// `/endpointConfiguration/…`, of APIs and of domain names.
pub(super) fn patch_endpoint(
    endpoint: &mut EndpointConfiguration,
    path: &[&str],
    operation: &PatchOperation,
) -> Result<(), Exception> {
    match (path, operation.op) {
        (["types"] | ["types", _], Op::Add | Op::Replace) => {
            let kind = operation.value.clone().unwrap_or_default();
            if !["EDGE", "REGIONAL", "PRIVATE"].contains(&kind.as_str()) {
                return Err(Exception::bad_request(
                    "Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE",
                ));
            }
            if kind == "PRIVATE" {
                endpoint.ip_address_type = Some("dualstack".into());
            }
            endpoint.types = vec![kind];
        }
        (["types", kind], Op::Remove) => endpoint.types.retain(|known| known != kind),
        (["types"] | ["types", _], _) => {
            return Err(Exception::bad_request(
                "Invalid patch operation specified. Must be 'add'|'remove'|'replace'",
            ));
        }
        (["ipAddressType"], Op::Replace) => match operation.value.as_deref() {
            Some("ipv4") if endpoint.types.iter().any(|kind| kind == "PRIVATE") => {
                return Err(Exception::bad_request(PRIVATE_IS_DUALSTACK));
            }
            Some(kind @ ("ipv4" | "dualstack")) => endpoint.ip_address_type = Some(kind.to_owned()),
            _ => return Err(Exception::bad_request("ipAddressType must be either ipv4 or dualstack.")),
        },
        (["vpcEndpointIds"], Op::Add) => endpoint.vpc_endpoint_ids.extend(operation.text()),
        (["vpcEndpointIds", id], Op::Add) => endpoint.vpc_endpoint_ids.push((*id).to_owned()),
        (["vpcEndpointIds"], Op::Remove) => {
            endpoint.vpc_endpoint_ids.retain(|known| operation.value.as_ref() != Some(known));
        }
        (["vpcEndpointIds", id], Op::Remove) => endpoint.vpc_endpoint_ids.retain(|known| known != id),
        _ => return Err(operation.invalid_path()),
    }
    Ok(())
}

const PRIVATE_IS_DUALSTACK: &str = "Only dualstack ipAddressType is supported for Private APIs.";

/// `endpointConfiguration` of a request, its values checked and its sense not yet.
pub(super) struct EndpointInput {
    types: Option<Vec<String>>,
    ip_address_type: Option<String>,
    vpc_endpoint_ids: Vec<String>,
}

impl EndpointInput {
    /// Reads it; wrong values become violations, types first.
    pub(super) fn read(
        members: &Members<'_>,
        input: &str,
        violations: &mut Vec<Violation>,
    ) -> Result<Self, Exception> {
        let known = ["types", "ipAddressType", "vpcEndpointIds"];
        let Some(endpoint) = members.structure("endpointConfiguration", &known)? else {
            return Ok(EndpointInput { types: None, ip_address_type: None, vpc_endpoint_ids: Vec::new() });
        };
        let types = endpoint.texts("types")?;
        let is_unknown = |kind: &String| !["EDGE", "REGIONAL", "PRIVATE"].contains(&kind.as_str());
        if let Some(types) = types.as_ref().filter(|types| types.iter().any(is_unknown)) {
            violations.push(Violation {
                value: Some(format!("[{}]", types.join(", "))),
                member: format!("{input}.endpointConfiguration.types"),
                constraint: format!(
                    "Member must satisfy constraint: [Member must satisfy enum value set: [{ENDPOINT_TYPES}]]"
                ),
            });
        }
        let ip_address_type = endpoint.owned("ipAddressType")?;
        if let Some(kind) = ip_address_type.as_deref().filter(|kind| !["ipv4", "dualstack"].contains(kind)) {
            let member = format!("{input}.endpointConfiguration.ipAddressType");
            violations.push(Violation::not_in(kind, member, "ipv4, dualstack"));
        }
        let vpc_endpoint_ids = endpoint.texts("vpcEndpointIds")?.unwrap_or_default();
        Ok(EndpointInput { types, ip_address_type, vpc_endpoint_ids })
    }

    /// What it means, with AWS's defaults.
    pub(super) fn configuration(self) -> Result<EndpointConfiguration, Exception> {
        let types = self.types.unwrap_or_else(|| vec!["EDGE".to_owned()]);
        let message = match types.as_slice() {
            [] => "REGIONAL Configuration and EDGE Configuration cannot be both DISABLED.",
            [kind] if kind == "PRIVATE" && self.ip_address_type.as_deref() == Some("ipv4") => {
                PRIVATE_IS_DUALSTACK
            }
            [kind] => {
                let default = if kind == "PRIVATE" { "dualstack" } else { "ipv4" };
                let ip_address_type = Some(self.ip_address_type.unwrap_or_else(|| default.to_owned()));
                let vpc_endpoint_ids = self.vpc_endpoint_ids;
                return Ok(EndpointConfiguration { types, ip_address_type, vpc_endpoint_ids });
            }
            _ => "Cannot create an api with multiple Endpoint Types.",
        };
        Err(Exception::bad_request(message))
    }
}

fn compression_size(text: &str) -> Result<u32, Exception> {
    text.parse().ok().filter(|size| *size <= COMPRESSION_SIZE_LAST).ok_or_else(|| {
        Exception::bad_request("Invalid minimum compression size, must be between 0 and 10485760")
    })
}

fn checked_policy(policy: String) -> Result<String, Exception> {
    match serde_json::from_str::<Value>(&policy) {
        Ok(Value::Object(_)) => Ok(policy),
        _ => Err(Exception::bad_request(
            "Invalid policy document. Please check the policy syntax and ensure that Principals are valid.",
        )),
    }
}

/// Name, description and schema, which AWS keeps pretty-printed (tables.md §14.4).
const DEFAULT_MODELS: [(&str, &str, &str); 2] = [
    (
        "Empty",
        "This is a default empty schema model",
        "{\n  \"$schema\": \"http://json-schema.org/draft-04/schema#\",\n  \"title\" : \"Empty Schema\",\n  \"type\" : \"object\"\n}",
    ),
    (
        "Error",
        "This is a default error schema model",
        "{\n  \"$schema\" : \"http://json-schema.org/draft-04/schema#\",\n  \"title\" : \"Error Schema\",\n  \"type\" : \"object\",\n  \
         \"properties\" : {\n    \"message\" : { \"type\" : \"string\" }\n  }\n}",
    ),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::aws::testing::{ACCOUNT, call, control_plane, good, refused};

    #[test]
    fn creates_with_defaults() {
        let mut plane = control_plane();
        let (status, api) = call(&mut plane, "POST", "/restapis", json!({"name": "pets"}));
        assert_eq!(status, 201);
        assert_eq!(api["apiKeySource"], "HEADER");
        assert_eq!(api["endpointConfiguration"], json!({"ipAddressType": "ipv4", "types": ["EDGE"]}));
        assert_eq!(api["disableExecuteApiEndpoint"], false);
        assert!(api.get("tags").is_none());
        let path = format!("/restapis/{}", api["id"].as_str().unwrap());
        assert_eq!(good(&mut plane, "GET", &path, json!(null))["tags"], json!({}));
        assert_eq!(call(&mut plane, "DELETE", &path, json!(null)).0, 202);
        let (exception, message) = refused(&mut plane, "GET", &path, json!(null));
        assert_eq!(exception, "NotFoundException");
        assert_eq!(
            message,
            format!("Invalid API identifier specified {ACCOUNT}:{}", api["id"].as_str().unwrap())
        );
    }

    #[test]
    fn refuses_in_aws_words() {
        let mut plane = control_plane();
        let endpoint = json!({"types": ["wrong"], "ipAddressType": "wrong"});
        let body = json!({"name": "a", "description": "", "endpointConfiguration": endpoint});
        let (exception, message) = refused(&mut plane, "POST", "/restapis", body);
        assert_eq!(exception, "ValidationException");
        assert_eq!(
            message,
            "2 validation errors detected: Value '[wrong]' at 'createRestApiInput.endpointConfiguration.types' failed to satisfy \
             constraint: Member must satisfy constraint: [Member must satisfy enum value set: [PRIVATE, EDGE, REGIONAL]]; Value \
             'wrong' at 'createRestApiInput.endpointConfiguration.ipAddressType' failed to satisfy constraint: Member must satisfy \
             enum value set: [ipv4, dualstack]"
        );
        let body = json!({"name": "a", "description": "", "minimumCompressionSize": -1});
        assert_eq!(refused(&mut plane, "POST", "/restapis", body).1, "Description cannot be an empty string");
        assert_eq!(
            refused(&mut plane, "POST", "/restapis", json!({"name": true})).0,
            "SerializationException"
        );
        assert_eq!(
            refused(&mut plane, "POST", "/restapis", json!({"name": "a", "x": 1})).0,
            "SerializationException"
        );
        let private =
            json!({"name": "a", "endpointConfiguration": {"types": ["PRIVATE"], "ipAddressType": "ipv4"}});
        assert_eq!(
            refused(&mut plane, "POST", "/restapis", private).1,
            "Only dualstack ipAddressType is supported for Private APIs."
        );
        assert_eq!(good(&mut plane, "GET", "/restapis", json!(null)), json!({"item": []}));
    }

    #[test]
    fn patches_all_or_nothing() {
        let mut plane = control_plane();
        let api = good(
            &mut plane,
            "POST",
            "/restapis",
            json!({"name": "pets", "binaryMediaTypes": ["image/png", "a/b"]}),
        );
        let path = format!("/restapis/{}", api["id"].as_str().unwrap());
        let operations = json!([
            {"op": "replace", "path": "/name", "value": "cats"},
            {"op": "replace", "path": "/binaryMediaTypes/image~1png", "value": "image/jpeg"},
            {"op": "replace", "path": "/endpointConfiguration/types/EDGE", "value": "PRIVATE"},
        ]);
        let patched = good(&mut plane, "PATCH", &path, json!({"patchOperations": operations}));
        assert_eq!(patched["name"], "cats");
        assert_eq!(patched["binaryMediaTypes"], json!(["a/b", "image/jpeg"]));
        assert_eq!(
            patched["endpointConfiguration"],
            json!({"ipAddressType": "dualstack", "types": ["PRIVATE"]})
        );
        let operations = json!([{"op": "replace", "path": "/name", "value": "dogs"}, {"op": "add", "path": "/binaryMediaTypes"}]);
        let (_, message) = refused(&mut plane, "PATCH", &path, json!({"patchOperations": operations}));
        assert_eq!(message, "Invalid patch path /binaryMediaTypes");
        assert_eq!(good(&mut plane, "GET", &path, json!(null))["name"], "cats");
    }

    #[test]
    fn pages() {
        let mut plane = control_plane();
        for _ in 0..3 {
            good(&mut plane, "POST", "/restapis", json!({"name": "a"}));
        }
        let first = good(&mut plane, "GET", "/restapis?limit=2", json!(null));
        assert_eq!(first["item"].as_array().unwrap().len(), 2);
        let next = format!("/restapis?limit=2&position={}", first["position"].as_str().unwrap());
        let second = good(&mut plane, "GET", &next, json!(null));
        assert_eq!(second["item"].as_array().unwrap().len(), 1);
        assert!(second.get("position").is_none());
    }
}
