//! What of a request decides which answer it gets.

use crate::http1::{HeaderId, Method};
use crate::model::HttpMethod;
use crate::pipeline::{Exchange, Route, media_type, payload, percent, values};
use crate::snapshot::{CachePlan, ParameterValue};

/// The verb that the key has, where the request is one that is cached. HEAD is answered with what GET was where one method answers both.
#[inline]
pub(super) fn cached_verb(plan: &CachePlan, exchange: &Exchange<'_>) -> Option<HttpMethod> {
    match exchange.http_method? {
        HttpMethod::Get => Some(HttpMethod::Get),
        HttpMethod::Head if plan.only_get && exchange.head.method == Method::Head => Some(HttpMethod::Get),
        // A method of its own; or an overridden verb: the client awaits a body, and gets an answer without.
        HttpMethod::Head => None,
        verb => (!plan.only_get).then_some(verb),
    }
}

/// `Cache-Control: max-age=0`; no other directive has an effect (tables.md §9.5).
pub(super) fn wants_new(exchange: &Exchange<'_>) -> bool {
    let bytes = exchange.bytes;
    let fields = exchange.head.headers.iter().filter(|header| {
        header.id == HeaderId::Other && header.name.of(bytes).eq_ignore_ascii_case(b"cache-control")
    });
    let mut directives = fields.flat_map(|header| header.value.of(bytes).split(|byte| *byte == b','));
    directives.any(|directive| directive.trim_ascii().eq_ignore_ascii_case(b"max-age=0"))
}

/// Appends the key: what the plan has for all requests, the verb, what the client's headers make of the answer, and the parameters.
///
/// A parameter counts with all its values, and whatever its name's case or encoding: a request that a backend may take for another
/// must not share its entry.
pub(super) fn encode_key(
    route: &Route<'_>,
    plan: &CachePlan,
    verb: HttpMethod,
    exchange: &Exchange<'_>,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(&plan.prefix);
    out.push(verb as u8);
    out.push(match route.stage.payload.minimum_compression_size {
        Some(_) => {
            exchange.header(b"accept-encoding").and_then(payload::preferred_coding).map_or(0, |c| c as u8 + 1)
        }
        None => 0,
    });
    if !plan.media_types.is_empty() {
        let accepted = media_type::accepted(exchange);
        let mut types = plan.media_types.iter();
        let chosen = types.position(|known| known.as_bytes().eq_ignore_ascii_case(accepted));
        out.push(chosen.map_or(u8::MAX, |index| index.min(254) as u8));
        out.push(media_type::is_binary(&route.stage.payload.binary_media_types, accepted).into());
    }
    for parameter in &plan.parameters {
        encode_parameter(parameter, exchange, out);
        out.push(b'.');
    }
}

fn encode_parameter(parameter: &ParameterValue, exchange: &Exchange<'_>, out: &mut Vec<u8>) {
    let bytes = exchange.bytes;
    match parameter {
        ParameterValue::Query(name) | ParameterValue::MultiValueQuery(name) => {
            for (key, value) in exchange.query_parameters() {
                if key == &**name || percent::decode(key, true).as_bytes() == &**name {
                    encode_value(value, out);
                }
            }
        }
        ParameterValue::Header(name) | ParameterValue::MultiValueHeader(name) => {
            for header in &exchange.head.headers {
                if header.name.of(bytes).eq_ignore_ascii_case(name) {
                    encode_value(header.value.of(bytes), out);
                }
            }
        }
        ParameterValue::Path(index) => {
            encode_value(exchange.parameters.get(*index, exchange.path()), out);
        }
        other => {
            let mut text = Vec::new();
            values::plain(other, exchange, &mut text);
            encode_value(&text, out);
        }
    }
}

/// With its length, so that no two lists of values look the same.
fn encode_value(value: &[u8], out: &mut Vec<u8>) {
    out.push(b'=');
    out.extend_from_slice(&(value.len() as u32).to_le_bytes());
    out.extend_from_slice(value);
}
