//! The loop of a core: tasks that are ready, then one call to the kernel, then what it completed.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::alarm::Alarms;
use super::driver::{Driver, Wait};
use super::{Core, NativeRuntime, monotonic_nanos, setup};
use crate::executor::Executor;
use crate::pages::Crowd;
use crate::start::RunOptions;
use crate::wheel::Wheel;

/// Polls of tasks between two calls to the kernel: tasks that wake each other do not keep the others from their bytes.
const POLLS_PER_TURN: usize = 512;
/// After this many completions, or when so many connections have come and most have gone, the next quiet second gives their memory back.
const GIVE_BACK_AFTER: usize = 2048;
/// A second with fewer completions is a quiet one.
const QUIET_SECOND: usize = 64;
const SECOND_NANOS: u64 = 1_000_000_000;

/// Wakes a core from another thread, with a system call only where the core sleeps.
struct Unpark {
    event: OwnedFd,
    sleeping: AtomicBool,
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Ordered after the push of what the core is woken for; see `Host::park`.
        if self.sleeping.swap(false, Ordering::SeqCst) {
            let one = 1u64;
            // SAFETY: eight live bytes, as an eventfd takes them. It fails only where the count is full, and then the core is awake.
            unsafe { libc::write(self.event.as_raw_fd(), (&raw const one).cast(), size_of::<u64>()) };
        }
    }
}

/// The waker of the core's main future, which is not a task: it may refer to what its caller has.
struct MainWaker {
    woken: AtomicBool,
    unpark: Arc<Unpark>,
}

impl Wake for MainWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        self.unpark.wake_by_ref();
    }
}

/// Runs `main` on the calling thread until it ends. Tasks that are left are dropped. An error: the ring could not be set up, or
/// has failed since.
pub fn run<F: Future>(options: &RunOptions, main: impl FnOnce(NativeRuntime) -> F) -> io::Result<F::Output> {
    let ring = setup::ring(options.entries)?;
    let event = setup::event()?;
    let unpark = Arc::new(Unpark { event: event.try_clone()?, sleeping: AtomicBool::new(false) });
    let executor = Executor::with_unpark(Waker::from(unpark.clone()));
    let core = Rc::new(Core {
        driver: RefCell::new(Driver::new(ring, event, options.counters.clone())?),
        wheel: Wheel::new(monotonic_nanos()),
        alarms: Alarms::default(),
        spawner: executor.spawner(),
        crowd: Crowd::default(),
        unpaced: options.unpaced,
    });
    // The waits for deadlines are as precise as the thread's slack, which is 50 µs unless it says otherwise.
    // SAFETY: a plain call on this thread with constant arguments.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1, 0, 0, 0) };
    let main_waker = Arc::new(MainWaker { woken: AtomicBool::new(true), unpark: unpark.clone() });
    let waker = Waker::from(main_waker.clone());
    let mut host = Host { executor, core: core.clone(), unpark, main: main_waker, quiet: Quiet::default() };
    let mut main = pin!(main(NativeRuntime { core }));
    loop {
        if host.main.woken.swap(false, Ordering::SeqCst)
            && let Poll::Ready(output) = main.as_mut().poll(&mut Context::from_waker(&waker))
        {
            return Ok(output);
        }
        let polls = host.executor.run_ready(POLLS_PER_TURN);
        host.turn(polls == POLLS_PER_TURN)?;
    }
}

struct Host {
    // Dropped first: its tasks hold streams of the core.
    executor: Executor,
    core: Rc<Core>,
    unpark: Arc<Unpark>,
    main: Arc<MainWaker>,
    quiet: Quiet,
}

/// Looks for a quiet second after a busy time.
#[derive(Default)]
struct Quiet {
    /// Completions since memory was given back.
    completed: usize,
    second_began: u64,
    in_second: usize,
}

impl Host {
    /// Submits, waits unless tasks are `busy`, and wakes who waited for what has come.
    fn turn(&mut self, busy: bool) -> io::Result<()> {
        let wait = if busy { Wait::No } else { self.park() };
        let mut driver = self.core.driver.borrow_mut();
        let entered = driver.enter(wait);
        self.unpark.sleeping.store(false, Ordering::Relaxed);
        entered?;
        let completed = driver.complete();
        drop(driver);
        let now = monotonic_nanos();
        self.core.wheel.advance(now);
        self.core.alarms.fire(now);
        self.look_for_quiet(now, completed);
        Ok(())
    }

    /// How long to wait, announced to other threads.
    fn park(&self) -> Wait {
        self.unpark.sleeping.store(true, Ordering::SeqCst);
        // A task that another thread made ready before it could see the store, or the main future.
        if self.executor.has_remote() || self.main.woken.load(Ordering::SeqCst) {
            return Wait::No;
        }
        let timer = self.core.wheel.next_deadline();
        let alarm = self.core.alarms.next_deadline();
        let give_back = self.wants_quiet().then_some(self.quiet.second_began + SECOND_NANOS);
        match timer.into_iter().chain(alarm).chain(give_back).min() {
            None => Wait::Forever,
            Some(deadline) => match deadline.saturating_sub(monotonic_nanos()) {
                0 => Wait::No,
                nanos => Wait::For(nanos),
            },
        }
    }

    fn wants_quiet(&self) -> bool {
        self.quiet.completed >= GIVE_BACK_AFTER
            || self.core.crowd.has_shrunk()
            || crate::buf::has_freed_much()
    }

    /// Gives back the memory of a busy time once it is over.
    fn look_for_quiet(&mut self, now: u64, completed: usize) {
        let quiet = &mut self.quiet;
        quiet.completed += completed;
        quiet.in_second += completed;
        if now.saturating_sub(quiet.second_began) < SECOND_NANOS {
            return;
        }
        let was_quiet = quiet.in_second < QUIET_SECOND;
        (quiet.second_began, quiet.in_second) = (now, 0);
        if was_quiet && self.wants_quiet() {
            self.quiet.completed = 0;
            self.core.crowd.forget_peak();
            self.executor.give_back();
            self.core.wheel.give_back();
            self.core.driver.borrow_mut().give_back();
        }
    }
}
