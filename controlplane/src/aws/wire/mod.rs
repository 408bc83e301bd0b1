//! Resources as AWS shows them; rows of the store are the same JSON.
//!
//! Members that AWS leaves out are left out, those that it always sends are always there (tables.md §8, §9).

mod access;
mod api;
mod method;
mod stage;

use std::collections::BTreeMap;

pub use access::{
    Account, ApiKey, ApiStage, BasePathMapping, ClientCertificate, DomainName, MutualTlsAuthentication,
    QuotaSettings, ThrottleSettings, UsagePlan, UsagePlanKey, VpcLink,
};
pub use api::{
    Authorizer, DocumentationPart, DocumentationPartLocation, DocumentationVersion, EndpointConfiguration,
    GatewayResponse, Model, RequestValidator, RestApi,
};
pub use method::{Integration, IntegrationResponse, Method, MethodResponse, Resource, TlsConfig};
pub use stage::{AccessLogSettings, CanarySettings, Deployment, FrozenApi, MethodSetting, Stage};

/// A map of texts.
pub type Texts = BTreeMap<String, String>;
/// A map of booleans.
pub type Flags = BTreeMap<String, bool>;
