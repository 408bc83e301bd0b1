//! Ringway with every level of its limits, and without any.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::Outcome;
use crate::bench::arms::{Arm, Site, api_file};
use crate::bench::wrk;

const API: &str = "benchmarks";
const STAGE: &str = "bench";
/// The method that the load calls, as AWS writes it.
const METHOD: &str = "/pets/{petId}/ANY";
/// So much that nobody is ever refused.
const THROTTLE: &str = "rateLimit = 1000000.0, burstLimit = 100000";

impl Site {
    /// Routing, access log and metrics: as in `bench proxy`.
    pub(super) fn start_ringway_without_limits(&self, name: &str) -> Outcome<Arm> {
        let api = self.write_api(name, &self.openapi(), "")?;
        self.start_configured(name, &api, "")
    }

    /// As [`Site::start_ringway_without_limits`], with so many API keys of one plan, throttles of all levels and a quota.
    pub(super) fn start_ringway_with_limits(&self, name: &str, keys: usize) -> Outcome<Arm> {
        let settings = "[stages.methodSettings]\n\
                        \"*/*\" = { throttlingRateLimit = 1000000.0, throttlingBurstLimit = 100000 }\n";
        let api = self.write_api(name, &with_keys(&self.openapi())?, settings)?;
        let mut rows = String::from("Name,Key,Enabled,UsagePlanIds\n");
        for number in 0..keys {
            let _ = writeln!(rows, "client{number},{},true,gold", wrk::api_key(number));
        }
        self.scratch.write(&format!("{name}.keys.csv"), &rows)?;
        let usage = format!(
            r#"apiKeysFile = "{name}.keys.csv"

[[usagePlans]]
id = "gold"
name = "gold"
apiStages = [{{ apiId = "{API}", stage = "{STAGE}", throttle = {{ "{METHOD}" = {{ {THROTTLE} }} }} }}]
throttle = {{ {THROTTLE} }}
quota = {{ limit = 1000000000000, period = "MONTH" }}
"#
        );
        let usage = self.scratch.write(&format!("{name}.usage.toml"), &usage)?;
        let lines = format!(
            "usage = [{:?}]\naccount = {{ throttle = {{ {THROTTLE} }} }}\nquota = {{ store = \"{name}.redb\" }}\n",
            usage.display().to_string()
        );
        self.start_configured(name, &api, &lines)
    }

    fn write_api(&self, name: &str, document: &str, settings: &str) -> Outcome<PathBuf> {
        let file = format!("{name}.openapi.json");
        self.scratch.write(&file, document)?;
        // Below the stage, which is the first table.
        let api = api_file(API, &file, STAGE, "(none)")
            .replace("\n[[domainNames]]\n", &format!("\n{settings}\n[[domainNames]]\n"));
        self.scratch.write(&format!("{name}.api.toml"), &api)
    }
}

/// The document with an API key for each of its methods.
fn with_keys(document: &str) -> Outcome<String> {
    let mut document: Value = serde_json::from_str(document).map_err(|error| error.to_string())?;
    document["components"] = json!({
        "securitySchemes": { "api_key": { "type": "apiKey", "name": wrk::KEY_HEADER, "in": "header" } },
    });
    let paths = document["paths"].as_object_mut().ok_or("a document without paths")?;
    for operation in paths.values_mut().filter_map(Value::as_object_mut).flat_map(|path| path.values_mut()) {
        operation["security"] = json!([{ "api_key": [] }]);
    }
    Ok(document.to_string())
}
