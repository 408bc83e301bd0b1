//! The body of an answer on its way to the client: framed anew, a buffer at a time.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use ringway_core::cache::Entry;
use ringway_core::http1::{BodyDecoder, BodyError, BodyLength, encode};
use ringway_core::pipeline::{Exchange, ResponseFraming};
use ringway_ring::buf::{Buf, LARGE, SMALL};
use ringway_ring::net::{Runtime, Stream};

use crate::exchange::ExchangeEnv;
use crate::request_body::UploadError;
use crate::watch::{Cut, watch};

/// How an answer ended.
pub(crate) enum Relayed {
    /// It is complete in `exchange.out` and not sent yet.
    Encoded,
    /// Its head is in `exchange.out`, its body in the cache, and neither is sent yet.
    Kept(Arc<Entry>),
    /// It was sent whole.
    Sent,
    /// It was cut: the connection has to be closed.
    Cut,
}

/// Passes the answer on, whose head is in `exchange.out` and whose body begins in `bytes`.
#[inline]
pub(crate) async fn relay<R: Runtime>(
    env: &ExchangeEnv<'_, R>,
    exchange: &mut Exchange<'_>,
    bytes: Buf,
) -> Relayed {
    let mut decoder = BodyDecoder::new(exchange.answer.body);
    let head_len = exchange.answer.len;
    if exchange.framing == ResponseFraming::Complete {
        // A body that the client did not ask for (HEAD): it passes nowhere, and only one that is all here leaves its connection fit.
        let whole = skip(&mut decoder, &bytes[head_len..]);
        release(env, exchange, whole == Some(bytes.len() - head_len));
        return Relayed::Encoded;
    }
    if exchange.out.len() + bytes.len() - head_len + 64 <= SMALL {
        match append(exchange, &mut decoder, &bytes[head_len..]) {
            Ok(consumed) if decoder.is_done() => {
                exchange.keep_answer();
                release(env, exchange, consumed == bytes.len() - head_len);
                return Relayed::Encoded;
            }
            Ok(_) => return relay_rest(env, exchange, decoder, Buf::default()).await,
            Err(_) => return Relayed::Cut,
        }
    }
    let mut bytes = bytes;
    bytes.advance(head_len);
    relay_rest(env, exchange, decoder, bytes).await
}

/// Appends what `input` holds of the body to `exchange.out`; returns how many bytes of `input` that was.
#[inline]
fn append(exchange: &mut Exchange<'_>, decoder: &mut BodyDecoder, input: &[u8]) -> Result<usize, BodyError> {
    let chunked = exchange.framing == ResponseFraming::Chunked;
    let mut at = 0;
    while at < input.len() && !decoder.is_done() {
        let piece = decoder.decode(&input[at..])?;
        let data = &input[at..][piece.data];
        exchange.keep_bytes(data);
        if chunked && !data.is_empty() {
            encode::chunk_head(data.len(), &mut exchange.out);
            exchange.out.extend_from_slice(data);
            exchange.out.extend_from_slice(encode::CHUNK_END);
        } else {
            exchange.out.extend_from_slice(data);
        }
        exchange.body_bytes += data.len() as u64;
        at += piece.consumed;
    }
    if chunked && decoder.is_done() {
        exchange.out.extend_from_slice(encode::LAST_CHUNK);
    }
    Ok(at)
}

/// Takes the body from `input`: how many bytes, if it is all there.
fn skip(decoder: &mut BodyDecoder, input: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at < input.len() && !decoder.is_done() {
        at += decoder.decode(&input[at..]).ok()?.consumed;
    }
    decoder.is_done().then_some(at)
}

/// The answer is whole: its connection may serve another, if both sides are done and nothing is left over.
fn release<R: Runtime>(env: &ExchangeEnv<'_, R>, exchange: &Exchange<'_>, clean: bool) {
    let sent = env.request_is_sent();
    if let Some(lease) = env.lease.borrow_mut().take() {
        lease.finish(clean && sent && exchange.answer.keep_alive, env.answered.get());
    }
}

/// The body is larger than a buffer, or still coming.
async fn relay_rest<R: Runtime>(
    env: &ExchangeEnv<'_, R>,
    exchange: &mut Exchange<'_>,
    decoder: BodyDecoder,
    bytes: Buf,
) -> Relayed {
    let now = env.core.runtime.now();
    let outcome = {
        let mut body = pin!(pump(env, exchange, decoder, bytes));
        let both = pin!(std::future::poll_fn(|cx| match env.poll_upload(cx) {
            Some(UploadError::ClientLeft | UploadError::Body(_)) => Poll::Ready(Err(())),
            // The integration answers without reading the rest: that is its right.
            Some(UploadError::UpstreamClosed) | None => body.as_mut().poll(cx),
        }));
        watch(env.timer, now, env.deadline.get(), env.client, || env.upload.borrow().is_none(), both).await
    };
    // The body is the integration's time too: the gateway only passes it on.
    env.answered.set(env.core.runtime.now());
    match outcome {
        Ok(Ok(clean)) => {
            exchange.keep_answer();
            release(env, exchange, clean);
            Relayed::Sent
        }
        Ok(Err(())) => Relayed::Cut,
        Err(Cut::Timeout) => {
            env.core.counters.timeouts.add(1);
            Relayed::Cut
        }
        Err(Cut::ClientLeft) => {
            env.client_left.set(true);
            Relayed::Cut
        }
    }
}

/// Sends what is encoded, then the body as it comes. `Ok(true)`: nothing is left over on the upstream connection.
async fn pump<R: Runtime>(
    env: &ExchangeEnv<'_, R>,
    exchange: &mut Exchange<'_>,
    mut decoder: BodyDecoder,
    mut input: Buf,
) -> Result<bool, ()> {
    let upstream = env.lease.borrow().as_ref().map(|lease| lease.stream().clone()).ok_or(())?;
    let mut clean = true;
    let mut capacity = SMALL;
    // What arrives in chunks, or leaves in chunks, is not the same run of bytes on both sides.
    let reframed =
        exchange.framing == ResponseFraming::Chunked || exchange.answer.body == BodyLength::Chunked;
    loop {
        let received = input.len();
        let consumed = match reframed {
            true => send_reframed(env, exchange, &mut decoder, input).await?,
            false => send_plain(env, exchange, &mut decoder, input).await?,
        };
        clean &= consumed == received;
        if decoder.is_done() {
            return Ok(clean);
        }
        input = upstream.recv(capacity).await.map_err(drop)?;
        if input.is_empty() {
            decoder.end_of_stream().map_err(drop)?;
            if exchange.framing == ResponseFraming::Chunked {
                env.client().send(Buf::copy_of(encode::LAST_CHUNK)).await.map_err(drop)?;
            }
            return Ok(false);
        }
        if let Some(log) = &*env.log.borrow() {
            log.endpoint_bytes(&input);
        }
        // A full buffer is a body in bulk: fewer, larger operations.
        capacity = if input.len() >= SMALL { LARGE } else { SMALL };
    }
}

async fn send_reframed<R: Runtime>(
    env: &ExchangeEnv<'_, R>,
    exchange: &mut Exchange<'_>,
    decoder: &mut BodyDecoder,
    input: Buf,
) -> Result<usize, ()> {
    if exchange.out.capacity() < exchange.out.len() + input.len() + 64 {
        let mut larger = Buf::with_capacity(exchange.out.len() + input.len() + 64).into_vec();
        larger.extend_from_slice(&exchange.out);
        drop(Buf::from(std::mem::replace(&mut exchange.out, larger)));
    }
    let consumed = append(exchange, decoder, &input).map_err(drop)?;
    drop(input);
    let out = std::mem::take(&mut exchange.out);
    if !out.is_empty() {
        env.client().send(Buf::from(out)).await.map_err(drop)?;
    }
    Ok(consumed)
}

async fn send_plain<R: Runtime>(
    env: &ExchangeEnv<'_, R>,
    exchange: &mut Exchange<'_>,
    decoder: &mut BodyDecoder,
    mut input: Buf,
) -> Result<usize, ()> {
    let mut consumed = 0;
    if !input.is_empty() && !decoder.is_done() {
        let piece = decoder.decode(&input).map_err(drop)?;
        consumed = piece.consumed;
        exchange.body_bytes += piece.data.len() as u64;
        exchange.keep_bytes(&input[piece.data.clone()]);
        input.truncate(piece.data.end);
        input.advance(piece.data.start);
    } else {
        input.truncate(0);
    }
    let out = Buf::from(std::mem::take(&mut exchange.out));
    let sent = match (out.is_empty(), input.is_empty()) {
        (true, true) => return Ok(consumed),
        (false, true) => env.client().send(out).await,
        (true, false) => env.client().send(input).await,
        (false, false) => env.client().send_both(out, input).await,
    };
    sent.map_err(drop)?;
    Ok(consumed)
}
