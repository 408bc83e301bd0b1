//! `ringload run` as a user meets it: the binary, real sockets, its exit codes and its report.
#![forbid(unsafe_code)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// What a backend does with the request of this number on a connection: the bytes to send, and whether to go on.
type Behavior = fn(u64) -> (&'static [u8], bool);

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// A backend with a thread for each connection.
struct Backend {
    addr: SocketAddr,
    requests: Arc<AtomicU64>,
}

impl Backend {
    fn start(behavior: Behavior) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let backend = Backend { addr: listener.local_addr().unwrap(), requests: Arc::default() };
        let requests = backend.requests.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let requests = requests.clone();
                thread::spawn(move || serve(stream.unwrap(), behavior, &requests));
            }
        });
        backend
    }

    fn url(&self) -> String {
        format!("http://{}/", self.addr)
    }
}

fn serve(mut stream: TcpStream, behavior: Behavior, requests: &AtomicU64) {
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    for number in 0.. {
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if line == "\r\n" {
                break;
            }
        }
        requests.fetch_add(1, Ordering::Relaxed);
        let (bytes, goes_on) = behavior(number);
        if stream.write_all(bytes).is_err() || !goes_on {
            return;
        }
    }
}

fn ringload(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringload"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs to the end; returns the exit code, the output and the errors.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = ringload(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// Runs against `url` and reads the report from the standard output.
fn report(url: &str, arguments: &[&str]) -> (i32, Value) {
    let all = [&["run", "--url", url, "--quiet", "--json", "-", "--threads", "1"], arguments].concat();
    let (code, output, errors) = run(&all);
    (code, serde_json::from_str(&output).unwrap_or_else(|_| panic!("{code}: {output}{errors}")))
}

#[test]
fn a_count_of_requests_is_sent_and_answered_exactly() {
    for driver in ["auto", "epoll"] {
        let backend = Backend::start(|_| (OK, true));
        let (code, report) = report(
            &backend.url(),
            &["--requests", "500", "--connections", "7", "--driver", driver, "--warmup", "0s"],
        );
        let counts = &report["counts"];
        assert_eq!(
            (code, counts["ok"].as_u64(), counts["failed"].as_u64()),
            (0, Some(500), Some(0)),
            "{report}"
        );
        assert_eq!(counts["connections"], 7);
        assert_eq!(backend.requests.load(Ordering::Relaxed), 500);
        assert_eq!(report["latency"]["intended"]["count"], 500);
        assert!(report["generator"]["cpu_seconds"].as_f64().unwrap() > 0.0);
        let epoll = report["run"]["driver"].as_str().unwrap().starts_with("epoll");
        assert!(epoll || driver == "auto", "{}", report["run"]["driver"]);
    }
}

#[test]
fn an_open_loop_sends_what_is_due() {
    for arguments in [&["--driver", "auto"][..], &["--driver", "epoll"]] {
        let backend = Backend::start(|_| (OK, true));
        let load = ["--rate", "200", "--duration", "1500ms", "--connections", "20"];
        let (code, report) = report(&backend.url(), &[&load, arguments].concat());
        let counts = &report["counts"];
        assert_eq!((counts["intended"].as_u64(), counts["ok"].as_u64()), (Some(300), Some(300)), "{report}");
        assert_eq!(counts["missed"], 0);
        assert_eq!(report["run"]["intended_per_second"], 200.0);
        // On a busy machine the generator may be late; then it says so.
        let valid = report["valid"].as_bool().unwrap();
        assert_eq!(code, if valid { 0 } else { 2 }, "{report}");
        let seconds: u64 =
            report["series"].as_array().unwrap().iter().map(|s| s["ok"].as_u64().unwrap()).sum();
        assert_eq!(seconds, 300);
    }
}

#[test]
fn names_and_targets_that_are_not_there_are_told_apart() {
    let (code, _, errors) = run(&["run", "--url", "http://ringload.invalid/"]);
    assert_eq!(code, 68, "{errors}");
    assert!(errors.contains("\"ringload.invalid\"") && errors.contains("cannot be resolved"), "{errors}");
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (code, _, errors) = run(&["run", "--url", &format!("http://{free}/")]);
    assert_eq!(code, 69, "{errors}");
    assert!(errors.contains("nobody listens there"), "{errors}");
}

#[test]
fn a_target_that_closes_each_connection_is_a_failure_with_its_name() {
    let backend = Backend::start(|_| (b"", false));
    let (code, report) = report(&backend.url(), &["--duration", "500ms", "--connections", "2"]);
    let counts = &report["counts"];
    assert_eq!((code, counts["ok"].as_u64()), (1, Some(0)), "{report}");
    assert!(counts["failures"]["closed"].as_u64().unwrap() > 0, "{report}");
    assert!(report["failure_examples"][0].as_str().unwrap().contains("instead of answering"), "{report}");
}

#[test]
fn a_target_that_announces_each_close_is_no_failure() {
    let close = |_| (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".as_slice(), false);
    let backend = Backend::start(close);
    let (code, report) = report(&backend.url(), &["--requests", "50", "--connections", "5"]);
    assert_eq!((code, report["counts"]["ok"].as_u64()), (0, Some(50)), "{report}");
    assert!(report["counts"]["connections"].as_u64().unwrap() >= 50, "{report}");
}

#[test]
fn wrong_answers_are_failures_unless_they_are_expected_or_allowed() {
    let backend = Backend::start(|number| match number % 2 {
        0 => (OK, true),
        _ => (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", true),
    });
    let load = ["--requests", "100", "--connections", "1"];
    let (code, wrong) = report(&backend.url(), &load);
    assert_eq!((code, wrong["counts"]["failures"]["status"].as_u64()), (1, Some(50)), "{wrong}");
    assert_eq!(wrong["counts"]["statuses"]["503"], 50);
    assert_eq!(wrong["counts"]["ok"], 50);
    let (code, _) = report(&backend.url(), &[&load[..], &["--allow-failures"]].concat());
    assert_eq!(code, 0);
    let (code, expected) = report(&backend.url(), &[&load[..], &["--expect-status", "200,503"]].concat());
    assert_eq!((code, expected["counts"]["ok"].as_u64()), (0, Some(100)), "{expected}");
}

/// Starts a run that lasts for minutes on 10 connections, and waits until so many requests have come to the backend.
fn under_way(backend: &Backend, json: &Path, requests: u64) -> Child {
    let url = backend.url();
    let file = json.to_str().unwrap();
    let load = [
        "--rate",
        "200",
        "--duration",
        "5m",
        "--connections",
        "10",
        "--plain",
        "--threads",
        "1",
        "--json",
        file,
    ];
    let child = ringload(&[&["run", "--url", &url], &load[..]].concat()).spawn().unwrap();
    while backend.requests.load(Ordering::Relaxed) < requests {
        thread::sleep(Duration::from_millis(5));
    }
    child
}

fn interrupt(child: &Child) {
    kill_process(Pid::from_child(child), Signal::INT).unwrap();
}

#[test]
fn ctrl_c_ends_the_run_and_writes_the_report() {
    let backend = Backend::start(|_| (OK, true));
    let directory = tempfile::tempdir().unwrap();
    let json = directory.path().join("report.json");
    let child = under_way(&backend, &json, 20);
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let report: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert!(report["counts"]["ok"].as_u64().unwrap() >= 19, "{report}");
    assert_eq!(report["counts"]["failed"], 0);
    assert!(report["run"]["seconds"].as_f64().unwrap() < 200.0);
    assert!(report["notes"].to_string().contains("ended early"), "{report}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("ringload"));
}

#[test]
fn a_second_ctrl_c_does_not_wait_for_answers() {
    // It answers the first request of each connection and then nothing more.
    let backend = Backend::start(|number| match number {
        0 => (OK, true),
        _ => {
            thread::sleep(Duration::from_secs(3_600));
            (b"", false)
        }
    });
    let directory = tempfile::tempdir().unwrap();
    let json = directory.path().join("report.json");
    let child = under_way(&backend, &json, 15);
    interrupt(&child);
    // Two that come at the same moment would count as one.
    thread::sleep(Duration::from_millis(300));
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let report: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert!(report["counts"]["failures"]["unfinished"].as_u64().unwrap() > 0, "{report}");
}

#[test]
fn a_report_that_cannot_be_written_is_printed() {
    let backend = Backend::start(|_| (OK, true));
    let url = backend.url();
    let load = ["run", "--url", &url, "--requests", "20", "--quiet", "--connections", "2"];
    let (code, output, errors) = run(&[&load[..], &["--json", "/dev/full"]].concat());
    assert_eq!(code, 74, "{errors}");
    assert!(errors.contains("cannot write /dev/full"), "{errors}");
    let json = output.lines().find(|line| line.starts_with('{')).expect("the report as JSON");
    let report: Value = serde_json::from_str(json).unwrap();
    assert_eq!(report["counts"]["ok"], 20);
    // What can be known before is said before.
    let (code, output, errors) = run(&[&load[..], &["--html", "no/such/directory/report.html"]].concat());
    assert_eq!((code, output.as_str()), (74, ""));
    assert!(errors.contains("there is no directory"), "{errors}");
    assert_eq!(backend.requests.load(Ordering::Relaxed), 20);
}

#[test]
fn bad_command_lines_and_plans_have_their_exit_codes() {
    let directory = tempfile::tempdir().unwrap();
    let bad = directory.path().join("bad.toml");
    std::fs::write(&bad, "target = \"http://127.0.0.1:1\"\ncolour = 3\n").unwrap();
    for (arguments, code, words) in [
        (&["run"][..], 64, "--url"),
        (&["run", "--url", "ftp://a/"], 64, "http://host:port"),
        (&["run", "--url", "http://a/", "--connections", "0"], 64, "--connections"),
        (&["run", "--plan", "no-such-plan.toml"], 66, "no-such-plan.toml"),
        (&["run", "--plan", bad.to_str().unwrap()], 65, "bad.toml:2"),
    ] {
        let (found, _, errors) = run(arguments);
        assert_eq!(found, code, "{arguments:?}: {errors}");
        assert!(errors.contains(words), "{arguments:?}: {errors}");
    }
}

#[test]
fn a_frozen_target_does_not_make_requests_vanish() {
    // A plain thread that answers one request at a time and stands still for a while at the 50th.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        // The first connection is the look whether the target is there.
        let mut streams = listener.incoming().map(Result::unwrap);
        drop(streams.next());
        let mut stream = streams.next().unwrap();
        let mut buffer = [0; 4096];
        for number in 0.. {
            if stream.read(&mut buffer).unwrap_or(0) == 0 {
                return;
            }
            if number == 50 {
                thread::sleep(Duration::from_millis(500));
            }
            stream.write_all(OK).unwrap();
        }
    });
    let (_, report) =
        report(&format!("http://{addr}/"), &["--rate", "100", "--duration", "2s", "--connections", "1"]);
    assert_eq!(report["counts"]["ok"], 200, "{report}");
    // 50 requests were due in the freeze: those of the intended latency, and one of the service time.
    let slow = |which: &str| -> u64 {
        let buckets = report["latency"][which]["buckets"].as_array().unwrap();
        let slow = buckets.iter().filter(|bucket| bucket[0].as_u64().unwrap() > 100_000_000);
        slow.map(|bucket| bucket[1].as_u64().unwrap()).sum()
    };
    assert!(slow("intended") >= 35, "{}", slow("intended"));
    assert!(slow("service") >= 1 && slow("service") < slow("intended") / 2, "{}", slow("service"));
}
