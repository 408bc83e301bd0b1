//! HTTP and MOCK integrations: what the gateway writes itself.

use super::*;
use crate::model::GatewayResponseType as Type;

const JSON: &str = "application/json";

fn resource(path: &str, method: Method) -> Resource {
    Resource { id: "res".into(), path: path.into(), methods: vec![method] }
}

pub(super) fn http(uri: &str) -> Integration {
    Integration {
        uri: Some(uri.into()),
        http_method: Some(HttpMethod::Any),
        responses: vec![IntegrationResponse::new(200)],
        ..Integration::new(IntegrationType::Http)
    }
}

fn serving_one(integration: Integration) -> Snapshot {
    serving_method(Method::new(HttpMethod::Any, integration))
}

pub(super) fn serving_method(method: Method) -> Snapshot {
    serving(RestApi { resources: vec![resource("/x/{id}", method)], ..RestApi::default() })
}

fn templates(entries: &[(&str, &str)]) -> Templates {
    entries.iter().map(|&(media_type, text)| (media_type.into(), text.into())).collect()
}

const HELLO: Result<&str, GatewayError> =
    Ok("HTTP/1.1 200 OK\r\nContent-Length: 13\r\nX-A: b\r\nServer: s\r\n\r\n{\"a\":[1,\"b\"]}");

#[test]
fn nothing_of_the_client_passes_to_http_but_what_is_mapped() {
    let mut integration = http("http://h:9/p/{id}?fixed=1");
    integration.request_parameters = vec![
        parameter(ParameterTarget::Path("id".into()), ParameterSource::Path("id".into())),
        parameter(ParameterTarget::Query("q".into()), ParameterSource::MultiValueQuery("q".into())),
        parameter(ParameterTarget::Header("X-All".into()), ParameterSource::MultiValueHeader("X-A".into())),
        parameter(ParameterTarget::Header("X-Name".into()), ParameterSource::Body(Some("$.pet.name".into()))),
        parameter(ParameterTarget::Header("X-None".into()), ParameterSource::Header("x-a".into())),
    ];
    let snapshot = serving_one(integration);
    let request = "POST /v1/dev/x/7?q=1&q=2&z=3 HTTP/1.1\nHost: h\nX-A: a\nX-A: b\nAccept: text/html\n\
                   Content-Type: text/plain\nContent-Length: 22\n\n{\"pet\":{\"name\":\"Rex\"}}";
    let (out, sent) = exchange_with(&snapshot, request, HELLO);
    let lines: Vec<&str> = sent.lines().collect();
    assert_eq!(lines[0], "POST /p/7?fixed=1&q=1&q=2 HTTP/1.1");
    assert_eq!(lines[1..3], ["Host: h:9", "X-Amzn-Apigateway-Api-Id: a1"]);
    assert_eq!(lines[3..5], ["X-All: a,b", "X-Name: Rex"]);
    assert_eq!(
        lines[5..8],
        ["Accept: application/json", "User-Agent: AmazonAPIGateway_a1", "Content-Type: text/plain"]
    );
    assert!(lines[8].starts_with("X-Amzn-Trace-Id: Root=1-"), "{sent}");
    assert!(sent.ends_with("\nContent-Length: 22\n\n{\"pet\":{\"name\":\"Rex\"}}"), "{sent}");
    assert!(out.starts_with("HTTP/1.1 200 OK\n") && out.ends_with("\n\n{\"a\":[1,\"b\"]}"), "{out}");
    assert!(!out.contains("X-A:") && out.contains("\nX-Amzn-Trace-Id: Root=1-"), "{out}");
    assert!(out.contains("\nContent-Type: application/json\n"), "{out}");
}

#[test]
fn a_body_that_is_mapped_and_no_json_is_refused() {
    let mut integration = http("http://h/");
    let name = ParameterSource::Body(Some("$.name".into()));
    integration.request_parameters = vec![parameter(ParameterTarget::Header("X".into()), name)];
    let request = "POST /v1/dev/x/7 HTTP/1.1\nHost: h\nContent-Length: 6\n\n{wrong";
    let (out, sent) = exchange_with(&serving_one(integration), request, HELLO);
    assert!(
        out.starts_with("HTTP/1.1 400 ") && out.ends_with("{\"message\":\"Invalid JSON in request body\"}"),
        "{out}"
    );
    assert!(sent.is_empty());
}

#[test]
fn templates_write_both_bodies_and_override_what_is_mapped() {
    let mut integration = http("http://h/{id}");
    integration.request_parameters = vec![
        parameter(ParameterTarget::Path("id".into()), ParameterSource::Path("id".into())),
        parameter(ParameterTarget::Header("X-M".into()), ParameterSource::Static("mapped".into())),
    ];
    integration.request_templates = templates(&[(
        JSON,
        "#set($context.requestOverride.header.X-M = \"over\")\
         #set($context.requestOverride.path.id = \"a b\")\
         #set($context.requestOverride.querystring.q = \"1&2\")\
         {\"id\":\"$input.params('id')\",\"n\":$input.json('$.n'),\"stage\":\"$context.stage\",\"v\":\"$stageVariables.backend\"}",
    )]);
    integration.responses = vec![IntegrationResponse {
        response_templates: templates(&[(
            JSON,
            "#set($context.responseOverride.status = 201)#set($context.responseOverride.header.X-H = \"r\")$input.path('$.a')[1]",
        )]),
        ..IntegrationResponse::new(200)
    }];
    let request = "PUT /v1/dev/x/7 HTTP/1.1\nHost: h\nContent-Length: 8\n\n{\"n\":42}";
    let (out, sent) = exchange_with(&serving_one(integration), request, HELLO);
    assert!(sent.starts_with("PUT /a%20b?q=1%262 HTTP/1.1\n"), "{sent}");
    assert!(sent.contains("\nX-M: over\n") && !sent.contains("mapped"), "{sent}");
    assert!(
        sent.ends_with("\n\n{\"id\":\"7\",\"n\":42,\"stage\":\"dev\",\"v\":\"pets.example:8000\"}"),
        "{sent}"
    );
    assert!(
        out.starts_with("HTTP/1.1 201 ") && out.contains("\nX-H: r\n") && out.ends_with("\n\nb"),
        "{out}"
    );
}

/// tables.md §2.1, §2.2, §2.3: rows are request types (absent, JSON, XML), columns the three behaviours. `T` the template, `B` the body as
/// it is, `-` 415.
#[test]
fn the_passthrough_tables() {
    use PassthroughBehavior::{Never, WhenNoMatch, WhenNoTemplates};
    let tables: [(&[&str], [&str; 3]); 3] = [
        (&[JSON], ["TTT", "TTT", "B--"]),
        (&["application/xml"], ["B--", "B--", "TTT"]),
        (&[], ["BB-", "BB-", "BB-"]),
    ];
    for (types, rows) in tables {
        for (header, row) in
            ["", "Content-Type: application/json; charset=utf-8\n", "Content-Type: application/xml\n"]
                .iter()
                .zip(rows)
        {
            for (behavior, expected) in [WhenNoMatch, WhenNoTemplates, Never].into_iter().zip(row.chars()) {
                let mut integration = http("http://h/");
                integration.passthrough_behavior = behavior;
                integration.request_templates =
                    types.iter().map(|kind| ((*kind).into(), "T".into())).collect();
                let request = format!("POST /v1/dev/x/7 HTTP/1.1\nHost: h\n{header}Content-Length: 1\n\nB");
                let (out, sent) = exchange_with(&serving_one(integration), &request, HELLO);
                let got = if out.starts_with("HTTP/1.1 415 ") { '-' } else { sent.chars().last().unwrap() };
                assert_eq!(got, expected, "{types:?} {header}{behavior:?}: {out}");
            }
        }
    }
}

#[test]
fn the_status_of_the_backend_selects_the_answer() {
    let mut integration = http("http://h/");
    let response = |pattern: Option<&str>, status| IntegrationResponse {
        selection_pattern: pattern.map(str::to_owned),
        ..IntegrationResponse::new(status)
    };
    integration.responses =
        vec![response(None, 200), response(Some("40"), 299), response(Some("4\\d{2}"), 444)];
    let answer = |status: &'static str| {
        let (out, _) = exchange_with(
            &serving_one(integration.clone()),
            "GET /v1/dev/x/7 HTTP/1.1\nHost: h\n\n",
            Ok(status),
        );
        out[9..12].to_owned()
    };
    assert_eq!(answer("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"), "444");
    assert_eq!(
        answer("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"),
        "200",
        "the default answers (tables.md §2.4)"
    );
    let mut without = integration.clone();
    without.responses.remove(0);
    let (out, _) = exchange_with(&serving_one(without), "GET /v1/dev/x/7 HTTP/1.1\nHost: h\n\n", HELLO);
    assert!(
        out.starts_with("HTTP/1.1 500 ") && out.ends_with("{\"message\":\"Internal server error\"}"),
        "{out}"
    );
}

#[test]
fn response_headers_are_mapped_and_those_of_the_connection_remapped() {
    let mut integration = http("http://h/");
    let parameter = |header: &str, source| ResponseParameter { header: header.into(), source };
    integration.responses[0].response_parameters = vec![
        parameter("X-B", ResponseSource::Header("X-A".into())),
        parameter("X-C", ResponseSource::Header("x-a".into())),
        parameter("Server", ResponseSource::Static("mine".into())),
        parameter("X-J", ResponseSource::Body(Some("$.a[0]".into()))),
        parameter("X-I", ResponseSource::Context("requestId".into())),
        parameter("Transfer-Encoding", ResponseSource::Static("x".into())),
    ];
    let (out, _) = exchange_with(&serving_one(integration), "GET /v1/dev/x/7 HTTP/1.1\nHost: h\n\n", HELLO);
    assert!(out.contains("\nX-B: b\nx-amzn-Remapped-Server: mine\nX-J: 1\nX-I: "), "{out}");
    assert!(!out.contains("X-C:") && !out.contains("Transfer-Encoding"), "{out}");
}

#[test]
fn mock_templates_choose_the_answer_and_may_override_it() {
    let mut integration = Integration::new(IntegrationType::Mock);
    integration.request_templates =
        templates(&[(JSON, "{\"statusCode\": #if($input.params('id') == '7')200#{else}404#end}")]);
    integration.responses = vec![
        IntegrationResponse {
            response_templates: templates(&[(JSON, "{\"id\":\"$input.params('id')\"}")]),
            ..IntegrationResponse::new(200)
        },
        IntegrationResponse { selection_pattern: Some("404".into()), ..IntegrationResponse::new(404) },
    ];
    let snapshot = serving_one(integration);
    let get = |path: &str| {
        exchange_with(&snapshot, &format!("GET /v1/dev/x/{path} HTTP/1.1\nHost: h\n\n"), HELLO).0
    };
    assert!(get("7").ends_with("\n\n{\"id\":\"7\"}"), "{}", get("7"));
    assert!(get("8").starts_with("HTTP/1.1 404 "), "{}", get("8"));
    assert!(!get("7").contains("X-Amzn-Trace-Id"));
    let mut broken = Integration::new(IntegrationType::Mock);
    broken.request_templates = templates(&[(JSON, "no status")]);
    broken.responses = vec![IntegrationResponse::new(200)];
    let (out, _) = exchange_with(&serving_one(broken), "GET /v1/dev/x/7 HTTP/1.1\nHost: h\n\n", HELLO);
    assert!(out.starts_with("HTTP/1.1 500 "), "{out}");
}

/// tables.md §2.4: recorded with status 444.
#[test]
fn a_request_template_of_a_mock_can_set_the_status_of_the_answer() {
    let mut integration = Integration::new(IntegrationType::Mock);
    integration.request_templates =
        templates(&[(JSON, "#set($context.responseOverride.status = 444){\"statusCode\": 200}")]);
    integration.responses = vec![IntegrationResponse::new(200)];
    let (out, _) = exchange_with(&serving_one(integration), "GET /v1/dev/x/7 HTTP/1.1\nHost: h\n\n", HELLO);
    assert!(out.starts_with("HTTP/1.1 444 "), "{out}");
}

fn validated(parameters: bool, body: bool) -> Snapshot {
    let key = |place, name: &str| (RequestParameterKey { place, name: name.into() }, true);
    let mut method = Method::new(HttpMethod::Any, proxy("http://h/", Vec::new()));
    method.request_validator = Some("v".into());
    method.request_models = [(JSON.to_owned(), "Pet".to_owned())].into();
    method.request_parameters = [
        key(RequestParameterPlace::Querystring, "qs1"),
        key(RequestParameterPlace::Header, "x-header-param"),
        key(RequestParameterPlace::Path, "id"),
    ]
    .into();
    let schema = r#"{"type":"object","required":["type"]}"#;
    serving(RestApi {
        resources: vec![resource("/x/{id}", method)],
        models: vec![Model {
            name: "Pet".into(),
            content_type: JSON.into(),
            description: None,
            schema: schema.into(),
        }],
        request_validators: vec![RequestValidator {
            name: "v".into(),
            validate_request_body: body,
            validate_request_parameters: parameters,
        }],
        gateway_responses: vec![GatewayResponse {
            response_type: Type::BadRequestBody,
            status_code: Some(422),
            response_parameters: vec![(
                "X-Why".into(),
                GatewayResponseSource::Context("error.responseType".into()),
            )],
            response_templates: templates(&[(
                JSON,
                "{\"m\":$context.error.messageString,\"why\":\"$context.error.validationErrorString\"}",
            )]),
        }],
        ..RestApi::default()
    })
}

/// tables.md §14.3.
#[test]
fn requests_are_validated() {
    let (out, sent) =
        exchange_with(&validated(true, true), "POST /v1/dev/x/7?qs1= HTTP/1.1\nHost: h\n\n", OK);
    assert!(
        out.ends_with("{\"message\":\"Missing required request parameters: [x-header-param, qs1]\"}"),
        "{out}"
    );
    assert!(out.starts_with("HTTP/1.1 400 ") && sent.is_empty(), "{out}");
    let request = |body: &str| {
        format!(
            "POST /v1/dev/x/7?qs1=1 HTTP/1.1\nHost: h\nx-header-param: 1\nContent-Length: {}\n\n{body}",
            body.len()
        )
    };
    let (out, _) = exchange_with(&validated(true, true), &request("{\"type\":1}"), OK);
    assert!(out.starts_with("HTTP/1.1 200 "), "{out}");
    let (out, sent) = exchange_with(&validated(true, true), &request("{}"), OK);
    assert!(out.starts_with("HTTP/1.1 422 ") && out.contains("\nX-Why: BAD_REQUEST_BODY\n"), "{out}");
    assert!(
        out.ends_with(
            r#"{"m":"Invalid request body","why":"[object has missing required properties (["type"])]"}"#
        ),
        "{out}"
    );
    assert!(sent.is_empty());
    let (out, _) = exchange_with(&validated(false, false), "POST /v1/dev/x/7 HTTP/1.1\nHost: h\n\n", OK);
    assert!(out.starts_with("HTTP/1.1 200 "), "{out}");
    let (out, _) = exchange_with(
        &validated(false, true),
        "POST /v1/dev/x/7 HTTP/1.1\nHost: h\nContent-Type: text/plain\nContent-Length: 1\n\nx",
        OK,
    );
    assert!(out.starts_with("HTTP/1.1 200 "), "a type without a model is not validated: {out}");
}

#[test]
fn a_canary_takes_its_share() {
    let mock = |text: &str| {
        let mut integration = Integration::new(IntegrationType::Mock);
        integration.responses = vec![IntegrationResponse {
            response_templates: templates(&[(JSON, text)]),
            ..IntegrationResponse::new(200)
        }];
        RestApi {
            resources: vec![resource("/x", Method::new(HttpMethod::Any, integration))],
            ..RestApi::default()
        }
    };
    let deployment = |id: &str, text: &str| Deployment { id: id.into(), rest_api: mock(text) }.into();
    let stage = Stage {
        canary: Some(CanarySettings {
            percent_traffic: 30.0,
            deployment: deployment("new", "$context.isCanaryRequest $stageVariables.v"),
            stage_variable_overrides: [("v".to_owned(), "2".to_owned())].into(),
            use_stage_cache: false,
        }),
        ..Stage::new("dev", deployment("old", "$context.isCanaryRequest"))
    };
    let configuration = Configuration {
        apis: vec![Api { id: "a1".into(), name: "a".into(), stages: vec![stage] }.into()],
        domain_names: Vec::new(),
        ..Configuration::default()
    };
    let settings = CompileSettings {
        region: "r".into(),
        account_id: "1".into(),
        execute_api_suffix: "s".into(),
        path_addresses: false,
        default_log_format: "$context.requestId".into(),
        ..CompileSettings::default()
    };
    let snapshot = compile(&configuration, &settings, &mut Registry::new()).unwrap();
    let bytes = b"GET /dev/x HTTP/1.1\r\nHost: a1.execute-api.r.s\r\n\r\n";
    let (mut head, mut ids) = (RequestHead::default(), IdSource::new(1));
    assert_eq!(
        parse_request(bytes, &mut Scan::default(), &HeadLimits::default(), &mut head),
        Ok(Parsed::Complete)
    );
    let mut canaries = 0;
    for _ in 0..10_000 {
        let mut answer = ResponseHead::default();
        let mut exchange = Exchange::new(bytes, &head, &mut answer, ids.next_id());
        let env = FakeEnv::new(OK);
        {
            let served = pin!(serve(&env, &snapshot, &mut exchange));
            assert!(served.poll(&mut Context::from_waker(Waker::noop())).is_ready());
        }
        let out = String::from_utf8(exchange.out).unwrap();
        match out.rsplit_once("\r\n").unwrap().1 {
            "true 2" => canaries += 1,
            "false" => {}
            other => panic!("{other}"),
        }
    }
    assert!((2_800..3_200).contains(&canaries), "{canaries}");
}

/// The bodies of tables.md §1.3: R is not UTF-8, E its base64, T is no base64.
#[test]
fn the_tables_of_content_handling() {
    use super::super::payload::{encode_base64, to_client, to_integration};
    use ContentHandling::{ConvertToBinary, ConvertToText};
    let r = b"\x1f\x8b\x08\x00\xd3\xb5\xff\xfe".to_vec();
    let e = encode_base64(&r);
    let t = b"plain text, no base64!".to_vec();
    let replaced = "\u{1f}\u{fffd}\u{8}\u{0}\u{4f5}\u{fffd}\u{fffd}".as_bytes().to_vec();
    let error = || Err(GatewayError::ApiConfigurationError);
    let base64 = |bytes: &[u8]| Ok(encode_base64(bytes));
    let requests = [
        (false, None, Ok(replaced.clone()), Ok(e.clone()), Ok(t.clone())),
        (false, Some(ConvertToText), Ok(replaced.clone()), Ok(e.clone()), Ok(t.clone())),
        (false, Some(ConvertToBinary), error(), Ok(r.clone()), error()),
        (true, None, Ok(r.clone()), Ok(e.clone()), Ok(t.clone())),
        (true, Some(ConvertToText), Ok(e.clone()), base64(&e), base64(&t)),
        (true, Some(ConvertToBinary), Ok(r.clone()), Ok(e.clone()), Ok(t.clone())),
    ];
    for (binary, handling, of_r, of_e, of_t) in requests {
        for (body, expected) in [(&r, of_r), (&e, of_e), (&t, of_t)] {
            assert_eq!(to_integration(body.clone(), binary, handling), expected, "{binary} {handling:?}");
        }
    }
    let answers = [
        (false, false, None, Ok(replaced.clone()), Ok(e.clone()), Ok(t.clone())),
        (false, false, Some(ConvertToBinary), error(), Ok(r.clone()), error()),
        (true, false, None, error(), Ok(r.clone()), error()),
        (true, false, Some(ConvertToText), Ok(replaced.clone()), Ok(e.clone()), Ok(t.clone())),
        (true, false, Some(ConvertToBinary), error(), Ok(r.clone()), error()),
        (true, true, None, Ok(r.clone()), Ok(e.clone()), Ok(t.clone())),
        (true, true, Some(ConvertToText), Ok(e.clone()), base64(&e), base64(&t)),
        (true, true, Some(ConvertToBinary), Ok(r.clone()), Ok(e.clone()), Ok(t.clone())),
        (false, true, None, Ok(e.clone()), base64(&e), base64(&t)),
        (false, true, Some(ConvertToText), Ok(e.clone()), base64(&e), base64(&t)),
        (false, true, Some(ConvertToBinary), Ok(r.clone()), Ok(e.clone()), Ok(t.clone())),
    ];
    for (accepts, binary, handling, of_r, of_e, of_t) in answers {
        for (body, expected) in [(&r, of_r), (&e, of_e), (&t, of_t)] {
            assert_eq!(
                to_client(body.clone(), accepts, binary, handling),
                expected,
                "{accepts} {binary} {handling:?}"
            );
        }
    }
}

#[test]
fn answers_are_compressed_and_requests_are_not_any_more() {
    use super::super::payload::{Coding, compress, decompress};
    let mut rest_api = RestApi {
        resources: vec![resource("/x/{id}", Method::new(HttpMethod::Any, proxy("http://h/", Vec::new())))],
        minimum_compression_size: Some(2),
        ..RestApi::default()
    };
    let bytes_of = |snapshot: &Snapshot, request: &[u8]| {
        let (mut head, mut answer) = (RequestHead::default(), ResponseHead::default());
        let parsed = parse_request(request, &mut Scan::default(), &HeadLimits::default(), &mut head);
        assert_eq!(parsed, Ok(Parsed::Complete));
        let mut exchange = Exchange::new(request, &head, &mut answer, IdSource::new(1).next_id());
        let env = FakeEnv::new(OK);
        {
            let served = pin!(serve(&env, snapshot, &mut exchange));
            assert!(served.poll(&mut Context::from_waker(Waker::noop())).is_ready());
        }
        (exchange.out, env.sent.into_inner())
    };
    let snapshot = serving(rest_api.clone());
    let (out, _) =
        bytes_of(&snapshot, b"GET /v1/dev/x/7 HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n\r\n");
    let end = memchr::memmem::find(&out, b"\r\n\r\n").unwrap() + 4;
    assert!(String::from_utf8_lossy(&out[..end]).contains("\r\nContent-Encoding: gzip\r\n"));
    assert_eq!(decompress(out[end..].to_vec(), Coding::Gzip).unwrap(), b"hi");
    let (out, _) = bytes_of(&snapshot, b"GET /v1/dev/x/7 HTTP/1.1\r\nHost: h\r\nAccept-Encoding: *\r\n\r\n");
    assert!(!String::from_utf8_lossy(&out).contains("Content-Encoding"));
    rest_api.minimum_compression_size = None;
    let snapshot = serving(rest_api);
    let body = compress(b"hello", Coding::Gzip);
    let mut request = format!(
        "POST /v1/dev/x/7 HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(&body);
    let (_, sent) = bytes_of(&snapshot, &request);
    assert!(sent.ends_with("Content-Length: 5\r\n\r\nhello") && !sent.contains("Content-Encoding"), "{sent}");
    let request =
        b"POST /v1/dev/x/7 HTTP/1.1\r\nHost: h\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx";
    let (out, _) = bytes_of(&snapshot, request);
    assert!(out.starts_with(b"HTTP/1.1 415 "));
}
