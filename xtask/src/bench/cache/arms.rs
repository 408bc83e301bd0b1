//! Caches, set up as a competent operator would for one core and objects that fit into memory.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::json;

use crate::bench::arms::{Arm, Site, api_file};
use crate::{Outcome, packages, process};

impl Site {
    /// A stage with a cache; the count of the path is part of its key.
    pub(super) fn start_caching_ringway(&self, origin: SocketAddr) -> Outcome<Arm> {
        let document = json!({
            "openapi": "3.0.1",
            "info": { "title": "cache", "version": "1" },
            "paths": { "/bytes/{count}": { "get": {
                "parameters": [{ "name": "count", "in": "path", "required": true, "schema": { "type": "string" } }],
                "responses": { "200": { "description": "as the backend says" } },
                "x-amazon-apigateway-integration": {
                    "type": "http_proxy",
                    "httpMethod": "GET",
                    "uri": format!("http://{origin}/bytes/{{count}}"),
                    "requestParameters": { "integration.request.path.count": "method.request.path.count" },
                    "cacheKeyParameters": ["method.request.path.count"],
                },
            } } },
        });
        self.scratch.write("cache.openapi.json", &document.to_string())?;
        let cache = "cacheClusterEnabled = true\ncacheClusterSize = \"0.5\"\n[stages.methodSettings]\n\
                     \"*/*\" = { cachingEnabled = true, cacheTtlInSeconds = 3600 }\n";
        let api = api_file("cached", "cache.openapi.json", "bench", "(none)")
            .replace("\n[[domainNames]]\n", &format!("\n{cache}\n[[domainNames]]\n"))
            .replace("\n\ncacheClusterEnabled", "\ncacheClusterEnabled");
        let api = self.scratch.write("cache.api.toml", &api)?;
        self.start_unlogged("ringway", &api)
    }

    /// nginx with its cache on tmpfs, where its scratch files are.
    pub(super) fn start_caching_nginx(&self, origin: SocketAddr) -> Outcome<Arm> {
        let address = process::free_address()?;
        let file = |name: &str| self.scratch.file(name).display().to_string();
        let configuration = format!(
            r#"daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {pid};
error_log stderr warn;
{user}
events {{ worker_connections 19000; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    open_file_cache max=10000 inactive=1h;
    open_file_cache_valid 1h;
    open_file_cache_min_uses 1;
    client_body_temp_path {bodies};
    proxy_temp_path {answers};
    fastcgi_temp_path {answers};
    uwsgi_temp_path {answers};
    scgi_temp_path {answers};
    keepalive_timeout 1h;
    keepalive_requests 1000000000;
    proxy_cache_path {cache} levels=1:2 keys_zone=objects:10m max_size=1g inactive=1h use_temp_path=off;
    server {{
        listen {address} backlog=4096;
        location / {{
            proxy_pass http://{origin};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_cache objects;
            proxy_cache_key $uri;
            proxy_cache_valid 200 1h;
            proxy_cache_lock on;
        }}
    }}
}}
"#,
            pid = file("nginx.pid"),
            // A worker of another user could not write into our directory.
            user = if packages::is_root() { "user root;" } else { "" },
            bodies = file("nginx-bodies"),
            answers = file("nginx-answers"),
            cache = file("nginx-cache"),
        );
        let path = self.scratch.write("nginx.conf", &configuration)?;
        let mut command = Command::new("nginx");
        command.arg("-c").arg(path).args(["-e", "stderr"]);
        Ok(Arm::new("nginx", self.start("nginx", &command, address)?, None))
    }

    /// Varnish with objects in memory, which looks neither at cookies nor at codings.
    pub(super) fn start_varnish(&self, origin: SocketAddr) -> Outcome<Arm> {
        let address = process::free_address()?;
        let configuration = format!(
            r#"vcl 4.1;
backend default {{ .host = "{}"; .port = "{}"; }}
sub vcl_recv {{ return (hash); }}
sub vcl_hash {{ hash_data(req.url); return (lookup); }}
"#,
            origin.ip(),
            origin.port()
        );
        let path = self.scratch.write("varnish.vcl", &configuration)?;
        let mut command = Command::new("varnishd");
        // In the foreground, as whoever runs this, in a place of its own.
        command.args(["-F", "-j", "none", "-n"]).arg(self.scratch.file("varnish"));
        command.args(["-a", &address.to_string(), "-s", "malloc,512m", "-f"]).arg(path);
        for parameter in
            ["thread_pools=1", "thread_pool_min=300", "timeout_idle=3600", "http_gzip_support=off"]
        {
            command.args(["-p", parameter]);
        }
        Ok(Arm::new("varnish", self.start("varnish", &command, address)?, None))
    }
}
