//! The AWS control plane: the `apigateway` REST API (2015-07-09) as a function from a request to an answer and what to store.
//!
//! It has no socket, clock, file or random numbers of its own: its host brings them, stores the [`Write`]s, publishes what is
//! served, and then says whether the draft stands ([`ControlPlane::commit`]) or never was ([`ControlPlane::roll_back`]).

mod action;
mod call;
mod deploy;
mod exception;
mod files;
mod ids;
mod operation;
mod page;
mod patch;
mod state;
mod table;
mod usage;
pub mod wire;

pub use call::Request;
pub use deploy::Serving;
pub use exception::{Exception, ExceptionType};
pub use files::{Exported, ImportedFiles};
pub use operation::{Body, Operation};
pub use state::State;
pub use table::Write;
pub use usage::{DayUsage, Usage, UsageChange, date_of, day_of};

use std::sync::Arc;

use ringway_core::model::{Api, ThrottleSettings};

use call::Call;
use ids::Ids;
use operation::Support;

/// What names in answers depend on.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// `us-east-1`
    pub region: String,
    /// Twelve digits.
    pub account_id: String,
    /// `amazonaws.com`
    pub execute_api_suffix: String,
    /// The account's throttle; `None`: there is none, and AWS's is shown.
    pub account_throttle: Option<ThrottleSettings>,
}

/// What a request is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// `x-amzn-ErrorType`
    pub error_type: Option<&'static str>,
    /// `content-type`; empty without a body.
    pub content_type: String,
    /// `content-disposition`, of exports.
    pub content_disposition: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// The control plane with everything that it holds.
pub struct ControlPlane {
    state: State,
}

/// What came of a request. Until [`ControlPlane::commit`] it is a draft.
#[derive(Debug)]
pub struct Handled {
    /// The answer.
    pub response: Response,
    /// What has to be stored before the answer is sent; empty where nothing has changed.
    pub writes: Vec<Write>,
    /// Whether what is served may have changed.
    pub serving_changed: bool,
    /// What the host has to run for its answer; [`Handled::response`] is only the status then.
    pub test_invocation: Option<Box<TestInvocation>>,
    /// The API and the stage whose cache the host has to empty before the answer is sent.
    pub flushed: Option<(String, String)>,
    /// What of the usage of a key has to be changed, durably, before the answer is sent.
    pub usage_change: Option<UsageChange>,
}

/// One request to an API that is nowhere served, see TestInvokeMethod.
#[derive(Debug)]
pub struct TestInvocation {
    /// The API with the one method, on a stage of its own.
    pub api: ringway_core::model::Api,
    /// `GET`, …
    pub method: String,
    /// `/test-invoke-stage/pets?x=1`
    pub target: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// All operations of the service, each *supported* or *refused*.
pub fn operations() -> impl Iterator<Item = &'static Operation> {
    action::FAMILIES.iter().flat_map(|family| family.iter())
}

impl ControlPlane {
    /// An empty one. `random` fills its argument with bytes that nobody can guess: API keys are made of them.
    pub fn new(settings: Settings, random: impl FnMut(&mut [u8]) + Send + 'static) -> Self {
        ControlPlane { state: State::new(settings, Ids::new(Box::new(random))) }
    }

    /// As [`ControlPlane::new`], with somebody who knows what keys have used.
    pub fn with_usage(mut self, usage: Box<dyn Usage>) -> Self {
        self.state.usage = usage;
        self
    }

    /// Puts back a row that was stored.
    ///
    /// # Errors
    /// Says what of the row cannot be read.
    pub fn load(&mut self, table: &str, key: &str, value: &[u8]) -> Result<(), String> {
        self.state.load(table, key, value)
    }

    /// Tells it what API files have: usage plans may name their stages. APIs of its own may be among them.
    pub fn set_elsewhere<'a>(&mut self, apis: impl IntoIterator<Item = &'a Arc<Api>>) {
        self.state.elsewhere = apis.into_iter().map(|api| (api.id.clone(), api.clone())).collect();
    }

    /// What it holds.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Answers a request at `now`, in seconds since 1970. A refused one leaves nothing behind.
    pub fn handle(&mut self, request: &Request<'_>, now: i64) -> Handled {
        let effects = |answer: &mut Answer| match std::mem::replace(answer, Answer::Empty) {
            Answer::TestInvoke(invocation) => (Some(invocation), None, None),
            Answer::UsageChange(change, document) => {
                *answer = Answer::Json(document);
                (None, Some(change), None)
            }
            Answer::FlushCache { api, stage } => (None, None, Some((api, stage))),
            other => {
                *answer = other;
                (None, None, None)
            }
        };
        match self.answer(request, now) {
            Ok((status, mut answer)) => {
                let (test_invocation, usage_change, flushed) = effects(&mut answer);
                Handled {
                    response: answer.into_response(status),
                    writes: self.state.writes(),
                    serving_changed: self.state.serving_changed(),
                    test_invocation,
                    flushed,
                    usage_change,
                }
            }
            Err(exception) => {
                self.state.roll_back();
                Handled {
                    response: exception.response(),
                    writes: Vec::new(),
                    serving_changed: false,
                    test_invocation: None,
                    flushed: None,
                    usage_change: None,
                }
            }
        }
    }

    /// The draft stands: it is stored and published.
    pub fn commit(&mut self) {
        self.state.commit();
    }

    /// The draft never was.
    pub fn roll_back(&mut self) {
        self.state.roll_back();
    }

    /// The status of a good answer, and the answer.
    fn answer(&mut self, request: &Request<'_>, now: i64) -> Result<(u16, Answer), Exception> {
        let (operation, path) = operation::find(request)?;
        let action = match operation.support {
            Support::Supported(action) => action,
            Support::Refused(why) => {
                return Err(Exception::bad_request(format!(
                    "{} is not supported here: {why}",
                    operation.name
                )));
            }
        };
        let call = Call::new(operation, path, request, now)?;
        Ok((operation.status, action(&mut self.state, &call)?))
    }
}

/// What an action yields.
pub(crate) enum Answer {
    /// A JSON document.
    Json(serde_json::Value),
    /// Nothing.
    Empty,
    /// A document of its own type: an export.
    Document { content_type: String, file_name: String, body: Vec<u8> },
    /// What the host has to run.
    TestInvoke(Box<TestInvocation>),
    /// Nothing, once the host has emptied the cache of a stage.
    FlushCache { api: String, stage: String },
    /// A JSON document, once the host has done this.
    UsageChange(UsageChange, serde_json::Value),
}

impl Answer {
    /// A row as it is stored, which is as AWS shows it.
    pub(crate) fn of(row: &impl serde::Serialize) -> Self {
        Answer::Json(serde_json::to_value(row).unwrap_or_default())
    }

    fn into_response(self, status: u16) -> Response {
        let empty = Response {
            status,
            error_type: None,
            content_type: String::new(),
            content_disposition: None,
            body: Vec::new(),
        };
        match self {
            Answer::Empty | Answer::TestInvoke(_) | Answer::FlushCache { .. } => empty,
            Answer::Json(value) | Answer::UsageChange(_, value) => Response {
                content_type: "application/json".to_owned(),
                body: value.to_string().into_bytes(),
                ..empty
            },
            Answer::Document { content_type, file_name, body } => Response {
                content_type,
                content_disposition: Some(format!("attachment; filename=\"{file_name}\"")),
                body,
                ..empty
            },
        }
    }
}

#[cfg(test)]
pub(crate) mod testing;
