//! Configuration to snapshot: off the data cores, once per reload.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::host_map::MappedTo;
use super::target::{Scope, compile_target, parse_uri};
use super::{
    EndpointAddresses, HostMap, HttpProxyPlan, IntegrationPlan, Registry, RouteLabels, RoutePlan, Snapshot,
    StageLabels, StagePlan, mock,
};
use crate::model::{
    Api, Configuration, DomainName, HttpMethod, HttpProxyIntegration, Integration, Method, ParameterTarget,
    Resource, Stage, substitute_stage_variables,
};
use crate::telemetry::access_log::{self, LogFormat};

/// What a compilation takes from the process's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileSettings {
    /// `us-east-1`
    pub region: String,
    /// Twelve digits.
    pub account_id: String,
    /// `amazonaws.com`: APIs answer `{api}.execute-api.{region}.{suffix}`.
    pub execute_api_suffix: String,
    /// Access-log format of stages without their own.
    pub default_log_format: String,
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
        registry,
        errors: Vec::new(),
        snapshot: Snapshot {
            hosts: HostMap::default(),
            stages: Vec::new(),
            endpoints: Vec::new(),
            default_log_format: default_log_format.clone(),
            account_id: settings.account_id.as_str().into(),
        },
    };
    let mut stages_of = HashMap::new();
    let mut apis = HashMap::with_capacity(configuration.apis.len());
    for api in &configuration.apis {
        let address = Arc::as_ptr(api).addr();
        let stages = match before.and_then(|before| before.apis.get(&address)) {
            Some((_, stages)) => stages.clone(),
            None => api.stages.iter().map(|stage| Arc::new(compiler.stage(api, stage))).collect(),
        };
        stages_of.insert(api.id.as_str(), compiler.api(api, &stages));
        apis.insert(address, (api.clone(), stages));
    }
    for domain in &configuration.domain_names {
        compiler.domain(domain, &stages_of);
    }
    match compiler.errors.is_empty() {
        true => Ok((compiler.snapshot, Compiled { settings: settings.clone(), default_log_format, apis })),
        false => Err(compiler.errors),
    }
}

struct Compiler<'a> {
    settings: &'a CompileSettings,
    registry: &'a mut Registry,
    errors: Vec<String>,
    snapshot: Snapshot,
}

type Endpoints = BTreeMap<u32, Arc<EndpointAddresses>>;
type StageIndex = Vec<(Box<[u8]>, u32)>;

impl Compiler<'_> {
    /// Puts the stages of an API into the snapshot, with their endpoints and the API's own host.
    fn api(&mut self, api: &Api, plans: &[Arc<StagePlan>]) -> StageIndex {
        let mut stages = Vec::with_capacity(plans.len());
        for plan in plans {
            stages.push((plan.stage_name.as_bytes().into(), self.snapshot.stages.len() as u32));
            self.snapshot.stages.push(plan.clone());
            self.endpoints(plan);
        }
        let host =
            format!("{}.execute-api.{}.{}", api.id, self.settings.region, self.settings.execute_api_suffix);
        self.snapshot
            .hosts
            .insert(&host.to_ascii_lowercase(), vec![(String::new(), MappedTo::Named(stages.clone()))]);
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

    fn stage(&mut self, api: &Api, stage: &Stage) -> StagePlan {
        let labels = StageLabels { api: api.id.clone(), stage: stage.stage_name.clone() };
        let mut plan = StagePlan {
            api_id: api.id.as_str().into(),
            stage_name: stage.stage_name.as_str().into(),
            deployment_id: stage.deployment.id.as_str().into(),
            tree: Default::default(),
            routes: Vec::new(),
            endpoints: BTreeMap::new(),
            log_format: self.log_format(api, stage),
            metric_slot: self.registry.stage_slot(labels),
        };
        for resource in &stage.deployment.resources {
            for method in &resource.methods {
                match self.route(&mut plan.endpoints, api, stage, resource, method) {
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
        endpoints: &mut Endpoints,
        api: &Api,
        stage: &Stage,
        resource: &Resource,
        method: &Method,
    ) -> Result<RoutePlan, String> {
        let labels = RouteLabels {
            api: api.id.clone(),
            stage: stage.stage_name.clone(),
            route: format!("{} {}", method.http_method.as_str(), resource.path),
        };
        let names: Vec<&str> = resource.path.split('/').filter_map(variable_name).collect();
        if names.len() > crate::limits::PATH_PARAMETERS_MAX {
            return Err(format!("more than {} path parameters", crate::limits::PATH_PARAMETERS_MAX));
        }
        let scope = Scope {
            api_id: &api.id,
            account_id: &self.settings.account_id,
            stage_name: &stage.stage_name,
            variables: &stage.variables,
            resource_path: &resource.path,
            path_parameters: &names,
        };
        let integration = match &method.integration {
            Integration::HttpProxy(proxy) => {
                IntegrationPlan::HttpProxy(self.http_proxy(endpoints, &scope, proxy)?)
            }
            Integration::Mock(mock) => IntegrationPlan::Mock(mock::compile(mock)?),
        };
        Ok(RoutePlan {
            resource_path: resource.path.as_str().into(),
            resource_id: resource.id.as_str().into(),
            http_method: method.http_method,
            metric_slot: self.registry.route_slot(labels),
            integration,
        })
    }

    fn http_proxy(
        &mut self,
        endpoints: &mut Endpoints,
        scope: &Scope<'_>,
        proxy: &HttpProxyIntegration,
    ) -> Result<HttpProxyPlan, String> {
        let uri = substitute_stage_variables(&proxy.uri, scope.variables)?;
        let uri = parse_uri(&uri)?;
        let mut query_parameters = Vec::new();
        let mut header_parameters = Vec::new();
        let mut path_values = HashMap::new();
        for parameter in &proxy.request_parameters {
            let value = scope.value(&parameter.source)?;
            match &parameter.target {
                ParameterTarget::Path(name) => drop(path_values.insert(name.as_str(), value)),
                ParameterTarget::Query(name) => query_parameters.push((percent_encoded(name), value)),
                ParameterTarget::Header(name) => header_parameters.push((name.as_bytes().into(), value)),
            }
        }
        let target = compile_target(uri.target, |name| {
            let missing = || format!("{{{name}}} of the URI has no integration.request.path.{name}");
            path_values.get(name).cloned().ok_or_else(missing)
        })?;
        let api_id = scope.api_id;
        let head = format!(" HTTP/1.1\r\nHost: {}\r\nX-Amzn-Apigateway-Api-Id: {api_id}\r\n", uri.authority);
        let (slot, endpoint) = self.registry.endpoint(uri.host, uri.port);
        endpoints.entry(slot).or_insert(endpoint);
        Ok(HttpProxyPlan {
            endpoint: slot,
            method: Some(proxy.http_method).filter(|method| *method != HttpMethod::Any),
            target,
            target_has_query: uri.target.contains('?'),
            query_parameters,
            header_parameters,
            head: head.into_bytes().into(),
            user_agent: format!("User-Agent: AmazonAPIGateway_{api_id}\r\n").into_bytes().into(),
            timeout_nanos: proxy.timeout.as_nanos() as u64,
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

/// The name in `{name}` or `{name+}`.
fn variable_name(segment: &str) -> Option<&str> {
    Some(segment.strip_prefix('{')?.strip_suffix('}')?.trim_end_matches('+'))
}

fn percent_encoded(name: &str) -> Box<[u8]> {
    let mut out = Vec::with_capacity(name.len());
    crate::pipeline::percent::encode(name.as_bytes(), &mut out);
    out.into()
}

#[cfg(test)]
#[path = "compile_tests.rs"]
mod tests;
