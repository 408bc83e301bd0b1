//! The binary `ringway`, built once, started with a configuration of its own on free ports.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::{Answer, once};
use super::metrics::Metrics;
use super::{PATIENCE, eventually};

/// Integration timeout of the routes below `/short`, in milliseconds.
pub(crate) const SHORT_MILLIS: u64 = 300;

/// Path of the binary. Cargo gives it to tests of its own package only, so it is built here, with the features and the profile
/// of this run, which costs nothing after the first time.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        // target/debug/deps/integration-…
        let test = std::env::current_exe().unwrap();
        let target = test.ancestors().nth(3).unwrap();
        // With a sanitizer, whose flags are not for build scripts and macros.
        let triple = std::env::var("RINGWAY_TEST_TARGET").ok();
        let output = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()))
            .args([
                "build",
                "--workspace",
                "--bin",
                "ringway",
                "--profile",
                "test",
                "--message-format",
                "json",
            ])
            .args(triple.iter().flat_map(|triple| ["--target", triple]))
            .arg("--target-dir")
            .arg(target)
            .current_dir(root())
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(output.status.success(), "the gateway cannot be built");
        let messages = String::from_utf8(output.stdout).unwrap();
        let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let executable = artifacts
            .filter(|message| message["target"]["name"] == "ringway")
            .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
            .next_back();
        executable.expect("cargo names the executable")
    })
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What a gateway is started with.
pub(crate) struct Setup {
    pub(crate) driver: &'static str,
    pub(crate) cores: usize,
    /// The OpenAPI document.
    pub(crate) document: Value,
    /// Further lines of the stage, the last ones in tables of their own.
    pub(crate) stage: String,
    /// Further lines at the top of `ringway.toml`.
    pub(crate) process: String,
    /// Format of the access log, as in `ringway.toml`.
    pub(crate) log_format: String,
    /// Patterns of API files.
    pub(crate) apis: &'static [&'static str],
    /// Further arguments of `ringway serve`.
    pub(crate) arguments: Vec<String>,
    /// Usage plans and API keys, if any.
    pub(crate) usage: String,
}

impl Setup {
    /// One core, everything to `backend`.
    pub(crate) fn new(driver: &'static str, backend: SocketAddr) -> Self {
        Setup {
            driver,
            cores: 1,
            document: document(backend),
            stage: String::new(),
            process: String::new(),
            log_format: "json".into(),
            apis: &["api.toml"],
            arguments: Vec::new(),
            usage: String::new(),
        }
    }

    pub(crate) fn cores(mut self, cores: usize) -> Self {
        self.cores = cores;
        self
    }

    /// Adds lines to the stage.
    pub(crate) fn stage(mut self, lines: &str) -> Self {
        self.stage += lines;
        self
    }

    /// Adds lines to `ringway.toml`.
    pub(crate) fn process(mut self, lines: &str) -> Self {
        self.process += lines;
        self
    }

    pub(crate) fn log_format(mut self, format: &str) -> Self {
        self.log_format = format.to_owned();
        self
    }

    /// Serves no API files.
    pub(crate) fn no_files(mut self) -> Self {
        self.apis = &[];
        self
    }

    /// Adds a file of usage plans and API keys.
    pub(crate) fn usage(mut self, text: &str) -> Self {
        self.usage = text.to_owned();
        self
    }

    pub(crate) fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    pub(crate) fn start(self) -> Gateway {
        Gateway::start(self)
    }
}

/// An HTTP_PROXY integration.
pub(crate) fn http_proxy(uri: &str, timeout_millis: u64) -> Value {
    let mut integration =
        json!({"type": "http_proxy", "httpMethod": "ANY", "uri": uri, "timeoutInMillis": timeout_millis});
    if uri.contains("{proxy}") {
        integration["requestParameters"] =
            json!({"integration.request.path.proxy": "method.request.path.proxy"});
    }
    json!({"x-amazon-apigateway-any-method": {
        "responses": {"200": {"description": "Whatever the backend says"}},
        "x-amazon-apigateway-integration": integration,
    }})
}

/// A document that passes `/` and everything below it to `backend`, with a short timeout below `/short`; `/mock` is answered here.
pub(crate) fn document(backend: SocketAddr) -> Value {
    json!({
        "openapi": "3.0.1",
        "info": {"title": "Integration tests", "version": "1"},
        "paths": {
            "/": http_proxy(&format!("http://{backend}/"), 29_000),
            "/{proxy+}": http_proxy(&format!("http://{backend}/{{proxy}}"), 29_000),
            "/short/{proxy+}": http_proxy(&format!("http://{backend}/short/{{proxy}}"), SHORT_MILLIS),
            "/mock": {"get": {
                "responses": {"200": {"description": "Always"}},
                "x-amazon-apigateway-integration": {
                    "type": "mock",
                    "requestTemplates": {"application/json": "{\"statusCode\": 200}"},
                    "responses": {"default": {
                        "statusCode": "200",
                        "responseTemplates": {"application/json": "{\"mock\": true}"},
                    }},
                },
            }},
        },
    })
}

/// A running gateway. Killed when it is dropped; what it said is then printed if the test has failed.
pub(crate) struct Gateway {
    directory: TempDir,
    arguments: Vec<String>,
    running: Running,
    pub(crate) listen: SocketAddr,
    pub(crate) admin: SocketAddr,
    /// Of the AWS control plane, where there is one.
    pub(crate) control_plane: Option<SocketAddr>,
}

/// The process and what it said.
struct Running {
    process: Child,
    said: Arc<Mutex<String>>,
}

impl Gateway {
    fn start(setup: Setup) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let Setup { driver, cores, document, stage, mut process, log_format, apis, arguments, usage } = setup;
        if !usage.is_empty() {
            fs::write(directory.path().join("usage.toml"), usage).unwrap();
            process = format!("usage = [\"usage.toml\"]\n{process}");
        }
        write_api(directory.path(), &document, &stage);
        let text = format!(
            "listen = [\"127.0.0.1:0\"]\nadmin = \"127.0.0.1:0\"\ncores = {cores}\napis = {apis:?}\n{process}\n\
             [accessLog]\npath = \"access.log\"\nformat = {}\n",
            // A JSON string is a TOML string.
            Value::String(log_format)
        );
        fs::write(directory.path().join("ringway.toml"), text).unwrap();
        let arguments = [vec!["--driver".to_owned(), driver.to_owned()], arguments].concat();
        let (running, [listen, admin, control_plane]) = spawn(directory.path(), &arguments);
        let (listen, admin) = (listen.unwrap(), admin.unwrap());
        Gateway { directory, arguments, running, listen, admin, control_plane }
    }

    /// Kills the process without a warning and starts another with the same files, on other ports.
    pub(crate) fn kill_and_start(&mut self) {
        self.running.process.kill().unwrap();
        self.running.process.wait().unwrap();
        let (running, [listen, admin, control_plane]) = spawn(self.directory.path(), &self.arguments);
        self.running = running;
        (self.listen, self.admin, self.control_plane) = (listen.unwrap(), admin.unwrap(), control_plane);
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// What it said on standard error so far.
    pub(crate) fn said(&self) -> String {
        self.running.said.lock().unwrap().clone()
    }

    /// A request to the admin server.
    pub(crate) fn admin(&self, method: &str, path: &str) -> Answer {
        once(self.admin, method, path)
    }

    pub(crate) fn metrics(&self) -> Metrics {
        Metrics::parse(&self.admin("GET", "/metrics").text())
    }

    /// Replaces the document by a rename, as deployments do. Nobody is told.
    pub(crate) fn write_document(&self, document: &Value) {
        write_document(self.directory.path(), document);
    }

    pub(crate) fn generation(&self) -> u64 {
        let ready: Value = serde_json::from_slice(&self.admin("GET", "/readyz").body).unwrap();
        ready["generation"].as_u64().unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.running.process.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits until the process ends; its exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        let mut status = None;
        eventually("the gateway ends", || {
            status = self.running.process.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap().code()
    }

    /// Resident memory in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.running.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// Waits until the access log has `count` lines and returns them.
    pub(crate) fn log_lines(&self, count: usize) -> Vec<Vec<u8>> {
        let path = self.directory.path().join("access.log");
        let read = || fs::read(&path).unwrap_or_default();
        eventually(&format!("{count} lines in the access log"), || {
            read().iter().filter(|byte| **byte == b'\n').count() >= count
        });
        let text = read();
        assert_eq!(text.last(), Some(&b'\n'));
        let lines: Vec<Vec<u8>> =
            text[..text.len() - 1].split(|byte| *byte == b'\n').map(Vec::from).collect();
        assert_eq!(lines.len(), count, "{}", String::from_utf8_lossy(&text));
        lines
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.running.process.kill();
        let _ = self.running.process.wait();
        if thread::panicking() {
            eprintln!("the gateway said:\n{}", self.said());
        }
    }
}

/// Starts the gateway; its addresses: of the gateway, of the admin server, of the control plane.
fn spawn(directory: &Path, arguments: &[String]) -> (Running, [Option<SocketAddr>; 3]) {
    let mut command = Command::new(binary());
    command.arg("serve").args(arguments).arg("--config").arg(directory.join("ringway.toml"));
    let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
    let (said, lines) = listen_to(&mut process);
    let mut addresses = [None; 3];
    loop {
        let line = lines
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|_| panic!("it does not start:\n{}", said.lock().unwrap()));
        let address =
            || line.split_once("http://").and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
        match line.split_whitespace().next() {
            Some("listening") => addresses[0] = address(),
            Some("admin") => addresses[1] = address(),
            Some("AWS") => addresses[2] = address(),
            // It comes after all of them.
            Some("access") if addresses[0].is_some() => return (Running { process, said }, addresses),
            _ => {}
        }
    }
}

/// Collects what a process says on standard error, and passes it on line by line.
pub(crate) fn listen_to(process: &mut Child) -> (Arc<Mutex<String>>, mpsc::Receiver<String>) {
    let (said, (sender, lines)) = (Arc::new(Mutex::new(String::new())), mpsc::channel());
    let (stderr, all) = (process.stderr.take().unwrap(), said.clone());
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            all.lock().unwrap().push_str(&format!("{line}\n"));
            // Who has heard enough has gone.
            let _ = sender.send(line);
        }
    });
    (said, lines)
}

fn write_document(directory: &Path, document: &Value) {
    fs::write(directory.join("new"), document.to_string()).unwrap();
    fs::rename(directory.join("new"), directory.join("api.json")).unwrap();
}

fn write_api(directory: &Path, document: &Value, stage: &str) {
    write_document(directory, document);
    let api = "restApiId = \"itest00001\"\nbody = \"api.json\"\n[[stages]]\nstageName = \"dev\"\n".to_owned();
    let domain = "[[domainNames]]\ndomainName = \"*\"\n[[domainNames.basePathMappings]]\nbasePath = \"\"\n\
               restApiId = \"itest00001\"\nstage = \"dev\"\n";
    fs::write(directory.join("api.toml"), api + stage + domain).unwrap();
}
