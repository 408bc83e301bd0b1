//! Everything that the control plane holds.

use super::deploy::Served;
use super::ids::Ids;
use super::table::{Row, Table, Write};
use super::usage::{Uncounted, Usage};
use super::{Exception, Settings, wire};

macro_rules! tables {
    ($($(#[$doc:meta])* $field:ident: $row:ty = $name:literal $([$place:path])? $($served:ident)?,)*) => {
        /// Everything that the control plane holds: a table for each kind of resource.
        pub struct State {
            pub(crate) settings: Settings,
            pub(crate) ids: Ids,
            /// Who knows what keys have used.
            pub(crate) usage: Box<dyn Usage>,
            /// What was made of the rows for the data plane.
            pub(crate) served: Served,
            $($(#[$doc])* pub $field: Table<$row>,)*
        }

        $(impl Row for $row {
            const TABLE: &'static str = $name;
            $(const SERVED: bool = stringify!($served).len() > 0;)?
            $(fn place(&self, key: &str) -> Option<String> {
                $place(self, key)
            })?
        })*

        impl State {
            pub(crate) fn new(settings: Settings, ids: Ids) -> Self {
                State { settings, ids, usage: Box::new(Uncounted), served: Served::default(), $($field: Table::default(),)* }
            }

            pub(crate) fn writes(&self) -> Vec<Write> {
                let mut writes = Vec::new();
                $(self.$field.writes(&mut writes);)*
                writes
            }

            /// Whether a row that the data plane depends on has changed.
            pub(crate) fn serving_changed(&self) -> bool {
                false $(|| (<$row>::SERVED && self.$field.is_changed()))*
            }

            pub(crate) fn commit(&mut self) {
                self.served.commit(self.api_keys.is_changed() || self.usage_plan_keys.is_changed());
                $(self.$field.commit();)*
            }

            pub(crate) fn roll_back(&mut self) {
                $(self.$field.roll_back();)*
                self.served.roll_back();
            }

            pub(crate) fn load(&mut self, table: &str, key: &str, value: &[u8]) -> Result<(), String> {
                self.served.forget_keys();
                match table {
                    $($name => self.$field.load(key, value),)*
                    _ => Err(format!("the store has a table `{table}` that this version does not know")),
                }
            }
        }
    };
}

tables! {
    /// By id.
    rest_apis: wire::RestApi = "rest_apis" served,
    /// By API and id; with their methods and integrations. Placed by API, parent and path part.
    resources: wire::Resource = "resources" [resource_place],
    /// By API and name.
    models: wire::Model = "models",
    /// By API and id.
    request_validators: wire::RequestValidator = "request_validators",
    /// By API and type: those that are customised.
    gateway_responses: wire::GatewayResponse = "gateway_responses",
    /// By API and id.
    authorizers: wire::Authorizer = "authorizers",
    /// By API and id.
    documentation_parts: wire::DocumentationPart = "documentation_parts",
    /// By API and version.
    documentation_versions: wire::DocumentationVersion = "documentation_versions",
    /// By API and id.
    deployments: wire::Deployment = "deployments" served,
    /// By API and id: what the deployments froze.
    frozen_apis: wire::FrozenApi = "frozen_apis",
    /// By API and name.
    stages: wire::Stage = "stages" served,
    /// By id. Placed by value.
    api_keys: wire::ApiKey = "api_keys" [api_key_place] served,
    /// By id.
    usage_plans: wire::UsagePlan = "usage_plans" served,
    /// By plan and key id. Placed the other way round.
    usage_plan_keys: wire::UsagePlanKey = "usage_plan_keys" [usage_plan_key_place] served,
    /// By name.
    domain_names: wire::DomainName = "domain_names" served,
    /// By domain name and base path.
    base_path_mappings: wire::BasePathMapping = "base_path_mappings" served,
    /// By id.
    client_certificates: wire::ClientCertificate = "client_certificates",
    /// By id.
    vpc_links: wire::VpcLink = "vpc_links",
    /// One, under `account`.
    accounts: wire::Account = "accounts",
}

/// `api/parent/part`: siblings lie together, however many resources the API has.
fn resource_place(resource: &wire::Resource, key: &str) -> Option<String> {
    let (api, _) = key.rsplit_once('/')?;
    Some(format!("{api}/{}/{}", resource.parent_id.as_ref()?, resource.path_part.as_ref()?))
}

fn api_key_place(row: &wire::ApiKey, _: &str) -> Option<String> {
    row.value.clone()
}

/// `key/plan`: the plans of a key lie together, however many plans and keys there are.
fn usage_plan_key_place(_: &wire::UsagePlanKey, key: &str) -> Option<String> {
    let (plan, id) = key.split_once('/')?;
    Some(format!("{id}/{plan}"))
}

impl State {
    /// The API key with this value: there is one at most.
    pub(crate) fn api_key_with(&self, value: &str) -> Option<&wire::ApiKey> {
        // Longer values that begin with it come after it.
        let found = self.api_keys.placed(value.to_owned()).next();
        found.filter(|(place, _)| *place == value).map(|(_, row)| row)
    }

    /// Ids of the usage plans of an API key.
    pub(crate) fn plans_of(&self, key: &str) -> impl Iterator<Item = &str> {
        let length = key.len() + 1;
        let places = self.usage_plan_keys.placed(format!("{key}/")).map(move |(place, _)| &place[length..]);
        // Ids of keys may have a slash, where they are their values; those of plans have none.
        places.filter(|plan| !plan.contains('/'))
    }

    /// Whether there is a stage.
    pub(crate) fn has_stage(&self, api: &str, stage: &str) -> bool {
        self.stages.child(api, stage).is_some()
    }

    /// The API, or AWS's words for that there is none (tables.md §8.1).
    pub(crate) fn rest_api(&self, id: &str) -> Result<&wire::RestApi, Exception> {
        self.rest_apis.get(id).ok_or_else(|| {
            let account = &self.settings.account_id;
            Exception::not_found(format!("Invalid API identifier specified {account}:{id}"))
        })
    }

    /// `arn:aws:apigateway:{region}::{path}`, as tags name resources.
    pub(crate) fn arn(&self, path: &str) -> String {
        format!("arn:aws:apigateway:{}::{path}", self.settings.region)
    }
}
