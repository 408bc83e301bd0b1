//! Clients: some behave, some do not. What they receive goes to the judge.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;

use ringway_core::http1::{BodyLength, Method};
use ringway_ring::buf::Buf;
use ringway_ring::net::{Runtime, Stream};
use ringway_ring::sim::{SimRuntime, SimStream};

use crate::book::Book;
use crate::conditions::{Conditions, MS, SECOND, Temper};
use crate::dice;
use crate::judge::{self, Received};
use crate::message::{AnswerHead, End, Inbox};
use crate::request::{Act, Pace, Request, Upload};
use crate::time::{sleep, within};
use crate::trials;

/// Where the gateway listens.
pub(crate) fn gateway() -> SocketAddr {
    ([10, 8, 0, 1], 80).into()
}

/// A client with one connection.
pub(crate) struct Client {
    pub(crate) book: Rc<Book>,
    pub(crate) runtime: SimRuntime,
    pub(crate) stream: Rc<SimStream>,
}

/// How far a request is on its way.
#[derive(Default)]
struct Progress {
    /// Its client may send the body that the gateway was asked about.
    go_ahead: Cell<bool>,
    /// All of it was handed to the network, or its connection is broken.
    sent: Cell<bool>,
    /// The connection is broken.
    broken: Cell<bool>,
}

/// A client's life: one connection after the other.
pub(crate) async fn live(book: Rc<Book>, runtime: SimRuntime) {
    let rng = &book.rng;
    sleep(&runtime, rng.magnitude(1, 500 * MS)).await;
    for _ in 0..rng.between(1, 4) {
        let draining = book.draining();
        match within(&runtime, 3 * SECOND, runtime.connect(gateway())).await {
            Some(Ok(stream)) => {
                let stream = Rc::new(stream);
                Client { book: book.clone(), runtime: runtime.clone(), stream: stream.clone() }
                    .connection()
                    .await;
            }
            _ if book.conditions.calm() && !draining && !book.draining() => {
                book.violation("a client cannot connect".to_owned());
            }
            _ => {}
        }
        sleep(&runtime, rng.magnitude(1, SECOND)).await;
    }
}

impl Client {
    async fn connection(self) {
        let (rng, conditions) = (&self.book.rng, &self.book.conditions);
        let slow = !conditions.scarce && rng.chance(0.15);
        let lag = if slow { rng.magnitude(1, 100 * MS) } else { 0 };
        let mut inbox = Inbox::new(self.runtime.clone(), self.stream.clone(), lag);
        for _ in 0..rng.between(1, 10) {
            let rough = self.book.conditions.temper != Temper::Kind;
            let goes_on = match rng.below(20) {
                0 | 1 => self.batch(&mut inbox).await,
                2 if rough => trials::malformed(&self, &mut inbox).await,
                3 if rough => trials::leave(&self, &mut inbox).await,
                4 if rough && rng.chance(0.5) => trials::slow_head(&self, &mut inbox).await,
                5 if rng.chance(0.3) => trials::idle(&self, &mut inbox).await,
                6 if rough => {
                    let request = self.book.enter(self.runtime.now(), dice::faulty_upload);
                    self.exchange(&mut inbox, &request).await
                }
                7 if rough && rng.chance(0.3) => {
                    let request = self.book.enter(self.runtime.now(), dice::too_large);
                    self.exchange(&mut inbox, &request).await
                }
                _ => {
                    let request = self.book.enter(self.runtime.now(), dice::request);
                    self.exchange(&mut inbox, &request).await
                }
            };
            if !goes_on {
                return;
            }
            let pause = if rng.chance(0.5) { 0 } else { rng.magnitude(1, 800 * MS) };
            sleep(&self.runtime, pause).await;
        }
    }

    /// Sends a request, reads its answer and has it judged. False: the connection is over.
    pub(crate) async fn exchange(&self, inbox: &mut Inbox, request: &Rc<Request>) -> bool {
        let progress = Progress::default();
        if request.upload_len() > 0 {
            self.book.figures.borrow_mut().uploads += 1;
        }
        self.book.note(self.runtime.now(), || format!("client {}: {request:?}", self.runtime.addr()));
        let mut sending = pin!(self.send_request(request, &progress));
        let received = {
            let mut reading = pin!(self.read_answer(inbox, request, &progress));
            poll_fn(|cx| {
                if !progress.sent.get() {
                    let _ = sending.as_mut().poll(cx);
                }
                reading.as_mut().poll(cx)
            })
            .await
        };
        let early = !progress.sent.get();
        judge::answer(&self.book, request, &received, self.runtime.now());
        if early && !request.expects_continue {
            // As a client may that has not looked yet: it goes on sending what it announced.
            self.book.figures.borrow_mut().early_answers += 1;
            let _ = within(&self.runtime, 3 * SECOND, sending).await;
        }
        if received.end != End::Complete || progress.broken.get() || !progress.sent.get() {
            return false;
        }
        let keeps = received.head.as_ref().is_some_and(|head| head.keep_alive);
        if !keeps || early || matches!(request.script.act, Act::Early(_)) {
            self.ends(inbox, request, keeps).await;
            return false;
        }
        if inbox.has_rest() {
            let id = request.id;
            self.book.violation(format!(
                "there are bytes after the answer to request {id}, which keeps the connection"
            ));
            return false;
        }
        true
    }

    /// After an answer that ends the connection there is no byte, but its end. Where the answer came before the request was whole,
    /// the connection may end although the answer `keeps` it.
    async fn ends(&self, inbox: &mut Inbox, request: &Request, keeps: bool) {
        let id = request.id;
        let end = if inbox.has_rest() {
            Some(Ok(()))
        } else {
            within(&self.runtime, 3 * SECOND, inbox.more()).await
        };
        match end {
            Some(Ok(())) => {
                self.book.violation(format!(
                    "there are bytes after the answer to request {id}, which ends the connection"
                ));
            }
            None if self.book.conditions.calm() && !keeps => {
                self.book
                    .violation(format!("the connection is open after request {id}, whose answer says close"));
            }
            _ => {}
        }
    }

    /// Several requests at once; the answers come in their order.
    async fn batch(&self, inbox: &mut Inbox) -> bool {
        let rng = &self.book.rng;
        let requests: Vec<Rc<Request>> =
            (0..rng.between(2, 4)).map(|_| self.book.enter(self.runtime.now(), batched)).collect();
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for request in &requests {
            bytes.extend(request.head());
            bytes.extend(request.framed_upload());
            ends.push(bytes.len());
        }
        let progress = Progress::default();
        for request in &requests {
            self.book.note(self.runtime.now(), || {
                format!("client {} in a batch: {request:?}", self.runtime.addr())
            });
        }
        let pace = Pace { pieces: rng.between(1, 3) as usize, pause: rng.magnitude(1, 2 * MS) };
        let mut sending = pin!(self.send_pieces(&bytes, pace, &progress, |sent| {
            for (request, _) in requests.iter().zip(&ends).filter(|(_, end)| **end <= sent) {
                self.book
                    .with(request.id, |entry| entry.whole_at = entry.whole_at.or(Some(self.runtime.now())));
            }
        }));
        for (nth, request) in requests.iter().enumerate() {
            let received = {
                let mut reading = pin!(self.read_answer(inbox, request, &progress));
                poll_fn(|cx| {
                    if !progress.sent.get() {
                        let _ = sending.as_mut().poll(cx);
                    }
                    reading.as_mut().poll(cx)
                })
                .await
            };
            judge::answer(&self.book, request, &received, self.runtime.now());
            let keeps = received.head.as_ref().is_some_and(|head| head.keep_alive);
            let last = nth + 1 == requests.len();
            if received.end != End::Complete || !progress.sent.get() || progress.broken.get() {
                return false;
            }
            if !keeps {
                self.ends(inbox, request, false).await;
                return false;
            }
            if last && inbox.has_rest() {
                self.book
                    .violation(format!("there are bytes after the last answer, to request {}", request.id));
                return false;
            }
        }
        true
    }

    async fn send_request(&self, request: &Request, progress: &Progress) {
        let mut bytes = request.head();
        if request.expects_continue {
            self.send_pieces(&bytes, Pace::WHOLE, progress, |_| {}).await;
            progress.sent.set(progress.broken.get());
            for _ in 0..300 {
                if progress.go_ahead.get() {
                    break;
                }
                sleep(&self.runtime, MS).await;
            }
            bytes.clear();
        }
        bytes.extend(request.framed_upload());
        let whole = request.upload_len() as u64 <= self.book.conditions.settings.body_bytes_max
            && !matches!(request.upload, Upload::Faulty(..));
        let len = bytes.len();
        self.send_pieces(&bytes, request.pace, progress, |sent| {
            if sent == len && whole {
                self.book.with(request.id, |entry| entry.whole_at = Some(self.runtime.now()));
            }
        })
        .await;
    }

    /// Sends `bytes`; `note` is told how many are handed to the network, before they are.
    async fn send_pieces(&self, bytes: &[u8], pace: Pace, progress: &Progress, note: impl Fn(usize)) {
        let mut from = 0;
        for to in pace.ends(bytes.len()) {
            if from > 0 {
                sleep(&self.runtime, pace.pause).await;
            }
            note(to);
            if self.stream.send(Buf::copy_of(&bytes[from..to])).await.is_err() {
                progress.broken.set(true);
                break;
            }
            from = to;
        }
        progress.sent.set(true);
    }

    /// Reads interim answers and the final one.
    async fn read_answer(&self, inbox: &mut Inbox, request: &Request, progress: &Progress) -> Received {
        let bytes = request.script.length + request.script.hint * request.script.interim.len();
        let mut received = Received { lag: inbox.lags(bytes), ..Received::default() };
        let reading = read(inbox, request.method(), &mut received, progress);
        let end = within(&self.runtime, patience(&self.book.conditions), reading).await;
        received.end = end.unwrap_or(End::Patience);
        received
    }
}

/// How long a client waits for an answer.
fn patience(conditions: &Conditions) -> u64 {
    conditions.timeout + conditions.settings.head_timeout_nanos + 5 * SECOND
}

async fn read(inbox: &mut Inbox, method: Method, received: &mut Received, progress: &Progress) -> End {
    loop {
        let head = match inbox.answer_head(method).await {
            Ok(head) => head,
            Err(end) => return end,
        };
        if head.status >= 200 {
            let AnswerHead { length, .. } = head;
            received.ended_by_close = length == BodyLength::UntilClose;
            received.head = Some(head);
            return inbox.body(length, &mut received.body, async |_| {}).await;
        }
        progress.go_ahead.set(progress.go_ahead.get() || head.status == 100);
        received.interim.push(head.status);
    }
}

/// A request of a batch: small, and its answer does not take long.
fn batched(rng: &ringway_ring::sim::Rng, conditions: &Conditions, id: usize) -> Request {
    let mut request = dice::plain_request(rng, conditions, id);
    request.keeps = rng.chance(0.95);
    if rng.chance(0.2) {
        request.upload = Upload::Length(rng.between(1, 100) as usize);
    }
    request
}
