//! The command line of `ringload stall`.

use std::fs;
use std::time::Duration;

use ringway_ring::probe::DriverChoice;

use crate::check::{BodyCheck, Check};
use crate::exit::{Exit, Refusal};
use crate::plan::quantity::parse_duration;
use crate::plan::{Overrides, Requests, Target, from_command_line};

/// Descriptors that are not connections: rings, timers, standard streams.
const OTHER_DESCRIPTORS: usize = 64;
/// Stalled requests. More: refused at the start.
const COUNT_MAX: usize = 1_000_000;
/// Answers of the healthy route that are kept, eight bytes each. More: refused at the start.
const HEALTHY_MAX: f64 = 20_000_000.0;

const EXAMPLES: &str = "\
Sends COUNT requests to routes whose backend stalls, and looks when each is answered. Phases say where the backend stands still:

  connect    it does not answer the connect           accept     it never accepts the connection
  head       it sends nothing                         mid-head   it stops within the head of its answer
  mid-body   it stops within the body                 drip       it sends a few bytes from time to time

Right is the expected answer, or a closed connection where the head was passed on already (mid-body always, drip either way):
never before --expect-after, and for 99.9 % at most --within later.

Example, with a gateway that passes /head on to a backend which stalls:
  ringload backend --listen 127.0.0.1:9000 --route /head=stall-after:0 --route '/mid-head=stall-after:20'
  ringload stall --url-head http://127.0.0.1:8080/head --url-mid-head http://127.0.0.1:8080/mid-head \\
      --phases head,mid-head --count 5000 --healthy http://127.0.0.1:8080/ok --healthy-rate 1000

Exit codes: 0 all is right, 1 it is not, 64 the command line is not valid, 68 host name not resolved, 69 target unreachable";

/// Requests that a backend never answers: when does the gateway give up on them, and what do the others feel of it?
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Where to send the requests of every phase that has no URL of its own
    #[arg(long)]
    url: Option<String>,
    #[arg(long, value_name = "URL", help = "Where to send those that stall at the connect")]
    url_connect: Option<String>,
    #[arg(long, value_name = "URL", help = "... before the accept")]
    url_accept: Option<String>,
    #[arg(long, value_name = "URL", help = "... before the head of the answer")]
    url_head: Option<String>,
    #[arg(long, value_name = "URL", help = "... within the head")]
    url_mid_head: Option<String>,
    #[arg(long, value_name = "URL", help = "... within the body")]
    url_mid_body: Option<String>,
    #[arg(long, value_name = "URL", help = "... whose answer drips")]
    url_drip: Option<String>,
    /// Phases that the requests are spread over
    #[arg(long, value_enum, value_delimiter = ',', default_value = "head")]
    phases: Vec<Phase>,
    /// Requests, each on a connection of its own
    #[arg(long, default_value_t = 5000)]
    count: usize,
    /// Time over which they are sent, evenly; 0s: all at once
    #[arg(long, default_value = "5s", value_parser = parse_duration)]
    over: Duration,
    /// Status of the answer to a request that stalled
    #[arg(long, default_value_t = 504)]
    expect_status: u16,
    /// Body of that answer, exactly; @FILE reads it from a file
    #[arg(long, value_name = "BODY")]
    expect_body: Option<String>,
    /// When the gateway gives up: no answer may come before
    #[arg(long, default_value = "29s", value_parser = parse_duration)]
    expect_after: Duration,
    /// How much later 99.9 % of the answers may be
    #[arg(long, default_value = "3ms", value_parser = parse_duration)]
    within: Duration,
    /// How long after --expect-after an answer is waited for
    #[arg(long, default_value = "5s", value_parser = parse_duration)]
    give_up: Duration,
    /// A route that is well: it takes steady load before and during the stall
    #[arg(long, value_name = "URL")]
    healthy: Option<String>,
    /// Requests per second to the healthy route
    #[arg(long, default_value_t = 1000.0, requires = "healthy")]
    healthy_rate: f64,
    /// Connections for them
    #[arg(long, default_value_t = 64, requires = "healthy")]
    healthy_connections: usize,
    /// How to talk to the kernel: auto, native, monoio or epoll
    #[arg(long, default_value = "auto")]
    driver: DriverChoice,
    /// Print one line of JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// Where the backend stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum)]
pub(super) enum Phase {
    /// The connect is not answered.
    Connect,
    /// The connection is not accepted.
    Accept,
    /// Nothing of the answer is sent.
    Head,
    /// A part of the answer's head is sent.
    MidHead,
    /// The head and a part of the body are sent.
    MidBody,
    /// A few bytes are sent from time to time.
    Drip,
}

impl Phase {
    /// As on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Phase::Connect => "connect",
            Phase::Accept => "accept",
            Phase::Head => "head",
            Phase::MidHead => "mid-head",
            Phase::MidBody => "mid-body",
            Phase::Drip => "drip",
        }
    }

    /// Whether an answer of the gateway's own is right.
    pub(super) fn may_be_answered(self) -> bool {
        self != Phase::MidBody
    }

    /// Whether a close within the backend's answer is right.
    pub(super) fn may_be_cut(self) -> bool {
        matches!(self, Phase::MidBody | Phase::Drip)
    }
}

/// The command line, checked.
#[derive(Debug)]
pub(super) struct Scenario {
    /// Phases with where their requests go.
    pub(super) phases: Vec<(Phase, Url)>,
    pub(super) count: usize,
    pub(super) over: Duration,
    pub(super) expected: Check,
    pub(super) after: Duration,
    pub(super) within: Duration,
    pub(super) give_up: Duration,
    pub(super) healthy: Option<Healthy>,
    pub(super) driver: DriverChoice,
    pub(super) json: bool,
}

/// A URL, and the request that is sent to it.
#[derive(Debug, Clone)]
pub(super) struct Url {
    pub(super) target: Target,
    pub(super) request: Vec<u8>,
}

/// The steady load.
#[derive(Debug, Clone)]
pub(super) struct Healthy {
    pub(super) url: Url,
    pub(super) rate: f64,
    pub(super) connections: usize,
}

impl Scenario {
    /// Nothing is resolved yet.
    pub(super) fn new(args: Args) -> Result<Self, Refusal> {
        Self::checked(args).map_err(|message| Refusal::new(Exit::Usage, message))
    }

    fn checked(args: Args) -> Result<Self, String> {
        check_numbers(&args)?;
        let mut phases = Vec::new();
        for phase in &args.phases {
            if phases.iter().any(|(known, _)| known == phase) {
                return Err(format!("--phases: {} is there twice", phase.name()));
            }
            let url = args.url_of(*phase).ok_or_else(|| {
                format!("the phase {} has no URL: give --url-{} or --url", phase.name(), phase.name())
            })?;
            phases.push((*phase, request_to(url)?));
        }
        let healthy = match &args.healthy {
            Some(url) => Some(Healthy {
                url: request_to(url)?,
                rate: args.healthy_rate,
                connections: args.healthy_connections,
            }),
            None => None,
        };
        let body = args.expect_body.as_deref().map(body).transpose()?;
        let expected = Check {
            statuses: vec![args.expect_status],
            body: body.map(BodyCheck::Exact),
            ..Check::default()
        };
        Ok(Scenario {
            phases,
            count: args.count,
            over: args.over,
            expected,
            after: args.expect_after,
            within: args.within,
            give_up: args.give_up,
            healthy,
            driver: args.driver,
            json: args.json,
        })
    }

    /// How long the stall lasts, and how long the healthy route is looked at without it.
    pub(super) fn window(&self) -> Duration {
        self.over + self.after
    }
}

impl Args {
    fn url_of(&self, phase: Phase) -> Option<&str> {
        let own = match phase {
            Phase::Connect => &self.url_connect,
            Phase::Accept => &self.url_accept,
            Phase::Head => &self.url_head,
            Phase::MidHead => &self.url_mid_head,
            Phase::MidBody => &self.url_mid_body,
            Phase::Drip => &self.url_drip,
        };
        own.as_deref().or(self.url.as_deref())
    }
}

fn check_numbers(args: &Args) -> Result<(), String> {
    if args.count == 0 || args.count > COUNT_MAX {
        return Err(format!("--count: from 1 to {COUNT_MAX}"));
    }
    let mut connections = args.count;
    if args.healthy.is_some() {
        let kept = args.healthy_rate * 2.0 * (args.over + args.expect_after + args.give_up).as_secs_f64();
        // Also refuses what is no number.
        if !(args.healthy_rate > 0.0 && kept <= HEALTHY_MAX) {
            return Err(format!(
                "--healthy-rate {}: above 0, and at most {HEALTHY_MAX} requests in all",
                args.healthy_rate
            ));
        }
        if args.healthy_connections == 0 {
            return Err("--healthy-connections: at least 1".to_owned());
        }
        connections += args.healthy_connections;
    }
    let allowed = descriptors();
    match connections.saturating_add(OTHER_DESCRIPTORS) > allowed {
        true => Err(format!(
            "{connections} connections need more than the {allowed} descriptors that this process may have: lower --count, or raise \
             the limit (`ulimit -n`)"
        )),
        false => Ok(()),
    }
}

/// The soft limit on descriptors.
fn descriptors() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap_or_default();
    // "unlimited" is no number.
    line.split_whitespace().next().and_then(|soft| soft.parse().ok()).unwrap_or(usize::MAX)
}

fn request_to(url: &str) -> Result<Url, String> {
    let plan = from_command_line(url, &Overrides::default())
        .map_err(|issues| issues.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    let Requests::Mix(requests) = &plan.requests else { return Err(format!("{url}: no request")) };
    let request = requests.first().and_then(|request| request.message.fixed());
    let request = request.ok_or_else(|| format!("{url}: fields to fill in make no sense here"))?.to_vec();
    Ok(Url { target: plan.target, request })
}

fn body(text: &str) -> Result<Vec<u8>, String> {
    match text.strip_prefix('@') {
        Some(path) => fs::read(path).map_err(|error| format!("--expect-body {text}: {error}")),
        None => Ok(text.as_bytes().to_vec()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    pub(in crate::stall) fn scenario(words: &[&str]) -> Result<Scenario, String> {
        let line = Line::try_parse_from([&["stall"], words].concat()).map_err(|error| error.to_string())?;
        Scenario::new(line.args).map_err(|refusal| refusal.message)
    }

    #[test]
    fn phases_have_urls() {
        let words =
            ["--url", "http://127.0.0.1:1/a", "--url-drip", "http://127.0.0.1:2/b", "--phases", "head,drip"];
        let scenario = scenario(&words).unwrap();
        let ports: Vec<u16> = scenario.phases.iter().map(|(_, url)| url.target.port).collect();
        assert_eq!(ports, [1, 2]);
        assert!(scenario.phases[1].1.request.starts_with(b"GET /b HTTP/1.1\r\n"));
        assert_eq!(scenario.window(), Duration::from_secs(34));
    }

    #[test]
    fn what_is_wrong_is_refused_with_help() {
        for (words, what) in [
            (&[][..], "--url-head or --url"),
            (&["--url", "http://127.0.0.1:1", "--phases", "head,head"], "head is there twice"),
            (&["--url", "http://127.0.0.1:1", "--phases", "tail"], "possible values"),
            (&["--url", "https://a"], "TLS"),
            (&["--url", "http://127.0.0.1:1", "--count", "900000"], "ulimit -n"),
            (&["--url", "http://127.0.0.1:1", "--count", "0"], "--count: from 1"),
            (
                &["--url", "http://127.0.0.1:1", "--healthy", "http://127.0.0.1:1", "--healthy-rate", "0"],
                "above 0",
            ),
            (&["--url", "http://127.0.0.1:1", "--expect-body", "@/no/such"], "/no/such"),
        ] {
            let error = scenario(words).unwrap_err();
            assert!(error.contains(what), "{words:?}: {error}");
        }
    }
}
