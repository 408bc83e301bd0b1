//! What a document becomes, and that no text makes the importer panic.

mod corpus;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use corpus::round_trips;
use ringway_controlplane::openapi::{Account, ImportOptions, Imported, import};
use ringway_controlplane::{Beside, Issue, Loader, api_file, load_with, process};
use ringway_core::model::{
    CacheSettings, HttpMethod, Integration, IntegrationResponse, IntegrationType, Method, MethodSetting,
    MethodSettings, ParameterSource, ParameterTarget, RequestParameter, ResponseParameter, ResponseSource,
    ResponseValidation, ThrottleSettings, UnauthorizedCacheControl,
};
use ringway_core::snapshot::{CompileSettings, Registry, compile};

const YAML: &str = include_str!("../../config/apis/petstore-v2.openapi.yaml");

/// An API whose parts are compiled each in a way of its own.
const TRANSFORMED: &str = r##"
openapi: 3.0.1
info: {title: Transformed}
x-amazon-apigateway-request-validators: {all: {validateRequestBody: true, validateRequestParameters: true}}
x-amazon-apigateway-request-validator: all
x-amazon-apigateway-binary-media-types: [image/png]
x-amazon-apigateway-gateway-responses:
  DEFAULT_5XX:
    responseParameters: {gatewayresponse.header.X-A: method.request.header.A, gatewayresponse.header.X-B: context.requestId}
    responseTemplates: {application/json: '{"m": $context.error.messageString, "s": "$stageVariables.backend"}'}
components:
  schemas:
    Pet: {type: object, properties: {name: {type: string, pattern: "^[a-z]+$"}, next: {$ref: "#/components/schemas/Pet"}}}
paths:
  /pets/{id}/{rest+}:
    post:
      parameters: [{name: id, in: path, required: true}, {name: q, in: query, required: true}]
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Pet"}}, text/json: {schema: {type: array}}}}
      responses: {"200": {headers: {X-A: {}}, content: {application/json: {schema: {$ref: "#/components/schemas/Pet"}}}}}
      x-amazon-apigateway-integration:
        type: http
        httpMethod: ANY
        uri: http://${stageVariables.backend}/pets/{id}?a={rest}
        requestParameters:
          integration.request.path.id: method.request.path.id
          integration.request.path.rest: method.request.body.a[0].b
          integration.request.querystring.q: method.request.multivaluequerystring.q
          integration.request.header.X-A: context.identity.sourceIp
        requestTemplates: {application/json: "#set($a = $input.path('$.a'))\n{\"a\": $input.json('$.b')}"}
        passthroughBehavior: never
        contentHandling: CONVERT_TO_TEXT
        responses:
          4\d\d: {statusCode: 404, responseTemplates: {application/json: "#foreach($x in [1..3])$x#end"}}
          default: {statusCode: 200, responseParameters: {method.response.header.X-A: integration.response.body.a}}
"##;

fn yaml(text: &str) -> Result<Imported, Vec<Issue>> {
    import(text, Path::new("api.yaml"), &ImportOptions::new("api"))
}

fn parameter(target: ParameterTarget, source: ParameterSource) -> RequestParameter {
    RequestParameter { target, source }
}

fn texts(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(name, text)| (name.to_owned(), text.to_owned())).collect()
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
          integration.request.querystring.b: method.request.body.a.b
          integration.request.header.X-H: method.request.header.H
          integration.request.header.X-M: method.request.multivalueheader.H
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
            responseParameters: {method.response.header.X-A: "'a b'", method.response.header.X-B: integration.response.body.c}
          default: {statusCode: "200"}
  /empty: {}
  x-comment: a vendor extension
"#;
    let imported = yaml(text).unwrap();
    assert_eq!((&imported.not_served, &imported.warnings), (&vec![], &vec![]));
    assert_eq!(imported.rest_api.name, "All");
    let [resource] = imported.rest_api.resources.as_slice() else { panic!("{:?}", imported.rest_api) };
    assert_eq!(resource.path, "/a/{id}/{rest+}");
    let proxy = Integration {
        uri: Some("http://${stageVariables.host}/{id}?rest={rest}".into()),
        http_method: Some(HttpMethod::Any),
        request_parameters: vec![
            parameter(ParameterTarget::Path("id".into()), ParameterSource::Path("id".into())),
            parameter(ParameterTarget::Path("rest".into()), ParameterSource::Path("rest".into())),
            parameter(ParameterTarget::Query("q".into()), ParameterSource::Query("Q".into())),
            parameter(ParameterTarget::Query("b".into()), ParameterSource::Body(Some("$.a.b".into()))),
            parameter(ParameterTarget::Header("X-H".into()), ParameterSource::Header("H".into())),
            parameter(ParameterTarget::Header("X-M".into()), ParameterSource::MultiValueHeader("H".into())),
            parameter(ParameterTarget::Header("X-V".into()), ParameterSource::StageVariable("host".into())),
            parameter(ParameterTarget::Header("X-C".into()), ParameterSource::Context("requestId".into())),
            parameter(ParameterTarget::Header("X-S".into()), ParameterSource::Static("it''s".into())),
        ],
        timeout: Duration::from_millis(50),
        responses: vec![IntegrationResponse::new(200)],
        ..Integration::new(IntegrationType::HttpProxy)
    };
    let mock = Integration {
        request_templates: texts(&[("application/json", "{statusCode: 404}")]),
        responses: vec![
            IntegrationResponse {
                selection_pattern: Some(r"4\d\d".into()),
                response_templates: texts(&[("text/plain", "gone"), ("application/json", "{}")]),
                response_parameters: vec![
                    ResponseParameter { header: "X-A".into(), source: ResponseSource::Static("a b".into()) },
                    ResponseParameter {
                        header: "X-B".into(),
                        source: ResponseSource::Body(Some("$.c".into())),
                    },
                ],
                ..IntegrationResponse::new(410)
            },
            IntegrationResponse::new(200),
        ],
        ..Integration::new(IntegrationType::Mock)
    };
    let expected = [Method::new(HttpMethod::Any, proxy), Method::new(HttpMethod::Head, mock)];
    assert_eq!(resource.methods, expected);
}

#[test]
fn the_samples_come_back_from_their_export() {
    for text in [YAML, TRANSFORMED, include_str!("../../config/apis/petstore-v1.openapi.yaml")] {
        let options = corpus::options();
        let imported = import(text, Path::new("api.yaml"), &options).unwrap();
        assert_eq!(round_trips(&imported), 12);
    }
}

#[test]
fn ids_follow_from_the_content() {
    let ids = |imported: &Imported| -> Vec<String> {
        imported.rest_api.resources.iter().map(|resource| resource.id.clone()).collect()
    };
    let first = yaml(YAML).unwrap();
    let changed = yaml(&YAML.replace("no-store", "no-cache")).unwrap();
    assert_ne!(first.rest_api, changed.rest_api);
    assert_eq!(ids(&first), ids(&changed), "a resource keeps its id while its path does");
    let other_api = import(YAML, Path::new("api.yaml"), &ImportOptions::new("other")).unwrap();
    assert_ne!(ids(&first), ids(&other_api));
}

/// Loads one API file that names documents.
fn load_api(api: &str, documents: &[(&str, &str)]) -> Result<ringway_controlplane::Loaded, Vec<Issue>> {
    let mut files: BTreeMap<PathBuf, String> =
        documents.iter().map(|&(name, text)| (PathBuf::from("etc").join(name), text.to_owned())).collect();
    files.insert("etc/a.toml".into(), api.to_owned());
    let reader = |path: &Path| files.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into());
    load_with(&[PathBuf::from("etc/a.toml")], &reader)
}

#[test]
fn a_stage_may_serve_its_own_document() {
    let api = "restApiId = \"a\"\nbody = \"v1.yaml\"\n\
               [[stages]]\nstageName = \"one\"\nvariables = { backend = \"h:1\" }\n\
               [[stages]]\nstageName = \"two\"\nbody = \"v2.yaml\"\nvariables = { backend = \"h:2\" }\n";
    let loaded =
        load_api(api, &[("v1.yaml", &YAML.replace("Pet store v2", "One")), ("v2.yaml", YAML)]).unwrap();
    let api = &loaded.configuration.apis[0];
    assert_eq!(api.name, "One");
    assert_ne!(api.stages[0].deployment.id, api.stages[1].deployment.id);
    let expected: Vec<PathBuf> = ["etc/a.toml", "etc/v1.yaml", "etc/v2.yaml"].map(PathBuf::from).to_vec();
    assert_eq!(loaded.files, expected);

    let missing = load_api("restApiId = \"a\"\nbody = \"v1.yaml\"\nstages = []\n", &[]).unwrap_err();
    assert!(missing.iter().any(|issue| issue.message.contains("cannot read")), "{missing:?}");
}

#[test]
fn a_stage_may_have_a_canary() {
    let api = "restApiId = \"a\"\nbody = \"v1.yaml\"\n\
               [[stages]]\nstageName = \"one\"\nvariables = { backend = \"h:1\" }\nresponseValidation = \"observe\"\n\
               [stages.canarySettings]\npercentTraffic = 12.5\nbody = \"v2.yaml\"\nuseStageCache = true\n\
               stageVariableOverrides = { backend = \"h:2\", other = \"x\" }\n\
               [[stages]]\nstageName = \"two\"\nvariables = { backend = \"h:1\" }\n[stages.canarySettings]\n";
    let loaded =
        load_api(api, &[("v1.yaml", YAML), ("v2.yaml", &YAML.replace("no-store", "no-cache"))]).unwrap();
    let [one, two] = loaded.configuration.apis[0].stages.as_slice() else { panic!("two stages") };
    assert_eq!(one.response_validation, ResponseValidation::Observe);
    let canary = one.canary.as_ref().unwrap();
    assert_eq!((canary.percent_traffic, canary.use_stage_cache), (12.5, true));
    assert_ne!(canary.deployment.id, one.deployment.id);
    assert_eq!(canary.stage_variable_overrides["backend"], "h:2");
    // Recorded defaults (tables.md §9.4).
    let canary = two.canary.as_ref().unwrap();
    assert_eq!((canary.percent_traffic, canary.use_stage_cache), (0.0, false));
    assert_eq!(canary.deployment, two.deployment);
    assert_eq!(
        (two.response_validation, one.deployment.id.as_str()),
        (ResponseValidation::Off, two.deployment.id.as_str())
    );
}

#[test]
fn a_body_may_be_made_of_several_documents() {
    let part = |path: &str, version: &str| {
        format!(
            "swagger: '2.0'\ninfo: {{title: t, version: '{version}'}}\nbasePath: /base\npaths:\n  {path}:\n    get:\n      \
             x-amazon-apigateway-integration: {{type: mock, responses: {{default: {{statusCode: 200}}}}}}\n"
        )
    };
    let api = "restApiId = \"a\"\nbody = [\"one.yaml\", \"two.yaml\"]\nparameters = { basepath = \"prepend\" }\n\
               [[stages]]\nstageName = \"s\"\n";
    let documents = [("one.yaml", part("/a", "1")), ("two.yaml", part("/b", "2"))];
    let loaded = load_api(api, &documents.each_ref().map(|(name, text)| (*name, text.as_str()))).unwrap();
    let rest_api = &loaded.configuration.apis[0].stages[0].deployment.rest_api;
    let paths: Vec<_> = rest_api.resources.iter().map(|resource| resource.path.as_str()).collect();
    assert_eq!((paths, rest_api.version.as_deref()), (vec!["/base/a", "/base/b"], Some("2")));
}

const USAGE: &str = "apiKeysFile = 'keys.csv'\n[[usagePlans]]\nid = \"p\"\nname = \"P\"\nquota = { limit = 5, period = \"DAY\" }\n\
    apiStages = [{ apiId = \"a\", stage = \"s\", throttle = { \"/a/GET\" = { rateLimit = 1.5, burstLimit = 1 } } }]\n\
    [[apiKeys]]\nid = \"k\"\nname = \"K\"\nvalue = \"a-value-of-a-usage-file\"\nusagePlanIds = [\"p\"]\n";

const USAGE_KEYS: &str =
    "Name,Key,Enabled,UsagePlanIds\n\"a \"\"b\"\"\",a-value-of-a-file-of-keys,true,\"p,q\"\n'c\n',d\n";

#[test]
fn merged_documents_may_not_make_a_key_one_of_an_authorizer() {
    let key = "openapi: 3.0.1\ninfo: {title: a, version: '1'}\npaths:\n  /a:\n    get:\n      security: [{key: []}]\n      \
        x-amazon-apigateway-integration: {type: mock, responses: {default: {statusCode: '200'}}}\n\
        components: {securitySchemes: {key: {type: apiKey, name: x-api-key, in: header}}}\n";
    let source = "openapi: 3.0.1\ninfo: {title: a, version: '1'}\nx-amazon-apigateway-api-key-source: AUTHORIZER\n\
        paths:\n  /b:\n    get:\n      \
        x-amazon-apigateway-integration: {type: mock, responses: {default: {statusCode: '200'}}}\n";
    let api = |body: &str| format!("restApiId = \"a\"\nbody = {body}\n[[stages]]\nstageName = \"s\"\n");
    let documents = [("key.yaml", key), ("source.yaml", source)];
    let loaded = load_api(&api("\"key.yaml\""), &documents).unwrap();
    let method = &loaded.configuration.apis[0].stages[0].deployment.rest_api.resources[0].methods[0];
    assert!(method.api_key_required);
    let issues = load_api(&api("[\"key.yaml\", \"source.yaml\"]"), &documents).unwrap_err();
    assert_eq!(
        issues[0].to_string(),
        "etc/a.toml:2:1: /body: API keys of an authorizer are not built yet: `HEADER` is"
    );
}

#[test]
fn a_stage_has_settings_and_a_cache() {
    let api = "restApiId = \"a\"\nbody = \"a.yaml\"\n\
               [[stages]]\nstageName = \"s\"\nvariables = { backend = \"h:1\" }\n\
               cacheClusterEnabled = true\ncacheClusterSize = 1.6\n\
               cache = { collapse = true, staleIfErrorSeconds = 9, statusTtlSeconds = { 404 = 5, 200 = 0 }, warmFile = \"w\" }\n\
               [stages.methodSettings.\"*/*\"]\nthrottlingRateLimit = 1.5\nthrottlingBurstLimit = 3\n\
               cacheDataEncrypted = true\nconcurrencyLimit = 4\n\
               [stages.methodSettings.\"/pets/{petId}/GET\"]\ncachingEnabled = true\ncacheTtlInSeconds = 0\n\
               requireAuthorizationForCacheControl = false\nunauthorizedCacheControlHeaderStrategy = \"FAIL_WITH_403\"\n\
               [[stages]]\nstageName = \"t\"\nvariables = { backend = \"h:1\" }\ncacheClusterEnabled = true\n\
               cache = { bytes = 65536, tags = true, staleWhileRevalidateSeconds = 604800 }\n\
               [[stages]]\nstageName = \"u\"\nvariables = { backend = \"h:1\" }\ncacheClusterEnabled = false\n\
               cacheClusterSize = \"237\"\n";
    let loaded = load_api(api, &[("a.yaml", YAML)]).unwrap();
    let [first, second, third] = loaded.configuration.apis[0].stages.as_slice() else { panic!() };
    assert_eq!(
        [first.cache_bytes, second.cache_bytes, third.cache_bytes],
        [Some(1_717_986_918), Some(65_536), None]
    );
    let cache = CacheSettings {
        collapse: true,
        stale_if_error_seconds: 9,
        status_ttl_seconds: [(200, 0), (404, 5)].into(),
        warm_file: Some("etc/w".into()),
        ..CacheSettings::default()
    };
    assert_eq!(first.cache, cache);
    let cache =
        CacheSettings { tags: true, stale_while_revalidate_seconds: 604_800, ..CacheSettings::default() };
    assert_eq!((&second.cache, &third.cache), (&cache, &CacheSettings::default()));
    let all = MethodSettings {
        throttle: Some(ThrottleSettings { rate_limit: 1.5, burst_limit: 3 }),
        concurrency_limit: Some(4),
        ..MethodSettings::default()
    };
    let one = MethodSettings {
        caching_enabled: Some(true),
        cache_ttl_seconds: 0,
        require_authorization_for_cache_control: false,
        unauthorized_cache_control: UnauthorizedCacheControl::FailWith403,
        ..MethodSettings::default()
    };
    let method = Some(("/pets/{petId}".to_owned(), HttpMethod::Get));
    assert_eq!(
        first.method_settings,
        [MethodSetting { method: None, settings: all }, MethodSetting { method, settings: one }]
    );
    assert_eq!(second.method_settings, []);
}

/// Texts near to valid ones find more than noise does. The generator is fixed, so a failure can be repeated.
#[test]
fn no_text_panics() {
    let api_toml = include_str!("../../config/apis/petstore-v1.toml");
    let process_toml = include_str!("../../config/ringway.toml");
    let json = include_str!("../../config/invalid/integrations.openapi.json");
    let others = [
        include_str!("../../config/invalid/mock.openapi.yaml"),
        include_str!("../../config/invalid/root.openapi.yaml"),
        include_str!("../../config/invalid/security.openapi.yaml"),
        include_str!("../../config/invalid/models.openapi.yaml"),
    ];
    let reader = |path: &Path| match path.to_str() {
        Some("petstore-v1.openapi.yaml") => Ok(YAML.to_owned()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    assert!(compiles_if_it_loads(YAML) && compiles_if_it_loads(TRANSFORMED));
    let options = ImportOptions::new("api");
    let mut random = Random(0x5eed);
    let (mut compiled, mut transformed) = (0, 0);
    for round in 0..1500 {
        compiled += usize::from(compiles_if_it_loads(&random.mutated(YAML)));
        transformed += usize::from(compiles_if_it_loads(&random.mutated(TRANSFORMED)));
        _ = import(&random.mutated(others[round % others.len()]), Path::new("x.yaml"), &options);
        _ = import(&random.mutated(json), Path::new("x.json"), &options);
        _ = api_file::parse(&random.mutated(api_toml), Path::new("x.toml"), &reader, &Account::default());
        let (usage, keys) = (random.mutated(USAGE), random.mutated(USAGE_KEYS));
        let usage = |path: &Path| match path.extension() {
            Some(extension) if extension == "csv" => Ok(keys.clone()),
            _ => Ok(usage.clone()),
        };
        _ = Loader::default().load_all(&[], &["u.toml".into()], Beside::Unknown, &usage);
        _ = process::parse(&random.mutated(process_toml), Path::new("x.toml"));
    }
    assert!(
        compiled > 10 && transformed > 10,
        "only {compiled} and {transformed} documents were still valid"
    );
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
        path_addresses: false,
        default_log_format: "$context.requestId".into(),
        ..CompileSettings::default()
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
