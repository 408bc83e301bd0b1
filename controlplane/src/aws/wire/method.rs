//! Resources, methods and integrations.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Flags, Texts};

/// A resource with its methods.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// `id`
    pub id: String,
    /// Absent at the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    /// Absent at the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_part: Option<String>,
    /// `path`
    pub path: String,
    /// By verb.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub resource_methods: BTreeMap<String, Method>,
}

/// A method.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Method {
    /// `httpMethod`
    pub http_method: String,
    /// `authorizationType`
    pub authorization_type: String,
    /// `authorizerId`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorizer_id: Option<String>,
    /// `apiKeyRequired`
    pub api_key_required: bool,
    /// `requestValidatorId`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_validator_id: Option<String>,
    /// `operationName`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_name: Option<String>,
    /// Whether each is required.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub request_parameters: Flags,
    /// Model names by media type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub request_models: Texts,
    /// By status code.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub method_responses: BTreeMap<String, MethodResponse>,
    /// `methodIntegration`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method_integration: Option<Integration>,
    /// `authorizationScopes`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorization_scopes: Vec<String>,
}

/// A method response.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MethodResponse {
    /// `statusCode`
    pub status_code: String,
    /// Whether each is required.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub response_parameters: Flags,
    /// Model names by media type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub response_models: Texts,
}

/// An integration (tables.md §8.4).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Integration {
    /// `type`
    #[serde(rename = "type")]
    pub kind: String,
    /// The verb that the backend is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_method: Option<String>,
    /// `uri`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// `connectionType`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_type: Option<String>,
    /// `connectionId`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<String>,
    /// `credentials`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<String>,
    /// Mapping expressions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub request_parameters: Texts,
    /// VTL by media type; AWS shows an empty one as `null`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", with = "templates")]
    pub request_templates: Texts,
    /// `passthroughBehavior`
    pub passthrough_behavior: String,
    /// `contentHandling`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_handling: Option<String>,
    /// `timeoutInMillis`
    pub timeout_in_millis: u32,
    /// `cacheNamespace`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_namespace: Option<String>,
    /// `cacheKeyParameters`
    #[serde(default)]
    pub cache_key_parameters: Vec<String>,
    /// By status code.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub integration_responses: BTreeMap<String, IntegrationResponse>,
    /// `tlsConfig`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_config: Option<TlsConfig>,
    /// `responseTransferMode`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_transfer_mode: Option<String>,
    /// `integrationTarget`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_target: Option<String>,
}

/// `tlsConfig`
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TlsConfig {
    /// `insecureSkipVerification`
    pub insecure_skip_verification: bool,
}

/// An integration response.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IntegrationResponse {
    /// `statusCode`
    pub status_code: String,
    /// `selectionPattern`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection_pattern: Option<String>,
    /// Mapping expressions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub response_parameters: Texts,
    /// VTL by media type; AWS shows an empty one as `null`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", with = "templates")]
    pub response_templates: Texts,
    /// `contentHandling`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_handling: Option<String>,
}

/// Templates by media type: an empty one is `null`, as AWS shows it.
mod templates {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::Texts;

    pub(super) fn serialize<S: Serializer>(templates: &Texts, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            templates.iter().map(|(key, text)| (key, Some(text).filter(|text| !text.is_empty()))),
        )
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Texts, D::Error> {
        let templates = BTreeMap::<String, Option<String>>::deserialize(deserializer)?;
        Ok(templates.into_iter().map(|(key, text)| (key, text.unwrap_or_default())).collect())
    }
}
