//! A backend that is asked once, over a socket that blocks.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use ringway_core::error::{GatewayError, IntegrationFault};
use ringway_core::http1::{BodyDecoder, HeadLimits, Parsed, Scan, parse_response};
use ringway_core::limits::BODY_BYTES_MAX;
use ringway_core::pipeline::Exchange;

/// Why there is no answer.
pub(super) struct Failure {
    pub(super) error: GatewayError,
    pub(super) message: String,
}

/// Sends a request and reads until the whole answer is there; its head is in `exchange.answer` then.
pub(super) fn call(
    host: &str,
    port: u16,
    request: &[u8],
    timeout_nanos: u64,
    exchange: &mut Exchange<'_>,
) -> Result<Vec<u8>, Failure> {
    let deadline = Instant::now() + Duration::from_nanos(timeout_nanos);
    let fault = |fault| move |message: io::Error| failure(GatewayError::IntegrationFailure(fault), message);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address =
        (bare, port).to_socket_addrs().map_err(fault(IntegrationFault::NoAddress))?.next().ok_or_else(
            || failure(GatewayError::IntegrationFailure(IntegrationFault::NoAddress), "no address"),
        )?;
    let mut stream =
        TcpStream::connect_timeout(&address, left(deadline)?).map_err(fault(IntegrationFault::Connect))?;
    stream.write_all(request).map_err(fault(IntegrationFault::Reset))?;
    let (mut bytes, mut scan) = (Vec::new(), Scan::default());
    let mut buffer = vec![0; 64 * 1024];
    loop {
        stream.set_read_timeout(Some(left(deadline)?)).map_err(fault(IntegrationFault::Reset))?;
        let count = match stream.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => {
                return Err(failure(GatewayError::IntegrationFailure(IntegrationFault::Reset), error));
            }
        };
        bytes.extend_from_slice(&buffer[..count]);
        if bytes.len() as u64 > BODY_BYTES_MAX * 2 {
            return Err(failure(GatewayError::ApiConfigurationError, "the answer is too large"));
        }
        let method = exchange.integration_method;
        let parsed = parse_response(&bytes, &mut scan, &HeadLimits::default(), method, exchange.answer);
        match parsed {
            Err(_) => return Err(failure(GatewayError::BadIntegrationResponse, "the answer is no HTTP")),
            Ok(Parsed::Complete) if exchange.answer.status < 200 => {
                bytes.drain(..exchange.answer.len);
                scan.reset();
            }
            Ok(Parsed::Complete) if count == 0 || is_whole(exchange, &bytes) => return Ok(bytes),
            Ok(_) if count == 0 => {
                return Err(failure(GatewayError::BadIntegrationResponse, "the answer ends early"));
            }
            Ok(_) => {}
        }
    }
}

fn is_whole(exchange: &Exchange<'_>, bytes: &[u8]) -> bool {
    let mut decoder = BodyDecoder::new(exchange.answer.body);
    let mut at = exchange.answer.len;
    while at < bytes.len() && !decoder.is_done() {
        match decoder.decode(&bytes[at..]) {
            Ok(piece) => at += piece.consumed,
            Err(_) => return true,
        }
    }
    decoder.is_done()
}

fn left(deadline: Instant) -> Result<Duration, Failure> {
    let left = deadline.saturating_duration_since(Instant::now());
    match left.is_zero() {
        true => Err(failure(GatewayError::IntegrationTimeout, "the integration did not answer in time")),
        false => Ok(left),
    }
}

fn failure(error: GatewayError, message: impl ToString) -> Failure {
    Failure { error, message: message.to_string() }
}

/// The bytes of a body that is all in `input`.
pub(super) fn body(mut decoder: BodyDecoder, input: &[u8]) -> Result<Vec<u8>, String> {
    let (mut at, mut out) = (0, Vec::new());
    while at < input.len() && !decoder.is_done() {
        let piece =
            decoder.decode(&input[at..]).map_err(|error| format!("the body is not valid: {error:?}"))?;
        out.extend_from_slice(&input[at..][piece.data]);
        at += piece.consumed;
    }
    Ok(out)
}
