//! Reads answers, sans-io: bytes in, a verdict out. One per connection.

use ringway_core::http1::{
    BodyDecoder, BodyLength, HeadLimits, Method, Parsed, ResponseHead, Scan, parse_response,
};
use ringway_core::limits::INTERIM_RESPONSES_MAX;
use ringway_ring::buf::{LARGE, SMALL};

use crate::check::{BodyWatch, Wrong};
use crate::failure::Failure;
use crate::plan::Request;

/// Bytes of the header lines of an answer; more are [`Failure::Protocol`]. More than a gateway takes, for other targets.
const HEADER_BYTES_MAX: usize = 64 * 1024;

/// An answer that was read to its end.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Whether the connection may be used again.
    pub(super) keep_alive: bool,
    /// What is wrong with it, if anything.
    pub(super) wrong: Option<Wrong>,
}

/// Why no answer can be read any more: the connection is of no use.
#[derive(Debug, PartialEq)]
pub(super) struct Broken {
    pub(super) failure: Failure,
    pub(super) why: String,
}

impl Broken {
    pub(super) fn new(failure: Failure, why: impl Into<String>) -> Self {
        Broken { failure, why: why.into() }
    }
}

/// What became of the bytes.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// The answer is complete; what is left of the bytes belongs to the next.
    Done(Answer),
    /// More bytes are needed, at best in a buffer of this capacity. What is left of the bytes stays before them.
    More(usize),
}

/// Reads one answer after the other.
pub(super) struct Reader<'p> {
    head: ResponseHead,
    scan: Scan,
    limits: HeadLimits,
    interim: usize,
    body: Option<Body<'p>>,
    /// Whether a byte of the current answer was seen.
    begun: bool,
}

/// A body whose head was read.
struct Body<'p> {
    decoder: BodyDecoder,
    length: BodyLength,
    watch: Option<BodyWatch<'p>>,
    answer: Answer,
}

impl<'p> Reader<'p> {
    pub(super) fn new() -> Self {
        let limits = HeadLimits { header_bytes_max: HEADER_BYTES_MAX, ..HeadLimits::default() };
        Reader {
            head: ResponseHead::default(),
            scan: Scan::default(),
            limits,
            interim: 0,
            body: None,
            begun: false,
        }
    }

    /// Forgets an answer that was begun: the next bytes come from a new connection.
    pub(super) fn reset(&mut self) {
        self.scan.reset();
        (self.interim, self.body, self.begun) = (0, None, false);
    }

    /// Reads on in the answer to `request`, which is the same until it is done. `bytes` begin where the last call left off; returns
    /// how many of them are used up.
    pub(super) fn read(&mut self, bytes: &[u8], request: &'p Request) -> Result<(usize, Step), Broken> {
        self.begun |= !bytes.is_empty();
        let mut used = 0;
        if self.body.is_none() && !self.read_head(bytes, &mut used, request)? {
            return Ok((used, Step::More(SMALL)));
        }
        let body = self.body.as_mut().expect("a head was read");
        used += body.read(&bytes[used..])?;
        if !body.decoder.is_done() {
            return Ok((used, Step::More(body.capacity())));
        }
        Ok((used, Step::Done(self.finish())))
    }

    /// The server closed its side: the end of an answer that lasts until then, else what is wrong.
    pub(super) fn end_of_stream(&mut self) -> Result<Answer, Broken> {
        let ended = self.body.as_mut().map(|body| body.decoder.end_of_stream().is_ok());
        match ended {
            Some(true) => Ok(self.finish()),
            Some(false) => {
                Err(Broken::new(Failure::ShortBody, "the server closed the connection inside the body"))
            }
            None if self.begun => {
                Err(Broken::new(Failure::ShortBody, "the server closed the connection inside the head"))
            }
            None => {
                Err(Broken::new(Failure::Closed, "the server closed the connection instead of answering"))
            }
        }
    }

    /// Reads heads until the final one is there; interim ones are passed over (RFC 9110 §15.2).
    fn read_head(&mut self, bytes: &[u8], used: &mut usize, request: &'p Request) -> Result<bool, Broken> {
        let method = if request.is_head { Method::Head } else { Method::Get };
        loop {
            let rest = &bytes[*used..];
            match parse_response(rest, &mut self.scan, &self.limits, method, &mut self.head) {
                Ok(Parsed::Complete) => {}
                Ok(Parsed::Partial) => return Ok(false),
                Err(error) => return Err(Broken::new(Failure::Protocol, format!("answer head: {error}"))),
            }
            *used += self.head.len;
            match self.head.status {
                101 => return Err(Broken::new(Failure::Protocol, "status 101: nobody asked for an upgrade")),
                100..200 if self.interim < INTERIM_RESPONSES_MAX => self.interim += 1,
                100..200 => return Err(Broken::new(Failure::Protocol, "too many interim answers")),
                _ => break,
            }
        }
        let of_head = &bytes[*used - self.head.len..];
        let wrong = request.check.verify_head(&self.head, of_head).err();
        self.body = Some(Body {
            decoder: BodyDecoder::new(self.head.body),
            length: self.head.body,
            watch: if wrong.is_none() { request.check.watch_body() } else { None },
            answer: Answer { status: self.head.status, keep_alive: self.head.keep_alive, wrong },
        });
        Ok(true)
    }

    fn finish(&mut self) -> Answer {
        let mut body = self.body.take().expect("the body was read");
        if let Some(watch) = body.watch.take() {
            body.answer.wrong = watch.finish().err();
        }
        (self.interim, self.begun) = (0, false);
        body.answer
    }
}

impl Body<'_> {
    fn read(&mut self, bytes: &[u8]) -> Result<usize, Broken> {
        let mut used = 0;
        while used < bytes.len() && !self.decoder.is_done() {
            let rest = &bytes[used..];
            let piece = self
                .decoder
                .decode(rest)
                .map_err(|error| Broken::new(Failure::Protocol, format!("answer body: {error}")))?;
            if let Some(watch) = &mut self.watch
                && let Err(wrong) = watch.push(&rest[piece.data])
            {
                // Read to its end all the same, so that the connection can be used again.
                self.answer.wrong = Some(wrong);
                self.watch = None;
            }
            used += piece.consumed;
            if piece.consumed == 0 {
                break;
            }
        }
        Ok(used)
    }

    /// A large buffer for what is known to be large.
    fn capacity(&self) -> usize {
        match self.length {
            BodyLength::Length(length) if length <= SMALL as u64 => SMALL,
            _ => LARGE,
        }
    }
}

/// The last right answer to a kind of request: an answer with the same bytes has the same meaning and the same verdict.
///
/// A message that ends by its own framing is a prefix of what was received, whatever follows it; so comparing as many
/// bytes as it has is enough.
#[derive(Debug, Default)]
pub(super) struct Memo {
    bytes: Vec<u8>,
    status: u16,
    misses: u32,
}

/// Misses in a row after which not every answer is kept: they are all different, because they have an id or a clock in them.
const MISSES_MAX: u32 = 16;
/// Of those, one in so many is kept.
const KEPT_OF_MISSES: u32 = 64;

impl Memo {
    /// The status and length of the answer that `bytes` begin with, if it is the one that is kept.
    #[inline]
    pub(super) fn matches(&self, bytes: &[u8]) -> Option<(u16, usize)> {
        let length = self.bytes.len();
        (length > 0 && bytes.len() >= length && bytes[..length] == self.bytes)
            .then_some((self.status, length))
    }

    #[inline]
    pub(super) fn hit(&mut self) {
        self.misses = 0;
    }

    /// Whether an answer that was read in full is worth being kept.
    #[inline]
    pub(super) fn wants(&mut self) -> bool {
        self.misses = self.misses.wrapping_add(1);
        self.misses <= MISSES_MAX || self.misses.is_multiple_of(KEPT_OF_MISSES)
    }

    /// Keeps a right answer after which the connection may be used again.
    pub(super) fn keep(&mut self, bytes: &[u8], status: u16) {
        self.bytes.clear();
        if bytes.len() <= SMALL {
            self.bytes.extend_from_slice(bytes);
        }
        self.status = status;
    }
}

#[cfg(test)]
mod tests;
