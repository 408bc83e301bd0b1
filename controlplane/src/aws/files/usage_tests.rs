//! Usage plans, API keys and settings of stages as files, and back.

use serde_json::json;

use super::comparable;
use super::tests::{api_files, everything, import, patch, serving};
use crate::aws::ControlPlane;
use crate::aws::testing::{control_plane, good};

const VALUE: &str = "a-value-of-twenty-characters";

/// A plane with settings of methods, a cache, and a plan of the stages `prod` and `dev` with a key; the ids of the API, plan and key.
fn metered() -> (ControlPlane, [String; 3]) {
    let mut plane = control_plane();
    let api = everything(&mut plane);
    let prod = format!("/restapis/{api}/stages/prod");
    patch(
        &mut plane,
        &prod,
        &[
            ("replace", "/*/*/throttling/rateLimit", json!("2.5")),
            ("replace", "/*/*/caching/ttlInSeconds", json!("0")),
            ("replace", "/~1/GET/caching/enabled", json!("true")),
            ("replace", "/~1/GET/throttling/rateLimit", json!("-1")),
            ("replace", "/~1/GET/caching/requireAuthorizationForCacheControl", json!("false")),
            ("replace", "/~1/GET/caching/unauthorizedCacheControlHeaderStrategy", json!("FAIL_WITH_403")),
            ("replace", "/cacheClusterSize", json!("6.1")),
            ("replace", "/cacheClusterEnabled", json!("true")),
        ],
    );
    let id = |plane: &mut ControlPlane, path: &str, body| {
        good(plane, "POST", path, body)["id"].as_str().unwrap().to_owned()
    };
    let body = json!({
        "name": "g\"old\"", "description": "two\nlines",
        "apiStages": [
            {"apiId": api, "stage": "prod", "throttle": {"//GET": {"rateLimit": 1, "burstLimit": 0}}},
            {"apiId": api, "stage": "dev"},
        ],
        "throttle": {"rateLimit": 0.1, "burstLimit": 3}, "quota": {"limit": 9, "offset": 6, "period": "WEEK"},
    });
    let plan = id(&mut plane, "/usageplans", body);
    let body = json!({"name": "Ann, \"A\"", "description": "d", "value": VALUE, "enabled": true});
    let key = id(&mut plane, "/apikeys", body);
    good(
        &mut plane,
        "POST",
        &format!("/usageplans/{plan}/keys"),
        json!({"keyId": key, "keyType": "API_KEY"}),
    );
    id(&mut plane, "/apikeys", json!({"name": "without a plan"}));
    (plane, [api, plan, key])
}

#[test]
fn rows_become_files_and_rows_again() {
    let (mut plane, [api, plan, key]) = metered();
    let exported = plane.export_files(true).unwrap();
    let names: Vec<&str> = exported.files.iter().map(|(path, _)| path.as_str()).collect();
    assert!(names.ends_with(&["usage/plans.toml", "usage/keys.csv"]), "{names:?}");
    let told = exported.left_out.join("\n");
    for word in ["methodSettings", "cacheCluster", "usage plan", "API key", "differ", "not valid", VALUE] {
        assert!(!told.contains(word), "{word}: {told}");
    }
    let files = api_files(&exported);
    let before = serving(&mut plane);
    assert_eq!(comparable(&files.files[0].api), comparable(&before.apis[0]));
    assert!(files.usage.plans == before.usage_plans && files.usage.keys == before.api_keys);
    let prod = files.files[0].api.stages.iter().find(|stage| stage.stage_name == "prod").unwrap();
    assert_eq!((prod.method_settings.len(), prod.cache_bytes.is_some()), (2, true));

    let mut again = control_plane();
    assert_eq!(import(&mut again, &files), [""; 0]);
    let after = serving(&mut again);
    assert!(after.usage_plans == before.usage_plans && after.api_keys == before.api_keys);
    assert_eq!(comparable(&after.apis[0]), comparable(&before.apis[0]));
    for path in [
        format!("/usageplans/{plan}/keys/{key}"),
        format!("/restapis/{api}/stages/prod"),
        format!("/apikeys/{key}?includeValue=true"),
    ] {
        let shown = [&mut plane, &mut again].map(|plane| {
            let mut shown = good(plane, "GET", &path, json!(null));
            for member in ["createdDate", "lastUpdatedDate", "deploymentId", "accessLogSettings"] {
                shown.as_object_mut().unwrap().remove(member);
            }
            // A throttle that is off is not said in a file.
            shown
                .pointer_mut("/methodSettings/~1~1GET")
                .map(|settings| settings["throttlingRateLimit"].take());
            shown
        });
        let [before, after] = shown;
        assert_eq!(before, after, "{path}");
    }
    let errors = again.import_files(&files, 0).unwrap_err();
    for line in [
        format!("usage plan {plan}: the store has it already"),
        format!("API key {key}: the store has it already"),
    ] {
        assert!(errors.contains(&line), "{errors:?}");
    }
}

#[test]
fn values_of_keys_are_written_where_they_are_asked_for() {
    let (mut plane, _) = metered();
    let exported = plane.export_files(false).unwrap();
    assert!(exported.files.iter().all(|(path, text)| !path.ends_with(".csv") && !text.contains(VALUE)));
    let told = exported.left_out.join("\n");
    assert!(
        told.contains("2 API keys, and which usage plans they have: they are asked for with --with-api-keys")
    );
    let files = api_files(&exported);
    assert_eq!((files.usage.plans.len(), files.usage.keys.len()), (1, 0));
}

#[test]
fn what_has_no_place_in_rows_is_refused() {
    let (mut plane, [api, plan, _]) = metered();
    let mut exported = plane.export_files(true).unwrap();
    for (path, text) in &mut exported.files {
        if path == "usage/plans.toml" {
            *text = text
                .replace("name = ", "priority = 5\nconcurrencyLimit = 6\nname = ")
                .replace("offset = 6", "offset = 7");
        } else if *path == format!("{api}.toml") {
            *text = text.replace("cachingEnabled = true", "concurrencyLimit = 7");
        }
    }
    let errors = control_plane().import_files(&api_files(&exported), 0).unwrap_err();
    assert_eq!(
        errors,
        [
            format!(
                "API {api}, stage prod: the control plane has no `concurrencyLimit`; remove it from the file"
            ),
            format!(
                "API {api}, stage prod: on a stage with a cache, `methodSettings` of the control plane say `cachingEnabled`; \
                 say it in the file"
            ),
            format!("usage plan {plan}: the control plane has no `priority`; remove it from the file"),
            format!(
                "usage plan {plan}: the control plane has no `concurrencyLimit`; remove it from the file"
            ),
        ]
    );
    for (path, text) in &mut exported.files {
        if path == "usage/plans.toml" {
            *text = text
                .replace("priority = 5\nconcurrencyLimit = 6\n", "")
                .replace("stage = \"dev\"", "stage = \"gone\"");
        }
    }
    exported.files.retain(|(path, _)| path.starts_with("usage"));
    let errors = control_plane().import_files(&api_files(&exported), 0).unwrap_err();
    assert_eq!(
        errors,
        [
            format!("usage plan {plan}: neither the files nor the store have the stage prod of API {api}"),
            format!("usage plan {plan}: neither the files nor the store have the stage gone of API {api}"),
            format!(
                "usage plan {plan}: Usage Plan quota offset must be between 0 and 6 inclusive in the WEEK period"
            ),
        ]
    );
}
