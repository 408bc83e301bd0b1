//! The ledger with real files, and with threads that take requests as cores do.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use ringway_core::limit::{Quota, Taken};
use ringway_core::model::QuotaPeriod;

use super::super::account::outstanding_most;
use super::*;

const DAY_MILLIS: u64 = SECONDS_OF_DAY as u64 * 1_000;
/// 2023-11-14, a Tuesday.
pub(super) const TUESDAY: u64 = 19_675;

pub(super) fn settings(limit: u64, period: QuotaPeriod) -> QuotaSettings {
    QuotaSettings { limit, offset: 0, period }
}

pub(super) fn client(key: &str) -> Arc<Client> {
    Arc::new(Client {
        usage_plan_id: "plan".into(),
        api_key_id: key.into(),
        throttle: ringway_core::limit::Bucket::new(1),
        quota: Quota::default(),
        under_way: Default::default(),
    })
}

/// A ledger that runs, and the time that it knows.
pub(super) struct Running {
    pub(super) usage: UsageHandle,
    now: Arc<AtomicU64>,
}

impl Running {
    pub(super) fn start(path: &Path, cores: usize, day: u64) -> Self {
        let now = Arc::new(AtomicU64::new(day * DAY_MILLIS));
        let clock = now.clone();
        let (mut ledger, usage) = Ledger::with_clock(path.to_owned(), Box::new(move || clock.load(Relaxed)));
        // The one before may still be letting go of the file.
        let begin = Instant::now();
        while let Err(message) = ledger.open() {
            assert!(begin.elapsed() < Duration::from_secs(5), "{message}");
            thread::sleep(Duration::from_millis(1));
        }
        ledger.start(cores).unwrap();
        Running { usage, now }
    }

    fn set_day(&self, day: u64) {
        self.now.store(day * DAY_MILLIS, Relaxed);
    }

    /// Ends it as `kill -9` would.
    pub(super) fn crash(self) {
        self.usage.commands.send(Command::Crash).unwrap();
    }

    fn period(&self, settings: QuotaSettings) -> u32 {
        Periods::at(self.now.load(Relaxed) / 1_000).of(settings.period)
    }

    /// As a core does: asks, waits, tries again. What is not answered in five seconds is a failure of the test.
    pub(super) fn take(&self, client: &Arc<Client>, settings: QuotaSettings) -> Taken {
        let (begin, mut has_asked) = (Instant::now(), false);
        loop {
            let period = self.period(settings);
            let taken = client.quota.take(period, settings.limit);
            if taken == (Taken::Wait { ask: true }) && has_asked && client.quota.is_unavailable() {
                client.quota.refuse();
                return Taken::Unavailable;
            }
            has_asked |= taken == Taken::Wait { ask: true };
            if let Taken::Request { more: true } | Taken::Wait { ask: true } = taken {
                let request = QuotaRequest { client: client.clone(), period, settings };
                self.usage.requests().send(request).unwrap();
            }
            let Taken::Wait { .. } = taken else { return taken };
            assert!(begin.elapsed() < Duration::from_secs(5), "nobody answers");
            thread::sleep(Duration::from_micros(200));
        }
    }

    /// Takes until nothing more is to be had, or `most`; how many.
    pub(super) fn take_all(&self, client: &Arc<Client>, settings: QuotaSettings, most: u64) -> u64 {
        let is_request = |_: &u64| matches!(self.take(client, settings), Taken::Request { .. });
        (0..most).take_while(is_request).count() as u64
    }

    fn read(&self, key: &str, settings: QuotaSettings, days: RangeInclusive<u64>) -> Vec<(u64, u64)> {
        let keys = Keys::Named(vec![key.to_owned()]);
        let days = *days.start() as u32..=*days.end() as u32;
        let found = self.usage.read(Query { plan: "plan".into(), keys, days }, settings).unwrap();
        assert_eq!(found.len(), 1);
        found[0].1.iter().map(|day| (day.used, day.remaining)).collect()
    }

    fn set_quota(&self, settings: QuotaSettings) {
        let plan = ringway_core::model::UsagePlan {
            id: "plan".into(),
            name: "plan".into(),
            api_stages: Vec::new(),
            throttle: None,
            quota: Some(settings),
            concurrency_limit: None,
            priority: 0,
        };
        self.usage.set_quotas(&[Arc::new(plan)]);
        // Any command comes after it.
        self.read("none", settings, 0..=0);
    }
}

fn file() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("usage.redb");
    (directory, path)
}

#[test]
fn exactly_the_quota_passes_and_its_figures_are_live() {
    let (_directory, path) = file();
    let quota = settings(1_000, QuotaPeriod::Day);
    let (ledger, one, two) = (Running::start(&path, 2, TUESDAY), client("one"), client("two"));
    assert_eq!(ledger.take_all(&one, quota, 10), 10);
    assert_eq!(ledger.read("one", quota, TUESDAY..=TUESDAY), [(10, 990)]);
    assert_eq!(ledger.take_all(&one, quota, u64::MAX), 990);
    assert_eq!(ledger.take(&one, quota), Taken::Exhausted);
    assert_eq!(ledger.take_all(&two, quota, 5), 5);
    assert_eq!(ledger.read("one", quota, TUESDAY - 1..=TUESDAY + 1), [(0, 1_000), (1_000, 0), (0, 1_000)]);
    assert_eq!(ledger.read("three", quota, TUESDAY..=TUESDAY), [(0, 1_000)]);
    let all = Query { plan: "plan".into(), keys: Keys::After(String::new()), days: 0..=0 };
    let keys: Vec<_> = ledger.usage.read(all, quota).unwrap().into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["one", "two"]);
}

#[test]
fn a_graceful_end_loses_nothing_and_a_kill_at_most_a_lease_of_each_core() {
    let (_directory, path) = file();
    let quota = settings(50_000, QuotaPeriod::Month);
    let most = outstanding_most(quota.limit, 2);
    let (mut passed, mut kills) = (0, 0);
    for round in 0..12 {
        let (ledger, key) = (Running::start(&path, 2, TUESDAY), client("key"));
        passed += ledger.take_all(&key, quota, 1_234);
        if round % 2 == 0 {
            ledger.usage.finish();
            let after = Running::start(&path, 2, TUESDAY);
            let [(used, remaining)] = after.read("key", quota, TUESDAY..=TUESDAY)[..] else { panic!() };
            assert!(used >= passed && used <= passed + kills * most, "{used} {passed}");
            assert_eq!(used + remaining, quota.limit);
            after.usage.finish();
        } else {
            ledger.crash();
            kills += 1;
        }
    }
    let (ledger, key) = (Running::start(&path, 2, TUESDAY), client("key"));
    passed += ledger.take_all(&key, quota, u64::MAX);
    assert!(passed <= quota.limit, "{passed}");
    assert!(passed + kills * most >= quota.limit, "{passed} of {}", quota.limit);
    // What was lost is little, but there was something to lose.
    assert!(passed < quota.limit);
}

#[test]
fn many_threads_and_many_crashes_never_exceed_the_quota() {
    let (_directory, path) = file();
    let quota = settings(30_000, QuotaPeriod::Week);
    let passed = AtomicU64::new(0);
    let mut rounds = 0;
    loop {
        let (ledger, key) = (Arc::new(Running::start(&path, 2, TUESDAY)), client("key"));
        let before = passed.load(Relaxed);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| passed.fetch_add(ledger.take_all(&key, quota, 700), Relaxed));
            }
        });
        Arc::into_inner(ledger).unwrap().crash();
        if passed.load(Relaxed) == before {
            break;
        }
        rounds += 1;
    }
    let (passed, most) = (passed.load(Relaxed), rounds * outstanding_most(quota.limit, 2));
    assert!(passed <= quota.limit && passed + most >= quota.limit, "{passed} in {rounds} rounds");
    assert!(rounds >= 10, "{rounds}");
}

#[test]
fn periods_end_and_never_begin_twice() {
    let (_directory, path) = file();
    // The next day, the next Sunday, the next first.
    for (period, next) in [
        (QuotaPeriod::Day, TUESDAY + 1),
        (QuotaPeriod::Week, TUESDAY + 5),
        (QuotaPeriod::Month, TUESDAY + 17),
    ] {
        let quota = QuotaSettings { offset: 30, ..settings(100, period) };
        let name = format!("{period:?}");
        let (ledger, key) = (Running::start(&path, 1, TUESDAY), client(&name));
        assert_eq!(ledger.take_all(&key, quota, u64::MAX), 70, "the offset counts in the first period");
        ledger.set_day(next - 1);
        assert_eq!(ledger.take(&key, quota), Taken::Exhausted, "{period:?}");
        ledger.set_day(next);
        assert_eq!(ledger.take_all(&key, quota, 60), 60, "{period:?}");
        // The clock is set back: the later period goes on, here and after a restart.
        ledger.set_day(next - 1);
        assert_eq!(ledger.take_all(&key, quota, 30), 30, "{period:?}");
        ledger.usage.finish();
        let (ledger, key) = (Running::start(&path, 1, TUESDAY), client(&name));
        assert_eq!(ledger.take_all(&key, quota, u64::MAX), 10, "{period:?}");
        ledger.set_day(next);
        assert_eq!(ledger.take(&key, quota), Taken::Exhausted, "{period:?}");
        ledger.usage.finish();
    }
}

#[test]
fn a_clock_that_steps_by_a_day_begins_one_period() {
    let (_directory, path) = file();
    let quota = settings(100, QuotaPeriod::Day);
    let (ledger, key) = (Running::start(&path, 1, TUESDAY), client("key"));
    assert_eq!(ledger.take_all(&key, quota, 40), 40);
    let mut passed = 0;
    for day in [TUESDAY + 1, TUESDAY, TUESDAY + 1, TUESDAY - 1] {
        ledger.set_day(day);
        passed += ledger.take_all(&key, quota, 30);
    }
    assert_eq!(passed, 100);
    assert_eq!(ledger.take(&key, quota), Taken::Exhausted);
    assert_eq!(ledger.read("key", quota, TUESDAY..=TUESDAY + 1), [(40, 60), (100, 0)]);
}

#[test]
fn what_is_left_can_be_changed_at_once_and_for_this_period() {
    let (_directory, path) = file();
    let quota = settings(100, QuotaPeriod::Day);
    let (ledger, key) = (Running::start(&path, 2, TUESDAY), client("key"));
    let set =
        |ledger: &Running, remaining| ledger.usage.set_remaining("plan", "key", quota, remaining).unwrap();
    assert_eq!(ledger.take_all(&key, quota, u64::MAX), 100);
    set(&ledger, 7);
    assert_eq!(ledger.read("key", quota, TUESDAY..=TUESDAY), [(100, 7)]);
    assert_eq!(ledger.take_all(&key, quota, u64::MAX), 7);
    set(&ledger, 50);
    assert_eq!(ledger.take_all(&key, quota, 10), 10);
    // What clients are told: granted or not.
    let begin = Instant::now();
    while key.quota.remaining() != 40 {
        assert!(begin.elapsed() < Duration::from_secs(5), "{} left", key.quota.remaining());
    }
    set(&ledger, 0);
    assert_eq!(key.quota.remaining(), 0);
    assert_eq!(ledger.take(&key, quota), Taken::Exhausted);
    set(&ledger, 3);
    ledger.crash();
    let (ledger, key) = (Running::start(&path, 2, TUESDAY), client("key"));
    assert_eq!(ledger.take_all(&key, quota, u64::MAX), 3);
    ledger.set_day(TUESDAY + 1);
    assert_eq!(ledger.take_all(&key, quota, u64::MAX), 100);
    // Of a key that nobody has used yet.
    ledger.usage.set_remaining("plan", "new", quota, 5).unwrap();
    assert_eq!(ledger.take_all(&client("new"), quota, u64::MAX), 5);
}

#[test]
fn another_quota_holds_at_once() {
    let (_directory, path) = file();
    let (quota, smaller, larger) =
        (settings(10_000, QuotaPeriod::Day), settings(60, QuotaPeriod::Day), settings(150, QuotaPeriod::Day));
    let (ledger, key) = (Running::start(&path, 2, TUESDAY), client("key"));
    ledger.set_quota(quota);
    assert_eq!(ledger.take_all(&key, quota, 50), 50);
    let begin = Instant::now();
    while key.quota.left().1 == 0 {
        assert!(begin.elapsed() < Duration::from_secs(5), "a lease is out");
    }
    ledger.set_quota(smaller);
    // A core that has the old plan still gets no more than the new one gives.
    assert_eq!(ledger.take_all(&key, quota, 4) + ledger.take_all(&key, smaller, u64::MAX), 10);
    ledger.set_quota(larger);
    assert_eq!(ledger.take_all(&key, larger, u64::MAX), 90);
    // Of this week 150 are used.
    let weekly = settings(200, QuotaPeriod::Week);
    ledger.set_quota(weekly);
    assert_eq!(ledger.take_all(&key, weekly, u64::MAX), 50);
    ledger.set_day(TUESDAY + 1);
    assert_eq!(ledger.take(&key, weekly), Taken::Exhausted);
    assert_eq!(ledger.read("key", weekly, TUESDAY..=TUESDAY + 1), [(200, 0), (0, 0)]);
    let daily = settings(5, QuotaPeriod::Day);
    ledger.set_quota(daily);
    assert_eq!(ledger.take_all(&key, daily, u64::MAX), 5);
}

#[test]
fn keys_that_have_enough_share_a_transaction_and_one_that_waits_has_its_own() {
    let (_directory, path) = file();
    let quota = settings(1_000_000, QuotaPeriod::Day);
    let ledger = Running::start(&path, 1, TUESDAY);
    let keys: Vec<_> = (0..40).map(|i| client(&format!("key{i}"))).collect();
    for key in &keys {
        assert_eq!(ledger.take_all(key, quota, 1), 1);
    }
    let commits = || ledger.usage.counters().commits.load(Relaxed);
    let (first, left) = (commits(), keys[0].quota.left().1);
    // Half of what they got first has lasted for five seconds.
    ledger.now.fetch_add(5_000, Relaxed);
    let begin = Instant::now();
    for key in &keys[1..] {
        assert_eq!(ledger.take_all(key, quota, u64::from(left) / 2 + 1), u64::from(left) / 2 + 1);
    }
    while keys[1..].iter().any(|key| key.quota.left().1 < left / 2) {
        assert!(begin.elapsed() < Duration::from_secs(5), "they are not granted more");
        thread::sleep(Duration::from_millis(1));
    }
    let shared = commits() - first;
    assert!(shared <= begin.elapsed().as_millis() as u64 / 100 + 1, "{shared} transactions");
    // It asks early, goes on, and needs it: the ledger does not keep it waiting.
    ledger.now.fetch_add(5_000, Relaxed);
    let begin = Instant::now();
    assert_eq!(ledger.take_all(&keys[0], quota, u64::from(left) + 1), u64::from(left) + 1);
    assert!(begin.elapsed() < GATHER, "{:?}", begin.elapsed());
}

#[test]
fn a_key_that_is_served_no_more_is_let_go_with_what_it_had_left() {
    let (_directory, path) = file();
    let quota = settings(1_000, QuotaPeriod::Day);
    let (mut ledger, usage) = Ledger::with_clock(path, Box::new(|| TUESDAY * DAY_MILLIS));
    let period = Periods::at(TUESDAY * SECONDS_OF_DAY as u64).of(quota.period);
    let key = client("key");
    ledger.grant(vec![QuotaRequest { client: key.clone(), period, settings: quota }]);
    assert!(matches!(key.quota.take(period, quota.limit), Taken::Request { .. }));
    let minute = |ledger: &mut Ledger| (0..LET_GO_TICKS).for_each(|_| ledger.on_tick());
    usage.set_quotas(&[]);
    minute(&mut ledger);
    minute(&mut ledger);
    assert_eq!(ledger.entries.len(), 1, "it is still served");
    drop(key);
    minute(&mut ledger);
    assert_eq!(ledger.entries.len(), 1, "nothing has changed since");
    usage.set_quotas(&[]);
    minute(&mut ledger);
    assert_eq!(ledger.entries.len(), 1, "a request may be under way");
    minute(&mut ledger);
    assert!(ledger.entries.is_empty());
    let row = ledger.keeper.with(|store| store.row("plan", "key")).unwrap();
    assert_eq!(row.unwrap().0.reserved, 1);
}

#[test]
fn a_key_that_left_its_plan_and_came_back_goes_on() {
    let (_directory, path) = file();
    let quota = settings(1_000, QuotaPeriod::Day);
    let (ledger, before, after) = (Running::start(&path, 2, TUESDAY), client("key"), client("key"));
    assert_eq!(ledger.take_all(&before, quota, 15), 15);
    assert_eq!(ledger.take_all(&after, quota, u64::MAX), 985);
    assert_eq!(before.quota.left().1, 0);
}

#[test]
fn without_a_store_nothing_passes_and_nothing_is_lost() {
    let (directory, path) = file();
    let quota = settings(1_000, QuotaPeriod::Day);
    let (ledger, key) = (Running::start(&path, 2, TUESDAY), client("key"));
    assert_eq!(ledger.take_all(&key, quota, 5), 5);
    ledger.usage.finish();
    // A directory has taken its place.
    let elsewhere = directory.path().join("elsewhere");
    std::fs::rename(&path, &elsewhere).unwrap();
    std::fs::create_dir(&path).unwrap();
    let now = Arc::new(AtomicU64::new(TUESDAY * DAY_MILLIS));
    let (mut broken, usage) = Ledger::with_clock(path.clone(), Box::new(|| TUESDAY * DAY_MILLIS));
    let message = broken.open().unwrap_err();
    assert!(message.contains("usage.redb") && message.contains("`store` of [quota]"), "{message}");
    broken.start(2).unwrap();
    let (broken, key) = (Running { usage, now }, client("key"));
    let ends = Instant::now() + Duration::from_secs(5);
    while broken.take(&key, quota) != Taken::Unavailable {
        assert!(Instant::now() < ends);
    }
    assert!(broken.usage.counters().errors.load(Relaxed) > 0);
    let message = broken.usage.set_remaining("plan", "key", quota, 9).unwrap_err();
    assert!(message.contains("usage.redb"), "{message}");
    std::fs::remove_dir(&path).unwrap();
    std::fs::rename(&elsewhere, &path).unwrap();
    while !matches!(broken.take(&key, quota), Taken::Request { .. }) {
        assert!(Instant::now() < ends, "it is tried again");
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(broken.take_all(&key, quota, u64::MAX), 994);
}
