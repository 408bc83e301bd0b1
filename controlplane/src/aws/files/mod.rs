//! What the control plane holds as API files with their documents, and API files as rows: one model, two spellings.

mod export;
mod import;
mod left_out;
mod usage;
mod written;

use std::sync::Arc;

use ringway_core::model::{Api, Deployment, DomainName, MethodSetting, RestApi};

pub use export::Exported;
pub use import::ImportedFiles;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod usage_tests;

/// The API without what each spelling has of its own: the ids of deployments and resources, and the titles of documents, of which the
/// API has its name.
fn comparable(api: &Api) -> Api {
    let mut api = api.clone();
    let plain = |deployment: &mut Arc<Deployment>| {
        let mut rest_api = RestApi { name: String::new(), ..deployment.rest_api.clone() };
        rest_api.resources.iter_mut().for_each(|resource| resource.id.clear());
        *deployment = Arc::new(Deployment { id: String::new(), rest_api });
    };
    for stage in &mut api.stages {
        if stage.cache_bytes.is_none() {
            // Rows always say it; nothing is cached either way.
            stage.method_settings.iter_mut().for_each(|setting| setting.settings.caching_enabled = None);
        }
        // Files may name no method that a stage does not have.
        stage.method_settings = written::own_settings(stage).cloned().collect();
        stage.method_settings.sort_by(|a, b| method_key(a).cmp(&method_key(b)));
        plain(&mut stage.deployment);
        stage.canary.iter_mut().for_each(|canary| plain(&mut canary.deployment));
    }
    api.stages.sort_by(|a, b| a.stage_name.cmp(&b.stage_name));
    api
}

fn method_key(setting: &MethodSetting) -> Option<(&str, &'static str)> {
    setting.method.as_ref().map(|(path, verb)| (path.as_str(), verb.as_str()))
}

/// The domain names with their mappings, in the order of their names.
fn sorted(domain_names: &[DomainName]) -> Vec<DomainName> {
    let mut domain_names = domain_names.to_vec();
    for domain in &mut domain_names {
        domain.base_path_mappings.sort_by(|a, b| a.base_path.cmp(&b.base_path));
    }
    domain_names.sort_by(|a, b| a.domain_name.cmp(&b.domain_name));
    domain_names
}
