//! The binary as a shell sees it: what it prints, and its exit codes.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};

fn ringway(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ringway")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A file of this test alone.
fn file(name: &str, text: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("ringway-command-line-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let path = directory.join(name);
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn help_teaches_and_is_not_an_error() {
    let help = ringway(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    for word in ["ringway demo", "ringway check", "ringway serve --config", "Exit codes:", "64"] {
        assert!(text(&help.stdout).contains(word), "{word} is not in the help");
    }
    let serve = ringway(&["serve", "--help"]);
    for word in ["SIGHUP", "SIGUSR1", "SIGTERM", "io_uring"] {
        assert!(text(&serve.stdout).contains(word), "{word} is not in the help of serve");
    }
    let version = ringway(&["--version"]);
    assert_eq!(
        (version.status.code(), text(&version.stdout)),
        (Some(0), format!("ringway {}\n", env!("CARGO_PKG_VERSION")))
    );
}

#[test]
fn a_wrong_command_line_exits_with_64() {
    for arguments in
        [&["serve"][..], &["check"], &["nothing"], &["serve", "--config", "x", "--driver", "kqueue"]]
    {
        let output = ringway(arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert!(!output.stderr.is_empty());
    }
}

#[test]
fn check_prints_every_issue_with_its_place_and_exits_with_64() {
    let process = file(
        "unknown-keys.toml",
        "apis = [\"none.toml\"]\nlisten = [\"127.0.0.1:0\"]\ncoers = 2\nregoin = \"x\"\n",
    );
    let output = ringway(&["check", process.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(64));
    let printed = text(&output.stdout);
    for place in
        [format!("{}:3:1: /coers: ", process.display()), format!("{}:4:1: /regoin: ", process.display())]
    {
        assert!(printed.contains(&place), "{place} is not in:\n{printed}");
    }
    assert!(printed.ends_with("1 file: 2 issues\n"), "{printed}");
}

#[test]
fn check_says_ok_where_nothing_is_wrong() {
    let document = file(
        "good.yaml",
        r"
openapi: 3.0.1
info: {title: Good, version: '1'}
paths:
  /pets:
    get:
      x-amazon-apigateway-integration: {type: http_proxy, httpMethod: GET, uri: 'http://127.0.0.1:9/pets'}
",
    );
    let output = ringway(&["check", document.to_str().unwrap()]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "1 file: ok\n".to_owned()));
}

#[test]
fn serve_refuses_a_bad_or_missing_file_with_64() {
    let bad = file("bad.toml", "apis = 1\n");
    for path in [bad.to_str().unwrap(), "there-is-no-such-file.toml"] {
        let output = ringway(&["serve", "--config", path]);
        assert_eq!(output.status.code(), Some(64), "{path}");
        assert!(text(&output.stderr).contains(path), "the message names the file");
    }
}

#[test]
fn an_address_in_use_exits_with_69() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let document = r#"
openapi: 3.0.1
info: {title: Mock, version: '1'}
paths:
  /:
    get:
      x-amazon-apigateway-integration:
        type: mock
        requestTemplates: {application/json: '{"statusCode": 200}'}
        responses: {default: {statusCode: '200'}}
"#;
    file("in-use.yaml", document);
    file(
        "in-use-api.toml",
        "restApiId = \"inuse00001\"\nbody = \"in-use.yaml\"\n[[stages]]\nstageName = \"dev\"\n",
    );
    let address = holder.local_addr().unwrap();
    let process = file(
        "in-use.toml",
        &format!("listen = [\"{address}\"]\nadmin = \"127.0.0.1:0\"\napis = [\"in-use-api.toml\"]\n"),
    );
    let output = ringway(&["serve", "--config", process.to_str().unwrap()]);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(69), "{message}");
    assert!(message.contains(&address.to_string()), "{message}");
}
