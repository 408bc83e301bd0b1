use super::*;

fn pair(name: &str, value: &str) -> (String, String) {
    (name.into(), value.into())
}

fn request() -> ClientRequest {
    ClientRequest {
        request_id: "id".into(),
        // Mon, 23 Nov 2026 03:00:00 GMT
        unix_millis: 1_795_402_800_123,
        method: "POST".into(),
        path: "/pets/7".into(),
        path_parameters: vec![pair("petId", "7")],
        query: vec![pair("a", "b"), pair("api_key", "0123456789abcdef")],
        headers: vec![pair("Accept", "*/*"), pair("AUTHORIZATION", "Bearer 0123456789abcdef")],
    }
}

fn lines(log: &ExecutionLog) -> Vec<String> {
    let text = log.text();
    let lines =
        text.lines().map(|line| line.trim_start_matches("Mon Nov 23 03:00:00 UTC 2026 : ").to_owned());
    lines.collect()
}

#[test]
fn the_lines_are_those_of_aws_in_its_order() {
    let log = ExecutionLog::new(request(), BodyLength::Length(5));
    log.request_bytes(b"helloGET /next");
    let sent =
        b"POST /p?access_token=short&x=1 HTTP/1.1\r\nHost: h\r\nX-Api-Key: k1k2k3k4k5k6k7\r\n\r\n{\"a\":1}";
    log.endpoint_request("h", 80, sent, false);
    let headers = [(&b"Set-Cookie"[..], &b"session=0123456789"[..])];
    log.endpoint_response(200, headers.into_iter(), BodyLength::Chunked, b"3\r\nabc\r\n");
    log.endpoint_bytes(b"2\r\nde\r\n0\r\n\r\n");
    let encoded = b"HTTP/1.1 201 Created\r\nX-A: b\r\n\r\nanswer".to_vec();
    log.response(ClientResponse { status: 201, encoded, body_passes: false, error: None });
    assert!(log.text().lines().nth(1).unwrap().starts_with("Mon Nov 23 03:00:00 UTC 2026 : Starting"));
    assert_eq!(
        lines(&log),
        [
            "Execution log for request id",
            "Starting execution for request: id",
            "HTTP Method: POST, Resource Path: /pets/7",
            "Method request path: {petId=7}",
            "Method request query string: {a=b, api_key=**********abcdef}",
            "Method request headers: {Accept=*/*, AUTHORIZATION=*****************abcdef}",
            "Method request body before transformations: hello",
            "Endpoint request URI: http://h:80/p?access_token=*****&x=1",
            "Endpoint request headers: {Host=h, X-Api-Key=********k5k6k7}",
            "Endpoint request body after transformations: {\"a\":1}",
            "Sending request to http://h:80/p?access_token=*****&x=1",
            "Received response. Status: 200",
            "Endpoint response headers: {Set-Cookie=************456789}",
            "Endpoint response body before transformations: abcde",
            "Method response body after transformations: answer",
            "Method response headers: {X-A=b}",
            "Successfully completed execution",
            "Method completed with status: 201",
        ]
    );
}

#[test]
fn bodies_that_pass_are_shown_as_they_were_received() {
    let log = ExecutionLog::new(request(), BodyLength::Chunked);
    log.request_bytes(b"2\r\nhe\r\n3\r\nl");
    log.endpoint_request("h", 80, b"POST / HTTP/1.1\r\nHost: h\r\n\r\n2\r\nhe\r\n", true);
    log.request_bytes(b"lo\r\n0\r\n\r\n");
    log.endpoint_response(200, std::iter::empty(), BodyLength::Length(4), b"an");
    log.endpoint_bytes(b"swNEXT");
    let encoded = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    log.response(ClientResponse { status: 200, encoded, body_passes: true, error: None });
    let lines = lines(&log);
    for line in [
        "Method request body before transformations: hello",
        "Endpoint request body after transformations: hello",
        "Endpoint response body before transformations: answ",
        "Method response body after transformations: answ",
    ] {
        assert!(lines.iter().any(|known| known == line), "{line} is not in {lines:#?}");
    }
}

#[test]
fn failures_are_told_and_nothing_is_called_a_success() {
    let log = ExecutionLog::new(request(), BodyLength::None);
    log.failure("The integration did not answer in time");
    let encoded = b"HTTP/1.1 504 Gateway Timeout\r\nX-A: b\r\n\r\n{}".to_vec();
    let error = Some(("INTEGRATION_TIMEOUT", "Endpoint request timed out".to_owned()));
    log.response(ClientResponse { status: 504, encoded, body_passes: false, error });
    assert_eq!(
        lines(&log)[7..],
        [
            "Execution failed due to an integration error: The integration did not answer in time",
            "Execution failed due to INTEGRATION_TIMEOUT: Endpoint request timed out",
            "Gateway response type: INTEGRATION_TIMEOUT with status code: 504",
            "Gateway response body: {}",
            "Gateway response headers: {X-A=b}",
            "Method completed with status: 504",
        ]
    );
    let unanswered = ExecutionLog::new(request(), BodyLength::None);
    assert_eq!(lines(&unanswered)[7..], ["Execution failed: the request ended without an answer"]);
}

#[test]
fn events_are_bounded_and_harmless() {
    let body = "ä".repeat(2_000);
    let log = ExecutionLog::new(
        ClientRequest { path: "/\u{1b}[2J\nx".into(), ..request() },
        BodyLength::Length(body.len() as u64),
    );
    for piece in body.as_bytes().chunks(7) {
        log.request_bytes(piece);
    }
    log.endpoint_request("h", 80, b"GET / HTTP/1.1\r\n\r\n\xff\xfe", false);
    let text = log.text();
    assert!(text.contains("Resource Path: /\u{fffd}[2J\nx\n"), "{text}");
    assert!(text.contains("Endpoint request body after transformations: [Binary Data]\n"), "{text}");
    let line = text.lines().find(|line| line.contains("Method request body")).unwrap();
    let event = line.strip_prefix("Mon Nov 23 03:00:00 UTC 2026 : ").unwrap();
    let event = event.strip_suffix(" [TRUNCATED]").unwrap();
    assert!(event.ends_with('ä') && (LOG_EVENT_BYTES_MAX - 1..=LOG_EVENT_BYTES_MAX).contains(&event.len()));
}

#[test]
fn the_end_of_a_short_secret_is_not_shown() {
    for (value, shown) in [("", ""), ("secret", "******"), ("secretsecret", "************")] {
        assert_eq!(masked(value), shown);
    }
    assert_eq!(masked("secretsecret!"), "*******ecret!");
    assert_eq!(masked("geheimgeheimñ"), "*******eheimñ");
}
