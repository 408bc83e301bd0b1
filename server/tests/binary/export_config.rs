//! Files into a store and out of it again, by the command line alone.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::{Command, Output};

const DOCUMENT: &str = r#"
openapi: 3.0.1
info: {title: Pets, version: '1'}
paths:
  /pets:
    get:
      x-amazon-apigateway-integration: {type: http_proxy, httpMethod: GET, uri: 'http://${stageVariables.backend}/pets'}
"#;

const NEXT: &str = r#"
openapi: 3.0.1
info: {title: Pets, version: '2'}
paths:
  /pets:
    get:
      x-amazon-apigateway-integration: {type: http_proxy, httpMethod: GET, uri: 'http://${stageVariables.backend}/v2/pets'}
"#;

const API: &str = r#"
restApiId = "petstore01"
body = "pets.yaml"

[[stages]]
stageName = "prod"
description = "for all"
variables = { backend = "127.0.0.1:9001" }
[stages.canarySettings]
percentTraffic = 5
body = "next.yaml"

[[stages]]
stageName = "dev"
body = "next.yaml"
variables = { backend = "127.0.0.1:9002" }

[[domainNames]]
domainName = "api.example.com"
basePathMappings = [
    { basePath = "v1", restApiId = "petstore01", stage = "prod" },
    { basePath = "(none)", restApiId = "petstore01" },
]
"#;

fn ringway(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ringway")).current_dir(directory).args(arguments).output().unwrap()
}

/// What was printed: standard output and standard error.
fn run(directory: &Path, code: i32, arguments: &[&str]) -> (String, String) {
    let output = ringway(directory, arguments);
    let (out, error) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}{error}");
    (out, error)
}

#[test]
fn files_go_into_a_store_and_out_and_in_again() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    for (name, text) in [("pets.yaml", DOCUMENT), ("next.yaml", NEXT), ("pets.toml", API)] {
        fs::write(directory.join(name), text).unwrap();
    }
    let (out, _) = run(directory, 0, &["import-config", "--store", "a.redb", "pets.toml"]);
    assert_eq!(out, "1 file in a.redb\n");
    let before = fs::read(directory.join("a.redb")).unwrap();
    let (out, error) = run(directory, 0, &["export-config", "--store", "a.redb", "--out", "apis"]);
    assert!(out.starts_with("3 files in apis; "), "{out}");
    assert!(error.contains("not in the files: API petstore01 (Pets): the ids of its resources"), "{error}");
    assert!(fs::read(directory.join("a.redb")).unwrap() == before, "the store is as it was");
    let file = fs::read_to_string(directory.join("apis/petstore01.toml")).unwrap();
    assert!(file.contains("description = \"for all\""), "{file}");
    run(directory, 0, &["check", "apis/petstore01.toml"]);
    for stage in ["prod", "dev"] {
        let api = |file: &str| format!("{file}#{stage}");
        run(directory, 0, &["diff", &api("pets.toml"), &api("apis/petstore01.toml")]);
    }
    run(directory, 0, &["import-config", "--store", "b.redb", "apis/petstore01.toml"]);
    run(directory, 0, &["export-config", "--store", "b.redb", "--out", "again"]);
    run(directory, 0, &["check", "again/petstore01.toml"]);
}

#[test]
fn what_is_refused_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    for (name, text) in [("pets.yaml", DOCUMENT), ("next.yaml", NEXT), ("pets.toml", API)] {
        fs::write(directory.join(name), text).unwrap();
    }
    let import = ["import-config", "--store", "a.redb", "pets.toml"];
    run(directory, 0, &import);
    let (_, error) = run(directory, 64, &import);
    assert!(error.contains("API petstore01: the store has it already"), "{error}");
    assert!(error.contains("domain name api.example.com: the store has it already"), "{error}");

    let export = ["export-config", "--store", "a.redb", "--out", "."];
    let (_, error) = run(directory, 64, &export);
    assert!(error.contains("--force"), "{error}");
    run(directory, 0, &[&export[..], &["--force"]].concat());

    let gateway = OpenOptions::new().read(true).write(true).open(directory.join("a.redb")).unwrap();
    gateway.try_lock().unwrap();
    let (_, error) = run(directory, 64, &["export-config", "--store", "a.redb", "--out", "b"]);
    assert!(error.contains("a.redb") && error.contains("stop it first"), "{error}");
    drop(gateway);

    fs::write(directory.join("bad.toml"), "restApiId = \"bad\"\nbody = \"none.yaml\"\n").unwrap();
    run(directory, 64, &["import-config", "--store", "none.redb", "bad.toml"]);
    let (_, error) = run(directory, 64, &["export-config", "--store", "none.redb", "--out", "c"]);
    assert!(error.contains("No such file"), "no store was made: {error}");
}
