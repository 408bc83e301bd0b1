//! What a document becomes, and that no text makes the importer panic.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ringway_controlplane::openapi::{ImportedApi, import};
use ringway_controlplane::{Issue, api_file, load_with, process};
use ringway_core::model::{
    HttpMethod, HttpProxyIntegration, Integration, IntegrationResponse, Method, MockIntegration,
    ParameterSource, ParameterTarget, RequestParameter,
};
use ringway_core::snapshot::{CompileSettings, Registry, compile};

const YAML: &str = include_str!("../../config/apis/petstore-v2.openapi.yaml");

fn yaml(text: &str) -> Result<ImportedApi, Vec<Issue>> {
    import(text, Path::new("api.yaml"), "api")
}

fn parameter(target: ParameterTarget, source: ParameterSource) -> RequestParameter {
    RequestParameter { target, source }
}

#[test]
fn every_part_of_an_integration() {
    let text = r#"
swagger: "2.0"
info: {title: All}
paths:
  /a/{id}/{rest+}:
    x-amazon-apigateway-any-method:
      x-amazon-apigateway-integration:
        type: HTTP_PROXY
        httpMethod: any
        uri: http://${stageVariables.host}/{id}?rest={rest}
        timeoutInMillis: 50
        connectionType: INTERNET
        passthroughBehavior: when_no_match
        cacheKeyParameters: []
        responses: {default: {statusCode: "200"}}
        requestParameters:
          integration.request.path.id: method.request.path.id
          integration.request.path.rest: method.request.path.rest
          integration.request.querystring.q: method.request.querystring.Q
          integration.request.header.X-H: method.request.header.H
          integration.request.header.X-V: stageVariables.host
          integration.request.header.X-C: context.requestId
          integration.request.header.X-S: "'it''s'"
    head:
      x-amazon-apigateway-auth: {type: none}
      security: []
      x-amazon-apigateway-integration:
        type: mock
        requestTemplates: {application/json: "{statusCode: 404}"}
        responses:
          4\d\d:
            statusCode: 410
            responseTemplates: {text/plain: gone, application/json: "{}"}
            responseParameters: {method.response.header.X-A: "'a b'"}
          default: {statusCode: "200"}
  /empty: {}
  x-comment: a vendor extension
"#;
    let api = yaml(text).unwrap();
    assert_eq!(api.name, "All");
    let [resource] = api.deployment.resources.as_slice() else { panic!("{:?}", api.deployment) };
    assert_eq!(resource.path, "/a/{id}/{rest+}");
    let proxy = HttpProxyIntegration {
        uri: "http://${stageVariables.host}/{id}?rest={rest}".into(),
        http_method: HttpMethod::Any,
        request_parameters: vec![
            parameter(ParameterTarget::Path("id".into()), ParameterSource::Path("id".into())),
            parameter(ParameterTarget::Path("rest".into()), ParameterSource::Path("rest".into())),
            parameter(ParameterTarget::Query("q".into()), ParameterSource::Query("Q".into())),
            parameter(ParameterTarget::Header("X-H".into()), ParameterSource::Header("H".into())),
            parameter(ParameterTarget::Header("X-V".into()), ParameterSource::StageVariable("host".into())),
            parameter(ParameterTarget::Header("X-C".into()), ParameterSource::Context("requestId".into())),
            parameter(ParameterTarget::Header("X-S".into()), ParameterSource::Static("it''s".into())),
        ],
        timeout: Duration::from_millis(50),
    };
    let mock = MockIntegration {
        status_code: Some(404),
        responses: vec![
            IntegrationResponse {
                selection_pattern: Some(r"4\d\d".into()),
                status_code: 410,
                response_templates: vec![
                    ("text/plain".into(), "gone".into()),
                    ("application/json".into(), "{}".into()),
                ],
                response_parameters: vec![("X-A".into(), "a b".into())],
            },
            IntegrationResponse {
                selection_pattern: None,
                status_code: 200,
                response_templates: vec![],
                response_parameters: vec![],
            },
        ],
    };
    let expected = [
        Method { http_method: HttpMethod::Any, integration: Integration::HttpProxy(proxy) },
        Method { http_method: HttpMethod::Head, integration: Integration::Mock(mock) },
    ];
    assert_eq!(resource.methods, expected);
}

#[test]
fn ids_follow_from_the_content() {
    let first = yaml(YAML).unwrap();
    assert_eq!(first.deployment, yaml(YAML).unwrap().deployment);
    let changed = yaml(&YAML.replace("no-store", "no-cache")).unwrap();
    assert_ne!(first.deployment.id, changed.deployment.id);
    let ids = |api: &ImportedApi| -> Vec<String> {
        api.deployment.resources.iter().map(|resource| resource.id.clone()).collect()
    };
    assert_eq!(ids(&first), ids(&changed), "a resource keeps its id while its path does");
    let other_api = import(YAML, Path::new("api.yaml"), "other").unwrap();
    assert_ne!(ids(&first), ids(&other_api));
}

#[test]
fn a_stage_may_serve_its_own_document() {
    let files = BTreeMap::from([
        (
            PathBuf::from("etc/a.toml"),
            "restApiId = \"a\"\nbody = \"v1.yaml\"\n\
             [[stages]]\nstageName = \"one\"\nvariables = { backend = \"h:1\" }\n\
             [[stages]]\nstageName = \"two\"\nbody = \"v2.yaml\"\nvariables = { backend = \"h:2\" }\n"
                .to_owned(),
        ),
        (PathBuf::from("etc/v1.yaml"), YAML.replace("Pet store v2", "One")),
        (PathBuf::from("etc/v2.yaml"), YAML.to_owned()),
    ]);
    let reader = |path: &Path| files.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into());
    let loaded = load_with(&[PathBuf::from("etc/a.toml")], &reader).unwrap();
    let api = &loaded.configuration.apis[0];
    assert_eq!(api.name, "One");
    assert_ne!(api.stages[0].deployment.id, api.stages[1].deployment.id);
    let expected: Vec<PathBuf> = files.keys().cloned().collect();
    assert_eq!(loaded.files, expected);

    let missing = load_with(&[PathBuf::from("etc/b.toml")], &reader).unwrap_err();
    assert!(missing[0].message.contains("cannot read"), "{}", missing[0]);
}

/// Texts near to valid ones find more than noise does. The generator is fixed, so a failure can be repeated.
#[test]
fn no_text_panics() {
    let api_toml = include_str!("../../config/apis/petstore-v1.toml");
    let process_toml = include_str!("../../config/ringway.toml");
    let json = include_str!("../../config/invalid/integrations.openapi.json");
    let mock = include_str!("../../config/invalid/mock.openapi.yaml");
    let reader = |path: &Path| match path.to_str() {
        Some("petstore-v1.openapi.yaml") => Ok(YAML.to_owned()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    let mut random = Random(0x5eed);
    let mut compiled = 0;
    for _ in 0..1500 {
        compiled += usize::from(compiles_if_it_loads(&random.mutated(YAML)));
        _ = import(&random.mutated(mock), Path::new("x.yaml"), "api");
        _ = import(&random.mutated(json), Path::new("x.json"), "api");
        _ = api_file::parse(&random.mutated(api_toml), Path::new("x.toml"), &reader);
        _ = process::parse(&random.mutated(process_toml), Path::new("x.toml"));
    }
    assert!(compiled > 10, "only {compiled} documents were still valid");
}

/// Validation comes before compilation, which could not name a place: what the one accepts, the other must too.
fn compiles_if_it_loads(document: &str) -> bool {
    let api_toml = "restApiId = \"a\"\nbody = \"a.yaml\"\n\
                    [[stages]]\nstageName = \"s\"\nvariables = { backend = \"h:1\" }\n";
    let reader = |path: &Path| match path.to_str() {
        Some("a.toml") => Ok(api_toml.to_owned()),
        _ => Ok(document.to_owned()),
    };
    let Ok(loaded) = load_with(&[PathBuf::from("a.toml")], &reader) else { return false };
    let settings = CompileSettings {
        region: "us-east-1".into(),
        account_id: "000000000000".into(),
        execute_api_suffix: "amazonaws.com".into(),
        default_log_format: "$context.requestId".into(),
    };
    if let Err(errors) = compile(&loaded.configuration, &settings, &mut Registry::new()) {
        panic!("{errors:?} in\n{document}");
    }
    true
}

/// xorshift64
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn mutated(&mut self, text: &str) -> String {
        const INSERTS: [&str; 20] = [
            "{", "}", "[", "]", ":", "- ", "&a ", "*a", "!x ", "\t", "\n", "\"", "'", "${", "é", "\0", "|\n",
            "? ", "%", "\u{feff}",
        ];
        let mut characters: Vec<char> = text.chars().collect();
        for _ in 0..=self.below(8) {
            let at = self.below(characters.len());
            let end = (at + self.below(12)).min(characters.len());
            match self.below(3) {
                0 => drop(characters.drain(at..end)),
                1 => drop(characters.splice(at..at, INSERTS[self.below(INSERTS.len())].chars())),
                _ => {
                    let copied = characters[at..end].to_vec();
                    let to = self.below(characters.len());
                    characters.splice(to..to, copied);
                }
            }
        }
        characters.into_iter().collect()
    }
}
