//! The control plane over HTTP: who may call and how often, bodies of a bounded size, answers with the headers of AWS.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};
use axum::response::Response;
use futures_core::Stream;
use ringway_controlplane::aws::{self, Exception, ExceptionType};
use ringway_core::ids::{IdSource, RequestId};
use ringway_core::snapshot::CompileSettings;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use super::sigv4::{Refusal, Signed, Verifier};
use super::throttle::Throttle;
use super::writer::{Answered, Job};
use crate::bounded::Bounded;
use crate::invoke::test_method;
use crate::reload::unix_seconds;
use crate::web_page;

/// Connections at a time; others wait in the backlog.
const CONNECTIONS_MAX: usize = 64;
/// Longest body: AWS's for imports (tables.md §15).
const BODY_BYTES_MAX: usize = 6 * 1024 * 1024;
/// What is read of a body that is too long, so that its sender hears the answer: most of them send everything first.
const DISCARDED_BYTES_MAX: usize = 10 * BODY_BYTES_MAX;

/// Who may call.
pub(super) enum Access {
    /// Who proves to have one of the secrets.
    Signed(Verifier),
    /// Everybody who reaches it, which is this host: it listens on loopback.
    Everybody,
}

pub(super) struct Front {
    pub(super) access: Access,
    pub(super) throttle: Option<Mutex<Throttle>>,
    pub(super) ids: Mutex<IdSource>,
    pub(super) jobs: mpsc::Sender<Job>,
    /// For test invocations.
    pub(super) compile: CompileSettings,
}

/// Serves for as long as the process lives.
pub(super) async fn serve(listener: TcpListener, front: Front) {
    let router = Router::new().fallback(answer).with_state(Arc::new(front));
    // Accept errors are retried inside; there is no other way for it to end.
    let _ = axum::serve(Bounded::new(listener, CONNECTIONS_MAX), router).await;
}

async fn answer(State(front): State<Arc<Front>>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let id = front.ids.lock().unwrap_or_else(PoisonError::into_inner).next_id();
    let answer = match read(body.into_data_stream()).await {
        Ok(Some(body)) => front.respond(parts, body).await,
        Ok(None) => refusal(413, "RequestEntityTooLargeException", "Request Too Long"),
        // The connection is of no more use.
        Err(_) => refusal(400, "BadRequestException", "The body of the request ended early"),
    };
    encode(answer, id)
}

/// The whole body; `None`: it is too long.
async fn read(mut stream: BodyDataStream) -> Result<Option<Vec<u8>>, axum::Error> {
    let (mut body, mut length) = (Vec::new(), 0_usize);
    while let Some(bytes) = next(&mut stream).await {
        let bytes = bytes?;
        length += bytes.len();
        if length <= BODY_BYTES_MAX {
            body.extend_from_slice(&bytes);
        } else if length > DISCARDED_BYTES_MAX {
            break;
        } else {
            body = Vec::new();
        }
    }
    Ok((length <= BODY_BYTES_MAX).then_some(body))
}

async fn next(stream: &mut BodyDataStream) -> Option<Result<Bytes, axum::Error>> {
    std::future::poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await
}

impl Front {
    async fn respond(&self, parts: Parts, body: Vec<u8>) -> aws::Response {
        let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or(""));
        match &self.access {
            Access::Everybody => {
                if let Some(help) = web_page::refused(&parts.method, &parts.headers, true) {
                    return refusal(403, "AccessDeniedException", help.trim_end());
                }
            }
            Access::Signed(verifier) => {
                let headers = pairs(&parts.headers);
                let method = parts.method.as_str();
                let signed = Signed { method, path, query, headers: &headers, body: &body };
                if let Err(Refusal { error_type, message }) = verifier.verify(&signed, unix_seconds() as i64)
                {
                    return refusal(403, error_type, &message);
                }
            }
        }
        let is_too_fast = |throttle: &Mutex<Throttle>| {
            !throttle.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now())
        };
        if self.throttle.as_ref().is_some_and(is_too_fast) {
            return too_many();
        }
        let accept = parts.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
        let (sender, answer) = oneshot::channel();
        let job = Job {
            method: parts.method.as_str().to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            accept: accept.to_owned(),
            body,
            answer: sender,
        };
        if self.jobs.try_send(job).is_err() {
            return too_many();
        }
        let ended = || Exception::new(ExceptionType::Internal, "Service Unavailable").response();
        match answer.await {
            Ok(Answered::Response(response)) => response,
            Ok(Answered::TestInvoke(invocation)) => {
                let settings = self.compile.clone();
                let run = move || test_method::run(*invocation, &settings);
                tokio::task::spawn_blocking(run).await.unwrap_or_else(|_| ended())
            }
            Err(_) => ended(),
        }
    }
}

fn pairs(headers: &HeaderMap) -> Vec<(&str, &[u8])> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

fn too_many() -> aws::Response {
    Exception::new(ExceptionType::TooManyRequests, "Too Many Requests").response()
}

fn refusal(status: u16, error_type: &'static str, message: &str) -> aws::Response {
    aws::Response {
        status,
        error_type: Some(error_type),
        content_type: "application/json".to_owned(),
        content_disposition: None,
        body: json!({ "message": message }).to_string().into_bytes(),
    }
}

/// The answer with the headers that AWS sends: every one has an id of the service and one of its front end.
fn encode(answer: aws::Response, id: RequestId) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    put("x-amzn-requestid", &String::from_utf8_lossy(&id.uuid()));
    put("x-amz-apigw-id", &String::from_utf8_lossy(&id.extended()));
    put(
        "content-type",
        if answer.content_type.is_empty() { "application/json" } else { &answer.content_type },
    );
    if let Some(disposition) = &answer.content_disposition {
        put("content-disposition", disposition);
    }
    if let Some(error_type) = answer.error_type {
        put("x-amzn-errortype", error_type);
    }
    if answer.status == StatusCode::TOO_MANY_REQUESTS.as_u16() {
        put("retry-after", "1");
    }
    response
}
