//! What keys have used of their quotas: a ledger that makes each request durable before a core may spend it.
//!
//! Cores send [`QuotaRequest`]s, and one thread answers them ([`Ledger`]): it has the store to itself, decides, writes, and only then
//! calls `Quota::grant`. A [`UsageHandle`] reads and changes what was used.

mod account;
mod command;
mod figures;
mod keeper;
mod ledger;
mod server;
mod store;

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use crossbeam::channel::{Receiver, Sender, bounded};
use ringway_controlplane::aws::DayUsage;
use ringway_core::calendar::SECONDS_OF_DAY;
use ringway_core::limit::{Periods, QuotaRequest};
use ringway_core::model::{QuotaPeriod, QuotaSettings, UsagePlan};

pub(crate) use command::run;
pub(crate) use ledger::Ledger;
pub(crate) use server::{remaining, usage};

/// Requests of cores that may wait; one more is refused, and its quota says so.
const REQUESTS_WAITING: usize = 16_384;
/// Commands that may wait; who has one more waits with it.
const COMMANDS_WAITING: usize = 128;
/// Days that can be asked for.
pub(crate) const DAYS_KEPT: u32 = 400;
/// How long who reads or changes usage waits for the store.
const PATIENCE: Duration = Duration::from_secs(30);

/// The number of the period that a day is in.
fn period_of(kind: QuotaPeriod, day: u32) -> u32 {
    Periods::at(u64::from(day) * SECONDS_OF_DAY as u64).of(kind)
}

/// Quotas by the id of their plan.
type Quotas = HashMap<Box<str>, QuotaSettings>;

/// Keys of an answer that names none.
pub(crate) const KEYS_SHOWN: usize = 1_000;

/// Which keys of a plan.
#[derive(Debug, Clone)]
pub(crate) enum Keys {
    /// These.
    Named(Vec<String>),
    /// Those that were ever used, in the order of their ids: the first [`KEYS_SHOWN`] after this one.
    After(String),
}

/// What [`UsageHandle::read`] is asked.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    pub(crate) plan: String,
    pub(crate) keys: Keys,
    /// Since 1970.
    pub(crate) days: RangeInclusive<u32>,
}

/// The days of a key.
pub(crate) type KeyUsage = (String, Vec<DayUsage>);

/// What the ledger is asked besides [`QuotaRequest`]s.
enum Command {
    Read(Query, QuotaSettings, Sender<Result<Vec<KeyUsage>, String>>),
    SetRemaining {
        plan: String,
        key: String,
        quota: QuotaSettings,
        remaining: u64,
        answer: Sender<Result<(), String>>,
    },
    /// Other quotas are there.
    Look,
    /// Write back what nobody has taken, and end.
    Finish(Sender<()>),
    /// End as if killed.
    #[cfg(test)]
    Crash,
}

/// What happened to the store.
#[derive(Debug, Default)]
pub(crate) struct StoreCounters {
    /// Transactions that are on the disk.
    pub(crate) commits: AtomicU64,
    /// Attempts to open, read or write it that failed.
    pub(crate) errors: AtomicU64,
}

/// Reads and changes what was used, and tells the ledger which quotas there are.
#[derive(Clone)]
pub(crate) struct UsageHandle {
    commands: Sender<Command>,
    requests: Sender<QuotaRequest>,
    quotas: Arc<ArcSwap<Quotas>>,
    publications: Arc<AtomicU64>,
    counters: Arc<StoreCounters>,
}

/// The ledger's ends of the channels.
struct Ends {
    commands: Receiver<Command>,
    requests: Receiver<QuotaRequest>,
    quotas: Arc<ArcSwap<Quotas>>,
    /// How many configurations there were: only another one lets a key go.
    publications: Arc<AtomicU64>,
    counters: Arc<StoreCounters>,
}

fn channels() -> (UsageHandle, Ends) {
    let (commands, commanded) = bounded(COMMANDS_WAITING);
    let (requests, requested) = bounded(REQUESTS_WAITING);
    let (quotas, counters) = (Arc::<ArcSwap<Quotas>>::default(), Arc::<StoreCounters>::default());
    let publications = Arc::<AtomicU64>::default();
    let ends = Ends {
        commands: commanded,
        requests: requested,
        quotas: quotas.clone(),
        publications: publications.clone(),
        counters: counters.clone(),
    };
    (UsageHandle { commands, requests, quotas, publications, counters }, ends)
}

impl UsageHandle {
    /// Where cores send what they need.
    pub(crate) fn requests(&self) -> Sender<QuotaRequest> {
        self.requests.clone()
    }

    /// What happened to the store.
    pub(crate) fn counters(&self) -> &Arc<StoreCounters> {
        &self.counters
    }

    /// Says which quotas a configuration has: before cores see them, so that none is granted more than what a new limit leaves. Does not
    /// wait.
    pub(crate) fn set_quotas(&self, plans: &[Arc<UsagePlan>]) {
        self.publications.fetch_add(1, Ordering::Relaxed);
        let quotas: Quotas =
            plans.iter().filter_map(|plan| Some((plan.id.as_str().into(), plan.quota?))).collect();
        if **self.quotas.load() != quotas {
            self.quotas.store(Arc::new(quotas));
            // Where the queue is full it is busy, and looks after each of them.
            let _ = self.commands.try_send(Command::Look);
        }
    }

    /// The quota of a plan that is served.
    pub(crate) fn quota(&self, plan: &str) -> Option<QuotaSettings> {
        self.quotas.load().get(plan).copied()
    }

    /// What keys have used of `quota`, day by day. Blocks.
    ///
    /// # Errors
    /// What is wrong with the store.
    pub(crate) fn read(&self, query: Query, quota: QuotaSettings) -> Result<Vec<KeyUsage>, String> {
        self.ask(|answer| Command::Read(query, quota, answer))?
    }

    /// Leaves a key `remaining` requests of this period; durable when it returns. Blocks.
    ///
    /// # Errors
    /// What is wrong with the store.
    pub(crate) fn set_remaining(
        &self,
        plan: &str,
        key: &str,
        quota: QuotaSettings,
        remaining: u64,
    ) -> Result<(), String> {
        let (plan, key) = (plan.to_owned(), key.to_owned());
        self.ask(|answer| Command::SetRemaining { plan, key, quota, remaining, answer })?
    }

    /// Writes back what was granted and not taken, and ends the ledger: once no core takes anything any more. Blocks.
    pub(crate) fn finish(&self) {
        // Without an answer it has ended already.
        let _ = self.ask(Command::Finish);
    }

    fn ask<T>(&self, command: impl FnOnce(Sender<T>) -> Command) -> Result<T, String> {
        const ENDED: &str = "the usage ledger has ended";
        let (answer, answered) = bounded(1);
        self.commands.send_timeout(command(answer), PATIENCE).map_err(|_| ENDED.to_owned())?;
        answered.recv_timeout(PATIENCE).map_err(|_| "the usage store does not answer in time".to_owned())
    }
}
