//! The state of one request and its answer.

use super::cache::CacheUse;
use super::throttle::{Held, RateLimits};
use crate::error::GatewayError;
use crate::http1::{Method, RequestHead, ResponseHead};
use crate::ids::RequestId;
use crate::model::HttpMethod;
use crate::snapshot::ApiKeyPlan;
use crate::snapshot::route_tree::PathParameters;
use crate::vtl::Overrides;

/// One request on its way through the pipeline. Borrows the receive buffer; owns what it encodes.
pub struct Exchange<'a> {
    /// The received bytes: the head, and what of the body came with it.
    pub bytes: &'a [u8],
    /// The parsed head.
    pub head: &'a RequestHead,
    /// Text of the client's address.
    pub source_ip: &'a [u8],
    /// Milliseconds since 1970 at which the request began.
    pub unix_millis: u64,
    /// When the request began, or had waited for its quota, in nanoseconds of the cores' clock: throttles are refilled by it.
    pub now: u64,
    /// The request's id.
    pub id: RequestId,
    /// `$context.requestId`: the id's UUID, or the client's own.
    pub request_id: [u8; 36],
    /// `$context.extendedRequestId`
    pub extended_request_id: [u8; 16],
    /// Whether the connection is closed after the answer: set before the head of the answer is encoded.
    pub close: bool,
    /// Whether the request body has not been taken whole: an answer that begins before it is closes the connection.
    pub body_pending: bool,

    /// Index of the stage, once resolved.
    pub stage: Option<u32>,
    /// Index of the route in its stage, once resolved.
    pub route: Option<u32>,
    /// Where the path parameters lie in the path.
    pub parameters: PathParameters,
    /// The verb that routes; `None` for verbs API Gateway does not know.
    pub http_method: Option<HttpMethod>,

    /// The API key, where the method requires one and this is one.
    pub api_key: Option<&'a ApiKeyPlan>,
    /// Its places among the requests that are under way.
    pub held: Held<'a>,
    /// What the answer tells of limits, where it does.
    pub rate_limits: Option<Box<RateLimits>>,

    /// What the cache has had to do with it.
    pub cache: CacheUse<'a>,

    /// The method that the integration is sent: it decides whether its answer has a body, and whether it may be asked again.
    pub integration_method: Method,
    /// The encoded head of the integration request.
    pub integration_request: Vec<u8>,
    /// The parsed head of the integration's answer.
    pub answer: &'a mut ResponseHead,
    /// The encoded answer, or its head.
    pub out: Vec<u8>,
    /// How the body in the answer is framed, and so what is left to send.
    pub framing: ResponseFraming,
    /// Status of the answer.
    pub status: u16,
    /// Body bytes already in `out`.
    pub body_bytes: u64,
    /// Why the gateway answered itself.
    pub error: Option<GatewayError>,
    /// What the error says beyond its type.
    pub error_detail: Option<Box<ErrorDetail>>,
    /// Whether the answer did not fit its model.
    pub response_is_invalid: bool,
    /// What is only there where the body is read as a whole, or a template writes the answer.
    pub gathered: Option<Box<Gathered>>,
}

/// The texts of an error that has its own.
#[derive(Debug, Clone)]
pub struct ErrorDetail {
    /// `$context.error.message`, where it is not that of the type.
    pub message: Option<String>,
    /// `$context.error.validationErrorString`
    pub validation_error_string: String,
}

/// A request and an answer that are in memory as a whole.
#[derive(Debug, Default)]
pub struct Gathered {
    /// The body of the request, its content coding undone.
    pub body: Vec<u8>,
    /// Whether the integration is sent [`Gathered::integration_body`] and only mapped headers: an HTTP integration.
    pub is_transformed: bool,
    /// The body of the integration request, where it differs from that of the request.
    pub integration_body: Option<Vec<u8>>,
    /// What templates have set.
    pub overrides: Overrides,
}

/// How the body of an answer reaches the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseFraming {
    /// Nothing follows what is encoded.
    Complete,
    /// This many bytes, as they are.
    Length(u64),
    /// In chunks of our own.
    Chunked,
    /// As they are, until the connection closes (HTTP/1.0 clients).
    UntilClose,
}

impl<'a> Exchange<'a> {
    /// A request whose head is complete.
    pub fn new(bytes: &'a [u8], head: &'a RequestHead, answer: &'a mut ResponseHead, id: RequestId) -> Self {
        Exchange {
            bytes,
            head,
            source_ip: b"",
            unix_millis: 0,
            now: 0,
            id,
            request_id: id.uuid(),
            extended_request_id: id.extended(),
            close: !head.keep_alive,
            body_pending: false,
            stage: None,
            route: None,
            parameters: PathParameters::default(),
            http_method: verb(head.method),
            api_key: None,
            held: Held::default(),
            rate_limits: None,
            cache: CacheUse::default(),
            integration_method: head.method,
            integration_request: Vec::new(),
            answer,
            out: Vec::new(),
            framing: ResponseFraming::Complete,
            status: 0,
            body_bytes: 0,
            error: None,
            error_detail: None,
            response_is_invalid: false,
            gathered: None,
        }
    }

    /// The path of the request.
    #[inline]
    pub fn path(&self) -> &'a [u8] {
        self.head.path.of(self.bytes)
    }

    /// `Host`, or nothing for HTTP/1.0 clients without it.
    #[inline]
    pub fn host(&self) -> &'a [u8] {
        self.head.host.map_or(b"", |host| host.of(self.bytes))
    }

    /// `$context.error.message`
    pub fn error_message(&self) -> &str {
        let own = self.error_detail.as_ref().and_then(|detail| detail.message.as_deref());
        own.or(self.error.map(|error| error.response().message)).unwrap_or("")
    }

    /// The last header of this name, any case.
    pub fn header(&self, name: &[u8]) -> Option<&'a [u8]> {
        let header =
            self.head.headers.iter().rev().find(|h| h.name.of(self.bytes).eq_ignore_ascii_case(name))?;
        Some(header.value.of(self.bytes))
    }

    /// The last query string parameter of this name, as the client encoded it.
    pub fn query_parameter(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.query_parameters().filter(|(key, _)| *key == name).last().map(|(_, value)| value)
    }

    /// The query string parameters as the client encoded them, in order.
    pub fn query_parameters(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let query = self.head.query.map_or(&b""[..], |query| query.of(self.bytes));
        // `;` separates like `&` (spec sheet §2).
        let pairs = query.split(|b| matches!(b, b'&' | b';')).filter(|pair| !pair.is_empty());
        pairs.map(|pair| match memchr::memchr(b'=', pair) {
            Some(equals) => (&pair[..equals], &pair[equals + 1..]),
            None => (pair, &b""[..]),
        })
    }
}

/// The HTTP method of an API Gateway verb.
pub(super) fn method(verb: HttpMethod) -> Method {
    match verb {
        HttpMethod::Any => Method::Other,
        HttpMethod::Delete => Method::Delete,
        HttpMethod::Get => Method::Get,
        HttpMethod::Head => Method::Head,
        HttpMethod::Options => Method::Options,
        HttpMethod::Patch => Method::Patch,
        HttpMethod::Post => Method::Post,
        HttpMethod::Put => Method::Put,
    }
}

/// The API Gateway verb of an HTTP method.
pub(super) fn verb(method: Method) -> Option<HttpMethod> {
    match method {
        Method::Delete => Some(HttpMethod::Delete),
        Method::Get => Some(HttpMethod::Get),
        Method::Head => Some(HttpMethod::Head),
        Method::Options => Some(HttpMethod::Options),
        Method::Patch => Some(HttpMethod::Patch),
        Method::Post => Some(HttpMethod::Post),
        Method::Put => Some(HttpMethod::Put),
        Method::Other => None,
    }
}
