//! What a client may receive for a request, and what it did receive.

use ringway_core::model::HttpMethod;

use crate::book::Book;
use crate::conditions::{Conditions, MS, Temper};
use crate::message::{AnswerHead, End};
use crate::request::{Act, Framing, Request, Route, Upload};

/// What a client received for a request.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) interim: Vec<u16>,
    pub(crate) head: Option<AnswerHead>,
    pub(crate) body: Vec<u8>,
    /// Only the end of the connection tells where the body ends.
    pub(crate) ended_by_close: bool,
    pub(crate) end: End,
    /// How much longer it may have taken because the client reads slowly.
    pub(crate) lag: u64,
}

impl Default for Received {
    fn default() -> Self {
        Received {
            interim: Vec::new(),
            head: None,
            body: Vec::new(),
            ended_by_close: false,
            end: End::Patience,
            lag: 0,
        }
    }
}

/// What may come of a request.
#[derive(Debug, Default)]
struct Possible {
    /// The answer that its script says.
    scripted: bool,
    /// Answers that the gateway makes itself.
    gateway: Vec<u16>,
    /// No answer, or a part of one.
    cut: bool,
}

impl Possible {
    fn of(book: &Book, request: &Request, lag: u64) -> Self {
        let conditions = &book.conditions;
        let mut possible = Possible::in_calm(conditions, request, lag);
        let begun = book.with(request.id, |entry| entry.begun);
        if !request.is_idempotent() || request.upload != Upload::None {
            // It may have been sent on a connection whose end was under way, and cannot be sent twice.
            let under_way = |closed: &u64| closed + conditions.faults.latency_max >= begun;
            possible.gateway.extend(book.silent_closes.borrow().iter().any(under_way).then_some(504));
        }
        if book.draining() {
            // What a backend has been sent before is answered; what comes later may meet a closed connection.
            let began = book.drain_began.get().unwrap_or(0);
            possible.cut |=
                book.with(request.id, |entry| entry.arrivals.first().is_none_or(|first| first.at >= began));
        }
        if !conditions.calm() {
            possible.cut = true;
            possible.gateway.extend([502, 504]);
            possible.gateway.extend(conditions.scarce.then_some(503));
        }
        possible
    }

    /// What follows from the script on a network that works.
    fn in_calm(conditions: &Conditions, request: &Request, lag: u64) -> Self {
        let too_large = request.upload_len() as u64 > conditions.settings.body_bytes_max;
        if too_large && matches!(request.upload, Upload::Length(_)) {
            return Possible { gateway: vec![413], ..Possible::default() };
        }
        match request.route {
            Route::Limited if !request.has_key() => {
                return Possible { gateway: vec![403], ..Possible::default() };
            }
            // It is answered once its body is there: a template may read it.
            Route::Mock | Route::Limited => {
                let refused = |status| Possible { gateway: vec![status], ..Possible::default() };
                let mut possible = match request.upload {
                    _ if too_large => refused(413),
                    Upload::Faulty(..) => refused(400),
                    _ => Possible { scripted: true, ..Possible::default() },
                };
                if request.route == Route::Limited {
                    // Throttle or quota, and a ledger that cannot write.
                    possible.gateway.extend([429, 503]);
                }
                return possible;
            }
            Route::Unknown => return Possible { gateway: vec![403], ..Possible::default() },
            Route::Nowhere => return Possible { gateway: vec![504], ..Possible::default() },
            _ => {}
        }
        let mut possible = match request.upload {
            _ if too_large => Possible { gateway: vec![413], ..Possible::default() },
            Upload::Faulty(..) => Possible { gateway: vec![400], ..Possible::default() },
            _ => Possible::of_act(conditions, request),
        };
        possible = possible.with_time(conditions, request, lag);
        if conditions.garbage {
            // It may be under way when a connection is taken, and then looks like the answer.
            possible.gateway.push(502);
        }
        possible
    }

    fn of_act(conditions: &Conditions, request: &Request) -> Self {
        let mut possible = Possible::default();
        match request.script.act {
            Act::Answer | Act::Early(_) | Act::Echo => possible.scripted = true,
            Act::CloseOnce => {
                possible.gateway.push(504);
                possible.scripted = request.is_idempotent();
            }
            Act::Never => possible.gateway.push(504),
            Act::CutShort | Act::Stall => possible.cut = true,
            Act::Nonsense(_) => possible.gateway.push(502),
        }
        debug_assert!(conditions.temper != Temper::Kind || possible.scripted);
        possible
    }

    /// Where the script does not end well within the integration timeout, that may cut it.
    fn with_time(mut self, conditions: &Conditions, request: &Request, lag: u64) -> Self {
        let script = &request.script;
        let timeout = conditions.timeout_of(request.route);
        let bytes = request.upload_len() + script.length + script.hint * script.interim.len();
        let upload = request.pace.total() + if request.expects_continue { 300 * MS } else { 0 };
        let takes = script.delay + script.pace.total() + upload + lag + conditions.travel(bytes);
        if self.scripted && script.delay >= 2 * timeout {
            self = Possible { gateway: vec![504], ..Possible::default() };
        } else if takes > timeout / 2 {
            self.gateway.push(504);
            self.cut = true;
        }
        self
    }
}

/// Judges at `now` what a client received for `request`.
pub(crate) fn answer(book: &Book, request: &Request, received: &Received, now: u64) {
    let head = received.head.as_ref().map(|head| (head.status, head.keep_alive));
    book.note(now, || {
        format!("request {}: {head:?}, {} bytes, {:?}", request.id, received.body.len(), received.end)
    });
    if let Err(what) = judge(book, request, received) {
        let head = received.head.as_ref().map(|head| (head.status, &head.headers));
        book.violation(format!(
            "request {}: {what}; {request:?}; received {} bytes of body, {:?}, {head:?}",
            request.id,
            received.body.len(),
            received.end,
        ));
    }
}

fn judge(book: &Book, request: &Request, received: &Received) -> Result<(), String> {
    let possible = Possible::of(book, request, received.lag);
    check_interim(request, received)?;
    if let End::Bad(what) = &received.end {
        return Err(format!("the answer is not HTTP: {what}"));
    }
    let Some(head) = &received.head else {
        book.figures.borrow_mut().unanswered += 1;
        return if possible.cut { Ok(()) } else { Err(format!("there is no answer, {possible:?}")) };
    };
    let id = head.headers.get("x-amzn-RequestId");
    let refused = head.status == 413 && matches!(request.upload, Upload::Length(_));
    match id {
        Some(id) => book.tell(id, head.status),
        None if refused => {}
        None => return Err("the answer has no request id".to_owned()),
    }
    let scripted = head.headers.get("X-Sim-Id").is_some();
    match (scripted, request.route) {
        (true, _) if possible.scripted || possible.cut => check_scripted(book, request, received, head)?,
        (true, _) => return Err(format!("the backend's answer is none of {possible:?}")),
        (false, Route::Mock | Route::Limited) if head.status == 200 => {
            check_mock(book, request, received, head)?
        }
        (false, _) if possible.gateway.contains(&head.status) => check_gateway(book, request, received)?,
        (false, _) => return Err(format!("the gateway's answer is none of {possible:?}")),
    }
    if received.end != End::Complete {
        book.figures.borrow_mut().answers_cut += 1;
        return if possible.cut { Ok(()) } else { Err(format!("the answer is cut, {possible:?}")) };
    }
    check_keeps(book, request, head)
}

/// 100 is the gateway's own and comes only where it was asked for; others are passed on, but not to HTTP/1.0.
fn check_interim(request: &Request, received: &Received) -> Result<(), String> {
    let mut scripted = request.script.interim.iter().filter(|status| **status != 100);
    for status in &received.interim {
        let known = match status {
            100 => request.expects_continue,
            _ => !request.http10 && request.route.has_backend() && scripted.any(|known| known == status),
        };
        if !known {
            return Err(format!("interim answers {:?}", received.interim));
        }
    }
    Ok(())
}

fn check_scripted(
    book: &Book,
    request: &Request,
    received: &Received,
    head: &AnswerHead,
) -> Result<(), String> {
    let number = |name: &str| head.headers.get(name).and_then(|text| text.parse::<usize>().ok());
    if number("X-Sim-Id") != Some(request.id) {
        return Err("MIXED UP: this is the answer to another request".to_owned());
    }
    if head.status != request.script.status {
        return Err("the status is not the backend's".to_owned());
    }
    let arrival = number("X-Sim-Arrival").unwrap_or(0);
    let generation =
        book.with(request.id, |entry| entry.arrivals.get(arrival.wrapping_sub(1)).map(|a| a.generation));
    if generation.is_none() || generation != number("X-Sim-Generation") {
        return Err("the answer is of another configuration than the request".to_owned());
    }
    book.figures.borrow_mut().answers_scripted += 1;
    let whole = if request.verb == HttpMethod::Head { Vec::new() } else { request.answer_bytes(arrival) };
    let is_part = whole.starts_with(&received.body);
    let may_be_short = received.end != End::Complete
        // Nobody can tell the end of such a body from a connection that broke, if it broke with FIN.
        || (!book.conditions.calm() && (request.script.framing == Framing::UntilClose || received.ended_by_close));
    match is_part && (may_be_short || whole.len() == received.body.len()) {
        true => Ok(()),
        false => {
            let at = whole.iter().zip(&received.body).take_while(|(a, b)| a == b).count();
            Err(format!("the body of {} bytes is wrong from byte {at} on", whole.len()))
        }
    }
}

fn check_mock(book: &Book, request: &Request, received: &Received, head: &AnswerHead) -> Result<(), String> {
    let generation = head.headers.get("X-Sim-Generation").unwrap_or("");
    let first = book.with(request.id, |entry| entry.generation);
    let current = first..=book.published.get();
    if !generation.parse().is_ok_and(|generation| current.contains(&generation)) {
        return Err("the configuration that answers was not current".to_owned());
    }
    let whole = if request.verb == HttpMethod::Head { String::new() } else { mock_body(generation) };
    let is_part = whole.as_bytes().starts_with(&received.body);
    match is_part && (received.end != End::Complete || whole.len() == received.body.len()) {
        true => Ok(()),
        false => Err("head and body are of different configurations".to_owned()),
    }
}

/// What the MOCK integration of a generation answers.
pub(crate) fn mock_body(generation: impl std::fmt::Display) -> String {
    format!("{{\"generation\": {generation}}}")
}

fn check_gateway(book: &Book, request: &Request, received: &Received) -> Result<(), String> {
    book.figures.borrow_mut().answers_gateway += 1;
    let is_message = received.body.starts_with(b"{\"message\":\"") && received.body.ends_with(b"\"}");
    let bodiless = request.verb == HttpMethod::Head;
    match received.end != End::Complete || if bodiless { received.body.is_empty() } else { is_message } {
        true => Ok(()),
        false => Err("the gateway's answer has no message".to_owned()),
    }
}

/// A connection is not closed without a reason.
fn check_keeps(book: &Book, request: &Request, head: &AnswerHead) -> Result<(), String> {
    let wants = request.keeps && !request.http10 && request.upload == Upload::None;
    match wants && !head.keep_alive && !book.draining() {
        true => Err("the answer closes a connection that could be kept".to_owned()),
        false => Ok(()),
    }
}
