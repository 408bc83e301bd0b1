//! Real documents, imported to rows and written as documents again: nothing of them is lost on the way.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ringway_core::model::{AuthorizerType, IntegrationResponse, RestApi};
use serde_json::Value;

#[path = "../../../tests/corpus/computed.rs"]
mod computed;

use super::document::document;
use crate::aws::testing::{call, control_plane};
use crate::diff::diff;
use crate::openapi::{Account, ImportOptions, import};

fn options() -> ImportOptions {
    let account = Account { region: "us-east-1".into(), account_id: crate::aws::testing::ACCOUNT.into() };
    ImportOptions { incomplete: true, takes_idle: true, account: Some(account), ..ImportOptions::default() }
}

/// What rows do not keep: orders, ids, and what AWS says of what a document leaves out.
fn normal(mut api: RestApi) -> RestApi {
    api.resources.sort_by(|a, b| a.path.cmp(&b.path));
    for resource in &mut api.resources {
        resource.id.clear();
        resource.methods.sort_by_key(|method| method.http_method);
        for integration in resource.methods.iter_mut().map(|method| &mut method.integration) {
            integration.request_parameters.sort_by_key(|parameter| parameter.target.to_string());
            integration.request_templates.sort();
            // One for each status code.
            let mut responses: BTreeMap<u16, IntegrationResponse> = BTreeMap::new();
            for mut response in integration.responses.drain(..) {
                response.response_parameters.sort_by(|a, b| a.header.cmp(&b.header));
                response.response_templates.sort();
                responses.insert(response.status_code, response);
            }
            integration.responses = responses.into_values().collect();
        }
    }
    api.models.sort_by(|a, b| a.name.cmp(&b.name));
    api.request_validators.sort_by(|a, b| a.name.cmp(&b.name));
    api.authorizers.sort_by(|a, b| a.name.cmp(&b.name));
    for authorizer in &mut api.authorizers {
        let is_cognito = authorizer.kind == AuthorizerType::CognitoUserPools;
        let kind = if is_cognito { "cognito_user_pools" } else { "custom" };
        authorizer.auth_type.get_or_insert_with(|| kind.into());
        authorizer.result_ttl_seconds = authorizer.result_ttl_seconds.or((!is_cognito).then_some(300));
    }
    api.gateway_responses.sort_by_key(|response| response.response_type);
    for response in &mut api.gateway_responses {
        response.status_code = response.status_code.or(response.response_type.status());
        response.response_parameters.sort_by(|a, b| a.0.cmp(&b.0));
        response.response_templates.sort();
        if response.response_templates.is_empty() {
            let template = "{\"message\":$context.error.messageString}".to_owned();
            response.response_templates.push(("application/json".into(), template));
        }
    }
    for part in &mut api.documentation_parts {
        let location: Value = serde_json::from_str(&part.location).unwrap();
        part.location = location.to_string();
    }
    api.documentation_parts.sort_by(|a, b| a.location.cmp(&b.location));
    api.policy = api.policy.map(|_| String::new());
    api
}

/// Whether the document is imported; what came back is compared with what a file of the same text is.
fn comes_back(name: &str, value: Value) -> bool {
    let mut plane = control_plane();
    let text = value.to_string();
    let (status, answer) = call(&mut plane, "POST", "/restapis?mode=import", value);
    if status != 201 {
        println!("{name}: {}", answer[1]);
        return false;
    }
    let before = import(&text, Path::new("x.json"), &options()).unwrap();
    let api = plane.state.rest_apis.get(answer["id"].as_str().unwrap()).unwrap();
    let written = document(&plane.state, api).unwrap().to_compact();
    let after = import(&written, Path::new("x.json"), &options())
        .unwrap_or_else(|issues| panic!("{name}: {issues:#?}"));
    let (before, after) = (normal(before.rest_api), normal(after.rest_api));
    assert_eq!(diff(&before, &after), [], "{name}");
    assert_eq!(before, after, "{name}");
    true
}

#[test]
fn real_documents() {
    let vectors = std::env::var_os("RINGWAY_VECTORS").map_or("../../shared/vectors".into(), PathBuf::from);
    let Ok(files) = std::fs::read_dir(vectors.join("openapi")) else {
        println!("skipped: no vectors; set RINGWAY_VECTORS to their directory");
        return;
    };
    let mut files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.retain(|path| path.file_name().is_some_and(|name| name != "index.json"));
    files.sort();
    let came_back = files.iter().filter(|file| {
        let text = std::fs::read_to_string(file).unwrap();
        let mut document = computed::computed(&serde_json::from_str(&text).unwrap());
        // CloudFormation gives the name outside of the document.
        if document["info"].get("title").is_none_or(|title| !title.is_string()) {
            document["info"] = serde_json::json!({"title": "vector"});
        }
        comes_back(&file.file_name().unwrap().to_string_lossy(), document)
    });
    let came_back = came_back.count();
    println!("{came_back} of {} documents", files.len());
    assert!(came_back > files.len() / 2);
}

/// What the real documents have little of.
#[test]
fn everything_comes_back() {
    let text = include_str!("round_trip.json");
    assert!(comes_back("round_trip.json", serde_json::from_str(text).unwrap()));
}
