//! `mode=merge`: one API with the definitions of another (tables.md §10.1).

use ringway_core::model::{Method, Resource, RestApi};

/// `existing` with everything of `newer`, whose definitions win. Name and version are those of `newer`; stages, endpoint and API keys
/// stay untouched; binary media types are joined (recorded). `mode=overwrite` is `newer` itself.
pub fn merge(existing: RestApi, newer: RestApi) -> RestApi {
    let mut api = existing;
    api.name = newer.name;
    api.version = newer.version;
    replace(&mut api.description, newer.description);
    for media_type in newer.binary_media_types {
        if !api.binary_media_types.contains(&media_type) {
            api.binary_media_types.push(media_type);
        }
    }
    replace(&mut api.minimum_compression_size, newer.minimum_compression_size);
    if newer.api_key_source != Default::default() {
        api.api_key_source = newer.api_key_source;
    }
    replace(&mut api.policy, newer.policy);
    replace(&mut api.security_policy, newer.security_policy);
    replace(&mut api.endpoint_access_mode, newer.endpoint_access_mode);
    api.tags.extend(newer.tags);
    for resource in newer.resources {
        merge_resource(&mut api.resources, resource);
    }
    merge_list(&mut api.models, newer.models, |model| &model.name);
    merge_list(&mut api.request_validators, newer.request_validators, |validator| &validator.name);
    merge_list(&mut api.gateway_responses, newer.gateway_responses, |response| &response.response_type);
    merge_list(&mut api.authorizers, newer.authorizers, |authorizer| &authorizer.name);
    merge_list(&mut api.documentation_parts, newer.documentation_parts, |part| &part.location);
    api
}

fn replace<T>(old: &mut Option<T>, new: Option<T>) {
    if new.is_some() {
        *old = new;
    }
}

fn merge_resource(resources: &mut Vec<Resource>, newer: Resource) {
    match resources.iter_mut().find(|resource| resource.path == newer.path) {
        Some(resource) => {
            merge_list(&mut resource.methods, newer.methods, |method: &Method| &method.http_method)
        }
        None => resources.push(newer),
    }
}

/// Items with the same key are replaced where they stand; others follow.
fn merge_list<T, K: PartialEq>(items: &mut Vec<T>, newer: Vec<T>, key: impl Fn(&T) -> &K) {
    for item in newer {
        match items.iter_mut().find(|other| key(other) == key(&item)) {
            Some(old) => *old = item,
            None => items.push(item),
        }
    }
}
