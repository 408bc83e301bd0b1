//! What the data plane serves: the stages of the draft with their deployments, and the domain names that lead to them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ringway_core::model::{self, Api, ApiKeys};

use super::{Deployed, access, deployed};
use crate::aws::table::key;
use crate::aws::wire::{FrozenApi, Stage};
use crate::aws::{ControlPlane, Settings, State};
use crate::stage_settings::cache_bytes;

/// What a host gives to the data plane.
#[derive(Debug, Clone, PartialEq)]
pub struct Serving {
    /// The APIs with stages, by id. One that has not changed is the same allocation as before.
    pub apis: Vec<Arc<Api>>,
    /// The domain names that map to them.
    pub domain_names: Vec<model::DomainName>,
    /// The usage plans, by id. One that has not changed is the same allocation as before.
    pub usage_plans: Vec<Arc<model::UsagePlan>>,
    /// The API keys. What has not changed is shared with those before.
    pub api_keys: ApiKeys,
}

impl ControlPlane {
    /// What the draft says is served. Cheap for all that did not change since the last time.
    ///
    /// # Errors
    /// Says what cannot be served; the draft is then to be rolled back.
    pub fn serving(&mut self) -> Result<Serving, Vec<String>> {
        let state = &mut self.state;
        let mut errors = Vec::new();
        let mut draft = Build::default();
        for (api, stages) in stages(state) {
            match served_api(state, &api, stages, &mut draft) {
                Ok(served) => drop(draft.apis.insert(api, served)),
                Err(error) => errors.push(error),
            }
        }
        let domain_names = domain_names(state, &draft, &mut errors);
        if !errors.is_empty() {
            return Err(errors);
        }
        let apis = draft.apis.values().map(|served| served.api.clone()).collect();
        let committed = &state.served.committed;
        draft.usage_plans = access::usage_plans(state, &committed.usage_plans);
        let keys = access::api_keys(state, committed.api_keys.as_ref());
        let (usage_plans, api_keys) = (draft.usage_plans.clone(), keys.clone());
        draft.api_keys = Some(keys);
        state.served.draft = Some(draft);
        Ok(Serving { apis, domain_names, usage_plans, api_keys })
    }
}

/// What was built of the rows, so that what stays is not built again. What a draft made is dropped with it.
#[derive(Debug, Default)]
pub(crate) struct Served {
    committed: Build,
    draft: Option<Build>,
    /// The deployment that was imported last: a stage is mostly next.
    last: Option<(String, Arc<Deployed>)>,
}

/// The APIs that are served, and the deployments that they serve.
#[derive(Debug, Default)]
struct Build {
    /// By id.
    apis: BTreeMap<String, Arc<ServedApi>>,
    /// By API and id.
    deployments: BTreeMap<String, Arc<Deployed>>,
    usage_plans: Vec<Arc<model::UsagePlan>>,
    /// `None`: they have to be made of all rows.
    api_keys: Option<ApiKeys>,
}

/// An API with what it was built of. The rows are held, so that no other row is ever at their address.
#[derive(Debug)]
struct ServedApi {
    name: String,
    stages: Vec<Arc<Stage>>,
    api: Arc<Api>,
}

impl Served {
    /// `keys_changed`: whether rows that the API keys are made of are committed.
    pub(crate) fn commit(&mut self, keys_changed: bool) {
        match self.draft.take() {
            Some(draft) => self.committed = draft,
            None if keys_changed => self.forget_keys(),
            None => {}
        }
    }

    /// Rows of API keys have come that are no draft.
    pub(crate) fn forget_keys(&mut self) {
        self.committed.api_keys = None;
    }

    pub(crate) fn roll_back(&mut self) {
        self.draft = None;
    }

    fn builds(&self) -> impl Iterator<Item = &Build> {
        self.draft.iter().chain([&self.committed])
    }

    /// The deployment under `key`, if it was made of this very row.
    pub(super) fn deployment(&self, key: &str, frozen: &Arc<FrozenApi>) -> Option<Arc<Deployed>> {
        let last = self.last.iter().filter(|(known, _)| known == key).map(|(_, deployed)| deployed);
        let built = self.builds().filter_map(|build| build.deployments.get(key));
        built.chain(last).find(|deployed| Arc::ptr_eq(&deployed.frozen, frozen)).cloned()
    }

    pub(super) fn keep(&mut self, key: String, deployed: Arc<Deployed>) {
        self.last = Some((key, deployed));
    }

    /// The API, if it was built of these very rows.
    fn api(&self, id: &str, name: &str, stages: &[Arc<Stage>]) -> Option<Arc<ServedApi>> {
        let is_same = |known: &&Arc<ServedApi>| {
            known.name == name
                && known.stages.len() == stages.len()
                && known.stages.iter().zip(stages).all(|(known, stage)| Arc::ptr_eq(known, stage))
        };
        self.builds().filter_map(|build| build.apis.get(id)).find(is_same).cloned()
    }
}

/// The stages of each API that has some, or that a domain name maps to.
fn stages(state: &State) -> BTreeMap<String, Vec<Arc<Stage>>> {
    let mapped = state.base_path_mappings.iter().map(|(_, mapping)| mapping.rest_api_id.clone());
    let mut stages: BTreeMap<String, Vec<Arc<Stage>>> = mapped.map(|id| (id, Vec::new())).collect();
    for (key, stage) in state.stages.iter_shared() {
        let api = key.split('/').next().unwrap_or_default();
        match stages.get_mut(api) {
            Some(known) => known.push(stage.clone()),
            None => drop(stages.insert(api.to_owned(), vec![stage.clone()])),
        }
    }
    stages
}

fn served_api(
    state: &mut State,
    id: &str,
    rows: Vec<Arc<Stage>>,
    draft: &mut Build,
) -> Result<Arc<ServedApi>, String> {
    let row = state.rest_apis.get(id).ok_or_else(|| format!("there is no API {id}"))?;
    let name = row.name.clone();
    let known = state.served.api(id, &name, &rows);
    // Also where the API is as before: the draft holds the deployments that are in use, and no others.
    for deployment in used(&rows) {
        let deployed = deployed(state, id, deployment).map_err(|issues| {
            let told: Vec<String> = issues.iter().map(ToString::to_string).collect();
            format!("API {id}, deployment {deployment}: {}", told.join("; "))
        })?;
        draft.deployments.insert(key(id, deployment), deployed);
    }
    if let Some(known) = known {
        return Ok(known);
    }
    let stages =
        rows.iter().map(|row| model_stage(&state.settings, row, id, draft)).collect::<Result<Vec<_>, _>>()?;
    // Most members of a stage mean nothing to the data plane: it is not to compile the API again for their sake.
    let before = state.served.builds().filter_map(|build| build.apis.get(id));
    let same = before.map(|known| &known.api).find(|api| api.name == name && are_same(&api.stages, &stages));
    let api = match same {
        Some(api) => api.clone(),
        None => Arc::new(Api { id: id.to_owned(), name: name.clone(), stages }),
    };
    Ok(Arc::new(ServedApi { name, stages: rows, api }))
}

/// Whether the stages are equal, with the very same deployments: comparing what those hold would take longer than compiling it.
fn are_same(before: &[model::Stage], after: &[model::Stage]) -> bool {
    let canary = |before: &model::CanarySettings, after: &model::CanarySettings| {
        Arc::ptr_eq(&before.deployment, &after.deployment)
            && before.percent_traffic == after.percent_traffic
            && before.stage_variable_overrides == after.stage_variable_overrides
            && before.use_stage_cache == after.use_stage_cache
    };
    let stage = |(before, after): (&model::Stage, &model::Stage)| {
        Arc::ptr_eq(&before.deployment, &after.deployment)
            && before.stage_name == after.stage_name
            && before.variables == after.variables
            && before.access_log_format == after.access_log_format
            && before.method_settings == after.method_settings
            && before.cache_bytes == after.cache_bytes
            && before.cache == after.cache
            && match (&before.canary, &after.canary) {
                (None, None) => true,
                (Some(before), Some(after)) => canary(before, after),
                _ => false,
            }
    };
    before.len() == after.len() && before.iter().zip(after).all(stage)
}

fn used(stages: &[Arc<Stage>]) -> BTreeSet<&str> {
    let canary = |stage: &&Arc<Stage>| stage.canary_settings.is_some();
    let canaries = stages.iter().filter(canary).flat_map(|stage| &stage.canary_settings);
    let own = stages.iter().map(|stage| stage.deployment_id.as_str());
    own.chain(canaries.map(|canary| canary.deployment_id.as_str())).collect()
}

fn model_stage(settings: &Settings, row: &Stage, api: &str, draft: &Build) -> Result<model::Stage, String> {
    let deployment = |id: &str| {
        let deployed = draft.deployments.get(&key(api, id));
        deployed
            .map(|deployed| deployed.deployment.clone())
            .ok_or_else(|| format!("there is no deployment {id}"))
    };
    let canary = row.canary_settings.as_ref().map(|canary| {
        Ok::<_, String>(model::CanarySettings {
            percent_traffic: canary.percent_traffic,
            deployment: deployment(&canary.deployment_id)?,
            stage_variable_overrides: canary.stage_variable_overrides.clone(),
            use_stage_cache: canary.use_stage_cache,
        })
    });
    let format = row.access_log_settings.as_ref().and_then(|settings| settings.format.as_deref());
    Ok(model::Stage {
        variables: row.variables.clone(),
        // AWS allows a line end at the end of a format.
        access_log_format: format.map(|format| format.trim_end().to_owned()),
        canary: canary.transpose()?,
        method_settings: access::method_settings(settings, row),
        cache_bytes: row
            .cache_cluster_size
            .as_deref()
            .filter(|_| row.cache_cluster_enabled)
            .and_then(cache_bytes),
        ..model::Stage::new(row.stage_name.as_str(), deployment(&row.deployment_id)?)
    })
}

fn domain_names(state: &State, draft: &Build, errors: &mut Vec<String>) -> Vec<model::DomainName> {
    let mut domain_names = Vec::new();
    for (key, row) in state.domain_names.iter() {
        let mut base_path_mappings = Vec::new();
        for (_, mapping) in state.base_path_mappings.children(key) {
            let api = draft.apis.get(&mapping.rest_api_id);
            let has = |name: &String| {
                api.is_some_and(|api| api.stages.iter().any(|stage| stage.stage_name == *name))
            };
            if let Some(stage) = mapping.stage.as_ref().filter(|stage| !has(stage)) {
                let (domain, api) = (&row.domain_name, &mapping.rest_api_id);
                errors.push(format!("{domain} maps to the stage {stage} of API {api}, which does not exist"));
                continue;
            }
            base_path_mappings.push(model::BasePathMapping {
                base_path: if mapping.base_path == "(none)" {
                    String::new()
                } else {
                    mapping.base_path.clone()
                },
                rest_api_id: mapping.rest_api_id.clone(),
                stage: mapping.stage.clone(),
            });
        }
        let domain_name = row.domain_name.to_ascii_lowercase();
        domain_names.push(model::DomainName { domain_name, base_path_mappings });
    }
    domain_names
}
