//! The request of an HTTP integration: nothing of the client's passes but what is mapped (tables.md §3.1, §3.2, §3.4).

use super::transform::{encode_target, encode_trace_id};
use super::{Exchange, media_type, percent, values};
use crate::error::GatewayError;
use crate::http1::{HeaderId, Method, encode};
use crate::limits::TARGET_BYTES_MAX;
use crate::snapshot::{HttpCall, ParameterValue};
use crate::vtl::OverrideValue;

/// Appends head and body.
pub(super) fn encode_request(
    call: &HttpCall,
    exchange: &Exchange<'_>,
    out: &mut Vec<u8>,
) -> Result<(), GatewayError> {
    let start = out.len();
    encode_target(call, exchange, out);
    let mut separator = if call.target_has_query { b'&' } else { b'?' };
    let mut push = |name: &[u8], value: &dyn Fn(&mut Vec<u8>), out: &mut Vec<u8>| {
        out.push(separator);
        out.extend_from_slice(name);
        out.push(b'=');
        value(out);
        separator = b'&';
    };
    for (name, value) in &call.query_parameters {
        if is_overridden(overrides(exchange, Part::Querystring), name) || values::is_absent(value, exchange) {
            continue;
        }
        if let ParameterValue::MultiValueQuery(source) = value {
            for (_, value) in exchange.query_parameters().filter(|(key, _)| *key == &**source) {
                push(name, &|out| out.extend_from_slice(value), out);
            }
        } else {
            push(name, &|out| values::encode(value, exchange, out), out);
        }
    }
    for (name, value) in overrides(exchange, Part::Querystring) {
        push(&encoded(name), &|out| percent::encode(value.to_text().as_bytes(), out), out);
    }
    if out.len() - start > TARGET_BYTES_MAX {
        return Err(GatewayError::ApiConfigurationError);
    }
    out.extend_from_slice(&call.head);
    encode_headers(call, exchange, out)?;
    let gathered = exchange.gathered.as_deref();
    let body = gathered.map_or(&b""[..], |g| g.integration_body.as_deref().unwrap_or(&g.body));
    let has_body = !matches!(exchange.integration_method, Method::Get | Method::Head) && !body.is_empty();
    if has_body || matches!(exchange.integration_method, Method::Post | Method::Put | Method::Patch) {
        encode::content_length(body.len() as u64, out);
    }
    out.extend_from_slice(b"\r\n");
    if has_body {
        out.extend_from_slice(body);
    }
    Ok(())
}

fn encode_headers(call: &HttpCall, exchange: &Exchange<'_>, out: &mut Vec<u8>) -> Result<(), GatewayError> {
    let (mut accept, mut user_agent, mut content_type) = (false, false, false);
    let mut push = |name: &[u8], value: &[u8], out: &mut Vec<u8>| {
        match HeaderId::of(name) {
            HeaderId::Accept => accept = true,
            HeaderId::UserAgent => user_agent = true,
            HeaderId::ContentType => content_type = true,
            _ => {}
        }
        let valid = values::is_header_value(value);
        if valid {
            encode::header(name, value.trim_ascii(), out);
        }
        valid
    };
    let mut valid = true;
    for (name, value) in &call.header_parameters {
        if !is_overridden(overrides(exchange, Part::Header), name) && !values::is_absent(value, exchange) {
            let mut text = Vec::new();
            values::plain(value, exchange, &mut text);
            valid &= push(name, &text, out);
        }
    }
    for (name, value) in overrides(exchange, Part::Header) {
        valid &= is_mappable(name) && push(name.as_bytes(), value.to_text().as_bytes(), out);
    }
    if !valid {
        return Err(GatewayError::ApiConfigurationError);
    }
    if !accept {
        encode::header(b"Accept", media_type::JSON, out);
    }
    if !user_agent {
        out.extend_from_slice(&call.user_agent);
    }
    let with_body = matches!(exchange.integration_method, Method::Post | Method::Put | Method::Patch);
    if !content_type && with_body {
        let own = exchange.head.headers.iter().find(|header| header.id == HeaderId::ContentType);
        encode::header(
            b"Content-Type",
            own.map_or(media_type::JSON, |own| own.value.of(exchange.bytes)),
            out,
        );
    }
    let trace = exchange.head.headers.iter().find(|header| header.id == HeaderId::XAmznTraceId);
    encode_trace_id(exchange, trace.map(|trace| trace.value.of(exchange.bytes)), out);
    Ok(())
}

/// Headers that a template may set: the others make the call fail, as they do where they are mapped (tables.md §3.2).
fn is_mappable(name: &str) -> bool {
    crate::http1::is_token(name.as_bytes())
        && !matches!(
            HeaderId::of(name.as_bytes()),
            HeaderId::ContentLength
                | HeaderId::TransferEncoding
                | HeaderId::XAmznTraceId
                | HeaderId::XAmznApigatewayApiId
                | HeaderId::Host
                | HeaderId::Connection
                | HeaderId::KeepAlive
                | HeaderId::ProxyConnection
                | HeaderId::Te
                | HeaderId::Trailer
                | HeaderId::Expect
                | HeaderId::Upgrade
        )
}

/// What a template can override.
#[derive(Clone, Copy)]
enum Part {
    Header,
    Querystring,
}

fn overrides<'e>(exchange: &'e Exchange<'_>, part: Part) -> &'e [(Box<str>, OverrideValue)] {
    let Some(gathered) = exchange.gathered.as_deref() else { return &[] };
    match part {
        Part::Header => &gathered.overrides.request_header,
        Part::Querystring => &gathered.overrides.request_querystring,
    }
}

fn is_overridden(overrides: &[(Box<str>, OverrideValue)], name: &[u8]) -> bool {
    overrides.iter().any(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name) || encoded(known) == name)
}

fn encoded(name: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    percent::encode(name.as_bytes(), &mut out);
    out
}
