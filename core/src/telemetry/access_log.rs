//! Access-log formats of `$context.*` variables, compiled once and encoded into bytes (tables.md §5.1, §5.2, §5.6).

use std::fmt;

use crate::snapshot::ApiKeyPlan;

/// The JSON preset: the guide's sample with the latencies added.
pub const PRESET_JSON: &str = concat!(
    r#"{"requestId":"$context.requestId","extendedRequestId":"$context.extendedRequestId","#,
    r#""ip":"$context.identity.sourceIp","requestTime":"$context.requestTime","httpMethod":"$context.httpMethod","#,
    r#""resourcePath":"$context.resourcePath","path":"$context.path","status":"$context.status","#,
    r#""protocol":"$context.protocol","responseLength":"$context.responseLength","#,
    r#""responseLatency":"$context.responseLatency","integrationLatency":"$context.integrationLatency","#,
    r#""integrationError":"$context.integration.error"}"#
);

/// The Common Log Format preset of the guide.
pub const PRESET_CLF: &str = concat!(
    "$context.identity.sourceIp $context.identity.caller $context.identity.user [$context.requestTime] ",
    "\"$context.httpMethod $context.resourcePath $context.protocol\" $context.status $context.responseLength ",
    "$context.requestId $context.extendedRequestId"
);

/// A `$context` variable that a log line may show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variable {
    RequestId,
    ExtendedRequestId,
    SourceIp,
    UserAgent,
    RequestTime,
    RequestTimeEpoch,
    HttpMethod,
    ResourcePath,
    ResourceId,
    Path,
    Protocol,
    Status,
    ResponseLength,
    ResponseLatency,
    IntegrationLatency,
    IntegrationStatus,
    IntegrationError,
    ApiId,
    Stage,
    DeploymentId,
    DomainName,
    DomainPrefix,
    AccountId,
    ApiKeyId,
    CacheStatus,
    ErrorMessage,
    ErrorMessageString,
    ErrorResponseType,
    ErrorValidationErrorString,
    IsCanaryRequest,
    /// Known to AWS, and always `-` here: its feature is not used by this API.
    Absent,
}

/// Name after `$context.` and what it shows.
const VARIABLES: &[(&str, Variable)] = &[
    ("requestId", Variable::RequestId),
    ("extendedRequestId", Variable::ExtendedRequestId),
    ("identity.sourceIp", Variable::SourceIp),
    ("identity.userAgent", Variable::UserAgent),
    ("requestTime", Variable::RequestTime),
    ("requestTimeEpoch", Variable::RequestTimeEpoch),
    ("httpMethod", Variable::HttpMethod),
    ("resourcePath", Variable::ResourcePath),
    ("resourceId", Variable::ResourceId),
    ("path", Variable::Path),
    ("protocol", Variable::Protocol),
    ("status", Variable::Status),
    ("responseLength", Variable::ResponseLength),
    ("responseLatency", Variable::ResponseLatency),
    ("integrationLatency", Variable::IntegrationLatency),
    ("integration.latency", Variable::IntegrationLatency),
    ("integrationStatus", Variable::IntegrationStatus),
    ("integration.status", Variable::IntegrationStatus),
    ("integration.integrationStatus", Variable::IntegrationStatus),
    ("integrationErrorMessage", Variable::IntegrationError),
    ("integration.error", Variable::IntegrationError),
    ("apiId", Variable::ApiId),
    ("stage", Variable::Stage),
    ("deploymentId", Variable::DeploymentId),
    ("domainName", Variable::DomainName),
    ("domainPrefix", Variable::DomainPrefix),
    ("accountId", Variable::AccountId),
    ("error.message", Variable::ErrorMessage),
    ("error.messageString", Variable::ErrorMessageString),
    ("error.responseType", Variable::ErrorResponseType),
    ("error.validationErrorString", Variable::ErrorValidationErrorString),
    ("isCanaryRequest", Variable::IsCanaryRequest),
    ("identity.caller", Variable::Absent),
    ("identity.user", Variable::Absent),
    ("identity.userArn", Variable::Absent),
    ("identity.accountId", Variable::Absent),
    // A secret: AWS would log it.
    ("identity.apiKey", Variable::Absent),
    ("identity.apiKeyId", Variable::ApiKeyId),
    ("cacheStatus", Variable::CacheStatus),
    ("authorizer.principalId", Variable::Absent),
    ("xrayTraceId", Variable::Absent),
];

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Literal(Box<[u8]>),
    Variable(Variable),
}

/// How characters that would break a line's own syntax are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    /// `\"`, `\\`, `\u00XX`: the format is a JSON object.
    Json,
    /// `\xXX`, as nginx does.
    Hex,
}

/// A compiled format.
#[derive(Debug, Clone, PartialEq)]
pub struct LogFormat {
    parts: Vec<Part>,
    escape: Escape,
}

/// Why a format is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatError {
    /// Byte offset in the format.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {})", self.message, self.offset)
    }
}

/// Compiles a format. It is one line and names the request, as AWS demands (tables.md §5.2); an unknown variable is refused.
pub fn compile(format: &str) -> Result<LogFormat, FormatError> {
    let refuse = |offset, message: &str| Err(FormatError { offset, message: message.to_owned() });
    if format.trim().is_empty() {
        return refuse(0, "Access Log value must not be empty");
    }
    if let Some(offset) = format.find(['\n', '\r']) {
        return refuse(offset, "an access log format is a single line");
    }
    let mut parts = Vec::new();
    let mut rest = format;
    while let Some(start) = rest.find("$context.") {
        if start > 0 {
            parts.push(Part::Literal(rest.as_bytes()[..start].into()));
        }
        let name = &rest[start + "$context.".len()..];
        let end =
            name.find(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '_').unwrap_or(name.len());
        let name = name[..end].trim_end_matches('.');
        let offset = format.len() - rest.len() + start;
        let Some((_, variable)) = VARIABLES.iter().find(|(known, _)| *known == name) else {
            return refuse(offset, &format!("$context.{name} is not a variable that an access log can show"));
        };
        parts.push(Part::Variable(*variable));
        rest = &rest[start + "$context.".len() + name.len()..];
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest.as_bytes().into()));
    }
    let names_request =
        |part: &Part| matches!(part, Part::Variable(Variable::RequestId | Variable::ExtendedRequestId));
    if !parts.iter().any(names_request) {
        return refuse(0, "an access log format contains $context.requestId or $context.extendedRequestId");
    }
    let escape = if format.trim_start().starts_with('{') { Escape::Json } else { Escape::Hex };
    Ok(LogFormat { parts, escape })
}

/// What one line can show. Times in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct LogRecord<'a> {
    /// UUID text.
    pub request_id: &'a [u8],
    /// Sixteen characters of base64.
    pub extended_request_id: &'a [u8],
    /// Text of the client's address.
    pub source_ip: &'a [u8],
    /// `User-Agent`, if sent.
    pub user_agent: Option<&'a [u8]>,
    /// `dd/MMM/yyyy:HH:mm:ss +0000`
    pub request_time: &'a [u8],
    /// Milliseconds since 1970.
    pub request_time_epoch: u64,
    /// As sent by the client.
    pub http_method: &'a [u8],
    /// `/pets/{petId}`; `None` when nothing matched.
    pub resource_path: Option<&'a str>,
    /// Resource id.
    pub resource_id: Option<&'a str>,
    /// Path as the client sent it.
    pub path: &'a [u8],
    /// `HTTP/1.1`
    pub protocol: &'a str,
    /// Status sent to the client.
    pub status: u16,
    /// Body bytes sent to the client.
    pub response_length: u64,
    /// From the head of the request to the end of the answer.
    pub response_latency: u64,
    /// Spent waiting for the integration; `None` when it was not called.
    pub integration_latency: Option<u64>,
    /// The integration's own status.
    pub integration_status: Option<u16>,
    /// Why the integration failed.
    pub integration_error: Option<&'a str>,
    /// API id.
    pub api_id: Option<&'a str>,
    /// Stage name.
    pub stage: Option<&'a str>,
    /// Deployment id.
    pub deployment_id: Option<&'a str>,
    /// `Host` without its port.
    pub domain_name: &'a [u8],
    /// Account id.
    pub account_id: &'a str,
    /// The API key, where the method requires one.
    pub api_key: Option<&'a ApiKeyPlan>,
    /// What a cache did; ours, not AWS's.
    pub cache_status: &'a str,
    /// Message of a gateway response.
    pub error_message: Option<&'a str>,
    /// Type of a gateway response.
    pub error_response_type: Option<&'a str>,
    /// What a request validator found.
    pub validation_error: Option<&'a str>,
    /// Whether a canary answered.
    pub is_canary: bool,
}

/// Appends one line, its end included.
pub fn encode(format: &LogFormat, record: &LogRecord<'_>, out: &mut Vec<u8>) {
    for part in &format.parts {
        match part {
            Part::Literal(bytes) => out.extend_from_slice(bytes),
            Part::Variable(variable) => encode_variable(*variable, format.escape, record, out),
        }
    }
    out.push(b'\n');
}

fn encode_variable(variable: Variable, escape: Escape, record: &LogRecord<'_>, out: &mut Vec<u8>) {
    match variable {
        Variable::RequestId => out.extend_from_slice(record.request_id),
        Variable::ExtendedRequestId => out.extend_from_slice(record.extended_request_id),
        Variable::SourceIp => out.extend_from_slice(record.source_ip),
        Variable::UserAgent => optional(record.user_agent, escape, out),
        Variable::RequestTime => out.extend_from_slice(record.request_time),
        Variable::RequestTimeEpoch => number(record.request_time_epoch, out),
        Variable::HttpMethod => out.extend_from_slice(record.http_method),
        Variable::ResourcePath => text(record.resource_path, out),
        Variable::ResourceId => text(record.resource_id, out),
        Variable::Path => escaped(record.path, escape, out),
        Variable::Protocol => out.extend_from_slice(record.protocol.as_bytes()),
        Variable::Status => number(record.status.into(), out),
        Variable::ResponseLength => number(record.response_length, out),
        Variable::ResponseLatency => number(record.response_latency, out),
        Variable::IntegrationLatency => optional_number(record.integration_latency, out),
        Variable::IntegrationStatus => optional_number(record.integration_status.map(u64::from), out),
        Variable::IntegrationError => text(record.integration_error, out),
        Variable::ApiId => text(record.api_id, out),
        Variable::Stage => text(record.stage, out),
        Variable::DeploymentId => text(record.deployment_id, out),
        Variable::DomainName => escaped(record.domain_name, escape, out),
        Variable::DomainPrefix => {
            let end = memchr::memchr(b'.', record.domain_name).unwrap_or(record.domain_name.len());
            escaped(&record.domain_name[..end], escape, out);
        }
        Variable::AccountId => out.extend_from_slice(record.account_id.as_bytes()),
        Variable::CacheStatus => out.extend_from_slice(record.cache_status.as_bytes()),
        Variable::ApiKeyId => optional(record.api_key.map(|key| key.id().as_bytes()), escape, out),
        Variable::ErrorMessage => optional(record.error_message.map(str::as_bytes), escape, out),
        Variable::ErrorMessageString => match record.error_message {
            Some(message) => {
                out.push(b'"');
                escaped(message.as_bytes(), escape, out);
                out.push(b'"');
            }
            None => out.push(b'-'),
        },
        Variable::ErrorResponseType => text(record.error_response_type, out),
        Variable::ErrorValidationErrorString => {
            optional(record.validation_error.map(str::as_bytes), escape, out);
        }
        Variable::IsCanaryRequest => {
            out.extend_from_slice(if record.is_canary { b"true" } else { b"false" });
        }
        Variable::Absent => out.push(b'-'),
    }
}

#[inline]
fn number(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn optional_number(value: Option<u64>, out: &mut Vec<u8>) {
    match value {
        Some(value) => number(value, out),
        None => out.push(b'-'),
    }
}

#[inline]
fn text(value: Option<&str>, out: &mut Vec<u8>) {
    out.extend_from_slice(value.unwrap_or("-").as_bytes());
}

fn optional(value: Option<&[u8]>, escape: Escape, out: &mut Vec<u8>) {
    match value {
        Some(value) => escaped(value, escape, out),
        None => out.push(b'-'),
    }
}

/// Writes what a client chose, so that it can neither end the line nor leave its quotes.
#[inline]
fn escaped(bytes: &[u8], escape: Escape, out: &mut Vec<u8>) {
    let plain = |b: &u8| matches!(b, 0x20..=0x7e) && *b != b'"' && *b != b'\\';
    if bytes.iter().all(plain) {
        out.extend_from_slice(bytes);
    } else {
        escaped_slow(bytes, escape, out);
    }
}

#[cold]
fn escaped_slow(bytes: &[u8], escape: Escape, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        let digits = [DIGITS[(byte >> 4) as usize], DIGITS[(byte & 15) as usize]];
        match (byte, escape) {
            (b'"' | b'\\', Escape::Json) => out.extend_from_slice(&[b'\\', *byte]),
            (0x20..=0x7e, _) if *byte != b'"' && *byte != b'\\' => out.push(*byte),
            (_, Escape::Json) => out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digits[0], digits[1]]),
            (_, Escape::Hex) => out.extend_from_slice(&[b'\\', b'x', digits[0], digits[1]]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> LogRecord<'static> {
        LogRecord {
            request_id: b"6f1d3f2e-0c2a-4d2f-9d0b-0123456789ab",
            extended_request_id: b"ABCDEFGHIJKLMNA=",
            source_ip: b"192.0.2.7",
            user_agent: Some(b"curl/8 \"x\"\n"),
            request_time: b"19/Jan/2023:21:13:26 +0000",
            request_time_epoch: 1_674_162_806_123,
            http_method: b"GET",
            resource_path: Some("/pets/{petId}"),
            resource_id: Some("abc123"),
            path: b"/dev/pets/7",
            protocol: "HTTP/1.1",
            status: 200,
            response_length: 128,
            response_latency: 3,
            integration_latency: None,
            integration_status: None,
            integration_error: None,
            api_id: Some("petstore01"),
            stage: Some("dev"),
            deployment_id: Some("d1"),
            domain_name: b"petstore01.execute-api.us-east-1.amazonaws.com",
            account_id: "123456789012",
            api_key: None,
            cache_status: "-",
            error_message: None,
            error_response_type: None,
            validation_error: None,
            is_canary: false,
        }
    }

    fn line(format: &str) -> String {
        let mut out = Vec::new();
        encode(&compile(format).unwrap(), &record(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_common_log_format_reads_as_the_guide_shows() {
        assert_eq!(
            line(PRESET_CLF),
            "192.0.2.7 - - [19/Jan/2023:21:13:26 +0000] \"GET /pets/{petId} HTTP/1.1\" 200 128 \
             6f1d3f2e-0c2a-4d2f-9d0b-0123456789ab ABCDEFGHIJKLMNA=\n"
        );
    }

    #[test]
    fn the_json_preset_shows_absent_values_as_dashes() {
        let line = line(PRESET_JSON);
        assert!(line.starts_with("{\"requestId\":\"6f1d"), "{line}");
        assert!(line.contains("\"integrationLatency\":\"-\""), "{line}");
        assert!(line.ends_with("}\n"), "{line}");
    }

    #[test]
    fn a_client_cannot_leave_its_quotes_or_its_line() {
        assert_eq!(
            line("{\"r\":\"$context.requestId\",\"a\":\"$context.identity.userAgent\"}"),
            "{\"r\":\"6f1d3f2e-0c2a-4d2f-9d0b-0123456789ab\",\"a\":\"curl/8 \\\"x\\\"\\u000a\"}\n"
        );
        assert!(
            line("$context.requestId $context.identity.userAgent").ends_with("curl/8 \\x22x\\x22\\x0a\n")
        );
    }

    #[test]
    fn a_variable_ends_where_its_name_does() {
        assert!(line("$context.requestId.$context.domainPrefix.").ends_with(".petstore01.\n"));
    }

    #[test]
    fn bad_formats_say_where() {
        assert_eq!(compile("").unwrap_err().message, "Access Log value must not be empty");
        assert_eq!(compile("$context.requestId\n").unwrap_err().offset, 18);
        let unknown = compile("$context.requestId $context.nothing").unwrap_err();
        assert_eq!(unknown.offset, 19);
        assert!(unknown.message.contains("$context.nothing"), "{unknown}");
        assert!(compile("$context.status").unwrap_err().message.contains("requestId"));
    }
}
