//! Answers the gateway makes itself: gateway responses, MOCK answers, refusals of the codec.

use super::{Env, Exchange, ResponseFraming};
use crate::error::GatewayError;
use crate::http1::{HeaderId, Method, ProtocolError, Version, encode};
use crate::snapshot::MockResponse;

/// Turns a gateway error into the answer of the exchange (spec sheet §1).
#[cold]
pub fn gateway_response<E: Env>(env: &E, exchange: &mut Exchange<'_>, error: GatewayError) {
    let response = error.response();
    exchange.error = Some(error);
    exchange.status = response.status;
    exchange.close |= response.close | exchange.body_pending;
    let mut out = env.buffer();
    encode::status_line(response.status, &mut out);
    env.date_line(&mut out);
    request_ids(exchange, &mut out);
    encode::header(b"x-amzn-ErrorType", response.error_type.as_bytes(), &mut out);
    encode::header(b"Content-Type", b"application/json", &mut out);
    // The default template, {"message":$context.error.messageString}; messages are ours and hold no quotes.
    let body = [br#"{"message":""#, response.message.as_bytes(), br#""}"#].concat();
    complete(exchange, &body, out);
}

/// The answer of a MOCK integration: template by the first type of `Accept`, else the first (tables.md §2.4).
pub(super) fn mock_response<E: Env>(env: &E, exchange: &mut Exchange<'_>, mock: &MockResponse) {
    exchange.status = mock.status;
    exchange.close |= exchange.body_pending;
    let mut out = env.buffer();
    encode::status_line(mock.status, &mut out);
    env.date_line(&mut out);
    request_ids(exchange, &mut out);
    out.extend_from_slice(&mock.headers);
    let accept = exchange.head.headers.iter().find(|header| header.id == HeaderId::Accept);
    let accept =
        accept.map_or(&b"application/json"[..], |header| first_type(header.value.of(exchange.bytes)));
    let chosen =
        mock.bodies.iter().find(|(media_type, _)| media_type.as_bytes().eq_ignore_ascii_case(accept));
    let (media_type, body) = match chosen.or(mock.bodies.first()) {
        Some((media_type, body)) => (media_type.as_bytes(), &**body),
        None => (&b"application/json"[..], &b""[..]),
    };
    if !mock.has_content_type {
        encode::header(b"Content-Type", media_type, &mut out);
    }
    complete(exchange, body, out);
}

/// The first media type of `Accept`, without its parameters.
fn first_type(accept: &[u8]) -> &[u8] {
    let end = accept.iter().position(|b| matches!(b, b',' | b';')).unwrap_or(accept.len());
    accept[..end].trim_ascii()
}

/// Length, end of head and body of an answer that is all here.
fn complete(exchange: &mut Exchange<'_>, body: &[u8], mut out: Vec<u8>) {
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
    let mut lines =
        *b"x-amzn-RequestId: 00000000-0000-0000-0000-000000000000\r\nx-amz-apigw-id: 0000000000000000\r\n";
    lines[18..54].copy_from_slice(&exchange.request_id);
    lines[72..88].copy_from_slice(&exchange.extended_request_id);
    out.extend_from_slice(&lines);
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
