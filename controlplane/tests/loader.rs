//! Loading again: what did not change is not imported again, what changed is, and nothing is checked less.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ringway_controlplane::openapi::Account;
use ringway_controlplane::{Beside, Issue, Loader};
use ringway_core::model::{
    Api, ApiStage, Configuration, HttpMethod, MethodThrottle, QuotaPeriod, QuotaSettings, ThrottleSettings,
    UsagePlan,
};

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

/// An API file with a stage, a usage file with a plan of it, and a file of keys.
fn with_usage(keys: &str) -> Files {
    let mut files = Files::default();
    files.write("a.toml", &api_file("a", "a"));
    files.write("a.json", &document("one"));
    let usage = "apiKeysFile = \"keys.csv\"\n[[usagePlans]]\nid = \"p\"\nname = \"P\"\n\
                 quota = { limit = 5, offset = 4, period = \"WEEK\" }\nconcurrencyLimit = 9\npriority = 7\n\
                 apiStages = [{ apiId = \"a\", stage = \"live\", throttle = { \"/one/GET\" = { rateLimit = 0.5, burstLimit = 2 } } }]\n\
                 [[apiKeys]]\nid = \"k\"\nname = \"K\"\nvalue = \"a-value-of-a-usage-file\"\nusagePlanIds = [\"p\"]\n";
    files.write("usage/u.toml", usage);
    files.write("usage/keys.csv", keys);
    files
}

impl Files {
    fn load_all(&self, loader: &mut Loader, beside: Beside<'_>) -> Result<Configuration, Vec<Issue>> {
        let reader =
            |path: &Path| self.0.get(path).cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound));
        let apis = if self.0.contains_key(Path::new("a.toml")) { vec!["a.toml".into()] } else { Vec::new() };
        let loaded = loader.load_all(&apis, &["usage/u.toml".into()], beside, &reader)?;
        let read: Vec<&Path> = self.0.keys().map(PathBuf::as_path).collect();
        assert!(read.iter().all(|path| loaded.files.iter().any(|known| known == path)), "{:?}", loaded.files);
        Ok(loaded.configuration)
    }
}

#[test]
fn usage_plans_and_keys() {
    let files = with_usage("Name,Key,Enabled,UsagePlanIds\nL,a-value-of-a-file-of-keys,false,p\n");
    let configuration = files.load_all(&mut Loader::default(), Beside::Nothing).unwrap();
    let [plan] = configuration.usage_plans.as_slice() else { panic!() };
    let throttle = MethodThrottle {
        resource_path: "/one".into(),
        http_method: HttpMethod::Get,
        throttle: ThrottleSettings { rate_limit: 0.5, burst_limit: 2 },
    };
    let expected = UsagePlan {
        id: "p".into(),
        name: "P".into(),
        api_stages: vec![ApiStage { api_id: "a".into(), stage: "live".into(), throttles: vec![throttle] }],
        throttle: None,
        quota: Some(QuotaSettings { limit: 5, offset: 4, period: QuotaPeriod::Week }),
        concurrency_limit: Some(9),
        priority: 7,
    };
    assert_eq!(**plan, expected);
    let keys = &configuration.api_keys;
    assert_eq!(keys.len(), 2);
    let (k, l) =
        (keys.get("a-value-of-a-usage-file").unwrap(), keys.get("a-value-of-a-file-of-keys").unwrap());
    assert_eq!((k.id.as_str(), k.enabled, k.usage_plans.as_slice()), ("k", true, &["p".to_owned()][..]));
    assert_eq!((l.id.len(), l.enabled, l.usage_plans.as_slice()), (10, false, &["p".to_owned()][..]));
}

#[test]
fn a_changed_row_changes_a_part_of_the_keys() {
    let rows = |last: &str| -> String {
        let rows = (0..5_000).map(|i| format!("name-{i},a-value-of-twenty-{i:06},p\n"));
        format!("Name,Key,UsagePlanIds\n{}last,{last},p\n", rows.collect::<String>())
    };
    let mut loader = Loader::default();
    let mut files = with_usage(&rows("a-value-before-the-reload"));
    let first = files.load_all(&mut loader, Beside::Nothing).unwrap();
    let changed = |after: &Configuration| {
        let parts = first.api_keys.parts().iter().zip(after.api_keys.parts());
        parts.filter(|(a, b)| !Arc::ptr_eq(a, b)).count()
    };
    let same = files.load_all(&mut loader, Beside::Nothing).unwrap();
    assert_eq!((changed(&same), Arc::ptr_eq(&first.usage_plans[0], &same.usage_plans[0])), (0, true));
    files.write("usage/keys.csv", &rows("a-value-after-the-reload-"));
    let after = files.load_all(&mut loader, Beside::Nothing).unwrap();
    assert!((1..=2).contains(&changed(&after)), "{}", changed(&after));
    // A key keeps its id when its value is changed.
    let id =
        |configuration: &Configuration, value: &str| configuration.api_keys.get(value).unwrap().id.clone();
    assert_eq!(id(&first, "a-value-before-the-reload"), id(&after, "a-value-after-the-reload-"));

    files.write("usage/keys.csv", "Name,Key\nx,short\n");
    let issues = files.load_all(&mut loader, Beside::Nothing).unwrap_err();
    assert_eq!(issues.len(), 1);
    assert_eq!(issues[0].to_string(), "usage/keys.csv:2:1: the value of an API key has 20 to 128 characters");
    files.write("usage/keys.csv", &rows("a-value-before-the-reload"));
    let again = files.load_all(&mut loader, Beside::Nothing).unwrap();
    assert!(again.api_keys == first.api_keys);
}

#[test]
fn plans_may_name_stages_of_the_control_plane() {
    let mut files = with_usage("Name,Key\n");
    let serving = files.load_all(&mut Loader::default(), Beside::Nothing).unwrap();
    for name in ["a.toml", "a.json"] {
        files.0.remove(Path::new(name));
    }
    let refused = |beside| {
        files.load_all(&mut Loader::default(), beside).map(drop).map_err(|issues| issues[0].to_string())
    };
    let missing = Err("usage/u.toml:8:37: /usagePlans/0/apiStages/0/stage: there is no API `a`".to_owned());
    let empty = Configuration::default();
    assert_eq!(refused(Beside::Nothing), missing);
    assert_eq!(refused(Beside::Known(&empty)), missing);
    assert_eq!(refused(Beside::Unknown), Ok(()));
    assert_eq!(refused(Beside::Known(&serving)), Ok(()));
}
