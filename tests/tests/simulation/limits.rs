//! A route with an API key, a throttle and a quota: the ledger that grants of the quota, and what may not have passed in the end.

use std::cell::{Cell, RefCell};

use crossbeam::channel::{Receiver, Sender, bounded};
use ringway_core::limit::QuotaRequest;
use ringway_core::model::{
    ApiKey, ApiStage, Configuration, QuotaPeriod, QuotaSettings, ThrottleSettings, UsagePlan,
};

use crate::book::Book;
use crate::gateway::{API, STAGE};
use crate::request::Route;

/// The value of the API key that opens the route.
pub(crate) const KEY: &str = "simulated-key-of-a-plan";
/// Requests a second, and at once.
const THROTTLE: ThrottleSettings = ThrottleSettings { rate_limit: 0.5, burst_limit: 2 };
/// Between the time that the log has of a request and the decision about it there may be the wait for a grant.
const SLACK_MILLIS: f64 = 1_000.0;

/// Grants of the quota, as the thread with the store does.
pub(crate) struct Ledger {
    pub(crate) requests: Sender<QuotaRequest>,
    asked: Receiver<QuotaRequest>,
    /// Requests of the day that were not granted yet.
    left: Cell<u64>,
    /// What is asked for and not answered yet: the store takes its time.
    waiting: RefCell<Vec<QuotaRequest>>,
}

impl Ledger {
    pub(crate) fn new(quota: u64) -> Self {
        let (requests, asked) = bounded(16);
        Ledger { requests, asked, left: Cell::new(quota), waiting: RefCell::default() }
    }

    /// Answers what has been asked, now or later; sometimes it cannot be written.
    pub(crate) fn work(&self, book: &Book) {
        let mut waiting = self.waiting.borrow_mut();
        waiting.extend(self.asked.try_iter());
        waiting.retain(|request| {
            if book.rng.chance(0.5) {
                return true;
            }
            let quota = &request.client.quota;
            if book.rng.chance(0.1) {
                quota.refuse();
                return false;
            }
            let granted = book.rng.between(1, 2).min(self.left.get());
            self.left.set(self.left.get() - granted);
            let exhausted = (self.left.get() == 0).then_some(request.settings.limit);
            quota.grant(request.period, granted as u32, 0, exhausted);
            false
        });
    }
}

/// Adds the plan and its key.
pub(crate) fn add(configuration: &mut Configuration, quota: u64) {
    let stage = ApiStage { api_id: API.to_owned(), stage: STAGE.to_owned(), throttles: Vec::new() };
    let plan = UsagePlan {
        id: "plan".to_owned(),
        name: "plan".to_owned(),
        api_stages: vec![stage],
        throttle: Some(THROTTLE),
        quota: Some(QuotaSettings { limit: quota, offset: 0, period: QuotaPeriod::Day }),
        concurrency_limit: None,
        priority: 0,
    };
    configuration.usage_plans = vec![plan.into()];
    configuration.api_keys.insert(ApiKey {
        id: "key".to_owned(),
        value: KEY.into(),
        enabled: true,
        usage_plans: vec!["plan".to_owned()],
    });
}

/// Whether what the log says of the route keeps its limits: no more than the rate, the burst and the quota, and no refusal where there was
/// a token. `lines` are milliseconds, status and type of the gateway's answer.
pub(crate) fn check(book: &Book, mut lines: Vec<(u64, u16, String)>) -> Result<(), String> {
    lines.sort_unstable();
    let throttled = |error: &str| error == "THROTTLED";
    let refused = |error: &str| throttled(error) || error == "QUOTA_EXCEEDED" || error == "INVALID_API_KEY";
    // One that fails later has spent its token all the same; without a grant none is spent.
    let has_passed = |(_, status, error): &&(u64, u16, String)| !refused(error) && *status != 503;
    let passed: Vec<f64> = lines.iter().filter(has_passed).map(|(millis, ..)| *millis as f64).collect();
    let (rate, burst) = (THROTTLE.rate_limit / 1_000.0, f64::from(THROTTLE.burst_limit));
    for (first, from) in passed.iter().enumerate() {
        for (last, to) in passed.iter().enumerate().skip(first) {
            let most = (to - from + SLACK_MILLIS) * rate + burst;
            if (last - first + 1) as f64 > most {
                return Err(format!("{} requests have passed a throttle of {most}", last - first + 1));
            }
        }
    }
    let quota = book.conditions.quota;
    if passed.len() as u64 > quota {
        return Err(format!("{} requests have passed a quota of {quota}", passed.len()));
    }
    // It is full after this time.
    let full = burst / rate;
    for (millis, _, _) in lines.iter().filter(|(_, _, error)| throttled(error)) {
        let millis = *millis as f64;
        let near = |other: &&f64| (millis - full - SLACK_MILLIS..=millis + SLACK_MILLIS).contains(*other);
        if !passed.iter().any(|other| near(&other)) {
            return Err(format!("a full bucket has refused at {millis}"));
        }
    }
    let mut figures = book.figures.borrow_mut();
    figures.limited_passed += passed.len() as u64;
    figures.throttled += lines.iter().filter(|(_, _, error)| throttled(error)).count() as u64;
    figures.quota_exceeded += lines.iter().filter(|(_, _, error)| error == "QUOTA_EXCEEDED").count() as u64;
    Ok(())
}

/// The line of the log, if it is one of the route.
pub(crate) fn line(fields: &[&str]) -> Option<(u64, u16, String)> {
    let [_, status, resource, _, _, error, millis] = fields else { return None };
    let is_limited = *resource == Route::Limited.resource();
    is_limited.then(|| (millis.parse().unwrap_or(0), status.parse().unwrap_or(0), (*error).to_owned()))
}
