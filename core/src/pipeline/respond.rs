//! Answers the gateway makes itself: gateway responses, MOCK answers, refusals of the codec.

use std::borrow::Cow;

use super::payload::{self, Coding};
use super::throttle::{RateLimit, RateLimits};
use super::{Env, Exchange, ResponseFraming, context, media_type, values};
use crate::error::GatewayError;
use crate::http1::{Method, ProtocolError, Version, encode};
use crate::model::GatewayResponseType;
use crate::snapshot::{GatewayResponsePlan, ParameterValue, RoutePlan, SimplePart, SimpleTemplate, Snapshot};

/// Turns a gateway error into the answer of the exchange: as the stage has customised it, else as AWS has it (spec sheet §1).
#[cold]
pub fn gateway_response<E: Env>(
    env: &E,
    snapshot: &Snapshot,
    exchange: &mut Exchange<'_>,
    error: GatewayError,
) {
    let response = error.response();
    exchange.error = Some(error);
    exchange.close |= response.close | exchange.body_pending;
    let stage = exchange.stage.map(|stage| &*snapshot.stages[stage as usize]);
    let kind = GatewayResponseType::parse(response.response_type);
    let custom = stage.zip(kind).and_then(|(stage, kind)| stage.gateway_responses.find(kind));
    exchange.status = custom.and_then(|custom| custom.status).unwrap_or(response.status);
    let mut out = env.buffer();
    encode::status_line(exchange.status, &mut out);
    env.date_line(&mut out);
    request_ids(exchange, &mut out);
    encode::header(b"x-amzn-ErrorType", response.error_type.as_bytes(), &mut out);
    let (mut content_type, mut body) = (Cow::Borrowed("application/json"), Vec::new());
    match custom {
        Some(custom) => {
            let route = exchange.route.zip(stage).map(|(route, stage)| &stage.routes[route as usize]);
            let has_type = custom_headers(custom, route, exchange, &mut out);
            let chosen = media_type::find_or_first(&custom.templates, media_type::accepted(exchange));
            match chosen {
                Some((kind, template)) => {
                    content_type = Cow::Owned(kind.to_string());
                    fill(template, route, exchange, &mut body);
                }
                None => default_body(exchange, &mut body),
            }
            if !has_type {
                encode::header(b"Content-Type", content_type.as_bytes(), &mut out);
            }
        }
        None => {
            encode::header(b"Content-Type", content_type.as_bytes(), &mut out);
            default_body(exchange, &mut body);
        }
    }
    complete(exchange, &body, out);
}

/// `{"message":$context.error.messageString}`
fn default_body(exchange: &Exchange<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"message":"#);
    context::json_string(exchange.error_message(), out);
    out.push(b'}');
}

/// Appends the headers of a customised response; true: the content type is among them.
fn custom_headers(
    custom: &GatewayResponsePlan,
    route: Option<&RoutePlan>,
    exchange: &Exchange<'_>,
    out: &mut Vec<u8>,
) -> bool {
    let mut has_type = false;
    for (name, value) in &custom.headers {
        let mut text = Vec::new();
        push_value(value, route, exchange, &mut text);
        if values::is_header_value(&text) {
            has_type |= name.eq_ignore_ascii_case("content-type");
            encode::header(name.as_bytes(), text.trim_ascii(), out);
        }
    }
    has_type
}

/// Appends the text of a simple template.
fn fill(template: &SimpleTemplate, route: Option<&RoutePlan>, exchange: &Exchange<'_>, out: &mut Vec<u8>) {
    for part in &template.parts {
        match part {
            SimplePart::Literal(text) => out.extend_from_slice(text.as_bytes()),
            SimplePart::Value(value) => push_value(value, route, exchange, out),
        }
    }
}

fn push_value(value: &ParameterValue, route: Option<&RoutePlan>, exchange: &Exchange<'_>, out: &mut Vec<u8>) {
    let named = |name: &str| {
        let index = route?.path_parameters.iter().position(|known| **known == *name)?;
        Some(exchange.parameters.get(index, exchange.path()))
    };
    match value {
        ParameterValue::NamedPath(name) => out.extend_from_slice(named(name).unwrap_or(b"")),
        other => values::plain(other, exchange, out),
    }
}

/// A proxied answer whose body is here as a whole.
pub(super) fn proxied<E: Env>(
    env: &E,
    exchange: &mut Exchange<'_>,
    bytes: &[u8],
    body: &[u8],
    coding: Option<Coding>,
) {
    let mut out = env.buffer();
    super::transform::proxy_head(env, exchange, bytes, &mut out);
    match coding {
        Some(coding) => {
            encode::header(b"Content-Encoding", coding.name(), &mut out);
            complete(exchange, &payload::compress(body, coding), out);
        }
        None => complete(exchange, body, out),
    }
}

/// Length, end of head and body of an answer that is all here.
pub(super) fn complete(exchange: &mut Exchange<'_>, body: &[u8], mut out: Vec<u8>) {
    let bodiless = matches!(exchange.status, 204 | 304);
    if !bodiless {
        encode::content_length(body.len() as u64, &mut out);
    }
    end_of_head(exchange, &mut out);
    exchange.body_bytes = 0;
    if !bodiless && exchange.head.method != Method::Head {
        out.extend_from_slice(body);
        exchange.body_bytes = body.len() as u64;
    }
    exchange.framing = ResponseFraming::Complete;
    exchange.out = out;
}

/// `x-amzn-RequestId` and `x-amz-apigw-id` (tables.md §3.4).
#[inline]
pub(super) fn request_ids(exchange: &Exchange<'_>, out: &mut Vec<u8>) {
    if let Some(limits) = &exchange.rate_limits {
        rate_limits(limits, out);
    }
    let mut lines =
        *b"x-amzn-RequestId: 00000000-0000-0000-0000-000000000000\r\nx-amz-apigw-id: 0000000000000000\r\n";
    lines[18..54].copy_from_slice(&exchange.request_id);
    lines[72..88].copy_from_slice(&exchange.extended_request_id);
    out.extend_from_slice(&lines);
}

/// What is left of the limits that the request has met (ours, not AWS's): draft-ietf-httpapi-ratelimit-headers-10, RFC 9110 §10.2.3.
#[cold]
fn rate_limits(limits: &RateLimits, out: &mut Vec<u8>) {
    let named = [("throttle", limits.throttle), ("quota", limits.quota)];
    let named: Vec<(&str, RateLimit)> =
        named.into_iter().filter_map(|(name, limit)| Some((name, limit?))).collect();
    let list = |member: &dyn Fn(&str, &RateLimit) -> String| {
        named.iter().map(|(name, limit)| member(name, limit)).collect::<Vec<_>>().join(", ")
    };
    if !named.is_empty() {
        let policy = list(&|name, limit| format!("\"{name}\";q={};w={}", limit.limit, limit.window));
        encode::header(b"RateLimit-Policy", policy.as_bytes(), out);
        let left = list(&|name, limit| format!("\"{name}\";r={};t={}", limit.remaining, limit.reset));
        encode::header(b"RateLimit", left.as_bytes(), out);
    }
    if let Some(seconds) = limits.retry_after {
        encode::header(b"Retry-After", itoa::Buffer::new().format(seconds).as_bytes(), out);
    }
}

/// What the connection does next, where the version does not say it already, and the blank line.
#[inline]
pub(super) fn end_of_head(exchange: &Exchange<'_>, out: &mut Vec<u8>) {
    if exchange.close {
        out.extend_from_slice(b"Connection: close\r\n\r\n");
    } else if exchange.head.version == Version::Http10 {
        out.extend_from_slice(b"Connection: keep-alive\r\n\r\n");
    } else {
        out.extend_from_slice(b"\r\n");
    }
}

/// The codec's answer to bytes that are not a request; the connection is closed after it.
#[cold]
pub fn protocol_response(error: ProtocolError, date_line: &[u8], out: &mut Vec<u8>) {
    encode::status_line(error.status(), out);
    out.extend_from_slice(date_line);
    encode::header(b"Content-Type", b"application/json", out);
    let body = [br#"{"message":""#, error.message().as_bytes(), br#""}"#].concat();
    encode::content_length(body.len() as u64, out);
    out.extend_from_slice(b"Connection: close\r\n\r\n");
    out.extend_from_slice(&body);
}
