//! Integration response to method response, where the gateway writes it: HTTP and MOCK integrations.

use super::payload::{self, Coding};
use super::scope::TemplateScope;
use super::transform::encode_trace_id;
use super::{Env, Exchange, Route, media_type, respond, values};
use crate::error::GatewayError;
use crate::http1::{Header, HeaderId, encode};
use crate::model::ResponseValidation;
use crate::snapshot::{HeaderValue, ResponsePlan, RoutePlan, StagePlan, TemplatePlan};
use crate::vtl::Overrides;

/// What an integration has answered.
pub(super) struct Answer<'b> {
    /// The bytes that its header fields lie in.
    pub(super) bytes: &'b [u8],
    /// Its header fields.
    pub(super) headers: &'b [Header],
    /// Its whole body.
    pub(super) body: Vec<u8>,
}

impl Answer<'_> {
    /// Its header fields of this name: names have their case in mappings (spec sheet §3).
    fn fields(&self, name: &[u8]) -> impl Iterator<Item = &[u8]> {
        let named = self.headers.iter().filter(move |header| header.name.of(self.bytes) == name);
        named.map(|header| header.value.of(self.bytes))
    }
}

/// Writes the method response.
pub(super) fn write<E: Env>(
    env: &E,
    route: &Route<'_>,
    exchange: &mut Exchange<'_>,
    plan: &ResponsePlan,
    answer: Answer<'_>,
) -> Result<(), GatewayError> {
    let mut headers = header_values(plan, exchange, &answer)?;
    let binary_types = &route.stage.payload.binary_media_types;
    let own_type = answer.headers.iter().find(|header| header.id == HeaderId::ContentType);
    let own_type =
        own_type.map_or(media_type::JSON, |header| media_type::essence(header.value.of(answer.bytes)));
    let body = payload::to_client(
        answer.body,
        media_type::is_binary(binary_types, media_type::accepted(exchange)),
        media_type::is_binary(binary_types, own_type),
        plan.content_handling,
    )?;
    let (body, content_type) = transformed(route, exchange, plan, body)?;
    let overrides = exchange.gathered.as_mut().map(|gathered| std::mem::take(&mut gathered.overrides));
    let overrides = overrides.unwrap_or_default();
    exchange.status = overrides.status_code().unwrap_or(plan.status);
    apply_overrides(&overrides, &mut headers)?;
    if let Some(validation) = &route.plan.response_validation {
        let written = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let kind = written.map_or(content_type.as_bytes(), |(_, value)| media_type::essence(value));
        let schemas = validation.bodies.iter().filter(|(status, known, _)| {
            *status == exchange.status && known.as_bytes().eq_ignore_ascii_case(kind)
        });
        for (_, _, schema) in schemas {
            if schema.check(&body).is_err() {
                exchange.response_is_invalid = true;
                if validation.mode == ResponseValidation::Enforce {
                    return Err(GatewayError::ApiConfigurationError);
                }
            }
        }
    }
    respond_with(env, route, exchange, &headers, &content_type, body);
    Ok(())
}

type Headers = Vec<(String, Vec<u8>)>;

/// The mapped headers; those whose source is missing are not there.
fn header_values(
    plan: &ResponsePlan,
    exchange: &Exchange<'_>,
    answer: &Answer<'_>,
) -> Result<Headers, GatewayError> {
    let mut headers = Headers::new();
    for (name, value) in &plan.headers {
        let mut text = Vec::new();
        let is_there = match value {
            HeaderValue::Header(wanted) => match answer.fields(wanted).last() {
                Some(value) => {
                    text.extend_from_slice(value);
                    true
                }
                None => false,
            },
            HeaderValue::MultiValueHeader(wanted) => {
                values::join(answer.fields(wanted), &mut text);
                answer.fields(wanted).next().is_some()
            }
            HeaderValue::Static(value) => {
                text.extend_from_slice(value);
                true
            }
            HeaderValue::Body(_) if values::is_broken_json(&answer.body) => {
                return Err(GatewayError::ApiConfigurationError);
            }
            HeaderValue::Body(path) => values::push_body(&answer.body, path.as_deref(), &mut text),
            HeaderValue::Context(variable) => {
                super::context::write(*variable, exchange, &mut text);
                true
            }
        };
        if !values::is_header_value(&text) {
            return Err(GatewayError::ApiConfigurationError);
        }
        if is_there {
            headers.push((name.to_string(), text));
        }
    }
    Ok(headers)
}

/// The body through its template, and the media type of it.
fn transformed(
    route: &Route<'_>,
    exchange: &mut Exchange<'_>,
    plan: &ResponsePlan,
    body: Vec<u8>,
) -> Result<(Vec<u8>, String), GatewayError> {
    let json = || String::from_utf8_lossy(media_type::JSON).into_owned();
    let chosen = media_type::find_or_first(&plan.templates, media_type::accepted(exchange));
    let (kind, template) = match chosen {
        None => return Ok((body, json())),
        Some((kind, TemplatePlan::Text(text))) => return Ok((text.as_bytes().to_vec(), kind.to_string())),
        Some((kind, TemplatePlan::Template(template))) => (kind, template),
    };
    let mut out = Vec::new();
    let mut overrides = exchange
        .gathered
        .as_mut()
        .map(|gathered| std::mem::take(&mut gathered.overrides))
        .unwrap_or_default();
    let scope = template_scope(route, exchange, &body);
    let rendered = template.render(&scope, &mut overrides, &mut out);
    exchange.gathered.get_or_insert_default().overrides = overrides;
    rendered.map_err(|_| GatewayError::ApiConfigurationError)?;
    Ok((out, kind.to_string()))
}

pub(super) fn template_scope<'s, 'a>(
    route: &Route<'s>,
    exchange: &'s Exchange<'a>,
    body: &'s [u8],
) -> TemplateScope<'s, 'a> {
    let Route { account_id, stage, plan: route } = *route;
    TemplateScope { exchange, account_id, stage, route, body }
}

/// `$context.responseOverride.header.NAME` replaces a mapped header or adds one (spec sheet §4).
fn apply_overrides(overrides: &Overrides, headers: &mut Headers) -> Result<(), GatewayError> {
    for (name, value) in &overrides.response_header {
        let value = value.to_text();
        let settable = crate::http1::is_token(name.as_bytes())
            && values::is_header_value(value.as_bytes())
            && !matches!(
                HeaderId::of(name.as_bytes()),
                HeaderId::ContentLength
                    | HeaderId::TransferEncoding
                    | HeaderId::Connection
                    | HeaderId::KeepAlive
            );
        if !settable {
            return Err(GatewayError::ApiConfigurationError);
        }
        headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        headers.push((name.to_string(), value.as_bytes().to_vec()));
    }
    Ok(())
}

fn respond_with<E: Env>(
    env: &E,
    route: &Route<'_>,
    exchange: &mut Exchange<'_>,
    headers: &Headers,
    content_type: &str,
    body: Vec<u8>,
) {
    exchange.close |= exchange.body_pending;
    let mut out = env.buffer();
    encode::status_line(exchange.status, &mut out);
    env.date_line(&mut out);
    respond::request_ids(exchange, &mut out);
    if !matches!(route.plan.integration, crate::snapshot::IntegrationPlan::Mock(_)) {
        let trace = exchange.head.headers.iter().find(|header| header.id == HeaderId::XAmznTraceId);
        encode_trace_id(exchange, trace.map(|trace| trace.value.of(exchange.bytes)), &mut out);
    }
    let has = |wanted: &str| headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
    for (name, value) in headers {
        encode::header(name.as_bytes(), value.trim_ascii(), &mut out);
    }
    if !has("content-type") {
        encode::header(b"Content-Type", content_type.as_bytes(), &mut out);
    }
    let coding = if has("content-encoding") { None } else { coding(route.stage, exchange, body.len()) };
    match coding {
        Some(coding) => {
            encode::header(b"Content-Encoding", coding.name(), &mut out);
            respond::complete(exchange, &payload::compress(&body, coding), out);
        }
        None => respond::complete(exchange, &body, out),
    }
}

/// The coding that an answer of this size is compressed with (tables.md §14.1).
pub(super) fn coding(stage: &StagePlan, exchange: &Exchange<'_>, size: usize) -> Option<Coding> {
    let minimum = stage.payload.minimum_compression_size?;
    let accepted = exchange.header(b"accept-encoding")?;
    payload::preferred_coding(accepted).filter(|_| size >= minimum as usize)
}

/// Whether a proxied answer has to be gathered, because it may have to be compressed.
pub(super) fn may_compress(stage: &StagePlan, exchange: &Exchange<'_>, plan: &RoutePlan) -> bool {
    stage.payload.minimum_compression_size.is_some()
        && matches!(plan.integration, crate::snapshot::IntegrationPlan::HttpProxy(_))
        && exchange.header(b"accept-encoding").is_some_and(|value| payload::preferred_coding(value).is_some())
        && exchange.answer.headers.iter().all(|header| header.id != HeaderId::ContentEncoding)
}
