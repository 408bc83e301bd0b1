//! Names recognised once, so that no later stage compares strings.

/// A method, as far as API Gateway routes by it. Methods are case-sensitive (RFC 9110 §9.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// DELETE
    Delete,
    /// GET
    Get,
    /// HEAD
    Head,
    /// OPTIONS
    Options,
    /// PATCH
    Patch,
    /// POST
    Post,
    /// PUT
    Put,
    /// Any other token: no route has it.
    Other,
}

impl Method {
    /// The method a token names.
    pub fn of(token: &[u8]) -> Method {
        match token {
            b"GET" => Method::Get,
            b"PUT" => Method::Put,
            b"POST" => Method::Post,
            b"HEAD" => Method::Head,
            b"PATCH" => Method::Patch,
            b"DELETE" => Method::Delete,
            b"OPTIONS" => Method::Options,
            _ => Method::Other,
        }
    }
}

/// A field name that the gateway treats in a way of its own; every other is [`HeaderId::Other`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs)] // each is the field of its name
pub enum HeaderId {
    Other,
    Accept,
    Authorization,
    Connection,
    ContentEncoding,
    ContentLength,
    ContentMd5,
    ContentType,
    Date,
    Expect,
    Host,
    KeepAlive,
    MaxForwards,
    ProxyAuthenticate,
    ProxyAuthorization,
    ProxyConnection,
    Server,
    Te,
    Trailer,
    TransferEncoding,
    Upgrade,
    UserAgent,
    Via,
    WwwAuthenticate,
    XApiKey,
    XAmzApigwId,
    XAmznApigatewayApiId,
    XAmznErrorType,
    XAmznRequestId,
    XAmznTraceId,
    XForwardedFor,
    XForwardedPort,
    XForwardedProto,
    XHttpMethodOverride,
}

impl HeaderId {
    /// The field a name names, in any case: by length and first letter, then one comparison. `name` is a token.
    pub fn of(name: &[u8]) -> HeaderId {
        let Some(first) = name.first() else { return HeaderId::Other };
        let (text, id): (&[u8], HeaderId) = match (name.len(), first.to_ascii_lowercase()) {
            (2, b't') => (b"te", HeaderId::Te),
            (3, b'v') => (b"via", HeaderId::Via),
            (4, b'h') => (b"host", HeaderId::Host),
            (4, b'd') => (b"date", HeaderId::Date),
            (6, b'a') => (b"accept", HeaderId::Accept),
            (6, b'e') => (b"expect", HeaderId::Expect),
            (6, b's') => (b"server", HeaderId::Server),
            (7, b't') => (b"trailer", HeaderId::Trailer),
            (7, b'u') => (b"upgrade", HeaderId::Upgrade),
            (9, b'x') => (b"x-api-key", HeaderId::XApiKey),
            (10, b'c') => (b"connection", HeaderId::Connection),
            (10, b'k') => (b"keep-alive", HeaderId::KeepAlive),
            (10, b'u') => (b"user-agent", HeaderId::UserAgent),
            (11, b'c') => (b"content-md5", HeaderId::ContentMd5),
            (12, b'c') => (b"content-type", HeaderId::ContentType),
            (12, b'm') => (b"max-forwards", HeaderId::MaxForwards),
            (13, b'a') => (b"authorization", HeaderId::Authorization),
            (14, b'c') => (b"content-length", HeaderId::ContentLength),
            (14, b'x') => (b"x-amz-apigw-id", HeaderId::XAmzApigwId),
            (15, b'x') => return Self::among(name, &LENGTH_15),
            (16, b'c') => (b"content-encoding", HeaderId::ContentEncoding),
            (16, b'p') => (b"proxy-connection", HeaderId::ProxyConnection),
            (16, b'w') => (b"www-authenticate", HeaderId::WwwAuthenticate),
            (16, b'x') => return Self::among(name, &LENGTH_16),
            (17, b't') => (b"transfer-encoding", HeaderId::TransferEncoding),
            (17, b'x') => (b"x-forwarded-proto", HeaderId::XForwardedProto),
            (18, b'p') => (b"proxy-authenticate", HeaderId::ProxyAuthenticate),
            (19, b'p') => (b"proxy-authorization", HeaderId::ProxyAuthorization),
            (22, b'x') => (b"x-http-method-override", HeaderId::XHttpMethodOverride),
            (24, b'x') => (b"x-amzn-apigateway-api-id", HeaderId::XAmznApigatewayApiId),
            _ => return HeaderId::Other,
        };
        if is_folded(name, text) { id } else { HeaderId::Other }
    }

    fn among(name: &[u8], table: &[(&[u8], HeaderId)]) -> HeaderId {
        table.iter().find(|(text, _)| is_folded(name, text)).map_or(HeaderId::Other, |&(_, id)| id)
    }

    /// Whether the field always ends at the next hop (RFC 9110 §7.6.1); those that a Connection field names come on top.
    pub(super) fn is_hop_by_hop(self) -> bool {
        matches!(
            self,
            HeaderId::Connection
                | HeaderId::KeepAlive
                | HeaderId::ProxyConnection
                | HeaderId::Te
                | HeaderId::Trailer
                | HeaderId::TransferEncoding
                | HeaderId::Upgrade
        )
    }
}

/// Whether a token is `text`, which is in lower case and of the same length, but for case: a word at a time, because every name of
/// every message is compared. Among token characters only letters differ from their lower case in the bit that is set here, and
/// `^` from `~`, which no known name has.
fn is_folded(token: &[u8], text: &[u8]) -> bool {
    fn word<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
        bytes.get(at..at + N)?.try_into().ok()
    }
    let fold8 = |bytes, at| word(bytes, at).map(|word| u64::from_ne_bytes(word) | 0x2020_2020_2020_2020);
    let fold4 = |bytes, at| word(bytes, at).map(|word| u32::from_ne_bytes(word) | 0x2020_2020);
    match text.len() {
        0..4 => token.eq_ignore_ascii_case(text),
        // The last word overlaps the one before.
        len @ 4..8 => fold4(token, 0) == fold4(text, 0) && fold4(token, len - 4) == fold4(text, len - 4),
        len => (0..len - 7).step_by(8).chain([len - 8]).all(|at| fold8(token, at) == fold8(text, at)),
    }
}

const LENGTH_15: [(&[u8], HeaderId); 2] =
    [(b"x-amzn-trace-id", HeaderId::XAmznTraceId), (b"x-forwarded-for", HeaderId::XForwardedFor)];
const LENGTH_16: [(&[u8], HeaderId); 3] = [
    (b"x-amzn-requestid", HeaderId::XAmznRequestId),
    (b"x-amzn-errortype", HeaderId::XAmznErrorType),
    (b"x-forwarded-port", HeaderId::XForwardedPort),
];

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [(&str, HeaderId); 33] = [
        ("Accept", HeaderId::Accept),
        ("Authorization", HeaderId::Authorization),
        ("Connection", HeaderId::Connection),
        ("Content-Encoding", HeaderId::ContentEncoding),
        ("Content-Length", HeaderId::ContentLength),
        ("Content-MD5", HeaderId::ContentMd5),
        ("Content-Type", HeaderId::ContentType),
        ("Date", HeaderId::Date),
        ("Expect", HeaderId::Expect),
        ("Host", HeaderId::Host),
        ("Keep-Alive", HeaderId::KeepAlive),
        ("Max-Forwards", HeaderId::MaxForwards),
        ("Proxy-Authenticate", HeaderId::ProxyAuthenticate),
        ("Proxy-Authorization", HeaderId::ProxyAuthorization),
        ("Proxy-Connection", HeaderId::ProxyConnection),
        ("Server", HeaderId::Server),
        ("TE", HeaderId::Te),
        ("Trailer", HeaderId::Trailer),
        ("Transfer-Encoding", HeaderId::TransferEncoding),
        ("Upgrade", HeaderId::Upgrade),
        ("User-Agent", HeaderId::UserAgent),
        ("Via", HeaderId::Via),
        ("WWW-Authenticate", HeaderId::WwwAuthenticate),
        ("x-amz-apigw-id", HeaderId::XAmzApigwId),
        ("X-Amzn-Apigateway-Api-Id", HeaderId::XAmznApigatewayApiId),
        ("x-amzn-ErrorType", HeaderId::XAmznErrorType),
        ("x-amzn-RequestId", HeaderId::XAmznRequestId),
        ("X-API-Key", HeaderId::XApiKey),
        ("X-Amzn-Trace-Id", HeaderId::XAmznTraceId),
        ("X-Forwarded-For", HeaderId::XForwardedFor),
        ("X-Forwarded-Port", HeaderId::XForwardedPort),
        ("X-Forwarded-Proto", HeaderId::XForwardedProto),
        ("X-HTTP-Method-Override", HeaderId::XHttpMethodOverride),
    ];

    #[test]
    fn names_are_recognised_in_any_case_and_nothing_else_is() {
        for (name, id) in NAMES {
            assert_eq!(HeaderId::of(name.as_bytes()), id, "{name}");
            assert_eq!(HeaderId::of(name.to_uppercase().as_bytes()), id, "{name}");
            assert_eq!(HeaderId::of(name.to_lowercase().as_bytes()), id, "{name}");
            for at in 0..name.len() {
                let mut other = name.as_bytes().to_vec();
                other[at] = b'!';
                assert_eq!(HeaderId::of(&other), HeaderId::Other, "{name} changed at {at}");
            }
            assert_eq!(
                HeaderId::of(&name.as_bytes()[1..]),
                HeaderId::Other,
                "{name} without its first letter"
            );
        }
        assert_eq!(HeaderId::of(b""), HeaderId::Other);
        assert_eq!(HeaderId::of(b"x-api-keys"), HeaderId::Other);
    }

    #[test]
    fn methods_are_case_sensitive() {
        assert_eq!(Method::of(b"GET"), Method::Get);
        assert_eq!(Method::of(b"get"), Method::Other);
        assert_eq!(Method::of(b"OPTIONS"), Method::Options);
        assert_eq!(Method::of(b"TRACE"), Method::Other);
    }
}
