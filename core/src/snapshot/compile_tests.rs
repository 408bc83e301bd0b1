//! Compilations that follow each other: what is used again answers as if it were compiled anew.

use super::*;
use crate::model::{BasePathMapping, HttpMethod, Integration, IntegrationType, RestApi};
use crate::snapshot::IntegrationPlan;
use crate::snapshot::route_tree::Match;

const ROUTES: usize = 20;

/// An API with two stages and `ROUTES` routes to `backend`.
fn api(id: &str, backend: &str) -> Arc<Api> {
    let resource = |index: usize| Resource {
        id: format!("r{index}"),
        path: format!("/items{index}"),
        methods: vec![Method::new(
            HttpMethod::Get,
            Integration {
                uri: Some(format!("http://{backend}/${{stageVariables.name}}/{index}")),
                http_method: Some(HttpMethod::Get),
                ..Integration::new(IntegrationType::HttpProxy)
            },
        )],
    };
    let resources = (0..ROUTES).map(resource).collect();
    let rest_api = RestApi { name: id.into(), resources, ..RestApi::default() };
    let deployment = Arc::new(Deployment { id: format!("d-{backend}"), rest_api });
    let stage = |name: &str| Stage {
        variables: [("name".to_owned(), name.to_owned())].into(),
        ..Stage::new(name, deployment.clone())
    };
    Arc::new(Api { id: id.into(), name: id.into(), stages: vec![stage("dev"), stage("prod")] })
}

/// The APIs with a mapping each: the base path is the API's id.
fn configuration(apis: &[&Arc<Api>]) -> Configuration {
    let mapping = |api: &&Arc<Api>| BasePathMapping {
        base_path: api.id.clone(),
        rest_api_id: api.id.clone(),
        stage: Some("prod".into()),
    };
    let base_path_mappings = apis.iter().map(mapping).collect();
    Configuration {
        apis: apis.iter().map(|api| Arc::clone(api)).collect(),
        domain_names: vec![DomainName { domain_name: "*".into(), base_path_mappings }],
        ..Configuration::default()
    }
}

fn settings() -> CompileSettings {
    CompileSettings {
        region: "us-east-1".into(),
        account_id: "123456789012".into(),
        execute_api_suffix: "amazonaws.com".into(),
        path_addresses: false,
        default_log_format: "$context.requestId".into(),
        ..CompileSettings::default()
    }
}

fn compiled(apis: &[&Arc<Api>], registry: &mut Registry) -> Snapshot {
    compile(&configuration(apis), &settings(), registry).unwrap()
}

/// What every route of the APIs `a`, `b` and `c` leads to, with slots as the names that they stand for.
fn answers(snapshot: &Snapshot, registry: &Registry) -> Vec<String> {
    let mut answers = Vec::new();
    for api in ["a", "b", "c"] {
        for index in 0..ROUTES {
            for stage in ["dev", "prod"] {
                let host = format!("{api}.execute-api.us-east-1.amazonaws.com");
                answers.push(answer(snapshot, registry, &host, &format!("/{stage}/items{index}")));
            }
            answers.push(answer(snapshot, registry, "other.example", &format!("/{api}/items{index}")));
        }
    }
    answers
}

fn answer(snapshot: &Snapshot, registry: &Registry, host: &str, path: &str) -> String {
    let Some(place) = snapshot.hosts.find(host.as_bytes(), path.as_bytes()) else { return "no stage".into() };
    let stage = &snapshot.stages[place.stage as usize];
    let found = stage.tree.find(path.as_bytes(), place.resource_from, Some(HttpMethod::Get));
    let Match::Route { plan, .. } = found else { return "no route".into() };
    let route = &stage.routes[plan as usize];
    let IntegrationPlan::HttpProxy(proxy) = &route.integration else { return "no proxy".into() };
    let endpoint = &snapshot.endpoints[proxy.endpoint as usize];
    format!(
        "{} {} {}: {} {:?} at {}:{}, counted as {:?} and {:?}",
        stage.api_id,
        stage.stage_name,
        stage.deployment_id,
        route.resource_path,
        proxy.target,
        endpoint.host,
        endpoint.port,
        registry.route_labels()[route.metric_slot as usize],
        registry.stage_labels()[stage.metric_slot as usize],
    )
}

/// The addresses of the plans of an API's stages.
fn plans(snapshot: &Snapshot, api: &str) -> Vec<*const StagePlan> {
    snapshot.stages.iter().filter(|plan| &*plan.api_id == api).map(Arc::as_ptr).collect()
}

#[test]
fn an_incremental_snapshot_answers_like_one_from_scratch() {
    let mut registry = Registry::new();
    let (a, b, c) = (api("a", "one.example"), api("b", "two.example:81"), api("c", "10.0.0.1:82"));
    let changed = api("b", "three.example");
    let mut snapshots = vec![compiled(&[&a, &b], &mut registry)];
    let sequence: [&[&Arc<Api>]; 5] =
        [&[&a, &changed], &[&c, &changed, &a], &[&c], &[&b, &c], &[&changed, &a]];
    for apis in sequence {
        snapshots.push(compiled(apis, &mut registry));
        // As the control thread does once no core has it: the slots of its endpoints are given out again.
        drop(snapshots.remove(0));
        registry.retire();
        let mut fresh = Registry::new();
        let scratch = compiled(apis, &mut fresh);
        let expected = answers(&scratch, &fresh);
        assert_eq!(answers(&snapshots[0], &registry), expected);
        let served = expected.iter().filter(|answer| *answer != "no stage").count();
        assert_eq!(served, apis.len() * ROUTES * 3, "what is not configured is not found");
    }
}

#[test]
fn only_the_stages_of_another_api_are_compiled() {
    let mut registry = Registry::new();
    let (a, b) = (api("a", "one.example"), api("b", "two.example"));
    let first = compiled(&[&a, &b], &mut registry);
    // Equal, but imported anew: whether it is equal is for the importer to find out.
    let second = compiled(&[&a, &api("b", "two.example")], &mut registry);
    assert_eq!(plans(&first, "a"), plans(&second, "a"));
    assert_eq!(plans(&first, "a").len(), 2);
    assert!(plans(&first, "b").iter().all(|plan| !plans(&second, "b").contains(plan)));
}

#[test]
fn other_settings_use_nothing_again_and_a_failure_forgets_nothing() {
    let mut registry = Registry::new();
    let a = api("a", "one.example");
    let first = compiled(&[&a], &mut registry);
    let bad = api("b", "bad host");
    assert!(compile(&configuration(&[&a, &bad]), &settings(), &mut registry).is_err());
    assert_eq!(plans(&first, "a"), plans(&compiled(&[&a], &mut registry), "a"));
    let other = CompileSettings { account_id: "000000000000".into(), ..settings() };
    let second = compile(&configuration(&[&a]), &other, &mut registry).unwrap();
    assert_ne!(plans(&first, "a"), plans(&second, "a"));
}

#[test]
fn a_deployment_without_the_host_of_its_api_is_reached_by_domain_names_only() {
    let mut registry = Registry::new();
    let open = api("a", "one.example");
    let mut closed = (*open).clone();
    let mut deployment = (*closed.stages[0].deployment).clone();
    deployment.rest_api.disable_execute_api_endpoint = true;
    closed.stages[0].deployment = Arc::new(deployment);
    let snapshot = compiled(&[&Arc::new(closed)], &mut registry);
    let host = "a.execute-api.us-east-1.amazonaws.com";
    assert_eq!(answer(&snapshot, &registry, host, "/dev/items0"), "no stage");
    assert_ne!(answer(&snapshot, &registry, host, "/prod/items0"), "no stage");
    assert_ne!(answer(&snapshot, &registry, "other.example", "/a/items0"), "no stage");
}
