//! `ringway invoke`: one request through a deployment, step by step, as TestInvokeMethod's execution log shows it (tables.md §5.6).
//!
//! It is the pipeline that serves, with an integration that is called over an ordinary socket.

mod backend;
pub(crate) mod test_method;

use std::cell::RefCell;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{SystemTime, UNIX_EPOCH};

use ringway_core::cache::{Flights, Wait, Waited};
use ringway_core::error::GatewayError;
use ringway_core::http1::{
    BodyDecoder, DateCache, HeadLimits, Parsed, RequestHead, ResponseHead, Scan, parse_request,
};
use ringway_core::ids::IdSource;
use ringway_core::limit::{CoreLimits, QuotaRequest};
use ringway_core::model::{Configuration, DomainName};
use ringway_core::pipeline::{Env, Exchange, Served, begin_log, serve_explained};
use ringway_core::snapshot::{CompileSettings, HttpCall, Registry, Snapshot, compile};
use ringway_core::telemetry::access_log::PRESET_JSON;
use ringway_core::telemetry::execution_log::ExecutionLog;

use crate::check::refuse;
use crate::cli::{EXIT_CONFIGURATION, EXIT_UNAVAILABLE, InvokeArgs};

/// Invokes as `arguments` say, prints the log and the answer, and returns the exit code.
pub(crate) fn run(arguments: &InvokeArgs) -> u8 {
    let loaded = match ringway_controlplane::load(std::slice::from_ref(&arguments.file)) {
        Ok(loaded) => loaded,
        Err(issues) => return refuse(&arguments.file, &issues),
    };
    let (snapshot, host) = match snapshot(loaded.configuration, &arguments.file) {
        Ok(snapshot) => snapshot,
        Err(message) => {
            eprintln!("ringway: {message}");
            return EXIT_CONFIGURATION;
        }
    };
    let request = request(arguments, &host);
    // What no header of the command line says is not part of the request that was asked for.
    let is_given = |name: &str| {
        let names = arguments.headers.iter().map(|line| line.split(':').next().unwrap_or_default());
        names.into_iter().any(|known| known.eq_ignore_ascii_case(name))
    };
    let own: Vec<&str> = ["Host", "Content-Length"].into_iter().filter(|name| !is_given(name)).collect();
    match invoke(&snapshot, &request, &own) {
        Ok(invoked) => {
            print!("{}", invoked.log);
            0
        }
        Err(message) => {
            eprintln!("ringway: {message}");
            EXIT_UNAVAILABLE
        }
    }
}

/// The API of a file, reached by its own host name.
fn snapshot(configuration: Configuration, file: &Path) -> Result<(Snapshot, String), String> {
    let settings = CompileSettings {
        region: "us-east-1".into(),
        account_id: "000000000000".into(),
        execute_api_suffix: "amazonaws.com".into(),
        path_addresses: false,
        default_log_format: PRESET_JSON.into(),
        ..CompileSettings::default()
    };
    let [api] = configuration.apis.as_slice() else {
        return Err(format!("{}: an API file has one API", file.display()));
    };
    let host = format!("{}.execute-api.us-east-1.amazonaws.com", api.id);
    let configuration = Configuration { domain_names: Vec::<DomainName>::new(), ..configuration };
    let snapshot =
        compile(&configuration, &settings, &mut Registry::new()).map_err(|errors| errors.join("\n"))?;
    Ok((snapshot, host))
}

/// The bytes that a client would send.
fn request(arguments: &InvokeArgs, host: &str) -> Vec<u8> {
    let path = arguments.path.trim_start_matches('/');
    let mut text = format!("{} /{}/{path} HTTP/1.1\r\nHost: {host}\r\n", arguments.method, arguments.stage);
    for header in &arguments.headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    let body = arguments.body.as_deref().unwrap_or_default();
    if !body.is_empty() {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}

/// What came of a request.
pub(crate) struct Invoked {
    /// The execution log.
    pub(crate) log: String,
    /// The head of the answer, and its body.
    pub(crate) answer: Vec<u8>,
}

/// Runs a request. `own` are the header fields that are not part of what was asked for.
pub(crate) fn invoke(snapshot: &Snapshot, bytes: &[u8], own: &[&str]) -> Result<Invoked, String> {
    let (mut head, mut answer) = (RequestHead::default(), ResponseHead::default());
    match parse_request(bytes, &mut Scan::default(), &HeadLimits::default(), &mut head) {
        Ok(Parsed::Complete) => {}
        Ok(Parsed::Partial) => return Err("the request is not complete: a header holds a line end?".into()),
        Err(error) => return Err(format!("not a request: {}", error.message())),
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    let mut exchange = Exchange::new(bytes, &head, &mut answer, IdSource::new(now).next_id());
    exchange.source_ip = b"127.0.0.1";
    exchange.unix_millis = now;
    let log = begin_log(snapshot, &mut exchange, own);
    let env = SocketEnv { snapshot, log: &log, date: RefCell::default() };
    let served = {
        let served = pin!(serve_explained(&env, snapshot, &mut exchange, &log));
        // Its integration blocks, so that nothing is left to wait for.
        let Poll::Ready(served) = served.poll(&mut Context::from_waker(Waker::noop())) else {
            return Err("the pipeline waits for something that nobody brings".into());
        };
        served
    };
    let mut answer = std::mem::take(&mut exchange.out);
    if let Served::Streaming(lease) = served {
        match backend::body(BodyDecoder::new(exchange.answer.body), &lease[exchange.answer.len..]) {
            Ok(body) => answer.extend_from_slice(&body),
            Err(message) => log.failure(&message),
        }
    }
    Ok(Invoked { log: log.text(), answer })
}

/// An integration over a socket of the standard library.
struct SocketEnv<'a> {
    snapshot: &'a Snapshot,
    log: &'a ExecutionLog,
    date: RefCell<DateCache>,
}

impl Env for SocketEnv<'_> {
    type Lease = Vec<u8>;

    fn buffer(&self) -> Vec<u8> {
        Vec::new()
    }

    fn date_line(&self, out: &mut Vec<u8>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        out.extend_from_slice(self.date.borrow_mut().line(now.as_secs()));
    }

    async fn invoke(&self, call: &HttpCall, exchange: &mut Exchange<'_>) -> Result<Vec<u8>, GatewayError> {
        let endpoint = &self.snapshot.endpoints[call.endpoint as usize];
        let mut sent = std::mem::take(&mut exchange.integration_request);
        if exchange.gathered.is_none() {
            // A proxied body follows its head as it is: it is all here.
            sent.extend_from_slice(&exchange.bytes[exchange.head.len..]);
        }
        let answered = backend::call(&endpoint.host, endpoint.port, &sent, call.timeout_nanos, exchange);
        answered.map_err(|failure| {
            // The operating system's own words say more than the kind of the error.
            self.log.failure(&failure.message);
            failure.error
        })
    }

    async fn read_body(&self, exchange: &mut Exchange<'_>, _: u64) -> Result<Vec<u8>, GatewayError> {
        exchange.body_pending = false;
        Ok(exchange.bytes[exchange.head.len..].to_vec())
    }

    fn pressure(&self, _: &Exchange<'_>) -> u8 {
        0
    }

    /// Nothing that needs it: see below.
    fn clock(&self) -> u64 {
        0
    }

    /// A request that is tried out is not limited, as AWS's TestInvokeMethod is not.
    fn limits(&self) -> Option<&CoreLimits> {
        None
    }

    /// Nor is its answer a cached one.
    fn caches(&self) -> Option<&Flights> {
        None
    }

    async fn wait(&self, _: Wait, _: u64) -> Result<(Waited, u64), GatewayError> {
        Err(GatewayError::IntegrationTimeout)
    }

    fn ask_for_quota(&self, _: QuotaRequest) -> bool {
        false
    }

    async fn pause(&self) -> u64 {
        0
    }

    async fn read_answer(
        &self,
        exchange: &mut Exchange<'_>,
        lease: &Vec<u8>,
    ) -> Result<Vec<u8>, GatewayError> {
        backend::body(BodyDecoder::new(exchange.answer.body), &lease[exchange.answer.len..])
            .map_err(|_| GatewayError::BadIntegrationResponse)
    }
}
