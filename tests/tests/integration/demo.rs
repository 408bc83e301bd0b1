//! `ringway demo`: every curl line that it prints works.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::thread::{self, JoinHandle};

use crate::support::gateway::{binary, listen_to};
use crate::support::{PATIENCE, eventually, on_each_driver};

on_each_driver!(every_printed_line_works);

/// Ends the demo with the test.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-s", "TERM", &self.0.id().to_string()]).status();
        let _ = self.0.wait();
    }
}

/// Two ports that were free a moment ago.
fn free_ports() -> [u16; 2] {
    let listeners = [TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap()];
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// Starts the demo and returns the curl lines that it prints. Somebody may take a port first: then with others.
fn start(driver: &str) -> (Demo, Vec<String>) {
    for _ in 0..5 {
        let [port, admin_port] = free_ports();
        let mut process = Command::new(binary())
            .args(["demo", "--driver", driver, "--port", &port.to_string()])
            .args(["--admin-port", &admin_port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (said, lines) = listen_to(&mut process);
        let demo = Demo(process);
        if let Some(curls) = curl_lines(&lines) {
            return (demo, curls);
        }
        assert!(said.lock().unwrap().contains(&format!("127.0.0.1:{port}")), "{}", said.lock().unwrap());
    }
    panic!("no port stays free");
}

/// The lines up to the last of the greeting; `None` where the demo ends before.
fn curl_lines(lines: &Receiver<String>) -> Option<Vec<String>> {
    let mut curls = Vec::new();
    while let Ok(line) = lines.recv_timeout(PATIENCE) {
        if line.starts_with("Ctrl-C") {
            return Some(curls);
        }
        curls.extend(line.trim().starts_with("curl ").then(|| line.trim().to_owned()));
    }
    None
}

/// Runs a line as it would be pasted.
fn paste(line: &str) -> String {
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What the answer to a line has to begin with, and what it has to contain.
fn expected(line: &str) -> (&'static str, &'static str) {
    let ok = "HTTP/1.1 200 OK\r\n";
    let table = [
        ("/metrics | grep", "# HELP ringway_requests_total ", "{api=\"petstore01\",stage=\"dev\""),
        ("/readyz", "{", "\"ready\":true"),
        ("POST", "{", "\"generation\":"),
        ("/v2/dev/slow", "HTTP/1.1 504 ", "\r\n\r\n{\"message\":\"Endpoint request timed out\"}"),
        ("/v1/dev/nothing", "HTTP/1.1 403 ", "{\"message\":\"Missing Authentication Token\"}"),
        ("-d '", "HTTP/1.1 201 ", "\"name\":\"Ada\""),
        ("/v1/dev/pets/4", ok, "\"name\":\"Ada\""),
        ("type=dog", ok, "\"type\":\"dog\""),
        ("/v2/dev/pets/1/photos", ok, "\"title\""),
        ("/health", ok, "\"status\""),
        ("/any/path?q=1", ok, "/any/path?q=1"),
        ("/proxy/stream", ok, "part 1"),
        ("api.example.com", ok, "x-backend-saw-stage: prod"),
        ("execute-api", ok, "x-backend-saw-stage: dev"),
        ("/v1/dev/pets", ok, "x-backend-saw-stage: dev"),
    ];
    let row = table.iter().find(|(part, _, _)| line.contains(part));
    row.map(|(_, begin, contain)| (*begin, *contain)).unwrap_or_else(|| panic!("a new line: {line}"))
}

fn check(line: &str, answer: &str) {
    let (begin, contain) = expected(line);
    assert!(answer.starts_with(begin) && answer.contains(contain), "{line}:\n{answer}");
}

fn every_printed_line_works(driver: &'static str) {
    if Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("SKIPPED: curl is not installed");
        return;
    }
    let (mut demo, lines) = start(driver);
    assert!(lines.len() >= 14, "{lines:#?}");
    // The one that takes 29 s runs beside the others; the others in their order, because one makes the pet that the next asks for.
    let (slow, quick): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| line.contains("/slow"));
    assert_eq!(slow.len(), 1);
    let slow: Vec<JoinHandle<()>> =
        slow.into_iter().map(|line| thread::spawn(move || check(&line, &paste(&line)))).collect();
    for line in &quick {
        check(line, &paste(line));
    }
    for line in slow {
        line.join().expect("the slow line works");
    }
    let id = demo.0.id().to_string();
    assert!(Command::new("kill").args(["-s", "INT", &id]).status().unwrap().success());
    let mut code = None;
    eventually("Ctrl-C ends it", || {
        code = demo.0.try_wait().unwrap();
        code.is_some()
    });
    assert_eq!(code.unwrap().code(), Some(0));
    let left = std::env::temp_dir().join(format!("ringway-demo-{id}"));
    assert!(!left.exists(), "{} is left behind", left.display());
}
