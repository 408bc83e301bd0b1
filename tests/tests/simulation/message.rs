//! Reading messages from a simulated stream, with the codec whose client side clients and backends share.

use std::rc::Rc;

use ringway_core::http1::{
    BodyDecoder, BodyLength, HeadLimits, Header, Method, Parsed, RequestHead, ResponseHead, Scan,
    parse_request, parse_response,
};
use ringway_ring::buf::SMALL;
use ringway_ring::net::Stream;
use ringway_ring::sim::{SimRuntime, SimStream};
use ringway_ring::wheel::TICK_NS;

use crate::time::sleep;

/// How reading a message ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// It is complete.
    Complete,
    /// The stream ended first.
    Closed,
    /// The connection was reset first.
    Reset,
    /// It is not HTTP.
    Bad(String),
    /// It took too long.
    Patience,
}

/// Header lines.
#[derive(Debug, Clone, Default)]
pub(crate) struct Headers(Vec<(String, String)>);

impl Headers {
    fn of(bytes: &[u8], headers: &[Header]) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Headers(headers.iter().map(|h| (text(h.name.of(bytes)), text(h.value.of(bytes)))).collect())
    }

    /// The only header of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut found = self.0.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.as_str()).filter(|_| found.next().is_none())
    }
}

/// The head of an answer.
#[derive(Debug, Clone)]
pub(crate) struct AnswerHead {
    pub(crate) status: u16,
    pub(crate) headers: Headers,
    pub(crate) keep_alive: bool,
    pub(crate) length: BodyLength,
}

/// The head of a request.
#[derive(Debug)]
pub(crate) struct AskHead {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Headers,
    pub(crate) length: BodyLength,
}

/// A stream and what was received and not yet used.
pub(crate) struct Inbox {
    stream: Rc<SimStream>,
    bytes: Vec<u8>,
    /// How long it takes to look for more: a slow reader lets what it is sent pile up.
    lag: u64,
    runtime: SimRuntime,
}

impl Inbox {
    pub(crate) fn new(runtime: SimRuntime, stream: Rc<SimStream>, lag: u64) -> Self {
        Inbox { stream, bytes: Vec::new(), lag, runtime }
    }

    /// What a lag may add to the time that an answer of `bytes` takes.
    pub(crate) fn lags(&self, bytes: usize) -> u64 {
        // A timer may be a tick late.
        let each = if self.lag > 0 { self.lag + TICK_NS } else { 0 };
        each * (30 + bytes as u64 / 500)
    }

    /// Whether bytes wait that no message has used.
    pub(crate) fn has_rest(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// Receives more.
    pub(crate) async fn more(&mut self) -> Result<(), End> {
        sleep(&self.runtime, self.lag).await;
        match self.stream.recv(SMALL).await {
            Ok(bytes) if bytes.is_empty() => Err(End::Closed),
            Ok(bytes) => {
                self.bytes.extend_from_slice(&bytes);
                Ok(())
            }
            Err(_) => Err(End::Reset),
        }
    }

    /// The next head of an answer to `method`, interim ones included.
    pub(crate) async fn answer_head(&mut self, method: Method) -> Result<AnswerHead, End> {
        // An answer of the gateway may be longer than a backend's: it adds lines.
        let limits = HeadLimits { header_bytes_max: 16 * 1024, ..HeadLimits::default() };
        let (mut head, mut scan) = (ResponseHead::default(), Scan::default());
        loop {
            match parse_response(&self.bytes, &mut scan, &limits, method, &mut head) {
                Ok(Parsed::Complete) => break,
                Ok(Parsed::Partial) => self.more().await?,
                Err(error) => return Err(End::Bad(format!("{error:?} in {:?}", self.start()))),
            }
        }
        let headers = Headers::of(&self.bytes, &head.headers);
        self.bytes.drain(..head.len);
        Ok(AnswerHead { status: head.status, headers, keep_alive: head.keep_alive, length: head.body })
    }

    /// The next head of a request.
    pub(crate) async fn ask_head(&mut self) -> Result<AskHead, End> {
        let limits =
            HeadLimits { header_bytes_max: 16 * 1024, body_bytes_max: u64::MAX, ..HeadLimits::default() };
        let (mut head, mut scan) = (RequestHead::default(), Scan::default());
        loop {
            match parse_request(&self.bytes, &mut scan, &limits, &mut head) {
                Ok(Parsed::Complete) => break,
                Ok(Parsed::Partial) => self.more().await?,
                Err(error) => return Err(End::Bad(format!("{error:?} in {:?}", self.start()))),
            }
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let method = text(head.method_name.of(&self.bytes));
        let target = text(head.target.of(&self.bytes));
        let headers = Headers::of(&self.bytes, &head.headers);
        self.bytes.drain(..head.len);
        Ok(AskHead { method, target, headers, length: head.body })
    }

    /// Reads a body into `body`, piece by piece; `piece` is told of each.
    pub(crate) async fn body(
        &mut self,
        length: BodyLength,
        body: &mut Vec<u8>,
        mut piece: impl AsyncFnMut(&[u8]),
    ) -> End {
        let mut decoder = BodyDecoder::new(length);
        loop {
            let mut at = 0;
            let before = body.len();
            while at < self.bytes.len() && !decoder.is_done() {
                match decoder.decode(&self.bytes[at..]) {
                    Ok(part) => {
                        body.extend_from_slice(&self.bytes[at..][part.data]);
                        at += part.consumed;
                    }
                    Err(error) => return End::Bad(format!("{error:?}")),
                }
            }
            self.bytes.drain(..at);
            if body.len() > before {
                piece(&body[before..]).await;
            }
            if decoder.is_done() {
                return End::Complete;
            }
            match self.more().await {
                Ok(()) => {}
                Err(End::Closed) if decoder.end_of_stream().is_ok() => return End::Complete,
                Err(end) => return end,
            }
        }
    }

    fn start(&self) -> String {
        String::from_utf8_lossy(&self.bytes[..self.bytes.len().min(80)]).into_owned()
    }
}
