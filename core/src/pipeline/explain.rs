//! Serving with an execution log: the same pipeline, in an environment that notes what passes through it.

use super::{Env, Exchange, Served, route, serve};
use crate::cache::{Flights, Wait, Waited};
use crate::error::GatewayError;
use crate::limit::{CoreLimits, QuotaRequest};
use crate::snapshot::{HttpCall, Snapshot, StagePlan};
use crate::telemetry::execution_log::{ClientRequest, ClientResponse, ExecutionLog, text_pair};

/// The stage that a request leads to and the path below it, before the request is served.
pub fn stage_of<'s, 'a>(
    snapshot: &'s Snapshot,
    exchange: &mut Exchange<'a>,
) -> Option<(&'s StagePlan, &'a [u8])> {
    // Serving finds the same again: the choice of a canary hangs on the id.
    let _ = route::resolve(snapshot, exchange);
    let stage = &snapshot.stages[exchange.stage? as usize];
    let path = exchange.path();
    let place = snapshot.hosts.find(exchange.host(), path)?;
    Some((stage, &path[place.resource_from..]))
}

/// A log that begins with what is there of the request. Header fields whose names are `hidden` are not shown.
pub fn begin_log(snapshot: &Snapshot, exchange: &mut Exchange<'_>, hidden: &[&str]) -> ExecutionLog {
    let below = stage_of(snapshot, exchange).map(|(_, path)| path);
    let path = match below.unwrap_or(exchange.path()) {
        b"" => "/".to_owned(),
        path => String::from_utf8_lossy(path).into_owned(),
    };
    let bytes = exchange.bytes;
    let headers = exchange.head.headers.iter();
    let headers = headers.map(|header| text_pair((header.name.of(bytes), header.value.of(bytes))));
    let is_shown = |name: &str| !hidden.iter().any(|hidden| hidden.eq_ignore_ascii_case(name));
    let request = ClientRequest {
        request_id: String::from_utf8_lossy(&exchange.request_id).into_owned(),
        unix_millis: exchange.unix_millis,
        method: String::from_utf8_lossy(exchange.head.method_name.of(bytes)).into_owned(),
        path,
        path_parameters: path_parameters(snapshot, exchange),
        query: exchange.query_parameters().map(text_pair).collect(),
        headers: headers.filter(|(name, _)| is_shown(name)).collect(),
    };
    let log = ExecutionLog::new(request, exchange.head.body);
    log.request_bytes(&bytes[exchange.head.len..]);
    log
}

fn path_parameters(snapshot: &Snapshot, exchange: &Exchange<'_>) -> Vec<(String, String)> {
    let Some((stage, route)) = exchange.stage.zip(exchange.route) else { return Vec::new() };
    let names = &snapshot.stages[stage as usize].routes[route as usize].path_parameters;
    let values = names.iter().enumerate().map(|(index, name)| {
        let value = exchange.parameters.get(index, exchange.path());
        text_pair((name.as_bytes(), value))
    });
    values.collect()
}

/// As [`serve`], with every step in `log`. The body of an answer that is left to stream is noted by whoever streams it.
pub async fn serve_explained<'a, E: Env>(
    env: &E,
    snapshot: &'a Snapshot,
    exchange: &mut Exchange<'a>,
    log: &ExecutionLog,
) -> Served<E::Lease> {
    let served = serve(&Explaining { env, snapshot, log }, snapshot, exchange).await;
    let detail = exchange.error_detail.as_ref().map(|detail| detail.validation_error_string.clone());
    let error = exchange.error.map(|error| {
        let detail = detail.unwrap_or_else(|| exchange.error_message().to_owned());
        (error.response().response_type, detail)
    });
    log.response(ClientResponse {
        status: exchange.status,
        encoded: match &served {
            Served::Kept(entry) => [&exchange.out, entry.body()].concat(),
            Served::Complete | Served::Streaming(_) => exchange.out.clone(),
        },
        body_passes: matches!(served, Served::Streaming(_)),
        error,
    });
    served
}

struct Explaining<'e, E> {
    env: &'e E,
    snapshot: &'e Snapshot,
    log: &'e ExecutionLog,
}

impl<E: Env> Env for Explaining<'_, E> {
    type Lease = E::Lease;

    fn buffer(&self) -> Vec<u8> {
        self.env.buffer()
    }

    fn date_line(&self, out: &mut Vec<u8>) {
        self.env.date_line(out);
    }

    async fn invoke(&self, call: &HttpCall, exchange: &mut Exchange<'_>) -> Result<E::Lease, GatewayError> {
        let endpoint = &self.snapshot.endpoints[call.endpoint as usize];
        let body_passes = exchange.gathered.is_none();
        self.log.endpoint_request(&endpoint.host, endpoint.port, &exchange.integration_request, body_passes);
        let answered = self.env.invoke(call, exchange).await;
        match &answered {
            Ok(lease) => {
                let answer = &*exchange.answer;
                let headers = answer.headers.iter();
                let headers = headers.map(|header| (header.name.of(lease), header.value.of(lease)));
                self.log.endpoint_response(answer.status, headers, answer.body, &lease[answer.len..]);
            }
            // Whatever has no words of its own is told with the gateway response.
            Err(error) if error.integration_error() == "-" => {}
            Err(error) => self.log.failure(error.integration_error()),
        }
        answered
    }

    async fn read_body(&self, exchange: &mut Exchange<'_>, nanos: u64) -> Result<Vec<u8>, GatewayError> {
        let body = self.env.read_body(exchange, nanos).await?;
        self.log.request_body(&body);
        Ok(body)
    }

    fn pressure(&self, exchange: &Exchange<'_>) -> u8 {
        self.env.pressure(exchange)
    }

    fn clock(&self) -> u64 {
        self.env.clock()
    }

    fn limits(&self) -> Option<&CoreLimits> {
        self.env.limits()
    }

    fn caches(&self) -> Option<&Flights> {
        self.env.caches()
    }

    async fn wait(&self, wait: Wait, until: u64) -> Result<(Waited, u64), GatewayError> {
        self.env.wait(wait, until).await
    }

    fn ask_for_quota(&self, request: QuotaRequest) -> bool {
        self.env.ask_for_quota(request)
    }

    async fn pause(&self) -> u64 {
        self.env.pause().await
    }

    async fn read_answer(
        &self,
        exchange: &mut Exchange<'_>,
        lease: &E::Lease,
    ) -> Result<Vec<u8>, GatewayError> {
        let body = self.env.read_answer(exchange, lease).await?;
        self.log.endpoint_body(&body);
        Ok(body)
    }
}
