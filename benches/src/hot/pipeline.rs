//! A whole request through the pipeline, with an integration that has answered already.

use std::cell::RefCell;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use ringway_core::cache::{Flights, Wait, Waited};
use ringway_core::error::GatewayError;
use ringway_core::http1::{
    HeadLimits, Parsed, RequestHead, ResponseHead, Scan, parse_request, parse_response,
};
use ringway_core::ids::IdSource;
use ringway_core::limit::{CoreLimits, QuotaRequest};
use ringway_core::model::{
    Api, ApiKey, ApiKeys, ApiStage, BasePathMapping, Configuration, Deployment, DomainName, HttpMethod,
    Integration, IntegrationResponse, IntegrationType, Method, MethodSetting, MethodSettings, MethodThrottle,
    Model, ParameterSource, ParameterTarget, QuotaPeriod, QuotaSettings, RequestParameter, RequestValidator,
    Resource, ResponseParameter, ResponseSource, RestApi, Stage, ThrottleSettings, UsagePlan,
};
use ringway_core::pipeline::{Env, Exchange, encode_integration_request, serve};
use ringway_core::snapshot::{
    CompileSettings, HttpCall, IntegrationPlan, Registry, RoutePlan, Snapshot, compile,
};
use ringway_core::telemetry::access_log::PRESET_JSON;

use super::{Prepared, Row, heads};

pub(super) const FUNCTIONS: &[Row] = &[
    ("serve/mock", 2048, || answer("/dev/health")),
    ("serve/http_proxy", 2048, || answer("/dev/pets/42")),
    ("serve/limited", 2048, limited),
    ("serve/transformed", 512, transformed),
    ("integration_request/http_proxy", 2048, integration_request),
];

/// Milliseconds since 1970 at which every request begins.
const NOW: u64 = 1_674_162_806_123;

/// A core whose integration answers at once. Its buffers are used again, as those of a core are.
struct AnsweredEnv {
    buffers: RefCell<Vec<Vec<u8>>>,
    limits: CoreLimits,
    answer: &'static [u8],
}

impl Env for AnsweredEnv {
    type Lease = &'static [u8];

    fn buffer(&self) -> Vec<u8> {
        self.buffers.borrow_mut().pop().expect("as many buffers as a request takes")
    }

    fn date_line(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"Date: Thu, 19 Jan 2023 21:13:26 GMT\r\n");
    }

    async fn invoke(&self, _: &HttpCall, exchange: &mut Exchange<'_>) -> Result<&'static [u8], GatewayError> {
        let bytes = self.answer;
        let limits = HeadLimits::default();
        let method = exchange.integration_method;
        match parse_response(bytes, &mut Scan::default(), &limits, method, exchange.answer) {
            Ok(Parsed::Complete) => Ok(bytes),
            _ => Err(GatewayError::BadIntegrationResponse),
        }
    }

    async fn read_body(&self, exchange: &mut Exchange<'_>, _: u64) -> Result<Vec<u8>, GatewayError> {
        Ok(exchange.bytes[exchange.head.len..].to_vec())
    }

    fn pressure(&self, _: &Exchange<'_>) -> u8 {
        0
    }

    fn clock(&self) -> u64 {
        0
    }

    fn limits(&self) -> Option<&CoreLimits> {
        Some(&self.limits)
    }

    fn caches(&self) -> Option<&Flights> {
        None
    }

    async fn wait(&self, _: Wait, _: u64) -> Result<(Waited, u64), GatewayError> {
        Err(GatewayError::IntegrationTimeout)
    }

    /// More than is ever asked for.
    fn ask_for_quota(&self, request: QuotaRequest) -> bool {
        request.client.quota.grant(request.period, u32::MAX, 0, None);
        true
    }

    async fn pause(&self) -> u64 {
        0
    }

    async fn read_answer(
        &self,
        exchange: &mut Exchange<'_>,
        lease: &&'static [u8],
    ) -> Result<Vec<u8>, GatewayError> {
        Ok(lease[exchange.answer.len..].to_vec())
    }
}

impl AnsweredEnv {
    fn give_back(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.buffers.borrow_mut().push(buffer);
    }
}

/// Everything that happens to a parsed request until its answer is encoded.
fn answer(path: &str) -> Prepared {
    let (bytes, head) = request(path);
    prepared(bytes, head, heads::SHORT_ANSWER.as_bytes())
}

/// As [`answer`], with an API key, throttles of all levels and a quota.
fn limited() -> Prepared {
    let text = format!("GET /dev/limited HTTP/1.1\r\nX-API-Key: {KEY}\r\n");
    let text = heads::BROWSER.replacen("GET /dev/pets/42 HTTP/1.1\r\n", &text, 1);
    let mut head = RequestHead::default();
    let parsed = parse_request(text.as_bytes(), &mut Scan::default(), &HeadLimits::default(), &mut head);
    assert_eq!(parsed, Ok(Parsed::Complete));
    prepared(text.into_bytes(), head, heads::SHORT_ANSWER.as_bytes())
}

/// As [`answer`], with a body of a kilobyte that is validated and transformed, and an answer of as much that is transformed too.
fn transformed() -> Prepared {
    let text = format!(
        "POST /dev/transformed HTTP/1.1\r\nHost: api.example.com\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{ORDER}",
        ORDER.len()
    );
    let mut head = RequestHead::default();
    let parsed = parse_request(text.as_bytes(), &mut Scan::default(), &HeadLimits::default(), &mut head);
    assert_eq!(parsed, Ok(Parsed::Complete));
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{ORDER}", ORDER.len());
    prepared(text.into_bytes(), head, answer.leak().as_bytes())
}

fn prepared(bytes: Vec<u8>, head: RequestHead, backend: &'static [u8]) -> Prepared {
    let snapshot = snapshot();
    let buffers = RefCell::new(vec![Vec::with_capacity(8192), Vec::with_capacity(8192)]);
    let env = AnsweredEnv { buffers, limits: CoreLimits::default(), answer: backend };
    let (mut answer, mut ids) = (ResponseHead::default(), IdSource::new(1));
    let mut call = move || {
        let mut exchange = Exchange::new(black_box(&bytes), &head, &mut answer, ids.next_id());
        exchange.source_ip = b"192.0.2.7";
        exchange.unix_millis = NOW;
        exchange.integration_request = env.buffer();
        {
            let served = pin!(serve(&env, &snapshot, &mut exchange));
            let Poll::Ready(_) = served.poll(&mut Context::from_waker(Waker::noop())) else {
                panic!("nothing here waits")
            };
        }
        assert_eq!(exchange.status, 200);
        let length = exchange.out.len();
        env.give_back(std::mem::take(&mut exchange.integration_request));
        env.give_back(std::mem::take(&mut exchange.out));
        length
    };
    let expected = call();
    Prepared::new(expected, call)
}

/// What the integration is sent, alone.
fn integration_request() -> Prepared {
    let (bytes, head) = request("/dev/pets/42");
    let snapshot = snapshot();
    let mut answer = ResponseHead::default();
    let mut ids = IdSource::new(1);
    let mut out = Vec::with_capacity(8192);
    let mut call = move || {
        let mut exchange = Exchange::new(black_box(&bytes), &head, &mut answer, ids.next_id());
        exchange.unix_millis = NOW;
        let route = resolve(&snapshot, &mut exchange);
        let IntegrationPlan::HttpProxy(plan) = &route.integration else { panic!("an HTTP_PROXY route") };
        out.clear();
        encode_integration_request(plan, &exchange, &mut out).expect("a short target");
        out.len()
    };
    let expected = call();
    Prepared::new(expected, call)
}

/// As the pipeline does it, from parts that are public.
fn resolve<'s>(snapshot: &'s Snapshot, exchange: &mut Exchange<'_>) -> &'s RoutePlan {
    use ringway_core::snapshot::route_tree::Match;
    let place = snapshot.hosts.find(exchange.host(), exchange.path()).expect("a known host");
    let stage = &snapshot.stages[place.stage as usize];
    match stage.tree.find(exchange.path(), place.resource_from, exchange.http_method) {
        Match::Route { plan, parameters } => {
            exchange.parameters = parameters;
            &stage.routes[plan as usize]
        }
        other => panic!("{other:?}"),
    }
}

fn request(path: &str) -> (Vec<u8>, RequestHead) {
    let bytes = heads::BROWSER.replace("/dev/pets/42", path).into_bytes();
    let mut head = RequestHead::default();
    let parsed = parse_request(&bytes, &mut Scan::default(), &HeadLimits::default(), &mut head);
    assert_eq!(parsed, Ok(Parsed::Complete));
    (bytes, head)
}

/// An API with a MOCK and an HTTP_PROXY route among others.
fn snapshot() -> Snapshot {
    let resource = |path: &str, integration| Resource {
        id: format!("id{}", path.len()),
        path: path.into(),
        methods: vec![Method::new(HttpMethod::Any, integration)],
    };
    let resources = vec![
        resource("/pets", proxy("http://10.0.0.1:9000/pets", None)),
        resource("/pets/{petId}", proxy("http://10.0.0.1:9000/pets/{petId}", Some("petId"))),
        resource("/orders", proxy("http://10.0.0.1:9000/orders", None)),
        resource("/orders/{orderId}", proxy("http://10.0.0.1:9000/orders/{orderId}", Some("orderId"))),
        resource("/files/{proxy+}", proxy("http://10.0.0.1:9000/files/{proxy}", Some("proxy"))),
        resource("/health", mock()),
        resource("/limited", proxy("http://10.0.0.1:9000/pets", None)),
        resource("/transformed", transforming()),
    ];
    let mut rest_api = RestApi { name: "pets".into(), resources, ..RestApi::default() };
    let keyed = rest_api.resources.iter_mut().find(|resource| resource.path == "/limited");
    keyed.expect("it is there").methods[0].api_key_required = true;
    let validated = &mut rest_api.resources.last_mut().expect("there are resources").methods[0];
    validated.request_validator = Some("body".into());
    validated.request_models = [("application/json".to_owned(), "Order".to_owned())].into();
    rest_api.request_validators.push(RequestValidator {
        name: "body".into(),
        validate_request_body: true,
        validate_request_parameters: false,
    });
    rest_api.models.push(Model {
        name: "Order".into(),
        content_type: "application/json".into(),
        description: None,
        schema: SCHEMA.into(),
    });
    let stage = Stage {
        method_settings: vec![MethodSetting {
            method: Some(("/limited".into(), HttpMethod::Any)),
            settings: MethodSettings { throttle: Some(THROTTLE), ..MethodSettings::default() },
        }],
        ..Stage::new("dev", Deployment { id: "d1".into(), rest_api }.into())
    };
    let mapping = BasePathMapping { base_path: String::new(), rest_api_id: "petstore01".into(), stage: None };
    let configuration = Configuration {
        apis: vec![Api { id: "petstore01".into(), name: "pets".into(), stages: vec![stage] }.into()],
        domain_names: vec![DomainName {
            domain_name: "api.example.com".into(),
            base_path_mappings: vec![mapping],
        }],
        usage_plans: vec![plan().into()],
        api_keys: [ApiKey {
            id: "key".into(),
            value: KEY.into(),
            enabled: true,
            usage_plans: vec!["plan".into()],
        }]
        .into_iter()
        .fold(ApiKeys::default(), |mut keys, key| {
            keys.insert(key);
            keys
        }),
    };
    let settings = CompileSettings {
        region: "us-east-1".into(),
        account_id: "123456789012".into(),
        execute_api_suffix: "amazonaws.com".into(),
        path_addresses: false,
        default_log_format: PRESET_JSON.into(),
        ..CompileSettings::default()
    };
    compile(&configuration, &settings, &mut Registry::new()).expect("a valid configuration")
}

const KEY: &str = "JWhq2ZrPOCk1SgqTB7wfJWhq2ZrPOCk1SgqTB7wf";
/// Nobody is refused.
const THROTTLE: ThrottleSettings = ThrottleSettings { rate_limit: 100_000.0, burst_limit: 1_000_000 };

/// A plan with all that it can limit by.
fn plan() -> UsagePlan {
    let method =
        MethodThrottle { resource_path: "/limited".into(), http_method: HttpMethod::Any, throttle: THROTTLE };
    UsagePlan {
        id: "plan".into(),
        name: "plan".into(),
        api_stages: vec![ApiStage {
            api_id: "petstore01".into(),
            stage: "dev".into(),
            throttles: vec![method],
        }],
        throttle: Some(THROTTLE),
        quota: Some(QuotaSettings { limit: u64::from(u32::MAX), offset: 0, period: QuotaPeriod::Month }),
        concurrency_limit: Some(100),
        priority: 0,
    }
}

fn proxy(uri: &str, path_parameter: Option<&str>) -> Integration {
    let parameter = |name: &str| RequestParameter {
        target: ParameterTarget::Path(name.into()),
        source: ParameterSource::Path(name.into()),
    };
    Integration {
        uri: Some(uri.into()),
        http_method: Some(HttpMethod::Any),
        request_parameters: path_parameter.map(parameter).into_iter().collect(),
        ..Integration::new(IntegrationType::HttpProxy)
    }
}

/// An order of ten lines: a kilobyte.
const ORDER: &str = include_str!("order.json").trim_ascii();

const SCHEMA: &str = r#"{"type":"object","required":["id","customer","lines"],"properties":{"id":{"type":"integer"},
"customer":{"type":"object","required":["name"],"properties":{"name":{"type":"string"},"email":{"type":"string"}}},
"lines":{"type":"array","items":{"type":"object","required":["sku","count"],"properties":{"sku":{"type":"string","maxLength":20},
"title":{"type":"string"},"count":{"type":"integer","minimum":1},"price":{"type":"number","minimum":0}}}}}}"#;

/// Both directions have a template.
fn transforming() -> Integration {
    Integration {
        uri: Some("http://10.0.0.1:9000/orders".into()),
        http_method: Some(HttpMethod::Post),
        request_templates: vec![(
            "application/json".into(),
            concat!(
                r#"#set($order = $input.path('$')){"orderId": $order.id, "to": "$order.customer.name", "mail": "$order.customer.email", "#,
                r#""address": "$order.customer.street, $order.customer.city", "#,
                r#""stage": "$context.stage", "requestId": "$context.requestId", "#,
                r#""items": [#foreach($line in $order.lines){"sku": "$line.sku", "n": $line.count, "each": $line.price}"#,
                r#"#if($foreach.hasNext), #end#end], "note": "$util.escapeJavaScript($order.note)"}"#,
            )
            .into(),
        )],
        responses: vec![IntegrationResponse {
            response_templates: vec![(
                "application/json".into(),
                r#"{"id": $input.json('$.id'), "customer": $input.json('$.customer'), "first": $input.json('$.lines[0]')}"#.into(),
            )],
            ..IntegrationResponse::new(200)
        }],
        ..Integration::new(IntegrationType::Http)
    }
}

fn mock() -> Integration {
    Integration {
        request_templates: vec![("application/json".into(), "{\"statusCode\": 200}".into())],
        responses: vec![IntegrationResponse {
            response_templates: vec![("application/json".into(), "{\"ok\":true}".into())],
            response_parameters: vec![ResponseParameter {
                header: "X-Mock".into(),
                source: ResponseSource::Static("yes".into()),
            }],
            ..IntegrationResponse::new(200)
        }],
        ..Integration::new(IntegrationType::Mock)
    }
}
