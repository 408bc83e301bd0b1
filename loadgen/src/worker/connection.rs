//! A connection of the generator: one task that opens it, sends, reads, and opens it again.

use std::io;
use std::rc::Rc;
use std::task::Poll;

use ringway_ring::buf::{Buf, SMALL};
use ringway_ring::net::{Runtime, Stream};
use ringway_ring::wheel::{Elapsed, Timer};

use super::Worker;
use super::answer::{Answer, Broken, Reader, Step};
use super::line::Due;
use super::tally::Times;
use crate::failure::Failure;
use crate::plan::Timeouts;
use crate::record::Nanos;
use crate::schedule::nanos;

/// The pause after the first failure of a connection; each further one doubles it, up to the longest. So a target that is down is
/// not hammered.
const PAUSE_FIRST: Nanos = 10_000_000;
const PAUSE_LONGEST: Nanos = 1_000_000_000;
/// A connection that was free for longer is looked at before it is used: the server may have closed it meanwhile, and that is its right.
const STALE_AFTER: Nanos = 10_000_000;

/// A request in flight.
#[derive(Clone, Copy)]
struct InFlight {
    kind: u32,
    intended: Nanos,
}

/// Limits on waiting, in nanoseconds.
struct Limits {
    connect: Nanos,
    request: Nanos,
    stall: Option<Nanos>,
}

impl Limits {
    fn of(timeouts: &Timeouts) -> Self {
        Limits {
            connect: nanos(timeouts.connect),
            request: nanos(timeouts.request),
            stall: timeouts.stall.map(nanos),
        }
    }
}

struct Connection<'w, R: Runtime> {
    worker: &'w Worker<R>,
    slot: u32,
    limits: Limits,
    timer: Timer,
    stream: Option<R::Stream>,
    reader: Reader<'w>,
    /// Received and not read yet.
    input: Buf,
    /// The last look at the clock: when the last bytes came.
    now: Nanos,
    /// When the whole answer must be there.
    deadline: Nanos,
    batch: Vec<InFlight>,
    /// How many of the batch were answered.
    answered: usize,
    /// Requests on the current stream.
    served: u64,
    /// Capacity for the first bytes of an answer.
    capacity: usize,
    /// Before the next attempt to connect.
    pause: Nanos,
}

/// Serves connection `slot` until the run is over.
pub(super) async fn run<R: Runtime>(worker: Rc<Worker<R>>, slot: u32) {
    let mut connection = Connection::new(&worker, slot);
    connection.connect().await;
    worker.opened();
    worker.until_started().await;
    connection.now = worker.runtime.now();
    loop {
        if connection.stream.is_none() && !connection.connect_while(|now| worker.has_more(now)).await {
            break;
        }
        if !connection.take().await {
            break;
        }
        if connection.stream.is_none() && !connection.connect_while(|_| !worker.is_stopped()).await {
            worker.never_sent(connection.batch.len());
            break;
        }
        if let Err(broken) = connection.exchange().await {
            connection.fail(&broken);
        }
        worker.notify_if_over(connection.now);
    }
    worker.notify_if_over(connection.now);
}

impl<'w, R: Runtime> Connection<'w, R> {
    fn new(worker: &'w Worker<R>, slot: u32) -> Self {
        Connection {
            worker,
            slot,
            limits: Limits::of(&worker.plan.timeouts),
            timer: Timer::new(worker.runtime.wheel()),
            stream: None,
            reader: Reader::new(),
            input: Buf::default(),
            now: 0,
            deadline: Nanos::MAX,
            batch: Vec::with_capacity(worker.plan.pipeline),
            answered: 0,
            served: 0,
            capacity: SMALL,
            pause: 0,
        }
    }

    /// One attempt.
    async fn connect(&mut self) -> bool {
        let worker = self.worker;
        let begin = worker.runtime.now();
        self.timer.arm(begin.saturating_add(self.limits.connect));
        let connected = self.timer.guard(worker.runtime.connect(worker.target)).await;
        self.now = worker.runtime.now();
        match connected {
            Ok(Ok(stream)) => {
                worker.tally.borrow_mut().connected(self.now - begin);
                (self.stream, self.served) = (Some(stream), 0);
                self.input = Buf::default();
                self.reader.reset();
                return true;
            }
            Ok(Err(error)) => {
                let words = || format!("{}: {}", worker.target, explain_connect(&error));
                worker.tally.borrow_mut().without_request(Failure::Connect, words);
            }
            Err(Elapsed) => {
                let words = || format!("{}: no answer to the connect in time", worker.target);
                worker.tally.borrow_mut().without_request(Failure::ConnectTimeout, words);
            }
        }
        self.lengthen_pause();
        false
    }

    fn lengthen_pause(&mut self) {
        self.pause = (self.pause * 2).clamp(PAUSE_FIRST, PAUSE_LONGEST);
    }

    /// Attempts until the connection is open; false when there is no need for it any more.
    async fn connect_while(&mut self, needed: impl Fn(Nanos) -> bool) -> bool {
        loop {
            if self.pause > 0 {
                let wheel = self.worker.runtime.wheel();
                wheel.sleep_until(self.worker.runtime.now() + self.pause).await;
            }
            if !needed(self.worker.runtime.now()) {
                return false;
            }
            if self.connect().await {
                return true;
            }
        }
    }

    /// Waits for what to send next; false when there is nothing more.
    async fn take(&mut self) -> bool {
        let worker = self.worker;
        let churn = worker.plan.requests_per_connection.map_or(u64::MAX, |limit| limit - self.served);
        let most = (worker.plan.pipeline as u64).min(churn) as usize;
        self.batch.clear();
        let Some(line) = &worker.line else {
            let count = worker.take_closed(self.now, most);
            for _ in 0..count {
                self.batch.push(InFlight { kind: worker.kinds.next(), intended: self.now });
            }
            worker.taken(count);
            return count > 0;
        };
        let Some(first) = line.next(self.slot, self.now).await else { return false };
        let free_since = std::mem::replace(&mut self.now, worker.runtime.now());
        let mut was_free = first.was_free;
        if self.now - free_since > STALE_AFTER && !self.stream.as_ref().is_some_and(Stream::is_quiet) {
            self.stream = None;
            // It was not free after all.
            was_free = false;
        }
        self.push(Due { was_free, ..first });
        while self.batch.len() < most
            && let Some(due) = line.take(self.now)
        {
            self.push(due);
        }
        worker.taken(self.batch.len());
        true
    }

    /// Notes a request of the line, and how late it is.
    fn push(&mut self, due: Due) {
        if due.was_free {
            self.worker.tally.borrow_mut().free(due.at, self.now);
        }
        self.batch.push(InFlight { kind: self.worker.kinds.next(), intended: due.at });
    }

    /// Sends the batch and reads its answers.
    async fn exchange(&mut self) -> Result<(), Broken> {
        let out = self.render();
        let sent = self.now;
        self.deadline = sent.saturating_add(self.limits.request);
        self.arm();
        let stream = self.stream.as_ref().expect("it was connected before");
        let received = if out.len() <= SMALL {
            self.timer.guard(stream.send_recv(out, self.capacity)).await
        } else {
            Box::pin(self.timer.guard(send_large(stream, out, self.capacity))).await
        };
        self.input = self.received(received)?;
        while self.answered < self.batch.len() {
            let in_flight = self.batch[self.answered];
            let keep_alive = match self.recall(in_flight, sent) {
                true => true,
                false => self.read_answer(in_flight, sent).await?,
            };
            self.answered += 1;
            self.served += 1;
            if !keep_alive {
                self.stream = None;
                let why = "the server announced a close with requests of the pipeline unanswered";
                let all = self.answered == self.batch.len();
                return if all { Ok(()) } else { Err(Broken::new(Failure::Closed, why)) };
            }
        }
        self.pause = 0;
        if !self.input.is_empty() {
            self.unasked();
        }
        if self.worker.plan.requests_per_connection.is_some_and(|limit| self.served >= limit) {
            self.stream = None;
        }
        Ok(())
    }

    /// The messages of the batch in one buffer, noted as sent.
    #[inline]
    fn render(&mut self) -> Buf {
        let worker = self.worker;
        let length = self.batch.iter().map(|sent| worker.kinds.request(sent.kind).message.length_max()).sum();
        let mut out = Buf::with_capacity(length);
        let mut tally = worker.tally.borrow_mut();
        for in_flight in &self.batch {
            let before = out.len();
            worker.kinds.render(in_flight.kind, &mut out);
            tally.sent(worker.kinds.group(in_flight.kind), in_flight.intended, out.len() - before);
        }
        self.answered = 0;
        out
    }

    /// Sets the timer to the end of the wait for the next bytes.
    #[inline]
    fn arm(&self) {
        let stalled = self.limits.stall.map_or(Nanos::MAX, |stall| self.now.saturating_add(stall));
        self.timer.arm(stalled.min(self.deadline));
    }

    /// What a receive came to. An empty buffer is the end of the stream.
    #[inline]
    fn received(&mut self, outcome: Result<io::Result<Buf>, Elapsed>) -> Result<Buf, Broken> {
        self.now = self.worker.runtime.now();
        match outcome {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(error)) => Err(Broken::new(Failure::Reset, error.to_string())),
            Err(Elapsed) if self.now >= self.deadline => {
                Err(Broken::new(Failure::Timeout, "the answer was not complete in time"))
            }
            Err(Elapsed) => Err(Broken::new(Failure::Stall, "no byte came for as long as the stall limit")),
        }
    }

    /// Looks whether the answer is the same as the last right one of its kind, byte for byte.
    #[inline]
    fn recall(&mut self, in_flight: InFlight, sent: Nanos) -> bool {
        let worker = self.worker;
        let Some(memo) = worker.kinds.memo(in_flight.kind) else { return false };
        let mut memo = memo.borrow_mut();
        let Some((status, length)) = memo.matches(&self.input) else { return false };
        memo.hit();
        self.input.advance(length);
        let times = Times { intended: in_flight.intended, sent, first: self.now, last: self.now };
        worker.ended(1);
        worker.tally.borrow_mut().right(worker.kinds.group(in_flight.kind), times, status, length);
        true
    }

    /// Reads an answer and judges it; returns whether the connection can be used again.
    async fn read_answer(&mut self, in_flight: InFlight, sent: Nanos) -> Result<bool, Broken> {
        let worker = self.worker;
        let request = worker.kinds.request(in_flight.kind);
        if self.input.is_empty() && !self.receive(self.capacity).await? {
            self.reader.end_of_stream()?;
        }
        let first = self.now;
        let (mut bytes, mut in_one_piece) = (0, true);
        let answer = loop {
            let (used, step) = self.reader.read(&self.input, request)?;
            bytes += used;
            match step {
                Step::Done(answer) => {
                    if in_one_piece {
                        self.remember(in_flight.kind, &answer, used);
                    }
                    self.input.advance(used);
                    break answer;
                }
                Step::More(capacity) => {
                    self.input.advance(used);
                    (self.capacity, in_one_piece) = (capacity.max(self.capacity), false);
                    if !self.receive(capacity).await? {
                        break self.reader.end_of_stream()?;
                    }
                }
            }
        };
        worker.ended(1);
        let group = worker.kinds.group(in_flight.kind);
        let mut tally = worker.tally.borrow_mut();
        match &answer.wrong {
            None => {
                let times = Times { intended: in_flight.intended, sent, first, last: self.now };
                tally.right(group, times, answer.status, bytes);
            }
            Some(wrong) => {
                let words = || format!("{}: {}", request.name, request.check.describe(wrong));
                tally.wrong(in_flight.intended, answer.status, bytes);
                tally.failed(group, wrong.failure(), words);
            }
        }
        Ok(answer.keep_alive)
    }

    /// Keeps a right answer to recognise the next one by.
    fn remember(&self, kind: u32, answer: &Answer, length: usize) {
        let Some(memo) = self.worker.kinds.memo(kind) else { return };
        let mut memo = memo.borrow_mut();
        if answer.keep_alive && answer.wrong.is_none() && memo.wants() {
            memo.keep(&self.input[..length], answer.status);
        }
    }

    /// Waits for more bytes and puts them behind those that are there; false at the end of the stream.
    async fn receive(&mut self, capacity: usize) -> Result<bool, Broken> {
        self.arm();
        let stream = self.stream.as_ref().expect("it is being read");
        let outcome = self.timer.guard(stream.recv(capacity)).await;
        let more = self.received(outcome)?;
        if more.is_empty() {
            return Ok(false);
        }
        if self.input.is_empty() {
            self.input = more;
        } else {
            // A head in pieces: small, and bounded by the limits on heads.
            self.input = Buf::from([&self.input[..], &more[..]].concat());
        }
        Ok(true)
    }

    /// Bytes after the last answer: what follows on this connection cannot be trusted.
    #[cold]
    fn unasked(&mut self) {
        let words = || format!("{} bytes after an answer that no request asked for", self.input.len());
        self.worker.tally.borrow_mut().without_request(Failure::Protocol, words);
        self.stream = None;
    }

    /// Counts what is left of the batch as failed, and closes the connection.
    #[cold]
    fn fail(&mut self, broken: &Broken) {
        let worker = self.worker;
        let left = &self.batch[self.answered..];
        for in_flight in left {
            let words = || format!("{}: {}", worker.kinds.request(in_flight.kind).name, broken.why);
            worker.tally.borrow_mut().failed(worker.kinds.group(in_flight.kind), broken.failure, words);
        }
        worker.ended(left.len());
        self.stream = None;
        self.lengthen_pause();
    }
}

/// Sends a message that is larger than a buffer while the answer is waited for: a server may answer before it has read all.
async fn send_large<S: Stream>(stream: &S, out: Buf, capacity: usize) -> io::Result<Buf> {
    let mut send = std::pin::pin!(stream.send(out));
    let mut recv = std::pin::pin!(stream.recv(capacity));
    let mut sending = true;
    std::future::poll_fn(|cx| {
        if sending && let Poll::Ready(sent) = send.as_mut().poll(cx) {
            sending = false;
            // An answer that came before the server stopped reading says more than the broken send.
            if let Err(error) = sent
                && recv.as_mut().poll(cx).is_pending()
            {
                return Poll::Ready(Err(error));
            }
        }
        recv.as_mut().poll(cx)
    })
    .await
}

/// An error of a connect, with what to do about those that are not the target's.
fn explain_connect(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrNotAvailable => {
            format!("{error}: no local port is free; use less churn, or more target addresses")
        }
        _ => error.to_string(),
    }
}
