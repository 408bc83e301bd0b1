//! From API files to rows. What was written is compared with what the files serve: it is the same, or nothing was.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ringway_core::model::{self, Api, CacheSettings, Deployment, DomainName, ResponseValidation};

use super::export::differences;
use super::{sorted, usage};
use crate::ApiFiles;
use crate::api_file::ApiFile;
use crate::aws::action::{self, overwrite_settings, own_policy, put_root};
use crate::aws::deploy::{self, Ids};
use crate::aws::table::key;
use crate::aws::wire::{
    self, AccessLogSettings, BasePathMapping, CanarySettings, EndpointConfiguration, FrozenApi, RestApi,
    Stage,
};
use crate::aws::{ControlPlane, State, Write};
use crate::export::{ExportOptions, Extensions, export};
use crate::openapi::{self, ImportOptions, Imported};
use crate::stable_id::stable_id;
use crate::stage_settings::{cache_size, strategy_name};

/// What came of API files. Until [`ControlPlane::commit`] it is a draft.
#[derive(Debug)]
pub struct ImportedFiles {
    /// What has to be stored.
    pub writes: Vec<Write>,
    /// What rows do not say as the files do, though what is served is the same.
    pub warnings: Vec<String>,
}

impl ControlPlane {
    /// Writes API files as rows, at `now`: each API with the ids of its file, a deployment for each of its bodies, its stages, and the
    /// domain names.
    ///
    /// # Errors
    /// Says what is there already and what the control plane has no place for. Nothing is left behind then.
    pub fn import_files(&mut self, files: &ApiFiles, now: i64) -> Result<ImportedFiles, Vec<String>> {
        match self.write_files(files, now) {
            Ok(warnings) => Ok(ImportedFiles { writes: self.state.writes(), warnings }),
            Err(errors) => {
                self.state.roll_back();
                Err(errors)
            }
        }
    }

    fn write_files(&mut self, files: &ApiFiles, now: i64) -> Result<Vec<String>, Vec<String>> {
        refused(&self.state, files)?;
        let (mut warnings, mut errors) = (Vec::new(), Vec::new());
        for file in &files.files {
            if let Err(messages) = write_api(&mut self.state, file, now, &mut warnings) {
                let id = &file.api.id;
                errors.extend(messages.into_iter().map(|message| format!("API {id}: {message}")));
            }
        }
        for domain in &files.domain_names {
            write_domain_name(&mut self.state, domain);
        }
        errors.extend(usage::write(&mut self.state, files, now));
        match errors.is_empty() {
            true => self.compare(files).map(|()| warnings),
            false => Err(errors),
        }
    }

    fn compare(&mut self, files: &ApiFiles) -> Result<(), Vec<String>> {
        let serving = self.serving()?;
        let mut errors = Vec::new();
        for file in &files.files {
            let id = &file.api.id;
            match serving.apis.iter().find(|api| api.id == *id) {
                Some(api) => errors.extend(differences(&format!("API {id}"), api, &file.api)),
                None => errors.push(format!("API {id}: it would not be served")),
            }
        }
        let is_of_files = |domain: &&DomainName| {
            files.domain_names.iter().any(|other| other.domain_name == domain.domain_name)
        };
        let domains: Vec<_> = serving.domain_names.iter().filter(is_of_files).cloned().collect();
        if sorted(&domains) != sorted(&files.domain_names) {
            errors.push("the domain names would not map as the files say".to_owned());
        }
        errors.extend(usage::differences(&serving, files));
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

/// What is there already, and what only files have.
fn refused(state: &State, files: &ApiFiles) -> Result<(), Vec<String>> {
    let mut errors = Vec::new();
    for file in &files.files {
        let id = &file.api.id;
        if state.rest_apis.get(id).is_some() {
            errors.push(format!("API {id}: the store has it already"));
        }
        for stage in &file.api.stages {
            let only_files = only_files(stage).into_iter();
            errors.extend(only_files.map(|what| format!("API {id}, stage {}: {what}", stage.stage_name)));
        }
    }
    for domain in &files.domain_names {
        if state.domain_names.get(&domain.domain_name).is_some() {
            errors.push(format!("domain name {}: the store has it already", domain.domain_name));
        }
    }
    errors.extend(usage::refused(state, files));
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// What rows of stages cannot say.
fn only_files(stage: &model::Stage) -> Vec<&'static str> {
    let settings = || stage.method_settings.iter().map(|setting| &setting.settings);
    let mut found = Vec::new();
    if stage.response_validation != ResponseValidation::Off {
        found.push("the control plane has no `responseValidation`; remove it from the file");
    }
    if settings().any(|settings| settings.concurrency_limit.is_some()) {
        found.push("the control plane has no `concurrencyLimit`; remove it from the file");
    }
    if stage.cache != CacheSettings::default()
        || stage.cache_bytes.is_some_and(|bytes| cache_size(bytes).is_none())
    {
        found.push("the control plane has no `cache` of a stage; remove it from the file");
    }
    if stage.cache_bytes.is_some() && settings().any(|settings| settings.caching_enabled.is_none()) {
        found.push("on a stage with a cache, `methodSettings` of the control plane say `cachingEnabled`; say it in the file");
    }
    found
}

fn write_api(
    state: &mut State,
    file: &ApiFile,
    now: i64,
    warnings: &mut Vec<String>,
) -> Result<(), Vec<String>> {
    let api = &*file.api;
    // The loader lets no API pass that has no stage.
    let main = file.main.as_ref().or(api.stages.first().map(|stage| &stage.deployment));
    let Some(main) = main else { return Err(vec!["it has no stages".to_owned()]) };
    let mut told = Vec::new();
    write_rest_api(state, api, main, now, &mut told)?;
    warnings.extend(told.into_iter().map(|warning| format!("API {}: {warning}", api.id)));
    let mut deployments = BTreeMap::new();
    for stage in &api.stages {
        let canary = stage.canary.iter().map(|canary| &canary.deployment);
        for deployment in [&stage.deployment].into_iter().chain(canary) {
            if !deployments.contains_key(deployment.id.as_str()) {
                let id = write_deployment(state, &api.id, deployment, now)?;
                deployments.insert(deployment.id.as_str(), id);
            }
        }
    }
    for stage in &api.stages {
        let description = file.descriptions.get(&stage.stage_name).filter(|text| !text.is_empty());
        let row = Stage { description: description.cloned(), ..stage_row(stage, &deployments, now) };
        state.stages.put(key(&api.id, &row.stage_name), row);
    }
    Ok(())
}

/// The document of a deployment: everything that it is, whatever files it was made of.
fn document(deployment: &Deployment) -> Result<String, Vec<String>> {
    let options = ExportOptions { extensions: Extensions::APIGATEWAY, ..ExportOptions::default() };
    export(&deployment.rest_api, &options).map(|document| document.to_compact())
}

fn imported(api: &str, document: &str) -> Result<Imported, Vec<String>> {
    let options = ImportOptions { takes_idle: true, ..ImportOptions::new(api) };
    let imported = openapi::import_to_serve(document, Path::new("api.json"), &options);
    imported.map_err(|issues| issues.iter().map(ToString::to_string).collect())
}

/// The API as `main` has it: what the next deployment would deploy.
fn write_rest_api(
    state: &mut State,
    api: &Api,
    main: &Deployment,
    now: i64,
    warnings: &mut Vec<String>,
) -> Result<(), Vec<String>> {
    let imported = imported(&api.id, &document(main)?)?;
    let mut row = RestApi {
        id: api.id.clone(),
        created_date: now,
        // As resources of files have them, so that logs tell of the same ones.
        root_resource_id: stable_id(&[&api.id, "/"]),
        endpoint_configuration: endpoint_configuration(&imported.rest_api),
        ..RestApi::default()
    };
    overwrite_settings(&mut row, &imported.rest_api);
    row.name.clone_from(&api.name);
    row.policy = own_policy(state, &row);
    put_root(state, &row);
    deploy::write(state, &api.id, Ids::stable(&api.id, &imported.paths), &imported, warnings)?;
    state.rest_apis.put(row.id.clone(), row);
    Ok(())
}

fn endpoint_configuration(api: &model::RestApi) -> EndpointConfiguration {
    let endpoint = &api.endpoint_configuration;
    let is_private = endpoint.endpoint_type == model::EndpointType::Private;
    EndpointConfiguration {
        types: vec![endpoint.endpoint_type.as_str().to_owned()],
        ip_address_type: Some(if is_private { "dualstack" } else { "ipv4" }.to_owned()),
        vpc_endpoint_ids: endpoint.vpc_endpoint_ids.clone(),
    }
}

/// Freezes a deployment, and tells its id.
fn write_deployment(
    state: &mut State,
    api: &str,
    deployment: &Arc<Deployment>,
    now: i64,
) -> Result<String, Vec<String>> {
    let id = state.ids.short();
    let resources = deployment.rest_api.resources.iter();
    let frozen = FrozenApi {
        document: document(deployment)?,
        resource_ids: resources.map(|resource| (resource.path.clone(), resource.id.clone())).collect(),
    };
    state.frozen_apis.put(key(api, &id), frozen);
    let row = wire::Deployment { id: id.clone(), description: None, created_date: now };
    state.deployments.put(key(api, &id), row);
    Ok(id)
}

/// `deployments` are ids of rows by ids of files.
fn stage_row(stage: &model::Stage, deployments: &BTreeMap<&str, String>, now: i64) -> Stage {
    let id = |deployment: &Deployment| deployments.get(deployment.id.as_str()).cloned().unwrap_or_default();
    let canary = |canary: &model::CanarySettings| CanarySettings {
        percent_traffic: canary.percent_traffic,
        deployment_id: id(&canary.deployment),
        stage_variable_overrides: canary.stage_variable_overrides.clone(),
        use_stage_cache: canary.use_stage_cache,
    };
    let format = stage.access_log_format.clone();
    Stage {
        variables: stage.variables.clone(),
        access_log_settings: format
            .map(|format| AccessLogSettings { format: Some(format), ..AccessLogSettings::default() }),
        canary_settings: stage.canary.as_ref().map(canary),
        method_settings: stage.method_settings.iter().map(method_setting).collect(),
        ..stage_with_cache(stage, id(&stage.deployment), now)
    }
}

fn stage_with_cache(stage: &model::Stage, deployment: String, now: i64) -> Stage {
    let mut row = action::new_stage(stage.stage_name.clone(), deployment, now);
    if let Some(bytes) = stage.cache_bytes {
        row.cache_cluster_size = cache_size(bytes).map(str::to_owned);
        action::set_cache(&mut row, true);
    }
    row
}

/// An entry as AWS shows it, under its key. A throttle that is not said is that of the account.
fn method_setting(setting: &model::MethodSetting) -> (String, wire::MethodSetting) {
    let key = match &setting.method {
        None => "*/*".to_owned(),
        Some((path, verb)) => format!(
            "{}/{}",
            path.strip_prefix('/').filter(|path| !path.is_empty()).unwrap_or(path),
            verb.as_str()
        ),
    };
    let settings = &setting.settings;
    let throttle = settings.throttle.unwrap_or(deploy::AWS_THROTTLE);
    let row = wire::MethodSetting {
        throttling_burst_limit: throttle.burst_limit.into(),
        throttling_rate_limit: throttle.rate_limit,
        caching_enabled: settings.caching_enabled.unwrap_or_default(),
        cache_ttl_in_seconds: settings.cache_ttl_seconds.into(),
        require_authorization_for_cache_control: settings.require_authorization_for_cache_control,
        unauthorized_cache_control_header_strategy: strategy_name(settings.unauthorized_cache_control)
            .to_owned(),
        ..wire::MethodSetting::default()
    };
    (key, row)
}

fn write_domain_name(state: &mut State, domain: &DomainName) {
    let name = domain.domain_name.as_str();
    for mapping in &domain.base_path_mappings {
        let base_path = match mapping.base_path.as_str() {
            "" => "(none)",
            base_path => base_path,
        };
        let row = BasePathMapping {
            base_path: base_path.to_owned(),
            rest_api_id: mapping.rest_api_id.clone(),
            stage: mapping.stage.clone(),
        };
        state.base_path_mappings.put(key(name, base_path), row);
    }
    let row = action::without_certificate(state, name);
    state.domain_names.put(name, row);
}
