//! Who may call, under which name, and how much.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{EndpointConfiguration, Texts};

/// An API key (tables.md §8.8).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// `id`
    pub id: String,
    /// Shown only where it is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// `name`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `customerId`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// `description`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `enabled`
    pub enabled: bool,
    /// Seconds since 1970.
    pub created_date: i64,
    /// Seconds since 1970.
    pub last_updated_date: i64,
    /// `apiId/stage`.
    #[serde(default)]
    pub stage_keys: Vec<String>,
    /// `tags`
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: Texts,
}

/// A usage plan (tables.md §9.6).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UsagePlan {
    /// `id`
    pub id: String,
    /// `name`
    pub name: String,
    /// `description`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `apiStages`
    #[serde(default)]
    pub api_stages: Vec<ApiStage>,
    /// `throttle`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttle: Option<ThrottleSettings>,
    /// `quota`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<QuotaSettings>,
    /// `productCode`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_code: Option<String>,
    /// `tags`
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: Texts,
}

/// A stage that a usage plan meters.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiStage {
    /// `apiId`
    pub api_id: String,
    /// `stage`
    pub stage: String,
    /// By `{resource}/{METHOD}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub throttle: BTreeMap<String, ThrottleSettings>,
}

/// A token bucket.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThrottleSettings {
    /// `burstLimit`
    pub burst_limit: i64,
    /// `rateLimit`
    pub rate_limit: f64,
}

/// A quota.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QuotaSettings {
    /// `limit`
    pub limit: i64,
    /// `offset`
    pub offset: i64,
    /// `DAY`, `WEEK`, `MONTH`.
    pub period: String,
}

/// A key of a usage plan.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UsagePlanKey {
    /// Id of the API key.
    pub id: String,
    /// `API_KEY`
    #[serde(rename = "type")]
    pub kind: String,
}

/// A custom domain name.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DomainName {
    /// `domainName`
    pub domain_name: String,
    /// `domainNameId`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain_name_id: Option<String>,
    /// `domainNameArn`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain_name_arn: Option<String>,
    /// `certificateName`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_name: Option<String>,
    /// `certificateArn`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_arn: Option<String>,
    /// Seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_upload_date: Option<i64>,
    /// `regionalDomainName`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regional_domain_name: Option<String>,
    /// `regionalHostedZoneId`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regional_hosted_zone_id: Option<String>,
    /// `regionalCertificateName`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regional_certificate_name: Option<String>,
    /// `regionalCertificateArn`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regional_certificate_arn: Option<String>,
    /// `distributionDomainName`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distribution_domain_name: Option<String>,
    /// `distributionHostedZoneId`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distribution_hosted_zone_id: Option<String>,
    /// `endpointConfiguration`
    pub endpoint_configuration: EndpointConfiguration,
    /// `domainNameStatus`
    pub domain_name_status: String,
    /// `securityPolicy`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_policy: Option<String>,
    /// `endpointAccessMode`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_access_mode: Option<String>,
    /// `tags`
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: Texts,
    /// `mutualTlsAuthentication`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutual_tls_authentication: Option<MutualTlsAuthentication>,
    /// `ownershipVerificationCertificateArn`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ownership_verification_certificate_arn: Option<String>,
    /// JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// `routingMode`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing_mode: Option<String>,
}

/// `mutualTlsAuthentication`
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MutualTlsAuthentication {
    /// `truststoreUri`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truststore_uri: Option<String>,
    /// `truststoreVersion`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truststore_version: Option<String>,
    /// `truststoreWarnings`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub truststore_warnings: Vec<String>,
}

/// A base path mapping (tables.md §12.3).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BasePathMapping {
    /// `(none)` for the empty one.
    pub base_path: String,
    /// `restApiId`
    pub rest_api_id: String,
    /// `stage`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
}

/// A client certificate.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientCertificate {
    /// `clientCertificateId`
    pub client_certificate_id: String,
    /// `description`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `pemEncodedCertificate`
    pub pem_encoded_certificate: String,
    /// Its key, PEM; never shown.
    #[serde(default)]
    pub private_key: String,
    /// Seconds since 1970.
    pub created_date: i64,
    /// Seconds since 1970.
    pub expiration_date: i64,
    /// `tags`
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: Texts,
}

/// A VPC link.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VpcLink {
    /// `id`
    pub id: String,
    /// `name`
    pub name: String,
    /// `description`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `targetArns`
    #[serde(default)]
    pub target_arns: Vec<String>,
    /// `status`
    pub status: String,
    /// `statusMessage`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_message: Option<String>,
    /// `tags`
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: Texts,
}

/// The account.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// `cloudwatchRoleArn`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloudwatch_role_arn: Option<String>,
    /// `throttleSettings`
    pub throttle_settings: ThrottleSettings,
    /// `features`
    #[serde(default)]
    pub features: Vec<String>,
    /// `apiKeyVersion`
    pub api_key_version: String,
}
