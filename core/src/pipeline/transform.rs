//! Method request to integration request, and the answer of a proxy integration to the method response.

use super::exchange::method;
use super::{Env, Exchange, ResponseFraming, http_request, respond, values};
use crate::error::GatewayError;
use crate::http1::{BodyLength, Header, HeaderId, Method, Version, encode};
use crate::ids;
use crate::limits::TARGET_BYTES_MAX;
use crate::model::HttpMethod;
use crate::snapshot::{HttpCall, TargetPart};

/// Prepares what a backend is sent.
pub(super) fn integration_request(call: &HttpCall, exchange: &mut Exchange<'_>) -> Result<(), GatewayError> {
    exchange.integration_method = method(integration_verb(call, exchange));
    let mut out = std::mem::take(&mut exchange.integration_request);
    let encoded = encode_integration_request(call, exchange, &mut out);
    exchange.integration_request = out;
    encoded
}

/// Appends the head of the integration request to `out`. Called again when a request is sent again.
pub fn encode_integration_request(
    call: &HttpCall,
    exchange: &Exchange<'_>,
    out: &mut Vec<u8>,
) -> Result<(), GatewayError> {
    out.extend_from_slice(integration_verb(call, exchange).as_str().as_bytes());
    out.push(b' ');
    if let Some(gathered) = &exchange.gathered {
        if gathered.is_transformed {
            return http_request::encode_request(call, exchange, out);
        }
        encode_head(call, exchange, Some(BodyLength::Length(gathered.body.len() as u64)), out)?;
        out.extend_from_slice(&gathered.body);
        return Ok(());
    }
    encode_head(call, exchange, None, out)
}

/// The head of a proxied request. `body` where it is not framed as the client's.
#[inline]
fn encode_head(
    call: &HttpCall,
    exchange: &Exchange<'_>,
    body: Option<BodyLength>,
    out: &mut Vec<u8>,
) -> Result<(), GatewayError> {
    let start = out.len();
    encode_target(call, exchange, out);
    encode_query(call, exchange, out);
    if out.len() - start > TARGET_BYTES_MAX {
        return Err(GatewayError::ApiConfigurationError);
    }
    out.extend_from_slice(&call.head);
    encode_request_headers(call, exchange, out);
    encode_request_framing(exchange, body.unwrap_or(exchange.head.body), out);
    Ok(())
}

/// The plan's own verb, else the client's. A request without a verb that API Gateway knows finds no route.
fn integration_verb(call: &HttpCall, exchange: &Exchange<'_>) -> HttpMethod {
    call.method.or(exchange.http_method).unwrap_or(HttpMethod::Get)
}

/// The path and query of the URI.
#[inline]
pub(super) fn encode_target(call: &HttpCall, exchange: &Exchange<'_>, out: &mut Vec<u8>) {
    for part in &call.target {
        match part {
            TargetPart::Literal(bytes) => out.extend_from_slice(bytes),
            TargetPart::Value(value) => values::encode(value, exchange, out),
            TargetPart::Overridable(name, value) => {
                let gathered = exchange.gathered.as_deref();
                let overrides = gathered.map_or(&[][..], |gathered| &gathered.overrides.request_path);
                match overrides.iter().find(|(known, _)| **known == **name) {
                    Some((_, value)) => super::percent::encode(value.to_text().as_bytes(), out),
                    None => values::encode(value, exchange, out),
                }
            }
        }
    }
}

/// The client's query string, and what mappings add to it.
#[inline]
fn encode_query(call: &HttpCall, exchange: &Exchange<'_>, out: &mut Vec<u8>) {
    let mut separator = if call.target_has_query { b'&' } else { b'?' };
    if let Some(query) =
        exchange.head.query.map(|query| query.of(exchange.bytes)).filter(|query| !query.is_empty())
    {
        out.push(separator);
        out.extend_from_slice(query);
        separator = b'&';
    }
    for (name, value) in &call.query_parameters {
        if !values::is_absent(value, exchange) {
            out.push(separator);
            out.extend_from_slice(name);
            out.push(b'=');
            values::encode(value, exchange, out);
            separator = b'&';
        }
    }
}

/// Appends the client's headers that pass (tables.md §3.1) in runs of unchanged lines, then those the gateway adds (§3.4).
fn encode_request_headers(call: &HttpCall, exchange: &Exchange<'_>, out: &mut Vec<u8>) {
    let mut has_user_agent = false;
    let mut trace = None;
    copy_lines(exchange.bytes, &exchange.head.headers, exchange.head.len, out, |header| match header.id {
        HeaderId::Other => !is_mapped(call, exchange, header),
        HeaderId::UserAgent => {
            has_user_agent = true;
            !is_mapped(call, exchange, header)
        }
        HeaderId::XAmznTraceId => {
            trace = Some(header.value.of(exchange.bytes));
            false
        }
        HeaderId::Authorization => {
            !header.value.of(exchange.bytes).starts_with(b"AWS4-HMAC-SHA256")
                && !is_mapped(call, exchange, header)
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
        _ => !is_mapped(call, exchange, header),
    });
    if !has_user_agent
        && !call.header_parameters.iter().any(|(name, _)| name.eq_ignore_ascii_case(b"user-agent"))
    {
        out.extend_from_slice(&call.user_agent);
    }
    encode_trace_id(exchange, trace, out);
    for (name, value) in &call.header_parameters {
        if !values::is_absent(value, exchange) {
            out.extend_from_slice(name);
            out.extend_from_slice(b": ");
            values::plain(value, exchange, out);
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// Whether a mapping replaces the client's own header.
#[inline]
fn is_mapped(call: &HttpCall, exchange: &Exchange<'_>, header: &Header) -> bool {
    let name = || header.name.of(exchange.bytes);
    !call.header_parameters.is_empty()
        && call
            .header_parameters
            .iter()
            .any(|(mapped, value)| mapped.eq_ignore_ascii_case(name()) && !values::is_absent(value, exchange))
}

/// `X-Amzn-Trace-Id: Root=1-{8 hex}-{24 hex}`; the client's own fields are kept (tables.md §3.4).
pub(super) fn encode_trace_id(exchange: &Exchange<'_>, client: Option<&[u8]>, out: &mut Vec<u8>) {
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
fn encode_request_framing(exchange: &Exchange<'_>, body: BodyLength, out: &mut Vec<u8>) {
    match body {
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

/// Fields that end at the gateway, so that neither mappings nor templates see them (tables.md §3.1).
pub(super) fn is_invisible(header: &Header) -> bool {
    header.hop_by_hop
        || matches!(
            header.id,
            HeaderId::ContentLength
                | HeaderId::ContentMd5
                | HeaderId::Expect
                | HeaderId::MaxForwards
                | HeaderId::ProxyAuthenticate
                | HeaderId::Server
                | HeaderId::WwwAuthenticate
        )
}

/// The head of an HTTP_PROXY answer (tables.md §3.3).
pub(super) fn proxy_response<E: Env>(env: &E, exchange: &mut Exchange<'_>, bytes: &[u8]) {
    let mut out = env.buffer();
    proxy_head(env, exchange, bytes, &mut out);
    exchange.framing = encode_response_framing(exchange, bytes, &mut out);
    exchange.out = out;
}

/// What of it does not depend on how its body is framed.
#[inline]
pub(super) fn proxy_head<E: Env>(env: &E, exchange: &mut Exchange<'_>, bytes: &[u8], out: &mut Vec<u8>) {
    let answer = &*exchange.answer;
    exchange.status = answer.status;
    // An answer that came before the request was whole: what is left of it cannot be told from a next request.
    exchange.close |= exchange.body_pending;
    encode::status_line(answer.status, out);
    env.date_line(out);
    respond::request_ids(exchange, out);
    let mut has_content_type = false;
    copy_lines(bytes, &answer.headers, answer.len, out, |header| match header.id {
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
    encode_remapped(bytes, &answer.headers, out);
    if !has_content_type && answer.body != BodyLength::None {
        out.extend_from_slice(b"Content-Type: application/json\r\n");
    }
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
