//! Loading the configuration, the first time and again: one worker, one candidate at a time. A refused candidate leaves the old one
//! serving.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use ringway_controlplane::process::ProcessConfig;
use ringway_controlplane::{Beside, Issue, Loader};
use ringway_core::model::{Api, Configuration};
use ringway_core::snapshot::publish::Publisher;
use ringway_core::snapshot::{
    self, CompileSettings, EndpointAddresses, Registry, RouteLabels, Snapshot, StageLabels,
};
use ringway_core::telemetry::counters::CoreCounters;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot, watch};

use crate::join::{JoinedKeys, join};
use crate::resolver::Resolver;
use crate::usage::UsageHandle;
use crate::watch_files::{FileWatch, Fingerprint};

/// Requests to reload that may wait; one more is told to come back.
const WAITING_MAX: usize = 16;
/// How often replaced snapshots are looked at.
const RETIRE_EVERY: Duration = Duration::from_secs(1);
/// Issues shown in the log; all of them are in the answer of `POST /reload` and of `ringway check`.
const LOGGED_ISSUES_MAX: usize = 20;

/// What a published configuration is, as `POST /reload` answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Published {
    /// Generation; 1 is the one of the start.
    pub(crate) generation: u64,
    /// APIs served.
    pub(crate) apis: usize,
    /// Routes of all stages.
    pub(crate) routes: usize,
    /// From the request to the publication.
    pub(crate) millis: u64,
}

/// An issue, as `POST /reload` answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct IssueReport {
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) pointer: String,
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) help: Option<String>,
}

impl From<&Issue> for IssueReport {
    fn from(issue: &Issue) -> Self {
        IssueReport {
            file: issue.file.display().to_string(),
            line: issue.line,
            column: issue.column,
            pointer: issue.pointer.clone(),
            message: issue.message.clone(),
            help: issue.help.clone(),
        }
    }
}

/// Why a candidate was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Refused {
    pub(crate) issues: Vec<IssueReport>,
}

/// How an attempt ended.
pub(crate) type Outcome = Result<Published, Refused>;

/// What the admin server shows of the configuration.
#[derive(Debug, Clone)]
pub(crate) struct Status {
    /// The last attempt.
    pub(crate) last: Outcome,
    /// When the last attempt ended, in seconds since 1970.
    pub(crate) last_seconds: u64,
    /// When a configuration was last published, in seconds since 1970.
    pub(crate) success_seconds: u64,
    /// Attempts: succeeded and failed.
    pub(crate) attempts: [u64; 2],
    /// Names of the metric slots.
    pub(crate) routes: Arc<Vec<RouteLabels>>,
    /// Names of the metric slots.
    pub(crate) stages: Arc<Vec<StageLabels>>,
    /// What is served.
    pub(crate) apis: Vec<Arc<Api>>,
}

/// Where the configuration comes from and how it is compiled; the same for the first time and for every other.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// The process file.
    pub(crate) file: PathBuf,
    /// As it was at the start: what of it cannot change before a restart.
    pub(crate) process: Arc<ProcessConfig>,
    /// What compiling depends on.
    pub(crate) compile: CompileSettings,
}

/// A candidate that may be published.
pub(crate) struct Candidate {
    pub(crate) snapshot: Snapshot,
    /// Every file that was read, to be watched.
    pub(crate) files: Vec<PathBuf>,
    /// What it was compiled from, for those who tell about it.
    pub(crate) configuration: Configuration,
}

/// APIs, and routes of all their stages.
fn size(configuration: &Configuration) -> (usize, usize) {
    let stages = configuration.apis.iter().flat_map(|api| &api.stages);
    let routes = stages.flat_map(|s| &s.deployment.rest_api.resources).map(|r| r.methods.len()).sum();
    (configuration.apis.len(), routes)
}

impl Status {
    /// What is to be said after the first publication.
    pub(crate) fn first(registry: &Registry, configuration: &Configuration, generation: u64) -> Self {
        let (apis, routes) = size(configuration);
        let now = unix_seconds();
        Status {
            last: Ok(Published { generation, apis, routes, millis: 0 }),
            last_seconds: now,
            success_seconds: now,
            attempts: [1, 0],
            routes: registry.route_labels().clone(),
            stages: registry.stage_labels().clone(),
            apis: configuration.apis.clone(),
        }
    }
}

/// What one load leaves for the next: what did not change is neither imported nor compiled again.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) loader: Loader,
    pub(crate) registry: Registry,
    /// What the files had when they were last good.
    pub(crate) files: Configuration,
    /// What the control plane has to be served beside them.
    pub(crate) serving: Configuration,
    /// The API keys of both.
    pub(crate) keys: JoinedKeys,
}

impl Memory {
    /// Nothing is known yet of the APIs of `process`.
    pub(crate) fn new(process: &ProcessConfig) -> Self {
        Memory { loader: Loader::new(process.account()), ..Memory::default() }
    }
}

/// Reads, validates and compiles. Blocking: it runs on a thread of its own, never on a core or on the admin server's.
pub(crate) fn build(source: &Source, memory: &mut Memory) -> Result<Candidate, Vec<Issue>> {
    let process = ringway_controlplane::load_process(&source.file)?;
    // Which files there are is read anew each time.
    let (apis, usage) = (source.process.apis.clone(), source.process.usage.clone());
    if (ProcessConfig { apis, usage, ..process.clone() }) != *source.process {
        tracing::warn!(
            "{}: settings of the process have changed: they take effect at the next start",
            source.file.display()
        );
    }
    let loaded = memory.loader.load_process(&process, Beside::Known(&memory.serving))?;
    let whole = |message| Issue {
        file: source.file.clone(),
        line: 1,
        column: 1,
        pointer: String::new(),
        message,
        help: None,
    };
    let Memory { registry, serving, keys, .. } = memory;
    let compiled = compile(&loaded.configuration, serving, source, registry, keys);
    let (snapshot, configuration) =
        compiled.map_err(|messages| messages.into_iter().map(whole).collect::<Vec<_>>())?;
    memory.files = loaded.configuration;
    let mut files = loaded.files;
    files.push(source.file.clone());
    Ok(Candidate { snapshot, files, configuration })
}

/// Compiles what the files have together with what the control plane has.
fn compile(
    files: &Configuration,
    serving: &Configuration,
    source: &Source,
    registry: &mut Registry,
    keys: &mut JoinedKeys,
) -> Result<(Snapshot, Configuration), Vec<String>> {
    let configuration = join(files, serving, keys)?;
    let snapshot = snapshot::compile(&configuration, &source.compile, registry)?;
    Ok((snapshot, configuration))
}

/// What the control plane wants to have served.
pub(crate) struct Change {
    /// All that it has now.
    pub(crate) serving: Configuration,
    /// Stores it: called once it is certain that it can be served, and before it is.
    pub(crate) keep: Box<dyn FnOnce() -> Result<(), String> + Send>,
}

/// Why a change is not served; what was served before goes on.
#[derive(Debug)]
pub(crate) enum NotServed {
    /// It cannot be, for these reasons.
    Refused(Vec<String>),
    /// It could not be stored.
    NotKept(String),
    /// The process is ending.
    Ending,
}

/// Who asks for a reload.
enum Request {
    /// An operator: SIGHUP, or `POST /reload` with a place for the answer.
    Operator(Option<oneshot::Sender<Outcome>>),
    /// The file watch: something in a watched directory is different, perhaps.
    Files,
    /// The control plane.
    ControlPlane(Change, oneshot::Sender<Result<(), NotServed>>),
}

/// Asks the worker.
#[derive(Clone)]
pub(crate) struct ReloadHandle(mpsc::Sender<Request>);

impl ReloadHandle {
    /// Asks for a reload and waits for its outcome; `None` when too many wait already.
    pub(crate) async fn reload(&self) -> Option<Outcome> {
        let (answer, outcome) = oneshot::channel();
        self.0.try_send(Request::Operator(Some(answer))).ok()?;
        outcome.await.ok()
    }

    /// Asks for a reload whose outcome only the log shows. When the queue is full, one that is still to come will read the same files.
    pub(crate) fn reload_soon(&self) {
        let _ = self.0.try_send(Request::Operator(None));
    }

    /// Asks for a reload if the watched files are different.
    pub(crate) fn files_may_have_changed(&self) {
        let _ = self.0.try_send(Request::Files);
    }

    /// Has a change of the control plane served. When it returns, it is stored and every core serves it, or neither is so. Blocks.
    pub(crate) fn change(&self, change: Change) -> Result<(), NotServed> {
        let (answer, outcome) = oneshot::channel();
        self.0.blocking_send(Request::ControlPlane(change, answer)).map_err(|_| NotServed::Ending)?;
        outcome.blocking_recv().unwrap_or(Err(NotServed::Ending))
    }
}

/// The one that reloads.
pub(crate) struct Worker {
    pub(crate) source: Source,
    pub(crate) memory: Memory,
    /// Who has to know which quotas there are.
    pub(crate) usage: UsageHandle,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) cores: Vec<Arc<CoreCounters>>,
    pub(crate) resolver: Resolver,
    pub(crate) endpoints: watch::Sender<Vec<Arc<EndpointAddresses>>>,
    pub(crate) status: Arc<ArcSwap<Status>>,
    pub(crate) files: FileWatch,
    /// The files as they were when they were last read, whatever came of it.
    pub(crate) seen: Fingerprint,
    /// Snapshots that were replaced. The last core to leave one only counts down: freeing it is work for this thread.
    pub(crate) retired: Vec<Arc<Snapshot>>,
}

impl Worker {
    /// Starts the worker on the control runtime.
    pub(crate) fn start(mut self) -> ReloadHandle {
        let (sender, requests) = mpsc::channel(WAITING_MAX);
        let handle = ReloadHandle(sender);
        self.files.notify(handle.clone());
        tokio::spawn(self.run(requests));
        handle
    }

    async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        loop {
            let request = match tokio::time::timeout(RETIRE_EVERY, requests.recv()).await {
                Ok(Some(request)) => request,
                Ok(None) => return,
                Err(_) => {
                    self.retire();
                    continue;
                }
            };
            let request = match request {
                Request::ControlPlane(change, answer) => {
                    let outcome = self.change(change).await;
                    self.retire();
                    // The control plane goes when the process does.
                    let _ = answer.send(outcome);
                    continue;
                }
                request => request,
            };
            let seen = self.files.fingerprint();
            if matches!(request, Request::Files) && seen == self.seen {
                continue;
            }
            self.seen = seen;
            let outcome = self.reload().await;
            self.record(&outcome);
            self.retire();
            if let Request::Operator(Some(answer)) = request {
                // The caller may have gone.
                let _ = answer.send(outcome);
            }
        }
    }

    /// Frees the snapshots that no core serves any more, and then the endpoints that only they named.
    fn retire(&mut self) {
        let before = self.retired.len();
        self.retired.retain(|snapshot| Arc::strong_count(snapshot) > 1);
        if self.retired.len() < before {
            // The resolver's list would keep them in use.
            self.endpoints.send_replace(Vec::new());
            self.memory.registry.retire();
            self.endpoints.send_replace(self.memory.registry.endpoints());
        }
    }

    async fn reload(&mut self) -> Outcome {
        let started = Instant::now();
        let (source, mut memory) = (self.source.clone(), std::mem::take(&mut self.memory));
        let built = tokio::task::spawn_blocking(move || {
            let candidate = build(&source, &mut memory);
            (candidate, memory)
        });
        let (candidate, memory) = built.await.expect("loading a configuration does not panic");
        self.memory = memory;
        let candidate = candidate.map_err(|issues| {
            for issue in issues.iter().take(LOGGED_ISSUES_MAX) {
                tracing::error!("{issue}");
            }
            Refused { issues: issues.iter().map(IssueReport::from).collect() }
        })?;
        self.resolver.resolve_new(&self.memory.registry.endpoints()).await;
        self.files.watch(&candidate.files);
        let (apis, routes) = size(&candidate.configuration);
        let generation = self.publish(candidate.snapshot, candidate.configuration);
        Ok(Published { generation, apis, routes, millis: started.elapsed().as_millis() as u64 })
    }

    /// Compiles, stores and publishes what the control plane has now, beside what the files had when they were last good.
    async fn change(&mut self, change: Change) -> Result<(), NotServed> {
        let started = Instant::now();
        let (source, mut memory) = (self.source.clone(), std::mem::take(&mut self.memory));
        let Change { serving, keep } = change;
        let built = tokio::task::spawn_blocking(move || {
            let Memory { registry, files, keys, .. } = &mut memory;
            let compiled = compile(files, &serving, &source, registry, keys);
            (compiled, memory, serving)
        });
        let (compiled, memory, serving) = built.await.expect("compiling a configuration does not panic");
        self.memory = memory;
        let (snapshot, configuration) = compiled.map_err(NotServed::Refused)?;
        // Names that were there before are the business of whoever keeps them fresh.
        let address = |endpoint: &Arc<EndpointAddresses>| Arc::as_ptr(endpoint).addr();
        let known: HashSet<usize> = self.endpoints.borrow().iter().map(address).collect();
        let mut new = self.memory.registry.endpoints();
        new.retain(|endpoint| !known.contains(&address(endpoint)));
        self.resolver.resolve_new(&new).await;
        let kept = tokio::task::spawn_blocking(keep).await.expect("storing a change does not panic");
        kept.map_err(NotServed::NotKept)?;
        self.memory.serving = serving;
        let (apis, routes) = size(&configuration);
        let generation = self.publish(snapshot, configuration);
        let millis = started.elapsed().as_millis();
        tracing::info!(
            "generation {generation} by the control plane: {apis} APIs, {routes} routes, in {millis} ms"
        );
        Ok(())
    }

    /// Hands a snapshot to the cores, and its names to those who show them.
    fn publish(&mut self, snapshot: Snapshot, configuration: Configuration) -> u64 {
        self.usage.set_quotas(&configuration.usage_plans);
        let registry = &self.memory.registry;
        prepare(registry, &self.cores, &self.endpoints);
        let (generation, old) = self.publisher.publish(snapshot);
        self.retired.push(old);
        let mut status = Status::clone(&self.status.load());
        status.apis = configuration.apis;
        status.routes = registry.route_labels().clone();
        status.stages = registry.stage_labels().clone();
        self.status.store(Arc::new(status));
        generation
    }

    fn record(&self, outcome: &Outcome) {
        let mut status = Status::clone(&self.status.load());
        status.last_seconds = unix_seconds();
        match outcome {
            Ok(published) => {
                status.attempts[0] += 1;
                status.success_seconds = status.last_seconds;
                let Published { generation, apis, routes, millis } = published;
                tracing::info!("generation {generation}: {apis} APIs, {routes} routes, in {millis} ms");
            }
            Err(refused) => {
                status.attempts[1] += 1;
                let count = refused.issues.len();
                tracing::error!("the configuration has {count} issue(s): the one before it goes on serving");
            }
        }
        status.last = outcome.clone();
        self.status.store(Arc::new(status));
    }
}

/// What has to be in place before a snapshot is published: room for its metrics, and its names in the resolver's list.
pub(crate) fn prepare(
    registry: &Registry,
    cores: &[Arc<CoreCounters>],
    endpoints: &watch::Sender<Vec<Arc<EndpointAddresses>>>,
) {
    for core in cores {
        core.reserve(registry.route_labels().len(), registry.stage_labels().len());
    }
    endpoints.send_replace(registry.endpoints());
}

/// Seconds since 1970.
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_told_in_json() {
        let published = Published { generation: 4, apis: 2, routes: 17, millis: 3 };
        assert_eq!(
            serde_json::to_string(&published).unwrap(),
            r#"{"generation":4,"apis":2,"routes":17,"millis":3}"#
        );
        let issue = Issue {
            file: "apis/pets.yaml".into(),
            line: 12,
            column: 7,
            pointer: "/paths/~1pets/get".into(),
            message: "No integration defined for method".into(),
            help: None,
        };
        let refused = Refused { issues: vec![IssueReport::from(&issue)] };
        assert_eq!(
            serde_json::to_string(&refused).unwrap(),
            concat!(
                r#"{"issues":[{"file":"apis/pets.yaml","line":12,"column":7,"pointer":"/paths/~1pets/get","#,
                r#""message":"No integration defined for method"}]}"#
            )
        );
    }
}
