//! The thread that owns the store: it collects what cores need, makes it durable in one transaction, and grants it.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crossbeam::channel::{Receiver, after, never, select, tick};
use ringway_core::calendar::SECONDS_OF_DAY;
use ringway_core::limit::quota::first_day;
use ringway_core::limit::{Client, Periods, QuotaRequest};
use ringway_core::model::QuotaSettings;

use super::account::{Account, Lease, Leasing, outstanding_most};
use super::keeper::Keeper;
use super::store::{PruneFrom, Write};
use super::{
    Command, DAYS_KEPT, Ends, KEYS_SHOWN, KeyUsage, Keys, Query, Quotas, UsageHandle, channels, figures,
};

/// Requests of one transaction.
const BATCH: usize = 4_096;
/// How long a request may wait for others to share a transaction with, where what its key
/// has left lasts [`PATIENT`] times as long.
const GATHER: Duration = Duration::from_millis(100);
const PATIENT: u32 = 4;
/// How often it looks after days and keys that are gone.
const TICK: Duration = Duration::from_secs(1);
/// Every how many ticks keys that are no longer served are let go: those that a publication has left out which is older than that, because
/// requests may still be under way in the configuration before.
const LET_GO_TICKS: u64 = 60;
/// Rows that a tick looks at for what may be forgotten.
const PRUNED_ROWS: usize = 1_000;
/// Keys whose remains are written back at once.
const WRITTEN_BACK: usize = 10_000;

/// Milliseconds since 1970.
type Clock = Box<dyn Fn() -> u64 + Send>;

/// A key of a plan.
struct Entry {
    account: Account,
    leasing: Leasing,
    /// Where its requests are granted; `None` while nobody has asked for any.
    client: Option<Arc<Client>>,
    /// The quota that it was last held against.
    settings: QuotaSettings,
    /// Whether the batch has a decision about it that is not on the disk yet.
    is_decided: bool,
}

impl Entry {
    /// Takes back what is granted and not taken.
    fn revoke(&mut self) {
        if let Some(client) = &self.client {
            let (_, left) = client.quota.revoke();
            self.account.give_back(u64::from(left));
        }
    }

    /// Goes on to a later day or period, if it is one.
    fn turn(&mut self, number: u32, day: u32) {
        if number > self.account.row.number {
            self.revoke();
        }
        self.account.turn(number, day, self.left(), &self.settings);
    }

    fn left(&self) -> u64 {
        self.client.as_ref().map_or(0, |client| u64::from(client.quota.left().1))
    }

    /// What is to be stored of it: all that is granted counts as used, because after a kill nobody knows.
    fn write(&self, plan: &str, key: &str, account: &Account) -> Write {
        Write {
            plan: plan.into(),
            key: key.into(),
            row: account.row.clone(),
            days: account.days(0, &self.settings),
        }
    }
}

/// What a request gets, once it is on the disk.
struct Decision {
    account: Account,
    lease: Lease,
    /// Whether nothing is left behind it.
    is_last: bool,
    /// `None`: nothing is granted, nothing has to be durable.
    write: Option<Write>,
}

/// See the [module](super).
pub(crate) struct Ledger {
    keeper: Keeper,
    ends: Ends,
    cores: usize,
    clock: Clock,
    /// By plan and key: those that were asked for since the start.
    entries: HashMap<Box<str>, HashMap<Box<str>, Entry>>,
    quotas: Arc<Quotas>,
    /// Requests that wait for others.
    gathered: Vec<QuotaRequest>,
    /// The day of the last tick.
    day: u32,
    ticks: u64,
    /// Publications at the last of [`LET_GO_TICKS`], and at the one that keys were let go after.
    publications: [u64; 2],
    prune_from: PruneFrom,
}

impl Ledger {
    /// With a store at `path`, which is opened when it is needed.
    pub(crate) fn new(path: PathBuf) -> (Self, UsageHandle) {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        Self::with_clock(path, Box::new(now))
    }

    pub(super) fn with_clock(path: PathBuf, clock: Clock) -> (Self, UsageHandle) {
        let (handle, ends) = channels();
        let ledger = Ledger {
            keeper: Keeper::new(path, ends.counters.clone()),
            ends,
            cores: 1,
            clock,
            entries: HashMap::new(),
            quotas: Arc::default(),
            gathered: Vec::new(),
            day: 0,
            ticks: 0,
            publications: [0; 2],
            prune_from: PruneFrom::default(),
        };
        (ledger, handle)
    }

    /// Opens the store now.
    ///
    /// # Errors
    /// Names the file, and says what is wrong and what to do.
    pub(crate) fn open(&mut self) -> Result<(), String> {
        self.keeper.open().map_err(|error| {
            format!(
                "{error}. Quotas are kept there: `store` of [quota] names a file on a disk that this process can write, and that no \
                 other process has"
            )
        })
    }

    /// Answers `cores` cores on a thread of its own.
    ///
    /// # Errors
    /// There is no thread.
    pub(crate) fn start(mut self, cores: usize) -> Result<(), String> {
        self.cores = cores;
        let run = move || self.run();
        let started = thread::Builder::new().name("usage-ledger".into()).spawn(run);
        started.map(drop).map_err(|error| format!("the usage ledger cannot start: {error}"))
    }

    fn run(mut self) {
        let ticks = tick(TICK);
        let (requests, commands): (Receiver<QuotaRequest>, Receiver<Command>) =
            (self.ends.requests.clone(), self.ends.commands.clone());
        let mut due = never();
        loop {
            select! {
                recv(requests) -> request => match request {
                    Ok(request) => {
                        let is_first = self.gathered.is_empty();
                        let more = requests.try_iter().take(BATCH - 1);
                        if self.gather(std::iter::once(request).chain(more)) {
                            self.grant_gathered();
                            due = never();
                        } else if is_first {
                            due = after(GATHER);
                        }
                    }
                    Err(_) => return,
                },
                recv(due) -> _ => {
                    self.grant_gathered();
                    due = never();
                }
                recv(commands) -> command => match command {
                    Ok(command) => {
                        // It may take back what they have left to wait with.
                        self.grant_gathered();
                        self.look();
                        if !self.obey(command) {
                            return;
                        }
                    }
                    Err(_) => return,
                },
                recv(ticks) -> _ => {
                    self.look();
                    self.on_tick();
                }
            }
        }
    }

    /// Puts `requests` with those that wait; whether they cannot.
    fn gather(&mut self, requests: impl Iterator<Item = QuotaRequest>) -> bool {
        let now_millis = (self.clock)();
        let mut is_urgent = false;
        for request in requests {
            let client = &request.client;
            let (period, left) = client.quota.left();
            let known = self.entries.get(&client.usage_plan_id).and_then(|keys| keys.get(&client.api_key_id));
            let lasted = known.map_or(Duration::ZERO, |entry| entry.leasing.lasted(now_millis));
            let waits = period < request.period || left == 0;
            is_urgent |= waits || lasted < PATIENT * GATHER;
            // A key that asked early may need it now.
            let has_asked = |early: &QuotaRequest| Arc::ptr_eq(&early.client, client);
            if !(waits && known.is_some() && self.gathered.iter().any(has_asked)) {
                self.gathered.push(request);
            }
        }
        is_urgent || self.gathered.len() >= BATCH
    }

    fn grant_gathered(&mut self) {
        self.look();
        let requests = std::mem::take(&mut self.gathered);
        self.grant(requests);
    }

    /// Whether there is more to come.
    fn obey(&mut self, command: Command) -> bool {
        match command {
            Command::Look => {}
            Command::Read(query, quota, answer) => drop(answer.send(self.read(&query, &quota))),
            Command::SetRemaining { plan, key, quota, remaining, answer } => {
                drop(answer.send(self.set_remaining(&plan, &key, quota, remaining)));
            }
            Command::Finish(answer) => {
                self.write_back(|_| true);
                self.keeper.close();
                let _ = answer.send(());
                return false;
            }
            #[cfg(test)]
            Command::Crash => return false,
        }
        true
    }

    /// Takes note of other quotas. What was granted under an old one is taken back: cores ask again, and are answered by the new one.
    fn look(&mut self) {
        let quotas = self.ends.quotas.load_full();
        if Arc::ptr_eq(&quotas, &self.quotas) {
            return;
        }
        for (plan, entries) in &mut self.entries {
            let Some(settings) = quotas.get(plan) else { continue };
            for entry in entries.values_mut().filter(|entry| entry.settings != *settings) {
                entry.revoke();
                entry.settings = *settings;
            }
        }
        self.quotas = quotas;
    }

    fn today(&self) -> (Periods, u32) {
        let seconds = (self.clock)() / 1_000;
        (Periods::at(seconds), (seconds / SECONDS_OF_DAY as u64) as u32)
    }

    /// Decides about all of `requests`, makes it durable, and grants.
    fn grant(&mut self, mut requests: Vec<QuotaRequest>) {
        while !requests.is_empty() {
            let (mut decided, mut writes, mut later) = (Vec::new(), Vec::new(), Vec::new());
            for request in requests {
                match self.decide(&request) {
                    Ok(Some(mut decision)) => {
                        writes.extend(decision.write.take());
                        decided.push((request, decision));
                    }
                    Ok(None) => later.push(request),
                    Err(_) => request.client.quota.refuse(),
                }
            }
            let is_kept = self.keeper.apply(&writes).is_ok();
            for (request, decision) in decided {
                self.settle(&request, decision, is_kept);
            }
            requests = later;
        }
    }

    /// What a request gets; `None`: its key has another in this batch.
    fn decide(&mut self, request: &QuotaRequest) -> Result<Option<Decision>, String> {
        let client = &request.client;
        let (plan, key) = (&*client.usage_plan_id, &*client.api_key_id);
        let settings = self.quotas.get(plan).copied().unwrap_or(request.settings);
        // A core may know a period before this thread does, and the other way round.
        let asked = if request.settings.period == settings.period { request.period } else { 0 };
        let (cores, now_millis) = (self.cores, (self.clock)());
        let entry = self.entry(plan, key, settings, asked)?;
        if entry.is_decided {
            return Ok(None);
        }
        if entry.client.as_ref().is_none_or(|known| !Arc::ptr_eq(known, client)) {
            // The key left the plan and came back.
            entry.revoke();
            entry.client = Some(client.clone());
        }
        let (left, mut account) = (entry.left(), entry.account.clone());
        let most = outstanding_most(account.limit(&settings), cores);
        let lease = entry.leasing.next(now_millis, most, left, account.remaining(&settings));
        account.reserve(lease.count);
        let is_last = account.remaining(&settings) == 0;
        let write = (lease.count > 0).then(|| entry.write(plan, key, &account));
        entry.is_decided = true;
        Ok(Some(Decision { account, lease, is_last, write }))
    }

    /// Grants what was decided, if it is on the disk.
    fn settle(&mut self, request: &QuotaRequest, decision: Decision, is_kept: bool) {
        let Decision { mut account, lease, is_last, .. } = decision;
        let client = &request.client;
        let entries = self.entries.get_mut(&client.usage_plan_id);
        let Some(entry) = entries.and_then(|entries| entries.get_mut(&client.api_key_id)) else { return };
        entry.is_decided = false;
        if lease.count > 0 {
            if !is_kept {
                return client.quota.refuse();
            }
            account.is_stored();
        }
        let (number, count, low) = (account.row.number, lease.count as u32, lease.low as u32);
        client.quota.set_remaining(account.remaining(&entry.settings));
        entry.account = account;
        client.quota.grant(number, count, low, is_last.then_some(request.settings.limit));
    }

    /// The entry of a key in the period of today, or in the later one `asked`.
    fn entry(
        &mut self,
        plan: &str,
        key: &str,
        settings: QuotaSettings,
        asked: u32,
    ) -> Result<&mut Entry, String> {
        let (periods, today) = self.today();
        let number = periods.of(settings.period).max(asked);
        let is_known = self.entries.get(plan).is_some_and(|entries| entries.contains_key(key));
        if !is_known {
            let stored = self.keeper.with(|store| store.row(plan, key))?;
            let account = match stored {
                Some((row, last)) => Account::stored(row, last, today),
                None => Account::new(settings.period, number, today),
            };
            let entry =
                Entry { account, leasing: Leasing::default(), client: None, settings, is_decided: false };
            self.entries.entry(plan.into()).or_default().insert(key.into(), entry);
        }
        let entries = self.entries.get_mut(plan).and_then(|entries| entries.get_mut(key));
        let entry = entries.ok_or("the usage ledger has lost a key")?;
        if entry.account.row.kind != settings.period {
            entry.revoke();
            let first = first_day(settings.period, number).max(0) as u32;
            let days = self.keeper.with(|store| store.days(plan, key, 0..=u32::MAX))?;
            let mut days: BTreeMap<_, _> = days.into_iter().collect();
            days.extend(entry.account.days(0, &entry.settings));
            let used = days.range(first..).map(|(_, usage)| usage.used).sum();
            entry.account.change_period(settings.period, number, used, days.range(..first).next().is_none());
        }
        entry.settings = settings;
        entry.turn(number, today);
        Ok(entry)
    }

    fn set_remaining(
        &mut self,
        plan: &str,
        key: &str,
        quota: QuotaSettings,
        remaining: u64,
    ) -> Result<(), String> {
        let settings = self.quotas.get(plan).copied().unwrap_or(quota);
        let entry = self.entry(plan, key, settings, 0)?;
        entry.revoke();
        let mut account = entry.account.clone();
        account.set_remaining(remaining, &settings);
        let write = entry.write(plan, key, &account);
        self.keeper.apply(&[write])?;
        account.is_stored();
        let entry = self.entry(plan, key, settings, 0)?;
        if let Some(client) = &entry.client {
            client.quota.set_remaining(remaining);
        }
        entry.account = account;
        Ok(())
    }

    fn read(&mut self, query: &Query, quota: &QuotaSettings) -> Result<Vec<KeyUsage>, String> {
        let Query { plan, keys, days } = query;
        let today = self.today().1;
        let from = figures::known_from(quota, *days.start());
        let keys = match keys {
            Keys::Named(keys) => keys.clone(),
            Keys::After(after) => self.keeper.with(|store| store.keys(plan, after, KEYS_SHOWN))?,
        };
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            let entry = self.entries.get(plan.as_str()).and_then(|entries| entries.get(key.as_str()));
            let stored = self
                .keeper
                .with(|store| Ok((store.row(plan, &key)?, store.days(plan, &key, from..=*days.end())?)))?;
            let (row, logged) = stored;
            let mut logged: BTreeMap<_, _> = logged.into_iter().collect();
            let row = match entry {
                Some(entry) => {
                    logged.extend(entry.account.days(entry.left(), &entry.settings));
                    Some(&entry.account.row)
                }
                None => row.as_ref().map(|(row, _)| row),
            };
            let usage = figures::fill(quota, days.clone(), &logged, row, today);
            found.push((key, usage));
        }
        Ok(found)
    }

    fn on_tick(&mut self) {
        let (periods, today) = self.today();
        if today > self.day {
            self.day = today;
            for entry in self.entries.values_mut().flat_map(HashMap::values_mut) {
                entry.turn(periods.of(entry.account.row.kind), today);
            }
        }
        self.ticks += 1;
        if !self.keeper.is_open() {
            return;
        }
        if self.ticks.is_multiple_of(LET_GO_TICKS) {
            self.let_go();
        }
        let (from, before) = (&mut self.prune_from, today.saturating_sub(DAYS_KEPT));
        // A failure is counted and said, and tried again.
        let _ = self.keeper.with(|store| store.prune(before, from, PRUNED_ROWS));
    }

    /// Lets go of keys that are no longer served. A look at a million keys is half a second.
    fn let_go(&mut self) {
        let now = self.ends.publications.load(Ordering::Relaxed);
        let [seen, done] = self.publications;
        self.publications = [now, seen];
        if seen != done {
            self.write_back(|entry| {
                entry.client.as_ref().is_none_or(|client| Arc::strong_count(client) == 1)
            });
        }
    }

    /// Takes back what `which` keys have not taken, stores it, and lets them go.
    fn write_back(&mut self, which: impl Fn(&Entry) -> bool) {
        let mut writes = Vec::new();
        for (plan, entries) in &mut self.entries {
            entries.retain(|key, entry| {
                if !which(entry) {
                    return true;
                }
                let left = entry.left();
                entry.revoke();
                if left > 0 || entry.account.has_earlier() {
                    writes.push(entry.write(plan, key, &entry.account));
                }
                false
            });
        }
        self.entries.retain(|_, entries| !entries.is_empty());
        for writes in writes.chunks(WRITTEN_BACK) {
            // Without it those leases count as used, as after a kill; the failure is counted and said.
            let _ = self.keeper.apply(writes);
        }
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "ledger_process_tests.rs"]
mod process_tests;
