//! The values of `$context` variables of an exchange.

use super::Exchange;
use crate::error::GatewayError;
use crate::http1::{DateCache, HeaderId, Version};
use crate::model::HttpMethod;
use crate::snapshot::ContextVariable;
use crate::snapshot::host_map::without_port;

/// Appends a variable of the request; false: it has none. Those of the configuration are text since the snapshot was compiled.
pub(super) fn write(variable: ContextVariable, exchange: &Exchange<'_>, out: &mut Vec<u8>) -> bool {
    let response = || exchange.error.map(GatewayError::response);
    let detail = exchange.error_detail.as_deref();
    match variable {
        // Only where the method requires a key (tables.md §5.1).
        ContextVariable::ApiKey => match exchange.api_key {
            Some(_) => out.extend_from_slice(exchange.header(b"x-api-key").unwrap_or_default()),
            None => return false,
        },
        ContextVariable::ApiKeyId => match exchange.api_key {
            Some(key) => out.extend_from_slice(key.id().as_bytes()),
            None => return false,
        },
        ContextVariable::DomainName => out.extend_from_slice(without_port(exchange.host())),
        ContextVariable::DomainPrefix => {
            let host = without_port(exchange.host());
            out.extend_from_slice(&host[..memchr::memchr(b'.', host).unwrap_or(host.len())]);
        }
        ContextVariable::ErrorMessage => out.extend_from_slice(exchange.error_message().as_bytes()),
        ContextVariable::ErrorMessageString => json_string(exchange.error_message(), out),
        ContextVariable::ErrorResponseType => match response() {
            Some(response) => out.extend_from_slice(response.response_type.as_bytes()),
            None => return false,
        },
        ContextVariable::ErrorValidationErrorString => match detail {
            Some(detail) => out.extend_from_slice(detail.validation_error_string.as_bytes()),
            None => return false,
        },
        ContextVariable::ExtendedRequestId => out.extend_from_slice(&exchange.extended_request_id),
        ContextVariable::HttpMethod => {
            out.extend_from_slice(exchange.http_method.map_or("", HttpMethod::as_str).as_bytes());
        }
        ContextVariable::Path => out.extend_from_slice(exchange.path()),
        ContextVariable::Protocol => out.extend_from_slice(match exchange.head.version {
            Version::Http10 => b"HTTP/1.0",
            Version::Http11 => b"HTTP/1.1",
        }),
        ContextVariable::RequestId => out.extend_from_slice(&exchange.request_id),
        ContextVariable::RequestTime => request_time(exchange.unix_millis / 1000, out),
        ContextVariable::RequestTimeEpoch => {
            out.extend_from_slice(itoa::Buffer::new().format(exchange.unix_millis).as_bytes());
        }
        ContextVariable::SourceIp => out.extend_from_slice(exchange.source_ip),
        ContextVariable::Status => {
            out.extend_from_slice(itoa::Buffer::new().format(exchange.status).as_bytes());
        }
        ContextVariable::UserAgent => {
            let header = exchange.head.headers.iter().find(|header| header.id == HeaderId::UserAgent);
            let Some(header) = header else { return false };
            out.extend_from_slice(header.value.of(exchange.bytes));
        }
        ContextVariable::AccountId
        | ContextVariable::ApiId
        | ContextVariable::DeploymentId
        | ContextVariable::IsCanaryRequest
        | ContextVariable::ResourceId
        | ContextVariable::ResourcePath
        | ContextVariable::Stage
        | ContextVariable::Absent => return false,
    }
    true
}

/// `19/Jan/2023:21:13:26 +0000`
fn request_time(unix_seconds: u64, out: &mut Vec<u8>) {
    let mut date = DateCache::default();
    let line = date.line(unix_seconds);
    let text = &line[b"Date: Sun, ".len()..];
    for (bytes, end) in
        [(&text[0..2], b'/'), (&text[3..6], b'/'), (&text[7..11], b':'), (&text[12..20], b' ')]
    {
        out.extend_from_slice(bytes);
        out.push(end);
    }
    out.extend_from_slice(b"+0000");
}

/// Text in quotes, as JSON writes it.
pub(super) fn json_string(text: &str, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => {
                let digits = [DIGITS[(byte >> 4) as usize], DIGITS[(byte & 15) as usize]];
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&digits);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_json_and_times() {
        let mut out = Vec::new();
        json_string("a\"\\\n\u{1}é", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "\"a\\\"\\\\\\n\\u0001é\"");
        let mut out = Vec::new();
        request_time(1_674_162_806, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "19/Jan/2023:21:13:26 +0000");
    }
}
