//! Steady load on a route that is well: what it feels of the others' stall.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use ringway_core::http1::{BodyDecoder, HeadLimits, Method, Parsed, ResponseHead, Scan, parse_response};
use ringway_ring::buf::{Buf, SMALL};
use ringway_ring::net::{Runtime, Stream};
use ringway_ring::wheel::Timer;

use super::request::Place;
use crate::precise::Precise;

/// How long an answer is waited for. The request has then failed.
const ANSWER_NANOS: u64 = 5_000_000_000;
/// A connection that failed is opened anew after this.
const REST_NANOS: u64 = 100_000_000;
/// Bytes of the head of an answer that comes in pieces. Longer: failed.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Times of [`Runtime::now`] that divide the load: before the stall, and during it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Windows {
    pub(super) begin: u64,
    pub(super) stall: u64,
    pub(super) end: u64,
}

/// Where the load goes, and how much of it.
#[derive(Debug, Clone)]
pub(super) struct Steady {
    pub(super) place: Place,
    /// Requests per second.
    pub(super) rate: f64,
    pub(super) connections: usize,
}

/// What the healthy route did in one window.
#[derive(Debug, Default, Clone)]
pub(super) struct Load {
    /// From the intended send, in nanoseconds.
    pub(super) latencies: Vec<u64>,
    /// From the actual send: without what this process itself was late, which shares its CPU with the backend on a small machine.
    pub(super) service: Vec<u64>,
    /// How late the requests were sent.
    pub(super) lateness: Vec<u64>,
    pub(super) failed: u64,
    pub(super) first_failure: Option<String>,
}

/// Sends until the windows are over; returns what was seen before the stall and during it.
pub(super) async fn run<R: Runtime>(runtime: R, steady: &Steady, windows: Windows) -> io::Result<[Load; 2]> {
    let shared = Rc::new(Shared {
        precise: Precise::start(&runtime)?,
        runtime,
        steady: steady.clone(),
        windows,
        loads: RefCell::default(),
    });
    for index in 0..steady.connections {
        let shared = shared.clone();
        shared.runtime.clone().spawn(async move { shared.keep_asking(index as u64).await });
    }
    // Answers that are due at the end get their time.
    let over = windows.end.saturating_add(ANSWER_NANOS / 10);
    shared.precise.sleep_until(over).await;
    Ok(shared.loads.take())
}

struct Shared<R: Runtime> {
    runtime: R,
    precise: Rc<Precise<R>>,
    steady: Steady,
    windows: Windows,
    loads: RefCell<[Load; 2]>,
}

impl<R: Runtime> Shared<R> {
    /// When request `number` of all connections is due.
    fn intended(&self, number: u64) -> u64 {
        self.windows.begin + (number as f64 * 1e9 / self.steady.rate) as u64
    }

    /// One connection: it sends each request whose number is its own modulo the number of connections.
    async fn keep_asking(&self, index: u64) {
        let mut number = index;
        let mut stream = None;
        loop {
            let intended = self.intended(number);
            if intended >= self.windows.end {
                return;
            }
            let open = match stream.take() {
                Some(open) => Some(open),
                None => self.runtime.connect(self.steady.place.address).await.ok(),
            };
            self.precise.sleep_until(intended).await;
            let sent = self.runtime.now();
            let outcome = match &open {
                Some(open) => self.ask(open).await,
                None => Err("the connection is refused".to_owned()),
            };
            match outcome {
                Ok(keep_alive) => stream = open.filter(|_| keep_alive),
                Err(_) => self.runtime.wheel().sleep_until(self.runtime.now() + REST_NANOS).await,
            }
            self.record(intended, sent, outcome.err());
            number += self.steady.connections as u64;
        }
    }

    fn record(&self, intended: u64, sent: u64, failure: Option<String>) {
        let load = &mut self.loads.borrow_mut()[usize::from(intended >= self.windows.stall)];
        match failure {
            None => {
                let now = self.runtime.now();
                load.latencies.push(now - intended);
                load.service.push(now - sent);
                load.lateness.push(sent.saturating_sub(intended));
            }
            Some(failure) => {
                load.failed += 1;
                load.first_failure.get_or_insert(failure);
            }
        }
    }

    /// One request and its whole answer; whether the connection stays.
    async fn ask(&self, stream: &R::Stream) -> Result<bool, String> {
        let timer = Timer::new(self.runtime.wheel());
        timer.arm(self.runtime.now() + ANSWER_NANOS);
        let answer = std::pin::pin!(read(stream, &self.steady.place.request));
        timer.guard(answer).await.unwrap_or_else(|_| Err("no answer in 5 s".to_owned()))
    }
}

async fn read<S: Stream>(stream: &S, request: &[u8]) -> Result<bool, String> {
    let lost = |error: io::Error| format!("the connection broke: {error}");
    let mut bytes = stream.send_recv(Buf::copy_of(request), SMALL).await.map_err(lost)?;
    let (mut scan, mut head) = (Scan::default(), ResponseHead::default());
    while parse_response(&bytes, &mut scan, &HeadLimits::default(), Method::Get, &mut head)
        .map_err(|error| format!("an answer that is no HTTP: {error:?}"))?
        == Parsed::Partial
    {
        let more = stream.recv(SMALL).await.map_err(lost)?;
        if more.is_empty() || bytes.len() + more.len() > HEAD_BYTES_MAX {
            return Err("the connection closed before an answer".to_owned());
        }
        bytes = Buf::from([&bytes[..], &more[..]].concat());
    }
    if head.status >= 400 {
        return Err(format!("status {}", head.status));
    }
    let mut decoder = BodyDecoder::new(head.body);
    bytes.advance(head.len);
    loop {
        let mut at = 0;
        while at < bytes.len() && !decoder.is_done() {
            let piece = decoder.decode(&bytes[at..]).map_err(|error| format!("a wrong body: {error:?}"))?;
            at += piece.consumed;
        }
        if decoder.is_done() {
            return Ok(head.keep_alive);
        }
        bytes = stream.recv(SMALL).await.map_err(lost)?;
        if bytes.is_empty() {
            return decoder
                .end_of_stream()
                .map(|()| false)
                .map_err(|_| "the connection closed in the body".to_owned());
        }
    }
}
