//! The threads that serve. Each runs the data plane on a ring of its own, and ends when it has drained.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam::channel::Sender;
use ringway_core::limit::QuotaRequest;
use ringway_core::snapshot::publish::Publisher;
use ringway_core::telemetry::counters::CoreCounters;
use ringway_core::telemetry::explanations::Explanations;
use ringway_dataplane::{CoreHost, CoreMessage, CoreSettings, LogSink, run_core};
use ringway_ring::mailbox::{MailboxSender, mailbox};
use ringway_ring::native::RingCounters;
use ringway_ring::net::Runtime;
use ringway_ring::start::{CoreMain, Driver, RunOptions, run_on_core, run_with_fallback};
use tokio::sync::mpsc;

/// Messages to a core that may wait; there is one in its life.
const MAILBOX_CAPACITY: usize = 8;

/// How long an address may still be in use. The ring of a process that was killed holds its listeners, and the kernel takes it apart
/// only some milliseconds after the process is gone: who is started again at once would find them.
const ADDRESS_PATIENCE: Duration = Duration::from_millis(500);

/// What all cores have in common.
pub(crate) struct CorePlan {
    pub(crate) listen: Vec<SocketAddr>,
    pub(crate) settings: CoreSettings,
    pub(crate) driver: Driver,
    pub(crate) fallback: bool,
    /// The CPU of each core; there are as many cores.
    pub(crate) cpus: Vec<Option<usize>>,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) counters: Vec<Arc<CoreCounters>>,
    /// Of each core's ring.
    pub(crate) rings: Vec<Arc<RingCounters>>,
    pub(crate) explanations: Arc<Explanations>,
    /// Who makes quotas durable.
    pub(crate) quota_requests: Option<Sender<QuotaRequest>>,
}

/// The running cores.
pub(crate) struct Cores {
    mailboxes: Vec<MailboxSender<CoreMessage>>,
    ended: mpsc::UnboundedReceiver<io::Result<()>>,
    running: usize,
}

impl Cores {
    /// Starts the threads and waits until every core listens; returns the addresses.
    pub(crate) async fn start(
        mut plan: CorePlan,
        logs: Vec<LogSink>,
    ) -> Result<(Self, Vec<SocketAddr>), String> {
        for address in &mut plan.listen {
            *address =
                try_address(*address).await.map_err(|error| format!("listen address {address}: {error}"))?;
        }
        let (end, ended) = mpsc::unbounded_channel();
        let mut cores = Cores { mailboxes: Vec::new(), ended, running: 0 };
        let ready = Arc::new(AtomicUsize::new(0));
        for (index, log) in logs.into_iter().enumerate() {
            let (sender, mailbox) = mailbox(MAILBOX_CAPACITY);
            let host = CoreHost {
                index,
                listen: plan.listen.clone(),
                settings: plan.settings.clone(),
                publisher: plan.publisher.clone(),
                counters: plan.counters[index].clone(),
                quota_requests: plan.quota_requests.clone(),
                log,
                explanations: plan.explanations.clone(),
                mailbox,
                ready: ready.clone(),
                // The standard library's hasher has random keys, new ones each time.
                seed: RandomState::new().hash_one(index),
            };
            let options = RunOptions {
                cpu: plan.cpus[index],
                counters: plan.rings[index].clone(),
                ..RunOptions::on(plan.driver)
            };
            let (fallback, end) = (plan.fallback, end.clone());
            thread::Builder::new()
                .name(format!("ringway-core-{index}"))
                .spawn(move || drop(end.send(run(host, options, fallback))))
                .map_err(|error| format!("core {index}: no thread: {error}"))?;
            cores.running += 1;
            cores.mailboxes.push(sender);
        }
        drop(end);
        while ready.load(Ordering::Acquire) < cores.running {
            tokio::select! {
                // A start happens once: looking again soon is simpler than being told.
                () = tokio::time::sleep(Duration::from_millis(2)) => {}
                ended = cores.next_end() => {
                    let error = ended.and_then(Result::err).map_or("it ended".to_owned(), |e| e.to_string());
                    return Err(format!("a core cannot start: {error}"));
                }
            }
        }
        Ok((cores, plan.listen))
    }

    /// Asks every core to finish what it serves, for at most `deadline`.
    pub(crate) fn drain(&self, deadline: Duration) {
        let deadline_millis = deadline.as_millis() as u64;
        for mailbox in &self.mailboxes {
            // Full or closed: it has been told before, or has ended.
            let _ = mailbox.try_send(CoreMessage::Drain { deadline_millis });
        }
    }

    /// Waits for a core to end; `None` once all have. Safe to drop.
    pub(crate) async fn next_end(&mut self) -> Option<io::Result<()>> {
        if self.running == 0 {
            return None;
        }
        let ended = self.ended.recv().await;
        self.running -= 1;
        // Without a result the thread has panicked, and its sender went with it.
        Some(ended.unwrap_or_else(|| Err(io::Error::other("it panicked"))))
    }
}

/// Finds out whether nobody listens on `address`, and which port it is where 0 asks for a free one. Cores share addresses by
/// SO_REUSEPORT, and so would another process of the same user: without this it would silently share the connections.
async fn try_address(address: SocketAddr) -> io::Result<SocketAddr> {
    let start = Instant::now();
    loop {
        match TcpListener::bind(address).and_then(|listener| listener.local_addr()) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && start.elapsed() < ADDRESS_PATIENCE => {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            tried => return tried,
        }
    }
}

/// The data plane as what a core does.
struct Serve(CoreHost);

impl CoreMain for Serve {
    type Output = io::Result<()>;

    async fn run<R: Runtime>(self, runtime: R) -> io::Result<()> {
        run_core(runtime, self.0).await
    }
}

/// Runs the data plane on the calling thread until it has drained.
fn run(host: CoreHost, options: RunOptions, fallback: bool) -> io::Result<()> {
    let index = host.index;
    match fallback {
        true => run_with_fallback(&options, Serve(host), |error| {
            tracing::warn!(
                "core {index}: no ring ({error}): FALLING BACK TO EPOLL, about 0.7 times the speed"
            );
        })?,
        false => run_on_core(&options, Serve(host))?,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_in_use_is_refused() {
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let error = try_address(holder.local_addr().unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert_ne!(try_address("127.0.0.1:0".parse().unwrap()).await.unwrap().port(), 0);
    }

    #[tokio::test]
    async fn an_address_that_is_about_to_be_free_is_waited_for() {
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = holder.local_addr().unwrap();
        let (tried, ()) = tokio::join!(try_address(address), async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            drop(holder);
        });
        assert_eq!(tried.unwrap(), address);
    }
}
