//! Explanations of live requests, for operators: the switch of a stage on the admin server, and `ringway explain`, which arms it and
//! prints the logs as they come.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::{Path, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use ringway_core::limits::{EXPLAINED_REQUESTS_MAX, EXPLAINED_SECONDS_MAX, EXPLAINED_STAGES_MAX};
use ringway_core::pipeline::percent;
use ringway_core::telemetry::explanations::{Explained, Wanted};
use serde_json::{Value, json};

use crate::admin::Admin;
use crate::admin_client;
use crate::cli::{EXIT_UNAVAILABLE, ExplainArgs};

/// How many requests where none is said.
const REQUESTS: u32 = 1;
/// For how long where nothing is said.
const SECONDS: u32 = 60;
/// How often `ringway explain` looks for logs.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// `POST /apis/{api}/stages/{stage}/explain?requests=N&seconds=S&path=/PREFIX`
pub(crate) async fn arm(
    State(admin): State<Arc<Admin>>,
    Path((api, stage)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    if let Err(problem) = known(&admin, &api, &stage) {
        return refuse(StatusCode::NOT_FOUND, problem);
    }
    let (now, query) = (unix_millis(), query.unwrap_or_default());
    let asked = match Asked::parse(&query) {
        Ok(asked) => asked,
        Err(problem) => return refuse(StatusCode::BAD_REQUEST, problem),
    };
    let Asked { requests, seconds, path } = asked;
    let said = json!({"api": api, "stage": stage, "requests": requests, "seconds": seconds, "path": path});
    let until_millis = now + u64::from(seconds) * 1_000;
    if !admin.explanations.arm(Wanted { api, stage, requests, until_millis, path }, now) {
        let problem =
            format!("{EXPLAINED_STAGES_MAX} stages are armed already: wait until one has its requests");
        return refuse(StatusCode::CONFLICT, problem);
    }
    Json(said).into_response()
}

/// `GET /apis/{api}/stages/{stage}/explain`: the logs so far; with `format=json` also whether there will be more.
pub(crate) async fn collected(
    State(admin): State<Arc<Admin>>,
    Path((api, stage)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    if let Err(problem) = known(&admin, &api, &stage) {
        return refuse(StatusCode::NOT_FOUND, problem);
    }
    let is_json = match query.as_deref() {
        None | Some("" | "format=text") => false,
        Some("format=json") => true,
        Some(other) => {
            let problem = format!("{other:?} is not understood: there is `format=text` and `format=json`");
            return refuse(StatusCode::BAD_REQUEST, problem);
        }
    };
    let Some(explained) = admin.explanations.explained(&api, &stage, unix_millis()) else {
        let problem =
            format!("no request of stage {stage} of API {api} was to be explained: POST to this path first");
        return refuse(StatusCode::NOT_FOUND, problem);
    };
    let Explained { open, begun, logs } = explained;
    match is_json {
        true => Json(json!({"open": open, "begun": begun, "logs": logs})).into_response(),
        false => text(StatusCode::OK, logs.join("\n")),
    }
}

fn refuse(status: StatusCode, problem: String) -> Response {
    text(status, problem + "\n")
}

/// What clients sent is in it: no browser is to take it for anything but text.
fn text(status: StatusCode, text: String) -> Response {
    let headers =
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (status, headers, text).into_response()
}

fn known(admin: &Admin, api: &str, stage: &str) -> Result<(), String> {
    let status = admin.status.load();
    let Some(found) = status.apis.iter().find(|known| known.id == api) else {
        return Err(format!("there is no API {api}: GET /apis lists them"));
    };
    match found.stages.iter().any(|known| known.stage_name == stage) {
        true => Ok(()),
        false => Err(format!("API {api} has no stage {stage}: GET /apis lists them")),
    }
}

/// The parameters of an arming.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    requests: u32,
    seconds: u32,
    path: String,
}

impl Asked {
    fn parse(query: &str) -> Result<Asked, String> {
        let mut asked = Asked { requests: REQUESTS, seconds: SECONDS, path: String::new() };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "requests" => asked.requests = number(name, value, EXPLAINED_REQUESTS_MAX)?,
                "seconds" => asked.seconds = number(name, value, EXPLAINED_SECONDS_MAX)?,
                "path" => asked.path = percent::decode(value.as_bytes(), true).into_owned(),
                _ => {
                    return Err(format!("`{name}` is not known: there are `requests`, `seconds` and `path`"));
                }
            }
        }
        match asked.path.is_empty() || asked.path.starts_with('/') {
            true => Ok(asked),
            false => {
                Err(format!("`path` begins with a slash, as in `path=/pets`: {:?} does not", asked.path))
            }
        }
    }
}

fn number(name: &str, text: &str, most: u32) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("`{name}` is a number from 1 to {most}, and {text:?} is not"))
}

fn unix_millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}

/// `ringway explain`: arms the switch and prints each log when it is there.
pub(crate) fn run(arguments: &ExplainArgs) -> u8 {
    match follow(arguments) {
        Ok(()) => 0,
        Err(message) => {
            eprintln!("ringway: {message}");
            EXIT_UNAVAILABLE
        }
    }
}

fn follow(arguments: &ExplainArgs) -> Result<(), String> {
    let ExplainArgs { admin, api, stage, requests, seconds, path } = arguments;
    let url = format!("{}/apis/{api}/stages/{stage}/explain", admin.trim_end_matches('/'));
    let mut prefix = Vec::new();
    percent::encode(path.as_bytes(), &mut prefix);
    let prefix = String::from_utf8_lossy(&prefix);
    admin_client::ask("POST", &format!("{url}?requests={requests}&seconds={seconds}&path={prefix}"))?;
    eprintln!(
        "ringway: waiting for {requests} request(s) of stage {stage} of API {api}, at most {seconds} s"
    );
    let mut printed = 0;
    loop {
        let answer = admin_client::ask("GET", &format!("{url}?format=json"))?;
        let state: Value = serde_json::from_str(&answer).map_err(|error| format!("{url}: {error}"))?;
        let logs = state["logs"].as_array().map_or(&[][..], Vec::as_slice);
        // While one is under way, a later one may have its log already: they are printed in order.
        let is_settled = state["begun"] == logs.len();
        if is_settled {
            logs.iter().skip(printed).filter_map(Value::as_str).for_each(|log| println!("{log}"));
            printed = logs.len();
        }
        if is_settled && state["open"] == false {
            if printed == 0 {
                eprintln!("ringway: no such request came");
            }
            return Ok(());
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_has_defaults_and_bounds() {
        let asked = |requests, seconds, path: &str| Ok(Asked { requests, seconds, path: path.into() });
        assert_eq!(Asked::parse(""), asked(1, 60, ""));
        assert_eq!(Asked::parse("requests=100&seconds=600"), asked(100, 600, ""));
        assert_eq!(Asked::parse("path=%2Fpets%20a"), asked(1, 60, "/pets a"));
        for query in
            ["requests=0", "requests=101", "requests=x", "seconds=601", "seconds=", "path=pets", "n=1"]
        {
            let problem = Asked::parse(query).unwrap_err();
            assert!(problem.contains('`'), "{query}: {problem}");
        }
    }
}
