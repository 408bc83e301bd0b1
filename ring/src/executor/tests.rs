//! Order, wake-ups from here and elsewhere, and ends of tasks.

use std::future::poll_fn;
use std::sync::Mutex;

use super::*;

type Log = Rc<RefCell<Vec<&'static str>>>;

/// Pending once, after waking itself.
async fn step() {
    let mut first = true;
    poll_fn(|cx| {
        if std::mem::take(&mut first) {
            cx.waker().wake_by_ref();
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
}

#[test]
fn ready_tasks_run_first_in_first_out() {
    let mut executor = Executor::new();
    let log = Log::default();
    for name in ["a", "b", "c"] {
        let (log, spawner) = (log.clone(), executor.spawner());
        executor.spawn(async move {
            log.borrow_mut().push(name);
            step().await;
            log.borrow_mut().push(name);
            if name == "a" {
                spawner.spawn(async move { log.borrow_mut().push("child of a") });
            }
        });
    }
    assert_eq!(executor.live_tasks(), 3);
    assert_eq!(executor.run_ready(usize::MAX), 7, "two wake-ups before a poll are one poll");
    assert_eq!(*log.borrow(), ["a", "b", "c", "a", "b", "c", "child of a"]);
    assert_eq!(executor.live_tasks(), 0);
}

#[test]
fn an_order_replaces_first_in_first_out() {
    let mut executor = Executor::new();
    executor.set_order(|ready| ready - 1);
    let log = Log::default();
    for name in ["a", "b", "c"] {
        let log = log.clone();
        executor.spawn(async move { log.borrow_mut().push(name) });
    }
    executor.run_ready(usize::MAX);
    assert_eq!(*log.borrow(), ["c", "b", "a"]);
}

#[test]
fn the_budget_bounds_a_busy_task() {
    let mut executor = Executor::new();
    executor.spawn(async {
        loop {
            step().await;
        }
    });
    assert_eq!(executor.run_ready(10), 10);
    assert_eq!(executor.run_ready(10), 10);
    assert_eq!(executor.live_tasks(), 1);
}

#[test]
fn an_old_waker_does_not_wake_the_next_tenant_of_the_slot() {
    let mut executor = Executor::new();
    let kept = Rc::new(RefCell::new(None));
    let keep = kept.clone();
    executor.spawn(poll_fn(move |cx| {
        // Woken during its last poll, and once more later.
        cx.waker().wake_by_ref();
        *keep.borrow_mut() = Some(cx.waker().clone());
        Poll::Ready(())
    }));
    executor.run_ready(1);
    let polls = Rc::new(Cell::new(0));
    let count = polls.clone();
    executor.spawn(poll_fn(move |_| {
        count.set(count.get() + 1);
        Poll::Pending
    }));
    kept.take().unwrap().wake();
    executor.run_ready(usize::MAX);
    assert_eq!(polls.get(), 1);
}

/// Starts a task when it is dropped.
struct SpawnsOnDrop(Spawner, Rc<Cell<u32>>);

impl Drop for SpawnsOnDrop {
    fn drop(&mut self) {
        let ran = self.1.clone();
        self.0.spawn(async move { ran.set(ran.get() + 1) });
    }
}

#[test]
fn a_task_may_start_others_as_it_ends() {
    let mut executor = Executor::new();
    let ran = Rc::new(Cell::new(0));
    let guard = SpawnsOnDrop(executor.spawner(), ran.clone());
    executor.spawn(async move {
        let _guard = guard;
        step().await;
    });
    executor.run_ready(usize::MAX);
    assert_eq!((ran.get(), executor.live_tasks()), (1, 0));
}

#[test]
fn dropping_the_executor_drops_its_tasks() {
    let mut executor = Executor::new();
    let ran = Rc::new(Cell::new(0));
    let guard = SpawnsOnDrop(executor.spawner(), ran.clone());
    executor.spawn(async move {
        let _guard = guard;
        std::future::pending::<()>().await;
    });
    executor.run_ready(usize::MAX);
    let spawner = executor.spawner();
    drop(executor);
    spawner.spawn(async { panic!("nobody polls this") });
    assert_eq!(Rc::strong_count(&ran), 1, "the task and what it started are gone");
    assert_eq!(ran.get(), 0);
}

/// Unparks a blocked thread, as an eventfd would.
struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[test]
fn other_threads_wake_tasks_and_unpark_the_host() {
    const ROUNDS: usize = 1000;
    let mut executor = Executor::with_unpark(Waker::from(Arc::new(Unpark(std::thread::current()))));
    let handed: Arc<Mutex<Option<Waker>>> = Arc::default();
    let produced = Arc::new(AtomicU64::new(0));
    let (give, count) = (handed.clone(), produced.clone());
    executor.spawn(poll_fn(move |cx| {
        if count.load(Ordering::Relaxed) == ROUNDS as u64 {
            return Poll::Ready(());
        }
        *give.lock().unwrap() = Some(cx.waker().clone());
        Poll::Pending
    }));
    let producer = std::thread::spawn(move || {
        let mut woken = 0;
        while woken < ROUNDS {
            let Some(waker) = handed.lock().unwrap().take() else {
                std::thread::yield_now();
                continue;
            };
            produced.fetch_add(1, Ordering::Relaxed);
            waker.wake();
            woken += 1;
        }
    });
    while executor.live_tasks() > 0 {
        if executor.run_ready(usize::MAX) == 0 {
            std::thread::park();
        }
    }
    producer.join().unwrap();
}
