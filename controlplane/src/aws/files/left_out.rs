//! What API files have no place for.

use std::collections::BTreeSet;

use ringway_core::model;
use serde_json::Value;

use super::written;
use crate::aws::State;
use crate::aws::wire::{DomainName, Resource, RestApi, Stage};
use crate::throttle::method_name;

/// What is not of a deployment, nor of what is not deployed.
pub(super) fn of_api(state: &State, api: &RestApi, name: &str) -> Vec<String> {
    let mut lines = vec![format!(
        "{name}: the ids of its resources, models, validators, authorizers and deployments, and its dates"
    )];
    let endpoint = &api.endpoint_configuration;
    let is_private = endpoint.types.iter().any(|kind| kind == "PRIVATE");
    let default = if is_private { "dualstack" } else { "ipv4" };
    if let Some(kind) = endpoint.ip_address_type.as_deref().filter(|kind| *kind != default) {
        lines.push(format!("{name}: endpointConfiguration.ipAddressType {kind}"));
    }
    for (model, row) in state.models.children(&api.id) {
        if !row.content_type.eq_ignore_ascii_case("application/json") {
            lines.push(format!("{name}: model {model}: it is {}, and documents hold JSON", row.content_type));
        }
    }
    lines
        .extend(bare_resources(state, api).map(|path| format!("{name}: resource {path}: it has no methods")));
    let versions = state.documentation_versions.children(&api.id);
    lines.extend(versions.map(|(version, _)| format!("{name}: documentation version {version}")));
    let stages = state.stages.children(&api.id);
    lines.extend(stages.flat_map(|(_, stage)| of_stage(name, stage)));
    lines
}

/// The paths of resources with methods neither of their own nor below them.
fn bare_resources<'s>(state: &'s State, api: &RestApi) -> impl Iterator<Item = &'s str> {
    let rows: Vec<&Resource> = state.resources.children(&api.id).map(|(_, row)| row).collect();
    let full: BTreeSet<String> = rows
        .iter()
        .filter(|row| !row.resource_methods.is_empty())
        .flat_map(|row| {
            let ends = row.path.match_indices('/').map(|(end, _)| row.path[..end].to_owned());
            ends.chain([row.path.clone()])
        })
        .collect();
    rows.into_iter().map(|row| row.path.as_str()).filter(move |path| *path != "/" && !full.contains(*path))
}

fn of_stage(name: &str, stage: &Stage) -> Vec<String> {
    let mut lines = Vec::new();
    let mut add = |line: String| lines.push(format!("{name}, stage {}: {line}", stage.stage_name));
    for (member, value) in [
        ("clientCertificateId", &stage.client_certificate_id),
        ("documentationVersion", &stage.documentation_version),
        ("webAclArn", &stage.web_acl_arn),
    ] {
        if let Some(value) = value {
            add(format!("{member} {value}"));
        }
    }
    for (key, row) in &stage.method_settings {
        let level = row.logging_level.is_some();
        for (member, is_there) in [
            ("metricsEnabled", row.metrics_enabled),
            ("loggingLevel", level),
            ("dataTraceEnabled", row.data_trace_enabled),
            ("cacheDataEncrypted", row.cache_data_encrypted),
        ] {
            if is_there {
                add(format!("methodSettings {key}: {member}"));
            }
        }
    }
    stage.tags.keys().for_each(|key| add(format!("tag {key}")));
    if stage.tracing_enabled {
        add("tracingEnabled".to_owned());
    }
    if let Some(settings) = &stage.access_log_settings {
        if let Some(arn) = &settings.destination_arn {
            add(format!("accessLogSettings.destinationArn {arn}"));
        }
        if let (Some(format), None) = (&settings.format, written::access_log_format(stage)) {
            add(format!("accessLogSettings.format, which no file may have: {format}"));
        }
    }
    lines
}

/// Settings of methods that stages do not have.
pub(super) fn of_settings(state: &State, served: &model::Api, name: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for stage in &served.stages {
        let own: Vec<_> = written::own_settings(stage).map(|setting| &setting.method).collect();
        let row = state.stages.child(&served.id, &stage.stage_name);
        for key in row.into_iter().flat_map(|row| row.method_settings.keys()) {
            let method = method_name(key);
            if key != "*/*" && !own.contains(&&method) {
                let stage = &stage.stage_name;
                lines.push(format!("{name}, stage {stage}: methodSettings {key}: it has no such method"));
            }
        }
    }
    lines
}

/// `used` are the ids of deployments that have a document.
pub(super) fn of_deployments(state: &State, api: &RestApi, name: &str, used: &[&str]) -> Vec<String> {
    let mut lines = Vec::new();
    for (id, row) in state.deployments.children(&api.id) {
        match (used.contains(&id), &row.description) {
            (true, None) => {}
            (true, Some(text)) => lines.push(format!("{name}, deployment {id}: its description: {text}")),
            (false, Some(text)) => {
                lines.push(format!("{name}, deployment {id} ({text}): no stage serves it"))
            }
            (false, None) => lines.push(format!("{name}, deployment {id}: no stage serves it")),
        }
    }
    lines
}

/// What belongs to no API, or to several.
pub(super) fn beside_apis(state: &State) -> Vec<String> {
    let mut lines = Vec::new();
    for (key, domain) in state.domain_names.iter() {
        lines.extend(of_domain_name(state, key, domain));
    }
    for (id, row) in state.client_certificates.iter() {
        let description = row.description.as_deref().unwrap_or("no description");
        lines.push(format!("client certificate {id} ({description})"));
    }
    for (id, row) in state.vpc_links.iter() {
        lines.push(format!("VPC link {id} ({})", row.name));
    }
    if state.accounts.iter().any(|(_, account)| account.cloudwatch_role_arn.is_some()) {
        lines.push("cloudwatchRoleArn of the account".to_owned());
    }
    lines
}

/// Members that follow from others, or are the same for all.
const FOLLOWING: [&str; 9] = [
    "domainName",
    "domainNameArn",
    "domainNameStatus",
    "certificateUploadDate",
    "regionalDomainName",
    "regionalHostedZoneId",
    "distributionDomainName",
    "distributionHostedZoneId",
    "routingMode",
];

fn of_domain_name(state: &State, key: &str, domain: &DomainName) -> Vec<String> {
    let name = format!("domain name {}", domain.domain_name);
    let mut lines = Vec::new();
    if let Ok(Value::Object(members)) = serde_json::to_value(domain) {
        let own = members.keys().filter(|member| !FOLLOWING.contains(&member.as_str()));
        lines.extend(own.map(|member| format!("{name}: {member}")));
    }
    let mut mappings = state.base_path_mappings.children(key).peekable();
    if mappings.peek().is_none() {
        lines.push(format!("{name}: it maps to nothing, so no API file has it"));
    }
    for (base_path, mapping) in mappings {
        let api = &mapping.rest_api_id;
        if state.stages.children(api).next().is_none() {
            lines.push(format!("{name}: its base path {base_path} maps to API {api}, which has no stages"));
        }
    }
    lines
}
