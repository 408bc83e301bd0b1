//! What clients do that a gateway has to put up with.

use ringway_core::http1::Method;
use ringway_core::model::HttpMethod;
use ringway_ring::buf::Buf;
use ringway_ring::net::{Runtime, Stream};
use ringway_ring::sim::Rng;

use crate::client::Client;
use crate::conditions::{Conditions, MS, SECOND, Temper};
use crate::corpus;
use crate::dice;
use crate::message::{End, Inbox};
use crate::request::{Act, Pace, Request, Upload};
use crate::time::{sleep, within};

/// How late a timer may be, with the way through the network.
const LATE: u64 = 5 * MS;

/// Sends an entry of the corpus of bad requests: it is refused with its status, and the connection closed. Nothing of it has an id that
/// backends know, so that they notice if it gets through.
pub(crate) async fn malformed(client: &Client, inbox: &mut Inbox) -> bool {
    let (book, runtime) = (&client.book, &client.runtime);
    book.figures.borrow_mut().malformed += 1;
    let entries = corpus::bad_requests();
    let entry = &entries[book.rng.below(entries.len() as u64) as usize];
    let pace = Pace { pieces: book.rng.between(1, 3) as usize, pause: book.rng.magnitude(1, MS) };
    let mut from = 0;
    for to in pace.ends(entry.bytes.len()) {
        let _ = client.stream.send(Buf::copy_of(&entry.bytes[from..to])).await;
        sleep(runtime, pace.pause).await;
        from = to;
    }
    let answer = within(runtime, 3 * SECOND, async {
        let head = inbox.answer_head(Method::Get).await?;
        let mut body = Vec::new();
        match inbox.body(head.length, &mut body, async |_| {}).await {
            End::Complete => Ok(head),
            end => Err(end),
        }
    });
    let answer = answer.await;
    let certain = book.conditions.calm() && !book.draining();
    match answer {
        Some(Ok(head)) if Some(head.status) == entry.status && !head.keep_alive => {
            let end =
                if inbox.has_rest() { Some(Ok(())) } else { within(runtime, 3 * SECOND, inbox.more()).await };
            if matches!(end, Some(Ok(()))) || end.is_none() && certain {
                book.violation(format!("the connection goes on after the refusal of `{}`", entry.name));
            }
        }
        Some(Ok(head)) => {
            book.violation(format!(
                "`{}` is answered {} instead of {:?}",
                entry.name, head.status, entry.status
            ));
        }
        Some(Err(End::Bad(what))) => book.violation(format!("`{}` is answered by {what}", entry.name)),
        other if certain => book.violation(format!("`{}` is not answered: {other:?}", entry.name)),
        _ => {}
    }
    false
}

/// Goes away in the middle of something.
pub(crate) async fn leave(client: &Client, inbox: &mut Inbox) -> bool {
    let (book, runtime) = (&client.book, &client.runtime);
    book.figures.borrow_mut().clients_left += 1;
    let request = book.enter(runtime.now(), leavers_request);
    book.note(runtime.now(), || format!("client {}, who will leave: {request:?}", runtime.addr()));
    let mut bytes = request.head();
    bytes.extend(request.framed_upload());
    let whole = book.rng.chance(0.6) && !matches!(request.script.act, Act::Early(_));
    let len = if whole { bytes.len() } else { book.rng.below(bytes.len() as u64) as usize };
    if whole {
        book.with(request.id, |entry| entry.whole_at = Some(runtime.now()));
    }
    if client.stream.send(Buf::copy_of(&bytes[..len])).await.is_err() {
        return false;
    }
    let most = if matches!(request.script.act, Act::Early(_)) { 12 * MS } else { 300 * MS };
    let patience = book.rng.magnitude(1, most);
    if whole && book.rng.chance(0.3) {
        // It has seen the beginning of the answer.
        let _ = within(runtime, patience, inbox.more()).await;
    } else {
        sleep(runtime, patience).await;
    }
    if book.rng.chance(0.3) {
        client.stream.set_abortive();
    }
    if whole {
        book.with(request.id, |entry| entry.left_at = Some(runtime.now()));
    }
    false
}

/// Of those that leave, some leave a backend that works for them, and some a backend that answers while they still send.
fn leavers_request(rng: &Rng, conditions: &Conditions, id: usize) -> Request {
    let mut request = dice::request(rng, conditions, id);
    if rng.chance(0.3) {
        request.verb = HttpMethod::Post;
        request.upload = Upload::Length(rng.between(1000, 3000) as usize);
        request.script.act = Act::Early(true);
        request.script.pace = Pace { pieces: 12, pause: MS };
        request.script.delay = 0;
    } else if rng.chance(0.5) && conditions.temper == Temper::Rough && request.script.act == Act::Answer {
        request.script.delay = conditions.timeout_of(request.route) * 9 / 10;
    }
    request
}

/// Sends a head so slowly that the gateway gives up, in its time.
pub(crate) async fn slow_head(client: &Client, inbox: &mut Inbox) -> bool {
    let (book, runtime) = (&client.book, &client.runtime);
    book.figures.borrow_mut().slow_heads += 1;
    let request = book.enter(runtime.now(), dice::plain_request);
    let head = request.head();
    let timeout = book.conditions.settings.head_timeout_nanos;
    let started = runtime.now();
    let pause = timeout / 8;
    for byte in head.iter().take(12) {
        if client.stream.send(Buf::copy_of(&[*byte])).await.is_err() {
            break;
        }
        if within(runtime, pause, client.stream.closed()).await.is_some() {
            break;
        }
    }
    let took = runtime.now() - started;
    let certain = book.conditions.calm() && !book.draining();
    match within(runtime, SECOND, inbox.more()).await {
        Some(Ok(())) => book.violation("a head that is not complete is answered".to_owned()),
        None if certain => book.violation("a head is never complete, and its connection is kept".to_owned()),
        _ => {}
    }
    let travel = book.conditions.travel(0);
    if certain && !(timeout..timeout + LATE + travel).contains(&took) {
        book.violation(format!("a slow head was given {} us", took / 1000));
    }
    false
}

/// Waits for the gateway to close the connection, which it does in its time.
pub(crate) async fn idle(client: &Client, inbox: &mut Inbox) -> bool {
    let (book, runtime) = (&client.book, &client.runtime);
    // The clock of a connection that was never used begins when it is accepted; after a request, it begins now.
    let request = book.enter(runtime.now(), dice::plain_request);
    if !client.exchange(inbox, &request).await {
        return false;
    }
    book.figures.borrow_mut().idle_closes += 1;
    let timeout = book.conditions.settings.idle_timeout_nanos;
    let started = runtime.now();
    let end = within(runtime, timeout + SECOND, inbox.more()).await;
    let took = runtime.now() - started;
    let late = LATE + book.conditions.travel(0) + inbox.lags(request.script.length);
    let certain = book.conditions.calm() && !book.draining();
    match end {
        Some(Ok(())) => book.violation("there are bytes on an idle connection".to_owned()),
        _ if certain && !(timeout.saturating_sub(late)..timeout + late).contains(&took) => {
            book.violation(format!("an idle connection was closed after {} us", took / 1000));
        }
        _ => {}
    }
    false
}
