//! Configuration to snapshot: off the data cores, once per reload.

use std::collections::HashMap;
use std::sync::Arc;

use super::host_map::MappedTo;
use super::target::{Scope, compile_target, parse_uri};
use super::{
    HostMap, HttpProxyPlan, IntegrationPlan, Registry, RouteLabels, RoutePlan, Snapshot, StageLabels,
    StagePlan, mock,
};
use crate::model::{
    Api, Configuration, DomainName, HttpMethod, HttpProxyIntegration, Integration, Method, ParameterTarget,
    Resource, Stage, substitute_stage_variables,
};
use crate::telemetry::access_log::{self, LogFormat};

/// What a compilation takes from the process's configuration.
#[derive(Debug, Clone)]
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

/// Compiles. Validation came before: an error here names something that it could not see (all of them are returned).
pub fn compile(
    configuration: &Configuration,
    settings: &CompileSettings,
    registry: &mut Registry,
) -> Result<Snapshot, Vec<String>> {
    let default_log_format = match access_log::compile(&settings.default_log_format) {
        Ok(format) => Arc::new(format),
        Err(error) => return Err(vec![format!("the access log format: {error}")]),
    };
    let mut compiler = Compiler {
        settings,
        registry,
        errors: Vec::new(),
        endpoint_index: HashMap::new(),
        snapshot: Snapshot {
            hosts: HostMap::default(),
            stages: Vec::new(),
            routes: Vec::new(),
            endpoints: Vec::new(),
            default_log_format,
            account_id: settings.account_id.as_str().into(),
        },
    };
    let mut stages_of = HashMap::new();
    for api in &configuration.apis {
        let stages = compiler.api(api);
        stages_of.insert(api.id.as_str(), stages);
    }
    for domain in &configuration.domain_names {
        compiler.domain(domain, &stages_of);
    }
    match compiler.errors.is_empty() {
        true => Ok(compiler.snapshot),
        false => Err(compiler.errors),
    }
}

struct Compiler<'a> {
    settings: &'a CompileSettings,
    registry: &'a mut Registry,
    errors: Vec<String>,
    endpoint_index: HashMap<(String, u16), u32>,
    snapshot: Snapshot,
}

type StageIndex = Vec<(Box<[u8]>, u32)>;

impl Compiler<'_> {
    fn api(&mut self, api: &Api) -> StageIndex {
        let mut stages = Vec::with_capacity(api.stages.len());
        for stage in &api.stages {
            let index = self.stage(api, stage);
            stages.push((stage.stage_name.as_bytes().into(), index));
        }
        let host =
            format!("{}.execute-api.{}.{}", api.id, self.settings.region, self.settings.execute_api_suffix);
        self.snapshot
            .hosts
            .insert(&host.to_ascii_lowercase(), vec![(String::new(), MappedTo::Named(stages.clone()))]);
        stages
    }

    fn stage(&mut self, api: &Api, stage: &Stage) -> u32 {
        let index = self.snapshot.stages.len() as u32;
        let labels = StageLabels { api: api.id.clone(), stage: stage.stage_name.clone() };
        let log_format = self.log_format(api, stage);
        self.snapshot.stages.push(StagePlan {
            api_id: api.id.as_str().into(),
            stage_name: stage.stage_name.as_str().into(),
            deployment_id: stage.deployment.id.as_str().into(),
            tree: Default::default(),
            log_format,
            metric_slot: self.registry.stage_slot(labels),
        });
        for resource in &stage.deployment.resources {
            for method in &resource.methods {
                match self.route(index, api, stage, resource, method) {
                    Ok(plan) => {
                        let route = self.snapshot.routes.len() as u32;
                        self.snapshot.stages[index as usize].tree.insert(
                            &resource.path,
                            method.http_method,
                            route,
                        );
                        self.snapshot.routes.push(plan);
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
        index
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
        index: u32,
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
            Integration::HttpProxy(proxy) => IntegrationPlan::HttpProxy(self.http_proxy(&scope, proxy)?),
            Integration::Mock(mock) => IntegrationPlan::Mock(mock::compile(mock)?),
        };
        Ok(RoutePlan {
            stage: index,
            resource_path: resource.path.as_str().into(),
            resource_id: resource.id.as_str().into(),
            http_method: method.http_method,
            metric_slot: self.registry.route_slot(labels),
            integration,
        })
    }

    fn http_proxy(
        &mut self,
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
        Ok(HttpProxyPlan {
            endpoint: self.endpoint(uri.host, uri.port),
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

    fn endpoint(&mut self, host: &str, port: u16) -> u32 {
        let (registry, endpoints) = (&mut *self.registry, &mut self.snapshot.endpoints);
        *self.endpoint_index.entry((host.to_ascii_lowercase(), port)).or_insert_with(|| {
            endpoints.push(registry.endpoint(host, port));
            endpoints.len() as u32 - 1
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
