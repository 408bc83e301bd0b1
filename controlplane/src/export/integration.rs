//! `x-amazon-apigateway-integration`: types and behaviors in lower case, as AWS writes them (recorded, tables.md §10).

use ringway_core::model::{ConnectionType, Integration, IntegrationResponse, ResponseTransferMode};

use super::{insert_filled, pairs, strings};
use crate::json::Json;

const TIMEOUT_DEFAULT_MILLIS: u64 = 29_000;

pub(super) fn integration(integration: &Integration) -> Json {
    let mut members = Json::object();
    members.insert("type", integration.kind.as_str().to_ascii_lowercase());
    members.insert_some("httpMethod", integration.http_method.map(|verb| verb.as_str()));
    members.insert_some("uri", integration.uri.as_deref());
    if let ConnectionType::VpcLink(id) = &integration.connection {
        members.insert("connectionType", "VPC_LINK");
        members.insert("connectionId", &**id);
    }
    members.insert_some("credentials", integration.credentials.as_deref());
    let mut parameters = Json::object();
    for parameter in &integration.request_parameters {
        parameters.insert(parameter.target.to_string(), parameter.source.to_string());
    }
    insert_filled(&mut members, "requestParameters", parameters);
    insert_filled(&mut members, "requestTemplates", pairs(&integration.request_templates));
    members.insert("passthroughBehavior", integration.passthrough_behavior.as_str().to_ascii_lowercase());
    members.insert_some("contentHandling", integration.content_handling.map(|handling| handling.as_str()));
    let millis = u64::try_from(integration.timeout.as_millis()).unwrap_or(TIMEOUT_DEFAULT_MILLIS);
    members.insert_some("timeoutInMillis", (millis != TIMEOUT_DEFAULT_MILLIS).then_some(millis));
    members.insert_some("cacheNamespace", integration.cache_namespace.as_deref());
    insert_filled(&mut members, "cacheKeyParameters", strings(&integration.cache_key_parameters));
    if integration.insecure_skip_verification {
        let mut config = Json::object();
        config.insert("insecureSkipVerification", true);
        members.insert("tlsConfig", config);
    }
    members.insert_some("integrationTarget", integration.integration_target.as_deref());
    if integration.response_transfer_mode == ResponseTransferMode::Stream {
        members.insert("responseTransferMode", "STREAM");
    }
    let mut responses = Json::object();
    for response in &integration.responses {
        let pattern = response.selection_pattern.as_deref().unwrap_or("default");
        responses.insert(pattern, integration_response(response));
    }
    insert_filled(&mut members, "responses", responses);
    members
}

fn integration_response(response: &IntegrationResponse) -> Json {
    let mut members = Json::object();
    members.insert("statusCode", response.status_code.to_string());
    let mut parameters = Json::object();
    for parameter in &response.response_parameters {
        parameters
            .insert(format!("method.response.header.{}", parameter.header), parameter.source.to_string());
    }
    insert_filled(&mut members, "responseParameters", parameters);
    insert_filled(&mut members, "responseTemplates", pairs(&response.response_templates));
    members.insert_some("contentHandling", response.content_handling.map(|handling| handling.as_str()));
    members
}
