//! The one that answers: it has the control plane and its store to itself, so that requests have an order. A change is answered when it
//! is on the disk and every core serves it; until then it can be taken back.

use std::ops::RangeInclusive;
use std::sync::Arc;

use arc_swap::ArcSwap;
use ringway_controlplane::aws::{
    ControlPlane, DayUsage, Exception, ExceptionType, Handled, Request, Response, Serving, TestInvocation,
    Usage, UsageChange, Write,
};
use ringway_core::model::{Configuration, QuotaSettings};
use ringway_core::snapshot::publish::Publisher;
use tokio::sync::{mpsc, oneshot};

use super::store::Store;
use crate::cache;
use crate::reload::{Change, NotServed, ReloadHandle, Status, unix_seconds};
use crate::usage::{Keys, Query, UsageHandle};

/// A request, and where its answer goes.
pub(super) struct Job {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) accept: String,
    pub(super) body: Vec<u8>,
    pub(super) answer: oneshot::Sender<Answered>,
}

/// What a request came to.
pub(super) enum Answered {
    Response(Response),
    /// Its answer takes a call of a backend, for which no other request should wait.
    TestInvoke(Box<TestInvocation>),
}

pub(super) struct Writer {
    pub(super) plane: ControlPlane,
    pub(super) store: Arc<Store>,
    pub(super) reload: ReloadHandle,
    /// Where the caches of stages are found.
    pub(super) publisher: Arc<Publisher>,
    /// What keys have used.
    pub(super) usage: UsageHandle,
    /// What the cores serve of it.
    pub(super) served: Configuration,
    /// What the cores serve of it and of files.
    pub(super) status: Arc<ArcSwap<Status>>,
    /// The generation that `plane` knows the files of.
    pub(super) known: Option<Arc<Status>>,
}

impl Writer {
    /// Answers for as long as somebody asks. Blocks.
    pub(super) fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(job) = jobs.blocking_recv() {
            let request = Request {
                method: &job.method,
                path: &job.path,
                query: &job.query,
                accept: &job.accept,
                body: &job.body,
            };
            let response = self.respond(&request);
            // The caller may have gone.
            let _ = job.answer.send(response);
        }
    }

    fn respond(&mut self, request: &Request<'_>) -> Answered {
        let status = self.status.load_full();
        if self.known.as_ref().is_none_or(|known| !Arc::ptr_eq(known, &status)) {
            self.plane.set_elsewhere(&status.apis);
            self.known = Some(status);
        }
        let Handled { response, writes, serving_changed, test_invocation, flushed, usage_change } =
            self.plane.handle(request, unix_seconds() as i64);
        if let Some(invocation) = test_invocation {
            return Answered::TestInvoke(invocation);
        }
        if let Some((api, stage)) = flushed {
            cache::flush(&self.publisher, &api, Some(&stage));
        }
        if let Some(UsageChange { usage_plan_id, api_key_id, quota, remaining }) = usage_change
            && let Err(message) = self.usage.set_remaining(&usage_plan_id, &api_key_id, quota, remaining)
        {
            self.plane.roll_back();
            return Answered::Response(unavailable(message).response());
        }
        if writes.is_empty() {
            return Answered::Response(response);
        }
        Answered::Response(match self.keep(writes, serving_changed) {
            Ok(()) => {
                self.plane.commit();
                response
            }
            Err(exception) => {
                self.plane.roll_back();
                exception.response()
            }
        })
    }

    /// Stores the draft, and has it served where what is served changes.
    fn keep(&mut self, writes: Vec<Write>, serving_changed: bool) -> Result<(), Exception> {
        let store = self.store.clone();
        let keep = move || store.apply(&writes);
        if !serving_changed {
            return keep().map_err(unavailable);
        }
        let serving = configuration(&mut self.plane).map_err(refused)?;
        if is_same(&serving, &self.served) {
            return keep().map_err(unavailable);
        }
        let change = Change { serving: serving.clone(), keep: Box::new(keep) };
        self.reload.change(change).map_err(|reason| match reason {
            NotServed::Refused(messages) => refused(messages),
            NotServed::NotKept(message) => unavailable(message),
            NotServed::Ending => unavailable("the process is ending".to_owned()),
        })?;
        self.served = serving;
        Ok(())
    }
}

/// What the ledger knows, for GetUsage.
pub(super) struct Counted(pub(super) UsageHandle);

impl Usage for Counted {
    fn read(
        &self,
        plan: &str,
        quota: QuotaSettings,
        keys: &[&str],
        days: RangeInclusive<u32>,
    ) -> Result<Vec<Vec<DayUsage>>, String> {
        let keys = Keys::Named(keys.iter().map(|key| (*key).to_owned()).collect());
        let read = self.0.read(Query { plan: plan.to_owned(), keys, days }, quota);
        let found = read.inspect_err(|message| tracing::error!("GetUsage: {message}"))?;
        Ok(found.into_iter().map(|(_, days)| days).collect())
    }
}

/// What the control plane has for the cores, the draft included.
pub(super) fn configuration(plane: &mut ControlPlane) -> Result<Configuration, Vec<String>> {
    let Serving { apis, domain_names, usage_plans, api_keys } = plane.serving()?;
    Ok(Configuration { apis, domain_names, usage_plans, api_keys })
}

/// What has not changed is the same allocation.
fn is_same(a: &Configuration, b: &Configuration) -> bool {
    fn are_same<T>(a: &[Arc<T>], b: &[Arc<T>]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| Arc::ptr_eq(a, b))
    }
    are_same(&a.apis, &b.apis)
        && a.domain_names == b.domain_names
        && are_same(&a.usage_plans, &b.usage_plans)
        && are_same(a.api_keys.parts(), b.api_keys.parts())
}

fn refused(messages: Vec<String>) -> Exception {
    Exception::bad_request(messages.join("; "))
}

/// What is wrong is for the operator; the caller learns that it is not its fault.
fn unavailable(message: String) -> Exception {
    tracing::error!("the control plane could not keep a change: {message}");
    Exception::new(ExceptionType::Internal, "Service Unavailable")
}
