//! The wheel against a naive model.

use std::future::{pending, ready};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use super::*;

const MS: u64 = 1_000_000;
const START: u64 = 77 * 3600 * 1000 * MS + 12_345;

/// Counts how often it is woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Bell {
    /// How often it was woken since the last call.
    fn rings(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// Splitmix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    /// From nothing to two hours, every magnitude about equally often.
    fn span(&mut self) -> u64 {
        let magnitude = self.roll(43);
        self.roll(1 << magnitude)
    }
}

/// A timer under test and what the model knows of it.
struct Subject {
    timer: Timer,
    bell: Arc<Bell>,
    /// Deadline, and when the wheel is bound to know of it (the later of deadline and arming).
    armed: Option<(u64, u64)>,
}

impl Subject {
    fn new(wheel: &Wheel) -> Self {
        Subject { timer: Timer::new(wheel), bell: Arc::default(), armed: None }
    }

    fn arm(&mut self, now: u64, deadline: u64) {
        self.timer.arm(deadline);
        self.armed = Some((deadline, deadline.max(now)));
    }

    fn poll(&self) -> bool {
        let waker = Waker::from(self.bell.clone());
        self.timer.poll_expired(&mut Context::from_waker(&waker)).is_ready()
    }

    /// Compares with the model after an advance to `now`. A bell that rang is hung up again where nothing is due.
    fn check(&mut self, now: u64) {
        let rings = self.bell.rings();
        assert!(rings <= 1, "one advance wakes a timer once");
        assert_eq!(self.timer.is_expired(), self.armed.is_some_and(|(deadline, _)| deadline <= now));
        assert_eq!(self.timer.deadline(), self.armed.map(|(deadline, _)| deadline));
        match self.armed {
            None => assert_eq!(rings, 0, "a disarmed timer wakes nobody"),
            Some((deadline, _)) if now < deadline => assert_eq!(rings, 0, "early by {} ns", deadline - now),
            Some((_, known)) if now >= known + TICK_NS => assert_eq!(rings, 1, "late by {} ns", now - known),
            Some(_) => {}
        }
        if rings == 1 {
            self.timer.disarm();
            self.armed = None;
        }
        self.poll();
    }
}

#[test]
fn agrees_with_a_naive_model() {
    for seed in 0..if cfg!(miri) { 2 } else { 300 } {
        let mut dice = Dice(seed);
        let wheel = Wheel::new(START);
        let mut now = START;
        let mut subjects: Vec<Subject> = (0..1 + dice.roll(40)).map(|_| Subject::new(&wheel)).collect();
        for subject in &subjects {
            assert!(!subject.poll());
        }
        for _ in 0..300 {
            let chosen = dice.roll(subjects.len() as u64) as usize;
            match dice.roll(10) {
                0..4 => {
                    let deadline = (now + dice.span()).saturating_sub(dice.roll(3) * MS);
                    subjects[chosen].arm(now, deadline);
                }
                4 => {
                    subjects[chosen].timer.disarm();
                    subjects[chosen].armed = None;
                }
                5 => {
                    subjects[chosen] = Subject::new(&wheel);
                    subjects[chosen].poll();
                }
                6 if subjects.len() > 1 => {
                    subjects.swap_remove(chosen);
                }
                _ => {
                    now += dice.span();
                    wheel.advance(now);
                    subjects.iter_mut().for_each(|subject| subject.check(now));
                }
            }
            assert_eq!(wheel.timers(), subjects.len());
        }
        drop(subjects);
        assert_eq!(wheel.timers(), 0);
        assert_eq!(wheel.next_deadline(), None, "dropped timers leave nothing in the slots");
    }
}

#[test]
fn a_host_that_sleeps_until_next_deadline_is_never_late() {
    for seed in 0..if cfg!(miri) { 2 } else { 200 } {
        let mut dice = Dice(seed);
        let wheel = Wheel::new(START);
        let mut now = START;
        let mut subjects: Vec<Subject> = (0..30).map(|_| Subject::new(&wheel)).collect();
        for subject in &mut subjects {
            subject.poll();
            let deadline = now + dice.span();
            subject.arm(now, deadline);
            if dice.roll(2) == 0 {
                let later = deadline + dice.span();
                subject.arm(now, later);
            }
        }
        let mut turns = 0;
        while let Some(next) = wheel.next_deadline() {
            let earliest = subjects.iter().filter_map(|s| s.armed).map(|(deadline, _)| deadline).min();
            assert!(next < earliest.unwrap() + TICK_NS, "the host would sleep past a deadline");
            now = now.max(next);
            wheel.advance(now);
            subjects.iter_mut().for_each(|subject| subject.check(now));
            turns += 1;
        }
        assert!(subjects.iter().all(|subject| subject.armed.is_none()), "every timer fired");
        assert!(turns < 30 * 2 * LEVELS, "{turns} turns: the wheel must not be walked tick by tick");
    }
}

#[test]
fn moving_later_only_stores_and_moving_earlier_relinks() {
    let wheel = Wheel::new(START);
    let timer = Timer::new(&wheel);
    timer.arm(START + 100 * MS);
    let first = wheel.next_deadline();
    timer.arm(START + 29_000 * MS);
    assert_eq!(wheel.next_deadline(), first);
    timer.arm(START + 10 * MS);
    assert!(wheel.next_deadline() < first);
    timer.disarm();
    assert!(wheel.next_deadline().is_some(), "lazily left behind");
    wheel.advance(START + 200 * MS);
    assert_eq!(wheel.next_deadline(), None);
}

#[test]
fn the_host_hears_of_earlier_timers_only() {
    let wheel = Wheel::new(START);
    let bell = Arc::new(Bell::default());
    let host = Waker::from(bell.clone());
    let (a, b) = (Timer::new(&wheel), Timer::new(&wheel));
    wheel.on_earlier(&host);
    a.arm(START + 500 * MS);
    assert_eq!(bell.rings(), 1, "any timer is earlier than none");
    wheel.on_earlier(&host);
    a.arm(START + 900 * MS);
    b.arm(START + 600 * MS);
    assert_eq!(bell.rings(), 0);
    b.arm(START + 5 * MS);
    assert_eq!(bell.rings(), 1);
    b.arm(START + 2 * MS);
    assert_eq!(bell.rings(), 0, "woken once per registration");
}

#[test]
fn a_guard_prefers_the_future_and_reports_the_deadline() {
    let wheel = Wheel::new(START);
    let timer = Timer::new(&wheel);
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(bell.clone());
    let mut cx = Context::from_waker(&waker);
    timer.arm(START);
    assert!(timer.is_expired());
    assert_eq!(pin!(timer.guard(ready(7))).poll(&mut cx), Poll::Ready(Ok(7)));
    assert_eq!(pin!(timer.guard(pending::<u8>())).poll(&mut cx), Poll::Ready(Err(Elapsed)));

    timer.disarm();
    let mut waiting = pin!(timer.guard(pending::<u8>()));
    assert!(waiting.as_mut().poll(&mut cx).is_pending());
    let references = Arc::strong_count(&bell);
    assert!(waiting.as_mut().poll(&mut cx).is_pending());
    assert_eq!(Arc::strong_count(&bell), references, "the same waker is not stored twice");
    timer.arm(START + MS);
    wheel.advance(START + MS + TICK_NS);
    assert_eq!(bell.rings(), 1);
    assert_eq!(waiting.as_mut().poll(&mut cx), Poll::Ready(Err(Elapsed)));
}

#[test]
fn a_sleep_resolves_at_its_deadline() {
    let wheel = Wheel::new(START);
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(bell.clone());
    let mut cx = Context::from_waker(&waker);
    let mut sleep = pin!(wheel.sleep_until(START + 10 * MS));
    assert!(sleep.as_mut().poll(&mut cx).is_pending());
    wheel.advance(START + 10 * MS - 1);
    assert_eq!(bell.rings(), 0);
    assert!(sleep.as_mut().poll(&mut cx).is_pending());
    wheel.advance(START + 10 * MS + TICK_NS);
    assert_eq!(bell.rings(), 1);
    assert!(sleep.as_mut().poll(&mut cx).is_ready());
}

/// A waker whose wake-up touches the wheel, as a task that is run inline would.
struct Meddler(std::sync::mpsc::Sender<()>);

impl Wake for Meddler {
    fn wake(self: Arc<Self>) {
        WHEEL.with_borrow(|wheel| {
            let wheel = wheel.as_ref().unwrap();
            let timer = Timer::new(wheel);
            timer.arm(wheel.now() + MS);
            wheel.advance(wheel.now() + 10 * MS);
        });
        self.0.send(()).unwrap();
    }
}

thread_local! {
    static WHEEL: RefCell<Option<Wheel>> = const { RefCell::new(None) };
}

#[test]
fn a_waker_may_use_the_wheel() {
    let wheel = Wheel::new(START);
    WHEEL.set(Some(wheel.clone()));
    let (tell, told) = std::sync::mpsc::channel();
    let waker = Waker::from(Arc::new(Meddler(tell)));
    let timer = Timer::new(&wheel);
    timer.arm(START + MS);
    assert!(timer.poll_expired(&mut Context::from_waker(&waker)).is_pending());
    wheel.advance(START + 5 * MS);
    told.try_recv().unwrap();
    WHEEL.set(None);
}

#[test]
fn a_hundred_thousand_timers() {
    // Miri interprets a thousand in the time that it takes to run a hundred thousand.
    let count = if cfg!(miri) { 1_000 } else { 100_000 };
    let wheel = Wheel::new(START);
    let mut dice = Dice(1);
    let timers: Vec<Timer> = (0..count).map(|_| Timer::new(&wheel)).collect();
    for timer in &timers {
        timer.arm(START + dice.roll(3_600_000 * MS));
    }
    wheel.advance(START + 1_800_000 * MS);
    let expired = timers.iter().filter(|timer| timer.is_expired()).count();
    assert!((count * 45 / 100..count * 55 / 100).contains(&expired), "{expired}");
    wheel.advance(START + 3_700_000 * MS);
    assert!(timers.iter().all(Timer::is_expired));
    assert_eq!(wheel.next_deadline(), None);
}
