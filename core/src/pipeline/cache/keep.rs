//! What is kept of an answer, while it is encoded, streamed, and put into the cache.

use std::sync::Arc;

use crate::cache::{CacheStatus, Entry, Lead, NewAnswer, Outcome, Ticket};
use crate::http1::BodyLength;
use crate::limits::{CACHE_TAGS_MAX, CACHED_BYTES_MAX};
use crate::pipeline::{Exchange, ResponseFraming, Route, Served};
use crate::snapshot::{CachePlan, IntegrationPlan};

/// Lines that every response has of its own. Those before the last of the gateway's own lines are not looked at.
const OWN_LINES: [&[u8]; 5] =
    [b"content-length", b"transfer-encoding", b"connection", b"age", b"x-amzn-trace-id"];
/// The last line of those that the gateway begins a response with.
const LAST_OWN_LINE: &[u8] = b"\r\nx-amz-apigw-id: ";

/// An answer that is to be kept.
#[derive(Debug)]
pub(super) struct Keep<'a> {
    pub(super) plan: &'a CachePlan,
    pub(super) hash: u64,
    pub(super) ticket: Ticket,
    pub(super) key: Box<[u8]>,
    pub(super) lines: Vec<u8>,
    pub(super) age: u64,
    pub(super) tags: Vec<u16>,
    pub(super) body: Vec<u8>,
    /// What answers where the integration fails.
    pub(super) stale: Option<Arc<Entry>>,
    /// Others wait for it. Dropped with this, the next of them asks.
    pub(super) lead: Option<Lead>,
}

/// Keeps an answer that is all here; of one that is left to stream, what is needed later.
#[cold]
pub(super) fn keep<L>(route: &Route<'_>, exchange: &mut Exchange<'_>, served: &Served<L>) {
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
            exchange.cache.is_stored = keep.store(exchange.status, &exchange.out[body..], exchange.now);
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
    pub(super) fn address(&self) -> usize {
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
    fn give_up(self) {
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

    fn store(self, status: u16, body: &[u8], now: u64) -> bool {
        let Keep { plan, hash, ticket, key, lines, age, tags, lead, .. } = self;
        let answer = NewAnswer { status, lines: &lines, body, age: age * 1_000_000_000, tags: &tags };
        let lifetime = plan.lifetime(status);
        let is_stored = lifetime.is_some_and(|lifetime| plan.cache.insert(ticket, &key, &answer, lifetime));
        if let Some(lead) = lead {
            // Another core may have kept a newer answer meanwhile.
            let is_there = is_stored || plan.cache.find(hash, &key).is_some_and(|entry| entry.is_fresh(now));
            lead.finish(if is_there { Outcome::Kept } else { Outcome::NotKept });
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
            self.cache.is_stored = keep.store(self.status, &body, self.now);
        }
    }
}
