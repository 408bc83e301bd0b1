//! The gateway under test: the real cores, with configurations that are built in code and swapped while they serve.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use ringway_core::model::{
    Api, BasePathMapping, Configuration, Deployment, DomainName, HttpMethod, Integration,
    IntegrationResponse, IntegrationType, Method, ParameterSource, ParameterTarget, RequestParameter,
    Resource, ResponseParameter, ResponseSource, RestApi, Stage,
};
use ringway_core::snapshot::publish::Publisher;
use ringway_core::snapshot::{CompileSettings, Registry, Snapshot, compile};
use ringway_core::telemetry::counters::CoreCounters;
use ringway_dataplane::{CoreHost, CoreMessage, LogSource, log_channel, run_core};
use ringway_ring::mailbox::{MailboxSender, mailbox};
use ringway_ring::net::Runtime;
use ringway_ring::sim::{SimRuntime, World};

use crate::backend::{self, PORTS};
use crate::book::{Book, Generation};
use crate::client;
use crate::conditions::{Conditions, Drain, MS, pick};
use crate::judge;
use crate::limits::{self, Ledger};
use crate::request::Route;
use crate::time::sleep;

/// The id and the stage of the API.
pub(crate) const API: &str = "simulated1";
pub(crate) const STAGE: &str = "sim";
/// What the log says of an exchange, in this order.
const LOG_FORMAT: &str = "$context.requestId $context.status $context.resourcePath $context.integrationLatency \
                          $context.responseLatency $context.error.responseType $context.requestTimeEpoch";

/// The cores and what they share.
pub(crate) struct Gateway {
    book: Rc<Book>,
    publisher: Arc<Publisher>,
    registry: RefCell<Registry>,
    pub(crate) cores: Vec<Core>,
    /// Cores that have ended.
    pub(crate) ended: Rc<Cell<usize>>,
    /// Whether a core ended with exchanges under way, which a process takes with it.
    pub(crate) cut_off: Rc<Cell<bool>>,
    ready: Arc<AtomicUsize>,
    ledger: Ledger,
    /// Snapshots that were replaced.
    replaced: RefCell<Vec<Weak<Snapshot>>>,
}

/// A core from outside.
pub(crate) struct Core {
    pub(crate) runtime: SimRuntime,
    pub(crate) counters: Arc<CoreCounters>,
    log: LogSource,
    mailbox: MailboxSender<CoreMessage>,
}

impl Gateway {
    /// Starts the cores with a first configuration.
    pub(crate) fn start(world: &mut World, book: &Rc<Book>) -> Rc<Self> {
        let mut registry = Registry::new();
        book.generations.borrow_mut().push(Generation { authorities: HashMap::new() });
        let first = snapshot(book, &mut registry);
        book.published.set(1);
        let mut gateway = Gateway {
            book: book.clone(),
            publisher: Publisher::new(first),
            registry: RefCell::new(registry),
            cores: Vec::new(),
            ended: Rc::default(),
            cut_off: Rc::default(),
            ready: Arc::default(),
            ledger: Ledger::new(book.conditions.quota),
            replaced: RefCell::default(),
        };
        for index in 0..book.conditions.cores {
            let core = gateway.start_core(world.core(), index);
            gateway.cores.push(core);
        }
        gateway.reserve();
        Rc::new(gateway)
    }

    fn start_core(&self, runtime: SimRuntime, index: usize) -> Core {
        let (sender, mailbox) = mailbox(4);
        let (sink, log) = log_channel();
        let counters = Arc::new(CoreCounters::default());
        let host = CoreHost {
            index,
            listen: vec![client::gateway()],
            settings: self.book.conditions.settings.clone(),
            publisher: self.publisher.clone(),
            counters: counters.clone(),
            log: sink,
            explanations: Arc::default(),
            quota_requests: Some(self.ledger.requests.clone()),
            mailbox,
            ready: self.ready.clone(),
            seed: self.book.rng.next(),
        };
        let (core, ended, cut_off) = (runtime.clone(), self.ended.clone(), self.cut_off.clone());
        let counted = counters.clone();
        runtime.spawn(async move {
            run_core(core, host).await.expect("a simulated core listens");
            ended.set(ended.get() + 1);
            cut_off.set(cut_off.get() | (counted.connections.get() > 0));
        });
        Core { runtime, counters, log, mailbox: sender }
    }

    /// Whether all cores listen.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire) == self.cores.len()
    }

    fn reserve(&self) {
        let registry = self.registry.borrow();
        for core in &self.cores {
            core.counters.reserve(registry.route_labels().len(), registry.stage_labels().len());
        }
    }

    /// Replaces the configuration.
    fn swap(&self) {
        let next = snapshot(&self.book, &mut self.registry.borrow_mut());
        self.reserve();
        let (generation, old) = self.publisher.publish(next);
        self.book.published.set(generation as usize);
        self.replaced.borrow_mut().push(Arc::downgrade(&old));
        drop(old);
        if self.book.rng.chance(0.5) {
            self.registry.borrow_mut().retire();
        }
        self.book.note(self.cores[0].runtime.now(), || format!("generation {generation} is published"));
        self.book.figures.borrow_mut().swaps += 1;
    }

    /// Snapshots that were replaced and are still held by somebody.
    pub(crate) fn held_snapshots(&self) -> usize {
        self.replaced.borrow().iter().filter(|snapshot| snapshot.strong_count() > 0).count()
    }

    /// Tells all cores to end.
    pub(crate) fn drain(&self) {
        if self.book.draining() {
            return;
        }
        let now = self.cores[0].runtime.now();
        self.book.drain_began.set(Some(now));
        self.book.note(now, || "the drain begins".to_owned());
        for core in &self.cores {
            let message = CoreMessage::Drain { deadline_millis: self.book.conditions.drain_millis };
            core.mailbox.try_send(message).expect("the mailbox of a core has room");
        }
    }

    /// Answers what cores ask of the quota.
    pub(crate) fn grant(&self) {
        self.ledger.work(&self.book);
    }

    /// Moves what the cores have logged into `lines`, as the writer does.
    pub(crate) fn take_log(&self, lines: &mut Vec<u8>) {
        for core in &self.cores {
            while let Ok(batch) = core.log.full.try_recv() {
                lines.extend_from_slice(&batch);
                let mut empty = batch;
                empty.clear();
                let _ = core.log.empty.try_send(empty);
            }
        }
    }

    /// The sum of a counter over the cores.
    pub(crate) fn sum(&self, counter: impl Fn(&CoreCounters) -> u64) -> u64 {
        self.cores.iter().map(|core| counter(&core.counters)).sum()
    }
}

/// Swaps configurations and begins the drain, when the conditions say so.
pub(crate) async fn operate(gateway: Rc<Gateway>, runtime: SimRuntime) {
    let conditions = &gateway.book.conditions;
    runtime.spawn(drain_midway(gateway.clone(), runtime.clone()));
    for _ in 0..conditions.swaps {
        sleep(&runtime, gateway.book.rng.magnitude(MS, 1500 * MS)).await;
        if gateway.book.draining() {
            return;
        }
        gateway.swap();
    }
}

async fn drain_midway(gateway: Rc<Gateway>, runtime: SimRuntime) {
    let book = &gateway.book;
    match book.conditions.drain {
        Drain::AtTheEnd => return,
        Drain::After(after) => sleep(&runtime, after).await,
        Drain::AfterRequests(requests) => {
            while !book.draining() && book.requests() < requests {
                sleep(&runtime, MS).await;
            }
            sleep(&runtime, book.rng.magnitude(1, 30 * MS)).await;
        }
    }
    if !book.draining() {
        book.figures.borrow_mut().drains_midway += 1;
        gateway.drain();
    }
}

/// Compiles the configuration of the next generation, and enters it into the book.
fn snapshot(book: &Book, registry: &mut Registry) -> Snapshot {
    let generation = book.generations.borrow().len();
    let mut authorities = HashMap::new();
    let mut resources = Vec::new();
    let moves = book.rng.chance(0.7);
    for route in Route::KNOWN {
        let before = book.generations.borrow()[generation - 1].authorities.get(&route).cloned();
        let authority = before.filter(|_| !moves).unwrap_or_else(|| authority(book, route));
        resources.push(resource(&book.conditions, route, generation, &authority));
        authorities.insert(route, authority);
    }
    let mut configuration = configuration(resources);
    limits::add(&mut configuration, book.conditions.quota);
    let snapshot =
        compile(&configuration, &compile_settings(), registry).expect("the configuration is right");
    for endpoint in snapshot.endpoints.iter().filter(|endpoint| !endpoint.is_literal()) {
        let mut addresses: Vec<_> =
            (0..book.conditions.backends).map(|backend| backend::address(backend, endpoint.port)).collect();
        if addresses.len() > 1 && book.rng.chance(0.3) {
            addresses.remove(book.rng.below(2) as usize);
        }
        endpoint.set(addresses);
    }
    book.generations.borrow_mut().push(Generation { authorities });
    snapshot
}

/// How the simulated gateway compiles.
pub(crate) fn compile_settings() -> CompileSettings {
    CompileSettings {
        region: "us-east-1".into(),
        account_id: "123456789012".into(),
        execute_api_suffix: "amazonaws.com".into(),
        path_addresses: false,
        default_log_format: LOG_FORMAT.into(),
        ..CompileSettings::default()
    }
}

/// Where a route leads.
fn authority(book: &Book, route: Route) -> String {
    match route {
        Route::Pool => format!("pool.example:{}", PORTS[0]),
        Route::Nowhere => "10.9.9.9:9000".to_owned(),
        _ => {
            let backend = book.rng.below(book.conditions.backends as u64) as usize;
            backend::address(backend, pick(&book.rng, &PORTS)).to_string()
        }
    }
}

fn resource(conditions: &Conditions, route: Route, generation: usize, authority: &str) -> Resource {
    let path = |name: &str| RequestParameter {
        target: ParameterTarget::Path(name.to_owned()),
        source: ParameterSource::Path(name.to_owned()),
    };
    let mut request_parameters = vec![RequestParameter {
        target: ParameterTarget::Header("X-Sim-Generation".to_owned()),
        source: ParameterSource::Static(generation.to_string()),
    }];
    let target = match route {
        Route::Item => "/items/{item}",
        Route::File => "/files/{proxy}",
        route => route.resource(),
    };
    match route {
        Route::Item => request_parameters.push(path("item")),
        Route::File => request_parameters.push(path("proxy")),
        _ => {}
    }
    let integration = match route {
        Route::Mock | Route::Limited => mock(generation),
        _ => Integration {
            uri: Some(format!("http://{authority}/g{generation}{target}")),
            http_method: Some(route.verb().unwrap_or(HttpMethod::Any)),
            request_parameters,
            timeout: Duration::from_nanos(conditions.timeout_of(route)),
            ..Integration::new(IntegrationType::HttpProxy)
        },
    };
    Resource {
        id: format!("r{}", route as usize),
        path: route.resource().to_owned(),
        methods: vec![Method {
            api_key_required: route == Route::Limited,
            ..Method::new(HttpMethod::Any, integration)
        }],
    }
}

/// Head and body name the generation.
fn mock(generation: usize) -> Integration {
    Integration {
        responses: vec![IntegrationResponse {
            response_templates: vec![("application/json".to_owned(), judge::mock_body(generation))],
            response_parameters: vec![ResponseParameter {
                header: "X-Sim-Generation".to_owned(),
                source: ResponseSource::Static(generation.to_string()),
            }],
            ..IntegrationResponse::new(200)
        }],
        ..Integration::new(IntegrationType::Mock)
    }
}

/// Serves `resources` on every domain.
pub(crate) fn configuration(resources: Vec<Resource>) -> Configuration {
    let rest_api = RestApi { name: "simulated".to_owned(), resources, ..RestApi::default() };
    let stage = Stage::new(STAGE, Deployment { id: "d1".to_owned(), rest_api }.into());
    let mapping = BasePathMapping {
        base_path: String::new(),
        rest_api_id: API.to_owned(),
        stage: Some(STAGE.to_owned()),
    };
    Configuration {
        apis: vec![Api { id: API.to_owned(), name: "simulated".to_owned(), stages: vec![stage] }.into()],
        domain_names: vec![DomainName { domain_name: "*".to_owned(), base_path_mappings: vec![mapping] }],
        ..Configuration::default()
    }
}
