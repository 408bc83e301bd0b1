//! The AWS control plane with AWS's own SDK: the scripts of `tests/aws`, each against a gateway of its own.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::support::client::once;
use crate::support::eventually;
use crate::support::gateway::{Gateway, Setup, binary, document, root};

/// The key pair of `tests/aws/harness.py`.
const CREDENTIALS: &str =
    "[default]\naws_access_key_id = AKIDRINGWAYTESTS0001\naws_secret_access_key = a/secret+of=the.tests\n";

/// Where `cargo xtask test` has put the SDK.
fn packages() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().join("tools").join("boto3")
}

fn python() -> Command {
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", packages()).env("PYTHONDONTWRITEBYTECODE", "1");
    // What the host has of AWS's settings is not for tests.
    command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    for name in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_API_GATEWAY"] {
        command.env_remove(name);
    }
    command
}

/// Whether the SDK is there; says so where it is not.
fn has_boto3() -> bool {
    let found = python().args(["-c", "import boto3"]).stderr(Stdio::null()).status();
    let found = found.is_ok_and(|status| status.success());
    if !found {
        eprintln!("SKIPPED: boto3 is not installed; `cargo xtask test` installs it");
    }
    found
}

/// No API but those of the control plane.
fn setup() -> Setup {
    let nowhere = "127.0.0.1:1".parse().unwrap();
    Setup::new("epoll", nowhere).no_files().process("pathAddresses = true\n")
}

/// Everybody may call.
fn open() -> Gateway {
    let lines = "controlPlane = { listen = \"127.0.0.1:0\", requestsPerSecond = 0 }\n";
    setup().process(lines).argument("--insecure-no-auth").start()
}

/// Only the tests may.
fn guarded() -> Gateway {
    let directory = tempfile::tempdir().unwrap().keep();
    let file = directory.join("credentials");
    fs::write(&file, CREDENTIALS).unwrap();
    let lines = format!("controlPlane = {{ listen = \"127.0.0.1:0\", credentials = {} }}\n", json!(file));
    let gateway = setup().process(&lines).start();
    fs::remove_dir_all(directory).unwrap();
    gateway
}

fn run(script: &str, gateway: &Gateway, tests: &[&str]) {
    let directory = root().join("tests").join("aws").canonicalize().unwrap();
    let output = python()
        .arg(directory.join("harness.py"))
        .arg(directory.join(script))
        .args(tests)
        .env("RINGWAY_CONTROL_PLANE", format!("http://{}", gateway.control_plane.unwrap()))
        .env("RINGWAY_GATEWAY", format!("http://{}", gateway.listen))
        .env("RINGWAY_BINARY", binary())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{script}\n{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}");
}

#[test]
fn the_scripts_pass() {
    if !has_boto3() {
        return;
    }
    let mut scripts: Vec<String> = fs::read_dir(root().join("tests/aws"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| {
            name.ends_with(".py") && !["harness.py", "signatures.py", "restart.py"].contains(&name.as_str())
        })
        .collect();
    scripts.sort();
    assert!(!scripts.is_empty());
    for script in scripts {
        run(&script, &open(), &[]);
    }
}

#[test]
fn callers_have_to_sign() {
    if has_boto3() {
        run("signatures.py", &guarded(), &[]);
    }
}

#[test]
fn what_was_answered_survives_a_kill() {
    if !has_boto3() {
        return;
    }
    let mut gateway = open();
    run("restart.py", &gateway, &["test_before"]);
    gateway.kill_and_start();
    run("restart.py", &gateway, &["test_after"]);
}

#[test]
fn apis_of_files_and_of_the_control_plane_are_served_together() {
    if !has_boto3() {
        return;
    }
    let backend = "127.0.0.1:1".parse().unwrap();
    let lines = "controlPlane = { listen = \"127.0.0.1:0\" }\n";
    let gateway = Setup::new("epoll", backend).process(lines).argument("--insecure-no-auth").start();
    let mock = || once(gateway.listen, "GET", "/mock").text();
    assert_eq!(mock(), "{\"mock\": true}");
    run("restart.py", &gateway, &["test_before"]);
    assert_eq!(mock(), "{\"mock\": true}", "what the control plane does leaves the files alone");
    let before = gateway.generation();
    let text = document(backend).to_string().replace("{\\\"mock\\\": true}", "{\\\"mock\\\": false}");
    gateway.write_document(&serde_json::from_str(&text).unwrap());
    eventually("the files are loaded again", || gateway.generation() > before);
    assert_eq!(mock(), "{\"mock\": false}");
    run("restart.py", &gateway, &["test_after"]);
}

#[test]
fn without_credentials_or_a_store_of_quotas_there_is_no_start() {
    for (lines, arguments, message) in [
        ("listen = \"127.0.0.1:0\"", &[][..], "needs to know who may call it"),
        ("listen = \"0.0.0.0:0\"", &["--insecure-no-auth"], "has to listen on loopback"),
        ("listen = \"127.0.0.1:0\"\ncredentials = \"none\"", &[], "the credentials file"),
        ("listen = \"127.0.0.1:0\"\ncredentials = \"none\"", &["--insecure-no-auth"], "exclude each other"),
        ("store = \"x\"\n", &["--insecure-no-auth"], "has no `listen`"),
        (
            "listen = \"127.0.0.1:0\"\n[quota]\nstore = \"none/usage.redb\"",
            &["--insecure-no-auth"],
            "none/usage.redb: No such file or directory (os error 2). Quotas are kept there: `store` of [quota]",
        ),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ringway.toml");
        let sample = root().join("config/apis/petstore-v1.toml").canonicalize().unwrap();
        let text = format!("listen = [\"127.0.0.1:0\"]\napis = [{sample:?}]\n[controlPlane]\n{lines}\n");
        fs::write(&file, text).unwrap();
        let mut command = Command::new(binary());
        command.env_remove("RINGWAY_ACCESS_KEY_ID").env_remove("RINGWAY_SECRET_ACCESS_KEY");
        let output = command.arg("serve").args(arguments).arg("--config").arg(file).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{lines}: {said}");
        assert!(said.contains(message), "{lines}: {said}");
    }
}
