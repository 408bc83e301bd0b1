//! The AWS control plane of this process: the `apigateway` API on a listener of its own, its store, and its way to the cores.
//!
//! A thread with a runtime of its own takes the requests, another answers them one after the other, and the worker of `reload`
//! publishes what they change: none of them is a core, and no core waits for them.

mod credentials;
mod listener;
mod seal;
mod sigv4;
mod store;
mod throttle;
mod timestamp;
mod writer;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use arc_swap::ArcSwap;
use ringway_controlplane::aws::{ControlPlane, Settings};
use ringway_controlplane::process::{ControlPlaneConfig, ProcessConfig};
use ringway_core::ids::IdSource;
use ringway_core::model::Configuration;
use ringway_core::snapshot::CompileSettings;
use ringway_core::snapshot::publish::Publisher;
use rustix::rand::{GetRandomFlags, getrandom};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::reload::{ReloadHandle, Status};
use crate::usage::UsageHandle;
use listener::{Access, Front};
use sigv4::Verifier;
pub(crate) use store::Store;
use throttle::Throttle;
use writer::{Counted, Writer};

/// Requests that may wait; one more is told to come back.
const WAITING_MAX: usize = 128;

/// The control plane before it listens.
pub(crate) struct Opened {
    pub(crate) listen: SocketAddr,
    plane: ControlPlane,
    store: Store,
    access: Access,
    throttle: Option<Throttle>,
    usage: UsageHandle,
    /// What it has for the cores.
    pub(crate) serving: Configuration,
}

/// Reads the store and the credentials; `None`: this process has no control plane.
///
/// # Errors
/// Says what is missing, and what to do.
pub(crate) fn open(
    process: &ProcessConfig,
    insecure_no_auth: bool,
    usage: &UsageHandle,
) -> Result<Option<Opened>, String> {
    let config = &process.control_plane;
    let Some(listen) = config.listen else {
        return match insecure_no_auth {
            false => Ok(None),
            true => {
                Err("--insecure-no-auth is about the AWS control plane, and [controlPlane] has no `listen`"
                    .into())
            }
        };
    };
    let access = access(config, listen, &process.region, insecure_no_auth)?;
    let store = Store::open(&config.store)?;
    let mut plane = ControlPlane::new(settings(process), random).with_usage(Box::new(Counted(usage.clone())));
    store.read(|table, key, value| plane.load(table, key, value))?;
    let serving = writer::configuration(&mut plane).map_err(|messages| {
        format!("the store {} cannot be served: {}", config.store.display(), messages.join("; "))
    })?;
    // What was built to be served is there for the next time.
    plane.commit();
    let throttle = Throttle::new(config.requests_per_second, config.burst, Instant::now());
    Ok(Some(Opened { listen, plane, store, access, throttle, usage: usage.clone(), serving }))
}

/// What names in answers depend on.
pub(crate) fn settings(process: &ProcessConfig) -> Settings {
    Settings {
        region: process.region.clone(),
        account_id: process.account_id.clone(),
        execute_api_suffix: process.execute_api_suffix.clone(),
        account_throttle: process.account_throttle,
    }
}

fn access(
    config: &ControlPlaneConfig,
    listen: SocketAddr,
    region: &str,
    insecure_no_auth: bool,
) -> Result<Access, String> {
    if insecure_no_auth {
        if !listen.ip().is_loopback() {
            return Err(format!(
                "--insecure-no-auth lets everybody change everything, so the control plane has to listen on loopback, and {listen} is not"
            ));
        }
        if config.credentials.is_some() {
            return Err("--insecure-no-auth and `credentials` of [controlPlane] exclude each other".into());
        }
        tracing::warn!(
            "--insecure-no-auth: the AWS control plane on {listen} does what everybody on this host says. This is for trying things out."
        );
        return Ok(Access::Everybody);
    }
    let credentials = credentials::load(config.credentials.as_deref())?;
    if credentials.is_empty() {
        return Err(format!(
            "the AWS control plane on {listen} needs to know who may call it: name a file in `credentials` of [controlPlane], with a \
             section such as [default] and in it aws_access_key_id and aws_secret_access_key; or set RINGWAY_ACCESS_KEY_ID and \
             RINGWAY_SECRET_ACCESS_KEY; or try things out with `ringway serve --insecure-no-auth`"
        ));
    }
    Ok(Access::Signed(Verifier { region: region.to_owned(), service: "apigateway", credentials }))
}

impl Opened {
    /// Whether everybody may call.
    pub(crate) fn is_insecure(&self) -> bool {
        matches!(self.access, Access::Everybody)
    }

    /// Answers what comes to `listener`. Its threads end with the process.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub(crate) fn start(
        self,
        listener: std::net::TcpListener,
        reload: ReloadHandle,
        publisher: Arc<Publisher>,
        status: Arc<ArcSwap<Status>>,
        compile: CompileSettings,
    ) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("the control plane cannot start: {error}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let Opened { plane, store, access, throttle, usage, serving, .. } = self;
        let (jobs, waiting) = mpsc::channel(WAITING_MAX);
        let writer = Writer {
            plane,
            store: Arc::new(store),
            reload,
            publisher,
            usage,
            served: serving,
            status,
            known: None,
        };
        thread::Builder::new()
            .name("control-writer".into())
            .spawn(move || writer.run(waiting))
            .map_err(failed)?;
        let mut seed = [0; 8];
        random(&mut seed);
        let ids = Mutex::new(IdSource::new(u64::from_ne_bytes(seed)));
        let front = Front { access, throttle: throttle.map(Mutex::new), ids, jobs, compile };
        let serve = move || {
            runtime.block_on(async {
                match TcpListener::from_std(listener) {
                    Ok(listener) => listener::serve(listener, front).await,
                    Err(error) => tracing::error!("the control plane does not listen: {error}"),
                }
            });
        };
        thread::Builder::new().name("control-plane".into()).spawn(serve).map_err(failed)?;
        Ok(())
    }
}

/// Bytes that nobody can guess: values of API keys are made of them.
pub(crate) fn random(mut bytes: &mut [u8]) {
    while !bytes.is_empty() {
        // It can only be interrupted, before the kernel has collected its first entropy.
        if let Ok(length) = getrandom(&mut *bytes, GetRandomFlags::empty()) {
            bytes = &mut bytes[length..];
        }
    }
}
