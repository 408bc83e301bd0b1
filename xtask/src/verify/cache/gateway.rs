//! The gateway with a cache in front of the backend, and connections to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::CORES;
use super::backend::Backend;
use crate::bench::arms::api_file;
use crate::process::{self, Scratch, Server};
use crate::{Outcome, cargo};

/// How long the gateway may take to do anything.
const PATIENCE: Duration = Duration::from_secs(30);
const API: &str = "cached";
const STAGE: &str = "live";

/// It serves as long as this lives.
pub(super) struct Gateway {
    pub(super) backend: Backend,
    data: SocketAddr,
    admin: SocketAddr,
    server: Server,
    _scratch: Scratch,
}

/// A connection that asks for one thing at a time.
pub(super) struct Connection {
    reader: BufReader<TcpStream>,
}

/// What a request got.
#[derive(Debug, Clone, Copy)]
pub(super) struct Got {
    /// The version in the body; `None`: it is no answer of the backend.
    pub(super) version: Option<u64>,
    /// Whether it has an age.
    pub(super) is_hit: bool,
}

impl Gateway {
    /// Starts both. `cache` are members of the stage's `cache`.
    pub(super) fn start(driver: &str, cache: &str) -> Outcome<Self> {
        let program = cargo::release(&["ringway"])?.join("ringway");
        let (scratch, backend) = (Scratch::new("verify-cache")?, Backend::start()?);
        let (data, admin) = (process::free_address()?, process::free_address()?);
        scratch.write("cache.openapi.json", &document(backend.address))?;
        let stage = format!(
            "cacheClusterEnabled = true\ncache = {{ {cache} }}\n[stages.methodSettings.\"*/*\"]\ncacheTtlInSeconds = 3600\n\
             requireAuthorizationForCacheControl = false\n"
        );
        let api = api_file(API, "cache.openapi.json", STAGE, "(none)");
        scratch.write(
            "cache-api.toml",
            &api.replace("\n[[domainNames]]\n", &format!("{stage}\n[[domainNames]]\n")),
        )?;
        let configuration = format!(
            "cores = {CORES}\nlisten = [\"{data}\"]\nadmin = \"{admin}\"\napis = [\"cache-api.toml\"]\ndriver = \"{driver}\"\n\
             \n[accessLog]\npath = \"off\"\n"
        );
        let mut command = Command::new(program);
        command.args(["serve", "--config"]).arg(scratch.write("cache.toml", &configuration)?);
        let mut server = Server::start_unchecked("ringway", &command, None, data, &scratch)?;
        let head = "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
        server.wait_until(|_| process::request(admin, head).is_ok_and(|answer| answer.status == 200))?;
        Ok(Gateway { backend, data, admin, server, _scratch: scratch })
    }

    pub(super) fn connect(&self) -> Outcome<Connection> {
        let failed =
            |error: std::io::Error| format!("{}: {error}; it wrote:\n{}", self.data, self.server.written());
        let stream = TcpStream::connect(self.data).map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        Ok(Connection { reader: BufReader::new(stream) })
    }

    /// The sum of a metric over its labels.
    pub(super) fn figure(&self, name: &str) -> Outcome<f64> {
        let head = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
        let answer = process::request(self.admin, head)?;
        let page = String::from_utf8_lossy(&answer.body).into_owned();
        let samples = page
            .lines()
            .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
        let values: Vec<f64> = samples.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
        if values.is_empty() { Err(format!("there is no metric {name}")) } else { Ok(values.iter().sum()) }
    }

    /// Waits until a metric is at least this much.
    pub(super) fn wait_for(&self, name: &str, wanted: f64) -> Outcome<()> {
        let start = Instant::now();
        while self.figure(name)? < wanted {
            if start.elapsed() > PATIENCE {
                return Err(format!("{name} does not come to {wanted}"));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// `flush`, or `purge?tag=T`.
    pub(super) fn tell_cache(&self, what: &str) -> Outcome<()> {
        let head = format!(
            "POST /apis/{API}/stages/{STAGE}/cache/{what} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n"
        );
        let answer = process::request(self.admin, &head)?;
        let text = || String::from_utf8_lossy(&answer.body).into_owned();
        if answer.status == 200 { Ok(()) } else { Err(format!("{what}: {} {}", answer.status, text())) }
    }
}

impl Connection {
    pub(super) fn send(&mut self, path: &str, headers: &str) -> Outcome<()> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        self.reader.get_mut().write_all(request.as_bytes()).map_err(|error| format!("sending: {error}"))
    }

    pub(super) fn receive(&mut self) -> Outcome<Got> {
        let failed = |error: std::io::Error| format!("receiving: {error}");
        let (mut line, mut length, mut is_hit, mut is_first, mut is_good) =
            (String::new(), 0, false, true, false);
        loop {
            line.clear();
            if self.reader.read_line(&mut line).map_err(failed)? == 0 {
                return Err("the gateway closed a connection".to_owned());
            }
            let lower = line.trim_end().to_ascii_lowercase();
            if std::mem::take(&mut is_first) {
                is_good = lower.contains(" 200 ");
            }
            if let Some(value) = lower.strip_prefix("content-length: ") {
                length = value.parse().map_err(|_| format!("a length is {value}"))?;
            }
            is_hit |= lower.starts_with("age: ");
            if lower.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body).map_err(failed)?;
        let version = std::str::from_utf8(&body).ok().and_then(|text| text.trim_end().parse().ok());
        Ok(Got { version: version.filter(|_| is_good), is_hit })
    }

    pub(super) fn ask(&mut self, path: &str, headers: &str) -> Outcome<Got> {
        self.send(path, headers)?;
        self.receive()
    }
}

fn document(backend: SocketAddr) -> String {
    serde_json::json!({
        "openapi": "3.0.1",
        "info": {"title": "cache", "version": "1"},
        "paths": {"/c/{name}": {"get": {
            "parameters": [{"name": "name", "in": "path", "required": true, "schema": {"type": "string"}}],
            "responses": {},
            "x-amazon-apigateway-integration": {
                "type": "http_proxy", "httpMethod": "GET", "uri": format!("http://{backend}/c/{{name}}"),
                "requestParameters": {"integration.request.path.name": "method.request.path.name"},
                "cacheKeyParameters": ["method.request.path.name"]
            }
        }}}
    })
    .to_string()
}
