//! Loading again: what did not change is not imported again, what changed is, and nothing is checked less.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ringway_controlplane::openapi::Account;
use ringway_controlplane::{Issue, Loader};
use ringway_core::model::{Api, Configuration};

#[derive(Default)]
struct Files(BTreeMap<PathBuf, String>);

impl Files {
    /// Two APIs with a document each.
    fn two() -> Self {
        let mut files = Files::default();
        for id in ["a", "b"] {
            files.write(&format!("{id}.toml"), &api_file(id, id));
            files.write(&format!("{id}.json"), &document("one"));
        }
        files
    }

    fn write(&mut self, name: &str, text: &str) {
        self.0.insert(name.into(), text.to_owned());
    }

    fn load(&self, loader: &mut Loader) -> Result<Configuration, Vec<Issue>> {
        let reader =
            |path: &Path| self.0.get(path).cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound));
        let api_files = self.0.keys().filter(|path| path.extension().is_some_and(|e| e == "toml"));
        let paths: Vec<PathBuf> = api_files.cloned().collect();
        loader.load_with(&paths, &reader).map(|loaded| loaded.configuration)
    }
}

fn api_file(id: &str, mapped: &str) -> String {
    format!(
        "restApiId = \"{id}\"\nbody = \"{id}.json\"\n[[stages]]\nstageName = \"live\"\n\
         [[domainNames]]\ndomainName = \"*\"\n[[domainNames.basePathMappings]]\n\
         basePath = \"{id}\"\nrestApiId = \"{mapped}\"\nstage = \"live\"\n"
    )
}

fn document(path: &str) -> String {
    format!(
        r#"{{"openapi": "3.0.1", "info": {{"title": "t", "version": "1"}}, "paths": {{"/{path}": {{"get": {{
            "x-amazon-apigateway-integration":
                {{"type": "http_proxy", "httpMethod": "GET", "uri": "http://h:1/"}}}}}}}}}}"#
    )
}

fn path_of(api: &Api) -> &str {
    &api.stages[0].deployment.rest_api.resources[0].path
}

#[test]
fn only_what_changed_is_imported_again() {
    let (mut files, mut loader) = (Files::two(), Loader::default());
    let first = files.load(&mut loader).unwrap();
    let again = files.load(&mut loader).unwrap();
    assert!(first.apis.iter().zip(&again.apis).all(|(one, two)| Arc::ptr_eq(one, two)));

    files.write("b.json", &document("two"));
    let changed = files.load(&mut loader).unwrap();
    assert!(Arc::ptr_eq(&first.apis[0], &changed.apis[0]));
    assert!(!Arc::ptr_eq(&first.apis[1], &changed.apis[1]));
    assert_eq!((path_of(&first.apis[1]), path_of(&changed.apis[1])), ("/one", "/two"));

    files.write("a.toml", &api_file("a", "a").replace("live", "prod"));
    let renamed = files.load(&mut loader).unwrap();
    assert_eq!(renamed.apis[0].stages[0].stage_name, "prod");
    assert!(Arc::ptr_eq(&changed.apis[1], &renamed.apis[1]));
}

#[test]
fn a_removed_api_is_gone_and_its_return_is_seen() {
    let (mut files, mut loader) = (Files::two(), Loader::default());
    files.load(&mut loader).unwrap();
    let removed = files.0.remove(Path::new("b.toml")).unwrap();
    let one = files.load(&mut loader).unwrap();
    assert_eq!(one.apis.iter().map(|api| api.id.as_str()).collect::<Vec<_>>(), ["a"]);
    assert_eq!(one.domain_names[0].base_path_mappings.len(), 1);
    files.write("b.toml", &removed);
    assert_eq!(files.load(&mut loader).unwrap().apis.len(), 2);
}

#[test]
fn unchanged_files_are_still_checked_against_the_others() {
    let (mut files, mut loader) = (Files::two(), Loader::default());
    files.write("b.toml", &api_file("b", "a"));
    let first = files.load(&mut loader).unwrap();
    // `b` maps a base path to a stage of `a` that is renamed now.
    files.write("a.toml", &api_file("a", "a").replace("live", "prod"));
    let issues = files.load(&mut loader).unwrap_err();
    assert_eq!(issues.len(), 1, "{issues:?}");
    assert_eq!((issues[0].file.to_str(), issues[0].line), (Some("b.toml"), 10));
    // Another file with the same id.
    files.write("a.toml", &api_file("a", "a"));
    files.write("c.toml", &api_file("a", "a").replace("basePath = \"a\"", "basePath = \"c\""));
    let issues = files.load(&mut loader).unwrap_err();
    assert!(issues[0].message.contains("already used"), "{}", issues[0]);
    files.0.remove(Path::new("c.toml"));
    let last = files.load(&mut loader).unwrap();
    assert!(Arc::ptr_eq(&first.apis[1], &last.apis[1]));
}

#[test]
fn a_document_that_is_wrong_or_gone_is_told_each_time() {
    let (mut files, mut loader) = (Files::two(), Loader::default());
    files.load(&mut loader).unwrap();
    files.write("a.json", "{}");
    for _ in 0..2 {
        let issues = files.load(&mut loader).unwrap_err();
        assert_eq!(issues[0].file.to_str(), Some("a.json"));
    }
    files.0.remove(Path::new("a.json"));
    let issues = files.load(&mut loader).unwrap_err();
    assert!(issues[0].message.contains("cannot read"), "{}", issues[0]);
    files.write("a.json", &document("three"));
    assert_eq!(path_of(&files.load(&mut loader).unwrap().apis[0]), "/three");
}

#[test]
fn pseudo_parameters_are_those_of_the_process() {
    let mut files = Files::default();
    files.write("a.toml", &api_file("a", "a"));
    let with_uri = |uri: &str| document("one").replace("\"http://h:1/\"", uri);
    let account = Account { region: "eu-west-1".into(), account_id: "123456789012".into() };
    let uri = |api: &Api| {
        api.stages[0].deployment.rest_api.resources[0].methods[0].integration.uri.clone().unwrap_or_default()
    };
    for written in [
        "\"http://h.${AWS::Region}.${AWS::URLSuffix}/${AWS::Partition}/${AWS::AccountId}\"",
        "{\"Fn::Sub\": \"http://h.${AWS::Region}.${AWS::URLSuffix}/${AWS::Partition}/${AWS::AccountId}\"}",
    ] {
        files.write("a.json", &with_uri(written));
        let loaded = files.load(&mut Loader::new(account.clone())).unwrap();
        assert_eq!(uri(&loaded.apis[0]), "http://h.eu-west-1.amazonaws.com/aws/123456789012");
    }
    for (written, part) in [
        ("\"http://h/${AWS::StackName}\"", "`${AWS::StackName}` is not a reference"),
        ("{\"Fn::Sub\": \"http://${Host}/\"}", "the CloudFormation function `Fn::Sub`"),
        ("{\"Fn::Sub\": [\"http://h/\", {}]}", "the CloudFormation function `Fn::Sub`"),
    ] {
        files.write("a.json", &with_uri(written));
        let issues = files.load(&mut Loader::new(account.clone())).unwrap_err();
        assert!(issues[0].message.contains(part), "{written}: {issues:?}");
        assert!(issues[0].pointer.ends_with("/x-amazon-apigateway-integration/uri"), "{issues:?}");
    }
}
