//! The servers that are measured. All of them run at once on one core; only one has load at a time, and an idle one
//! costs nothing, so that arms can be interleaved in short slices.

use std::fs::{self, OpenOptions};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{self, Scratch, Server};
use crate::{Outcome, cargo, host, packages};

/// What every measurement stands on: a backend, two cores, a place for files.
pub(crate) struct Site {
    /// Binaries of this workspace, built in release mode.
    pub(crate) binaries: PathBuf,
    /// Where the arms run.
    pub(crate) proxy_core: usize,
    /// Where backend and load run.
    pub(crate) load_core: usize,
    /// The backend.
    pub(crate) backend: Server,
    /// Configurations, logs and outputs.
    pub(crate) scratch: Scratch,
    /// The driver that Ringway is told to run on.
    pub(crate) driver: String,
}

/// A server under measurement.
pub(crate) struct Arm {
    /// Its name in tables and figures.
    pub(crate) name: String,
    /// The process.
    pub(crate) server: Server,
    /// Its access log; forwarders have none.
    pub(crate) log: Option<PathBuf>,
    /// API keys that its load uses, each in `x-api-key`; none: it sends no such header.
    pub(crate) keys: usize,
    /// What else it needs, on the load core.
    pub(super) sink: Option<Server>,
}

impl Arm {
    pub(super) fn new(name: &str, server: Server, log: Option<PathBuf>) -> Self {
        Arm { name: name.to_owned(), server, log, keys: 0, sink: None }
    }

    /// With a load that uses so many API keys.
    pub(crate) fn with_keys(mut self, keys: usize) -> Self {
        self.keys = keys;
        self
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Processes that are its own but whose time is not held against it.
    pub(crate) fn helpers(&self) -> Vec<u32> {
        self.sink.as_ref().map(Server::pids).unwrap_or_default()
    }

    /// Counts the lines of its log and empties it. The file is opened for appending by whoever writes it.
    pub(crate) fn take_log_lines(&self) -> Outcome<u64> {
        let Some(path) = &self.log else { return Ok(0) };
        let place = |error: std::io::Error| format!("{}: {error}", path.display());
        let text = fs::read(path).map_err(place)?;
        OpenOptions::new().write(true).truncate(true).open(path).map_err(place)?;
        Ok(text.iter().filter(|&&byte| byte == b'\n').count() as u64)
    }
}

impl Site {
    /// Builds `packages` and the measuring programs, and starts the backend.
    pub(crate) fn new(name: &str, packages: &[&str]) -> Outcome<Self> {
        let cores = host::cores()?;
        let (Some(&proxy_core), Some(&load_core)) = (cores.first(), cores.last().filter(|_| cores.len() > 1))
        else {
            return Err("two cores are needed: one for the server, one for backend and load".to_owned());
        };
        let binaries = cargo::release(&[packages, &["ringway-benches"]].concat())?;
        let scratch = Scratch::new(name)?;
        let address = process::free_address()?;
        let mut command = Command::new(binaries.join("backend"));
        command.args(["--listen", &address.to_string()]);
        let backend = Server::start("backend", &command, Some(load_core), address, &scratch)?;
        Ok(Site { binaries, proxy_core, load_core, backend, scratch, driver: "auto".to_owned() })
    }

    /// With Ringway on the driver of this name.
    pub(crate) fn on(mut self, driver: &str) -> Self {
        driver.clone_into(&mut self.driver);
        self
    }

    /// Says on what machine and with which peers.
    pub(crate) fn describe(&self, peers: &[(&str, &str)]) -> String {
        let peers: Vec<String> =
            peers.iter().map(|(program, flag)| packages::version(program, flag)).collect();
        format!(
            "{}; servers on core {}, backend and load on core {}\n{}",
            host::describe(),
            self.proxy_core,
            self.load_core,
            peers.join("; ")
        )
    }

    /// The byte forwarder or the minimal proxy (`program`) on `runtime`.
    pub(crate) fn start_bare(&self, name: &str, program: &str, runtime: &str) -> Outcome<Arm> {
        let address = process::free_address()?;
        let mut command = Command::new(self.binaries.join(program));
        command.args(["--listen", &address.to_string(), "--upstream", &self.backend.address.to_string()]);
        command.args(["--runtime", runtime]);
        Ok(Arm::new(name, self.start(name, &command, address)?, None))
    }

    /// Ringway on one core with routing, a JSON access log and metrics.
    pub(crate) fn start_ringway(&self) -> Outcome<Arm> {
        self.start_build("ringway", &Command::new(self.binaries.join("ringway")))
    }

    /// As [`Site::start_ringway`], but the build that `program` starts.
    pub(crate) fn start_build(&self, name: &str, program: &Command) -> Outcome<Arm> {
        let api = self
            .scratch
            .write("bench.toml", &api_file("benchmarks", "bench.openapi.json", "bench", "(none)"))?;
        self.scratch.write("bench.openapi.json", &self.openapi())?;
        let gateway = self.serve(name, program, &[&api], Some(self.proxy_core), &Process::default())?;
        Ok(Arm::new(name, gateway.server, Some(gateway.log)))
    }

    /// As [`Site::start_configured`], without an access log.
    pub(crate) fn start_unlogged(&self, name: &str, api: &Path) -> Outcome<Arm> {
        let program = Command::new(self.binaries.join("ringway"));
        let process = Process { is_logged: false, ..Process::default() };
        let gateway = self.serve(name, &program, &[api], Some(self.proxy_core), &process)?;
        Ok(Arm::new(name, gateway.server, None))
    }

    /// `ringway serve` with these API files, on `core` or on all.
    pub(crate) fn start_gateway(&self, apis: &[&Path], core: Option<usize>) -> Outcome<Gateway> {
        self.serve("ringway", &Command::new(self.binaries.join("ringway")), apis, core, &Process::default())
    }

    /// As [`Site::start_ringway`], with this API file and these settings of the process besides.
    pub(crate) fn start_configured(&self, name: &str, api: &Path, lines: &str) -> Outcome<Arm> {
        let program = Command::new(self.binaries.join("ringway"));
        let process = Process { lines, ..Process::default() };
        let gateway = self.serve(name, &program, &[api], Some(self.proxy_core), &process)?;
        Ok(Arm::new(name, gateway.server, Some(gateway.log)))
    }

    /// As [`Site::start_gateway`], with these settings of the process besides, and so many connections to a backend at most.
    pub(crate) fn start_gateway_with(
        &self,
        apis: &[&Path],
        core: Option<usize>,
        lines: &str,
        upstream_connections: usize,
    ) -> Outcome<Gateway> {
        let process = Process { lines, upstream_connections, ..Process::default() };
        self.serve("ringway", &Command::new(self.binaries.join("ringway")), apis, core, &process)
    }

    fn serve(
        &self,
        name: &str,
        program: &Command,
        apis: &[&Path],
        core: Option<usize>,
        process: &Process<'_>,
    ) -> Outcome<Gateway> {
        let (address, admin) = (process::free_address()?, process::free_address()?);
        // Not beside the configuration, which is watched.
        let logs = self.scratch.file("logs");
        fs::create_dir_all(&logs).map_err(|error| format!("{}: {error}", logs.display()))?;
        let log = logs.join(format!("{name}.access.log"));
        let apis: Vec<String> = apis.iter().map(|path| path.display().to_string()).collect();
        let configuration = format!(
            r#"cores = 1
listen = ["{address}"]
admin = "{admin}"
apis = {apis:?}
driver = "{driver}"
connectionsMax = 19000
idleTimeoutMillis = 3600000
{lines}
[accessLog]
path = "{target}"
format = "json"

[upstream]
connectionsMax = {upstream}
"#,
            driver = self.driver,
            lines = process.lines,
            upstream = process.upstream_connections,
            target = if process.is_logged { log.display().to_string() } else { "off".to_owned() },
        );
        let path = self.scratch.write(&format!("{name}.toml"), &configuration)?;
        let mut command = Command::new(program.get_program());
        command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.arg("serve").arg("--config").arg(path);
        let server = Server::start(name, &command, core, address, &self.scratch)?;
        Ok(Gateway { server, admin, log })
    }

    pub(super) fn start(&self, name: &str, command: &Command, address: SocketAddr) -> Outcome<Server> {
        Server::start(name, command, Some(self.proxy_core), address, &self.scratch)
    }

    /// A handful of routes; the load asks for `/pets/{petId}`.
    pub(crate) fn openapi(&self) -> String {
        let proxy = |path: &str, parameters: &[&str]| {
            let filled: serde_json::Map<String, serde_json::Value> = parameters
                .iter()
                .map(|name| {
                    (format!("integration.request.path.{name}"), format!("method.request.path.{name}").into())
                })
                .collect();
            serde_json::json!({
                "type": "http_proxy",
                "httpMethod": "ANY",
                "uri": format!("http://{}{path}", self.backend.address),
                "requestParameters": filled,
            })
        };
        let operation = |path: &str, parameters: &[&str]| {
            let declared: Vec<serde_json::Value> = parameters
                .iter()
                .map(|name| serde_json::json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
                .collect();
            serde_json::json!({
                "x-amazon-apigateway-any-method": {
                    "parameters": declared,
                    "responses": { "200": { "description": "as the backend says" } },
                    "x-amazon-apigateway-integration": proxy(path, parameters),
                }
            })
        };
        let document = serde_json::json!({
            "openapi": "3.0.1",
            "info": { "title": "bench", "version": "1" },
            "paths": {
                "/pets": operation("/pets", &[]),
                "/pets/{petId}": operation("/pets/{petId}", &["petId"]),
                "/pets/{petId}/photos/{photoId}": operation("/pets/{petId}/photos/{photoId}", &["petId", "photoId"]),
                "/orders": operation("/orders", &[]),
                "/orders/{orderId}": operation("/orders/{orderId}", &["orderId"]),
                "/bytes/{count}": operation("/bytes/{count}", &["count"]),
                "/delay/{millis}": operation("/delay/{millis}", &["millis"]),
                "/files/{proxy+}": operation("/files/{proxy}", &["proxy"]),
            }
        });
        document.to_string()
    }
}

/// What one process is told that others are not.
struct Process<'a> {
    /// Settings besides those of all.
    lines: &'a str,
    /// `connectionsMax` of `[upstream]`: by default one for each client connection.
    upstream_connections: usize,
    /// Whether it has an access log.
    is_logged: bool,
}

impl Default for Process<'_> {
    fn default() -> Self {
        Process { lines: "", upstream_connections: 9_500, is_logged: true }
    }
}

/// A running `ringway serve`.
pub(crate) struct Gateway {
    /// The process.
    pub(crate) server: Server,
    /// Its admin server.
    pub(crate) admin: SocketAddr,
    /// Its access log.
    pub(crate) log: PathBuf,
}

/// An API file: one API with this OpenAPI document, deployed to one stage, which answers below `base_path` on any host.
pub(crate) fn api_file(id: &str, document: &str, stage: &str, base_path: &str) -> String {
    format!(
        r#"restApiId = "{id}"
body = "{document}"

[[stages]]
stageName = "{stage}"

[[domainNames]]
domainName = "*"
[[domainNames.basePathMappings]]
basePath = "{base_path}"
restApiId = "{id}"
stage = "{stage}"
"#
    )
}
