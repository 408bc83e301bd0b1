//! The ledger in a process of its own: killed again and again, and with a disk that is full.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use ringway_core::limit::Taken;
use ringway_core::model::QuotaPeriod;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::super::account::outstanding_most;
use super::super::store::Store;
use super::tests::{Running, TUESDAY, client, settings};
use super::*;

/// Where a process that a test starts has its store.
const STORE: &str = "RINGWAY_TEST_USAGE_STORE";
const KEYS: [&str; 3] = ["a", "b", "c"];
const CORES: usize = 2;

/// This program once more, with a test that only a test starts.
fn start(test: &str, store: &Path, limits: &str) -> Child {
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{limits} exec \"$@\""), "sh"]).arg(program);
    command.args(["--ignored", "--exact", &format!("usage::ledger::process_tests::{test}")]);
    command.env(STORE, store).stdout(Stdio::null()).spawn().unwrap()
}

fn store_of_this_process() -> PathBuf {
    std::env::var_os(STORE).expect("a test starts it").into()
}

fn quota() -> QuotaSettings {
    settings(40_000, QuotaPeriod::Month)
}

/// Appends a byte for each request that passes to a file beside the store, until no key has anything left.
#[test]
#[ignore = "started by kills_never_exceed_the_quota"]
fn spends_until_it_is_killed() {
    let store = store_of_this_process();
    let (ledger, clients) = (Running::start(&store, CORES, TUESDAY), KEYS.map(client));
    thread::scope(|scope| {
        for core in 0..CORES {
            let (ledger, clients, store) = (&ledger, &clients, &store);
            scope.spawn(move || {
                let path = store.with_extension(format!("passed-{core}"));
                let mut passed = OpenOptions::new().create(true).append(true).open(path).unwrap();
                let mut is_left = true;
                while is_left {
                    is_left = false;
                    for client in clients {
                        if let Taken::Request { .. } = ledger.take(client, quota()) {
                            passed.write_all(client.api_key_id.as_bytes()).unwrap();
                            is_left = true;
                        }
                        // Slowly, so that there is something left to be killed for.
                        thread::sleep(Duration::from_micros(1));
                    }
                }
            });
        }
    });
    ledger.usage.finish();
    File::create(store.with_extension("done")).unwrap();
}

#[test]
fn kills_never_exceed_the_quota() {
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("usage.redb");
    let mut kills = 0;
    loop {
        let mut child = start("spends_until_it_is_killed", &store, "");
        thread::sleep(Duration::from_millis(40 + 13 * (kills % 7) + kills));
        let _ = child.kill();
        child.wait().unwrap();
        let is_done = store.with_extension("done").exists();
        kills += u64::from(!is_done);
        // One request of each core may have passed and not been written down.
        let lost_most = kills * (outstanding_most(quota().limit, CORES) + CORES as u64);
        let file = Store::open(&store).unwrap();
        for (key, passed) in KEYS.iter().zip(passed(&store)) {
            let reserved = file.row("plan", key).unwrap().map_or(0, |(row, _)| row.reserved);
            // What has passed was on the disk before.
            assert!(passed <= reserved, "{key}: {passed} of {reserved} after {kills} kills");
            assert!(
                reserved <= quota().limit && reserved <= passed + lost_most,
                "{key}: {passed} of {reserved}"
            );
            assert!(!is_done || reserved == quota().limit, "{key}: {reserved}");
        }
        if is_done {
            break;
        }
        assert!(kills < 1_000, "it does not come to an end");
    }
    assert!(kills >= 10, "{kills}");
}

/// How many requests of each key have passed in all processes.
fn passed(store: &Path) -> [u64; 3] {
    let read = |core: usize| fs::read(store.with_extension(format!("passed-{core}"))).unwrap_or_default();
    let passed: Vec<u8> = (0..CORES).flat_map(read).collect();
    KEYS.map(|key| passed.iter().filter(|byte| **byte == key.as_bytes()[0]).count() as u64)
}

/// Uses so many keys that the file becomes larger than this process may write.
#[test]
#[ignore = "started by a_full_disk_lets_nothing_pass_and_loses_nothing"]
fn fills_the_disk() {
    let store = store_of_this_process();
    let quota = QuotaSettings { limit: 10, ..quota() };
    let ledger = Running::start(&store, CORES, TUESDAY);
    let mut passed = Vec::new();
    let refused = loop {
        let client = client(&format!("{:0200}", passed.len()));
        match ledger.take(&client, quota) {
            Taken::Request { .. } => passed.push(client),
            Taken::Unavailable => break client,
            // The next one is told.
            other => assert!(matches!(other, Taken::Wait { .. }), "{other:?}"),
        }
        assert!(passed.len() < 1_000_000, "the disk does not become full");
    };
    assert!(passed.len() > 100, "{}", passed.len());
    assert!(ledger.usage.counters().errors.load(Relaxed) > 0);
    let message = ledger.usage.set_remaining("plan", "0", quota, 1).unwrap_err();
    assert!(message.contains("usage.redb"), "{message}");
    // There is room again, and nobody has to start anything.
    setrlimit(Resource::Fsize, Rlimit { current: None, ..getrlimit(Resource::Fsize) }).unwrap();
    let begin = Instant::now();
    while !matches!(ledger.take(&refused, quota), Taken::Request { .. }) {
        assert!(begin.elapsed() < Duration::from_secs(10));
        thread::sleep(Duration::from_millis(10));
    }
    passed.push(refused);
    for client in passed.iter().step_by(passed.len() / 20) {
        assert_eq!(ledger.take_all(client, quota, u64::MAX), quota.limit - 1, "{}", client.api_key_id);
    }
    ledger.crash();
    // What has passed is in the file: also what passed last before the disk was full.
    let file = loop {
        match Store::open(&store) {
            Ok(file) => break file,
            Err(message) => assert!(message.contains("another process has it open"), "{message}"),
        }
    };
    for client in &passed {
        assert!(file.row("plan", &client.api_key_id).unwrap().is_some_and(|(row, _)| row.reserved > 0));
    }
    File::create(store.with_extension("done")).unwrap();
}

#[test]
fn a_full_disk_lets_nothing_pass_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("usage.redb");
    // Blocks of 512 bytes. A write beyond fails, as on a disk that is full, once the signal is ignored.
    let mut child = start("fills_the_disk", &store, "trap '' XFSZ; ulimit -S -f 6000;");
    assert!(child.wait().unwrap().success());
    assert!(store.with_extension("done").exists());
}
