//! `ringway serve`: puts the parts together, starts the cores, and takes them down again.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use arc_swap::ArcSwap;
use ringway_controlplane::process::{
    AccessLogFormat, AccessLogTarget, Driver as ConfiguredDriver, ProcessConfig,
};
use ringway_core::snapshot::CompileSettings;
use ringway_core::snapshot::publish::Publisher;
use ringway_core::telemetry::access_log::{PRESET_CLF, PRESET_JSON};
use ringway_core::telemetry::counters::CoreCounters;
use ringway_core::telemetry::explanations::Explanations;
use ringway_dataplane::{CoreSettings, LogSink, log_channel};
use ringway_ring::native::RingCounters;
use ringway_ring::probe::{DriverChoice, probe};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::admin::{self, Admin};
use crate::banner::{self, Started};
use crate::check::refuse;
use crate::cli::{self, EXIT_CONFIGURATION, EXIT_SOFTWARE, EXIT_UNAVAILABLE};
use crate::control_plane::{self, Opened};
use crate::cores::{CorePlan, Cores};
use crate::host::{self, Cpus};
use crate::log_writer::{LogWriter, Reopener, Target};
use crate::reload::{self, Candidate, Memory, ReloadHandle, Source, Status, Worker};
use crate::resolver::Resolver;
use crate::signals::{SignalEvent, Signals};
use crate::usage::{Ledger, UsageHandle};
use crate::warm_cache;
use crate::watch_files::FileWatch;

/// How long after the drain deadline a core may still be ending.
const DRAIN_GRACE: Duration = Duration::from_secs(5);
/// Exit code of a process that a signal ends is this and the signal's number.
const SIGNAL_EXIT: i32 = 128;

/// Serves `file` until it is told to stop, and returns the exit code. `greeting` is said once it serves.
pub(crate) fn serve(file: &Path, driver: Option<cli::Driver>, insecure_no_auth: bool, greeting: &str) -> u8 {
    let process = match ringway_controlplane::load_process(file) {
        Ok(process) => process,
        Err(issues) => return refuse(file, &issues),
    };
    let driver = driver.map_or_else(|| configured(process.driver), asked_for);
    let (mut ledger, usage) = Ledger::new(process.quota.store.clone());
    let control_plane = match control_plane::open(&process, insecure_no_auth, &usage) {
        Ok(control_plane) => control_plane,
        Err(message) => return not_started(&message),
    };
    let source =
        Source { file: file.to_owned(), compile: compile_settings(&process), process: Arc::new(process) };
    let serving = control_plane.as_ref().map(|opened| opened.serving.clone()).unwrap_or_default();
    let mut memory = Memory { serving, ..Memory::new(&source.process) };
    // Before the first core there is nobody to disturb: this may block.
    let candidate = match reload::build(&source, &mut memory) {
        Ok(candidate) => candidate,
        Err(issues) => return refuse(file, &issues),
    };
    // Without anything to count it is opened when it is needed: a gateway without quotas needs no disk.
    let counts = candidate.configuration.usage_plans.iter().any(|plan| plan.quota.is_some());
    if (counts || control_plane.is_some())
        && let Err(message) = ledger.open()
    {
        return not_started(&message);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return unavailable(&format!("the control runtime cannot start: {error}")),
    };
    let code = runtime.block_on(async {
        match Box::pin(start(source, memory, candidate, control_plane, (ledger, usage), driver)).await {
            Ok(running) => {
                eprint!("{greeting}");
                running.until_stopped().await
            }
            Err(message) => unavailable(&message),
        }
    });
    // A lookup or a write that hangs must not hold the process.
    runtime.shutdown_background();
    code
}

fn unavailable(message: &str) -> u8 {
    eprintln!("ringway: {message}");
    EXIT_UNAVAILABLE
}

fn not_started(message: &str) -> u8 {
    eprintln!("ringway: {message}");
    EXIT_CONFIGURATION
}

fn configured(driver: ConfiguredDriver) -> DriverChoice {
    match driver {
        ConfiguredDriver::Auto => DriverChoice::Auto,
        ConfiguredDriver::Native => DriverChoice::Native,
        ConfiguredDriver::Monoio => DriverChoice::Monoio,
        ConfiguredDriver::Epoll => DriverChoice::Epoll,
    }
}

fn asked_for(driver: cli::Driver) -> DriverChoice {
    match driver {
        cli::Driver::Auto => DriverChoice::Auto,
        cli::Driver::Native => DriverChoice::Native,
        cli::Driver::Monoio => DriverChoice::Monoio,
        cli::Driver::Epoll => DriverChoice::Epoll,
    }
}

/// What compiling depends on. To be asked before the process leaves the CPUs of its cores.
fn compile_settings(process: &ProcessConfig) -> CompileSettings {
    let default_log_format = match &process.access_log.format {
        AccessLogFormat::Json => PRESET_JSON,
        AccessLogFormat::Clf => PRESET_CLF,
        AccessLogFormat::Custom(format) => format,
    };
    CompileSettings {
        region: process.region.clone(),
        account_id: process.account_id.clone(),
        execute_api_suffix: process.execute_api_suffix.clone(),
        path_addresses: process.path_addresses,
        rate_limit_headers: process.rate_limit_headers,
        default_log_format: default_log_format.to_owned(),
        account_throttle: process.account_throttle,
        cores: cores(process, &Cpus::of_this_process()),
    }
}

/// How many cores serve.
fn cores(process: &ProcessConfig, allowed: &Cpus) -> usize {
    if process.cores == 0 { allowed.usable } else { process.cores }
}

fn core_settings(process: &ProcessConfig) -> CoreSettings {
    let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    CoreSettings {
        connections_max: process.connections_max,
        idle_timeout_nanos: nanos(process.idle_timeout),
        head_timeout_nanos: nanos(process.head_timeout),
        body_bytes_max: process.body_bytes_max,
        upstream_connections_max: process.upstream.connections_max,
        upstream_wait_queue_max: process.upstream.wait_queue_max,
        upstream_idle_timeout_nanos: nanos(process.upstream.idle_timeout),
        connect_timeout_nanos: nanos(process.upstream.connect_timeout),
        queue_time_nanos: nanos(process.queue_time),
        ..CoreSettings::default()
    }
}

/// Everything that runs.
struct Running {
    admin: Arc<Admin>,
    cores: Cores,
    log: Option<LogWriter>,
    reload: ReloadHandle,
    signals: Signals,
    drain_timeout: Duration,
}

/// Starts everything, in the order in which it can fail without having disturbed anybody.
async fn start(
    source: Source,
    memory: Memory,
    candidate: Candidate,
    control_plane: Option<Opened>,
    (ledger, usage): (Ledger, UsageHandle),
    choice: DriverChoice,
) -> Result<Running, String> {
    let (process, compile) = (source.process.clone(), source.compile.clone());
    // First: a SIGHUP during the start must not end the process.
    let signals = Signals::listen().map_err(|error| format!("signals: {error}"))?;
    let driver = probe().choose(choice)?;
    if let Some(warning) = &driver.warning {
        tracing::warn!("{warning}");
    }
    let admin_listener = TcpListener::bind(process.admin)
        .await
        .map_err(|error| format!("admin address {}: {error}", process.admin))?;
    let admin_address = admin_listener.local_addr().unwrap_or(process.admin);
    let control_listener = control_plane.as_ref().map(|opened| bind(opened.listen)).transpose()?;

    let allowed = Cpus::of_this_process();
    let cpus = allowed.assign(cores(&process, &allowed));
    warn_of_few_descriptors(&process, cpus.len());
    // Before the first thread that is not a core's is started: threads inherit it, and cores place themselves.
    let apart = host::leave_cpus(&allowed, &cpus);
    let counters: Vec<_> = cpus.iter().map(|_| Arc::new(CoreCounters::default())).collect();
    let rings: Vec<Arc<RingCounters>> = cpus.iter().map(|_| Arc::default()).collect();

    let resolver = Resolver::from_system()?;
    resolver.resolve_new(&memory.registry.endpoints()).await;
    let (endpoints, watched_endpoints) = watch::channel(Vec::new());
    reload::prepare(&memory.registry, &counters, &endpoints);
    tokio::spawn(resolver.clone().keep_fresh(watched_endpoints));

    let Candidate { snapshot, configuration, files } = candidate;
    warm_cache::load(&configuration.apis, &snapshot);
    usage.set_quotas(&configuration.usage_plans);
    ledger.start(cpus.len())?;
    let publisher = Publisher::new(snapshot);
    let (sinks, log) = start_log(&process, &counters)?;
    let explanations = Arc::<Explanations>::default();
    let plan = CorePlan {
        listen: process.listen.clone(),
        settings: core_settings(&process),
        driver: driver.driver,
        fallback: driver.fallback,
        cpus: cpus.clone(),
        publisher: publisher.clone(),
        counters: counters.clone(),
        rings: rings.clone(),
        explanations: explanations.clone(),
        quota_requests: Some(usage.requests()),
    };
    let (cores, listeners) = Cores::start(plan, sinks).await?;
    if !apart {
        // After the cores' threads, which would inherit it.
        host::yield_to_cores();
    }

    let banner = banner::render(&Started {
        listeners: &listeners,
        admin: admin_address,
        control_plane: control_plane
            .as_ref()
            .zip(control_listener.as_ref())
            .map(|(opened, listener)| (listener.local_addr().unwrap_or(opened.listen), opened.is_insecure())),
        driver: &driver.reason,
        cpus: &cpus,
        access_log: &log_name(&process),
        configuration: &configuration,
        default_domain: &format!("execute-api.{}.{}", process.region, process.execute_api_suffix),
    });
    let status = Arc::new(ArcSwap::from_pointee(Status::first(
        &memory.registry,
        &configuration,
        publisher.generation(),
    )));
    drop(configuration);
    let files = FileWatch::new(&files);
    let worker = Worker {
        seen: files.fingerprint(),
        source,
        memory,
        usage: usage.clone(),
        publisher: publisher.clone(),
        cores: counters.clone(),
        resolver,
        endpoints,
        status: status.clone(),
        files,
        retired: Vec::new(),
    };
    let reload = worker.start();
    let admin = Arc::new(Admin {
        cores: counters,
        rings,
        explanations,
        draining: AtomicBool::new(false),
        publisher,
        status: status.clone(),
        reload: reload.clone(),
        log_write_errors: log.as_ref().map(|log| log.write_errors.clone()).unwrap_or_default(),
        driver: driver.driver.name(),
        usage,
        loopback_only: admin_address.ip().is_loopback(),
    });
    tokio::spawn(admin::serve(admin_listener, admin.clone()));
    if let Some((opened, listener)) = control_plane.zip(control_listener) {
        let publisher = admin.publisher.clone();
        opened.start(listener, reload.clone(), publisher, status, compile)?;
    }
    eprint!("{banner}");
    Ok(Running { admin, cores, log, reload, signals, drain_timeout: process.drain_timeout })
}

fn bind(address: SocketAddr) -> Result<std::net::TcpListener, String> {
    std::net::TcpListener::bind(address).map_err(|error| format!("control plane address {address}: {error}"))
}

impl Running {
    /// Serves until a signal says to stop, then drains. A second one ends the process at once.
    async fn until_stopped(mut self) -> u8 {
        loop {
            tokio::select! {
                event = self.signals.next() => match event {
                    SignalEvent::Reload => self.reload.reload_soon(),
                    SignalEvent::ReopenLog => self.log.iter().for_each(|log| log.reopener().reopen()),
                    SignalEvent::Stop(_) => break,
                },
                ended = self.cores.next_end() => {
                    let reason = ended.and_then(Result::err).map_or("it drained unasked".to_owned(), |e| e.to_string());
                    tracing::error!("a core has ended: {reason}");
                    return EXIT_SOFTWARE;
                }
            }
        }
        self.drain().await
    }

    async fn drain(self) -> u8 {
        let timeout = self.drain_timeout;
        tracing::info!("draining: no new connections, requests in flight have {} ms", timeout.as_millis());
        self.admin.draining.store(true, Relaxed);
        self.cores.drain(timeout);
        let Running { admin, mut cores, log, mut signals, .. } = self;
        let reopener = log.as_ref().map(LogWriter::reopener);
        let usage = admin.usage.clone();
        let ended = async {
            let mut code = 0;
            while let Some(end) = cores.next_end().await {
                if let Err(error) = end {
                    tracing::error!("a core ended badly: {error}");
                    code = EXIT_SOFTWARE;
                }
            }
            // The cores are gone: what was granted and not taken goes back, and the writer ends when it has written what they left.
            let _ = tokio::task::spawn_blocking(move || usage.finish()).await;
            if let Some(log) = log {
                let _ = tokio::task::spawn_blocking(move || log.finish()).await;
            }
            let write = move || warm_cache::dump(&admin.status.load().apis, &admin.publisher.current().1);
            let _ = tokio::task::spawn_blocking(write).await;
            code
        };
        let patience = sleep(timeout + DRAIN_GRACE);
        tokio::pin!(ended, patience);
        loop {
            tokio::select! {
                event = signals.next() => match event {
                    SignalEvent::Stop(signal) => {
                        eprintln!("ringway: told twice: gone at once");
                        std::process::exit(SIGNAL_EXIT + signal);
                    }
                    SignalEvent::ReopenLog => reopener.iter().for_each(Reopener::reopen),
                    SignalEvent::Reload => {}
                },
                code = &mut ended => {
                    tracing::info!("drained");
                    return code;
                }
                () = &mut patience => {
                    tracing::error!("the drain did not end in time");
                    return EXIT_SOFTWARE;
                }
            }
        }
    }
}

/// The ends of the access log that the cores write to, and its writer; none of it where the log is off.
fn start_log(
    process: &ProcessConfig,
    counters: &[Arc<CoreCounters>],
) -> Result<(Vec<LogSink>, Option<LogWriter>), String> {
    let target = match &process.access_log.target {
        AccessLogTarget::Off => return Ok((counters.iter().map(|_| LogSink::off()).collect(), None)),
        AccessLogTarget::Stdout => Target::Stdout,
        AccessLogTarget::File(path) => Target::File(path.clone()),
    };
    let name = target.name();
    let (sinks, sources) = counters.iter().map(|_| log_channel()).unzip();
    let writer = LogWriter::start(target, sources).map_err(|error| format!("access log {name}: {error}"))?;
    Ok((sinks, Some(writer)))
}

fn log_name(process: &ProcessConfig) -> String {
    let format = match &process.access_log.format {
        AccessLogFormat::Json => "json",
        AccessLogFormat::Clf => "clf",
        AccessLogFormat::Custom(_) => "a format of its own",
    };
    match &process.access_log.target {
        AccessLogTarget::Off => "off".into(),
        AccessLogTarget::Stdout => format!("standard output ({format})"),
        AccessLogTarget::File(path) => format!("{} ({format})", path.display()),
    }
}

/// Each client connection may need an upstream connection: says so where the limit of descriptors allows fewer.
fn warn_of_few_descriptors(process: &ProcessConfig, cores: usize) {
    let (needed, allowed) = (2 * process.connections_max as u64 * cores as u64, host::raise_open_files_max());
    if allowed < needed {
        tracing::warn!(
            "{allowed} open files are allowed; {cores} cores with connectionsMax = {} may need {needed} (ulimit -n, LimitNOFILE=)",
            process.connections_max
        );
    }
}
