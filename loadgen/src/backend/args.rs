//! The command line of `ringload backend`.

use std::net::SocketAddr;
use std::sync::Arc;

use ringway_core::http1::HeadLimits;
use ringway_ring::probe::DriverChoice;

use super::answer::Rendered;
use super::behavior::{self, Behavior, Body, Drip, ErrorShare, ROUTES_MAX, Reset, Route};
use super::delay::Delay;
use super::freeze::{Freeze, FreezeTimes};

/// Bytes of a request body. More: 413, close. Bodies are dropped as they are read, so this bounds time and not memory.
const REQUEST_BODY_BYTES_MAX: u64 = 1 << 30;
/// Header lines that are added to each answer. More: refused at the start.
const HEADERS_MAX: usize = 64;
/// Threads. More: refused at the start.
const THREADS_MAX: usize = 256;

const EXAMPLES: &str = "\
Routes:
  --route PATH=KEY:VALUE,... gives a path a behavior of its own; /prefix/* stands for all below it. The first that matches
  counts. Keys: delay, status, body-bytes, body-file, chunked, echo, error-share, drip, stall-after, reset-after, reset-share.
  A route has only what it says: the options above are for all other paths. --header and --close-after hold for routes too.

Delays:
  none, fixed:5ms, uniform:1ms..9ms, exp:5ms (its mean), lognormal:5ms:0.5 (median and sigma), file:PATH (one a line)

Examples:
  ringload backend --listen 127.0.0.1:9000
  ringload backend --listen 127.0.0.1:9000 --delay lognormal:5ms:0.5 --freeze 9s,2s
  ringload backend --listen 127.0.0.1:9000 --route /slow=delay:fixed:100ms --route /stalled=stall-after:0

Prints `listening on ADDRESS` when it is ready. SIGTERM or Ctrl-C ends it, and it prints its counters as one line of JSON.";

/// A fast upstream that behaves as it is told: slow, broken, frozen.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:9000")]
    listen: SocketAddr,
    /// Threads, each with a listener of its own [default: one for each CPU]
    #[arg(long)]
    threads: Option<usize>,
    /// How to talk to the kernel: auto, native, monoio or epoll
    #[arg(long, default_value = "auto")]
    driver: DriverChoice,
    /// Status of the answers
    #[arg(long, default_value = "200", value_parser = behavior::status)]
    status: u16,
    /// Bytes of their body
    #[arg(long, default_value_t = 128, conflicts_with_all = ["body_file", "echo"])]
    body_bytes: usize,
    /// File that is their body
    #[arg(long, value_name = "FILE", conflicts_with = "echo")]
    body_file: Option<String>,
    /// Answer with the body of the request or, if it has none, with a JSON description of it
    #[arg(long)]
    echo: bool,
    /// Send the body in chunks
    #[arg(long)]
    chunked: bool,
    /// Header line of every answer, as "Name: value" (repeat for more)
    #[arg(long, value_name = "LINE")]
    header: Vec<String>,
    /// Time from the arrival of a request to its answer
    #[arg(long, default_value = "none")]
    delay: Delay,
    /// Share of the answers that are errors, such as 0.01:503
    #[arg(long, value_name = "SHARE:STATUS")]
    error_share: Option<ErrorShare>,
    /// Send the answer so many bytes at a time, such as 1/1s
    #[arg(long, value_name = "BYTES/INTERVAL")]
    drip: Option<Drip>,
    /// Stand still after so many bytes of the answer, head included; 0: before the head
    #[arg(long, value_name = "BYTES")]
    stall_after: Option<u64>,
    /// Reset the connection after so many bytes of the answer
    #[arg(long, value_name = "BYTES")]
    reset_after: Option<u64>,
    /// Share of the requests that are reset [default: 1 with --reset-after]
    #[arg(long, value_name = "SHARE", value_parser = behavior::share)]
    reset_share: Option<f64>,
    /// Never accept a connection: the kernel completes handshakes until the backlog is full
    #[arg(long)]
    stall_accept: bool,
    /// Accept connections and never read from them
    #[arg(long, conflicts_with = "stall_accept")]
    stall_read: bool,
    /// Connections that may wait to be accepted
    #[arg(long, default_value_t = 4096)]
    backlog: u32,
    /// Close a connection after so many requests
    #[arg(long, value_name = "REQUESTS")]
    close_after: Option<u64>,
    /// Stand still at a time after the first request, for a time, such as 9s,2s: answers due in between go out at its end
    #[arg(long, value_name = "AT,FOR")]
    freeze: Option<FreezeTimes>,
    /// Behavior of one path
    #[arg(long, value_name = "PATH=KEY:VALUE,...")]
    route: Vec<Route>,
    /// Connections of a thread; further ones are closed at once and counted
    #[arg(long, default_value_t = 16_384)]
    connections_max: usize,
    /// Seed of everything that is left to chance
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What becomes of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accepting {
    Serves,
    NeverAccepts,
    NeverReads,
}

/// The command line, checked, and its answers rendered. Shared by all threads.
pub(super) struct Setup {
    pub(super) listen: SocketAddr,
    pub(super) threads: Option<usize>,
    pub(super) driver: DriverChoice,
    pub(super) accepting: Accepting,
    pub(super) backlog: u32,
    pub(super) close_after: Option<u64>,
    pub(super) connections_max: usize,
    pub(super) seed: u64,
    pub(super) freeze: Option<Freeze>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) limits: HeadLimits,
    routes: Vec<Route>,
    default: Behavior,
    tells_time: bool,
    /// Of the routes in their order, then of all other paths.
    rendered: Vec<Rendered>,
}

impl Setup {
    pub(super) fn new(args: Args) -> Result<Arc<Self>, String> {
        if args.route.len() > ROUTES_MAX {
            return Err(format!("--route: {} are too many, {ROUTES_MAX} at most", args.route.len()));
        }
        if args.threads.is_some_and(|threads| !(1..=THREADS_MAX).contains(&threads)) {
            return Err(format!("--threads: from 1 to {THREADS_MAX}"));
        }
        if args.close_after == Some(0) {
            return Err("--close-after: at least 1 request".to_owned());
        }
        let headers = headers(&args.header)?;
        let default = default_behavior(&args)?;
        let behaviors = || args.route.iter().map(|route| &route.behavior).chain([&default]);
        let tells_time = args.freeze.is_some() || behaviors().any(|behavior| behavior.delay != Delay::None);
        let rendered = behaviors().map(|behavior| Rendered::new(behavior, &headers)).collect();
        Ok(Arc::new(Setup {
            listen: args.listen,
            threads: args.threads,
            driver: args.driver,
            accepting: match (args.stall_accept, args.stall_read) {
                (true, _) => Accepting::NeverAccepts,
                (_, true) => Accepting::NeverReads,
                _ => Accepting::Serves,
            },
            backlog: args.backlog,
            close_after: args.close_after,
            connections_max: args.connections_max,
            seed: args.seed,
            freeze: args.freeze.map(Freeze::new),
            headers,
            limits: HeadLimits { body_bytes_max: REQUEST_BODY_BYTES_MAX, ..HeadLimits::default() },
            routes: args.route,
            default,
            tells_time,
            rendered,
        }))
    }

    /// Which behavior a path has: an index for [`Setup::behavior`].
    pub(super) fn choose(&self, path: &[u8]) -> usize {
        self.routes.iter().position(|route| route.matches(path)).unwrap_or(self.routes.len())
    }

    pub(super) fn behavior(&self, index: usize) -> (&Behavior, &Rendered) {
        (self.routes.get(index).map_or(&self.default, |route| &route.behavior), &self.rendered[index])
    }

    /// Whether the time at which a request comes matters to its answer.
    pub(super) fn tells_time(&self) -> bool {
        self.tells_time
    }

    /// Whether equal requests may be answered by equal bytes without looking at anything else.
    pub(super) fn allows_fast_path(&self) -> bool {
        self.freeze.is_none() && self.close_after.is_none()
    }
}

fn default_behavior(args: &Args) -> Result<Behavior, String> {
    let reset = match (args.reset_share, args.reset_after) {
        (None, None) => None,
        (share, after) => Some(Reset { share: share.unwrap_or(1.0), after: after.unwrap_or(0) }),
    };
    let behavior = Behavior {
        delay: args.delay.clone(),
        status: args.status,
        body: match &args.body_file {
            _ if args.echo => Body::Echo,
            Some(path) => behavior::file(path).map_err(|error| format!("--body-file: {error}"))?,
            None => behavior::pattern(args.body_bytes).map_err(|error| format!("--body-bytes: {error}"))?,
        },
        chunked: args.chunked,
        stall_after: args.stall_after,
        reset,
        drip: args.drip,
        errors: args.error_share,
    };
    behavior.check()?;
    Ok(behavior)
}

/// `Name: value` lines, taken apart. Fields that the backend frames its answers with are its own.
fn headers(lines: &[String]) -> Result<Vec<(String, String)>, String> {
    if lines.len() > HEADERS_MAX {
        return Err(format!("--header: {} are too many, {HEADERS_MAX} at most", lines.len()));
    }
    lines.iter().map(|line| header(line).map_err(|error| format!("--header `{line}`: {error}"))).collect()
}

fn header(line: &str) -> Result<(String, String), &'static str> {
    let (name, value) = line.split_once(':').ok_or("write it as `Name: value`")?;
    let value = value.trim();
    let is_tchar = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(is_tchar) {
        return Err("a name has letters, digits and !#$%&'*+-.^_`|~ (RFC 9110 section 5.6.2)");
    }
    if value.chars().any(char::is_control) {
        return Err("a value has no control characters");
    }
    if ["content-length", "transfer-encoding", "connection"].contains(&name.to_ascii_lowercase().as_str()) {
        return Err("the backend sets it itself: see --body-bytes, --chunked and --close-after");
    }
    Ok((name.to_owned(), value.to_owned()))
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

    /// The setup of a command line.
    pub(in crate::backend) fn setup(words: &[&str]) -> Result<Arc<Setup>, String> {
        let line = Line::try_parse_from([&["backend"], words].concat()).map_err(|error| error.to_string())?;
        Setup::new(line.args)
    }

    #[test]
    fn routes_are_chosen_in_their_order() {
        let setup =
            setup(&["--route", "/a=status:201", "--route", "/a*=status:202", "--status", "203"]).unwrap();
        let status = |path: &str| setup.behavior(setup.choose(path.as_bytes())).0.status;
        assert_eq!((status("/a"), status("/ab"), status("/b")), (201, 202, 203));
    }

    #[test]
    fn what_is_wrong_is_refused_with_its_place() {
        for (words, what) in [
            (&["--delay", "5ms"][..], "no delay"),
            (&["--header", "no colon"], "--header `no colon`: write it as"),
            (&["--header", "Content-Length: 3"], "--body-bytes"),
            (&["--header", "A B: 3"], "a name has letters"),
            (&["--body-bytes", "99999999999"], "--body-bytes: a body of"),
            (&["--body-file", "/no/such"], "--body-file: /no/such"),
            (&["--echo", "--body-file", "x"], "cannot be used with"),
            (&["--stall-after", "1", "--reset-after", "1"], "not both"),
            (&["--driver", "kqueue"], "unknown driver"),
            (&["--threads", "0"], "--threads: from 1"),
            (&["--close-after", "0"], "--close-after"),
            (&["--reset-share", "1.5"], "between 0 and 1"),
            (&["--route", "/x=y"], "there are delay"),
        ] {
            let Err(error) = setup(words) else { panic!("{words:?} was taken") };
            assert!(error.contains(what), "{words:?}: {error}");
        }
    }
}
