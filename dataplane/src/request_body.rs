//! The body of a request on its way to the integration: decoded, framed anew, never gathered.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use ringway_core::http1::{BodyDecoder, BodyError, BodyLength, encode};
use ringway_core::telemetry::execution_log::ExecutionLog;
use ringway_ring::buf::{Buf, LARGE, SMALL};
use ringway_ring::net::Stream;

/// Where the request body stands.
pub(crate) struct RequestBody {
    decoder: BodyDecoder,
    length: BodyLength,
    body_bytes_max: u64,
    /// Whether the client waits for a go-ahead.
    pub(crate) expects_continue: bool,
    /// Where what comes is noted, if the request is explained.
    pub(crate) log: Option<Rc<ExecutionLog>>,
}

/// Why a body could not be passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UploadError {
    /// Its framing is wrong, or it is too large.
    Body(BodyError),
    /// The client left in the middle of it.
    ClientLeft,
    /// The integration takes no more of it; it may have answered already.
    UpstreamClosed,
}

impl RequestBody {
    pub(crate) fn new(length: BodyLength, body_bytes_max: u64, expects_continue: bool) -> Self {
        let decoder = BodyDecoder::with_limit(length, body_bytes_max);
        RequestBody { decoder, length, body_bytes_max, expects_continue, log: None }
    }

    /// Back to the start, to send the request again.
    pub(crate) fn rewind(&mut self) {
        self.decoder = BodyDecoder::with_limit(self.length, self.body_bytes_max);
    }

    /// Whether all of it was taken.
    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.decoder.is_done()
    }

    /// Appends what `input` holds of the body, framed for the integration; returns how many bytes of `input` it took.
    #[inline]
    pub(crate) fn take(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, BodyError> {
        let mut at = 0;
        let chunked = self.length == BodyLength::Chunked;
        while at < input.len() && !self.decoder.is_done() {
            let piece = self.decoder.decode(&input[at..])?;
            let data = &input[at..][piece.data];
            if chunked && !data.is_empty() {
                encode::chunk_head(data.len(), out);
                out.extend_from_slice(data);
                out.extend_from_slice(encode::CHUNK_END);
            } else {
                out.extend_from_slice(data);
            }
            at += piece.consumed;
        }
        if chunked && at > 0 && self.decoder.is_done() {
            out.extend_from_slice(encode::LAST_CHUNK);
        }
        Ok(at)
    }

    /// Appends the bytes of the body itself that `input` holds; returns how many bytes of `input` it took.
    pub(crate) fn gather(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, BodyError> {
        let mut at = 0;
        while at < input.len() && !self.decoder.is_done() {
            let piece = self.decoder.decode(&input[at..])?;
            out.extend_from_slice(&input[at..][piece.data]);
            at += piece.consumed;
        }
        Ok(at)
    }

    /// Takes the body from `input` without passing it on: how many bytes, if it is all there.
    pub(crate) fn skip(&mut self, input: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < input.len() && !self.decoder.is_done() {
            at += self.decoder.decode(&input[at..]).ok()?.consumed;
        }
        self.decoder.is_done().then_some(at)
    }
}

/// Where an upload goes. Taken away, the upload goes on and throws away what comes: a receive that is under way cannot be dropped
/// as long as the connection is to be received from.
pub(crate) type Upstream<S> = Rc<RefCell<Option<Rc<S>>>>;

/// Sends `first` (the head of the request and what was there of its body), then the rest of the body as it comes. Returns
/// what came after the body: the beginning of the next request.
pub(crate) async fn upload<S: Stream>(
    client: &S,
    upstream: Upstream<S>,
    first: Buf,
    mut body: RequestBody,
) -> Result<Buf, UploadError> {
    pass(&upstream, first).await?;
    let mut capacity = SMALL;
    let mut rest = Buf::default();
    while !body.is_done() {
        let mut input = client.recv(capacity).await.map_err(|_| UploadError::ClientLeft)?;
        if input.is_empty() {
            return Err(UploadError::ClientLeft);
        }
        if let Some(log) = &body.log {
            log.request_bytes(&input);
        }
        // A full buffer is a body in bulk: fewer, larger operations.
        capacity = if input.len() >= SMALL { LARGE } else { SMALL };
        if body.length == BodyLength::Chunked {
            let mut out = Buf::with_capacity(input.len() + 64).into_vec();
            let taken = body.take(&input, &mut out).map_err(UploadError::Body)?;
            input.advance(taken);
            rest = input;
            if !out.is_empty() {
                pass(&upstream, Buf::from(out)).await?;
            }
        } else {
            let piece = body.decoder.decode(&input).map_err(UploadError::Body)?;
            rest = Buf::copy_of(&input[piece.consumed..]);
            input.truncate(piece.data.end);
            pass(&upstream, input).await?;
        }
    }
    Ok(rest)
}

/// Sends `bytes`, unless there is nowhere to send them (any more).
async fn pass<S: Stream>(upstream: &Upstream<S>, bytes: Buf) -> Result<(), UploadError> {
    let Some(stream) = upstream.borrow().clone() else { return Ok(()) };
    let mut send = pin!(stream.send(bytes));
    poll_fn(|cx| match upstream.borrow().is_none() {
        true => Poll::Ready(Ok(())),
        false => send.as_mut().poll(cx).map_err(|_| UploadError::UpstreamClosed),
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_framed_anew_and_the_next_request_is_left() {
        let mut body = RequestBody::new(BodyLength::Chunked, 100, false);
        let mut out = Vec::new();
        let input = b"3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\nGET /";
        let taken = body.take(input, &mut out).unwrap();
        assert_eq!(&input[taken..], b"GET /");
        assert_eq!(out, b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
        assert!(body.is_done());
        body.rewind();
        assert_eq!(body.skip(input), Some(taken));
    }

    #[test]
    fn a_body_of_known_length_passes_as_it_is() {
        let mut body = RequestBody::new(BodyLength::Length(5), 100, false);
        let mut out = Vec::new();
        assert_eq!(body.take(b"abc", &mut out).unwrap(), 3);
        assert!(!body.is_done());
        assert_eq!(body.take(b"deGET", &mut out).unwrap(), 2);
        assert_eq!((out.as_slice(), body.is_done()), (&b"abcde"[..], true));
    }

    #[test]
    fn an_incomplete_body_cannot_be_skipped() {
        assert_eq!(RequestBody::new(BodyLength::Length(5), 100, false).skip(b"abc"), None);
        assert_eq!(RequestBody::new(BodyLength::None, 100, false).skip(b""), Some(0));
        assert_eq!(RequestBody::new(BodyLength::Chunked, 100, false).skip(b"zz\r\n"), None);
    }
}
