//! One exchange: what the pipeline needs of this core, and the calls to the integration.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

use ringway_core::cache::{Flights, Wait, Waited};
use ringway_core::error::{GatewayError, IntegrationFault};
use ringway_core::http1::{HeadLimits, HeaderId, Method, Parsed, Scan, Version, encode, parse_response};
use ringway_core::limit::{CoreLimits, QuotaRequest};
use ringway_core::limits::INTERIM_RESPONSES_MAX;
use ringway_core::pipeline::{Env, Exchange, encode_integration_request};
use ringway_core::snapshot::HttpCall;
use ringway_core::telemetry::execution_log::ExecutionLog;
use ringway_ring::buf::{Buf, SMALL};
use ringway_ring::net::{Runtime, Stream};
use ringway_ring::wheel::Timer;

use crate::adopted::Adopted;
use crate::core::Core;
use crate::gather::{self, Share};
use crate::request_body::{RequestBody, UploadError, Upstream, upload};
use crate::upstream::Lease;
use crate::watch::{Cut, watch};

/// How long a request waits before it looks again for its quota.
const PAUSE_NANOS: u64 = 1_000_000;

/// A body that is still being sent while the answer comes: only requests whose body was not all there have one.
pub(crate) struct Upload<'a, R: Runtime> {
    sending: Pin<Box<dyn Future<Output = Result<Buf, UploadError>> + 'a>>,
    upstream: Upstream<R::Stream>,
}

/// The core as one exchange sees it.
pub(crate) struct ExchangeEnv<'a, R: Runtime> {
    pub(crate) core: &'a Core<R>,
    pub(crate) adopted: &'a Adopted<R>,
    /// `None`: nobody waits for the answer but a cache; there is no body then, and nothing is sent.
    pub(crate) client: Option<&'a R::Stream>,
    pub(crate) timer: &'a Timer,
    /// When the client's connection had answered the request before; 0 if there was none. `None`: this one came with it. What its bytes
    /// have waited before that, they have not waited for the core.
    pub(crate) free_since: Option<u64>,
    /// The request body; taken by the upload.
    pub(crate) body: RefCell<Option<RequestBody>>,
    /// The connection that answers, from the head of the answer on.
    pub(crate) lease: RefCell<Option<Lease<'a, R>>>,
    pub(crate) upload: RefCell<Option<Upload<'a, R>>>,
    /// What the client sent after the body: set when the body came in pieces.
    pub(crate) rest: RefCell<Option<Buf>>,
    /// An interim answer was begun: until it is sent whole, no other can be.
    pub(crate) torn: Cell<bool>,
    /// The client took too long for its body: a receive was dropped, so that nothing more may be received.
    pub(crate) gave_up: Cell<bool>,
    /// Nobody is left to answer.
    pub(crate) client_left: Cell<bool>,
    /// When the exchange ends at the latest; set when the integration is called.
    pub(crate) deadline: Cell<u64>,
    /// When the integration was called, and when its answer was there: the head, or all of it where it was relayed.
    pub(crate) called: Cell<u64>,
    pub(crate) answered: Cell<u64>,
    /// The body was read before the integration was called: it is part of what the pipeline encodes.
    pub(crate) gathered: Cell<bool>,
    /// What it takes of the memory for gathered bodies.
    pub(crate) share: Share<'a>,
    /// Where what is relayed is noted, if this request is explained.
    pub(crate) log: RefCell<Option<Rc<ExecutionLog>>>,
}

impl<R: Runtime> Env for ExchangeEnv<'_, R> {
    type Lease = Buf;

    #[inline]
    fn buffer(&self) -> Vec<u8> {
        Buf::with_capacity(SMALL).into_vec()
    }

    #[inline]
    fn date_line(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.core.clock.borrow_mut().date_line());
    }

    #[inline]
    fn pressure(&self, exchange: &Exchange<'_>) -> u8 {
        let core = self.core;
        let waited = || {
            let free_for = exchange.now.saturating_sub(self.free_since?);
            Some(self.client?.since_last_bytes().min(free_for))
        };
        core.queue.pressure(exchange.now, core.settings.queue_time_nanos, || core.runtime.now(), waited)
    }

    fn clock(&self) -> u64 {
        self.core.runtime.now()
    }

    #[inline]
    fn limits(&self) -> Option<&CoreLimits> {
        Some(&self.core.limits)
    }

    #[inline]
    fn caches(&self) -> Option<&Flights> {
        Some(&self.core.flights)
    }

    async fn wait(&self, wait: Wait, until: u64) -> Result<(Waited, u64), GatewayError> {
        let runtime = &self.core.runtime;
        let waited = {
            let wait = pin!(wait);
            watch(self.timer, runtime.now(), until, self.client, || true, wait).await
        };
        match waited {
            Ok(waited) => Ok((waited, runtime.arrival())),
            Err(Cut::Timeout) => {
                self.core.counters.timeouts.add(1);
                Err(GatewayError::IntegrationTimeout)
            }
            Err(Cut::ClientLeft) => {
                self.client_left.set(true);
                Err(GatewayError::IntegrationFailure(IntegrationFault::Reset))
            }
        }
    }

    fn ask_for_quota(&self, request: QuotaRequest) -> bool {
        self.core.quota_requests.as_ref().is_some_and(|requests| requests.try_send(request).is_ok())
    }

    async fn pause(&self) -> u64 {
        let runtime = &self.core.runtime;
        runtime.wheel().sleep_until(runtime.now() + PAUSE_NANOS).await;
        runtime.now()
    }

    async fn read_body(&self, exchange: &mut Exchange<'_>, nanos: u64) -> Result<Vec<u8>, GatewayError> {
        gather::read_body(self, exchange, nanos).await
    }

    async fn read_answer(&self, exchange: &mut Exchange<'_>, lease: &Buf) -> Result<Vec<u8>, GatewayError> {
        gather::read_answer(self, exchange, lease).await
    }

    async fn invoke(&self, plan: &HttpCall, exchange: &mut Exchange<'_>) -> Result<Buf, GatewayError> {
        let now = self.core.runtime.now();
        self.called.set(now);
        self.deadline.set(now + plan.timeout_nanos);
        let outcome = {
            let call = pin!(self.call(plan, exchange));
            watch(self.timer, now, self.deadline.get(), self.client, || self.upload.borrow().is_none(), call)
                .await
        };
        self.answered.set(self.core.runtime.arrival());
        // Sent whole meanwhile, the body leaves the connection where the next request begins.
        exchange.body_pending &= self.rest.borrow().is_none();
        match outcome {
            Ok(answer) => answer,
            Err(Cut::Timeout) => {
                self.core.counters.timeouts.add(1);
                Err(GatewayError::IntegrationTimeout)
            }
            Err(Cut::ClientLeft) => {
                self.client_left.set(true);
                Err(GatewayError::IntegrationFailure(IntegrationFault::Reset))
            }
        }
    }
}

impl<'a, R: Runtime> ExchangeEnv<'a, R> {
    /// The client of an exchange that has one.
    pub(crate) fn client(&self) -> &'a R::Stream {
        self.client.expect("what has a body, and what is relayed, has a client")
    }

    fn body_is_done(&self) -> bool {
        self.body.borrow().as_ref().is_none_or(RequestBody::is_done)
    }

    /// Whether the integration was sent the whole request: what follows on its connection is a request of its own.
    pub(crate) fn request_is_sent(&self) -> bool {
        let at_once = self.body.borrow().as_ref().is_some_and(RequestBody::is_done);
        at_once || self.gathered.get() || self.rest.borrow().is_some()
    }

    /// Sends the request and waits for the head of the answer; sends it again when a kept connection turns out to be stale and that is
    /// safe: no byte of an answer was seen, the whole request is still here, and the method is idempotent (RFC 9110 §9.2.2).
    async fn call(&self, plan: &HttpCall, exchange: &mut Exchange<'_>) -> Result<Buf, GatewayError> {
        let pool = &self.adopted.pools[plan.endpoint as usize];
        let idempotent = is_idempotent(exchange.integration_method);
        // Nor can a body be sent twice that is not all here.
        let careful = !idempotent || exchange.body_pending;
        let mut lease = pool.acquire(self.core, self.called.get(), false, careful).await?;
        loop {
            let mut out = std::mem::take(&mut exchange.integration_request);
            if let Some(body) = self.body.borrow_mut().as_mut() {
                let input = &exchange.bytes[exchange.head.len..];
                body.take(input, &mut out).map_err(body_error)?;
            }
            let whole = self.body_is_done();
            let first = match whole {
                true => send_and_receive(&**lease.stream(), Buf::from(out)).await,
                false => self.stream_request(&lease, Buf::from(out)).await?,
            };
            match first {
                Some(bytes) => return self.read_answer(lease, bytes, exchange).await,
                None if lease.reused && whole && (idempotent || cfg!(feature = "planted-bug")) => {
                    self.core.counters.upstream_retries.add(1);
                    drop(lease);
                    lease = pool.acquire(self.core, self.called.get(), true, false).await?;
                    self.prepare_again(plan, exchange)?;
                }
                None => {
                    lease.note(false);
                    return Err(GatewayError::IntegrationFailure(IntegrationFault::Reset));
                }
            }
        }
    }

    #[cold]
    fn prepare_again(&self, plan: &HttpCall, exchange: &mut Exchange<'_>) -> Result<(), GatewayError> {
        if let Some(body) = self.body.borrow_mut().as_mut() {
            body.rewind();
        }
        let mut out = Buf::with_capacity(SMALL).into_vec();
        let encoded = encode_integration_request(plan, exchange, &mut out);
        exchange.integration_request = out;
        encoded
    }

    /// Sends a request whose body is still coming, until the answer begins. The upload goes on while the answer is read.
    async fn stream_request(&self, lease: &Lease<'a, R>, first: Buf) -> Result<Option<Buf>, GatewayError> {
        let body = self.body.borrow_mut().take().expect("a body that is not done is there");
        if body.expects_continue && !self.send_interim(Buf::copy_of(encode::CONTINUE)).await {
            self.client_left.set(true);
            return Err(GatewayError::IntegrationFailure(IntegrationFault::Reset));
        }
        let upstream = Rc::new(RefCell::new(Some(lease.stream().clone())));
        let sending = Box::pin(upload(self.client(), upstream.clone(), first, body));
        *self.upload.borrow_mut() = Some(Upload { sending, upstream });
        let mut receive = Box::pin(lease.stream().recv(SMALL));
        std::future::poll_fn(|cx| {
            if let Some(error) = self.poll_upload(cx)
                && let Some(error) = self.upload_failed(error)
            {
                return Poll::Ready(Err(error));
            }
            receive.as_mut().poll(cx).map(|received| Ok(received.ok().filter(|bytes| !bytes.is_empty())))
        })
        .await
    }

    /// Moves the upload on; returns its failure, once.
    pub(crate) fn poll_upload(&self, cx: &mut std::task::Context<'_>) -> Option<UploadError> {
        let mut upload = self.upload.borrow_mut();
        let Poll::Ready(result) = upload.as_mut()?.sending.as_mut().poll(cx) else { return None };
        *upload = None;
        match result {
            Ok(rest) => {
                *self.rest.borrow_mut() = Some(rest);
                None
            }
            Err(error) => Some(error),
        }
    }

    /// Lets go of the integration, and reads what is left of the body.
    pub(crate) async fn discard_upload(&self) {
        if let Some(upload) = self.upload.borrow().as_ref() {
            upload.upstream.take();
        }
        std::future::poll_fn(|cx| {
            let _ = self.poll_upload(cx);
            if self.upload.borrow().is_none() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// What a failed upload means before the answer began.
    fn upload_failed(&self, error: UploadError) -> Option<GatewayError> {
        match error {
            // The integration may have answered before it closed.
            UploadError::UpstreamClosed => None,
            UploadError::Body(error) => Some(body_error(error)),
            UploadError::ClientLeft => {
                self.client_left.set(true);
                Some(GatewayError::IntegrationFailure(IntegrationFault::Reset))
            }
        }
    }

    /// Parses the head of the final answer, passing interim ones on.
    async fn read_answer(
        &self,
        lease: Lease<'a, R>,
        mut bytes: Buf,
        exchange: &mut Exchange<'_>,
    ) -> Result<Buf, GatewayError> {
        let limits = HeadLimits::default();
        let mut scan = Scan::default();
        let mut interim = 0;
        loop {
            match parse_response(&bytes, &mut scan, &limits, exchange.integration_method, exchange.answer) {
                Err(_) => {
                    lease.note(false);
                    return Err(GatewayError::BadIntegrationResponse);
                }
                Ok(Parsed::Partial) => bytes = self.receive_more(&lease, bytes).await?,
                // Nobody asked to change protocols.
                Ok(Parsed::Complete) if exchange.answer.status == 101 => {
                    return Err(GatewayError::BadIntegrationResponse);
                }
                Ok(Parsed::Complete) if exchange.answer.status < 200 => {
                    interim += 1;
                    if interim > INTERIM_RESPONSES_MAX {
                        return Err(GatewayError::BadIntegrationResponse);
                    }
                    self.forward_interim(&bytes, exchange).await;
                    bytes = Buf::copy_of(&bytes[exchange.answer.len..]);
                    scan.reset();
                    if bytes.is_empty() {
                        bytes = self.receive_more(&lease, bytes).await?;
                    }
                }
                Ok(Parsed::Complete) => {
                    lease.note(true);
                    *self.lease.borrow_mut() = Some(lease);
                    return Ok(bytes);
                }
            }
        }
    }

    #[cold]
    async fn receive_more(&self, lease: &Lease<'a, R>, bytes: Buf) -> Result<Buf, GatewayError> {
        let mut receive = Box::pin(lease.stream().recv(SMALL));
        let received = std::future::poll_fn(|cx| {
            // A failed upload does not matter any more: the answer has begun.
            let _ = self.poll_upload(cx);
            receive.as_mut().poll(cx)
        });
        match received.await {
            Ok(more) if !more.is_empty() => {
                let mut gathered = bytes.to_vec();
                gathered.extend_from_slice(&more);
                Ok(Buf::from(gathered))
            }
            // It closed in the middle of a head.
            _ => Err(GatewayError::BadIntegrationResponse),
        }
    }

    /// Passes an interim answer on (RFC 9110 §15.2), but for 100: the gateway gave that go-ahead itself. HTTP/1.0 knows none.
    #[cold]
    async fn forward_interim(&self, bytes: &[u8], exchange: &Exchange<'_>) {
        let answer = &*exchange.answer;
        if answer.status == 100 || exchange.head.version == Version::Http10 {
            return;
        }
        let mut out = Buf::with_capacity(SMALL).into_vec();
        encode::status_line(answer.status, &mut out);
        for header in
            answer.headers.iter().filter(|header| !header.hop_by_hop && header.id != HeaderId::ContentLength)
        {
            encode::header(header.name.of(bytes), header.value.of(bytes), &mut out);
        }
        out.extend_from_slice(b"\r\n");
        // If the client is gone, the final answer will find out.
        self.send_interim(Buf::from(out)).await;
    }

    pub(crate) async fn send_interim(&self, bytes: Buf) -> bool {
        let Some(client) = self.client else { return true };
        self.torn.set(true);
        let sent = client.send(bytes).await.is_ok();
        self.torn.set(false);
        sent
    }
}

/// Sends a whole request and waits for the first bytes of its answer; `None` when the connection broke before any.
#[inline]
async fn send_and_receive<S: Stream>(stream: &S, out: Buf) -> Option<Buf> {
    let received = if out.len() <= SMALL {
        stream.send_recv(out, SMALL).await
    } else {
        // A backend may answer before it has read all, and close.
        let _ = stream.send(out).await;
        stream.recv(SMALL).await
    };
    received.ok().filter(|bytes| !bytes.is_empty())
}

/// Methods that may be sent twice (RFC 9110 §9.2.2). `Other` never reaches an integration.
fn is_idempotent(method: Method) -> bool {
    matches!(method, Method::Get | Method::Head | Method::Options | Method::Put | Method::Delete)
}

pub(crate) fn body_error(error: ringway_core::http1::BodyError) -> GatewayError {
    match error.status() {
        413 => GatewayError::RequestTooLarge,
        431 => GatewayError::TrailersTooLarge,
        _ => GatewayError::BadRequestFraming,
    }
}
