//! The pipeline against an integration that is a table, without a socket.

mod cache;
mod cache_beyond;
mod explain;
mod throttle;
mod transform;
mod vectors;

use super::*;
use crate::http1::{HeadLimits, Parsed, RequestHead, ResponseHead, Scan, parse_request, parse_response};
use crate::ids::IdSource;
use crate::model::*;
use crate::snapshot::{CompileSettings, Registry, compile};
use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

struct FakeEnv {
    answer: Result<&'static str, GatewayError>,
    sent: RefCell<String>,
    limits: CoreLimits,
    /// What is left of every quota; `None`: the ledger does not answer.
    quota: RefCell<Option<u32>>,
    now: Cell<u64>,
    pressure: Cell<u8>,
    flights: Flights,
}

impl FakeEnv {
    fn new(answer: Result<&'static str, GatewayError>) -> Self {
        let (limits, quota, now) = (CoreLimits::default(), RefCell::default(), Cell::default());
        FakeEnv {
            answer,
            sent: RefCell::default(),
            limits,
            quota,
            now,
            pressure: Cell::default(),
            flights: Flights::default(),
        }
    }
}

impl Env for FakeEnv {
    type Lease = Vec<u8>;

    fn buffer(&self) -> Vec<u8> {
        Vec::new()
    }

    fn date_line(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"Date: D\r\n");
    }

    async fn invoke(&self, _: &HttpCall, exchange: &mut Exchange<'_>) -> Result<Vec<u8>, GatewayError> {
        let sent = std::mem::take(&mut exchange.integration_request);
        *self.sent.borrow_mut() = String::from_utf8(sent).unwrap();
        let bytes = self.answer?.as_bytes().to_vec();
        let method = exchange.integration_method;
        let parsed =
            parse_response(&bytes, &mut Scan::default(), &HeadLimits::default(), method, exchange.answer);
        assert_eq!(parsed, Ok(Parsed::Complete));
        Ok(bytes)
    }

    async fn read_body(&self, exchange: &mut Exchange<'_>, _: u64) -> Result<Vec<u8>, GatewayError> {
        exchange.body_pending = false;
        Ok(exchange.bytes[exchange.head.len..].to_vec())
    }

    fn pressure(&self, _: &Exchange<'_>) -> u8 {
        self.pressure.get()
    }

    fn clock(&self) -> u64 {
        self.now.get()
    }

    fn limits(&self) -> Option<&CoreLimits> {
        Some(&self.limits)
    }

    fn caches(&self) -> Option<&Flights> {
        Some(&self.flights)
    }

    async fn wait(&self, wait: Wait, _: u64) -> Result<(Waited, u64), GatewayError> {
        Ok((wait.await, self.now.get()))
    }

    /// A ledger that grants at once.
    fn ask_for_quota(&self, request: QuotaRequest) -> bool {
        let mut left = self.quota.borrow_mut();
        let granted = left.unwrap_or(0).min(1);
        let exhausted = (granted == 0).then_some(request.settings.limit);
        match left.as_mut() {
            Some(left) => *left -= granted,
            None => return false,
        }
        request.client.quota.grant(request.period, granted, 0, exhausted);
        true
    }

    async fn pause(&self) -> u64 {
        self.now.set(self.now.get() + 1_000_000);
        self.now.get()
    }

    async fn read_answer(
        &self,
        exchange: &mut Exchange<'_>,
        lease: &Vec<u8>,
    ) -> Result<Vec<u8>, GatewayError> {
        Ok(lease[exchange.answer.len..].to_vec())
    }
}

fn proxy(uri: &str, request_parameters: Vec<RequestParameter>) -> Integration {
    Integration {
        uri: Some(uri.into()),
        http_method: Some(HttpMethod::Any),
        request_parameters,
        ..Integration::new(IntegrationType::HttpProxy)
    }
}

fn parameter(target: ParameterTarget, source: ParameterSource) -> RequestParameter {
    RequestParameter { target, source }
}

fn snapshot() -> Snapshot {
    let path = |name: &str| parameter(ParameterTarget::Path(name.into()), ParameterSource::Path(name.into()));
    let resource = |resource_path: &str, http_method, integration| Resource {
        id: "res".into(),
        path: resource_path.into(),
        methods: vec![Method::new(http_method, integration)],
    };
    let mock = Integration {
        request_templates: vec![("application/json".into(), "{statusCode: 200}".into())],
        responses: vec![IntegrationResponse {
            response_templates: vec![
                ("application/json".into(), "{\"ok\":true}".into()),
                ("text/plain".into(), "ok".into()),
            ],
            response_parameters: vec![ResponseParameter {
                header: "X-Mock".into(),
                source: ResponseSource::Static("yes".into()),
            }],
            ..IntegrationResponse::new(200)
        }],
        ..Integration::new(IntegrationType::Mock)
    };
    let mapped = vec![
        path("petId"),
        parameter(ParameterTarget::Query("q".into()), ParameterSource::Query("query".into())),
        parameter(ParameterTarget::Query("stage".into()), ParameterSource::Context("stage".into())),
        parameter(ParameterTarget::Header("X-Pet".into()), ParameterSource::Path("petId".into())),
        parameter(ParameterTarget::Header("X-Absent".into()), ParameterSource::Header("X-Nothing".into())),
    ];
    let resources = vec![
        resource("/pets", HttpMethod::Any, proxy("http://${stageVariables.backend}/pets", vec![])),
        resource("/pets/{petId}", HttpMethod::Get, proxy("http://10.0.0.1:9000/p/{petId}?fixed=1", mapped)),
        resource("/health", HttpMethod::Get, mock),
        resource(
            "/{proxy+}",
            HttpMethod::Any,
            proxy("http://10.0.0.1:9000/all/{proxy}", vec![path("proxy")]),
        ),
    ];
    serving(RestApi { resources, ..RestApi::default() })
}

/// An API whose stage `dev` is reached below `/v1/dev`.
fn serving(rest_api: RestApi) -> Snapshot {
    let stage = Stage {
        variables: [("backend".to_owned(), "pets.example:8000".to_owned())].into(),
        ..Stage::new("dev", Deployment { id: "dep".into(), rest_api }.into())
    };
    let configuration = Configuration {
        apis: vec![Api { id: "a1".into(), name: "pets".into(), stages: vec![stage] }.into()],
        domain_names: vec![DomainName {
            domain_name: "*".into(),
            base_path_mappings: vec![BasePathMapping {
                base_path: "v1".into(),
                rest_api_id: "a1".into(),
                stage: None,
            }],
        }],
        ..Configuration::default()
    };
    let settings = CompileSettings {
        region: "us-east-1".into(),
        account_id: "123456789012".into(),
        execute_api_suffix: "amazonaws.com".into(),
        path_addresses: true,
        default_log_format: crate::telemetry::access_log::PRESET_JSON.into(),
        ..CompileSettings::default()
    };
    compile(&configuration, &settings, &mut Registry::new()).unwrap()
}

/// What the client gets and what the integration was sent.
fn exchange(request: &str, answer: Result<&'static str, GatewayError>) -> (String, String) {
    exchange_with(&snapshot(), request, answer)
}

/// As [`exchange`], of this API. Lines of the heads end in `\n` in the texts.
fn exchange_with(
    snapshot: &Snapshot,
    request: &str,
    answer: Result<&'static str, GatewayError>,
) -> (String, String) {
    exchange_bytes(snapshot, request, "", answer)
}

/// As [`exchange_with`], with a body whose line ends stay what they are.
fn exchange_bytes(
    snapshot: &Snapshot,
    request: &str,
    body: &str,
    answer: Result<&'static str, GatewayError>,
) -> (String, String) {
    let bytes = (request.replace('\n', "\r\n") + body).into_bytes();
    let (mut head, mut answer_head) = (RequestHead::default(), ResponseHead::default());
    let parsed = parse_request(&bytes, &mut Scan::default(), &HeadLimits::default(), &mut head);
    assert_eq!(parsed, Ok(Parsed::Complete));
    let mut exchange = Exchange::new(&bytes, &head, &mut answer_head, IdSource::new(1).next_id());
    exchange.unix_millis = 1_674_162_806_000;
    let env = FakeEnv::new(answer);
    {
        let mut serve = pin!(serve(&env, snapshot, &mut exchange));
        let Poll::Ready(_) = serve.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("it waits")
        };
    }
    (
        String::from_utf8(exchange.out).unwrap().replace("\r\n", "\n"),
        env.sent.into_inner().replace("\r\n", "\n"),
    )
}

const OK: Result<&str, GatewayError> =
    Ok("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer: s\r\nX-A: b\r\n\r\nhi");

#[test]
fn an_integration_request_is_the_method_request_without_what_ends_here() {
    let request = "GET /v1/dev/pets?a=1 HTTP/1.1\nHost: h\nAccept: */*\nConnection: x-hop\nX-Hop: 1\nVia: v\nUser-Agent: u\nX-B: c\n\n";
    let (_, sent) = exchange(request, OK);
    let lines: Vec<&str> = sent.lines().collect();
    assert_eq!(lines[0], "GET /pets?a=1 HTTP/1.1");
    assert_eq!(lines[1], "Host: pets.example:8000");
    assert_eq!(lines[2], "X-Amzn-Apigateway-Api-Id: a1");
    assert_eq!(lines[3..6], ["Accept: */*", "User-Agent: u", "X-B: c"]);
    assert!(lines[6].starts_with("X-Amzn-Trace-Id: Root=1-63c9b276-"), "{sent}");
    assert_eq!(lines[6].len(), "X-Amzn-Trace-Id: Root=1-".len() + 8 + 1 + 24, "{sent}");
    assert!(sent.ends_with("\n\n") && lines.len() == 8, "{sent}");
}

#[test]
fn mappings_fill_path_query_and_headers() {
    let (_, sent) = exchange("GET /v1/dev/pets/7%20a?query=x%26 HTTP/1.1\nHost: h\n\n", OK);
    assert!(sent.starts_with("GET /p/7%20a?fixed=1&query=x%26&q=x%26&stage=dev HTTP/1.1\n"), "{sent}");
    assert!(sent.contains("\nX-Pet: 7%20a\n"), "{sent}");
    assert!(!sent.contains("X-Absent"), "{sent}");
    assert!(sent.contains("\nUser-Agent: AmazonAPIGateway_a1\n"), "{sent}");
}

#[test]
fn bodies_are_framed_anew() {
    let (_, sent) = exchange("POST /v1/dev/pets HTTP/1.1\nHost: h\nContent-Length: 5\n\nhello", OK);
    assert!(sent.ends_with("\nContent-Length: 5\n\n"), "{sent}");
    let (_, sent) = exchange("POST /v1/dev/pets HTTP/1.1\nHost: h\nTransfer-Encoding: chunked\n\n0\n\n", OK);
    assert!(sent.ends_with("\nTransfer-Encoding: chunked\n\n"), "{sent}");
    let (_, sent) = exchange("POST /v1/dev/pets HTTP/1.1\nHost: h\n\n", OK);
    assert!(sent.ends_with("\nContent-Length: 0\n\n"), "{sent}");
}

#[test]
fn a_verb_that_is_not_the_clients_decides_what_the_integrations_answer_is() {
    let overridden = |verb: &str, by: &str| {
        let request = format!("{verb} /v1/dev/pets HTTP/1.1\nHost: h\nX-HTTP-Method-Override: {by}\n\n");
        exchange(&request, OK)
    };
    let (out, sent) = overridden("GET", "HEAD");
    assert!(sent.starts_with("HEAD /pets"), "{sent}");
    assert!(
        out.contains("\nContent-Length: 0\n"),
        "a client that asked with GET would wait for a body: {out}"
    );
    let (out, sent) = overridden("HEAD", "GET");
    assert!(sent.starts_with("GET /pets"), "{sent}");
    assert!(out.contains("\nContent-Length: 2\n") && out.ends_with("\n\n"), "{out}");
    let (_, sent) = overridden("GET", "POST");
    assert!(sent.ends_with("\nContent-Length: 0\n\n"), "{sent}");
}

#[test]
fn a_method_response_has_the_gateways_headers_and_the_backends_under_other_names() {
    let (out, _) = exchange("GET /v1/dev/pets HTTP/1.1\nHost: h\n\n", OK);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "HTTP/1.1 200 OK");
    assert_eq!(lines[1], "Date: D");
    assert!(lines[2].starts_with("x-amzn-RequestId: ") && lines[2].len() == 18 + 36, "{out}");
    assert!(lines[3].starts_with("x-amz-apigw-id: ") && lines[3].ends_with('='), "{out}");
    assert_eq!(
        lines[4..],
        [
            "X-A: b",
            "x-amzn-Remapped-Content-Length: 2",
            "x-amzn-Remapped-Server: s",
            "Content-Type: application/json",
            "Content-Length: 2",
            ""
        ]
    );
}

#[test]
fn answers_of_unknown_length_are_chunked_but_for_http_1_0() {
    const UNKNOWN: Result<&str, GatewayError> = Ok("HTTP/1.1 200 OK\r\n\r\nhi");
    let (out, _) = exchange("GET /v1/dev/pets HTTP/1.1\nHost: h\n\n", UNKNOWN);
    assert!(out.ends_with("Transfer-Encoding: chunked\n\n"), "{out}");
    let (out, _) = exchange("GET /v1/dev/pets HTTP/1.0\nConnection: keep-alive\n\n", UNKNOWN);
    assert!(out.ends_with("\nConnection: close\n\n"), "{out}");
    let (out, _) = exchange("GET /v1/dev/pets HTTP/1.0\nConnection: keep-alive\n\n", OK);
    assert!(out.ends_with("\nContent-Length: 2\nConnection: keep-alive\n\n"), "{out}");
}

#[test]
fn head_keeps_the_length_and_304_has_no_body() {
    const LONG: Result<&str, GatewayError> = Ok("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n");
    let (out, _) = exchange("HEAD /v1/dev/pets HTTP/1.1\nHost: h\n\n", LONG);
    assert!(out.contains("\nContent-Length: 99\n"), "{out}");
    let (out, _) =
        exchange("GET /v1/dev/pets HTTP/1.1\nHost: h\n\n", Ok("HTTP/1.1 304 Not Modified\r\n\r\n"));
    assert!(!out.contains("\nContent-Length"), "{out}");
}

#[test]
fn unknown_paths_methods_and_stages_are_refused_as_aws_does() {
    for (request, status, kind) in [
        ("DELETE /v1/dev/health HTTP/1.1\nHost: h\n\n", "403", "MissingAuthenticationTokenException"),
        ("GET /v1/dev HTTP/1.1\nHost: h\n\n", "403", "MissingAuthenticationTokenException"),
        ("TRACE /v1/dev/pets HTTP/1.1\nHost: h\n\n", "403", "MissingAuthenticationTokenException"),
        ("GET /v1/test/pets HTTP/1.1\nHost: h\n\n", "403", "ForbiddenException"),
        ("GET /v9/dev/pets HTTP/1.1\nHost: h\n\n", "403", "ForbiddenException"),
    ] {
        let (out, sent) = exchange(request, OK);
        assert!(out.starts_with(&format!("HTTP/1.1 {status} ")), "{request}{out}");
        assert!(out.contains(&format!("\nx-amzn-ErrorType: {kind}\n")), "{request}{out}");
        assert!(sent.is_empty(), "{request}");
    }
    let (out, _) = exchange("GET /v1/dev HTTP/1.1\nHost: h\n\n", OK);
    assert!(out.ends_with("\n\n{\"message\":\"Missing Authentication Token\"}"), "{out}");
}

#[test]
fn execute_api_hosts_and_greedy_routes_lead_to_the_same_stage() {
    let host = "a1.execute-api.us-east-1.amazonaws.com";
    let (_, sent) = exchange(&format!("GET /dev/x/y/?z HTTP/1.1\nHost: {host}\n\n"), OK);
    assert!(sent.starts_with("GET /all/x/y?z HTTP/1.1\n"), "{sent}");
}

#[test]
fn a_path_may_name_api_and_stage_where_the_host_does_not() {
    for target in ["/restapis/a1/dev/_user_request_/pets?a=1", "/_aws/execute-api/a1/dev/pets?a=1"] {
        let (_, sent) = exchange(&format!("GET {target} HTTP/1.1\nHost: 127.0.0.1:8080\n\n"), OK);
        assert!(sent.starts_with("GET /pets?a=1 HTTP/1.1\n"), "{target}: {sent}");
    }
    let (out, _) = exchange("GET /restapis/a1/dev/pets HTTP/1.1\nHost: h\n\n", OK);
    assert!(out.starts_with("HTTP/1.1 403 "), "{out}");
}

#[test]
fn mock_answers_by_the_first_accepted_type() {
    let (out, _) = exchange("GET /v1/dev/health HTTP/1.1\nHost: h\n\n", OK);
    assert!(
        out.contains("\nX-Mock: yes\nContent-Type: application/json\n") && out.ends_with("\n\n{\"ok\":true}"),
        "{out}"
    );
    let (out, _) = exchange("GET /v1/dev/health HTTP/1.1\nHost: h\nAccept: text/plain;q=1, */*\n\n", OK);
    assert!(out.contains("\nContent-Type: text/plain\n") && out.ends_with("\n\nok"), "{out}");
    let (out, _) = exchange("GET /v1/dev/health HTTP/1.1\nHost: h\nAccept: image/png\n\n", OK);
    assert!(out.ends_with("{\"ok\":true}"), "{out}");
}

#[test]
fn failures_of_the_integration_have_their_statuses() {
    for (error, status, message) in [
        (GatewayError::IntegrationTimeout, "504 Gateway Timeout", "Endpoint request timed out"),
        (GatewayError::BadIntegrationResponse, "502 Bad Gateway", "Internal server error"),
        (GatewayError::Overloaded, "503 Service Unavailable", "Service Unavailable"),
    ] {
        let (out, _) = exchange("GET /v1/dev/pets HTTP/1.1\nHost: h\n\n", Err(error));
        assert!(out.starts_with(&format!("HTTP/1.1 {status}\n")), "{out}");
        assert!(out.ends_with(&format!("\n\n{{\"message\":\"{message}\"}}")), "{out}");
    }
    let (out, _) = exchange("HEAD /v1/dev/pets HTTP/1.1\nHost: h\n\n", Err(GatewayError::IntegrationTimeout));
    assert!(out.contains("\nContent-Length: 40\n") && out.ends_with("\n\n"), "{out}");
}

#[test]
fn a_client_may_override_verb_and_request_id() {
    let id = "01234567-89ab-4cde-8f01-23456789abcd";
    let request = format!(
        "POST /v1/dev/health HTTP/1.1\nHost: h\nX-HTTP-Method-Override: GET\nx-amzn-RequestId: {id}\n\n"
    );
    let (out, _) = exchange(&request, OK);
    assert!(out.starts_with("HTTP/1.1 200") && out.contains(&format!("\nx-amzn-RequestId: {id}\n")), "{out}");
}

#[test]
fn trace_ids_of_clients_are_kept() {
    let (_, sent) =
        exchange("GET /v1/dev/pets HTTP/1.1\nHost: h\nX-Amzn-Trace-Id: Root=1-1-2;Sampled=1\n\n", OK);
    assert!(sent.contains("\nX-Amzn-Trace-Id: Root=1-1-2;Sampled=1\n"), "{sent}");
    let (_, sent) = exchange("GET /v1/dev/pets HTTP/1.1\nHost: h\nX-Amzn-Trace-Id: Self=9\n\n", OK);
    assert!(sent.contains(";Self=9\n") && sent.contains("Root=1-63c9b276-"), "{sent}");
}
