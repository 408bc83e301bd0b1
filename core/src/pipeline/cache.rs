//! Answers that are kept, and those that are given from what is kept (tables.md §9.5).
//!
//! What may be stored is decided by the stage, not by `Cache-Control`, `Set-Cookie` or `Vary` of the answer: as AWS does it.

use std::ops::Deref;
use std::sync::Arc;

use super::transform::encode_trace_id;
use super::{Env, Exchange, ResponseFraming, Route, Served, media_type, payload, percent, respond, values};
use crate::cache::{CacheStatus, Entry, Found, Lead, NewAnswer, Outcome, Ticket, Turn, Wait, Waited};
use crate::error::GatewayError;
use crate::http1::{BodyLength, HeaderId, Method, encode};
use crate::limits::{CACHE_KEY_BYTES_MAX, CACHE_TAGS_MAX, CACHED_BYTES_MAX};
use crate::model::{HttpMethod, UnauthorizedCacheControl};
use crate::snapshot::{CachePlan, IntegrationPlan, ParameterValue, Snapshot};

/// What AWS adds to a cached answer whose client wanted another; its own text is not known (tables.md §9.5).
const WARNING: &[u8] = b"199 - \"Cache-Control: max-age=0 is not authorized\"";
/// Lines that every response has of its own. Those before the last of the gateway's own lines are not looked at.
const OWN_LINES: [&[u8]; 5] =
    [b"content-length", b"transfer-encoding", b"connection", b"age", b"x-amzn-trace-id"];
/// After how many nanoseconds somebody else may ask anew where the one who did has failed.
const REFRESH_AGAIN_NANOS: u64 = 1_000_000_000;
/// Bytes of a body from which on it is sent from the cache itself: less are copied in a shorter time than they are counted.
const SHARED_BODY_BYTES: usize = 4096;
/// The last line of those that the gateway begins a response with.
const LAST_OWN_LINE: &[u8] = b"\r\nx-amz-apigw-id: ";

/// What the cache has had to do with a request.
#[derive(Debug, Default)]
pub struct CacheUse<'a> {
    /// What it did.
    pub status: CacheStatus,
    /// Whether the answer was kept.
    pub is_stored: bool,
    /// Whether another request asked for the answer, and this one waited for it.
    pub has_waited: bool,
    /// Whether what answered is too old, and this request is the one after which it is to be asked for anew.
    pub is_to_refresh: bool,
    /// Whether nobody waits for the answer but the cache.
    is_refresh: bool,
    keep: Option<Box<Keep<'a>>>,
}

/// An answer that is to be kept.
#[derive(Debug)]
struct Keep<'a> {
    plan: &'a CachePlan,
    hash: u64,
    ticket: Ticket,
    key: Box<[u8]>,
    lines: Vec<u8>,
    age: u64,
    tags: Vec<u16>,
    body: Vec<u8>,
    /// What answers where the integration fails.
    stale: Option<Arc<Entry>>,
    /// Others wait for it. Dropped with this, the next of them asks.
    lead: Option<Lead>,
}

/// What came of looking.
pub(super) enum Looked<L> {
    /// It holds the answer.
    Served(Served<L>),
    /// The integration has to be asked, and what it says may be kept.
    Ask,
    /// Another request asks already.
    Wait(Wait),
}

/// Answers from the cache, where it holds the answer.
#[inline]
pub(super) fn lookup<'a, E: Env>(
    env: &E,
    route: &Route<'a>,
    plan: &'a CachePlan,
    exchange: &mut Exchange<'a>,
) -> Result<Looked<E::Lease>, GatewayError> {
    let Some(verb) = cached_verb(plan, exchange).filter(|_| env.caches().is_some()) else {
        return Ok(Looked::Ask);
    };
    let wants_new = wants_new(exchange);
    let may_want = !plan.requires_authorization;
    if wants_new && !may_want && plan.unauthorized == UnauthorizedCacheControl::FailWith403 {
        return Err(GatewayError::Forbidden);
    }
    // The buffer of the integration request: nothing is in it yet.
    let mut key = std::mem::take(&mut exchange.integration_request);
    encode_key(route, plan, verb, exchange, &mut key);
    let looked = match key.len() <= CACHE_KEY_BYTES_MAX {
        true => answer(env, route, plan, wants_new.then_some(may_want), &key, exchange),
        false => Looked::Ask,
    };
    key.clear();
    exchange.integration_request = key;
    Ok(looked)
}

/// Answers with the entry for a key, or notes what is to be kept under it. `wants_new`: whether a client that wants a new one may.
fn answer<'a, E: Env>(
    env: &E,
    route: &Route<'a>,
    plan: &'a CachePlan,
    wants_new: Option<bool>,
    key: &[u8],
    exchange: &mut Exchange<'a>,
) -> Looked<E::Lease> {
    let hash = plan.cache.hash(key);
    let found = plan.cache.find(hash, key);
    let now = exchange.now;
    let status = match &found {
        _ if wants_new == Some(true) => CacheStatus::Bypass,
        Some(entry) if entry.is_fresh(now) => CacheStatus::Hit,
        Some(entry) if entry.serves_while_revalidate(now) && !exchange.cache.is_refresh => CacheStatus::Stale,
        Some(_) => CacheStatus::Expired,
        None => CacheStatus::Miss,
    };
    exchange.cache.status = status;
    let stale = match (status, found) {
        (CacheStatus::Hit | CacheStatus::Stale, Some(entry)) => {
            if status == CacheStatus::Stale {
                // A request with a body would have to be sent again with it.
                let can_ask = exchange.head.body == BodyLength::None && exchange.head.method != Method::Head;
                exchange.cache.is_to_refresh = can_ask && entry.claim(now, now + refresh_nanos(route));
            }
            let warns = wants_new.is_some()
                && plan.unauthorized == UnauthorizedCacheControl::SucceedWithResponseHeader;
            return Looked::Served(encode_hit(env, plan, Kept::Found(entry), warns, exchange));
        }
        (CacheStatus::Expired, Some(entry)) if entry.serves_if_error(now) => Some(entry.keep()),
        _ => None,
    };
    // To HEAD an answer has no body that could be kept.
    if exchange.head.method == Method::Head {
        return Looked::Ask;
    }
    let ticket = match status {
        CacheStatus::Bypass => plan.cache.renewing_ticket(hash, now),
        _ => plan.cache.ticket(hash, now),
    };
    let mut keep = Keep {
        plan,
        hash,
        ticket,
        key: key.into(),
        lines: Vec::new(),
        age: 0,
        tags: Vec::new(),
        body: Vec::new(),
        stale,
        lead: None,
    };
    let may_wait = plan.collapse && status != CacheStatus::Bypass && !exchange.body_pending;
    let turn = env.caches().filter(|_| may_wait).map(|flights| flights.begin(keep.address(), hash));
    let looked = match turn {
        None => Looked::Ask,
        Some(Turn::Lead(lead)) => {
            keep.lead = Some(lead);
            Looked::Ask
        }
        Some(Turn::Wait(wait)) => Looked::Wait(wait),
    };
    exchange.cache.keep = Some(Box::new(keep));
    looked
}

/// Waits for the answer that another request asks for. `None`: this one has to ask.
pub(super) async fn wait<'a, E: Env>(
    env: &E,
    route: &Route<'a>,
    mut wait: Wait,
    exchange: &mut Exchange<'a>,
) -> Result<Option<Served<E::Lease>>, GatewayError> {
    let until = exchange.now + refresh_nanos(route);
    exchange.cache.has_waited = true;
    loop {
        let waited = match env.wait(wait, until).await {
            Ok((waited, now)) => {
                exchange.now = now;
                waited
            }
            Err(error) => return stale_or(env, exchange, error).map(Some),
        };
        let Some(keep) = &mut exchange.cache.keep else { return Ok(None) };
        let (plan, hash, now) = (keep.plan, keep.hash, exchange.now);
        // The one who has failed may not have been the only one who asked: other cores do too.
        let found = match waited {
            Waited::Pass => None,
            Waited::Look | Waited::Lead(_) => {
                plan.cache.find(hash, &keep.key).filter(|entry| entry.is_fresh(now))
            }
        };
        keep.ticket = plan.cache.ticket(hash, now);
        if let Some(entry) = found {
            if let Waited::Lead(lead) = waited {
                lead.finish(Outcome::Kept);
            }
            exchange.cache.keep = None;
            exchange.cache.status = CacheStatus::Hit;
            return Ok(Some(encode_hit(env, plan, Kept::Found(entry), false, exchange)));
        }
        match waited {
            Waited::Pass => return Ok(None),
            Waited::Lead(lead) => {
                keep.lead = Some(lead);
                return Ok(None);
            }
            Waited::Look => match env.caches().map(|flights| flights.begin(keep.address(), hash)) {
                None => return Ok(None),
                Some(Turn::Lead(lead)) => {
                    keep.lead = Some(lead);
                    return Ok(None);
                }
                Some(Turn::Wait(next)) => wait = next,
            },
        }
    }
}

/// How long the integration may take, in nanoseconds.
fn refresh_nanos(route: &Route<'_>) -> u64 {
    match &route.plan.integration {
        IntegrationPlan::HttpProxy(call) => call.timeout_nanos,
        IntegrationPlan::Http(plan) => plan.call.timeout_nanos,
        IntegrationPlan::Mock(_) => 1_000_000_000,
    }
}

/// Whether an answer of an HTTP_PROXY integration is read as a whole before anybody gets it: others wait for it, who should not depend on
/// how fast this client reads; or nobody but the cache wants it.
#[inline]
pub(super) fn is_awaited(exchange: &Exchange<'_>) -> bool {
    let is_led = exchange.cache.keep.as_ref().is_some_and(|keep| keep.lead.is_some());
    match exchange.answer.body {
        BodyLength::Length(length) => {
            length <= CACHED_BYTES_MAX as u64 && (is_led || exchange.cache.is_refresh)
        }
        _ => exchange.cache.is_refresh,
    }
}

/// What the integration has said, or what was kept where it has failed.
pub(super) fn settle<E: Env>(
    env: &E,
    route: &Route<'_>,
    exchange: &mut Exchange<'_>,
    invoked: Result<Served<E::Lease>, GatewayError>,
) -> Result<Served<E::Lease>, GatewayError> {
    match invoked {
        Ok(served) => {
            let has_failed = exchange.status >= 500;
            if has_failed && exchange.cache.keep.as_ref().is_some_and(|keep| keep.stale.is_some()) {
                // Its connection goes with what is left of its answer.
                let failed = std::mem::take(&mut exchange.out);
                drop((failed, served));
                return stale_or(env, exchange, GatewayError::BadIntegrationResponse);
            }
            keep(route, exchange, &served);
            Ok(served)
        }
        Err(error) => stale_or(env, exchange, error),
    }
}

/// The answer that is too old and may be given where the integration fails (RFC 5861 §4), or the error.
fn stale_or<E: Env>(
    env: &E,
    exchange: &mut Exchange<'_>,
    error: GatewayError,
) -> Result<Served<E::Lease>, GatewayError> {
    // Who waits for this one asks next.
    let keep = exchange.cache.keep.take();
    let of_integration = matches!(
        error,
        GatewayError::IntegrationFailure(_)
            | GatewayError::IntegrationTimeout
            | GatewayError::BadIntegrationResponse
            | GatewayError::Overloaded
    );
    let stale = keep.and_then(|keep| Some((keep.plan, keep.stale?))).filter(|_| of_integration);
    let Some((plan, entry)) = stale else { return Err(error) };
    exchange.cache.status = CacheStatus::Stale;
    Ok(encode_hit(env, plan, Kept::Held(entry), false, exchange))
}

/// Asks for an answer anew that nobody waits for but the cache; the exchange is that of a request which was answered with what is too old.
/// Returns whether there is a new one.
pub async fn refresh<'a, E: Env>(env: &E, snapshot: &'a Snapshot, exchange: &mut Exchange<'a>) -> bool {
    exchange.cache.is_refresh = true;
    let Ok(route) = super::route::resolve(snapshot, exchange) else { return false };
    let Some(plan) = route.plan.cache.as_deref() else { return false };
    if !matches!(lookup(env, &route, plan, exchange), Ok(Looked::Ask | Looked::Wait(_))) {
        return false;
    }
    let invoked = match super::gather::is_needed(&route, exchange) {
        true => super::gather::request(env, &route, exchange).await,
        false => Ok(()),
    };
    let (hash, key) = match &exchange.cache.keep {
        Some(keep) => (keep.hash, keep.key.clone()),
        None => return false,
    };
    let invoked = match invoked {
        Ok(()) => super::integrate::invoke(env, &route, exchange).await,
        Err(error) => Err(error),
    };
    if let Ok(served @ Served::Complete) = &invoked {
        keep(&route, exchange, served);
    }
    exchange.cache.keep = None;
    if !exchange.cache.is_stored
        && let Some(entry) = plan.cache.find(hash, &key)
    {
        // Not at once: who has just failed may fail again.
        entry.release(exchange.now + REFRESH_AGAIN_NANOS);
    }
    exchange.cache.is_stored
}

/// The verb that the key has, where the request is one that is cached. HEAD is answered with what GET was where one method answers both.
#[inline]
fn cached_verb(plan: &CachePlan, exchange: &Exchange<'_>) -> Option<HttpMethod> {
    match exchange.http_method? {
        HttpMethod::Get => Some(HttpMethod::Get),
        HttpMethod::Head if plan.only_get && exchange.head.method == Method::Head => Some(HttpMethod::Get),
        // A method of its own; or an overridden verb: the client awaits a body, and gets an answer without.
        HttpMethod::Head => None,
        verb => (!plan.only_get).then_some(verb),
    }
}

/// `Cache-Control: max-age=0`; no other directive has an effect (tables.md §9.5).
fn wants_new(exchange: &Exchange<'_>) -> bool {
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
fn encode_key(
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
    out.extend_from_slice(&(value.len() as u32).to_ne_bytes());
    out.extend_from_slice(value);
}

/// An entry that answers.
enum Kept {
    Found(Found),
    Held(Arc<Entry>),
}

impl Deref for Kept {
    type Target = Entry;

    fn deref(&self) -> &Entry {
        match self {
            Kept::Found(entry) => entry,
            Kept::Held(entry) => entry,
        }
    }
}

/// Writes the answer of an entry. What is large stays where it is.
fn encode_hit<E: Env>(
    env: &E,
    plan: &CachePlan,
    entry: Kept,
    warns: bool,
    exchange: &mut Exchange<'_>,
) -> Served<E::Lease> {
    exchange.status = entry.status();
    exchange.close |= exchange.body_pending;
    let mut out = env.buffer();
    encode::status_line(exchange.status, &mut out);
    env.date_line(&mut out);
    respond::request_ids(exchange, &mut out);
    if plan.has_trace {
        let trace = exchange.head.headers.iter().find(|header| header.id == HeaderId::XAmznTraceId);
        encode_trace_id(exchange, trace.map(|trace| trace.value.of(exchange.bytes)), &mut out);
    }
    out.extend_from_slice(entry.lines());
    encode::header(b"Age", itoa::Buffer::new().format(entry.age(exchange.now)).as_bytes(), &mut out);
    if warns {
        encode::header(b"Warning", WARNING, &mut out);
    }
    if entry.body().len() < SHARED_BODY_BYTES || exchange.head.method == Method::Head {
        respond::complete(exchange, entry.body(), out);
        return Served::Complete;
    }
    encode::content_length(entry.body().len() as u64, &mut out);
    respond::end_of_head(exchange, &mut out);
    exchange.body_bytes = entry.body().len() as u64;
    exchange.framing = ResponseFraming::Complete;
    exchange.out = out;
    Served::Kept(match entry {
        Kept::Found(entry) => entry.keep(),
        Kept::Held(entry) => entry,
    })
}

/// Keeps an answer that is all here; of one that is left to stream, what is needed later.
#[cold]
fn keep<L>(route: &Route<'_>, exchange: &mut Exchange<'_>, served: &Served<L>) {
    let Some(mut keep) = exchange.cache.keep.take() else { return };
    if exchange.cache.status == CacheStatus::Bypass {
        // The integration has answered: whatever comes of it, the answer that was not wanted any more is not given again.
        keep.plan.cache.remove(keep.ticket, &keep.key);
    }
    if exchange.status >= 500 && keep.plan.lifetime(exchange.status).is_none() {
        // As if there was none: who waits asks next.
        return;
    }
    let Some(body) = keep.begins(route, exchange) else {
        keep.give_up();
        return;
    };
    match (served, exchange.framing) {
        (Served::Complete | Served::Kept(_), _) | (_, ResponseFraming::Complete) => {
            exchange.cache.is_stored = keep.store(exchange.status, &exchange.out[body..]);
        }
        (Served::Streaming(_), framing) => {
            let length = if let ResponseFraming::Length(length) = framing { length } else { 0 };
            keep.body.reserve_exact(length as usize);
            exchange.cache.keep = Some(keep);
        }
    }
}

impl Keep<'_> {
    /// Of the cache, for who waits for its answers.
    fn address(&self) -> usize {
        Arc::as_ptr(&self.plan.cache).addr()
    }

    /// Whether an answer is one that is kept, as far as its head tells; where its body begins in what is encoded.
    fn begins(&mut self, route: &Route<'_>, exchange: &Exchange<'_>) -> Option<usize> {
        // A body that ends where its connection does may have been cut (RFC 9112 §8).
        let may_be_cut = !matches!(route.plan.integration, IntegrationPlan::Mock(_))
            && exchange.answer.body == BodyLength::UntilClose;
        let is_too_long = |length: u64| length > CACHED_BYTES_MAX as u64;
        let is_long = match exchange.framing {
            ResponseFraming::Length(length) => is_too_long(length),
            _ => is_too_long(exchange.body_bytes),
        };
        if may_be_cut || is_long || self.plan.lifetime(exchange.status).is_none() {
            return None;
        }
        self.take_lines(&exchange.out)
    }

    /// The answer is not kept, and everybody has to ask for themselves.
    fn give_up(self: Box<Self>) {
        if let Some(lead) = self.lead {
            lead.finish(Outcome::NotKept);
        }
    }

    /// Takes what is the same for every response from an encoded head; returns where it ends.
    fn take_lines(&mut self, out: &[u8]) -> Option<usize> {
        let head = memchr::memmem::find(out, b"\r\n\r\n")? + 2;
        let own = memchr::memmem::find(&out[..head], LAST_OWN_LINE)? + LAST_OWN_LINE.len();
        let mut rest = &out[own + memchr::memchr(b'\n', &out[own..head])? + 1..head];
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at(end + 1);
            rest = after;
            let (name, value) = line.split_at(memchr::memchr(b':', line)?);
            if self.plan.tags && !self.take_tags(name, &value[1..]) {
                return None;
            }
            if name.eq_ignore_ascii_case(b"age") {
                let value = std::str::from_utf8(value[1..].trim_ascii()).ok();
                self.age = value.and_then(|value| value.parse::<u32>().ok()).unwrap_or(0).into();
            }
            if !OWN_LINES.iter().any(|own| own.eq_ignore_ascii_case(name)) {
                self.lines.extend_from_slice(line);
            }
        }
        Some(head + 2)
    }

    /// Notes the tags of a header line, if that is what it has. False: they are more than an entry may have.
    fn take_tags(&mut self, name: &[u8], value: &[u8]) -> bool {
        let is_separator: fn(&u8) -> bool = match () {
            () if name.eq_ignore_ascii_case(b"cache-tag") => |byte| *byte == b',',
            () if name.eq_ignore_ascii_case(b"surrogate-key") => |byte| *byte == b' ',
            () => return true,
        };
        let tags = value.split(is_separator).map(<[u8]>::trim_ascii).filter(|tag| !tag.is_empty());
        for tag in tags {
            let slot = self.plan.cache.tag_slot(tag);
            if !self.tags.contains(&slot) {
                self.tags.push(slot);
            }
        }
        self.tags.len() <= CACHE_TAGS_MAX
    }

    fn store(self, status: u16, body: &[u8]) -> bool {
        let Keep { plan, ticket, key, lines, age, tags, lead, .. } = self;
        let answer = NewAnswer { status, lines: &lines, body, age: age * 1_000_000_000, tags: &tags };
        let lifetime = plan.lifetime(status);
        let is_stored = lifetime.is_some_and(|lifetime| plan.cache.insert(ticket, &key, &answer, lifetime));
        if let Some(lead) = lead {
            lead.finish(if is_stored { Outcome::Kept } else { Outcome::NotKept });
        }
        is_stored
    }
}

impl Exchange<'_> {
    /// Notes bytes of the body of an answer that is streamed, if it is to be kept.
    #[inline]
    pub fn keep_bytes(&mut self, bytes: &[u8]) {
        if let Some(keep) = &mut self.cache.keep {
            if keep.body.len() + bytes.len() > CACHED_BYTES_MAX {
                if let Some(keep) = self.cache.keep.take() {
                    keep.give_up();
                }
            } else {
                keep.body.extend_from_slice(bytes);
            }
        }
    }

    /// Keeps the answer whose bytes were noted: it has come to its proper end.
    #[inline]
    pub fn keep_answer(&mut self) {
        if let Some(mut keep) = self.cache.keep.take() {
            let body = std::mem::take(&mut keep.body);
            self.cache.is_stored = keep.store(self.status, &body);
        }
    }
}
