//! The binary with real sockets: it serves, reloads, refuses, drains.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{PATIENCE, http, read_answer};

/// A running gateway with a directory of its own.
struct Gateway {
    process: Child,
    directory: PathBuf,
    listen: SocketAddr,
    admin: SocketAddr,
    stderr: Option<BufReader<ChildStderr>>,
}

impl Gateway {
    /// Serves `/hello` of an API with one stage from a backend that says `hello`.
    fn start(name: &str, driver: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("ringway-serving-{name}-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        write_api(&directory, "/hello", backend("hello"));
        let process = "listen = [\"127.0.0.1:0\"]\nadmin = \"127.0.0.1:0\"\ncores = 2\napis = [\"*.api.toml\"]\n\
                       drainTimeoutMillis = 20000\n[accessLog]\npath = \"access.log\"\n";
        fs::write(directory.join("ringway.toml"), process).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_ringway"))
            .args(["serve", "--driver", driver, "--config"])
            .arg(directory.join("ringway.toml"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(process.stderr.take().unwrap());
        let (mut listen, mut admin, mut said) = (None, None, String::new());
        while listen.is_none() || admin.is_none() {
            let mut line = String::new();
            assert!(stderr.read_line(&mut line).unwrap() > 0, "it ended:\n{said}");
            let address = || line.split_once("http://").and_then(|(_, rest)| rest.trim().parse().ok());
            match line.split_whitespace().next() {
                Some("listening") => listen = address(),
                Some("admin") => admin = address(),
                _ => {}
            }
            said += &line;
        }
        Gateway { process, directory, listen: listen.unwrap(), admin: admin.unwrap(), stderr: Some(stderr) }
    }

    fn ask(&self, path: &str) -> (u16, String) {
        http(self.listen, "GET", path)
    }

    fn admin(&self, method: &str, path: &str) -> (u16, String) {
        http(self.admin, method, path)
    }

    fn generation(&self) -> u64 {
        let ready: serde_json::Value = serde_json::from_str(&self.admin("GET", "/readyz").1).unwrap();
        ready["generation"].as_u64().unwrap()
    }

    /// Waits for a generation after `generation`, and tells it.
    fn generation_after(&self, generation: u64) -> u64 {
        let start = Instant::now();
        loop {
            let current = self.generation();
            if current > generation {
                return current;
            }
            assert!(start.elapsed() < PATIENCE, "nothing came after generation {generation}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits until it ends; its exit code and what it said.
    fn end(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        let status = self.process.wait().unwrap();
        (status.code(), said)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// The API file and its document, replaced by a rename as deployments do.
fn write_api(directory: &Path, path: &str, backend: SocketAddr) {
    let document = format!(
        "openapi: 3.0.1\ninfo: {{title: Hello, version: '1'}}\npaths:\n  {path}:\n    get:\n      \
         x-amazon-apigateway-integration:\n        type: http_proxy\n        httpMethod: GET\n        \
         uri: http://{backend}/\n"
    );
    let api = "restApiId = \"hello00001\"\nbody = \"hello.yaml\"\n[[stages]]\nstageName = \"dev\"\n\
               [[domainNames]]\ndomainName = \"*\"\n[[domainNames.basePathMappings]]\nbasePath = \"\"\n\
               restApiId = \"hello00001\"\nstage = \"dev\"\n";
    for (name, text) in [("hello.yaml", document.as_str()), ("hello.api.toml", api)] {
        fs::write(directory.join("new"), text).unwrap();
        fs::rename(directory.join("new"), directory.join(name)).unwrap();
    }
}

/// A backend that answers everything with `text`, and late where `x-slow: yes` asks for it.
fn backend(text: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream, text));
        }
    });
    address
}

fn answer(stream: TcpStream, text: &str) {
    let mut reader = BufReader::new(&stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        if head.contains("x-slow: yes") {
            thread::sleep(Duration::from_secs(2));
        }
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len());
        if (&stream).write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// The value of a series whose name begins so and holds all of `labels`, summed.
fn metric(page: &str, name: &str, labels: &[&str]) -> f64 {
    let samples = page.lines().filter_map(|line| line.rsplit_once(' '));
    let wanted = samples.filter(|(series, _)| {
        series.split('{').next() == Some(name) && labels.iter().all(|label| series.contains(label))
    });
    wanted.map(|(_, value)| value.parse::<f64>().unwrap()).sum()
}

#[test]
fn it_serves_logs_and_counts_on_each_driver() {
    for driver in ["auto", "epoll"] {
        let gateway = Gateway::start(&format!("counts-{driver}"), driver);
        assert_eq!(gateway.ask("/hello"), (200, "hello".to_owned()), "{driver}");
        let (status, body) = gateway.ask("/unknown");
        assert_eq!((status, body.as_str()), (403, r#"{"message":"Missing Authentication Token"}"#));
        assert_eq!(gateway.admin("GET", "/healthz"), (200, "ok\n".to_owned()));
        assert_eq!(gateway.admin("GET", "/readyz").0, 200);
        let (status, page) = gateway.admin("GET", "/metrics");
        assert_eq!(status, 200);
        let hello = ["api=\"hello00001\"", "stage=\"dev\"", "route=\"GET /hello\"", "class=\"2xx\""];
        assert_eq!(metric(&page, "ringway_requests_total", &hello), 1.0, "{page}");
        assert_eq!(metric(&page, "ringway_unrouted_requests_total", &[]), 1.0);
        assert_eq!(metric(&page, "ringway_request_duration_seconds_count", &["part=\"integration\""]), 1.0);
        assert_eq!(metric(&page, "ringway_connections_accepted_total", &[]), 2.0);
        gateway.signal("TERM");
        let log = gateway.directory.join("access.log");
        let kept = gateway.directory.with_extension("log");
        fs::hard_link(&log, &kept).unwrap();
        let (code, said) = gateway.end();
        assert_eq!(code, Some(0), "{said}");
        let lines = fs::read_to_string(&kept).unwrap();
        fs::remove_file(&kept).unwrap();
        let status = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["status"].as_str().unwrap().to_owned()
        };
        let mut statuses: Vec<String> = lines.lines().map(status).collect();
        // Each core logs in its own order.
        statuses.sort();
        assert_eq!(statuses, ["200", "403"], "{lines}");
    }
}

#[test]
fn a_reload_publishes_and_a_bad_file_leaves_the_old_one_serving() {
    let gateway = Gateway::start("reload", "auto");
    let document = gateway.directory.join("hello.yaml");
    let good = fs::read_to_string(&document).unwrap();

    fs::write(&document, good.replace("http_proxy", "carrier_pigeon")).unwrap();
    let (status, body) = gateway.admin("POST", "/reload");
    assert_eq!(status, 422, "{body}");
    let refused: serde_json::Value = serde_json::from_str(&body).unwrap();
    let issue = &refused["issues"][0];
    assert_eq!(issue["pointer"], "/paths/~1hello/get/x-amazon-apigateway-integration/type", "{body}");
    assert_eq!(issue["line"], 7);
    assert!(issue["file"].as_str().unwrap().ends_with("hello.yaml"));
    assert_eq!(gateway.ask("/hello"), (200, "hello".to_owned()), "the old one serves");
    let page = gateway.admin("GET", "/metrics").1;
    assert_eq!(metric(&page, "ringway_config_last_reload_successful", &[]), 0.0);
    assert_eq!(metric(&page, "ringway_config_generation", &[]), 1.0);
    let (status, ready) = gateway.admin("GET", "/readyz");
    assert!(status == 200 && ready.contains("\"successful\":false"), "{ready}");

    write_api(&gateway.directory, "/bye", backend("bye"));
    let (status, body) = gateway.admin("POST", "/reload");
    assert_eq!(status, 200, "{body}");
    let published: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&published["apis"], &published["routes"]), (&1.into(), &1.into()));
    assert_eq!(gateway.ask("/bye"), (200, "bye".to_owned()));
    assert_eq!(gateway.ask("/hello").0, 403, "the old route is gone");
}

#[test]
fn saved_files_and_sighup_reload() {
    let gateway = Gateway::start("watch", "auto");
    write_api(&gateway.directory, "/saved", backend("saved"));
    let saved = gateway.generation_after(1);
    assert_eq!(gateway.ask("/saved"), (200, "saved".to_owned()));
    gateway.signal("HUP");
    let reloaded = gateway.generation_after(saved);
    // A log that grows in the watched directory is no reason.
    gateway.ask("/saved");
    thread::sleep(Duration::from_millis(600));
    assert_eq!(gateway.generation(), reloaded);
}

#[test]
fn a_rotated_log_is_reopened() {
    let gateway = Gateway::start("rotate", "auto");
    gateway.ask("/hello");
    let (log, rotated) = (gateway.directory.join("access.log"), gateway.directory.join("access.log.1"));
    let start = Instant::now();
    while fs::read_to_string(&log).unwrap().lines().count() != 1 {
        assert!(start.elapsed() < PATIENCE, "no line in the log");
        thread::sleep(Duration::from_millis(20));
    }
    fs::rename(&log, &rotated).unwrap();
    gateway.signal("USR1");
    while !log.exists() {
        assert!(start.elapsed() < PATIENCE, "the log did not come back");
        thread::sleep(Duration::from_millis(20));
    }
    gateway.ask("/hello");
    while fs::read_to_string(&log).unwrap().lines().count() != 1 {
        assert!(start.elapsed() < PATIENCE, "no line in the new log");
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(fs::read_to_string(&rotated).unwrap().lines().count(), 1);
}

#[test]
fn a_drain_lets_requests_in_flight_finish_and_accepts_no_more() {
    let gateway = Gateway::start("drain", "auto");
    let mut slow = TcpStream::connect(gateway.listen).unwrap();
    slow.set_read_timeout(Some(PATIENCE)).unwrap();
    slow.write_all(b"GET /hello HTTP/1.1\r\nHost: a\r\nx-slow: yes\r\n\r\n").unwrap();
    let start = Instant::now();
    // On its way to the backend: the drain must not take it for an idle connection.
    while metric(&gateway.admin("GET", "/metrics").1, "ringway_upstream_connections", &["active"]) < 1.0 {
        assert!(start.elapsed() < PATIENCE);
        thread::sleep(Duration::from_millis(10));
    }
    gateway.signal("TERM");
    while gateway.admin("GET", "/readyz").0 != 503 {
        assert!(start.elapsed() < PATIENCE);
        thread::sleep(Duration::from_millis(10));
    }
    while TcpStream::connect(gateway.listen).is_ok() {
        assert!(start.elapsed() < PATIENCE, "the listeners stay open");
        thread::sleep(Duration::from_millis(10));
    }
    let (status, body) = read_answer(slow);
    assert_eq!((status, body.as_str()), (200, "hello"));
    let (code, said) = gateway.end();
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_web_page_cannot_use_the_admin_server() {
    let gateway = Gateway::start("guard", "auto");
    for headers in ["Host: evil.example", "Host: localhost\r\nOrigin: https://evil.example"] {
        let mut stream = TcpStream::connect(gateway.admin).unwrap();
        let request =
            format!("POST /reload HTTP/1.1\r\n{headers}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        assert_eq!(read_answer(stream).0, 403, "{headers}");
    }
    assert_eq!(gateway.generation(), 1);
}
