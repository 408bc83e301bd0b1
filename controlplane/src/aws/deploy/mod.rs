//! From rows to what is served, and from documents to rows: deployments freeze an API as an OpenAPI document, which the importer of
//! files turns into what the data plane compiles, with every check that a file has.

mod access;
mod document;
mod from_model;
mod place;
mod serving;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ringway_core::model;

use super::table::key;
use super::wire::{FrozenApi, Method, Resource, RestApi, Texts};
use super::{Exception, State};
use crate::Issue;
use crate::openapi::{self, ImportOptions, Imported};

#[cfg(test)]
mod access_tests;
#[cfg(test)]
mod round_trip_tests;
#[cfg(test)]
mod tests;

pub(crate) use access::{AWS_THROTTLE, account_throttle};
pub(crate) use document::document;
pub(crate) use from_model::{Ids, documentation_parts, write};
pub(crate) use place::{Part, Place, plain};
pub(crate) use serving::Served;
pub use serving::Serving;

/// The name of frozen documents in issues, which nobody sees.
const FILE: &str = "api.json";
/// The stage of test invocations, by AWS's name.
pub(crate) const TEST_STAGE: &str = "test-invoke-stage";

/// A deployment as it is served.
#[derive(Debug)]
pub(crate) struct Deployed {
    /// What it was made of. It tells whether this is still the deployment of that name.
    frozen: Arc<FrozenApi>,
    /// The API.
    pub(crate) deployment: Arc<model::Deployment>,
    /// What else is known of it; its API was moved out.
    imported: Imported,
}

impl Deployed {
    fn import(api: &str, id: &str, frozen: Arc<FrozenApi>) -> Result<Self, Vec<Issue>> {
        let options = ImportOptions { takes_idle: true, ..ImportOptions::new(api) };
        let mut imported = openapi::import_to_serve(&frozen.document, Path::new(FILE), &options)?;
        let mut rest_api = std::mem::take(&mut imported.rest_api);
        for resource in &mut rest_api.resources {
            if let Some(id) = frozen.resource_ids.get(&resource.path) {
                resource.id.clone_from(id);
            }
        }
        let deployment = Arc::new(model::Deployment { id: id.to_owned(), rest_api });
        Ok(Deployed { frozen, deployment, imported })
    }

    /// What keeps a stage with these variables from serving it.
    pub(crate) fn stage_problems(&self, variables: &Texts) -> Vec<String> {
        self.imported.stage_problems(variables)
    }
}

/// Freezes an API as the deployment `id`, or says what of it cannot be deployed.
pub(crate) fn freeze(state: &mut State, api: &RestApi, id: &str) -> Result<(), Exception> {
    check_methods(state, &api.id)?;
    let document = document::document(state, api).map_err(|problems| refused(&problems))?;
    let resources = state.resources.children(&api.id).filter(|(_, row)| !row.resource_methods.is_empty());
    let resource_ids = resources.map(|(_, row)| (row.path.clone(), row.id.clone())).collect();
    let key = key(&api.id, id);
    state.frozen_apis.put(key.as_str(), FrozenApi { document: document.to_compact(), resource_ids });
    deployed(state, &api.id, id).map_err(|issues| refused(&issues.iter().map(told).collect::<Vec<_>>()))?;
    Ok(())
}

/// What is wrong, at the method that it concerns.
fn told(issue: &Issue) -> String {
    match Place::of(issue) {
        Some(place) => format!("{place}: {}", plain(&issue.message)),
        None if issue.pointer.is_empty() => plain(&issue.message).to_owned(),
        None => format!("{}: {}", issue.pointer, plain(&issue.message)),
    }
}

/// An API with one method, as both are now, on a stage with these variables: what a test invocation runs. As on AWS, nobody is asked
/// who he is.
pub(crate) fn method_alone(
    state: &State,
    api: &RestApi,
    resource: &Resource,
    method: &Method,
    variables: &Texts,
) -> Result<model::Api, Exception> {
    if method.method_integration.is_none() {
        return Err(Exception::not_found("No integration defined for method"));
    }
    let method = Method {
        authorization_type: "NONE".to_owned(),
        authorizer_id: None,
        authorization_scopes: Vec::new(),
        api_key_required: false,
        ..method.clone()
    };
    let methods = [(method.http_method.clone(), method)].into();
    let resource = Resource { resource_methods: methods, ..resource.clone() };
    let api = RestApi { policy: None, ..api.clone() };
    let problems = |problems: &[String]| {
        Exception::bad_request(format!("The method cannot be invoked here: {}", problems.join("; ")))
    };
    let document =
        document::document_of(state, &api, &[&resource]).map_err(|messages| problems(&messages))?;
    let frozen = FrozenApi {
        document: document.to_compact(),
        resource_ids: [(resource.path.clone(), resource.id.clone())].into(),
    };
    let deployed = Deployed::import(&api.id, TEST_STAGE, Arc::new(frozen))
        .map_err(|issues| problems(&issues.iter().map(told).collect::<Vec<_>>()))?;
    match deployed.stage_problems(variables) {
        messages if messages.is_empty() => {}
        messages => return Err(problems(&messages)),
    }
    let stage = model::Stage {
        variables: variables.clone(),
        ..model::Stage::new(TEST_STAGE, deployed.deployment.clone())
    };
    Ok(model::Api { id: api.id.clone(), name: api.name.clone(), stages: vec![stage] })
}

/// AWS's own words, for the first that it finds.
fn check_methods(state: &State, api: &str) -> Result<(), Exception> {
    let mut methods =
        state.resources.children(api).flat_map(|(_, row)| row.resource_methods.values()).peekable();
    if methods.peek().is_none() {
        return Err(Exception::bad_request("The REST API doesn't contain any methods"));
    }
    match methods.all(|method| method.method_integration.is_some()) {
        true => Ok(()),
        false => Err(Exception::bad_request("No integration defined for method")),
    }
}

/// The API has what this gateway does not serve.
fn refused(problems: &[String]) -> Exception {
    Exception::bad_request(format!("The API cannot be deployed here: {}", problems.join("; ")))
}

/// A deployment that exists, imported where it was not yet.
pub(crate) fn deployed(state: &mut State, api: &str, id: &str) -> Result<Arc<Deployed>, Vec<Issue>> {
    let key = key(api, id);
    let Some(frozen) = state.frozen_apis.shared(&key) else {
        return Err(vec![Issue::whole_file(Path::new(FILE), format!("there is no deployment {id}"))]);
    };
    if let Some(known) = state.served.deployment(&key, &frozen) {
        return Ok(known);
    }
    let deployed = Arc::new(Deployed::import(api, id, frozen)?);
    state.served.keep(key, deployed.clone());
    Ok(deployed)
}

/// As [`deployed`], for an action: what was deployed once can be imported again.
pub(crate) fn find_deployed(state: &mut State, api: &str, id: &str) -> Result<Arc<Deployed>, Exception> {
    deployed(state, api, id).map_err(|issues| {
        let told: Vec<String> = issues.iter().map(ToString::to_string).collect();
        refused(&told)
    })
}

/// The variables of a stage with those of its canary over them.
pub(crate) fn overlaid(variables: &Texts, overrides: &Texts) -> BTreeMap<String, String> {
    let mut all = variables.clone();
    all.extend(overrides.iter().map(|(name, value)| (name.clone(), value.clone())));
    all
}
