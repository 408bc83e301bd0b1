//! The switch that explains live requests: an operator arms it for a stage, cores fill in the logs of the next requests of that stage.
//!
//! With nothing armed, a request pays one load. Nobody waits for anybody: places are given out by an atomic, and each is written once.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;

use crate::limits::EXPLAINED_STAGES_MAX;

/// What all cores and the admin server share. It outlives snapshots, so that a reload loses neither the switch nor a log.
#[derive(Debug, Default)]
pub struct Explanations {
    /// How many sessions take requests.
    open: AtomicU32,
    /// The last one of each stage, in the order in which they were armed.
    sessions: ArcSwap<Vec<Arc<Session>>>,
}

/// What an operator asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// API id.
    pub api: String,
    /// Stage name.
    pub stage: String,
    /// How many requests.
    pub requests: u32,
    /// Until when, in milliseconds since 1970.
    pub until_millis: u64,
    /// How the path below the stage begins.
    pub path: String,
}

/// One arming, with what came of it.
#[derive(Debug)]
struct Session {
    wanted: Wanted,
    /// Requests that it still takes.
    left: AtomicU32,
    /// Requests that it did not get before it was closed.
    unused: AtomicU32,
    logs: Box<[OnceLock<String>]>,
}

/// What came of an arming so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// Whether it takes further requests.
    pub open: bool,
    /// Requests that it took.
    pub begun: usize,
    /// The logs of those that have ended, oldest first.
    pub logs: Vec<String>,
}

/// A request's place among the logs. Dropped without a log, it says so: nobody should wait for it.
#[derive(Debug)]
pub struct Claim {
    session: Arc<Session>,
    index: usize,
}

impl Explanations {
    /// Whether any request may have to be explained: the one load that every request pays.
    #[inline]
    pub fn is_armed(&self) -> bool {
        self.open.load(Relaxed) != 0
    }

    /// Arms the switch for a stage; what it collected before is forgotten. False: too many stages are armed. Calls come from one thread.
    pub fn arm(&self, wanted: Wanted, now_millis: u64) -> bool {
        let sessions = self.sessions.load();
        self.close_expired(&sessions, now_millis);
        let mut kept: Vec<_> = sessions.iter().filter(|session| !session.is_of(&wanted)).cloned().collect();
        if kept.len() >= EXPLAINED_STAGES_MAX {
            let Some(done) = kept.iter().position(|session| session.left.load(Relaxed) == 0) else {
                return false;
            };
            kept.remove(done);
        }
        sessions.iter().filter(|session| session.is_of(&wanted)).for_each(|session| self.close(session));
        kept.push(Arc::new(Session {
            left: AtomicU32::new(wanted.requests),
            unused: AtomicU32::new(0),
            logs: (0..wanted.requests).map(|_| OnceLock::new()).collect(),
            wanted,
        }));
        self.sessions.store(Arc::new(kept));
        self.open.fetch_add(1, Relaxed);
        true
    }

    /// A place for a request that begins at `now_millis`; `path` is that below the stage. `None`: it is not to be explained.
    #[cold]
    pub fn claim(&self, api: &str, stage: &str, path: &[u8], now_millis: u64) -> Option<Claim> {
        let sessions = self.sessions.load();
        self.close_expired(&sessions, now_millis);
        let of_stage = |session: &&Arc<Session>| session.wanted.api == api && session.wanted.stage == stage;
        let session = sessions.iter().find(of_stage)?;
        if !path.starts_with(session.wanted.path.as_bytes()) {
            return None;
        }
        let left = session.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).ok()?;
        if left == 1 {
            self.open.fetch_sub(1, Relaxed);
        }
        Some(Claim { session: session.clone(), index: (session.wanted.requests - left) as usize })
    }

    /// What came of the last arming for a stage; `None`: there was none.
    pub fn explained(&self, api: &str, stage: &str, now_millis: u64) -> Option<Explained> {
        let sessions = self.sessions.load();
        self.close_expired(&sessions, now_millis);
        let session = sessions.iter().find(|known| known.wanted.api == api && known.wanted.stage == stage)?;
        let (unused, left) = (session.unused.load(Relaxed), session.left.load(Relaxed));
        Some(Explained {
            open: left > 0,
            // A core may close it between the two loads.
            begun: session.wanted.requests.saturating_sub(left + unused) as usize,
            logs: session.logs.iter().filter_map(OnceLock::get).cloned().collect(),
        })
    }

    fn close_expired(&self, sessions: &[Arc<Session>], now_millis: u64) {
        let expired = |session: &&Arc<Session>| session.wanted.until_millis <= now_millis;
        sessions.iter().filter(expired).for_each(|session| self.close(session));
    }

    /// Whoever takes the last request of a session, or all that are left, counts it out: once for each session.
    fn close(&self, session: &Session) {
        let left = session.left.swap(0, Relaxed);
        if left > 0 {
            session.unused.store(left, Relaxed);
            self.open.fetch_sub(1, Relaxed);
        }
    }
}

impl Session {
    fn is_of(&self, wanted: &Wanted) -> bool {
        self.wanted.api == wanted.api && self.wanted.stage == wanted.stage
    }
}

impl Claim {
    /// Hands the log in.
    pub fn fill(self, log: String) {
        // It is written once: by its only claim.
        let _ = self.session.logs[self.index].set(log);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let _ =
            self.session.logs[self.index].set("Execution log: the request ended without an answer\n".into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(stage: &str, requests: u32) -> Wanted {
        let (api, path) = ("a1".to_owned(), String::new());
        Wanted { api, stage: stage.into(), requests, until_millis: 1_000, path }
    }

    #[test]
    fn the_next_requests_of_the_stage_are_explained_and_no_other() {
        let switch = Explanations::default();
        assert!(!switch.is_armed());
        assert!(switch.arm(wanted("dev", 2), 0));
        assert!(switch.claim("a1", "prod", b"/", 1).is_none());
        assert!(switch.claim("a2", "dev", b"/", 1).is_none());
        let first = switch.claim("a1", "dev", b"/", 1).unwrap();
        let second = switch.claim("a1", "dev", b"/", 1).unwrap();
        assert!(switch.claim("a1", "dev", b"/", 1).is_none());
        assert!(!switch.is_armed());
        second.fill("second".into());
        let explained = switch.explained("a1", "dev", 1).unwrap();
        assert_eq!(explained, Explained { open: false, begun: 2, logs: vec!["second".into()] });
        first.fill("first".into());
        assert_eq!(switch.explained("a1", "dev", 1).unwrap().logs, ["first", "second"]);
        assert!(switch.explained("a1", "prod", 1).is_none());
    }

    #[test]
    fn a_session_ends_in_time_and_counts_as_open_once() {
        let switch = Explanations::default();
        switch.arm(wanted("dev", 2), 0);
        switch.arm(wanted("prod", 1), 0);
        drop(switch.claim("a1", "dev", b"/", 999));
        assert!(switch.claim("a1", "dev", b"/", 1_000).is_none());
        assert!(!switch.is_armed(), "both have expired");
        let explained = switch.explained("a1", "dev", 1_000).unwrap();
        assert_eq!((explained.open, explained.begun, explained.logs.len()), (false, 1, 1));
    }

    #[test]
    fn arming_again_begins_anew_and_the_path_decides() {
        let switch = Explanations::default();
        switch.arm(wanted("dev", 2), 0);
        let old = switch.claim("a1", "dev", b"/", 1).unwrap();
        switch.arm(Wanted { path: "/pets".into(), ..wanted("dev", 1) }, 0);
        old.fill("late".into());
        assert!(switch.claim("a1", "dev", b"/users", 1).is_none());
        assert!(switch.claim("a1", "dev", b"/pets/7", 1).is_some());
        assert!(!switch.is_armed());
        assert_eq!(switch.explained("a1", "dev", 1).unwrap().begun, 1);
    }

    #[test]
    fn stages_are_bounded_and_finished_ones_make_room() {
        let switch = Explanations::default();
        for n in 0..EXPLAINED_STAGES_MAX {
            assert!(switch.arm(wanted(&format!("s{n}"), 1), 0));
        }
        assert!(!switch.arm(wanted("more", 1), 0));
        assert!(switch.arm(wanted("s0", 1), 0), "it takes its own place");
        drop(switch.claim("a1", "s3", b"/", 0));
        assert!(switch.arm(wanted("more", 1), 0));
        assert!(switch.explained("a1", "s3", 0).is_none(), "the finished one has gone");
        assert!(switch.arm(wanted("later", 1), 2_000), "all have expired");
    }
}
