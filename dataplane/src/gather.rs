//! Bodies that are read as a whole, because a template, a model or a conversion reads them: bounded for each body and for the core.

use std::cell::Cell;
use std::pin::pin;

use ringway_core::error::{GatewayError, IntegrationFault};
use ringway_core::http1::{BodyDecoder, encode};
use ringway_core::limits::{BODY_BYTES_MAX, GATHERED_BYTES_MAX};
use ringway_core::pipeline::Exchange;
use ringway_ring::buf::{Buf, LARGE, SMALL, freed};
use ringway_ring::net::{Runtime, Stream};

use crate::core::Core;
use crate::exchange::{ExchangeEnv, body_error};
use crate::request_body::RequestBody;
use crate::watch::{Cut, watch};

/// Bytes that an exchange has gathered, taken from what its core may hold and given back at its end.
pub(crate) struct Share<'a> {
    all: &'a Cell<usize>,
    own: Cell<usize>,
}

impl<'a> Share<'a> {
    pub(crate) fn of<R: Runtime>(core: &'a Core<R>) -> Self {
        Share { all: &core.gathered_bytes, own: Cell::new(0) }
    }

    /// Takes room for `bytes` more. None left: the exchange is answered with 503.
    fn take(&self, bytes: usize) -> Result<(), GatewayError> {
        if self.all.get() + bytes > GATHERED_BYTES_MAX {
            return Err(GatewayError::Overloaded);
        }
        self.all.set(self.all.get() + bytes);
        self.own.set(self.own.get() + bytes);
        Ok(())
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.all.set(self.all.get() - self.own.get());
        freed(self.own.get());
    }
}

/// See [`ringway_core::pipeline::Env::read_body`].
pub(crate) async fn read_body<R: Runtime>(
    env: &ExchangeEnv<'_, R>,
    exchange: &mut Exchange<'_>,
    nanos: u64,
) -> Result<Vec<u8>, GatewayError> {
    let mut body = env.body.borrow_mut().take().expect("the body is read once");
    let mut out = Vec::new();
    let here = &exchange.bytes[exchange.head.len..];
    env.share.take(here.len())?;
    body.gather(here, &mut out).map_err(body_error)?;
    if body.is_done() {
        env.gathered.set(true);
        return Ok(out);
    }
    env.timer.arm(env.core.runtime.now() + nanos);
    let rest = {
        let receive = pin!(receive_body(env, &mut body, &mut out));
        let received = env.timer.guard(receive).await;
        received.map_err(|_| {
            env.gave_up.set(true);
            GatewayError::RequestTimeout
        })??
    };
    *env.rest.borrow_mut() = Some(rest);
    env.gathered.set(true);
    exchange.body_pending = false;
    Ok(out)
}

/// Reads until the body is whole, asking for it where that is expected; returns what came after it.
async fn receive_body<R: Runtime>(
    env: &ExchangeEnv<'_, R>,
    body: &mut RequestBody,
    out: &mut Vec<u8>,
) -> Result<Buf, GatewayError> {
    // Within the time for the body, as a client may not read it.
    if body.expects_continue && !env.send_interim(Buf::copy_of(encode::CONTINUE)).await {
        env.client_left.set(true);
        return Err(GatewayError::RequestTimeout);
    }
    let mut capacity = SMALL;
    loop {
        let mut input = match env.client().recv(capacity).await {
            Ok(input) if !input.is_empty() => input,
            _ => {
                env.client_left.set(true);
                return Err(GatewayError::RequestTimeout);
            }
        };
        env.share.take(input.len())?;
        capacity = if input.len() >= SMALL { LARGE } else { SMALL };
        let taken = body.gather(&input, out).map_err(body_error)?;
        if body.is_done() {
            input.advance(taken);
            return Ok(Buf::copy_of(&input));
        }
    }
}

/// See [`ringway_core::pipeline::Env::read_answer`].
pub(crate) async fn read_answer<R: Runtime>(
    env: &ExchangeEnv<'_, R>,
    exchange: &mut Exchange<'_>,
    lease: &Buf,
) -> Result<Vec<u8>, GatewayError> {
    let now = env.core.runtime.now();
    let mut decoder = BodyDecoder::new(exchange.answer.body);
    let mut out = Vec::new();
    let outcome = {
        let receive = pin!(receive_answer(env, &mut decoder, &lease[exchange.answer.len..], &mut out));
        watch(env.timer, now, env.deadline.get(), env.client, || env.upload.borrow().is_none(), receive).await
    };
    env.answered.set(env.core.runtime.arrival());
    match outcome {
        Ok(Ok(clean)) => {
            if let Some(lease) = env.lease.borrow_mut().take() {
                lease
                    .finish(clean && env.request_is_sent() && exchange.answer.keep_alive, env.answered.get());
            }
            Ok(out)
        }
        Ok(Err(error)) => Err(error),
        Err(Cut::Timeout) => {
            env.core.counters.timeouts.add(1);
            Err(GatewayError::IntegrationTimeout)
        }
        Err(Cut::ClientLeft) => {
            env.client_left.set(true);
            Err(GatewayError::IntegrationFailure(IntegrationFault::Reset))
        }
    }
}

/// Reads until the answer is whole. `Ok(true)`: nothing is left over on its connection.
async fn receive_answer<R: Runtime>(
    env: &ExchangeEnv<'_, R>,
    decoder: &mut BodyDecoder,
    first: &[u8],
    out: &mut Vec<u8>,
) -> Result<bool, GatewayError> {
    let upstream = env.lease.borrow().as_ref().map(|lease| lease.stream().clone());
    let upstream = upstream.ok_or(GatewayError::BadIntegrationResponse)?;
    let mut clean = gather(env, decoder, first, out)? == first.len();
    let mut capacity = SMALL;
    while !decoder.is_done() {
        let input = upstream.recv(capacity).await.map_err(|_| GatewayError::BadIntegrationResponse)?;
        if input.is_empty() {
            decoder.end_of_stream().map_err(|_| GatewayError::BadIntegrationResponse)?;
            return Ok(false);
        }
        capacity = if input.len() >= SMALL { LARGE } else { SMALL };
        clean = gather(env, decoder, &input, out)? == input.len();
    }
    Ok(clean)
}

/// Appends what `input` holds of the body; returns how many of its bytes that was. A body beyond AWS's payload limit cannot be transformed.
fn gather<R: Runtime>(
    env: &ExchangeEnv<'_, R>,
    decoder: &mut BodyDecoder,
    input: &[u8],
    out: &mut Vec<u8>,
) -> Result<usize, GatewayError> {
    let mut at = 0;
    while at < input.len() && !decoder.is_done() {
        let piece = decoder.decode(&input[at..]).map_err(|_| GatewayError::BadIntegrationResponse)?;
        let data = &input[at..][piece.data];
        if out.len() + data.len() > BODY_BYTES_MAX as usize {
            return Err(GatewayError::ApiConfigurationError);
        }
        env.share.take(data.len())?;
        out.extend_from_slice(data);
        at += piece.consumed;
    }
    Ok(at)
}
