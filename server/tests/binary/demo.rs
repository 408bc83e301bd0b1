//! README command one, with the lines that it prints.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::client::http;

/// A demo that does not outlive its test.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that nobody listens on.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Path of the curl line that ends so, from what the demo printed.
fn printed<'a>(lines: &'a str, end: &str) -> &'a str {
    let line = lines.lines().find(|line| line.contains("curl -i") && line.trim_matches('\'').ends_with(end));
    let line = line.unwrap_or_else(|| panic!("no curl line ends with {end}:\n{lines}"));
    let (_, url) = line.split_once("http://").unwrap();
    url[url.find('/').unwrap()..].trim_end_matches('\'')
}

#[test]
fn the_printed_lines_work() {
    let (port, admin_port) = (free_port(), free_port());
    let demo = Command::new(env!("CARGO_BIN_EXE_ringway"))
        .args(["demo", "--port", &port.to_string(), "--admin-port", &admin_port.to_string()])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut demo = Demo(demo);
    let mut stderr = BufReader::new(demo.0.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("Ctrl-C ends the demo") {
        assert!(stderr.read_line(&mut said).unwrap() > 0, "it ended:\n{said}");
    }
    let gateway = SocketAddr::from(([127, 0, 0, 1], port));
    for (line, status, body) in [
        ("/v1/dev/pets", 200, "\"Rex\""),
        ("/v1/prod/pets?type=dog", 200, "\"Rex\""),
        ("/v2/dev/pets/1/photos", 200, "Rex in the garden"),
        ("/v1/dev/health", 200, "\"version\": \"v1\""),
        ("/v1/dev/proxy/any/path?q=1", 200, "\"uri\":\"/any/path?q=1\""),
        ("/v1/dev/proxy/stream", 200, "part 10"),
        ("/v1/dev/nothing", 403, "Missing Authentication Token"),
    ] {
        let answer = http(gateway, "GET", printed(&said, line));
        assert_eq!(answer.0, status, "{line}: {}", answer.1);
        assert!(answer.1.contains(body), "{line}: {}", answer.1);
    }
    printed(&said, "/v2/dev/slow");
    let metrics = http(SocketAddr::from(([127, 0, 0, 1], admin_port)), "GET", "/metrics").1;
    assert!(
        metrics.contains(
            r#"ringway_requests_total{api="petstore01",stage="dev",route="GET /pets",class="2xx"} 1"#
        )
    );

    let (_, directory) = said.split_once("Ctrl-C ends the demo and removes ").unwrap();
    let directory = directory.trim().trim_end_matches('.').to_owned();
    assert!(Path::new(&directory).join("ringway.toml").exists());
    assert!(Command::new("kill").args(["-s", "INT", &demo.0.id().to_string()]).status().unwrap().success());
    stderr.read_to_string(&mut said).unwrap();
    assert_eq!(demo.0.wait().unwrap().code(), Some(0), "{said}");
    assert!(!Path::new(&directory).exists(), "{directory} is left");
}
