//! One connection: requests in, answers out, in their order.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use ringway_core::http1::{
    BodyDecoder, BodyError, BodyLength, Parsed, RequestHead, Scan, encode, parse_request,
};
use ringway_core::telemetry::counters::Counter;
use ringway_ring::buf::{Buf, LARGE, SMALL};
use ringway_ring::net::{Runtime, Stream};
use ringway_ring::wheel::Timer;

use super::answer::{self, Answer};
use super::args::Setup;
use super::behavior::{Behavior, Body};
use super::delay::Delay;
use crate::precise::Precise;
use crate::random::SmallRandom;

/// Bytes of a request body that is echoed. More: 413, close.
const ECHO_BYTES_MAX: usize = 1024 * 1024;
/// Waiting longer than this (nanoseconds), the backend looks whether its peer has left.
const PATIENCE_NANOS: u64 = 1_000_000_000;

/// What a thread counts.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) connections: Counter,
    /// Closed at once, because the thread had its maximum.
    pub(super) connections_refused: Counter,
    /// Accepted now.
    pub(super) connections_open: Counter,
    /// Whose answers were sent, whole or in part.
    pub(super) requests: Counter,
    /// Answers of `--error-share`.
    pub(super) errors: Counter,
    /// Answers that stood still.
    pub(super) stalled: Counter,
    /// Answers cut by a reset.
    pub(super) resets: Counter,
    /// Messages that were not HTTP/1.1.
    pub(super) protocol_errors: Counter,
    pub(super) bytes_received: Counter,
    pub(super) bytes_sent: Counter,
}

/// What the connections of a thread share.
pub(super) struct Core<R: Runtime> {
    pub(super) runtime: R,
    pub(super) precise: Rc<Precise<R>>,
    pub(super) setup: Arc<Setup>,
    pub(super) counters: Arc<Counters>,
    pub(super) random: RefCell<SmallRandom>,
    pub(super) open: Cell<usize>,
}

/// The connection is over, for whatever reason.
struct Over;

/// Serves a connection to its end.
pub(super) async fn serve<R: Runtime>(core: Rc<Core<R>>, stream: R::Stream) {
    let connection = Connection {
        core: &core,
        stream: &stream,
        input: Buf::default(),
        at: 0,
        arrived: 0,
        out: Buf::with_capacity(SMALL),
        head: RequestHead::default(),
        scan: Scan::default(),
        served: 0,
        last: Last::default(),
    };
    // Both endings are the same to us: the stream is dropped.
    let _ = connection.run().await;
}

struct Connection<'a, R: Runtime> {
    core: &'a Core<R>,
    stream: &'a R::Stream,
    /// What was received, of which `at` bytes are used up.
    input: Buf,
    at: usize,
    /// When `input` came; only read where time matters.
    arrived: u64,
    /// Answers that wait to be sent together.
    out: Buf,
    head: RequestHead,
    scan: Scan,
    served: u64,
    last: Last,
}

/// The last request whose answer depends on its bytes alone: the next one is most likely the same.
#[derive(Default)]
struct Last {
    message: Vec<u8>,
    answer: Option<Answer>,
}

/// A request whose body has been read.
struct Ask {
    behavior: usize,
    is_head: bool,
    keep_alive: bool,
    /// The body of the answer, where it is an echo.
    echo: Vec<u8>,
    /// The body was too large to be echoed.
    too_large: bool,
    /// Bytes of the message, if it was all in one buffer.
    whole: Option<usize>,
}

impl<R: Runtime> Connection<'_, R> {
    async fn run(mut self) -> Result<(), Over> {
        self.receive().await?;
        loop {
            while self.at < self.input.len() {
                if !self.repeat().await? && !self.exchange().await? {
                    self.flush().await?;
                    self.linger().await;
                    return Ok(());
                }
            }
            self.receive().await?;
        }
    }

    /// The fast path: a request with the bytes of the last one gets its answer.
    async fn repeat(&mut self) -> Result<bool, Over> {
        let Some(answer) = &self.last.answer else { return Ok(false) };
        if !self.input[self.at..].starts_with(&self.last.message) {
            return Ok(false);
        }
        if self.out.len() + answer.bytes.len() > SMALL {
            self.flush().await?;
        }
        if let Some(answer) = &self.last.answer {
            self.out.vec_mut().extend_from_slice(&answer.bytes);
        }
        self.at += self.last.message.len();
        self.core.counters.requests.add(1);
        Ok(true)
    }

    /// Reads one request and answers it. False: the connection is to be closed.
    async fn exchange(&mut self) -> Result<bool, Over> {
        loop {
            let limits = &self.core.setup.limits;
            match parse_request(&self.input[self.at..], &mut self.scan, limits, &mut self.head) {
                Ok(Parsed::Complete) => break,
                Ok(Parsed::Partial) => self.receive_more().await?,
                Err(error) => {
                    self.core.counters.protocol_errors.add(1);
                    return self.refuse(error.status()).await;
                }
            }
        }
        let start = self.at;
        let ask = match self.read_ask().await? {
            Ok(ask) => ask,
            Err(error) => return self.refuse(error.status()).await,
        };
        self.served += 1;
        self.core.counters.requests.add(1);
        if ask.too_large {
            return self.refuse(413).await;
        }
        self.remember(start, &ask);
        self.answer(&ask).await?;
        Ok(ask.keep_alive)
    }

    /// The head is parsed at `at`: chooses the behavior and reads the body.
    async fn read_ask(&mut self) -> Result<Result<Ask, BodyError>, Over> {
        let setup = &self.core.setup;
        let bytes = &self.input[self.at..];
        let behavior = setup.choose(self.head.path.of(bytes));
        let is_echo = setup.behavior(behavior).0.body == Body::Echo;
        let has_body = !matches!(self.head.body, BodyLength::None);
        let last_one = setup.close_after.is_some_and(|most| self.served + 1 >= most);
        let mut ask = Ask {
            behavior,
            is_head: answer::is_head(&self.head),
            keep_alive: self.head.keep_alive && !last_one,
            echo: if is_echo && !has_body { answer::describe(bytes, &self.head) } else { Vec::new() },
            too_large: false,
            whole: None,
        };
        let start = self.at;
        self.at += self.head.len;
        if !has_body {
            ask.whole = Some(self.head.len);
            return Ok(Ok(ask));
        }
        if self.head.expect_continue {
            self.out.vec_mut().extend_from_slice(encode::CONTINUE);
        }
        let mut decoder = BodyDecoder::with_limit(self.head.body, setup.limits.body_bytes_max);
        let mut in_one_buffer = !self.head.expect_continue;
        loop {
            match self.decode(&mut decoder, is_echo.then_some(&mut ask.echo)) {
                Ok(fits) => ask.too_large |= !fits,
                Err(error) => return Ok(Err(error)),
            }
            if decoder.is_done() {
                ask.whole = in_one_buffer.then(|| self.at - start);
                return Ok(Ok(ask));
            }
            in_one_buffer = false;
            self.receive().await?;
        }
    }

    /// Takes what the input holds of a body; false when there is more than can be echoed.
    fn decode(
        &mut self,
        decoder: &mut BodyDecoder,
        mut echo: Option<&mut Vec<u8>>,
    ) -> Result<bool, BodyError> {
        let mut fits = true;
        while self.at < self.input.len() && !decoder.is_done() {
            let input = &self.input[self.at..];
            let piece = decoder.decode(input)?;
            if let Some(echo) = echo.as_deref_mut() {
                fits &= echo.len() + piece.data.len() <= ECHO_BYTES_MAX;
                if fits {
                    echo.extend_from_slice(&input[piece.data]);
                }
            }
            self.at += piece.consumed;
        }
        Ok(fits)
    }

    /// Keeps a request whose answer is the same each time.
    fn remember(&mut self, start: usize, ask: &Ask) {
        let setup = &self.core.setup;
        let (behavior, rendered) = setup.behavior(ask.behavior);
        let repeatable = setup.allows_fast_path() && behavior.is_plain() && ask.keep_alive && !ask.is_head;
        let answer = rendered.usual(true).filter(|answer| answer.bytes.len() <= SMALL);
        if let (true, Some(answer), Some(length)) = (repeatable, answer, ask.whole) {
            self.last.message.clear();
            self.last.message.extend_from_slice(&self.input[start..start + length]);
            self.last.answer = Some(answer.clone());
        }
    }

    async fn answer(&mut self, ask: &Ask) -> Result<(), Over> {
        let setup = self.core.setup.clone();
        let (behavior, rendered) = setup.behavior(ask.behavior);
        let is_error = behavior.errors.is_some_and(|errors| self.chance(errors.share));
        let echo;
        let answer = match (is_error, &behavior.body) {
            (true, _) => rendered.error(ask.keep_alive).expect("there is an error to answer with"),
            (false, Body::Bytes(_)) => rendered.usual(ask.keep_alive).expect("a fixed body is rendered"),
            (false, Body::Echo) => {
                echo = answer::render(
                    behavior.status,
                    &setup.headers,
                    &ask.echo,
                    behavior.chunked,
                    ask.keep_alive,
                );
                &echo
            }
        };
        if is_error {
            self.core.counters.errors.add(1);
        }
        self.wait(behavior).await?;
        let bytes = answer.sent(ask.is_head);
        match behavior.reset.filter(|reset| self.chance(reset.share)) {
            Some(reset) => {
                self.send_part(bytes, reset.after, behavior).await?;
                self.core.counters.resets.add(1);
                self.stream.set_abortive();
                Err(Over)
            }
            None => match behavior.stall_after {
                Some(after) => {
                    self.send_part(bytes, after, behavior).await?;
                    self.core.counters.stalled.add(1);
                    self.stream.closed().await;
                    Err(Over)
                }
                None => self.send(bytes, behavior).await,
            },
        }
    }

    fn chance(&self, share: f64) -> bool {
        self.core.random.borrow_mut().unit() < share
    }

    /// Waits until the answer is due.
    async fn wait(&mut self, behavior: &Behavior) -> Result<(), Over> {
        let freeze = self.core.setup.freeze.as_ref();
        if behavior.delay == Delay::None && freeze.is_none() {
            return Ok(());
        }
        let delay = behavior.delay.sample(&mut self.core.random.borrow_mut());
        let due = self.arrived.saturating_add(delay);
        let due = freeze.map_or(due, |freeze| freeze.thaw(self.arrived, due));
        if due <= self.core.runtime.now() {
            return Ok(());
        }
        self.flush().await?;
        self.sleep_until(due).await
    }

    async fn sleep_until(&self, due: u64) -> Result<(), Over> {
        let runtime = &self.core.runtime;
        let early = due.saturating_sub(PATIENCE_NANOS);
        if early > runtime.now() {
            let timer = Timer::new(runtime.wheel());
            timer.arm(early);
            let closed = pin!(self.stream.closed());
            if timer.guard(closed).await.is_ok() {
                return Err(Over);
            }
        }
        self.core.precise.sleep_until(due).await;
        Ok(())
    }

    /// The first `most` bytes of an answer.
    async fn send_part(&mut self, bytes: &[u8], most: u64, behavior: &Behavior) -> Result<(), Over> {
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(bytes.len());
        self.send(&bytes[..most], behavior).await?;
        self.flush().await
    }

    /// Sends an answer: at once with others where it is small, dripped where it is told to.
    async fn send(&mut self, bytes: &[u8], behavior: &Behavior) -> Result<(), Over> {
        if let Some(drip) = behavior.drip {
            self.flush().await?;
            let mut due = self.core.runtime.now();
            for (index, part) in bytes.chunks(drip.bytes).enumerate() {
                if index > 0 {
                    due = due.saturating_add(drip.every_nanos);
                    self.sleep_until(due).await?;
                }
                self.transmit(Buf::copy_of(part)).await?;
            }
            return Ok(());
        }
        if self.out.len() + bytes.len() > SMALL {
            self.flush().await?;
        }
        if bytes.len() <= SMALL {
            self.out.vec_mut().extend_from_slice(bytes);
            return Ok(());
        }
        for part in bytes.chunks(LARGE) {
            self.transmit(Buf::copy_of(part)).await?;
        }
        Ok(())
    }

    /// What was sent is not HTTP, or too much of it: says so and ends.
    async fn refuse(&mut self, status: u16) -> Result<bool, Over> {
        let answer = answer::render(status, &[], answer::error_body(status).as_bytes(), false, false);
        self.send(&answer.bytes, &Behavior::default()).await?;
        Ok(false)
    }

    /// Lets the peer read the last answer: unread bytes would turn the close into a reset (RFC 9112 §9.6).
    async fn linger(&self) {
        self.stream.shutdown_send();
        let runtime = &self.core.runtime;
        let timer = Timer::new(runtime.wheel());
        timer.arm(runtime.now() + PATIENCE_NANOS);
        let drain =
            pin!(async { while self.stream.recv(LARGE).await.is_ok_and(|bytes| !bytes.is_empty()) {} });
        // Over either way.
        let _ = timer.guard(drain).await;
    }

    async fn flush(&mut self) -> Result<(), Over> {
        if self.out.is_empty() {
            return Ok(());
        }
        let out = std::mem::replace(&mut self.out, Buf::with_capacity(SMALL));
        self.transmit(out).await
    }

    async fn transmit(&self, bytes: Buf) -> Result<(), Over> {
        self.core.counters.bytes_sent.add(bytes.len() as u64);
        self.stream.send(bytes).await.map_err(|_| Over)
    }

    /// Sends what waits and takes the next bytes; all before them are used up.
    async fn receive(&mut self) -> Result<(), Over> {
        self.input = self.next_bytes().await?;
        self.at = 0;
        Ok(())
    }

    /// A message has begun: appends the next bytes to it.
    async fn receive_more(&mut self) -> Result<(), Over> {
        let mut gathered = self.input[self.at..].to_vec();
        let more = self.next_bytes().await?;
        gathered.extend_from_slice(&more);
        self.input = Buf::from(gathered);
        self.at = 0;
        Ok(())
    }

    async fn next_bytes(&mut self) -> Result<Buf, Over> {
        let received = if self.out.is_empty() {
            self.stream.recv(SMALL).await
        } else {
            let out = std::mem::take(&mut self.out);
            self.core.counters.bytes_sent.add(out.len() as u64);
            let received = self.stream.send_recv(out, SMALL).await;
            self.out = Buf::with_capacity(SMALL);
            received
        };
        let received = received.ok().filter(|bytes| !bytes.is_empty()).ok_or(Over)?;
        self.core.counters.bytes_received.add(received.len() as u64);
        if self.core.setup.tells_time() {
            self.arrived = self.core.runtime.now();
        }
        Ok(received)
    }
}
