//! What the execution log says of whole exchanges.

use super::*;

/// The answer and the log, without the time of its lines.
fn explained(request: &str, body: &str, answer: Result<&'static str, GatewayError>) -> (String, Vec<String>) {
    let snapshot = snapshot();
    let bytes = (request.replace('\n', "\r\n") + body).into_bytes();
    let (mut head, mut answer_head) = (RequestHead::default(), ResponseHead::default());
    let parsed = parse_request(&bytes, &mut Scan::default(), &HeadLimits::default(), &mut head);
    assert_eq!(parsed, Ok(Parsed::Complete));
    let mut exchange = Exchange::new(&bytes, &head, &mut answer_head, IdSource::new(1).next_id());
    exchange.unix_millis = 1_674_162_806_000;
    let env = FakeEnv::new(answer);
    let log = begin_log(&snapshot, &mut exchange, &["host"]);
    {
        let mut serve = pin!(serve_explained(&env, &snapshot, &mut exchange, &log));
        let Poll::Ready(_) = serve.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("it waits")
        };
    }
    let text = log.text();
    let lines = text
        .lines()
        .skip(2)
        .map(|line| line.trim_start_matches("Thu Jan 19 21:13:26 UTC 2023 : ").to_owned());
    (String::from_utf8(exchange.out).unwrap().replace("\r\n", "\n"), lines.collect())
}

#[test]
fn a_proxied_request_is_explained_and_answered_as_ever() {
    let request =
        "POST /v1/dev/pets?a=1 HTTP/1.1\nHost: h\nAuthorization: Basic 0123456789\nContent-Length: 5\n\n";
    let (answer, log) = explained(request, "hello", OK);
    assert_eq!(answer, exchange_bytes(&snapshot(), request, "hello", OK).0);
    assert_eq!(
        log[..5],
        [
            "HTTP Method: POST, Resource Path: /pets",
            "Method request path: {}",
            "Method request query string: {a=1}",
            "Method request headers: {Authorization=**********456789, Content-Length=5}",
            "Method request body before transformations: hello",
        ]
    );
    assert_eq!(log[5], "Endpoint request URI: http://pets.example:8000/pets?a=1");
    assert!(log[6].contains("Host=pets.example:8000") && log[6].contains("**********456789"), "{}", log[6]);
    assert!(!log.join("").contains("0123456789"));
    assert_eq!(
        log[7..11],
        [
            "Endpoint request body after transformations: hello",
            "Sending request to http://pets.example:8000/pets?a=1",
            "Received response. Status: 200",
            "Endpoint response headers: {Content-Length=2, Server=s, X-A=b}",
        ]
    );
    assert_eq!(log[11], "Endpoint response body before transformations: hi");
    assert_eq!(log[12], "Method response body after transformations: hi");
    assert!(
        log[13].starts_with("Method response headers: {") && log[13].contains("x-amzn-RequestId="),
        "{log:?}"
    );
    assert_eq!(log[14..], ["Successfully completed execution", "Method completed with status: 200"]);
}

#[test]
fn a_mock_has_no_endpoint() {
    let (_, log) = explained("GET /v1/dev/health HTTP/1.1\nHost: h\n\n", "", OK);
    assert_eq!(log[0], "HTTP Method: GET, Resource Path: /health");
    assert_eq!(log[5], "Method response body after transformations: {\"ok\":true}");
    assert!(!log.iter().any(|line| line.contains("ndpoint")), "{log:#?}");
}

#[test]
fn path_parameters_and_failures_are_told() {
    let (_, log) =
        explained("GET /v1/dev/pets/7 HTTP/1.1\nHost: h\n\n", "", Err(GatewayError::IntegrationTimeout));
    assert_eq!(log[1], "Method request path: {petId=7}");
    assert_eq!(
        log[9..12],
        [
            "Execution failed due to an integration error: The integration did not answer in time",
            "Execution failed due to INTEGRATION_TIMEOUT: Endpoint request timed out",
            "Gateway response type: INTEGRATION_TIMEOUT with status code: 504",
        ]
    );
    let (_, log) = explained("DELETE /v1/dev/health HTTP/1.1\nHost: h\n\n", "", OK);
    assert_eq!(log[6], "Gateway response type: MISSING_AUTHENTICATION_TOKEN with status code: 403");
}

#[test]
fn the_stage_is_known_before_the_request_is_served() {
    let snapshot = snapshot();
    let stage = |target: &str| {
        let bytes = format!("PUT {target} HTTP/1.1\r\nHost: h\r\n\r\n").into_bytes();
        let (mut head, mut answer) = (RequestHead::default(), ResponseHead::default());
        parse_request(&bytes, &mut Scan::default(), &HeadLimits::default(), &mut head).unwrap();
        let mut exchange = Exchange::new(&bytes, &head, &mut answer, IdSource::new(1).next_id());
        let found = stage_of(&snapshot, &mut exchange);
        found.map(|(stage, path)| (stage.stage_name.to_string(), String::from_utf8(path.to_vec()).unwrap()))
    };
    assert_eq!(stage("/v1/dev/pets/7"), Some(("dev".into(), "/pets/7".into())));
    assert_eq!(stage("/v1/dev"), Some(("dev".into(), String::new())), "though no method answers there");
    assert_eq!(stage("/v1/prod/pets"), None);
}
