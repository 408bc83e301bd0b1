//! TestInvokeMethod: a request of the control plane, answered as AWS does, with the execution log.

use std::time::Instant;

use ringway_controlplane::aws::{Response, TestInvocation};
use ringway_core::http1::{HeadLimits, Method, Parsed, ResponseHead, Scan, parse_response};
use ringway_core::model::Configuration;
use ringway_core::snapshot::{CompileSettings, Registry, compile};
use serde_json::{Map, Value, json};

use super::{Invoked, invoke};

/// What the front end adds to every answer, and AWS does not show.
const OF_THE_CONNECTION: [&str; 5] =
    ["connection", "content-length", "date", "x-amzn-requestid", "x-amz-apigw-id"];

/// Runs the invocation; calls its backend, and so takes up to 29 s.
pub(crate) fn run(invocation: TestInvocation, settings: &CompileSettings) -> Response {
    let started = Instant::now();
    let answer = try_run(invocation, settings);
    let latency = started.elapsed().as_millis() as u64;
    match answer {
        Ok(mut document) => {
            document["latency"] = json!(latency);
            response(200, None, document)
        }
        Err(message) => response(400, Some("BadRequestException"), json!({ "message": message })),
    }
}

fn response(status: u16, error_type: Option<&'static str>, document: Value) -> Response {
    Response {
        status,
        error_type,
        content_type: "application/json".to_owned(),
        content_disposition: None,
        body: document.to_string().into_bytes(),
    }
}

fn try_run(invocation: TestInvocation, settings: &CompileSettings) -> Result<Value, String> {
    let TestInvocation { api, method, target, headers, body } = invocation;
    let host = format!("{}.execute-api.{}.{}", api.id, settings.region, settings.execute_api_suffix);
    let mut text = format!("{method} {target} HTTP/1.1\r\n");
    let mut own = Vec::new();
    for (name, value) in [("Host", host), ("Content-Length", body.len().to_string())] {
        if !headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
            text.push_str(&format!("{name}: {value}\r\n"));
            own.push(name);
        } else if name == "Host" {
            return Err("The header Host names the API; it cannot be set here".to_owned());
        }
    }
    for (name, value) in &headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.push_str(&body);
    let configuration =
        Configuration { apis: vec![api.into()], domain_names: Vec::new(), ..Configuration::default() };
    let snapshot =
        compile(&configuration, settings, &mut Registry::new()).map_err(|errors| errors.join("; "))?;
    show(&invoke(&snapshot, text.as_bytes(), &own)?)
}

fn show(invoked: &Invoked) -> Result<Value, String> {
    let mut head = ResponseHead::default();
    let parsed =
        parse_response(&invoked.answer, &mut Scan::default(), &HeadLimits::default(), Method::Get, &mut head);
    if parsed != Ok(Parsed::Complete) {
        return Err("the answer cannot be read".to_owned());
    }
    let (mut headers, mut many) = (Map::new(), Map::new());
    for field in head.headers.iter() {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let name = text(field.name.of(&invoked.answer));
        let value = text(field.value.of(&invoked.answer));
        if OF_THE_CONNECTION.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
            continue;
        }
        headers.insert(name.clone(), json!(value));
        if let Some(values) = many.entry(name).or_insert_with(|| json!([])).as_array_mut() {
            values.push(json!(value));
        }
    }
    let body = String::from_utf8_lossy(&invoked.answer[head.len..]).into_owned();
    Ok(json!({
        "status": head.status, "body": body, "headers": headers, "multiValueHeaders": many, "log": invoked.log,
    }))
}
