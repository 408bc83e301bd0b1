//! A REST API as a list of things, each with properties that have a name and a text.

use std::collections::BTreeMap;

use ringway_core::model::{
    Authorization, Authorizer, ConnectionType, GatewayResponse, Integration, IntegrationResponse, Method,
    MethodResponse, Model, ResponseTransferMode, RestApi, Templates,
};

/// Names and values; a property that is absent or has its default may be missing.
pub(super) type Properties = Vec<(String, String)>;

/// Everything that a diff tells apart, by a name that is there once.
pub(super) fn things(api: &RestApi) -> Vec<(String, Properties)> {
    let mut things = vec![("API".to_owned(), whole_api(api))];
    for resource in &api.resources {
        for method in &resource.methods {
            things.push((
                format!("{} {}", method.http_method.as_str(), resource.path),
                properties_of_method(method),
            ));
        }
    }
    things
        .extend(api.models.iter().map(|model| (format!("model {}", model.name), properties_of_model(model))));
    for validator in &api.request_validators {
        let mut list = List::default();
        list.add("validates body", validator.validate_request_body);
        list.add("validates parameters", validator.validate_request_parameters);
        things.push((format!("request validator {}", validator.name), list.0));
    }
    for response in &api.gateway_responses {
        things.push((
            format!("gateway response {}", response.response_type.as_str()),
            gateway_response(response),
        ));
    }
    for authorizer in &api.authorizers {
        things.push((format!("authorizer {}", authorizer.name), properties_of_authorizer(authorizer)));
    }
    for part in &api.documentation_parts {
        let properties = vec![("properties".to_owned(), part.properties.clone())];
        things.push((format!("documentation {}", part.location), properties));
    }
    things
}

#[derive(Default)]
struct List(Properties);

impl List {
    fn add(&mut self, what: impl Into<String>, value: impl ToString) {
        self.0.push((what.into(), value.to_string()));
    }

    fn some(&mut self, what: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.add(what, value);
        }
    }

    fn flag(&mut self, what: &str, value: bool) {
        if value {
            self.add(what, "yes");
        }
    }

    fn joined(&mut self, what: &str, values: &[String]) {
        if !values.is_empty() {
            self.add(what, values.join(", "));
        }
    }

    fn templates(&mut self, what: &str, templates: &Templates) {
        for (media_type, text) in templates {
            self.add(format!("{what} {media_type}"), text);
        }
        // Where nothing matches, the first is taken (tables.md §2.4).
        if templates.len() > 1 {
            let order: Vec<String> = templates.iter().map(|(media_type, _)| media_type.clone()).collect();
            self.joined(&format!("{what} order"), &order);
        }
    }
}

fn whole_api(api: &RestApi) -> Properties {
    let mut list = List::default();
    list.add("name", &api.name);
    list.some("description", api.description.as_ref());
    list.some("version", api.version.as_ref());
    list.joined("binary media types", &api.binary_media_types);
    list.some("minimum compression size", api.minimum_compression_size);
    list.add("API key source", api.api_key_source.as_str());
    list.add("endpoint type", api.endpoint_configuration.endpoint_type.as_str());
    list.joined("VPC endpoints", &api.endpoint_configuration.vpc_endpoint_ids);
    list.flag("execute-api endpoint disabled", api.disable_execute_api_endpoint);
    list.some("resource policy", api.policy.as_ref());
    list.some("security policy", api.security_policy.as_ref());
    list.some("endpoint access mode", api.endpoint_access_mode.as_ref());
    for (name, value) in &api.tags {
        list.add(format!("tag {name}"), value);
    }
    list.0
}

fn properties_of_method(method: &Method) -> Properties {
    let mut list = List::default();
    list.some("operation name", method.operation_name.as_ref());
    list.add(
        "authorization",
        match &method.authorization {
            Authorization::None => "NONE".to_owned(),
            Authorization::AwsIam => "AWS_IAM".to_owned(),
            Authorization::Custom { authorizer } => format!("CUSTOM {authorizer}"),
            Authorization::CognitoUserPools { authorizer, scopes } => {
                format!("COGNITO_USER_POOLS {authorizer} [{}]", scopes.join(", "))
            }
        },
    );
    list.flag("API key required", method.api_key_required);
    list.some("request validator", method.request_validator.as_ref());
    for (key, required) in &method.request_parameters {
        let required = if *required { "required" } else { "optional" };
        list.add(format!("parameter {} {}", key.place.as_str(), key.name), required);
    }
    models(&mut list, "request model", &method.request_models);
    integration(&mut list, &method.integration);
    for (status, response) in &method.method_responses {
        method_response(&mut list, *status, response);
    }
    list.0
}

fn models(list: &mut List, what: &str, models: &BTreeMap<String, String>) {
    for (media_type, model) in models {
        list.add(format!("{what} {media_type}"), model);
    }
}

fn method_response(list: &mut List, status: u16, response: &MethodResponse) {
    list.add(format!("method response {status}"), "defined");
    for (name, required) in &response.response_parameters {
        let required = if *required { "required" } else { "optional" };
        list.add(format!("method response {status} header {name}"), required);
    }
    models(list, &format!("method response {status} model"), &response.response_models);
}

fn integration(list: &mut List, integration: &Integration) {
    list.add("integration type", integration.kind.as_str());
    list.some("integration method", integration.http_method.map(|verb| verb.as_str()));
    list.some("integration uri", integration.uri.as_ref());
    if let ConnectionType::VpcLink(id) = &integration.connection {
        list.add("VPC link", id);
    }
    list.some("credentials", integration.credentials.as_ref());
    for parameter in &integration.request_parameters {
        list.add(format!("mapping {}", parameter.target), &parameter.source);
    }
    list.templates("request template", &integration.request_templates);
    list.add("passthrough behavior", integration.passthrough_behavior.as_str());
    list.some("content handling", integration.content_handling.map(|handling| handling.as_str()));
    list.add("timeout in ms", integration.timeout.as_millis());
    list.some("cache namespace", integration.cache_namespace.as_ref());
    list.joined("cache keys", &integration.cache_key_parameters);
    list.flag("certificate not verified", integration.insecure_skip_verification);
    list.some("integration target", integration.integration_target.as_ref());
    list.flag("answer streamed", integration.response_transfer_mode == ResponseTransferMode::Stream);
    for response in &integration.responses {
        integration_response(list, response);
    }
    // The first pattern that matches is taken.
    let patterns: Vec<String> =
        integration.responses.iter().filter_map(|response| response.selection_pattern.clone()).collect();
    if patterns.len() > 1 {
        list.joined("integration response order", &patterns);
    }
}

fn integration_response(list: &mut List, response: &IntegrationResponse) {
    let of = format!("integration response {}", response.selection_pattern.as_deref().unwrap_or("default"));
    list.add(format!("{of} status"), response.status_code);
    for parameter in &response.response_parameters {
        list.add(format!("{of} header {}", parameter.header), &parameter.source);
    }
    list.templates(&format!("{of} template"), &response.response_templates);
    list.some(&format!("{of} content handling"), response.content_handling.map(|handling| handling.as_str()));
}

fn properties_of_model(model: &Model) -> Properties {
    let mut list = List::default();
    list.add("schema", &model.schema);
    list.add("content type", &model.content_type);
    list.some("description", model.description.as_ref());
    list.0
}

fn gateway_response(response: &GatewayResponse) -> Properties {
    let mut list = List::default();
    list.some("status", response.status_code);
    for (name, source) in &response.response_parameters {
        list.add(format!("header {name}"), source);
    }
    list.templates("template", &response.response_templates);
    list.0
}

fn properties_of_authorizer(authorizer: &Authorizer) -> Properties {
    let mut list = List::default();
    list.add("type", authorizer.kind.as_str());
    list.some("authType", authorizer.auth_type.as_ref());
    list.some("uri", authorizer.uri.as_ref());
    list.some("credentials", authorizer.credentials.as_ref());
    list.some("identity source", authorizer.identity_source.as_ref());
    list.some("identity validation", authorizer.identity_validation_expression.as_ref());
    list.some("TTL in s", authorizer.result_ttl_seconds);
    list.joined("providers", &authorizer.provider_arns);
    list.0
}
