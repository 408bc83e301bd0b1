//! The backend of `ringway demo`: pets in memory, `/stalled`, which never answers, `/stream`, which is chunked, and an echo of
//! everything else.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{any, get};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::time::{Interval, interval};

/// Pets it remembers; one more is refused.
const PETS_MAX: usize = 1_000;
/// Longest request body.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Parts of `/stream`, one each [`STREAM_PAUSE`].
const STREAM_PARTS: u32 = 10;
const STREAM_PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Pet {
    #[serde(default)]
    id: u32,
    name: String,
    #[serde(default, rename = "type")]
    kind: String,
}

/// The pets, with the id that the next one gets.
struct Store {
    pets: BTreeMap<u32, Pet>,
    next: u32,
}

#[derive(Clone)]
struct Pets(Arc<Mutex<Store>>);

impl Pets {
    fn lock(&self) -> MutexGuard<'_, Store> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the backend on a free port of 127.0.0.1 and tells which.
pub(crate) async fn start() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        // Ends only with the process: accept errors are retried inside.
        let _ = axum::serve(listener, router()).await;
    });
    Ok(address)
}

fn router() -> Router {
    let pets = [("Rex", "dog"), ("Tom", "cat"), ("Nemo", "fish")];
    let pets: BTreeMap<u32, Pet> = (1..)
        .zip(pets)
        .map(|(id, (name, kind))| (id, Pet { id, name: name.into(), kind: kind.into() }))
        .collect();
    let next = pets.len() as u32 + 1;
    Router::new()
        .route("/pets", get(list).post(create))
        .route("/pets/{id}", get(read).put(replace).delete(remove))
        .route("/pets/{id}/photos", get(photos))
        .route("/stalled", any(never))
        .route("/stream", get(stream))
        .fallback(echo)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Pets(Arc::new(Mutex::new(Store { pets, next }))))
}

fn problem(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}

fn no_pet() -> Response {
    problem(StatusCode::NOT_FOUND, "No such pet")
}

/// A pet from a body whatever its content type says: the curl lines of the demo stay short.
fn pet_from(body: &[u8]) -> Result<Pet, Box<Response>> {
    serde_json::from_slice(body).map_err(|error| {
        let help = format!("The body has to be a pet such as {{\"name\":\"Ada\",\"type\":\"cat\"}}: {error}");
        Box::new(problem(StatusCode::BAD_REQUEST, &help))
    })
}

async fn list(State(pets): State<Pets>, uri: Uri, headers: HeaderMap) -> Response {
    let wanted = uri.query().and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("type=")));
    let is_wanted = |pet: &&Pet| wanted.is_none_or(|kind| pet.kind == kind);
    let pets: Vec<Pet> = pets.lock().pets.values().filter(is_wanted).cloned().collect();
    (stage_of(&headers), Json(pets)).into_response()
}

/// Gives back the stage that the gateway said it was (`integration.request.header.x-stage`), to be seen in a demo.
fn stage_of(headers: &HeaderMap) -> [(&'static str, HeaderValue); 1] {
    let none = HeaderValue::from_static("-");
    [("x-backend-saw-stage", headers.get("x-stage").cloned().unwrap_or(none))]
}

async fn create(State(pets): State<Pets>, body: Bytes) -> Response {
    let mut pet = match pet_from(&body) {
        Ok(pet) => pet,
        Err(problem) => return *problem,
    };
    let mut store = pets.lock();
    if store.pets.len() >= PETS_MAX {
        return problem(StatusCode::INSUFFICIENT_STORAGE, "The store is full: delete a pet first");
    }
    pet.id = store.next;
    store.next += 1;
    store.pets.insert(pet.id, pet.clone());
    (StatusCode::CREATED, Json(pet)).into_response()
}

async fn read(State(pets): State<Pets>, Path(id): Path<u32>) -> Response {
    pets.lock().pets.get(&id).map_or_else(no_pet, |pet| Json(pet).into_response())
}

async fn replace(State(pets): State<Pets>, Path(id): Path<u32>, body: Bytes) -> Response {
    let new = match pet_from(&body) {
        Ok(new) => new,
        Err(problem) => return *problem,
    };
    match pets.lock().pets.get_mut(&id) {
        Some(pet) => {
            *pet = Pet { id, ..new };
            Json(&*pet).into_response()
        }
        None => no_pet(),
    }
}

async fn remove(State(pets): State<Pets>, Path(id): Path<u32>) -> Response {
    pets.lock().pets.remove(&id).map_or_else(no_pet, |_| StatusCode::NO_CONTENT.into_response())
}

async fn photos(State(pets): State<Pets>, Path(id): Path<u32>) -> Response {
    let name = pets.lock().pets.get(&id).map(|pet| pet.name.clone());
    name.map_or_else(no_pet, |name| {
        Json(json!([{ "title": format!("{name} in the garden") }])).into_response()
    })
}

/// Never answers, so that the integration timeout is seen. The gateway closes the connection, and this ends with it.
async fn never() -> Infallible {
    std::future::pending().await
}

async fn stream() -> Response {
    let parts = Parts { left: STREAM_PARTS, pause: interval(STREAM_PAUSE) };
    ([(header::CONTENT_TYPE, "text/plain")], Body::from_stream(parts)).into_response()
}

/// The chunks of `/stream`.
struct Parts {
    left: u32,
    pause: Interval,
}

impl futures_core::Stream for Parts {
    type Item = Result<String, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        std::task::ready!(self.pause.poll_tick(context));
        self.left -= 1;
        Poll::Ready(Some(Ok(format!("part {}\n", STREAM_PARTS - self.left))))
    }
}

/// Tells what arrived: the integration request as a backend sees it.
async fn echo(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else {
        return problem(StatusCode::PAYLOAD_TOO_LARGE, "The sample backend takes bodies of up to 64 KiB");
    };
    let headers: Vec<String> = parts
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    Json(json!({
        "method": parts.method.as_str(),
        "uri": parts.uri.to_string(),
        "headers": headers,
        "bodyBytes": body.len(),
    }))
    .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    async fn ask(backend: SocketAddr, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(backend).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: backend\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), body.to_owned())
    }

    #[tokio::test]
    async fn a_pet_lives_and_is_removed() {
        let backend = start().await.unwrap();
        let (status, body) = ask(backend, "POST", "/pets", r#"{"name":"Ada","type":"cat"}"#).await;
        assert_eq!((status, body.as_str()), (201, r#"{"id":4,"name":"Ada","type":"cat"}"#));
        let (status, body) = ask(backend, "PUT", "/pets/4", r#"{"name":"Ida"}"#).await;
        assert_eq!((status, body.as_str()), (200, r#"{"id":4,"name":"Ida","type":""}"#));
        let (status, body) = ask(backend, "GET", "/pets?type=cat", "").await;
        assert_eq!((status, body.as_str()), (200, r#"[{"id":2,"name":"Tom","type":"cat"}]"#));
        assert_eq!(ask(backend, "GET", "/pets/4/photos", "").await.0, 200);
        assert_eq!(ask(backend, "DELETE", "/pets/4", "").await.0, 204);
        assert_eq!(ask(backend, "GET", "/pets/4", "").await.0, 404);
        assert_eq!(ask(backend, "POST", "/pets", "no json").await.0, 400);
    }

    #[tokio::test]
    async fn everything_else_is_echoed_and_streams_are_chunked() {
        let backend = start().await.unwrap();
        let (status, body) = ask(backend, "PATCH", "/any/thing?x=1", "abc").await;
        assert_eq!(status, 200);
        let echo: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!((&echo["method"], &echo["uri"]), (&json!("PATCH"), &json!("/any/thing?x=1")));
        assert_eq!(echo["bodyBytes"], 3);
        let (status, body) = ask(backend, "GET", "/stream", "").await;
        assert_eq!(status, 200);
        assert!(body.starts_with("7\r\npart 1\n\r\n"), "{body:?}");
        assert!(body.ends_with("0\r\n\r\n"), "{body:?}");
    }
}
