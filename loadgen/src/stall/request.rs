//! One request whose backend stalls, from its send to its end.

use std::net::SocketAddr;
use std::pin::pin;

use ringway_core::http1::{BodyDecoder, HeadLimits, Method, Parsed, ResponseHead, Scan, parse_response};
use ringway_ring::buf::{Buf, SMALL};
use ringway_ring::net::{Runtime, Stream};
use ringway_ring::wheel::Timer;

use crate::check::Check;
use crate::failure::Failure;

/// Bytes of an answer that are kept to be judged. Longer ones are wrong.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How long a connect to the gateway itself may take.
const CONNECT_NANOS: u64 = 5_000_000_000;

/// Where a request goes, and its bytes.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) address: SocketAddr,
    pub(super) request: Vec<u8>,
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ending {
    /// As expected of a request that stalled.
    Answered,
    /// The backend's own answer had begun, and the connection was closed or reset within it.
    Cut,
    /// Otherwise, in words.
    Failed(Failure, String),
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    /// From the actual send to the last byte or the close.
    pub(super) took_nanos: u64,
    pub(super) ending: Ending,
}

/// Sends a request and waits for its end, at most until `give_up_nanos` after the send.
pub(super) async fn send<R: Runtime>(
    runtime: &R,
    place: &Place,
    expected: &Check,
    give_up_nanos: u64,
) -> Seen {
    let timer = Timer::new(runtime.wheel());
    timer.arm(runtime.now() + CONNECT_NANOS);
    // Before the clock starts: memory that is touched for the first time may take milliseconds.
    let request = Buf::copy_of(&place.request);
    let failed = |failure, why: String| Seen { took_nanos: 0, ending: Ending::Failed(failure, why) };
    let stream = match timer.guard(runtime.connect(place.address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return failed(Failure::Connect, format!("connecting: {error}")),
        Err(_) => return failed(Failure::ConnectTimeout, "connecting takes too long".to_owned()),
    };
    let sent = runtime.now();
    timer.arm(sent + give_up_nanos);
    let ended = {
        let read = pin!(exchange(&stream, request, expected));
        timer.guard(read).await
    };
    let ending = ended.unwrap_or_else(|_| Ending::Failed(Failure::Timeout, "no end of it".to_owned()));
    Seen { took_nanos: runtime.now() - sent, ending }
}

async fn exchange<S: Stream>(stream: &S, request: Buf, expected: &Check) -> Ending {
    let mut answer = Answer::default();
    // Sent before a buffer is taken for the answer, for the same reason.
    if stream.send(request).await.is_err() {
        return answer.closed(expected, Failure::Reset);
    }
    loop {
        match stream.recv(SMALL).await {
            Ok(bytes) if bytes.is_empty() => return answer.closed(expected, Failure::Closed),
            Ok(bytes) => {
                if let Some(ending) = answer.take(&bytes, expected) {
                    return ending;
                }
            }
            Err(_) => return answer.closed(expected, Failure::Reset),
        }
    }
}

/// An answer as it comes.
#[derive(Default)]
struct Answer {
    bytes: Vec<u8>,
    scan: Scan,
    head: ResponseHead,
    /// Of the body, once the head is there.
    decoder: Option<BodyDecoder>,
    body: Vec<u8>,
    /// Bytes of the head and of the body that is decoded.
    read: usize,
}

impl Answer {
    /// The next bytes; its end, when they complete it.
    fn take(&mut self, bytes: &[u8], expected: &Check) -> Option<Ending> {
        if self.bytes.len() + bytes.len() > ANSWER_BYTES_MAX {
            return Some(Ending::Failed(Failure::Body, format!("more than {ANSWER_BYTES_MAX} bytes")));
        }
        self.bytes.extend_from_slice(bytes);
        if self.decoder.is_none() {
            match parse_response(
                &self.bytes,
                &mut self.scan,
                &HeadLimits::default(),
                Method::Get,
                &mut self.head,
            ) {
                Ok(Parsed::Partial) => return None,
                Ok(Parsed::Complete) => {}
                Err(error) => return Some(Ending::Failed(Failure::Protocol, format!("{error:?}"))),
            }
            self.read = self.head.len;
            self.decoder = Some(BodyDecoder::new(self.head.body));
        }
        let decoder = self.decoder.as_mut()?;
        while self.read < self.bytes.len() && !decoder.is_done() {
            let input = &self.bytes[self.read..];
            match decoder.decode(input) {
                Ok(piece) => {
                    self.body.extend_from_slice(&input[piece.data]);
                    self.read += piece.consumed;
                }
                Err(error) => return Some(Ending::Failed(Failure::Protocol, format!("{error:?}"))),
            }
        }
        decoder.is_done().then(|| self.judge(expected))
    }

    /// The whole answer is there.
    fn judge(&self, expected: &Check) -> Ending {
        match expected.verify(&self.head, &self.bytes, &self.body) {
            Ok(()) => Ending::Answered,
            Err(wrong) => Ending::Failed(wrong.failure(), expected.describe(&wrong)),
        }
    }

    /// The connection has ended.
    fn closed(&mut self, expected: &Check, how: Failure) -> Ending {
        let Some(decoder) = &mut self.decoder else {
            return Ending::Failed(how, "the connection ended before an answer".to_owned());
        };
        // An answer that is delimited by the close is whole, unless it was reset.
        if how == Failure::Closed && decoder.end_of_stream().is_ok() {
            return self.judge(expected);
        }
        match expected.verify_head(&self.head, &self.bytes) {
            Ok(()) => Ending::Failed(Failure::ShortBody, "the expected answer, but cut".to_owned()),
            Err(_) => Ending::Cut,
        }
    }
}
