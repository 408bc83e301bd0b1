//! The threads of a run: started together, listened to, and ended together.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ringway_ring::mailbox::{MailboxSender, mailbox};
use ringway_ring::net::Runtime;
use ringway_ring::start::{CoreMain, Driver, RunOptions, run_on_core, run_with_fallback};

use crate::exit::{Exit, Refusal};
use crate::plan::{Load, Plan};
use crate::record::Nanos;
use crate::report::Second;
use crate::report::build::SeriesBuilder;
use crate::report::live::Live;
use crate::schedule::{Shard, replay_times};
use crate::stop::Interrupts;
use crate::worker::{Groups, News, Order, WorkerHost, WorkerOutcome, run_worker};
use crate::{cores, host};

/// News of a thread that may wait for the collector; it tells about once a second.
const NEWS_PER_THREAD: usize = 16;
/// Orders to a thread that may wait; there are three in its life.
const ORDERS: usize = 8;
/// How often the collector looks for Ctrl-C and redraws.
const LOOK: Duration = Duration::from_millis(200);
/// From the order to start to the start: the threads need that long to hear it.
const START_DELAY: Nanos = 5_000_000;

/// What all threads of a run have measured.
pub(crate) struct Finished {
    /// One entry per thread.
    pub(crate) outcomes: Vec<WorkerOutcome>,
    pub(crate) series: Vec<Second>,
    /// For the report.
    pub(crate) notes: Vec<String>,
    /// Whether a signal has ended it.
    pub(crate) interrupted: bool,
}

type Ended = io::Result<Option<WorkerOutcome>>;

/// The threads, before their start.
pub(crate) struct Team {
    threads: Vec<JoinHandle<Ended>>,
    orders: Vec<MailboxSender<Order>>,
    news: Receiver<News>,
}

impl Team {
    /// Starts the threads; they open their connections and wait.
    pub(crate) fn start(
        plan: Arc<Plan>,
        target: SocketAddr,
        driver: Driver,
        unpaced: bool,
        fallback: bool,
    ) -> Result<Team, Refusal> {
        let (groups, replay) = (Arc::new(Groups::new(&plan.requests)), replay_times(&plan));
        let (sender, news) = sync_channel(NEWS_PER_THREAD * plan.threads);
        let mut team = Team { threads: Vec::new(), orders: Vec::new(), news };
        for (index, options) in cores::options(driver, Some(plan.threads), unpaced).into_iter().enumerate() {
            let (orders, mailbox) = mailbox(ORDERS);
            let host = WorkerHost {
                duration: plan.duration.filter(|_| !matches!(plan.load, Load::Replay { .. })),
                shard: Shard { index, of: plan.threads },
                plan: plan.clone(),
                groups: groups.clone(),
                replay_times: replay.clone(),
                target,
                orders: mailbox,
                news: sender.clone(),
                usage: host::usage,
            };
            let thread = thread::Builder::new()
                .name(format!("ringload-{index}"))
                .spawn(move || run_thread(host, &options, fallback))
                .map_err(|error| Refusal::new(Exit::Unavailable, format!("thread {index}: {error}")))?;
            team.threads.push(thread);
            team.orders.push(orders);
        }
        Ok(team)
    }

    fn order(&self, order: Order) {
        for orders in &self.orders {
            // A thread that has ended needs no order.
            let _ = orders.try_send(order);
        }
    }

    /// Starts the run, and listens until all threads have ended.
    pub(crate) fn run(self, interrupts: &mut Interrupts, live: &mut Live) -> Result<Finished, Refusal> {
        let mut series = SeriesBuilder::new(self.threads.len());
        let mut ready: Vec<Nanos> = Vec::new();
        let mut signals = 0;
        loop {
            match self.news.recv_timeout(LOOK) {
                Ok(News::Ready(now)) => {
                    ready.push(now);
                    if ready.len() == self.threads.len() {
                        let latest = ready.iter().max().copied().unwrap_or(0);
                        self.order(Order::Start(latest + START_DELAY));
                    }
                }
                Ok(News::Second(interval)) => {
                    series.add(interval).iter().for_each(|second| live.second(second))
                }
                Err(RecvTimeoutError::Timeout) => live.tick(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            match interrupts.take() {
                0 => {}
                more => {
                    signals += more;
                    self.order(if signals == 1 { Order::Stop } else { Order::Abort });
                }
            }
        }
        let mut outcomes = Vec::new();
        for thread in self.threads {
            outcomes.extend(ended(thread)?);
        }
        if outcomes.is_empty() {
            return Err(Refusal::new(Exit::Interrupted, "ended by a signal before the run began"));
        }
        let (series, mut notes) = series.finish();
        let lost: u64 = outcomes.iter().map(|outcome| outcome.lost_news).sum();
        if lost > 0 {
            notes.push(format!("{lost} seconds of threads are missing in the series; the totals have them"));
        }
        Ok(Finished { outcomes, series, notes, interrupted: signals > 0 })
    }
}

fn ended(thread: JoinHandle<Ended>) -> Result<Option<WorkerOutcome>, Refusal> {
    let refuse = |why: String| Refusal::new(Exit::Software, format!("a generator thread has ended: {why}"));
    match thread.join() {
        Ok(Ok(outcome)) => Ok(outcome),
        Ok(Err(error)) => Err(refuse(error.to_string())),
        Err(_) => Err(refuse("it panicked".into())),
    }
}

/// One thread's share as what a core does.
struct Share(WorkerHost);

impl CoreMain for Share {
    type Output = Ended;

    async fn run<R: Runtime>(self, runtime: R) -> Ended {
        run_worker(runtime, self.0).await
    }
}

/// Runs one thread's share on a driver of its own.
fn run_thread(host: WorkerHost, options: &RunOptions, fallback: bool) -> Ended {
    let index = host.shard.index;
    match fallback {
        true => run_with_fallback(options, Share(host), |error| {
            eprintln!("ringload: thread {index}: no ring ({error}): on epoll instead");
        })?,
        false => run_on_core(options, Share(host))?,
    }
}
