//! Another implementation's expectations of single steps (`rest/function-vectors.json`): where they differ from AWS's documented or
//! recorded behaviour, that is what counts, and the difference is named here. Those of templates are in tests/vtl_recorded.rs; trace ids
//! pass as they are.

use serde_json::Value;

use super::super::media_type;
use super::*;
use crate::model::substitute_stage_variables;

/// Expectations that are not ours, each with its reason.
const DIFFERENT: &[(&str, &str)] = &[
    (
        "https://test.domain.example/root/${path}",
        "not a stage variable: refused at import instead of sent as it is",
    ),
    ("https://test.domain.example/root/${path\\}", "as above"),
    ("https://test.domain.example/root/{unknown}", "a placeholder that nothing fills is refused at import"),
    ("https://test.domain.example/root/{unknown}/{path}", "as above"),
    (
        "https://example.com/{path}/${stageVariables.stageVar}",
        "stage variables come first, when the stage is compiled",
    ),
    ("$default", "a template key that AWS does not have"),
];

#[test]
fn function_vectors() {
    let text = include_str!("../../../../tests/corpus/rest/function-vectors.json");
    let vectors: Vec<Value> = serde_json::from_str(text).unwrap();
    let (mut same, mut different) = (0, 0);
    for (index, vector) in vectors.iter().enumerate() {
        if DIFFERENT.iter().any(|(mark, _)| names(vector, mark)) {
            different += 1;
            continue;
        }
        match vector["fn"].as_str().unwrap() {
            "render_uri_with_stage_variables" => stage_variables(vector),
            "render_uri_with_path_parameters" => path_parameters(vector),
            "mime_type_matches_binary_media_types" => binary(vector),
            "select_integration_response" => selection(vector),
            "get_request_template" => template(vector),
            "map_integration_request" => {
                // A parameter that the path does not have is refused when the API is compiled.
                if !integration_request(vector, index) {
                    different += 1;
                    continue;
                }
            }
            "map_integration_response" => integration_response(vector, index),
            other => panic!("vector {index}: {other}"),
        }
        same += 1;
    }
    println!("{same} as expected, {different} different for a reason");
    assert_eq!((same, different), (53, 9));
}

/// Whether an argument of the vector is, or a template is called, `mark`.
fn names(vector: &Value, mark: &str) -> bool {
    let argument = vector["args"].as_array().is_some_and(|args| args.iter().any(|arg| arg == mark));
    argument
        || vector["kwargs"]["uri"] == mark
        || vector["kwargs"]["integration"]["requestTemplates"].get(mark).is_some()
}

fn argument<'v>(vector: &'v Value, index: usize, name: &str) -> &'v Value {
    vector["args"].get(index).unwrap_or(&vector["kwargs"][name])
}

fn texts(value: &Value) -> std::collections::BTreeMap<String, String> {
    let members = value.as_object().into_iter().flatten();
    members.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

fn stage_variables(vector: &Value) {
    let uri = argument(vector, 0, "uri").as_str().unwrap();
    let variables = texts(argument(vector, 1, "stage_variables"));
    let got = substitute_stage_variables(uri, &variables);
    assert_eq!(got.as_deref(), Ok(vector["result"].as_str().unwrap()), "{vector}");
}

/// What a backend is asked for, its host left out.
fn path_parameters(vector: &Value) {
    let uri = argument(vector, 0, "uri").as_str().unwrap().replace("https://", "http://");
    let values = texts(argument(vector, 1, "path_parameters"));
    let mut integration = proxy(&uri, Vec::new());
    for (name, value) in values {
        integration
            .request_parameters
            .push(parameter(ParameterTarget::Path(name), ParameterSource::Static(value)));
    }
    let snapshot = transform::serving_method(Method::new(HttpMethod::Any, integration));
    let (_, sent) = exchange_with(&snapshot, "GET /v1/dev/x/7 HTTP/1.1\nHost: h\n\n", OK);
    let result = vector["result"].as_str().unwrap();
    let path = result.trim_start_matches("https://").split_once('/').map_or("", |(_, path)| path);
    assert!(sent.starts_with(&format!("GET /{path} HTTP/1.1\n")), "{vector}\n{sent}");
}

fn binary(vector: &Value) {
    let list: Vec<Box<str>> = vector["kwargs"]["binary_media_types"]
        .as_array()
        .unwrap()
        .iter()
        .map(|kind| kind.as_str().unwrap().into())
        .collect();
    let kind = vector["kwargs"]["mime_type"].as_str().unwrap();
    assert_eq!(
        media_type::is_binary(&list, kind.as_bytes()),
        vector["result"].as_bool().unwrap(),
        "{vector}"
    );
}

fn response_of(value: &Value) -> IntegrationResponse {
    IntegrationResponse {
        selection_pattern: value["selectionPattern"].as_str().map(str::to_owned),
        ..IntegrationResponse::new(value["statusCode"].as_str().unwrap().parse().unwrap())
    }
}

fn selection(vector: &Value) {
    let value = argument(vector, 0, "selection_value").as_str().unwrap();
    let responses = argument(vector, 1, "integration_responses").as_object().unwrap();
    let mut integration = Integration::new(IntegrationType::Mock);
    integration.responses = responses.values().map(response_of).collect();
    let snapshot = transform::serving_method(Method::new(HttpMethod::Any, integration));
    let crate::snapshot::IntegrationPlan::Mock(plan) = &snapshot.stages[0].routes[0].integration else {
        panic!()
    };
    let expected = vector["result"]["statusCode"].as_str().map(|status| status.parse::<u16>().unwrap());
    assert_eq!(plan.responses.select(value).map(|plan| plan.status), expected, "{vector}");
}

fn template(vector: &Value) {
    let given = &vector["kwargs"]["integration"];
    let mut integration = transform::http("http://h/");
    integration.request_templates = given["requestTemplates"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(kind, text)| (kind.clone(), text.as_str().unwrap().to_owned()))
        .collect();
    integration.passthrough_behavior = match given["passthroughBehavior"].as_str() {
        Some("NEVER") => PassthroughBehavior::Never,
        Some("WHEN_NO_TEMPLATES") => PassthroughBehavior::WhenNoTemplates,
        _ => PassthroughBehavior::WhenNoMatch,
    };
    let snapshot = transform::serving_method(Method::new(HttpMethod::Any, integration));
    let crate::snapshot::IntegrationPlan::Http(plan) = &snapshot.stages[0].routes[0].integration else {
        panic!()
    };
    let chosen = super::super::integrate::template(&plan.request, b"application/json");
    match vector["raises"].as_str() {
        Some(_) => assert_eq!(chosen.err(), Some(GatewayError::UnsupportedMediaType), "{vector}"),
        None => assert_eq!(chosen.unwrap().is_some(), vector["result"].is_string(), "{vector}"),
    }
}

/// Headers, query and body of a vector's request as text; the path has its one parameter as a whole.
fn integration_request(vector: &Value, index: usize) -> bool {
    let (given, request) = (&vector["kwargs"]["request_parameters"], &vector["kwargs"]["invocation_request"]);
    let mut integration = transform::http("http://h/");
    let mut wanted_path = None;
    for (target, source) in texts(given) {
        let Some(source) = source_of(&source) else { return false };
        let (place, name) = target.trim_start_matches("integration.request.").split_once('.').unwrap();
        let target = match place {
            "path" => {
                wanted_path = Some(name.to_owned());
                integration.uri = Some(format!("http://h/{{{name}}}"));
                ParameterTarget::Path(name.into())
            }
            "querystring" => ParameterTarget::Query(name.into()),
            _ => ParameterTarget::Header(name.into()),
        };
        integration.request_parameters.push(parameter(target, source));
    }
    let own = texts(&request["path_parameters"]);
    let unknown = integration
        .request_parameters
        .iter()
        .any(|parameter| matches!(&parameter.source, ParameterSource::Path(name) if !own.contains_key(name)));
    if unknown {
        return false;
    }
    let path = own.keys().next().map_or("/x".to_owned(), |name| format!("/x/{{{name}}}"));
    let snapshot = serving(RestApi {
        resources: vec![Resource {
            id: "r".into(),
            path,
            methods: vec![Method::new(HttpMethod::Any, integration)],
        }],
        ..RestApi::default()
    });
    // The stage of these tests has one variable; the vector's stands for it.
    let mut text =
        format!("POST /v1/dev/x{}", own.values().map(|value| format!("/{value}")).collect::<String>());
    let queries = request["multi_value_query_string_parameters"].as_object().into_iter().flatten();
    let pairs: Vec<String> = queries
        .flat_map(|(name, values)| {
            values.as_array().unwrap().iter().map(move |value| format!("{name}={}", value.as_str().unwrap()))
        })
        .collect();
    if !pairs.is_empty() {
        text += &format!("?{}", pairs.join("&"));
    }
    text += " HTTP/1.1\nHost: h\n";
    for header in request["headers"]["$headers"].as_array().into_iter().flatten() {
        text += &format!("{}: {}\n", header[0].as_str().unwrap(), header[1].as_str().unwrap());
    }
    let body = request["body"]["$bytes"].as_str().unwrap_or_default();
    text += &format!("Content-Length: {}\n\n", body.len());
    let (out, sent) = exchange_bytes(&snapshot, &text, body, OK);
    if vector["raises"].is_string() {
        assert!(out.starts_with("HTTP/1.1 400 "), "vector {index}: {vector}\n{out}");
        return true;
    }
    let result = &vector["result"];
    for (name, value) in texts(&result["header"]) {
        assert!(sent.contains(&format!("\n{name}: {value}\n")), "vector {index}: {name}\n{vector}\n{sent}");
    }
    for (name, value) in result["querystring"].as_object().into_iter().flatten() {
        let values: Vec<&str> = match value {
            Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
            value => vec![value.as_str().unwrap()],
        };
        for value in values {
            assert!(sent.contains(&format!("{name}={value}")), "vector {index}: {name}\n{vector}\n{sent}");
        }
    }
    if let Some(value) = wanted_path.and_then(|name| result["path"][name].as_str()) {
        assert!(sent.starts_with(&format!("POST /{value}")), "vector {index}: {vector}\n{sent}");
    }
    let headers = result["header"].as_object().map_or(0, serde_json::Map::len);
    let mapped = sent.lines().filter(|line| {
        given.get(format!("integration.request.header.{}", line.split(':').next().unwrap())).is_some()
    });
    assert_eq!(mapped.count(), headers, "vector {index}: {vector}\n{sent}");
    true
}

fn source_of(text: &str) -> Option<ParameterSource> {
    if let Some(value) = static_value(text) {
        return Some(ParameterSource::Static(value.into()));
    }
    if text.starts_with("stageVariables.") {
        return Some(ParameterSource::Static("a stage variable".into()));
    }
    let rest = text.strip_prefix("method.request.")?;
    if let Some(path) = rest.strip_prefix("body") {
        return Some(ParameterSource::Body((!path.is_empty()).then(|| format!("${path}"))));
    }
    let (place, name) = rest.split_once('.')?;
    let name = name.to_owned();
    Some(match place {
        "path" => ParameterSource::Path(name),
        "querystring" => ParameterSource::Query(name),
        "multivaluequerystring" => ParameterSource::MultiValueQuery(name),
        "header" => ParameterSource::Header(name),
        "multivalueheader" => ParameterSource::MultiValueHeader(name),
        other => panic!("{other}"),
    })
}

fn integration_response(vector: &Value, index: usize) {
    let (given, response) =
        (&vector["kwargs"]["response_parameters"], &vector["kwargs"]["integration_response"]);
    let mut integration = transform::http("http://h/");
    for (header, source) in texts(given) {
        let header = header.trim_start_matches("method.response.header.").to_owned();
        let source = match (static_value(&source), source.strip_prefix("integration.response.")) {
            (Some(text), _) => ResponseSource::Static(text.into()),
            (_, Some(rest)) if rest.starts_with("body") => ResponseSource::Body(
                Some(&rest[4..]).filter(|path| !path.is_empty()).map(|path| format!("${path}")),
            ),
            (_, Some(rest)) => match rest.split_once('.').unwrap() {
                ("header", name) => ResponseSource::Header(name.into()),
                ("multivalueheader", name) => ResponseSource::MultiValueHeader(name.into()),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        };
        integration.responses[0].response_parameters.push(ResponseParameter { header, source });
    }
    let snapshot = transform::serving_method(Method::new(HttpMethod::Any, integration));
    let body = response["body"]["$bytes"].as_str().unwrap();
    let mut answer = "HTTP/1.1 200 OK\r\n".to_owned();
    for header in response["headers"]["$headers"].as_array().into_iter().flatten() {
        answer += &format!("{}: {}\r\n", header[0].as_str().unwrap(), header[1].as_str().unwrap());
    }
    answer += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
    let answer: &'static str = answer.leak();
    let (out, _) = exchange_with(&snapshot, "GET /v1/dev/x/7 HTTP/1.1\nHost: h\n\n", Ok(answer));
    if vector["raises"].is_string() {
        assert!(out.starts_with("HTTP/1.1 500 "), "vector {index}: {vector}\n{out}");
        return;
    }
    let wanted = texts(&vector["result"]["header"]);
    for header in texts(given).keys().map(|key| key.trim_start_matches("method.response.header.")) {
        let line = out.lines().find(|line| line.starts_with(&format!("{header}: ")));
        let value = line.map(|line| line[header.len() + 2..].to_owned());
        assert_eq!(value.as_ref(), wanted.get(header), "vector {index}: {vector}\n{out}");
    }
}
