//! The files of `config/`: the samples load, and each invalid one has exactly the issues that are written beside it.

use std::fs;
use std::path::PathBuf;

use ringway_controlplane::process::{self, ProcessConfig};
use ringway_controlplane::{check, load, load_process};

fn config() -> PathBuf {
    // Tests run in the directory of their package; a relative path keeps the machine out of the expectations.
    PathBuf::from("../config")
}

#[test]
fn the_reference_states_the_defaults() {
    let path = config().join("ringway.toml");
    let written = load_process(&path).unwrap();
    let mut defaults = ProcessConfig { apis: written.apis.clone(), ..ProcessConfig::default() };
    defaults.control_plane.store = config().join("ringway.redb");
    defaults.quota.store = config().join("usage.redb");
    assert_eq!(written, defaults);
    // Each member stands there, so that none has a default that the reference does not tell.
    let text = fs::read_to_string(&path).unwrap();
    let lines = || text.lines().map(str::trim);
    let members = lines().filter(|line| line.contains('=') && !line.starts_with('#')).count();
    // Those that have no default are there as comments.
    assert_eq!(members, 27, "members of ProcessConfig and its tables");
    let only_apis = process::parse("apis = [\"apis/*.toml\"]", &path).unwrap();
    assert_eq!(only_apis.upstream, written.upstream);
    assert_eq!(only_apis.access_log, written.access_log);
}

#[test]
fn the_samples_load() {
    let process = load_process(&config().join("ringway.toml")).unwrap();
    let paths = process.api_files().unwrap();
    assert_eq!(paths.len(), 2);
    let loaded = load(&paths).unwrap();
    let apis = &loaded.configuration.apis;
    let shape: Vec<_> = apis
        .iter()
        .map(|api| {
            let stages: Vec<_> = api.stages.iter().map(|stage| stage.stage_name.as_str()).collect();
            (api.id.as_str(), api.name.as_str(), stages, api.stages[0].deployment.rest_api.resources.len())
        })
        .collect();
    assert_eq!(
        shape,
        [
            ("petstore01", "Pet store v1", vec!["dev", "prod"], 4),
            ("petstore02", "Pet store v2", vec!["dev", "prod"], 6),
        ]
    );
    assert_eq!(apis[0].stages[0].deployment, apis[0].stages[1].deployment);
    // Two files map below one domain name.
    let domains = &loaded.configuration.domain_names;
    let base_paths: Vec<_> =
        domains[0].base_path_mappings.iter().map(|mapping| mapping.base_path.as_str()).collect();
    assert_eq!((domains.len(), base_paths), (1, vec!["v1", "v2", ""]));
    assert_eq!(loaded.files.len(), 4);
    assert_eq!(check(&config().join("ringway.toml")), []);
}

/// `RINGWAY_BLESS=1` writes the expectations anew, to be read before they are committed.
#[test]
fn each_invalid_file_has_its_issues() {
    let directory = config().join("invalid");
    let mut files: Vec<PathBuf> =
        fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.is_file() && path.extension().is_some_and(|extension| extension != "expected"));
    files.sort();
    assert!(files.len() >= 10, "only {} invalid files", files.len());
    let mut differences = String::new();
    for path in files {
        let found: String = check(&path)
            .iter()
            .map(|issue| {
                let file = issue.file.file_name().unwrap().to_string_lossy();
                let rest = issue.to_string();
                let rest = rest.strip_prefix(&issue.file.display().to_string()).unwrap();
                format!("{file}{rest}\n")
            })
            .collect();
        let expectation = path.with_added_extension("expected");
        if std::env::var_os("RINGWAY_BLESS").is_some() {
            fs::write(&expectation, &found).unwrap();
        }
        let expected = fs::read_to_string(&expectation).unwrap_or_default();
        assert!(!expected.is_empty(), "{} is missing or empty", expectation.display());
        if found != expected {
            differences.push_str(&format!("--- expected\n{expected}--- found\n{found}"));
        }
    }
    assert!(differences.is_empty(), "{differences}");
}
