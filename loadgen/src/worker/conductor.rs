//! The conductor of a thread: opens the connections, waits for the start, ends each second, and ends the run.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use ringway_ring::net::Runtime;
use ringway_ring::wheel::Timer;

use super::clock::{Clock, Meter};
use super::kinds::Kinds;
use super::line::Line;
use super::tally::Tally;
use super::{News, Order, Worker, WorkerHost, WorkerOutcome, connection};
use crate::record::Nanos;
use crate::schedule::Schedule;

/// Connections that a thread opens at the same time: more would only fill the target's accept queue.
const CONNECTS_AT_ONCE: usize = 64;
/// Runs one thread's share of the plan, from the first connect to the last answer. `None`: it was stopped before it began.
/// An error: no precise timer could be had.
pub async fn run_worker<R: Runtime>(runtime: R, host: WorkerHost) -> io::Result<Option<WorkerOutcome>> {
    let conductor = Conductor::new(runtime, host)?;
    if !conductor.open().await {
        return Ok(None);
    }
    let Some(start) = conductor.await_start().await else { return Ok(None) };
    Ok(Some(conductor.run(start).await))
}

struct Conductor<R: Runtime> {
    host: WorkerHost,
    worker: Rc<Worker<R>>,
    timer: Timer,
    connections: usize,
    lost_news: Cell<u64>,
}

/// Why the conductor woke.
#[derive(PartialEq)]
enum Event {
    Deadline,
    Order(Order),
    /// A connection has something to say: the run may be over.
    Nudge,
}

impl<R: Runtime> Conductor<R> {
    fn new(runtime: R, host: WorkerHost) -> io::Result<Self> {
        let shard = host.shard;
        let connections = shard.share(host.plan.connections as u64) as usize;
        let schedule = Schedule::new(&host.plan, &host.replay_times, shard);
        let left = host.plan.requests_max.map_or(u64::MAX, |total| shard.share(total));
        let worker = Rc::new(Worker {
            plan: host.plan.clone(),
            target: host.target,
            kinds: Kinds::new(host.plan.clone(), host.groups.clone(), shard),
            tally: RefCell::new(Tally::new(schedule.is_none(), &host.groups)),
            line: schedule.map(|schedule| Line::new(schedule, connections)),
            end: Cell::new(Nanos::MAX),
            left: Cell::new(left),
            in_flight: Cell::new(0),
            never_sent: Cell::new(0),
            stopped: Cell::new(false),
            opened: Cell::new(0),
            started: Cell::new(false),
            waiting: RefCell::default(),
            conductor: RefCell::new(None),
            runtime,
        });
        if worker.line.is_some() {
            let (alarm, worker) = (worker.runtime.alarm()?, worker.clone());
            worker.runtime.clone().spawn(async move {
                worker.until_started().await;
                let line = worker.line.as_ref().expect("an open loop has one");
                line.dispatch(&worker.runtime, &alarm).await;
                worker.notify_if_over(worker.runtime.now());
            });
        }
        let timer = Timer::new(worker.runtime.wheel());
        Ok(Conductor { host, worker, timer, connections, lost_news: Cell::new(0) })
    }

    /// Opens the connections, a few at a time; false when it was told to stop meanwhile.
    async fn open(&self) -> bool {
        let mut begun = 0;
        loop {
            let opened = self.worker.opened.get();
            while begun < self.connections && begun - opened < CONNECTS_AT_ONCE {
                self.worker.runtime.spawn(connection::run(self.worker.clone(), begun as u32));
                begun += 1;
            }
            if opened == self.connections {
                return true;
            }
            if let Event::Order(Order::Stop | Order::Abort) = self.event().await {
                return false;
            }
        }
    }

    /// Says that it is ready, and waits for the time to start; `None` when it was told to stop instead.
    async fn await_start(&self) -> Option<Nanos> {
        self.tell(News::Ready(self.worker.runtime.now()));
        loop {
            match self.event().await {
                Event::Order(Order::Start(start)) => return Some(start),
                Event::Order(_) => return None,
                Event::Deadline | Event::Nudge => {}
            }
        }
    }

    /// From the start to the last answer.
    async fn run(self, start: Nanos) -> WorkerOutcome {
        let worker = &self.worker;
        let mut clock = Clock::new(start, &self.host);
        worker.tally.borrow_mut().start(clock.begin, clock.second_of(start));
        match &worker.line {
            // Its dispatcher sends nothing before the start.
            Some(line) => line.start(start),
            None => {
                worker.end.set(clock.end);
                worker.runtime.wheel().sleep_until(start).await;
            }
        }
        worker.start();
        let mut meter = Meter::new(self.host.usage, worker.runtime.now());
        loop {
            let now = worker.runtime.now();
            if now >= clock.next_second {
                let second = clock.turn(now);
                let ended = worker.tally.borrow_mut().next_second(second);
                self.tell(News::Second(ended));
                meter.second(second, now);
            }
            if now >= clock.end {
                meter.end(now);
            }
            if now >= clock.stop_sending {
                worker.stop_sending();
            }
            let may_end = now >= clock.end || self.ends_by_itself();
            if may_end && worker.is_over(now) || now >= clock.give_up {
                meter.end(now);
                return self.finish(&clock, &meter, now);
            }
            self.timer.arm(clock.next_deadline(now));
            match self.event().await {
                Event::Order(Order::Stop) => clock.stop(worker.runtime.now()),
                Event::Order(Order::Abort) => clock.abort(worker.runtime.now()),
                Event::Order(Order::Start(_)) | Event::Deadline | Event::Nudge => {}
            }
        }
    }

    /// Whether the run is over when everything was sent, though there may be time left.
    fn ends_by_itself(&self) -> bool {
        self.host.duration.is_none() || self.host.plan.requests_max.is_some()
    }

    fn finish(&self, clock: &Clock, meter: &Meter, now: Nanos) -> WorkerOutcome {
        let worker = &self.worker;
        let waiting = worker.line.as_ref().map_or(0, |line| line.missed(clock.begin, clock.end));
        let held = (worker.in_flight.get() as u64).saturating_sub(worker.tally.borrow().in_flight());
        let missed = waiting + worker.never_sent.get() + held;
        let empty = Tally::new(worker.line.is_none(), &self.host.groups);
        let tally = std::mem::replace(&mut *worker.tally.borrow_mut(), empty);
        let (measured, last) = tally.finish(&self.host.groups, missed);
        self.tell(News::Second(last));
        WorkerOutcome {
            measured,
            cpu: meter.cpu(),
            busiest_second: meter.busiest,
            waited_share: meter.waited_share(),
            measured_for: clock.end.min(now).saturating_sub(clock.begin),
            lost_news: self.lost_news.get(),
        }
    }

    /// Never waits: a thread of the generator has other things to do.
    fn tell(&self, news: News) {
        if self.host.news.try_send(news).is_err() {
            self.lost_news.set(self.lost_news.get() + 1);
        }
    }

    /// Waits for an order, the timer, or a nudge.
    async fn event(&self) -> Event {
        let mut order = pin!(self.host.orders.recv());
        let mut registered = false;
        poll_fn(|cx| {
            if let Poll::Ready(order) = order.as_mut().poll(cx) {
                return Poll::Ready(Event::Order(order));
            }
            if self.timer.poll_expired(cx).is_ready() {
                return Poll::Ready(Event::Deadline);
            }
            let mut waker = self.worker.conductor.borrow_mut();
            if std::mem::replace(&mut registered, true) && waker.is_none() {
                return Poll::Ready(Event::Nudge);
            }
            *waker = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }
}
