//! Reading the head of a request.

use ringway_core::http1::{HeadLimits, Parsed, ProtocolError, RequestHead, Scan, parse_request};
use ringway_ring::buf::{Buf, SMALL};
use ringway_ring::net::Stream;
use ringway_ring::wheel::Timer;

/// Why there is no head.
pub(crate) enum NoHead {
    /// The bytes are not a request.
    Refused(ProtocolError),
    /// The client closed, or took longer than the head timeout.
    Gone,
    /// The client took longer than the head timeout, in the middle of a head.
    Slow,
}

/// Parses the head at the start of `bytes`, receiving more until it is complete. `deadline` covers the whole head.
#[inline]
pub(crate) async fn read_head<S: Stream>(
    stream: &S,
    timer: &Timer,
    deadline: u64,
    limits: &HeadLimits,
    bytes: Buf,
    head: &mut RequestHead,
    scan: &mut Scan,
) -> Result<Buf, NoHead> {
    scan.reset();
    match parse_request(&bytes, scan, limits, head) {
        Ok(Parsed::Complete) => Ok(bytes),
        Ok(Parsed::Partial) => read_rest(stream, timer, deadline, limits, bytes, head, scan).await,
        Err(error) => Err(NoHead::Refused(error)),
    }
}

/// The head came in pieces. They are gathered in a vector of their own size: many slow clients hold little memory.
#[cold]
async fn read_rest<S: Stream>(
    stream: &S,
    timer: &Timer,
    deadline: u64,
    limits: &HeadLimits,
    bytes: Buf,
    head: &mut RequestHead,
    scan: &mut Scan,
) -> Result<Buf, NoHead> {
    let mut gathered = bytes.to_vec();
    drop(bytes);
    timer.arm(deadline);
    loop {
        let more = match timer.guard(stream.recv(SMALL)).await {
            Ok(Ok(more)) if !more.is_empty() => more,
            Ok(_) => return Err(NoHead::Gone),
            Err(_) => return Err(NoHead::Slow),
        };
        gathered.extend_from_slice(&more);
        drop(more);
        match parse_request(&gathered, scan, limits, head) {
            Ok(Parsed::Complete) => return Ok(Buf::from(gathered)),
            Ok(Parsed::Partial) => {}
            Err(error) => return Err(NoHead::Refused(error)),
        }
    }
}
