//! Method request to integration request, integration response to method response.

use super::exchange::method;
use super::integrate::Answer;
use super::{Env, Exchange, ResponseFraming, Served, percent, respond};
use crate::error::GatewayError;
use crate::http1::{BodyLength, Header, HeaderId, Method, Version, encode};
use crate::ids;
use crate::limits::TARGET_BYTES_MAX;
use crate::model::HttpMethod;
use crate::snapshot::{HttpProxyPlan, IntegrationPlan, ParameterValue, RoutePlan, TargetPart};

/// Prepares what the integration is sent.
pub(super) fn integration_request(plan: &RoutePlan, exchange: &mut Exchange<'_>) -> Result<(), GatewayError> {
    match &plan.integration {
        IntegrationPlan::HttpProxy(proxy) => {
            exchange.integration_method = method(integration_verb(proxy, exchange));
            let mut out = std::mem::take(&mut exchange.integration_request);
            let encoded = encode_integration_request(proxy, exchange, &mut out);
            exchange.integration_request = out;
            encoded
        }
        IntegrationPlan::Mock(_) => Ok(()),
    }
}

/// Appends the head of the integration request to `out`. Called again when a request is sent again.
pub fn encode_integration_request(
    plan: &HttpProxyPlan,
    exchange: &Exchange<'_>,
    out: &mut Vec<u8>,
) -> Result<(), GatewayError> {
    out.extend_from_slice(integration_verb(plan, exchange).as_str().as_bytes());
    out.push(b' ');
    encode_target(plan, exchange, out)?;
    out.extend_from_slice(&plan.head);
    encode_request_headers(plan, exchange, out);
    encode_request_framing(exchange, out);
    Ok(())
}

/// The plan's own verb, else the client's. A request without a verb that API Gateway knows finds no route.
fn integration_verb(plan: &HttpProxyPlan, exchange: &Exchange<'_>) -> HttpMethod {
    plan.method.or(exchange.http_method).unwrap_or(HttpMethod::Get)
}

fn encode_target(
    plan: &HttpProxyPlan,
    exchange: &Exchange<'_>,
    out: &mut Vec<u8>,
) -> Result<(), GatewayError> {
    let start = out.len();
    for part in &plan.target {
        match part {
            TargetPart::Literal(bytes) => out.extend_from_slice(bytes),
            TargetPart::Value(value) => encode_value(value, exchange, out),
        }
    }
    let mut separator = if plan.target_has_query { b'&' } else { b'?' };
    if let Some(query) =
        exchange.head.query.map(|query| query.of(exchange.bytes)).filter(|query| !query.is_empty())
    {
        out.push(separator);
        out.extend_from_slice(query);
        separator = b'&';
    }
    for (name, value) in &plan.query_parameters {
        if !is_absent(value, exchange) {
            out.push(separator);
            out.extend_from_slice(name);
            out.push(b'=');
            encode_value(value, exchange, out);
            separator = b'&';
        }
    }
    match out.len() - start > TARGET_BYTES_MAX {
        true => Err(GatewayError::ApiConfigurationError),
        false => Ok(()),
    }
}

/// Appends a value as part of a target.
fn encode_value(value: &ParameterValue, exchange: &Exchange<'_>, out: &mut Vec<u8>) {
    match value {
        // The client's own encoding is kept: it was checked to hold no space, control character or `#`.
        ParameterValue::Path(index) => {
            out.extend_from_slice(exchange.parameters.get(*index, exchange.path()))
        }
        ParameterValue::Query(name) => out.extend_from_slice(exchange.query_parameter(name).unwrap_or(b"")),
        other => {
            let mut plain = Vec::new();
            plain_value(other, exchange, &mut plain);
            percent::encode(&plain, out);
        }
    }
}

/// Appends a value as a header holds it.
fn plain_value(value: &ParameterValue, exchange: &Exchange<'_>, out: &mut Vec<u8>) {
    match value {
        ParameterValue::Path(index) => {
            out.extend_from_slice(exchange.parameters.get(*index, exchange.path()))
        }
        ParameterValue::Query(name) => out.extend_from_slice(exchange.query_parameter(name).unwrap_or(b"")),
        ParameterValue::Header(name) => out.extend_from_slice(exchange.header(name).unwrap_or(b"")),
        ParameterValue::Static(bytes) => out.extend_from_slice(bytes),
        ParameterValue::RequestId => out.extend_from_slice(&exchange.request_id),
        ParameterValue::HttpMethod => {
            out.extend_from_slice(exchange.http_method.map_or("", HttpMethod::as_str).as_bytes());
        }
        ParameterValue::SourceIp => out.extend_from_slice(exchange.source_ip),
        ParameterValue::RequestPath => out.extend_from_slice(exchange.path()),
        ParameterValue::RequestTimeEpoch => {
            out.extend_from_slice(itoa::Buffer::new().format(exchange.unix_millis).as_bytes());
        }
        ParameterValue::DomainName => {
            out.extend_from_slice(crate::snapshot::host_map::without_port(exchange.host()));
        }
    }
}

/// A mapping whose source the request does not have adds nothing.
fn is_absent(value: &ParameterValue, exchange: &Exchange<'_>) -> bool {
    match value {
        ParameterValue::Query(name) => exchange.query_parameter(name).is_none(),
        ParameterValue::Header(name) => exchange.header(name).is_none(),
        _ => false,
    }
}

/// Appends the client's headers that pass (tables.md §3.1) in runs of unchanged lines, then those the gateway adds (§3.4).
fn encode_request_headers(plan: &HttpProxyPlan, exchange: &Exchange<'_>, out: &mut Vec<u8>) {
    let mut has_user_agent = false;
    let mut trace = None;
    copy_lines(exchange.bytes, &exchange.head.headers, exchange.head.len, out, |header| match header.id {
        HeaderId::Other => !is_mapped(plan, exchange, header),
        HeaderId::UserAgent => {
            has_user_agent = true;
            !is_mapped(plan, exchange, header)
        }
        HeaderId::XAmznTraceId => {
            trace = Some(header.value.of(exchange.bytes));
            false
        }
        HeaderId::Authorization => {
            !header.value.of(exchange.bytes).starts_with(b"AWS4-HMAC-SHA256")
                && !is_mapped(plan, exchange, header)
        }
        HeaderId::ContentEncoding
        | HeaderId::ContentLength
        | HeaderId::ContentMd5
        | HeaderId::Expect
        | HeaderId::Host
        | HeaderId::MaxForwards
        | HeaderId::ProxyAuthenticate
        | HeaderId::ProxyAuthorization
        | HeaderId::Server
        | HeaderId::Via
        | HeaderId::WwwAuthenticate
        | HeaderId::XAmznApigatewayApiId
        | HeaderId::XForwardedFor
        | HeaderId::XForwardedPort
        | HeaderId::XForwardedProto => false,
        _ => !is_mapped(plan, exchange, header),
    });
    if !has_user_agent
        && !plan.header_parameters.iter().any(|(name, _)| name.eq_ignore_ascii_case(b"user-agent"))
    {
        out.extend_from_slice(&plan.user_agent);
    }
    encode_trace_id(exchange, trace, out);
    for (name, value) in &plan.header_parameters {
        if !is_absent(value, exchange) {
            out.extend_from_slice(name);
            out.extend_from_slice(b": ");
            plain_value(value, exchange, out);
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// Whether a mapping replaces the client's own header.
#[inline]
fn is_mapped(plan: &HttpProxyPlan, exchange: &Exchange<'_>, header: &Header) -> bool {
    let name = || header.name.of(exchange.bytes);
    !plan.header_parameters.is_empty()
        && plan
            .header_parameters
            .iter()
            .any(|(mapped, value)| mapped.eq_ignore_ascii_case(name()) && !is_absent(value, exchange))
}

/// `X-Amzn-Trace-Id: Root=1-{8 hex}-{24 hex}`; the client's own fields are kept (tables.md §3.4).
fn encode_trace_id(exchange: &Exchange<'_>, client: Option<&[u8]>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"X-Amzn-Trace-Id: ");
    if client.is_none_or(|value| memchr::memmem::find(value, b"Root=").is_none()) {
        let mut root = *b"Root=1-00000000-000000000000000000000000";
        ids::hex(exchange.unix_millis / 1000, &mut root[7..15]);
        root[16..40].copy_from_slice(&trace_digits(&exchange.id.uuid()));
        out.extend_from_slice(&root);
        if client.is_some_and(|value| !value.is_empty()) {
            out.push(b';');
        }
    }
    out.extend_from_slice(client.unwrap_or(b""));
    out.extend_from_slice(b"\r\n");
}

/// 24 hex digits of a UUID: its last two groups and the one before them.
fn trace_digits(uuid: &[u8; 36]) -> [u8; 24] {
    let mut digits = [0; 24];
    digits[..8].copy_from_slice(&uuid[..8]);
    digits[8..12].copy_from_slice(&uuid[19..23]);
    digits[12..].copy_from_slice(&uuid[24..]);
    digits
}

/// The body is framed anew: by length where it is known, else in chunks.
fn encode_request_framing(exchange: &Exchange<'_>, out: &mut Vec<u8>) {
    match exchange.head.body {
        BodyLength::Length(n) => encode::content_length(n, out),
        BodyLength::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        BodyLength::None | BodyLength::UntilClose => {
            if matches!(exchange.integration_method, Method::Post | Method::Put | Method::Patch) {
                out.extend_from_slice(b"Content-Length: 0\r\n");
            }
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Copies the header lines for which `keep` says so, neighbours in one go. Hop-by-hop fields never pass.
#[inline]
fn copy_lines(
    bytes: &[u8],
    headers: &[Header],
    head_len: usize,
    out: &mut Vec<u8>,
    mut keep: impl FnMut(&Header) -> bool,
) {
    let mut run: Option<usize> = None;
    for header in headers {
        let start = header.name.start as usize;
        match (!header.hop_by_hop && keep(header), run) {
            (true, None) => run = Some(start),
            (false, Some(from)) => {
                out.extend_from_slice(&bytes[from..start]);
                run = None;
            }
            _ => {}
        }
    }
    if let Some(from) = run {
        out.extend_from_slice(&bytes[from..head_len - 2]);
    }
}

/// Integration response to method response: encodes the head, and says how the body follows.
pub(super) fn method_response<E: Env>(
    env: &E,
    plan: &RoutePlan,
    exchange: &mut Exchange<'_>,
    answer: Answer<'_, E::Lease>,
) -> Result<Served<E::Lease>, GatewayError> {
    match answer {
        Answer::Mock(mock) => {
            respond::mock_response(env, exchange, mock);
            Ok(Served::Complete)
        }
        Answer::Http(lease) => {
            debug_assert!(matches!(plan.integration, IntegrationPlan::HttpProxy(_)));
            proxy_response(env, exchange, &lease);
            Ok(Served::Streaming(lease))
        }
    }
}

/// The head of an HTTP_PROXY answer (tables.md §3.3).
fn proxy_response<E: Env>(env: &E, exchange: &mut Exchange<'_>, bytes: &[u8]) {
    let mut out = env.buffer();
    let answer = &*exchange.answer;
    exchange.status = answer.status;
    // An answer that came before the request was whole: what is left of it cannot be told from a next request.
    exchange.close |= exchange.body_pending;
    encode::status_line(answer.status, &mut out);
    env.date_line(&mut out);
    respond::request_ids(exchange, &mut out);
    let mut has_content_type = false;
    copy_lines(bytes, &answer.headers, answer.len, &mut out, |header| match header.id {
        HeaderId::Other => true,
        HeaderId::ContentType => {
            has_content_type = true;
            true
        }
        HeaderId::ContentLength
        | HeaderId::Date
        | HeaderId::Server
        | HeaderId::XAmznRequestId
        | HeaderId::ContentEncoding
        | HeaderId::Via
        | HeaderId::XAmzApigwId
        | HeaderId::ProxyAuthenticate => false,
        _ => true,
    });
    encode_remapped(bytes, &answer.headers, &mut out);
    if !has_content_type && answer.body != BodyLength::None {
        out.extend_from_slice(b"Content-Type: application/json\r\n");
    }
    exchange.framing = encode_response_framing(exchange, bytes, &mut out);
    exchange.out = out;
}

/// The backend's own `Connection`, `Content-Length`, `Date`, `Server` and request id, under names that say so.
fn encode_remapped(bytes: &[u8], headers: &[Header], out: &mut Vec<u8>) {
    for header in headers {
        let name: &[u8] = match header.id {
            HeaderId::ContentLength => b"x-amzn-Remapped-Content-Length: ",
            HeaderId::Connection => b"x-amzn-Remapped-Connection: ",
            HeaderId::Date => b"x-amzn-Remapped-Date: ",
            HeaderId::Server => b"x-amzn-Remapped-Server: ",
            HeaderId::XAmznRequestId => b"x-amzn-Remapped-x-amzn-requestid: ",
            _ => continue,
        };
        out.extend_from_slice(name);
        out.extend_from_slice(header.value.of(bytes));
        out.extend_from_slice(b"\r\n");
    }
}

/// Frames the answer for the client and ends its head.
fn encode_response_framing(exchange: &mut Exchange<'_>, bytes: &[u8], out: &mut Vec<u8>) -> ResponseFraming {
    // To HEAD there is no body, whatever the integration was asked with.
    let bodiless = exchange.head.method == Method::Head;
    let body = if bodiless { BodyLength::None } else { exchange.answer.body };
    let framing = match (body, exchange.head.version) {
        (BodyLength::None, _) => {
            encode_bodiless_length(exchange, bytes, out);
            ResponseFraming::Complete
        }
        (BodyLength::Length(n), _) => {
            encode::content_length(n, out);
            ResponseFraming::Length(n)
        }
        (BodyLength::Chunked | BodyLength::UntilClose, Version::Http11) => {
            out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
            ResponseFraming::Chunked
        }
        (BodyLength::Chunked | BodyLength::UntilClose, Version::Http10) => {
            exchange.close = true;
            ResponseFraming::UntilClose
        }
    };
    respond::end_of_head(exchange, out);
    framing
}

/// Answers without a body: to HEAD (and with 304) the length that a GET would have, if the backend said it; else, unless the status
/// says that there is none, its length is 0, because the integration was asked with HEAD.
fn encode_bodiless_length(exchange: &Exchange<'_>, bytes: &[u8], out: &mut Vec<u8>) {
    let answer = &*exchange.answer;
    if exchange.head.method != Method::Head && answer.status != 304 {
        if answer.status != 204 {
            encode::content_length(0, out);
        }
        return;
    }
    if let Some(header) = answer.headers.iter().find(|header| header.id == HeaderId::ContentLength) {
        encode::header(b"Content-Length", header.value.of(bytes), out);
    }
}
