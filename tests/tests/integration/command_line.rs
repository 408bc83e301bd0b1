//! The commands as a newcomer meets them: `check`, refused starts, the README.

use std::fs;
use std::process::{Command, Output};

use crate::support::gateway::{binary, root};

fn ringway(arguments: &[&str]) -> Output {
    Command::new(binary()).args(arguments).current_dir(root()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn check_passes_the_samples() {
    let checked = ringway(&["check", "config/ringway.toml"]);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stdout));
    assert!(text(&checked.stdout).ends_with("1 file: ok\n"));
}

#[test]
fn check_names_the_place_of_every_issue() {
    let mut checked = 0;
    for entry in fs::read_dir(root().join("config/invalid")).unwrap() {
        let path = entry.unwrap().path();
        let Some(name) = path.file_name().unwrap().to_str().unwrap().strip_suffix(".expected") else {
            continue;
        };
        let file = format!("config/invalid/{name}");
        let output = ringway(&["check", &file]);
        let said = text(&output.stdout);
        assert_eq!(output.status.code(), Some(64), "{file}: {said}");
        // FILE:LINE:COLUMN: …, and a last line with the count.
        let (issues, last) = said.trim_end().rsplit_once('\n').unwrap_or_else(|| panic!("{file}: {said}"));
        let placed = issues.lines().filter(|line| {
            let mut parts = line.split(':');
            let is_number = |part: Option<&str>| part.is_some_and(|part| part.parse::<u32>().is_ok());
            parts.next().is_some_and(|file| file.starts_with("config/"))
                && is_number(parts.next())
                && is_number(parts.next())
        });
        let count = placed.count();
        assert!(count > 0, "{file}: {said}");
        let noun = if count == 1 { "issue" } else { "issues" };
        assert_eq!(last, format!("1 file: {count} {noun}"), "{file}: {said}");
        checked += 1;
    }
    assert!(checked >= 10, "the samples are gone");
}

#[test]
fn an_invalid_command_line_or_file_is_64_and_a_host_that_refuses_is_69() {
    for arguments in [&["serve"][..], &["fly"], &["check"], &["serve", "--config", "x", "--driver", "kqueue"]]
    {
        let refused = ringway(arguments);
        assert_eq!(refused.status.code(), Some(64), "{arguments:?}");
        assert!(!refused.stderr.is_empty(), "{arguments:?} says why");
    }
    let missing = ringway(&["serve", "--config", "no-such-file.toml"]);
    assert_eq!(missing.status.code(), Some(64));
    assert!(text(&missing.stderr).contains("no-such-file.toml"), "{}", text(&missing.stderr));
    let invalid = ringway(&["serve", "--config", "config/invalid/process.toml"]);
    assert_eq!(invalid.status.code(), Some(64));
    assert!(text(&invalid.stderr).contains("config/invalid/process.toml:"), "{}", text(&invalid.stderr));

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let sample = root().join("config/apis/petstore-v1.toml").canonicalize().unwrap();
    let process = format!(
        "listen = [\"{}\"]\nadmin = \"127.0.0.1:0\"\napis = [{sample:?}]\n",
        taken.local_addr().unwrap()
    );
    let file = directory.path().join("ringway.toml");
    fs::write(&file, process).unwrap();
    let refused = ringway(&["serve", "--config", file.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(69), "{}", text(&refused.stderr));
    assert!(
        text(&refused.stderr).contains(&taken.local_addr().unwrap().to_string()),
        "{}",
        text(&refused.stderr)
    );
}

#[test]
fn help_teaches() {
    for arguments in [&["--help"][..], &["serve", "--help"], &["check", "--help"], &["demo", "--help"]] {
        let help = ringway(arguments);
        assert_eq!(help.status.code(), Some(0), "{arguments:?}");
        assert!(text(&help.stdout).contains("Usage: ringway"), "{arguments:?}");
    }
    assert_eq!(ringway(&["--version"]).status.code(), Some(0));
}

/// A newcomer needs two commands; a README that names another would be a third.
#[test]
fn the_readme_starts_with_two_commands() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let start = readme.split_once("## Start").expect("a section Start").1;
    let block = start.split_once("```sh\n").unwrap().1.split_once("```").unwrap().0;
    let commands: Vec<&str> = block.lines().map(|line| line.split('#').next().unwrap().trim()).collect();
    assert_eq!(commands, ["cargo run --release --bin ringway -- demo", "cargo xtask test"]);
}
