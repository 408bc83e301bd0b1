//! A client connection: request after request, until one side has had enough.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;

use ringway_core::cache::Entry;
use ringway_core::http1::ProtocolError;
use ringway_core::pipeline::{self, Exchange, Served};
use ringway_ring::buf::{Buf, SMALL};
use ringway_ring::net::{Runtime, Stream};
use ringway_ring::prefetch::prefetch;
use ringway_ring::wheel::Timer;

use crate::core::{Core, NOT_IDLE, Scratch, Slot, Workspace};
use crate::exchange::ExchangeEnv;
use crate::explain;
use crate::gather::Share;
use crate::head::{NoHead, read_head};
use crate::record::{self, CLIENT_CLOSED_REQUEST, Times};
use crate::refresh;
use crate::relay::{Relayed, relay};
use crate::request_body::RequestBody;

/// Bytes of a client that are read and thrown away after an answer that closes its connection, so that the answer is not lost to a reset.
const LINGER_BYTES_MAX: usize = 256 * 1024;
/// How long that may take, in nanoseconds.
const LINGER_NANOS: u64 = 1_000_000_000;

/// What a connection does after a request.
enum Next {
    /// Send this answer and wait for the next request.
    Answer(Buf),
    /// The next request has begun to arrive, or nothing has.
    Input(Option<Buf>),
    /// Close.
    Close,
}

struct Connection<R: Runtime> {
    core: Rc<Core<R>>,
    stream: R::Stream,
    slot: Rc<Slot>,
    key: usize,
    source_ip: SourceIp,
}

/// Text of an address.
struct SourceIp {
    text: [u8; 39],
    len: u8,
}

impl SourceIp {
    fn new(ip: IpAddr) -> Self {
        let mut text = [0; 39];
        let mut rest = &mut text[..];
        // 39 bytes hold any address; a mapped IPv4 one is shown as what it is.
        let _ = write!(rest, "{}", ip.to_canonical());
        let len = (39 - rest.len()) as u8;
        SourceIp { text, len }
    }
}

/// Serves a connection until it ends. Not an `async fn`, which would hold its arguments twice for the connection's whole life.
pub(crate) fn serve<R: Runtime>(core: Rc<Core<R>>, stream: R::Stream) -> impl Future<Output = ()> {
    let slot = Rc::new(Slot { timer: Timer::new(core.runtime.wheel()), idle_since: Cell::new(NOT_IDLE) });
    let key = core.connections.borrow_mut().insert(slot.clone());
    core.counters.connections.add(1);
    let source_ip = SourceIp::new(stream.peer_addr().ip());
    let connection = Connection { core, stream, slot, key, source_ip };
    async move { connection.run().await }
}

impl<R: Runtime> Drop for Connection<R> {
    fn drop(&mut self) {
        self.core.connections.borrow_mut().remove(self.key);
        self.core.counters.connections.sub(1);
    }
}

impl<R: Runtime> Connection<R> {
    async fn run(&self) {
        let mut next = Next::Input(None);
        let mut free_since = Some(0);
        loop {
            let input = match next {
                Next::Answer(answer) => self.idle(pin!(self.stream.send_recv(answer, SMALL))).await,
                Next::Input(Some(input)) => Some(input),
                Next::Input(None) => self.idle(pin!(self.stream.recv(SMALL))).await,
                Next::Close => return,
            };
            let Some(input) = input else { return };
            // What a request needs while it is under way is more than an idle connection should hold.
            let Workspace { block, mut scratch } = self.core.take_workspace();
            let place: *const Scratch = &*scratch;
            let (block, outcome) =
                block.run(|| self.request(input, free_since, &mut scratch)).beside(place).await;
            self.core.give_workspace(Workspace { block, scratch });
            free_since = match outcome {
                Next::Input(Some(_)) => None,
                _ => Some(self.core.runtime.arrival()),
            };
            next = outcome;
        }
    }

    /// Waits for the first bytes of a request. `None`: the connection is over.
    #[inline]
    async fn idle(&self, receive: Pin<&mut impl Future<Output = std::io::Result<Buf>>>) -> Option<Buf> {
        let core = &*self.core;
        if core.draining.get() {
            self.slot.timer.arm(0);
        } else {
            self.slot.timer.arm(core.runtime.wheel().now() + core.settings.idle_timeout_nanos);
        }
        self.slot.idle_since.set(core.runtime.wheel().now());
        core.counters.connections_idle.add(1);
        let received = self.slot.timer.guard(receive).await;
        core.counters.connections_idle.sub(1);
        self.slot.idle_since.set(NOT_IDLE);
        received.ok()?.ok().filter(|bytes| !bytes.is_empty())
    }

    /// Reads the head that begins in `input` and answers the request.
    #[inline]
    async fn request(&self, input: Buf, free_since: Option<u64>, scratch: &mut Scratch) -> Next {
        let core = &*self.core;
        let started = core.runtime.arrival();
        let deadline = started + core.settings.head_timeout_nanos;
        let (head, scan) = (&mut scratch.request, &mut scratch.request_scan);
        match read_head(&self.stream, &self.slot.timer, deadline, &core.head_limits, input, head, scan).await
        {
            Ok(bytes) => self.exchange(bytes, free_since, started, scratch).await,
            Err(NoHead::Refused(error)) => self.refuse(error).await,
            Err(NoHead::Gone | NoHead::Slow) => Next::Close,
        }
    }

    /// Answers one request whose head is complete.
    #[inline]
    async fn exchange(
        &self,
        bytes: Buf,
        free_since: Option<u64>,
        started: u64,
        scratch: &mut Scratch,
    ) -> Next {
        let core = &*self.core;
        let head = &scratch.request;
        core.counters.requests.add(1);
        let adopted = core.snapshot();
        let key_place =
            pipeline::api_key_place(&adopted.snapshot, head, &bytes).inspect(|place| prefetch(*place));
        let mut body = RequestBody::new(head.body, core.settings.body_bytes_max, head.expect_continue);
        let after_body = body.skip(&bytes[head.len..]).map(|n| head.len + n);
        body.rewind();
        let input = match after_body {
            Some(_) => bytes,
            // The body may be long in coming: what is here of the request is kept in a buffer of its own size.
            None => shrunk(bytes),
        };
        let env = ExchangeEnv {
            core,
            adopted: &adopted,
            client: Some(&self.stream),
            timer: &self.slot.timer,
            free_since,
            body: RefCell::new(Some(body)),
            lease: RefCell::new(None),
            upload: RefCell::new(None),
            rest: RefCell::new(None),
            torn: Cell::new(false),
            gave_up: Cell::new(false),
            client_left: Cell::new(false),
            deadline: Cell::new(0),
            called: Cell::new(0),
            answered: Cell::new(0),
            gathered: Cell::new(false),
            share: Share::of(core),
            log: RefCell::new(None),
        };
        let mut exchange = Exchange::new(&input, head, &mut scratch.answer, core.next_id());
        exchange.source_ip = &self.source_ip.text[..self.source_ip.len as usize];
        exchange.unix_millis = core.unix_millis(started);
        exchange.now = started;
        exchange.close |= core.draining.get();
        exchange.body_pending = after_body.is_none();
        exchange.integration_request = Buf::with_capacity(SMALL).into_vec();
        core.clock.borrow_mut().set(exchange.unix_millis / 1000);

        if let Some(Some(key)) = key_place {
            let (client, bucket) = key.changed();
            client.inspect(|client| prefetch(*client));
            bucket.inspect(|bucket| prefetch(*bucket));
        }
        let relayed = match explain::claim(&env, &mut exchange) {
            None => match pipeline::serve(&env, &adopted.snapshot, &mut exchange).await {
                Served::Complete => Relayed::Encoded,
                Served::Kept(entry) => Relayed::Kept(entry),
                Served::Streaming(answer) => relay(&env, &mut exchange, answer).await,
            },
            // Boxed: nobody else's request should be as large as this.
            Some(claim) => Box::pin(explain::serve(&env, &mut exchange, claim)).await,
        };
        if env.client_left.get() && exchange.error.is_some() {
            exchange.status = CLIENT_CLOSED_REQUEST;
        }
        record::finish(&env, &exchange, Times { started, ended: core.runtime.now() });
        if exchange.cache.is_to_refresh {
            refresh::start(&self.core, &adopted, &exchange);
        }
        drop(Buf::from(std::mem::take(&mut exchange.integration_request)));
        let out = Buf::from(std::mem::take(&mut exchange.out));
        let close = exchange.close || core.draining.get();
        if env.client_left.get() {
            core.counters.client_aborts.add(1);
            return Next::Close;
        }
        match relayed {
            _ if env.torn.get() => self.cut(),
            Relayed::Cut => self.cut(),
            Relayed::Encoded if env.gave_up.get() => self.close_unheard(out).await,
            Relayed::Encoded | Relayed::Sent if close => self.close_after(out, env.discard_upload()).await,
            Relayed::Encoded => match rest(&env, &input, after_body) {
                None => Next::Answer(out),
                Some(next) => match self.send_answer(out).await {
                    true => Next::Input(Some(next)),
                    false => Next::Close,
                },
            },
            Relayed::Sent => Next::Input(rest(&env, &input, after_body)),
            Relayed::Kept(entry) => match self.send_kept(out, &entry).await {
                false => Next::Close,
                true if close => self.close_after(Buf::default(), env.discard_upload()).await,
                true => Next::Input(rest(&env, &input, after_body)),
            },
        }
    }

    /// What the client received is not whole, and no byte that could follow would say so.
    #[cold]
    fn cut(&self) -> Next {
        self.stream.set_abortive();
        Next::Close
    }

    /// The codec refused what came: say why, and close.
    #[cold]
    async fn refuse(&self, error: ProtocolError) -> Next {
        self.core.counters.protocol_errors.add(1);
        let mut out = Buf::with_capacity(SMALL).into_vec();
        pipeline::protocol_response(error, self.core.clock.borrow_mut().date_line(), &mut out);
        self.close_after(Buf::from(out), std::future::ready(())).await
    }

    /// Sends an answer while the next request is here already. False: the client does not take it.
    async fn send_answer(&self, out: Buf) -> bool {
        let core = &*self.core;
        self.slot.timer.arm(core.runtime.now() + core.settings.idle_timeout_nanos);
        matches!(self.slot.timer.guard(self.stream.send(out)).await, Ok(Ok(())))
    }

    /// Sends an answer whose body is in the cache. False: the client does not take it.
    async fn send_kept(&self, head: Buf, entry: &Entry) -> bool {
        let core = &*self.core;
        self.slot.timer.arm(core.runtime.now() + core.settings.idle_timeout_nanos);
        let sent = self.stream.send_both(head, Buf::shared(entry.shared_body()));
        matches!(self.slot.timer.guard(sent).await, Ok(Ok(())))
    }

    /// Sends a last answer and closes so that the client can read it: what it still sends is read for a while, because closing with
    /// unread bytes would reset the connection and throw the answer away (RFC 9112 §9.6).
    /// `body` takes what is left of a request body.
    async fn close_after(&self, out: Buf, body: impl Future<Output = ()>) -> Next {
        if !out.is_empty() && !self.send_answer(out).await {
            return Next::Close;
        }
        self.stream.shutdown_send();
        self.slot.timer.arm(self.core.runtime.now() + LINGER_NANOS);
        if self.slot.timer.guard(pin!(body)).await.is_err() {
            return Next::Close;
        }
        let mut left = LINGER_BYTES_MAX;
        while let Ok(Ok(bytes)) = self.slot.timer.guard(self.stream.recv(SMALL)).await {
            if bytes.is_empty() || bytes.len() > left {
                break;
            }
            left -= bytes.len();
        }
        Next::Close
    }

    /// As [`Connection::close_after`], where nothing may be received any more: the client has a while to read the answer.
    #[cold]
    async fn close_unheard(&self, out: Buf) -> Next {
        if self.send_answer(out).await {
            self.stream.shutdown_send();
            self.slot.timer.arm(self.core.runtime.now() + LINGER_NANOS);
            let _ = self.slot.timer.guard(self.stream.closed()).await;
        }
        Next::Close
    }
}

/// The same bytes in a buffer of their own size; the leased one goes back at once, not when the exchange ends.
#[cold]
fn shrunk(bytes: Buf) -> Buf {
    Buf::from(bytes.to_vec())
}

/// What came after the request: the beginning of the next one.
#[inline]
fn rest<R: Runtime>(env: &ExchangeEnv<'_, R>, input: &Buf, after_body: Option<usize>) -> Option<Buf> {
    let rest = match after_body {
        Some(end) if end == input.len() => return None,
        Some(end) => Some(Buf::copy_of(&input[end..])),
        None => env.rest.borrow_mut().take(),
    };
    rest.filter(|bytes| !bytes.is_empty())
}
