//! A whole request through the pipeline, with an integration that has answered already.

use std::cell::RefCell;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ringway_core::error::GatewayError;
use ringway_core::http1::{
    HeadLimits, Parsed, RequestHead, ResponseHead, Scan, parse_request, parse_response,
};
use ringway_core::ids::IdSource;
use ringway_core::model::{
    Api, BasePathMapping, Configuration, Deployment, DomainName, HttpMethod, HttpProxyIntegration,
    Integration, IntegrationResponse, Method, MockIntegration, ParameterSource, ParameterTarget,
    RequestParameter, Resource, Stage,
};
use ringway_core::pipeline::{Env, Exchange, encode_integration_request, serve};
use ringway_core::snapshot::{
    CompileSettings, HttpProxyPlan, IntegrationPlan, Registry, RoutePlan, Snapshot, compile,
};
use ringway_core::telemetry::access_log::PRESET_JSON;

use super::{Prepared, Row, heads};

pub(super) const FUNCTIONS: &[Row] = &[
    ("serve/mock", 2048, || answer("/dev/health")),
    ("serve/http_proxy", 2048, || answer("/dev/pets/42")),
    ("integration_request/http_proxy", 2048, integration_request),
];

/// Milliseconds since 1970 at which every request begins.
const NOW: u64 = 1_674_162_806_123;

/// A core whose integration answers at once. Its buffers are used again, as those of a core are.
struct AnsweredEnv {
    buffers: RefCell<Vec<Vec<u8>>>,
}

impl Env for AnsweredEnv {
    type Lease = &'static [u8];

    fn buffer(&self) -> Vec<u8> {
        self.buffers.borrow_mut().pop().expect("as many buffers as a request takes")
    }

    fn date_line(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"Date: Thu, 19 Jan 2023 21:13:26 GMT\r\n");
    }

    async fn invoke(
        &self,
        _: &HttpProxyPlan,
        exchange: &mut Exchange<'_>,
    ) -> Result<&'static [u8], GatewayError> {
        let bytes = heads::SHORT_ANSWER.as_bytes();
        let limits = HeadLimits::default();
        let method = exchange.integration_method;
        match parse_response(bytes, &mut Scan::default(), &limits, method, exchange.answer) {
            Ok(Parsed::Complete) => Ok(bytes),
            _ => Err(GatewayError::BadIntegrationResponse),
        }
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
    let snapshot = snapshot();
    let env = AnsweredEnv { buffers: RefCell::new(vec![Vec::with_capacity(8192), Vec::with_capacity(8192)]) };
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
        methods: vec![Method { http_method: HttpMethod::Any, integration }],
    };
    let resources = vec![
        resource("/pets", proxy("http://10.0.0.1:9000/pets", None)),
        resource("/pets/{petId}", proxy("http://10.0.0.1:9000/pets/{petId}", Some("petId"))),
        resource("/orders", proxy("http://10.0.0.1:9000/orders", None)),
        resource("/orders/{orderId}", proxy("http://10.0.0.1:9000/orders/{orderId}", Some("orderId"))),
        resource("/files/{proxy+}", proxy("http://10.0.0.1:9000/files/{proxy}", Some("proxy"))),
        resource("/health", mock()),
    ];
    let stage = Stage {
        stage_name: "dev".into(),
        deployment: Deployment { id: "d1".into(), resources }.into(),
        variables: Default::default(),
        access_log_format: None,
    };
    let mapping = BasePathMapping { base_path: String::new(), rest_api_id: "petstore01".into(), stage: None };
    let configuration = Configuration {
        apis: vec![Api { id: "petstore01".into(), name: "pets".into(), stages: vec![stage] }.into()],
        domain_names: vec![DomainName {
            domain_name: "api.example.com".into(),
            base_path_mappings: vec![mapping],
        }],
    };
    let settings = CompileSettings {
        region: "us-east-1".into(),
        account_id: "123456789012".into(),
        execute_api_suffix: "amazonaws.com".into(),
        default_log_format: PRESET_JSON.into(),
    };
    compile(&configuration, &settings, &mut Registry::new()).expect("a valid configuration")
}

fn proxy(uri: &str, path_parameter: Option<&str>) -> Integration {
    let parameter = |name: &str| RequestParameter {
        target: ParameterTarget::Path(name.into()),
        source: ParameterSource::Path(name.into()),
    };
    Integration::HttpProxy(HttpProxyIntegration {
        uri: uri.into(),
        http_method: HttpMethod::Any,
        request_parameters: path_parameter.map(parameter).into_iter().collect(),
        timeout: Duration::from_millis(29_000),
    })
}

fn mock() -> Integration {
    Integration::Mock(MockIntegration {
        status_code: Some(200),
        responses: vec![IntegrationResponse {
            selection_pattern: None,
            status_code: 200,
            response_templates: vec![("application/json".into(), "{\"ok\":true}".into())],
            response_parameters: vec![("X-Mock".into(), "yes".into())],
        }],
    })
}
