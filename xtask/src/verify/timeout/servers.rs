//! Gateways with a limit of 29 seconds, and the backends that make them need it.

use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::bench::arms::{Site, api_file};
use crate::process::{self, Server};
use crate::verify::reload::raise_priority;
use crate::{Outcome, packages};

/// A connect that takes longer finds a queue that is full.
const FULL_AFTER: Duration = Duration::from_millis(300);
/// Connections that are tried to fill a queue of one.
const FILLERS_MAX: usize = 16;

/// Where the backends of the phases listen.
struct Places {
    /// Of all phases that answer something.
    main: SocketAddr,
    accept: SocketAddr,
    connect: SocketAddr,
}

impl Places {
    fn of(&self, phase: &str) -> SocketAddr {
        match phase {
            "accept" => self.accept,
            "connect" => self.connect,
            _ => self.main,
        }
    }
}

/// A gateway under test and the backend behind it.
pub(super) struct Front {
    pub(super) server: Server,
    admin: Option<SocketAddr>,
    places: Places,
    _main: Server,
}

/// Backends whose queues fill up: of one wave.
pub(super) struct Backends {
    _accept: Server,
    _connect: Server,
    _fillers: Vec<TcpStream>,
}

impl Front {
    /// `ringway serve` with AWS's timeout, which is the default.
    pub(super) fn start_ringway(site: &Site) -> Outcome<Self> {
        let (places, main) = start_main(site)?;
        let (address, admin) = (process::free_address()?, process::free_address()?);
        site.scratch.write("timeout.openapi.json", &openapi(&places).to_string())?;
        let api = site
            .scratch
            .write("timeout.toml", &api_file("timeouts", "timeout.openapi.json", "live", "(none)"))?;
        let log = site.scratch.file("timeout.access.log");
        let configuration = format!(
            r#"cores = 1
listen = ["{address}"]
admin = "{admin}"
apis = ["{api}"]
connectionsMax = 19000

[accessLog]
path = "{log}"
format = "json"

[upstream]
connectionsMax = 9500
idleTimeoutMillis = 2000
# The integration timeout is what ends a connect that hangs.
connectTimeoutMillis = 60000
"#,
            api = api.display(),
            log = log.display()
        );
        let path = site.scratch.write("timeout-ringway.toml", &configuration)?;
        let mut command = Command::new(site.binaries.join("ringway"));
        command.arg("serve").arg("--config").arg(path);
        let server = start(site, "timeout-ringway", &command, site.proxy_core, address)?;
        Ok(Front { server, admin: Some(admin), places, _main: main })
    }

    /// nginx or HAProxy with their nearest settings.
    pub(super) fn start_peer(site: &Site, name: &str) -> Outcome<Self> {
        let (places, main) = start_main(site)?;
        let address = process::free_address()?;
        let mut command;
        if name == "nginx" {
            let path = site.scratch.write("timeout-nginx.conf", &nginx(site, address, &places))?;
            command = Command::new("nginx");
            command.arg("-c").arg(path).args(["-e", "stderr"]);
        } else {
            let path = site.scratch.write("timeout-haproxy.cfg", &haproxy(address, &places))?;
            command = Command::new("haproxy");
            command.arg("-db").arg("-f").arg(path);
        }
        let server = start(site, &format!("timeout-{name}"), &command, site.proxy_core, address)?;
        Ok(Front { server, admin: None, places, _main: main })
    }

    /// Backends that never accept: one with room in its queue, and one without.
    pub(super) fn start_queues(&self, site: &Site) -> Outcome<Backends> {
        let start_backend = |name: &str, address: SocketAddr, backlog: &str| {
            let mut command = Command::new(site.binaries.join("ringload"));
            command.args(["backend", "--threads", "1", "--listen", &address.to_string()]);
            command.args(["--stall-accept", "--backlog", backlog]);
            start(site, name, &command, site.load_core, address)
        };
        let accept = start_backend("backend-accept", self.places.accept, "4096")?;
        let connect = start_backend("backend-connect", self.places.connect, "0")?;
        let mut fillers = Vec::new();
        while let Ok(filler) = TcpStream::connect_timeout(&self.places.connect, FULL_AFTER) {
            fillers.push(filler);
            if fillers.len() > FILLERS_MAX {
                return Err("the queue of a backend with a backlog of 0 does not fill".to_owned());
            }
        }
        Ok(Backends { _accept: accept, _connect: connect, _fillers: fillers })
    }

    /// What the gateway says of itself.
    pub(super) fn metrics(&self) -> Outcome<String> {
        let admin = self.admin.ok_or("only ringway has an admin server")?;
        let answer = process::request(
            admin,
            &format!("GET /metrics HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n"),
        )?;
        match answer.status {
            200 => Ok(String::from_utf8_lossy(&answer.body).into_owned()),
            status => Err(format!("/metrics answered {status}")),
        }
    }
}

/// The backend of all phases but those that never accept.
fn start_main(site: &Site) -> Outcome<(Places, Server)> {
    let places = Places {
        main: process::free_address()?,
        accept: process::free_address()?,
        connect: process::free_address()?,
    };
    let mut command = Command::new(site.binaries.join("ringload"));
    command.args(["backend", "--threads", "1", "--listen", &places.main.to_string()]);
    for route in [
        "/head=stall-after:0",
        "/mid-head=stall-after:20",
        // The head has less than 100 bytes.
        "/mid-body=stall-after:400,body-bytes:1000",
        // The head is out after five seconds.
        "/drip=drip:8/1s,body-bytes:1000",
    ] {
        command.args(["--route", route]);
    }
    let server = start(site, "backend-main", &command, site.load_core, places.main)?;
    Ok((places, server))
}

fn start(site: &Site, name: &str, command: &Command, core: usize, address: SocketAddr) -> Outcome<Server> {
    let server = Server::start(name, command, Some(core), address, &site.scratch)?;
    server.pids().into_iter().for_each(|pid| _ = raise_priority(pid));
    Ok(server)
}

const ROUTES: [&str; 7] = ["ok", "connect", "accept", "head", "mid-head", "mid-body", "drip"];

fn openapi(places: &Places) -> Value {
    let paths: Map<String, Value> = ROUTES
        .iter()
        .map(|route| {
            let integration = json!({
                "type": "http_proxy",
                "httpMethod": "GET",
                "uri": format!("http://{}/{route}", places.of(route)),
            });
            (
                format!("/{route}"),
                json!({ "get": { "responses": {}, "x-amazon-apigateway-integration": integration } }),
            )
        })
        .collect();
    json!({ "openapi": "3.0.1", "info": { "title": "timeout", "version": "1" }, "paths": paths })
}

fn nginx(site: &Site, address: SocketAddr, places: &Places) -> String {
    let file = |name: &str| site.scratch.file(name).display().to_string();
    format!(
        r#"daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {pid};
error_log stderr crit;
{user}
events {{ worker_connections 19000; }}
http {{
    access_log {log} combined buffer=64k flush=1s;
    client_body_temp_path {bodies};
    proxy_temp_path {answers};
    fastcgi_temp_path {answers};
    uwsgi_temp_path {answers};
    scgi_temp_path {answers};
    keepalive_timeout 1h;
    keepalive_requests 1000000000;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_connect_timeout 29s;
    proxy_send_timeout 29s;
    proxy_read_timeout 29s;
    proxy_next_upstream off;
    upstream main {{ server {main}; keepalive 512; keepalive_requests 1000000000; keepalive_timeout 1h; }}
    server {{
        listen {address} backlog=4096;
        location / {{ proxy_pass http://main; }}
        location /accept {{ proxy_pass http://{accept}; }}
    }}
}}
"#,
        pid = file("timeout-nginx.pid"),
        // A worker of another user could not write into our directory.
        user = if packages::is_root() { "user root;" } else { "" },
        log = file("timeout-nginx.access.log"),
        bodies = file("timeout-nginx-bodies"),
        answers = file("timeout-nginx-answers"),
        main = places.main,
        accept = places.accept,
    )
}

fn haproxy(address: SocketAddr, places: &Places) -> String {
    format!(
        r#"global
    nbthread 1
    maxconn 9000
defaults
    mode http
    option http-keep-alive
    http-reuse always
    retries 0
    timeout connect 29s
    timeout client 1h
    timeout server 29s
    timeout http-request 1h
    timeout http-keep-alive 1h
frontend in
    bind {address} backlog 4096
    use_backend accept if {{ path /accept }}
    default_backend main
backend main
    server main {main} pool-max-conn -1 pool-purge-delay 1h
backend accept
    server accept {accept}
"#,
        main = places.main,
        accept = places.accept,
    )
}
