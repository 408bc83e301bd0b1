//! Everything of a plan but its requests: read from the file, overridden by the command line, checked in one place.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::issue::{Issues, Place, quoted};
use super::message::{Common, Draft, check_header_name, header_value};
use super::quantity::{DURATION_MAX, check_profile, check_rate};
use super::reader::{Item, Placed, Table};
use super::{Arrivals, Load, Overrides, Plan, PlanIssue, Rate, Requests, Segment, Target, Timeouts, url};

/// Most connections over all threads.
const CONNECTIONS_MAX: u64 = 1_000_000;
/// Most requests sent ahead of their answers on a connection.
const PIPELINE_MAX: u64 = 1_024;
/// Most threads.
const THREADS_MAX: u64 = 1_024;
/// Fastest and slowest replay.
const SPEED: RangeInclusive<f64> = 0.0001..=1_000_000.0;

/// How long to measure where nobody says it.
const DURATION_DEFAULT: Duration = Duration::from_secs(10);
const CONNECTIONS_DEFAULT: u64 = 64;
/// Fixed, so that two runs of a plan send the same requests.
const SEED_DEFAULT: u64 = 1;

/// What is sent, before the target is known.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) drafts: Drafts,
    /// For [`Plan::notes`].
    pub(super) notes: Vec<String>,
}

#[derive(Debug)]
pub(super) enum Drafts {
    Mix(Vec<Draft>),
    /// Each with its time since the first.
    Replay(Vec<(Duration, Draft)>),
}

/// What a file or the command line says, each with its place. Nothing is checked yet.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) target: Option<Placed<String>>,
    duration: Option<Placed<Duration>>,
    warmup: Option<Placed<Duration>>,
    requests_max: Option<Placed<u64>>,
    rate: Option<Placed<Rate>>,
    arrivals: Option<Placed<Arrivals>>,
    pub(super) speed: Option<Placed<f64>>,
    connections: Option<Placed<u64>>,
    pipeline: Option<Placed<u64>>,
    requests_per_connection: Option<Placed<u64>>,
    threads: Option<Placed<u64>>,
    seed: Option<Placed<u64>>,
    connect_timeout: Option<Placed<Duration>>,
    request_timeout: Option<Placed<Duration>>,
    stall: Option<Placed<Duration>>,
}

fn any(item: Item<'_>) -> Result<u64, PlanIssue> {
    item.integer(0..=u64::MAX)
}

impl Settings {
    /// Reads the keys of a plan file that are not requests.
    pub(super) fn read(table: &mut Table<'_>, issues: &mut Issues) -> Self {
        let mut settings = Settings {
            target: table.read_placed("target", issues, Item::string),
            duration: table.read_placed("duration", issues, Item::duration),
            warmup: table.read_placed("warmup", issues, Item::duration),
            requests_max: table.read_placed("requests_max", issues, any),
            rate: table.read_placed("rate", issues, rate),
            arrivals: table.read_placed("arrivals", issues, arrivals),
            connections: table.read_placed("connections", issues, any),
            pipeline: table.read_placed("pipeline", issues, any),
            requests_per_connection: table.read_placed("requests_per_connection", issues, any),
            threads: table.read_placed("threads", issues, any),
            seed: table.read_placed("seed", issues, any),
            ..Settings::default()
        };
        if let Some(mut timeouts) = table.read("timeouts", issues, Item::table) {
            settings.connect_timeout = timeouts.read_placed("connect", issues, Item::duration);
            settings.request_timeout = timeouts.read_placed("request", issues, Item::duration);
            settings.stall = timeouts.read_placed("stall", issues, Item::duration);
            timeouts.finish(issues);
        }
        settings
    }

    /// What the command line says.
    pub(super) fn of(overrides: &Overrides) -> Self {
        fn placed<T>(value: Option<T>, option: &str) -> Option<Placed<T>> {
            value.map(|value| Placed { value, place: Place::command_line(option) })
        }
        let number = |value: Option<usize>| value.map(|value| value as u64);
        Settings {
            target: placed(overrides.target.clone(), "--url"),
            duration: placed(overrides.duration, "--duration"),
            warmup: placed(overrides.warmup, "--warmup"),
            requests_max: placed(overrides.requests_max, "--requests"),
            rate: placed(overrides.rate.clone(), "--rate"),
            arrivals: placed(overrides.arrivals, "--poisson"),
            speed: placed(overrides.speed, "--speed"),
            connections: placed(number(overrides.connections), "--connections"),
            pipeline: placed(number(overrides.pipeline), "--pipeline"),
            requests_per_connection: placed(overrides.requests_per_connection, "--churn"),
            threads: placed(number(overrides.threads), "--threads"),
            seed: placed(overrides.seed, "--seed"),
            connect_timeout: placed(overrides.connect_timeout, "--connect-timeout"),
            request_timeout: placed(overrides.request_timeout, "--timeout"),
            stall: placed(overrides.stall, "--stall"),
        }
    }

    /// These, and what the weaker ones say where these say nothing.
    pub(super) fn or(self, weaker: Settings) -> Self {
        Settings {
            target: self.target.or(weaker.target),
            duration: self.duration.or(weaker.duration),
            warmup: self.warmup.or(weaker.warmup),
            requests_max: self.requests_max.or(weaker.requests_max),
            rate: self.rate.or(weaker.rate),
            arrivals: self.arrivals.or(weaker.arrivals),
            speed: self.speed.or(weaker.speed),
            connections: self.connections.or(weaker.connections),
            pipeline: self.pipeline.or(weaker.pipeline),
            requests_per_connection: self.requests_per_connection.or(weaker.requests_per_connection),
            threads: self.threads.or(weaker.threads),
            seed: self.seed.or(weaker.seed),
            connect_timeout: self.connect_timeout.or(weaker.connect_timeout),
            request_timeout: self.request_timeout.or(weaker.request_timeout),
            stall: self.stall.or(weaker.stall),
        }
    }

    /// The plan, or everything that is wrong with it.
    pub(super) fn into_plan(
        self,
        content: Content,
        defaults: Vec<super::message::Header>,
        overrides: &Overrides,
        whole: &Place,
    ) -> Result<Plan, Vec<PlanIssue>> {
        let mut issues = Issues::default();
        let target = self.target(whole, &mut issues);
        let cli_headers = command_line_headers(overrides, &mut issues);
        let is_replay = matches!(content.drafts, Drafts::Replay(_));
        let (load, duration) = self.load(is_replay, &mut issues);
        let connections = within(&self.connections, 1..=CONNECTIONS_MAX, CONNECTIONS_DEFAULT, &mut issues);
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
        let threads =
            within(&self.threads, 1..=THREADS_MAX, cores.min(connections).min(THREADS_MAX), &mut issues);
        if let Some(placed) = self.threads.as_ref().filter(|_| threads > connections) {
            let message =
                format!("{threads} threads for {connections} connections; a thread needs one at least");
            issues.push(placed.place.issue(message));
        }
        let pipeline = within(&self.pipeline, 1..=PIPELINE_MAX, 1, &mut issues);
        let churn = self.requests_per_connection.is_some();
        let per_connection = within(&self.requests_per_connection, 1..=u64::MAX, 1, &mut issues);
        let requests_max = within(&self.requests_max, 1..=u64::MAX, 1, &mut issues);
        let timeouts = self.timeouts(&mut issues);
        for status in overrides.expect_statuses.iter().filter(|status| !(100..=599).contains(*status)) {
            let place = Place::command_line("--expect-status");
            issues.push(place.issue(format!("{status} is no status; they are 100 to 599")));
        }
        let (Some(target), true) = (target, issues.is_empty()) else { return Err(issues.into_list()) };
        let mut common = Common::new(&target.authority);
        common.defaults = defaults;
        common.overrides = cli_headers;
        common.statuses.clone_from(&overrides.expect_statuses);
        Ok(Plan {
            target,
            load,
            duration,
            warmup: self.warmup.map_or(Duration::ZERO, |placed| placed.value),
            requests_max: self.requests_max.is_some().then_some(requests_max),
            connections: connections as usize,
            pipeline: pipeline as usize,
            requests_per_connection: churn.then_some(per_connection),
            requests: requests(content.drafts, &common),
            timeouts,
            threads: threads as usize,
            seed: self.seed.map_or(SEED_DEFAULT, |placed| placed.value),
            notes: content.notes,
        })
    }

    fn target(&self, whole: &Place, issues: &mut Issues) -> Option<Target> {
        let Some(Placed { value, place }) = &self.target else {
            let issue = whole.issue("there is no target");
            issues.push(
                issue.help(
                    "say where to send: `target = \"http://host:port\"`, or `--url` on the command line",
                ),
            );
            return None;
        };
        let (target, path) = issues.keep(url::parse(value).map_err(|message| place.issue(message)))?;
        if path == "/" {
            return Some(target);
        }
        let issue = place.issue(format!("a target has no path, and this one has {}", quoted(&path)));
        issues.push(issue.help("paths belong to the requests; an OpenAPI document has `base_path` for it"));
        None
    }

    /// How fast, and how long.
    fn load(&self, is_replay: bool, issues: &mut Issues) -> (Load, Option<Duration>) {
        for placed in [&self.duration, &self.warmup].into_iter().flatten().filter(|p| p.value > DURATION_MAX)
        {
            issues.push(placed.place.issue("too long; 30 days (720h) is the most"));
        }
        if let Some(placed) = self.duration.as_ref().filter(|placed| placed.value.is_zero()) {
            issues.push(placed.place.issue("a duration of 0s measures nothing"));
        }
        let duration = self.duration.as_ref().map(|placed| placed.value);
        if is_replay {
            return (self.replay(issues), duration);
        }
        if let Some(placed) = &self.speed {
            issues.push(placed.place.issue("only a replay has a speed").help("a mix has a `rate`"));
        }
        let arrivals = self.arrivals.as_ref().map_or(Arrivals::Uniform, |placed| placed.value);
        let ends = self.requests_max.is_some();
        match self.rate.as_ref().map(|placed| (&placed.value, &placed.place)) {
            None => {
                if let Some(placed) = &self.arrivals {
                    let issue =
                        placed.place.issue("arrivals without a rate: a closed loop sends when answers come");
                    issues.push(issue.help("give a `rate`"));
                }
                (Load::Closed, duration.or((!ends).then_some(DURATION_DEFAULT)))
            }
            Some((Rate::Constant(rate), place)) => {
                issues.keep(check_rate(*rate).map_err(|message| place.issue(message)));
                if *rate == 0.0 {
                    issues.push(place.issue("a rate of 0 sends nothing"));
                }
                let duration = duration.or((!ends).then_some(DURATION_DEFAULT));
                let lasting = duration.unwrap_or(DURATION_MAX);
                let profile = vec![Segment { duration: lasting, from: *rate, to: *rate }];
                (Load::Open { profile, arrivals }, duration)
            }
            Some((Rate::Profile(profile), place)) => {
                issues.keep(check_profile(profile).map_err(|message| place.issue(message)));
                let sum: Duration = profile
                    .iter()
                    .map(|segment| segment.duration)
                    .fold(Duration::ZERO, Duration::saturating_add);
                if let Some(placed) = self.duration.as_ref().filter(|placed| placed.value != sum) {
                    let message = format!(
                        "the duration is {:?}, but the segments of the rate last {sum:?}",
                        placed.value
                    );
                    issues.push(
                        placed.place.issue(message).help("leave the duration out: the segments say it"),
                    );
                }
                (Load::Open { profile: profile.clone(), arrivals }, Some(sum))
            }
        }
    }

    fn replay(&self, issues: &mut Issues) -> Load {
        let places = [
            ("rate", self.rate.as_ref().map(|placed| &placed.place)),
            ("arrivals", self.arrivals.as_ref().map(|placed| &placed.place)),
            ("warmup", self.warmup.as_ref().map(|placed| &placed.place)),
        ];
        for (key, place) in places.into_iter().filter_map(|(key, place)| Some((key, place?))) {
            let issue =
                place.issue(format!("a replay has no `{key}`: its requests are due when they were recorded"));
            issues.push(issue.help("`speed` makes it faster or slower"));
        }
        let speed = self.speed.as_ref().map_or(1.0, |placed| placed.value);
        if let Some(placed) = self.speed.as_ref().filter(|_| !SPEED.contains(&speed)) {
            issues.push(placed.place.issue(format!("the speed {speed} is not within 0.0001 and 1,000,000")));
        }
        Load::Replay { speed }
    }

    fn timeouts(&self, issues: &mut Issues) -> Timeouts {
        let mut given = |placed: &Option<Placed<Duration>>| {
            let Placed { value, place } = placed.as_ref()?;
            if value.is_zero() || *value > DURATION_MAX {
                issues.push(place.issue("a timeout is longer than 0s and at most 720h"));
            }
            Some(*value)
        };
        let default = Timeouts::default();
        Timeouts {
            connect: given(&self.connect_timeout).unwrap_or(default.connect),
            request: given(&self.request_timeout).unwrap_or(default.request),
            stall: given(&self.stall).or(default.stall),
        }
    }
}

/// A number within its limits, or the default where none is given.
fn within(
    placed: &Option<Placed<u64>>,
    range: RangeInclusive<u64>,
    default: u64,
    issues: &mut Issues,
) -> u64 {
    let Some(Placed { value, place }) = placed else { return default };
    if !range.contains(value) {
        let most =
            if *range.end() == u64::MAX { String::new() } else { format!(" and at most {}", range.end()) };
        issues.push(place.issue(format!("{value} is not valid: at least {}{most}", range.start())));
    }
    *value
}

fn command_line_headers(overrides: &Overrides, issues: &mut Issues) -> Vec<super::message::Header> {
    let place = Place::command_line("--header");
    let header = |(name, value): &(String, String)| {
        let checked = check_header_name(name).and_then(|()| header_value(value, true));
        issues.keep(checked.map_err(|message| place.issue(message))).map(|value| (name.clone(), value))
    };
    overrides.headers.iter().filter_map(header).collect()
}

fn requests(drafts: Drafts, common: &Common) -> Requests {
    match drafts {
        Drafts::Mix(drafts) => {
            Requests::Mix(drafts.into_iter().map(|draft| draft.into_request(common)).collect())
        }
        Drafts::Replay(drafts) => Requests::Replay(
            drafts.into_iter().map(|(time, draft)| (time, draft.into_request(common))).collect(),
        ),
    }
}

fn arrivals(item: Item<'_>) -> Result<Arrivals, PlanIssue> {
    let place = item.place.clone();
    match item.string()?.as_str() {
        "uniform" => Ok(Arrivals::Uniform),
        "poisson" => Ok(Arrivals::Poisson),
        other => Err(place
            .issue(format!("{} is no kind of arrivals; there are `uniform` and `poisson`", quoted(other)))),
    }
}

/// A number, or a list of `{ duration, from, to }`.
fn rate(item: Item<'_>) -> Result<Rate, PlanIssue> {
    if item.is_number() {
        return item.number().map(Rate::Constant);
    }
    if !item.is_list() {
        let message = "expected requests per second, or a list of segments `{ duration = \"30s\", from = 100, to = 1000 }`";
        return Err(item.place.issue(message));
    }
    item.list()?.into_iter().map(segment).collect::<Result<_, _>>().map(Rate::Profile)
}

fn segment(item: Item<'_>) -> Result<Segment, PlanIssue> {
    let mut table = item.table()?;
    let place = table.place.clone();
    let mut issues = Issues::default();
    let mut rate = |key, issues: &mut Issues| {
        table.read(key, issues, |item| {
            let place = item.place.clone();
            check_rate(item.number()?).map_err(|message| place.issue(message))
        })
    };
    let (from, to) = (rate("from", &mut issues), rate("to", &mut issues));
    let duration = table.read("duration", &mut issues, Item::duration);
    table.finish(&mut issues);
    if let Some(issue) = issues.into_list().into_iter().next() {
        return Err(issue);
    }
    match (duration, from) {
        (Some(duration), Some(from)) => Ok(Segment { duration, from, to: to.unwrap_or(from) }),
        _ => Err(place.issue("a segment needs `duration` and `from`; without `to` the rate stays")),
    }
}
