//! What answers the operations: a file for each kind of resource, with its part of the table.

mod account;
mod api_key;
mod api_key_import;
mod authorizer;
mod base_path_mapping;
mod client_certificate;
mod deployment;
mod documentation;
mod domain_name;
mod gateway_response;
mod hosted_zone;
mod import_api;
mod integration;
mod integration_check;
mod integration_patch;
mod integration_response;
mod method;
mod method_response;
mod model;
mod model_schema;
mod parameters;
mod request_validator;
mod resource;
mod rest_api;
mod sdk;
mod stage;
mod stage_patch;
mod tags;
mod test_invoke;
mod usage;
mod usage_plan;
mod usage_plan_key;
mod usage_plan_patch;
mod vpc_link;

use super::operation::Operation;

pub(super) use domain_name::without_certificate;
pub(super) use import_api::{overwrite_settings, own_policy, put_root};
pub(super) use stage::{new as new_stage, set_cache};
pub(super) use usage_plan::check_settings as check_usage_plan;

/// The operations of all kinds.
pub(super) static FAMILIES: &[&[Operation]] = &[
    rest_api::OPERATIONS,
    resource::OPERATIONS,
    method::OPERATIONS,
    method_response::OPERATIONS,
    integration::OPERATIONS,
    integration_response::OPERATIONS,
    model::OPERATIONS,
    request_validator::OPERATIONS,
    documentation::OPERATIONS,
    authorizer::OPERATIONS,
    gateway_response::OPERATIONS,
    deployment::OPERATIONS,
    stage::OPERATIONS,
    import_api::OPERATIONS,
    sdk::OPERATIONS,
    test_invoke::OPERATIONS,
    api_key::OPERATIONS,
    usage_plan::OPERATIONS,
    domain_name::OPERATIONS,
    base_path_mapping::OPERATIONS,
    client_certificate::OPERATIONS,
    vpc_link::OPERATIONS,
    account::OPERATIONS,
    tags::OPERATIONS,
];
