//! The AWS control plane: no requests panic, a refused one leaves nothing, and what was stored is all that there is.
//!
//! Requests are parted by empty lines: `METHOD TARGET`, or `!METHOD TARGET` for one that could not be stored, and from the second line on a
//! body. `$0` to `$9` are the ids of the answers before, in their order.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use ringway_controlplane::aws::{ControlPlane, Handled, Request, Settings, Write};
use serde_json::Value;

/// What is compared with a control plane that was started again; `API` is the id of each that there is.
const SHOWN: &[&str] = &[
    "/account",
    "/apikeys?includeValues=true",
    "/clientcertificates",
    "/domainnames",
    "/restapis",
    "/restapis/API/authorizers",
    "/restapis/API/deployments",
    "/restapis/API/documentation/parts",
    "/restapis/API/gatewayresponses",
    "/restapis/API/models",
    "/restapis/API/requestvalidators",
    "/restapis/API/resources?embed=methods",
    "/restapis/API/stages",
    "/usageplans",
    "/vpclinks",
];

/// Rows by table and key.
type Store = BTreeMap<(&'static str, String), Vec<u8>>;

fuzz_target!(|text: &str| {
    let (mut plane, mut store, mut ids) = (empty(), Store::new(), Vec::<String>::new());
    for part in text.split("\n\n").take(32) {
        let mut part = part.to_owned();
        for (index, id) in ids.iter().enumerate() {
            part = part.replace(&format!("${index}"), id);
        }
        let (line, body) = part.split_once('\n').unwrap_or((&part, ""));
        let is_lost = line.starts_with('!');
        let (method, target) = line.trim_start_matches('!').split_once(' ').unwrap_or((line, "/"));
        let handled = ask(&mut plane, method, target, body);
        collect(&handled.response.body, &mut ids);
        if handled.response.error_type.is_some() {
            assert!(handled.writes.is_empty() && !handled.serving_changed, "{method} {target}");
        }
        assert!(method != "GET" || handled.writes.is_empty(), "{target}");
        if is_lost || (handled.serving_changed && plane.serving().is_err()) {
            plane.roll_back();
        } else {
            plane.commit();
            write(&mut store, handled.writes);
        }
    }
    let mut again = empty();
    for ((table, key), value) in &store {
        assert_eq!(again.load(table, key, value), Ok(()));
    }
    let apis = ask(&mut plane, "GET", "/restapis?limit=500", "").response.body;
    let apis: Value = serde_json::from_slice(&apis).expect("a list");
    let apis = apis["item"].as_array().or(apis["items"].as_array()).cloned().unwrap_or_default();
    let apis: Vec<&str> = apis.iter().filter_map(|api| api["id"].as_str()).chain(["none"]).collect();
    for shown in SHOWN {
        // What is not of an API is asked for once.
        for api in apis.iter().take(if shown.contains("API") { apis.len() } else { 1 }) {
            let target = shown.replace("API", api);
            let (before, after) = (ask(&mut plane, "GET", &target, ""), ask(&mut again, "GET", &target, ""));
            assert_eq!(before.response, after.response, "{target}");
        }
    }
});

/// Without anything in it, and with ids that can be told beforehand.
fn empty() -> ControlPlane {
    let settings = Settings {
        region: "us-east-1".to_owned(),
        account_id: "123456789012".to_owned(),
        execute_api_suffix: "amazonaws.com".to_owned(),
    };
    let mut next = 0_u64;
    ControlPlane::new(settings, move |bytes| {
        for byte in bytes {
            next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (next >> 33) as u8;
        }
    })
}

fn ask(plane: &mut ControlPlane, method: &str, target: &str, body: &str) -> Handled {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let request = Request { method, path, query, accept: "application/json", body: body.as_bytes() };
    plane.handle(&request, 1_700_000_000)
}

fn write(store: &mut Store, writes: Vec<Write>) {
    for Write { table, key, value } in writes {
        match value {
            Some(value) => store.insert((table, key), value),
            None => store.remove(&(table, key)),
        };
    }
}

/// Adds the ids of an answer to those that later requests can name.
fn collect(body: &[u8], ids: &mut Vec<String>) {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    for name in ["id", "rootResourceId"] {
        if let Some(id) =
            answer[name].as_str().filter(|id| ids.len() < 10 && !ids.iter().any(|known| known == id))
        {
            ids.push(id.to_owned());
        }
    }
}
