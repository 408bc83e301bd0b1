//! Configuration to snapshot: off the data cores, once per reload.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::gateway_responses::GatewayResponses;
use super::host_map::MappedTo;
use super::target::Scope;
use super::validation::Schemas;
use super::{
    CANARY_WHOLE, HostMap, PayloadPlan, Registry, RouteLabels, RoutePlan, Snapshot, StageLabels, StagePlan,
    UsageTables, cache, integration,
};
use crate::limits::PATH_PARAMETERS_MAX;
use crate::model::{
    Api, Configuration, Deployment, DomainName, Method, Resource, Stage, ThrottleSettings, settings_of,
};
use crate::telemetry::access_log::{self, LogFormat};

/// What a compilation takes from the process's configuration.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CompileSettings {
    /// `us-east-1`
    pub region: String,
    /// Twelve digits.
    pub account_id: String,
    /// `amazonaws.com`: APIs answer `{api}.execute-api.{region}.{suffix}`.
    pub execute_api_suffix: String,
    /// Whether hosts that name no API take paths that do.
    pub path_addresses: bool,
    /// Access-log format of stages without their own.
    pub default_log_format: String,
    /// What all requests together may be; `None`: as many as come.
    pub account_throttle: Option<ThrottleSettings>,
    /// Whether answers tell what is left of a limit: `RateLimit` and `Retry-After`, which AWS does not send.
    pub rate_limit_headers: bool,
    /// Cores that serve: what each one may hold of a throttle depends on it. 0 is 1.
    pub cores: usize,
}

impl CompileSettings {
    /// The host that an API has by itself, as the host map has it.
    fn own_host(&self, api: &str) -> String {
        format!("{api}.execute-api.{}.{}", self.region, self.execute_api_suffix).to_ascii_lowercase()
    }
}

/// What a compilation leaves for the next one: the stages of each API, to be used again where it is the same.
#[derive(Debug)]
pub(super) struct Compiled {
    settings: CompileSettings,
    default_log_format: Arc<LogFormat>,
    /// The address of an API tells whether it is the same, because it is held here.
    apis: HashMap<usize, (Arc<Api>, Vec<Arc<StagePlan>>)>,
}

/// Compiles. Validation came before: an error here names something that it could not see (all of them are returned).
/// Stages of an API that is the same allocation as in the last successful compilation with this `registry` are not compiled again.
pub fn compile(
    configuration: &Configuration,
    settings: &CompileSettings,
    registry: &mut Registry,
) -> Result<Snapshot, Vec<String>> {
    let before = registry.compiled.take().filter(|before| before.settings == *settings);
    let result = compile_after(before.as_ref(), configuration, settings, registry);
    match result {
        Ok((snapshot, compiled)) => {
            registry.compiled = Some(compiled);
            Ok(snapshot)
        }
        Err(errors) => {
            registry.compiled = before;
            Err(errors)
        }
    }
}

fn compile_after(
    before: Option<&Compiled>,
    configuration: &Configuration,
    settings: &CompileSettings,
    registry: &mut Registry,
) -> Result<(Snapshot, Compiled), Vec<String>> {
    let default_log_format = match before {
        Some(before) => before.default_log_format.clone(),
        None => match access_log::compile(&settings.default_log_format) {
            Ok(format) => Arc::new(format),
            Err(error) => return Err(vec![format!("the access log format: {error}")]),
        },
    };
    let mut compiler = Compiler {
        settings,
        errors: Vec::new(),
        snapshot: Snapshot {
            hosts: HostMap::default(),
            stages: Vec::new(),
            endpoints: Vec::new(),
            default_log_format: default_log_format.clone(),
            account_id: settings.account_id.as_str().into(),
            account_throttle: registry.limits.account(settings),
            rate_limit_headers: settings.rate_limit_headers,
            usage: UsageTables::default(),
        },
        registry,
    };
    if settings.path_addresses {
        compiler.snapshot.hosts.allow_path_addresses(&settings.own_host(""));
    }
    let mut stages_of = HashMap::new();
    let mut apis = HashMap::with_capacity(configuration.apis.len());
    for api in &configuration.apis {
        let address = Arc::as_ptr(api).addr();
        let stages = match before.and_then(|before| before.apis.get(&address)) {
            Some((_, stages)) => stages.clone(),
            None => api.stages.iter().flat_map(|stage| compiler.stage(api, stage)).collect(),
        };
        stages_of.insert(api.id.as_str(), compiler.api(api, &stages));
        apis.insert(address, (api.clone(), stages));
    }
    for domain in &configuration.domain_names {
        compiler.domain(domain, &stages_of);
    }
    match compiler.registry.limits.tables(configuration, &compiler.snapshot, settings.cores) {
        Ok(tables) => compiler.snapshot.usage = tables,
        Err(errors) => compiler.errors.extend(errors),
    }
    match compiler.errors.is_empty() {
        true => Ok((compiler.snapshot, Compiled { settings: settings.clone(), default_log_format, apis })),
        false => Err(compiler.errors),
    }
}

/// What is compiled: a deployment for a stage, or for its canary.
struct Serving<'a> {
    api: &'a Api,
    stage: &'a Stage,
    deployment: &'a Deployment,
    variables: BTreeMap<String, String>,
    is_canary: bool,
}

struct Compiler<'a> {
    settings: &'a CompileSettings,
    registry: &'a mut Registry,
    errors: Vec<String>,
    snapshot: Snapshot,
}

type StageIndex = Vec<(Box<[u8]>, u32)>;

impl Compiler<'_> {
    /// Puts the stages of an API into the snapshot, with their endpoints and the API's own host.
    fn api(&mut self, api: &Api, plans: &[Arc<StagePlan>]) -> StageIndex {
        let mut stages: StageIndex = Vec::with_capacity(plans.len());
        for plan in plans {
            // A canary is reached through its stage, which stands before it.
            if !plan.is_canary {
                stages.push((plan.stage_name.as_bytes().into(), self.snapshot.stages.len() as u32));
            }
            self.snapshot.stages.push(plan.clone());
            self.endpoints(plan);
        }
        // A deployment may be without the API's own host (`disableExecuteApiEndpoint`): the host stands, and leads to nothing, which AWS
        // answers with 403 `Forbidden`.
        let mut reached = stages.clone();
        reached.retain(|(name, _)| {
            let stage = api.stages.iter().find(|stage| *stage.stage_name.as_bytes() == **name);
            stage.is_none_or(|stage| !stage.deployment.rest_api.disable_execute_api_endpoint)
        });
        let host = self.settings.own_host(&api.id);
        self.snapshot.hosts.insert(&host, vec![(String::new(), MappedTo::Named(reached))]);
        stages
    }

    fn endpoints(&mut self, plan: &StagePlan) {
        let endpoints = &mut self.snapshot.endpoints;
        for (slot, endpoint) in &plan.endpoints {
            let slot = *slot as usize;
            if endpoints.len() <= slot {
                endpoints.resize(slot + 1, self.registry.vacant.clone());
            }
            endpoints[slot] = endpoint.clone();
        }
    }

    /// The plan of a stage, and that of its canary.
    fn stage(&mut self, api: &Api, stage: &Stage) -> Vec<Arc<StagePlan>> {
        let share = stage.canary.as_ref().map_or(0.0, |canary| canary.percent_traffic / 100.0);
        let serving = Serving {
            api,
            stage,
            deployment: &stage.deployment,
            variables: stage.variables.clone(),
            is_canary: false,
        };
        let mut plan = self.deployment(&serving);
        plan.canary_share = (share * f64::from(CANARY_WHOLE)).round() as u32;
        let mut plans = vec![Arc::new(plan)];
        if let Some(canary) = &stage.canary {
            let mut variables = stage.variables.clone();
            variables.extend(canary.stage_variable_overrides.clone());
            let serving = Serving { deployment: &canary.deployment, variables, is_canary: true, ..serving };
            plans.push(Arc::new(self.deployment(&serving)));
        }
        plans
    }

    fn deployment(&mut self, serving: &Serving<'_>) -> StagePlan {
        let Serving { api, stage, deployment, .. } = *serving;
        let rest_api = &deployment.rest_api;
        let labels = StageLabels { api: api.id.clone(), stage: stage.stage_name.clone() };
        let lower = |media_type: &String| media_type.to_ascii_lowercase().into();
        let mut plan = StagePlan {
            api_id: api.id.as_str().into(),
            stage_name: stage.stage_name.as_str().into(),
            deployment_id: deployment.id.as_str().into(),
            variables: serving.variables.clone(),
            tree: Default::default(),
            routes: Vec::new(),
            endpoints: BTreeMap::new(),
            log_format: self.log_format(api, stage),
            metric_slot: self.registry.stage_slot(labels),
            payload: PayloadPlan {
                binary_media_types: rest_api.binary_media_types.iter().map(lower).collect(),
                minimum_compression_size: rest_api.minimum_compression_size,
            },
            gateway_responses: GatewayResponses::default(),
            cache: stage.cache_bytes.map(|bytes| self.registry.caches.of(&api.id, &stage.stage_name, bytes)),
            canary_share: 0,
            is_canary: serving.is_canary,
        };
        match GatewayResponses::compile(
            &rest_api.gateway_responses,
            &scope(self.settings, serving, None, &[]),
        ) {
            Ok(responses) => plan.gateway_responses = responses,
            Err(error) => self.errors.push(format!("API {}, stage {}: {error}", api.id, stage.stage_name)),
        }
        let mut schemas = Schemas::new(&rest_api.models);
        for resource in &rest_api.resources {
            for method in &resource.methods {
                match self.route(&mut plan, &mut schemas, serving, resource, method) {
                    Ok(route) => {
                        plan.tree.insert(&resource.path, method.http_method, plan.routes.len() as u32);
                        plan.routes.push(route);
                    }
                    Err(error) => self.errors.push(format!(
                        "API {}, stage {}, {} {}: {error}",
                        api.id,
                        stage.stage_name,
                        method.http_method.as_str(),
                        resource.path
                    )),
                }
            }
        }
        plan
    }

    fn log_format(&mut self, api: &Api, stage: &Stage) -> Arc<LogFormat> {
        match stage.access_log_format.as_deref().map(access_log::compile) {
            None => self.snapshot.default_log_format.clone(),
            Some(Ok(format)) => Arc::new(format),
            Some(Err(error)) => {
                self.errors.push(format!("API {}, stage {}: access log: {error}", api.id, stage.stage_name));
                self.snapshot.default_log_format.clone()
            }
        }
    }

    fn route(
        &mut self,
        plan: &mut StagePlan,
        schemas: &mut Schemas<'_>,
        serving: &Serving<'_>,
        resource: &Resource,
        method: &Method,
    ) -> Result<RoutePlan, String> {
        let labels = RouteLabels {
            api: serving.api.id.clone(),
            stage: serving.stage.stage_name.clone(),
            route: format!("{} {}", method.http_method.as_str(), resource.path),
        };
        let path_parameters: Box<[Box<str>]> =
            resource.path.split('/').filter_map(variable_name).map(Box::from).collect();
        if path_parameters.len() > PATH_PARAMETERS_MAX {
            return Err(format!("more than {PATH_PARAMETERS_MAX} path parameters"));
        }
        let scope = scope(self.settings, serving, Some(resource), &path_parameters);
        let integration =
            integration::compile(self.registry, &mut plan.endpoints, &scope, &method.integration)?;
        let rest_api = &serving.deployment.rest_api;
        let validation = schemas.request(rest_api, method)?;
        let response_validation = schemas.response(serving.stage.response_validation, method)?;
        let settings = settings_of(&serving.stage.method_settings, &resource.path, method.http_method);
        let name = (labels.api.clone(), labels.stage.clone(), labels.route.clone());
        let limits =
            self.registry.limits.route(name, method.api_key_required, &settings, self.settings.cores);
        let cache = match &plan.cache {
            Some(shared) => cache::compile(
                shared,
                serving.stage,
                serving.is_canary,
                &scope,
                resource,
                method,
                &integration,
            )?,
            None => None,
        };
        let metric_slot = self.registry.route_slot(labels);
        Ok(RoutePlan {
            resource_path: resource.path.as_str().into(),
            resource_id: resource.id.as_str().into(),
            http_method: method.http_method,
            metric_slot,
            path_parameters,
            limits,
            validation,
            cache: cache.map(Box::new),
            response_validation,
            integration,
        })
    }

    fn domain(&mut self, domain: &DomainName, stages_of: &HashMap<&str, StageIndex>) {
        let mut mappings = Vec::new();
        for mapping in &domain.base_path_mappings {
            let Some(stages) = stages_of.get(mapping.rest_api_id.as_str()) else {
                self.errors.push(format!("{}: no API {}", domain.domain_name, mapping.rest_api_id));
                continue;
            };
            let to = match &mapping.stage {
                None => MappedTo::Named(stages.clone()),
                Some(name) => match stages.iter().find(|(known, _)| **known == *name.as_bytes()) {
                    Some((_, index)) => MappedTo::Stage(*index),
                    None => {
                        let api = &mapping.rest_api_id;
                        self.errors.push(format!("{}: API {api} has no stage {name}", domain.domain_name));
                        continue;
                    }
                },
            };
            mappings.push((mapping.base_path.clone(), to));
        }
        self.snapshot.hosts.insert(&domain.domain_name.to_ascii_lowercase(), mappings);
    }
}

/// What the sources of a resource stand for, or those of a whole stage.
fn scope<'s>(
    settings: &'s CompileSettings,
    serving: &'s Serving<'_>,
    resource: Option<&'s Resource>,
    path_parameters: &'s [Box<str>],
) -> Scope<'s> {
    Scope {
        resource_path: resource.map_or("", |resource| &resource.path),
        resource_id: resource.map_or("", |resource| &resource.id),
        path_parameters,
        is_canary: serving.is_canary,
        ..Scope::of_stage(
            &serving.api.id,
            &settings.account_id,
            &serving.stage.stage_name,
            &serving.deployment.id,
            &serving.variables,
        )
    }
}

/// The name in `{name}` or `{name+}`.
fn variable_name(segment: &str) -> Option<&str> {
    Some(segment.strip_prefix('{')?.strip_suffix('}')?.trim_end_matches('+'))
}

#[cfg(test)]
#[path = "compile_tests.rs"]
mod tests;
